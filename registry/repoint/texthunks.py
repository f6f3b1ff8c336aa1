"""What a text comparison shows: hunks of lines with the changed words marked, cut to what a reader can use.

Numbers follow ``git diff``: three lines of context, hunks joined where their context meets, removed lines before added
ones. Unlike in Git the heading is the last one above the first *changed* line, so it always names the section that
changed, even when that heading stands in the context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from repoint.texttokens import extends_previous

LONG_LINE = 2_000
"""Characters beyond which a line is cut to what is near its changes."""
NEAR = 80
"""Characters that are kept on either side of a cut."""
MOST_OF_A_LINE = 10_000
"""Characters of one line that are shown at most; then comes the number of those that are not."""

Range = tuple[int, int]
Mark = Literal[" ", "-", "+"]


class Span(NamedTuple):
    """A part of a line. ``changed`` marks what differs from the line's counterpart on the other side."""

    text: str
    changed: bool


class DiffLine(NamedTuple):
    """A line without its ending: kept, removed or added; line numbers count from 1, None on the side that lacks it.

    A line without a counterpart has no marks: its ``mark`` says that all of it changed. In a line of more than 2,000
    characters unchanged stretches (and long changed ones) are cut to a span like ``… 3,912,004 characters …``.
    """

    mark: Mark
    old_number: int | None
    new_number: int | None
    spans: tuple[Span, ...]


class Hunk(NamedTuple):
    """Neighbouring changes with their context; ``heading`` is the section they lie in, empty if there is none."""

    heading: str
    lines: tuple[DiffLine, ...]


def spans_of(line: str, changed: Sequence[Range] | None) -> tuple[tuple[Span, ...], int]:
    """A line as spans, cut if it is long, and how many of its changes the cut leaves out."""
    ranges = changed or ()
    if len(line) <= LONG_LINE:
        return tuple(_spans(line, ranges)), 0
    return _cut_line(line, ranges)


def _spans(line: str, changed: Sequence[Range]) -> Iterator[Span]:
    at = 0
    for start, end in _joined(changed):
        if start > at:
            yield Span(line[at:start], changed=False)
        yield Span(line[start:end], changed=True)
        at = end
    if at < len(line):
        yield Span(line[at:], changed=False)


def _joined(ranges: Sequence[Range]) -> Iterator[Range]:
    """The ranges with those that touch made one."""
    last: Range | None = None
    for start, end in ranges:
        if last is not None and start <= last[1]:
            last = (last[0], max(end, last[1]))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


def _cut_line(line: str, changed: Sequence[Range]) -> tuple[tuple[Span, ...], int]:
    spans: list[Span] = []
    shown = at = 0
    ranges = list(_joined(changed))
    for index, (start, end) in enumerate(ranges):
        if shown > MOST_OF_A_LINE:
            return (*spans, _elision(len(line) - at)), len(ranges) - index
        spans.extend(_shortened(line, at, start, changed=False))
        spans.extend(_shortened(line, start, end, changed=True))
        shown = sum(len(span.text) for span in spans)
        at = end
    return (*spans, *_shortened(line, at, len(line), changed=False)), 0


def _shortened(line: str, start: int, end: int, *, changed: bool) -> Iterator[Span]:
    """A stretch of a long line; its middle is left out if it is long. What is changed keeps more."""
    keep = LONG_LINE // 2 if changed or (start, end) == (0, len(line)) else NEAR
    if end - start <= 2 * keep + NEAR:
        if start < end:
            yield Span(line[start:end], changed)
        return
    head = _whole_character(line, start + keep) if start or changed or end == len(line) else start
    head = head if start else _whole_character(line, start + keep)
    tail = _whole_character(line, end - keep)
    yield Span(line[start:head], changed)
    yield _elision(tail - head)
    yield Span(line[tail:end], changed)


def _elision(length: int) -> Span:
    return Span(f"\u2026 {length:,} characters \u2026", changed=False)


def _whole_character(line: str, at: int) -> int:
    """The next place, a few characters on at most, where a cut leaves accents and joined emoji whole."""
    for place in range(at, min(at + 16, len(line))):
        if not extends_previous(line[place]) and line[place - 1] != "\u200d":
            return place
    return at


# -------------------------------------------------------------------------------------------------------- headings

_HEADING = (
    r" {0,3}#{1,6}[ \t]+\S"
    r"|(?i:system|user|assistant|developer|tool|function|model|human|ai)(?:\[[^\]\n]{0,80}\])?:[ \t]*$"
    r"|\{\{[ ]?role[ ]\"\w{1,20}\"[ ]?\}\}[ \t]*$"
    r"|<[A-Za-z][\w-]{0,40}>[ \t]*$"
)
_KEY = r"[A-Za-z_][\w.-]{0,60}:(?:[ \t]|$)"
LONGEST_HEADING = 80
INDENT_COLUMNS = 200


class Headings:
    """Finds the section of a line; asked for ascending lines it reads each line once."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._next = 0
        self._found = ""
        self._fence = ""
        self._matter = bool(lines) and lines[0].rstrip() == "---"

    def above(self, index: int) -> str:
        """The nearest Markdown heading, role line, opening tag or front-matter key above a line; empty if none."""
        for at in range(self._next, min(index, len(self._lines))):
            if self._lines[at]:
                self._read(self._lines[at], at)
        self._next = max(self._next, index)
        return self._found

    def _read(self, line: str, index: int) -> None:
        if len(line) > LONG_LINE:
            return
        if self._matter:
            if index and line.rstrip() == "---":
                self._matter, self._found = False, ""
            elif re.match(_KEY, line):
                self._found = _shown(line)
            return
        stripped = line.lstrip()
        if stripped.startswith(("```", "~~~")):
            self._toggle(stripped)
        elif not self._fence and is_heading(line):
            self._found = _shown(line)

    def _toggle(self, line: str) -> None:
        """Into or out of a fenced block, whose ``# comments`` are no headings."""
        mark = line[:3]
        if not self._fence:
            self._fence = mark
        elif self._fence == mark:
            self._fence = ""


def is_heading(line: str) -> bool:
    """Whether a line begins a section of a prompt."""
    if line[:1] not in " #{<" and line.rstrip()[-1:] != ":":
        return False
    return re.match(_HEADING, line) is not None


def _shown(line: str) -> str:
    text = line.strip()
    return text if len(text) <= LONGEST_HEADING else text[: _whole_character(text, LONGEST_HEADING - 1)] + "\u2026"


def paragraphs(lines: Sequence[str]) -> Callable[[int], int]:
    """How badly a change would begin or end before a line: best before a heading, then after a blank line."""

    def badness(index: int) -> int:
        if index in (0, len(lines)):
            return 0
        line, before = lines[index][:INDENT_COLUMNS], lines[index - 1][:INDENT_COLUMNS]
        if not line.strip():
            return 8
        if is_heading(line):
            return 1
        if not before.strip():
            return 2
        deeper = _indent(line) - _indent(before)
        return 5 + (deeper > 0) - (deeper < 0)

    return badness


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
