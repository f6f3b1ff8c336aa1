"""The budgets of a reader in ``make bench``: each can be exceeded, and is then named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_benchmarks import figure, verdict

WITHIN = {
    "active()": 0.1,
    "idle poll, requests": 1,
    "idle poll, processor": 2.9,
    "cold start, round trips": 6,
    "import repoint.Reader": 6.04,
    "and a bucket's, after botocore": 3.2,
    "memory, peak": 60,
    "memory, snapshots": 1,
}


def said(folder: Path, **changed: float) -> tuple[int, str]:
    """Exit code and first line of the report on these rows; ``changed`` by the word that is in a row's name."""
    rows = dict(WITHIN)
    for word, value in changed.items():
        (name,) = (name for name in rows if word in name)
        rows[name] = value
    return verdict(folder, reader=[{"name": n, "value": v} for n, v in rows.items()], reader_unit=figure(1))


def test_a_reader_within_its_budgets(tmp_path: Path) -> None:
    assert said(tmp_path) == (0, "Everything that was measured is within its budget.")


@pytest.mark.parametrize(
    ("word", "value", "text"),
    [
        ("active", 2.5, "active() of a reader (2.50 µs, 2 µs allowed)"),
        ("requests", 2, "idle poll, requests of a reader (2, 1 allowed)"),
        ("processor", 3.01, "idle poll, processor of a reader (3.01 ms, 3 ms allowed)"),
        ("round", 7, "cold start, round trips of a reader (7, 6 allowed)"),
        ("import", 6.1, "import repoint.Reader of a reader (6.1 units, 6 units allowed)"),
        ("snapshots", 2, "memory, snapshots of a reader (2.00 copies of each, 1 copies of each allowed)"),
    ],
)
def test_what_a_reader_exceeds_is_named(tmp_path: Path, word: str, value: float, text: str) -> None:
    assert said(tmp_path, **{word: value}) == (1, f"Over budget: {text}.")
