"""Start-up is a feature: what each command imports, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.commandline import Team

HEAVY = {"git", "pydantic", "pydantic_core", "boto3", "botocore", "rich", "semver", "tomli_w"}
"""Packages that no command of an incident may import."""

INCIDENT = [
    "rollback refund@1.5.0 -m bad",
    "rollback refund@1.5.0 --dry-run",
    "rollback --to-generation 2",
    "status",
    "history",
    "history --agent refund",
    "list",
    "list refund -n 20",
    "log refund",
    "show refund@1.5.0",
    "show refund@production",
    "promote refund@1.4.2 --env staging",
    "yank refund@1.2.0 -m bad",
    "freeze production -m week",
    "unhold refund@1.4.2 --env production",
]


def imported(team: Team, *arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The packages that a command imported, by their first name."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "repoint_cli", *arguments],
        cwd=team.folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_the_measure_itself(played: Team) -> None:
    """``status`` reads the registry: the test below can fail."""
    assert imported(played, "status") >= {"click", "msgspec", "repoint", "repoint_schemas", "subprocess"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=["--help", "--version", "nothing"])
def test_help_imports_nothing_of_the_library(played: Team, arguments: list[str]) -> None:
    found = imported(played, *arguments)

    assert "click" in found
    assert found & {*HEAVY, "msgspec", "repoint", "repoint_schemas", "subprocess", "rfc8785"} == set()


@pytest.mark.parametrize("command", INCIDENT)
def test_commands_of_an_incident_import_little(played: Team, command: str) -> None:
    assert imported(played, *command.split()) & HEAVY == set()
    assert imported(played, *command.split(), "--json") & HEAVY == set()


def test_completion_imports_little(played: Team) -> None:
    line = "repoint show refund@"
    env = {"_REPOINT_COMPLETE": "bash_complete", "COMP_LINE": line}

    assert imported(played, env=env) & HEAVY == set()
