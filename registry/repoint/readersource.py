"""Where a reader reads: a bucket, a repository on this machine, or a Git remote; asked cheaply, again and again.

Promise 6 on the side of the network: a source only brings bytes, and says which are the newest; nothing is believed
here. A poll is one small request that mostly answers "the same": a conditional GET, ``ls-remote``, or a look into the
local repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from repoint.errors import InvalidInput, NotFound, RepointError, StoreUnavailable
from repoint.gitaddress import checked_address, masked
from repoint.s3keys import environment_key, parse_address
from repoint.store import Pointer, Store
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, FileEntry, Record, Version

if TYPE_CHECKING:
    from repoint.gitremote import GitRemote
    from repoint.gitrepo import GitRepository
    from repoint.s3client import S3Client, Settings
    from repoint.store_git import GitStore
    from repoint.store_remote import GitRemoteStore
    from repoint.store_s3 import S3Store

CONNECTIONS = 64
"""Requests side by side while a bucket's versions are loaded."""

CONNECT_SECONDS, READ_SECONDS, PATIENCE_SECONDS = 3.0, 10.0, 10.0
"""A reader asks again soon, so it waits less for one answer than a command does."""

BUCKET = "s3://"

_RENEWED = ("s3-denied", "s3-settings")

Wanted = Sequence[tuple[AgentName, Version, FileEntry]]


class Source(Protocol):
    """One store, as a reader uses it. Not safe for threads; a forked child opens one of its own."""

    name: str

    @property
    def store(self) -> Store:
        """All that is not the newest record."""
        ...

    def newest(self, environment: EnvironmentName, known: str | None) -> Pointer | None:
        """The environment's newest record, None where it still has the stamp that is known. One attempt.

        Raises:
            NotFound: there is no such environment.
            StoreUnavailable, Corrupt: it cannot be told now.
        """
        ...

    def begin(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:
        """These entries of a record are to be read next. Only speed depends on it."""
        ...

    def require_in_ledger(self, record: Record, content: bytes) -> None:
        """Require that the ledger bears out the newest record: what it follows, and itself where it is noted already.

        Raises: Corrupt, StoreUnavailable.
        """
        ...

    def snapshots(self, entries: Mapping[AgentName, Entry]) -> list[bytes | None]:
        """The stored snapshots, not verified."""
        ...

    def files(self, wanted: Wanted) -> list[bytes | None]:
        """The stored files, not verified, each at most a byte too long."""
        ...

    def end(self) -> None:
        """What was read ahead is not needed any more."""
        ...

    def close(self) -> None:
        """End connections and processes."""
        ...


def located(store: str) -> str:
    """The address that somebody gave; a path as it is from everywhere."""
    return os.path.abspath(os.path.expanduser(store)) if _is_path(store) else store


def _is_path(store: str) -> bool:
    return "://" not in store and ":" not in store.partition("/")[0]


def open_source(
    address: str, cache: str | None, environment: Mapping[str, str], **settings: str | bool | None
) -> Source:
    """The source that an address means: ``s3://``, ``ssh://``, ``https://``, ``HOST:PATH``, ``file://`` or a path.

    A ``file://`` address and a path are read in place; other Git addresses through a bare repository below ``cache``,
    or in a folder that goes when the source is closed. Nothing is asked of a bucket or of a remote yet. ``settings``
    are those of ``Settings`` for a bucket.

    Raises:
        InvalidInput: an address that is not used.
        NotFound: no repository.
        StoreUnavailable: no Git.
    """
    if address.startswith(BUCKET):
        return BucketSource(_bucket_settings(address, settings))
    if address.startswith("file://") or _is_path(address):
        from repoint.workspace import path_of_address

        return RepositorySource(path_of_address(address), environment)
    return RemoteSource(checked_address("to read from", address), cache, environment)


def _bucket_settings(address: str, given: Mapping[str, str | bool | None]) -> Settings:
    from repoint.s3client import Settings
    from repoint_schemas.config import check_bucket_url, check_endpoint

    place = parse_address(address)
    endpoint = given.get("endpoint_url") or place.endpoint
    place = place._replace(endpoint=None if endpoint is None else str(endpoint))
    problem = check_bucket_url(place.url) or (check_endpoint(place.endpoint) if place.endpoint else None)
    if problem:
        raise InvalidInput(
            f"{masked(address)!a} {problem}", kind="invalid-address", hint="as in s3://acme-agents/repoint"
        )
    region, profile, path_style = given.get("region"), given.get("profile"), given.get("path_style")
    return Settings(
        place,
        None if region is None else str(region),
        None if profile is None else str(profile),
        None if path_style is None else bool(path_style),
        CONNECT_SECONDS,
        READ_SECONDS,
        PATIENCE_SECONDS,
        CONNECTIONS,
    )


class BucketSource:
    """A registry in a bucket. One request is made at a time, except while versions are loaded."""

    def __init__(self, settings: Settings) -> None:
        from repoint.s3client import S3Client
        from repoint.store_s3 import S3Store

        self.name = str(settings.address)
        self._client: S3Client = S3Client(settings)
        self._store: S3Store = S3Store(self._client)

    @property
    def store(self) -> S3Store:
        """See ``Source``."""
        return self._store

    def newest(self, environment: EnvironmentName, known: str | None) -> Pointer | None:
        """See ``Source``."""
        from repoint.s3client import Unread

        try:
            found = self._client.get_if_changed(environment_key(environment), Record.LIMIT, known)
        except StoreUnavailable as error:
            if error.kind in _RENEWED:
                self._client.close()  # the settings are read again for the next look: there may be new credentials
            raise
        if found is Unread.SAME:
            return None
        if found is Unread.MISSING:
            raise _no_environment(environment, self.name)
        pointer = Pointer(found.content, found.etag)
        self._store.know_pointer(environment, pointer)
        return pointer

    def begin(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:
        """See ``Source``."""
        self._store.begin_entries(record, entries)

    def require_in_ledger(self, record: Record, content: bytes) -> None:
        """See ``Source``."""
        self._store.require_in_ledger(record, content)

    def snapshots(self, entries: Mapping[AgentName, Entry]) -> list[bytes | None]:
        """See ``Source``."""
        return self._store.read_snapshots([entry.snapshot for entry in entries.values()])

    def files(self, wanted: Wanted) -> list[bytes | None]:
        """See ``Source``."""
        return self._store.read_files(wanted)

    def end(self) -> None:
        """See ``Source``."""
        self._store.close()

    def close(self) -> None:
        """See ``Source``."""
        self._store.close()
        self._client.close()


class RepositorySource:
    """A registry in a repository on this machine, read in place."""

    def __init__(self, folder: str, environment: Mapping[str, str]) -> None:
        from repoint.gitrepo import GitRepository

        self.name = folder
        self._environment = environment
        self._repository: GitRepository = GitRepository.discover(folder, environment)
        self._store = self._opened(self._repository)

    def _opened(self, repository: GitRepository) -> GitStore:
        from repoint.store_git import GitStore

        return GitStore(repository)

    @property
    def store(self) -> GitStore:
        """See ``Source``."""
        return self._store

    def newest(self, environment: EnvironmentName, known: str | None) -> Pointer | None:
        """See ``Source``."""
        pointer = self._store.read_pointer(environment)
        if pointer is None and not os.path.isdir(self._repository.common_dir):
            raise StoreUnavailable(
                f"{self.name} is not there any more", kind="repository-gone", hint="it is read again once it is back"
            )
        if pointer is None:
            raise _no_environment(environment, self.name)
        return None if pointer.stamp == known else pointer

    def begin(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:
        """See ``Source``; there are no round trips to save."""

    def require_in_ledger(self, record: Record, content: bytes) -> None:
        """See ``Source``; the commit's id has said so already."""

    def snapshots(self, entries: Mapping[AgentName, Entry]) -> list[bytes | None]:
        """See ``Source``."""
        return [self.store.read_snapshot(a, entry.version, Digest(entry.snapshot)) for a, entry in entries.items()]

    def files(self, wanted: Wanted) -> list[bytes | None]:
        """See ``Source``."""
        return list(self._files(wanted))

    def _files(self, wanted: Wanted) -> Iterable[bytes | None]:
        for agent, version, entry in wanted:
            chunks = self.store.read_file(agent, version, entry)
            yield None if chunks is None else b"".join(chunks)

    def end(self) -> None:
        """See ``Source``."""

    def close(self) -> None:
        """See ``Source``."""
        self._store.close()


class RemoteSource(RepositorySource):
    """A registry in a Git remote, through a bare repository that holds what was fetched."""

    def __init__(self, address: str, cache: str | None, environment: Mapping[str, str]) -> None:
        from repoint.gitclone import Clone

        self._clone = Clone(cache, address, environment)
        super().__init__(self._clone.folder, environment)
        self.name = masked(address)

    def _opened(self, repository: GitRepository) -> GitRemoteStore:
        from repoint.gitclone import REMOTE
        from repoint.gitremote import GitRemote
        from repoint.store_remote import GitRemoteStore

        self._remote: GitRemote = GitRemote(repository, REMOTE, answer_seconds=PATIENCE_SECONDS)
        return GitRemoteStore(repository, self._remote)

    def newest(self, environment: EnvironmentName, known: str | None) -> Pointer | None:
        """See ``Source``; one ``ls-remote``, and where the branch moved another one and a fetch."""
        from repoint.gitrefs import ENVIRONMENTS

        ref = f"{ENVIRONMENTS}{environment}"
        if known is not None and self._remote.refs(ref).get(ref) == known:
            return None
        return super().newest(environment, known)

    def begin(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:  # noqa: ARG002
        """See ``Source``: all tags are asked for, and fetched, together."""
        with suppress(RepointError):  # whoever reads them one by one says what is wrong with which
            list(self.store.read_releases([(agent, entry.version) for agent, entry in entries.items()]))

    def close(self) -> None:
        """See ``Source``."""
        super().close()
        self._clone.close()


def _no_environment(environment: EnvironmentName, where: str) -> NotFound:
    return NotFound(
        f"{where} has no environment {environment}",
        kind="no-such-environment",
        hint="check the address and the environment's name: repoint status lists them",
        environment=environment,
    )
