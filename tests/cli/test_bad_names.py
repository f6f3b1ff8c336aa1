"""Names that nobody should be able to give: each refused with what is wrong and what to write, and nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.cli.commandline import Team, everything, is_safe, records

BAD_AGENTS = {
    "empty": "",
    "too long": "a" * 64,
    "far too long": "a" * 100_000,
    "slash": "pay/refund",
    "parent": "..",
    "above": "../refund",
    "inner dots": "re..fund",
    "lock": "refund.lock",
    "leading minus": "-refund",
    "blank": "re fund",
    "blank at the end": "refund ",
    "line feed": "refund\n",
    "tab": "re\tfund",
    "escape": "re\x1b[31mfund",
    "control": "re\x9bfund",
    "capital": "Refund",
    "cyrillic look-alike": "r\u0435fund",
    "full width": "\uff52efund",
    "bidi override": "re\u202efund",
    "zero width": "re\u200bfund",
    "emoji": "refund\U0001f4b8",
    "combining": "refu\u0308nd",
    "git": ".git",
    "tilde": "refund~1",
    "caret": "refund^",
    "colon": "c:refund",
    "star": "ref*",
    "backslash": "re\\fund",
}

TAKES_AGENT: dict[str, Callable[[str], list[str]]] = {
    "new": lambda name: ["new", "--", name],
    "commit": lambda name: ["commit", "-m", "x", "--", name],
    "check": lambda name: ["check", "--", name],
    "list": lambda name: ["list", "--", name],
    "log": lambda name: ["log", "--", name],
    "show": lambda name: ["show", "--", f"{name}@1.5.0"],
    "diff": lambda name: ["diff", "--", f"{name}@1.4.2", f"{name}@1.5.0"],
    "export": lambda name: ["export", "--", f"{name}@1.5.0", "out"],
    "promote": lambda name: ["promote", "--env", "staging", "--", f"{name}@1.4.2"],
    "rollback": lambda name: ["rollback", "--", name],
    "rollback version": lambda name: ["rollback", "--", f"{name}@1.5.0"],
    "yank": lambda name: ["yank", "-m", "x", "--", f"{name}@1.5.0"],
    "unhold": lambda name: ["unhold", "--env", "production", "--", f"{name}@1.5.0"],
    "history": lambda name: ["history", f"--agent={name}"],
}


@pytest.mark.parametrize("name", BAD_AGENTS.values(), ids=BAD_AGENTS)
def test_agent_names(played: Team, name: str) -> None:
    for arguments in (TAKES_AGENT["new"](name), TAKES_AGENT["commit"](name), TAKES_AGENT["promote"](name)):
        failure = played.refused(*arguments, code=3, kind="invalid-agent-name", says=["is not an agent name", "a-z"])
        assert len(str(failure["message"])) < 400


@pytest.mark.parametrize("command", TAKES_AGENT)
@pytest.mark.parametrize("name", ["../refund", "r\u0435fund"], ids=["above", "look-alike"])
def test_every_command_refuses_them(played: Team, command: str, name: str) -> None:
    played.refused(*TAKES_AGENT[command](name), code=3, kind="invalid-agent-name", says=["hint: use 1 to 63"])


def test_a_name_with_a_leading_minus_is_no_option(played: Team) -> None:
    played.refused("new", "-refund", code=2, says=["-r"])
    played.refused("rollback", "--refund", code=2, says=["--refund"])


BAD_VERSIONS = {
    "empty": "",
    "two numbers": "1.2",
    "four numbers": "1.2.3.4",
    "leading zero": "01.2.3",
    "build metadata": "1.2.3+build.5",
    "lock": "1.2.3-rc.lock",
    "slash": "1.2.3/4",
    "parent": "1.2.3-..",
    "blank": "1.2.3 ",
    "line feed": "1.2.3\n",
    "escape": "1.2.3-\x1b[31m",
    "digits of another script": "1.\u0662.3",
    "full width": "\uff11.2.3",
    "too long": "1.2.3-" + "a" * 130,
    "enormous": "1.2." + "9" * 200,
    "word": "newest",
    "leading minus": "-1.2.3",
    "bidi": "1.2.3-\u202erc",
}


@pytest.mark.parametrize("version", BAD_VERSIONS.values(), ids=BAD_VERSIONS)
def test_versions(played: Team, version: str) -> None:
    played.write_prompt("Changed\n")
    for arguments in (
        ["commit", "refund", "-m", "x", f"--version={version}"],
        ["rollback", "refund", f"--to={version}"],
    ):
        played.refused(*arguments, code=3, kind="invalid-version", says=["is not a version", "hint: "])


def test_a_v_in_front_is_explained(played: Team) -> None:
    played.refused("show", "refund@v1.5.0", code=3, says=["without the v: 1.5.0"])
    played.refused("commit", "refund", "-m", "x", "--version", "v2.0.0", code=3, says=["without the v: 2.0.0"])


BAD_REFS = {
    "no version": "refund@",
    "two": "refund@1.5.0@1.4.2",
    "steps of what": "refund@production~",
    "negative steps": "refund@production~-1",
    "many steps": "refund@production~" + "9" * 30,
    "working": "refund@working",
    "registry": "refund@registry",
    "slash": "refund@production/x",
    "branch": "refund@refs/heads/main",
    "latest steps": "refund@latest~1",
    "blank": "refund@ production",
    "other digits": "refund@production~\u0661",
    "escape": "refund@\x1b]0;pwned\x07",
    "reversed": "refund@\u202enoitcudorp",
    "empty": "",
    "only at": "@1.5.0",
}


@pytest.mark.parametrize("ref", BAD_REFS.values(), ids=BAD_REFS)
def test_refs(played: Team, ref: str) -> None:
    for arguments in (["show", "--", ref], ["diff", "--", "refund@1.5.0", ref], ["export", "--", ref, "out"]):
        played.refused(*arguments, code=3, says=["hint: "])


def test_refs_that_name_nothing(played: Team) -> None:
    played.refused("show", "refund@9.9.9", code=4, says=["refund has no version 9.9.9", "1.5.0"])
    played.refused("show", "refunds@1.5.0", code=4, says=["refunds"])
    played.refused("show", "refund@production~9", code=4, says=["refund", "~9"])
    played.refused("show", "refund@canary", code=4, says=["canary", "staging, production"])
    played.refused("show", "intake@staging", code=4, says=["intake", "staging"])
    played.refused("show", "refund", code=2, kind="version-required", says=["repoint list refund"])
    played.refused("log", "refun", code=4, says=["refund"])


BAD_ENVIRONMENTS = {
    "empty": "",
    "too long": "e" * 64,
    "slash": "eu/production",
    "parent": "..",
    "lock": "production.lock",
    "leading minus": "-production",
    "leading digit": "1production",
    "blank": "pro duction",
    "line feed": "production\n",
    "escape": "production\x1b[2J",
    "capital": "Production",
    "look-alike": "pr\u043eduction",
    "reserved latest": "latest",
    "reserved working": "working",
    "reserved registry": "registry",
}


@pytest.mark.parametrize("name", BAD_ENVIRONMENTS.values(), ids=BAD_ENVIRONMENTS)
def test_environments(played: Team, name: str) -> None:
    for arguments in (
        ["promote", "refund@1.4.2", f"--env={name}"],
        ["rollback", "refund@1.5.0", f"--env={name}"],
        ["freeze", "-m", "x", "--", name],
        ["unfreeze", "--", name],
        ["init", f"--environment={name}"],
    ):
        played.refused(*arguments, code=3, says=["environment", "hint: "])


def test_an_environment_that_is_not_there(played: Team) -> None:
    for arguments in (["promote", "refund@1.4.2", "--env", "prod"], ["rollback", "refund", "--env", "prod"]):
        played.refused(
            *arguments, code=4, kind="no-such-environment", says=["no environment prod", "staging, production"]
        )


BAD_MESSAGES = {
    "escape": "fixed \x1b[31mit",
    "bell": "fixed\x07",
    "c1": "fixed \x9b31m",
    "bidi": "fixed \u202eti",
    "tag characters": "fixed \U000e0041",
    "too long": "x" * 70_000,
    "a secret": "use AKIAQ3EGRIVNPUKQDTHW",
}


@pytest.mark.parametrize("message", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_messages_and_tickets(played: Team, message: str) -> None:
    played.write_prompt("Changed\n")
    for arguments in (
        ["commit", "refund", "-m", message],
        ["rollback", "refund@1.5.0", "-m", message],
        ["promote", "refund@1.4.2", "--env", "staging", "-m", message],
        ["commit", "refund", "-m", "x", "--ticket", message],
        ["rollback", "refund@1.5.0", "--ticket", message],
        ["freeze", "production", "-m", message],
    ):
        failure = played.refused(*arguments, code=3, says=["hint: "])
        assert "AKIAQ3EGRIVNPUKQDTHW" not in str(failure)


@pytest.mark.parametrize("actor", ["Kim", "<kim@x>", "Kim <>", "Kim <kim@x> x", "Kim\x1b[31m <k@x>", "Kim <k\x9b@x>"])
def test_actors(played: Team, monkeypatch: pytest.MonkeyPatch, actor: str) -> None:
    monkeypatch.setenv("REPOINT_ACTOR", actor)
    played.write_prompt("Changed\n")
    played.refused("commit", "refund", "-m", "x", code=3, says=["hint: "])
    played.refused("promote", "refund@1.4.2", "--env", "staging", code=3, says=["hint: "])

    rolled_back = played.run("rollback", "refund@1.5.0")

    assert rolled_back.code == 0, "a rollback never stops for the name of whoever asks for it"
    assert rolled_back.err.startswith("warning: ")
    assert is_safe(rolled_back.err)
    (record,) = records(played.result("history", "-n", "1"))
    assert actor not in str(record["actor"])


@pytest.mark.parametrize("pre", ["", "rc.1", "1", "r c", "rc/1", "..", "\u0440\u0441", "rc\n"])
def test_series_of_pre_releases(played: Team, pre: str) -> None:
    played.write_prompt("Changed\n")
    played.refused("commit", "refund", "-m", "x", f"--pre={pre}", code=3, kind="invalid-pre", says=["--pre rc"])


def test_arguments_that_are_not_utf_8(played: Team) -> None:
    bad = os.fsdecode(b"\xff\xfe")
    for arguments in (["new", bad], ["show", f"refund@{bad}"], ["rollback", "refund@1.5.0", "-m", bad]):
        before = everything(played.folder)
        ran = played.start(*arguments, "--json")
        assert ran.code == 3, ran
        assert ran.failure["hint"]
        assert everything(played.folder) == before
