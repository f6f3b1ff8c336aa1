"""Comparing two versions, a version and a working copy, or two whole sets of agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from repoint.compare import NO_DIFFERENCE, VersionDiff, compare
from repoint.comparefiles import LARGEST, Files, ReadFile
from repoint.errors import NotFound
from repoint.ledger import RecordAt
from repoint.registry import Published, Registry
from repoint.store import Contents
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Record, Release, Snapshot, Version


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison: its snapshot and how its files are read; ``release`` is None for a working copy."""

    agent: AgentName
    release: Release | None
    digest: Digest
    snapshot: Snapshot
    read: ReadFile

    @property
    def version(self) -> Version | None:
        """The version, None for a working copy."""
        return self.release.version if self.release else None


def released_side(registry: Registry, published: Published) -> Side:
    """A published version as a side; its files are verified as they are read. Raises: Corrupt."""
    release = published.document

    def read(entry: FileEntry) -> bytes:
        return registry.file_bytes(release, entry)

    return Side(release.agent, release, release.snapshot, registry.snapshot(published), read)


def working_side(contents: Contents) -> Side:
    """A working copy as a side."""
    return Side(contents.document.agent, None, digest_of(contents.content), contents.document, contents.bytes_of)


def difference(old: Side, new: Side, *, largest: int = LARGEST, closely: bool = True) -> VersionDiff:
    """Everything that differs between two sides; files of more than ``largest`` bytes are not looked into.

    Without ``closely`` texts are judged but not compared line by line. Raises: Corrupt.
    """
    if old.digest == new.digest:
        return NO_DIFFERENCE
    return compare(old.snapshot, new.snapshot, Files(old.read, new.read, largest, closely))


class SetSide(msgspec.Struct, frozen=True):
    """A whole set of agents: what an environment served in one generation, or the working copies (no environment).

    ``digests`` tells without reading which agents differ; ``side`` reads one of them.
    """

    environment: EnvironmentName | None
    generation: int | None
    digests: Mapping[AgentName, Digest]
    side: Callable[[AgentName], Side]


def environment_side(registry: Registry, environment: EnvironmentName, back: int) -> SetSide:
    """What is live in an environment, or was ``back`` moves of versions earlier.

    Raises:
        NotFound: no such environment, or it has not had so many moves.
        Corrupt, StoreUnavailable: the ledger cannot be read.
    """
    record = record_before(registry.current(environment).record, back, registry.record_at(environment))

    def side(agent: AgentName) -> Side:
        return released_side(registry, registry.released_entry(agent, record.agents[agent]))

    digests = {agent: entry.snapshot for agent, entry in record.agents.items()}
    return SetSide(environment, record.generation, digests, side)


def record_before(record: Record, back: int, record_at: RecordAt) -> Record:
    """The record beneath the last ``back`` moves that changed what is live; freezes and the like are no such moves.

    Raises:
        NotFound: there were not so many.
    """
    left = back
    while left:
        if record.generation == 0:
            raise NotFound(
                f"{record.environment} has had {back - left} moves, so there is no {record.environment}~{back}",
                kind="not-so-many-moves",
                hint=f"repoint history {record.environment}",
            )
        left -= bool(record.changes)
        record = record_at(record.generation - 1)
    return record
