"""The place where a page is played: a home and a repository of its own, an identity, a clock that the page sets.

Every command is real and runs in a real shell. Only three things are set: who is asking, what time it is (so that a
story of a week need not take one), and the name of the home folder in what is printed.
"""

from __future__ import annotations

import datetime
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import warm_repoint
from pageblocks import PageError

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SHOWN_HOME = "/home/ada"
SECONDS_BETWEEN = 7
"""How far the clock goes on with each command."""

_DROPPED = ("GIT_", "REPOINT_", "AWS_", "XDG_")
_GIT_CONFIG = """[user]
\tname = Ada Lindqvist
\temail = ada@larkfield.example
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
[color]
\tui = never
[core]
\tpager = cat
"""


class Stage:
    """A home folder with a repository in ``work/``, in which a page's commands are run one after another.

    ``more`` are settings of its environment, such as those that lead to a bucket.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "work"
        self.clock = 0
        self.actor: str | None = None
        self.more: Mapping[str, str] = {}
        (home / "bin").mkdir(parents=True)
        (home / ".gitconfig").write_text(_GIT_CONFIG, "utf-8")
        self.folder.mkdir()
        self._put_in_path("repoint", warm_repoint.command())
        self._put_in_path("python", [sys.executable])  # the one that has what pages need, whatever is installed here

    def _put_in_path(self, name: str, command: Sequence[str]) -> None:
        shim = self.home / "bin" / name
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', "utf-8")
        shim.chmod(0o755)

    def set_clock(self, text: str) -> None:
        """Go on to a time, RFC 3339; a clock of a page never goes back. Raises: PageError."""
        clock = int(datetime.datetime.fromisoformat(text).timestamp())
        if clock < self.clock:
            raise PageError(f"the clock would go back to {text}")
        self.clock = clock

    def write(self, path: str, content: str) -> None:
        """Write a file of the repository."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")

    def run(self, command: str) -> tuple[int, str]:
        """Run one command line; its exit code and everything that it printed, in the order it was printed."""
        self.clock += SECONDS_BETWEEN
        place = self.home / ".place"
        script = f'{command}\ncode=$?\npwd > {shlex.quote(str(place))}\nexit "$code"'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        if place.exists():
            self.folder = Path(place.read_text("utf-8").rstrip("\n"))
        return done.returncode, done.stdout.replace(str(self.home), SHOWN_HOME)

    def succeed(self, command: str) -> str:
        """Run one command line that must not fail. Raises: PageError."""
        code, output = self.run(command)
        if code != 0:
            raise PageError(f"{command}\nended with {code}:\n{output}")
        return output

    def _environment(self) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(_DROPPED)}
        sources = [str(ROOT / each) for each in ("registry", "cli", "schemas")]
        moment = f"{self.clock} +0000"
        return kept | dict(self.more) | {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.home / "bin"), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(sources),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            "GIT_CEILING_DIRECTORIES": str(self.home.parent),
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
            "DOCS_CLOCK": str(self.clock),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PAGER": "cat",
        } | ({"REPOINT_ACTOR": self.actor} if self.actor else {})  # fmt: skip


def copy_folder(source: Path, target: Path) -> None:
    """A folder and everything in it, in the place of what was there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
