"""Findings of the lints, for people and for programs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from repoint_cli.output import Console, safe
from repoint_schemas.results import FindingResult

if TYPE_CHECKING:
    from repoint.findings import Finding


def finding_result(finding: Finding, folder: str) -> FindingResult:
    """One finding for programs; the path is relative to the repository."""
    return FindingResult(finding.rule, f"{folder}/{finding.path}", finding.line, finding.severity, finding.message)


def say_findings(console: Console, findings: Collection[Finding], folder: str) -> None:
    """Findings for people: ``file:line: severity: rule: message``."""
    colours = {"error": "red", "warning": "yellow"}
    for f in findings:
        where = f"{safe(folder)}/{safe(f.path)}" + (f":{f.line}" if f.line else "")
        console.done(f"{where}: {console.paint(f.severity, colours[f.severity])}: {f.rule}: {safe(f.message)}")
