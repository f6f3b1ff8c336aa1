"""What the processes of a fleet say that they serve, and whether all of them followed a move.

Best effort, and for people: a report decides nothing, holds only a generation and a digest, and what versions that
means is read from the ledger. Promise 7: how old a report is, the store says by its own clock alone, so neither the
clock of a reader nor that of whoever looks matters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from repoint.board import Board, FolderBoard, Posted
from repoint.errors import InvalidInput, RepointError, StoreUnavailable
from repoint.ledger import RecordAt
from repoint.s3keys import READERS
from repoint.store import Store
from repoint_schemas.canonical import Digest, DocumentError, decode, encode
from repoint_schemas.documents import AgentName, EnvironmentName, ReaderReport

RENEW_SECONDS = 30
"""How often a reader says again what it serves."""

EXPIRES_AFTER = 3
"""A process whose report was not renewed that many times is gone."""

WAIT_SECONDS = 0.5
"""How often a command that waits for a fleet looks."""


def board_of(store: Store) -> Board:
    """The board of a store.

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
            f"{store.name} takes no reports of readers",
            kind="no-reports",
            hint="a bucket does, and a repository on the same machine",
        )
    return FolderBoard(os.path.join(repository.own_folder, READERS.rstrip("/")))


class Process(NamedTuple):
    """One process of the fleet that lives, by its last report."""

    name: str
    identifier: str
    generation: int
    digest: Digest
    age: float


class Fleet(NamedTuple):
    """The processes that live, and which of them serve the newest record, or one after it."""

    processes: list[Process]
    generation: int

    @property
    def confirmed(self) -> int:
        """How many have followed."""
        return sum(each.generation >= self.generation for each in self.processes)

    @property
    def behind(self) -> list[Process]:
        """Those that have not."""
        return [each for each in self.processes if each.generation < self.generation]

    @property
    def followed(self) -> bool:
        """Whether there are processes, and all of them have followed."""
        return bool(self.processes) and not self.behind


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


def fleet(posted: Iterable[Posted], registry: str, environment: EnvironmentName, generation: int) -> Fleet:
    """What reports say, those of processes that are gone and of other registries left out, by name."""
    found: dict[str, Process] = {}
    for content, age in posted:
        try:
            said = decode(content, ReaderReport, limit=ReaderReport.LIMIT)
        except DocumentError:
            continue
        if (said.registry, said.environment) == (registry, environment) and age <= said.renewed_every * EXPIRES_AFTER:
            found[said.id] = Process(said.name, said.id, said.generation, said.digest, max(0.0, age))
    return Fleet(sorted(found.values()), generation)


def versions_served(
    seen: Fleet, agents: Iterable[AgentName], record_at: RecordAt
) -> Mapping[AgentName, Mapping[str | None, int]]:
    """How many processes serve which version of each agent; None: it is not live there, or cannot be told."""
    counts: dict[int, int] = {}
    for each in seen.processes:
        counts[each.generation] = counts.get(each.generation, 0) + 1
    found: dict[AgentName, dict[str | None, int]] = {agent: {} for agent in agents}
    for generation, count in counts.items():
        live = None
        with suppress(RepointError):
            live = record_at(generation).agents
        for agent, versions in found.items():
            version = str(live[agent].version) if live and agent in live else None
            versions[version] = versions.get(version, 0) + count
    return found


def wait_for_fleet(
    look: Callable[[], Fleet], seconds: float, tell: Callable[[Fleet], object], every: float = WAIT_SECONDS
) -> Fleet:
    """Look until all have followed, nobody reports, or the time is out; ``tell`` hears of each look that succeeded.

    A look that fails is repeated: the move is done, and waiting cannot undo it.

    Raises: StoreUnavailable, where no look succeeded.
    """
    until = time.monotonic() + seconds
    seen: Fleet | None = None
    failure: StoreUnavailable | None = None
    while True:
        try:
            seen = look()
            tell(seen)
        except StoreUnavailable as error:
            failure = error
        if seen is not None and (seen.followed or not seen.processes):
            return seen
        if time.monotonic() >= until:
            break
        time.sleep(min(every, max(0.0, until - time.monotonic())))
    if seen is None:
        assert failure is not None
        raise failure
    return seen
