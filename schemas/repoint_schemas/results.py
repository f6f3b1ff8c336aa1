"""What every command prints with ``--json``: one object on standard output; for errors, one on standard error.

Programs rely on these: fields are only ever added. The JSON Schemas beside this module are generated from them.
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


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one command prints; ``warnings`` holds what people are told on standard error."""

    warnings: list[str] = []


class Failure(Item, frozen=True):
    """One error: ``kind`` for programs, the rest for people; ``facts`` holds the details."""

    kind: str
    message: str
    hint: str | None
    exit_code: int
    facts: dict[str, object] = {}


class ErrorResult(Item, frozen=True):
    """What stands on standard error with ``--json``."""

    error: Failure


class InitResult(Result, frozen=True):
    """``repoint init``."""

    registry: str
    authority: str
    environments: list[EnvironmentName]
    config: str | None
    created: list[str]


class NewResult(Result, frozen=True):
    """``repoint new``."""

    agent: AgentName
    path: str
    files: list[str]


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


class CheckResult(Result, frozen=True):
    """``repoint check``: ``allowed`` counts the findings that ``repoint.toml`` allows; they are listed on request.

    ``rules`` holds what ``--explain`` and ``--list-rules`` ask for.
    """

    findings: list[FindingResult]
    checked: list[AgentName]
    allowed: int = 0
    rules: list[RuleResult] = []


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


class CommitResult(Result, frozen=True):
    """``repoint commit``: ``created`` is false when there was nothing to publish, and in a dry run.

    ``would_create`` says for a dry run whether the same command without it would publish.
    """

    agent: AgentName
    version: Version
    snapshot: Digest
    release: Digest | None
    previous: Version | None
    bump: BumpResult
    created: bool
    dry_run: bool
    would_create: bool
    tag: str
    findings: list[FindingResult]
    behind: list[str] = []


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


class ListResult(Result, frozen=True):
    """``repoint list``: by agent, newest version first."""

    versions: list[VersionResult]


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


class LogResult(Result, frozen=True):
    """``repoint log``: releases of one agent, highest version first."""

    agent: AgentName
    releases: list[ReleaseResult]


class SnapshotResult(Item, frozen=True):
    """What a release contains."""

    model: Model
    prompts: dict[str, FileEntry]
    integrations: dict[str, Integration]
    config: dict[str, object]
    requires: dict[AgentName, str]
    manifest: FileEntry


class ShowResult(Result, frozen=True):
    """``repoint show``: ``manifest`` is agent.toml as text."""

    release: ReleaseResult
    snapshot: SnapshotResult
    manifest: str


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


class DiffResult(Result, frozen=True, rename={"origin": "from", "target": "to"}):
    """``repoint diff``: every change of every agent that differs, what matters most first.

    ``limits`` says in words where the comparison stopped looking closer.
    """

    origin: DiffSide
    target: DiffSide
    changes: list[DifferenceResult]
    files: list[FileChange]
    bump: BumpResult
    agents: list[AgentDiff]
    texts: list[TextResult]
    limits: list[str]


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


class MoveResult(Result, frozen=True):
    """Every move. ``done`` is false when there was nothing to do (``reason`` says why) and in a dry run."""

    environment: EnvironmentName
    action: Action
    generation: int
    id: str | None
    changes: list[Change]
    notes: list[NoteResult]
    behind: list[str]
    done: bool
    dry_run: bool
    reason: str | None
    undo: str | None
    message: str
    ticket: str | None
    effect: list[DifferenceResult] = []
    fleet: FleetResult | None = None


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


class HistoryResult(Result, frozen=True):
    """``repoint history``, newest first; with ``--at``, every generation that may have been the newest then."""

    environment: EnvironmentName
    records: list[RecordResult]
    more: bool


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


class SyncResult(Result, frozen=True):
    """``repoint sync``."""

    authority: str
    replicas: list[SyncedReplica]


class MigrateResult(Result, frozen=True):
    """``repoint migrate``: the new authority, what was copied to it, and the ledgers that this run sealed."""

    authority: str
    releases: int
    records: int
    sealed: list[EnvironmentName]


class ReplicaStatus(Item, frozen=True):
    """A store that follows the authority: how many records it lacks, null where this clone does not know."""

    name: str
    behind: int | None


class PendingStatus(Item, frozen=True):
    """A move whose outcome is not known yet."""

    environment: EnvironmentName
    id: str


class ResolveResult(Result, frozen=True):
    """``repoint resolve``: whether the move stands; if not, another one won its generation."""

    id: str
    environment: EnvironmentName
    generation: int
    action: Action
    stands: bool


class StatusResult(Result, frozen=True):
    """``repoint status``."""

    registry: str
    authority: str
    agents: list[AgentStatus]
    environments: list[EnvironmentStatus]
    replicas: list[ReplicaStatus]
    pending: list[PendingStatus]
    fleets: list[FleetResult] = []


class ExportResult(Result, frozen=True):
    """``repoint export``."""

    agent: AgentName
    version: Version
    snapshot: Digest
    directory: str
    files: list[FileEntry]


class ExportedRecordResult(Result, frozen=True):
    """``repoint export --env``: one record, with every agent in a folder of its own below ``directory``.

    ``stale_seconds`` is set where the store could not be read: so long ago it was the newest record.
    """

    environment: EnvironmentName
    generation: int
    directory: str
    agents: dict[str, str]
    stale_seconds: int | None = None


class VerifyFinding(Item, frozen=True):
    """One violation: which promise, where, what, and what to do."""

    promise: int
    kind: str
    place: str
    message: str


class VerifyResult(Result, frozen=True):
    """``repoint verify``: counts of what was checked, and every violation found.

    ``behind`` says of replicas how many versions and records they lack, ``unreachable`` which could not be asked.
    """

    checked: dict[str, int]
    findings: list[VerifyFinding]
    deep: bool
    foreign: list[str]
    behind: dict[str, int] = {}
    unreachable: list[str] = []


class DoctorCheck(Item, frozen=True):
    """One check of ``repoint doctor``."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    hint: str | None


class DoctorResult(Result, frozen=True):
    """``repoint doctor``."""

    checks: list[DoctorCheck]


COMMANDS: dict[str, type[Result | ErrorResult]] = {
    "check": CheckResult,
    "commit": CommitResult,
    "diff": DiffResult,
    "doctor": DoctorResult,
    "error": ErrorResult,
    "export": ExportResult,
    "export-live": ExportedRecordResult,
    "history": HistoryResult,
    "init": InitResult,
    "list": ListResult,
    "log": LogResult,
    "migrate": MigrateResult,
    "move": MoveResult,
    "new": NewResult,
    "resolve": ResolveResult,
    "show": ShowResult,
    "status": StatusResult,
    "sync": SyncResult,
    "verify": VerifyResult,
}
"""The results by the name of their published JSON Schema; ``move`` serves promote, rollback and the flags.

``export-live`` is what ``export --env`` prints; with ``--follow`` one line for each record.
"""
