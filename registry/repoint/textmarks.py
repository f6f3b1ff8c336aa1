"""The marks of a block of changed lines: which characters of each line changed.

Both sides of a block are one text each, so that words can be compared across line ends; the marks are ranges in these
texts, cut at the ends of lines at last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from repoint.textalign import Area, Match
from repoint.texttokens import Tokens, is_word

Range = tuple[int, int]


class Side:
    """One side of a block: its text, where each line begins, what changed in it, and the lines shown without marks."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.text = "\n".join(lines)
        self.starts = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
        self.changed: list[Range] = []
        self.plain: set[int] = set()

    def line_at(self, position: int) -> int:
        """The index of the line that holds a position."""
        return bisect_right(self.starts, position) - 1

    def end_of(self, line: int) -> int:
        """Where a line ends."""
        return self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text)

    def lines_within(self, start: int, end: int) -> range:
        """The lines that lie wholly in a range."""
        first, last = self.line_at(start), self.line_at(end)
        return range(first + (self.starts[first] < start), last + (self.end_of(last) <= end))

    def by_line(self) -> list[list[Range] | None]:
        """The changed ranges of each line, relative to its beginning; None for lines without marks."""
        lines: list[list[Range] | None] = [None if line in self.plain else [] for line in range(len(self.starts))]
        for start, end in sorted(self.changed):
            for line in range(self.line_at(start), self.line_at(max(start, end - 1)) + 1):
                begin, limit = self.starts[line], self.end_of(line)
                marks = lines[line]
                if marks is not None and max(start, begin) < min(end, limit):
                    marks.append((max(start, begin) - begin, min(end, limit) - begin))
        return lines


class Stretch(NamedTuple):
    """Two ranges of a block that are compared word by word: their tokens (positions are the block's), and matches."""

    old: Side
    new: Side
    area: Area
    old_tokens: Tokens
    new_tokens: Tokens
    runs: list[Match]


def record_whole(side: Side, start: int, end: int) -> None:
    """All of a range changed, unseen; the lines wholly in it get no marks."""
    if start < end:
        side.changed.append((start, end))
        side.plain.update(side.lines_within(start, end))


def record_words(stretch: Stretch) -> tuple[int, int]:
    """Record the tokens without a match; how many words among them were removed and added."""
    old = [(run.old, run.old + run.length) for run in stretch.runs]
    new = [(run.new, run.new + run.length) for run in stretch.runs]
    return _record(stretch.old, stretch.old_tokens, old), _record(stretch.new, stretch.new_tokens, new)


def _record(side: Side, tokens: Tokens, matched: list[Range]) -> int:
    words = at = 0
    for start, end in [*matched, (len(tokens.words), 0)]:
        if start > at:
            side.changed.append((tokens.starts[at], tokens.ends[start - 1]))
            words += sum(map(is_word, tokens.words[at:start]))
        at = end
    return words


def record_white_space(stretch: Stretch) -> None:
    """Record white space that differs between two tokens that are neighbours on both sides."""
    olds, news, area = stretch.old_tokens, stretch.new_tokens, stretch.area
    old_starts, old_ends = [*olds.starts, area.old_end], [*olds.ends, area.old]
    new_starts, new_ends = [*news.starts, area.new_end], [*news.ends, area.new]
    for old, new in _neighbours(stretch.runs, len(olds.words), len(news.words)):
        # index -1 is the last element of the list of ends: the beginning of the area
        before, after = (old_ends[old - 1], old_starts[old]), (new_ends[new - 1], new_starts[new])
        _record_gap(stretch, before, after)


def _neighbours(runs: list[Match], olds: int, news: int) -> Iterator[tuple[int, int]]:
    """The tokens whose neighbours before them are the same on both sides; the ends of both texts are the same too."""
    last = (0, 0)
    for run in [*runs, Match(olds, news, 0)]:
        if last == (run.old, run.new):
            yield run.old, run.new
        for step in range(1, run.length):
            yield run.old + step, run.new + step
        last = (run.old + run.length, run.new + run.length)


def _record_gap(stretch: Stretch, before: Range, after: Range) -> None:
    """Record one gap of white space; where lines end in it, only blanks before and indentation after are compared."""
    old, new = stretch.old.text[before[0] : before[1]], stretch.new.text[after[0] : after[1]]
    if old == new or ("\n" in old) != ("\n" in new):
        return
    if "\n" not in old:
        _record_pair(stretch, before, after)
        return
    heads, tails = (old.index("\n"), new.index("\n")), (old.rindex("\n") + 1, new.rindex("\n") + 1)
    if old[: heads[0]] != new[: heads[1]]:
        _record_pair(stretch, (before[0], before[0] + heads[0]), (after[0], after[0] + heads[1]))
    if old[tails[0] :] != new[tails[1] :]:
        _record_pair(stretch, (before[0] + tails[0], before[1]), (after[0] + tails[1], after[1]))


def _record_pair(stretch: Stretch, old: Range, new: Range) -> None:
    for side, (start, end) in ((stretch.old, old), (stretch.new, new)):
        if start < end:
            side.changed.append((start, end))
