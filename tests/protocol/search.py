"""Breadth-first search over all states of a case, with the shortest way to each violation.

Breadth first, so that the first trace found is a shortest one. A step may lead back to a state seen before; patience is
bounded, so the states end.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

from tests.protocol.invariants import Violation, violations
from tests.protocol.model import Case, Report, Step, World, first_world
from tests.protocol.movers import actor_steps
from tests.protocol.network import network_steps, replay_steps

Trace = tuple[str, ...]


@dataclass
class Explored:
    """What a search saw: how many states, which reports were made in them, what was wrong and how it came to that."""

    states: int = 0
    reports: set[Report] = field(default_factory=set)
    found: dict[Violation, Trace] = field(default_factory=dict)


def explore(case: Case, until: Violation | None = None) -> Explored:
    """Visit every state of a case; with ``until``, only as far as to the first of that violation."""
    gc.disable()  # millions of tuples and no cycle among them: half of the time would go into looking for one
    try:
        return _explore(case, until)
    finally:
        gc.enable()


def _explore(case: Case, until: Violation | None) -> Explored:
    first = first_world(case)
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    explored, layer = Explored(), [first]
    while layer and until not in explored.found:
        following: list[World] = []
        for world in layer:
            for what, after in _steps(case, world):
                if after not in came_from:
                    came_from[after] = (world, what)
                    following.append(after)
        _judge(layer, explored, came_from)
        layer = following
    explored.states = len(came_from)
    return explored


def _steps(case: Case, world: World) -> list[Step]:
    return [*network_steps(case, world), *replay_steps(case, world), *actor_steps(case, world)]


def _judge(layer: list[World], explored: Explored, came_from: dict[World, tuple[World, str] | None]) -> None:
    for world in layer:
        explored.reports.update(actor.report for actor in world.actors if actor.report is not None)
        for violation in violations(world):
            if violation not in explored.found:
                explored.found[violation] = _trace(world, came_from)


def _trace(world: World, came_from: dict[World, tuple[World, str] | None]) -> Trace:
    trace: list[str] = []
    step = came_from[world]
    while step is not None:
        world, what = step
        trace.append(what)
        step = came_from[world]
    return tuple(reversed(trace))
