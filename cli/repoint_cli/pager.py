"""The pager: opens for what does not fit on the terminal, and never for a program.

``REPOINT_PAGER``, else ``PAGER``, else ``less`` as Git calls it (``LESS=FRX``: colours, and nothing is left behind).
"""

from __future__ import annotations

import os

import click

from repoint_cli.terminal import terminal_height, terminal_width


def needs_pager(text: str) -> bool:
    """Whether the text is taller than the terminal, lines that it wraps counted as often as they wrap."""
    height, width = terminal_height(), terminal_width()
    if height is None or width is None:
        return False
    lines = text.split("\n")
    if len(lines) > height:
        return True
    from repoint_cli.tables import display_width

    return sum(max(1, -(-display_width(line) // width)) for line in lines[:-1]) >= height


def show_paged(text: str, *, colour: bool) -> None:
    """Show the text through the pager; one that is closed early is no error."""
    chosen = os.environ.get("REPOINT_PAGER")
    if chosen:
        os.environ["PAGER"] = chosen
    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager(text, color=colour)
