"""What is on the disk before what: asserted on the order of the system calls, since no test here can cut the power.

An object's content is synced before it gets its name, its folder before the ref that leads to it is renamed into place,
and the ref's folder after that.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.test_kill_sweep import command_in, supported, template
from tests.faults.tracer import Point, run_to_end

__all__ = ["supported", "template"]

REFS = {
    "commit": ".git/refs/tags/refund@v0.4.0",
    "promote": ".git/refs/heads/repoint/env/production",
    "rollback": ".git/refs/heads/repoint/env/production",
}


def first(points: list[Point], call: str, path: str) -> int:
    """The number of the first such call. Fails where there is none."""
    found = [p.index for p in points if p.call.startswith(call) and p.path == path]
    assert found, f"no {call} of {path}"
    return found[0]


@pytest.mark.parametrize("name", list(REFS))
def test_contents_then_names_then_folders_then_the_ref(name: str, template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "team"
    shutil.copytree(template, folder)
    whole = run_to_end(command_in(name, folder), folder)
    assert whole.returncode == 0
    points = list(whole.points)
    ref = first(points, "rename", REFS[name])
    objects = [p for p in points if p.call.startswith("rename") and p.path.startswith(".git/objects/")]
    assert len(objects) >= 3, "a commit, a tree and a blob at least"
    for renamed in objects:
        assert renamed.index < ref, f"{renamed} came after the ref"
        parent = os.path.dirname(renamed.path)
        assert any(p.call == "fsync" and p.path == parent and renamed.index < p.index < ref for p in points), renamed
    drafts = [p.index for p in points if p.call == "fsync" and "/tmp_obj_" in p.path]
    assert len(drafts) == len(objects), "each object's content is synced once, under its temporary name"
    for rank, renamed in enumerate(objects, start=1):
        assert sum(draft < renamed.index for draft in drafts) >= rank, f"{renamed} got its name before it was synced"
    ref_folder = os.path.dirname(REFS[name])
    assert any(p.call == "fsync" and p.path == ref_folder and p.index > ref for p in points), "the ref's folder"
    assert any(p.call == "fsync" and p.path == f"{REFS[name]}.lock" and p.index < ref for p in points), "the ref itself"
