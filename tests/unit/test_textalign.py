"""Aligning sequences: always a common subsequence, a longest one where that is promised, bounded for any input."""

from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint import textlcs
from repoint.textalign import Alignment, Area, Effort, Match, align, common_prefix, gaps_of, number
from repoint.textlcs import longest_common
from repoint.textslide import slide

letters = st.lists(st.integers(0, 5), max_size=40)


def length_by_table(old: list[int], new: list[int]) -> int:
    row = [0] * (len(new) + 1)
    for each in old:
        following = [0]
        for index, other in enumerate(new):
            following.append(row[index] + 1 if each == other else max(row[index + 1], following[-1]))
        row = following
    return row[-1]


def aligned(old: list[int], new: list[int], *, lines: bool = False, cells: int | None = None) -> Alignment:
    effort = Effort() if cells is None else Effort(cells)
    found = align(array("i", old), array("i", new), effort, unique_first=lines)
    assert all(old[one.old : one.old + one.length] == new[one.new : one.new + one.length] for one in found.matches)
    assert all(one.length > 0 for one in found.matches)
    for one, then in pairwise(found.matches):
        assert one.old + one.length <= then.old
        assert one.new + one.length <= then.new
        assert (one.old + one.length, one.new + one.length) != (then.old, then.new)
    return found


def total(found: Alignment) -> int:
    return sum(match.length for match in found.matches)


@given(letters, letters)
def test_longest_common_is_one(old: list[int], new: list[int]) -> None:
    pairs = longest_common(old, new)
    assert len(pairs) == length_by_table(old, new)
    assert all(old[one] == new[other] for one, other in pairs)
    assert all(first[0] < then[0] and first[1] < then[1] for first, then in pairwise(pairs))


@given(letters, letters)
def test_longest_common_from_checkpoints_is_the_same(old: list[int], new: list[int]) -> None:
    whole = longest_common(old, new)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textlcs, "ROWS_IN_MEMORY", 4)
        assert longest_common(old, new) == whole


@given(letters, letters)
def test_words_are_aligned_exactly_and_lines_correctly(old: list[int], new: list[int]) -> None:
    assert total(aligned(old, new)) == length_by_table(old, new)
    aligned(old, new, lines=True)


@given(letters, letters)
def test_without_any_budget_the_alignment_is_still_correct(old: list[int], new: list[int]) -> None:
    found = aligned(old, new, cells=0, lines=True)
    for area in found.given_up:
        assert area.old < area.old_end
        assert area.new < area.new_end


def test_what_is_unique_on_both_sides_is_an_anchor() -> None:
    # a brace is common, the names are not: the names decide
    old, new = number(["f", "{", "1", "}", "g", "{", "2", "}"], ["g", "{", "2", "}", "h", "{", "3", "}"])
    assert align(old, new, Effort(), unique_first=True).matches[0] == Match(4, 0, 3)


def test_numbers_are_equal_for_equal_elements_only() -> None:
    old, new = number(["a", "b", "a", "x"], ["b", "y", "a"])
    assert list(old) == [0, 1, 0, -1]
    assert list(new) == [1, -2, 0]


@pytest.mark.parametrize("unique_first", [False, True])
def test_large_sequences_with_few_changes(unique_first: bool) -> None:
    chance = random.Random(7)
    old = [chance.randrange(200) for _ in range(60_000)]
    changed = set(chance.sample(range(60_000), 300))
    new = [each + 1000 if index in changed else each for index, each in enumerate(old)]
    assert total(aligned(old, new, lines=unique_first)) == 60_000 - 300


def test_large_sequences_with_one_kind_of_element_or_none_in_common() -> None:
    assert total(aligned([1] * 200_000, [1] * 150_000)) == 150_000
    assert aligned(list(range(100_000)), list(range(100_000, 200_000)), lines=True).matches == []


def test_a_block_that_changed_places_is_kept_as_far_as_order_allows() -> None:
    old = list(range(30_000))
    assert total(aligned(old, old[20_000:] + old[:20_000], lines=True)) == 20_000


def test_what_is_too_large_is_given_up_and_said() -> None:
    chance = random.Random(1)
    old, new = ([chance.randrange(2) for _ in range(3_000)] for _ in range(2))
    found = aligned(old, new, lines=True, cells=1_000)
    assert found.given_up
    assert total(aligned(old, new, lines=True)) > 2_000


@given(st.lists(st.integers(0, 2), max_size=300), st.lists(st.integers(0, 2), max_size=300))
def test_common_prefix(old: list[int], new: list[int]) -> None:
    for same in ([], [1] * 31, [1] * 32, [2] * 33, [0, 1] * 500):
        count = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        expected = min(len(old), len(new)) if count is None else count
        assert common_prefix(array("i", same + old), array("i", same + new)) == len(same) + expected


def test_gaps_lie_between_matches() -> None:
    assert list(gaps_of([Match(1, 0, 2), Match(3, 4, 1)], 4, 6)) == [
        Area(0, 1, 0, 0),
        Area(3, 3, 2, 4),
        Area(4, 4, 5, 6),
    ]
    assert list(gaps_of([Match(0, 0, 3)], 3, 3)) == []


@given(letters, letters, st.lists(st.integers(0, 3), min_size=41, max_size=41))
def test_sliding_keeps_the_alignment_valid_and_its_size(old: list[int], new: list[int], badness: list[int]) -> None:
    before = aligned(old, new).matches
    after = slide(before, array("i", old), array("i", new), badness.__getitem__, badness.__getitem__)
    assert sum(match.length for match in after) == sum(match.length for match in before)
    assert all(old[one.old : one.old + one.length] == new[one.new : one.new + one.length] for one in after)
    assert all(one.old + one.length <= then.old and one.new + one.length <= then.new for one, then in pairwise(after))


def test_a_change_slides_to_where_it_reads_best() -> None:
    old, new = array("i", [1, 2, 9]), array("i", [1, 2, 1, 2, 9])
    match = [Match(0, 0, 2), Match(2, 4, 1)]
    assert slide(match, old, new, lambda _: 0, lambda index: 0 if index in (0, 2) else 5) == [Match(0, 2, 3)]
    assert slide(match, old, new, lambda _: 0, lambda index: 0 if index in (1, 3) else 5) == [
        Match(0, 0, 1),
        Match(1, 3, 2),
    ]
    assert slide([Match(0, 2, 3)], old, new, lambda _: 0, lambda _: 0) == match
