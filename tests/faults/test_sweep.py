"""The sweep finds a writer that is not atomic, leaves one that is alone, and says what it did."""

from __future__ import annotations

import os
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.sweep import CopyOf, sample, sweep
from tests.faults.tracer import Command, Point, Unsupported, check_supported, run_to_end

CARELESS = "open('state', 'w').write('new')"
CAREFUL = "import os; open('state.new', 'w').write('new'); os.rename('state.new', 'state')"


@pytest.fixture(scope="module", autouse=True)
def supported() -> None:
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    folder.mkdir()
    (folder / "state").write_text("old")
    return folder


def running(script: str, folder: Path) -> Command:
    return Command([sys.executable, "-I", "-S", "-c", script], folder, {"PATH": os.defpath})


def old_or_new(folder: Path, point: Point) -> None:
    assert (folder / "state").read_text() in ("old", "new"), f"torn at {point.call}"


def point(index: int, call: str) -> Point:
    return Point(index, 0, "git", call, "path")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_careless_writer_is_found(template: Path, tmp_path: Path, jobs: int) -> None:
    summary = sweep(
        CopyOf(template), partial(running, CARELESS), tmp_path, range(2), "all", old_or_new, "after", jobs=jobs
    )
    (failure,) = summary.failures
    assert (summary.killed, summary.not_reached, failure.index) == (2, (), 0)
    assert (failure.folder / "state").read_text() == ""
    assert "torn at open" in str(summary)
    assert "2 kills, 1 failed, 0 points not reached" in str(summary)
    assert sorted(os.listdir(tmp_path)) == [failure.folder.name, "template"]


def test_a_careful_writer_passes(template: Path, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    CopyOf(template)(counted)
    points = run_to_end(running(CAREFUL, counted), counted).points
    summary = sweep(
        CopyOf(template), partial(running, CAREFUL), tmp_path, sample(points, 10), "process", old_or_new, jobs=1
    )
    assert (summary.killed, summary.failures) == (3, ())


def test_points_that_are_not_reached_are_told(template: Path, tmp_path: Path) -> None:
    summary = sweep(CopyOf(template), partial(running, CAREFUL), tmp_path, [1, 7], "all", old_or_new, jobs=1)
    assert (summary.killed, summary.not_reached, summary.failures) == (1, (7,), ())


def test_a_command_that_hangs_is_a_failure(template: Path, tmp_path: Path) -> None:
    def hanging(folder: Path) -> Command:
        return Command(["sleep", "600"], folder, {"PATH": os.defpath}, timeout=0.2)

    summary = sweep(CopyOf(template), hanging, tmp_path, [0], "all", old_or_new, jobs=1)
    assert "TimeoutError" in str(summary)
    assert (summary.killed, len(summary.failures)) == (0, 1)


def test_a_sample_has_both_ends_every_commit_and_others_evenly() -> None:
    commits = {3: "rename", 50: "linkat", 51: "unlinkat", 77: "renameat2"}
    points = [point(index, commits.get(index, "write")) for index in range(100)]
    sampled = sample(points, 16)
    assert {0, 3, 50, 51, 77, 99} <= set(sampled)
    assert len(sampled) == len(set(sampled)) == 16
    assert max(after - before for before, after in pairwise(sampled)) <= 12
    assert sample(points, 3) == [0, 3, 50, 51, 77, 99]
    assert sample(points, 100) == sample(points, 1000) == list(range(100))
    assert sample([], 5) == []
    assert sample(points[:1], 5) == [0]
