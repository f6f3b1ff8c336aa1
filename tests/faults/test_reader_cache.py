"""A disk that is full or damaged, a clock in another year: what is kept is believed as little as what a network brings.

Promise 6 with the stores away, promise 7 with a clock that is wrong.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from repoint import Reader, RepointError, StoreUnavailable
from repoint.follower import CONFIRM_SECONDS

from tests.faults.reader_oracle import Told, team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import (
    BEGAN,
    HandClock,
    Machine,
    Shelf,
    emptied,
    flipped,
    gone,
    prolonged,
    quick_folder,
    truncated,
)

KEPT = 4
YEARS = 10 * 365.25 * 86400
DAMAGES = [flipped, truncated, emptied, gone, prolonged]

Wreck = Callable[[Path], object]


@pytest.fixture(scope="module")
def told() -> Told:
    return team()


@pytest.fixture
def disk() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


@pytest.fixture
def shelf(told: Told) -> Shelf:
    return Shelf(told.at(KEPT))


@pytest.fixture
def machine(disk: Path, shelf: Shelf) -> Machine:
    return Machine(disk / "machine", shelf)


@pytest.fixture
def kept(machine: Machine) -> Machine:
    """A machine that served a generation, and nobody runs there now."""
    with machine.reader():
        pass
    return machine


def is_whole(reader: Reader, told: Told, generation: int) -> bool:
    """It serves this generation, byte for byte; it says why it may be behind, if it is."""
    assert served(reader.pin()) == told.served(reader.generation)
    assert reader.generation == generation
    return reader.staleness.reason is None


def whole_or_nothing(machine: Machine, told: Told, generation: int) -> bool:
    """Start with the store away; whether what is kept is served."""
    machine.shelf.away = True
    try:
        with machine.reader() as reader:
            assert not is_whole(reader, told, generation)
            assert reader.staleness.from_disk
            return True
    except StoreUnavailable:
        return False
    finally:
        machine.shelf.away = False


# -- damaged -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_cache_damaged_in_any_file_serves_nothing_wrong_and_heals(
    told: Told, kept: Machine, damage: Callable[[bytes], bytes | None]
) -> None:
    files = kept.files
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        wrong = damage(content)
        path.unlink() if wrong is None else path.write_bytes(wrong)
        served_anyway = whole_or_nothing(kept, told, KEPT)
        assert served_anyway == (path.name == "registry"), path
        with kept.reader() as reader:
            assert is_whole(reader, told, KEPT)
        assert path.read_bytes() == content
        assert whole_or_nothing(kept, told, KEPT)


def test_a_cache_damaged_in_every_file_at_once(told: Told, kept: Machine) -> None:
    for path in kept.files:
        path.write_bytes(flipped(path.read_bytes()))
    assert not whole_or_nothing(kept, told, KEPT)
    with kept.reader() as reader:
        assert is_whole(reader, told, KEPT)
    assert whole_or_nothing(kept, told, KEPT)


def test_a_damaged_cache_still_knows_how_far_it_was(told: Told, kept: Machine) -> None:
    for path in kept.files:
        path.write_bytes(b"")
    kept.shelf.objects = told.at(KEPT - 1)
    with pytest.raises(RepointError, match="was served before"), kept.reader():
        pass


def test_a_cache_with_the_files_of_another_machine(told: Told, kept: Machine, disk: Path, shelf: Shelf) -> None:
    """Each file in turn replaced by one of the same kind: of an older generation, or of another registry."""
    for number, objects in enumerate((told.at(KEPT - 1), team(str(uuid.uuid4())).at(KEPT))):
        theirs = Machine(disk / f"theirs-{number}", Shelf(objects))
        with theirs.reader():
            pass
        for path in kept.files:
            content = path.read_bytes()
            for other in (each for each in theirs.files if each.parent.name == path.parent.name):
                path.write_bytes(other.read_bytes())
                whole_or_nothing(kept, told, KEPT)
                with suppress(RepointError), kept.reader() as reader:
                    assert is_whole(reader, told, KEPT)
            path.write_bytes(content)
            assert whole_or_nothing(kept, told, KEPT)


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _endless_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _itself_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("wreck", [_folder_instead, _endless_instead, _itself_instead])
def test_a_cache_with_something_else_than_a_file(told: Told, kept: Machine, wreck: Wreck) -> None:
    for path in kept.files:
        content = path.read_bytes()
        wreck(path)
        assert whole_or_nothing(kept, told, KEPT) == (path.name == "registry")
        with kept.reader() as reader:
            assert is_whole(reader, told, KEPT)
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize("part", ["records", "objects", "."])
@pytest.mark.parametrize("wreck", ["removed", "a file"])
def test_a_cache_without_its_folders(told: Told, kept: Machine, part: str, wreck: str, shelf: Shelf) -> None:
    (records,) = kept.folder.rglob("records")
    folder = records.parent / part
    shutil.rmtree(folder.resolve())
    if wreck == "a file":
        folder.resolve().write_bytes(b"")
    assert not whole_or_nothing(kept, told, KEPT)
    with kept.reader() as reader:
        assert is_whole(reader, told, KEPT)
        shelf.objects = told.at(KEPT + 1)
        assert reader.poll() is True
        assert is_whole(reader, told, KEPT + 1)
    assert whole_or_nothing(kept, told, KEPT + 1) == (wreck == "removed")


def test_a_cache_that_is_damaged_under_a_running_reader(told: Told, machine: Machine, shelf: Shelf) -> None:
    with machine.reader() as running:
        for path in machine.files:
            path.write_bytes(emptied(path.read_bytes()))
        assert is_whole(running, told, KEPT)
        for generation in range(KEPT + 1, told.newest + 1):
            shelf.objects = told.at(generation)
            assert running.poll() is True
            assert is_whole(running, told, generation)
    shelf.objects = told.at(told.newest)
    with machine.reader() as restarted:
        assert is_whole(restarted, told, told.newest)
    assert whole_or_nothing(machine, told, told.newest)


# -- full --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB of our own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "repoint-test", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small file system is not possible here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(place: Path) -> Path:
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    assert os.statvfs(place).f_bavail == 0
    return filler


def test_a_full_disk_stops_no_move_and_spoils_nothing(
    told: Told, shelf: Shelf, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(small_disk, shelf)
    with machine.reader() as running:
        filler = _fill(small_disk)
        shelf.objects = told.at(KEPT + 2)
        with caplog.at_level(logging.ERROR, "repoint.reader"):
            assert running.poll() is True
        assert is_whole(running, told, KEPT + 2)
        assert "is not kept on the disk" in caplog.text
        assert "No space left" in caplog.text
        assert whole_or_nothing(machine, told, KEPT)
        filler.unlink()
        machine.clock.passed += CONFIRM_SECONDS
        assert running.poll() is False
    assert whole_or_nothing(machine, told, KEPT + 2)


def test_a_disk_that_is_full_from_the_beginning(told: Told, shelf: Shelf, small_disk: Path) -> None:
    machine = Machine(small_disk / "cache", shelf)
    _fill(small_disk)
    with machine.reader() as reader:
        assert is_whole(reader, told, KEPT)
        shelf.objects = told.at(KEPT + 1)
        assert reader.poll() is True
        assert is_whole(reader, told, KEPT + 1)


def test_a_folder_that_nobody_may_write_to(told: Told, kept: Machine, shelf: Shelf, small_disk: Path) -> None:
    machine = Machine(small_disk, shelf)
    with machine.reader():
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with machine.reader() as reader:
        shelf.objects = told.at(KEPT + 1)
        assert reader.poll() is True
        assert is_whole(reader, told, KEPT + 1)
    assert whole_or_nothing(machine, told, KEPT)


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [YEARS, -YEARS])
def test_a_clock_that_is_ten_years_off_decides_nothing(told: Told, kept: Machine, shelf: Shelf, offset: float) -> None:
    kept.clock = HandClock(BEGAN + offset)
    assert whole_or_nothing(kept, told, KEPT)
    with kept.reader() as reader:
        assert reader.staleness.seconds == 0.0
        shelf.objects = told.at(KEPT + 1)
        assert reader.poll() is True
        assert is_whole(reader, told, KEPT + 1)
        kept.clock.unix -= 2 * offset  # it jumps while the reader runs
        kept.clock.passed += 7.0
        assert reader.staleness.seconds == 7.0
        shelf.objects = told.at(KEPT)
        assert reader.poll() is False
        assert not is_whole(reader, told, KEPT + 1)
        shelf.objects = told.at(KEPT + 2)
        assert reader.poll() is True
        assert is_whole(reader, told, KEPT + 2)
    assert whole_or_nothing(kept, told, KEPT + 2)


def test_an_age_from_the_disk_is_never_negative(kept: Machine, shelf: Shelf) -> None:
    shelf.away = True
    (record,) = (path for path in kept.files if path.parent.name == "records")
    for offset, at_least in ((YEARS, 0.0), (-YEARS, YEARS - 1)):
        os.utime(record, (BEGAN + offset, BEGAN + offset))
        with kept.reader() as reader:
            assert reader.staleness.seconds >= at_least
            assert reader.staleness.from_disk
