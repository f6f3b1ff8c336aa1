"""Help that teaches: a first path, what each command does and does not do, examples, where to look next."""

from __future__ import annotations

import re

import pytest

from repoint_cli.commands import COMMANDS

from tests.cli.commandline import Team, run_here


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"check", "commit", "diff"}))
def test_every_command_explains_itself(name: str) -> None:
    text = run_here(name, "--help").out
    summary, _, rest = text.partition("\n\n")[2].partition("\n\n")

    assert summary.strip().endswith((".", ":")), summary
    assert "\n" not in summary.strip(), "one line says the effect"
    assert len(re.findall(r"^ +(?:eval \"\$\()?repoint ", text, re.MULTILINE)) >= 1, "examples"
    assert "see repoint --help" in rest, "the options of every command are named in one line"
    assert "--registry" not in text


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"check", "commit", "diff", "completion"}))
def test_every_command_names_what_to_look_at_next(name: str) -> None:
    assert "See also: " in run_here(name, "--help").out


def test_the_help_of_all_begins_with_a_first_session() -> None:
    text = run_here("--help").out
    path = [line.split()[1] for line in text.partition("Start here:")[2].partition("\n\n")[0].splitlines() if line]

    assert path == ["init", "new", "commit", "promote", "rollback"]
    assert text.index("Start here:") < text.index("rollback    ") < text.index("Options:") < text.index("Exit codes:")


def test_the_first_session_can_be_followed(repository_only: Team) -> None:
    text = run_here("--help").out
    for line in text.partition("Start here:")[2].partition("\n\n")[0].splitlines():
        command = re.split(r"  +", line.strip())[0]
        if not command or command.startswith("repoint rollback"):
            continue
        arguments = [word.strip('"') for word in command.split()[1:]]
        assert repository_only.run(*arguments).code == 0, command
    assert repository_only.live() == {"refund": "0.1.0"}


@pytest.mark.parametrize("name", ["rollback", "list", "promote"])
def test_help_of_a_command_is_its_help_option(name: str) -> None:
    assert run_here("help", name).out == run_here(name, "--help").out


def test_help_alone_is_the_help_of_all() -> None:
    assert run_here("help").out == run_here("--help").out == run_here("help", "help").out


def test_help_of_a_command_that_is_none(played: Team) -> None:
    played.refused("help", "rolback", code=2, kind="usage", says=["Did you mean rollback?"])


@pytest.mark.parametrize(
    ("word", "meant"), [("deploy", "promote"), ("undo", "rollback"), ("publish", "commit"), ("hist", "history")]
)
def test_words_of_other_tools(played: Team, word: str, meant: str) -> None:
    played.refused(word, code=2, kind="usage", says=[f"Did you mean {meant}"])
