"""Which words changed inside a block of changed lines.

The words of the whole old block are aligned with those of the whole new one, across line ends, so that a paragraph
that was only wrapped anew has no changed word and an edit in it is found wherever its line went; then the noise goes
(``textnoise``). Of very long blocks only what lies between equal pieces is cut into words (``textpieces``), so one
changed word in a line of 4 MB costs little; very many changed lines are compared in order, so many at a time. What
exceeds the budget counts as changed throughout.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repoint.textalign import Area, Effort, align, number
from repoint.textmarks import Range, Side, Stretch, record_white_space, record_whole, record_words
from repoint.textnoise import without_noise, without_unlike_lines
from repoint.textpieces import changed_stretches
from repoint.textslide import slide
from repoint.texttokens import Tokens, count_words, is_simple, tokens_of

WHOLE = 32_768
"""Characters, both sides together, that are cut into words at once; more are aligned by pieces first."""
MOST = 800_000
"""Characters in one stretch that are cut into words."""
ALL_WORK = 10_000_000
"""The work that one comparison spends on words: characters, and more for every word, line and stretch."""
TOKEN_COST = 5
LINE_COST = 16
STRETCH_COST = 800
MANY_LINES = 400
"""Lines, both sides together, of a block that is compared in parts if both sides have equally many."""
PART = 50
"""Lines in such a part."""


class Marked(NamedTuple):
    """The changed ranges of each line of a block; None for a line that is shown without marks.

    ``words_removed`` and ``words_added`` count the changed words. ``unseen`` is the first new line from which on
    the budget did not suffice; None if it did.
    """

    old: list[list[Range] | None]
    new: list[list[Range] | None]
    words_removed: int
    words_added: int
    unseen: int | None


class WordEffort:
    """The work that one comparison may still do on words. When it does not suffice once, it is used up."""

    def __init__(self) -> None:
        self._left = ALL_WORK
        self.alignment = Effort()

    def used_up(self) -> bool:
        """Whether nothing can be compared any more."""
        return self._left <= 0

    def take(self, work: int) -> bool:
        """Whether that much may still be done; then it is used up."""
        if work > self._left:
            self._left = 0
            return False
        self._left -= work
        return True


def mark_words(old: Sequence[str], new: Sequence[str], effort: WordEffort) -> Marked:
    """Compare the words of two blocks of lines."""
    if not old or not new:
        removed, added = (_words_in("\n".join(lines), effort) for lines in (old, new))
        return Marked([None] * len(old), [None] * len(new), removed, added, None)
    if effort.used_up():
        return _unmarked(old, new)
    lines = len(old) + len(new)
    if lines > MANY_LINES and (len(old) == len(new) or lines * LINE_COST > MOST):
        return _mark_in_parts(old, new, effort)
    return _mark_block(old, new, effort)


def _unmarked(old: Sequence[str], new: Sequence[str]) -> Marked:
    """Two blocks that are not compared."""
    return Marked([None] * len(old), [None] * len(new), _count_roughly(old), _count_roughly(new), 0)


def _mark_in_parts(old: Sequence[str], new: Sequence[str], effort: WordEffort) -> Marked:
    """Compare so many lines of both blocks at a time, the same share of each, until the budget ends."""
    whole = Marked([], [], 0, 0, None)
    parts = max(len(old), len(new)) // PART + 1
    for part in range(parts):
        enough = effort.take(LINE_COST * PART)
        old_at, new_at = len(whole.old), len(whole.new)
        share = part + 1 if enough else parts
        olds, news = (lines[at : len(lines) * share // parts] for lines, at in ((old, old_at), (new, new_at)))
        marked = _mark_block(olds, news, effort) if enough else _unmarked(olds, news)
        unseen = new_at if whole.unseen is None and marked.unseen is not None else whole.unseen
        words = whole.words_removed + marked.words_removed, whole.words_added + marked.words_added
        whole = Marked(whole.old, whole.new, *words, unseen)
        whole.old.extend(marked.old)
        whole.new.extend(marked.new)
        if not enough:
            break
    return whole


def _mark_block(old_lines: Sequence[str], new_lines: Sequence[str], effort: WordEffort) -> Marked:
    old, new = Side(old_lines), Side(new_lines)
    removed, added, complete = 0, 0, True
    for area in _areas(old.text, new.text, effort):
        counts = _compare(old, new, area, effort)
        removed, added, complete = removed + counts[0], added + counts[1], complete and counts[2]
    return Marked(old.by_line(), new.by_line(), removed, added, None if complete else 0)


def _areas(old: str, new: str, effort: WordEffort) -> Iterator[Area]:
    """What is compared word by word: everything, or the changed stretches of what is too long for that."""
    if len(old) + len(new) <= WHOLE:
        return iter((Area(0, len(old), 0, len(new)),))
    return changed_stretches(old, new, effort.alignment)


def _compare(old: Side, new: Side, area: Area, effort: WordEffort) -> tuple[int, int, bool]:
    """Record what changed in one stretch; words removed and added, and whether the budget sufficed."""
    before, after = old.text[area.old : area.old_end], new.text[area.new : area.new_end]
    one_sided = not before.strip() or not after.strip()
    size = len(before) + len(after)
    if one_sided or size > MOST or not effort.take(size + STRETCH_COST):
        record_whole(old, area.old, area.old_end)
        record_whole(new, area.new, area.new_end)
        return _count_roughly([before]), _count_roughly([after]), one_sided
    simple = is_simple(before) and is_simple(after)
    olds = _shifted(tokens_of(before, simple=simple), area.old)
    news = _shifted(tokens_of(after, simple=simple), area.new)
    effort.take(TOKEN_COST * (len(olds.words) + len(news.words)))
    old_ids, new_ids = number(olds.words, news.words)
    aligned = align(old_ids, new_ids, effort.alignment, unique_first=False)
    runs = slide(aligned.matches, old_ids, new_ids, _Sentences(olds, old.text), _Sentences(news, new.text))
    stretch = Stretch(old, new, area, olds, news, runs)
    stretch = stretch._replace(runs=without_noise(stretch))
    stretch = stretch._replace(runs=without_unlike_lines(stretch))
    record_white_space(stretch)
    return *record_words(stretch), not aligned.given_up


def _words_in(text: str, effort: WordEffort) -> int:
    return count_words(text) if effort.take(2 * len(text)) else _count_roughly([text])


def _count_roughly(lines: Sequence[str]) -> int:
    """Words between white space, in constant memory."""
    between = re.compile(r"\S++")
    return sum(1 for line in lines for _ in between.finditer(line))


def _shifted(tokens: Tokens, by: int) -> Tokens:
    if not by:
        return tokens
    starts, ends = (array("i", [at + by for at in each]) for each in (tokens.starts, tokens.ends))
    return Tokens(tokens.words, starts, ends)


class _Sentences:
    """How badly a change would begin or end before a token: best at the beginning of a line, then of a sentence."""

    def __init__(self, tokens: Tokens, text: str) -> None:
        self._tokens = tokens
        self._text = text

    def __call__(self, index: int) -> int:
        tokens = self._tokens
        if index in (0, len(tokens.words)):
            return 0
        gap = self._text[tokens.ends[index - 1] : tokens.starts[index]]
        if "\n" in gap:
            return 0
        last = tokens.words[index - 1][-1]
        if last in "\u3002\uff01\uff1f" or (gap and last in ".!?;:"):
            return 1
        return 4 if not gap else 2 if last == "," else 3
