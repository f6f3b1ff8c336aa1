"""``repoint verify``: every promise over the whole registry; findings named by promise."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from textwrap import wrap

import click

from repoint.verifyeverywhere import verify_everywhere
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import Console, safe
from repoint_cli.progress import progress
from repoint_cli.session import opened
from repoint_schemas.results import VerifyFinding, VerifyResult

MOST = 20
"""Findings of one kind that are shown to people."""

PROMISES = {
    1: "a version never changes and never disappears",
    2: "a pointer never names what cannot be loaded whole",
    3: "one move wins each generation, none is doubled or reported wrongly",
    4: "no ledger entry is lost, reordered or altered",
    5: "a move over several agents is one record",
    6: "nothing goes back to a lower generation",
    8: "a rollback needs nothing but the authority",
    9: "secrets and invisible characters do not get into a version",
    10: "nothing stored can write outside its place or exhaust memory",
}


@click.command(
    epilog="""\b
Examples:
  repoint verify           documents, chains, rules, trees, presence of files
  repoint verify --deep    also the bytes of every file
  repoint verify --json    for a monitor

See also: repoint doctor (are the tools fit), repoint history.

Exit codes: 1 where a promise is broken; the findings name it.
"""
)
@click.option("--deep", is_flag=True, help="Read every file too: SHA-256, secrets, invisible characters.")
@global_options
@pass_settings
def verify(settings: Settings, deep: bool) -> int:
    """Check every promise over the whole registry.

    That no version changed or disappeared, that everything live can be loaded
    whole, that no ledger was rewritten, and more; what breaks a promise is named
    with its place. Writes nothing and repairs nothing.
    """
    with opened(settings) as session:
        with progress(session.console, "verifying") as shown:
            result = verify_everywhere(
                session.workspace, deep=deep, progress=lambda what, done, total: shown.at(done, total, what)
            )
        _say(session.console, result)
        session.console.result(result)
        return 1 if result.findings else 0


def _say(console: Console, result: VerifyResult) -> None:
    for promise, found in groupby(result.findings, key=lambda finding: finding.promise):
        console.say(console.strong(f"promise {promise}: {PROMISES.get(promise, '')}"))
        _say_findings(console, list(found))
    if result.foreign:
        named = ", ".join(result.foreign[:5]) + (f" and {len(result.foreign) - 5} more" if result.foreign[5:] else "")
        console.done(f"foreign tags, which are no releases of this registry: {named}")
    for name, lacks in sorted(result.behind.items()):
        console.done(f"behind: {name} lacks {lacks}; repoint sync brings it up")
    for text in result.unreachable:
        console.warn(f"not checked: {safe(text)}")
    counts = ", ".join(f"{count} {what}" for what, count in sorted(result.checked.items()))
    number = len(result.findings)
    verdict = f"{number} finding{'' if number == 1 else 's'}" if number else "every promise holds"
    how = "" if result.deep else " (files by presence and size; --deep reads them)"
    console.done(verdict, *wrap(f"checked {counts or 'nothing'}{how}", 78, initial_indent="  ", subsequent_indent="  "))


def _say_findings(console: Console, found: list[VerifyFinding]) -> None:
    """The findings of one promise; of each kind only the first few."""
    counts = Counter(finding.kind for finding in found)
    shown: Counter[str] = Counter()
    for finding in found:
        shown[finding.kind] += 1
        if shown[finding.kind] <= MOST:
            kind = console.paint(finding.kind, "red")
            console.say(f"  {safe(finding.place)}: {kind}: {safe(finding.message)}")
    for kind, count in counts.items():
        if count > MOST:
            console.say(f"  and {count - MOST} more of {kind}: --json lists all")
