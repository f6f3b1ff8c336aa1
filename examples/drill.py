"""The 3 a.m. drill: one rollback after another while everything around it is wrong, with the real ``repoint`` command.

An old ``repoint.toml`` on the branch that is checked out, two engineers at once, the lock of a killed Git, a frozen
environment, a clone without tags. ``python examples/drill.py`` plays it; its output stands in docs/incident.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import ADA, HISTORY, KIM, Stage, command_line, read_step

OLD_CONFIG = """schema = "repoint.config/1"
[registry]
id = "00000000-0000-4000-8000-000000000000"
environments = ["production"]
authority = "local"
"""

AT_FIRST = ("intake@1.0.0", "router@1.0.0", "refund@1.0.0")


class Drill(Stage):
    """A stage on which commands may fail, in a way that is announced."""

    def fails(self, code: int, *arguments: str, actor: str = KIM, folder: Path | None = None) -> None:
        """Run ``repoint``, show it, and stop the drill unless it exits with exactly this code."""
        print("\n" + self.paint("32", command_line(arguments)), flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "repoint_cli", *arguments],
            cwd=folder or self.folder,
            env=self.environment | {"REPOINT_ACTOR": actor},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        print(self.paint("2", f"[exit {done.returncode}]"), flush=True)
        if done.returncode != code:
            raise SystemExit(f"the drill expected exit {code}")

    def both_at_once(self, arguments: list[str]) -> None:
        """Two engineers send the same command within the same second; both outputs, in the order of the outcome."""
        print("\n" + self.paint("32", command_line(arguments)) + "    # Ada and Kim, at once", flush=True)
        command = [sys.executable, "-m", "repoint_cli", *arguments, "--json"]
        running = [
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment | {"REPOINT_ACTOR": who}, stdout=-1, stderr=-1, text=True
            )
            for who in (ADA, KIM)
        ]
        outputs = [process.communicate() for process in running]
        moved = [json.loads(out) for out, _ in outputs if out and json.loads(out)["done"]]
        if len(moved) != 1:
            raise SystemExit(f"the drill expected one of the two to move: {outputs}")
        change = moved[0]["changes"][0]
        print(f"one of them: generation {moved[0]['generation']}, {change['agent']} {change['from']} -> {change['to']}")
        print("the other:   " + self._other_answer(outputs), flush=True)

    def _other_answer(self, outputs: list[tuple[str, str]]) -> str:
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
    """The support team's history, every version in production, quietly."""
    stage.git("init", "--quiet", "--initial-branch=main")
    stage.git("config", "user.name", "Ada Lindqvist")
    stage.git("config", "user.email", "ada@larkfield.example")
    stage.repoint("init", "--quiet", shown=False)
    for step in map(read_step, sorted(p for p in HISTORY.iterdir() if p.is_dir())):
        stage.copy(step)
        stage.git("add", "--all")
        stage.git("commit", "--quiet", "-m", step.message)
        stage.repoint("commit", *step.commit_arguments(), "--quiet", shown=False)
        together = [step.name] if step.name not in AT_FIRST else list(AT_FIRST)
        if step.name not in AT_FIRST[:-1]:
            stage.repoint("promote", "--quiet", *together, "--env", "production", "-m", step.message, shown=False)
    stage.title("03:04. The pager. Refunds are wrong again.")
    stage.repoint("status", actor=KIM)


def wrong_branch(stage: Drill) -> None:
    """The branch that happens to be checked out carries an old repoint.toml of another registry."""
    stage.title("1. The wrong branch is checked out")
    stage.tell("Kim's checkout stands on an experiment from last year, and its repoint.toml names another registry.")
    stage.git("checkout", "--quiet", "-b", "experiment")
    (stage.folder / "repoint.toml").write_text(OLD_CONFIG)
    stage.fails(6, "rollback", "refund@1.2.0", "-m", "wrong refunds")
    stage.tell("Nothing was done. The clone knows its registry all the same: --registry goes by what was pinned.")
    stage.fails(0, "rollback", "refund@1.2.0", "-m", "wrong refunds", "--ticket", "INC-91", "--registry", ".")
    stage.git("checkout", "--quiet", "--", "repoint.toml")
    stage.git("checkout", "--quiet", "main")


def two_engineers(stage: Drill) -> None:
    """Both roll back the version that is live now; one moves, nobody goes one too far."""
    stage.title("2. Two engineers, one command, the same second")
    stage.both_at_once(["rollback", "refund@1.1.0", "-m", "still wrong", "--ticket", "INC-91"])


def stale_lock(stage: Drill) -> None:
    """A killed Git left its lock file on the environment's branch."""
    stage.title("3. A killed Git left its lock behind")
    lock = Path(".git/refs/heads/repoint/env/production.lock")
    (stage.folder / lock).touch()
    print(f"\n{lock} is there, and no Git runs that could own it.")
    stage.fails(0, "rollback", "intake@1.1.0", "-m", "receipts are read wrongly", "--ticket", "INC-91")
    print(f"{lock} is {'still there' if (stage.folder / lock).exists() else 'gone'}.")


def frozen(stage: Drill) -> None:
    """Frozen refuses promotes, never a rollback."""
    stage.title("4. Everything is frozen")
    stage.fails(0, "freeze", "production", "-m", "incident INC-91")
    stage.fails(7, "promote", "refund@1.2.0", "--env", "production")
    stage.tell("The older refund turns out to be good. Back to it, frozen or not:")
    stage.fails(0, "rollback", "refund", "--to", "1.1.0", "-m", "1.1.0 was good after all", "--ticket", "INC-91")


def clone_without_tags(stage: Drill) -> None:
    """A fresh clone has neither the registry's branches nor its tags, and says what to fetch."""
    stage.title("5. A colleague tries from a fresh clone without tags")
    clone = stage.folder.with_name(stage.folder.name + "-clone")
    try:
        stage.git("clone", "--quiet", "--no-tags", str(stage.folder), str(clone))
        stage.fails(4, "status", folder=clone)
        subprocess.run(
            [
                "git",
                "fetch",
                "--quiet",
                "origin",
                *(f"{refs}:{refs}" for refs in ("refs/heads/repoint/*", "refs/tags/*")),
            ],
            cwd=clone,
            env=stage.environment,
            check=True,
        )
        stage.tell("After that fetch:")
        stage.fails(0, "history", "production", "--limit", "1", folder=clone)
    finally:
        shutil.rmtree(clone, ignore_errors=True)


def story(stage: Drill) -> None:
    """The ledger tells all of it."""
    stage.title("The whole story, from the ledger")
    stage.repoint("history", "production", actor=KIM)
    stage.repoint("verify", actor=KIM)


def main() -> None:
    """Play the drill in a new folder and clean up."""
    folder = Path(tempfile.mkdtemp(prefix="repoint-drill-")).resolve()
    try:
        play(Drill(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
