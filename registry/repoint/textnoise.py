"""Taking the noise out of aligned words: matches that are there by chance and tell a reader nothing.

A short common stretch between two long changed ones goes (after diff-match-patch, "Semantic cleanup": a match that is
no longer than the changes on either side of it), and so do the matches between lines that have little in common; such
lines are shown as replaced, without marks.
"""

from __future__ import annotations

from itertools import accumulate

from repoint.textalign import Match
from repoint.textmarks import Side, Stretch
from repoint.texttokens import Tokens, is_word

ROUNDS = 4
"""Taking a match out makes the changes around it longer, so others may follow; so often it is looked at again."""
SEVERAL = 12
"""Tokens from which on a match is not counted word by word: it has several."""
LITTLE = 0.3
"""A line with a smaller share of its characters in common is unlike the lines it is compared with."""


def without_noise(stretch: Stretch) -> list[Match]:
    """The matches without the short ones between long changes."""
    sizes = _Sizes(stretch)
    runs = stretch.runs
    ends = Match(len(stretch.old_tokens.words), len(stretch.new_tokens.words), 0)
    for _ in range(ROUNDS):
        kept = [Match(0, 0, 0)]
        for run, following in zip(runs, [*runs[1:], ends], strict=False):
            if not sizes.is_noise(kept[-1], run, following):
                kept.append(run)
        if len(kept) == len(runs) + 1:
            break
        runs = kept[1:]
    return runs


class _Sizes:
    """How many characters of tokens lie between two matches, on either side."""

    def __init__(self, stretch: Stretch) -> None:
        self._sides = ((stretch.old, stretch.old_tokens), (stretch.new, stretch.new_tokens))
        self._old, self._new = (list(accumulate(map(len, tokens.words), initial=0)) for _, tokens in self._sides)

    def is_noise(self, before: Match, run: Match, after: Match) -> bool:
        """Whether a match is too small, beside what changed before and after it, to be told from chance.

        What a line begins or ends with on both sides is never noise: it is what makes the lines alike.
        """
        size = self._old[run.old + run.length] - self._old[run.old]
        least = min(self._changed(before, run), self._changed(run, after))
        if size > least:
            return False
        if self._at_line_edge(run.old, run.new) or self._at_line_edge(run.old + run.length, run.new + run.length):
            return False
        words = SEVERAL if run.length >= SEVERAL else self._words(run)
        return words <= 1 or (words <= 3 and 2 * size <= least) or 5 * size <= least

    def _words(self, run: Match) -> int:
        return sum(map(is_word, self._sides[0][1].words[run.old : run.old + run.length]))

    def _changed(self, first: Match, then: Match) -> int:
        old = self._old[then.old] - self._old[first.old + first.length]
        new = self._new[then.new] - self._new[first.new + first.length]
        return max(old, new)

    def _at_line_edge(self, old: int, new: int) -> bool:
        """Whether a line ends, on both sides, before these tokens."""
        return all(_begins_line(*side, index) for side, index in zip(self._sides, (old, new), strict=True))


def _begins_line(side: Side, tokens: Tokens, index: int) -> bool:
    if index in (0, len(tokens.words)):
        return True
    return side.line_at(tokens.starts[index - 1]) != side.line_at(tokens.starts[index])


def without_unlike_lines(stretch: Stretch) -> list[Match]:
    """The matches without those of lines that have little in common with any; the lines are marked to be plain.

    Only lines that lie wholly in the stretch are judged.
    """
    if len(stretch.old.starts) == 1 == len(stretch.new.starts) and (stretch.area.old or stretch.area.new):
        return stretch.runs
    shares = _Shares(stretch)
    area = stretch.area
    for side, ours, start, end in ((0, stretch.old, area.old, area.old_end), (1, stretch.new, area.new, area.new_end)):
        ours.plain.update(line for line in ours.lines_within(start, end) if shares.unlike(side, line))
    if not stretch.old.plain and not stretch.new.plain:
        return stretch.runs
    return [
        Match(run.old + step, run.new + step, 1)
        for run in stretch.runs
        for step in range(run.length)
        if not shares.both_unlike(run.old + step, run.new + step)
    ]


class _Shares:
    """How much of each line stands in the lines that it has words in common with."""

    def __init__(self, stretch: Stretch) -> None:
        self._lines = (
            [stretch.old.line_at(at) for at in stretch.old_tokens.starts],
            [stretch.new.line_at(at) for at in stretch.new_tokens.starts],
        )
        self._plain = stretch.old.plain, stretch.new.plain
        self._sizes = tuple(map(_sizes_of_lines, self._lines, (stretch.old_tokens.words, stretch.new_tokens.words)))
        self._whole = (
            stretch.old.lines_within(stretch.area.old, stretch.area.old_end),
            stretch.new.lines_within(stretch.area.new, stretch.area.new_end),
        )
        self._common: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._partners: tuple[dict[int, set[int]], dict[int, set[int]]] = ({}, {})
        for run in stretch.runs:
            for step in range(run.length):
                self._meet(run.old + step, run.new + step, len(stretch.old_tokens.words[run.old + step]))

    def _meet(self, old: int, new: int, size: int) -> None:
        lines = self._lines[0][old], self._lines[1][new]
        for side in (0, 1):
            common, line = self._common[side], lines[side]
            common[line] = common.get(line, 0) + size
            self._partners[side].setdefault(line, set()).add(lines[1 - side])

    def unlike(self, side: int, line: int) -> bool:
        """Whether a line, and every line that it has words in common with, have little in common."""
        partners = self._partners[side].get(line, ())
        return self._little(side, line) and all(self._little(1 - side, each) for each in partners)

    def _little(self, side: int, line: int) -> bool:
        common = self._common[side].get(line, 0)
        return line in self._whole[side] and (not common or common < LITTLE * self._sizes[side].get(line, 0))

    def both_unlike(self, old: int, new: int) -> bool:
        """Whether either token stands in a line that was found to be unlike."""
        return self._lines[0][old] in self._plain[0] or self._lines[1][new] in self._plain[1]


def _sizes_of_lines(lines: list[int], words: list[str]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for line, word in zip(lines, words, strict=True):
        sizes[line] = sizes.get(line, 0) + len(word)
    return sizes
