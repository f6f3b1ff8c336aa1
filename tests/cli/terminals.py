"""A terminal for tests: a program with a pseudo-terminal as its standard streams, and what the terminal then shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress

from tests.cli.commandline import Ran, Team

PATIENCE = 60.0
"""Seconds that anything may take to appear on a terminal; a test that waits for ever tells nobody what it waits for."""


def on_a_terminal(
    team: Team, *arguments: str, env: Mapping[str, str] | None = None, rows: int = 500, columns: int = 80
) -> Ran:
    """Run the command with a pseudo-terminal as its standard input, output and error; what the terminal got."""
    return program_on_a_terminal(
        team, [sys.executable, "-m", "repoint_cli", *arguments], env=env, rows=rows, columns=columns
    )


def program_on_a_terminal(
    team: Team, command: list[str], env: Mapping[str, str] | None = None, rows: int = 500, columns: int = 80
) -> Ran:
    """Run any program so."""
    master, slave = open_terminal(rows, columns)
    settings = {**os.environ, "TERM": "xterm-256color", **(env or {})}
    process = subprocess.Popen(command, cwd=team.folder, env=settings, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    got = until_closed(master)
    return Ran(process.wait(), got.decode().replace("\r\n", "\n"), "")


def open_terminal(rows: int, columns: int) -> tuple[int, int]:
    """The two ends of a pseudo-terminal of that size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return master, slave


def until_closed(master: int, pressing: bytes = b"") -> bytes:
    """Everything that is written to a terminal until the last process lets go of it; fails where none ever does.

    ``pressing`` is typed, and typed again whenever nothing happens: less throws away what comes close to a Ctrl-C.
    """
    got, began = b"", time.monotonic()
    while True:
        if pressing:
            with suppress(OSError):  # closed meanwhile
                os.write(master, pressing)
            if not select.select([master], [], [], 0.5)[0] and time.monotonic() < began + PATIENCE:
                continue
        chunk = _written(master, began, "its end", got)
        if not chunk:
            os.close(master)
            return got
        got += chunk


def until(master: int, pattern: str) -> str:
    """What is written to a terminal up to the first match of the pattern; fails where it closes or waits before."""
    got, began = b"", time.monotonic()
    while not re.search(pattern, plain(got.decode("utf-8", "replace"))):
        chunk = _written(master, began, repr(pattern), got)
        assert chunk, f"{pattern!r} never came: {got!r}"
        got += chunk
    return plain(got.decode("utf-8", "replace"))


def _written(master: int, began: float, awaited: str, got: bytes) -> bytes:
    """What is written next; nothing once every process with this terminal has ended."""
    ready, _, _ = select.select([master], [], [], max(0.0, began + PATIENCE - time.monotonic()))
    assert ready, f"{awaited} did not come within {PATIENCE:g} s of: {got!r}"
    try:
        return os.read(master, 65536)
    except OSError:  # EIO: it is closed on the other side
        return b""


def plain(text: str) -> str:
    """The text without colours and cursor movements."""
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()=>][A-Z0-9]?|\][^\x07]*\x07)", "", text)
