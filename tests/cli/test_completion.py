"""Completion as a shell asks for it: agents, versions after ``@``, environments; fast, silent, never an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team

SHELLS = ("bash", "zsh", "fish")


def complete(team: Team, shell: str, *words: str, cwd: Path | None = None) -> list[str]:
    """What a shell is offered for the last word; asserts that nothing else is printed."""
    line = " ".join(["repoint", *words])
    env = {
        "_REPOINT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
        "COMP_LINE": line,
    }
    if shell == "fish":
        env["COMP_WORDS"], env["COMP_CWORD"] = " ".join(["repoint", *words[:-1]]), words[-1]
    done = subprocess.run(
        [sys.executable, "-c", "from repoint_cli.main import main; main([])"],
        cwd=cwd or team.folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return _values(shell, done.stdout)


def _values(shell: str, out: str) -> list[str]:
    lines = out.strip("\n").splitlines()
    if shell == "zsh":
        return lines[1::3]
    if shell == "fish":
        if lines and "," not in lines[0]:
            return lines[1::3]
        return [line.partition(",")[2].partition("\t")[0] for line in lines]
    return [line.partition(",")[2] for line in lines]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands(played: Team, shell: str) -> None:
    assert complete(played, shell, "ro") == ["rollback"]


@pytest.mark.parametrize("shell", SHELLS)
def test_agents(played: Team, shell: str) -> None:
    played.done("new", "billing")
    for command in ("commit", "list", "log", "check", "rollback", "promote", "show", "diff", "export", "yank"):
        assert complete(played, shell, command, "re") == ["refund"], command
    assert complete(played, shell, "commit", "b") == ["billing"]


@pytest.mark.parametrize("shell", SHELLS)
def test_versions_newest_first_then_environments(played: Team, shell: str) -> None:
    offered = complete(played, shell, "show", "refund@")

    assert offered == [
        *("refund@1.5.0", "refund@1.4.2", "refund@1.3.2", "refund@1.2.0"),
        *("refund@staging", "refund@production", "refund@latest"),
    ]
    assert complete(played, shell, "rollback", "refund@1.4") == ["refund@1.4.2"]
    assert complete(played, shell, "diff", "refund@1.4.2", "refund@p") == ["refund@production"]


@pytest.mark.parametrize("shell", SHELLS)
def test_environments(played: Team, shell: str) -> None:
    assert complete(played, shell, "promote", "refund@1.4.2", "--env", "") == ["staging", "production"]
    for words in (["rollback", "refund", "--env"], ["history"], ["freeze"], ["unfreeze"]):
        assert complete(played, shell, *words, "p") == ["production"], words


@pytest.mark.parametrize("command", ["promote", "rollback", "yank", "unhold", "unyank"])
def test_moves_are_offered_versions_only(played: Team, command: str) -> None:
    """What they would refuse is not offered: they take versions, never an environment or latest."""
    assert [
        v for v in complete(played, "bash", command, "refund@") if v.endswith(("staging", "production", "latest"))
    ] == []


@pytest.mark.parametrize(
    "words", [["show", "refund@"], ["commit", ""], ["history", ""], ["show", "\x1b@"], ["show", "a", "b", ""]]
)
def test_where_there_is_nothing_nothing_is_offered_or_printed(tmp_path: Path, words: list[str]) -> None:
    assert complete(Team(tmp_path), "bash", *words) == []


def test_after_a_mistake_the_commands_are_offered(played: Team) -> None:
    assert "rollback" in complete(played, "bash", "bogus", "")


def test_in_another_folder_or_registry(played: Team, tmp_path: Path) -> None:
    assert complete(played, "bash", "-C", str(played.folder), "show", "refund@1.5", cwd=tmp_path) == ["refund@1.5.0"]
    assert complete(played, "bash", "--registry", str(played.folder), "show", "re", cwd=tmp_path) == ["refund"]


def test_a_key_press_writes_nothing(played: Team) -> None:
    state = played.folder / ".git/repoint"
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in state.rglob("*") if p.is_file()}
    complete(played, "bash", "show", "refund@")

    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in state.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_accepts(played: Team, shell: str) -> None:
    script = played.start("completion", shell)
    assert script.code == 0
    assert "_REPOINT_COMPLETE" in script.out
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    check = subprocess.run([program, "-n"], input=script.out, capture_output=True, text=True, check=False)
    assert (check.returncode, check.stderr) == (0, "")


PRESSED = r"""
source "$SCRIPT"
compopt() { :; }
press() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=(stale)
    _repoint_completion repoint
    printf '%s|' "${COMPREPLY[@]}"
    echo
}
press 'repoint show refund@1.4'
press 'repoint show refund@'
press 'repoint show re'
press 'repoint promote refund@1.5.0 --env '
press 'repoint promote refund@1.5.0 --env=st'
press 'repoint rollback "refund@1.3'
press 'repoint show nonsense@'
COMP_WORDBREAKS=' '
press 'repoint show refund@1.4'
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_in_bash_itself_which_splits_words_at_the_at_sign(played: Team, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(played.start("completion", "bash").out)
    command = tmp_path / "repoint"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m repoint_cli \"$@\"\n")
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SCRIPT": str(tmp_path / "script")}
    done = subprocess.run(
        ["bash", "--norc", "-c", "COMP_WORDBREAKS=$' \\t\\n\"\\'@><=;|&(:'\n" + PRESSED],
        cwd=played.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "1.4.2|",
        "1.5.0|1.4.2|1.3.2|1.2.0|staging|production|latest|",
        "refund|",
        "staging|production|",
        "staging|",
        "1.3.2|",
        "staging|production|latest|",
        "refund@1.4.2|",
    ]
