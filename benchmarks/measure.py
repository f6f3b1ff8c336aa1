"""Measuring whole processes: what one run cost, many runs in turns, and the unit between them."""

from __future__ import annotations

import marshal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

LIMIT = 300.0
"""Seconds after which a process is killed and counts as having taken that long."""

LONG = 0.5
"""Seconds from which a process counts as long: it needs fewer runs for a steady median, and gets fewer."""


class Cost(NamedTuple):
    """One process: seconds by the clock, seconds of processor with its children, peak bytes of the largest of them."""

    wall: float
    cpu: float
    peak: int


class Costs(list[Cost]):
    """What the runs of one command line in one place cost."""

    @property
    def wall(self) -> float:
        """The median of seconds by the clock."""
        return median(cost.wall for cost in self)

    @property
    def cpu(self) -> float:
        """The median of seconds of processor."""
        return median(cost.cpu for cost in self)

    @property
    def peak(self) -> int:
        """The highest peak in bytes."""
        return max(cost.peak for cost in self)

    def enough(self, runs: int) -> bool:
        """Whether this is as many as are wanted: all, or a quarter and three at least of a process that takes long."""
        return len(self) >= runs or (len(self) >= max(3, runs // 4) and self.wall >= LONG)


class Launcher:
    """The process that starts what is measured; a context manager."""

    def __init__(self, work: Path) -> None:
        self._output = work / "output"
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()

    def cost(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], codes: Iterable[int] = (0,)
    ) -> Cost:
        """Run one process to its end. Its output goes to a file, as if it were piped; ``said`` gives it.

        Raises:
            SystemExit: the command ended with another exit code than one of ``codes``.
        """
        asked = (list(command), str(folder), dict(environment), str(self._output), LIMIT)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(marshal.dumps(asked))
        self._child.stdin.flush()
        wall, cpu, kibibytes, code = marshal.load(self._child.stdout)
        if code not in codes and wall < LIMIT:
            said = self._output.with_suffix(".err").read_text(errors="replace")
            raise SystemExit(f"{' '.join(command)} in {folder} ended with {code}: {said}")
        return Cost(wall, cpu, kibibytes * 1024)

    def said(self) -> str:
        """What the last process wrote to its standard output."""
        return self._output.read_text(errors="replace")


class Progress:
    """One line on a terminal that says how far the measuring is."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.started = time.monotonic()

    def step(self, what: str) -> None:
        """One more is done."""
        self.done += 1
        if sys.stderr.isatty():
            taken = time.monotonic() - self.started
            print(f"\r\x1b[K{self.done}/{self.total}  {taken:.0f} s  {what}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Remove the line."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
