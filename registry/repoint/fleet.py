"""What the processes of a fleet say that they serve, and whether all of them followed a move.

Best effort, and for people: a report decides nothing, holds only a generation and a digest, and what versions that
means is read from the ledger. Promise 7: how old a report is, the store says by its own clock alone, so neither the
clock of a reader nor that of whoever looks matters.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from repoint.board import Board, FolderBoard, Posted
from repoint.errors import InvalidInput, RepointError, StoreUnavailable
from repoint.ledger import RecordAt
from repoint.s3keys import READERS
from repoint.store import Store
from repoint_schemas.canonical import Digest, DocumentError, decode, digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, ReaderReport, Record, Version

RENEW_SECONDS = 30
"""How often a reader says again what it serves."""

EXPIRES_AFTER = 3
"""A process whose report was not renewed that many times is gone."""

WAIT_SECONDS = 0.5
"""How often a command that waits for a fleet looks."""


def board_of(store: Store) -> Board:
    """The board of a store. Nothing is asked of it.

    Raises:
        InvalidInput: a Git remote, which takes no reports.
    """
    client = getattr(store, "client", None)
    if client is not None:
        from repoint.s3board import BucketBoard

        return BucketBoard(client)
    repository = getattr(store, "repository", None)
    if repository is None or hasattr(store, "remote"):
        raise InvalidInput(
            "a Git remote takes no reports of what processes serve",
            kind="no-reports",
            hint="a bucket does, and a repository on the machine where they run",
        )
    return FolderBoard(os.path.join(repository.own_folder, READERS.rstrip("/")))


class Process(NamedTuple):
    """One process of the fleet that lives, by its last report; ``age`` in seconds."""

    name: str
    identifier: str
    generation: int
    digest: Digest
    age: float


class Fleet(NamedTuple):
    """The processes that live, and the record that they should serve, or one after it."""

    processes: list[Process]
    generation: int
    digest: Digest

    def has_followed(self, process: Process) -> bool:
        """Whether a process serves the record, or a later one."""
        this = process.generation == self.generation and process.digest == self.digest
        return this or process.generation > self.generation

    @property
    def confirmed(self) -> int:
        """How many have followed."""
        return len(self.processes) - len(self.behind)

    @property
    def behind(self) -> list[Process]:
        """Those that have not."""
        return [each for each in self.processes if not self.has_followed(each)]


class Served(NamedTuple):
    """What a process serves of an agent: None where it is not live there, or that cannot be told."""

    version: Version | None
    followed: bool


def report(
    environment: EnvironmentName, registry: str, identifier: str, name: str, generation: int, digest: Digest
) -> bytes:
    """The report of one process."""
    return encode(
        ReaderReport(
            digest=digest,
            environment=environment,
            generation=generation,
            id=identifier,
            name=name,
            registry=registry,
            renewed_every=RENEW_SECONDS,
        )
    )


def fleet(posted: Iterable[Posted], record: Record) -> Fleet:
    """What reports say of a record, by name; those of processes that are gone and of other registries are left out."""
    found: dict[str, Process] = {}
    for content, age in posted:
        try:
            said = decode(content, ReaderReport, limit=ReaderReport.LIMIT)
        except DocumentError:
            continue
        at_home = (said.registry, said.environment) == (record.registry, record.environment)
        if at_home and age <= said.renewed_every * EXPIRES_AFTER:
            found[said.id] = Process(said.name, said.id, said.generation, said.digest, max(0.0, age))
    return Fleet(sorted(found.values()), record.generation, digest_of(encode(record)))


def versions_served(
    seen: Fleet, agents: Iterable[AgentName], record_at: RecordAt
) -> Mapping[AgentName, Mapping[Served, int]]:
    """How many processes serve which version of each agent."""
    served: dict[AgentName, dict[Served, int]] = {agent: {} for agent in agents}
    counts = Counter((each.generation, each.digest, seen.has_followed(each)) for each in seen.processes)
    for (generation, digest, followed), count in counts.items():
        live = _record(record_at, generation, digest)
        for agent, versions in served.items():
            entry = live.agents.get(agent) if live else None
            this = Served(entry.version if entry else None, followed)
            versions[this] = versions.get(this, 0) + count
    return served


def _record(record_at: RecordAt, generation: int, digest: Digest) -> Record | None:
    """The record that a process says that it serves, where the ledger has it."""
    with suppress(RepointError):
        record = record_at(generation)
        return record if digest_of(encode(record)) == digest else None
    return None


def wait_for_fleet(
    look: Callable[[], Fleet], seconds: float, tell: Callable[[Fleet], object], every: float = WAIT_SECONDS
) -> Fleet:
    """Look until all have followed, nobody reports, or the time is out; ``tell`` hears of each look that succeeded.

    A look that fails is repeated: the move is done, and waiting cannot undo it. One that has begun is not broken off:
    it ends by the store's own patience, at the latest.

    Raises: StoreUnavailable, where no look succeeded.
    """
    until = time.monotonic() + seconds
    seen: Fleet | None = None
    while True:
        try:
            seen = look()
        except StoreUnavailable:
            if seen is None and time.monotonic() >= until:
                raise
        else:
            tell(seen)
            if not seen.behind:
                return seen
        left = until - time.monotonic()
        if left <= 0 and seen is not None:
            return seen
        time.sleep(min(every, max(0.0, left)))
