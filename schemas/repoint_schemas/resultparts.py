"""The parts that the results of commands consist of; ``results`` says what they are parts of.

Fields are only ever added.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from repoint_schemas.canonical import Digest
from repoint_schemas.documents import (
    Action,
    AgentName,
    Bump,
    Change,
    EnvironmentName,
    FileEntry,
    Freeze,
    Hold,
    Identity,
    Integration,
    Model,
    ParentRelease,
    Source,
    Version,
)


class Item(msgspec.Struct, frozen=True):
    """A part of a result."""


class Failure(Item, frozen=True):
    """One error: ``kind`` for programs, the rest for people; ``facts`` holds the details."""

    kind: str
    message: str
    hint: str | None
    exit_code: int
    facts: dict[str, object] = {}


class FindingResult(Item, frozen=True):
    """One finding of ``check`` or of the checks of ``commit``; ``allowed`` is the reason of its ``[[allow]]``."""

    rule: str
    path: str
    line: int | None
    severity: Literal["error", "warning"]
    message: str
    allowed: str | None = None


class RuleResult(Item, frozen=True):
    """One rule of ``check``: why it is there, how to mend a finding, whose facts it goes by."""

    name: str
    severity: Literal["error", "warning"]
    why: str
    fix: str
    sources: list[str]


class DifferenceResult(Item, frozen=True):
    """One thing that differs between two snapshots, and the rule (docs/reference/rules.md) that judged its impact.

    ``path`` is the file that it lies in, ``where`` the place inside that file, in words. A file is ``sha256:<hex>``.
    """

    component: str
    name: str
    kind: str
    impact: Bump
    old: object
    new: object
    reason: str
    rule: str = ""
    path: str | None = None
    where: str = ""
    agent: AgentName | None = None


class BumpResult(Item, frozen=True):
    """What kind of change it is: ``level`` is null where nothing changed or there is no base."""

    level: Bump | None
    reasons: list[str]


class LiveIn(Item, frozen=True):
    """An environment in which a version is live, and since which generation."""

    environment: EnvironmentName
    since: int


class VersionResult(Item, frozen=True):
    """One row of ``repoint list``. A foreign or damaged one has only agent and version, and what is wrong."""

    agent: AgentName
    version: Version
    foreign: str | None
    live: list[LiveIn]
    yanked: str | None
    message: str | None = None
    author: Identity | None = None
    time: str | None = None
    bump: Bump | None = None
    snapshot: Digest | None = None
    damaged: str | None = None


class ReleaseResult(Item, frozen=True):
    """One release in full, as ``repoint log`` and ``repoint show`` give it."""

    agent: AgentName
    version: Version
    release: Digest
    snapshot: Digest
    parent: ParentRelease | None
    bump: Bump | None
    author: Identity
    time: str
    message: str
    ticket: str | None
    source: Source | None
    live: list[LiveIn]
    yanked: str | None
    tag: str


class SnapshotResult(Item, frozen=True):
    """What a release contains."""

    model: Model
    prompts: dict[str, FileEntry]
    integrations: dict[str, Integration]
    config: dict[str, object]
    requires: dict[AgentName, str]
    manifest: FileEntry


class DiffSide(Item, frozen=True):
    """One side of a diff: an agent's version (null for the working copy), or all that an environment serves.

    ``environment`` and ``generation`` are set where the side was named by an environment.
    """

    agent: AgentName | None
    version: Version | None
    snapshot: Digest | None
    environment: EnvironmentName | None = None
    generation: int | None = None


class FileChange(Item, frozen=True):
    """One changed file with its counts of added and removed lines (null where they were not counted)."""

    path: str
    added: int | None
    removed: int | None
    old_path: str | None = None
    agent: AgentName | None = None


class SpanResult(Item, frozen=True):
    """A stretch of a line; ``changed`` words stand on one side only."""

    text: str
    changed: bool


class LineResult(Item, frozen=True):
    """One line of a hunk; ``mark`` is a blank, ``-`` or ``+``, the numbers are those of the line on either side."""

    mark: str
    old_line: int | None
    new_line: int | None
    spans: list[SpanResult]


class HunkResult(Item, frozen=True):
    """Changed lines with the unchanged ones around them, under the heading that they stand below."""

    heading: str
    lines: list[LineResult]


class TextResult(Item, frozen=True):
    """How the text of one file changed; ``nature`` is the most harmless word that explains all of it."""

    component: str
    name: str
    path: str | None
    old_path: str | None
    nature: str
    added: int
    removed: int
    words_added: int
    words_removed: int
    hunks: list[HunkResult]
    agent: AgentName | None = None


class AgentDiff(Item, frozen=True, rename={"origin": "from", "target": "to"}):
    """One agent that differs; a side is null where the agent is not there."""

    agent: AgentName
    origin: DiffSide | None
    target: DiffSide | None
    level: Bump | None


class NoteResult(Item, frozen=True):
    """Something the mover should read."""

    kind: str
    text: str


class ProcessResult(Item, frozen=True):
    """A process that serves an older generation; ``age_seconds`` since it was last heard of, by the store's clock."""

    name: str
    generation: int
    age_seconds: int


class ServedResult(Item, frozen=True):
    """How many processes serve a version of an agent; null: it is not live where they are, or that cannot be told.

    ``followed``: they serve the newest record, or a later one; the same version may be live in an older one, too.
    """

    agent: AgentName
    version: Version | None
    processes: int
    followed: bool


class FleetResult(Item, frozen=True):
    """What the processes serve that report it: ``confirmed`` of ``processes`` have this generation, or a later one.

    ``serving`` has the agents that were moved, else those of which several versions are served; ``live`` their newest.
    """

    environment: EnvironmentName
    generation: int
    processes: int
    confirmed: int
    behind: list[ProcessResult]
    serving: list[ServedResult]
    live: dict[str, str]


class RecordResult(Item, frozen=True):
    """One record of a ledger; ``held`` and ``released`` name the versions that it put holds (yanks) on or freed."""

    environment: EnvironmentName
    generation: int
    action: Action
    actor: Identity
    time: str
    message: str
    ticket: str | None
    id: str
    changes: list[Change]
    frozen: bool
    digest: Digest
    agents: dict[AgentName, Version]
    held: list[str] = []
    released: list[str] = []


class AgentStatus(Item, frozen=True):
    """One agent: its working copy against its latest version. ``working`` says how they compare.

    ``no-latest``: there are versions, but all of them are yanked, pre-releases or foreign. ``unreadable``: the working
    copy or the latest version cannot be read, and ``problem`` says why.
    """

    agent: AgentName
    path: str | None
    latest: Version | None
    working: Literal["unchanged", "modified", "unpublished", "no-latest", "missing", "unreadable"]
    problem: str | None = None


class LiveStatus(Item, frozen=True):
    """What is live for one agent in one environment."""

    agent: AgentName
    version: Version
    since: int
    time: str | None
    latest: bool
    yanked: str | None


class HoldStatus(Item, frozen=True):
    """A held version."""

    agent: AgentName
    version: Version
    hold: Hold


class EnvironmentStatus(Item, frozen=True):
    """One environment now. ``error`` is set where it cannot be read; the rest is then as last seen, or empty.

    ``time``, ``actor`` and ``action`` are those of its newest record.
    """

    environment: EnvironmentName
    generation: int | None
    time: str | None
    live: list[LiveStatus]
    holds: list[HoldStatus]
    frozen: Freeze | None
    error: str | None
    actor: Identity | None = None
    action: Action | None = None


class SyncedReplica(Item, frozen=True):
    """What ``repoint sync`` added to a replica; ``error`` is why it is not up to date."""

    name: str
    releases: int
    records: int
    error: str | None


class ReplicaStatus(Item, frozen=True):
    """A store that follows the authority: how many records it lacks, null where this clone does not know.

    ``unsent``: versions and yanks of this clone that have not reached it.
    """

    name: str
    behind: int | None
    unsent: int


class PendingStatus(Item, frozen=True):
    """A move whose outcome is not known yet."""

    environment: EnvironmentName
    id: str


class VerifyFinding(Item, frozen=True):
    """One violation: which promise, where, what, and what to do."""

    promise: int
    kind: str
    place: str
    message: str


class DoctorCheck(Item, frozen=True):
    """One check of ``repoint doctor``."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    hint: str | None
