"""What a lint finds: the one shape that every rule reports in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from repoint.errors import InvalidInput

Severity = Literal["error", "warning"]


class Rule(msgspec.Struct, frozen=True):
    """A rule's name, how serious a finding is at most, why it is there, how to mend one, and whose facts it goes by."""

    name: str
    severity: Severity
    why: str
    fix: str = ""
    sources: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One finding; ``path`` is relative to the agent's folder (or the name of a text), ``line`` counts from 1."""

    rule: str
    path: str
    line: int | None
    severity: Severity
    message: str


def refuse_findings(findings: Collection[Finding], *, in_words: bool = False) -> None:
    """Raise InvalidInput naming every finding of severity error; ``in_words``: in a message or ticket, not in files."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return
    lines = "\n".join(f"{f.path}{f':{f.line}' if f.line else ''}: {f.rule}: {f.message}" for f in errors)
    rules = sorted({f.rule for f in errors})
    nothing = "nothing was done" if in_words else "nothing was published"
    raise InvalidInput(
        f"{len(errors)} finding{'s' if len(errors) > 1 else ''}, {nothing}:\n{lines}",
        kind="lint",
        hint="say it in other words: what stands in the history stays there"
        if in_words
        else f'mend them; if one is meant, allow it with a reason in repoint.toml: [[allow]] rule = "{rules[0]}"',
        rules=rules,
    )
