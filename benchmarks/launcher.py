"""Starts the processes that are measured, one at a time, and says what each of them cost.

A process of its own, and a small one: Linux counts the memory of whoever starts a process towards that process's own
peak (``ru_maxrss``, getrusage(2)), so nothing smaller than this launcher, about 9 MB, can be told from it.
It is run with ``python -I -S`` and speaks ``marshal`` over its standard input and output.
"""

import marshal
import os
import signal
import sys
import time

Answer = tuple[float, float, int, int]


def run(command: list[str], folder: str, environment: dict[str, str], output: str, limit: float) -> Answer:
    """Seconds by the clock, seconds of processor of it and its children, peak KiB of the largest, exit code.

    The exit code is -9 for what was killed because it took longer than ``limit`` seconds.
    """
    os.chdir(folder)
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, written, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, f"{output}.err", written, 0o600),
    ]
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment, file_actions=actions, setpgroup=0)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, limit)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - started
    signal.setitimer(signal.ITIMER_REAL, 0)
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Run what is asked for until the standard input ends."""
    while True:
        try:
            asked = marshal.load(sys.stdin.buffer)
        except EOFError:
            return
        sys.stdout.buffer.write(marshal.dumps(run(*asked)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
