"""Roll a fleet back again and again, and write how long it took to follow: ``python -m tests.races.fleet_results``.

    --processes N   readers, each a process of its own (100)
    --rollbacks N   with a promote before each (20)
    --interval S    how often each reader looks, in seconds, as ``Reader(interval=...)`` (2)
    --only NAME     git or s3 alone, as a trial: then nothing is written unless --out says where
    --out FILE      the page (docs/fleet-results.md)

On a repository of this machine, and on a real S3 server: Ceph, or what stands in for it. It takes some five minutes,
and ends with 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from repoint.errors import NotConfirmed

from tests.races.fleet_judge import contradictions
from tests.races.fleet_process import Left, Said
from tests.races.fleet_world import (
    Confirmed,
    Fleet,
    Followed,
    World,
    confirm,
    new_world,
    roll_back,
    versions,
)
from tests.servers.on_real_server import real_server
from tests.servers.s3 import DESCRIPTIONS, S3Server, new_bucket

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fleet-results.md"
GRACE = 1.0
"""Seconds beyond the interval within which the last process must have followed."""

LOCAL = "local repository"

Say = Callable[[str], None]


@dataclass
class Column:
    """What was measured with one store."""

    store: str
    load: float
    followed: list[Followed]
    said: list[Said]
    left: list[Left]
    confirmed: Confirmed
    problems: list[str]
    complaints: list[str]

    @property
    def worst(self) -> float:
        return max(each.last for each in self.followed)


def measured(store: str, options: argparse.Namespace, folder: Path, bucket: str | None, say: Say) -> Column:
    """One store: all rollbacks with readers as they are by default, then a few with readers that report."""
    rounds, load = versions(options.rollbacks + 2), os.getloadavg()[0]
    say(f"{store}: {len(rounds)} versions")
    world = new_world(folder / "team", options.rollbacks + 2, bucket)
    with Fleet(world, folder / "fleet", options.processes, options.interval) as fleet:
        say(f"{store}: {options.processes} processes serve")
        followed = [_told(say, store, roll_back(world, fleet, version)[0]) for version in rounds[1:-2]]
    with Fleet(world, folder / "reporting", options.processes, options.interval, report=True) as reporting:
        say(f"{store}: {options.processes} processes that report")
        confirmed = confirm(world, reporting, *rounds[-2:])
    problems = [*_judged(world, fleet), *_judged(world, reporting), *_wrong_counts(options.processes, confirmed)]
    complaints = [*fleet.complaints.splitlines(), *reporting.complaints.splitlines()]
    return Column(store, load, followed, fleet.said, fleet.left, confirmed, problems, complaints)


def _told(say: Say, store: str, followed: Followed) -> Followed:
    say(f"{store}: command {followed.command:.2f} s, the last process after {followed.last:.2f} s")
    return followed


def _judged(world: World, fleet: Fleet) -> list[str]:
    return contradictions(fleet.said, world.ledger(), world.prompts)


def _wrong_counts(processes: int, seen: Confirmed) -> list[str]:
    wanted = (processes, processes, NotConfirmed.exit_code, processes - 1)
    return [] if seen[1:] == wanted else [f"rollback --wait said {seen[1:]} instead of {wanted}"]


@contextmanager
def _environment(server: S3Server | None, home: Path) -> Iterator[None]:
    """Nobody's settings but the server's, for commands and readers alike."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("GIT_", "REPOINT_", "AWS_", "XDG_"))]:
        del os.environ[name]
    os.environ.update({"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}, **(server.environment() if server else {}))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def in_repository(options: argparse.Namespace, say: Say) -> Column:
    with tempfile.TemporaryDirectory() as name, _environment(None, Path(name)):
        return measured(LOCAL, options, Path(name), None, say)


def in_bucket(options: argparse.Namespace, say: Say) -> Column:
    with real_server() as server, tempfile.TemporaryDirectory() as name, _environment(server, Path(name)):
        store = DESCRIPTIONS[server.kind].partition(",")[0]
        return measured(store, options, Path(name), f"s3://{new_bucket(server)}/team", say)


# -- the page ----------------------------------------------------------------------------------------------------------

HEAD = """\
# How fast a fleet follows a rollback

<!-- Written by tests/races/fleet_results.py; do not edit. -->

{processes} processes, each with a reader and a cache of its own, follow one environment of one store. Two agents are
promoted together and, once every process serves that, rolled back together, {rollbacks} times, by the command as people
start it. Counted is from the start of `repoint rollback`, its own start-up included, to the moment at which a process
serves the record that it made: all clocks are the same monotonic one. A reader looks every {interval:g} seconds or up
to a fifth sooner (`interval`), so the last of many is some {interval:g} seconds behind the move by that alone.

{machine}, {date}; fleet, command and server share this machine:

    .venv/bin/python -m tests.races.fleet_results {arguments}
"""

AFTER = """\
Every process tells each change of what it serves: generation, record, versions, and a digest of its prompts. Afterwards
these are held against the ledger and against what was published (`tests/races/fleet_judge.py`): every record is of the
chain, generations only grow, no two agents are of different records, every byte is as published. The tests do the same
with six processes, and require that the judge finds what they put wrong (`tests/races/test_fleet_race.py`).

The lower part is of a second fleet of as many processes, with `report=True`. One process is stopped by a signal, so
that it can neither follow nor report; the command waits in vain and says so."""


def page(columns: Sequence[Column], options: argparse.Namespace, arguments: str) -> str:
    head = HEAD.format(
        processes=options.processes,
        rollbacks=options.rollbacks,
        interval=options.interval,
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        date=time.strftime("%-d %B %Y"),
        arguments=arguments,
    )
    rows = [["", *(each.store for each in columns)], *_rows(columns, options)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, lines[0], f"|---|{'--:|' * len(columns)}", *lines[1:], "", AFTER]) + "\n"


def _rows(columns: Sequence[Column], options: argparse.Namespace) -> Iterator[list[str]]:
    n, seen = options.processes, [c.confirmed for c in columns]
    yield ["**to the last process, median**", *(_seconds(c.followed, lambda f: f.last, bold=True) for c in columns)]
    yield ["**to the last process, worst**", *(f"**{c.worst:.2f} s**" for c in columns)]
    yield ["allowed", *(f"{options.interval + GRACE:g} s" for _ in columns)]
    yield ["to the middle process, median", *(_seconds(c.followed, lambda f: median(f.processes)) for c in columns)]
    yield ["to the first process, median", *(_seconds(c.followed, lambda f: f.processes[0]) for c in columns)]
    yield ["the command itself, median", *(_seconds(c.followed, lambda f: f.command) for c in columns)]
    yield ["processor time of a process, of one core", *(f"{_share(c):.2%}" for c in columns)]
    yield ["changes of what is served", *(f"{len(c.said):,}" for c in columns)]
    yield ["looks at what is served", *(f"{sum(each.looks for each in c.left):,}" for c in columns)]
    yield ["**wrong: not of the chain, out of order, mixed, altered**", *(f"**{len(c.problems)}**" for c in columns)]
    yield ["warnings of readers", *(str(len(c.complaints)) for c in columns)]
    yield ["load average at the start", *(f"{c.load:.1f}" for c in columns)]
    yield ["`rollback --wait 30s`: confirmed", *(f"{each.confirmed} of {each.processes}" for each in seen)]
    yield ["and ended with 0 after", *(f"{each.seconds:.2f} s" for each in seen)]
    yield ["with one process stopped: confirmed", *(f"{each.stopped_confirmed} of {n}" for each in seen)]
    yield ["and ended with", *(str(each.stopped_code) for each in seen)]


def _seconds(followed: Sequence[Followed], of: Callable[[Followed], float], *, bold: bool = False) -> str:
    text = f"{median(of(each) for each in followed):.2f} s"
    return f"**{text}**" if bold else text


def _share(column: Column) -> float:
    """What one process took of a core, its start included."""
    return sum(each.cpu for each in column.left) / sum(each.seconds for each in column.left)


# -- all of it ---------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.races.fleet_results")
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--rollbacks", type=int, default=20)
    parser.add_argument("--interval", type=float, default=2.0)
    parser.add_argument("--only", choices=["git", "s3"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    columns = [] if options.only == "s3" else [in_repository(options, say)]
    columns += [] if options.only == "git" else [in_bucket(options, say)]
    asked = f"--processes {options.processes} --rollbacks {options.rollbacks} --interval {options.interval:g}"
    text = page(columns, options, asked)
    print(text)
    if options.out or not options.only:
        (options.out or PAGE).write_text(text, encoding="utf-8")
    for each in columns:
        print("\n".join([*each.problems, *each.complaints]), file=sys.stderr)
    late = [each for each in columns if each.worst > options.interval + GRACE]
    return 1 if late or any(each.problems for each in columns) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
