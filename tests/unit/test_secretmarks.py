"""Marks that are looked for together are those that are there, however they lie across each other."""

from __future__ import annotations

import random

import pytest

from repoint.filescan import scan
from repoint.secretmarks import marks_in
from repoint.secretshapes import LARGE, SHAPES, Shape
from repoint.secretvendors import VENDOR_SHAPES

from tests.unit.scanning import BASE32, LETTERS, made


@pytest.mark.parametrize("shapes", [SHAPES, VENDOR_SHAPES], ids=["common", "vendors"])
def test_together_they_are_found_as_one_by_one(shapes: tuple[Shape, ...]) -> None:
    marks = tuple(mark for shape in shapes for mark in shape.marks)
    chance = random.Random(7)
    found: set[bytes] = set()
    for _ in range(2000):
        content = b"".join(_piece(chance, marks) for _ in range(chance.randint(1, 14)))
        there = marks_in(content, marks)
        assert there == {mark for mark in marks if mark in content}
        found |= there
    assert found == set(marks)


def _piece(chance: random.Random, marks: tuple[bytes, ...]) -> bytes:
    """A mark, its beginning or its end, or what stands between them: so that they touch and overlap."""
    mark = chance.choice(marks)
    return chance.choice([mark, mark[: chance.randint(1, 5)], mark[-3:], b" ", b"-", b"_", b"A", b"c"])


@pytest.mark.parametrize("secret", ["hf_" + made(34), "AKIA" + made(16, BASE32), "tvly-" + made(32, LETTERS)])
def test_a_large_file_has_the_findings_of_a_small_one(secret: str) -> None:
    line = f"token {secret} here\n".encode()
    prose = b"Ask for the order number first, then for the reason.\n" * (2 * LARGE // 50)
    (small,), (large,) = scan("f", [line]), scan("f", [prose + line + prose])

    assert (small.rule, small.line, small.message) == (
        large.rule,
        (large.line or 0) - prose.count(b"\n"),
        large.message,
    )
    assert small.rule == "secret"
