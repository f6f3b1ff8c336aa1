"""The processes of a fleet: each has a reader of its own, and tells every change of what it serves.

``python -m tests.races.fleet_process JSON`` imports once and forks all of them. They tell on standard output, one line
each, and end when standard input does: with whoever started them, or when that one says so.
"""

from __future__ import annotations

import gc
import hashlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from repoint.active import Active
from repoint.reader import Reader

LOOK_SECONDS = 0.25
"""How often a process looks at what it serves while nothing is said to have changed."""

END_SECONDS = 20.0
"""How long a process may take to close its reader before it is killed."""


class Asked(msgspec.Struct, frozen=True):
    """How many processes, and what each gives its reader; each has a cache of its own below ``caches``."""

    processes: int
    address: str
    interval: float
    caches: str
    report: bool = False
    modules: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True, tag="served"):
    """What one process serves since a moment of the machine's monotonic clock.

    ``versions`` by agent; ``prompts`` is the digest of all that they hold. ``generations`` are those that the agents
    of one pin say, which must all be ``generation``.
    """

    process: int
    pid: int
    at: float
    generation: int
    record: str
    versions: dict[str, str]
    prompts: str
    generations: list[int]


class Left(msgspec.Struct, frozen=True, tag="left"):
    """A process has closed its reader, after so many looks; seconds of processor, and of its life."""

    process: int
    looks: int
    cpu: float
    seconds: float


Line = Said | Left


def digest_of_prompts(prompts: Mapping[str, Mapping[str, bytes]]) -> str:
    """One digest of every prompt of every agent, names included."""
    hashed = hashlib.sha256()
    for agent, by_name in sorted(prompts.items()):
        for name, content in sorted(by_name.items()):
            hashed.update(f"{agent}/{name} {len(content)}\n".encode() + content)
    return hashed.hexdigest()


def _look(reader: Reader, process: int) -> Said:
    with reader.pin() as pinned:
        agents: Mapping[str, Active] = pinned.agents
        return Said(
            process,
            os.getpid(),
            time.monotonic(),
            pinned.generation,
            pinned.digest,
            {agent: str(active.version) for agent, active in agents.items()},
            digest_of_prompts({a: {n: f.data for n, f in active.prompts.items()} for a, active in agents.items()}),
            sorted({active.generation for active in agents.values()}),
        )


def _is_over() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _tell(line: Line) -> None:
    """One write: lines of this length do not mix with those of others (``PIPE_BUF``, pipe(7))."""
    os.write(1, msgspec.json.encode(line) + b"\n")


def _serve(asked: Asked, process: int) -> None:
    began, looks, before = time.monotonic(), 0, None
    cache = os.path.join(asked.caches, str(process))
    with Reader(asked.address, interval=asked.interval, cache=cache, report=asked.report) as reader:
        while not _is_over():
            served, looks = _look(reader, process), looks + 1
            if before is None or _what(served) != _what(before):
                before = served
                _tell(served)
            reader.wait_for(served.generation + 1, LOOK_SECONDS)
    used = os.times()  # with its Git processes, which have ended by now
    _tell(Left(process, looks, sum(used[:4]), time.monotonic() - began))


def _what(said: Said) -> Said:
    """All of it but the time."""
    return msgspec.structs.replace(said, at=0.0)


def _fork(asked: Asked, process: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _serve(asked, process)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _end(children: list[int]) -> int:
    """Let them close, one that was stopped too; 0 where all of them did."""
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)
    left, failed = set(children), False

    def kill(*_: object) -> None:
        for child in left:
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, END_SECONDS)
    for child in children:
        _, status = os.waitpid(child, 0)
        left.discard(child)
        failed = failed or status != 0
    signal.setitimer(signal.ITIMER_REAL, 0)
    return int(failed)


def main(given: str) -> int:
    asked = msgspec.json.decode(given, type=Asked)
    for module in asked.modules:
        __import__(module)
    gc.freeze()
    children = [_fork(asked, number) for number in range(asked.processes)]
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        gone, _ = os.waitpid(-1, os.WNOHANG)
        if gone:  # before its time: nothing that the others do is worth waiting for
            for child in set(children) - {gone}:
                os.kill(child, signal.SIGKILL)
            return 1
    return _end(children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
