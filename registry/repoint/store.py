"""The store contract: what local Git, a shared Git remote, S3 and memory must all do, and nothing more.

A store keeps bytes; it decides nothing. Three guarantees carry every promise of Repoint:

* **create-once**: ``create_release`` and ``create_pointer`` succeed for one caller and change nothing for every other;
* **compare-and-swap**: ``swap_pointer`` replaces a pointer only while it still is the one that was read;
* **read-after-write**: what a call reported as written, every later call reads.

Contents go first and releases last: a publish that stops half-way leaves only unreferenced objects. All methods may
raise ``StoreUnavailable`` (nothing is known to have changed unless said otherwise) and ``Corrupt``.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from repoint.errors import InvalidInput
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Record, Release, Snapshot, Version


class Foreign(msgspec.Struct, frozen=True):
    """A version's name is taken by something that is no release document; ``reason`` says what stands there."""

    reason: str


class Pointer(msgspec.Struct, frozen=True):
    """An environment's newest record as read: its exact bytes, and the store's stamp for the swap (ETag, object id)."""

    content: bytes
    stamp: str


class Content(Protocol):
    """The bytes of one file, readable as often as needed, in chunks of at most 1 MiB; ``Contents`` verifies them."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the beginning, as they are now. Raises: InvalidInput, where they cannot be what they were."""
        ...


class Contents(msgspec.Struct, frozen=True):
    """All that one version stores: the snapshot, its canonical bytes, and each of its files by path."""

    document: Snapshot
    content: bytes
    files: Mapping[str, Content]
    fetched: bool = False
    """Whether reading a file is a download, which nobody should do twice."""

    def chunks_of(self, entry: FileEntry) -> Iterator[bytes]:
        """The bytes of one file, verified as they are read.

        Raises:
            InvalidInput: it is not what its entry says (``file-changed``), at the latest after the last chunk: throw
                away what was yielded.
        """
        hashed, size = hashlib.sha256(), 0
        for chunk in self.files[entry.path].chunks():
            size += len(chunk)
            if size > entry.size:
                break
            hashed.update(chunk)
            yield chunk
        if (size, hashed.hexdigest()) != (entry.size, entry.sha256):
            raise changed_while_read(entry.path)

    def bytes_of(self, entry: FileEntry) -> bytes:
        """The whole of one file, verified. Raises: InvalidInput, as ``chunks_of``."""
        return b"".join(self.chunks_of(entry))


class Draft(msgspec.Struct, frozen=True):
    """A release ready to be stored: the document and its canonical bytes."""

    document: Release
    content: bytes


class Ahead(msgspec.Struct, frozen=True):
    """What a move is about to read, known from the command line: whose stacks, and which versions it names."""

    environment: EnvironmentName
    agents: tuple[AgentName, ...] = ()
    targets: tuple[tuple[AgentName, Version], ...] = ()
    writing: bool = True


class Swap(enum.Enum):
    """How a compare-and-swap ended."""

    DONE = "done"
    LOST = "lost"  # the pointer is not the one expected any more; ours may still be beneath what is there now
    UNKNOWN = "unknown"  # the write may have been applied, or may be applied later


class Store(Protocol):
    """One place that holds a registry. See the module's docstring for the guarantees."""

    @property
    def name(self) -> str:
        """What people call this store in messages: ``local``, ``memory``, an S3 address."""
        ...

    @property
    def late_writes(self) -> bool:
        """Whether a write can still be applied after its call ended (a network in between)."""
        ...

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        """Every taken version by agent, foreign ones included, in no order. No content is read."""
        ...

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        """The stored bytes of a release document, None where the name is free. The bytes are not verified."""
        ...

    def read_releases(
        self, wanted: Iterable[tuple[AgentName, Version]]
    ) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        """``read_release`` for many, in the order asked for, in as few round trips as the store can."""
        ...

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        """The stored bytes of the snapshot of a version, not verified."""
        ...

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        """The stored bytes of one file of a version in chunks, not verified; at most ``entry.size`` + 1 bytes.

        The chunks must be consumed before the next call.
        """
        ...

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """Those entries that the store does not hold with the right size. Contents are not read."""
        ...

    def put_contents(self, contents: Contents) -> None:
        """Store files, then the snapshot. Idempotent; what it leaves is unreferenced until a release names it."""
        ...

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        """Publish: create-once, durable when it returns. False, and nothing changed, where the version is taken.

        ``put_contents`` of the same contents must have returned before.
        """
        ...

    def environments(self) -> list[EnvironmentName]:
        """Every environment that has a pointer, the reserved ledger ``registry`` included, sorted."""
        ...

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        """The newest record and its stamp, or None where the environment was never created."""
        ...

    def create_pointer(self, record: Record, content: bytes) -> bool:
        """Generation 0 of an environment: create-once. False, and nothing changed, where it exists."""
        ...

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        """Replace the pointer ``expected`` by the next record: atomic, durable, ``expected`` stays in the ledger.

        A call that raises has sent nothing; what may have been sent ends as one of ``Swap``.
        """
        ...

    def read_ahead(self, ahead: Ahead) -> None:
        """Begin to read, side by side, what a move reads first. Only speed depends on it; it raises nothing."""
        ...

    def prepare_swap(self, expected: Pointer, record: Record, ahead: Ahead) -> None:
        """The pointer was read and verified as ``record``; its swap comes next.

        A store with round trips makes sure of the ledger beneath it, and reads what the move checks, all side by side;
        ``swap_pointer`` waits for that.

        Raises:
            Corrupt: the ledger holds a later generation than the pointer, which was replayed, or other bytes for this
                one.
        """
        ...

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """The exact bytes of one generation in the ledger beneath the current pointer, not verified."""
        ...

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """The records of generations ``newest`` down to ``oldest`` (both included), newest first, not verified."""
        ...

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        """The recorded time of every generation as Unix seconds, by generation; for searching only, not verified."""
        ...


def changed_while_read(path: str = "a file") -> InvalidInput:
    """The error to raise where a file's content is not what it was when it was read first."""
    return InvalidInput(
        f"{path} changed while it was being read", kind="file-changed", hint="run the same command again", path=path
    )
