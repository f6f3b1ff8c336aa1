"""From a record to all that it makes live, whole and verified, or not at all.

Promise 6: each release, snapshot and file is hashed as it arrives, from the cache on this machine or from the store;
what is in memory already is the same object in the next record. A record whose parts cannot all be had is not served,
so nobody ever sees a mix of two. Nothing of a record before stays in memory, unless it is pinned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from repoint.active import Active, Contents, File
from repoint.errors import Corrupt
from repoint.readercache import ReaderCache
from repoint.readersource import Source
from repoint.verified import read_document
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import AgentName, Entry, FileEntry, Record, Release, Snapshot, Version

DAMAGED = "the record before stays; repoint verify says what is damaged"


class Live:
    """One record and everything that it makes live; ``releases`` are their documents, by SHA-256 in hex."""

    def __init__(
        self, record: Record, digest: Digest, contents: Mapping[AgentName, Contents], releases: Mapping[str, bytes]
    ) -> None:
        self.record = record
        self.digest = digest
        self.contents = contents
        self.releases = releases
        self.agents: Mapping[str, Active] = MappingProxyType(
            {
                agent: Active(agent, record.environment, record.generation, entry, contents[agent])
                for agent, entry in record.agents.items()
            }
        )

    @property
    def generation(self) -> int:
        """The record's number."""
        return self.record.generation

    def needs(self) -> set[str]:
        """Every object that a cache must hold for this record, by the SHA-256 of its content in hex."""
        named = {_hex(digest) for entry in self.record.agents.values() for digest in (entry.release, entry.snapshot)}
        return named.union(file.sha256 for contents in self.contents.values() for file in contents.files.values())

    def objects(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The content of those of these objects that this record needs; one that it needs twice comes twice."""
        yield from ((name, content) for name, content in self.releases.items() if name in names)
        for contents in self.contents.values():
            if _hex(contents.digest) in names:
                yield _hex(contents.digest), contents.content
            yield from ((file.sha256, file.data) for file in contents.files.values() if file.sha256 in names)


class Loaded(NamedTuple):
    """What was loaded, and what of it came from the store, by SHA-256 in hex."""

    live: Live
    arrived: frozenset[str]


def load(
    record: Record, digest: Digest, before: Live | None, cache: ReaderCache | None, source: Source | None
) -> Loaded:
    """Load all that a record makes live; without a source, from the cache alone.

    Raises:
        Corrupt: a part is missing or is not what its digest says.
        StoreUnavailable: the source cannot be read.
    """
    held = _held(before)
    new = {agent: entry for agent, entry in record.agents.items() if entry.snapshot not in held}
    unproven = {a: e for a, e in record.agents.items() if not _same_release(before, a, e)}
    parts = _Parts(cache, source)
    parts.begin(record, {**unproven, **new})
    known = {} if before is None else before.releases
    releases = {
        _hex(entry.release): parts.release(record, agent, entry) if agent in unproven else known[_hex(entry.release)]
        for agent, entry in record.agents.items()
    }
    snapshots = parts.snapshots(new)
    files = parts.files(new, snapshots, held)
    contents = {
        agent: held[entry.snapshot] if agent not in new else parts.contents(agent, entry, snapshots[agent], files)
        for agent, entry in record.agents.items()
    }
    return Loaded(Live(record, digest, contents, releases), frozenset(parts.arrived))


class _Parts:
    """Objects by digest: from the cache where it has them whole, else from the source."""

    def __init__(self, cache: ReaderCache | None, source: Source | None) -> None:
        self._cache = cache
        self._source = source
        self.arrived: set[str] = set()
        self._found: dict[str, bytes] = {}

    def begin(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:
        """Look into the cache, and begin to read what it lacks."""
        lacking = dict(entries)
        for agent, entry in entries.items():
            known = [self._cached(entry.release, Release.LIMIT), self._cached(entry.snapshot, Snapshot.LIMIT)]
            if all(known):
                del lacking[agent]
        if self._source is not None and lacking:
            self._source.begin(record, lacking)

    def release(self, record: Record, agent: AgentName, entry: Entry) -> bytes:
        """The release that a record names, which must say so itself. Raises: Corrupt, StoreUnavailable."""
        if _hex(entry.release) not in self._found and self._source is not None:
            stored = self._source.store.read_release(agent, entry.version)
            self._arrive(entry.release, stored if isinstance(stored, bytes) else None)
        place = f"the release of {agent} {entry.version}"
        content = self._present(entry.release, place)
        release = read_document(content, Release, Release.LIMIT, place)
        said = (release.agent, release.version, release.snapshot, release.registry)
        if said != (agent, entry.version, entry.snapshot, record.registry):
            raise _damaged(f"{place} is that of something else", "misplaced-release", agent)
        return content

    def snapshots(self, entries: Mapping[AgentName, Entry]) -> dict[AgentName, Snapshot]:
        """The verified snapshots. Raises: Corrupt, StoreUnavailable."""
        lacking = {agent: entry for agent, entry in entries.items() if _hex(entry.snapshot) not in self._found}
        if self._source is not None and lacking:
            for entry, content in zip(lacking.values(), self._source.snapshots(lacking), strict=True):
                self._arrive(entry.snapshot, content)
        return {agent: self._snapshot(agent, entry) for agent, entry in entries.items()}

    def files(
        self, entries: Mapping[AgentName, Entry], snapshots: Mapping[AgentName, Snapshot], held: Mapping[str, Contents]
    ) -> dict[str, File]:
        """Every file of these snapshots, by SHA-256: the same object where one is in memory already.

        Raises: Corrupt, StoreUnavailable.
        """
        wanted = {
            file.sha256: (agent, entries[agent].version, file)
            for agent, snapshot in snapshots.items()
            for file in snapshot.files()
        }
        files = {file.sha256: file for contents in held.values() for file in contents.files.values()}
        new = {sha256: each for sha256, each in wanted.items() if sha256 not in files}
        lacking = [each for sha256, each in new.items() if self._cached(sha256, each[2].size) is None]
        if self._source is not None and lacking:
            for (_, _, entry), content in zip(lacking, self._source.files(lacking), strict=True):
                self._arrive(entry.sha256, content)
        files.update({sha256: self._file(*each) for sha256, each in new.items()})
        return files

    def contents(self, agent: AgentName, entry: Entry, snapshot: Snapshot, files: Mapping[str, File]) -> Contents:
        """A verified snapshot with its files. Raises: Corrupt, where its configuration is none."""
        named = {each.path: files[each.sha256].at(each.path) for each in snapshot.files()}
        try:
            return Contents(entry.snapshot, self._found[_hex(entry.snapshot)], snapshot, named)
        except msgspec.ValidationError as error:
            raise _damaged(f"the configuration of {agent} {entry.version}: {error}", "invalid-config", agent) from error

    def _file(self, agent: AgentName, version: Version, entry: FileEntry) -> File:
        place = f"{entry.path} of {agent} {version}"
        return File.of(entry, self._present(entry.sha256, place))

    def _snapshot(self, agent: AgentName, entry: Entry) -> Snapshot:
        place = f"the snapshot of {agent} {entry.version}"
        content = self._present(entry.snapshot, place)
        snapshot = read_document(content, Snapshot, Snapshot.LIMIT, place)
        if snapshot.agent != agent:
            raise _damaged(f"{place} is that of {snapshot.agent}", "misplaced-snapshot", agent)
        return snapshot

    def _cached(self, digest: str, limit: int) -> bytes | None:
        name = _hex(digest)
        if name not in self._found and self._cache is not None:
            content = self._cache.get(name, limit)
            if content is not None:
                self._found[name] = content
        return self._found.get(name)

    def _arrive(self, digest: str, content: bytes | None) -> None:
        name = _hex(digest)
        if content is not None and digest_of(content) == f"sha256:{name}":
            self._found[name] = content
            self.arrived.add(name)

    def _present(self, digest: str, place: str) -> bytes:
        """An object that was found; nothing gets there that does not have its digest. Raises: Corrupt."""
        content = self._found.get(_hex(digest))
        if content is None:
            what = "is missing, or is not what was published"
            raise _damaged(f"{place} {what} (sha256:{_hex(digest)})", "unloadable", None)
        return content


def _held(before: Live | None) -> dict[str, Contents]:
    return {} if before is None else {contents.digest: contents for contents in before.contents.values()}


def _same_release(before: Live | None, agent: AgentName, entry: Entry) -> bool:
    """Whether this very release was proven for the record before."""
    known = None if before is None else before.record.agents.get(agent)
    return known is not None and (known.release, known.snapshot) == (entry.release, entry.snapshot)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _damaged(message: str, kind: str, agent: AgentName | None) -> Corrupt:
    return Corrupt(message, kind=kind, hint=DAMAGED, promise=6, agent=agent)
