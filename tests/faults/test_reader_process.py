"""A reader's process that forks, is killed, or lives in another year, while moves go on.

Promise 6: what a process has served, the next one on its machine does not go below, wherever the first was killed; and
a fork in the middle of a look leaves two readers, each of which follows.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint import Reader, readersource
from repoint.s3keys import environment_key, ledger_key

from tests.conftest import ROOT
from tests.faults.reader_keep import LATER, SERVED, kept_at, prepare
from tests.faults.reader_oracle import Told, any_team
from tests.faults.reader_process import Json, ReaderProcess, reader_process, seal, served
from tests.faults.s3_team import PREFIX, Bucket, proxied
from tests.faults.sweep import CopyOf, sample, sweep
from tests.faults.tracer import Command, Point, Unsupported, When, check_supported, run_to_end
from tests.servers.proxy import DropRequest, Fault, FaultProxy, Hold, Plan, nothing
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION

INTERVAL = 0.02
FORKS = 20
POINTER = environment_key(PRODUCTION)


class Scene:
    """A bucket in which moves are made, and the readers' way to it."""

    def __init__(self, told: Told, server: S3Server, proxy: FaultProxy, folder: Path) -> None:
        self.told = told
        self.proxy = proxy
        self.bucket = Bucket(server)
        self.bucket.put_back(told.at(1))
        self.newest = 1
        self.folder = folder

    def move(self) -> int:
        """The next record, as a mover writes it: the pointer, and its own entry of the ledger after that."""
        self.newest += 1
        content = self.told.pointer(self.newest)
        self.bucket.put(POINTER, content)
        self.bucket.put(ledger_key(PRODUCTION, self.newest), content)
        return self.newest

    @property
    def arguments(self) -> Json:
        """Those of ``Reader``."""
        return {
            "store": self.bucket.url,
            "cache": str(self.folder / "cache"),
            "endpoint_url": self.proxy.endpoint,
            "region": self.bucket.server.region,
        }

    def whole(self, said: Json) -> int:
        """The generation of a line, which is sealed over exactly what was published."""
        generation = int(str(said["generation"]))
        assert said["seal"] == seal(self.told.served(generation))
        return generation


@pytest.fixture
def scene(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(readersource, "PATIENCE_SECONDS", 1.0)
    with proxied(s3_server) as proxy:
        yield Scene(any_team(random.Random("processes"), 600, back=0.0), s3_server, proxy, tmp_path)


# -- forks -------------------------------------------------------------------------------------------------------------


@pytest.mark.s3
def test_a_fork_in_the_middle_of_a_look(scene: Scene) -> None:
    """The parent waits for an answer that is held. The child looks by itself; both follow the next moves."""
    with reader_process(interval=INTERVAL, **scene.arguments) as process:
        parent = scene.whole(process.told())
        for _ in range(FORKS):
            scene.proxy.plan = _held_once()
            assert scene.proxy.held.wait(30.0)
            process.say("fork")
            told = process.told()
            assert scene.whole(told) == parent, "the child begins with what its parent serves"
            parent = _both_follow(scene, process, child=int(str(told["process"])))
        assert len(scene.proxy.happened) == FORKS


def _both_follow(scene: Scene, process: ReaderProcess, child: int) -> int:
    """The child follows while the answer to its parent is held, the parent once it is let go; the generation."""
    generation = scene.move()
    told = process.told()
    assert (told["process"], scene.whole(told)) == (child, generation)
    assert scene.proxy.release() == 1
    told = process.told()
    assert told["process"] == process.process.pid
    assert scene.whole(told) == generation
    return generation


def _held_once() -> Plan:
    left: list[Fault] = [Hold()]
    return lambda e: left.pop() if left and e.path.endswith(f"/{PREFIX}/{POINTER}") else None


# -- killed ------------------------------------------------------------------------------------------------------------


@pytest.mark.s3
def test_killed_at_any_moment_while_moves_go_on(scene: Scene) -> None:
    _killed_again_and_again(scene, 3)


@pytest.mark.s3
@pytest.mark.long
def test_killed_a_hundred_times_while_moves_go_on(scene: Scene) -> None:
    _killed_again_and_again(scene, 100)


def _killed_again_and_again(scene: Scene, times: int) -> None:
    chance, least = random.Random("killed"), 0
    for _ in range(times):
        generations = _killed_once(scene, chance)
        assert generations == sorted(generations)
        assert generations[0] >= least, "a new process went back"
        least = _starts_without_the_store(scene, generations[-1])


def _killed_once(scene: Scene, chance: random.Random) -> list[int]:
    """Start a process that follows, move on and on, and kill it at some moment; what it served."""
    with reader_process(interval=0.001, **scene.arguments) as process:
        said = [process.told()]
        scene.move()
        said.append(process.told())
        moving = threading.Thread(target=lambda: [scene.move() for _ in range(3)])
        moving.start()
        threading.Event().wait(chance.uniform(0.0, 0.1))  # not to wait for anything: the moment is the point
        process.process.kill()
        moving.join()
        said += process.rest()
    return [scene.whole(each) for each in said]


def _starts_without_the_store(scene: Scene, least: int) -> int:
    """What the disk of a killed process holds is served, whole, and not below what it served; its generation."""
    scene.proxy.plan = lambda _: DropRequest()
    with Reader(**scene.arguments, interval=None) as reader:  # type: ignore[arg-type]
        with reader.pin() as pinned:
            assert served(pinned) == scene.told.served(pinned.generation)
            assert pinned.generation >= least
        assert reader.staleness.from_disk
        assert [fault for _, fault in scene.proxy.happened]
        scene.proxy.start_over()
        return reader.generation


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A machine that has served one generation."""
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))
    folder = tmp_path / "template"
    prepare(folder)
    return folder


def test_killed_at_the_writes_of_a_move(template: Path, tmp_path: Path) -> None:
    _swept(template, tmp_path, "before", 0, every=4)


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_of_a_move(template: Path, tmp_path: Path, when: When) -> None:
    _swept(template, tmp_path, when, 1000, every=1)


def _swept(template: Path, tmp_path: Path, when: When, limit: int, *, every: int) -> None:
    shutil.copytree(template, tmp_path / "trial")
    whole = run_to_end(_command(tmp_path / "trial"), tmp_path / "trial")
    assert whole.returncode == 0, whole.stderr
    assert sum(point.call.startswith("rename") for point in whole.points) > 5
    chosen = sample(whole.points, limit)[::every]
    summary = sweep(CopyOf(template), _command, tmp_path / "runs", chosen, "all", _judge, when)
    assert summary.killed == len(chosen), str(summary)
    assert summary.failures == (), str(summary)


def _command(folder: Path) -> Command:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{ROOT}"}
    argv = [sys.executable, "-B", "-m", "tests.faults.reader_keep", str(folder)]
    return Command(argv, folder, environment)


def _judge(folder: Path, point: Point) -> None:
    """Without the store what is kept is served, whole, and not below what was served; with it, the newest; and kept."""
    said = folder / SERVED
    least = int(said.read_text()) if said.exists() else LATER - 1
    assert kept_at(folder, away=True) >= least
    assert kept_at(folder, away=False) == LATER
    assert kept_at(folder, away=True) == LATER
    drafts = [path for path in folder.rglob(".*") if path.is_file()]
    assert not drafts, f"left behind: {drafts}"


# -- another year ------------------------------------------------------------------------------------------------------


@pytest.mark.s3
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("offset", ["+10y", "-10y"])
def test_a_machine_that_is_ten_years_off_follows(scene: Scene, offset: str) -> None:
    """Where a service checks when a request was signed, the last good record is served."""
    with reader_process(interval=INTERVAL, **scene.arguments) as process:
        now = scene.whole(process.told())
    with reader_process("faketime", "-f", offset, interval=None, **scene.arguments) as process:
        told = process.told()
        assert scene.whole(told) == now
        if told["reason"] is not None:
            assert scene.bucket.server.kind != "moto", told
            return
        for _ in range(3):
            generation = scene.move()
            process.say("poll")
            assert scene.whole(process.told()) == generation  # of the callback
            assert scene.whole(process.told()) == generation
    with reader_process(interval=INTERVAL, **scene.arguments) as process:
        assert scene.whole(process.told()) == generation
    scene.proxy.plan = lambda _: DropRequest()
    with reader_process("faketime", "-f", offset, interval=None, **scene.arguments) as process:
        told = process.told()
        assert scene.whole(told) == generation
        assert told["reason"] is not None
        stale = float(str(told["stale"]))
        assert stale == 0.0 if offset.startswith("-") else stale > 9 * 365 * 86400
    scene.proxy.plan = nothing
