"""Processes that move one environment at once: one wins each generation, and all are told the truth (promise 3)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from repoint.moves import FreezeMoves, Moved
from repoint.registry import Registry
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import Record

from tests.races.history import Told, check_history
from tests.races.workers import (
    AGENTS,
    VERSIONS,
    get_off,
    move_at_random,
    new_team,
    publish_or_move,
    together,
    told_of,
)
from tests.stores import PRODUCTION, Stamps, ledger_of, live_in, promote, publish_version
from tests.unit.world import World
from tests.unit.world import promote as promote_in_world


@pytest.fixture
def team(repository: Path) -> Registry:
    """A registry in a Git repository, in which nothing was published yet."""
    return new_team(repository)


def publish_everything(registry: Registry) -> None:
    for agent in AGENTS:
        for version in VERSIONS:
            publish_version(registry, f"{agent}@{version}")


def check_all_loadable(registry: Registry) -> None:
    for record in registry.records(PRODUCTION, registry.current(PRODUCTION).record.generation):
        for agent, entry in record.agents.items():
            registry.released_entry(agent, entry)
    for agent, entry in registry.current(PRODUCTION).record.agents.items():
        registry.check_loadable(agent, entry)


def test_the_ledger_holds_exactly_the_moves_that_were_reported_as_done(
    team: Registry, repository: Path, long_run: bool
) -> None:
    publish_everything(team)
    movers, moves = 8, 500 if long_run else 50
    told = [t for of_one in together(move_at_random, [(repository, n, moves) for n in range(movers)]) for t in of_one]
    assert len(told) == movers * moves
    ledger = ledger_of(team.store)
    assert check_history(ledger, told) == []
    how = Counter(t.how for t in told)
    assert how["done"] == len(ledger) - 1
    assert how["done"] > movers, "hardly anything moved"
    assert how["conflict"] > 0, "nobody met anybody: this was no race"
    assert any(t.how == "done" and len(t.ids) > 1 for t in told), "no lost swap was decided again"
    assert set(how) <= {"done", "nothing", "refused", "conflict"}
    check_all_loadable(team)


def test_engineers_who_get_off_one_version_at_once_go_one_step_down(team: Registry, repository: Path) -> None:
    publish_everything(team)
    for version in VERSIONS:
        for agent in AGENTS:
            assert told_of("ada", team, promote(f"{agent}@{version}"), Stamps()).how == "done"
    before = len(ledger_of(team.store))
    targets = [f"{agent}@{VERSIONS[-1 - step]}" for step in range(3) for agent in AGENTS]
    told = together(get_off, [(repository, n, targets) for n in range(2)])
    for first, second in zip(*told, strict=True):
        assert sorted([first.how, second.how])[1:] == ["done"] or (first.how, second.how) == ("done", "nothing")
        assert {first.how, second.how} in ({"done", "nothing"}, {"done", "conflict"})
    assert live_in(team) == dict.fromkeys(AGENTS, VERSIONS[-4])
    assert check_history(ledger_of(team.store), [t for of_one in told for t in of_one], before=before) == []


def test_publishing_and_moving_at_once_while_git_packs(team: Registry, repository: Path) -> None:
    packing = subprocess.Popen(
        [sys.executable, "-c", PACK_AGAIN_AND_AGAIN, str(repository)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    results = together(publish_or_move, [(repository, n) for n in range(2 * len(AGENTS))])
    packed, _ = packing.communicate(b"enough\n")
    assert int(packed) > 0
    assert [created for n, created in enumerate(results) if n % 2 == 0] == [["True"] * len(VERSIONS)] * len(AGENTS)
    told = [t for of_one in results for t in of_one if isinstance(t, Told)]
    assert check_history(ledger_of(team.store), told) == []
    assert live_in(team) == dict.fromkeys(AGENTS, VERSIONS[-1])
    check_all_loadable(team)


PACK_AGAIN_AND_AGAIN = """
import select, subprocess, sys
done = 0
while not select.select([sys.stdin], [], [], 0.2)[0]:
    done += subprocess.run(["git", "-C", sys.argv[1], "gc", "--quiet"], capture_output=True).returncode == 0
print(done)
"""


def test_commands_that_run_at_once_are_told_the_truth(team: Registry, repository: Path) -> None:
    publish_everything(team)
    lines = [["promote", f"{AGENTS[n % 4]}@{VERSIONS[n]}", "--env", "production"] for n in range(8)]
    lines += [["rollback", AGENTS[0]], ["freeze", "production", "-m", "audit"]]
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "repoint_cli", "-C", str(repository), "--json", *line],
            env={**os.environ, "REPOINT_ACTOR": f"Engineer {n} <engineer-{n}@acme.example>"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n, line in enumerate(lines)
    ]
    told = [_told_by(child, n) for n, child in enumerate(children)]
    ledger = ledger_of(team.store)
    assert check_history(ledger, told) == []
    assert sum(t.how == "done" for t in told) == len(ledger) - 1 > 0


def _told_by(child: subprocess.Popen[bytes], number: int) -> Told:
    output, error = child.communicate(timeout=120)
    assert child.returncode in (0, 4, 6, 7), error.decode()
    if child.returncode:
        assert json.loads(error)
        return Told(f"engineer {number}", "conflict" if child.returncode == 6 else "refused")
    result = json.loads(output)
    if not result["done"]:
        return Told(f"engineer {number}", "nothing")
    return Told(f"engineer {number}", "done", (result["id"],), result["generation"])


# -- check_history notices ---------------------------------------------------------------------------------------------


def told_ledger() -> tuple[list[bytes], list[Told]]:
    """A ledger of a few moves, and what their movers were told."""
    world, told = World(), []
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        record = world.do(promote_in_world(f"refund@{version}")).record
        told.append(Told("kim", "done", (record.id,), record.generation, digest_of(encode(record))))
    told += [Told("ada", "conflict", ("lost-1",)), Told("ada", "nothing", ("lost-2",)), Told("eve", "refused")]
    return [encode(record) for record in world.ledger], told


def chained(records: list[Record]) -> list[bytes]:
    """The records as a chain that is whole by itself: whoever forged it also mended generations and digests."""
    ledger: list[bytes] = []
    for generation, record in enumerate(records):
        previous = digest_of(ledger[-1]) if ledger else None
        ledger.append(encode(msgspec.structs.replace(record, generation=generation, previous=previous)))
    return ledger


def decoded(ledger: list[bytes]) -> list[Record]:
    return [msgspec.json.decode(content, type=Record) for content in ledger]


def test_a_true_history_has_no_problems() -> None:
    ledger, told = told_ledger()
    assert check_history(ledger, told) == []
    record = World().decide(FreezeMoves())
    assert isinstance(record, Moved)
    assert check_history(ledger, [*told, Told("kim", "unknown", (record.record.id + "-never",))]) == []


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize(
    "order",
    [
        pytest.param([0, 1, 3, 4], id="dropped"),
        pytest.param([0, 1, 2, 3], id="dropped at the end"),
        pytest.param([0, 1, 2, 2, 3, 4], id="doubled"),
        pytest.param([0, 1, 2, 3, 4, 4], id="doubled at the end"),
        pytest.param([0, 1, 3, 2, 4], id="reordered"),
        pytest.param([0, 1, 2, 4, 3], id="reordered at the end"),
        pytest.param([], id="all gone"),
    ],
)
def test_a_ledger_with_records_dropped_doubled_or_reordered_is_noticed(order: list[int], mended: bool) -> None:
    ledger, told = told_ledger()
    doctored = [ledger[n] for n in order]
    assert check_history(chained(decoded(doctored)) if mended else doctored, told)


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize("generation", [1, 2, 4])
def test_an_altered_record_is_noticed(generation: int, mended: bool) -> None:
    ledger, told = told_ledger()
    records = decoded(ledger)
    records[generation] = msgspec.structs.replace(records[generation], message="never said")
    doctored = [*ledger[:generation], encode(records[generation]), *ledger[generation + 1 :]]
    assert check_history(chained(records) if mended else doctored, told)


def test_bytes_that_are_no_record_are_noticed() -> None:
    ledger, told = told_ledger()
    assert check_history([*ledger[:2], ledger[2] + b" ", *ledger[3:]], told)
    assert check_history([*ledger[:2], b"", *ledger[3:]], told)


def test_a_record_that_nobody_was_told_of_is_noticed() -> None:
    ledger, told = told_ledger()
    assert check_history(ledger, told[1:])
    assert check_history(ledger, [*told[1:], replace(told[0], how="unknown")]) == []


def test_a_move_reported_as_done_that_is_not_there_is_noticed() -> None:
    ledger, told = told_ledger()
    assert check_history(ledger, [*told, Told("eve", "done", ("never",), 5, Digest("sha256:" + "0" * 64))])
    assert check_history(ledger, [*told, replace(told[0], mover="eve")])


@pytest.mark.parametrize("how", ["conflict", "nothing", "refused"])
def test_a_move_reported_as_not_done_that_is_there_is_noticed(how: str) -> None:
    ledger, told = told_ledger()
    lost = msgspec.convert({"mover": "kim", "how": how, "ids": told[1].ids}, Told)
    assert check_history(ledger, [told[0], lost, *told[2:]])
    assert check_history(ledger, [*told, lost])


def test_one_move_that_stands_twice_is_noticed() -> None:
    ledger, told = told_ledger()
    first, second = told[0], told[1]
    assert check_history(ledger, [replace(second, ids=first.ids + second.ids), *told[2:]])
    assert check_history(ledger, [Told("kim", "unknown", first.ids + second.ids), *told[2:]])


def test_a_generation_given_to_two_movers_is_noticed() -> None:
    ledger, told = told_ledger()
    assert check_history(ledger, [told[0], replace(told[1], generation=1), *told[2:]])
