"""``repoint export --env`` and ``--follow``: a folder for processes that only read files, and what may happen to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from repoint import pointer

from tests.cli.bucket_registry import Bucketed, make_bucketed
from tests.cli.commandline import Json, Team, check_schema
from tests.cli.shared_registry import completed, dead_endpoint
from tests.faults.sweep import CopyOf, sample, sweep
from tests.faults.tracer import Command, Point, Unsupported, check_supported, run_to_end
from tests.servers.proxy import DropRequest, FaultProxy
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION, Stamps, rollback

FOLLOW = ("export", "--env", "production", "--follow", "--interval", "0.1")


PATIENCE = 60.0
"""Seconds that a move may take to be followed; a test that waits for ever tells nobody what it waits for."""


class Follower:
    """A process that follows; it is ended at the end of the test, however that ends."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        return line

    def warning(self) -> str:
        """The next line on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """How it ends by a signal, and what it still said."""
        self.process.send_signal(number)
        out, err = self.process.communicate()
        return self.process.returncode, out, err


@contextmanager
def following(
    team: Team, *arguments: str, code: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Follower]:
    program = ["-m", "repoint_cli"] if code is None else ["-c", code]
    with subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=team.folder,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Follower(process)
        finally:
            process.kill()


def prompt(folder: Path, agent: str = "refund") -> str:
    return (folder / "current" / agent / "prompts/system.md").read_text()


def about(folder: Path) -> Json:
    found: Json = json.loads((folder / "current/repoint.json").read_text())
    return found


# -- once ------------------------------------------------------------------------------------------------------------


def test_all_that_is_live(played: Team, tmp_path: Path) -> None:
    target = tmp_path / "live"
    text = played.done("export", "--env", "production", str(target))
    ran = played.run("export", "--env", "production", str(target), "--json")

    place = target.resolve() / os.readlink(target / "current")
    assert text == f"production generation 4 in {place}: intake 2.1.0, refund 1.5.0\n"
    check_schema("export-live", ran.json)
    assert ran.json == {
        "warnings": [],
        "environment": "production",
        "generation": 4,
        "directory": str(place),
        "agents": {"intake": "2.1.0", "refund": "1.5.0"},
        "stale_seconds": None,
    }
    assert prompt(target) == "Refund prompt of 1.5.0"
    assert about(target)["agents"] == {"intake": "2.1.0", "refund": "1.5.0"}


def test_a_folder_below_the_one_that_is_named(played: Team, tmp_path: Path) -> None:
    ran = played.start("-C", str(played.folder), "export", "--env", "staging", "out", cwd=tmp_path)

    assert (ran.code, ran.err) == (0, "")
    assert prompt(played.folder / "out") == "Refund prompt of 1.5.0"


def test_what_is_refused(played: Team, tmp_path: Path) -> None:
    played.refused("export", "--env", "production", code=2, kind="directory-required", says=["--follow DIR"])
    played.refused("export", "--follow", "refund@1.5.0", "out", code=2, kind="directory-required")
    played.refused("export", "refund@1.5.0", code=2, kind="directory-required")
    played.refused("export", "--env", "nowhere", str(tmp_path / "out"), code=4, kind="no-such-environment")
    played.refused("export", "--follow", "--interval", "0", str(tmp_path / "out"), code=2)
    assert not (tmp_path / "out").exists()
    (tmp_path / "current").mkdir()
    played.refused("export", "--env", "production", str(tmp_path), code=5, kind="target-exists", says=["current"])
    played.refused("export", "--follow", str(tmp_path), code=5, kind="target-exists")


def test_another_environment_is_not_put_in_its_place(played: Team, tmp_path: Path) -> None:
    played.done("export", "--env", "production", str(tmp_path))
    played.refused("export", "--env", "staging", str(tmp_path), code=6, kind="other-environment", says=["production"])

    assert about(tmp_path)["environment"] == "production"


def test_completion(played: Team) -> None:
    assert completed(played, "export", "re", env={}) == ["refund"]
    assert completed(played, "export", "refund@1.5.0", "o", env={}) == ["o"], "a folder: the shell knows"
    assert completed(played, "export", "--env", "production", "o", env={}) == ["o"]
    assert completed(played, "export", "--follow", "--env", "p", env={}) == ["production"]


# -- following -------------------------------------------------------------------------------------------------------


def test_every_move_is_followed_until_it_is_ended(played: Team, tmp_path: Path) -> None:
    target = tmp_path / "live"
    with following(played, *FOLLOW, str(target)) as follower:
        assert "production generation 4 in " in follower.line()
        assert prompt(target) == "Refund prompt of 1.5.0"
        played.done("rollback", "refund@1.5.0")
        assert follower.line().endswith(": intake 2.1.0, refund 1.4.2\n")
        assert prompt(target) == "Refund prompt of 1.4.2"
        assert follower.end() == (0, "", "")
    assert sorted(each[:12] for each in os.listdir(target / ".records") if each != "lock") == [f"{4:012}", f"{5:012}"]


def test_ctrl_c(played: Team, tmp_path: Path) -> None:
    with following(played, *FOLLOW, str(tmp_path)) as follower:
        follower.line()
        code, out, err = follower.end(signal.SIGINT)

    assert (code, out) == (130, "")
    assert err.startswith("interrupted")
    assert prompt(tmp_path) == "Refund prompt of 1.5.0"


def test_one_writer_for_each_folder(played: Team, tmp_path: Path) -> None:
    with following(played, *FOLLOW, str(tmp_path)) as follower:
        follower.line()
        second = played.run("export", "--env", "production", "--follow", str(tmp_path), "--json")
        follower.end(signal.SIGKILL)
    assert (second.code, second.out, second.failure["kind"]) == (6, "", "folder-in-use")
    played.done("export", "--env", "production", str(tmp_path))


def test_who_listened_may_go(played: Team, tmp_path: Path) -> None:
    with following(played, *FOLLOW, str(tmp_path)) as follower:
        follower.line()
        assert follower.process.stdout is not None
        follower.process.stdout.close()
        seen = watched(tmp_path, lambda: played.done("rollback", "refund@1.5.0"), 5)
        follower.process.send_signal(signal.SIGTERM)
        assert follower.process.wait() == 0
        assert follower.process.stderr is not None
        assert follower.process.stderr.read() == ""
    assert seen[-1] == 5


def watched(folder: Path, act: Callable[[], object], newest: int) -> list[int]:
    """Read the folder in a loop, as a process would that resolves ``current`` once, while something is done.

    The generations that were seen until the newest came, each whole: what the record names is what its files say.
    """
    acting = threading.Thread(target=act)
    acting.start()
    seen: list[int] = []
    until = time.monotonic() + PATIENCE
    while not seen or seen[-1] < newest:
        assert time.monotonic() < until, seen[-1:]
        place = Path(os.path.realpath(folder / "current"))
        said = json.loads((place / "repoint.json").read_text())
        for agent, version in said["agents"].items():
            assert json.loads((place / agent / "repoint.json").read_text())["version"] == version
            wanted = "Intake prompt" if version == "2.1.0" else f"{agent.capitalize()} prompt of {version}"
            assert (place / agent / "prompts/system.md").read_text() == wanted
        assert sorted(os.listdir(place)) == sorted([*said["agents"], "repoint.json"])
        assert not seen or said["generation"] >= seen[-1], "it went back"
        seen.append(said["generation"])
    acting.join()
    return seen


def test_a_reader_never_sees_two_records_at_once(played: Team, tmp_path: Path) -> None:
    versions = ("3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0")
    for version in versions:
        for agent in ("refund", "intake"):
            played.publish(f"{agent.capitalize()} prompt of {version}", agent, "--version", version)

    def move() -> None:
        for version in versions:
            played.done("promote", f"refund@{version}", f"intake@{version}", "--env", "production")

    with following(played, *FOLLOW, str(tmp_path)) as follower:
        follower.line()
        seen = watched(tmp_path, move, 9)
        follower.end()
    assert len({*seen}) > 2, seen
    assert len(seen) > 20


FULL = """\
import errno, os, sys
from repoint_cli.main import main
real = os.open
def full(path, flags, *rest, **named):
    if flags & os.O_EXCL and ".records" in str(path) and os.path.exists(os.environ["FULL"]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    return real(path, flags, *rest, **named)
os.open = full
main(sys.argv[1:])
"""


def test_a_full_disk_is_tried_again(played: Team, tmp_path: Path) -> None:
    full = tmp_path / "full"
    with following(played, *FOLLOW, str(tmp_path / "live"), code=FULL, env={"FULL": str(full)}) as follower:
        follower.line()
        full.touch()
        played.done("rollback", "refund@1.5.0")
        warning = follower.warning()
        assert prompt(tmp_path / "live") == "Refund prompt of 1.5.0"
        full.unlink()
        assert "refund 1.4.2" in follower.line()
        assert follower.end() == (0, "", ""), "it was said once"
    assert warning.startswith("warning: generation 5 is not written: ")
    assert warning.endswith("No space left on device\n")
    assert prompt(tmp_path / "live") == "Refund prompt of 1.4.2"


# -- killed ----------------------------------------------------------------------------------------------------------


def killed_command(registry: Path, home: Path, folder: Path) -> Command:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    argv = ["-m", "repoint_cli", "-C", str(registry), "export", "--env", "production", str(folder)]
    return Command([sys.executable, *argv], folder, {**env, "HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull})


def check_after_kill(registry: Path, home: Path, folder: Path, point: Point) -> None:
    """The record before or the new one, whole; and the same command ends well, with nothing left of what was begun."""
    before = watched(folder, lambda: None, 4)
    assert before[0] in (4, 5), point
    again = run_to_end(killed_command(registry, home, folder), folder)
    assert (again.returncode, again.stderr) == (0, b""), again
    assert watched(folder, lambda: None, 5) == [5]
    left = [each for each in os.listdir(folder / ".records") if not each.startswith("0")]
    assert (sorted(os.listdir(folder)), left) == ([".records", "current"], ["lock"])


@pytest.fixture
def halfway(played: Team, tmp_path: Path) -> tuple[Path, Command]:
    """A folder at generation 4 of a registry at 5, and what brings it up."""
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))
    folder = tmp_path / "live"
    played.done("export", "--env", "production", str(folder))
    played.done("rollback", "refund@1.5.0")
    shutil.copytree(folder, tmp_path / "first", symlinks=True)
    whole = killed_command(played.folder, tmp_path / "home", tmp_path / "first")
    return folder, whole


@pytest.mark.parametrize(
    ("when", "limit"),
    [("before", 4), *(pytest.param(when, 1000, marks=pytest.mark.long) for when in ("before", "after"))],
)
def test_killed_at_any_write_it_is_whole(
    played: Team, halfway: tuple[Path, Command], tmp_path: Path, when: str, limit: int
) -> None:
    folder, whole = halfway
    points = run_to_end(whole, tmp_path / "first").points
    assert {point.call for point in points} >= {"rename", "symlink", "mkdir"}
    chosen = sample(points, limit)
    summary = sweep(
        CopyOf(folder),
        partial(killed_command, played.folder, tmp_path / "home"),
        tmp_path / "trials",
        chosen,
        "all",
        partial(check_after_kill, played.folder, tmp_path / "home"),
        when="before" if when == "before" else "after",
    )

    assert not summary.failures, str(summary)
    assert summary.killed == len(chosen)


# -- the store is away -----------------------------------------------------------------------------------------------


@pytest.fixture
def bucketed(tmp_path: Path, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Bucketed:
    return make_bucketed(s3_server, s3_bucket, Team(tmp_path), monkeypatch)


@pytest.mark.s3
def test_a_store_that_goes_away_and_comes_back(bucketed: Bucketed, s3_server: S3Server, tmp_path: Path) -> None:
    host, _, port = s3_server.endpoint.removeprefix("http://").partition(":")
    arguments = ("--registry", bucketed.address, *FOLLOW, str(tmp_path / "live"))
    with FaultProxy((host, int(port))) as proxy:
        with following(bucketed.team, *arguments, env={"AWS_ENDPOINT_URL_S3": proxy.endpoint}) as follower:
            assert follower.line().endswith(": refund 0.2.0\n")
            proxy.plan = lambda _: DropRequest()
            away = follower.warning()
            pointer.move(bucketed.registry, PRODUCTION, rollback("refund@0.2.0"), Stamps())
            assert prompt(tmp_path / "live") == "refund@0.2.0"
            proxy.plan = lambda _: None
            assert follower.warning() == "warning: production: following again\n"
            assert follower.line().endswith(": refund 0.1.0\n")
            assert follower.end() == (0, "", "")
        assert proxy.happened
    assert away.startswith("warning: production: serving generation 2: s3://")


@pytest.mark.s3
def test_for_programs_one_line_for_each_record(bucketed: Bucketed, tmp_path: Path) -> None:
    arguments = ("--json", "--registry", bucketed.address, *FOLLOW, str(tmp_path / "live"))
    with following(bucketed.team, *arguments) as follower:
        first = json.loads(follower.line())
        pointer.move(bucketed.registry, PRODUCTION, rollback("refund@0.2.0"), Stamps())
        second = json.loads(follower.line())
        assert follower.end() == (0, "", "")
    for told, generation, version in ((first, 2, "0.2.0"), (second, 3, "0.1.0")):
        check_schema("export-live", told)
        assert (told["generation"], told["agents"]) == (generation, {"refund": version})


@pytest.mark.s3
def test_started_with_the_store_away_it_writes_what_is_kept(bucketed: Bucketed, tmp_path: Path) -> None:
    command, away = ("export", "--env", "production"), dead_endpoint()
    fresh = bucketed.start(*command, str(tmp_path / "out"))
    stale = bucketed.start("--json", *command, str(tmp_path / "other"), AWS_ENDPOINT_URL_S3=away)

    assert (fresh.code, fresh.err) == (0, "")
    assert (stale.code, stale.err) == (0, "")
    check_schema("export-live", stale.json)
    assert isinstance(stale.json["stale_seconds"], int)
    assert "cannot be read now" in str(stale.json["warnings"])
    assert prompt(tmp_path / "other") == "refund@0.2.0"
    with following(
        bucketed.team,
        *("--registry", bucketed.address, *FOLLOW, str(tmp_path / "other")),
        env={"AWS_ENDPOINT_URL_S3": away},
    ) as follower:
        assert follower.line().endswith(": refund 0.2.0\n")
        code, _, err = follower.end()
    assert code == 0
    assert "warning: production: serving what this machine's disk keeps" in err
