"""A name that does not exist: the error names what was probably meant, and what is there."""

from __future__ import annotations

import pytest

from tests.cli.commandline import Team

NEAR = [
    (["show", "refnd@1.5.0"], 4, "did you mean refund?"),
    (["log", "refund-eu"], 4, "did you mean refund?"),
    (["list", "xyz"], 4, "agents here: intake, refund"),
    (["status", "intak"], 4, "did you mean intake?"),
    (["show", "refund@1.4.9"], 4, "did you mean refund@1.4.2"),
    (["show", "refund@9.9.9"], 4, "did you mean refund@1.5.0"),
    (["show", "refund@0.0.1"], 4, "refund has 1.5.0, 1.4.2, 1.3.2, 1.2.0"),
    (["promote", "refund@1.3.3", "--env", "production"], 4, "did you mean refund@1.3.2"),
    (["rollback", "refund@1.5.1"], 4, "did you mean refund@1.5.0"),
    (["rollback", "refnd"], 4, "did you mean refund?"),
    (["rollback", "refund", "--env", "prod"], 4, "did you mean production?"),
    (["show", "refund@stagin"], 4, "did you mean staging?"),
    (
        ["freeze", "qa", "-m", "x"],
        4,
        "environments here: staging, production; a new one: repoint init --environment qa",
    ),
    (["unhold", "refund@7.7.7", "--env", "production"], 4, "did you mean refund@1.5.0"),
    (["unyank", "refund@7.7.7"], 4, "did you mean refund@1.5.0"),
    (["history", "staging", "--agent", "intake"], 4, "repoint promote intake@2.1.0 --env staging"),
    (["rollback", "refund", "--to", "staging"], 2, "repoint rollback refund --env staging"),
    (["rollback", "refund", "--environment", "staging"], 2, "Did you mean --env?"),
    (["list", "--limt", "3"], 2, "Did you mean --limit"),
    (["freeze", "production"], 2, 'as in: repoint freeze production -m "release week"'),
    (["show"], 2, "as in: repoint show refund@1.4.2"),
    (["rollback", "--at", "2020-01-01T00:00:00Z"], 4, "repoint history lists every move with its time"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), NEAR, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_what_was_probably_meant(played: Team, arguments: list[str], code: int, says: str) -> None:
    hint_and_message = played.refused(*arguments, code=code)
    assert says in f"{hint_and_message['message']} {hint_and_message['hint']}"


def test_an_agent_without_a_version_yet(played: Team) -> None:
    played.done("new", "billing")
    played.refused("log", "billing", code=4, says=["repoint commit billing -m TEXT publishes the first"])


def test_a_long_list_is_cut_with_the_command_that_shows_all(played: Team) -> None:
    for number in range(7):
        played.publish(f"Prompt {number}", "intake", "--version", f"3.{number}.0")
    failure = played.refused("show", "intake@9.9.9", code=4)
    assert str(failure["hint"]).endswith("intake has 3.6.0, 3.5.0, 3.4.0, 3.3.0, 3.2.0 and 3 more: repoint list intake")


@pytest.mark.parametrize("name", ["a" * 5000, "\u202erefund"])
def test_names_that_are_no_names(played: Team, name: str) -> None:
    played.refused("list", name, code=3, kind="invalid-agent-name")


@pytest.mark.parametrize(
    "at",
    ["2100-01-01t00:00:00z", "2100-01-01 00:00:00Z", "2100-01-01T00:00Z", "2100-01-01T00:00:00.5+05:30"],
)
def test_times_in_every_form_of_rfc_3339(played: Team, at: str) -> None:
    assert played.run("history", "--at", at).code == 0


@pytest.mark.parametrize("at", ["now", "2100-W01-1", "21000101T000000Z", "2100-13-01", "2100-01-01T25:00Z", "", "2100"])
def test_times_in_no_form_of_it(played: Team, at: str) -> None:
    played.refused("history", "--at", at, code=3, kind="invalid-time")


def test_a_path_with_a_line_feed_is_said_to_be_the_reason(repository_only: Team) -> None:
    folder = repository_only.folder.with_name("two\nlines")
    repository_only.folder.rename(folder)
    Team(folder).refused("init", code=3, kind="line-feed-in-path", says=["line feed"])
    Team(folder).refused("status", code=3, kind="line-feed-in-path")
