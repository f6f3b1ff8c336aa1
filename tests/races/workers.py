"""What the processes of a race do: they start together, wait for each other, and report what they were told."""

from __future__ import annotations

import multiprocessing
import os
import random
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError
from typing import TypeVar

from repoint import pointer
from repoint.errors import AlreadyExists, Conflict, GateRefused, NotFound, RepointError
from repoint.initialise import initialise
from repoint.moves import AnyAction, Unhold
from repoint.registry import Registry
from repoint.workspace import Workspace, open_workspace
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import EnvironmentName, Identity

from tests.races.history import How, Told
from tests.stores import ADA, PRODUCTION, Stamps, pair, promote, publish_version, rollback

AGENTS = ("intake", "refund", "router", "search")
VERSIONS = tuple(f"1.{minor}.0" for minor in range(8))

MOST_TRIES = 5000
"""How often a promote waits for its version to be published."""

T = TypeVar("T")

_start: Barrier | None = None


def _enter(barrier: Barrier) -> None:
    global _start
    _start = barrier


def together(run: Callable[..., T], calls: Sequence[tuple[object, ...]]) -> list[T]:
    """Run each call in a process of its own; ``wait_for_all`` in them meets. An exception in one fails the test."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(len(calls))
    with ProcessPoolExecutor(len(calls), mp_context=spawn, initializer=_enter, initargs=(barrier,)) as pool:
        results = [future.result() for future in [pool.submit(_reported, run, *call) for call in calls]]
    failures = [text for _, text in results if text]
    assert not failures, "\n".join(failures)
    return [result[0] for result, _ in results]


def _reported(run: Callable[..., T], *call: object) -> tuple[list[T], str]:
    """The result in a list, or nothing and a traceback; whoever fails keeps nobody waiting."""
    try:
        return [run(*call)], ""
    except BrokenBarrierError:
        return [], "another process failed"
    except BaseException:
        assert _start is not None
        _start.abort()
        return [], traceback.format_exc()


def wait_for_all() -> None:
    """Wait until every process of the race is here."""
    assert _start is not None
    _start.wait(timeout=120)


def new_team(folder: Path) -> Registry:
    """Make the repository a registry; the handle sees what every process sees."""
    initialise(folder, os.environ, [PRODUCTION], identity=lambda _: ADA, time=1_795_208_400)
    return opened(folder).registry


def opened(folder: Path) -> Workspace:
    """The workspace as a process opens it."""
    return open_workspace(folder, os.environ)


def told_of(mover: str, registry: Registry, action: AnyAction, stamps: Stamps) -> Told:
    """Carry a move out and say what was told; refusals are outcomes, anything else is a failure of the test."""
    how: How
    stamps.ids = []
    try:
        outcome = pointer.move(registry, PRODUCTION, action, stamps)
    except Conflict:
        how = "conflict"
    except (GateRefused, NotFound):
        how = "refused"
    else:
        if outcome.moved is not None:
            record = outcome.moved.record
            return Told(mover, "done", tuple(stamps.ids), record.generation, digest_of(encode(record)))
        how = "nothing"
    return Told(mover, how, tuple(stamps.ids))


def engineer(number: int) -> Identity:
    """One of those who race."""
    return Identity(email=f"engineer-{number}@acme.example", name=f"Engineer {number}")


def move_at_random(folder: Path, number: int, moves: int) -> list[Told]:
    """Promotes, rollbacks and released holds over all agents."""
    chance, stamps = random.Random(number), Stamps(engineer(number))
    workspace = opened(folder)
    wait_for_all()
    told = [told_of(f"engineer {number}", workspace.registry, _action(chance), stamps) for _ in range(moves)]
    workspace.close()
    return told


def _action(chance: random.Random) -> AnyAction:
    agent, version = chance.choice(AGENTS), chance.choice(VERSIONS)
    kind = chance.random()
    if kind < 0.55:
        return promote(f"{agent}@{version}")
    if kind < 0.7:
        return promote(*(f"{each}@{version}" for each in chance.sample(AGENTS, 2)))
    if kind < 0.85:
        return rollback(agent)
    return Unhold(*pair(f"{agent}@{version}"))


def get_off(folder: Path, number: int, targets: Sequence[str]) -> list[Told]:
    """``rollback AGENT@VERSION`` of each in turn, at the same moment as everybody else."""
    stamps = Stamps(engineer(number))
    workspace = opened(folder)
    told = []
    for target in targets:
        wait_for_all()
        told.append(told_of(f"engineer {number}", workspace.registry, rollback(target), stamps))
    workspace.close()
    return told


def publish_all(folder: Path, number: int, offers: Sequence[tuple[str, str]]) -> list[str]:
    """Publish each (``AGENT@VERSION``, prompt): ``created``, ``there`` already, or ``taken`` by other content."""
    workspace = opened(folder)
    told = []
    for name, prompt in offers:
        wait_for_all()
        try:
            _, created = publish_version(workspace.registry, name, prompt)
        except AlreadyExists as error:
            told.append("taken" if {"stored", "offered"} <= error.facts.keys() else f"badly told: {error}")
        else:
            told.append("created" if created else "there")
    workspace.close()
    return told


def publish_or_move(folder: Path, number: int) -> list[Told] | list[str]:
    """Even numbers publish the versions of one agent, odd ones promote them as soon as they are there."""
    agent = AGENTS[number // 2]
    names = [f"{agent}@{version}" for version in VERSIONS]
    workspace, stamps = opened(folder), Stamps(engineer(number))
    wait_for_all()
    if number % 2:
        told: list[Told] = []
        while names and len(told) < MOST_TRIES:
            told.append(told_of(f"engineer {number}", workspace.registry, promote(names[0]), stamps))
            if told[-1].how in ("done", "nothing"):
                names.pop(0)
        workspace.close()
        return told
    created = [str(publish_version(workspace.registry, name)[1]) for name in names]
    workspace.close()
    return created


def create_environments(folder: Path, number: int, names: Sequence[EnvironmentName]) -> list[bool | str]:
    """Create each environment at the same moment as everybody else."""
    workspace, stamps = opened(folder), Stamps(engineer(number))
    told: list[bool | str] = []
    for name in names:
        wait_for_all()
        try:
            told.append(pointer.create(workspace.registry, name, stamps()))
        except RepointError as error:
            told.append(f"{error.kind}: {error}")
    workspace.close()
    return told
