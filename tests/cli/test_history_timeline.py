"""``history`` as a timeline, and ``log``: who, when, from what to what, why; by day on a terminal, stable in a pipe."""

from __future__ import annotations

import re

from tests.cli.commandline import Team, records
from tests.cli.terminals import on_a_terminal


def test_on_a_terminal_by_day_with_how_long_ago(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt", "--ticket", "INC-77")
    out = on_a_terminal(played, "--no-color", "history").out

    assert re.match(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \(UTC\)\n     5  \d\d:\d\d:\d\d  ", out)
    assert re.search(r" ago +rollback  Ada  INC-77\n        refund  1\.5\.0 -> 1\.4\.2\n", out)
    assert "        refund@1.5.0 held\n        no receipt\n" in out


def test_one_line_for_a_day(played: Team) -> None:
    out = on_a_terminal(played, "--no-color", "history").out
    days = {str(record["time"])[:10] for record in records(played.result("history"))}
    assert len(re.findall(r"^\w{3} \d{4}-\d\d-\d\d", out, re.MULTILINE)) == len(days)


def test_in_a_pipe_the_whole_time_and_nothing_that_changes(played: Team) -> None:
    first = played.done("history")
    assert first == played.done("history")
    assert " ago" not in first
    assert len(re.findall(r"^ {5}\d  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \w+  Ada$", first, re.MULTILINE)) == 5
    assert " ago" not in played.done("log", "refund")
    assert " ago)" in on_a_terminal(played, "log", "refund").out


def test_colours_beside_words(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    out = on_a_terminal(played, "history").out
    assert re.search(r"\x1b\[31;1mrollback\x1b", out)
    assert re.search(r"\x1b\[35;1mheld\x1b", out)
    assert re.search(r"\x1b\[32;1mpromote\x1b", out)


def test_the_command_that_shows_more(played: Team) -> None:
    out = played.done("history", "-n", "2")
    command = out.splitlines()[-1].partition("older records: repoint ")[2]

    assert command == "history production --limit 10"
    assert len(records(played.result(*command.split()))) == 5
    assert "older records" not in played.done(*command.split())
    assert played.done("history", "--agent", "refund", "-n", "1").endswith("production --agent refund --limit 5\n")
    assert played.done("log", "refund", "-n", "1").endswith("older releases: repoint log refund -n 5\n")
    assert "older" not in played.done("log", "refund", "-n", "4")


def test_at_says_which_generation_and_each_version(played: Team) -> None:
    out = played.done("history", "--at", "2100-01-01T00:00:00Z")

    assert out.startswith("production generation 4 was live at 2100-01-01T00:00:00Z\n")
    assert re.search(r"AGENT +VERSION\n +intake +2\.1\.0\n +refund +1\.5\.0\n", out)


def test_a_move_of_many_agents_is_cut_on_a_terminal_only(played: Team) -> None:
    names = [f"agent-{number:02}" for number in range(15)]
    for name in names:
        played.done("new", name)
        played.publish("One", name)
    played.done("promote", *(f"{name}@0.1.0" for name in names), "--env", "staging")

    assert "and 3 more: --json lists all" in on_a_terminal(played, "history", "staging", "-n", "1").out
    assert played.done("history", "staging", "-n", "1").count("not live -> 0.1.0") == 15
