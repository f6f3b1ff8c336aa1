"""A command that is forked from a loaded program is the command that would have been started, to its last byte."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team
from tests.conftest import ROOT

import warm_repoint  # isort: skip

SETTINGS = {"DOCS_CLOCK": "1790000000", "REPOINT_ACTOR": "Ada <ada@acme.example>"}


@pytest.fixture
def team(repository: Path) -> Team:
    found = Team(repository)
    for line in ("init", "new refund", "commit refund -m First", "promote refund@0.1.0 --env production"):
        found.done(*line.split())
    return found


def ended(command: list[str], folder: Path, *arguments: str) -> tuple[int, bytes, bytes]:
    settings = os.environ | SETTINGS
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=settings, stdin=subprocess.DEVNULL, capture_output=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "line",
    ["status", "show refund@0.1.0", "show refund@9.9.9", "nonsense", "freeze production -m Ünterwegs --json"],
)
def test_it_says_the_same_and_ends_the_same(team: Team, tmp_path: Path, line: str) -> None:
    beside = tmp_path / "beside"
    subprocess.run(["cp", "-a", str(team.folder), str(beside)], check=True)
    cold = [sys.executable, str(ROOT / "docs" / "clocked_repoint.py")]

    forked = ended(warm_repoint.command(), team.folder, *line.split())
    assert forked == ended(cold, beside, *line.split())
    assert forked[1] + forked[2] != b""


def test_nobody_s_command_goes_on_when_it_is_killed(team: Team) -> None:
    before = team.generation()
    with open(team.folder / ".git/repoint/lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [*warm_repoint.command(), "freeze", "production", "-m", "incident"]
        process = subprocess.Popen(command, cwd=team.folder, env=os.environ | SETTINGS, stdout=subprocess.PIPE)
        process.kill()
        assert process.communicate()[0] == b"", "the other end is closed when the command has ended, too"
    assert team.generation() == before
