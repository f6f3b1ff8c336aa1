"""A process that says what a reader serves, line by line, and how the demo starts, hears and ends it.

``python examples/watching.py STORE CACHE`` is the process: it ends with its standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import repoint

INTERVAL = 0.5
"""Seconds between two looks; a reader's own default is 2."""

PATIENCE = 30.0
"""Seconds within which what the demo waits for must be said."""


class Watcher:
    """The process, seen from the one that started it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.number = process.pid
        self._process = process

    def hear(self, wanted: str) -> Iterator[str]:
        """What it says, up to the line that holds this. Raises: SystemExit: it ends, or is silent for too long."""
        assert self._process.stdout is not None
        given_up = threading.Timer(PATIENCE, self._process.kill)
        given_up.start()
        try:
            for line in self._process.stdout:
                yield line.rstrip()
                if wanted in line:
                    return
        finally:
            given_up.cancel()
        raise SystemExit(f"It stops here: the reader did not say {wanted!r}.")


@contextmanager
def watcher(store: str, cache: Path, environment: Mapping[str, str]) -> Iterator[Watcher]:
    """Start the process; it has ended when the block is left."""
    command = [sys.executable, __file__, store, str(cache)]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            yield Watcher(process)
        finally:
            process.stdin.close()
            process.wait()


def watch(reader: repoint.Reader) -> Iterator[str]:
    """What is served, again and again: each move, and when the store goes away and comes back. It never ends."""
    yield serving(reader)
    served, away = reader.generation, reader.staleness.reason is not None
    while True:
        reader.wait_for(served + 1, timeout=INTERVAL)
        if away != (reader.staleness.reason is not None):
            away = not away
            yield serving(reader) if away else "the store answers again"
        if reader.generation != served:
            served = reader.generation
            yield serving(reader)


def serving(reader: repoint.Reader) -> str:
    """What is served; and where it may be old, how old, and why."""
    with reader.pin() as pinned:
        versions = ", ".join(f"{name} {active.version}" for name, active in pinned.agents.items())
        text = f"serving generation {pinned.generation}: {versions}"
    stale = reader.staleness
    if stale.reason is None:
        return text
    source = ", from this machine's disk" if stale.from_disk else ""
    return f"still {text}{source}; the store last answered {stale.seconds:.0f} s ago"


def main() -> None:
    """Say it on standard output until standard input ends."""
    _, store, cache = sys.argv
    with repoint.Reader(store, interval=INTERVAL, cache=cache) as reader:
        for line in watch(reader):
            print(line, flush=True)


def end_with_parent() -> None:
    """Whoever started this process holds the other end of its standard input."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main()
