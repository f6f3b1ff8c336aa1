"""One difference between two versions, for programs and as the reason of a bump."""

from __future__ import annotations

from repoint.changes import Difference
from repoint_schemas.documents import AgentName
from repoint_schemas.results import DifferenceResult


def difference_result(d: Difference, agent: AgentName | None = None) -> DifferenceResult:
    """One difference for programs."""
    return DifferenceResult(
        d.component, d.name, d.kind, d.impact, d.old, d.new, d.reason, d.rule, d.path, d.where, agent
    )


def reason_line(d: Difference) -> str:
    """One difference as a reason of a bump: ``major: integration payments: POST /refunds: ...: why``."""
    return f"{d.impact}: {d.component} {d.name}: {d.where + ': ' if d.where else ''}{d.reason}"
