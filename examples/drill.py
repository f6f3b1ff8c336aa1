"""The 3 a.m. drill: one rollback after another while everything around it is wrong, with the real ``repoint`` command.

An old ``repoint.toml`` on the branch that is checked out, two engineers at once, the lock of a killed Git, a frozen
environment, a clone without tags. ``python examples/drill.py`` plays it; its output stands in docs/incident.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from stage import ADA, KIM, Stage, command_line, throwaway
from steps import read_story, until
from story import as_of, program

OLD_CONFIG = """schema = "repoint.config/1"
[registry]
id = "00000000-0000-4000-8000-000000000000"
environments = ["production"]
authority = "local"
"""


class Drill(Stage):
    """A stage on which two can act at once."""

    def both_at_once(self, *arguments: str) -> None:
        """Two engineers send the same command within the same second; both outputs, in the order of the outcome."""
        print("\n" + self.paint("32", command_line(("repoint", *arguments))) + "    # Ada and Kim, at once", flush=True)
        outputs = self._race([*program("repoint"), *arguments, "--json"])
        moved = [json.loads(out) for out, _ in outputs if out and json.loads(out)["done"]]
        if len(moved) != 1:
            raise SystemExit(f"the drill expected one of the two to move: {outputs}")
        change = moved[0]["changes"][0]
        print(f"one of them: generation {moved[0]['generation']}, {change['agent']} {change['from']} -> {change['to']}")
        print("the other:   " + _other_answer(outputs), flush=True)

    def _race(self, command: Sequence[str]) -> list[tuple[str, str]]:
        # A second apart by the clock that is set: ids are drawn from it (docs/clocked_repoint.py), and are never equal.
        moments = [(ADA, self.clock), (KIM, self.clock + timedelta(seconds=1))]
        self.clock += timedelta(minutes=1)
        running = [
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment | as_of(at, who), stdout=-1, stderr=-1, text=True
            )
            for who, at in moments
        ]
        return [process.communicate() for process in running]


def _other_answer(outputs: Sequence[tuple[str, str]]) -> str:
    for out, err in outputs:
        if out and not json.loads(out)["done"]:
            return "nothing to do, " + str(json.loads(out)["reason"]).splitlines()[0]
        if err:
            return "conflict, " + str(json.loads(err)["error"]["message"]).splitlines()[0].partition(" (")[0]
    return "?"


def play(stage: Drill) -> None:
    """The whole drill."""
    set_up(stage)
    wrong_branch(stage)
    two_engineers(stage)
    stale_lock(stage)
    frozen(stage)
    clone_without_tags(stage)
    story(stage)


def set_up(stage: Drill) -> None:
    """The support team as it would stand had nobody rolled back on 20 November."""
    stage.tell([replace(step, rollback=None) for step in until(read_story(), "router@1.1.1")])
    stage.title("03:04. The pager. Refunds are wrong again.")
    stage.set_clock("2026-11-21T03:04:00Z", by=KIM)
    stage.repoint("status")


def wrong_branch(stage: Drill) -> None:
    """The branch that happens to be checked out carries an old repoint.toml of another registry."""
    stage.title("1. The wrong branch is checked out")
    stage.say("Kim's checkout stands on an experiment from last year, and its repoint.toml names another registry.")
    stage.quietly("git", "checkout", "--quiet", "-b", "experiment")
    (stage.folder / "repoint.toml").write_text(OLD_CONFIG)
    stage.repoint("rollback", "refund@1.2.0", "-m", "wrong refunds", code=6)
    stage.say("Nothing was done. The clone knows its registry all the same: --registry goes by what was pinned.")
    stage.repoint("rollback", "refund@1.2.0", "-m", "wrong refunds", "--ticket", "INC-91", "--registry", ".")
    stage.quietly("git", "checkout", "--quiet", "--", "repoint.toml")
    stage.quietly("git", "checkout", "--quiet", "main")


def two_engineers(stage: Drill) -> None:
    """Both roll back the version that is live now; one moves, nobody goes one too far."""
    stage.title("2. Two engineers, one command, the same second")
    stage.both_at_once("rollback", "refund@1.1.0", "-m", "still wrong", "--ticket", "INC-91")


def stale_lock(stage: Drill) -> None:
    """A killed Git left its lock file on the environment's branch."""
    stage.title("3. A killed Git left its lock behind")
    lock = Path(".git/refs/heads/repoint/env/production.lock")
    (stage.folder / lock).touch()
    print(f"\n{lock} is there, and no Git runs that could own it.")
    stage.repoint("rollback", "intake@1.1.0", "-m", "receipts are read wrongly", "--ticket", "INC-91")
    print(f"{lock} is {'still there' if (stage.folder / lock).exists() else 'gone'}.")


def frozen(stage: Drill) -> None:
    """Frozen refuses promotes, never a rollback."""
    stage.title("4. Everything is frozen")
    stage.repoint("freeze", "production", "-m", "incident INC-91")
    stage.repoint("promote", "refund@1.2.0", "--env", "production", code=7)
    stage.say("The older refund turns out to be good. Back to it, frozen or not:")
    stage.repoint("rollback", "refund", "--to", "1.1.0", "-m", "1.1.0 was good after all", "--ticket", "INC-91")


def clone_without_tags(stage: Drill) -> None:
    """A fresh clone has neither the registry's branches nor its tags, and says what to fetch."""
    stage.title("5. A colleague tries from a fresh clone without tags")
    clone = stage.folder.with_name("clone")
    stage.quietly("git", "clone", "--quiet", "--no-tags", str(stage.folder), str(clone))
    stage.repoint("status", code=4, folder=clone)
    refs = [f"{each}:{each}" for each in ("refs/heads/repoint/*", "refs/tags/*")]
    stage.quietly("git", "-C", str(clone), "fetch", "--quiet", "origin", *refs)
    stage.say("After that fetch:")
    stage.repoint("history", "production", "--limit", "1", folder=clone)
    shutil.rmtree(clone)


def story(stage: Drill) -> None:
    """The ledger tells all of it."""
    stage.title("The whole night, from the ledger")
    stage.repoint("history", "production", "--limit", "6")
    stage.repoint("verify")


def main() -> None:
    """Play the drill in a new folder and clean up."""
    with throwaway("drill") as folder:
        play(Drill(folder))


if __name__ == "__main__":
    main()
