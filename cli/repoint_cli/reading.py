"""A reader for a command: of the store that decides, as it is pinned here, without asking it before the reader does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repoint.authority import BUCKET, GIT
from repoint.errors import StoreUnavailable
from repoint.names import parse_environment
from repoint.s3keys import parse_address
from repoint.workspace import DEFAULT_ENVIRONMENT, Workspace, open_workspace, path_of_address
from repoint_cli.options import Settings
from repoint_cli.session import checked_bucket, line_feeds_explained

if TYPE_CHECKING:
    from repoint.reader import Reader


@contextmanager
def reader_of(settings: Settings, environment: str | None, *, interval: float | None = None) -> Iterator[Reader]:
    """Follow an environment of the registry that the global options name, the default one where none is named.

    Raises: as ``open_workspace`` and ``Reader``.
    """
    from repoint.reader import Reader

    address = settings.registry
    if address and address.startswith(BUCKET):
        name = parse_environment(environment) if environment else DEFAULT_ENVIRONMENT
        reader = Reader(str(checked_bucket(address)), environment=name, interval=interval)
    else:
        reader = _of_folder(settings, address, environment, interval)
    try:
        yield reader
    finally:
        reader.close()


def _of_folder(settings: Settings, address: str | None, environment: str | None, interval: float | None) -> Reader:
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
        interval=interval,
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
    return str(remote.address)


def exports_folder() -> str:
    """Where ``run`` writes versions, for this account (XDG base directories)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "repoint", "run")
