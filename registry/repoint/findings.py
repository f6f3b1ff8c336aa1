"""What a lint finds: the one shape that every rule reports in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """A rule's name, how serious a finding is at most, and why it is there."""

    name: str
    severity: Severity
    why: str


@dataclass(frozen=True)
class Finding:
    """One finding; ``path`` is relative to the agent's folder (or the name of a text), ``line`` counts from 1."""

    rule: str
    path: str
    line: int | None
    severity: Severity
    message: str
