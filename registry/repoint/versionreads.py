"""Whole versions as a copy of them needs them, read side by side where each read is a round trip.

Promise 6 for what is copied: what was read ahead counts only where it has the digest by which it is named. Everything
else is left out here, and read again, alone, by whoever asks for it, who says what is wrong with it. So it decides
nothing that something was read ahead, or was not. Memory is bounded: the documents of ``TOGETHER`` versions,
``HELD_BYTES`` of files, and of a file of more than a mebibyte one chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

import msgspec

from repoint.errors import Corrupt, RepointError
from repoint.registry import Published, Registry
from repoint.store import Content
from repoint.verified import read_document
from repoint_schemas.canonical import MEBIBYTE, Digest, digest_of
from repoint_schemas.documents import AgentName, FileEntry, Release, Snapshot, Version

TOGETHER = 24
"""Versions whose documents are read together."""

HELD_BYTES = 32 * MEBIBYTE
"""Files that are in memory at once."""

Named = tuple[AgentName, Version]
FileOf = tuple[AgentName, Version, FileEntry]


@runtime_checkable
class SideBySide(Protocol):
    """A store whose reads and writes are round trips, and which many threads may use."""

    def read_snapshots(self, digests: Sequence[Digest]) -> Iterable[bytes | None]:
        """The stored bytes of each, not verified, in the order asked for; None where one is missing."""
        ...

    def read_files(self, wanted: Iterable[FileOf]) -> Iterable[bytes | None]:
        """Whole files, not verified, in the order asked for; None where one is missing."""
        ...


class VersionReads:
    """The versions of one registry, verified, with as much of them in memory as was read ahead."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._releases: dict[Named, Published] = {}
        self._snapshots: dict[Digest, Snapshot] = {}
        self._files: dict[str, bytes] = {}

    def documents_ahead(self, names: Sequence[Named]) -> None:
        """Read the documents of these versions, in the place of those before. Raises: StoreUnavailable."""
        self._releases, self._snapshots = {}, {}
        store = self.registry.store
        if not isinstance(store, SideBySide):
            return
        found = zip(names, self.registry.releases(names), strict=True)
        self._releases = {name: each for name, each in found if isinstance(each, Published)}
        digests = list(dict.fromkeys(each.document.snapshot for each in self._releases.values()))
        with suppress(Corrupt):
            for digest, content in zip(digests, store.read_snapshots(digests), strict=True):
                self._keep_snapshot(digest, content)

    def files_ahead(self, wanted: Iterable[FileOf]) -> None:
        """Read these files, in the place of those before, as many as fit. Raises: StoreUnavailable."""
        self._files = {}
        named = list(_that_fit({each[2].sha256: each for each in wanted}.values()))
        for (_, _, entry), content in zip(named, self._contents(named), strict=True):
            if content is not None and digest_of(content) == f"sha256:{entry.sha256}":
                self._files[entry.sha256] = content

    def release(self, agent: AgentName, version: Version) -> Published:
        """See ``Registry``. Raises: NotFound, Corrupt, StoreUnavailable."""
        found = self._releases.get((agent, version))
        if found is None:
            found = self._releases[agent, version] = self.registry.release(agent, version)
        return found

    def snapshot(self, published: Published) -> Snapshot:
        """See ``Registry``. Raises: Corrupt, StoreUnavailable."""
        release = published.document
        found = self._snapshots.get(release.snapshot)
        if found is None or found.agent != release.agent:
            found = self._snapshots[release.snapshot] = self.registry.snapshot(published)
        return found

    def held(self, entry: FileEntry) -> Content | None:
        """A file that is in memory."""
        content = self._files.get(entry.sha256)
        return None if content is None else Held(content)

    def _keep_snapshot(self, digest: Digest, content: bytes | None) -> None:
        if content is not None and digest_of(content) == digest:
            with suppress(RepointError):
                self._snapshots[digest] = read_document(content, Snapshot, Snapshot.LIMIT, "a snapshot")

    def _contents(self, named: Sequence[FileOf]) -> Iterable[bytes | None]:
        store = self.registry.store
        return store.read_files(named) if isinstance(store, SideBySide) else (self._alone(*each) for each in named)

    def _alone(self, agent: AgentName, version: Version, entry: FileEntry) -> bytes | None:
        try:
            chunks = self.registry.store.read_file(agent, version, entry)
            return None if chunks is None else b"".join(chunks)
        except Corrupt:
            return None


class Held(msgspec.Struct, frozen=True):
    """The content of one file in memory, a mebibyte at most."""

    content: bytes

    @property
    def size(self) -> int:
        """See ``Content``."""
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        """See ``Content``."""
        return iter([self.content] if self.content else ())


class Stored(msgspec.Struct, frozen=True):
    """The content of one file of a release, verified as it is read."""

    registry: Registry
    release: Release
    entry: FileEntry

    @property
    def size(self) -> int:
        """See ``Content``."""
        return self.entry.size

    def chunks(self) -> Iterator[bytes]:
        """See ``Content``. Raises: Corrupt, StoreUnavailable."""
        yield from self.registry.file_chunks(self.release, self.entry)


def _that_fit(wanted: Iterable[FileOf]) -> Iterator[FileOf]:
    left = HELD_BYTES
    for each in wanted:
        size = each[2].size
        if size <= min(MEBIBYTE, left):
            left -= size
            yield each
