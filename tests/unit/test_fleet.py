"""What a fleet says that it serves: only what lives and belongs here counts, by the store's clock and the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from repoint import pointer
from repoint.board import FolderBoard, Posted
from repoint.errors import Corrupt, StoreUnavailable
from repoint.fleet import EXPIRES_AFTER, RENEW_SECONDS, Fleet, Served, fleet, report, versions_served, wait_for_fleet
from repoint.registry import Registry
from repoint.reporter import Reporter
from repoint.store import Store
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import AgentName, Record, Version

from tests.stores import (
    PRODUCTION,
    STAGING,
    Stamps,
    initialised,
    new_registry,
    open_git,
    promote,
    publish_version,
    rollback,
)

REFUND = AgentName("refund")
OLD, NEW = Version("1.4.2"), Version("1.5.0")


@pytest.fixture
def registry() -> Registry:
    """refund 1.4.2, then 1.5.0, then 1.4.2 again: generations 1, 2 and 3."""
    made = initialised(new_registry(MemoryStore()))
    for version in (OLD, NEW):
        publish_version(made, f"refund@{version}")
        pointer.move(made, PRODUCTION, promote(f"refund@{version}"), Stamps())
    pointer.move(made, PRODUCTION, rollback("refund@1.5.0"), Stamps())
    return made


def said(record: Record, number: int, age: float = 5.0, **changed: object) -> Posted:
    """The report of a process that serves a record; some of it changed."""
    identifier = f"{number:032x}"
    content = report(
        PRODUCTION, record.registry, identifier, f"host:{number}", record.generation, digest_of(encode(record))
    )
    return Posted(json.dumps(json.loads(content) | changed, sort_keys=True, separators=(",", ":")).encode(), age)


def records(registry: Registry) -> list[Record]:
    record_at = registry.record_at(PRODUCTION)
    return [record_at(generation) for generation in range(4)]


# -- what counts -----------------------------------------------------------------------------------------------------


def test_who_followed_and_who_did_not(registry: Registry) -> None:
    past = records(registry)
    seen = fleet([*(said(past[3], n) for n in range(14)), said(past[2], 14), said(past[2], 15)], past[3])

    assert (len(seen.processes), seen.confirmed) == (16, 14)
    assert [each.name for each in seen.behind] == ["host:14", "host:15"]
    assert versions_served(seen, [REFUND], registry.record_at(PRODUCTION)) == {
        REFUND: {Served(OLD, True): 14, Served(NEW, False): 2}
    }


def test_the_same_version_of_an_older_generation_has_not_followed(registry: Registry) -> None:
    past = records(registry)
    seen = fleet([said(past[1], 0), said(past[3], 1)], past[3])

    assert seen.confirmed == 1
    assert versions_served(seen, [REFUND], registry.record_at(PRODUCTION)) == {
        REFUND: {Served(OLD, False): 1, Served(OLD, True): 1}
    }


def test_a_later_record_has_followed(registry: Registry) -> None:
    past = records(registry)

    assert not fleet([said(past[3], 0)], past[2]).behind


def test_another_record_of_the_same_generation_has_not(registry: Registry) -> None:
    past = records(registry)
    seen = fleet([said(past[3], 0, digest=digest_of(b"forged"))], past[3])

    assert seen.confirmed == 0
    assert versions_served(seen, [REFUND], registry.record_at(PRODUCTION)) == {REFUND: {Served(None, False): 1}}


def test_a_generation_that_is_not_there_cannot_be_told(registry: Registry) -> None:
    past = records(registry)
    seen = fleet([said(past[3], 0, generation=99)], past[3])

    assert versions_served(seen, [REFUND], registry.record_at(PRODUCTION)) == {REFUND: {Served(None, True): 1}}


IGNORED: dict[str, Callable[[Record], Posted]] = {
    "another registry": lambda record: said(record, 9, registry="5a0c4b1e-0000-4000-8000-000000000000"),
    "another environment": lambda record: said(record, 9, environment=STAGING),
    "expired": lambda record: said(record, 9, age=EXPIRES_AFTER * RENEW_SECONDS + 1),
    "expired, renewed each second": lambda record: said(record, 9, age=4, renewed_every=1),
    "a newer format": lambda record: said(record, 9, schema="repoint.reader/2"),
    "one more key": lambda record: said(record, 9, more=1),
    "no digest": lambda record: said(record, 9, digest="sha256:0"),
    "an id that is none": lambda record: said(record, 9, id="../9"),
    "below zero": lambda record: said(record, 9, generation=-1),
    "a name without an end": lambda record: said(record, 9, name="x" * 201),
    "no JSON": lambda record: Posted(b"{", 1.0),
    "nothing": lambda record: Posted(b"", 1.0),
    "too long": lambda record: Posted(b" " * 5000 + said(record, 9).content, 1.0),
    "no UTF-8": lambda record: Posted(b"\xff\xfe", 1.0),
    "deep": lambda record: Posted(b"[" * 4000, 1.0),
}


@pytest.mark.parametrize("how", IGNORED)
def test_a_report_that_does_not_count(registry: Registry, how: str) -> None:
    newest = records(registry)[3]
    seen = fleet([said(newest, 0), IGNORED[how](newest)], newest)

    assert [each.name for each in seen.processes] == ["host:0"]


def test_no_clock_but_the_stores_matters(registry: Registry) -> None:
    """An age below zero is a store whose clock is read in whole seconds."""
    newest = records(registry)[3]
    seen = fleet([said(newest, 0, age=-1.0), said(newest, 1, age=EXPIRES_AFTER * RENEW_SECONDS)], newest)

    assert [each.age for each in seen.processes] == [0.0, 90.0]


def test_one_process_counts_once(registry: Registry) -> None:
    newest = records(registry)[3]

    assert len(fleet([said(newest, 0), said(newest, 0)], newest).processes) == 1


def test_a_ledger_that_cannot_be_read_says_nothing_of_versions(registry: Registry) -> None:
    def unreadable(generation: int) -> Record:
        asked.append(generation)
        raise Corrupt("damaged", kind="damaged")

    asked: list[int] = []
    newest = records(registry)[3]
    seen = fleet([said(newest, 0)], newest)

    assert versions_served(seen, [REFUND], unreadable) == {REFUND: {Served(None, True): 1}}
    assert asked == [3]


# -- waiting ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def looks(registry: Registry) -> dict[str, Fleet]:
    past = records(registry)
    return {
        "nobody": fleet([], past[3]),
        "behind": fleet([said(past[3], 0), said(past[2], 1)], past[3]),
        "followed": fleet([said(past[3], 0), said(past[3], 1)], past[3]),
    }


def waited(looks: dict[str, Fleet], seconds: float, *names: str) -> tuple[Fleet, list[Fleet]]:
    """What waiting came to, where one look after another sees this; ``away`` is one that fails."""
    told: list[Fleet] = []
    left = list(names)

    def look() -> Fleet:
        name = left.pop(0) if len(left) > 1 else left[0]
        if name == "away":
            raise StoreUnavailable("away", kind="s3-unreachable")
        return looks[name]

    return wait_for_fleet(look, seconds, told.append, every=0.001), told


def test_it_is_waited_until_all_have_followed(looks: dict[str, Fleet]) -> None:
    seen, told = waited(looks, 60, "behind", "behind", "followed")

    assert seen is looks["followed"]
    assert [each.confirmed for each in told] == [1, 1, 2]


def test_where_nobody_reports_it_is_said_at_once(looks: dict[str, Fleet]) -> None:
    assert waited(looks, 60, "nobody", "behind")[0] is looks["nobody"]


def test_when_time_runs_out_it_is_said_how_far_they_are(looks: dict[str, Fleet]) -> None:
    assert waited(looks, 0.01, "behind")[0] is looks["behind"]
    seen, told = waited(looks, 0, "behind", "followed")
    assert (seen, told) == (looks["behind"], [looks["behind"]]), "no time at all is one look"


def test_a_look_that_fails_is_repeated(looks: dict[str, Fleet]) -> None:
    assert waited(looks, 60, "away", "behind", "away", "away", "followed")[0] is looks["followed"]
    assert waited(looks, 0.01, "behind", "away")[0] is looks["behind"]
    with pytest.raises(StoreUnavailable):
        waited(looks, 0.01, "away")


# -- reporting -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(repository: Path) -> Iterator[Store]:
    with open_git(repository) as found:
        yield found


class Serves(NamedTuple):
    """What a process serves."""

    record: Record
    digest: Digest


def serves(record: Record) -> Serves:
    return Serves(record, digest_of(encode(record)))


class Process:
    """One that reports: what it serves, and the store that it has, can be replaced at any time."""

    def __init__(self, now: Serves, store: Store | None) -> None:
        self.now = now
        self.store = store


def until(folder: Path, holds: Callable[[list[int]], bool]) -> None:
    """Wait until the generations that are reported are these; events of the reporter's own are not ours to see."""
    board, ended = FolderBoard(str(folder)), threading.Event()
    found: list[int] = []
    for _ in range(3000):
        found = sorted(json.loads(each.content)["generation"] for each in board.posted(PRODUCTION))
        if holds(found):
            return
        ended.wait(0.01)
    raise AssertionError(found)


@pytest.fixture
def folder(repository: Path) -> Path:
    return repository / ".git" / "repoint" / "readers"


def test_a_process_reports_what_it_serves_and_takes_it_back(registry: Registry, store: Store, folder: Path) -> None:
    past = records(registry)
    process = Process(serves(past[2]), None)
    reporter = Reporter("web-1", lambda: process.store, lambda: process.now)
    process.store = store
    reporter.changed()
    until(folder, lambda found: found == [2])
    process.now = serves(past[3])
    reporter.changed()
    until(folder, lambda found: found == [3])
    (posted,) = FolderBoard(str(folder)).posted(PRODUCTION)
    seen = fleet([posted], past[3])
    reporter.close()

    assert [(each.name, each.generation) for each in seen.processes] == [("web-1", 3)]
    assert not seen.behind
    assert FolderBoard(str(folder)).posted(PRODUCTION) == []


def test_it_can_be_closed_at_any_moment(registry: Registry, store: Store, folder: Path) -> None:
    now = serves(records(registry)[3])
    for _ in range(30):
        Reporter("web-1", lambda: store, lambda: now).close()

    assert FolderBoard(str(folder)).posted(PRODUCTION) == []
    assert not [each for each in threading.enumerate() if each.name == "repoint-report"]


def test_it_ends_and_takes_its_report_back_once_nobody_is_served(
    registry: Registry, store: Store, folder: Path
) -> None:
    process: list[Serves | None] = [serves(records(registry)[3])]
    reporter = Reporter("web-1", lambda: store, lambda: process[0])
    until(folder, lambda found: found == [3])
    process[0] = None
    reporter.changed()
    until(folder, lambda found: found == [])
    reporter.close()


def test_a_store_that_takes_no_reports_is_said_once(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    class Remote:
        name = "git"
        remote = repository = object()

    found: Store = Remote()  # type: ignore[assignment]
    now = serves(records(registry)[3])
    reporter = Reporter("web-1", lambda: found, lambda: now)
    reporter.close()

    assert [each.getMessage()[:32] for each in caplog.records] == ["nothing is reported: a Git remot"]


def test_what_fails_is_said_once_and_tried_again(
    registry: Registry, store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file is in the way")
    now = serves(records(registry)[3])
    reporter = Reporter("web-1", lambda: store, lambda: now)
    for _ in range(3000):
        if caplog.records:
            break
        threading.Event().wait(0.01)
    reporter.changed()
    folder.unlink()
    reporter.changed()
    until(folder, lambda found: found == [3])
    reporter.close()

    assert [each.getMessage()[:35] for each in caplog.records] == ["what is served cannot be reported: "]


def test_nothing_is_printed_where_nobody_configured_logging() -> None:
    code = "from repoint.follower import log; log.warning('heard'); log.error('heard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")
