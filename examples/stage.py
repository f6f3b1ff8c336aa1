"""A throwaway repository on which the demo and the drill show commands: each before its own, unchanged output.

The commands are the real ones; only who runs them and what time it is are set (``story.py``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from steps import Command, Step
from story import Teller, as_of, program

WIDTH = 80
ADA = "Ada Lindqvist <ada@larkfield.example>"
KIM = "Kim Osei <kim@larkfield.example>"
_PAUSE = timedelta(seconds=23)
"""How far the clock goes on with each command."""
_WITH_VALUE = ("-m", "--ticket", "--env", "--limit", "--format", "--registry", "--to")


class Stage:
    """A repository with the support team in it, and how what happens there is shown."""

    def __init__(self, folder: Path) -> None:
        self.teller = Teller(folder)
        self.folder = folder
        self.clock = datetime(2026, 9, 1, tzinfo=UTC)
        self.by = ADA
        self.environment = self.teller.settings | {"COLUMNS": str(WIDTH)}
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def tell(self, steps: Sequence[Step]) -> None:
        """Play steps of the story quietly; the clock stands after the last of them."""
        self.teller.tell(steps)
        self.clock = max([steps[-1].at, *(move.at for move in steps[-1].moves())])

    def set_clock(self, text: str, by: str = ADA) -> None:
        """Go on to a time, RFC 3339, and to who acts from now on."""
        self.clock, self.by = datetime.fromisoformat(text), by

    def paint(self, code: str, text: str) -> str:
        """The text in a colour or weight, where colours are wanted."""
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def title(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{self.paint('1', text)}\n{self.paint('2', '-' * len(text))}", flush=True)

    def say(self, text: str) -> None:
        """A line or two between the commands."""
        print("\n" + textwrap.fill(" ".join(text.split()), WIDTH - 2), flush=True)

    def repoint(self, *arguments: str, code: int = 0, by: str = "", folder: Path | None = None) -> None:
        """Show and run ``repoint``; the show stops unless it exits with exactly this code."""
        self._show(("repoint", *arguments), code, by or self.by, folder)

    def quietly(self, *argv: str) -> None:
        """Run a command that is of no interest; it must succeed."""
        self.teller.run(self._next(argv))

    def promote_of(self, step: Step, environment: str) -> None:
        """Show and run those promotes of a step that go to one environment."""
        for move in step.promotes:
            if move.environment == environment:
                self.clock = max(self.clock, move.at)
                self.repoint(*move.command().argv[1:], by=move.by)

    def _next(self, argv: Sequence[str]) -> Command:
        self.clock += _PAUSE
        return Command(tuple(argv), self.clock, self.by)

    def _show(self, argv: Sequence[str], code: int, by: str, folder: Path | None) -> None:
        print("\n" + self.paint("32", command_line(argv)), flush=True)
        command = self._next(argv)
        done = subprocess.run(
            [*program(argv[0]), *argv[1:]],
            cwd=folder or self.folder,
            env=self.environment | as_of(command.at, by),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if code or done.returncode:
            print(self.paint("2", f"[exit {done.returncode}]"), flush=True)
        if done.returncode != code:
            print(f"\nIt stops here: exit {code} was expected.", file=sys.stderr)
            raise SystemExit(done.returncode or 1)


def command_line(argv: Sequence[str]) -> str:
    """The command as one would type it, continued on further lines where it is longer than a terminal is wide."""
    first, *rest = phrases(argv)
    lines = [f"$ {first}"]
    for phrase in rest:
        if len(lines[-1]) + len(phrase) + 3 > WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += " " + phrase
    return "\n".join(lines)


def phrases(argv: Sequence[str]) -> list[str]:
    """The words as one would type them, each option together with its value."""
    found: list[str] = []
    for before, word in zip(["", *argv], argv, strict=False):
        if before in _WITH_VALUE and found:
            found[-1] += " " + typed(word)
        else:
            found.append(typed(word))
    return found


def typed(word: str) -> str:
    """The word, in quotes where a shell needs them: double ones round a sentence."""
    if " " in word and not set(word) & set('"$`\\!'):
        return f'"{word}"'
    quoted = shlex.quote(word)
    plain = word[:1] != "~" and shlex.quote(word.replace("~", "")) == word.replace("~", "")
    return word if plain else quoted


@contextmanager
def throwaway(name: str, *, keep: bool = False) -> Iterator[Path]:
    """Where a repository may come to lie, removed at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"repoint-{name}-")).resolve() / "support-team"
    try:
        yield folder
    finally:
        if keep:
            print(f"\nThe repository is kept: {folder}")
        else:
            shutil.rmtree(folder.parent, ignore_errors=True)
