"""Tell the support team's story in a repository, with the real commands.

``python examples/story.py DIR`` leaves the team's repository in DIR, ``--until refund@1.1.0`` as it was that evening.
Only who runs a command and what time it is are set, so that a story of half a year takes seconds, and every version
has its author and its date.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from steps import HOTFIX, ROOT, TEAM, Command, Step, StoryError, read_story, until

__all__ = ["StoryError", "Teller", "as_of", "clean_environment", "edit", "program", "read_story", "until"]

sys.path.append(str(ROOT / "docs"))

import warm_repoint


def edit(repository: Path, step: Step) -> None:
    """Put the step's files into ``agents/`` of a repository (a hotfix: into what was exported). Raises: StoryError."""
    if step.files:
        shutil.copytree(TEAM / step.files, repository / "agents" / step.agent)
        return
    folder = repository / HOTFIX if step.base else repository
    place = [f"--directory={HOTFIX}"] if step.base else []
    patch = TEAM / str(step.change)
    command = ["git", "apply", "--whitespace=nowarn", *place, str(patch)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoryError(f"{patch.name} does not fit {folder}:\n{done.stderr}")


class Teller:
    """Tells the story in one repository."""

    def __init__(self, repository: Path, first: datetime | None = None) -> None:
        self.folder = repository
        self.settings = clean_environment(repository)
        self._begin(first or read_story()[0].at - timedelta(hours=1))

    def _begin(self, at: datetime) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ada = "Ada Lindqvist <ada@larkfield.example>"
        for line in (
            "git init --quiet --initial-branch=main",
            'git config user.name "Ada Lindqvist"',
            "git config user.email ada@larkfield.example",
            "repoint init --quiet",
        ):
            self.run(Command(tuple(shlex.split(line)), at, ada))
        with (self.folder / ".git" / "info" / "exclude").open("a") as file:
            file.write(f"/{HOTFIX}/\n")

    def run(self, command: Command) -> str:
        """Run one command at its time; what it printed. Raises: StoryError: it ended with another code."""
        code, out, err = self.outcome(command)
        if code != command.code:
            raise StoryError(f"$ {command}\nended with {code} instead of {command.code}:\n{out}{err}")
        return out

    def outcome(self, command: Command) -> tuple[int, str, str]:
        """Run one command at its time: exit code, standard output and standard error."""
        done = subprocess.run(
            [*program(command.argv[0]), *command.argv[1:]],
            cwd=self.folder,
            env=self.settings | as_of(command.at, command.by),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def prepare(self, step: Step) -> None:
        """The files of a step, in the working copy and in Git."""
        if step.base:
            self.run(Command(("repoint", "export", step.base, f"{HOTFIX}/agents/{step.agent}"), step.at, step.by))
        edit(self.folder, step)
        if not step.base:
            self.run(Command(("git", "add", "--all"), step.at, step.by))
            self.run(Command(("git", "commit", "--quiet", "-m", f"{step.agent}: {step.message}"), step.at, step.by))

    def publish(self, step: Step) -> None:
        """Publish what was prepared."""
        self.run(step.publish())
        self.clean()

    def clean(self) -> None:
        """Remove the files of a hotfix."""
        shutil.rmtree(self.folder / HOTFIX, ignore_errors=True)

    def tell(self, steps: Sequence[Step]) -> None:
        """Several steps, one after another. Raises: StoryError."""
        for step in steps:
            self.prepare(step)
            self.publish(step)
            for move in step.moves():
                self.run(move.command())


def program(name: str) -> list[str]:
    """How a program is started: ``repoint`` is this checkout's, at a time that can be set."""
    return warm_repoint.command() if name == "repoint" else [name]


def clean_environment(repository: Path) -> dict[str, str]:
    """This process's environment without anybody's Git or Repoint settings, and with this checkout's sources."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "REPOINT_"))}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(repository.parent),
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("registry", "cli", "schemas")),
        "PAGER": "cat",
        "TZ": "UTC",
    }


def as_of(at: datetime, by: str) -> dict[str, str]:
    """What tells ``repoint`` and Git who runs them, and when."""
    name, _, email = by.rstrip(">").partition(" <")
    seconds = str(int(at.astimezone(UTC).timestamp()))
    roles = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (
        ("NAME", name), ("EMAIL", email), ("DATE", f"{seconds} +0000"))}  # fmt: skip
    return roles | {"DOCS_CLOCK": seconds, "REPOINT_ACTOR": by}


def line_about(step: Step) -> str:
    """When, which version, which bump and why."""
    what = step.bump or ("refused" if step.refused else "first")
    return f"{step.at:%Y-%m-%d}  {step.name:18}  {what:7}  {step.message}"


def main() -> None:
    """Play the story into a folder that does not exist yet."""
    parser = argparse.ArgumentParser(description="Play the support team's story into a new repository.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--until", metavar="AGENT@VERSION", help="stop after this version's promotes")
    chosen = parser.parse_args()
    if chosen.folder.exists():
        parser.error(f"{chosen.folder} is there already")
    steps = until(read_story(), chosen.until)
    teller = Teller(chosen.folder.resolve())
    for step in steps:
        print(line_about(step), flush=True)
        teller.tell([step])


if __name__ == "__main__":
    main()
