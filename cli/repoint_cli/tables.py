"""Columns of text: how wide a text is on a terminal, where to cut it, and tables that fit.

Aligned text instead of a library for tables: importing one costs a status or a list a third of its budget
(docs/dependencies.md). A table in a pipe is never cut, so what a program reads does not depend on a window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from repoint_cli.safetext import safe

NARROWEST = 8
"""A column that must give way keeps this many columns of the terminal."""

_PAINT = "\x1b\\[[0-9;]*m"
_GAP = 2


def display_width(text: str) -> int:
    """Columns that a text takes on a terminal; colours take none, East Asian and emoji characters two (UAX #11)."""
    if "\x1b" in text:
        text = re.sub(_PAINT, "", text)
    return len(text) if text.isascii() else sum(character_widths(text))


def character_widths(text: str) -> list[int]:
    """Columns of each character: 0 where it joins the one before it, 2 where it is wide, else 1."""
    from unicodedata import category, east_asian_width

    widths: list[int] = []
    for character in text:
        if character == "\ufe0f" and widths:  # shows the character before it as an emoji
            widths[-1] = 2
        if category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
            widths.append(0)
        else:
            widths.append(2 if east_asian_width(character) in "WF" else 1)
    return widths


def cut(text: str, limit: int) -> str:
    """At most ``limit`` columns, with an ellipsis where something was cut; colours stay around what is left."""
    if len(text) <= limit and text.isascii():
        return text
    if display_width(text) <= limit:
        return text
    if "\x1b" not in text:
        return _cut_plain(text, limit)
    left, parts = limit, []
    for part in re.split(f"({_PAINT})", text):
        painted = part.startswith("\x1b")
        shown = part if painted else _cut_plain(part, left) if left > 0 else ""
        left -= 0 if painted else display_width(part)
        parts.append(shown)
    return "".join(parts)


def _cut_plain(text: str, limit: int) -> str:
    if display_width(text) <= limit:
        return text
    if text.isascii():
        return text[: max(0, limit - 1)] + "…"
    used = 0
    for index, width in enumerate(character_widths(text)):
        used += width
        if used > limit - 1:
            return text[:index] + "…"
    return text


def pad(text: str, width: int) -> str:
    """The text with blanks up to ``width`` columns."""
    return text + " " * (width - display_width(text))


def first_line(text: str, limit: int = 60) -> str:
    """The first line of a message from outside, made safe and cut for a table."""
    return cut(safe(text.partition("\n")[0]), limit)


def table(rows: Iterable[Sequence[str]], header: Sequence[str] | None = None, *, width: int | None = None) -> list[str]:
    """Left-aligned columns two blanks apart; colours inside cells do not count as width, trailing blanks are cut.

    With ``width``, the columns of the terminal, the last column is cut so that a line fits, then the widest ones.
    """
    cells = ([list(header)] if header else []) + [list(row) for row in rows]
    if not cells:
        return []
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        fitted = fit(widths, width)
        if fitted != widths:
            cells = [[cut(cell, most) for cell, most in zip(row, fitted, strict=True)] for row in cells]
            widths = fitted
    return [
        "  ".join(pad(cell, w) for cell, w in zip(row[:-1], widths[:-1], strict=True)) + "  " * (len(row) > 1) + row[-1]
        if row[-1]
        else "  ".join(pad(cell, w) for cell, w in zip(row[:-1], widths[:-1], strict=True)).rstrip()
        for row in cells
    ]


def fit(widths: Sequence[int], width: int) -> list[int]:
    """The widths of columns that fit into a line: the last gives way first, then whichever is widest."""
    found = list(widths)
    over = sum(found) + _GAP * (len(found) - 1) - width
    if over > 0:
        given = min(over, max(0, found[-1] - NARROWEST))
        found[-1] -= given
        over -= given
    while over > 0 and max(found) > NARROWEST:
        found[found.index(max(found))] -= 1
        over -= 1
    return found
