"""Processes that move one environment of a bucket at once: one wins each generation, all are told the truth.

Promises 3 and 6. Every mover is a clone of its own, with its own client; another process polls the pointer all the
while and must only ever see records of the chain, in their order. The same race without the condition on the swap must
be caught.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from repoint import pointer
from repoint.documentcache import DocumentCache
from repoint.errors import Conflict, Corrupt, GateRefused, NotFound, OutcomeUnknown, StoreUnavailable
from repoint.moves import AnyAction, Unhold
from repoint.registry import Registry
from repoint.s3client import S3Client, Settings, Written
from repoint.s3keys import Address
from repoint.store_s3 import S3Store
from repoint.verifystore import verify_store
from repoint_schemas.canonical import Digest, digest_of, encode

from tests.races.history import How, Told, check_history
from tests.races.workers import AGENTS, VERSIONS, engineer, together, wait_for_all
from tests.servers.s3 import S3Server
from tests.stores import (
    PRODUCTION,
    Stamps,
    initialised,
    ledger_of,
    new_registry,
    pair,
    promote,
    publish_version,
    rollback,
)

pytestmark = pytest.mark.s3

Seen = list[tuple[int, Digest]]
KINDS = VERSIONS[:4]
"""Versions of each agent that are moved between."""


@dataclass(frozen=True)
class Place:
    """Where the registry is, and where the clones keep what they remember; it crosses to other processes."""

    address: Address
    region: str
    folder: Path

    @contextmanager
    def opened(self, name: str, *, careless: bool = False) -> Iterator[Registry]:
        client = (Careless if careless else S3Client)(Settings(self.address, self.region))
        state = self.folder / name
        with S3Store(client, DocumentCache(str(state / "documents"))) as store:
            yield new_registry(store, state)


class Careless(S3Client):
    """Broken: a swap goes through whatever is there by now."""

    def replace(self, key: str, content: bytes, sha256: str, etag: str) -> Written:
        return self._conditional(key, content, sha256)


@pytest.fixture
def place(s3_server: S3Server, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every version published, and production created."""
    settings: Mapping[str, str] = s3_server.environment()
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    made = Place(Address(s3_bucket, "race", s3_server.endpoint), s3_server.region, tmp_path)
    publish_everything(made)
    return made


def publish_everything(place: Place) -> None:
    """Make the registry, with all that is moved between."""
    with place.opened("founder") as registry:
        initialised(registry)
        for agent in AGENTS:
            for version in KINDS:
                publish_version(registry, f"{agent}@{version}")


def action(chance: random.Random) -> AnyAction:
    agent, version = chance.choice(AGENTS), chance.choice(KINDS)
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


def move_at_random(place: Place, number: int, moves: int, careless: bool) -> list[Told]:
    """Promotes, rollbacks and released holds, each as a command of its own begins; who is careless ends at an alarm."""
    chance, stamps, name = random.Random(number), Stamps(engineer(number)), f"engineer-{number}"
    told: list[Told] = []
    with suppress(*([Corrupt] if careless else [])), place.opened(name, careless=careless) as registry:
        wait_for_all()
        told.extend(told_of(name, registry, action(chance), stamps) for _ in range(moves))
    (place.folder / f"finished-{number}").touch()
    return told


def promote_until(place: Place, number: int, generation: int) -> list[Told]:
    """Promotes back and forth until the environment has come so far."""
    chance, stamps, name = random.Random(number), Stamps(engineer(number)), f"engineer-{number}"
    told: list[Told] = []
    with place.opened(name) as registry:
        wait_for_all()
        while registry.current(PRODUCTION).record.generation < generation:
            told.append(told_of(name, registry, action(chance), stamps))
    (place.folder / f"finished-{number}").touch()
    return told


def poll(place: Place, movers: int) -> Seen:
    """What a reader sees until all movers have finished, each change of what it sees once."""
    seen: Seen = []
    with place.opened("reader") as registry:
        wait_for_all()
        while True:
            last = all((place.folder / f"finished-{n}").exists() for n in range(1, movers + 1))
            content = registry.current(PRODUCTION).pointer.content
            record = registry.verified_record(PRODUCTION, None, content)
            if not seen or seen[-1] != (record.generation, digest_of(content)):
                seen.append((record.generation, digest_of(content)))
            if last:
                return seen


def work(place: Place, number: int, movers: int, moves: int, until: int | None, careless: bool) -> list[Told] | Seen:
    """One process of the race: number 0 is the reader."""
    if number == 0:
        return poll(place, movers)
    return move_at_random(place, number, moves, careless) if until is None else promote_until(place, number, until)


def race(place: Place, movers: int, moves: int, until: int | None = None) -> tuple[list[Told], Counter[str]]:
    """Let them race, and judge the ledger; what was told, and how often which outcome was."""
    results = together(work, [(place, n, movers, moves, until, False) for n in range(movers + 1)])
    told = [t for of_one in results[1:] for t in of_one if isinstance(t, Told)]
    seen = [each for each in results[0] if not isinstance(each, Told)]
    with place.opened("judge") as registry:
        ledger = ledger_of(registry.store)
        assert verify_store(registry, deep=True, environments=[PRODUCTION]).findings == []
    assert until is not None or len(told) == movers * moves
    assert check_history(ledger, told) == []
    assert [generation for generation, _ in seen] == sorted({generation for generation, _ in seen})
    assert all(digest_of(ledger[generation]) == digest for generation, digest in seen)
    assert seen[-1][0] == len(ledger) - 1
    how = Counter(str(t.how) for t in told)
    again = sum(t.how == "done" and len(t.ids) > 1 for t in told)
    print(f"{movers} movers, {len(told)} moves: {dict(how)}; {len(ledger)} records, {len(seen)} of them polled")
    print(f"decided again after a lost swap, and done: {again}")
    return told, how


def test_clones_that_move_at_once_are_told_the_truth(place: Place) -> None:
    told, how = race(place, 4, 6)
    assert how["conflict"] or any(len(t.ids) > 1 for t in told), "nobody met anybody: this was no race"
    assert how["done"]
    assert not how["unknown"]


def test_without_the_condition_the_same_race_breaks_promises(place: Place) -> None:
    results = together(work, [(place, n, 4, 8, None, True) for n in range(1, 5)])
    told = [t for of_one in results for t in of_one if isinstance(t, Told)]
    with place.opened("judge") as registry:
        try:
            problems = check_history(ledger_of(registry.store), told)
        except Corrupt as error:
            problems = [str(error)]
    print(f"{len(problems)} contradictions, {4 * 8 - len(told)} moves not made after an alarm")
    assert problems


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_sixteen_movers_make_fifty_moves_each(place: Place) -> None:
    told, how = race(place, 16, 50)
    assert how["done"] > 16, "hardly anything moved"
    assert how["conflict"]
    assert any(t.how == "done" and len(t.ids) > 1 for t in told), "no lost swap was decided again"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_hundred_generations(place: Place) -> None:
    race(place, 4, 0, until=200)


FIRST_DECODED = """
import sys, threading
from repoint_schemas import canonical
from repoint_schemas.documents import Record, Release, Snapshot

sys.setswitchinterval(1e-6)
together = threading.Barrier(16)


def read(order):
    together.wait()
    for kind in order:
        for content in (b'{"schema":"repoint.record/1","time":"x"}', b'{"schema":"repoint.snapshot/1","requires":{}}'):
            try:
                canonical.decode(content, kind, limit=100)
            except canonical.DocumentError:
                pass


orders = [[Record, Snapshot, Release], [Release, Snapshot, Record]]
threads = [threading.Thread(target=read, args=(orders[n % 2],)) for n in range(16)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
"""What the threads of a store do at the beginning of a command: read the first documents of each kind at once."""


@pytest.mark.parametrize("attempt", range(4))
def test_the_first_documents_may_be_read_by_many_threads_at_once(attempt: int) -> None:
    """msgspec by itself crashes half of these processes."""
    done = subprocess.run([sys.executable, "-c", FIRST_DECODED], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
