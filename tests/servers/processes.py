"""Processes that do not outlive the one that started them, and where what is built for tests is kept.

A server's standard input is a pipe that its parent holds, and it ends when the pipe does: after SIGKILL, too, when no
clean-up of ours runs.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTSIDE = dict(os.environ)  # before the tests isolate themselves from it
CACHE = Path(OUTSIDE.get("XDG_CACHE_HOME") or Path.home() / ".cache", "repoint")
PATIENCE = 5.0  # seconds until a server that was asked to end is killed


class NoServer(Exception):
    """The server cannot be had on this machine; the message says why."""


@contextmanager
def child(command: Sequence[str | Path]) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with this one, and at the end of the block: by itself, or killed if it takes too long."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def told_port(process: subprocess.Popen[str]) -> int:
    """The port that a server prints when it listens. Raises: NoServer, if it ends without."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise NoServer(f"{process.args!r} ended before it listened, status {process.wait()}")
    return int(line)


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on at this moment, for servers that cannot ask the kernel for one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def run_quietly(command: Sequence[str | Path]) -> str:
    """Run a command that builds something; returns what it printed. Raises: NoServer with its last words."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=OUTSIDE, check=False)
    if done.returncode:
        raise NoServer(done.stderr.strip() or f"{command[0]} failed, status {done.returncode}")
    return done.stdout
