"""A change that could stand in several places is shown where a reader would say that it begins and ends."""

from __future__ import annotations

from array import array

import pytest

from repoint.textalign import Match
from repoint.textdiff import compare_texts
from repoint.textslide import FARTHEST, slide


def slid(matches: list[Match], old: str, new: str, good: int) -> list[tuple[int, int, int]]:
    """The alignment of two rows of letters when only the place ``good`` is a good beginning or end of a group."""

    def bad(index: int) -> int:
        return int(index != good)

    ids = [array("i", map(ord, each)) for each in (old, new)]
    return [(each.old, each.new, each.length) for each in slide(matches, ids[0], ids[1], bad, bad)]


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (1, [(0, 0, 1), (1, 3, 3)]),  # a[bc]bcd: up as far as it goes
        (2, [(0, 0, 2), (2, 4, 2)]),  # ab[cb]cd
        (3, [(0, 0, 3), (3, 5, 1)]),  # the end of a[bc]bcd is as good as the beginning of abc[bc]d: down
        (5, [(0, 0, 3), (3, 5, 1)]),  # abc[bc]d
        (9, [(0, 0, 3), (3, 5, 1)]),  # all are alike: down
    ],
)
@pytest.mark.parametrize("start", [1, 2, 3])
def test_an_added_group_is_moved_to_its_best_place(start: int, good: int, expected: list[tuple[int, int, int]]) -> None:
    matches = [Match(0, 0, start), Match(start, start + 2, 4 - start)]
    assert slid(matches, "abcd", "abcbcd", good) == expected


@pytest.mark.parametrize("start", [1, 2, 3])
def test_so_is_a_removed_one(start: int) -> None:
    matches = [Match(0, 0, start), Match(start + 2, start, 4 - start)]
    assert slid(matches, "abcbcd", "abcd", 2) == [(0, 0, 2), (4, 2, 2)]


def test_a_group_with_something_on_either_side_stays() -> None:
    assert slid([Match(0, 0, 2), Match(3, 4, 2)], "abxbc", "abyybc", 1) == [(0, 0, 2), (3, 4, 2)]


def test_a_group_at_the_beginning_or_at_the_end_is_moved_too() -> None:
    assert slid([Match(0, 1, 2)], "aa", "aaa", 9) == [(0, 0, 2)]
    assert slid([Match(0, 0, 2)], "aa", "aaa", 0) == [(0, 1, 2)]


def test_no_group_is_moved_farther_than_git_does() -> None:
    many = "a" * (3 * FARTHEST)
    whole, farthest = [Match(0, 0, len(many))], 2 * FARTHEST
    assert slid(whole, many, many + "a", farthest) == [(0, 0, farthest), (farthest, farthest + 1, FARTHEST)]
    assert slid(whole, many, many + "a", farthest - 1) == [(0, 0, len(many))]


def test_an_added_paragraph_is_shown_from_its_heading_on() -> None:
    old = "# A\n\nOne.\n\n# C\n\nThree.\n"
    (hunk,) = compare_texts(old, old.replace("# C", "# B\n\nTwo.\n\n# C")).hunks
    assert ["".join(span.text for span in line.spans) for line in hunk.lines if line.mark == "+"] == [
        "# B",
        "",
        "Two.",
        "",
    ]
