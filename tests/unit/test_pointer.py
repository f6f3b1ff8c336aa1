"""Carrying moves out over a store with faults: every outcome that is reported is true.

Rows 1-3 and 32-35 of docs/moves.md; the others are decided without a store, see test_moves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from repoint import pointer
from repoint.errors import Conflict, Corrupt, GateRefused, NotFound, OutcomeUnknown, RepointError, StoreUnavailable
from repoint.moves import AnyAction, FreezeMoves, RollBackTo, Stamp, UnfreezeMoves, Unhold, Yank
from repoint.names import YANK_LEDGER
from repoint.pointer import MAX_DECISIONS, MAX_SENDS, Outcome, move
from repoint.registry import Registry
from repoint.store import Pointer, Store, Swap
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import EnvironmentName, Identity, Record

from tests.races.history import How, Told, check_history
from tests.stores import (
    ADA,
    PRODUCTION,
    STAGING,
    Crash,
    Fault,
    FaultStore,
    Plan,
    Stamps,
    initialised,
    ledger_of,
    live_in,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
    rollback,
    seeded_faults,
)

SWAP = "swap_pointer"
AGENTS = ("refund", "router", "intake")


class Scene:
    """One registry in memory with a few versions; every engineer has a clone of their own behind a network."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self.folder = folder
        self.store: Store = MemoryStore() if store is None else store
        self.registry = initialised(new_registry(self.store), PRODUCTION, STAGING)
        for agent in AGENTS:
            for version in ("1.0.0", "1.1.0", "1.2.0"):
                publish_version(self.registry, f"{agent}@{version}")

    def clone(self, name: str = "kim", plan: Plan = (), meanwhile: Callable[[], object] = lambda: None) -> Registry:
        """A clone's handle; the same name is the same clone, started again."""
        return new_registry(FaultStore(self.store, plan, meanwhile), self.folder / name)

    def do(self, action: AnyAction, actor: Identity = ADA, message: str = "") -> Outcome:
        """A move by somebody else, who has no faults."""
        environment = YANK_LEDGER if isinstance(action, Yank) else PRODUCTION
        return move(self.registry, environment, action, Stamps(actor, message))

    @property
    def live(self) -> dict[str, str]:
        return live_in(self.registry)

    @property
    def generation(self) -> int:
        return len(ledger_of(self.store)) - 1


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def faults(registry: Registry) -> list[tuple[str, Fault]]:
    assert isinstance(registry.store, FaultStore)
    return registry.store.happened


def deliver(registry: Registry) -> int:
    assert isinstance(registry.store, FaultStore)
    return registry.store.deliver()


def pending(registry: Registry) -> list[str]:
    assert registry.state is not None
    return [p.id for p in registry.state.pending()]


def moved(outcome: Outcome) -> Record:
    assert outcome.moved is not None, outcome.nothing
    return outcome.moved.record


# -- rows 1 to 3 -------------------------------------------------------------------------------------------------------


def test_row_1_an_environment_is_created_with_generation_0(tmp_path: Path) -> None:
    store = MemoryStore()
    registry = new_registry(store, tmp_path)
    assert pointer.create(registry, PRODUCTION, Stamps()())
    record = registry.current(PRODUCTION).record
    assert (record.generation, record.agents, record.previous, record.authority) == (0, {}, None, "local")


def test_row_2_who_lost_the_creation_is_done_in_the_same_registry(tmp_path: Path) -> None:
    inner = MemoryStore()
    store = FaultStore(inner, [Fault.DELAYED], lambda: pointer.create(new_registry(inner), PRODUCTION, Stamps(ADA)()))
    assert not pointer.create(new_registry(store, tmp_path), PRODUCTION, Stamps()())
    assert store.happened == [("create_pointer", Fault.DELAYED)]
    assert new_registry(inner).current(PRODUCTION).record.actor == ADA


def test_row_2_who_lost_the_creation_to_another_registry_is_told(tmp_path: Path) -> None:
    inner = MemoryStore()
    other = Registry(inner, "another-registry", "local")
    store = FaultStore(inner, [Fault.DELAYED], lambda: pointer.create(other, PRODUCTION, Stamps(ADA)()))
    with pytest.raises(Conflict, match="another-registry") as error:
        pointer.create(new_registry(store, tmp_path), PRODUCTION, Stamps()())
    assert error.value.kind == "registry-mismatch"
    assert store.faults == [Fault.DELAYED]


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REPLY, Fault.LOST_REQUEST])
def test_rows_1_and_2_a_creation_that_broke_off_is_finished_by_doing_it_again(fault: Fault, tmp_path: Path) -> None:
    store = FaultStore(MemoryStore(), [fault])
    registry = new_registry(store, tmp_path)
    with pytest.raises((Crash, StoreUnavailable)):
        pointer.create(registry, PRODUCTION, Stamps()())
    assert store.faults == [fault]
    assert pointer.create(registry, PRODUCTION, Stamps()()) == (fault in (Fault.CRASH_BEFORE, Fault.LOST_REQUEST))
    assert registry.current(PRODUCTION).record.generation == 0


class WithoutPointers(FaultStore):
    """Pointers are gone, ledgers are still there."""

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        return None


def test_row_3_a_missing_pointer_beside_its_ledger_is_corrupt(scene: Scene) -> None:
    registry = new_registry(WithoutPointers(scene.store))
    with pytest.raises(Corrupt) as error:
        move(registry, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert error.value.kind == "pointer-missing"
    assert scene.generation == 0


def test_row_3_neither_pointer_nor_ledger_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as error:
        move(new_registry(MemoryStore(), tmp_path), PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert error.value.hint == "run repoint init"


# -- one fault, and the move is done -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plan",
    [
        [Fault.REPEATED],
        [Fault.LOST_REPLY],
        [Fault.LOST_REQUEST],
        [Fault.LATE],
        [Fault.LOST_REQUEST, Fault.REPEATED],
        [Fault.LATE, Fault.LATE, Fault.LOST_REPLY],
        [Fault.LOST_REPLY] * (MAX_SENDS - 1),
    ],
)
def test_a_move_whose_write_was_lost_or_doubled_is_done_once(plan: list[Fault], scene: Scene) -> None:
    kim = scene.clone(plan=plan)
    stamps = Stamps()
    record = moved(move(kim, PRODUCTION, promote("refund@1.0.0"), stamps))
    assert faults(kim) == [(SWAP, fault) for fault in plan]
    late = deliver(kim)
    assert late == plan.count(Fault.LATE)
    assert [record.id] == stamps.ids
    assert ledger_of(scene.store)[1:] == [encode(record)]
    assert pending(kim) == []


def test_a_lost_swap_whose_record_stands_beneath_others_is_success(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.LOST_REPLY, Fault.DELAYED], meanwhile=lambda: scene.do(promote("router@1.0.0")))
    record = moved(move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps()))
    assert [fault for _, fault in faults(kim)] == [Fault.LOST_REPLY, Fault.DELAYED]
    assert record.generation == 1
    assert ledger_of(scene.store)[1] == encode(record)
    assert scene.live == {"refund": "1.0.0", "router": "1.0.0"}


# -- unknown outcomes --------------------------------------------------------------------------------------------------


def unknown(scene: Scene, plan: list[Fault], action: AnyAction) -> tuple[Registry, str]:
    """Kim's clone after a move whose outcome is not known, and the id that Kim was told."""
    kim, stamps = scene.clone(plan=plan), Stamps()
    with pytest.raises(OutcomeUnknown) as error:
        move(kim, PRODUCTION, action, stamps)
    assert faults(kim) == [(SWAP, fault) for fault in plan]
    assert error.value.exit_code == 10
    assert error.value.facts["id"] == stamps.ids[-1]
    assert error.value.hint == f"repoint resolve {stamps.ids[-1]}"
    assert pending(kim) == [stamps.ids[-1]]
    return kim, stamps.ids[-1]


def test_no_final_answer_is_an_unknown_outcome_with_the_id(scene: Scene) -> None:
    unknown(scene, [Fault.LOST_REQUEST] * MAX_SENDS, promote("refund@1.0.0"))
    assert scene.generation == 0


@pytest.mark.parametrize("first", [Fault.LOST_REPLY, Fault.LATE, Fault.LOST_REQUEST])
def test_a_store_that_is_gone_after_a_first_sending_is_no_proof_that_nothing_was_done(
    first: Fault, scene: Scene
) -> None:
    kim, identifier = unknown(scene, [first, Fault.REFUSED], promote("refund@1.0.0"))
    (settled,) = pointer.resolve_pending(kim, PRODUCTION)
    assert (settled.record.id, settled.stands) == (identifier, True)
    assert scene.live == {"refund": "1.0.0"}
    assert pending(kim) == []


def test_a_lost_swap_that_cannot_be_looked_up_is_unknown(scene: Scene) -> None:
    store = FaultStore(scene.store)

    def blind() -> Iterator[Fault]:
        store.unreadable = 1
        yield Fault.REPEATED

    store.plan = blind()
    kim = new_registry(store, scene.folder / "kim")
    with pytest.raises(OutcomeUnknown):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert store.faults == [Fault.REPEATED]
    assert [s.stands for s in pointer.resolve_pending(kim, PRODUCTION)] == [True]


def test_a_store_that_refused_the_first_sending_did_nothing_and_nothing_is_left_to_be_sent_later(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.REFUSED])
    with pytest.raises(StoreUnavailable):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.REFUSED)]
    assert pending(kim) == []
    outcome = move(kim, PRODUCTION, promote("router@1.0.0"), Stamps())
    assert outcome.settled == ()
    assert scene.live == {"router": "1.0.0"}


class NeverSure(FaultStore):
    """As a local disk that does not confirm: no write arrives late, so nothing is saved before it is sent."""

    late_writes = False


def test_an_unknown_outcome_can_be_resolved_also_where_no_write_arrives_late(scene: Scene) -> None:
    store = NeverSure(scene.store, [Fault.LOST_REPLY] * MAX_SENDS)
    kim = new_registry(store, scene.folder / "kim")
    with pytest.raises(OutcomeUnknown):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert len(pending(kim)) == 1
    assert [s.stands for s in pointer.resolve_pending(kim, PRODUCTION)] == [True]


def test_without_late_writes_nothing_is_saved_before_a_move_is_sent(scene: Scene) -> None:
    kim = new_registry(NeverSure(scene.store, [Fault.CRASH_BEFORE]), scene.folder / "kim")
    with pytest.raises(Crash):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.CRASH_BEFORE)]
    assert pending(kim) == []


def held_fast(registry: Registry, block: str) -> Path:
    """A folder in the place of a saved move: it can be neither read nor removed."""
    assert registry.state is not None
    made = Path(registry.state.folder, "pending", f"{block}.json")
    made.mkdir(parents=True)
    return made


def test_a_move_that_stands_is_done_also_where_it_cannot_be_forgotten(scene: Scene) -> None:
    stamps = Stamps()
    kim = new_registry(NeverSure(scene.store), scene.folder / "kim")

    def in_the_way() -> Stamp:
        stamp = stamps()
        held_fast(kim, stamp.id)
        return stamp

    record = moved(move(kim, PRODUCTION, promote("refund@1.0.0"), in_the_way))
    assert ledger_of(scene.store)[1:] == [encode(record)]
    assert kim.state is not None
    mark = kim.state.mark(PRODUCTION)
    assert mark is not None
    assert (mark.generation, mark.digest) == (1, digest_of(encode(record)))


def test_a_refusal_is_told_as_it_was_also_where_it_cannot_be_forgotten(scene: Scene) -> None:
    stamps = Stamps()
    kim = new_registry(NeverSure(scene.store, [Fault.REFUSED]), scene.folder / "kim")

    def in_the_way() -> Stamp:
        stamp = stamps()
        held_fast(kim, stamp.id)
        return stamp

    with pytest.raises(StoreUnavailable) as error:
        move(kim, PRODUCTION, promote("refund@1.0.0"), in_the_way)
    assert error.value.kind == "unreachable"


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_saved_move_that_cannot_be_read_blocks_only_where_writes_arrive_late(
    content: bytes | None, scene: Scene
) -> None:
    scene.do(promote("refund@1.0.0"))
    scene.do(promote("refund@1.1.0"))
    kim = new_registry(NeverSure(scene.store), scene.folder / "kim")
    saved = held_fast(kim, "damaged")
    if content is not None:
        saved.rmdir()
        saved.write_bytes(content)
    with pytest.raises((Corrupt, StoreUnavailable)):
        move(scene.clone(), PRODUCTION, rollback("refund@1.1.0"), Stamps())
    move(kim, PRODUCTION, rollback("refund@1.1.0"), Stamps())
    assert scene.live == {"refund": "1.0.0"}


# -- row 35: own earlier moves first -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_row_35_a_move_that_died_in_the_swap_is_resolved_before_the_next(fault: Fault, scene: Scene) -> None:
    kim, stamps = scene.clone(plan=[fault]), Stamps()
    with pytest.raises(Crash):
        move(kim, PRODUCTION, promote("refund@1.0.0"), stamps)
    assert faults(kim) == [(SWAP, fault)]
    assert pending(kim) == stamps.ids
    again = scene.clone()
    outcome = move(again, PRODUCTION, promote("refund@1.1.0"), Stamps())
    assert [(s.record.id, s.stands) for s in outcome.settled] == [(stamps.ids[0], True)]
    assert outcome.before.id == stamps.ids[0]
    assert moved(outcome).generation == 2
    assert pending(again) == []


def test_row_35_a_move_that_was_never_sent_is_applied_only_if_nobody_moved_and_never_without_notice(
    scene: Scene,
) -> None:
    kim, stamps = scene.clone(plan=[Fault.CRASH_BEFORE]), Stamps()
    with pytest.raises(Crash):
        move(kim, PRODUCTION, promote("refund@1.0.0"), stamps)
    assert faults(kim) == [(SWAP, Fault.CRASH_BEFORE)]
    scene.do(promote("router@1.0.0"))
    outcome = move(scene.clone(), PRODUCTION, promote("intake@1.0.0"), Stamps())
    assert [(s.record.id, s.stands) for s in outcome.settled] == [(stamps.ids[0], False)]
    assert scene.live == {"router": "1.0.0", "intake": "1.0.0"}


@pytest.mark.parametrize("arrives", ["before", "after", "never"])
def test_row_35_sending_again_settles_a_write_that_is_still_on_its_way(arrives: str, scene: Scene) -> None:
    kim, identifier = unknown(scene, [Fault.LATE, Fault.REFUSED], promote("refund@1.0.0"))
    if arrives == "before":
        assert deliver(kim) == 1
    outcome = move(kim, PRODUCTION, promote("router@1.0.0"), Stamps())
    if arrives == "after":
        assert deliver(kim) == 1
    assert [(s.record.id, s.stands) for s in outcome.settled] == [(identifier, True)]
    assert scene.generation == 2
    assert scene.live == {"refund": "1.0.0", "router": "1.0.0"}


def test_row_35_a_late_write_changes_nothing_after_another_mover_won(scene: Scene) -> None:
    kim, identifier = unknown(scene, [Fault.LATE, Fault.REFUSED], promote("refund@1.0.0"))
    scene.do(promote("refund@1.1.0"))
    assert [(s.record.id, s.stands) for s in pointer.resolve_pending(kim, PRODUCTION)] == [(identifier, False)]
    assert deliver(kim) == 1
    assert scene.live == {"refund": "1.1.0"}
    assert scene.generation == 1


def test_row_35_while_it_cannot_be_settled_nothing_else_is_done(scene: Scene) -> None:
    unknown(scene, [Fault.LOST_REQUEST] * MAX_SENDS, promote("refund@1.0.0"))
    kim, stamps = scene.clone(plan=[Fault.LOST_REQUEST] * MAX_SENDS), Stamps()
    with pytest.raises(OutcomeUnknown):
        move(kim, PRODUCTION, promote("router@1.0.0"), stamps)
    assert len(faults(kim)) == MAX_SENDS
    assert stamps.ids == []
    assert len(pending(kim)) == 1
    assert scene.generation == 0


def test_row_35_holds_for_a_move_that_turns_out_to_be_nothing_to_do(scene: Scene) -> None:
    kim, _ = unknown(scene, [Fault.LATE, Fault.REFUSED], promote("refund@1.0.0"))
    outcome = move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert outcome.moved is None
    assert [s.stands for s in outcome.settled] == [True]


def test_row_35_what_was_settled_is_told_also_where_the_new_move_is_refused(scene: Scene) -> None:
    kim, identifier = unknown(scene, [Fault.LATE, Fault.REFUSED], promote("refund@1.0.0"))
    told: list[pointer.Settled] = []
    with pytest.raises(NotFound):
        move(kim, PRODUCTION, promote("refund@9.9.9"), Stamps(), told.append)
    assert [(s.record.id, s.stands) for s in told] == [(identifier, True)]
    assert move(kim, PRODUCTION, promote("refund@1.1.0"), Stamps(), told.append).settled == ()
    assert len(told) == 1


def test_row_35_concerns_this_environment_and_this_store(scene: Scene) -> None:
    kim, identifier = unknown(scene, [Fault.LATE, Fault.REFUSED], promote("refund@1.0.0"))
    assert move(kim, STAGING, promote("router@1.0.0"), Stamps()).settled == ()
    elsewhere = new_registry(scene.store, scene.folder / "kim")
    assert move(elsewhere, PRODUCTION, promote("router@1.0.0"), Stamps()).settled == ()
    assert pending(kim) == [identifier]
    assert elsewhere.state is not None
    (saved,) = elsewhere.state.pending()
    with pytest.raises(Conflict, match="memory over a network"):
        pointer.resolve(elsewhere, saved)


def test_row_35_two_processes_of_one_clone_settle_each_others_moves_and_both_are_told_the_truth(scene: Scene) -> None:
    second: list[Outcome] = []

    def meanwhile() -> None:
        second.append(move(scene.clone(), PRODUCTION, promote("router@1.0.0"), Stamps()))

    first, stamps = scene.clone(plan=[Fault.DELAYED], meanwhile=meanwhile), Stamps()
    record = moved(move(first, PRODUCTION, promote("refund@1.0.0"), stamps))
    assert faults(first) == [(SWAP, Fault.DELAYED)]
    assert [(s.record.id, s.stands) for s in second[0].settled] == [(record.id, True)]
    assert (record.generation, moved(second[0]).generation) == (1, 2)
    assert pending(first) == []


# -- rows 32 to 34: lost swaps -----------------------------------------------------------------------------------------


def test_row_32_a_sealed_ledger_accepts_nothing(scene: Scene) -> None:
    now = scene.registry.current(PRODUCTION)
    sealed = msgspec.structs.replace(
        now.record,
        action="seal",
        authority="s3://acme-agents/repoint",
        generation=1,
        id="the-seal",
        previous=digest_of(now.pointer.content),
    )
    kim = scene.clone(
        plan=[Fault.DELAYED], meanwhile=lambda: scene.store.swap_pointer(now.pointer, sealed, encode(sealed))
    )
    with pytest.raises(Conflict, match="s3://acme-agents/repoint"):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert scene.generation == 1


def test_row_33_a_lost_swap_is_decided_again_when_its_agents_were_not_touched(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(promote("router@1.0.0", "intake@1.0.0")))
    stamps = Stamps()
    outcome = move(kim, PRODUCTION, promote("refund@1.0.0"), stamps)
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert moved(outcome).generation == 2
    assert outcome.before.generation == 1
    assert len(set(stamps.ids)) == 2
    assert moved(outcome).id == stamps.ids[1]
    assert scene.live == {"refund": "1.0.0", "router": "1.0.0", "intake": "1.0.0"}
    assert pending(kim) == []


def test_row_33_decided_again_with_all_checks(scene: Scene) -> None:
    def freeze() -> None:
        scene.do(FreezeMoves(), message="audit")

    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=freeze)
    with pytest.raises(GateRefused, match="audit"):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]


def test_row_33_a_yank_that_came_first_counts(scene: Scene) -> None:
    def yank() -> None:
        scene.do(Yank(*pair("refund@1.0.0")), message="leak")
        scene.do(promote("router@1.0.0"))

    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=yank)
    with pytest.raises(GateRefused, match="leak"):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert scene.live == {"router": "1.0.0"}


def test_row_33_it_gives_up_when_others_always_come_first(scene: Scene) -> None:
    versions = ["1.0.0", "1.1.0"] * MAX_DECISIONS
    kim = scene.clone(
        plan=[Fault.DELAYED] * MAX_DECISIONS, meanwhile=lambda: scene.do(promote(f"router@{versions.pop()}"))
    )
    with pytest.raises(StoreUnavailable) as error:
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert error.value.kind == "too-busy"
    assert len(faults(kim)) == MAX_DECISIONS
    assert scene.live == {"router": "1.0.0"}
    assert scene.generation == MAX_DECISIONS


def test_row_34_a_lost_swap_whose_agent_changed_says_who_what_and_when(scene: Scene) -> None:
    scene.do(promote("refund@1.0.0"))

    def others() -> None:
        scene.do(promote("refund@1.2.0"), message="hotfix")
        scene.do(promote("router@1.0.0"))

    kim, stamps = scene.clone(plan=[Fault.DELAYED], meanwhile=others), Stamps()
    with pytest.raises(Conflict) as error:
        move(kim, PRODUCTION, promote("refund@1.1.0"), stamps)
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    winner = scene.registry.record_at(PRODUCTION)(2)
    for said in ("Ada moved refund in production first: 1.0.0 -> 1.2.0", "generation 2", winner.time, "hotfix"):
        assert said in error.value.message
    assert error.value.facts["id"] == winner.id
    assert error.value.facts["generation"] == 2
    assert scene.live == {"refund": "1.2.0", "router": "1.0.0"}
    assert pending(kim) == []


def test_row_34_names_every_agent_that_changed(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(promote("router@1.0.0", "refund@1.0.0")))
    with pytest.raises(Conflict, match=r"not live -> 1\.0\.0") as error:
        move(kim, PRODUCTION, promote("refund@1.1.0", "router@1.1.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert error.value.facts["agents"] == ["refund", "router"]
    assert "router changed too" in error.value.message


def test_row_34_two_engineers_who_get_off_one_version_go_one_step_down(scene: Scene) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        scene.do(promote(f"refund@{version}"))
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(rollback("refund@1.2.0")))
    with pytest.raises(Conflict, match=r"1\.2\.0 -> 1\.1\.0"):
        move(kim, PRODUCTION, rollback("refund@1.2.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert scene.live == {"refund": "1.1.0"}


@pytest.mark.parametrize("when", ["before", "while it is sent"])
def test_rows_17_and_34_hold_for_a_rollback_to_a_version_too(when: str, scene: Scene) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        scene.do(promote(f"refund@{version}"))
    action = RollBackTo(*pair("refund@1.0.0"), pair("refund@1.2.0")[1])
    if when == "before":
        scene.do(rollback("refund@1.2.0"))
        outcome = move(scene.clone(), PRODUCTION, action, Stamps())
        assert outcome.nothing is not None
        assert "1.1.0 is, since generation 4" in outcome.nothing.reason
    else:
        kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(rollback("refund@1.2.0")))
        with pytest.raises(Conflict, match=r"1\.2\.0 -> 1\.1\.0"):
            move(kim, PRODUCTION, action, Stamps())
    assert scene.live == {"refund": "1.1.0"}


@pytest.mark.parametrize(("action", "same"), [(FreezeMoves(), True), (UnfreezeMoves(), False)])
def test_flags_that_two_set_at_once_are_set_once(action: AnyAction, same: bool, scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(FreezeMoves()))
    if not same:
        scene.do(FreezeMoves())
        kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: scene.do(UnfreezeMoves()))
    outcome = move(kim, PRODUCTION, action, Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert outcome.moved is None


# -- contradictions ----------------------------------------------------------------------------------------------------


def memory(scene: Scene) -> dict[EnvironmentName, list[bytes]]:
    assert isinstance(scene.store, MemoryStore)
    return scene.store._ledgers


def test_a_pointer_that_went_back_is_corrupt(scene: Scene) -> None:
    scene.do(promote("refund@1.0.0"))
    scene.do(promote("refund@1.1.0"))
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: memory(scene)[PRODUCTION].pop())
    with pytest.raises(Corrupt) as error:
        move(kim, PRODUCTION, promote("refund@1.2.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert error.value.kind == "pointer-went-back"
    assert scene.live == {"refund": "1.0.0"}


def test_an_agent_that_another_mover_lost_is_corrupt(scene: Scene) -> None:
    scene.do(promote("refund@1.0.0"))

    def lose() -> None:
        scene.do(promote("refund@1.1.0"))
        newest = msgspec.json.decode(memory(scene)[PRODUCTION][-1], type=Record)
        memory(scene)[PRODUCTION][-1] = encode(msgspec.structs.replace(newest, agents={}))

    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lose)
    with pytest.raises(Corrupt, match="does not have the entry of refund") as error:
        move(kim, PRODUCTION, promote("refund@1.2.0"), Stamps())
    assert error.value.kind == "ledger-gap"


def test_a_pointer_that_is_gone_is_never_made_again(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.DELAYED], meanwhile=lambda: memory(scene).pop(PRODUCTION))
    with pytest.raises(Corrupt):
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert faults(kim) == [(SWAP, Fault.DELAYED)]
    assert scene.store.read_pointer(PRODUCTION) is None


def test_a_pointer_below_what_this_clone_saw_is_corrupt_before_anything_is_sent(scene: Scene) -> None:
    kim = scene.clone()
    move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    memory(scene)[PRODUCTION].pop()
    with pytest.raises(Corrupt) as error:
        move(kim, PRODUCTION, promote("refund@1.1.0"), Stamps())
    assert error.value.kind == "pointer-went-back"
    assert scene.generation == 0


class Stubborn(FaultStore):
    """Refuses every swap, although the pointer is as expected."""

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        return Swap.LOST


def test_a_store_that_contradicts_itself_leaves_the_outcome_open(scene: Scene) -> None:
    kim = new_registry(Stubborn(scene.store), scene.folder / "kim")
    with pytest.raises(OutcomeUnknown) as error:
        move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert isinstance(error.value.__cause__, StoreUnavailable)
    assert len(pending(kim)) == 1


class Forgetful(FaultStore):
    """Has lost the record of generation 1."""

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        return None if generation == 1 else super().read_record(environment, generation)


def test_a_gap_in_the_ledger_is_no_proof_that_a_move_was_lost(scene: Scene) -> None:
    store = Forgetful(
        scene.store, [Fault.LOST_REPLY, Fault.DELAYED], meanwhile=lambda: scene.do(promote("router@1.0.0"))
    )
    with pytest.raises(Corrupt) as error:
        move(new_registry(store, scene.folder / "kim"), PRODUCTION, promote("refund@1.0.0"), Stamps())
    assert store.faults == [Fault.LOST_REPLY, Fault.DELAYED]
    assert error.value.kind == "ledger-gap"


def test_the_same_record_written_again_under_another_stamp_is_decided_again(
    repository: Path, tmp_path: Path, git: Callable[..., str]
) -> None:
    branch = f"refs/heads/repoint/env/{PRODUCTION}"

    def write_again() -> None:
        tree = git(repository, "rev-parse", f"{branch}^{{tree}}").strip()
        parents = git(repository, "rev-parse", f"{branch}^@").split()
        options = [option for parent in parents for option in ("-p", parent)]
        commit = git(repository, "commit-tree", tree, *options, "-m", "amended by hand").strip()
        git(repository, "update-ref", branch, commit)

    with open_git(repository) as store:
        scene = Scene(tmp_path, store)
        kim = scene.clone(plan=[Fault.DELAYED], meanwhile=write_again)
        record = moved(move(kim, PRODUCTION, promote("refund@1.0.0"), Stamps()))
        assert faults(kim) == [(SWAP, Fault.DELAYED)]
        assert record.generation == 1
        assert scene.live == {"refund": "1.0.0"}


def test_what_cannot_be_loaded_whole_is_never_made_live(scene: Scene) -> None:
    assert isinstance(scene.store, MemoryStore)
    entry = scene.registry.snapshot(scene.registry.release(*pair("refund@1.1.0"))).prompts["system"]
    scene.store._blobs[entry.sha256] = b"short"
    kim, stamps = scene.clone(), Stamps()
    for action in (promote("refund@1.1.0"), promote("refund@1.1.0", "router@1.0.0")):
        with pytest.raises(Corrupt, match=r"prompts/system\.md"):
            move(kim, PRODUCTION, action, stamps)
    assert scene.generation == 0


def test_a_plan_writes_nothing(scene: Scene) -> None:
    kim = scene.clone(plan=[Fault.CRASH_BEFORE])
    outcome = pointer.plan(kim, PRODUCTION, promote("refund@1.0.0"), Stamps()())
    assert moved(outcome).generation == 1
    assert pointer.plan(kim, PRODUCTION, Unhold(*pair("refund@1.0.0")), Stamps()()).nothing is not None
    assert faults(kim) == []
    assert pending(kim) == []
    assert scene.generation == 0


def test_yanks_belong_in_their_own_ledger_and_nothing_else_does(scene: Scene) -> None:
    for environment, action in ((PRODUCTION, Yank(*pair("refund@1.0.0"))), (YANK_LEDGER, promote("refund@1.0.0"))):
        with pytest.raises(Conflict):
            move(scene.clone(), environment, action, Stamps())
        with pytest.raises(Conflict):
            pointer.plan(scene.clone(), environment, action, Stamps()())


# -- many faults, by seed ----------------------------------------------------------------------------------------------


class Storm:
    """Four processes of three clones that move at random over stores with random faults; everything told is noted."""

    def __init__(self, scene: Scene, seed: int, rate: float) -> None:
        self.scene = scene
        self.chance = random.Random(seed)
        self.told: list[Told] = []
        self.settled: dict[str, bool] = {}
        self.depth = 0
        self.clones = [
            scene.clone(name, seeded_faults(seed * 10 + n, rate), self.others)
            for n, name in enumerate(("kim", "kim", "ada", "eve"))
        ]

    def others(self) -> None:
        """What happens while a write is delayed."""
        if self.depth < 3:
            self.depth += 1
            self.one_move(self.chance.choice(self.clones))
            self.depth -= 1

    def action(self) -> AnyAction:
        agent = self.chance.choice(AGENTS)
        kind = self.chance.random()
        if kind < 0.6:
            return promote(f"{agent}@1.{self.chance.randrange(3)}.0")
        if kind < 0.8:
            return rollback(agent)
        return Unhold(*pair(f"{agent}@1.{self.chance.randrange(3)}.0"))

    def one_move(self, registry: Registry) -> None:
        stamps = Stamps()
        how: How
        try:
            outcome = move(registry, PRODUCTION, self.action(), stamps)
        except Crash:
            how = "crashed"
        except OutcomeUnknown:
            how = "unknown"
        except Corrupt:
            raise
        except RepointError:
            how = "refused"
        else:
            self.note(outcome.settled)
            if outcome.moved is not None:
                record = outcome.moved.record
                told = Told("one", "done", tuple(stamps.ids), record.generation, digest_of(encode(record)))
                self.told.append(told)
                return
            how = "nothing"
        self.told.append(Told("one", how, tuple(stamps.ids)))
        if self.chance.random() < 0.3:
            deliver(registry)

    def note(self, settled: tuple[pointer.Settled, ...]) -> None:
        for each in settled:
            assert self.settled.setdefault(each.record.id, each.stands) == each.stands

    def calm(self) -> set[Fault]:
        """No more faults: everything still open is settled, and what is still on its way arrives."""
        happened: set[Fault] = set()
        for registry in self.clones:
            assert isinstance(registry.store, FaultStore)
            registry.store.plan = iter(())
            happened.update(registry.store.faults)
        for registry in self.clones:
            self.note(tuple(pointer.resolve_pending(registry, PRODUCTION)))
            assert pending(registry) == []
            deliver(registry)
        return happened

    def problems(self) -> list[str]:
        ledger = ledger_of(self.scene.store)
        standing = {msgspec.json.decode(content)["id"] for content in ledger}
        wrong = [f"{i} was settled as {stands}" for i, stands in self.settled.items() if stands != (i in standing)]
        return check_history(ledger, self.told) + wrong


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_whatever_the_faults_everything_that_was_told_is_true(rate: float, tmp_path: Path, long_run: bool) -> None:
    happened: set[Fault] = set()
    done = unknowns = 0
    for seed in range(2000 if long_run else 80):
        storm = Storm(Scene(tmp_path / f"{seed}"), seed, rate)
        for _ in range(12):
            storm.one_move(storm.chance.choice(storm.clones))
        happened |= storm.calm()
        assert storm.problems() == [], f"seed {seed}"
        done += sum(t.how == "done" for t in storm.told)
        unknowns += sum(t.how in ("unknown", "crashed") for t in storm.told)
    assert happened == set(Fault)
    assert done > 100
    assert unknowns > 20


def test_a_storm_over_git(tmp_path: Path, repository: Path, long_run: bool) -> None:
    with open_git(repository) as store:
        storm = Storm(Scene(tmp_path / "clones", store), 7, 0.4)
        for _ in range(200 if long_run else 25):
            storm.one_move(storm.chance.choice(storm.clones))
        assert len(storm.calm()) > 4
        assert storm.problems() == []
