"""The documents that machines write: snapshot, release, record, pin, pending move.

Each is a frozen ``msgspec`` struct whose canonical JSON (see ``canonical``) is stored byte for byte in Git and in S3.
A new field is a new schema number; nothing here is ever changed once released.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NewType

from msgspec import UNSET, Meta, UnsetType

from repoint_schemas.canonical import MEBIBYTE, Digest, Document, Part

AgentName = NewType("AgentName", str)
EnvironmentName = NewType("EnvironmentName", str)
Version = NewType("Version", str)

_END = r"$(?!\n)"
"""The end of the text in every dialect of regular expressions; in Python ``$`` also matches before a last line feed."""

_NUMBER = "(0|[1-9][0-9]*)"
_IDENTIFIER = "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_IDENTIFIER}(\.{_IDENTIFIER})*)?{_END}"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

Sha256Hex = Annotated[str, Meta(pattern=f"^[0-9a-f]{{64}}{_END}")]
DigestText = Annotated[Digest, Meta(pattern=f"^sha256:[0-9a-f]{{64}}{_END}")]
ObjectId = Annotated[str, Meta(pattern=f"^[0-9a-f]{{40}}{_END}")]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
AgentText = Annotated[AgentName, Meta(pattern=f"^[a-z0-9][a-z0-9-]{{0,62}}{_END}")]
EnvironmentText = Annotated[EnvironmentName, Meta(pattern=f"^[a-z][a-z0-9-]{{0,62}}{_END}")]
VersionText = Annotated[Version, Meta(min_length=5, max_length=128, pattern=_VERSION)]
Time = Annotated[str, Meta(pattern=f"^{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z{_END}")]
"""RFC 3339, UTC, to the second. Information only: nothing is ever decided by it."""

Action = Literal[
    "init", "promote", "rollback", "restore", "unhold", "freeze", "unfreeze", "yank", "unyank", "seal"
]  # fmt: skip
Bump = Literal["major", "minor", "patch"]
IntegrationKind = Literal["openapi", "mcp", "function", "http"]


class Identity(Part, frozen=True):
    """Who did it: the name and e-mail address as Git writes them."""

    email: str
    name: str


class FileEntry(Part, frozen=True):
    """One file of a snapshot: path relative to the agent's folder, SHA-256 in hex, size in bytes."""

    path: str
    sha256: Sha256Hex
    size: Count


class Model(Part, frozen=True):
    """The model an agent runs on, by its provider's pinned name."""

    name: str
    provider: str


class Integration(Part, frozen=True):
    """One tool, server or API; ``secrets`` holds names of environment variables, never values."""

    endpoint: str | None
    kind: IntegrationKind
    secrets: list[str]
    spec: FileEntry | None


class Snapshot(Document, frozen=True, tag="repoint.snapshot/1"):
    """The content-addressed form of a manifest and of every file that it names."""

    FREE_FORM: ClassVar[bool] = True
    LIMIT: ClassVar[int] = 4 * MEBIBYTE

    agent: AgentText
    config: dict[str, object]
    integrations: dict[str, Integration]
    manifest: FileEntry
    model: Model
    prompts: dict[str, FileEntry]
    requires: dict[AgentText, str]

    def files(self) -> list[FileEntry]:
        """Every file of the snapshot once, by path; the manifest is among them."""
        named = [self.manifest, *self.prompts.values(), *(i.spec for i in self.integrations.values() if i.spec)]
        return sorted({entry.path: entry for entry in named}.values(), key=lambda entry: entry.path)


class ParentRelease(Part, frozen=True):
    """The highest release below the new version when it was published."""

    release: DigestText
    version: VersionText


class Source(Part, frozen=True):
    """The commit that was checked out when the release was made, and whether the agent's files differed from it."""

    commit: str
    dirty: bool


class Release(Document, frozen=True, tag="repoint.release/1"):
    """The immutable record that gives a snapshot its version."""

    LIMIT: ClassVar[int] = MEBIBYTE

    agent: AgentText
    author: Identity
    bump: Bump | None
    message: str
    parent: ParentRelease | None
    registry: str
    snapshot: DigestText
    source: Source | None
    ticket: str | None
    time: Time
    version: VersionText


class Entry(Part, frozen=True):
    """What is live for one agent, and the generation whose entry lies beneath it on the stack."""

    back: Count | None
    release: DigestText
    since: Count
    snapshot: DigestText
    version: VersionText


class Change(Part, frozen=True, rename={"origin": "from", "target": "to"}):
    """One agent's version before (``from``) and after (``to``) a move; null where it was or becomes not live."""

    agent: AgentText
    origin: VersionText | None
    target: VersionText | None


class Hold(Part, frozen=True):
    """Why a version may not be promoted: the generation that put the hold (or the yank), and its message."""

    generation: Count
    message: str


class Freeze(Part, frozen=True):
    """Who froze the environment, in which generation, and why."""

    actor: Identity
    generation: Count
    message: str


class Record(Document, frozen=True, tag="repoint.record/1"):
    """One state of an environment. In the reserved ledger ``registry``, ``holds`` carries the yanked versions.

    ``authority`` stands in ``init`` and ``seal`` records only: the store that decides from there on.
    """

    LIMIT: ClassVar[int] = MEBIBYTE

    action: Action
    actor: Identity
    agents: dict[AgentText, Entry]
    changes: list[Change]
    environment: EnvironmentText
    frozen: Freeze | None
    generation: Count
    holds: dict[AgentText, dict[VersionText, Hold]]
    id: str
    message: str
    previous: DigestText | None
    registry: str
    ticket: str | None
    time: Time
    authority: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.authority is not UNSET) != (self.action in ("init", "seal")):
            raise ValueError("field authority belongs in init and seal records, and only there")
        if (self.previous is None) != (self.generation == 0):
            raise ValueError("field previous is null in generation 0, and only there")


class Pin(Document, frozen=True, tag="repoint.pin/1"):
    """What this clone was told first: registry, authority and default environment (a local file)."""

    LIMIT: ClassVar[int] = MEBIBYTE

    authority: str
    default_environment: EnvironmentText
    registry: str


class Mark(Document, frozen=True, tag="repoint.mark/1"):
    """The newest record of an environment that this clone has seen (a local file): a pointer never goes below it."""

    LIMIT: ClassVar[int] = MEBIBYTE

    digest: DigestText
    environment: EnvironmentText
    generation: Count


class PendingMove(Document, frozen=True, tag="repoint.pending/1"):
    """A swap whose outcome is not known yet (a local file): all that is needed to send it again.

    ``expected`` is the store's stamp of the pointer that the swap replaces, ``record`` the exact bytes as text.
    """

    LIMIT: ClassVar[int] = 4 * MEBIBYTE

    environment: EnvironmentText
    expected: str
    id: str
    record: str
    store: str


class ReaderReport(Document, frozen=True, tag="repoint.reader/1"):
    """What one process serves: best effort, renewed every so many seconds, and no part of any decision."""

    LIMIT: ClassVar[int] = 4096

    digest: DigestText
    environment: EnvironmentText
    generation: Count
    id: Annotated[str, Meta(pattern=f"^[0-9a-f]{{32}}{_END}")]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    registry: str
    renewed_every: Annotated[int, Meta(ge=1, le=86_400)]
