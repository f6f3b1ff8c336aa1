"""One machine that follows one move, to be killed at every write: ``python -m tests.faults.reader_keep FOLDER``.

The store is in the memory of each process; the folder holds what the machine keeps, and what it said that it served.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.faults.reader_oracle import team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import Machine, Shelf

SERVED = "served"
LATER = 4
"""The generation that is followed to."""


def prepare(folder: Path) -> None:
    """Serve the generation before."""
    with Machine(folder / "cache", Shelf(team().at(LATER - 1))).reader():
        pass


def kept_at(folder: Path, *, away: bool) -> int:
    """Start a reader: the generation that it serves, byte for byte."""
    told = team()
    shelf = Shelf(told.at(LATER))
    shelf.away = away
    with Machine(folder / "cache", shelf).reader() as reader:
        assert served(reader.pin()) == told.served(reader.generation)
        return reader.generation


def main(folder: Path) -> None:
    told = team()
    shelf = Shelf(told.at(LATER - 1))
    with Machine(folder / "cache", shelf).reader() as reader:
        shelf.objects = told.at(LATER)
        assert reader.poll()
        with open(folder / SERVED, "wb") as said:
            said.write(str(reader.generation).encode())
            said.flush()
            os.fsync(said.fileno())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
