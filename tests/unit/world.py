"""A pure little world for the tests of the heart: published versions, one environment, the yank ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from repoint.errors import NotFound
from repoint.moves import (
    AnyAction,
    Decision,
    Moved,
    Promote,
    Stamp,
    StepDown,
    Target,
    Unyank,
    View,
    Yank,
    decide,
    first_record,
)
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, Identity, Record, Version

REGISTRY = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
PRODUCTION = EnvironmentName("production")
ADA = Identity(email="ada@acme.example", name="Ada")
KIM = Identity(email="kim@acme.example", name="Kim")


def agent(text: str) -> AgentName:
    return AgentName(text)


def version(text: str) -> Version:
    return Version(text)


def pair(text: str) -> tuple[AgentName, Version]:
    name, _, v = text.partition("@")
    return agent(name), version(v)


def promote(*targets: str) -> Promote:
    return Promote(tuple(pair(t) for t in targets))


def rollback(*agents: str) -> StepDown:
    return StepDown(tuple((agent(n), version(v) if v else None) for n, _, v in (a.partition("@") for a in agents)))


def fake_digest(text: str) -> Digest:
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


@dataclass
class World:
    """Everything that a decision may look at, as plain lists and dictionaries."""

    requires: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    ledger: list[Record] = field(default_factory=list)
    yank_ledger: list[Record] = field(default_factory=list)
    yanks_readable: bool = True
    clock: int = 0
    published: set[tuple[str, str]] | None = None

    def __post_init__(self) -> None:
        self.ledger.append(first_record(PRODUCTION, REGISTRY, "local", self.stamp()))
        self.yank_ledger.append(first_record(EnvironmentName("registry"), REGISTRY, "local", self.stamp()))

    @property
    def record(self) -> Record:
        return self.ledger[-1]

    @property
    def live(self) -> dict[str, str]:
        return {str(a): str(e.version) for a, e in self.record.agents.items()}

    def stamp(self, message: str = "", actor: Identity = KIM) -> Stamp:
        self.clock += 1
        hours, minutes = divmod(self.clock // 60, 60)
        return Stamp(actor, f"2026-11-20T{hours:02}:{minutes:02}:{self.clock % 60:02}Z", f"id-{self.clock}", message)

    def target(self, name: AgentName, v: Version) -> Target:
        if self.published is not None and (name, v) not in self.published:
            raise NotFound(f"{name} has no version {v}", kind="no-such-version")
        return Target(v, fake_digest(f"release {name} {v}"), fake_digest(f"snapshot {name} {v}"))

    def requires_of(self, entries: Mapping[AgentName, Entry]) -> Mapping[AgentName, Mapping[AgentName, str]]:
        return {a: {agent(n): r for n, r in self.requires.get((a, e.version), {}).items()} for a, e in entries.items()}

    def view(self, ledger: list[Record] | None = None) -> View:
        records = self.ledger if ledger is None else ledger
        yanks = self.yank_ledger[-1].holds if self.yanks_readable else None
        return View(records[-1], yanks, records.__getitem__, self.target, self.requires_of)

    def decide(self, action: AnyAction, message: str = "") -> Decision:
        return decide(self.view(self._ledger_of(action)), action, self.stamp(message))

    def do(self, action: AnyAction, message: str = "") -> Moved:
        """Decide and append; fails the test when there is nothing to do."""
        decision = self.decide(action, message)
        assert isinstance(decision, Moved), decision
        self._ledger_of(action).append(decision.record)
        return decision

    def _ledger_of(self, action: AnyAction) -> list[Record]:
        return self.yank_ledger if isinstance(action, Yank | Unyank) else self.ledger
