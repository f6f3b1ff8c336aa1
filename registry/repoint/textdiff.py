"""Comparing two texts for a person who has to decide: changed lines, the changed words in them, and what it amounts to.

Lines are aligned first (``textalign``), then the words of each changed block (``textwords``); the result says in one
word what the whole change is (``textnature``) and shows it as hunks (``texthunks``). The work and the result are
bounded for any input by budgets that count; where one ends, ``limits`` says so and the rest is coarser, never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from repoint.textalign import SMALL_CELLS, Alignment, Area, Effort, Match, align, gaps_of, number
from repoint.textcomments import CommentSyntax
from repoint.texthunks import DiffLine, Headings, Hunk, Mark, Span, paragraphs, spans_of
from repoint.textnature import Nature, harmless_nature, moved_nature, unified
from repoint.textslide import slide
from repoint.textwords import Marked, WordEffort, mark_words

__all__ = ["DiffLine", "Hunk", "Nature", "Span", "TextDiff", "compare_texts"]

MOST_SHOWN = 200_000
"""Characters of all hunks together."""
LINE_COST = 12
"""What a line costs beside its characters, so that a million empty lines are not shown either."""
WORTH_ASKING = 4
"""Changed lines up to which nobody minds a few more than there need be."""
WORTH_LESS = 1.25
"""How many times larger a comparison by unique lines may be than the smallest one."""
NAMED_PLACES = 3
"""Places that a limit names one by one."""


class TextDiff(msgspec.Struct, frozen=True):
    """A comparison of two texts.

    ``added`` and ``removed`` count lines, ``words_added`` and ``words_removed`` the changed words (signs are none).
    Lines are compared without their endings: when only those differ there are no hunks, and the counts are the lines
    that end otherwise; ``also`` names such differences beside others. Equal texts are all zeros and ``final-newline``.
    ``limits`` says in words where the comparison stopped looking closer, or showing what it found.
    """

    added: int
    removed: int
    words_added: int
    words_removed: int
    nature: Nature
    hunks: tuple[Hunk, ...]
    limits: tuple[str, ...]
    also: tuple[Nature, ...] = ()


def compare_texts(old: str, new: str, *, comments: CommentSyntax | None = None, context: int = 3) -> TextDiff:
    """Compare two texts, whose lines end in LF, CRLF or CR; U+2028 and the like are no line ends.

    ``comments`` is how the format writes comments that never reach a model (``comment_syntax_of``); None for Markdown
    and plain text, whose HTML comments a model reads.
    """
    if old == new:
        return TextDiff(0, 0, 0, 0, "final-newline", (), ())
    before, after = _lines(old), _lines(new)
    if before == after:
        return _of_endings(old, new)
    matches, given_up = _aligned_lines(before, after)
    gaps = list(gaps_of(matches, len(before), len(after)))
    nature = harmless_nature(old, new, comments) or moved_nature(before, after, gaps, comments) or "text"
    diff = _Shown(before, after, context).of(gaps)
    if given_up:
        diff.limits.insert(0, "too many changed lines to align them all closely")
    removed, added = sum(gap.old_end - gap.old for gap in gaps), sum(gap.new_end - gap.new for gap in gaps)
    words = (0, 0) if nature == "white-space" else (diff.words_added, diff.words_removed)
    return TextDiff(added, removed, *words, nature, tuple(diff.hunks), tuple(diff.limits), _also(old, new))


# ------------------------------------------------------------------------------------------------- lines and endings


def _lines(text: str) -> list[str]:
    """The lines without their endings; an ending at the end of the text does not begin another line."""
    lines = unified(text).split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _of_endings(old: str, new: str) -> TextDiff:
    """The comparison of texts whose lines are the same."""
    pattern = re.compile("\r\n|\r|\n")
    sides = [[found.group() for found in pattern.finditer(text)] for text in (old, new)]
    count = sum(before != after for before, after in zip(*sides, strict=False))
    final: tuple[Nature, ...] = ("final-newline",) if len(sides[0]) != len(sides[1]) else ()
    if not count:
        return TextDiff(1, 1, 0, 0, "final-newline", (), ())
    return TextDiff(count + len(final), count + len(final), 0, 0, "line-endings", (), (), final)


def _also(old: str, new: str) -> tuple[Nature, ...]:
    """How the ends of lines differ, where other things do too."""
    found: list[Nature] = []
    styles = [_styles(text) for text in (old, new)]
    if all(styles) and styles[0] != styles[1]:
        found.append("line-endings")
    if old and new and old.endswith(("\n", "\r")) != new.endswith(("\n", "\r")):
        found.append("final-newline")
    return tuple(found)


def _styles(text: str) -> set[str]:
    """Which line endings stand between the lines."""
    pairs = text.count("\r\n")
    counts = {"\r\n": pairs, "\r": text.count("\r") - pairs, "\n": text.count("\n") - pairs}
    last = "\r\n" if text.endswith("\r\n") else text[-1:]
    return {ending for ending, count in counts.items() if count > (ending == last)}


# ------------------------------------------------------------------------------------------------------------ hunks


def _aligned_lines(old: list[str], new: list[str]) -> tuple[list[Match], bool]:
    """The lines that are kept, each change at its best place, and whether the budget ended the search.

    Unique lines are the better anchors, but where they cost many more changed lines than there need be, as when one of
    them changed places with a long stretch of repeated lines, the longest common subsequence is taken.
    """
    old_ids, new_ids = number(old, new)
    effort = Effort()
    aligned = align(old_ids, new_ids, effort, unique_first=True)
    changed = _changed(aligned, old, new)
    if changed > WORTH_ASKING and len(old) * len(new) <= SMALL_CELLS:
        smallest = align(old_ids, new_ids, effort, unique_first=False)
        aligned = smallest if _changed(smallest, old, new) * WORTH_LESS < changed else aligned
    matches = slide(aligned.matches, old_ids, new_ids, paragraphs(old), paragraphs(new))
    return matches, bool(aligned.given_up)


def _changed(aligned: Alignment, old: list[str], new: list[str]) -> int:
    return len(old) + len(new) - 2 * sum(match.length for match in aligned.matches)


class _Shown:
    """Collects the hunks of a comparison, as many as a reader is shown, and what is left out."""

    def __init__(self, old: list[str], new: list[str], context: int) -> None:
        self._old = old
        self._new = new
        self._context = context
        self._effort = WordEffort()
        self._left = MOST_SHOWN
        self._headings = Headings(new), Headings(old)
        self._unmarked: list[tuple[int, int]] = []
        self._marked_since = True
        self._cut_marks: list[str] = []
        self._hidden = 0
        self.hunks: list[Hunk] = []
        self.limits: list[str] = []
        self.words_added = self.words_removed = 0

    def of(self, gaps: list[Area]) -> _Shown:
        """Show all changed blocks, neighbours with their context in one hunk."""
        for group in self._grouped(gaps):
            self._add_hunk(group)
        self.limits.extend(_said(self._unmarked, "too different to mark words"))
        self.limits.extend(self._cut_marks)
        if self._hidden:
            self.limits.append(f"{_many(self._hidden, 'more changed line')} not shown")
        return self

    def _grouped(self, gaps: list[Area]) -> Iterable[list[Area]]:
        group: list[Area] = []
        for gap in gaps:
            if group and gap.old - group[-1].old_end > 2 * self._context:
                yield group
                group = []
            group.append(gap)
        if group:
            yield group

    def _add_hunk(self, group: list[Area]) -> None:
        first, last = group[0], group[-1]
        lines: list[DiffLine] = []
        heading = self._heading(first) if self._left > 0 else ""
        self._add_context(lines, max(0, first.old - self._context), first.old, first.new - first.old)
        for index, gap in enumerate(group):
            self._add_block(lines, gap)
            following = group[index + 1].old if index + 1 < len(group) else gap.old_end
            self._add_context(lines, gap.old_end, following, gap.new_end - gap.old_end)
        end = min(len(self._old), last.old_end + self._context)
        self._add_context(lines, last.old_end, end, last.new_end - last.old_end)
        if any(line.mark != " " for line in lines):
            self.hunks.append(Hunk(heading, tuple(lines)))

    def _heading(self, gap: Area) -> str:
        """Of the new text, where the change can be read; of the old one if lines were only removed."""
        new, old = self._headings
        return new.above(gap.new) if gap.new < gap.new_end else old.above(gap.old)

    def _add_context(self, lines: list[DiffLine], start: int, end: int, offset: int) -> None:
        for index in range(start, end):
            if self._left <= 0:
                return
            spans, _ = spans_of(self._old[index], None)
            self._add(lines, DiffLine(" ", index + 1, index + 1 + offset, spans))

    def _add_block(self, lines: list[DiffLine], gap: Area) -> None:
        """The removed lines of a block, then the added ones; if they are too many, the first of both."""
        marked = mark_words(self._old[gap.old : gap.old_end], self._new[gap.new : gap.new_end], self._effort)
        self.words_removed += marked.words_removed
        self.words_added += marked.words_added
        if marked.unseen is not None:
            self._note_unmarked(gap, marked.unseen)
        elif gap.old < gap.old_end and gap.new < gap.new_end:
            self._marked_since = True
        total = self._left
        one_sided = gap.old == gap.old_end or gap.new == gap.new_end
        self._add_side(lines, "-", gap, marked, 0 if one_sided else total // 2)
        self._add_side(lines, "+", gap, marked, 0)

    def _add_side(self, lines: list[DiffLine], mark: Mark, gap: Area, marked: Marked, reserve: int) -> None:
        """One side's lines, until no more than ``reserve`` characters are left."""
        start, end = (gap.old, gap.old_end) if mark == "-" else (gap.new, gap.new_end)
        texts, ranges = (self._old, marked.old) if mark == "-" else (self._new, marked.new)
        for index in range(start, end):
            if self._left <= reserve:
                self._hidden += end - index
                return
            spans, cut = spans_of(texts[index], ranges[index - start])
            if cut:
                which = "removed" if mark == "-" else "added"
                self._cut_marks.append(f"{which} line {index + 1}: {_many(cut, 'more change')} not shown")
            removed = mark == "-"
            self._add(lines, DiffLine(mark, index + 1 if removed else None, None if removed else index + 1, spans))

    def _add(self, lines: list[DiffLine], line: DiffLine) -> None:
        lines.append(line)
        self._left -= LINE_COST * (1 + len(line.spans)) + sum(len(span.text) for span in line.spans)

    def _note_unmarked(self, gap: Area, unseen: int) -> None:
        """Remember where words were not compared, by the new text's numbers; one place until words are compared."""
        place = (gap.new + 1 + unseen, max(gap.new + 1 + unseen, gap.new_end))
        if self._unmarked and not self._marked_since:
            place = (self._unmarked.pop()[0], place[1])
        self._unmarked.append(place)
        self._marked_since = False


def _said(places: Sequence[tuple[int, int]], what: str) -> list[str]:
    """What was left out at each place, the first few by name, the rest by their number and extent."""
    named = [_lines_named(*place) for place in places[:NAMED_PLACES]]
    if len(places) > NAMED_PLACES + 1:
        rest = len(places) - NAMED_PLACES
        named.append(f"{rest} more places in {_lines_named(places[NAMED_PLACES][0], places[-1][1])}")
    else:
        named += [_lines_named(*place) for place in places[NAMED_PLACES:]]
    return [f"{place}: {what}" for place in named]


def _lines_named(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
