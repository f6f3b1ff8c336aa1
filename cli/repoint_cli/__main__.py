"""``python -m repoint_cli`` and the ``repoint`` command: Ctrl-C is quiet even while the program is being loaded.

So nothing is imported outside ``main`` that Python itself has not loaded before, not even ``typing``.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing has it, which would be five milliseconds in which Ctrl-C prints a traceback
if TYPE_CHECKING:
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
