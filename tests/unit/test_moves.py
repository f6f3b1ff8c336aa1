"""Every row of docs/moves.md that the pure heart decides, by its number.

Rows 1-3 and 32-35 also need a store: see test_pointer.
"""

from __future__ import annotations

import msgspec
import pytest

from repoint.errors import Conflict, Corrupt, GateRefused, InvalidInput, NotFound, StoreUnavailable, UsageError
from repoint.ledger import generation_at, live_before, stays
from repoint.moves import (
    FreezeMoves,
    Moved,
    Nothing,
    Restore,
    RollBackTo,
    UnfreezeMoves,
    Unhold,
    Unyank,
    Yank,
    changed_agents,
)
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import Change, Record

from tests.unit.world import PRODUCTION, World, agent, pair, promote, rollback, version


def notes(moved: Moved) -> list[str]:
    return [note.kind for note in moved.notes]


def test_row_1_generation_0_has_no_agents_and_pins_the_authority() -> None:
    record = World().record
    assert (record.generation, record.agents, record.previous, record.authority) == (0, {}, None, "local")


def test_row_4_a_first_promote_has_nothing_beneath_it() -> None:
    world = World()
    moved = world.do(promote("refund@1.0.0"))
    entry = moved.record.agents[agent("refund")]
    assert (entry.version, entry.back, entry.since) == ("1.0.0", None, 1)
    assert moved.record.changes == [Change(agent("refund"), None, version("1.0.0"))]
    assert moved.record.previous == digest_of(encode(world.ledger[0]))


def test_row_5_a_promote_pushes_on_what_was_live() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("router@0.1.0"))
    world.do(promote("refund@1.1.0"))
    assert world.record.agents[agent("refund")].back == 1
    assert world.record.agents[agent("refund")].since == 3
    assert world.record.agents[agent("router")].since == 2


def test_row_6_promoting_what_is_live_is_nothing_to_do() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    decision = world.decide(promote("refund@1.0.0"))
    assert isinstance(decision, Nothing)
    assert "already live" in decision.reason


def test_row_6_holds_in_a_frozen_environment_too() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(FreezeMoves(), "black friday")
    assert isinstance(world.decide(promote("refund@1.0.0")), Nothing)


def test_row_7_a_held_version_is_refused_with_its_reason_and_the_unhold_command() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(rollback("refund"), "refunds without a receipt")
    with pytest.raises(GateRefused) as refused:
        world.decide(promote("refund@1.1.0"))
    assert "generation 3" in refused.value.message
    assert "refunds without a receipt" in refused.value.message
    assert "repoint unhold refund@1.1.0 --env production" in str(refused.value.hint)


def test_row_8_a_yanked_version_is_refused() -> None:
    world = World()
    world.do(Yank(*pair("refund@1.0.0")), "leaks card numbers")
    with pytest.raises(GateRefused, match="leaks card numbers"):
        world.decide(promote("refund@1.0.0"))


def test_row_8_nothing_is_promoted_while_the_yank_ledger_cannot_be_read() -> None:
    world = World(yanks_readable=False)
    with pytest.raises(StoreUnavailable) as error:
        world.decide(promote("refund@1.0.0"))
    assert error.value.exit_code == 9


def test_row_9_a_frozen_environment_refuses_promotes_by_whom_and_why() -> None:
    world = World()
    world.do(FreezeMoves(), "black friday")
    with pytest.raises(GateRefused, match=r"frozen by Kim since generation 1: black friday"):
        world.decide(promote("refund@1.0.0"))


def test_row_10_a_requires_of_the_promoted_agent_is_checked() -> None:
    world = World(requires={("refund", "1.0.0"): {"intake": ">=2.0.0,<3.0.0"}})
    with pytest.raises(GateRefused, match=r"refund 1\.0\.0 requires intake >=2\.0\.0,<3\.0\.0, but intake is not live"):
        world.decide(promote("refund@1.0.0"))
    world.do(promote("intake@2.0.0"))
    world.do(promote("refund@1.0.0"))


def test_row_10_a_requires_on_the_promoted_agent_is_checked() -> None:
    world = World(requires={("refund", "1.0.0"): {"intake": ">=2.0.0,<3.0.0"}})
    world.do(promote("intake@2.0.0", "refund@1.0.0"))
    with pytest.raises(GateRefused, match=r"but intake 3\.0\.0 is live"):
        world.decide(promote("intake@3.0.0"))


def test_row_10_what_was_broken_before_and_is_not_touched_does_not_refuse() -> None:
    world = World(requires={("refund", "1.0.0"): {"intake": "<3.0.0"}})
    world.do(promote("intake@2.0.0", "refund@1.0.0"))
    world.do(promote("intake@2.1.0"))
    world.requires[("refund", "1.0.0")] = {"intake": "<2.0.0"}
    world.do(promote("router@0.1.0"))


def test_row_11_all_or_nothing_with_every_reason() -> None:
    world = World()
    world.do(Yank(*pair("router@0.1.0")), "loops")
    world.do(FreezeMoves(), "audit")
    with pytest.raises(GateRefused) as refused:
        world.decide(promote("refund@1.0.0", "router@0.1.0"))
    assert "loops" in refused.value.message
    assert "audit" in refused.value.message
    assert refused.value.facts["kinds"] == ["yanked", "frozen"]
    assert world.live == {}


def test_one_agent_cannot_go_to_two_versions_at_once() -> None:
    with pytest.raises(UsageError):
        World().decide(promote("refund@1.0.0", "refund@1.1.0"))


def test_row_13_rollback_pops_and_puts_a_hold() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    moved = world.do(rollback("refund"), "bad")
    entry = moved.record.agents[agent("refund")]
    assert (entry.version, entry.back, entry.since) == ("1.1.0", 1, 4)
    hold = moved.record.holds[agent("refund")][version("1.2.0")]
    assert (hold.generation, hold.message) == (4, "bad")
    assert notes(moved) == ["hold-put"]


def test_row_13_a_second_rollback_goes_further_down_never_forth() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    world.do(rollback("refund"))
    world.do(rollback("refund"))
    assert world.live == {"refund": "1.0.0"}


def test_row_14_yanked_and_held_versions_beneath_are_passed_over_by_name() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        world.do(promote(f"refund@{v}"))
    world.do(Yank(*pair("refund@1.2.0")), "leak")
    moved = world.do(rollback("refund"))
    assert world.live == {"refund": "1.1.0"}
    assert notes(moved) == ["passed-over", "hold-put"]
    assert "refund 1.2.0 was passed over: yanked since generation 1: leak" in moved.notes[0].text


def test_row_14_a_version_promoted_again_over_its_own_hold_is_passed_over() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(promote("refund@1.0.0"))
    world.do(rollback("refund"))
    assert world.live == {"refund": "1.1.0"}
    with pytest.raises(NotFound, match="nothing good beneath it"):
        world.decide(rollback("refund"))


def test_row_15_the_bottom_names_the_agents_moves() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    with pytest.raises(NotFound) as error:
        world.decide(rollback("refund"))
    assert error.value.exit_code == 4
    assert "1.0.0 (generation 1)" in str(error.value.hint)


def test_row_16_get_off_a_live_version() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(rollback("refund@1.1.0"))
    assert world.live == {"refund": "1.0.0"}


def test_row_17_the_second_engineer_does_not_go_one_too_far() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    world.do(rollback("refund@1.2.0"), "INC-77")
    decision = world.decide(rollback("refund@1.2.0"))
    assert isinstance(decision, Nothing)
    for said in ("1.1.0 is", "generation 4", "rollback by Kim", "INC-77"):
        assert said in decision.reason


def test_row_17_holds_with_a_destination_too() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    leave = RollBackTo(*pair("refund@1.0.0"), version("1.2.0"))
    before = world.record
    world.do(rollback("refund@1.2.0"), "no receipt")
    decision = world.decide(leave)
    assert isinstance(decision, Nothing)
    assert "1.1.0 is, since generation 4" in decision.reason
    assert "rollback by Kim" in decision.reason
    assert changed_agents(leave, before, world.record) == ["refund"]
    world.do(RollBackTo(*pair("refund@1.0.0"), version("1.1.0")))
    assert world.live == {"refund": "1.0.0"}
    with pytest.raises(NotFound, match=r"intake 2\.0\.0 was never live"):
        world.decide(RollBackTo(*pair("intake@1.0.0"), version("2.0.0")))


def test_row_18_to_takes_the_last_generation_and_lifts_the_hold() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.0.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    world.do(RollBackTo(*pair("refund@1.0.0")), "slow")
    entry = world.record.agents[agent("refund")]
    assert (entry.version, entry.back) == ("1.0.0", 2)  # the entry of generation 3, not of generation 1
    moved = world.do(RollBackTo(*pair("refund@1.2.0")))
    assert notes(moved) == ["hold-lifted", "hold-put"]
    assert set(world.record.holds[agent("refund")]) == {"1.0.0"}


def test_row_19_to_a_version_never_live_here_says_promote() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    with pytest.raises(NotFound) as error:
        world.decide(RollBackTo(*pair("refund@0.9.0")))
    assert "repoint promote refund@0.9.0 --env production" in str(error.value.hint)


def test_row_20_to_a_yanked_version_is_refused() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(Yank(*pair("refund@1.0.0")), "leak")
    with pytest.raises(GateRefused, match="yanked"):
        world.decide(RollBackTo(*pair("refund@1.0.0")))


def test_row_21_a_frozen_environment_rolls_back_and_stays_frozen() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(FreezeMoves(), "audit")
    moved = world.do(rollback("refund"))
    assert world.live == {"refund": "1.0.0"}
    assert moved.record.frozen is not None


def test_row_22_an_unreadable_yank_ledger_does_not_stop_a_rollback() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.yanks_readable = False
    assert notes(world.do(rollback("refund"))) == ["hold-put", "yanks-unreadable"]


def test_row_23_a_broken_requires_is_named_with_the_command_for_the_other_agent() -> None:
    world = World(requires={("refund", "1.1.0"): {"intake": ">=2.1.0"}})
    world.do(promote("intake@2.0.0", "refund@1.0.0"))
    world.do(promote("intake@2.1.0", "refund@1.1.0"))
    moved = world.do(rollback("intake@2.1.0"))
    assert notes(moved) == ["hold-put", "requires-broken"]
    assert "repoint rollback refund@1.1.0 --env production" in moved.notes[1].text


def test_row_25_several_agents_go_down_in_one_record() -> None:
    world = World()
    world.do(promote("refund@1.0.0", "router@0.1.0"))
    world.do(promote("refund@1.1.0", "router@0.2.0"))
    moved = world.do(rollback("refund", "router@0.2.0"))
    assert world.live == {"refund": "1.0.0", "router": "0.1.0"}
    assert len(moved.record.changes) == 2


def test_row_25_one_agent_at_its_bottom_refuses_both() -> None:
    world = World()
    world.do(promote("refund@1.0.0", "router@0.1.0"))
    world.do(promote("refund@1.1.0"))
    with pytest.raises(NotFound):
        world.decide(rollback("refund", "router"))


def test_row_26_restore_takes_every_agent_back_in_one_record() -> None:
    world = World()
    world.do(promote("refund@1.0.0", "router@0.1.0"))
    world.do(promote("refund@1.1.0"))
    world.do(promote("router@0.2.0"))
    world.do(promote("intake@2.0.0"))
    moved = world.do(Restore(1))
    assert world.live == {"refund": "1.0.0", "router": "0.1.0", "intake": "2.0.0"}
    assert (moved.record.action, moved.record.holds) == ("restore", {})
    assert "stays-live" in notes(moved)
    assert moved.record.agents[agent("refund")].back is None


def test_row_26_a_restore_to_how_it_stands_is_nothing_to_do() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(FreezeMoves(), "x")
    assert isinstance(world.decide(Restore(1)), Nothing)
    assert isinstance(world.decide(Restore(2)), Nothing)
    with pytest.raises(NotFound):
        world.decide(Restore(3))


def test_row_26_restores_the_stack_beneath_the_same_version_too() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0", "1.1.0"):
        world.do(promote(f"refund@{v}"))
    moved = world.do(Restore(2))
    assert moved.record.changes == []
    world.do(rollback("refund"))
    assert world.live == {"refund": "1.0.0"}


def test_row_26_a_yanked_version_is_not_restored() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    world.do(promote("refund@1.1.0"))
    world.do(Yank(*pair("refund@1.0.0")), "leak")
    with pytest.raises(GateRefused):
        world.decide(Restore(1))


@pytest.mark.parametrize(
    ("times", "moment", "generation"),
    [
        ([10, 20, 30], 10, 0),
        ([10, 20, 30], 29, 1),
        ([10, 20, 30], 99, 2),
        ([10, 20, 90, 40, 50], 30, 1),
        ([10, 10, 20], 10, 1),
    ],
)
def test_row_27_the_highest_generation_at_or_before(times: list[int], moment: int, generation: int) -> None:
    assert generation_at(times, moment, "then") == generation


def test_row_27_clocks_that_went_back_give_candidates() -> None:
    with pytest.raises(InvalidInput) as error:
        generation_at([10, 20, 90, 40, 50], 45, "then")
    assert error.value.facts["candidates"] == ["1", "3"]
    with pytest.raises(NotFound):
        generation_at([10, 20], 9, "then")


def test_row_28_unhold_lifts_the_hold_and_does_not_put_the_version_back() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0"):
        world.do(promote(f"refund@{v}"))
    world.do(rollback("refund"))
    world.do(Unhold(*pair("refund@1.1.0")))
    assert world.record.holds == {}
    assert world.live == {"refund": "1.0.0"}
    with pytest.raises(NotFound):
        world.decide(rollback("refund"))
    assert isinstance(world.decide(Unhold(*pair("refund@1.1.0"))), Nothing)


def test_row_29_freeze_and_unfreeze() -> None:
    world = World()
    assert isinstance(world.decide(UnfreezeMoves()), Nothing)
    world.do(FreezeMoves(), "audit")
    assert isinstance(world.decide(FreezeMoves()), Nothing)
    world.do(UnfreezeMoves())
    assert world.record.frozen is None


def test_rows_30_and_31_yank_and_unyank() -> None:
    world = World(published={("refund", "1.0.0")})
    world.do(Yank(*pair("refund@1.0.0")), "leak")
    assert isinstance(world.decide(Yank(*pair("refund@1.0.0"))), Nothing)
    with pytest.raises(NotFound):
        world.decide(Yank(*pair("refund@9.9.9")))
    world.do(Unyank(*pair("refund@1.0.0")))
    assert isinstance(world.decide(Unyank(*pair("refund@1.0.0"))), Nothing)


def test_row_32_a_sealed_ledger_accepts_nothing_and_names_the_new_authority() -> None:
    world = World()
    sealed = msgspec.structs.replace(world.record, action="seal", authority="s3://acme-agents/repoint")
    world.ledger.append(msgspec.structs.replace(sealed, generation=1, previous=digest_of(encode(world.record))))
    for action in (promote("refund@1.0.0"), FreezeMoves(), rollback("refund")):
        with pytest.raises(Conflict, match="s3://acme-agents/repoint"):
            world.decide(action)


def test_rows_33_and_34_only_touched_agents_make_a_lost_swap_final() -> None:
    world = World()
    world.do(promote("refund@1.0.0", "router@0.1.0"))
    before = world.record
    world.do(promote("router@0.2.0"))
    assert changed_agents(promote("refund@1.1.0"), before, world.record) == []
    assert changed_agents(rollback("router"), before, world.record) == ["router"]
    assert changed_agents(Restore(1), before, world.record) == ["router"]
    assert changed_agents(FreezeMoves(), before, world.record) == []


def test_earlier_live_versions_are_counted_in_ledger_order() -> None:
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}", f"router@{v}"))
    world.do(rollback("refund"))
    ledger = world.ledger.__getitem__
    found = [live_before(world.record, agent("refund"), n, ledger).version for n in range(4)]
    assert found == ["1.1.0", "1.2.0", "1.1.0", "1.0.0"]
    assert [s.until for s in stays(world.record, agent("refund"), ledger)] == [None, 4, 3, 2]
    with pytest.raises(NotFound):
        live_before(world.record, agent("refund"), 4, ledger)
    with pytest.raises(NotFound):
        live_before(world.record, agent("intake"), 0, ledger)


def test_the_environment_is_named_in_every_record() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    assert {r.environment for r in world.ledger} == {PRODUCTION}


# -- damaged ledgers: refused, never followed for ever ---------------------------------------------------------------


def damaged(generation: int, **changes: int | None) -> World:
    """Three versions of refund, and the entry of one generation changed."""
    world = World()
    for v in ("1.0.0", "1.1.0", "1.2.0"):
        world.do(promote(f"refund@{v}"))
    record = world.ledger[generation]
    entry = msgspec.structs.replace(record.agents[agent("refund")], **changes)
    world.ledger[generation] = msgspec.structs.replace(record, agents={agent("refund"): entry})
    return world


def without_agents(record: Record) -> Record:
    return msgspec.structs.replace(record, agents={})


@pytest.mark.parametrize(("generation", "since"), [(3, 4), (3, 9), (2, 3), (1, 2)])
def test_an_entry_from_the_future_is_corrupt(generation: int, since: int) -> None:
    world = damaged(generation, since=since)
    for walk in (
        lambda: list(stays(world.record, agent("refund"), world.ledger.__getitem__)),
        lambda: live_before(world.record, agent("refund"), 3, world.ledger.__getitem__),
        lambda: world.decide(RollBackTo(*pair("refund@0.9.0"))),
    ):
        with pytest.raises(Corrupt) as error:
            walk()
        assert error.value.kind == "ledger-gap"


@pytest.mark.parametrize(("generation", "back"), [(3, 3), (2, 2)])
def test_an_entry_that_rests_on_itself_is_corrupt(generation: int, back: int) -> None:
    world = damaged(generation, back=back)
    if generation == 2:
        world.do(Yank(*pair("refund@1.1.0")), "leak")
    with pytest.raises(Corrupt) as error:
        world.decide(rollback("refund"))
    assert error.value.kind == "ledger-gap"


def test_an_agent_that_is_gone_from_a_record_is_corrupt() -> None:
    world = damaged(3)
    world.ledger[2] = without_agents(world.ledger[2])
    with pytest.raises(Corrupt, match="generation 2 of production does not have the entry of refund"):
        world.decide(rollback("refund"))
    world.ledger[3] = without_agents(world.ledger[3])
    with pytest.raises(Corrupt, match="generation 3"):
        world.decide(Restore(1))


def test_row_26_a_restore_that_changes_nothing_names_the_agents_that_came_later() -> None:
    world = World()
    world.do(promote("refund@1.0.0"))
    decision = world.decide(Restore(0))
    assert isinstance(decision, Nothing)
    assert "refund 1.0.0 stays live: it came after generation 0" in decision.reason
