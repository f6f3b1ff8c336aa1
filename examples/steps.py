"""The support team's story as ``support-team/story.toml`` tells it: steps, and the commands that each comes down to.

The demo, the drill, the recorded incident, the pages of the documentation and the tests all take it from here;
``story.py`` puts it into a repository.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypedDict, cast

ROOT = Path(__file__).resolve().parent.parent
TEAM = ROOT / "examples" / "support-team"
HOTFIX = "hotfix"
"""Where a hotfix is made, in the team's repository; Git does not see it."""

_SOON = timedelta(minutes=20)


class StoryError(Exception):
    """The story, or the repository, is not what a step takes it to be."""


@dataclass(frozen=True)
class Command:
    """One command line, when it is run, and by whom (``Name <email>``); it ends with ``code``."""

    argv: tuple[str, ...]
    at: datetime
    by: str
    code: int = 0

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Move:
    """A promote of a step, or the rollback that ends it."""

    environment: str
    versions: tuple[str, ...]
    at: datetime
    by: str
    message: str | None = None
    ticket: str | None = None
    back_to: str | None = None

    def command(self) -> Command:
        """The move as a command."""
        verb = "promote" if self.back_to is None else "rollback"
        argv = ("repoint", verb, *self.versions, "--env", self.environment, *words(self.message, self.ticket))
        return Command(argv, self.at, self.by)


@dataclass(frozen=True)
class Step:
    """One change of one agent, the version that it becomes, and where that goes; see ``story.toml``."""

    agent: str
    at: datetime
    by: str
    message: str
    files: str | None
    change: str | None
    version: str | None
    bump: str | None
    given: bool
    pre: str | None
    base: str | None
    refused: str | None
    ticket: str | None
    promotes: tuple[Move, ...]
    rollback: Move | None

    @property
    def name(self) -> str:
        """``refund@1.1.0``, or ``orders, refused``."""
        return f"{self.agent}@{self.version}" if self.version else f"{self.agent}, refused"

    def inferred(self) -> Command:
        """The dry run that says which bump the change is."""
        return Command((*self._commit(), "--dry-run"), self.at, self.by)

    def publish(self) -> Command:
        """The publish; one that is refused ends with 3."""
        chosen = ("--version", self.version) if self.given and self.version else ()
        return Command((*self._commit(), *chosen), self.at, self.by, 3 if self.refused else 0)

    def moves(self) -> list[Move]:
        """Its promotes, and the rollback that it ends with."""
        return [*self.promotes, *([self.rollback] if self.rollback else [])]

    def _commit(self) -> tuple[str, ...]:
        source = ("--from", f"{HOTFIX}/agents/{self.agent}", "--base", self.base) if self.base else ()
        pre = ("--pre", self.pre) if self.pre else ()
        return ("repoint", "commit", self.agent, *words(self.message, self.ticket), *pre, *source)


class _MoveTable(TypedDict, total=False):
    to: str
    environment: str
    version: str
    versions: list[str]
    at: datetime
    by: str
    message: str
    ticket: str
    back_to: str


class _StepTable(TypedDict, total=False):
    agent: str
    version: str
    at: datetime
    by: str
    message: str
    files: str
    change: str
    bump: str
    given: bool
    pre: str
    base: str
    refused: str
    ticket: str
    promote: list[_MoveTable]
    rollback: _MoveTable


def words(message: str | None, ticket: str | None) -> tuple[str, ...]:
    """``-m`` and ``--ticket``, where there is something to say."""
    return (*(("-m", message) if message else ()), *(("--ticket", ticket) if ticket else ()))


def read_story(team: Path = TEAM) -> list[Step]:
    """All steps, in order. Raises: StoryError: they do not follow one another in time."""
    data = tomllib.loads((team / "story.toml").read_text("utf-8"))
    people, tables = cast("dict[str, str]", data["people"]), cast("list[_StepTable]", data["step"])
    steps = [_step(table, people) for table in tables]
    times = [moment for step in steps for moment in (step.at, *(move.at for move in step.moves()))]
    for before, after in pairwise(times):
        if after <= before:
            raise StoryError(f"story.toml: {after} comes after {before}")
    return steps


def until(steps: Sequence[Step], name: str | None) -> list[Step]:
    """The steps up to and with the one that publishes ``AGENT@VERSION`` and makes it live; all of them for None.

    What ended with a rollback is still live then.

    Raises:
        StoryError: no step publishes it.
    """
    names = [step.name for step in steps]
    if name is not None and name not in names:
        raise StoryError(f"the story has no {name}; it has {', '.join(names)}")
    if name is None:
        return list(steps)
    *before, last = steps[: names.index(name) + 1]
    return [*before, replace(last, rollback=None)]


def _step(table: _StepTable, people: dict[str, str]) -> Step:
    author = people[table["by"]]
    this = f"{table['agent']}@{table.get('version')}"
    promotes: list[Move] = []
    for each in table.get("promote", []):
        soon = (promotes[-1].at if promotes else table["at"]) + _SOON
        promotes.append(_move(each, people, this, each.get("at", soon), author))
    back = table.get("rollback")
    return Step(
        agent=table["agent"],
        at=table["at"],
        by=author,
        message=table["message"],
        files=table.get("files"),
        change=table.get("change"),
        version=table.get("version"),
        bump=table.get("bump"),
        given=table.get("given", False),
        pre=table.get("pre"),
        base=table.get("base"),
        refused=table.get("refused"),
        ticket=table.get("ticket"),
        promotes=tuple(promotes),
        rollback=_move(back, people, this, back["at"], author) if back else None,
    )


def _move(table: _MoveTable, people: dict[str, str], this: str, at: datetime, author: str) -> Move:
    return Move(
        environment=table.get("to") or table["environment"],
        versions=tuple(table.get("versions") or [table.get("version", this)]),
        at=at,
        by=people[table["by"]] if "by" in table else author,
        message=table.get("message"),
        ticket=table.get("ticket"),
        back_to=table.get("back_to"),
    )
