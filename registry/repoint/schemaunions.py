"""Which alternative of an old ``oneOf`` or ``anyOf`` became which of the new one: by name, by content, by likeness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from repoint.jsonviews import mapping, sequence, text, value_key
from repoint.schemakeywords import Shape
from repoint.schemashape import Shapes
from repoint.schemawords import ref_name, type_words

MAX_COMBINATIONS = 40_000
"""Pairs of alternatives whose likeness is measured."""
MIN_LIKENESS = 0.34


class Pairing(NamedTuple):
    """The alternatives that belong together, and those that are only on one side."""

    pairs: list[tuple[object, object]]
    gone: list[object]
    come: list[object]
    limited: bool


def pair_branches(old: Shapes, new: Shapes, before: Sequence[object], after: Sequence[object]) -> Pairing:
    """Pairs the alternatives of two unions, each at most once."""
    pairs: list[tuple[object, object]] = []
    left, right = list(before), list(after)
    names = [_name(old, each) for each in left], [_name(new, each) for each in right]
    found, left, right = _by_key(*names, left, right)
    pairs += found
    found, left, right = _by_key([*map(value_key, left)], [*map(value_key, right)], left, right)
    pairs += found
    limited = len(left) * len(right) > MAX_COMBINATIONS
    if left and right and not limited:
        found, left, right = _by_likeness(old, new, left, right)
        pairs += found
    return Pairing(pairs, left, right, limited)


def branch_name(shapes: Shapes, branch: object) -> str:
    """What an alternative is called: its component, its title, its distinguishing value, or its types."""
    name = _name(shapes, branch)
    if name is not None:
        return name
    shape = shapes.shape(shapes.seen_through(branch).schema)
    marks = sorted(_marks(shape))
    return marks[0] if marks else type_words(shape.types)


def likeness(one: Shape, other: Shape) -> float:
    """How much two schemas have in common, 0 to 1."""
    return overlap(_features(one), _features(other))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """What two sets have in common, as a share of all that is in either, 0 to 1."""
    return len(one & other) / (len(one | other) or 1)


def _name(shapes: Shapes, branch: object) -> str | None:
    ref = shapes.peel(branch).ref
    return ref_name(ref) if ref is not None else text(mapping(branch).get("title"))


def _by_key(
    left_keys: Sequence[str | None], right_keys: Sequence[str | None], left: list[object], right: list[object]
) -> tuple[list[tuple[object, object]], list[object], list[object]]:
    places: dict[str, list[int]] = {}
    for index, key in enumerate(right_keys):
        if key is not None:
            places.setdefault(key, []).append(index)
    pairs: list[tuple[object, object]] = []
    unpaired: list[object] = []
    taken: set[int] = set()
    for key, branch in zip(left_keys, left, strict=True):
        free = places.get(key) if key is not None else None
        if free:
            index = free.pop(0)
            taken.add(index)
            pairs.append((branch, right[index]))
        else:
            unpaired.append(branch)
    return pairs, unpaired, [each for index, each in enumerate(right) if index not in taken]


def _by_likeness(
    old: Shapes, new: Shapes, left: list[object], right: list[object]
) -> tuple[list[tuple[object, object]], list[object], list[object]]:
    before = [_features(old.shape(old.seen_through(each).schema)) for each in left]
    after = [_features(new.shape(new.seen_through(each).schema)) for each in right]
    scored = [(overlap(one, other), -i, -j) for i, one in enumerate(before) for j, other in enumerate(after)]
    scored.sort(reverse=True)
    alone = len(left) == len(right) == 1
    mates: dict[int, int] = {}
    taken: set[int] = set()
    for score, i, j in scored:
        if score < (MIN_LIKENESS if not alone else 0.01):
            break
        if -i not in mates and -j not in taken:
            mates[-i] = -j
            taken.add(-j)
    return (
        [(left[i], right[j]) for i, j in sorted(mates.items())],
        [each for index, each in enumerate(left) if index not in mates],
        [each for index, each in enumerate(right) if index not in taken],
    )


def _marks(shape: Shape) -> set[str]:
    """Fields that can have one value only: what tells alternatives apart."""
    marks = set()
    for name, part in shape.properties.items():
        inner = mapping(part.schema)
        values = sequence(inner.get("enum"))
        value = inner.get("const", values[0] if len(values) == 1 else None)
        if isinstance(value, str):
            marks.add(f"{name}={value}")
    return marks


def _features(shape: Shape) -> frozenset[str]:
    """Values that tell alternatives apart weigh as much as five fields."""
    marks = (f"{mark} {number}" for mark in _marks(shape) for number in range(5))
    fields = (f".{name}" for name in shape.properties)
    kinds = (f"type {name}" for name in shape.types)
    return frozenset((*marks, *fields, *kinds, *list(shape.enum or ())[:100]))
