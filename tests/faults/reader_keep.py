"""One machine that follows one move, to be killed at every write.

    python -m tests.faults.reader_keep FOLDER [BYTES]

The store is in the memory of each process; the folder holds what the machine keeps, and what it said that it served. No
file of the second record may be longer than so many bytes, where that is given.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from repoint import StoreUnavailable

from tests.faults.reader_oracle import team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import Machine, Shelf

LATER = 4
"""The generation that is followed to."""

NOTHING = -1


def follow(folder: Path, generations: Sequence[int], limit: int = resource.RLIM_INFINITY) -> None:
    """Serve one generation after another, and note each once it is served; ``limit`` holds after the first."""
    told = team()
    shelf = Shelf(told.at(generations[0]))
    with open(folder / "served", "ab") as noted, Machine(folder / "cache", shelf).reader() as reader:
        for generation in generations:
            shelf.objects = told.at(generation)
            reader.poll()
            assert reader.generation == generation
            noted.write(f"{generation}\n".encode())
            noted.flush()
            os.fsync(noted.fileno())
            if limit != resource.RLIM_INFINITY:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def said(folder: Path) -> int:
    """The last generation that was noted as served."""
    lines = (folder / "served").read_bytes().splitlines() if (folder / "served").exists() else []
    return int(lines[-1]) if lines else NOTHING


def kept_at(folder: Path, *, away: bool) -> int:
    """Start a reader: the generation that it serves, byte for byte; or NOTHING."""
    told = team()
    shelf = Shelf(told.at(LATER))
    shelf.away = away
    try:
        with Machine(folder / "cache", shelf).reader() as reader:
            assert served(reader.pin()) == told.served(reader.generation)
            return reader.generation
    except StoreUnavailable:
        return NOTHING


if __name__ == "__main__":
    logging.basicConfig()
    follow(Path(sys.argv[1]), [LATER - 1, LATER], *map(int, sys.argv[2:]))
