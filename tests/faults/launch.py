"""Start a command so that its first instruction already runs under the filter and the tracer.

A seccomp filter belongs to a thread, is inherited, and can never be taken off. So a thread that lives for nothing else
puts it on itself and starts a shell, which waits for a line, by when the tracer is there, and then becomes the command.
"""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from tests.faults import ptrace

_WAIT_THEN_BECOME = 'read -r _ && exec env -i "$@" </dev/null'


def launch(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], seccomp: bytes, out: BinaryIO, err: BinaryIO
) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Start a command with exactly this environment; it begins when a line is written to the pipe that is returned.

    If the pipe is closed without, nothing of the command runs. Raises: Unsupported, NotADirectoryError.
    """
    if not cwd.is_dir():  # the filtered child could not tell: it has no tracer yet, so it cannot write
        raise NotADirectoryError(cwd)
    shell = ["/bin/sh", "-c", _WAIT_THEN_BECOME, "sh", *(f"{name}={value}" for name, value in env.items()), *argv]
    waiting, gate = os.pipe()

    def start() -> subprocess.Popen[bytes]:
        ptrace.filter_this_thread(seccomp)
        return subprocess.Popen(shell, cwd=cwd, env={}, stdin=waiting, stdout=out, stderr=err, start_new_session=True)

    try:
        with _no_collection(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher") as thread:
            return thread.submit(start).result(), os.fdopen(gate, "wb")
    except BaseException:
        os.close(gate)
        raise
    finally:
        os.close(waiting)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No finaliser of anybody's object may run in the filtered thread: what it wrote would be lost."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
