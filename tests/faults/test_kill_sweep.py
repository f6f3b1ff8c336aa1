"""Commit, promote and rollback, killed at every system call that changes a file.

After each kill: nothing but the old state or the new one is to be seen, the same command works at once (a lock that a
dead Git left is waited for at most a second or two), everything verifies, and Git itself finds every object in order.
A sample of the points by default, all of them, before and after each, in the long run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.commandline import Ran, environment_of, run_here
from tests.faults.sweep import CopyOf, Summary, sample, sweep
from tests.faults.tracer import Command, Point, Scope, Unsupported, When, check_supported, run_to_end

COMMANDS = {
    "commit": ["commit", "refund", "-m", "Shorter"],
    "promote": ["promote", "refund@0.3.0", "--env", "production"],
    "rollback": ["rollback", "refund@0.2.0", "-m", "bad", "--ticket", "INC-77"],
}
MAY_VARY = 9
"""Points that a run may have less than another: new folders for objects, whose names follow from random record ids."""

AT_ONCE = 5.0
"""Seconds within which the command after a kill must be done, the wait for a stale lock included."""


@pytest.fixture(scope="module", autouse=True)
def supported() -> None:
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))


def environment() -> dict[str, str]:
    """What the command runs with, here and in the workers of the sweep."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "REPOINT_ACTOR": "Ada <ada@acme.example>",
    }


def repoint(folder: Path, *arguments: str) -> Ran:
    """Run a command that nobody kills; in this process, which takes a fifth of the time."""
    with environment_of(environment()):
        return run_here("-C", str(folder), *arguments)


def succeed(folder: Path, *arguments: str) -> dict[str, object]:
    """Run a command that must succeed; its JSON result."""
    done = repoint(folder, *arguments, "--json")
    assert done.code == 0, f"{arguments}: {done}"
    return done.json


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with three versions, the second of them live, the third ready, and a changed working copy."""
    folder = tmp_path_factory.mktemp("template") / "team"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], env=environment(), check=True)
    succeed(folder, "init")
    succeed(folder, "new", "refund")
    prompt = folder / "agents/refund/prompts/system.md"
    for text in ("You decide refunds.\n", "You decide refunds kindly.\n", "You decide refunds fast.\n"):
        prompt.write_text(text)
        succeed(folder, "commit", "refund", "-m", text.strip())
    succeed(folder, "promote", "refund@0.1.0", "--env", "production")
    succeed(folder, "promote", "refund@0.2.0", "--env", "production")
    prompt.write_text("You decide.\n")
    return folder


def command_in(name: str, folder: Path) -> Command:
    return Command([sys.executable, "-m", "repoint_cli", *COMMANDS[name]], folder, environment())


def state_of(folder: Path) -> dict[str, str]:
    """What anybody sees of the registry: our refs and what they name."""
    listed = subprocess.run(
        [
            "git",
            "-C",
            str(folder),
            "for-each-ref",
            "--format=%(refname) %(objectname)",
            "refs/tags",
            "refs/heads/repoint",
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(" ") for line in listed.stdout.splitlines())


def check_after_kill(name: str, before: dict[str, str], folder: Path, point: Point) -> None:
    """Old or new, at once usable, verified, and sound for Git."""
    left = state_of(folder)
    changed = {ref for ref in before.keys() | left.keys() if before.get(ref) != left.get(ref)}
    assert len(changed) <= 1, f"{name} left {changed} half-done at {point}"
    started = time.monotonic()
    again = repoint(folder, *COMMANDS[name], "--json")
    assert again.code == 0, f"the next {name} failed: {again}"
    assert time.monotonic() - started < AT_ONCE, f"the next {name} had to wait"
    after = state_of(folder)
    assert all(after[ref] for ref in before)
    moved = {ref for ref in after if before.get(ref) != after[ref]}
    assert len(moved) == 1, f"{name} ended in {moved}"
    assert changed <= moved
    verified = repoint(folder, "verify", "--deep", "--json")
    assert verified.code == 0, verified
    fsck = subprocess.run(
        ["git", "-C", str(folder), "fsck", "--strict", "--no-dangling"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert fsck.returncode == 0, fsck.stderr


def swept(name: str, template: Path, tmp_path: Path, scope: Scope, when: When, limit: int | None) -> Summary:
    trial = tmp_path / "trial"
    shutil.copytree(template, trial)
    whole = run_to_end(command_in(name, trial), trial)
    assert whole.returncode == 0, whole.stderr
    assert any(p.call.startswith("rename") for p in whole.points), "the command changed nothing"
    chosen = sample(whole.points, limit) if limit else list(range(len(whole.points)))
    check = partial(check_after_kill, name, state_of(template))
    jobs = 1 if limit else 2  # beside the tests' other process, two more take longer to begin than they save
    return sweep(CopyOf(template), partial(command_in, name), tmp_path / "runs", chosen, scope, check, when, jobs)


def require_clean(summary: Summary) -> None:
    assert summary.killed > 0
    assert len(summary.not_reached) <= MAY_VARY, str(summary)
    assert summary.failures == (), str(summary)


@pytest.mark.parametrize("name", ["commit", "promote", "rollback"])
def test_killed_as_a_whole(name: str, template: Path, tmp_path: Path) -> None:
    require_clean(swept(name, template, tmp_path, "all", "before", 12))


@pytest.mark.parametrize("scope", ["process", "child"])
@pytest.mark.parametrize("name", ["commit", "rollback"])
def test_one_of_its_processes_is_killed(name: str, scope: Scope, template: Path, tmp_path: Path) -> None:
    """Git outlives the command, or the command outlives its Git."""
    require_clean(swept(name, template, tmp_path, scope, "before", 5))


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("scope", ["all", "process", "child"])
@pytest.mark.parametrize("name", ["commit", "promote", "rollback"])
def test_killed_at_every_point(name: str, scope: Scope, when: When, template: Path, tmp_path: Path) -> None:
    require_clean(swept(name, template, tmp_path, scope, when, None))


def test_the_check_notices_a_half_done_state(template: Path, tmp_path: Path) -> None:
    """The judge itself: a registry whose release lost its objects does not pass."""
    folder = tmp_path / "broken"
    shutil.copytree(template, folder)
    before = state_of(folder)
    blob = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "refund@v0.2.0:prompts/system.md"],
        env=environment(), capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(AssertionError):
        check_after_kill("promote", before, folder, Point(0, 0, "git", "rename", "x"))
