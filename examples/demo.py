"""Play a night of the support team with the real ``repoint`` command, in a throwaway Git repository.

``make demo`` runs it. Every command is printed before its own, unchanged output. The repository is removed at the end
unless ``--keep`` is given; the demo stops with the exit code of the first command that does not do what is expected.
"""

from __future__ import annotations

import argparse

from stage import ADA, KIM, Stage, throwaway
from steps import Step, read_story, until
from story import edit

REASON = "Refunds above 150 EUR paid without receipt"


def play(stage: Stage, steps: dict[str, Step]) -> None:
    """The whole demo: a team at work, a release, the alert, the rollback, the post-mortem, the fix."""
    at_work(stage, steps)
    release(stage, steps["refund@1.1.0"])
    alert(stage)
    rollback(stage)
    morning(stage, steps["refund@1.2.0"])


def at_work(stage: Stage, steps: dict[str, Step]) -> None:
    """Six agents with a history, and what is live."""
    before = until(list(steps.values()), "knowledge@1.0.0")
    stage.title("1. Six agents at work")
    stage.say(
        f"Larkfield's support team lives in an ordinary Git repository. {len(before)} versions were published since "
        "September; each is one snapshot of model + prompts + integrations + configuration. (Setting it up ...)"
    )
    stage.tell(before)
    stage.repoint("status")


def release(stage: Stage, bad: Step) -> None:
    """A well-meant edit: published, tried in staging, and made live together with another agent."""
    stage.title("2. Thursday's release")
    stage.say("Customers complain about questions. Ada edits the refund prompt, and publishes a version.")
    stage.set_clock(bad.at.isoformat())
    edit(stage.folder, bad)
    stage.quietly("git", "commit", "--quiet", "--all", "-m", f"{bad.agent}: {bad.message}")
    stage.repoint(*bad.publish().argv[1:])
    stage.say("In staging, 214 of 214 evaluation cases pass. Both agents of the release go live in one record.")
    stage.quietly(*bad.promotes[0].command().argv)
    stage.promote_of(bad, "production")


def alert(stage: Stage) -> None:
    """What is live, since when, and what changed: three questions, three commands."""
    stage.title("3. 02:40. An alert: refunds above 150 EUR, paid without a receipt")
    stage.say("Kim is on call. What was moved last, by whom?")
    stage.set_clock("2026-11-20T02:40:00Z", by=KIM)
    stage.repoint("history", "--limit", "1")
    stage.say("What did that change in refund? ~1 is what was live before.")
    stage.repoint("diff", "refund@production~1", "refund@production")


def rollback(stage: Stage) -> None:
    """One command, safe to send twice."""
    stage.title("4. Get off it")
    stage.repoint("rollback", "refund@1.1.0", "-m", REASON, "--ticket", "INC-77")
    stage.say("A colleague, woken by the same alert, sends the same command. It does no harm:")
    stage.repoint("rollback", "refund@1.1.0", "-m", REASON, "--ticket", "INC-77", by=ADA)
    stage.repoint("status")


def morning(stage: Stage, fixed: Step) -> None:
    """The post-mortem, and the fix, which goes the ordinary way."""
    stage.title("5. The morning after")
    stage.say("For the post-mortem, as Markdown that can be pasted:")
    stage.set_clock(fixed.at.isoformat(), by=ADA)
    stage.repoint("diff", "refund@1.0.0", "refund@1.1.0", "--stat", "--format", "markdown")
    stage.say("Marta's fix keeps what was good about the edit, and the checks. Once published, it goes the same way.")
    edit(stage.folder, fixed)
    stage.quietly("git", "commit", "--quiet", "--all", "-m", f"{fixed.agent}: {fixed.message}")
    stage.quietly(*fixed.publish().argv)
    stage.quietly(*fixed.promotes[0].command().argv)
    stage.promote_of(fixed, "production")
    stage.say("Every version, every record, and the chain between them, checked:")
    stage.repoint("verify")
    stage.say("Read on: docs/incident.md. The whole story: python examples/story.py DIR")


def main() -> None:
    """Play the demo in a new folder and clean up."""
    parser = argparse.ArgumentParser(description="Play a night of the support team in a throwaway repository.")
    parser.add_argument("--keep", action="store_true", help="keep the repository and say where it is")
    with throwaway("demo", keep=parser.parse_args().keep) as folder:
        play(Stage(folder), {step.name: step for step in read_story()})


if __name__ == "__main__":
    main()
