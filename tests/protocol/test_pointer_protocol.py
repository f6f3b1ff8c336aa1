"""Every order of messages, losses and deaths within bounds: the protocol holds, and each shortcut is caught.

Promises 3 and 4. docs/protocol-check.md says what these searches are; its figures and traces are compared with them.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from repoint import pointer
from repoint.registry import Registry
from repoint.store import Store

from tests.conftest import ROOT
from tests.protocol.cases import FAST, LONG, Search
from tests.protocol.invariants import Violation
from tests.protocol.model import Replay, Report, Shortcut
from tests.protocol.movers import STEPS
from tests.protocol.search import explore

PAGE = ROOT / "docs" / "protocol-check.md"
LONG_CASES = [pytest.param(name, search, id=name, marks=pytest.mark.long) for name, search in LONG.items()]


@pytest.mark.parametrize(("name", "search"), [*(pytest.param(n, s, id=n) for n, s in FAST.items()), *LONG_CASES])
def test_exactly_what_is_written_down_is_found(name: str, search: Search) -> None:
    explored = explore(search.case, search.until)
    assert set(explored.found) == search.found, explored.found
    assert explored.states == search.states
    assert search.until is not None or expected_reports(search) <= explored.reports, "the faults had no effect"
    assert row_of(name, search) in PAGE.read_text()
    if search.shown is not None:
        assert block(explored.found[search.shown]) in PAGE.read_text()


def expected_reports(search: Search) -> set[Report]:
    """What must have been said somewhere if lost messages, lost swaps and replays really happened."""
    reports = {Report.OK, Report.FAILED}
    if search.case.shortcut is not Shortcut.REREAD:
        reports.add(Report.UNKNOWN)
    if search.case.replay is not Replay.NEVER:
        reports.add(Report.STOPPED)
    return reports


def row_of(name: str, search: Search) -> str:
    """The beginning of the case's row in the page."""
    found = ", ".join(v.name for v in Violation if v in search.found) or "nothing"
    return f"| `{name}` | {search.states:,} | {found} |"


def block(trace: tuple[str, ...]) -> str:
    """A trace as an indented block of the page."""
    return "\n" + "".join(f"    {step}\n" for step in trace) + "\n"


def test_every_step_and_function_that_the_page_compares_exists() -> None:
    page = PAGE.read_text().partition("## Steps and code")[2].partition("## What was searched")[0]
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    compared = set(re.findall(r"`(\w+)`", "".join(row[1] for row in rows)))
    assert compared == {step.__name__ for step in STEPS.values()} - {"prepare"}  # that is two others in either order
    for owner, name in re.findall(r"`(pointer|Store|Registry)\.(\w+)`", "".join(row[3] for row in rows)):
        assert hasattr({"pointer": pointer, "Store": Store, "Registry": Registry}[owner], name), name


def test_every_shortcut_is_caught() -> None:
    caught = {search.case.shortcut for search in [*FAST.values(), *LONG.values()] if search.found}
    assert set(Shortcut) <= caught


@pytest.mark.parametrize("name", ["naive412", "head-only", "ledger-after", "resolve-looks", "again-after-timeout"])
def test_who_is_never_heard_of_again_needs_no_steps_of_its_own(name: str) -> None:
    """Searches without losses stand for those with losses: the same is found, on ways as short."""
    search = FAST[name]
    found = [explore(replace(search.case, losses=losses), search.until).found for losses in (False, True)]
    assert {v: len(trace) for v, trace in found[0].items()} == {v: len(trace) for v, trace in found[1].items()}
