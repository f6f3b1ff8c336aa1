"""An incident from the alert to the post-mortem, recorded in a real terminal: run by ``make recording``.

It writes into docs/recordings: ``incident.cast`` for asciinema's player, ``incident.txt`` and ``incident.svg`` for
reading, and ``INC-77.md``, the Markdown that was pasted. The commands are typed into a shell on a pseudo-terminal, in
the support team's repository as it stood that night; ``--into DIR`` writes elsewhere.
"""

from __future__ import annotations

import argparse
import shlex
from datetime import datetime
from pathlib import Path

from recording import Recording, Size, Terminal, plain_text, svg
from stage import KIM, throwaway
from steps import ROOT, read_story, until
from story import Teller, as_of, program

RECORDINGS = ROOT / "docs" / "recordings"
SIZE = Size(100, 30)
ALERT = datetime.fromisoformat("2026-11-20T02:40:00Z")
NOTES = "INC-77.md"

SESSION = (
    "# 02:40, the pager: refunds above 150 EUR, paid without a receipt. What is live?",
    "repoint status",
    "# refund was moved last evening. By whom, and with what?",
    "repoint history --limit 2",
    "# What did that change? ~1 is what was live before it.",
    "repoint diff refund@production~1 refund@production",
    "# The receipt check is gone. Get off that version; all else can wait.",
    'repoint rollback refund@1.1.0 -m "Refunds above 150 EUR paid without receipt" --ticket INC-77',
    "repoint status",
    "# For the channel, and for the post-mortem in the morning:",
    f"repoint diff refund@1.0.0 refund@1.1.0 --format markdown > {NOTES}",
    f"cat {NOTES}",
)


def record(team: Path) -> tuple[Recording, str]:
    """Set the stage and play the session; the recording, and the Markdown that was made in it."""
    teller = Teller(team)
    teller.tell(until(read_story(), "refund@1.1.0"))
    shim = team.with_name("bin") / "repoint"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.join(program("repoint"))} "$@"\n')
    shim.chmod(0o755)
    settings = teller.settings | as_of(ALERT, KIM)
    settings["PATH"] = f"{shim.parent}:{settings['PATH']}"
    settings["PROMPT_COMMAND"] = "DOCS_CLOCK=$((DOCS_CLOCK + 19))"
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"):
        settings.pop(name, None)
    recorded = Recording("Repoint: an incident, from the alert to the post-mortem", SIZE, int(ALERT.timestamp()))
    with Terminal(team, settings, recorded) as terminal:
        for line in SESSION:
            terminal.type(line)
    return recorded, (team / NOTES).read_text("utf-8")


def write(recorded: Recording, notes: str, folder: Path) -> None:
    """Write the recording in all its forms."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "incident.cast").write_text(recorded.cast(), "utf-8")
    (folder / "incident.txt").write_text(plain_text(recorded), "utf-8")
    (folder / "incident.svg").write_text(svg(recorded), "utf-8")
    (folder / NOTES).write_text(notes, "utf-8")


def main() -> None:
    """Record and write."""
    parser = argparse.ArgumentParser(description="Record an incident in a terminal.")
    parser.add_argument("--into", metavar="DIR", type=Path, default=RECORDINGS)
    folder = parser.parse_args().into.resolve()
    with throwaway("incident") as team:
        write(*record(team), folder)
    print(f"written: {', '.join(sorted(path.name for path in folder.iterdir()))} in {folder}")


if __name__ == "__main__":
    main()
