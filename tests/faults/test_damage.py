"""Damaged registries: for each damage ``verify`` finds exactly what was done, goes on with the rest, and nothing crashes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from repoint.verify import verify
from repoint_schemas.results import VerifyResult

from tests.cli.commandline import Team
from tests.faults.damage import objects, records, refs, versions
from tests.faults.damage.catalogue import ALL, Damage
from tests.faults.damage.victim import Victim, build

NEVER_UNDER = {"objects": objects, "records": records, "refs": refs, "versions": versions}
CLEAN_ERRORS = {0, 4, 5, 6, 7, 8, 9}
"""What a command on a damaged registry may end with; 70 is a bug, and 1 is for findings."""

GOOD = {"environments": 3, "releases": 6, "snapshots": 6, "files": 12, "records": 14, "entries": 7, "published": 6}


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("healthy") / "team").folder


@pytest.fixture
def victim(healthy: Path, tmp_path: Path) -> Victim:
    folder = tmp_path / "team"
    shutil.copytree(healthy, folder)
    return Victim(folder)


def verified(victim: Victim, *, deep: bool) -> VerifyResult:
    workspace = victim.workspace()
    try:
        return verify(workspace, deep=deep)
    finally:
        workspace.close()


def kinds(result: VerifyResult) -> set[tuple[int, str]]:
    return {(finding.promise, finding.kind) for finding in result.findings}


def told(result: VerifyResult) -> str:
    return "\n".join(f"{f.promise} {f.place}: {f.kind}: {f.message}" for f in result.findings)


@pytest.mark.parametrize("deep", [False, True])
def test_a_healthy_registry_is_clean(victim: Victim, deep: bool) -> None:
    result = verified(victim, deep=deep)
    assert result.findings == []
    assert {what: result.checked[what] for what in GOOD} == GOOD
    assert Team(victim.folder).result("verify", *["--deep"] * deep)["findings"] == []


@pytest.mark.parametrize("damage", ALL, ids=lambda damage: damage.name)
def test_damage_is_found_and_named(victim: Victim, damage: Damage) -> None:
    damage.do(victim)
    for deep, expected in ((False, damage.plain), (True, damage.deep)):
        result = verified(victim, deep=deep)
        assert kinds(result) == expected, told(result)
    check_commands(Team(victim.folder), damage)


def check_commands(team: Team, damage: Damage) -> None:
    """The command says the same, names the promises, and no other command fails other than cleanly."""
    ran = team.run("verify", "--deep")
    assert ran.code == (1 if damage.deep else 0)
    assert all(f"promise {promise}: " in ran.out and f" {kind}: " in ran.out for promise, kind in damage.deep)
    assert len(team.result("verify", code=1 if damage.plain else 0)["findings"]) >= len(damage.plain)  # type: ignore[arg-type]
    for command in (
        ["status"],
        ["list"],
        ["show", "refund@1.2.0"],
        ["log", "intake"],
        ["history"],
        ["export", "refund@production", str(team.folder.parent / "out")],
        ["rollback", "refund", "--dry-run"],
        ["rollback", "refund", "-m", "bad"],
    ):
        ran = team.run(*command)
        assert ran.code in CLEAN_ERRORS, f"{command}: {ran}"
        assert ran.code == 0 or "error: " in ran.err


def test_every_promise_is_broken_by_some_damage() -> None:
    assert {promise for damage in ALL for promise, _ in damage.deep} == {1, 2, 3, 4, 5, 6, 8, 9, 10}
