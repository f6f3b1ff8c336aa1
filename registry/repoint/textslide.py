"""Where a change that could stand in several places is shown: where a reader would say that it begins and ends.

When the element before an inserted (or removed) group is equal to the last one in it, the group can be moved up by one
without changing what it says, and likewise down. ``git diff`` moves its groups by an indent heuristic (Git,
"diff.indentHeuristic"); here the caller says how badly a group would begin or end before each element.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from repoint.textalign import Match

FARTHEST = 100
"""Elements that a group is moved at most (as in Git)."""

Badness = Callable[[int], int]
"""How badly a group would begin or end before the element with this index; also asked for the end of the sequence."""


def slide(matches: list[Match], old: array[int], new: array[int], old_bad: Badness, new_bad: Badness) -> list[Match]:
    """The same alignment with every group that stands on one side only moved to its best place; ties go down."""
    moved: list[Match] = []
    before = Match(0, 0, 0)
    for match in [*matches, Match(len(old), len(new), 0)]:
        old_gap = (before.old + before.length, match.old)
        new_gap = (before.new + before.length, match.new)
        shift = 0
        if old_gap[0] == old_gap[1]:
            shift = _best_shift(new, new_gap, before.length, match.length, new_bad)
        elif new_gap[0] == new_gap[1]:
            shift = _best_shift(old, old_gap, before.length, match.length, old_bad)
        if moved or before.length or shift > 0:
            moved.append(Match(before.old, before.new, before.length + shift))
        before = Match(match.old + shift, match.new + shift, match.length - shift)
    return [each for each in [*moved, before] if each.length > 0]


def _best_shift(ids: array[int], gap: tuple[int, int], room_up: int, room_down: int, bad: Badness) -> int:
    """By how much the group is best moved: negative up, positive down."""
    start, end = gap
    if start == end:
        return 0
    up = down = 0
    while up < min(room_up, FARTHEST) and ids[start - 1 - up] == ids[end - 1 - up]:
        up += 1
    while down < min(room_down, FARTHEST) and ids[start + down] == ids[end + down]:
        down += 1
    if not up and not down:
        return 0
    return min(range(-up, down + 1), key=lambda shift: (bad(start + shift) + bad(end + shift), -shift))
