"""A store that goes away and comes back: the last good record is served, how old it may be is said, and then followed.

Promise 6 with the stores away: for an hour of simulated time, and for each kind of place for real.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repoint import Reader, RepointError, readersource

from tests.faults.reader_oracle import Told, team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import BEGAN, Machine, Shelf, quick_folder
from tests.unit.reader_places import EXAMPLES, SYSTEM, Opener, ReaderPlace, RepositoryPlace

pytest_plugins = ["tests.unit.reader_fixtures"]

HOUR = 3600.0
INTERVAL = 1.0
PATIENCE = 30.0


class Sandglass:
    """A clock for a reader's thread: time passes only when the test lets it, and then at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._now = self._until = 0.0
        self._standing = False

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return BEGAN + self._now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        with self._changed:
            while self._now + seconds > self._until and not event.is_set():
                self._standing = True
                self._changed.notify_all()
                self._changed.wait(0.01)  # the event may be set meanwhile
            self._now += seconds
            return event.is_set()

    def let_pass(self, seconds: float) -> None:
        """Until the reader has used this time up, as far as its next pause reaches."""
        with self._changed:
            self._until += seconds
            self._standing = False
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._standing, PATIENCE)


# -- an hour -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told() -> Told:
    return team()


@pytest.fixture
def disk() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


def is_whole(reader: Reader, told: Told, generation: int) -> bool:
    """It serves this generation, byte for byte; it says why it may be behind, if it is."""
    with reader.pin() as pinned:
        assert served(pinned) == told.served(pinned.generation)
        assert pinned.generation == generation
    return reader.staleness.reason is None


@pytest.mark.parametrize("wrong", [False, True])
def test_an_hour_without_the_store(told: Told, disk: Path, wrong: bool) -> None:
    """Away, or with an older pointer: thousands of looks, each of which fails, and the first that does not."""
    shelf, clock = Shelf(told.at(3)), Sandglass()
    machine = Machine(disk, shelf, clock)
    with machine.reader(interval=INTERVAL) as reader:
        clock.let_pass(10.0)
        assert is_whole(reader, told, 3)
        assert reader.staleness.seconds <= 1.2 * INTERVAL
        shelf.objects = told.at(1)
        shelf.away = not wrong
        before, began = shelf.polls, clock.monotonic()
        clock.let_pass(HOUR)
        assert shelf.polls - before > 0.8 * HOUR
        assert not is_whole(reader, told, 3)
        assert clock.monotonic() - began <= reader.staleness.seconds <= clock.monotonic() - began + 1.2 * INTERVAL
        assert not reader.staleness.from_disk
        shelf.objects = told.at(5)
        shelf.away = False
        before = shelf.polls
        clock.let_pass(1.2 * INTERVAL)
        assert 1 <= shelf.polls - before <= 3
        assert is_whole(reader, told, 5)
        assert reader.staleness.seconds <= 1.2 * INTERVAL
    assert "repoint-reader" not in {each.name for each in threading.enumerate()}


def test_an_hour_without_a_process_is_told_from_the_disk(told: Told, disk: Path) -> None:
    shelf = Shelf(told.at(3))
    machine = Machine(disk, shelf)
    with machine.reader():
        pass
    for path in machine.files:
        assert path.stat().st_mtime > BEGAN  # noted by the machine's own clock, which is this one
    (record,) = (path for path in machine.files if path.parent.name == "records")
    machine.clock.unix = record.stat().st_mtime + HOUR
    shelf.away = True
    with machine.reader() as restarted:
        assert not is_whole(restarted, told, 3)
        assert restarted.staleness.from_disk
        assert restarted.staleness.seconds == pytest.approx(HOUR)


# -- each kind of place, for real --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECT_SECONDS", "READ_SECONDS", "PATIENCE_SECONDS"):
        monkeypatch.setattr(readersource, name, 2.0)


def serves(reader: Reader, version: str) -> bool:
    """Whether what is live of refund is this version, whole; intake is always the same."""
    with reader.pin() as pinned:
        refund, intake = pinned.active("refund"), pinned.active("intake")
    prompts = {name: file.data for name, file in refund.prompts.items()}
    system = SYSTEM.encode()
    rich = {"system": system, "examples": EXAMPLES, "again": system}
    assert prompts == {"1.0.0": rich, "1.1.0": {"system": b"Be kind."}}[refund.version]
    assert intake.prompts["system"].data == b"Take it in."
    return refund.version == version


def test_a_place_goes_away_and_comes_back(place: ReaderPlace) -> None:
    running = place.reader(interval=0.05)
    assert serves(running, "1.0.0")
    place.go_away()
    assert _soon(lambda: running.staleness.reason is not None)
    restarted = place.reader()
    for reader in (running, restarted):
        assert serves(reader, "1.0.0")
        assert reader.staleness.reason is not None
    assert restarted.staleness.from_disk
    with pytest.raises(RepointError):
        place.reader(cache=place.folder / "nothing-kept")
    generation = None if isinstance(place, RepositoryPlace) else place.promote("refund@1.1.0")  # past the proxy
    place.come_back()
    generation = generation or place.promote("refund@1.1.0")
    assert restarted.poll() is True
    assert running.wait_for(generation, PATIENCE)
    for reader in (running, restarted):
        assert serves(reader, "1.1.0")
        assert reader.staleness.reason is None


def _soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold while a reader's thread looks again and again."""
    waiting = threading.Event()
    return any(holds() or waiting.wait(0.02) for _ in range(int(PATIENCE / 0.02)))


# -- a repository that was put back ------------------------------------------------------------------------------------


def test_a_repository_that_is_restored_from_a_backup(open_place: Opener, tmp_path: Path) -> None:
    """An older copy is refused for as long as it is older; one that is as far is followed, though every file is new."""
    place = open_place("repository", tmp_path / "place")
    assert isinstance(place, RepositoryPlace)
    older = shutil.copytree(place.repository, tmp_path / "older")
    generation = place.promote("refund@1.1.0")
    newer = shutil.copytree(place.repository, tmp_path / "newer")
    running = place.reader()
    for reader in (running, place.reader()):
        assert serves(reader, "1.1.0")
    _put(older, place.repository)
    assert running.poll() is False
    assert serves(running, "1.1.0")
    assert f"generation {generation} was served before" in str(running.staleness.reason)
    restarted = place.reader()
    assert serves(restarted, "1.1.0")
    assert restarted.staleness.from_disk
    _put(newer, place.repository)
    for reader in (running, restarted):
        assert reader.poll() is False
        assert reader.staleness.reason is None
    place.roll_back("refund")
    for reader in (running, restarted):
        assert reader.poll() is True
        assert serves(reader, "1.0.0")


def test_a_repository_whose_ledger_went_another_way(open_place: Opener, tmp_path: Path) -> None:
    """The same generation, and later ones, of a ledger that does not hold what was served."""
    place = open_place("repository", tmp_path / "place")
    assert isinstance(place, RepositoryPlace)
    before = shutil.copytree(place.repository, tmp_path / "before")
    place.promote("refund@1.1.0")
    ours = shutil.copytree(place.repository, tmp_path / "ours")
    running = place.reader()
    _put(before, place.repository)
    place.promote("refund@1.1.0")
    for says in ("another record of that generation", "does not hold"):
        assert running.poll() is False
        assert serves(running, "1.1.0")
        assert says in str(running.staleness.reason)
        if says != "does not hold":
            place.roll_back("refund")
    _put(ours, place.repository)
    assert running.poll() is False
    assert running.staleness.reason is None


def _put(copy: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(copy, place)
