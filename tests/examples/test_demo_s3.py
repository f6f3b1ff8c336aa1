"""The demo of a shared registry plays to its end, says which server it ran on, and leaves nothing behind."""

from __future__ import annotations

import re
from pathlib import Path

from tests.examples.test_shows import play


def test_the_demo_of_a_shared_registry_plays_to_its_end(tmp_path: Path) -> None:
    shown = play("demo_s3.py", tmp_path, "--server", "moto")
    lines = shown.splitlines()

    assert lines[0].startswith("S3 server: moto behind one lock")
    assert lines[-1].startswith("S3 server: moto behind one lock")
    assert shown.count("every promise holds") == 2
    assert "  behind: git:origin; repoint sync brings it up" in lines
    assert "git: added 2 versions, 6 records" in lines
    assert "ada and hub.git have the same 5 object ids." in lines
    assert "new and hub.git have the same 5 object ids." in lines
    assert re.search(r"(?m)^\$ repoint --registry s3://\S+ rollback", shown)
    assert "production generation 6: rollback" in lines
    assert_reader_follows(shown)
    assert "[exit" not in shown
    assert list(tmp_path.iterdir()) == [], "everything is removed"


def assert_reader_follows(shown: str) -> None:
    """One process through promote and rollback and with S3 away, another one from the disk, then on."""
    heard = re.findall(r"(?m)^  process (\d+): (.*)$", shown)
    first, second = dict.fromkeys(number for number, _ in heard)
    said = [re.sub(r"\d+ s ago", "N s ago", text) for number, text in heard if number == first]
    good, bad = "intake 1.0.0", "intake 1.1.0"
    assert said == [
        f"serving generation 1: {good}",
        f"serving generation 2: {bad}",
        f"serving generation 3: {good}",
        f"still serving generation 3: {good}; the store last answered N s ago",
    ]
    said = [re.sub(r"\d+ s ago", "N s ago", text) for number, text in heard if number == second]
    assert said[:2] == [
        f"still serving generation 3: {good}, from this machine's disk; the store last answered N s ago",
        "the store answers again",
    ]
    moves = [f"serving generation 4: {good}", f"serving generation 5: {bad}", f"serving generation 6: {good}"]
    assert [each for each in moves if each in said[2:]] == said[2:]  # two moves between two looks are one change
    assert said[-1] == moves[-1]
