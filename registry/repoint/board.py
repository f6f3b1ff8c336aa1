"""Where readers report what they serve: a folder on one machine; ``s3board`` is the one in a bucket.

Promise 7: how old a report is, the place says by its own clock alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple, Protocol

from repoint.durable import replace_file
from repoint_schemas.documents import EnvironmentName, ReaderReport


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
        """See ``Board``; now is when a new file here is written."""
        folder = os.path.join(self._folder, environment)
        found: list[Posted] = []
        with suppress(OSError):
            now = self._now(folder)
            for name in os.listdir(folder):
                with suppress(OSError), open(os.path.join(folder, name), "rb") as file:
                    if name.endswith(".json"):
                        found.append(Posted(file.read(ReaderReport.LIMIT), now - os.fstat(file.fileno()).st_mtime))
        return found

    @staticmethod
    def _now(folder: str) -> float:
        path = os.path.join(folder, f".now.{os.urandom(4).hex()}")
        with open(path, "xb") as file:
            now = os.fstat(file.fileno()).st_mtime
        os.unlink(path)
        return now

    def _path(self, environment: EnvironmentName, identifier: str) -> str:
        return os.path.join(self._folder, environment, f"{identifier}.json")
