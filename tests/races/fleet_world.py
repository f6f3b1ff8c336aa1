"""A registry whose two agents move together, and a fleet of processes that follow it.

Every rollback is made by the ``repoint`` command as a process of its own. The moment from which is counted is the one
before it is started; those of the fleet's processes are of the same monotonic clock, which all processes of a machine
share (clock_gettime(2)).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from repoint.workspace import open_workspace

from tests.cli.commandline import Json, run_here
from tests.cli.conftest import make_repository
from tests.races.fleet_process import Asked, Left, Line, Said
from tests.stores import ledger_of, publish_version

ROOT = Path(__file__).resolve().parents[2]
AGENTS = ("refund", "router")
SECONDS = 120.0
"""How long anything may take before the fleet counts as lost."""

_S3 = ("repoint.store_s3", "botocore.session", "botocore.client", "botocore.handlers", "botocore.httpsession")
_GIT = ("repoint.store_git", "repoint.gitrepo", "repoint.workspace")


class Done(NamedTuple):
    """How a rollback ended: exit code, its result, when it was started, and its seconds."""

    code: int
    result: Json
    began: float
    seconds: float

    @property
    def generation(self) -> int:
        return int(str(self.result["generation"]))


@dataclass(frozen=True)
class World:
    """The repository of one engineer, the address that readers are given, and every prompt that was published."""

    folder: Path
    address: str
    prompts: Mapping[str, bytes]

    def succeed(self, *arguments: str) -> Json:
        """Run a command in this process, which is quicker; its result."""
        ran = run_here("-C", str(self.folder), *arguments, "--json")
        assert ran.code == 0, (arguments, ran)
        return ran.json

    def promote(self, version: str) -> int:
        """Both agents in one record; its generation."""
        named = self.succeed("promote", *_named(version), "--env", "production", "-m", f"Try {version}")
        return int(str(named["generation"]))

    def rollback(self, version: str, *options: str) -> Done:
        """Both agents off this version in one record, by a process of its own; whatever its exit code."""
        words = ["rollback", *_named(version), "--env", "production", "-m", "Too slow", *options, "--json"]
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", "repoint_cli", "-C", str(self.folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        seconds = time.monotonic() - began
        assert ran.stdout, ran.stderr
        return Done(ran.returncode, json.loads(ran.stdout), began, seconds)

    def ledger(self) -> list[bytes]:
        """Every record of production as stored, generation 0 first."""
        with open_workspace(self.folder, os.environ) as workspace:
            return ledger_of(workspace.registry.store)


def _named(version: str) -> list[str]:
    return [f"{agent}@{version}" for agent in AGENTS]


def versions(rounds: int) -> list[str]:
    """The one that is rolled back to, and one for every rollback: a version that was left is held."""
    return [f"1.{number}.0" for number in range(rounds + 1)]


def new_world(folder: Path, rounds: int, bucket: str | None = None) -> World:
    """A registry with all versions, the first of which is live; the environment of this process leads to the bucket."""
    make_repository(folder)
    prompts = {name: f"You are {name}.\n".encode() * 200 for each in versions(rounds) for name in _named(each)}
    world = World(folder, bucket or str(folder), prompts)
    world.succeed("init", *(["--store", bucket] if bucket else []))
    with open_workspace(folder, os.environ) as workspace:
        for name, prompt in prompts.items():
            publish_version(workspace.registry, name, prompt.decode())
    world.promote("1.0.0")
    if bucket:
        world.succeed("sync")
    return world


class Fleet:
    """Processes with a reader each. A context manager: at its end all of them have closed their readers.

    ``said`` has everything that they told, in the order in which it came.
    """

    def __init__(self, world: World, folder: Path, processes: int, interval: float, *, report: bool = False) -> None:
        folder.mkdir()
        modules = _S3 if world.address.startswith("s3://") else _GIT
        asked = Asked(processes, world.address, interval, str(folder), report, modules)
        self.processes = processes
        self.interval = interval
        self.said: list[Said] = []
        self.left: list[Left] = []
        self._over = False
        self._errors = folder / "errors"
        self._more = threading.Condition()
        with self._errors.open("wb") as errors:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.races.fleet_process", msgspec.json.encode(asked).decode()],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Fleet:
        self._listener.start()
        try:
            self.serving(0)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        assert self._parent.returncode == 0, self.complaints
        assert len(self.left) == self.processes, self.complaints

    @property
    def complaints(self) -> str:
        """What the processes wrote to their standard error: warnings of readers, tracebacks."""
        return self._errors.read_text(errors="replace")

    def serving(self, generation: int, seconds: float = SECONDS) -> list[float]:
        """Wait until every process serves this generation or a later one; the moment of each, in order.

        Raises: AssertionError, where some do not within so many seconds.
        """
        with self._more:
            self._more.wait_for(lambda: self._over or len(self._since(generation)) == self.processes, seconds)
            found = self._since(generation)
        assert len(found) == self.processes, f"{len(found)} of {self.processes} serve {generation}: {self.complaints}"
        return sorted(found.values())

    def pid(self, process: int) -> int:
        """The id of one process."""
        return next(each.pid for each in self.said if each.process == process)

    def _since(self, generation: int) -> dict[int, float]:
        found: dict[int, float] = {}
        for each in self.said:
            if each.generation >= generation:
                found.setdefault(each.process, each.at)
        return found

    def _listen(self) -> None:
        assert self._parent.stdout is not None
        for text in self._parent.stdout:
            line = msgspec.json.decode(text, type=Line)
            with self._more:
                if isinstance(line, Said):
                    self.said.append(line)
                else:
                    self.left.append(line)
                self._more.notify_all()
        with self._more:
            self._over = True
            self._more.notify_all()

    def _end(self) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait(SECONDS)
        self._listener.join()
        self._parent.stdout.close()


# -- rollbacks, and how long the fleet takes ---------------------------------------------------------------------------


class Followed(NamedTuple):
    """One rollback: seconds of the command, and from its start until each process served it, in order."""

    command: float
    processes: list[float]

    @property
    def last(self) -> float:
        return self.processes[-1]


def roll_back(world: World, fleet: Fleet, version: str, *options: str) -> tuple[Followed, Done]:
    """Promote both agents to a version and, when the whole fleet serves it, roll them back."""
    fleet.serving(world.promote(version))
    done = world.rollback(version, *options)
    assert done.code == 0, done
    moments = fleet.serving(done.generation)
    return Followed(done.seconds, [moment - done.began for moment in moments]), done


class Confirmed(NamedTuple):
    """What ``rollback --wait`` said: its seconds and counts, and its exit code and counts with one process stopped."""

    seconds: float
    processes: int
    confirmed: int
    stopped_code: int
    stopped_confirmed: int


def confirm(world: World, fleet: Fleet, first: str, second: str) -> Confirmed:
    """Roll back from two versions with ``--wait``: with the whole fleet, then with one process stopped.

    The fleet reports; afterwards all of it goes on and is counted by ``status --fleet``.
    """
    _counted(world, fleet, "processes")
    followed, done = roll_back(world, fleet, first, "--wait", "30s")
    seen = _fleet_in(done.result)
    os.kill(fleet.pid(0), signal.SIGSTOP)
    try:
        world.promote(second)
        late = world.rollback(second, "--wait", f"{2 * fleet.interval + 1 + fleet.processes / 20:g}s")
    finally:
        os.kill(fleet.pid(0), signal.SIGCONT)
    fleet.serving(late.generation)
    _counted(world, fleet, "confirmed")
    found = _fleet_in(late.result)
    return Confirmed(followed.command, seen["processes"], seen["confirmed"], late.code, found["confirmed"])


def _counted(world: World, fleet: Fleet, what: str) -> None:
    """Wait until ``status --fleet`` counts every process."""
    until, count = time.monotonic() + SECONDS, -1
    while count != fleet.processes and time.monotonic() < until:
        count = _fleet_in(world.succeed("status", "--env", "production", "--fleet"))[what]
    assert count == fleet.processes, f"{count} of {fleet.processes} {what}: {fleet.complaints}"


def _fleet_in(result: Json) -> dict[str, int]:
    """The counts in the result of a move or of ``status``."""
    fleets = result.get("fleets")
    found = fleets[0] if isinstance(fleets, list) else result["fleet"]
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if isinstance(value, int)}
