"""Play the support team's history with the real ``repoint`` command, in a throwaway Git repository.

``make demo`` runs it. Every command is printed before its own, unchanged output. The repository is removed at the end
unless ``--keep`` is given; the demo stops with the exit code of the first command that does not do what is expected.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HISTORY = HERE / "support-team" / "history"
SOURCE_ROOTS = [HERE.parent / "registry", HERE.parent / "cli", HERE.parent / "schemas"]
WIDTH = 80

ADA = "Ada Lindqvist <ada@larkfield.example>"
KIM = "Kim Osei <kim@larkfield.example>"


@dataclass(frozen=True)
class Promotion:
    """One ``repoint promote`` of a step."""

    environment: str
    versions: tuple[str, ...]
    message: str | None
    ticket: str | None

    def arguments(self) -> list[str]:
        """What follows ``repoint promote``."""
        return [
            *self.versions,
            "--env",
            self.environment,
            *option("-m", self.message),
            *option("--ticket", self.ticket),
        ]


@dataclass(frozen=True)
class Step:
    """One folder of ``support-team/history``: the agent that changes, and what its ``step.toml`` says to do then."""

    folder: Path
    agent: str
    version: str
    given: bool
    message: str
    ticket: str
    promotions: tuple[Promotion, ...]

    @property
    def name(self) -> str:
        """The version that this step publishes, as in ``refund@1.1.0``."""
        return f"{self.agent}@{self.version}"

    def commit_arguments(self) -> list[str]:
        """What follows ``repoint commit``."""
        version = ["--version", self.version] if self.given else []
        return [self.agent, "-m", self.message, "--ticket", self.ticket, *version]


def option(flag: str, value: str | None) -> list[str]:
    """An option with its value, or nothing."""
    return [] if value is None else [flag, value]


def read_step(folder: Path) -> Step:
    """Read one step of the history."""
    with (folder / "step.toml").open("rb") as file:
        data = tomllib.load(file)
    promotions = tuple(
        Promotion(p["environment"], tuple(p["versions"]), p.get("message"), p.get("ticket"))
        for p in data.get("promote", ())
    )
    given = data.get("given", False)
    return Step(folder, data["agent"], data["version"], given, data["message"], data["ticket"], promotions)


class Stage:
    """The throwaway repository, and how the demo shows what happens in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.environment = environment_without_settings(folder)

    def paint(self, code: str, text: str) -> str:
        """The text in a colour or weight, where colours are wanted."""
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def title(self, text: str) -> None:
        """Begin a part of the story."""
        print(f"\n{self.paint('1', text)}\n{self.paint('2', '-' * len(text))}", flush=True)

    def tell(self, text: str) -> None:
        """A line or two between the commands."""
        print("\n" + textwrap.fill(" ".join(text.split()), WIDTH - 2), flush=True)

    def repoint(self, *arguments: str, actor: str = ADA, shown: bool = True) -> None:
        """Run ``repoint``, and stop the demo with its exit code if it fails."""
        if shown:
            print("\n" + self.paint("32", command_line(arguments)), flush=True)
        self.run([sys.executable, "-m", "repoint_cli", *arguments], REPOINT_ACTOR=actor)

    def git(self, *arguments: str, shown: bool = False) -> None:
        """Run ``git``, and stop the demo with its exit code if it fails."""
        if shown:
            print("\n" + self.paint("32", "$ git " + shlex.join(arguments)), flush=True)
        self.run(["git", "-c", f"color.ui={'auto' if self.colour else 'never'}", *arguments])

    def run(self, command: Sequence[str], **settings: str) -> None:
        """Run one program in the repository; its output goes straight to ours."""
        environment = self.environment | settings
        done = subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print(f"\nThe demo stops here: exit code {done.returncode}.", file=sys.stderr)
            raise SystemExit(done.returncode)

    def copy(self, step: Step) -> None:
        """Put a step's files into the working tree, in place of the agent's earlier ones."""
        agent = self.folder / "agents" / step.agent
        shutil.rmtree(agent, ignore_errors=True)
        shutil.copytree(step.folder / "agents" / step.agent, agent)

    def publish(self, step: Step) -> None:
        """An engineer edits an agent, commits to Git as always, and publishes the version."""
        self.copy(step)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", f"{step.agent}: {step.message}")
        self.repoint("commit", *step.commit_arguments())

    def promote(self, step: Step, environment: str) -> None:
        """Carry out those promotions of a step that go to one environment."""
        for promotion in step.promotions:
            if promotion.environment == environment:
                self.repoint("promote", *promotion.arguments())


def environment_without_settings(home: Path) -> dict[str, str]:
    """This process's environment without anybody's Git or Repoint settings, and with this checkout's sources."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "REPOINT_"))}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(home.parent),
        "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS)),
        "COLUMNS": str(WIDTH),
        "PAGER": "cat",
    }


def command_line(arguments: Sequence[str]) -> str:
    """The command as one would type it, continued on further lines where it is longer than a terminal is wide."""
    lines = ["$ repoint"]
    for phrase in phrases(arguments):
        if len(lines[-1]) + len(phrase) + 3 > WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += " " + phrase
    return "\n".join(lines)


def phrases(arguments: Sequence[str]) -> list[str]:
    """The arguments in quotes where a shell needs them, each option together with its value."""
    found: list[str] = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        quoted = f'"{word}"' if " " in word else shlex.quote(word)
        if before.startswith("-") and not word.startswith("-"):
            found[-1] += " " + quoted
        else:
            found.append(quoted)
    return found


def play(stage: Stage, steps: dict[str, Step]) -> None:
    """The whole story: go-live, an improvement, a bad version, the rollback, the fix, the audit."""
    go_live(stage, steps)
    improve(stage, steps)
    incident(stage, steps)
    recover(stage, steps)
    audit(stage)


def go_live(stage: Stage, steps: dict[str, Step]) -> None:
    """Three agents, published and promoted as one set."""
    stage.title("1. A team of three agents goes live")
    stage.tell("Larkfield's support team lives in an ordinary Git repository. One command makes it a registry:")
    stage.git("init", "--quiet", "--initial-branch=main", shown=True)
    stage.git("config", "user.name", "Ada Lindqvist")
    stage.git("config", "user.email", "ada@larkfield.example")
    stage.repoint("init")
    stage.tell("A version is one immutable snapshot: model + prompts + integrations + configuration.")
    for name in ("intake@1.0.0", "router@1.0.0", "refund@1.0.0"):
        stage.publish(steps[name])
        stage.promote(steps[name], "staging")
    stage.tell("Staging looks good. All three go to production in one record: all or nothing.")
    stage.promote(steps["refund@1.0.0"], "production")


def improve(stage: Stage, steps: dict[str, Step]) -> None:
    """Two agents get better; Repoint infers the version numbers."""
    stage.title("2. Two agents get better")
    stage.tell("No version is given from here on: Repoint infers it from what changed.")
    for name in ("intake@1.1.0", "router@1.1.0"):
        stage.publish(steps[name])
        stage.promote(steps[name], "staging")
    stage.promote(steps["router@1.1.0"], "production")
    stage.repoint("list")


def incident(stage: Stage, steps: dict[str, Step]) -> None:
    """A well-meant edit pays out money without a check; it is found and rolled back."""
    bad = steps["refund@1.1.0"]
    stage.title("3. A well-meant change, and the incident")
    stage.tell("Customers complain about questions. Somebody edits the refund prompt.")
    stage.publish(bad)
    stage.promote(bad, "staging")
    stage.promote(bad, "production")
    stage.tell(
        "02:40. An alert: refunds above 150 EUR without a receipt. Kim is on call. What is live, and what changed?"
    )
    stage.repoint("status", actor=KIM)
    stage.repoint("diff", "--stat", "refund@1.0.0", "refund@1.1.0", actor=KIM)
    stage.tell("A version is a tag, so that Git shows the prompt's lines as well:")
    stage.git("diff", "refund@v1.0.0", "refund@v1.1.0", "--", "prompts/system.md", shown=True)
    stage.tell("Checks 1 and 4 are gone. Get off that version; everything else can wait until the morning.")
    reason = "Refunds above 150 EUR paid without receipt or matching order"
    stage.repoint("rollback", "refund@1.1.0", "-m", reason, "--ticket", "INC-77", actor=KIM)
    stage.tell("A colleague, woken by the same alert, sends the same command. It does no harm:")
    stage.repoint("rollback", "refund@1.1.0", "-m", reason, "--ticket", "INC-77")


def recover(stage: Stage, steps: dict[str, Step]) -> None:
    """The fixed version goes the ordinary way."""
    stage.title("4. The morning after")
    stage.tell("The fix keeps what was good about the edit, and the checks. It goes the ordinary way.")
    for name in ("refund@1.2.0", "router@1.1.1"):
        stage.publish(steps[name])
        stage.promote(steps[name], "staging")
        stage.promote(steps[name], "production")


def audit(stage: Stage) -> None:
    """What was live when, who moved it and why; and every promise checked."""
    stage.title("5. What was live when, and can it be trusted?")
    stage.repoint("status")
    stage.repoint("history", "production")
    stage.tell("Every version, every record and the chain between them, checked byte by byte:")
    stage.repoint("verify", "--deep")
    stage.tell("And all of it is ordinary Git:")
    stage.git("log", "--oneline", "--stat", "--stat-width=76", "refund@v1.2.0", shown=True)
    stage.tell("That was the whole story. How it works: docs/design.md")


def main() -> None:
    """Play the demo in a new folder and clean up."""
    parser = argparse.ArgumentParser(description="Play the support team's history in a throwaway repository.")
    parser.add_argument("--keep", action="store_true", help="keep the repository and say where it is")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="repoint-demo-")).resolve()
    steps = {step.name: step for step in map(read_step, sorted(p for p in HISTORY.iterdir() if p.is_dir()))}
    try:
        play(Stage(folder), steps)
    finally:
        if keep:
            print(f"\nThe repository is kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
