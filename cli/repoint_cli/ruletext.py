"""The rules of ``repoint check`` on a terminal: one explained, or all in a list."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from repoint_cli.output import Console
from repoint_cli.tables import table
from repoint_cli.terminal import terminal_width
from repoint_schemas.results import RuleResult

if TYPE_CHECKING:
    from repoint.findings import Rule

_WIDTH = 90


def rule_result(rule: Rule) -> RuleResult:
    """One rule for programs."""
    return RuleResult(rule.name, rule.severity, rule.why, rule.fix, list(rule.sources))


def explained(console: Console, rule: Rule) -> list[str]:
    """One rule in full: why it is there, what to do about a finding, how to allow one, whose facts it goes by."""
    colour = "red" if rule.severity == "error" else "yellow"
    lines = [f"{console.strong(rule.name)} ({console.paint(rule.severity, colour)})", ""]
    lines += _block("Why", rule.why) + _block("Fix", rule.fix)
    if rule.name not in ("manifest", "unused-allow"):
        lines += ["  Allow    if it is meant, in repoint.toml, with the reason that others will read:", ""]
        wanted = (
            f'rule = "{rule.name}"',
            'agent = "AGENT"  # without it: every agent',
            'reason = "WHY, and who looked at it"',
        )
        lines += [f"             {line}" for line in ("[[allow]]", *wanted)] + [""]
    lines += _block("Sources", "; ".join(rule.sources))
    return lines[:-1] if lines[-1] == "" else lines


def listed(console: Console, rules: Sequence[Rule]) -> list[str]:
    """All rules, one line each."""
    colours = {"error": "red", "warning": "yellow"}
    rows = [(console.strong(r.name), console.paint(r.severity, colours[r.severity]), r.why) for r in rules]
    shown = table(rows, ("rule", "severity", "why"), width=terminal_width())
    return [*shown, "", "repoint check --explain RULE says more, and how to allow a finding on purpose"]


def _block(title: str, text: str) -> list[str]:
    if not text:
        return []
    return [*textwrap.wrap(text, _WIDTH, initial_indent=f"  {title:<9}", subsequent_indent=" " * 11), ""]
