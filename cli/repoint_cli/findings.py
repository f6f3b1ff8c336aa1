"""Findings of the lints, for people and for programs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from repoint_cli.output import Console, safe
from repoint_schemas.results import FindingResult

if TYPE_CHECKING:
    from repoint.findings import Finding

MOST_SAID = 20
"""Findings that a command other than ``check`` prints; the others are counted."""

_COLOURS = {"error": "red", "warning": "yellow"}


def finding_result(finding: Finding, folder: str) -> FindingResult:
    """One finding for programs; the path is relative to the repository. No secret that it quotes is repeated."""
    from repoint.secretmask import masked

    path = f"{folder}/{finding.path}" if folder else finding.path
    return FindingResult(finding.rule, path, finding.line, finding.severity, masked(finding.message), finding.allowed)


def finding_line(console: Console, found: FindingResult) -> str:
    """One finding for people: ``file:line: severity[rule]: message``, and the reason where it is allowed."""
    where = safe(found.path) + (f":{found.line}" if found.line else "")
    if found.allowed is not None:
        return (
            f"{where}: {console.dim(f'allowed[{found.rule}]')}: {safe(found.message)} (allowed: {safe(found.allowed)})"
        )
    severity = console.paint(found.severity, _COLOURS[found.severity], bold=found.severity == "error")
    return f"{where}: {severity}[{found.rule}]: {safe(found.message)}"


def say_findings(console: Console, findings: Collection[Finding], folder: str) -> None:
    """Findings of a command that goes on with its work: the first few, the number of the rest, what is allowed."""
    shown = [finding_result(each, folder) for each in findings]
    counted = [each for each in shown if each.allowed is None]
    console.done(*(finding_line(console, each) for each in counted[:MOST_SAID]))
    if len(counted) > MOST_SAID:
        console.done(f"... and {len(counted) - MOST_SAID} more; repoint check lists them all")
    warn_of_allowed(console, shown)


def warn_of_allowed(console: Console, findings: Sequence[FindingResult]) -> None:
    """Say aloud what only ``[[allow]]`` keeps from stopping a publish, once for each rule and reason."""
    loud: dict[tuple[str, str], list[FindingResult]] = {}
    for each in findings:
        if each.allowed is not None and each.severity == "error":
            loud.setdefault((each.rule, each.allowed), []).append(each)
    for (rule, reason), found in loud.items():
        where = safe(found[0].path) + (f":{found[0].line}" if found[0].line else "")
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        console.warn(f"{rule} in {where}{more} is allowed by repoint.toml: {safe(reason)}")
