"""What standard output and standard error are: a terminal or not, how wide, and whether they want colours.

Asked here only. Widths come from the terminal itself: ``shutil`` would take longer to import than to ask.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

DEFAULT_SIZE = (80, 24)
"""Columns and lines of a terminal that does not say how large it is."""


def is_terminal(stream: TextIO | None) -> bool:
    """False also for a stream that is closed: then Python has none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def wants_colour(stream: TextIO | None) -> bool:
    """Whether a stream gets colours: it is a terminal, or FORCE_COLOR or CLICOLOR_FORCE says so.

    Sources, strongest first: NO_COLOR not empty (no-color.org); FORCE_COLOR (force-color.org) or CLICOLOR_FORCE
    (bixense.com/clicolors), not empty and not 0; CLICOLOR=0; TERM=dumb.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def terminal_width() -> int | None:
    """Columns of the terminal, None where standard output is none: text in a pipe is never cut."""
    return size_of(sys.stdout)[0] if is_terminal(sys.stdout) else None


def terminal_height() -> int | None:
    """Lines of the terminal, None where standard output is none."""
    return size_of(sys.stdout)[1] if is_terminal(sys.stdout) else None


def size_of(stream: TextIO) -> tuple[int, int]:
    """Columns and lines; COLUMNS and LINES go before what the terminal says (POSIX, Environment Variables)."""
    try:
        asked = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        asked = os.terminal_size((0, 0))
    columns = _number("COLUMNS") or asked.columns or DEFAULT_SIZE[0]
    return columns, _number("LINES") or asked.lines or DEFAULT_SIZE[1]


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
