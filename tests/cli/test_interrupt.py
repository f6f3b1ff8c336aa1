"""Ctrl-C at any point: exit code 130, one line, no traceback, nothing half-written, no Git process left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team, everything
from tests.cli.terminals import open_terminal, program_on_a_terminal, until, until_closed

INTERRUPTED = """\
import os, signal, sys
from repoint_cli import main, session
signal.signal(signal.SIGINT, signal.default_int_handler)
real = session.open_workspace
def interrupted(*arguments, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return real(*arguments, **named)
session.open_workspace = interrupted
main.main(sys.argv[1:])
"""

AT_AN_IMPORT = """\
import builtins, sys
from repoint_cli.__main__ import main
real, left = builtins.__import__, [int(sys.argv[1])]
def stopped(name, *rest, **named):
    left[0] -= 1
    if left[0] == 0:
        raise KeyboardInterrupt
    return real(name, *rest, **named)
builtins.__import__ = stopped
sys.argv[:] = ["repoint", *sys.argv[2:]]
main()
"""

HELD = """\
import signal, sys
from repoint_cli import main
from repoint.gitprocess import GitProcess
signal.signal(signal.SIGINT, signal.default_int_handler)
real = GitProcess.start
def told(self, arguments, **named):
    child = real(self, arguments, **named)
    if sys.argv[1] in arguments:
        print("child", child.pid, flush=True)
        sys.stdin.readline()
    return child
GitProcess.start = told
main.main(sys.argv[2:])
"""


def interrupted(team: Team, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=team.folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("status", "interrupted\n"),
        ("list --json", "interrupted\n"),
        ("rollback refund@1.5.0", "interrupted; repoint status shows what was done\n"),
        ("new billing", "interrupted; run repoint new again to finish it\n"),
    ],
)
def test_one_line_and_130(played: Team, command: str, says: str) -> None:
    before = everything(played.folder)
    done = interrupted(played, INTERRUPTED, *command.split())

    assert (done.returncode, done.stdout, done.stderr) == (130, "", says)
    assert everything(played.folder) == before


def test_beneath_the_sign_that_the_terminal_shows(played: Team) -> None:
    """A terminal writes ^C where the cursor stands; the message has a line of its own."""
    ran = program_on_a_terminal(played, [sys.executable, "-c", INTERRUPTED, "status"])

    assert (ran.code, ran.out) == (130, "\ninterrupted\n")


@pytest.mark.parametrize("number", [1, 5, 40, 100, 200])
def test_while_it_is_being_loaded(played: Team, number: int) -> None:
    """Each import is a point where Ctrl-C may arrive; the first ones come before the command line is read at all."""
    before = everything(played.folder)
    done = interrupted(played, AT_AN_IMPORT, str(number), "promote", "refund@1.4.2", "--env", "staging")

    assert done.returncode == 130, done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1
    assert everything(played.folder) == before


def test_git_children_end_with_it(played: Team) -> None:
    """Interrupted while it talks to ``git cat-file``, which would otherwise wait for questions for ever."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, "cat-file", "list"],
        cwd=played.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline().split()[1])
    handle = os.pidfd_open(child)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()

    assert (process.returncode, error) == (130, "interrupted\n")
    assert select.select([handle], [], [], 20)[0], "Git is still there"
    os.close(handle)


def test_the_pager_gives_the_terminal_back(played: Team, tmp_path: Path) -> None:
    """Ctrl-C in the pager is the pager's: nothing of Python is shown, and the terminal is as it was."""
    if not os.path.exists("/usr/bin/less"):
        pytest.skip("less is not installed")
    master, slave = open_terminal(5, 80)
    process = subprocess.Popen(
        [sys.executable, "-m", "repoint_cli", "log", "refund"],
        cwd=played.folder,
        env={**os.environ, "TERM": "xterm", "PAGER": "less", "LESS": "FRXPs<key>$"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(slave),
    )
    os.close(slave)
    until(master, "<key>")
    os.write(master, b"\x03")
    rest = until_closed(master, pressing=b"q").decode()

    assert process.wait() in (0, 130)
    assert "Traceback" not in rest


def _take_terminal(slave: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
