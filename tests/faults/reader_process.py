"""A reader in a process of its own, for tests that fork it, kill it or set its clock.

    python -m tests.faults.reader_process ARGUMENTS      (those of ``Reader``, as a JSON object)

It writes one line of JSON for each record that it serves: who, which generation, and a digest over every byte of it. It
does what lines on its standard input say: ``poll``, ``fork`` (the child ends once it has followed one move), and it
ends with its standard input.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repoint import Active, Change, Pinned, Reader

Json = dict[str, object]

ROOT = Path(__file__).resolve().parent.parent.parent


def served(pinned: Pinned) -> Json:
    """All that is served of one record, byte for byte."""
    agents = {name: _shown(active) for name, active in pinned.agents.items()}
    return {"generation": pinned.generation, "digest": pinned.digest, "agents": agents}


def seal(whole: Json) -> str:
    """A digest over all that is served."""
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _shown(active: Active) -> Json:
    return {
        "version": active.version,
        "digest": active.digest,
        "release": active.release,
        "model": [active.model.provider, active.model.name],
        "config": active.config.to_dict(),
        "files": {path: file.data.hex() for path, file in active.files.items()},
        "prompts": {name: file.data.hex() for name, file in active.prompts.items()},
        "specs": {name: each.spec.data.hex() for name, each in active.integrations.items() if each.spec is not None},
    }


class ReaderProcess:
    """The process as a test sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def say(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()

    def told(self) -> Json:
        """The next line; fails the test where the process ended instead."""
        line = self._line()
        assert line, "the reader ended"
        found: Json = json.loads(line)
        return found

    def starts(self) -> bool:
        """Whether it serves anything at all, which uses up its first line."""
        return bool(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def rest(self) -> list[Json]:
        """All lines that were not read yet, once it has ended."""
        assert self.process.stdout is not None
        return [json.loads(line) for line in self.process.stdout if line.endswith("\n")]


@contextmanager
def reader_process(*before: str, **arguments: object) -> Iterator[ReaderProcess]:
    """Start one, with ``before`` in front of its command; it is ended with the block."""
    command = [*before, sys.executable, "-m", "tests.faults.reader_process", json.dumps(arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ReaderProcess(process)
        finally:
            process.kill()


def main(arguments: Json) -> None:
    warnings.simplefilter("error")
    with Reader(**arguments) as reader:  # type: ignore[arg-type]
        _tell(reader)
        reader.on_change(lambda _: _tell(reader))
        for line in sys.stdin:
            if line == "poll\n":
                reader.poll()
                _tell(reader)
            elif line == "fork\n":
                parent = os.getpid()
                if os.fork() == 0:
                    _follow_once(reader, parent)


def _follow_once(reader: Reader, parent: int) -> None:
    """In a forked child: say what is served, and after the next move, or after the parent, end."""

    def end(change: Change) -> None:
        os._exit(0)

    reader.on_change(end)  # called after the one that tells
    _tell(reader)
    while os.getppid() == parent:
        reader.wait_for(reader.generation + 1, 1.0)
    os._exit(1)


def _tell(reader: Reader) -> None:
    with reader.pin() as pinned:
        said = {
            "process": os.getpid(),
            "generation": pinned.generation,
            "seal": seal(served(pinned)),
            "stale": reader.staleness.seconds,
            "reason": reader.staleness.reason,
        }
    os.write(sys.stdout.fileno(), json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
