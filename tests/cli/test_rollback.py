"""``promote`` and ``rollback`` on the command line, in every form of the table of moves (rows 4 to 29)."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.cli.commandline import Json, Team, records, texts


def move(team: Team, *arguments: str) -> Json:
    """A move that must succeed; its result."""
    return team.result(arguments[0], *arguments[1:])


def changes(result: Json) -> list[tuple[str, str | None, str | None]]:
    return [(str(c["agent"]), _text(c["from"]), _text(c["to"])) for c in records(result, "changes")]


def _text(value: object) -> str | None:
    assert value is None or isinstance(value, str)
    return value


def notes(result: Json) -> str:
    return "\n".join(str(n["text"]) for n in records(result, "notes"))


def holds(team: Team, environment: str = "production") -> set[str]:
    found = next(e for e in records(team.result("status"), "environments") if e["environment"] == environment)
    return {f"{h['agent']}@{h['version']}" for h in records(found, "holds")}


# -- promote ---------------------------------------------------------------------------------------------------------


def test_promote_several_in_one_record(played: Team) -> None:
    result = move(
        played, "promote", "refund@1.4.2", "intake@2.1.0", "--env", "staging", "-m", "Both", "--ticket", "T-1"
    )

    assert changes(result) == [("intake", None, "2.1.0"), ("refund", "1.5.0", "1.4.2")]
    assert (result["generation"], result["message"], result["ticket"]) == (2, "Both", "T-1")
    assert played.live("staging") == {"refund": "1.4.2", "intake": "2.1.0"}


def test_promote_to_is_an_alias(played: Team) -> None:
    assert move(played, "promote", "refund@1.4.2", "--to", "staging")["environment"] == "staging"


def test_promote_what_is_live_already(played: Team) -> None:
    result = move(played, "promote", "refund@1.5.0", "--env", "production")

    assert (result["done"], result["id"]) == (False, None)
    assert "since generation 3" in str(result["reason"])
    assert played.generation() == 4


def test_promote_asks_where(played: Team) -> None:
    played.refused(
        "promote", "refund@1.4.2", code=2, kind="environment-required", says=["--env", "staging, production"]
    )
    played.refused("unhold", "refund@1.4.2", code=2, kind="environment-required", says=["--env"])


@pytest.mark.parametrize("ref", ["refund", "refund@latest", "refund@staging", "refund@production~1"])
def test_promote_takes_a_version_only(played: Team, ref: str) -> None:
    played.refused("promote", ref, "--env", "staging", code=2, kind="version-required", says=["AGENT@VERSION"])


def test_promote_one_agent_twice(played: Team) -> None:
    played.refused("promote", "refund@1.4.2", "refund@1.3.2", "--env", "staging", code=2, kind="agent-named-twice")


def test_promote_what_was_never_published(played: Team) -> None:
    failure = played.refused("promote", "refund@1.6.0", "--env", "staging", code=4, kind="no-such-version")
    assert "1.5.0" in str(failure["hint"])


def test_gates_name_the_way_out(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    held = played.refused("promote", "refund@1.5.0", "--env", "production", code=7, kind="held", says=["no receipt"])
    played.done("yank", "refund@1.2.0", "-m", "leaks")
    played.refused("promote", "refund@1.2.0", "--env", "staging", code=7, kind="yanked", says=["leaks"])
    played.done("freeze", "staging", "-m", "release week")
    frozen = played.refused("promote", "refund@1.4.2", "--env", "staging", code=7, kind="frozen", says=["release week"])

    run_hint(played, str(held["hint"]))
    run_hint(played, str(frozen["hint"]))
    played.done("promote", "refund@1.5.0", "--env", "production")
    played.done("promote", "refund@1.4.2", "--env", "staging")


def run_hint(team: Team, hint: str) -> None:
    """Run the first command that a hint prints."""
    found = re.search(r"repoint ([^;\n]*)", hint)
    assert found, hint
    team.done(*shlex.split(found[1]))


def test_all_reasons_at_once(played: Team) -> None:
    played.done("rollback", "refund@1.5.0")
    played.done("yank", "intake@2.1.0", "-m", "bad")
    failure = played.refused("promote", "refund@1.5.0", "intake@2.1.0", "--env", "production", code=7)

    assert "refund 1.5.0 is held" in str(failure["message"])


def test_requires(played: Team) -> None:
    manifest = played.agent() / "agent.toml"
    manifest.write_text(manifest.read_text() + '\n[requires]\nintake = ">=3.0.0"\n')
    played.done("commit", "refund", "-m", "Needs intake 3", "--version", "2.0.0")
    played.refused(
        "promote", "refund@2.0.0", "--env", "production", code=7, kind="requires-broken", says=[">=3.0.0", "2.1.0"]
    )


# -- rollback --------------------------------------------------------------------------------------------------------


def test_get_off_a_version(played: Team) -> None:
    result = move(played, "rollback", "refund@1.5.0", "-m", "no receipt", "--ticket", "INC-77")

    assert changes(result) == [("refund", "1.5.0", "1.4.2")]
    assert (result["action"], result["environment"], result["ticket"]) == ("rollback", "production", "INC-77")
    assert holds(played) == {"refund@1.5.0"}
    assert played.live() == {"refund": "1.4.2", "intake": "2.1.0"}
    (effect,) = records(result, "effect")
    assert (effect["agent"], effect["component"], effect["name"]) == ("refund", "prompt", "system")


def test_twice_does_not_go_one_too_far(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "first")
    again = move(played, "rollback", "refund@1.5.0", "-m", "second")

    assert (again["done"], again["changes"]) == (False, [])
    assert "1.4.2 is, since generation 5" in str(again["reason"])
    assert "by Ada" in str(again["reason"])
    assert "first" in str(again["reason"])
    assert played.generation() == 5


def test_step_by_step_to_the_bottom(played: Team) -> None:
    assert changes(move(played, "rollback", "refund")) == [("refund", "1.5.0", "1.4.2")]
    assert changes(move(played, "rollback", "refund")) == [("refund", "1.4.2", "1.3.2")]
    failure = played.refused("rollback", "refund", code=4, kind="bottom-reached", says=["refund 1.3.2", "1.5.0"])
    assert "repoint rollback refund --env production --to VERSION" in str(failure["hint"])
    assert holds(played) == {"refund@1.5.0", "refund@1.4.2"}


def test_held_and_yanked_versions_are_passed_over_by_name(played: Team) -> None:
    played.done("yank", "refund@1.4.2", "-m", "leaks addresses")
    result = move(played, "rollback", "refund")

    assert changes(result) == [("refund", "1.5.0", "1.3.2")]
    assert "refund 1.4.2 was passed over" in notes(result)
    assert "leaks addresses" in notes(result)


def test_to_a_version(played: Team) -> None:
    played.done("rollback", "refund@1.5.0")
    result = move(played, "rollback", "refund", "--to", "1.3.2")
    back = move(played, "rollback", "refund", "--to", "1.5.0")

    assert changes(result) == [("refund", "1.4.2", "1.3.2")]
    assert changes(back) == [("refund", "1.3.2", "1.5.0")]
    assert "the hold on refund 1.5.0 in production is lifted" in notes(back)
    assert holds(played) == {"refund@1.4.2", "refund@1.3.2"}


def test_to_a_version_that_was_never_live_here(played: Team) -> None:
    failure = played.refused("rollback", "refund", "--to", "1.2.0", code=4, kind="never-live")
    assert failure["hint"] == "promote it: repoint promote refund@1.2.0 --env production"
    played.refused("rollback", "refund", "--to", "9.9.9", code=4, kind="no-such-version")
    played.done("rollback", "refund")
    played.done("yank", "refund@1.5.0", "-m", "bad")
    played.refused("rollback", "refund", "--to", "1.5.0", code=7, kind="yanked", says=["bad"])


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_to_an_environment_is_answered(played: Team, environment: str) -> None:
    for arguments in (["rollback", "refund", "--to", environment], ["rollback", "--to", environment]):
        played.refused(*arguments, code=2, kind="did-you-mean-env", says=[f"did you mean --env {environment}?"])


def test_frozen_is_no_obstacle(played: Team) -> None:
    played.done("freeze", "production", "-m", "release week")
    assert changes(move(played, "rollback", "refund@1.5.0")) == [("refund", "1.5.0", "1.4.2")]


def test_an_unreadable_yank_ledger_is_no_obstacle(played: Team) -> None:
    played.git("update-ref", "refs/heads/repoint/env/registry", "refs/heads/main")
    played.refused("promote", "refund@1.3.2", "--env", "staging", code=9, kind="yanks-unreadable")
    result = move(played, "rollback", "refund@1.5.0")

    assert changes(result) == [("refund", "1.5.0", "1.4.2")]
    assert "yanked versions cannot be read" in notes(result)


def test_a_broken_requires_is_named_with_the_command_that_helps(played: Team) -> None:
    manifest = played.agent("intake") / "agent.toml"
    manifest.write_text(manifest.read_text() + '\n[requires]\nrefund = ">=1.5.0"\n')
    played.done("commit", "intake", "-m", "Needs refund 1.5", "--version", "3.0.0")
    played.done("promote", "intake@3.0.0", "--env", "production")
    result = move(played, "rollback", "refund@1.5.0")

    assert changes(result) == [("refund", "1.5.0", "1.4.2")]
    assert "intake 3.0.0 requires refund >=1.5.0" in notes(result)
    assert "repoint rollback intake@3.0.0 --env production" in notes(result)


def test_nothing_named_lists_the_last_moves_with_what_undoes_each(played: Team) -> None:
    failure = played.refused(
        "rollback",
        code=2,
        kind="nothing-named",
        says=["The last moves of production", "repoint rollback refund@1.5.0 --env production", "Ada", "refund 1.4.2"],
    )
    facts = failure["facts"]
    assert isinstance(facts, dict)
    assert len(facts["moves"]) == 4
    text = str(failure["message"])
    assert text.index("1.4.2 -> 1.5.0") < text.index("1.3.2 -> 1.4.2")

    run_hint(played, text)
    assert played.live()["refund"] == "1.4.2"


def test_nothing_named_in_an_environment_without_moves(played: Team) -> None:
    played.done("init", "--environment", "canary")
    played.refused("rollback", "--env", "canary", code=2, kind="nothing-named", says=["canary", "none yet"])


def test_several_agents_in_one_record(played: Team) -> None:
    played.publish("Intake again", "intake", "--version", "2.2.0")
    played.done("promote", "intake@2.2.0", "--env", "production")
    result = move(played, "rollback", "refund@1.5.0", "intake@2.2.0")

    assert changes(result) == [("intake", "2.2.0", "2.1.0"), ("refund", "1.5.0", "1.4.2")]
    assert played.generation() == 6


def test_one_of_several_is_not_live_any_more(played: Team) -> None:
    """Two engineers, each naming what he saw: the one that is live is left, the other is not gone one too far."""
    played.done("rollback", "refund@1.5.0")
    played.publish("Intake again", "intake", "--version", "2.2.0")
    played.done("promote", "intake@2.2.0", "--env", "production")
    ran = played.run("rollback", "refund@1.5.0", "intake@2.2.0", "--json")

    assert played.live()["refund"] == "1.4.2"
    assert ran.code == 0


def test_one_agent_twice(played: Team) -> None:
    played.refused("rollback", "refund", "refund@1.5.0", code=2, kind="agent-named-twice")


def test_the_whole_environment_to_a_generation(played: Team) -> None:
    result = move(played, "rollback", "--to-generation", "2")

    assert result["action"] == "restore"
    assert changes(result) == [("refund", "1.5.0", "1.4.2")]
    assert "intake 2.1.0 stays live" in notes(result)
    assert holds(played) == set()
    played.refused("rollback", "--to-generation", "99", code=4, kind="no-such-generation", says=["newest is 5"])
    run_hint(played, str(result["undo"]))
    assert played.live()["refund"] == "1.5.0"


def test_the_whole_environment_to_a_time(played: Team) -> None:
    nothing = move(played, "rollback", "--at", "2100-01-01T00:00:00Z")
    ran = played.run("rollback", "--at", "2100-01-01T00:00:00")

    assert nothing["done"] is False
    assert "taken as UTC" in ran.err
    played.refused("rollback", "--at", "1999-01-01T00:00:00Z", code=4, kind="before-first-record")
    played.refused("rollback", "--at", "last night", code=3, kind="invalid-time", says=["RFC 3339"])


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("refund intake --to 1.4.2", "one-agent"),
        ("--to 1.4.2", "one-agent"),
        ("refund --to 1.4.2 --to-generation 2", "exclusive-options"),
        ("--to-generation 2 --at 2026-01-01T00:00:00Z", "exclusive-options"),
        ("refund --to-generation 2", "whole-environment"),
        ("refund --at 2026-01-01T00:00:00Z", "whole-environment"),
        ("refund@latest", "version-required"),
        ("refund@production", "version-required"),
        ("refund@production~1", "version-required"),
        ("--to-generation -1", "usage"),
        ("--to-generation x", "usage"),
    ],
)
def test_forms_that_are_none(played: Team, arguments: str, kind: str) -> None:
    played.refused("rollback", *arguments.split(), code=2, kind=kind)


def test_agents_and_versions_that_are_not_there(played: Team) -> None:
    played.refused("rollback", "refnd", code=4, says=["refnd", "refund"])
    played.refused("rollback", "refund@9.9.9", code=4, kind="no-such-version", says=["9.9.9"])
    played.refused("rollback", "intake@2.1.0", "--env", "staging", code=4, says=["intake", "staging"])
    played.refused("rollback", "intake", code=4, kind="bottom-reached", says=["intake 2.1.0"])


def test_another_environment(played: Team) -> None:
    played.done("promote", "refund@1.4.2", "--env", "staging")
    result = move(played, "rollback", "refund@1.4.2", "--env", "staging")

    assert changes(result) == [("refund", "1.4.2", "1.5.0")]
    assert played.live()["refund"] == "1.5.0"


def test_a_dry_run_changes_nothing_and_says_the_same(played: Team) -> None:
    planned = move(played, "rollback", "refund@1.5.0", "--dry-run")
    text = played.done("rollback", "refund@1.5.0", "--dry-run")

    assert (planned["done"], planned["dry_run"]) == (False, True)
    assert "would be production generation 5" in text
    assert played.generation() == 4
    done = move(played, "rollback", "refund@1.5.0")
    for key in ("changes", "notes", "effect", "generation", "action"):
        assert done[key] == planned[key]


def test_what_a_rollback_prints(played: Team) -> None:
    """Design section 5: what moved, how long it was live, who left it and why, what changes, how to undo it."""
    out = played.done("rollback", "refund@1.5.0", "-m", "no receipt")

    assert "refund  1.5.0 -> 1.4.2" in out
    assert re.search(r"refund 1\.4\.2 was live for .*Ada.*Roll out 1\.5\.0", out, re.DOTALL)
    assert "prompt" in out
    assert "to undo: repoint rollback refund --env production --to 1.5.0" in out
    assert "repoint unhold refund@1.5.0 --env production" in out


def test_undo_of_a_rollback_and_of_a_promote(played: Team) -> None:
    rolled_back = move(played, "rollback", "refund@1.5.0")
    run_hint(played, str(rolled_back["undo"]))
    assert played.live()["refund"] == "1.5.0"
    promoted = move(played, "promote", "refund@1.2.0", "--env", "production")
    assert promoted["undo"] == "repoint rollback refund@1.2.0 --env production"
    run_hint(played, str(promoted["undo"]))
    assert played.live()["refund"] == "1.5.0"


def test_without_gates_prompts_or_a_terminal(played: Team) -> None:
    """Standard input is closed to it, nothing is asked, and no working copy is needed."""
    played.git("rm", "--quiet", "-r", "--cached", "agents")
    for path in sorted((played.folder / "agents").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    ran = played.start("rollback", "refund@1.5.0")

    assert ran.code == 0, ran
    assert played.live()["refund"] == "1.4.2"


# -- flags -----------------------------------------------------------------------------------------------------------


def test_flags_that_are_set_already(played: Team) -> None:
    for once in (["freeze", "staging", "-m", "x"], ["yank", "refund@1.2.0", "-m", "x"]):
        assert move(played, *once)["done"] is True
        assert move(played, *once)["done"] is False
    for once in (["unfreeze", "staging"], ["unyank", "refund@1.2.0"], ["unhold", "refund@1.4.2", "--env", "staging"]):
        move(played, *once)
        assert move(played, *once)["done"] is False


def test_a_yank_says_where_it_is_live(played: Team) -> None:
    out = played.done("yank", "refund@1.5.0", "-m", "leaks")

    assert "refund 1.5.0 is yanked" in out
    assert "repoint rollback refund@1.5.0 --env production" in out
    assert "repoint rollback refund@1.5.0 --env staging" in out
    assert "refund 1.5.0 is not yanked any more" in played.done("unyank", "refund@1.5.0")
    played.done("yank", "refund@1.5.0", "-m", "leaks")
    assert "leaks" in played.done("list", "refund") + played.done("status")
    run = played.result("show", "refund@latest")["release"]
    assert isinstance(run, dict)
    assert run["version"] == "1.4.2"


def test_moves_of_unknown_versions(played: Team) -> None:
    played.refused("yank", "refund@9.9.9", "-m", "x", code=4, kind="no-such-version")
    played.refused("yank", "refund", "-m", "x", code=2, kind="version-required")


def test_every_move_is_in_the_history_with_who_and_why(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt", "--ticket", "INC-77")
    (record,) = records(played.result("history", "-n", "1"))
    text = played.done("history", "-n", "1")

    assert (record["action"], record["message"], record["ticket"]) == ("rollback", "no receipt", "INC-77")
    for part in ("rollback", "Ada", "INC-77", "no receipt", "1.5.0 -> 1.4.2"):
        assert part in text
    assert texts(played.result("status"), "pending") == []
