"""The states in which pages begin: nothing, an empty repository, or the support team's story up to some version.

The story is that of ``examples/story.py``, with its own dates. It is told once, as far as pages need it, and copied
from then on.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

from pageblocks import PageError
from pagestage import ROOT, Stage, copy_folder

sys.path.append(str(ROOT / "examples"))

from steps import StoryError, read_story
from story import Teller

EVENINGS = ("refund@1.1.0", "router@1.1.1")
"""The versions after whose step a page may begin, before the rollback that ends it, in the order of the story."""


class Starts:
    """Makes the states; ``cache`` is a folder for those that take long, which processes may share."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def begin(self, stage: Stage, start: str, evening: str | None) -> None:
        """Bring a new stage into a state. Raises: PageError."""
        match start:
            case "nothing":
                pass
            case "empty":
                stage.succeed("git init --quiet")
            case "story":
                if evening not in EVENINGS:
                    raise PageError(f"no page begins after {evening}: {', '.join(EVENINGS)}")
                copy_folder(self._told() / evening, stage.folder)
            case _:
                raise PageError(f"there is no start {start!r}: nothing, empty, story")

    def _told(self) -> Path:
        """Where the story is kept; told now if it never was, by one of the processes that share the cache."""
        self._cache.mkdir(parents=True, exist_ok=True)
        told, telling = self._cache / "told", self._cache / "telling"
        with (self._cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not told.exists():
                shutil.rmtree(telling, ignore_errors=True)
                try:
                    tell(telling)
                except StoryError as error:
                    raise PageError(str(error)) from error
                (telling / "told").rename(told)
        return told


def tell(folder: Path) -> None:
    """Tell the story in a folder, and keep below ``told`` what the repository is on each of the evenings."""
    teller = Teller(folder / "team")
    steps = read_story()
    for step in steps[: [each.name for each in steps].index(EVENINGS[-1]) + 1]:
        teller.prepare(step)
        teller.publish(step)
        for promote in step.promotes:
            teller.run(promote.command())
        if step.name in EVENINGS:
            copy_folder(teller.folder, folder / "told" / step.name)
        if step.rollback:
            teller.run(step.rollback.command())
