"""``python -m repoint_cli`` and the ``repoint`` command: Ctrl-C is quiet even while the program is being loaded."""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        from repoint_cli.main import main as run

        run()
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    main()
