"""A class of characters is found in bytes as it is in text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.invisibles import SUSPECTS
from repoint.utf8classes import in_utf8

SIZES = (0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF)
CHARACTERS = st.sampled_from([chr(size) for size in SIZES]) | st.characters(exclude_categories=["Cs"])


def matches(characters: str, character: str) -> bool:
    return re.fullmatch(in_utf8(characters), character.encode()) is not None


@given(st.lists(st.tuples(CHARACTERS, CHARACTERS), min_size=1, max_size=5), CHARACTERS)
def test_a_range_is_what_lies_between(ranges: list[tuple[str, str]], character: str) -> None:
    ranges = [(min(pair), max(pair)) for pair in ranges]
    expression = "".join(f"{first}-{last}" for first, last in ranges)
    assert matches(expression, character) == any(first <= character <= last for first, last in ranges)
    assert all(matches(expression, each) for pair in ranges for each in pair)


@pytest.mark.parametrize("kind", SUSPECTS)
def test_the_suspects_of_a_kind(kind: str) -> None:
    inside = re.compile(f"[{SUSPECTS[kind]}]")
    edges = {at + step for at in range(0x110000) if inside.match(chr(at)) for step in (-1, 0, 1)}
    for at in edges - set(range(0xD800, 0xE000)):
        assert matches(SUSPECTS[kind], chr(at)) == (inside.match(chr(at)) is not None), hex(at)
