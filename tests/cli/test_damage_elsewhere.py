"""What is damaged or strange in one place does not stop, or falsify, what concerns another."""

from __future__ import annotations

import pytest

from tests.cli.commandline import Team


def spoil(team: Team, environment: str) -> None:
    """Put something that is no record at the tip of an environment's branch."""
    tree = team.git("rev-parse", "HEAD^{tree}").strip()
    commit = team.git("commit-tree", tree, "-m", "not a record").strip()
    team.git("update-ref", f"refs/heads/repoint/env/{environment}", commit)


def test_a_yank_stands_and_says_so_where_another_environment_is_damaged(played: Team) -> None:
    spoil(played, "staging")
    ran = played.run("yank", "refund@1.5.0", "-m", "leaks addresses")
    assert ran.code == 0
    assert "still live in production" in ran.out
    assert "whether it is live in staging is not known" in ran.err
    assert played.run("promote", "refund@1.5.0", "--env", "production").code in (0, 7)


@pytest.mark.parametrize(
    "command",
    [
        ["commit", "refund", "-m", "Another", "--allow-underbump"],
        ["rollback", "refund@1.5.0"],
        ["list"],
        ["log", "refund"],
        ["show", "refund@1.4.2"],
        ["show", "refund@production"],
        ["history", "production"],
        ["diff", "refund@1.4.2", "refund@1.5.0"],
    ],
    ids=" ".join,
)
def test_a_damaged_environment_stops_nothing_in_another(played: Team, command: list[str]) -> None:
    spoil(played, "staging")
    if command[0] == "commit":
        played.write_prompt("Another text\n")
    ran = played.run(*command)
    assert ran.code == 0, ran


def test_doctor_names_each_environment_by_itself(played: Team) -> None:
    spoil(played, "staging")
    ran = played.run("doctor")
    assert ran.code == 1
    assert "production: generation" in ran.out


def test_a_foreign_tag_is_not_the_latest_version(played: Team) -> None:
    played.git("tag", "refund@v9.0.0")
    agents = played.result("status")["agents"]
    assert isinstance(agents, list)
    assert {a["agent"]: a["latest"] for a in agents}["refund"] == "1.5.0"
    release = played.result("show", "refund@latest")["release"]
    assert isinstance(release, dict)
    assert release["version"] == "1.5.0"


def test_a_strange_account_name_does_not_stop_a_rollback(played: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    played.git("config", "--unset", "user.name")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "a<b>\nc")
    ran = played.run("rollback", "refund@1.5.0")
    assert ran.code == 0, ran
    assert "recorded as abc" in ran.err


def test_commit_skips_a_version_that_a_foreign_tag_took(fresh: Team) -> None:
    fresh.git("commit", "--allow-empty", "--quiet", "-m", "start")
    fresh.git("tag", "refund@v0.1.0")
    assert fresh.result("commit", "refund", "-m", "First")["version"] == "0.2.0"
    fresh.git("tag", "refund@v0.3.0-rc.1")
    fresh.git("tag", "refund@v0.4.0")
    fresh.write_prompt("Another text\n")
    assert fresh.result("commit", "refund", "-m", "Next", "--dry-run")["would_create"] is True
    assert fresh.result("commit", "refund", "-m", "Next", "--pre", "rc")["version"] == "0.3.0-rc.2"
    assert fresh.result("commit", "refund", "-m", "Next")["version"] == "0.3.0"
    fresh.write_prompt("Yet another\n")
    assert fresh.result("commit", "refund", "-m", "Past the foreign one")["version"] == "0.5.0"


def test_a_dry_run_of_a_commit_says_what_the_commit_would_say(played: Team) -> None:
    same = played.result("commit", "refund", "-m", "Same", "--version", "1.5.0", "--dry-run")
    assert (same["created"], same["would_create"]) == (False, False)
    played.write_prompt("Another text\n")
    taken = ("commit", "refund", "-m", "x", "--base", "refund@1.4.2")
    assert played.run(*taken, "--dry-run").code == played.run(*taken).code
    played.refused("commit", "refund", "-m", "x", "--version", "1.5.0", "--dry-run", code=5, kind="version-taken")


def test_a_configuration_that_cannot_be_read_names_the_way_round_it(played: Team) -> None:
    config = played.folder / "repoint.toml"
    config.write_text(config.read_text() + "<<<<<<< HEAD\n")
    failure = played.refused("rollback", "refund@1.5.0", code=3)
    assert "--registry ." in str(failure["hint"])
    assert played.run("--registry", ".", "rollback", "refund@1.5.0").code == 0


def test_an_address_on_another_machine_is_not_taken_for_this_one(played: Team) -> None:
    played.refused("--registry", f"file://elsewhere{played.folder}", "status", code=9, kind="unsupported-registry")
    assert played.run("--registry", f"file://{played.folder}", "status").code == 0


def test_environments_named_twice_are_one(repository_only: Team) -> None:
    made = repository_only.result("init", "--environment", "prod", "--environment", "prod")
    assert made["environments"] == ["prod"]


def test_a_yank_in_json_says_where_the_version_is_live(played: Team) -> None:
    notes = played.result("yank", "refund@1.5.0", "-m", "leaks addresses")["notes"]
    assert isinstance(notes, list)
    assert [note["kind"] for note in notes] == ["still-live", "still-live"]
