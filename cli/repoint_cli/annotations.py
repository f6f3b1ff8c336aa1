"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

GitHub Docs, "Workflow commands for GitHub Actions", setting an error or warning message; the escapes are those of
``actions/toolkit``, packages/core/src/command.ts: ``%``, CR and LF everywhere, ``:`` and ``,`` in properties too.
GitHub shows ten errors and ten warnings of a step; the others are in its log.
"""

from __future__ import annotations

from collections.abc import Iterable

from repoint_cli.output import safe
from repoint_schemas.results import FindingResult


def workflow_commands(findings: Iterable[FindingResult]) -> list[str]:
    """One command for each finding; what is allowed is a notice."""
    return [_command(found) for found in findings]


def _command(found: FindingResult) -> str:
    kind = found.severity if found.allowed is None else "notice"
    line = f",line={found.line}" if found.line else ""
    reason = "" if found.allowed is None else f" (allowed: {found.allowed})"
    place = f"file={_property(found.path)}{line},title={_property(f'repoint {found.rule}')}"
    return f"::{kind} {place}::{_message(found.message + reason)}"


def _message(text: str) -> str:
    shown = safe(text, newline="\n")  # a runner reads lines: nothing but our own escapes may end or begin one
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
