"""What the tests of stores and moves share: small versions, registries in memory and in Git, and a store with faults.

``FaultStore`` does by plan what a network and a process do by accident: it crashes, loses requests and replies,
applies a write after its call ended, repeats it, or lets others go first. It notes every fault that happened, so that
a test can show that it tested something.
"""

from __future__ import annotations

import enum
import hashlib
import itertools
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from repoint import pointer
from repoint.errors import StoreUnavailable
from repoint.gitrepo import GitRepository
from repoint.moves import Promote, Stamp, StepDown
from repoint.names import YANK_LEDGER
from repoint.publish import Reason, propose, publish
from repoint.registry import Published, Registry
from repoint.release import Wish
from repoint.state import LocalState
from repoint.store import Ahead, Contents, Draft, Foreign, Pointer, Store, Swap
from repoint.store_git import GitStore
from repoint_schemas.canonical import Digest, encode
from repoint_schemas.documents import (
    AgentName,
    EnvironmentName,
    FileEntry,
    Identity,
    Model,
    Record,
    Snapshot,
    Version,
)

REGISTRY = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
PRODUCTION = EnvironmentName("production")
STAGING = EnvironmentName("staging")
ADA = Identity(email="ada@acme.example", name="Ada")
KIM = Identity(email="kim@acme.example", name="Kim")

MANIFEST = """\
schema = "repoint.manifest/1"

[agent]
name = "{agent}"

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"
"""

T = TypeVar("T")


# -- versions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldBytes:
    """A file's content in memory."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.content), 1 << 20):
            yield self.content[at : at + (1 << 20)]


def pair(text: str) -> tuple[AgentName, Version]:
    """``refund@1.2.0`` as agent and version."""
    name, _, version = text.partition("@")
    return AgentName(name), Version(version)


def promote(*targets: str) -> Promote:
    return Promote(tuple(pair(t) for t in targets))


def rollback(*agents: str) -> StepDown:
    split = (text.partition("@") for text in agents)
    return StepDown(tuple((AgentName(name), Version(version) if version else None) for name, _, version in split))


def entry_of(path: str, content: bytes) -> FileEntry:
    return FileEntry(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def contents_of(agent: str, prompt: str, requires: Mapping[str, str] | None = None) -> Contents:
    """The contents of a small version, as they would be read from an agent's folder."""
    wanted = "".join(f'{name} = "{text}"\n' for name, text in (requires or {}).items())
    files = {
        "agent.toml": (MANIFEST.format(agent=agent) + (f"[requires]\n{wanted}" if wanted else "")).encode(),
        "prompts/system.md": prompt.encode(),
    }
    document = Snapshot(
        agent=AgentName(agent),
        config={},
        integrations={},
        manifest=entry_of("agent.toml", files["agent.toml"]),
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts={"system": entry_of("prompts/system.md", files["prompts/system.md"])},
        requires={AgentName(name): text for name, text in (requires or {}).items()},
    )
    return Contents(document, encode(document), {path: HeldBytes(content) for path, content in files.items()})


def publish_version(
    registry: Registry, name: str, prompt: str | None = None, requires: Mapping[str, str] | None = None
) -> tuple[Published, bool]:
    """Publish ``AGENT@VERSION`` through the library; the prompt is the name itself where none is given."""
    agent, version = pair(name)
    contents = contents_of(agent, name if prompt is None else prompt, requires)
    proposal = propose(registry, contents, Wish(version=version, allow_underbump=True))
    return publish(registry, proposal, Reason(ADA, 1_795_208_400, f"Publish {name}", None, None))


# -- registries ------------------------------------------------------------------------------------------------------


class Stamps:
    """Stamps of one mover, and the ids of all that were made since ``ids`` was last emptied."""

    _numbers = itertools.count(1)

    def __init__(self, actor: Identity = KIM, message: str = "") -> None:
        self.actor = actor
        self.message = message
        self.ids: list[str] = []

    def __call__(self) -> Stamp:
        number = next(self._numbers)
        identifier = f"{os.getpid():08x}-0000-4000-8000-{number:012x}"
        self.ids.append(identifier)
        time = (
            f"2026-11-{20 + number // 86400 % 9:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        )
        return Stamp(self.actor, time, identifier, self.message)


def new_registry(store: Store, state: Path | None = None) -> Registry:
    """A handle on the registry in a store; ``state`` is the folder of what this clone remembers."""
    return Registry(store, REGISTRY, "local", None if state is None else LocalState(state))


def initialised(registry: Registry, *environments: EnvironmentName) -> Registry:
    """The registry, with these environments (production, if none is named) and the yank ledger created."""
    for environment in (YANK_LEDGER, *(environments or (PRODUCTION,))):
        assert pointer.create(registry, environment, Stamps()())
    return registry


def open_git(folder: Path) -> GitStore:
    """A store in the repository of a folder, with the environment of this test."""
    return GitStore(GitRepository.discover(folder, os.environ))


def ledger_of(store: Store, environment: EnvironmentName = PRODUCTION) -> list[bytes]:
    """The whole ledger as stored, generation 0 first."""
    found = store.read_pointer(environment)
    if found is None:
        return []
    newest = len(store.ledger_times(environment)) - 1
    return list(store.read_ledger(environment, newest, 0))[::-1]


def live_in(registry: Registry, environment: EnvironmentName = PRODUCTION) -> dict[str, str]:
    """What is live, by agent."""
    record = registry.current(environment).record
    return {str(agent): str(entry.version) for agent, entry in record.agents.items()}


# -- faults ----------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process died here: nothing after it runs, so no ``except Exception`` may see it."""


class Fault(enum.Enum):
    """What happens to one write."""

    CRASH_BEFORE = "the process dies before the write"
    CRASH_AFTER = "the process dies after the write"
    REFUSED = "the store cannot be reached, and nothing was sent"
    LOST_REQUEST = "no reply, and the write never arrives"
    LOST_REPLY = "no reply, although the write was applied"
    LATE = "no reply, and the write arrives after the call ended"
    REPEATED = "the write arrives twice, and the second reply is seen"
    DELAYED = "others go first"


Plan = Iterable[Fault | None]


class FaultStore:
    """A store behind a network that loses, repeats and delays, in front of a process that may die.

    ``plan`` says what happens to each write in turn, and nothing happens after its end. ``happened`` lists the writes
    and their faults. ``meanwhile`` is what others do where a write is delayed. ``unreadable`` is the number of reads of
    a pointer or a record that will fail from now on.
    """

    late_writes = True

    def __init__(self, inner: Store, plan: Plan = (), meanwhile: Callable[[], object] = lambda: None) -> None:
        self.inner = inner
        self.plan = iter(plan)
        self.meanwhile = meanwhile
        self.happened: list[tuple[str, Fault]] = []
        self.on_the_way: list[Callable[[], object]] = []
        self.unreadable = 0

    @property
    def name(self) -> str:
        return f"{self.inner.name} over a network"

    @property
    def faults(self) -> list[Fault]:
        """The faults that happened, in order."""
        return [fault for _, fault in self.happened]

    def deliver(self, number: int | None = None) -> int:
        """Apply late writes now, oldest first; returns how many there were."""
        due = self.on_the_way[:number]
        del self.on_the_way[:number]
        for write in due:
            write()
        return len(due)

    def _write(self, name: str, apply: Callable[[], T], no_reply: Callable[[], T]) -> T:
        fault = next(self.plan, None)
        if fault is None:
            return apply()
        self.happened.append((name, fault))
        match fault:
            case Fault.CRASH_BEFORE:
                raise Crash
            case Fault.CRASH_AFTER:
                apply()
                raise Crash
            case Fault.REFUSED:
                raise StoreUnavailable("the store cannot be reached", kind="unreachable")
            case Fault.LOST_REQUEST:
                return no_reply()
            case Fault.LOST_REPLY:
                apply()
                return no_reply()
            case Fault.LATE:
                self.on_the_way.append(apply)
                return no_reply()
            case Fault.REPEATED:
                apply()
                return apply()
            case Fault.DELAYED:
                self.meanwhile()
                return apply()

    def _read(self) -> None:
        if self.unreadable:
            self.unreadable -= 1
            raise StoreUnavailable("the store cannot be read", kind="unreachable")

    # writes

    def put_contents(self, contents: Contents) -> None:
        self._write("put_contents", lambda: self.inner.put_contents(contents), _unreachable)

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        return self._write("create_release", lambda: self.inner.create_release(draft, contents), _unreachable)

    def create_pointer(self, record: Record, content: bytes) -> bool:
        return self._write("create_pointer", lambda: self.inner.create_pointer(record, content), _unreachable)

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        def apply() -> Swap:
            return self.inner.swap_pointer(expected, record, content)

        return self._write("swap_pointer", apply, lambda: Swap.UNKNOWN)

    # ahead

    def read_ahead(self, ahead: Ahead) -> None:
        self.inner.read_ahead(ahead)

    def prepare_swap(self, expected: Pointer, record: Record, ahead: Ahead) -> None:
        self.inner.prepare_swap(expected, record, ahead)

    # reads

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        return self.inner.versions(agent)

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        return self.inner.read_release(agent, version)

    def read_releases(
        self, wanted: Iterable[tuple[AgentName, Version]]
    ) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        return self.inner.read_releases(wanted)

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        return self.inner.read_snapshot(agent, version, digest)

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        return self.inner.read_file(agent, version, entry)

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        return self.inner.missing_files(agent, version, entries)

    def environments(self) -> list[EnvironmentName]:
        return self.inner.environments()

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        self._read()
        return self.inner.read_pointer(environment)

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        self._read()
        return self.inner.read_record(environment, generation)

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        return self.inner.read_ledger(environment, newest, oldest)

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        return self.inner.ledger_times(environment)


def _unreachable() -> bool:
    raise StoreUnavailable("no reply from the store", kind="no-reply")


def seeded_faults(seed: int, rate: float, kinds: Sequence[Fault] = tuple(Fault)) -> Iterator[Fault | None]:
    """An endless plan: each write has a fault of one of these kinds with probability ``rate``."""
    chance = random.Random(seed)
    while True:
        yield chance.choice(kinds) if chance.random() < rate else None
