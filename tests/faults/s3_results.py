"""Play the schedules and races of the S3 tests, and write what came of them: ``python -m tests.faults.s3_results``.

    --schedules N   with every protection, half of them on each of two processes (1000)
    --broken N      with one protection taken out, for each of them (100)
    --real N        on the real server: Ceph, or what stands in for it (100; 0 for none)
    --race A B      movers, and moves of each (16 50)
    --out FILE      the page (docs/fault-results.md)

It takes as long as it takes, half an hour on two cores, and ends with 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from repoint.s3keys import Address

from tests.faults.s3_schedule import AIMED, KINDS, Result, SeededPlan, run_schedule
from tests.faults.s3_world import ALL, BROKEN, Protections, new_bench
from tests.races.test_s3_race import Place, publish_everything, race
from tests.servers.on_real_server import real_server
from tests.servers.proxy import Plan
from tests.servers.s3 import DESCRIPTIONS, S3Server, new_bucket, serve

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-results.md"
PROCESSES = 2

Planned = Callable[[int], Plan]


@dataclass
class Column:
    """What was seen on one server."""

    server: str
    total: Result
    race: Counter[str] = field(default_factory=Counter)
    movers: tuple[int, int] = (0, 0)
    broken: dict[str, list[Result]] = field(default_factory=dict)


@contextmanager
def settings(server: S3Server) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(server.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def played(server: S3Server, seeds: range, protections: Protections, planned: Planned = SeededPlan) -> list[Result]:
    """The result of each schedule."""
    with (
        settings(server),
        tempfile.TemporaryDirectory() as folder,
        new_bench(server, Path(folder), protections) as made,
    ):
        return [run_schedule(made, seed, planned) for seed in seeds]


def played_on_moto(seeds: range, protections: Protections, planned: Planned = SeededPlan) -> list[Result]:
    """The same with a server of its own, so that several processes do not wait for one lock."""
    with serve("moto") as server:
        return played(server, seeds, protections, planned)


def in_parts(seeds: range, protections: Protections, planned: Planned = SeededPlan) -> list[Result]:
    parts = [seeds[number::PROCESSES] for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = [pool.submit(played_on_moto, part, protections, planned) for part in parts]
        by_seed = {
            seed: r for part, each in zip(parts, done, strict=True) for seed, r in zip(part, each.result(), strict=True)
        }
    return [by_seed[seed] for seed in seeds]


def added(results: Sequence[Result]) -> Result:
    total = Result()
    for each in results:
        total.add(each)
    return total


def raced(server: S3Server, movers: int, moves: int) -> Counter[str]:
    """How often which outcome was told; a contradiction is an AssertionError."""
    with settings(server), tempfile.TemporaryDirectory() as folder:
        place = Place(Address(new_bucket(server), "race", server.endpoint), server.region, Path(folder))
        publish_everything(place)
        return race(place, movers, moves)[1]


# -- the page ----------------------------------------------------------------------------------------------------------

HEAD = """\
# What faults did, and what was told

<!-- Written by tests/faults/s3_results.py; do not edit. -->

Clones publish, promote, roll back, sync, read and resolve in one registry in a bucket, through a proxy that does to
single requests what networks and servers do (`tests/servers/proxy.py`). What each was told is held against what is
stored in the end (`tests/faults/s3_history.py`): one winner a generation, the chain whole, the order of generations the
order in which people saw them, every record on exactly the pointer that its mover read, *done* stands once, *refused*,
*conflict* and *unavailable* never stand, *unknown* stands once or never, and whoever settled it said which; versions
likewise; `verify --deep` finds nothing; and the Git replica has the same.

`make test` plays 100 schedules, `make test-long` a thousand more. These figures are of {date}, from

    .venv/bin/python -m tests.faults.s3_results {arguments}

They are counts of what happened by seed and by chance, not measurements: another run has other ones, and must have the
same zeros.
"""


AFTER_BROKEN = """\
The SDK's retries are off in the product because of the first row: what the SDK sends again by itself may be refused, or
denied, after the first sending arrived. Its schedules are aimed (`LostThenDenied`): the answer to each pointer or
release is lost and the second sending denied; the product plays those without a violation (`make test`). The ledger is
written before the swap because of the second row; a refused swap is looked up because of the third."""


def page(columns: Sequence[Column], date: str, arguments: str) -> str:
    lines = [HEAD.format(date=date, arguments=arguments)]
    lines += ["## With every protection", "", *_table(["", *(c.server for c in columns)], _everything(columns)), ""]
    lines += ["A fault counts where it took place. *Late* is a request whose sender is told nothing and which arrives"]
    lines += [
        "when others are done, or when all are. *Applied* means that the server did it, and an error came back.",
        "",
    ]
    lines += ["## With one protection taken out", "", *_broken(columns[0]), ""]
    lines += [AFTER_BROKEN, ""]
    lines += [
        "## Processes that move at once",
        "",
        "No faults, but many movers, and a reader that polls throughout.",
        "",
    ]
    lines += _table(["", *(c.server for c in columns)], _races(columns))
    return "\n".join(lines) + "\n"


def _everything(columns: Sequence[Column]) -> Iterator[list[str]]:
    yield ["schedules", *(str(c.total.schedules) for c in columns)]
    yield ["requests", *(str(c.total.requests) for c in columns)]
    yield ["faults", *(str(c.total.faults.total()) for c in columns)]
    for kind in KINDS:
        yield [f"of them {kind}", *(str(c.total.faults[kind]) for c in columns)]
    for outcome in sorted({o for c in columns for o in c.total.outcomes}):
        yield [f"told: {outcome}", *(str(c.total.outcomes[outcome]) for c in columns)]
    yield ["**violations**", *(f"**{len(c.total.problems)}**" for c in columns)]


def _broken(column: Column) -> list[str]:
    rows = []
    for name, results in column.broken.items():
        caught = [number for number, each in enumerate(results, 1) if each.problems]
        first = str(caught[0]) if caught else "never"
        example = next((_short(p) for each in results for p in each.problems), "")
        problems = str(sum(len(each.problems) for each in results))
        rows.append([name, str(len(results)), str(len(caught)), problems, first, example])
    heads = ["taken out", "schedules", "of them caught", "violations", "first in schedule", "for example"]
    return [f"On {column.server}.", "", *_table(heads, rows)]


def _races(columns: Sequence[Column]) -> Iterator[list[str]]:
    yield ["movers, moves of each", *(f"{c.movers[0]}, {c.movers[1]}" for c in columns)]
    for outcome in sorted({o for c in columns for o in c.race}):
        yield [f"told: {outcome}", *(str(c.race[outcome]) for c in columns)]
    yield ["**violations**", *("**0**" for _ in columns)]


def _short(problem: str) -> str:
    """Without the seed; ids cut."""
    words = problem.partition(": ")[2].split(" ")
    return " ".join(word[:8] + "…" if len(word) > 30 else word for word in words)


def _table(heads: Sequence[str], rows: Sequence[list[str]] | Iterator[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


# -- all of it ---------------------------------------------------------------------------------------------------------


def on_moto(options: argparse.Namespace, say: Callable[[str], None]) -> Column:
    say(f"{options.schedules} schedules on moto")
    column = Column(DESCRIPTIONS["moto"].partition(" (")[0], added(in_parts(range(options.schedules), ALL)))
    for name, protections in BROKEN.items():
        say(f"{options.broken} schedules: {name}")
        column.broken[name] = in_parts(range(options.broken), protections, AIMED.get(name, SeededPlan))
    say("a race on moto")
    with serve("moto") as server:
        column.race, column.movers = raced(server, *options.race), tuple(options.race)
    return column


def on_real(options: argparse.Namespace, say: Callable[[str], None]) -> Column:
    with real_server() as server:
        say(f"{options.real} schedules on {server.kind}")
        total = added(played(server, range(options.real), ALL))
        say(f"a race on {server.kind}")
        return Column(DESCRIPTIONS[server.kind], total, raced(server, *options.race), tuple(options.race))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.s3_results")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--broken", type=int, default=100)
    parser.add_argument("--real", type=int, default=100)
    parser.add_argument("--race", type=int, nargs=2, default=[16, 50])
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    columns = [on_moto(options, say), *([on_real(options, say)] if options.real else [])]
    named = f"--schedules {options.schedules} --broken {options.broken} --real {options.real}"
    asked = f"{named} --race {options.race[0]} {options.race[1]}"
    options.out.write_text(page(columns, time.strftime("%-d %B %Y"), asked))
    problems = [problem for column in columns for problem in column.total.problems]
    print("\n".join(problems), file=sys.stderr)
    uncaught = [name for name, results in columns[0].broken.items() if not added(results).problems]
    return 1 if problems or uncaught else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
