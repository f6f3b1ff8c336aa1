"""What a lint finds: the one shape that every rule reports in, and how findings refuse a publish."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from repoint.errors import InvalidInput

Severity = Literal["error", "warning"]

MOST_SHOWN = 20
"""Findings that a refusal lists one by one; the others are counted."""


class Rule(msgspec.Struct, frozen=True):
    """A rule's name, how serious a finding is at most, why it is there, how to mend one, and whose facts it goes by."""

    name: str
    severity: Severity
    why: str
    fix: str = ""
    sources: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One finding; ``path`` is relative to the agent's folder (or the name of a text), ``line`` counts from 1.

    ``allowed`` is the reason that ``repoint.toml`` gives for it, None where it counts.
    """

    rule: str
    path: str
    line: int | None
    severity: Severity
    message: str
    allowed: str | None = None


def place_of(finding: Finding) -> str:
    """``path:line``, or the path alone."""
    return finding.path + (f":{finding.line}" if finding.line else "")


def refuse_findings(findings: Collection[Finding], *, in_words: bool = False) -> None:
    """Raise InvalidInput for findings of severity error; ``in_words``: in a message or ticket, not in files.

    The first ``MOST_SHOWN`` are named, the others counted; the facts hold the rules and how many findings there are.
    """
    errors = [f for f in findings if f.severity == "error" and f.allowed is None]
    if not errors:
        return
    from repoint.secretmask import masked

    lines = [f"{place_of(f)}: {f.rule}: {masked(f.message)}" for f in errors[:MOST_SHOWN]]
    if len(errors) > MOST_SHOWN:
        lines.append(f"... and {len(errors) - MOST_SHOWN} more; repoint check lists them all")
    rules = sorted({f.rule for f in errors})
    nothing = "nothing was done" if in_words else "nothing was published"
    raise InvalidInput(
        f"{len(errors)} finding{'s' if len(errors) > 1 else ''}, {nothing}:\n" + "\n".join(lines),
        kind="lint",
        hint="say it in other words: what stands in the history stays there" if in_words else _hint(rules),
        rules=rules,
        findings=len(errors),
    )


def _hint(rules: list[str]) -> str:
    return (
        f"mend them (repoint check --explain {rules[0]}); if one is meant, allow it with a reason in repoint.toml: "
        f'[[allow]] rule = "{rules[0]}"'
    )
