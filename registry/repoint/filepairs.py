"""Which removed files of one version are the added files of another under a new name.

Like ``git diff -M``: files with the same content first, then the most similar ones that are at least half alike. Of a
content only its digest and size are needed for the first; the second reads the files that can still be alike by size,
and is bounded by the number of pairs (as Git's ``diff.renameLimit`` bounds it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from repoint.texttokens import tokens_of

ALIKE = 0.5
"""The least similarity of two files that count as one, renamed (Git's default)."""
WINDOW = 131_072
"""Characters from the beginning, and from the end, by which a longer content is judged."""
SAMPLED = 8_192
"""Pairs of neighbouring words, about, that stand for a content; of more a sample is taken that both sides agree on."""
MOST_PAIRS = 10_000
"""Pairs of files that are compared; beyond, only files that keep their name in another folder are."""


class FileFacts(NamedTuple):
    """What is known of a file without reading it, and how to read it."""

    digest: str
    size: int
    read: Callable[[], bytes]


class Rename(NamedTuple):
    """Two paths of one file; ``similarity`` is 1.0 if the content is the same."""

    old: str
    new: str
    similarity: float


class Renames(NamedTuple):
    """All renames, ordered by their new path, and in words what was not looked at."""

    pairs: tuple[Rename, ...]
    limits: tuple[str, ...]


def similarity(old: str | bytes, new: str | bytes) -> float:
    """How much of the larger content stands in the smaller one, from 0 to 1.

    Counted in pairs of neighbouring words, so that two texts are not alike for being in the same language. Linear, of
    long contents the beginning and the end, and 1.0 only for what is equal.
    """
    if old == new:
        return 1.0
    return _likeness(_Sketch(old), _Sketch(new))


def pair_renames(removed: Mapping[str, FileFacts], added: Mapping[str, FileFacts]) -> Renames:
    """The renames between the files that are only in the old version and those that are only in the new one.

    The same whatever the order of the mappings. Raises: what the readers raise.
    """
    pairs = list(_same_content(removed, added))
    old = _without(removed, {pair.old for pair in pairs})
    new = _without(added, {pair.new for pair in pairs})
    candidates, limits = _candidates(old, new)
    pairs.extend(_best(_scored(candidates, old, new)))
    return Renames(tuple(sorted(pairs, key=lambda pair: pair.new)), limits)


def _without(files: Mapping[str, FileFacts], taken: set[str]) -> dict[str, FileFacts]:
    return {path: files[path] for path in sorted(files) if path not in taken}


def _same_content(removed: Mapping[str, FileFacts], added: Mapping[str, FileFacts]) -> Iterator[Rename]:
    """Files with one content; among several, those that keep their name, then in the order of their paths."""
    waiting: dict[str, list[str]] = {}
    for path in sorted(removed):
        waiting.setdefault(removed[path].digest, []).append(path)
    left = []
    for path in sorted(added):
        olds = waiting.get(added[path].digest, [])
        same_name = next((old for old in olds if _name(old) == _name(path)), None)
        if same_name is not None:
            olds.remove(same_name)
            yield Rename(same_name, path, 1.0)
        elif olds:
            left.append(path)
    for path in left:
        if waiting[added[path].digest]:
            yield Rename(waiting[added[path].digest].pop(0), path, 1.0)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


Pair = tuple[str, str]


def _candidates(old: Mapping[str, FileFacts], new: Mapping[str, FileFacts]) -> tuple[list[Pair], tuple[str, ...]]:
    """The pairs of files that can be alike by their sizes."""
    if len(old) * len(new) <= MOST_PAIRS:
        return [(one, other) for one in old for other in new if _sizes_fit(old[one], new[other])], ()
    by_name: dict[str, list[str]] = {}
    for path in new:
        by_name.setdefault(_name(path), []).append(path)
    kept = ((one, other) for one in old for other in by_name.get(_name(one), ()) if _sizes_fit(old[one], new[other]))
    limit = f"{len(old)} removed and {len(new)} added files: only those of the same name were compared for renames"
    return [pair for pair, _ in zip(kept, range(MOST_PAIRS), strict=False)], (limit,)


def _sizes_fit(old: FileFacts, new: FileFacts) -> bool:
    return 0 < max(old.size, new.size) * ALIKE <= min(old.size, new.size)


def _scored(pairs: Iterable[Pair], old: Mapping[str, FileFacts], new: Mapping[str, FileFacts]) -> list[Rename]:
    """The pairs that are alike enough; each file is read once, and only what stands for it is kept."""
    sketches: dict[tuple[int, str], _Sketch] = {}

    def sketch(side: int, path: str) -> _Sketch:
        if (side, path) not in sketches:
            sketches[side, path] = _Sketch((old, new)[side][path].read())
        return sketches[side, path]

    scored = (Rename(one, other, _likeness(sketch(0, one), sketch(1, other))) for one, other in pairs)
    return [pair for pair in scored if pair.similarity >= ALIKE]


def _best(scored: list[Rename]) -> Iterator[Rename]:
    """Each file at most once, the most similar pairs first; among equals those that keep their name."""
    taken: tuple[set[str], set[str]] = (set(), set())
    for pair in sorted(scored, key=lambda pair: (-pair.similarity, _name(pair.old) != _name(pair.new), pair)):
        if pair.old not in taken[0] and pair.new not in taken[1]:
            taken[0].add(pair.old)
            taken[1].add(pair.new)
            yield pair


# -------------------------------------------------------------------------------------------------------- sketches


class _Sketch:
    """What stands for a content: how often each pair of neighbouring words occurs, weighted by their length.

    Of many pairs those are kept whose checksum ends in ``shift`` zero bits, so two samples hold the same pairs.
    """

    def __init__(self, content: str | bytes) -> None:
        self.size = len(content)
        pairs = pairwise(["", *_words(content), ""])
        weights: Counter[int] = Counter()
        for (first, second), count in Counter(pairs).items():
            mark = crc32(f"{first}\0{second}".encode("utf-8", "surrogateescape"))
            weights[mark] += count * (len(first) + len(second))
        self.shift = (len(weights) // SAMPLED).bit_length()
        self.weights = _sampled(weights, self.shift)

    def sampled(self, shift: int) -> Counter[int]:
        """The weights in a sample that is no larger than this one."""
        return self.weights if shift == self.shift else _sampled(self.weights, shift)


def _sampled(weights: Counter[int], shift: int) -> Counter[int]:
    mask = (1 << shift) - 1
    return Counter({mark: weight for mark, weight in weights.items() if not mark & mask}) if shift else weights


def _words(content: str | bytes) -> list[str]:
    """The words and signs of the beginning and the end; what holds a NUL is read byte by byte."""
    if isinstance(content, bytes):
        content = _decoded(content if len(content) <= 2 * WINDOW else content[:WINDOW] + content[-WINDOW:])
    part = content if len(content) <= 2 * WINDOW else content[:WINDOW] + content[-WINDOW:]
    return tokens_of(part, simple=False).words


def _decoded(part: bytes) -> str:
    text = part.decode("utf-8", "surrogateescape")
    return part.decode("latin-1") if "\0" in text else text


def _likeness(old: _Sketch, new: _Sketch) -> float:
    shift = max(old.shift, new.shift)
    before, after = old.sampled(shift), new.sampled(shift)
    larger = max(before.total(), after.total())
    if not larger or not old.size or not new.size:
        return 0.0
    alike = (before & after).total() / larger
    return min(alike, min(old.size, new.size) / max(old.size, new.size), 0.9999)
