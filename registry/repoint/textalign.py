"""Aligning two sequences under a budget: which elements of the one are, in order, those of the other.

The elements are numbers (``number`` gives equal things equal numbers), so lines, words and pieces of a long line are
aligned by the same code. What both ends share is taken first and what only one side has is left out; then two orders
of method. Lines are anchored on those that are unique on both sides (patience diff, Bram Cohen) and the gaps are solved
exactly; words are solved exactly where that is cheap, since a rare word is a weak anchor. What is too large to be
solved exactly (``textlcs``) is cut into chunks at places that the content decides, and the chunks are aligned first.

All work is counted, never timed: the same input gives the same alignment on every machine.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from repoint.textlcs import longest_common

SMALL_CELLS = 1 << 22
"""Cells (elements times elements) that are solved exactly without asking the budget: milliseconds."""
ALL_CELLS = 3_000_000_000
"""Cells that one comparison may solve altogether: under a second of big-integer arithmetic."""
CHUNK = 16
"""Elements in a chunk, on average."""
LONGEST_CHUNK = 16 * CHUNK
DEEPEST = 12
"""How often anchors may be looked for between anchors."""


class Match(NamedTuple):
    """``length`` elements from ``old`` on are those from ``new`` on."""

    old: int
    new: int
    length: int


class Area(NamedTuple):
    """Elements [old, old_end) against elements [new, new_end)."""

    old: int
    old_end: int
    new: int
    new_end: int


class Alignment(NamedTuple):
    """Matches in ascending order, and the areas in which the budget ended the search (their elements do not match)."""

    matches: list[Match]
    given_up: list[Area]


class Effort:
    """The work that may still be done, counted in cells."""

    def __init__(self, cells: int = ALL_CELLS) -> None:
        self.cells = cells

    def take(self, cells: int) -> bool:
        """Whether that many cells are left; then they are used up."""
        if cells > self.cells:
            return False
        self.cells -= cells
        return True


def number(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[array[int], array[int]]:
    """Both sequences as numbers, equal for equal elements; -1 and -2 for what only the old or only the new side has."""
    numbers: dict[Hashable, int] = {}
    common = set(old).intersection(new)
    before = array("i", [numbers.setdefault(each, len(numbers)) if each in common else -1 for each in old])
    return before, array("i", [numbers.get(each, -2) for each in new])


def align(old: array[int], new: array[int], effort: Effort, *, unique_first: bool) -> Alignment:
    """The common subsequence of two numbered sequences; ``unique_first`` for lines, where a unique one is an anchor."""
    found = _Found()
    methods = _LINE_METHODS if unique_first else _WORD_METHODS
    whole = _Part(old, new, range(len(old)), range(len(new)), 0, len(old) + len(new) + 1)
    waiting = [iter((whole,))]
    while waiting:
        part = next(waiting[-1], None)
        if part is None:
            waiting.pop()
        else:
            waiting.append(_solved(part, methods, found, effort))
    return Alignment(_merged(found.matches), sorted(found.given_up))


def _solved(part: _Part, methods: tuple[Method, ...], found: _Found, effort: Effort) -> Iterator[_Part]:
    """Record what can be said about a part; the parts that remain, made only when they are asked for."""
    part = _trimmed(part, found)
    if part.old and part.new:
        part = _trimmed(_shared(part), found)
    if not part.old or not part.new:
        return iter(())
    for method in methods:
        below = method(part, found, effort)
        if below is not None:
            return below
    found.give_up(part)
    return iter(())


def gaps_of(matches: Iterable[Match], old_end: int, new_end: int) -> Iterator[Area]:
    """What lies between the matches, in order; no area is empty on both sides."""
    old = new = 0
    for match in chain(matches, [Match(old_end, new_end, 0)]):
        if match.old > old or match.new > new:
            yield Area(old, match.old, new, match.new)
        old, new = match.old + match.length, match.new + match.length


Positions = Sequence[int]


class _Part(NamedTuple):
    """Elements still to be aligned, and where they stand in the whole sequences.

    ``chunkable``: it may be cut into chunks when it has fewer elements than this.
    """

    old: array[int]
    new: array[int]
    old_at: Positions
    new_at: Positions
    depth: int
    chunkable: int

    def cells(self) -> int:
        return len(self.old) * len(self.new)

    def between(self, area: Area, *, chunkable: int | None = None) -> _Part:
        old, new = slice(area.old, area.old_end), slice(area.new, area.new_end)
        limit = self.chunkable if chunkable is None else chunkable
        return _Part(self.old[old], self.new[new], self.old_at[old], self.new_at[new], self.depth + 1, limit)


class _Found:
    """What has been decided so far."""

    def __init__(self) -> None:
        self.matches: list[Match] = []
        self.given_up: list[Area] = []

    def add(self, part: _Part, old: int, new: int, length: int) -> None:
        """A run of matches inside a part; one match where the run is one run in the whole sequences too."""
        if not length:
            return
        first_old, first_new = part.old_at[old], part.new_at[new]
        if part.old_at[old + length - 1] - first_old == length - 1 == part.new_at[new + length - 1] - first_new:
            self.matches.append(Match(first_old, first_new, length))
            return
        pairs = zip(part.old_at[old : old + length], part.new_at[new : new + length], strict=True)
        self.matches.extend(_runs(pairs))

    def give_up(self, part: _Part) -> None:
        self.given_up.append(Area(part.old_at[0], part.old_at[-1] + 1, part.new_at[0], part.new_at[-1] + 1))


Method = Callable[[_Part, _Found, Effort], "Iterator[_Part] | None"]
"""Solves a part, or divides it; None where it cannot."""


def _trimmed(part: _Part, found: _Found) -> _Part:
    """The part without what both sides begin and end with, which is recorded as found."""
    head = common_prefix(part.old, part.new)
    found.add(part, 0, 0, head)
    tail = _common_suffix(part.old, part.new, min(len(part.old), len(part.new)) - head)
    old_end, new_end = len(part.old) - tail, len(part.new) - tail
    found.add(part, old_end, new_end, tail)
    if not head and not tail:
        return part
    inner = part.between(Area(head, old_end, head, new_end))
    return inner._replace(depth=part.depth)


def common_prefix(old: array[int] | str, new: array[int] | str) -> int:
    """How many elements both begin with; compares slices, so that equal stretches cost next to nothing."""
    most = min(len(old), len(new))
    if not most or old[0] != new[0]:
        return 0
    low, step = 0, 32
    while low < most and old[low : low + step] == new[low : low + step] and low + step <= most:
        low, step = low + step, step * 2
    high = min(most, low + step)
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(old: array[int], new: array[int], most: int) -> int:
    if most <= 0 or old[-1] != new[-1]:
        return 0
    size = 32
    while size < most and old[len(old) - size :] == new[len(new) - size :]:
        size *= 2
    size = min(size, most)
    return common_prefix(old[len(old) - size :][::-1], new[len(new) - size :][::-1])


def _shared(part: _Part) -> _Part:
    """The part without the elements that only one of its sides has (as xdiff leaves them out)."""
    before, after = set(part.old), set(part.new)
    common = before & after
    old, old_at = _kept(part.old, part.old_at, common, len(before))
    new, new_at = _kept(part.new, part.new_at, common, len(after))
    return part._replace(old=old, new=new, old_at=old_at, new_at=new_at)


def _kept(ids: array[int], at: Positions, common: set[int], kinds: int) -> tuple[array[int], Positions]:
    if len(common) == kinds:
        return ids, at
    where = [index for index, each in enumerate(ids) if each in common]
    return array("i", [ids[index] for index in where]), array("i", [at[index] for index in where])


# -------------------------------------------------------------------------------------------------------- methods


def _between_unique(part: _Part, found: _Found, _effort: Effort) -> Iterator[_Part] | None:
    """Patience: elements that stand once on either side, the longest run of them in the same order on both."""
    if part.depth > DEEPEST:
        return None
    old_places, new_places = _only_places(part.old), _only_places(part.new)
    news = array("i", [at for each, at in new_places.items() if at >= 0 <= old_places.get(each, -1)])
    olds = array("i", [old_places[part.new[at]] for at in news])
    del old_places, new_places
    return _record(part, found, _runs(_increasing(olds, news))) if news else None


def _only_places(ids: array[int]) -> dict[int, int]:
    """Where each element stands, -1 if in several places; in the order of their first places."""
    places: dict[int, int] = {}
    for at, each in enumerate(ids):
        places[each] = -1 if each in places else at
    return places


def _exactly(part: _Part, found: _Found, effort: Effort) -> Iterator[_Part] | None:
    """A longest common subsequence, if the budget allows it."""
    if not effort.take(part.cells()):
        return None
    for match in _runs(longest_common(part.old, part.new)):
        found.add(part, *match)
    return iter(())


def _exactly_if_small(part: _Part, found: _Found, effort: Effort) -> Iterator[_Part] | None:
    return _exactly(part, found, effort) if part.cells() <= SMALL_CELLS else None


def _between_chunks(part: _Part, found: _Found, effort: Effort) -> Iterator[_Part] | None:
    """Chunks that both sides have, aligned like elements; only for what is much smaller than the last time."""
    size = len(part.old) + len(part.new)
    if size >= part.chunkable or size < 4 * CHUNK:
        return None
    ends = _chunk_ends(part)
    old_cuts, new_cuts = _cuts(part.old, ends), _cuts(part.new, ends)
    chunked = number(_chunks(part.old, old_cuts), _chunks(part.new, new_cuts))
    matches = [
        Match(old_cuts[each.old], new_cuts[each.new], old_cuts[each.old + each.length] - old_cuts[each.old])
        for each in align(*chunked, effort, unique_first=True).matches
    ]
    return _record(part, found, matches, chunkable=size // 2) if matches else None


def _record(part: _Part, found: _Found, matches: Iterable[Match], chunkable: int | None = None) -> Iterator[_Part]:
    """Matches inside a part as found; what lies between them as new parts."""
    kept = list(matches)
    for match in kept:
        found.add(part, *match)
    gaps = gaps_of(kept, len(part.old), len(part.new))
    return (part.between(gap, chunkable=chunkable) for gap in gaps if _may_match(part, gap))


def _may_match(part: _Part, gap: Area) -> bool:
    """Whether there is anything to look for: both sides have elements, and not just one each that differ."""
    if gap.old + 1 == gap.old_end and gap.new + 1 == gap.new_end:
        return part.old[gap.old] == part.new[gap.new]
    return gap.old < gap.old_end and gap.new < gap.new_end


_LINE_METHODS: tuple[Method, ...] = (_between_unique, _exactly, _between_chunks)
_WORD_METHODS: tuple[Method, ...] = (_exactly_if_small, _between_chunks, _between_unique, _exactly)


def _increasing(olds: array[int], news: array[int]) -> list[tuple[int, int]]:
    """The longest run of pairs, of which ``news`` ascends, in which ``olds`` ascends as well."""
    tops: list[int] = []
    top_pair: list[int] = []
    before = array("i", bytes(4 * len(olds)))
    for index, old in enumerate(olds):
        pile = bisect_left(tops, old)
        before[index] = top_pair[pile - 1] if pile else -1
        if pile == len(tops):
            tops.append(old)
            top_pair.append(index)
        else:
            tops[pile], top_pair[pile] = old, index
    chosen = []
    index = top_pair[-1] if top_pair else -1
    while index >= 0:
        chosen.append((olds[index], news[index]))
        index = before[index]
    return chosen[::-1]


def _runs(pairs: Iterable[tuple[int, int]]) -> Iterator[Match]:
    """Ascending pairs of positions, those that follow each other on both sides joined."""
    old = new = length = 0
    for first, second in pairs:
        if length and first == old + length and second == new + length:
            length += 1
            continue
        if length:
            yield Match(old, new, length)
        old, new, length = first, second, 1
    if length:
        yield Match(old, new, length)


def _merged(matches: list[Match]) -> list[Match]:
    merged: list[Match] = []
    for match in sorted(matches):
        last = merged[-1] if merged else Match(-1, -1, 0)
        if (last.old + last.length, last.new + last.length) == (match.old, match.new):
            merged[-1] = Match(last.old, last.new, last.length + match.length)
        else:
            merged.append(match)
    return merged


# --------------------------------------------------------------------------------------------------------- chunks


def _chunk_ends(part: _Part) -> set[int]:
    """The elements that end a chunk: in a scrambled order, as many as make chunks of the intended size."""
    counts = Counter(part.old)
    wanted = len(part.old) // CHUNK
    ends = set()
    for each in sorted(counts, key=lambda each: (each * 2654435761 & 0xFFFFFFFF, each)):
        if wanted <= 0:
            break
        if counts[each] <= 2 * wanted:
            ends.add(each)
            wanted -= counts[each]
    return ends


def _cuts(ids: array[int], ends: set[int]) -> array[int]:
    """Where the chunks begin, and at last the number of elements."""
    cuts = array("i", [0])
    start = 0
    for index, each in enumerate(ids, 1):
        if each in ends or index - start == LONGEST_CHUNK:
            cuts.append(index)
            start = index
    if start < len(ids):
        cuts.append(len(ids))
    return cuts


def _chunks(ids: array[int], cuts: array[int]) -> list[bytes]:
    return [ids[start:end].tobytes() for start, end in pairwise(cuts)]
