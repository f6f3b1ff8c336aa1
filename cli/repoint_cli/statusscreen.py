"""The screen of ``repoint status``: environments, what needs attention, and the matrix of agents and environments.

On a terminal it fits the screen, with three agents and with 300: points of one kind are folded into one line, and
agents with nothing to say into a count. In a pipe everything is there, one line for each thing, and nothing depends on
the time of day or the size of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from repoint_cli.attention import KINDS, Live, Point, points
from repoint_cli.output import Console, safe
from repoint_cli.tables import cut, display_width, table
from repoint_cli.times import age, ago, since
from repoint_schemas.documents import AgentName, EnvironmentName, Version
from repoint_schemas.results import AgentStatus, EnvironmentStatus, LiveStatus, StatusResult


class Screen(NamedTuple):
    """Where it is shown: ``width`` and ``height`` are None in a pipe, ``now`` is Unix time."""

    console: Console
    width: int | None
    height: int | None
    now: int


WORKING = {
    "unchanged": "as latest",
    "modified": "modified",
    "unpublished": "unpublished",
    "no-latest": "no latest",
    "missing": "not here",
    "unreadable": "unreadable",
}
"""How a working copy compares with its latest version, in a word or two."""

_COLOURS = {"modified": "magenta", "unpublished": "magenta", "no-latest": "red", "unreadable": "red"}
_KIND_COLOURS = {"pending": "red", "yanked": "red", "unreadable": "red", "held": "magenta", "frozen": "magenta"}
_LEAST_ROWS = 5
_TOLD_APART = 3
"""So many points of one kind get a line each on a terminal; more are told together."""

_AROUND_ROWS = 4
"""Lines around the rows of the matrix: its header, what its signs mean, what is folded, and the prompt."""

_KIND_WIDTH = 11
_INDENT = _KIND_WIDTH + 4


def status_lines(screen: Screen, result: StatusResult, *, everything: bool = False) -> list[str]:
    """The whole screen; ``everything`` folds nothing."""
    if not result.agents and not any(e.live for e in result.environments):
        return [*_environments(screen, result), "", "no agents yet: repoint new AGENT scaffolds one"]
    live: Live = {e.environment: {each.agent: each.version for each in e.live} for e in result.environments}
    found = points(result, live)
    folded = screen.height is not None and not everything
    places = _environments(screen, result)
    head = [*places, *[""] * bool(places), *_attention(screen, found, folded=folded)]
    urgent = {point.agent: len(found) - at for at, point in reversed(list(enumerate(found))) if point.agent}
    rows = sorted(result.agents, key=lambda each: -urgent.get(each.agent, 0)) if folded else result.agents
    shown = rows
    if folded and screen.height is not None and len(rows) > (fits := screen.height - len(head) - _AROUND_ROWS):
        busy = [each for each in rows if each.agent in urgent]
        shown = (busy or rows)[: max(_LEAST_ROWS, fits)]
    return [*head, *_matrix(screen, shown, result.environments), *_folded(rows[len(shown) :], urgent)]


# -- environments ----------------------------------------------------------------------------------------------------


def _environments(screen: Screen, result: StatusResult) -> list[str]:
    console = screen.console
    rows, lines = [], []
    for each in result.environments:
        if each.error is not None:
            error = safe(each.error, newline=" ")
            what = "unreadable" if each.generation is None else f"stale, as of generation {each.generation}"
            lines.append(f"{console.strong(each.environment)}  {console.paint(what, 'red')}: {error}")
            continue
        frozen = console.paint("FROZEN", "magenta", bold=True) if each.frozen else ""
        who = f"{each.action} by {safe(each.actor.name)}" if each.generation and each.actor else "never moved"
        when = _when(screen, each.time) if each.generation else ""
        rows.append([console.strong(each.environment), f"generation {each.generation}", who, when, frozen])
    if rows and not any(row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    return [*table(rows, width=screen.width), *lines]


def _when(screen: Screen, time: str | None) -> str:
    if time is None:
        return ""
    return time if screen.height is None else f"{ago(since(time, screen.now))} ago"


# -- attention -------------------------------------------------------------------------------------------------------


def _attention(screen: Screen, found: list[Point], *, folded: bool) -> list[str]:
    if not found:
        return []
    console = screen.console
    lines = [console.strong("needs attention")]
    for _, group in groupby(found, key=lambda point: (point.kind, point.group)):
        same = list(group)
        lines += _folded_points(screen, same) if folded and len(same) > _TOLD_APART else _each_point(screen, same)
    return [*lines, ""]


def _each_point(screen: Screen, same: list[Point]) -> Iterator[str]:
    """What, and what to do: on the same line, or beneath it where that is too short. Commands are never cut."""
    for point in same:
        head = f"  {_kind(screen, point.kind)}  {point.about}"
        whole = f"{head}: {point.todo}" if point.todo else head
        if screen.width is None or display_width(whole) <= screen.width:
            yield whole
            continue
        yield cut(head, screen.width)
        if point.todo:
            yield f"{'':<{_INDENT}}{point.todo}"


def _folded_points(screen: Screen, same: list[Point]) -> Iterator[str]:
    """Several of one kind on one line: how many, and the first names."""
    first = same[0]
    names = ", ".join(dict.fromkeys(point.agent or point.about.split()[0] for point in same))
    what = " ".join(filter(None, (KINDS[first.kind], first.group)))
    line = f"  {_kind(screen, first.kind)}  {len(same)} {what}: {names}"
    yield line if screen.width is None else cut(line, screen.width)
    if first.todo_all:
        yield f"{'':<{_INDENT}}{first.todo_all}"


def _kind(screen: Screen, kind: str) -> str:
    colour = _KIND_COLOURS.get(kind)
    text = f"{kind:<{_KIND_WIDTH}}"
    return screen.console.paint(text, colour, bold=True) if colour else screen.console.strong(text)


# -- matrix ----------------------------------------------------------------------------------------------------------


def _matrix(screen: Screen, agents: list[AgentStatus], environments: list[EnvironmentStatus]) -> list[str]:
    places = [e for e in environments if e.error is None or e.live]
    live = {e.environment: {each.agent: each for each in e.live} for e in places}
    header = ["AGENT", "WORKING COPY", "LATEST", *(e.environment + (" (stale)" if e.error else "") for e in places)]
    aged = screen.height is not None and _fits_with_ages(screen, len(places))
    rows = []
    for agent in agents:
        cells = [_cell(screen, live[e.environment].get(agent.agent), agent.latest, aged=aged) for e in places]
        working = screen.console.paint(WORKING[agent.working], _COLOURS.get(agent.working, "white"))
        rows.append([agent.agent, working, agent.latest or "-", *cells])
    lines = table(rows, header=[screen.console.strong(name) for name in header], width=screen.width)
    return [*lines, *_legend(live, agents)]


def _legend(live: Mapping[EnvironmentName, Mapping[AgentName, LiveStatus]], agents: list[AgentStatus]) -> list[str]:
    shown = [(found.get(a.agent), a.latest) for found in live.values() for a in agents]
    older = any(each and each.yanked is None and latest not in (None, each.version) for each, latest in shown)
    yanked = any(each and each.yanked is not None for each, _ in shown)
    return ["  ".join(["* not the latest"] * older + ["! yanked"] * yanked)] if older or yanked else []


def _fits_with_ages(screen: Screen, places: int) -> bool:
    return (screen.width or 0) >= 40 + 16 * places


def _cell(screen: Screen, live: LiveStatus | None, latest: Version | None, *, aged: bool) -> str:
    """A live version and its age; one that is yanked, or not the latest, says so by a sign as well as a colour."""
    if live is None:
        return "-"
    sign = "!" if live.yanked is not None else "" if live.version == latest or latest is None else "*"
    colour = {"!": "red", "*": "magenta", "": "green"}[sign]
    text = screen.console.paint(f"{live.version}{sign}", colour, bold=bool(sign))
    if aged and live.time is not None:
        text += f" {age(since(live.time, screen.now))}"
    return text


def _folded(hidden: list[AgentStatus], urgent: Mapping[AgentName, int]) -> list[str]:
    if not hidden:
        return []
    busy = sum(each.agent in urgent for each in hidden)
    quiet = len(hidden) - busy
    parts = [f"{busy} more that need attention"] * bool(busy)
    parts += [f"{quiet} agent{'' if quiet == 1 else 's'} as latest everywhere"] * bool(quiet)
    return [f"and {', and '.join(parts)}: repoint status --all lists them"]
