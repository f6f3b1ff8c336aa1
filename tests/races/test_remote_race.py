"""Clones that move one environment of a shared Git remote at once: one wins each generation (promise 3).

Two movers share each clone, so that processes meet in a clone, too; another clone reads all the while.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from repoint import pointer
from repoint.errors import Conflict, Corrupt, GateRefused, NotFound, OutcomeUnknown, StoreUnavailable
from repoint.gitprocess import Outcome
from repoint.gitremote import GitRemote
from repoint.gitrepo import GitRepository
from repoint.moves import AnyAction, Unhold
from repoint.registry import Registry
from repoint.store_remote import GitRemoteStore
from repoint_schemas.canonical import Digest, digest_of, encode

from tests.races.history import How, Told, check_history
from tests.races.workers import AGENTS, VERSIONS, engineer, together, wait_for_all
from tests.servers.git_remotes import RemotePlace
from tests.stores import (
    PRODUCTION,
    Stamps,
    initialised,
    ledger_of,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
    rollback,
)

Seen = list[tuple[int, Digest]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RemotePlace]:
    """A bare repository with every version published, and production created."""
    made = RemotePlace(tmp_path)
    with made.closing, open_git(made.bare) as store:
        registry = initialised(new_registry(store))
        for agent in AGENTS:
            for version in VERSIONS:
                publish_version(registry, f"{agent}@{version}")
        yield made


class Careless(GitRemote):
    """A remote whose pushes go by force, without a lease: what must be caught."""

    def _push(self, leases: Sequence[str], refspecs: Sequence[str], seconds: float) -> Outcome:
        return super()._push(["--force"], refspecs, seconds)


def opened(clone: Path, careless: bool = False) -> tuple[GitRemoteStore, Registry]:
    """A handle as a process opens it, with what its clone remembers."""
    repository = GitRepository.discover(clone, os.environ)
    remote = (Careless if careless else GitRemote)(repository, "origin")
    store = GitRemoteStore(repository, remote, one_command=True)
    return store, new_registry(store, Path(repository.own_folder))


def action(chance: random.Random) -> AnyAction:
    agent, version = chance.choice(AGENTS), chance.choice(VERSIONS)
    kind = chance.random()
    if kind < 0.7:
        return promote(f"{agent}@{version}")
    return rollback(agent) if kind < 0.9 else Unhold(*pair(f"{agent}@{version}"))


def told_of(mover: str, registry: Registry, wanted: AnyAction, stamps: Stamps) -> Told:
    how: How
    stamps.ids = []
    try:
        outcome = pointer.move(registry, PRODUCTION, wanted, stamps)
    except Conflict:
        how = "conflict"
    except OutcomeUnknown:
        how = "unknown"
    except (GateRefused, NotFound):
        how = "refused"
    except StoreUnavailable as error:
        if error.kind != "too-busy":
            raise
        how = "refused"
    else:
        if outcome.moved is not None:
            record = outcome.moved.record
            return Told(mover, "done", tuple(stamps.ids), record.generation, digest_of(encode(record)))
        how = "nothing"
    return Told(mover, how, tuple(stamps.ids))


def move_at_random(clone: Path, number: int, moves: int, careless: bool) -> list[Told]:
    """Promotes, rollbacks and released holds, each as a command of its own begins.

    Who is careless ends at an alarm, or where a branch is not what it was a moment ago.
    """
    chance, stamps = random.Random(number), Stamps(engineer(number))
    store, registry = opened(clone, careless)
    told: list[Told] = []
    with store, suppress(*([Corrupt, StoreUnavailable] if careless else [])):
        wait_for_all()
        for _ in range(moves):
            store.refresh()
            told.append(told_of(f"engineer {number}", registry, action(chance), stamps))
    (clone / f"finished-{number}").touch()
    return told


def poll(clone: Path, finished: list[Path]) -> Seen:
    """What a reader sees until all movers have finished, each record once."""
    store, registry = opened(clone)
    seen: Seen = []
    with store:
        wait_for_all()
        while True:
            last = all(each.exists() for each in finished)
            record = registry.current(PRODUCTION).record
            if not seen or seen[-1][0] != record.generation:
                seen.append((record.generation, digest_of(encode(record))))
            if last:
                return seen


def work(clone: Path, number: int, moves: int, finished: list[Path], careless: bool) -> list[Told] | Seen:
    """One process of the race: number 0 is the reader, where there is one."""
    return move_at_random(clone, number, moves, careless) if number else poll(clone, finished)


def race(place: RemotePlace, movers: int, moves: int) -> tuple[list[Told], Counter[str]]:
    """Let them race, and judge the ledger; what was told, and how often which outcome was."""
    clones = [place.clone() for _ in range(1 + (movers + 1) // 2)]
    calls = [(clones[(n + 1) // 2], n) for n in range(movers + 1)]
    finished = [clone / f"finished-{n}" for clone, n in calls[1:]]
    results = together(work, [(clone, n, moves, finished, False) for clone, n in calls])
    told = [t for of_one in results[1:] for t in of_one if isinstance(t, Told)]
    with open_git(place.bare) as beneath:
        ledger = ledger_of(beneath)
    assert len(told) == movers * moves
    assert check_history(ledger, told) == []
    seen = [each for each in results[0] if not isinstance(each, Told)]
    assert [generation for generation, _ in seen] == sorted({generation for generation, _ in seen})
    assert all(digest_of(ledger[generation]) == digest for generation, digest in seen)
    assert seen[-1][0] == len(ledger) - 1
    how = Counter(str(t.how) for t in told)
    print(f"{movers} x {moves}: {dict(how)}, {len(ledger)} records, {len(seen)} of them polled")
    print(f"decided again: {sum(t.how == 'done' and len(t.ids) > 1 for t in told)}")
    return told, how


def test_clones_that_move_at_once_are_told_the_truth(place: RemotePlace) -> None:
    told, how = race(place, 4, 8)
    assert how["conflict"] or any(len(t.ids) > 1 for t in told), "nobody met anybody: this was no race"
    assert how["done"]
    assert not how["unknown"]


def test_without_the_lease_the_same_race_breaks_promises(place: RemotePlace) -> None:
    clones = [place.clone() for _ in range(4)]
    results = together(work, [(clone, n + 1, 8, [], True) for n, clone in enumerate(clones)])
    told = [t for of_one in results for t in of_one if isinstance(t, Told)]
    with open_git(place.bare) as beneath:
        problems = check_history(ledger_of(beneath), told)
    print(f"{len(problems)} contradictions, {4 * 8 - len(told)} moves not made after an alarm")
    assert problems


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_sixteen_movers_make_fifty_moves_each(place: RemotePlace) -> None:
    told, how = race(place, 16, 50)
    assert how["done"] > 16, "hardly anything moved"
    assert how["conflict"]
    assert any(t.how == "done" and len(t.ids) > 1 for t in told), "no lost swap was decided again"
    assert not how["unknown"]
