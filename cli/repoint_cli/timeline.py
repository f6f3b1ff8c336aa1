"""A ledger as a timeline: what was live when, who moved it, why.

On a terminal by day, with how long ago; in a pipe one line a record with its whole time, so that a line means the same
wherever it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repoint.names import YANK_LEDGER
from repoint_cli.moving import change_text
from repoint_cli.output import Console, safe
from repoint_cli.tables import cut, first_line, pad, table
from repoint_cli.times import ago, day, since
from repoint_schemas.results import RecordResult

SHOWN_CHANGES = 12
"""So many changes of one record are listed on a terminal."""

_COLOURS = {
    "promote": "green",
    "rollback": "red",
    "restore": "red",
    "freeze": "magenta",
    "yank": "magenta",
}
_INDENT = 8


class Timeline(NamedTuple):
    """Where it is shown: ``width`` is None in a pipe, ``now`` is Unix time."""

    console: Console
    width: int | None
    now: int


def record_lines(timeline: Timeline, records: Sequence[RecordResult]) -> Iterator[str]:
    """The records, newest first, with the days between them on a terminal."""
    shown_day = ""
    for record in records:
        if timeline.width is not None and (today := record.time[:10]) != shown_day:
            yield from [""] * bool(shown_day)
            yield timeline.console.strong(f"{day(record.time)} (UTC)")
            shown_day = today
        yield _head(timeline, record)
        yield from _body(timeline, record)


def _head(timeline: Timeline, record: RecordResult) -> str:
    console = timeline.console
    action = console.paint(record.action, _COLOURS.get(record.action, "white"), bold=True)
    who = f"{safe(record.actor.name)}{f'  {safe(record.ticket)}' if record.ticket else ''}"
    if timeline.width is None:
        return f"{record.generation:>6}  {record.time}  {action}  {who}"
    when = f"{record.time[11:19]}  {ago(since(record.time, timeline.now))} ago"
    return cut(f"{record.generation:>6}  {pad(when, 24)}  {pad(action, 8)}  {who}", timeline.width)


def _body(timeline: Timeline, record: RecordResult) -> Iterator[str]:
    indent = " " * _INDENT
    most = len(record.changes) if timeline.width is None else SHOWN_CHANGES
    for change in record.changes[:most]:
        yield f"{indent}{change_text(timeline.console, change)}"
    if len(record.changes) > most:
        yield f"{indent}and {len(record.changes) - most} more: --json lists all"
    word = "yanked" if record.environment == YANK_LEDGER else "held"
    for name in record.held:
        yield f"{indent}{name} {timeline.console.paint(word, 'magenta', bold=True)}"
    for name in record.released:
        yield f"{indent}{name} no longer {word}"
    if record.message:
        yield f"{indent}{first_line(record.message, (timeline.width or 100 + _INDENT) - _INDENT)}"


def at_lines(timeline: Timeline, records: Sequence[RecordResult], at: str) -> Iterator[str]:
    """What was live at a moment: which generation, by whose move, and every agent's version."""
    if len(records) > 1:
        yield f"clocks went backwards around {at}: {len(records)} generations may have been live then"
    for record in records:
        place = timeline.console.strong(f"{record.environment} generation {record.generation}")
        yield f"{place} was live at {at}{', frozen' if record.frozen else ''}"
        yield _head(timeline._replace(width=None), record)
        yield from _body(timeline, record)
        rows = [[agent, timeline.console.strong(version)] for agent, version in sorted(record.agents.items())]
        header = [timeline.console.strong("AGENT"), timeline.console.strong("VERSION")]
        yield from ("", *(f"{' ' * _INDENT}{line}" for line in table(rows, header=header)))
        if not rows:
            yield f"{' ' * _INDENT}nothing was live yet"
