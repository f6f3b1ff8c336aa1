"""The reference page of every rule: what ``check`` looks for, how a comparison judges, which model names are pinned.

Everything comes from the code: the rules of the lints, those of the comparisons, and what the module of model names
says of each provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from repoint import componentrules, specrules
from repoint.changes import ChangeRule
from repoint.lintrules import all_rules
from repoint.modelpages import PROVIDER_RULES, ProviderRule


def lines() -> list[str]:
    """The page, line by line."""
    text = ["# Rules", ""]
    text += [*_INTRODUCTION.splitlines(), "", "## Lints", "", *_LINTS.splitlines(), ""]
    text += ["| rule | severity |", "| --- | --- |"]
    text += [*(f"| [{rule.name}](#{rule.name}) | {rule.severity} |" for rule in all_rules()), ""]
    for rule in all_rules():
        text += [f"### {rule.name}", "", f"**{rule.severity}.** {_sentence(rule.why)}", ""]
        text += [f"*Mend it:* {_sentence(rule.fix)}", ""] if rule.fix else []
        text += _sources(rule.sources)
    text += ["## Judgements", "", *_JUDGEMENTS.splitlines(), ""]
    text += _judgements("What a manifest names", componentrules.RULES.values())
    text += _judgements("Inside specifications and other structured files", specrules.RULES.values())
    text += ["## Model names", "", *_MODELS.splitlines(), ""]
    text += ["| provider | pinned | floats | source | read |", "| --- | --- | --- | --- | --- |"]
    return [*text, *(_provider(rule) for rule in PROVIDER_RULES)]


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


def _judgements(heading: str, rules: Iterable[ChangeRule]) -> list[str]:
    rows = [_row(rule.name, rule.impact, rule.why, "; ".join(rule.sources)) for rule in rules]
    return [f"### {heading}", "", "| rule | impact | why | sources |", "| --- | --- | --- | --- |", *rows, ""]


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
