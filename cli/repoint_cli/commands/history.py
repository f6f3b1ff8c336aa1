"""``repoint history``: the ledger as a timeline: what was live when, who moved it, why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import click

from repoint.errors import Corrupt, NotFound, StoreUnavailable, UsageError
from repoint.ledger import stays
from repoint.names import YANK_LEDGER, parse_agent
from repoint_cli.arguments import complete_agents, complete_ledgers
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.progress import counted
from repoint_cli.session import Session, now, opened
from repoint_cli.terminal import terminal_width
from repoint_cli.timeline import Timeline, at_lines, record_lines
from repoint_cli.times import parse_moment
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, Record
from repoint_schemas.results import HistoryResult, RecordResult


@click.command(
    epilog="""\b
Examples:
  repoint history                             the last 20 moves of production
  repoint history staging --agent refund      one agent's moves in staging
  repoint history --at 2026-11-20T21:00:00Z   what was live then
  repoint history registry                    what was yanked, by whom, why
  repoint history --json --limit 1            the newest record, for programs

See also: repoint log AGENT (what was published), repoint status (what is live
now), repoint rollback --to-generation N (back to how it was).
"""
)
@click.argument("environment", required=False, metavar="[ENV]", shell_complete=complete_ledgers)
@click.option("--agent", metavar="A", shell_complete=complete_agents, help="Only moves of this agent.")
@click.option("--at", metavar="TIME", help="What was live at this time (RFC 3339; no zone means UTC).")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N records."
)
@global_options
@pass_settings
def history(settings: Settings, environment: str | None, agent: str | None, at: str | None, limit: int) -> None:
    """What was live when, who moved it, why.

    The ledger of an environment, newest first. Every move (promote, rollback,
    hold, freeze) is one record with a number, its generation; nothing is ever
    removed. With --at, what was live at a moment, agent by agent. Without ENV the
    default environment, which is production unless repoint.toml says otherwise.
    """
    with opened(settings) as session:
        place = YANK_LEDGER if environment == YANK_LEDGER else session.environment(environment)
        name = None if agent is None else parse_agent(agent)
        if at is not None and name is not None:
            raise UsageError(
                "--at and --agent exclude each other", kind="exclusive-options", hint=f"give --at {at} alone"
            )
        if at is not None:
            _show(session, place, _at(session, place, at), at=at)
        else:
            _say_moves(session, place, name, limit)


def _say_moves(session: Session, place: EnvironmentName, agent: AgentName | None, limit: int) -> None:
    """The newest moves. Where one is damaged, those above it are shown before the error: they matter tonight."""
    current = session.workspace.registry.current(place).record
    read = counted(session.console, f"reading the ledger of {place}", _records(session, current, agent, limit))
    found, damage = _readable(islice(read, limit + 1))
    if damage is not None and (session.console.json or not found):
        raise damage
    if agent is not None and not found:
        raise _never_live(current, agent)
    more = None if len(found) <= limit else _more_command(place, agent, limit)
    _show(session, place, found[:limit], more=more)
    if damage is not None:
        raise damage


def _show(
    session: Session, place: EnvironmentName, found: list[Record], *, at: str | None = None, more: str | None = None
) -> None:
    results = [_result(r, _flags_before(session, r)) for r in found]
    if not session.console.json:
        timeline = Timeline(session.console, terminal_width(), now())
        session.console.say(*(record_lines(timeline, results) if at is None else at_lines(timeline, results, at)))
        if more:
            session.console.say(f"older records: {more}")
    session.console.result(HistoryResult(place, results, more is not None), page=True)


def _readable(records: Iterable[Record]) -> tuple[list[Record], Corrupt | StoreUnavailable | None]:
    """The records down to the first one that is damaged or not here (a shallow clone), and the error for that."""
    found: list[Record] = []
    try:
        for record in records:
            found.append(record)
    except (Corrupt, StoreUnavailable) as damage:
        return found, damage
    return found, None


def _never_live(current: Record, agent: AgentName) -> NotFound:
    live = ", ".join(sorted(current.agents)[:8]) or "none yet"
    return NotFound(
        f"{agent} was never live in {current.environment}",
        kind="agent-not-live",
        hint=f"live there: {live}",
        agent=agent,
        environment=current.environment,
    )


def _more_command(place: EnvironmentName, agent: str | None, limit: int) -> str:
    return f"repoint history {place}{f' --agent {agent}' if agent else ''} --limit {limit * 5}"


def _records(session: Session, current: Record, agent: AgentName | None, limit: int) -> Iterator[Record]:
    registry = session.workspace.registry
    if agent is None:
        yield from registry.records(current.environment, current.generation, max(0, current.generation - limit))
        return
    record_at = registry.record_at(current.environment)
    for stay in stays(current, agent, record_at):
        yield current if stay.entry.since == current.generation else record_at(stay.entry.since)


def _at(session: Session, place: EnvironmentName, at: str) -> list[Record]:
    """Every record that may have been the newest at a moment: one, unless clocks went backwards. Raises: NotFound."""
    candidates = session.workspace.registry.candidates_at(place, parse_moment(session, at), at)
    if not candidates:
        raise NotFound(
            f"{place} has no record at or before {at}", kind="before-first-record", hint=f"repoint history {place}"
        )
    return candidates


def _flags(record: Record) -> set[str]:
    """The held (in the ledger ``registry``: yanked) versions of a record."""
    return {f"{agent}@{version}" for agent, versions in record.holds.items() for version in versions}


def _flags_before(session: Session, record: Record) -> set[str]:
    """The held versions before a record; read only where the record may have changed them."""
    if record.generation == 0 or record.action not in _CHANGES_FLAGS:
        return _flags(record)
    try:
        return _flags(session.workspace.registry.record_at(record.environment)(record.generation - 1))
    except (Corrupt, StoreUnavailable):
        session.console.warn(
            f"which holds generation {record.generation} of {record.environment} changed is not known: "
            f"generation {record.generation - 1} cannot be read"
        )
        return _flags(record)


def _result(record: Record, before: set[str]) -> RecordResult:
    flags = _flags(record)
    return RecordResult(
        environment=record.environment,
        generation=record.generation,
        action=record.action,
        actor=record.actor,
        time=record.time,
        message=record.message,
        ticket=record.ticket,
        id=record.id,
        changes=list(record.changes),
        frozen=record.frozen is not None,
        digest=digest_of(encode(record)),
        agents={a: e.version for a, e in record.agents.items()},
        held=sorted(flags - before),
        released=sorted(before - flags),
    )


_CHANGES_FLAGS = ("rollback", "unhold", "yank", "unyank")
