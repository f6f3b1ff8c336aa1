"""Commands on a bucket, killed at the boundaries of their requests: the state is the old one or the new one.

Promises 1, 3 and 4. A request is held at the proxy, the command is killed, and then what it had sent goes nowhere, or
arrives after its death, or had been applied and never been heard of. Then the same command works at once in that clone,
it was done once and not twice, and another clone syncs and verifies. A sample by default, every boundary in the long
run; what a command writes into its own files is swept in the same way by the tracer.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.s3_team import Repository, State, make_state, proxied
from tests.faults.sweep import sweep
from tests.faults.tracer import Command, Point, Unsupported, check_supported, run_to_end
from tests.servers.proxy import FaultProxy
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.s3

How = Literal["never sent", "sent after death", "applied, not heard of"]
HOWS: tuple[How, ...] = ("never sent", "sent after death", "applied, not heard of")

COMMANDS = {
    "publish": ["commit", "refund", "-m", "Shorter"],
    "promote": ["promote", "refund@0.3.0", "--env", "production"],
    "rollback": ["rollback", "refund@0.2.0", "-m", "bad", "--ticket", "INC-77"],
    "sync": ["sync"],
}
MOVING = ("promote", "rollback")
SAMPLE = 2
FILES = 2
MAY_VARY = 6
"""Requests that a run may have less than another: what is read ahead depends on what arrives first."""

QUIET_SECONDS = 10.0


@dataclass(frozen=True)
class Scene:
    """The state to begin with, and the proxy through which the command that is killed goes."""

    state: State
    proxy: FaultProxy
    folder: Path

    def begin(self, name: str, folder: Path) -> Repository:
        """The clone in which the command runs, and the bucket as it was."""
        self.state.put_back()
        source = self.state.behind if name == "sync" else self.state.ada
        return source.copy(folder)

    def requests(self, command: list[str], clone: Repository) -> int:
        """How many requests the command makes when nobody disturbs it."""
        self.proxy.start_over()
        done = clone.through(self.proxy).run(*command)
        assert done.code == 0, done
        assert self.proxy.wait_quiet(QUIET_SECONDS)
        return len(self.proxy.seen)

    def killed(self, command: list[str], clone: Repository, number: int, how: How) -> bool:
        """Kill it at this request; False where it ended before it came to that."""
        self.proxy.start_over()
        gate = self.proxy.stop_at(number, "after" if how == "applied, not heard of" else "before")
        process = clone.through(self.proxy).start(*command)
        while not gate.reached.wait(0.05) and process.poll() is None:
            pass
        reached = gate.reached.is_set() and process.poll() is None
        process.kill()
        process.wait()
        (gate.go if how == "sent after death" else gate.drop)()
        assert self.proxy.wait_quiet(QUIET_SECONDS)
        return reached


@pytest.fixture(scope="module")
def scene(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    with proxied(s3_server) as proxy:
        yield Scene(make_state(folder, s3_server), proxy, folder)


@pytest.fixture(scope="module")
def local_scene(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A repository that decides by itself, which is to be handed over to an empty bucket."""
    folder = tmp_path_factory.mktemp("local-scene")
    with proxied(s3_server) as proxy:
        yield Scene(make_state(folder, s3_server, local=True), proxy, folder)


def check_after_kill(scene: Scene, name: str, clone: Repository, folder: Path) -> None:
    """Old or new; done by the next command, once; clean for everybody."""
    bucket, before = scene.state.bucket, json.loads(scene.state.objects["environments/production.json"])
    left = bucket.generation() - before["generation"]
    assert left in ((0, 1) if name in MOVING else (0,)), f"{name} left {left} new records"
    clone.succeed(*COMMANDS[name])
    assert bucket.generation() - before["generation"] == (name in MOVING), f"{name} was done more than once, or not"
    releases = [key for key in bucket.tags() if key.startswith("releases/")]
    assert len(releases) == 3 + (name == "publish")
    check_clean(scene, clone, folder)


def check_clean(scene: Scene, clone: Repository, folder: Path) -> None:
    clone.succeed("verify", "--deep")
    other = scene.state.other.copy(folder)
    other.succeed("sync")
    assert other.succeed("verify", "--deep")["findings"] == []


def swept(scene: Scene, name: str, limit: int | None, folder: Path) -> int:
    """Kill the command at boundaries, each time from the same state; how many times it was killed."""
    command = COMMANDS[name]
    requests = scene.requests(command, scene.begin(name, folder / "whole"))
    assert requests > 0
    points = [(number, how) for number in range(requests) for how in HOWS]
    chosen = points if limit is None else _spread(points, limit)
    killed = 0
    for turn, (number, how) in enumerate(chosen):
        clone = scene.begin(name, folder / f"{turn}")
        if scene.killed(command, clone, number, how):
            killed += 1
            try:
                check_after_kill(scene, name, clone, folder / f"{turn}-other")
            except AssertionError as error:
                raise AssertionError(f"{name} killed at request {number} of {requests}, {how}") from error
    assert killed >= min(len(chosen), SAMPLE) - 1
    assert len(chosen) - killed <= MAY_VARY * len(HOWS)
    return killed


def _spread(points: list[tuple[int, How]], limit: int) -> list[tuple[int, How]]:
    """Some of the points, evenly; of each way to die at least one, where there are as many."""
    chosen = [points[(2 * place + 1) * len(points) // (2 * limit)] for place in range(limit)]
    return [(number, HOWS[place % len(HOWS)]) for place, (number, _) in enumerate(chosen)]


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_a_request(scene: Scene, name: str, tmp_path: Path) -> None:
    swept(scene, name, SAMPLE, tmp_path)


@pytest.mark.parametrize("how", HOWS)
def test_killed_at_the_swap_itself(scene: Scene, how: How, tmp_path: Path) -> None:
    """The one request that decides, whichever number it has."""
    clone = scene.begin("rollback", tmp_path / "clone")
    scene.proxy.start_over()
    scene.begin("rollback", tmp_path / "whole")
    scene.requests(COMMANDS["rollback"], clone.at(tmp_path / "whole"))
    swap = next(e.number for e in scene.proxy.seen if e.is_write and "/environments/" in e.path)
    scene.state.put_back()
    assert scene.killed(COMMANDS["rollback"], clone, swap, how)
    assert "/environments/" in scene.proxy.seen[swap].path
    expected = scene.state.bucket.generation() - 2
    assert expected == (how != "never sent"), f"{how}: {expected} new records"
    check_after_kill(scene, "rollback", clone, tmp_path / "other")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_every_request(scene: Scene, name: str, tmp_path: Path) -> None:
    print(f"{name}: killed {swept(scene, name, None, tmp_path)} times")


# -- a change of authority ---------------------------------------------------------------------------------------------


def migration_swept(scene: Scene, limit: int | None, folder: Path) -> int:
    command = ["migrate", "--to", scene.state.bucket.url]
    requests = scene.requests(command, scene.begin("migrate", folder / "whole"))
    points = [(number, how) for number in range(requests) for how in HOWS]
    killed = 0
    for turn, (number, how) in enumerate(points if limit is None else _spread(points, limit)):
        clone = scene.begin("migrate", folder / f"{turn}")
        if scene.killed(command, clone, number, how):
            killed += 1
            check_migrated(scene, command, clone, folder / f"{turn}-other")
    return killed


def check_migrated(scene: Scene, command: list[str], clone: Repository, folder: Path) -> None:
    """The same command again goes on from where it was, and then the bucket decides."""
    done = clone.run(*command, "--json")
    assert done.code == 0 or (done.code == 6 and done.failure["kind"] == "same-authority"), done
    clone.succeed("rollback", "refund@0.2.0")
    assert scene.state.bucket.record()["action"] == "rollback"
    other = scene.state.other.copy(folder)
    shutil.copy(clone.folder / "repoint.toml", other.folder)
    other.succeed("sync")
    assert other.succeed("verify", "--deep")["findings"] == []


def test_a_migration_killed_at_a_request(local_scene: Scene, tmp_path: Path) -> None:
    assert migration_swept(local_scene, SAMPLE, tmp_path) >= SAMPLE - 1


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_migration_killed_at_every_request(local_scene: Scene, tmp_path: Path) -> None:
    print(f"migrate: killed {migration_swept(local_scene, None, tmp_path)} times")


# -- what the command writes here --------------------------------------------------------------------------------------


def files_swept(scene: Scene, limit: int, folder: Path) -> None:
    """Kill a promote at system calls that change a file, and judge it in the same way."""
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))

    def command_in(place: Path) -> Command:
        clone = scene.state.ada.at(place).through(scene.proxy)
        return Command(clone.argv(*COMMANDS["promote"]), place, dict(clone.environment))

    def begin(place: Path) -> None:
        scene.begin("promote", place)
        scene.proxy.start_over()

    def check(place: Path, _: Point) -> None:
        assert scene.proxy.wait_quiet(QUIET_SECONDS)
        clone = scene.state.ada.at(place)
        check_after_kill(scene, "promote", clone, place.with_name(f"{place.name}-other"))

    begin(folder / "whole")
    whole = run_to_end(command_in(folder / "whole"), folder / "whole")
    assert whole.returncode == 0, whole.stderr
    assert any("/pending/" in point.path for point in whole.points), "the move was not saved before it was sent"
    summary = sweep(begin, command_in, folder / "runs", _evenly(whole.points, limit), "all", check, jobs=1)
    assert summary.killed > 0
    assert summary.failures == (), str(summary)


def _evenly(points: Sequence[Point], limit: int) -> list[int]:
    """The numbers of some points, evenly, and of the first at which the move is saved."""
    saved = next(point.index for point in points if "/pending/" in point.path)
    return sorted({saved, *((2 * place + 1) * len(points) // (2 * limit) for place in range(limit))})


def test_a_promote_killed_at_a_change_of_its_files(scene: Scene, tmp_path: Path) -> None:
    files_swept(scene, FILES, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_promote_killed_at_many_changes_of_its_files(scene: Scene, tmp_path: Path) -> None:
    files_swept(scene, 60, tmp_path)
