"""Damaged registries: for each damage ``verify`` finds exactly what was done and goes on, and nothing crashes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from repoint.registry import Registry
from repoint.verify import verify
from repoint_schemas.results import VerifyResult

from tests.cli.commandline import Team, everything
from tests.faults.damage import objects, records, refs, versions
from tests.faults.damage.catalogue import ALL, Damage
from tests.faults.damage.victim import Victim, branch, build

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
        assert result.checked["releases"] >= GOOD["releases"] - 1
        assert result.checked["environments"] >= GOOD["environments"] - 1
        assert result.checked["records"] >= GOOD["records"] - 8
    check_commands(Team(victim.folder), damage)


def check_commands(team: Team, damage: Damage) -> None:
    """The command says the same, names the promises, and no other command fails other than cleanly."""
    ran = team.run("verify", "--deep")
    assert ran.code == (1 if damage.deep else 0)
    assert all(f"promise {promise}: " in ran.out and f" {kind}: " in ran.out for promise, kind in damage.deep)
    found = team.result("verify", code=1 if damage.plain else 0)["findings"]
    assert isinstance(found, list)
    assert {(each["promise"], each["kind"]) for each in found} == damage.plain
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


def test_damage_in_many_places_is_found_in_one_run(victim: Victim) -> None:
    """Nothing that is found hides what comes after it."""
    done = [
        versions.version_with_a_secret,
        refs.deleted_tag_of_what_is_live,
        objects.flipped_byte_in_a_loose_blob,
        records.amended_commit,
        records.move_done_twice,
        refs.deleted_yank_ledger,
    ]
    for do in done:
        do(victim)
    expected = {found for damage in ALL if damage.do in done for found in damage.deep}
    result = verified(victim, deep=True)
    assert kinds(result) == expected, told(result)
    assert result.checked["releases"] == 6
    assert result.checked["environments"] == 2


@pytest.mark.parametrize(
    ("identifier", "authority", "expected"),
    [
        ("6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a", "local", {(1, "release-replaced"), (4, "misplaced-record")}),
        (None, "git", {(8, "authority-replaced")}),
    ],
)
def test_a_healthy_registry_is_not_clean_for_a_checker_of_another_one(
    victim: Victim, identifier: str | None, authority: str, expected: set[tuple[int, str]]
) -> None:
    workspace = victim.workspace()
    try:
        own = workspace.registry
        other = Registry(own.store, identifier or own.id, authority, own.state)
        found = kinds(verify(msgspec.structs.replace(workspace, registry=other)))
    finally:
        workspace.close()
    assert expected <= found


def test_a_rule_that_is_allowed_for_the_agent_is_no_finding(victim: Victim) -> None:
    versions.version_with_a_bidi_override(victim)
    with (victim.folder / "repoint.toml").open("a") as file:
        file.write('\n[[allow]]\nrule = "bidi"\nagent = "intake"\nreason = "Arabic quotations"\n')
    assert verified(victim, deep=True).findings == []


@pytest.mark.parametrize("do", [refs.deleted_environment_branch, refs.cut_branch_file])
def test_status_does_not_pass_over_an_environment_that_is_gone(victim: Victim, do: Callable[[Victim], None]) -> None:
    do(victim)
    ran = Team(victim.folder).run("status")
    assert ran.code == 8
    assert "production  unreadable" in ran.out


def test_foreign_tags_are_listed(victim: Victim) -> None:
    versions.foreign_tags(victim)
    assert verified(victim, deep=False).foreign == ["intake@3.0.0", "widget@1.0.0"]


def test_a_shallow_clone_is_refused(victim: Victim) -> None:
    (victim.folder / ".git" / "shallow").write_text(victim.oid(f"{branch('production')}~3") + "\n")
    failure = Team(victim.folder).refused("verify", code=6, kind="shallow-clone")
    assert failure["hint"] == "git fetch --unshallow --tags"


def test_nothing_is_written(victim: Victim) -> None:
    team = Team(victim.folder)
    before = everything(team.folder)
    team.done("verify", "--deep")
    assert everything(team.folder) == before


def test_what_is_being_checked_is_told(victim: Victim) -> None:
    told: list[tuple[str, int, int]] = []
    workspace = victim.workspace()
    try:
        verify(workspace, progress=lambda *step: told.append(step))
    finally:
        workspace.close()
    assert ("versions", 0, 6) in told
    assert ("versions", 6, 6) in told
    assert ("records of production", 8, 8) in told


def test_every_promise_is_broken_by_some_damage() -> None:
    assert {promise for damage in ALL for promise, _ in damage.deep} == {1, 2, 3, 4, 5, 6, 8, 9, 10}
