"""What a terminal gets and what a pipe gets: colours, pager, widths, and nothing that plays tricks on either."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from repoint_cli.commands import COMMANDS

from tests.cli.commandline import Team, is_safe, run_here
from tests.cli.terminals import on_a_terminal, program_on_a_terminal

EVIL = (
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202etxt.exe \u2066x\u2069 \u200bzero \u2028line \U000e0041tag "
    "\x00nul \x7fdel \r over"
)
"""Colours, a window title, a C1 control, bidirectional overrides, invisibles, a carriage return."""

READS = [
    ["status"],
    ["list"],
    ["list", "refund"],
    ["log", "refund"],
    ["show", "refund@1.5.0"],
    ["diff", "refund@1.4.2", "refund@1.5.0"],
    ["history"],
    ["rollback", "--dry-run", "refund@1.5.0"],
    ["verify", "--deep"],
    ["doctor"],
]


# -- colours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", READS, ids=" ".join)
def test_no_colours_in_a_pipe(played: Team, arguments: list[str]) -> None:
    ran = played.start(*arguments, env={"TERM": "xterm-256color", "CLICOLOR": "1"})

    assert ran.code == 0
    assert is_safe(ran.out)
    assert is_safe(ran.err)


@pytest.mark.parametrize("arguments", [["status"], ["list"], ["log", "refund"], ["history"]], ids=" ".join)
def test_colours_on_a_terminal(played: Team, arguments: list[str]) -> None:
    assert "\x1b[3" in on_a_terminal(played, *arguments).out


@pytest.mark.parametrize(
    ("env", "options"),
    [
        ({"NO_COLOR": "1"}, []),
        ({"TERM": "dumb"}, []),
        ({}, ["--no-color"]),
        ({}, ["--json"]),
    ],
    ids=["NO_COLOR", "TERM=dumb", "--no-color", "--json"],
)
def test_no_colours_where_nobody_wants_them(played: Team, env: dict[str, str], options: list[str]) -> None:
    for command in ("status", "history"):
        assert is_safe(on_a_terminal(played, *options, command, env=env).out)
        assert is_safe(on_a_terminal(played, command, *options, env=env).out)
    assert is_safe(on_a_terminal(played, "show", "refund@9.9.9", *options, env=env).out)


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE"])
def test_colours_in_a_pipe_where_they_are_forced(played: Team, name: str) -> None:
    """https://force-color.org and https://bixense.com/clicolors; NO_COLOR is stronger, as in CPython."""
    assert "\x1b[" in played.start("status", env={name: "1"}).out
    assert "\x1b[" in played.start("show", "refund@9.9.9", env={name: "1"}).err
    for env in ({name: "0"}, {name: ""}, {name: "1", "NO_COLOR": "1"}):
        assert is_safe(played.start("status", env=env).out), env


def test_clicolor_0_means_none(played: Team) -> None:
    assert is_safe(on_a_terminal(played, "status", env={"CLICOLOR": "0"}).out)


def test_an_error_in_a_file_has_no_colours(played: Team, tmp_path: Path) -> None:
    """Standard output is a terminal, standard error is not."""
    command = f"{sys.executable} -m repoint_cli show refund@9.9.9 2>{tmp_path}/err"
    program_on_a_terminal(played, ["/bin/sh", "-c", command])

    assert "no version 9.9.9" in (tmp_path / "err").read_text()
    assert is_safe((tmp_path / "err").read_text())


def test_no_colour_that_a_light_or_a_dark_terminal_swallows(played: Team) -> None:
    """Neither yellow nor white nor black (ECMA-48: 33, 37, 30), nor their bright forms."""
    played.write_prompt("Changed")
    played.done("freeze", "production", "-m", "week")
    played.done("yank", "refund@1.5.0", "-m", "leaks")
    for arguments in READS:
        out = on_a_terminal(played, *arguments).out
        assert not re.search(r"\x1b\[(?:1;)?(?:3[037]|9[037])[;m]", out), (arguments, out)


def test_an_empty_no_color_is_not_set(played: Team) -> None:
    """https://no-color.org: "when present and not an empty string"."""
    assert "\x1b[" in on_a_terminal(played, "status", env={"NO_COLOR": ""}).out


def test_errors_in_colour_on_a_terminal_only(played: Team) -> None:
    shown = on_a_terminal(played, "show", "refund@9.9.9").out

    assert "\x1b[" in shown
    assert "refund has no version 9.9.9" in shown
    assert is_safe(played.start("show", "refund@9.9.9").err)


# -- pager -----------------------------------------------------------------------------------------------------------


def pager(folder: Path) -> dict[str, str]:
    """A pager that says that it ran, and how it was called."""
    script = folder / "pager"
    script.write_text("#!/bin/sh\necho PAGED $LESS\ncat\n")
    script.chmod(0o755)
    return {"PAGER": str(script)}


def test_the_pager_opens_for_what_does_not_fit(played: Team, tmp_path: Path) -> None:
    env = pager(tmp_path)

    assert "PAGED" in on_a_terminal(played, "history", rows=5, env=env).out
    assert "PAGED" not in on_a_terminal(played, "history", rows=100, env=env).out
    assert "PAGED" not in on_a_terminal(played, "history", "--no-pager", rows=5, env=env).out
    assert "PAGED" not in on_a_terminal(played, "--json", "history", rows=5, env=env).out
    assert "PAGED" not in played.start("history", env=env).out


def test_a_move_never_opens_the_pager(played: Team, tmp_path: Path) -> None:
    assert "PAGED" not in on_a_terminal(played, "rollback", "refund@1.5.0", rows=3, env=pager(tmp_path)).out


# -- tricks ----------------------------------------------------------------------------------------------------------


def tricky(team: Team) -> None:
    """A version whose files carry every trick (its message may not), as an older version or another tool would."""
    team.write_prompt(f"Now {EVIL}\n")
    config = team.folder / "repoint.toml"
    rules = ("bidi", "invisible", "zero-width", "nul-byte", "not-utf-8")
    allowed = "".join(f'\n[[allow]]\nrule = "{rule}"\nreason = "a test"\n' for rule in rules)
    config.write_text(config.read_text() + allowed)
    manifest = team.agent() / "agent.toml"
    text = manifest.read_text().replace("temperature = 0.2", 'temperature = 0.2\nnote = "a\\u001b[31mb\\u202ec"')
    assert "note" in text
    manifest.write_text(text)
    team.result("commit", "refund", "-m", "Tricky", "--version", "1.6.0")
    team.done("promote", "refund@1.6.0", "--env", "production")


def test_contents_are_shown_escaped(played: Team) -> None:
    tricky(played)
    for arguments in (
        ["show", "refund@1.6.0"],
        ["diff", "refund@1.5.0", "refund@1.6.0"],
        ["diff", "refund@1.5.0", "refund"],
        ["diff", "refund@1.5.0", "refund@1.6.0", "--format", "markdown"],
        ["diff", "refund@1.5.0", "refund@1.6.0", "--stat"],
        ["check", "refund"],
        ["status"],
        ["rollback", "refund@1.6.0"],
    ):
        ran = played.run(*arguments)
        assert ran.code == 0, ran
        assert is_safe(ran.out), f"{arguments}: {ran.out!a}"
        assert is_safe(ran.err), f"{arguments}: {ran.err!a}"
    assert r"\x1b[31m" in played.done("show", "refund@1.6.0")
    assert r"\u{202e}" in played.done("show", "refund@1.6.0")


def test_contents_are_shown_escaped_through_the_pager_too(played: Team, tmp_path: Path) -> None:
    tricky(played)
    shown = on_a_terminal(played, "--no-color", "show", "refund@1.6.0", rows=3, env=pager(tmp_path)).out

    assert "PAGED" in shown
    assert is_safe(shown)


def test_markdown_cannot_be_broken_out_of(played: Team) -> None:
    played.write_prompt("One\n```\n# Not a heading\n````\n@here <img src=x>\n")
    played.done("commit", "refund", "-m", "Fences", "--version", "1.6.0")
    out = played.done("diff", "refund@1.5.0", "refund@1.6.0", "--format", "markdown")
    fence = next(line for line in out.splitlines() if line.endswith("diff") and line.startswith("`"))

    assert fence == "`````diff"
    assert out.splitlines().count("`````") == 1
    assert out.rstrip().endswith("`````")


def test_foreign_tags_and_file_names_are_shown_escaped(fresh: Team) -> None:
    (fresh.agent() / "\u202egnp.md").write_text("x")
    manifest = fresh.agent() / "agent.toml"
    manifest.write_text(manifest.read_text().replace("prompts/system.md", r"\u202egnp.md"))
    ran = fresh.run("commit", "refund", "-m", "x")
    checked = fresh.run("check")

    for text in (ran.out, ran.err, checked.out, checked.err):
        assert is_safe(text), ascii(text)


def test_errors_about_nasty_arguments_are_safe(played: Team) -> None:
    for arguments in (
        [EVIL],
        ["show", EVIL],
        ["--registry", EVIL, "list"],
        ["-C", EVIL, "list"],
        ["export", "refund@1.5.0", f"{played.folder}/repoint.toml/{EVIL}"],
        ["commit", "refund", "-m", "x", "--from", EVIL],
        ["rollback", "refund", "--at", EVIL],
        ["list", "--limit", EVIL],
        ["completion", EVIL],
        [f"--{EVIL}"],
    ):
        ran = run_here("-C", str(played.folder), *(each.replace("\0", "") for each in arguments))
        assert ran.code in (2, 3, 4, 9), f"{arguments!a}: {ran}"
        assert is_safe(ran.err), ascii(ran.err)


# -- pipes and signals -----------------------------------------------------------------------------------------------


def with_output(team: Team, output: int, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a command whose standard output is this descriptor."""
    done = subprocess.run(
        [sys.executable, "-m", "repoint_cli", *arguments],
        cwd=team.folder,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("list", 0),
        ("history --limit 100", 0),
        ("list --json", 0),
        ("diff refund@1.2.0 refund@1.5.0", 0),
        ("diff refund@1.2.0 refund@1.5.0 --exit-code", 1),
        ("rollback refund@1.5.0", 0),
        ("--help", 0),
        ("rollback --help", 0),
    ],
)
def test_a_reader_that_goes_away(played: Team, command: str, code: int) -> None:
    """As ``repoint list | head -1``: no message, and the exit code is the command's own."""
    read, write = os.pipe()
    os.close(read)

    assert with_output(played, write, *command.split()) == (code, "")

    os.close(write)


def test_standard_output_that_is_full(played: Team) -> None:
    with open("/dev/full", "wb") as full:
        code, error = with_output(played, full.fileno(), "rollback", "refund@1.5.0")

    assert code == 9
    assert error.startswith("error: standard output cannot be written: No space left on device\nhint: ")
    assert played.live()["refund"] == "1.4.2"


@pytest.mark.parametrize("command", ["list", "list --json", "--help", "rollback refund@1.5.0"])
def test_standard_output_that_is_closed(played: Team, command: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m repoint_cli {command} >&-', sys.executable],
        cwd=played.folder,
        stderr=subprocess.PIPE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_path_that_is_not_utf_8(played: Team, tmp_path: Path) -> None:
    target = os.fsencode(tmp_path) + b"/\xff\xfe"
    for number, options in enumerate(([], ["--json"])):
        ran = played.start("export", "refund@1.5.0", os.fsdecode(target + b"%d" % number), *options)
        assert (ran.code, ran.err) == (0, ""), ran
        assert os.path.exists(target + b"%d/agent.toml" % number)


# -- widths and languages --------------------------------------------------------------------------------------------


def wider_than_80(text: str) -> list[str]:
    """Lines that do not fit; digests and commands to copy are never broken."""
    return [line for line in text.splitlines() if len(line) > 80 and "sha256:" not in line and "repoint " not in line]


def test_help_in_80_columns(played: Team) -> None:
    for arguments in [[name, "--help"] for name in COMMANDS] + [["--help"]]:
        out = on_a_terminal(played, "--no-color", *arguments).out
        assert [line for line in out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "status",
        "history",
        "log refund",
        "show refund@1.5.0",
        "rollback refund",
        "promote refund@1.2.0 --env staging",
        "verify",
        "commit intake -m x",
        "diff refund@1.4.2 refund@1.5.0 --stat",
    ],
)
def test_80_columns(played: Team, command: str) -> None:
    played.publish("A message that goes on for longer than a line of any terminal should be, and on and on", "intake")
    played.write_prompt("Changed", "intake")
    out = on_a_terminal(played, "--no-color", *command.split()).out

    assert [line for line in wider_than_80(out) if str(played.folder) not in line and "A message" not in line] == []


def test_long_names_and_messages_do_not_break_the_tables(played: Team) -> None:
    name = "a-very-long-agent-name-of-somebody-who-likes-them-even-longer"
    played.done("new", name)
    played.publish("A message that goes on for longer than a line of any terminal should be, and on and on", name)
    played.done("promote", f"{name}@0.1.0", "--env", "production")
    for command in ("list", "status"):
        lines = on_a_terminal(played, "--no-color", command).out.splitlines()
        assert [line for line in lines if name[:20] in line]
        assert [line for line in lines if len(line) > 80 and "repoint " not in line] == []
        assert name in played.done(command)


@pytest.mark.parametrize(
    "settings",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_other_character_sets(played: Team, settings: dict[str, str]) -> None:
    """What cannot be written in the terminal's character set is escaped; it is never a bug."""
    played.publish("Gr\u00fc\u00dfe \u2192 \u6cd5\u52d9")
    for arguments in (
        ["log", "refund"],
        ["list"],
        ["list", "--json"],
        ["diff", "refund@1.5.0", "refund"],
        ["show", "refund@\u00e9"],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "repoint_cli", *arguments],
            cwd=played.folder,
            env={**os.environ, **settings},
            capture_output=True,
            check=False,
        )
        assert ran.returncode in (0, 3), ran
        assert b"Traceback" not in ran.stderr


def texts_of_help() -> Sequence[str]:
    return [run_here(name, "--help").out for name in COMMANDS]


def test_help_of_every_command_has_no_internals() -> None:
    for text in [run_here("--help").out, *texts_of_help()]:
        assert text.startswith("Usage: repoint")
        assert is_safe(text)
        assert "``" not in text
        assert "Raises:" not in text


def test_help_needs_no_repository(tmp_path: Path) -> None:
    for name in COMMANDS:
        assert Team(tmp_path).run(name, "--help").code == 0
    assert Team(tmp_path).run("--version").out.startswith("repoint")
