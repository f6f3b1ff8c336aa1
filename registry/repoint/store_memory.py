"""The store contract in memory: the reference that every other store is compared with, safe for threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import RLock

from repoint.stamps import time_seconds
from repoint.store import Ahead, Contents, Draft, Foreign, Pointer, Swap
from repoint_schemas.canonical import MEBIBYTE, Digest, digest_of
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Record, Version


class MemoryStore:
    """A registry in this process's memory; it is lost with the process."""

    name = "memory"
    late_writes = False

    def __init__(self) -> None:
        self._lock = RLock()
        self._blobs: dict[str, bytes] = {}
        self._snapshots: dict[Digest, bytes] = {}
        self._releases: dict[tuple[AgentName, Version], bytes | Foreign] = {}
        self._ledgers: dict[EnvironmentName, list[bytes]] = {}
        self._times: dict[EnvironmentName, list[int]] = {}

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        """See ``Store.versions``."""
        found: dict[AgentName, list[Version]] = {}
        for name, version in list(self._releases):
            if agent in (None, name):
                found.setdefault(name, []).append(version)
        return found

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        """See ``Store.read_release``."""
        return self._releases.get((agent, version))

    def read_releases(
        self, wanted: Iterable[tuple[AgentName, Version]]
    ) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        """See ``Store.read_releases``."""
        for agent, version in wanted:
            yield agent, version, self.read_release(agent, version)

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        """See ``Store.read_snapshot``; the digest alone finds it."""
        del agent, version
        return self._snapshots.get(digest)

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        """See ``Store.read_file``; the file's SHA-256 alone finds it."""
        del agent, version
        content = self._blobs.get(entry.sha256)
        return None if content is None else _chunks(content[: entry.size + 1])

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """See ``Store.missing_files``."""
        del agent, version
        return [e for e in entries if len(self._blobs.get(e.sha256, b"")) != e.size or e.sha256 not in self._blobs]

    def put_contents(self, contents: Contents) -> None:
        """See ``Store.put_contents``."""
        for entry in contents.document.files():
            self._blobs[entry.sha256] = contents.bytes_of(entry)
        self._snapshots[digest_of(contents.content)] = contents.content

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        """See ``Store.create_release``."""
        del contents
        key = (draft.document.agent, draft.document.version)
        with self._lock:
            if key in self._releases:
                return False
            self._releases[key] = draft.content
            return True

    def environments(self) -> list[EnvironmentName]:
        """See ``Store.environments``."""
        return sorted(self._ledgers)

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        """See ``Store.read_pointer``; the stamp is the record's digest."""
        ledger = self._ledgers.get(environment)
        return None if not ledger else Pointer(ledger[-1], digest_of(ledger[-1]))

    def create_pointer(self, record: Record, content: bytes) -> bool:
        """See ``Store.create_pointer``."""
        with self._lock:
            if record.environment in self._ledgers:
                return False
            self._times[record.environment] = [time_seconds(record.time)]
            self._ledgers[record.environment] = [content]
            return True

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        """See ``Store.swap_pointer``."""
        with self._lock:
            now = self.read_pointer(record.environment)
            if now is None or now.stamp != expected.stamp:
                return Swap.LOST
            self._times[record.environment].append(time_seconds(record.time))
            self._ledgers[record.environment].append(content)
            return Swap.DONE

    def read_ahead(self, ahead: Ahead) -> None:
        """See ``Store``; there are no round trips to save."""

    def prepare_swap(self, expected: Pointer, record: Record, ahead: Ahead) -> None:
        """See ``Store``; the swap itself keeps the record before."""

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """See ``Store.read_record``."""
        ledger = self._ledgers.get(environment, [])
        return ledger[generation] if 0 <= generation < len(ledger) else None

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """See ``Store.read_ledger``."""
        yield from reversed(self._ledgers.get(environment, [])[max(oldest, 0) : max(newest + 1, 0)])

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        """See ``Store.ledger_times``."""
        return list(self._times.get(environment, []))


def _chunks(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), MEBIBYTE):
        yield content[at : at + MEBIBYTE]
