"""What in a registry asks for somebody's attention, most urgent first, each with the command that goes on from there.

Pure: from the result of ``status`` to a list of points. What kinds of points there are is known here, how they are
shown is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from repoint.names import version_key
from repoint_cli.safetext import safe
from repoint_schemas.documents import AgentName, EnvironmentName, Version
from repoint_schemas.results import AgentStatus, EnvironmentStatus, ReplicaStatus, StatusResult


class Point(NamedTuple):
    """One thing to look at: ``kind`` is one word for all of its sort, ``about`` says what, ``todo`` is a command.

    Points of one kind and ``group`` can be told together: ``what`` they are, and ``todo_all``.
    """

    kind: str
    agent: AgentName | None
    about: str
    todo: str = ""
    group: str = ""
    todo_all: str = ""


KINDS = {
    "pending": "moves whose outcome is not known",
    "behind": "replicas that are behind",
    "yanked": "yanked versions that are live",
    "frozen": "frozen environments",
    "held": "held versions",
    "unreadable": "agents that cannot be read",
    "differs": "agents",
    "modified": "working copies changed since the latest version",
    "unpublished": "working copies without a published version",
    "not-live": "latest versions that are live nowhere",
}
"""Every kind, most urgent first, and what several of it are called."""

Live = Mapping[EnvironmentName, Mapping[AgentName, Version]]
Held = Collection[tuple[EnvironmentName, AgentName, Version]]
"""What was rolled back from where: no promote of it is advised."""


def points(result: StatusResult, live: Live) -> list[Point]:
    """Everything to look at, most urgent first, then by agent."""
    found = [Point("pending", None, f"{p.id} in {p.environment}", f"repoint resolve {p.id}") for p in result.pending]
    found += [
        Point("behind", None, f"{r.name} lacks {_lacks(r)}", "repoint sync")
        for r in result.replicas
        if r.behind or r.unsent
    ]
    for environment in result.environments:
        found += _of_environment(environment, live[environment.environment])
    places = [e.environment for e in result.environments if e.error is None]
    held = {(e.environment, each.agent, each.version) for e in result.environments for each in e.holds}
    for agent in result.agents:
        found += _of_agent(agent, live, places, held)
    order = list(KINDS)
    return sorted(found, key=lambda point: (order.index(point.kind), point.group))


def _lacks(replica: ReplicaStatus) -> str:
    """What a replica lacks, in words."""
    parts = [(replica.behind or 0, "record", "records"), (replica.unsent, "version or yank", "versions or yanks")]
    return " and ".join(f"{number} {one if number == 1 else many}" for number, one, many in parts if number)


def _of_environment(environment: EnvironmentStatus, live: Mapping[AgentName, Version]) -> Iterator[Point]:
    name = environment.environment
    for each in environment.live:
        if each.yanked is not None:
            why = f": {safe(each.yanked)}" if each.yanked else ""
            todo = f"repoint rollback {each.agent}@{each.version} --env {name}"
            yield Point("yanked", each.agent, f"{each.agent} {each.version} is live in {name}{why}", todo)
    if environment.frozen:
        why = f": {safe(environment.frozen.message)}" if environment.frozen.message else ""
        yield Point("frozen", None, f"{name} by {safe(environment.frozen.actor.name)}{why}")
    for held in environment.holds:
        why = f": {safe(held.hold.message)}" if held.hold.message else ""
        still = ", and live" if live.get(held.agent) == held.version else ""
        yield Point("held", held.agent, f"{held.agent} {held.version} in {name}{still}{why}")


def _of_agent(agent: AgentStatus, live: Live, places: Sequence[EnvironmentName], held: Held) -> Iterator[Point]:
    name = agent.agent
    if agent.working == "unreadable":
        yield Point("unreadable", name, f"{name}: {safe(agent.problem or '')}", f"repoint check {name}")
    yield from _differences(name, live, places, held)
    if agent.working == "modified":
        yield Point("modified", name, f"{name} since {agent.latest}", f"repoint diff {name}@{agent.latest}")
    elif agent.working in ("unpublished", "no-latest"):
        yield Point("unpublished", name, name, f"repoint commit {name} -m TEXT")
    latest = agent.latest
    if latest is None or not places or any(live[place].get(name) == latest for place in places):
        return
    if not any((place, name, latest) in held for place in places):
        yield Point("not-live", name, f"{name} {latest}", f"repoint promote {name}@{latest} --env {places[0]}")


def _differences(agent: AgentName, live: Live, places: Sequence[EnvironmentName], held: Held) -> Iterator[Point]:
    """Each environment against the one before it, as versions travel (staging, then production)."""
    for before, after in pairwise(places):
        here, there = live[before].get(agent), live[after].get(agent)
        if here == there:
            continue
        todo = f"repoint diff {agent}@{after} {agent}@{before}"
        if here is None or there is None:
            where, missing, version = (after, before, there) if here is None else (before, after, here)
            about = f"{agent} {version} is live in {where}, not in {missing}"
            stopped = version is None or (missing, agent, version) in held
            todo = "" if stopped else f"repoint promote {agent}@{version} --env {missing}"
        else:
            behind = "behind" if version_key(there) < version_key(here) else "ahead of"
            about = f"{agent}: {after} {there} is {behind} {before} {here}"
        yield Point("differs", agent, about, todo, f"between {before} and {after}", f"repoint diff {before} {after}")
