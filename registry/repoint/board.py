"""Where readers report what they serve: a folder on one machine; ``s3board`` is the one in a bucket.

Promise 7: how old a report is, the place says by its own clock alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from repoint.durable import replace_file, translated
from repoint_schemas.documents import EnvironmentName, ReaderReport

FORGET_SECONDS = 4 * 86_400.0
"""A report that is older expired long ago, however seldom it was to be renewed; whoever reports may remove it."""


class Posted(NamedTuple):
    """One report as it lies in the store, and how many seconds ago it was written, by the store's clock."""

    content: bytes
    age: float


class Board(Protocol):
    """Where reports lie. Safe for threads."""

    def post(self, environment: EnvironmentName, identifier: str, content: bytes) -> None:
        """Put or replace one report. Raises: StoreUnavailable."""
        ...

    def withdraw(self, environment: EnvironmentName, identifier: str) -> None:
        """Remove one report. Raises: StoreUnavailable."""
        ...

    def posted(self, environment: EnvironmentName) -> list[Posted]:
        """All reports of an environment. Raises: StoreUnavailable."""
        ...

    def sweep(self, environment: EnvironmentName) -> None:
        """Remove reports of processes that are long gone. Raises: StoreUnavailable."""
        ...


class FolderBoard:
    """Reports in a folder, for the processes of one machine."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def post(self, environment: EnvironmentName, identifier: str, content: bytes) -> None:
        """See ``Board``."""
        replace_file(self._path(environment, identifier), content, durable=False)

    def withdraw(self, environment: EnvironmentName, identifier: str) -> None:
        """See ``Board``."""
        with suppress(OSError):
            os.unlink(self._path(environment, identifier))

    def posted(self, environment: EnvironmentName) -> list[Posted]:
        """See ``Board``."""
        found: list[Posted] = []
        for path, age in self._reports(environment):
            with suppress(OSError), open(path, "rb") as file:
                found.append(Posted(file.read(ReaderReport.LIMIT + 1), age))
        return found

    def sweep(self, environment: EnvironmentName) -> None:
        """See ``Board``."""
        for path, age in self._reports(environment):
            if age > FORGET_SECONDS:
                with suppress(OSError):
                    os.unlink(path)

    def _reports(self, environment: EnvironmentName) -> Iterator[tuple[str, float]]:
        """Every report's path and age in seconds."""
        folder = os.path.join(self._folder, environment)
        with translated("cannot read", folder):
            if not os.path.isdir(folder):
                return
            now = _now(folder)
            names = os.listdir(folder)
        for name in names:
            with suppress(OSError):
                status = os.lstat(path := os.path.join(folder, name))
                if name.endswith(".json") and stat.S_ISREG(status.st_mode):
                    yield path, now - status.st_mtime

    def _path(self, environment: EnvironmentName, identifier: str) -> str:
        return os.path.join(self._folder, environment, f"{identifier}.json")


def _now(folder: str) -> float:
    """When a new file there is written, by the clock that stamps the reports; this machine's, where none may be."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
    with tempfile.TemporaryFile() as file:
        return os.fstat(file.fileno()).st_mtime
