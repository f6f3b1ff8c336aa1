"""A reader in a process of its own, which forks when it is told to: ``python reader_process.py ARGUMENTS_AS_JSON``.

It prints what it serves, reads a line, forks, and then parent and child print what they serve at the generations that
follow; the parent says at last how the child ended.
"""

from __future__ import annotations

import json
import os
import sys

from repoint.reader import Reader

SECONDS = 60.0
GENERATIONS = (2, 3)


def follow(who: str, reader: Reader) -> None:
    for generation in GENERATIONS:
        assert reader.wait_for(generation, SECONDS)
        line = f"{who} {reader.generation} {reader.active('refund').version}\n"
        os.write(sys.stdout.fileno(), line.encode())  # in one piece: two processes write to this pipe


def main(arguments: str) -> None:
    reader = Reader(**json.loads(arguments), interval=0.05)
    print(reader.generation, flush=True)
    sys.stdin.readline()
    child = os.fork()
    if child == 0:
        follow("child", reader)
        reader.close()
        sys.exit(0)  # as an application would, with all that is done at the end of an interpreter
    print("forked", flush=True)
    follow("parent", reader)
    reader.close()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
