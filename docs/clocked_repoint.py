"""The ``repoint`` command at a given time, so that a page's story has the dates that it tells of.

``DOCS_CLOCK`` holds the Unix time in seconds. Identifiers are drawn from that time and the command line, so that a page
played twice is the same page. Nothing else differs from the command that is installed.
"""

from __future__ import annotations

import os
import random
import sys
import time
import uuid


def main() -> None:
    """Stop the clock, then be ``repoint``."""
    clock = int(os.environ["DOCS_CLOCK"])
    drawn = random.Random(f"{clock} {sys.argv[1:]}")
    time.time = lambda: float(clock)
    time.time_ns = lambda: clock * 1_000_000_000
    uuid.uuid4 = lambda: uuid.UUID(int=drawn.getrandbits(128), version=4)
    from repoint_cli.main import main as repoint

    repoint()


if __name__ == "__main__":
    main()
