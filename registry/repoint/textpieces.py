"""Finding the parts of a very long text that changed, without cutting all of it into words.

The text is cut into pieces, normally at white space; what lies between equal pieces is compared word by word. A text
with hardly any white space (Chinese, minified JSON, Base64) is cut after characters that are frequent in it.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate

from repoint.textalign import Area, Effort, align, gaps_of, number
from repoint.texttokens import with_marks

CLOSE = 48
"""Stretches with fewer unchanged characters between them are one."""
SAMPLE = 65_536
"""Characters that tell how a text is best cut."""
LONG_PIECE = 64
"""Characters a piece, on average, beyond which white space does not cut well."""
SHARE = 16
"""Where white space does not cut, about every this many characters a piece ends."""

Cut = Callable[[str], list[str]]


def changed_stretches(old: str, new: str, effort: Effort) -> Iterator[Area]:
    """The ranges of characters, in order, outside which both texts are equal but for kinds of white space."""
    cut, separator = _cutter(old, new)
    old_ids, new_ids = number(cut(old), cut(new))
    matches = align(old_ids, new_ids, effort, unique_first=False).matches
    old_at, new_at = (
        array("i", accumulate((len(piece) + separator for piece in cut(text)), initial=0)) for text in (old, new)
    )
    last: Area | None = None
    for gap in gaps_of(matches, len(old_ids), len(new_ids)):
        area = Area(
            old_at[gap.old],
            max(old_at[gap.old], old_at[gap.old_end] - separator),
            new_at[gap.new],
            max(new_at[gap.new], new_at[gap.new_end] - separator),
        )
        if last is not None and area.old - last.old_end <= CLOSE and area.new - last.new_end <= CLOSE:
            area = Area(last.old, area.old_end, last.new, area.new_end)
        elif last is not None:
            yield last
        last = area
    if last is not None:
        yield last


def _cutter(old: str, new: str) -> tuple[Cut, int]:
    """How to cut both texts, and how many characters between two pieces belong to none."""
    sample = old[:SAMPLE] + new[:SAMPLE]
    if len(_at_blanks(sample)) * LONG_PIECE >= len(sample):
        return _at_blanks, 1
    pattern = re.compile(_after_frequent(sample), re.DOTALL)
    pieces: dict[str, str] = {}

    def cut(text: str) -> list[str]:
        # equal pieces are one string: there may be millions
        return [pieces.setdefault(found.group(), found.group()) for found in pattern.finditer(text)]

    return cut, 0


def _at_blanks(text: str) -> list[str]:
    return text.replace("\n", " ").replace("\t", " ").split(" ")


def _after_frequent(sample: str) -> str:
    """A pattern of pieces that end after one of some characters, as many as make pieces of the intended length."""
    counts = Counter(sample)
    wanted = len(sample) // SHARE
    ends = ["\n", min(counts, key=lambda each: (counts[each], each))]
    for each in sorted(counts, key=lambda each: (ord(each) * 2654435761 & 0xFFFFFFFF, each)):
        if counts[each] <= wanted:
            ends.append(each)
            wanted -= counts[each]
    inside = "".join(map(re.escape, ends))
    return with_marks(f"[^{inside}]*+[{inside}]") + f"|[^{inside}]++"
