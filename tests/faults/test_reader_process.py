"""A reader's process that forks, is killed, or lives in another year, while moves go on.

Promise 6: what a process has served, the next one on its machine does not go below, wherever the first was killed; and
a fork in the middle of a look leaves two readers, each of which follows.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint import Reader, readersource
from repoint.s3keys import environment_key, ledger_key

from tests.conftest import ROOT
from tests.faults.reader_keep import LATER, follow, kept_at, said
from tests.faults.reader_oracle import Told, any_team, team
from tests.faults.reader_process import Json, ReaderProcess, reader_process, seal, served
from tests.faults.s3_team import PREFIX, Bucket, proxied
from tests.faults.sweep import CopyOf, sample, sweep
from tests.faults.tracer import Command, Point, Unsupported, When, check_supported, run_to_end
from tests.servers.proxy import DropRequest, Fault, FaultProxy, Hold, Plan
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION

INTERVAL = 0.02
FORKS = 20
PATIENCE = 30.0
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
    """The parent waits for an answer that is held: which is the newest record, or what it makes live.

    The child looks by itself, and follows while its parent still waits; then its parent does.
    """
    with reader_process(interval=INTERVAL, **scene.arguments) as process:
        generation = scene.whole(process.told())
        for number in range(FORKS):
            generation = _forked(scene, process, generation, loading=number % 2 == 1)
        assert [type(fault) for _, fault in scene.proxy.happened] == [Hold] * FORKS


def _forked(scene: Scene, process: ReaderProcess, before: int, *, loading: bool) -> int:
    """Fork where the parent's thread waits, and see both follow one move; its generation."""
    scene.proxy.plan = _held_once(loading=loading)
    generation = scene.move() if loading else before
    assert scene.proxy.held.wait(PATIENCE)
    process.say("fork")
    told = process.told()
    child = told["process"]
    assert scene.whole(told) == before, "the child begins with what its parent serves"
    if not loading:
        generation = scene.move()
    _follows(scene, process, child, generation)
    assert scene.proxy.release() == 1
    _follows(scene, process, process.process.pid, generation)
    return generation


def _follows(scene: Scene, process: ReaderProcess, identifier: object, generation: int) -> None:
    """The next line is of this process, which serves this generation."""
    told = process.told()
    assert (told["process"], scene.whole(told)) == (identifier, generation)


def _held_once(*, loading: bool) -> Plan:
    left: list[Fault] = [Hold()]
    return lambda e: left.pop() if left and e.path.endswith(f"/{PREFIX}/{POINTER}") is not loading else None


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


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.long)], ids=["again", "first"])
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A machine that has served one generation, or none."""
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))
    folder = tmp_path / "template"
    folder.mkdir()
    if request.param:
        follow(folder, [LATER - 1])
    return folder


def test_killed_at_the_writes_of_a_move(template: Path, tmp_path: Path) -> None:
    _swept(template, tmp_path, "before", 0, every=9)


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
    assert summary.killed > len(chosen) // 2, str(summary)
    assert summary.failures == (), str(summary)


def _command(folder: Path) -> Command:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{ROOT}"}
    argv = [sys.executable, "-B", "-m", "tests.faults.reader_keep", str(folder)]
    return Command(argv, folder, environment)


def _judge(folder: Path, point: Point) -> None:
    """Without the store what is kept is served, whole, and not below what was served; with it, the newest; and kept."""
    assert kept_at(folder, away=True) >= said(folder)
    assert kept_at(folder, away=False) == LATER
    assert kept_at(folder, away=True) == LATER
    drafts = [path for path in folder.glob("cache/*/production/**/.*") if path.is_file()]
    assert not drafts, f"left behind: {drafts}"


@pytest.mark.parametrize("limit", [0, 100, len(team().pointer(LATER)) - 1])
def test_a_disk_that_takes_no_more(tmp_path: Path, limit: int) -> None:
    """At the first object, among them, and at the record: the next one is served, and what is kept stays whole."""
    argv = [sys.executable, "-m", "tests.faults.reader_keep", str(tmp_path), str(limit)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "generation 4 is not kept on the disk" in done.stderr
    assert "File too large" in done.stderr
    served_last = LATER if limit else LATER - 1  # what was served is noted in a file, too
    assert said(tmp_path) == served_last
    assert kept_at(tmp_path, away=True) == LATER - 1
    assert kept_at(tmp_path, away=False) == LATER
    assert kept_at(tmp_path, away=True) == LATER


# -- another year ------------------------------------------------------------------------------------------------------


@pytest.mark.s3
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("offset", ["+10y", pytest.param("-10y", marks=pytest.mark.long)])
def test_a_machine_that_is_ten_years_off_follows(scene: Scene, offset: str) -> None:
    """Where a service checks when a request was signed, what the disk keeps is served, or nothing."""
    generation = scene.newest
    with reader_process("faketime", "-f", offset, interval=None, **scene.arguments) as process:
        starts = process.starts()
        if scene.bucket.server.kind != "moto" and not starts:
            return
        assert starts
        for _ in range(3):
            generation = scene.move()
            process.say("poll")
            assert scene.whole(process.told()) == generation  # of the callback
            assert scene.whole(process.told()) == generation
    scene.proxy.plan = lambda _: DropRequest()
    with reader_process("faketime", "-f", offset, interval=None, **scene.arguments) as process:
        told = process.told()
        assert scene.whole(told) == generation
        assert told["reason"] is not None
    assert scene.proxy.happened
    assert _starts_without_the_store(scene, generation) == generation
