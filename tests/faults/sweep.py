"""Kill a command at many of its points, each time on a fresh copy of the same state, and check what is left.

Nothing here knows what the command does: the caller prepares the state, names the points and judges the remains.
"""

from __future__ import annotations

import multiprocessing
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.tracer import Command, Finished, Point, Scope, Unsupported, When, run_and_kill

_COMMITS = ("rename", "link", "unlink")
"""The calls by which a change becomes visible, or a lock is released: never left out of a sample."""


@dataclass(frozen=True)
class CopyOf:
    """A ``make_state`` that copies a prepared folder, symbolic links as such, times and permissions too."""

    template: Path

    def __call__(self, folder: Path) -> None:
        shutil.copytree(self.template, folder, symlinks=True)


@dataclass(frozen=True)
class Failure:
    """What was wrong after one kill; ``folder`` still holds the remains."""

    index: int
    point: Point | None
    reason: str
    folder: Path

    def __str__(self) -> str:
        return f"killed at {self.point or f'#{self.index}'}, remains in {self.folder}:\n{self.reason}"


@dataclass(frozen=True)
class Summary:
    """How a sweep went. ``not_reached``: runs that ended before their point, so that nothing was killed or checked."""

    killed: int
    not_reached: tuple[int, ...]
    failures: tuple[Failure, ...]

    def __str__(self) -> str:
        counts = f"{self.killed} kills, {len(self.failures)} failed, {len(self.not_reached)} points not reached"
        return "\n\n".join([counts, *map(str, self.failures)])


def sample(points: Sequence[Point], limit: int) -> list[int]:
    """The numbers of the first and last point, of every rename, link and unlink, and of others, evenly spaced.

    More than ``limit`` only if those that are never left out are more.
    """
    always = {0, len(points) - 1} if points else set()
    always |= {point.index for point in points if point.call.startswith(_COMMITS)}
    others = [point.index for point in points if point.index not in always]
    room = max(0, min(limit - len(always), len(others)))
    return sorted(always | {others[(2 * place + 1) * len(others) // (2 * room)] for place in range(room)})


def sweep(
    make_state: Callable[[Path], None],
    command: Callable[[Path], Command],
    root: Path,
    points: Iterable[int],
    scope: Scope,
    check: Callable[[Path, Point], None],
    when: When = "before",
    jobs: int = 2,
) -> Summary:
    """For each point: make the state in a new folder below ``root``, run the command there, kill it, check the folder.

    ``make_state`` creates the folder; points count only below it. ``check`` raises any Exception (``pytest.fail`` does
    not: use assert) on what must not be; a command that hangs is a failure too. With two jobs (the most) these
    callables go to other processes: functions of a module, ``partial``, instances of classes, but no lambdas; with one
    job anything goes. Raises: Unsupported.
    """
    attempt = partial(_attempt, make_state, command, root, scope, when, check)
    results = list(_each(attempt, list(points), jobs))
    return Summary(
        killed=sum(result.killed for result in results),
        not_reached=tuple(result.index for result in results if not result.killed and result.failure is None),
        failures=tuple(result.failure for result in results if result.failure is not None),
    )


@dataclass(frozen=True)
class _Result:
    index: int
    killed: bool
    failure: Failure | None = None


def _each(attempt: Callable[[int], _Result], points: list[int], jobs: int) -> Iterator[_Result]:
    if jobs == 1 or len(points) < 2:
        yield from map(attempt, points)
        return
    # spawn: a fork of a process with threads may hang, and Python 3.12 warns of it
    with ProcessPoolExecutor(min(jobs, 2), mp_context=multiprocessing.get_context("spawn")) as workers:
        yield from workers.map(attempt, points, chunksize=4)


def _attempt(
    make_state: Callable[[Path], None],
    command: Callable[[Path], Command],
    root: Path,
    scope: Scope,
    when: When,
    check: Callable[[Path, Point], None],
    index: int,
) -> _Result:
    folder = root / f"{index:06}-{scope}-{when}"
    make_state(folder)
    point = None
    try:
        ended = run_and_kill(command(folder), folder, index, scope, when)
        if not isinstance(ended, Finished):
            point = ended.point
            check(folder, point)
    except Unsupported:
        raise
    except Exception:
        return _Result(index, point is not None, Failure(index, point, traceback.format_exc(), folder))
    shutil.rmtree(folder)
    return _Result(index, point is not None)
