"""The page on design names every module and only tests that exist; the decisions are listed, and each says why."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

DESIGN = (ROOT / "docs" / "design.md").read_text("utf-8")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def test_every_module_of_the_library_is_in_one_row_of_the_table_of_parts() -> None:
    table = DESIGN.partition("## Parts")[2].partition("\n## ")[0]
    rows = [re.findall(r"`([a-z0-9_*]+)`", line) for line in table.splitlines() if line.startswith("| ")]
    modules = [path.stem for path in (ROOT / "registry" / "repoint").glob("[a-z]*.py")]
    places = {m: [row for row in rows if any(fnmatch.fnmatch(m, each) for each in row)] for m in modules}
    assert [m for m, found in places.items() if len(found) != 1] == []
    assert [each for row in rows for each in row if not fnmatch.filter(modules, each)] == []


def test_every_test_that_proves_a_promise_exists() -> None:
    promises = DESIGN.partition("## Promises")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == 10
    for row in rows:
        folder = ""
        found = re.findall(r"`((?:tests/\w+/)?\w+\.py)`", row)
        assert found, row
        for name in found:
            folder = name.rpartition("/")[0] or folder
            assert (ROOT / folder / name.rpartition("/")[2]).is_file(), name


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_says_what_a_decision_says(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.match(r"# \d{4}: \S.+\n\nAccepted, \w+ \d{4}\.", text)
    parts = ["## Context", "## Decision", "## Consequences", "## Rejected"]
    assert re.findall(r"^## .+$", text, re.MULTILINE) == parts


def test_every_decision_is_in_the_list_under_its_title() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    for number, path in enumerate(DECISIONS, start=1):
        title = path.read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {number:04}: ")
        assert f"[{number:04}]({path.name}) | {title.partition(': ')[2]} |" in listed
