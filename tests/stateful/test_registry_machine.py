"""Long random lives of a registry, in memory and in Git, compared after every step with a dictionary (see model.py)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from repoint import pointer
from repoint.errors import AlreadyExists, GateRefused, NotFound
from repoint.moves import (
    AnyAction,
    FreezeMoves,
    Moved,
    Restore,
    RollBackTo,
    StepDown,
    UnfreezeMoves,
    Unhold,
    Unyank,
    Yank,
    decide,
)
from repoint.names import YANK_LEDGER, parse_ref
from repoint.registry import Registry
from repoint.state import LocalState
from repoint.store_git import GitStore
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, Version

from tests.stateful.model import Model, NothingToDo, Refused, State
from tests.stores import (
    PRODUCTION,
    STAGING,
    Stamps,
    initialised,
    ledger_of,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
)

LONG = os.environ.get("REPOINT_TEST_LONG") == "1"
ENVIRONMENTS = (STAGING, PRODUCTION)

agents = st.sampled_from(("refund", "router", "intake"))
versions = st.sampled_from(("1.0.0", "1.1.0", "1.2.0", "2.0.0"))
environments = st.sampled_from(ENVIRONMENTS)
handles = st.sampled_from((0, 1))
one_in_three = st.sampled_from((False, False, True))
messages = st.sampled_from(("", "refunds without a receipt", "Müller said so"))
requirements = st.sampled_from(({}, {}, {}, {"intake": ">=1.1.0"}, {"intake": "<2.0.0"}))


class RegistryMachine(RuleBasedStateMachine):
    """The library over one store, through two handles that are opened again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="repoint-machine-"))
        self.model = Model()
        self.stamps = Stamps()
        self.handles: list[Registry] = []

    # What the two kinds of store differ in.

    def open(self) -> Registry:
        raise NotImplementedError

    def close(self, registry: Registry) -> None:
        """Nothing to end in memory."""

    def tidy(self) -> None:
        """Nothing to pack in memory."""

    # Rules.

    @initialize()
    def begin(self) -> None:
        self.handles = [initialised(self.open(), *ENVIRONMENTS), self.open()]
        self.model.histories = {str(environment): [State()] for environment in ENVIRONMENTS}
        for name in ("refund@1.0.0", "refund@1.1.0", "refund@1.2.0", "intake@1.0.0", "intake@1.1.0", "router@1.0.0"):
            self.publish(0, *name.split("@"), "a", {"intake": ">=1.1.0"} if name == "refund@1.2.0" else {})

    def teardown(self) -> None:
        for registry in self.handles:
            self.close(registry)
        shutil.rmtree(self.folder)

    @rule(handle=handles, agent=agents, version=versions, text=st.sampled_from("ab"), requires=requirements)
    def publish(self, handle: int, agent: str, version: str, text: str, requires: dict[str, str]) -> None:
        wanted = {} if agent == "intake" else requires
        try:
            _, created = publish_version(self.handles[handle], f"{agent}@{version}", text, wanted)
            told = "created" if created else "there"
        except AlreadyExists:
            told = "taken"
        assert told == self.model.publish(agent, version, f"{text} {wanted}", wanted)

    @rule(handle=handles, environment=environments, wanted=st.dictionaries(agents, versions, min_size=1, max_size=3))
    def promote(self, handle: int, environment: EnvironmentName, wanted: dict[str, str]) -> None:
        action = promote(*(f"{agent}@{version}" for agent, version in wanted.items()))
        self._move(handle, environment, action, lambda: self.model.promote(environment, wanted))

    @rule(handle=handles, environment=environments, agent=agents, count=st.integers(1, 3), data=st.data())
    def promote_on(
        self, handle: int, environment: EnvironmentName, agent: str, count: int, data: st.DataObject
    ) -> None:
        """Promote an agent some times to versions that are not live, so that stacks grow."""
        for _ in range(count):
            live = self.model.now(environment).live().get(agent)
            others = sorted(v for a, v in self.model.published if a == agent and v != live)
            if others:
                self.promote(handle, environment, {agent: data.draw(st.sampled_from(others))})

    @rule(
        handle=handles,
        environment=environments,
        agents=st.dictionaries(agents, st.none() | versions, min_size=1, max_size=2),
        message=messages,
    )
    def step_down(self, handle: int, environment: EnvironmentName, agents: dict[str, str | None], message: str) -> None:
        named = tuple((AgentName(a), None if v is None else Version(v)) for a, v in agents.items())
        self._move(
            handle,
            environment,
            StepDown(named),
            lambda: self.model.step_down(environment, agents, message),
            message,
        )

    @rule(handle=handles, environment=environments, agent=agents, message=messages)
    def get_off_what_is_live(self, handle: int, environment: EnvironmentName, agent: str, message: str) -> None:
        live = self.model.now(environment).live().get(agent)
        self.step_down(handle, environment, {agent: live}, message)

    @rule(handle=handles, environment=environments, agent=agents, version=versions, message=messages)
    def back_to(self, handle: int, environment: EnvironmentName, agent: str, version: str, message: str) -> None:
        action = RollBackTo(AgentName(agent), Version(version))
        self._move(
            handle, environment, action, lambda: self.model.back_to(environment, agent, version, message), message
        )

    @rule(handle=handles, environment=environments, back=st.integers(-1, 8))
    def restore(self, handle: int, environment: EnvironmentName, back: int) -> None:
        target = max(0, len(self.model.histories[environment]) - 1 - back)
        self._move(handle, environment, Restore(target), lambda: self.model.restore(environment, target))

    @rule(handle=handles, environment=environments, agent=agents, version=versions)
    def unhold(self, handle: int, environment: EnvironmentName, agent: str, version: str) -> None:
        action = Unhold(AgentName(agent), Version(version))
        self._move(handle, environment, action, lambda: self.model.unhold(environment, agent, version))

    @rule(handle=handles, environment=environments, on=one_in_three, message=messages)
    def freeze_or_unfreeze(self, handle: int, environment: EnvironmentName, on: bool, message: str) -> None:
        if on:
            self._move(handle, environment, FreezeMoves(), lambda: self.model.freeze(environment, message), message)
        else:
            self._move(handle, environment, UnfreezeMoves(), lambda: self.model.unfreeze(environment))

    @rule(handle=handles, agent=agents, version=versions, on=st.booleans(), message=messages)
    def yank_or_unyank(self, handle: int, agent: str, version: str, on: bool, message: str) -> None:
        pair = AgentName(agent), Version(version)
        if on:
            self._move(handle, YANK_LEDGER, Yank(*pair), lambda: self.model.yank(agent, version, message), message)
        else:
            self._move(handle, YANK_LEDGER, Unyank(*pair), lambda: self.model.unyank(agent, version))

    @rule(handle=handles, pack=st.booleans())
    def open_again(self, handle: int, pack: bool) -> None:
        if pack:
            self.tidy()
        self.close(self.handles[handle])
        self.handles[handle] = self.open()

    def _move(
        self,
        handle: int,
        environment: EnvironmentName,
        action: AnyAction,
        expected: Callable[[], None],
        message: str = "",
    ) -> None:
        """Carry the move out in the library and in the model, which must tell the same."""
        registry = self.handles[handle]
        before = ledger_of(registry.store, environment)
        self.stamps.message = message
        stamp = self.stamps()
        current = registry.current(environment)
        try:
            expected()
        except NothingToDo:
            outcome = pointer.move(registry, environment, action, lambda: stamp)
            assert outcome.moved is None
        except Refused as refused:
            with pytest.raises(GateRefused if refused.kind == "gate" else NotFound):
                pointer.move(registry, environment, action, lambda: stamp)
        else:
            decided = decide(pointer.view_of(registry, current), action, stamp)
            outcome = pointer.move(registry, environment, action, lambda: stamp)
            assert isinstance(decided, Moved)
            assert outcome.moved == decided, "the heart decided one thing and the driver did another"
            assert ledger_of(self.handles[1 - handle].store, environment) == [*before, encode(decided.record)]
            return
        assert ledger_of(registry.store, environment) == before, "something was written all the same"

    # What must hold after every step.

    @invariant()
    def every_environment_is_what_the_model_says(self) -> None:
        for environment in ENVIRONMENTS if self.handles else ():
            state = self.model.now(environment)
            for registry in self.handles:
                record = registry.current(environment).record
                assert {a: (e.version, e.since, e.back) for a, e in record.agents.items()} == state.entries()
                holds = {a: {v: (h.generation, h.message) for v, h in of.items()} for a, of in record.holds.items()}
                assert holds == {agent: of for agent, of in state.holds.items() if of}
                frozen = record.frozen and (record.frozen.generation, record.frozen.message)
                assert frozen == state.frozen
                assert record.generation == len(self.model.histories[environment]) - 1

    @invariant()
    def the_ledger_is_one_chain_that_tells_every_change(self) -> None:
        for environment in ENVIRONMENTS if self.handles else ():
            registry, history = self.handles[0], self.model.histories[environment]
            contents = ledger_of(registry.store, environment)
            records = list(registry.records(environment, len(history) - 1))[::-1]
            assert [encode(record) for record in records] == contents
            assert records[0].previous is None
            for generation, record in enumerate(records[1:], 1):
                before, after = history[generation - 1].live(), history[generation].live()
                assert record.generation == generation
                assert record.previous == digest_of(contents[generation - 1])
                changes = {str(c.agent): (c.origin, c.target) for c in record.changes}
                named = before.keys() | after.keys()
                assert changes == {a: (before.get(a), after.get(a)) for a in named if before.get(a) != after.get(a)}

    @invariant()
    def versions_and_yanks_are_what_the_model_says(self) -> None:
        for registry in self.handles:
            taken = {(str(a), str(v)) for a, of in registry.store.versions().items() for v in of}
            assert taken == set(self.model.published)
            yanks = registry.yanks()
            assert yanks is not None
            assert {(str(a), str(v)): h.message for a, of in yanks.items() for v, h in of.items()} == self.model.yanked

    @invariant()
    def whatever_is_live_can_be_loaded(self) -> None:
        for environment in ENVIRONMENTS if self.handles else ():
            for agent, entry in self.handles[1].current(environment).record.agents.items():
                self.handles[1].check_loadable(agent, entry)

    @rule(handle=handles, environment=environments, agent=agents, version=versions, back=st.integers(0, 3))
    def versions_are_found(
        self, handle: int, environment: EnvironmentName, agent: str, version: str, back: int
    ) -> None:
        registry = self.handles[handle]
        self._check_earlier(registry, environment, agent, back)
        self._check_latest(registry, agent)
        self._check_files(registry, agent, version)

    def _check_earlier(self, registry: Registry, environment: EnvironmentName, agent: str, back: int) -> None:
        ref = parse_ref(f"{agent}@{environment}~{back}")
        earlier = self.model.earlier(environment, agent)
        if back < len(earlier):
            found = registry.resolve(ref).document
            assert (found.agent, found.version) == (agent, earlier[back])
        else:
            with pytest.raises(NotFound):
                registry.resolve(ref)

    def _check_latest(self, registry: Registry, agent: str) -> None:
        there = [v for a, v in self.model.published if a == agent and (a, v) not in self.model.yanked]
        if there:
            assert registry.latest(AgentName(agent)).document.version == max(there)
        else:
            with pytest.raises(NotFound):
                registry.latest(AgentName(agent))

    def _check_files(self, registry: Registry, agent: str, version: str) -> None:
        content = self.model.published.get((agent, version))
        if content is None:
            with pytest.raises(NotFound):
                registry.release(*pair(f"{agent}@{version}"))
            return
        release = registry.release(*pair(f"{agent}@{version}"))
        prompt = registry.snapshot(release).prompts["system"]
        assert registry.file_bytes(release.document, prompt) == content[:1].encode()


class MemoryMachine(RegistryMachine):
    """Both handles are on one store in memory, each with what its clone remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.opened = 0

    def open(self) -> Registry:
        self.opened += 1
        return new_registry(self.store, self.folder / f"clone-{self.opened % 2}")


class GitMachine(RegistryMachine):
    """One handle is opened in the checkout and one in a worktree of the same repository."""

    nobody: ClassVar = ("-c", "user.name=Nobody", "-c", "user.email=nobody@acme.example")

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self._git("init", "--quiet", "--initial-branch=main", "team")
        self._git("-C", "team", *self.nobody, "commit", "--quiet", "--allow-empty", "-m", "Begin")
        self._git("-C", "team", "worktree", "add", "--quiet", "../worktree")

    def open(self) -> Registry:
        self.opened += 1
        store = open_git(self.folder / ("team", "worktree")[self.opened % 2])
        registry = new_registry(store)
        registry.state = LocalState(Path(store.repository.own_folder))
        return registry

    def close(self, registry: Registry) -> None:
        assert isinstance(registry.store, GitStore)
        registry.store.close()

    def tidy(self) -> None:
        self._git("-C", "team", "gc", "--quiet")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, check=True, capture_output=True)


def test_a_registry_in_memory_lives_as_the_model_says() -> None:
    run_state_machine_as_test(
        MemoryMachine, settings=settings(max_examples=1500 if LONG else 80, stateful_step_count=40, deadline=None)
    )


def test_a_registry_in_git_lives_as_the_model_says() -> None:
    run_state_machine_as_test(
        GitMachine, settings=settings(max_examples=100 if LONG else 4, stateful_step_count=30, deadline=None)
    )
