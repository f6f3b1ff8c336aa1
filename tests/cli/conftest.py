"""A registry to copy: three agents with versions, moves and a rollback, built once by the command itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.commandline import Team, copy_team

REFUND_VERSIONS = ("1.2.0", "1.3.2", "1.4.2", "1.5.0")


def make_repository(folder: Path, *arguments: str) -> Team:
    """An empty repository of Ada's."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", *arguments, str(folder)], check=True)
    team = Team(folder)
    team.git("config", "user.name", "Ada")
    team.git("config", "user.email", "ada@acme.example")
    return team


@pytest.fixture(scope="session")
def fresh_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    team = make_repository(tmp_path_factory.mktemp("fresh") / "team")
    team.done("init")
    team.done("new", "refund")
    return team.folder


@pytest.fixture(scope="session")
def played_source(tmp_path_factory: pytest.TempPathFactory, fresh_source: Path) -> Path:
    """refund 1.5.0 is live in production over 1.4.2 and 1.3.2, intake 2.1.0 beside it; staging holds refund 1.5.0."""
    team = copy_team(fresh_source, tmp_path_factory.mktemp("played") / "team")
    team.git("add", ".")
    team.git("commit", "--quiet", "-m", "start")
    for version in REFUND_VERSIONS:
        team.publish(f"Refund prompt of {version}", "refund", "--version", version)
    team.done("new", "intake")
    team.publish("Intake prompt", "intake", "--version", "2.1.0")
    for version in REFUND_VERSIONS[1:]:
        team.done("promote", f"refund@{version}", "--env", "production", "-m", f"Roll out {version}")
    team.done("promote", "intake@2.1.0", "--env", "production")
    team.done("promote", "refund@1.5.0", "--env", "staging")
    return team.folder


@pytest.fixture
def repository_only(tmp_path: Path) -> Team:
    """A repository without a registry."""
    return make_repository(tmp_path / "team")


@pytest.fixture
def fresh(tmp_path: Path, fresh_source: Path) -> Team:
    """A registry with the scaffold of ``refund``, and no version."""
    return copy_team(fresh_source, tmp_path / "team")


@pytest.fixture
def played(tmp_path: Path, played_source: Path) -> Team:
    """A registry with versions and moves."""
    return copy_team(played_source, tmp_path / "team")
