"""Anything at once: a store and a disk damaged at random, two readers that end and start again, time that jumps.

Promise 6, judged by an oracle that knows only what was published and the chain of records: whatever is served is one
of them, whole, and never below what this machine served before; and once all is mended, the newest is served again.
"""

from __future__ import annotations

import random
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from repoint import Reader, RepointError
from repoint.follower import RETRY_SECONDS
from repoint.s3keys import environment_key
from repoint_schemas.canonical import encode

from tests.faults.reader_oracle import Told, any_team, team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import Machine, Shelf, quick_folder
from tests.stores import PRODUCTION

POINTER = environment_key(PRODUCTION)
FOREIGN = team("11111111-2222-4333-8444-555555555555")
STEPS, MOVES = 40, 12
YEARS = 10 * 365 * 86400


class Play:
    """One machine with two readers, one store, and what happens to them by one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(f"reader {seed}")
        self.told: Told = any_team(self.chance, MOVES)
        self.newest = 1
        self.shelf = Shelf(self.told.at(self.newest))
        self.machine = Machine(folder, self.shelf)
        self.seen = 0
        self.wrong: set[str] = set()
        self._readers: list[Reader | None] = [None, None]
        self._least = [0, 0]
        self._open = [ExitStack(), ExitStack()]

    def run(self) -> None:
        with self._open[0], self._open[1]:
            self.start(0)
            for _ in range(STEPS):
                self.chance.choices(*zip(*_WEIGHTS.items(), strict=True))[0](self)
                self.judge()
            self.mend()
            self.end_whole()
            self.shelf.away = True
            self.end_whole()

    def judge(self) -> None:
        """Whatever is served was published, is whole, and is not below what was served before."""
        self.seen += len(self.wrong & self.shelf.given)
        self.shelf.given.clear()
        for slot, reader in enumerate(self._readers):
            if reader is not None:
                with reader.pin() as pinned:
                    assert served(pinned) == self.told.served(pinned.generation)
                    assert pinned.generation >= self._least[slot]
                    self._least[slot] = pinned.generation

    def end_whole(self) -> None:
        """Whoever starts now serves the newest; so does whoever runs, once it has looked."""
        self.start(0)
        self.machine.clock.passed += RETRY_SECONDS
        for reader in self._readers:
            if reader is not None:
                reader.poll()
        self.judge()
        assert self._readers[0] is not None
        assert {reader.generation for reader in self._readers if reader is not None} == {self.newest}

    # -- what happens

    def advance(self) -> None:
        self.newest = min(self.newest + self.chance.randint(1, 3), self.told.newest)
        self.shelf.objects.update({k: v for k, v in self.told.at(self.newest).items() if k not in self.shelf.objects})
        self.shelf.objects[POINTER] = self.told.pointer(self.newest)
        self.wrong.discard(POINTER)

    def mend(self) -> None:
        self.shelf.objects = self.told.at(self.newest)
        self.shelf.away = False
        self.wrong.clear()

    def damage_store(self) -> None:
        key = self.chance.choice([POINTER, *sorted(self.shelf.objects)])
        content = self._damaged(self.shelf.objects.get(key, b"{}"), list(self.shelf.objects.values()))
        self._store(key, content)

    def replay(self) -> None:
        self._store(POINTER, self.told.pointer(self.chance.randint(0, self.newest)))

    def show_another_registry(self) -> None:
        self._store(POINTER, encode(self.chance.choice(FOREIGN.records)))

    def go_away(self) -> None:
        self.shelf.away = True

    def come_back(self) -> None:
        self.shelf.away = False

    def damage_disk(self) -> None:
        """Losing the name of the newest record loses the mark; the registry's own chain still holds then."""
        files = self.machine.files
        if not files:
            return
        path = self.chance.choice(files)
        content = self._damaged(path.read_bytes(), [each.read_bytes() for each in files])
        if content is not None:
            path.write_bytes(content)
        elif path.parent.name != "records":
            path.unlink()

    def poll(self) -> None:
        reader = self.chance.choice(self._readers)
        if reader is not None:
            reader.poll()
        self.machine.clock.passed += self.chance.uniform(0.0, 5.0)

    def poll_late(self) -> None:
        self.machine.clock.passed += RETRY_SECONDS
        self.poll()

    def start_one(self) -> None:
        self.start(self.chance.randrange(2))

    def start(self, slot: int) -> None:
        """End the reader that runs, if one does, and start another, which may refuse to."""
        self._open[slot].close()
        self._readers[slot] = None
        self._least[slot] = max(self._least)
        with suppress(RepointError):
            self._readers[slot] = self._open[slot].enter_context(self.machine.reader())

    def set_the_clock(self) -> None:
        self.machine.clock.unix += self.chance.choice([-YEARS, YEARS])

    def _store(self, key: str, content: bytes | None) -> None:
        self.wrong.add(key)
        if content is None:
            self.shelf.objects.pop(key, None)
        else:
            self.shelf.objects[key] = content

    def _damaged(self, content: bytes, others: list[bytes]) -> bytes | None:
        """Flipped, cut, continued, another's, or (None) gone."""
        at = self.chance.randrange(len(content) + 1)
        match self.chance.randrange(6):
            case 0 | 1:
                return content[:at] + bytes(b ^ 1 << at % 8 for b in content[at : at + 1]) + content[at + 1 :]
            case 2:
                return content[:at]
            case 3:
                return content + content[at:] + b"\0"
            case 4:
                return self.chance.choice(others)
            case _:
                return None


_WEIGHTS = {
    Play.poll: 12,
    Play.poll_late: 3,
    Play.advance: 6,
    Play.mend: 3,
    Play.damage_store: 8,
    Play.replay: 3,
    Play.show_another_registry: 1,
    Play.go_away: 2,
    Play.come_back: 3,
    Play.damage_disk: 6,
    Play.start_one: 6,
    Play.set_the_clock: 1,
}


def _play(seeds: range) -> int:
    """Play these seeds; how many wrong objects their readers were given altogether."""
    seen = 0
    for seed in seeds:
        with quick_folder() as folder:
            play = Play(seed, folder)
            try:
                play.run()
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise
            seen += play.seen
    return seen


def test_whatever_happens_only_what_was_published_is_served() -> None:
    assert _play(range(30)) > 100


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(10))
def test_whatever_happens_a_thousand_times(hundred: int) -> None:
    assert _play(range(100 * hundred, 100 * hundred + 100)) > 300
