"""``repoint diff``: what changed between two versions, by component, then by file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from repoint.bump import Difference, infer
from repoint.diff import Side, differences, released_side, working_side
from repoint.errors import UsageError
from repoint.gitdiff import Counted, compare_files
from repoint.names import Ref, parse_ref
from repoint_cli.arguments import complete_refs
from repoint_cli.commands.commit import working_copy
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import Console, json_text, safe
from repoint_cli.session import Session, opened
from repoint_schemas.documents import AgentName, Version
from repoint_schemas.results import BumpResult, DifferenceResult, DiffResult, DiffSide, FileChange

if TYPE_CHECKING:
    from repoint.store import Contents

_IMPACT_COLOURS = {"major": "red", "minor": "yellow", "patch": "green"}
_SHOWN_VALUE = 60


class Comparison(NamedTuple):
    """Two sides, what differs by component and by file, and the patch."""

    old: Side
    new: Side
    found: list[Difference]
    files: list[Counted]
    patch: list[str]


@click.command(
    epilog="""\b
Examples:
  repoint diff refund@1.4.2 refund@1.5.0
  repoint diff refund@production~1 refund@production   what the last move did
  repoint diff refund@production    the working copy against production
  repoint diff refund               the working copy against latest
"""
)
@click.argument("first", metavar="A", shell_complete=complete_refs)
@click.argument("second", metavar="[B]", required=False, shell_complete=complete_refs)
@click.option("--stat", is_flag=True, help="Components and counts only, no patch.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when there is a difference.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How to print it."
)
@global_options
@pass_settings
def diff(settings: Settings, first: str, second: str | None, stat: bool, exit_code: bool, form: str) -> int:
    """What changed from A to B, what matters most to behaviour first; without B, from A to the working copy."""
    if form == "json":
        settings.console.json, settings.console.colour = True, False
    with opened(settings) as session:
        compared = _compare(session, *_refs(first, second), patch=not stat and not settings.console.json)
        say = _say_markdown if form == "markdown" else _say_text
        say(settings.console, compared)
        settings.console.result(_result(compared), page=form == "text")
        return 1 if exit_code and compared.old.digest != compared.new.digest else 0


def _refs(first: str, second: str | None) -> tuple[Ref, Ref]:
    old = parse_ref(first)
    if second is not None:
        return old, parse_ref(second)
    if old.working:
        return Ref(old.agent, latest=True), old
    return old, Ref(old.agent)


def _compare(session: Session, old: Ref, new: Ref, *, patch: bool) -> Comparison:
    if old.working:
        raise UsageError(
            "the working copy can only be the second side", kind="working-first", hint=f"repoint diff REF {old.agent}"
        )
    registry = session.workspace.registry
    before = registry.resolve(old)
    left = released_side(registry, before)
    target: tuple[AgentName, Version] | Contents
    if new.working:
        contents = _contents(session, new)
        right, target = working_side(contents), contents
    else:
        after = registry.resolve(new)
        right, target = released_side(registry, after), (after.document.agent, after.document.version)
    key = (before.document.agent, before.document.version)
    with compare_files(session.workspace.repository, key, target) as compared:
        lines = list(compared.lines()) if patch else []
        return Comparison(left, right, differences(left, right), compared.counts(), lines)


def _contents(session: Session, ref: Ref) -> Contents:
    from repoint.snapshot import build_snapshot

    return build_snapshot(working_copy(session, ref.agent), session.workspace.limits())


def _result(compared: Comparison) -> DiffResult:
    level = infer(compared.found)
    return DiffResult(
        origin=_side(compared.old),
        target=_side(compared.new),
        changes=[
            DifferenceResult(d.component, d.name, d.kind, d.impact, d.old, d.new, d.reason) for d in compared.found
        ],
        files=[FileChange(f.path, f.added, f.removed) for f in compared.files],
        bump=BumpResult(level, [f"{d.impact}: {d.component} {d.name}: {d.reason}" for d in compared.found]),
    )


def _side(side: Side) -> DiffSide:
    return DiffSide(side.agent, side.version, side.digest)


def _name(side: Side) -> str:
    return f"{side.agent} {side.version or 'working copy'}"


def _say_text(console: Console, compared: Comparison) -> None:
    if compared.old.digest == compared.new.digest:
        console.say(f"no difference: {_name(compared.old)} and {_name(compared.new)} have the same content")
        return
    level = infer(compared.found) or "patch"
    title = f"{_name(compared.old)} -> {_name(compared.new)}"
    console.say(f"{console.strong(title)}: a {console.paint(level, _IMPACT_COLOURS[level])} change")
    for d in compared.found:
        console.say(f"  {console.paint(f'{d.impact:<5}', _IMPACT_COLOURS[d.impact])}  {_summary(d)}")
    console.say(*(f"  {_counts(f):>12}  {safe(f.path)}" for f in compared.files))
    if compared.patch:
        console.say("", *_coloured(console, compared.patch))


def _summary(d: Difference) -> str:
    values = ""
    if (
        d.component in ("model", "config", "requires")
        or isinstance(d.old, int | float)
        or isinstance(d.new, int | float)
    ):
        values = f"  {_value(d.old)} -> {_value(d.new)}"
    return f"{d.component} {safe(d.name)} {d.kind}{values}  ({safe(d.reason)})"


def _value(value: object) -> str:
    text = "none" if value is None else safe(json_text(value))
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


def _counts(file: Counted) -> str:
    return "binary" if file.added is None else f"+{file.added} -{file.removed}"


def _coloured(console: Console, patch: list[str]) -> Iterator[str]:
    for line in patch:
        text = safe(line)
        if line.startswith(("diff --git", "index ", "--- ", "+++ ")):
            yield console.strong(text)
        elif line.startswith("@@"):
            yield console.paint(text, "cyan")
        elif line.startswith("+"):
            yield console.paint(text, "green")
        else:
            yield console.paint(text, "red") if line.startswith("-") else text


def _say_markdown(console: Console, compared: Comparison) -> None:
    """For an incident channel: a list and one fenced block that nothing inside can close."""
    console.say(f"**{_name(compared.old)} → {_name(compared.new)}**", "")
    console.say(*(f"- **{d.impact}** `{_ticks(_summary(d))}`" for d in compared.found))
    if compared.patch:
        longest = max((len(run) for line in compared.patch for run in _runs(line)), default=0)
        fence = "`" * max(3, longest + 1)
        console.say("", f"{fence}diff", *(safe(line) for line in compared.patch), fence)


def _ticks(text: str) -> str:
    return text.replace("`", "'")


def _runs(line: str) -> list[str]:
    import re

    return re.findall("`+", line)
