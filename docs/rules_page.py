"""The reference page of every rule: what ``check`` looks for, how a comparison judges, which model names are pinned.

Everything comes from the code: the rules of the lints, those of the comparisons, and what the module of model names
says of each provider.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

Table = list[list[str]]

COMPARISONS = (
    ("repoint.componentrules", "What a manifest names"),
    ("repoint.specrules", "Inside specifications and other structured files"),
)
"""Modules with a table ``RULES``, each under its heading."""


class LintRule(Protocol):
    """What the page needs of a rule of ``check``."""

    name: str
    severity: str
    why: str
    fix: str
    sources: Sequence[str]


class ComparisonRule(Protocol):
    """What the page needs of a rule that judges one change."""

    name: str
    impact: str
    why: str
    sources: Sequence[str]


def lint_rules() -> list[LintRule]:
    """Every rule of ``repoint check``."""
    module = importlib.import_module("repoint.lintrules")
    return list(cast("Iterable[LintRule]", module.all_rules()))


def comparison_rules(name: str) -> list[ComparisonRule]:
    """The rules of one module, in its order."""
    found = importlib.import_module(name).RULES
    return [cast("ComparisonRule", rule) for rule in found.values()]


class ProviderRule(Protocol):
    """What the page needs of a provider's naming of models."""

    provider: str
    pinned: str
    floats: str
    page: str
    address: str
    reviewed: str
    stated: bool


def provider_rules() -> list[ProviderRule]:
    """What is known of each provider's names."""
    module = importlib.import_module("repoint.modelpages")
    return list(cast("Iterable[ProviderRule]", module.PROVIDER_RULES))


def lines() -> list[str]:
    """The page, line by line."""
    text = ["# Rules", ""]
    text += [*_INTRODUCTION.splitlines(), "", "## Lints", "", *_LINTS.splitlines(), ""]
    text += [
        "| rule | severity |",
        "| --- | --- |",
        *(f"| [{r.name}](#{r.name}) | {r.severity} |" for r in lint_rules()),
    ]
    text += [""]
    for rule in lint_rules():
        text += [f"### {rule.name}", "", f"**{rule.severity}.** {_sentence(rule.why)}", ""]
        text += [f"*Mend it:* {_sentence(rule.fix)}", ""] if rule.fix else []
        text += _sources(rule.sources)
    text += ["## Judgements", "", *_JUDGEMENTS.splitlines(), ""]
    for module, heading in COMPARISONS:
        text += [f"### {heading}", "", "| rule | impact | why | sources |", "| --- | --- | --- | --- |"]
        text += [_row(r.name, r.impact, r.why, "; ".join(r.sources)) for r in comparison_rules(module)] + [""]
    text += ["## Model names", "", *_MODELS.splitlines(), ""]
    text += ["| provider | pinned | floats | source | read |", "| --- | --- | --- | --- | --- |"]
    return [*text, *(_provider(rule) for rule in provider_rules())]


_INTRODUCTION = """\
Three kinds: what `repoint check` and `commit` look for in files, how `diff` and `commit` judge a change, and which
model names are pinned. `repoint check --explain RULE` prints one of the first kind.
"""

_LINTS = """\
An *error* refuses a publish, a *warning* is shown; `check` exits 1 for both. A finding that is meant is allowed in
`repoint.toml`, with the reason, for one agent or for all:

    [[allow]]
    rule = "floating-model"
    agent = "scout"
    reason = "research only; the provider has no dated name for this preview"
"""

_JUDGEMENTS = """\
The highest impact of all changes is the bump ([why these three](../versioning.md)). Where a change may be read in two
ways, the higher impact counts; where a comparison stops at one of its limits, it says so.
"""

_MODELS = """\
A name *floats* when its provider may let it mean another model tomorrow. For a provider that is not listed only names
like `latest` float. "Our reading": the page does not say it in so many words.
"""


def _provider(rule: ProviderRule) -> str:
    page = f"[{rule.page}]({rule.address})" if rule.address else rule.page
    source = page if rule.stated else f"{page}; our reading"
    row = _row(f"`{rule.provider}`", rule.pinned, rule.floats, "SOURCE", rule.reviewed)
    return row.replace("SOURCE", source.replace("|", "\\|"))


def _sources(sources: Sequence[str]) -> list[str]:
    return [f"*Sources:* {'; '.join(_escaped(each) for each in sources)}", ""] if sources else []


def _row(*cells: str) -> str:
    return "| " + " | ".join(_escaped(" ".join(cell.split())).replace("|", "\\|") for cell in cells) + " |"


def _sentence(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Text with its code marks in the manner of Markdown, and nothing in it taken for HTML or a link."""
    return text.replace("``", "`").replace("<", "&lt;").replace("[[", "\\[\\[").replace("*", "\\*")
