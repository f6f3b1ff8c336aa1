"""The rules by which ``verify`` judges a ledger: all that the moves write passes, and nothing that is doctored does."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from repoint import pointer
from repoint.errors import RepointError
from repoint.moves import (
    AnyAction,
    FreezeMoves,
    Moved,
    Promote,
    Restore,
    RollBackTo,
    StepDown,
    UnfreezeMoves,
    Unhold,
    Unyank,
    Yank,
)
from repoint.names import YANK_LEDGER
from repoint.verify import verify
from repoint.verifyrules import Fault, Past, faults
from repoint.workspace import open_workspace
from repoint_schemas.documents import AgentName, Change, Entry, Hold, Record, Version

from tests.stores import PRODUCTION, STAGING, Stamps, initialised, new_registry, open_git, publish_version
from tests.unit.world import World, fake_digest, promote, rollback

AGENTS = [AgentName(name) for name in ("intake", "refund", "router")]
VERSIONS = [Version(f"{number}.0.0") for number in range(1, 5)]
KINDS = (
    ["promote"] * 6 + ["down"] * 4 + ["to"] * 2 + ["restore"] * 2 + ["unhold", "freeze", "unfreeze", "yank", "unyank"]
)

Judge = Callable[[Record], list[Fault]]


def any_action(rng: random.Random, world: World) -> AnyAction:
    """A move that may be refused."""
    agent, version = rng.choice(AGENTS), rng.choice(VERSIONS)
    some = rng.sample(AGENTS, rng.randint(1, len(AGENTS)))
    match rng.choice(KINDS):
        case "promote":
            return Promote(tuple((each, rng.choice(VERSIONS)) for each in some))
        case "down":
            live = world.record.agents
            return StepDown(tuple((a, rng.choice([None, live[a].version if a in live else version])) for a in some))
        case "to":
            return RollBackTo(agent, version)
        case "restore":
            return Restore(rng.randint(0, world.record.generation))
        case "unhold":
            return Unhold(agent, version)
        case "freeze":
            return FreezeMoves()
        case "unfreeze":
            return UnfreezeMoves()
        case "yank":
            return Yank(agent, version)
        case _:
            return Unyank(agent, version)


def judged(before: Record, past: Past, yanked: Collection[tuple[AgentName, Version]], after: Record) -> list[Fault]:
    return faults(before, after, past, yanked)


def history(seed: int, length: int) -> Iterator[tuple[Record, Judge]]:
    """A random history, each new record with the judge of what may stand in its place."""
    rng, world = random.Random(seed), World()
    pasts = {"production": Past(), "registry": Past()}
    pasts["production"].note(world.record)
    yanked: set[tuple[AgentName, Version]] = set()
    for _ in range(length):
        world.yanks_readable = rng.random() > 0.1
        action = any_action(rng, world)
        before = (world.yank_ledger if isinstance(action, Yank | Unyank) else world.ledger)[-1]
        try:
            decision = world.decide(action, rng.choice(["", "because"]))
        except RepointError:
            continue
        if not isinstance(decision, Moved):
            continue
        record, past = decision.record, pasts[before.environment]

        yield record, partial(judged, before, past, frozenset(yanked))
        (world.yank_ledger if before.environment == "registry" else world.ledger).append(record)
        past.note(record)
        yanked |= {(a, v) for a, versions in world.yank_ledger[-1].holds.items() for v in versions}


@pytest.mark.parametrize("seed", range(25))
def test_everything_that_the_moves_write_passes(seed: int, long_run: bool) -> None:
    number = 0
    for record, judge in history(seed, 2000 if long_run else 120):
        assert judge(record) == [], record
        number += 1
    assert number > 20


def doctored(record: Record) -> Iterator[tuple[str, Record]]:
    """Records that look like this one, and that no move gives."""
    for agent, entry in record.agents.items():
        others = {name: each for name, each in record.agents.items() if name != agent}
        for what, other in (
            ("since", replace(entry, since=entry.since + 1)),
            ("back", replace(entry, back=record.generation + 7)),
            ("version", replace(entry, version=Version("9.9.9"))),
        ):
            yield f"{what} of {agent}", replace(record, agents={**others, agent: other})
        if record.action != "promote" or entry.since != record.generation:  # a new one is compared with its release
            for other in (replace(entry, snapshot=fake_digest("x")), replace(entry, release=fake_digest("x"))):
                yield f"digest of {agent}", replace(record, agents={**others, agent: other})
        yield f"{agent} gone", replace(record, agents=others)
    newcomer = Entry(None, fake_digest("r"), record.generation, fake_digest("s"), Version("1.0.0"))
    yield "a newcomer", replace(record, agents={**record.agents, AgentName("stranger"): newcomer})
    yield "a hold", replace(record, holds={**record.holds, AgentName("stranger"): {Version("1.0.0"): Hold(1, "")}})
    yield (
        "one more change",
        replace(record, changes=[*record.changes, Change(AgentName("zebra"), None, Version("1.0.0"))]),
    )
    if record.changes:
        yield "one change less", replace(record, changes=record.changes[1:])
    if record.frozen:
        yield "thawed", replace(record, frozen=None)
    for agent, versions in record.holds.items():
        rest = {name: each for name, each in record.holds.items() if name != agent}
        if len(versions) > 1 or record.action not in ("unhold", "unyank"):
            yield f"holds of {agent} gone", replace(record, holds=rest)


@pytest.mark.parametrize("seed", range(6))
def test_no_doctored_record_passes(seed: int) -> None:
    for record, judge in history(100 + seed, 60):
        for what, other in doctored(record):
            legal = record.action == "unfreeze" and what == "thawed"
            assert legal or judge(other), f"{what} passes for {record}"


def test_a_rollback_never_lands_on_the_version_it_leaves() -> None:
    world = World()
    for target in ("refund@2.0.0", "refund@1.0.0", "refund@2.0.0", "refund@1.0.0"):
        world.do(promote(target))
    world.do(rollback("refund"))
    assert world.live == {"refund": "2.0.0"}
    with pytest.raises(RepointError, match="nothing good beneath"):
        world.do(rollback("refund@2.0.0"))


def test_a_half_done_move_is_told_from_a_wrong_report() -> None:
    world, past = World(), Past()
    past.note(world.record)
    before = world.record
    after = world.do(promote("refund@1.0.0", "router@1.0.0")).record
    half = replace(after, agents={a: e for a, e in after.agents.items() if a != "router"})
    assert [(f.promise, f.kind) for f in faults(before, half, past, set())] == [(5, "half-move")]
    wrong = replace(after, changes=after.changes[:1])
    assert [(f.promise, f.kind) for f in faults(before, wrong, past, set())] == [(3, "changes-wrong")]


def world_of(record: Record) -> World:
    world = World()
    world.ledger.append(record)
    return world


def test_a_ledger_that_was_really_written_is_clean(repository: Path, long_run: bool) -> None:
    """Random moves through the library on real Git, in three ledgers, repacked half-way."""
    rng, stamps = random.Random(7), Stamps(message="as planned")
    registry = initialised(new_registry(open_git(repository), repository / ".git" / "repoint"), PRODUCTION, STAGING)
    for agent in AGENTS:
        for version in rng.sample(VERSIONS, len(VERSIONS)):
            publish_version(registry, f"{agent}@{version}")
    done = 0
    for number in range(600 if long_run else 90):
        environment = rng.choice([PRODUCTION, PRODUCTION, STAGING])
        world = world_of(registry.current(environment).record)
        action = any_action(rng, world)
        place = YANK_LEDGER if isinstance(action, Yank | Unyank) else environment
        try:
            done += pointer.move(registry, place, action, stamps).moved is not None
        except RepointError:
            continue
        if number == 45:
            subprocess.run(["git", "-C", str(repository), "repack", "-adq"], check=True)
    workspace = open_workspace(repository, os.environ)
    result = verify(workspace, deep=True)
    workspace.close()
    assert result.findings == []
    assert done > 15
    assert result.checked["records"] == done + 3
