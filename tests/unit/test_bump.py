"""The bump that differences ask for, and the version that follows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from repoint.bump import is_below, next_version
from repoint.jsonviews import equal_values
from repoint_schemas.documents import Version


@pytest.mark.parametrize(
    ("base", "level", "expected"),
    [
        (None, "major", "0.1.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.3.0"),
        ("0.2.3", "patch", "0.2.4"),
        ("0.1.0-rc.1", "major", "0.1.0"),
        ("1.0.0-rc.2", "major", "1.0.0"),
        ("1.0.0-rc.2", "patch", "1.0.0"),
        ("1.2.0-rc.1", "major", "2.0.0"),
        ("1.2.3-rc.1", "minor", "1.3.0"),
    ],
)
def test_next_version(base: str | None, level: str, expected: str) -> None:
    assert next_version(base and Version(base), level) == expected  # type: ignore[arg-type]


def test_levels_are_ordered() -> None:
    assert is_below("patch", "minor")
    assert is_below("minor", "major")
    assert is_below(None, "patch")
    assert not is_below("minor", "minor")
    assert not is_below(None, None)


def test_values() -> None:
    pairs: Mapping[bool, list[tuple[object, object]]] = {
        True: [(1, 1.0), ([], []), ({"a": [1]}, {"a": [1.0]}), (True, True)],
        False: [(1, True), ([1], [True]), ({"a": 1}, {"b": 1}), ([1], [1, 1]), ("1", 1), ({}, [])],
    }
    for equal, listed in pairs.items():
        assert [each for each in listed if equal_values(*each) is not equal] == []
