"""Every command, as text and with ``--json``: one object that fits its published schema, and errors likewise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from repoint_cli.commands import COMMANDS

from tests.cli.commandline import Team, check_schema, records, run_here, texts

CALLS: dict[str, list[list[str]]] = {
    "init": [[], ["--environment", "staging", "--environment", "canary"]],
    "new": [["billing"]],
    "check": [[], ["refund"]],
    "status": [[]],
    "commit": [["refund", "-m", "Same again"], ["refund", "-m", "x", "--dry-run"]],
    "list": [[], ["refund", "-n", "2"]],
    "log": [["refund"], ["refund", "-n", "1"]],
    "show": [["refund@1.4.2"], ["refund@production~1"], ["refund@latest"]],
    "diff": [["refund@1.4.2", "refund@1.5.0"], ["refund"], ["refund@production", "--stat"]],
    "export": [["refund@production", "out"]],
    "promote": [["refund@1.4.2", "--env", "staging"], ["refund@1.4.2", "--env", "staging", "--dry-run"]],
    "rollback": [["refund@1.5.0"], ["refund", "--dry-run"], ["--to-generation", "2"], ["refund@1.3.2"]],
    "history": [[], ["staging"], ["--agent", "refund", "--limit", "2"], ["--at", "2100-01-01T00:00:00Z"]],
    "unhold": [["refund@1.4.2", "--env", "production"]],
    "yank": [["refund@1.2.0", "-m", "leaks addresses"]],
    "unyank": [["refund@1.2.0"]],
    "freeze": [["production", "-m", "release week"]],
    "unfreeze": [["production"]],
    "verify": [[], ["--deep"]],
    "doctor": [[]],
    "sync": [[]],
}
"""Calls that succeed in the played registry."""

EACH = [(name, call) for name, calls in CALLS.items() for call in calls]


def test_every_command_is_called() -> None:
    # resolve: see test_resolve; migrate needs another store: see test_shared; run becomes another program: see test_run
    assert {*CALLS, "completion", "resolve", "migrate", "run"} == set(COMMANDS)


@pytest.mark.parametrize(("command", "arguments"), EACH, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_json_is_one_object_that_fits_its_schema(played: Team, command: str, arguments: list[str]) -> None:
    after = played.run(command, *arguments, "--json")

    assert (after.code, after.err) == (0, ""), after
    check_schema(command, after.json)


@pytest.mark.parametrize(("command", "arguments"), EACH, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_text_says_something_readable(played: Team, command: str, arguments: list[str]) -> None:
    ran = played.run(command, *arguments)

    assert (ran.code, ran.err) == (0, ""), ran
    assert ran.out.strip()
    assert "\x1b" not in ran.out
    assert all(line == line.rstrip() for line in ran.out.splitlines()), ran.out
    assert not ran.out.startswith("{")


@pytest.mark.parametrize("command", [c for c in CALLS if c not in ("init", "doctor", "status", "check", "history")])
def test_quiet_and_json_together_still_print_the_object(played: Team, command: str) -> None:
    ran = played.run("-q", command, *CALLS[command][0], "--json")

    assert ran.code == 0
    check_schema(command, ran.json)


@pytest.mark.parametrize("command", ["status", "list", "show", "history", "rollback"])
def test_json_before_and_after_the_command_is_the_same(played: Team, command: str) -> None:
    arguments = ["refund", "--dry-run"] if command == "rollback" else CALLS[command][0]
    before = played.run("--json", command, *arguments)
    after = played.run(command, *arguments, "--json")

    assert (before.code, before.err) == (after.code, after.err) == (0, "")
    changing = ("id", "time")
    assert {k: v for k, v in before.json.items() if k not in changing} == {
        k: v for k, v in after.json.items() if k not in changing
    }


def test_as_a_process_of_its_own(played: Team) -> None:
    ran = played.start("status", "--json")
    failed = played.start("show", "refund@9.9.9", "--json")
    wrong = played.start("show", "--json")

    assert (ran.code, ran.err) == (0, "")
    check_schema("status", ran.json)
    assert (failed.code, failed.out, failed.failure["kind"]) == (4, "", "no-such-version")
    assert (wrong.code, wrong.out, wrong.failure["kind"]) == (2, "", "usage")


USAGE = [
    ["frobnicate"],
    ["show"],
    ["show", "refund@1.4.2", "extra"],
    ["list", "--limit", "none"],
    ["list", "-n", "0"],
    ["--frob", "status"],
    ["commit", "refund"],
    ["commit", "refund", "-m", "x", "--bump", "huge"],
    ["freeze", "production"],
    ["diff", "refund", "--format", "pdf"],
    ["rollback", "refund", "--to-generation"],
    ["promote"],
    ["completion", "tcsh"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_errors_are_objects_too(played: Team, arguments: list[str]) -> None:
    failure = played.refused(*arguments, code=2, kind="usage")

    hint = failure["hint"]
    assert isinstance(hint, str)
    assert "--help" in hint


def test_a_near_miss_of_a_command_is_suggested(played: Team) -> None:
    played.refused("rolback", "refund", code=2, says=["'rolback'", "rollback"])
    assert "did you mean" in played.run("list", "--limt", "3").err.lower()


def test_no_command_at_all_shows_the_help() -> None:
    ran = run_here()

    assert ran.out.startswith("Usage: repoint")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("command", ["commit refund", "yank refund@1.2.0", "freeze production"])
@pytest.mark.parametrize("message", ["", "  ", "\n\t"])
def test_a_message_that_is_required_must_say_something(played: Team, command: str, message: str) -> None:
    played.refused(*command.split(), "-m", message, code=3, kind="invalid-message", says=["-m"])


def test_json_of_diff_by_format_is_the_same_object(played: Team) -> None:
    one = played.run("diff", "refund@1.4.2", "refund@1.5.0", "--format", "json")
    other = played.run("diff", "refund@1.4.2", "refund@1.5.0", "--json")

    assert one == other


# -- what the results say -------------------------------------------------------------------------------------------


def test_init_names_registry_and_authority(repository_only: Team) -> None:
    done = repository_only.result("init")
    again = repository_only.result("init")

    assert done["authority"] == "local"
    assert texts(done, "created") == ["repoint.toml", "environment staging", "environment production"]
    assert (again["registry"], again["created"]) == (done["registry"], [])
    assert str(done["registry"]) in (repository_only.folder / "repoint.toml").read_text()


def test_commit_names_version_previous_and_reasons(fresh: Team) -> None:
    first = fresh.result("commit", "refund", "-m", "First")
    same = fresh.result("commit", "refund", "-m", "Again")
    fresh.write_prompt("Something else\n")
    planned = fresh.result("commit", "refund", "-m", "Second", "--dry-run")
    second = fresh.result("commit", "refund", "-m", "Second")

    assert (first["version"], first["previous"], first["created"]) == ("0.1.0", None, True)
    assert (same["version"], same["created"], same["snapshot"]) == ("0.1.0", False, first["snapshot"])
    assert (planned["version"], planned["created"], planned["dry_run"]) == ("0.2.0", False, True)
    assert (second["version"], second["previous"], second["created"]) == ("0.2.0", "0.1.0", True)
    assert second["snapshot"] == planned["snapshot"]
    bump = second["bump"]
    assert isinstance(bump, dict)
    assert bump["level"] == "minor"
    assert "prompt system" in bump["reasons"][0]
    assert fresh.git("tag", "-l").split() == ["refund@v0.1.0", "refund@v0.2.0"]


def test_list_has_the_newest_first_and_where_each_is_live(played: Team) -> None:
    rows = records(played.result("list", "refund"), "versions")

    assert [r["version"] for r in rows] == ["1.5.0", "1.4.2", "1.3.2", "1.2.0"]
    assert [live["environment"] for live in records(rows[0], "live")] == ["staging", "production"]
    assert rows[1]["live"] == []


def test_show_carries_the_release_and_the_manifest_as_text(played: Team) -> None:
    result = played.result("show", "refund@production~1")

    release = result["release"]
    assert isinstance(release, dict)
    assert (release["version"], release["tag"]) == ("1.4.2", "refund@v1.4.2")
    assert result["manifest"] == (played.agent() / "agent.toml").read_text()


def test_diff_says_what_changed_and_exit_code_is_asked_for(played: Team) -> None:
    result = played.result("diff", "refund@1.4.2", "refund@1.5.0", "--exit-code", code=1)
    same = played.result("diff", "refund@1.5.0", "refund@staging", "--exit-code")

    (change,) = records(result, "changes")
    assert (change["component"], change["name"]) == ("prompt", "system")
    assert same["changes"] == []


def test_check_finds_and_exits_with_1(played: Team) -> None:
    played.write_prompt("Key: AKIAQ3EGRIVNPUKQDTHW\n")
    result = played.result("check", "refund", code=1)
    text = played.run("check", "refund")

    (finding,) = records(result, "findings")
    assert (finding["rule"], finding["path"], finding["line"]) == ("secret", "agents/refund/prompts/system.md", 1)
    assert "agents/refund/prompts/system.md:1: error[secret]:" in text.out
    assert "AKIAQ3EGRIVNPUKQDTHW" not in text.out + text.err


def test_history_pages_and_reads_a_moment(played: Team) -> None:
    newest = played.result("history", "-n", "2")
    all_of_them = played.result("history", "-n", "100")
    then = played.result("history", "--at", "2100-01-01T00:00:00Z")

    assert [r["generation"] for r in records(newest)] == [4, 3]
    assert newest["more"] is True
    assert [r["generation"] for r in records(all_of_them)] == [4, 3, 2, 1, 0]
    assert all_of_them["more"] is False
    assert [r["generation"] for r in records(then)] == [4]
    played.refused("history", "--at", "1999-01-01T00:00:00Z", code=4, says=["1999-01-01"])
    played.refused("history", "staging", "--agent", "intake", code=4, kind="agent-not-live", says=["intake", "refund"])
    played.refused("history", "--agent", "refund", "--at", "2100-01-01", code=2, kind="exclusive-options")
    played.refused("history", "--at", "yesterday", code=3, says=["yesterday", "RFC 3339"])


def test_verify_counts_what_it_checked(played: Team) -> None:
    result = played.result("verify", "--deep")

    checked = result["checked"]
    assert isinstance(checked, dict)
    assert sum(checked.values()) > 0
    assert (result["findings"], result["deep"]) == ([], True)


def test_an_environment_that_cannot_be_read_is_shown_and_is_an_error(played: Team) -> None:
    played.git("update-ref", "refs/heads/repoint/env/staging", "refs/heads/main")
    ran = played.run("status", "--json")

    check_schema("status", ran.json)
    by_name = {str(e["environment"]): e for e in records(ran.json, "environments")}
    assert by_name["staging"]["error"]
    assert by_name["production"]["error"] is None
    assert ran.code == 8
    assert json.loads(ran.err)["error"]["exit_code"] == 8


# -- where the command looks -----------------------------------------------------------------------------------------


def registry_forms(team: Team) -> list[Callable[[], list[str]]]:
    return [lambda: ["--registry", str(team.folder)], lambda: ["--registry", team.folder.as_uri()]]


@pytest.mark.parametrize("form", [0, 1])
def test_a_registry_by_its_address_needs_no_repoint_toml(played: Team, tmp_path: Path, form: int) -> None:
    (played.folder / "repoint.toml").unlink()
    ran = Team(tmp_path).run(*registry_forms(played)[form](), "list", "refund", "--json")

    assert ran.code == 0, ran
    check_schema("list", ran.json)


def test_a_registry_from_the_environment_variable(played: Team, tmp_path: Path) -> None:
    ran = Team(tmp_path).start("list", "--json", env={"REPOINT_REGISTRY": str(played.folder)})

    assert ran.code == 0, ran
    check_schema("list", ran.json)


def test_a_registry_that_cannot_be_reached(played: Team) -> None:
    played.refused("--registry", "ftp://acme/agents", "list", code=9, kind="unsupported-registry", says=["ftp://acme"])
    played.refused("--registry", "s3://acme/agents", "list", code=9, kind="s3-settings", says=["credentials"])


def test_from_a_folder_below_the_root(played: Team) -> None:
    ran = played.start("show", "refund@1.4.2", "--json", cwd=played.agent())

    assert ran.code == 0, ran


def test_a_folder_that_is_not_there(played: Team) -> None:
    ran = played.run("-C", "nowhere", "status", "--json")

    assert ran.code in (4, 9)
    assert "nowhere" in str(ran.failure["message"])
