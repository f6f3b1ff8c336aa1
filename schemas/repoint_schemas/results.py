"""What every command prints with ``--json``: one object on standard output; for errors, one on standard error.

Programs rely on these: fields are only ever added. The JSON Schemas beside this module are generated from them.
"""

from __future__ import annotations

import msgspec

from repoint_schemas.canonical import Digest
from repoint_schemas.documents import (
    Action,
    AgentName,
    Change,
    EnvironmentName,
    FileEntry,
    Version,
)
from repoint_schemas.resultparts import (
    AgentDiff,
    AgentStatus,
    BumpResult,
    DifferenceResult,
    DiffSide,
    DoctorCheck,
    EnvironmentStatus,
    Failure,
    FileChange,
    FindingResult,
    FleetResult,
    HoldStatus,
    HunkResult,
    Item,
    LineResult,
    LiveIn,
    LiveStatus,
    NoteResult,
    PendingStatus,
    ProcessResult,
    RecordResult,
    ReleaseResult,
    ReplicaStatus,
    RuleResult,
    ServedResult,
    SnapshotResult,
    SpanResult,
    SyncedReplica,
    TextResult,
    VerifyFinding,
    VersionResult,
)

__all__ = [
    "COMMANDS",
    "AgentDiff",
    "AgentStatus",
    "BumpResult",
    "CheckResult",
    "CommitResult",
    "DiffResult",
    "DiffSide",
    "DifferenceResult",
    "DoctorCheck",
    "DoctorResult",
    "EnvironmentStatus",
    "ErrorResult",
    "ExportResult",
    "ExportedRecordResult",
    "Failure",
    "FileChange",
    "FindingResult",
    "FleetResult",
    "HistoryResult",
    "HoldStatus",
    "HunkResult",
    "InitResult",
    "Item",
    "LineResult",
    "ListResult",
    "LiveIn",
    "LiveStatus",
    "LogResult",
    "MigrateResult",
    "MoveResult",
    "NewResult",
    "NoteResult",
    "PendingStatus",
    "ProcessResult",
    "RecordResult",
    "ReleaseResult",
    "ReplicaStatus",
    "ResolveResult",
    "Result",
    "RuleResult",
    "ServedResult",
    "ShowResult",
    "SnapshotResult",
    "SpanResult",
    "StatusResult",
    "SyncResult",
    "SyncedReplica",
    "TextResult",
    "VerifyFinding",
    "VerifyResult",
    "VersionResult",
]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one command prints; ``warnings`` holds what people are told on standard error."""

    warnings: list[str] = []


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


class CheckResult(Result, frozen=True):
    """``repoint check``: ``allowed`` counts the findings that ``repoint.toml`` allows; they are listed on request.

    ``rules`` holds what ``--explain`` and ``--list-rules`` ask for.
    """

    findings: list[FindingResult]
    checked: list[AgentName]
    allowed: int = 0
    rules: list[RuleResult] = []


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


class ListResult(Result, frozen=True):
    """``repoint list``: by agent, newest version first."""

    versions: list[VersionResult]


class LogResult(Result, frozen=True):
    """``repoint log``: releases of one agent, highest version first."""

    agent: AgentName
    releases: list[ReleaseResult]


class ShowResult(Result, frozen=True):
    """``repoint show``: ``manifest`` is agent.toml as text."""

    release: ReleaseResult
    snapshot: SnapshotResult
    manifest: str


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


class HistoryResult(Result, frozen=True):
    """``repoint history``, newest first; with ``--at``, every generation that may have been the newest then."""

    environment: EnvironmentName
    records: list[RecordResult]
    more: bool


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
