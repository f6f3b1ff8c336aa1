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
    assert "[exit" not in shown
    assert list(tmp_path.iterdir()) == [], "everything is removed"
