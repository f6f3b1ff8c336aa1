"""A reader for a command: of the store that decides, as it is pinned here, without asking it before the reader does.

What the reader logs becomes warnings of the command: without this the standard library would print it by itself.
"""

from __future__ import annotations

import logging
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from repoint.authority import BUCKET, GIT
from repoint.errors import StoreUnavailable
from repoint.gitaddress import is_by_ssh
from repoint.names import parse_environment
from repoint.s3keys import parse_address
from repoint.workspace import DEFAULT_ENVIRONMENT, Workspace, open_workspace, path_of_address, root_folder
from repoint_cli.options import Settings
from repoint_cli.output import Console, safe
from repoint_cli.session import checked_bucket, line_feeds_explained
from repoint_cli.times import ago

if TYPE_CHECKING:
    from repoint.reader import Reader


@contextmanager
def reader_of(settings: Settings, environment: str | None, *, told: int = logging.ERROR) -> Iterator[Reader]:
    """A reader of the registry that the global options name; it looks when it is told to, and at the beginning.

    It reads the default environment where none is named. What it logs, from the level ``told`` on, is a warning.

    Raises: as ``open_workspace`` and ``Reader``.
    """
    from repoint.reader import Reader

    with _told(settings.console, told):
        address = settings.registry
        if address and address.startswith(BUCKET):
            name = parse_environment(environment) if environment else DEFAULT_ENVIRONMENT
            reader = Reader(str(checked_bucket(address)), environment=name, interval=None)
        else:
            reader = _of_folder(settings, address, environment)
        try:
            yield reader
        finally:
            reader.close()


def _of_folder(settings: Settings, address: str | None, environment: str | None) -> Reader:
    from repoint.reader import Reader

    folder = path_of_address(address) if address else settings.directory
    if address and not os.path.isabs(folder):
        folder = os.path.join(settings.directory, folder)
    with (
        line_feeds_explained(folder),
        open_workspace(folder, os.environ, by_address=bool(address), offline=True) as workspace,
    ):
        name = parse_environment(environment) if environment else workspace.default_environment
        store = _address(workspace)
        section = workspace.config.s3 if workspace.config else None
    return Reader(
        store,
        environment=name,
        interval=None,
        registry=workspace.registry.id,
        region=section.region if section else None,
        profile=section.profile if section else None,
        path_style=section.path_style if section else None,
    )


def _address(workspace: Workspace) -> str:
    """How a reader reaches the store that decides. Raises: StoreUnavailable, NotFound, InvalidInput."""
    authority = workspace.registry.authority
    if authority.startswith(BUCKET):
        return str(parse_address(authority))
    repository = workspace.require_repository("a reader")
    if authority != GIT:
        return repository.common_dir
    remote = getattr(workspace.store, "remote", None)
    if remote is None:
        raise StoreUnavailable("the remote that decides is not known", kind="no-remote", hint="repoint doctor")
    address = str(remote.address)
    if "://" in address or is_by_ssh(address):
        return address
    return os.path.join(root_folder(repository), address)  # a relative path begins there, as for Git


def stale_text(reader: Reader) -> str | None:
    """What to say of a record that may not be the newest; None where it is."""
    stale = reader.staleness
    if stale.reason is None:
        return None
    since = ago(int(stale.seconds))
    return f"{reader.environment} cannot be read now; this is what was live there {since} ago: {safe(stale.reason)}"


def exports_folder() -> str:
    """Where ``run`` writes versions, for this account (XDG base directories: a relative one does not count)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "repoint", "run")


@contextmanager
def _told(console: Console, level: int) -> Iterator[None]:
    log, handler = logging.getLogger("repoint.reader"), _AsWarnings(console, level)
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


class _AsWarnings(logging.Handler):
    def __init__(self, console: Console, level: int) -> None:
        super().__init__(level)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # a disk that is full is no reason to end
            self._console.warn(safe(record.getMessage(), newline=" "))


class Ending:
    """SIGTERM as something to wait for: what is being done is done to its end first.

    A handler may come in the middle of anything, also of a lock, so it does no more than write one byte.
    """

    def __enter__(self) -> Ending:
        self._ends = os.pipe()
        self._before = signal.signal(signal.SIGTERM, lambda *_: os.write(self._ends[1], b"."))
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)
        for end in self._ends:
            os.close(end)

    def within(self, seconds: float) -> bool:
        """Wait so long at most; whether it has come."""
        return bool(select.select([self._ends[0]], [], [], seconds)[0])
