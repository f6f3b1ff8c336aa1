"""What the processes of a fleet serve, as a command says it, and waiting until all of them have followed a move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from repoint.errors import InvalidInput, NotConfirmed, StoreUnavailable
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import Session
from repoint_cli.times import age
from repoint_schemas.documents import AgentName, Change, EnvironmentName, Record
from repoint_schemas.results import FleetResult, ProcessResult, ServedResult

if TYPE_CHECKING:
    from repoint.fleet import Fleet

C = TypeVar("C", bound=Callable[..., object])

LONGEST_WAIT = 3600.0
SHOWN_PROCESSES = 10

_DURATION = r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)?"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def wait_option(command: C) -> C:
    """``--wait TIME``."""
    return click.option(
        "--wait",
        metavar="TIME",
        callback=_seconds,
        help="Wait so long, as in 30s, until every process that reports what it serves has followed; else exit 11.",
    )(command)


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    import re

    del ctx, param
    if value is None:
        return None
    found = re.fullmatch(_DURATION, value)
    seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise InvalidInput(
            f"{value!a} is not a time to wait", kind="invalid-duration", hint="write it as 30s, 500ms or 2m, up to 1h"
        )
    return seconds


def require_reports(session: Session, wait: float | None) -> None:
    """Before a move that is to be waited for: the store must be one that takes reports. Nothing is asked of it.

    Raises: InvalidInput.
    """
    if wait is not None:
        from repoint.fleet import board_of

        board_of(session.workspace.registry.store)


def waited(session: Session, record: Record, changes: Sequence[Change], seconds: float) -> FleetResult:
    """Wait until the fleet serves this record or a later one, and say how far it is.

    Raises: NotConfirmed, where nobody can be asked.
    """
    from repoint.fleet import board_of, fleet, wait_for_fleet

    place, board = record.environment, board_of(session.workspace.registry.store)
    try:
        with progress(session.console, f"waiting for the processes of {place}") as shown:
            seen = wait_for_fleet(
                lambda: fleet(board.posted(place), record),
                seconds,
                lambda found: shown.at(found.confirmed, len(found.processes)),
            )
    except StoreUnavailable as error:
        raise NotConfirmed(
            f"what the processes of {place} serve cannot be read: {error.message}",
            kind="fleet-unreadable",
            hint=_LOOK_AGAIN.format(place),
        ) from error
    result = fleet_result(session, seen, [c.agent for c in changes], record)
    session.console.done(*fleet_lines(result))
    return result


_LOOK_AGAIN = "what was moved stands; look again: repoint status --fleet --env {}"


def require_followed(result: FleetResult) -> None:
    """Raises: NotConfirmed, where a process has not followed, or none reports."""
    if result.processes and not result.behind:
        return
    if not result.processes:
        raise NotConfirmed(
            f"no process reports what it serves in {result.environment}",
            kind="no-reports-seen",
            hint="what was moved stands; a reader reports with repoint.Reader(..., report=True)",
        )
    raise NotConfirmed(
        f"{len(result.behind)} of {result.processes} processes have not confirmed generation {result.generation} of "
        f"{result.environment}",
        kind="not-confirmed",
        hint=_LOOK_AGAIN.format(result.environment),
        behind=[each.name for each in result.behind],
    )


def fleet_now(session: Session, environment: EnvironmentName, agents: Sequence[AgentName]) -> FleetResult:
    """What the fleet of an environment serves now. Raises: InvalidInput, StoreUnavailable, NotFound, Corrupt."""
    from repoint.fleet import board_of, fleet

    registry = session.workspace.registry
    record = registry.current(environment).record
    return fleet_result(session, fleet(board_of(registry.store).posted(environment), record), agents, record)


def fleet_result(session: Session, seen: Fleet, agents: Sequence[AgentName], record: Record) -> FleetResult:
    """A fleet for programs: who is behind, and which versions of these agents (else of all that differ) are served."""
    from repoint.fleet import versions_served

    past = session.workspace.past(record.environment)
    served = versions_served(seen, agents or record.agents, lambda at: record if at == record.generation else past(at))
    rows = [
        ServedResult(agent, this.version, count, this.followed)
        for agent, versions in served.items()
        if agents or {each.version for each in versions} != {record.agents[agent].version}
        for this, count in sorted(versions.items(), key=lambda each: (not each[0].followed, -each[1]))
    ]
    behind = [ProcessResult(each.name, each.generation, int(each.age)) for each in seen.behind]
    told = {*agents, *(row.agent for row in rows)}
    live = {str(agent): str(entry.version) for agent, entry in record.agents.items() if agent in told}
    return FleetResult(record.environment, seen.generation, len(seen.processes), seen.confirmed, behind, rows, live)


def fleet_lines(result: FleetResult) -> list[str]:
    """A fleet for people: ``refund in production: 14 of 16 processes confirmed 1.4.2; 2 last seen on 1.5.0``."""
    if not result.processes:
        return [f"{result.environment}: no process reports what it serves"]
    lines = [_line(agent, rows, result) for agent, rows in _by_agent(result.serving).items()]
    if not lines:
        confirmed = f"{result.confirmed} of {result.processes} processes confirmed generation {result.generation}"
        lines = [f"{result.environment}: {confirmed}"]
    behind = [
        f"  {safe(each.name)}  generation {each.generation}, last heard of {age(each.age_seconds)} ago"
        for each in result.behind[:SHOWN_PROCESSES]
    ]
    more = len(result.behind) - SHOWN_PROCESSES
    return [*lines, *behind, *[f"  and {more} more"] * (more > 0)]


def _line(agent: str, rows: Sequence[ServedResult], result: FleetResult) -> str:
    now = result.live.get(agent)
    confirmed = sum(row.processes for row in rows if row.followed and row.version == now)
    others = [_other(row, now) for row in rows if not row.followed or row.version != now]
    whole = f"{confirmed} of {result.processes} processes confirmed {now or 'that it is not live'}"
    return "; ".join([f"{agent} in {result.environment}: {whole}", *others])


def _other(row: ServedResult, now: str | None) -> str:
    if row.followed:
        return f"{row.processes} moved on to {row.version or 'another record'}"
    if row.version is None:
        return f"{row.processes} last seen without it"
    return f"{row.processes} last seen on {row.version}" + " of an older generation" * (row.version == now)


def _by_agent(rows: Iterable[ServedResult]) -> Mapping[str, list[ServedResult]]:
    found: dict[str, list[ServedResult]] = {}
    for row in rows:
        found.setdefault(row.agent, []).append(row)
    return found


def seconds_left(until: float) -> float:
    """Until a moment of the monotonic clock; none where it is past."""
    return max(0.0, until - time.monotonic())
