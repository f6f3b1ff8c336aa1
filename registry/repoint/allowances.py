"""What ``[[allow]]`` in ``repoint.toml`` lets pass, with its reason; and which entries let nothing pass.

An allowance is a decision that somebody wrote down, so it is never silent: an allowed finding is kept with its reason,
counted, and those that would have stopped a publish are named each time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from repoint.config import CONFIG
from repoint.findings import Finding
from repoint_schemas.config import Allowance
from repoint_schemas.documents import AgentName


class Allowances:
    """The allowances of a registry, and which of them were needed."""

    def __init__(self, allow: Sequence[Allowance], source: str = "") -> None:
        self._allow = allow
        self._source = source
        self._used: set[int] = set()

    def refuse_unknown(self) -> None:
        """Refuse entries that name no rule. Raises: InvalidInput, with file, line and the rule probably meant."""
        if self._allow:
            from repoint.lintrules import refuse_unknown_rules

            places = [f"{CONFIG}:{self._line(index)}" for index in range(len(self._allow))]
            refuse_unknown_rules([each.rule for each in self._allow], places)

    def applied(self, agent: AgentName, findings: Iterable[Finding]) -> list[Finding]:
        """The findings in an agent's files, those allowed with their reason."""
        return [self._judged(agent, each) for each in findings]

    def unused(self, checked: Collection[AgentName], *, everything: bool) -> list[Finding]:
        """A finding for every entry that let nothing pass, of those that concern only agents that were checked."""
        found = []
        for index, each in enumerate(self._allow):
            if index in self._used or not (everything or each.agent in checked):
                continue
            whose = f"of {each.agent}" if each.agent else "of any agent"
            message = f"[[allow]] of {each.rule} lets no finding {whose} pass"
            found.append(Finding("unused-allow", CONFIG, self._line(index), "warning", message))
        return found

    def _judged(self, agent: AgentName, finding: Finding) -> Finding:
        for index, each in enumerate(self._allow):
            if each.rule == finding.rule and each.agent in (None, agent):
                self._used.add(index)
                return replace(finding, allowed=each.reason)
        return finding

    def _line(self, index: int) -> int:
        from repoint.tomlsource import line_of

        return line_of(self._source, ("allow", index))


def with_reasons(findings: Iterable[Finding], allowed: Collection[str]) -> list[Finding]:
    """The findings, those of allowed rules with the reason, where ``allowed`` maps rules to reasons and knows it."""
    reasons: Mapping[str, str] = allowed if isinstance(allowed, Mapping) else {}
    return [
        replace(each, allowed=reasons.get(each.rule, f"allowed in {CONFIG}")) if each.rule in allowed else each
        for each in findings
    ]
