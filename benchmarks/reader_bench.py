"""Measuring a reader of twenty agents in a bucket: serving, following, its start, its import and its memory."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
from bucket_server import BUCKET, described, measured_server
from cases import READER_ROWS
from environments import ROOT, plain_environment
from figures import ReaderMeasured, Results, figure
from measure import Costs, Launcher, Progress

from tests.servers.processes import free_ports
from tests.servers.proxy import FaultProxy, depth
from tests.servers.s3 import S3Server

URL = f"s3://{BUCKET}/reader"
IMPORT = "import repoint; repoint.Reader"
SDK = "import botocore.session, botocore.client, botocore.handlers, botocore.httpsession"
"""What makes a client of the SDK's."""

AFTER_SDK = f"{SDK}; import repoint.store_s3; {IMPORT}"
"""And all that a reader of a bucket needs besides."""

RUNS, STARTS = 15, 7
CALLS, POLLS, MOVES = 200_000, 200, 200
SETTLED = 10
"""Moves after which memory is looked at for the first time: threads and connections are there by then."""

LATENCY = 0.5
"""Seconds that every reply is kept back while round trips are counted: what is sent together must be sent by then."""

_MEGABYTE = 1_000_000

Json = Mapping[str, float]


class Talker:
    """A process that answers each line with a JSON document; ``said`` is what it said of itself first."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            command, env=dict(environment), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.said = self._heard()

    def ask(self, line: str) -> Json:
        """Raises: SystemExit, where it ended."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n")
        self._child.stdin.flush()
        return self._heard()

    def end(self) -> None:
        """Let it end."""
        self._child.communicate()

    def _heard(self) -> Json:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit(f"{self._child.args!r} ended with {self._child.wait()}")
        found: Json = msgspec.json.decode(line)
        return found


class _Bench:
    """One server, one registry, and the processes that read it."""

    def __init__(self, programs: Path, work: Path, server: S3Server, launcher: Launcher) -> None:
        self.python = str(programs / "python")
        self.work = work
        self.launcher = launcher
        self.environment = plain_environment(work / "home") | server.environment()
        self.server = server
        self.units = Costs()
        self.rows: dict[str, float] = {}
        command = [sys.executable, str(ROOT / "benchmarks/reader_moves.py"), URL, str(work / "mover")]
        self.mover = Talker(command, self.environment)

    @contextmanager
    def reader(self, cache: str, **variables: str) -> Iterator[Talker]:
        """A process that reads, with this cache."""
        talker = Talker(self.command(cache), {**self.environment, **variables})
        try:
            yield talker
        finally:
            talker.end()

    def command(self, cache: str) -> list[str]:
        return [self.python, str(ROOT / "benchmarks/reader_probe.py"), URL, str(self.work / cache)]

    def run(self, command: Sequence[str], **variables: str) -> float:
        """Seconds of a whole process; one unit is measured before."""
        self.units.append(self.launcher.cost([self.python, "-c", "pass"], self.work, self.environment))
        return self.launcher.cost(command, self.work, {**self.environment, **variables}).wall

    def in_units(self, seconds: Sequence[float]) -> float:
        return median(seconds) / self.units.wall


def measure_reader(results: Results, programs: Path, work: Path, kind: str | None) -> None:
    """Put into ``results``: the server, the unit, and every row of ``READER_ROWS``."""
    with measured_server(kind) as server, Launcher(work) as launcher:
        bench = _Bench(programs, work, server, launcher)
        progress = Progress(5)
        for part in (_imports, _cold_starts, _round_trips, _serving, _memory):
            progress.step(part.__name__.strip("_").replace("_", " "))
            part(bench)
        progress.end()
        bench.mover.end()
        results.reader_server = described(server)
        results.reader_unit = figure(bench.units)
        results.reader = [ReaderMeasured(row.name, bench.rows[row.name]) for row in READER_ROWS]


def _imports(bench: _Bench) -> None:
    took: dict[str, list[float]] = {IMPORT: [], SDK: [], AFTER_SDK: []}
    for _, (program, seconds) in itertools.product(range(RUNS), took.items()):
        seconds.append(bench.run([bench.python, "-c", program]))
    bench.rows["import repoint.Reader"] = bench.in_units(took[IMPORT])
    bench.rows["and a bucket's, after botocore"] = bench.in_units(took[AFTER_SDK]) - bench.in_units(took[SDK])


def _cold_starts(bench: _Bench) -> None:
    """Whole processes, and making the reader alone: from nothing, and from the disk with the store away."""
    (port,) = free_ports(1)
    away = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"}
    whole: list[float] = []
    disk: list[float] = []
    alone: list[float] = []
    from_disk: list[float] = []
    for _ in range(STARTS):
        shutil.rmtree(bench.work / "cold", ignore_errors=True)
        whole.append(bench.run(bench.command("cold")))
        disk.append(bench.run(bench.command("cold"), **away))
        with bench.reader("cold", **away) as talker:
            _require(talker.said, from_disk=True, agents=20)
            from_disk.append(talker.said["seconds"])
        shutil.rmtree(bench.work / "cold")
        with bench.reader("cold") as talker:
            _require(talker.said, from_disk=False, agents=20)
            alone.append(talker.said["seconds"])
    bench.rows["cold start, whole process"] = median(whole) * 1000
    bench.rows["cold start, Reader() alone"] = median(alone) * 1000
    bench.rows["from the disk, whole process"] = median(disk) * 1000
    bench.rows["from the disk, Reader() alone"] = median(from_disk) * 1000


def _round_trips(bench: _Bench) -> None:
    """Requests of a cold start and of idle polls, as a proxy sees them."""
    host, _, port = bench.server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy:
        proxy.latency = LATENCY
        with bench.reader("through", AWS_ENDPOINT_URL_S3=proxy.endpoint) as talker:
            bench.rows["cold start, round trips"] = depth(proxy.seen)
            bench.rows["cold start, requests"] = len(proxy.seen)
            proxy.latency = 0
            proxy.start_over()
            _require(talker.ask("polls 10"), moved=0, failure=None)
            idle = [each for each in proxy.seen if each.method == "GET" and "if-none-match" in each.headers]
            if len(idle) != len(proxy.seen) or any(each.status != 304 for each in idle):
                raise SystemExit(f"an idle poll is more than a conditional GET: {', '.join(map(str, proxy.seen))}")
            bench.rows["idle poll, requests"] = len(idle) / 10


def _serving(bench: _Bench) -> None:
    with bench.reader("serving") as talker:
        bench.rows["active()"] = talker.ask(f"active {CALLS}")["microseconds"]
        _require(talker.ask("polls 20"), moved=0, failure=None)
        idle = talker.ask(f"polls {POLLS}")
        _require(idle, moved=0, failure=None)
    bench.rows["idle poll, processor"] = idle["cpu"]
    bench.rows["idle poll, elapsed"] = idle["wall"]


def _memory(bench: _Bench) -> None:
    """What the process has after its start, and after many moves, each of which it serves."""
    with bench.reader("moving") as talker:
        started = talker.ask("memory")
        settled, took = {}, []
        for number in range(1, MOVES + SETTLED + 1):
            generation = bench.mover.ask("move")["generation"]
            took.append(talker.ask("polls 1"))
            _require(took[-1], moved=1, generation=generation, failure=None)
            if number == SETTLED:
                settled = dict(talker.ask("memory"))
        ended = talker.ask("memory")
    bench.rows["following a move, processor"] = median(each["cpu"] for each in took)
    bench.rows["following a move, elapsed"] = median(each["wall"] for each in took)
    bench.rows["memory, what is live"] = bench.mover.said["bytes"] / _MEGABYTE
    bench.rows["memory, steady"] = started["resident"] / _MEGABYTE
    bench.rows["memory, peak"] = ended["peak"] / _MEGABYTE
    bench.rows["memory, growth"] = (ended["resident"] - settled["resident"]) / _MEGABYTE
    bench.rows["memory, snapshots"] = ended["held"] / ended["live"]


def _require(said: Mapping[str, object], **wanted: object) -> None:
    """Raises: SystemExit, where a process says anything else."""
    found = {name: said[name] for name in wanted}
    if found != wanted:
        raise SystemExit(f"a reader said {said} where {wanted} was expected")
