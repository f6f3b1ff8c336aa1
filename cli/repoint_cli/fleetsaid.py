"""What the processes of a fleet serve, as a command says it, and waiting until all of them have followed a move."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from repoint.errors import InvalidInput, NotConfirmed
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

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)?")
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
    del ctx, param
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise InvalidInput(
            f"{value!a} is not a time to wait", kind="invalid-duration", hint="write it as 30s, 500ms or 2m, up to 1h"
        )
    return seconds


def waited(session: Session, record: Record, changes: Sequence[Change], seconds: float) -> FleetResult:
    """Wait until the fleet serves this record or a later one, and say how far it is.

    Raises: InvalidInput, StoreUnavailable.
    """
    from repoint.fleet import board_of, fleet, wait_for_fleet

    registry, place = session.workspace.registry, record.environment
    board = board_of(registry.store)
    with progress(session.console, f"waiting for the processes of {place}") as shown:
        seen = wait_for_fleet(
            lambda: fleet(board.posted(place), registry.id, place, record.generation),
            seconds,
            lambda found: shown.at(found.confirmed, len(found.processes)),
        )
    result = fleet_result(session, seen, place, [c.agent for c in changes], record)
    session.console.done(*(f"  {line}" for line in fleet_lines(result)))
    return result


def require_followed(result: FleetResult) -> None:
    """Raises: NotConfirmed, where a process has not followed, or none reports."""
    if result.processes and not result.behind:
        return
    if not result.processes:
        raise NotConfirmed(
            f"no process reports what it serves in {result.environment}",
            kind="no-reports-seen",
            hint="the move stands; a reader reports with repoint.Reader(..., report=True)",
        )
    raise NotConfirmed(
        f"{len(result.behind)} of {result.processes} processes have not confirmed generation {result.generation} of "
        f"{result.environment}",
        kind="not-confirmed",
        hint=f"the move stands; look again: repoint status --fleet --env {result.environment}",
        behind=[each.name for each in result.behind],
    )


def fleet_now(session: Session, environment: EnvironmentName, agents: Iterable[AgentName] = ()) -> FleetResult:
    """What the fleet of an environment serves now. Raises: InvalidInput, StoreUnavailable, NotFound, Corrupt."""
    from repoint.fleet import board_of, fleet

    registry = session.workspace.registry
    record = registry.current(environment).record
    seen = fleet(board_of(registry.store).posted(environment), registry.id, environment, record.generation)
    return fleet_result(session, seen, environment, agents, record)


def fleet_result(
    session: Session, seen: Fleet, environment: EnvironmentName, agents: Iterable[AgentName], record: Record
) -> FleetResult:
    """A fleet for programs: who is behind, and which versions of these agents (else of all that differ) are served."""
    from repoint.fleet import versions_served

    named = list(agents) or list(record.agents)
    served = versions_served(seen, named, session.workspace.past(environment))
    rows = [
        ServedResult(agent, None if version is None else version, count)
        for agent, versions in served.items()
        if agents or len(versions) > 1
        for version, count in sorted(versions.items(), key=lambda each: -each[1])
    ]
    behind = [ProcessResult(each.name, each.generation, int(each.age)) for each in seen.behind]
    live = {str(agent): str(entry.version) for agent, entry in record.agents.items() if agent in named}
    return FleetResult(environment, seen.generation, len(seen.processes), seen.confirmed, behind, rows, live)


def fleet_lines(result: FleetResult) -> list[str]:
    """A fleet for people: ``refund: 14 of 16 processes confirmed 1.4.2; 2 last seen on 1.5.0``."""
    if not result.processes:
        return [f"{result.environment}: no process reports what it serves"]
    lines = [_line(agent, rows, result) for agent, rows in _by_agent(result.serving).items()]
    if not lines:
        lines = [f"{result.confirmed} of {result.processes} processes confirmed generation {result.generation}"]
    behind = [
        f"  {safe(each.name)}  generation {each.generation}, last heard of {age(each.age_seconds)} ago"
        for each in result.behind[:SHOWN_PROCESSES]
    ]
    more = len(result.behind) - SHOWN_PROCESSES
    return [f"{result.environment}: {line}" for line in lines] + behind + [f"  and {more} more"] * (more > 0)


def _line(agent: str, rows: Sequence[ServedResult], result: FleetResult) -> str:
    now = result.live.get(agent)
    counts: Counter[str | None] = Counter({row.version: row.processes for row in rows})
    confirmed = counts.pop(now, 0)
    others = "; ".join(f"{count} last seen on {version or 'another record'}" for version, count in counts.most_common())
    said = f"{agent}: {confirmed} of {result.processes} processes confirmed {now or 'that it is not live'}"
    return f"{said}; {others}" if others else said


def _by_agent(rows: Iterable[ServedResult]) -> Mapping[str, list[ServedResult]]:
    found: dict[str, list[ServedResult]] = {}
    for row in rows:
        found.setdefault(row.agent, []).append(row)
    return found


def seconds_left(until: float) -> float:
    """Until a moment of the monotonic clock; none where it is past."""
    return max(0.0, until - time.monotonic())
