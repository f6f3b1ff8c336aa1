"""A reader among threads and forks: who is told, who waits, how it ends."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repoint import reader as reader_module
from repoint.errors import RepointError
from repoint.follower import Change
from repoint.live import Live
from repoint.reader import Reader

from tests.servers.proxy import Exchange, Fault, Hold
from tests.unit.reader_places import BucketPlace, ReaderPlace, RepositoryPlace
from tests.unit.test_reader import versions

pytest_plugins = ["tests.unit.reader_fixtures"]

SECONDS = 30.0
SHORT = 0.02
PROCESS = Path(__file__).with_name("reader_process.py")


def hold_one(exchange: Exchange) -> Fault | None:
    """The first request after ``start_over``."""
    return Hold() if exchange.number == 0 else None


# -- following in a thread ---------------------------------------------------------------------------------------------


def test_the_thread_follows_and_whoever_waits_is_woken(repository_place: RepositoryPlace) -> None:
    reader = repository_place.reader(interval=SHORT)
    assert reader.wait_for(1, 0.0)
    assert not reader.wait_for(2, 0.01)
    repository_place.promote("refund@1.1.0")
    assert reader.wait_for(2, SECONDS)
    assert versions(reader)["refund"] == "1.1.0"
    assert not reader.wait_for(3, 0.0)


@pytest.mark.s3
def test_the_thread_follows_a_bucket(bucket_place: BucketPlace) -> None:
    reader = bucket_place.reader(interval=SHORT)
    bucket_place.promote("refund@1.1.0")
    assert reader.wait_for(2, SECONDS)
    bucket_place.roll_back("refund")
    assert reader.wait_for(3, SECONDS)
    assert versions(reader)["refund"] == "1.0.0"


def test_many_threads_see_one_record_or_the_next(repository_place: RepositoryPlace) -> None:
    place = repository_place
    place.publish("intake@1.1.0")
    reader = place.reader(interval=0.005)
    seen: set[tuple[str, str]] = set()
    last = threading.Event()

    def look() -> None:
        generation = 0
        while not last.wait(0.0005):
            with reader.pin() as pinned:
                assert pinned.generation >= generation
                generation = pinned.generation
                seen.add((str(pinned.active("refund").version), str(pinned.active("intake").version)))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        place.promote("refund@1.1.0", "intake@1.1.0")
        assert reader.wait_for(place.roll_back("refund", "intake"), SECONDS)
        place.unhold("refund@1.1.0", "intake@1.1.0")
    last.set()
    for thread in threads:
        thread.join()
    assert {("1.0.0", "1.0.0")} <= seen <= {("1.0.0", "1.0.0"), ("1.1.0", "1.1.0")}


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_callbacks_are_told_in_order_and_may_fail(
    repository_place: RepositoryPlace, caplog: pytest.LogCaptureFixture
) -> None:
    reader = repository_place.reader()
    told: list[tuple[str, int]] = []

    def fail(change: Change) -> None:
        told.append(("failing", change.generation))
        raise ZeroDivisionError

    remove = reader.on_change(fail)
    reader.on_change(lambda change: told.append(("other", change.generation)))
    repository_place.promote("refund@1.1.0")
    assert reader.poll()
    remove()
    remove()
    repository_place.roll_back("refund")
    assert reader.poll()
    assert told == [("failing", 2), ("other", 2), ("other", 3)]
    assert "production: a callback failed" in caplog.text


def test_a_callback_may_poll_and_the_others_still_hear_in_order(repository_place: RepositoryPlace) -> None:
    place = repository_place
    reader = place.reader()
    told: list[int] = []

    def further(change: Change) -> None:
        if change.generation == 2:
            place.roll_back("refund")
            assert reader.poll()
            assert reader.generation == 3

    reader.on_change(further)
    reader.on_change(lambda change: told.append(change.generation))
    place.promote("refund@1.1.0")
    assert reader.poll()
    assert told == [2, 3]


def test_a_callback_may_close_the_reader(repository_place: RepositoryPlace) -> None:
    reader = repository_place.reader(interval=SHORT)
    closed = threading.Event()

    def close(_: Change) -> None:
        reader.close()
        closed.set()

    reader.on_change(close)
    repository_place.promote("refund@1.1.0")
    assert closed.wait(SECONDS)
    assert reader.generation == 2


def test_a_slow_callback_does_not_keep_others_from_what_is_new(repository_place: RepositoryPlace) -> None:
    place = repository_place
    reader = place.reader()
    told: list[int] = []
    began, go_on = threading.Event(), threading.Event()

    def slow(change: Change) -> None:
        began.set()
        assert go_on.wait(SECONDS)
        told.append(change.generation)

    reader.on_change(slow)
    place.promote("refund@1.1.0")
    polling = threading.Thread(target=reader.poll)
    polling.start()
    assert began.wait(SECONDS)
    place.roll_back("refund")
    assert reader.poll(), "this thread leaves the telling to the other"
    assert (reader.generation, told) == (3, [])
    go_on.set()
    polling.join()
    assert told == [2, 3]


def test_threads_that_look_at_once_serve_and_tell_in_order(repository_place: RepositoryPlace) -> None:
    place = repository_place
    reader = place.reader(interval=0.01)
    told: list[Change] = []
    reader.on_change(told.append)
    last = threading.Event()

    def look() -> None:
        while not last.wait(0.001):
            reader.poll()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for move in (place.promote, place.roll_back, place.unhold, place.promote):
        target = "refund" if move == place.roll_back else "refund@1.1.0"
        assert reader.wait_for(move(target), SECONDS)
    last.set()
    for thread in threads:
        thread.join()
    assert [change.generation for change in told] == [2, 3, 4, 5]
    assert [change.before for change in told] == [1, 2, 3, 4]


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_what_was_served_can_be_read_after_the_end(near: ReaderPlace) -> None:
    reader = near.reader(interval=SHORT)
    pinned = reader.pin()
    waiting = threading.Thread(target=lambda: waited.append(reader.wait_for(9)))
    waited: list[bool] = []
    waiting.start()
    reader.close()
    reader.close()
    waiting.join(SECONDS)
    assert waited == [False]
    assert reader._follower.store is None
    near.promote("refund@1.1.0")
    assert not reader.poll()
    assert (reader.generation, versions(reader)["refund"], pinned.generation) == (1, "1.0.0", 1)
    pinned.close()
    with pytest.raises(ValueError, match="closed"):
        pinned.active("refund")
    assert not [each for each in threading.enumerate() if each.name == "repoint-reader"]


@pytest.mark.s3
def test_closing_does_not_wait_for_a_store_that_does_not_answer(
    bucket_place: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "CLOSE_SECONDS", 0.05)
    place = bucket_place
    reader = place.reader()
    place.promote("refund@1.1.0")
    place.proxy.start_over()
    place.proxy.plan = hold_one
    looking = threading.Thread(target=reader.poll)
    looking.start()
    assert place.proxy.held.wait(SECONDS)
    reader.close()
    assert looking.is_alive()
    assert place.proxy.release() == 1
    looking.join(SECONDS)
    assert reader._follower.live is not reader._live
    assert (reader.generation, reader._follower.store) == (1, None), "what came too late is not served"
    assert [type(fault) for _, fault in place.proxy.happened] == [Hold]


@pytest.mark.parametrize("report", [False, True])
def test_a_reader_that_nobody_has_any_more_ends(repository_place: RepositoryPlace, report: bool) -> None:
    reader = Reader(repository_place.address, interval=SHORT, cache=None, report=report)
    gone, thread, follower = weakref.ref(reader), reader._thread, reader._follower
    assert thread is not None
    del reader
    thread.join(SECONDS)
    gc.collect()
    assert not thread.is_alive()
    assert (gone(), follower.store) == (None, None)


def test_an_interpreter_ends_without_a_word_from_a_reader_that_was_not_closed(near: ReaderPlace) -> None:
    """As good as always in the middle of a look."""
    script = "import json, logging, sys, repoint; logging.basicConfig()"
    script += "; reader = repoint.Reader(**json.loads(sys.argv[1]), interval=1e-6); reader.wait_for(2, 0.1)"
    arguments = {**near.arguments(), "report": near.kind != "remote"}
    command = [sys.executable, "-W", "error", "-c", script, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_whatever_a_library_raises_does_not_end_the_reader(
    repository_place: RepositoryPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = repository_place.reader()

    def broken() -> None:
        raise MemoryError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(reader._follower, "look", broken)
        assert not reader.poll()
    assert reader.staleness.reason == "MemoryError: no more"
    assert "looking for a newer record failed" in caplog.text
    repository_place.promote("refund@1.1.0")
    assert reader.poll()
    assert reader.staleness.reason is None


# -- what stays in memory ----------------------------------------------------------------------------------------------


def test_a_live_snapshot_is_in_memory_once_across_records(repository_place: RepositoryPlace) -> None:
    reader = repository_place.reader()
    before = reader.agents
    repository_place.promote("refund@1.1.0")
    assert reader.poll()
    after = reader.agents

    assert after["intake"] is not before["intake"], "it says another generation"
    for shared in ("prompts", "integrations", "config", "files", "requires", "model"):
        assert getattr(after["intake"], shared) is getattr(before["intake"], shared)
    assert after["refund"].files is not before["refund"].files


def test_a_file_that_a_new_version_has_too_is_in_memory_once(repository_place: RepositoryPlace) -> None:
    place = repository_place
    place.publish("intake@1.1.0", "Take it in.")
    place.publish("refund@1.2.0", "Take it in.")
    reader = place.reader()
    kept = reader.active("intake").prompts["system"]
    place.promote("intake@1.1.0", "refund@1.2.0")
    assert reader.poll()
    assert reader.active("intake").prompts["system"] is kept
    assert reader.active("refund").prompts["system"] is kept
    assert reader.active("intake").digest == reader.active("intake").digest


@contextmanager
def collected(*gone: Callable[[], object]) -> Iterator[None]:
    yield
    gc.collect()
    assert [reference() for reference in gone] == [None] * len(gone)


def test_nothing_of_an_older_record_stays_but_what_is_pinned(repository_place: RepositoryPlace) -> None:
    place = repository_place
    reader = place.reader()
    pinned = reader.pin()
    record, contents = weakref.ref(reader._live), weakref.ref(reader.active("refund")._contents)
    place.promote("refund@1.1.0")
    assert reader.poll()
    gc.collect()
    assert isinstance(record(), Live)
    assert contents() is not None
    with collected(record, contents):
        pinned.close()


@pytest.mark.s3
def test_nothing_stays_of_a_record_that_cannot_be_served(bucket_place: BucketPlace) -> None:
    place = bucket_place
    place.publish("refund@1.2.0", "x" * 100_000)
    reader = place.reader()
    for missing in (key for key in place.stored() if key.startswith("releases/refund/1.2.0")):
        content = place.get(missing)
        place.promote("refund@1.2.0")
        place.put(missing, content[:-1])
    for _ in range(3):
        assert not reader.poll()
    failure = reader._failure
    assert isinstance(failure, RepointError)
    at: BaseException | None = failure
    while at is not None:
        assert at.__traceback__ is None
        at = at.__cause__ or at.__context__
    reader._follower.close()
    gc.collect()
    assert not [held for held in gc.get_objects() if isinstance(held, dict) and any(map(_is_large, held.values()))]


def _is_large(value: object) -> bool:
    return isinstance(value, bytes) and value == b"x" * 100_000


# -- forks -------------------------------------------------------------------------------------------------------------


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def forking(place: ReaderPlace) -> Iterator[subprocess.Popen[str]]:
    """The process, when it serves generation 1; at the end it must have said nothing wrong."""
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", str(PROCESS)]
    with subprocess.Popen(
        [*command, json.dumps(place.arguments())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert told(process) == "1"
            yield process
            assert told(process) == "0"
        finally:
            process.kill()
            assert process.stderr is not None
            assert process.stderr.read() == ""


def fork(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert told(process) == "forked"


@pytest.mark.s3
def test_a_child_that_was_forked_in_the_middle_of_a_look_follows_and_so_does_its_parent(
    bucket_place: BucketPlace,
) -> None:
    place = bucket_place
    with forking(place) as process:
        place.proxy.start_over()
        place.proxy.plan = hold_one
        assert place.proxy.held.wait(SECONDS)
        fork(process)
        place.promote("refund@1.1.0")
        assert told(process) == "child 2 1.1.0"
        assert place.proxy.release() == 1
        assert told(process) == "parent 2 1.1.0"
        place.roll_back("refund")
        assert sorted((told(process), told(process))) == ["child 3 1.0.0", "parent 3 1.0.0"]
    assert [type(fault) for _, fault in place.proxy.happened] == [Hold]


def test_parent_and_child_follow_a_repository(repository_place: RepositoryPlace) -> None:
    with forking(repository_place) as process:
        fork(process)
        repository_place.promote("refund@1.1.0")
        assert sorted((told(process), told(process))) == ["child 2 1.1.0", "parent 2 1.1.0"]
        repository_place.roll_back("refund")
        assert sorted((told(process), told(process))) == ["child 3 1.0.0", "parent 3 1.0.0"]


@pytest.mark.parametrize("forked", [False, True])
def test_what_was_found_and_not_shown_is_found_again(repository_place: RepositoryPlace, forked: bool) -> None:
    """Ctrl-C, or a fork, came right after a record was loaded: it is not lost, and is told of."""
    reader = repository_place.reader()
    told_of: list[int] = []
    reader.on_change(lambda change: told_of.append(change.generation))
    repository_place.promote("refund@1.1.0")
    with reader._polling:
        assert reader._looked() is not None
        if forked:
            reader._renew()
    assert reader.generation == 1
    assert reader.poll()
    assert (reader.generation, told_of) == (2, [2])
