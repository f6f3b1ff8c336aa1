"""The example team tells one story: its history ends in the newest state, and the demo plays it to the end."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

TEAM = ROOT / "examples" / "support-team"
STEPS = sorted(path for path in (TEAM / "history").iterdir() if path.is_dir())
AGENTS = ("intake", "refund", "router")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def agent_of(step: Path) -> str:
    """The agent that a step changes."""
    return str(tomllib.loads((step / "step.toml").read_text())["agent"])


@pytest.mark.parametrize("agent", AGENTS)
def test_the_newest_state_is_the_end_of_the_history(agent: str) -> None:
    last = [step for step in STEPS if agent_of(step) == agent][-1]
    assert contents(TEAM / "agents" / agent) == contents(last / "agents" / agent)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_holds_one_agent_and_changes_it(step: Path) -> None:
    agent = agent_of(step)
    assert [path.name for path in (step / "agents").iterdir()] == [agent]
    before = [other for other in STEPS if other < step and agent_of(other) == agent]
    if before:
        assert contents(before[-1] / "agents" / agent) != contents(step / "agents" / agent)


def test_the_demo_plays_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "$ repoint rollback refund@1.1.0" in done.stdout
    assert "\033[" not in done.stdout
    assert list(tmp_path.iterdir()) == [], "the throwaway repository is removed"
