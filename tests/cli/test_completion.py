"""Completion as a shell asks for it: agents, versions after ``@``, environments; fast, silent, never an error."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commandline import Team
from tests.cli.terminals import open_terminal, until

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


# -- in the shells themselves: TAB is pressed on a terminal ----------------------------------------------------------

START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(repoint completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'eval "$(repoint completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "repoint completion fish | source"),
}

PRESSED = [
    ("show refund@1.4", ["show", "refund@1.4.2"]),
    ("show refund@prod", ["show", "refund@production"]),
    ("show refund@production~1", ["show", "refund@production~1"]),
    ("show --json in", ["show", "--json", "intake"]),
    ('show "refund@1.3', ["show", "refund@1.3.2"]),
    ("promote refund@1.5.0 --env st", ["promote", "refund@1.5.0", "--env", "staging"]),
    ("promote refund@1.5.0 --env=st", ["promote", "refund@1.5.0", "--env=staging"]),
    ("roll", ["rollback"]),
    ("rollback refund --to 1.3", ["rollback", "refund", "--to", "1.3.2"]),
    ("diff refund@1.3.2 refund@1.4", ["diff", "refund@1.3.2", "refund@1.4.2"]),
]
"""What is typed before TAB, and the command that is then run."""


REPOINT = """\
#!/bin/sh
if [ -z "$_REPOINT_COMPLETE" ] && [ "$1" != completion ]; then
    printf 'RUN'; printf '<%s>' "$@"; echo
else
    exec 'PYTHON' -m repoint_cli "$@"
fi
"""
"""A command that says what it was called with, and completes as the real one."""


@pytest.fixture
def path_with_repoint(tmp_path: Path) -> str:
    command = tmp_path / "bin" / "repoint"
    command.parent.mkdir()
    command.write_text(REPOINT.replace("PYTHON", sys.executable))
    command.chmod(0o755)
    return f"{command.parent}:{os.environ['PATH']}"


@contextmanager
def interactive(shell: str, team: Team, path: str) -> Iterator[int]:
    """An interactive shell that has loaded the completion; its terminal."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command, load = START[shell]
    master, slave = open_terminal(50, 150)
    process = subprocess.Popen(
        command,
        cwd=team.folder,
        env={**os.environ, "PATH": path, "TERM": "xterm", "PS1": "$ ", "INPUTRC": "/dev/null"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        type_in(master, f"{load}; echo rea''dy\r")
        until(master, "ready")
        yield master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def type_in(master: int, text: str) -> None:
    os.write(master, text.encode())


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes(played: Team, shell: str, path_with_repoint: str) -> None:
    with interactive(shell, played, path_with_repoint) as master:
        for typed, run in PRESSED:
            type_in(master, f"repoint {typed}\t\r")
            got = until(master, r"RUN<[^\r\n]*>\s")
            assert "".join(f"<{word}>" for word in run) in got, got


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_twice_lists_versions_highest_first(played: Team, shell: str, path_with_repoint: str) -> None:
    with interactive(shell, played, path_with_repoint) as master:
        type_in(master, "repoint show refund@1.\t\t")
        order = r"1\.5\.0[\s\S]*1\.4\.2[\s\S]*1\.3\.2[\s\S]*1\.2\.0"
        shown = until(master, order if shell != "bash" else r"@1\.5\.0 +@1\.4\.2 +@1\.3\.2 +@1\.2\.0")
        assert ("live in staging" in shown) == (shell != "bash")


def test_bash_is_answered_from_where_its_word_begins(played: Team) -> None:
    """Readline hands over ``@1.4`` outside quotes and the whole REF inside (rl_special_prefixes)."""
    line = {"_REPOINT_COMPLETE": "bash_complete"}
    for typed, word, answer in (
        ("repoint show refund@1.4", "@1.4", "plain,@1.4.2"),
        ('repoint show "refund@1.4', "refund@1.4", "plain,refund@1.4.2"),
        ("repoint show refund@1.4", "refund@1.4", "plain,refund@1.4.2"),
        ("repoint promote refund@1.5.0 --env=st", "st", "plain,staging"),
    ):
        ran = played.start(env={**line, "COMP_LINE": typed, "COMP_WORD": word})
        assert ran.out == f"{answer}\n", typed


@pytest.mark.parametrize("shell", SHELLS)
def test_earlier_moves_are_offered_after_a_tilde(played: Team, shell: str) -> None:
    assert complete(played, shell, "show", "refund@production~") == ["refund@production~1", "refund@production~2"]
    assert complete(played, shell, "show", "refund@nowhere~") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_what_is_said_beside_the_answers(played: Team, shell: str) -> None:
    played.done("rollback", "refund@1.5.0")
    env = {"_REPOINT_COMPLETE": f"{shell}_complete", "COMP_WORDS": "repoint show refund@", "COMP_CWORD": "2"}
    if shell == "fish":
        env |= {"COMP_WORDS": "repoint show", "COMP_CWORD": "refund@"}
    out = played.start(env=env).out

    for said in ("live in staging, held in production", "live in production", "live there: 1.4.2"):
        assert said in out


def test_versions_after_to_are_those_of_the_agent(played: Team) -> None:
    assert complete(played, "bash", "rollback", "refund", "--to", "1.") == ["1.5.0", "1.4.2", "1.3.2", "1.2.0"]
    assert complete(played, "bash", "rollback", "intake@2.1.0", "--to", "") == ["2.1.0"]


def test_commands_are_offered_without_importing_them(played: Team) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "repoint_cli"],
        cwd=played.folder,
        env={**os.environ, "_REPOINT_COMPLETE": "bash_complete", "COMP_LINE": "repoint ro"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,rollback\n"
    assert "repoint_cli.commands." not in done.stderr
    assert "msgspec" not in done.stderr
