"""Progress: on a terminal's standard error, after a while, and gone without a trace at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from repoint_cli import progress as module
from repoint_cli.output import Console
from repoint_cli.progress import Progress, counted, progress

from tests.cli.commandline import Team
from tests.cli.terminals import on_a_terminal, open_terminal, program_on_a_terminal, until

AT_ONCE = "import sys; from repoint_cli import main, progress; progress.DELAY_SECONDS = 0; main.main(sys.argv[1:])"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is shown without delay."""
    monkeypatch.setattr(module, "DELAY_SECONDS", 0)
    monkeypatch.setenv("TERM", "xterm")


@contextmanager
def terminal() -> Iterator[int]:
    """Standard error is a terminal; what can be read of it. No fixture: pytest sets the stream after the fixtures."""
    master, slave = open_terminal(24, 60)
    with os.fdopen(slave, "w") as stream:
        before, sys.stderr = sys.stderr, stream
        try:
            yield master
        finally:
            sys.stderr = before
    os.close(master)


@pytest.mark.usefixtures("at_once")
def test_counts_and_a_bar() -> None:
    with terminal() as shown_on, progress(Console(), "reading files") as shown:
        shown.at(25, 100)
        assert "reading files 25/100 [#####...............]  25%" in until(shown_on, "25%")
        shown.at(50, 100, "checking files")
        until(shown_on, "checking files 50/100")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ZeroDivisionError])
def test_the_line_is_cleared_at_the_end(error: type[BaseException] | None) -> None:
    with terminal() as shown_on:
        with suppress(KeyboardInterrupt, ZeroDivisionError), progress(Console(), "reading") as shown:
            shown.at(1, 2)
            until(shown_on, "reading 1/2")
            if error:
                raise error
        assert os.read(shown_on, 4096).endswith(b"\r\x1b[K")


@pytest.mark.usefixtures("at_once")
def test_what_has_no_known_end_is_counted() -> None:
    with terminal() as shown_on:
        items = counted(Console(), "reading the ledger", iter(range(2000)))
        assert sum(next(items) for _ in range(1234)) == sum(range(1234))
        until(shown_on, r"reading the ledger 1,234 \.\.\. \d+ s")
        assert len(list(items)) == 2000 - 1234


@pytest.mark.usefixtures("at_once")
def test_a_warning_does_not_stand_in_the_middle_of_it() -> None:
    console = Console()
    with terminal() as shown_on, progress(console, "reading") as shown:
        shown.at(1, 2)
        until(shown_on, "reading 1/2")
        console.warn("mind this")
        raw = b""
        while b"mind this" not in raw:
            raw += os.read(shown_on, 4096)
    assert b"\r\x1b[Kwarning: mind this" in raw


def test_never_wider_than_the_terminal() -> None:
    shown = Progress("reading " + "\u8bf7" * 60)
    shown.at(5, 10)
    from repoint_cli.tables import display_width

    assert display_width(shown.line(60)) <= 59


@pytest.mark.parametrize("command", ["verify", "history", "export refund@1.5.0 out"])
def test_short_work_shows_nothing(played: Team, command: str) -> None:
    assert "\r" not in on_a_terminal(played, *command.split()).out


def test_long_work_does_on_a_terminal_only(played: Team) -> None:
    command = [sys.executable, "-c", AT_ONCE, "verify"]
    assert "verifying" in program_on_a_terminal(played, command).out
    for options in (["--json"], ["--quiet"]):
        assert "\r" not in program_on_a_terminal(played, [*command, *options]).out
    assert "\r" not in program_on_a_terminal(played, command, env={"TERM": "dumb"}).out
    assert played.start("verify").err == ""
