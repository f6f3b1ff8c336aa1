"""A store that holds something wrong: a reader serves the newest record whole or the last good one, and nothing else.

Promise 6. Every object that a record needs is damaged in turn, in front of a reader that runs, one that starts again on
the same machine, and one that starts on a machine which knows nothing. Each damage is shown to have been handed out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from repoint import Reader, RepointError
from repoint.follower import RETRY_SECONDS
from repoint.s3keys import environment_key, ledger_key
from repoint_schemas.canonical import encode
from repoint_schemas.documents import EnvironmentName, Record

from tests.faults.reader_oracle import Told, team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import Damage, Machine, Shelf, emptied, flipped, gone, prolonged, quick_folder, truncated
from tests.stores import PRODUCTION

NEW = 4
"""The generation that makes two new versions live in one record."""

POINTER = environment_key(PRODUCTION)
DAMAGES = [flipped, truncated, emptied, gone, prolonged]


@pytest.fixture(scope="module")
def told() -> Told:
    return team()


@pytest.fixture
def disk() -> Iterator[Path]:
    with quick_folder() as made:
        yield made


@pytest.fixture
def shelf(told: Told) -> Shelf:
    return Shelf(told.at(NEW - 1))


@pytest.fixture
def machine(disk: Path, shelf: Shelf) -> Machine:
    return Machine(disk / "machine", shelf)


@pytest.fixture
def other(disk: Path, shelf: Shelf) -> Machine:
    return Machine(disk / "other", shelf)


def is_whole(reader: Reader, told: Told, generation: int) -> bool:
    """It serves this generation, byte for byte; it says why it may be behind, if it is."""
    assert served(reader.pin()) == told.served(reader.generation)
    assert reader.generation == generation
    return reader.staleness.reason is None


# -- stored wrongly ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["blobs/", "snapshots/", "releases/", "environments/"])
def test_no_damage_of_what_a_record_needs_is_ever_served(told: Told, disk: Path, kind: str, damage: Damage) -> None:
    before, after = told.needed(NEW - 1), {POINTER: b"", **told.needed(NEW)}
    keys = [key for key in sorted(after) if key.startswith(kind) and key not in before]
    assert keys
    for number, key in enumerate(keys):
        _a_move_into_damage(told, disk / str(number), key, damage)


def _a_move_into_damage(told: Told, folder: Path, key: str, damage: Damage) -> None:
    shelf = Shelf(told.at(NEW - 1))
    machine, other = Machine(folder / "machine", shelf), Machine(folder / "other", shelf)
    with machine.reader() as running:
        assert is_whole(running, told, NEW - 1)
        shelf.objects = told.at(NEW)
        shelf.damage(key, damage)
        assert running.poll() is False
        assert key in shelf.given, "the damage was not seen"
        assert not is_whole(running, told, NEW - 1)
    shelf.given.clear()
    with machine.reader() as restarted:
        assert key in shelf.given
        assert not is_whole(restarted, told, NEW - 1)
        assert restarted.staleness.from_disk
        _nothing_is_served(other, key)
        shelf.objects = told.at(NEW)
        machine.clock.passed += RETRY_SECONDS
        assert restarted.poll() is True
        assert is_whole(restarted, told, NEW)


def _nothing_is_served(machine: Machine, key: str) -> None:
    """A machine that knows nothing starts no reader."""
    machine.shelf.given.clear()
    with pytest.raises(RepointError), machine.reader():
        pass
    assert key in machine.shelf.given


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_in_memory_is_not_asked_for_again(
    told: Told, shelf: Shelf, machine: Machine, other: Machine, damage: Damage
) -> None:
    """Versions that stay live, and a version that comes back from a pin or the disk, need nothing of the store."""
    with machine.reader() as running:
        shelf.objects = told.at(NEW)
        for key in told.needed(NEW - 1):
            shelf.damage(key, damage)
        assert running.poll() is True
        assert is_whole(running, told, NEW)
    with machine.reader() as restarted:
        assert is_whole(restarted, told, NEW)
    with pytest.raises(RepointError), other.reader():
        pass


def test_no_flipped_byte_of_a_pointer_is_ever_served(
    told: Told, disk: Path, long_run: bool, machine: Machine, other: Machine, shelf: Shelf
) -> None:
    """Whatever the byte says: a generation, a time, a name. What is refused does not stand in the way afterwards."""
    content = told.pointer(NEW)
    with machine.reader() as one_behind:
        shelf.objects = told.at(0)
        with other.reader() as far_behind:
            for at in range(0, len(content), 1 if long_run else 9):
                wrong = content[:at] + bytes([content[at] ^ 1 << at % 7]) + content[at + 1 :]
                shelf.objects = {**told.at(NEW), POINTER: wrong}
                for reader, generation in ((one_behind, NEW - 1), (far_behind, 0)):
                    assert reader.poll() is False, f"byte {at}"
                    assert not is_whole(reader, told, generation)
                with pytest.raises(RepointError), Machine(disk / "fresh", shelf).reader(cached=False):
                    pass
            shelf.objects = told.at(NEW)
            for reader in (one_behind, far_behind):
                assert reader.poll() is True
                assert is_whole(reader, told, NEW)


def test_damage_is_looked_at_again_soon_and_then_ever_more_rarely(told: Told, shelf: Shelf, machine: Machine) -> None:
    """What was wrong on its way only is served with the next look; what stays wrong is not downloaded every time."""
    blob = next(key for key in sorted(told.needed(NEW).keys() - told.needed(NEW - 1).keys()) if key.startswith("blobs"))
    with machine.reader() as running:
        shelf.objects = told.at(NEW)
        shelf.damage(blob, flipped)
        downloads = 0
        for _ in range(300):
            shelf.given.clear()
            assert running.poll() is False
            downloads += blob in shelf.given
            machine.clock.passed += 2.0
        assert 2 <= downloads <= 4 + 600 / RETRY_SECONDS
        shelf.objects = told.at(NEW - 1)
        running.poll()
        shelf.objects = told.at(NEW)
        shelf.damage(blob, flipped)
        running.poll()
        shelf.objects = told.at(NEW)
        assert running.poll() is True


# -- the ledger --------------------------------------------------------------------------------------------------------


def test_a_pointer_that_its_ledger_contradicts_is_not_served(
    told: Told, shelf: Shelf, machine: Machine, other: Machine
) -> None:
    shelf.objects = told.at(NEW)
    with machine.reader() as running:
        shelf.objects = told.at(NEW + 1)
        key = ledger_key(PRODUCTION, NEW + 1)
        for damage in (flipped, truncated, emptied):
            shelf.damage(key, damage)
            assert running.poll() is False
            assert key in shelf.given
            assert not is_whole(running, told, NEW)
            _nothing_is_served(other, key)
            shelf.objects = told.at(NEW + 1)
            machine.clock.passed += RETRY_SECONDS
        assert running.poll() is True
        assert is_whole(running, told, NEW + 1)


@pytest.mark.parametrize("damage", [flipped, truncated, emptied, gone])
def test_a_ledger_without_what_was_served_is_not_followed(
    told: Told, shelf: Shelf, machine: Machine, damage: Damage
) -> None:
    """Two generations at once: the one between them binds what was served to what is there now."""
    with machine.reader() as running:
        shelf.objects = told.at(NEW + 1)
        shelf.damage(ledger_key(PRODUCTION, NEW - 1), damage)
        assert running.poll() is False
        assert ledger_key(PRODUCTION, NEW - 1) in shelf.given
        assert not is_whole(running, told, NEW - 1)
        shelf.objects = told.at(NEW + 1)
        assert running.poll() is True
        assert is_whole(running, told, NEW + 1)


def test_a_mover_that_has_not_noted_its_own_record_yet_is_followed(
    told: Told, shelf: Shelf, machine: Machine, other: Machine
) -> None:
    with machine.reader() as running:
        shelf.objects = told.at(NEW)
        shelf.damage(ledger_key(PRODUCTION, NEW), gone)
        assert running.poll() is True
        assert is_whole(running, told, NEW)
    with other.reader() as fresh:
        assert is_whole(fresh, told, NEW)


# -- replayed ----------------------------------------------------------------------------------------------------------


def test_no_older_pointer_is_ever_served(told: Told, disk: Path, machine: Machine, shelf: Shelf) -> None:
    newest = told.newest
    shelf.objects = told.at(newest)
    with machine.reader() as running:
        for older in range(newest):
            shelf.objects[POINTER] = told.pointer(older)
            shelf.given.clear()
            assert running.poll() is False
            assert POINTER in shelf.given
            assert not is_whole(running, told, newest)
    for older in range(newest):
        shelf.objects[POINTER] = told.pointer(older)
        with machine.reader() as restarted:
            assert not is_whole(restarted, told, newest)
        with pytest.raises(RepointError, match="put back"), Machine(disk / "fresh", shelf).reader():
            pass
    shelf.objects = told.at(newest)
    with machine.reader() as restarted:
        assert is_whole(restarted, told, newest)


def test_a_whole_older_bucket_is_refused_by_the_least_generation(told: Told, disk: Path, shelf: Shelf) -> None:
    """A ledger that was cut with its pointer tells a new machine nothing: then only what stands in the code helps."""
    shelf.objects = told.at(NEW - 1)
    with pytest.raises(RepointError, match="the least"), Machine(disk / "a", shelf).reader(minimum=NEW):
        pass
    shelf.objects = told.at(NEW)
    with Machine(disk / "a", shelf).reader(minimum=NEW) as fresh:
        assert is_whole(fresh, told, NEW)
    shelf.objects = told.at(NEW - 1)
    with Machine(disk / "a", shelf).reader(minimum=NEW) as restarted:
        assert not is_whole(restarted, told, NEW)
    shelf.away = True
    with pytest.raises(RepointError), Machine(disk / "a", shelf).reader(minimum=NEW + 1):
        pass


# -- somebody else's ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_another_registrys_pointer_is_never_served(
    told: Told, shelf: Shelf, machine: Machine, other: Machine, whole: bool
) -> None:
    """Alone, or with all that belongs to it: a machine that knows the registry's id takes no other."""
    foreign = team(str(uuid.uuid4()))
    theirs = foreign.at(NEW + 1) if whole else {POINTER: foreign.pointer(NEW + 1)}
    with machine.reader() as running:
        shelf.objects = {**told.at(NEW - 1), **theirs}
        assert running.poll() is False
        assert not is_whole(running, told, NEW - 1)
    with machine.reader() as restarted:
        assert not is_whole(restarted, told, NEW - 1)
    with pytest.raises(RepointError, match="belongs to registry"), other.reader(registry=told.records[0].registry):
        pass
    if not whole:
        with pytest.raises(RepointError), other.reader():
            pass
    shelf.objects = told.at(NEW)
    with machine.reader() as restarted, other.reader() as fresh:
        assert is_whole(restarted, told, NEW)
        assert is_whole(fresh, told, NEW)


def _elsewhere(record: Record) -> Record:
    return msgspec.structs.replace(record, environment=EnvironmentName("staging"))


def _from_the_future(record: Record) -> Record:
    entries = {a: msgspec.structs.replace(e, since=record.generation + 1) for a, e in record.agents.items()}
    return msgspec.structs.replace(record, agents=entries)


def _crossed(record: Record) -> Record:
    """Each agent with the entry of the other."""
    (one, first), (two, second) = record.agents.items()
    return msgspec.structs.replace(record, agents={one: second, two: first})


def _half(record: Record) -> Record:
    """The release of one version with the snapshot of another."""
    (one, first), (two, second) = record.agents.items()
    return msgspec.structs.replace(
        record, agents={one: msgspec.structs.replace(first, snapshot=second.snapshot), two: second}
    )


@pytest.mark.parametrize("lie", [_elsewhere, _from_the_future, _crossed, _half])
def test_a_record_that_contradicts_itself_is_not_served(
    told: Told, shelf: Shelf, machine: Machine, other: Machine, lie: Callable[[Record], Record]
) -> None:
    """Well written, with the ledger to match: somebody wrote to the bucket by hand."""
    wrong = encode(lie(told.records[NEW]))
    with machine.reader() as running:
        shelf.objects = {**told.at(NEW), POINTER: wrong, ledger_key(PRODUCTION, NEW): wrong}
        assert running.poll() is False
        assert not is_whole(running, told, NEW - 1)
    _nothing_is_served(other, POINTER)


def test_objects_that_change_places_are_found_out(told: Told, disk: Path) -> None:
    """Every pair of new objects of one kind, each in the place of the other."""
    new: Mapping[str, bytes] = {k: v for k, v in told.needed(NEW).items() if k not in told.needed(NEW - 1)}
    pairs = [(a, b) for a in new for b in new if a < b and a.partition("/")[0] == b.partition("/")[0]]
    assert len(pairs) > 10
    for number, (one, two) in enumerate(pairs):
        shelf = Shelf(told.at(NEW - 1))
        machine = Machine(disk / str(number), shelf)
        with machine.reader() as running:
            shelf.objects = {**told.at(NEW), one: new[two], two: new[one]}
            shelf.given.clear()
            assert running.poll() is False
            assert {one, two} & shelf.given
            assert not is_whole(running, told, NEW - 1)
