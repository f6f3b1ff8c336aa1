"""Where everything stands: working copies against their latest version, environments as they are live. Reads only."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from repoint.authority import GIT
from repoint.errors import Corrupt, RepointError, StoreUnavailable
from repoint.moves import Holds
from repoint.names import YANK_LEDGER, highest_first
from repoint.registry import Published, Registry
from repoint.workspace import Workspace
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version
from repoint_schemas.results import AgentStatus, EnvironmentStatus, HoldStatus, LiveStatus

if TYPE_CHECKING:
    from pathlib import Path


class Latest(NamedTuple):
    """An agent's latest version, and its release where it can be read."""

    version: Version
    release: Published | None


def agent_statuses(workspace: Workspace, yanks: Holds) -> list[AgentStatus]:
    """Every agent that has a working copy or a version, by name, its working copy compared with its latest version."""
    folders: Mapping[AgentName, Path] = {}
    if workspace.config:
        from repoint.config import agent_folders

        folders = agent_folders(workspace.root, workspace.config)
    reading = _reading(workspace)
    taken = reading.store.versions()
    found = []
    for agent in sorted({*folders, *taken}):
        bad = yanks.get(agent, {})
        finals = [v for v in taken.get(agent, []) if "-" not in v and v not in bad]  # final ones
        newest = _latest(reading, agent, finals)
        status = _agent_status(workspace, agent, newest, folders.get(agent))
        if status.working == "unpublished" and agent in taken:
            status = msgspec.structs.replace(status, working="no-latest")
        found.append(status)
    return found


def _reading(workspace: Workspace) -> Registry:
    """Where versions are read from: a bucket is not listed, the repository has what it had at the last sync.

    A Git remote is asked, in one request, since no sync brings its versions here.
    """
    replica = workspace.replica
    return workspace.registry if replica is None or workspace.registry.authority == GIT else replica


def _latest(registry: Registry, agent: AgentName, finals: list[Version]) -> Latest | None:
    """The highest of these versions that no foreign tag has taken; its release is None where it cannot be read."""
    for limit in (1, None):
        for version in highest_first(finals, limit):
            try:
                stored = registry.store.read_release(agent, version)
                found = None if stored is None else registry.verified_release(agent, version, stored)
            except RepointError:
                return Latest(version, None)
            if isinstance(found, Published):
                return Latest(version, found)
    return None


def _agent_status(workspace: Workspace, agent: AgentName, newest: Latest | None, folder: Path | None) -> AgentStatus:
    latest = newest.version if newest else None
    if folder is None:
        return AgentStatus(agent, None, latest, "missing")
    shown = str(folder.relative_to(workspace.root)) if folder.is_relative_to(workspace.root) else str(folder)
    if newest is None:
        return AgentStatus(agent, shown, None, "unpublished")
    try:
        return _compared(_reading(workspace), agent, shown, newest, folder)
    except (Corrupt, StoreUnavailable) as error:
        return AgentStatus(agent, shown, latest, "unreadable", error.message)


def _compared(registry: Registry, agent: AgentName, shown: str, newest: Latest, folder: Path) -> AgentStatus:
    """The working copy against its latest version. Raises: Corrupt, where that version cannot be read."""
    from repoint.snapshot import differs_from

    published = newest.release or registry.release(agent, newest.version)
    snapshot = registry.snapshot(published)
    if not differs_from(folder, snapshot):
        return AgentStatus(agent, shown, newest.version, "unchanged")
    problem = _refused(folder, [entry.path for entry in snapshot.files()])
    return AgentStatus(agent, shown, newest.version, "unreadable" if problem else "modified", problem)


def _refused(folder: Path, paths: list[str]) -> str | None:
    """The first file that the operating system does not let us read; one that is gone or replaced is none."""
    for path in paths:
        try:
            os.close(os.open(folder / path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EIO):
                return f"{path}: {error.strerror}"
    return None


def environment_status(
    workspace: Workspace, environment: EnvironmentName, latest: Mapping[AgentName, Version | None], yanks: Holds
) -> EnvironmentStatus:
    """One environment as it is live; what cannot be read is said in ``error``, not raised."""
    registry = workspace.registry
    try:
        record = registry.current(environment).record
    except RepointError as error:
        seen = workspace.state.mark(environment)
        last = f" (last seen here: generation {seen.generation}, stale)" if seen else ""
        return EnvironmentStatus(environment, None, None, [], [], None, error.message + last)
    live = []
    for agent, entry in sorted(record.agents.items()):
        yanked = yanks.get(agent, {}).get(entry.version)
        live.append(
            LiveStatus(
                agent,
                entry.version,
                entry.since,
                _time_of(workspace, record, entry.since),
                latest.get(agent) in (None, entry.version),
                yanked.message if yanked else None,
            )
        )
    holds = [HoldStatus(a, v, h) for a, versions in sorted(record.holds.items()) for v, h in sorted(versions.items())]
    return EnvironmentStatus(
        environment,
        record.generation,
        record.time,
        live,
        holds,
        record.frozen,
        None,
        actor=record.actor,
        action=record.action,
    )


def stale_status(workspace: Workspace, environment: EnvironmentName, away: RepointError) -> EnvironmentStatus:
    """One environment while the store that decides is away: what the repository has of it, and ``error`` says so."""
    seen = workspace.state.mark(environment)
    last = f" (last seen here: generation {seen.generation}, stale)" if seen else ""
    found = EnvironmentStatus(environment, None, None, [], [], None, None)
    if workspace.replica is not None:
        there = workspace.as_last_seen()
        found = environment_status(there, environment, {}, there.registry.yanks() or {})
    return msgspec.structs.replace(found, error=away.message + last)


def environments_last_seen(workspace: Workspace) -> list[EnvironmentName]:
    """Every environment that this machine knows of; nothing is asked."""
    there = [] if workspace.replica is None else workspace.as_last_seen().environments()
    return [*there, *(e for e in workspace.state.marks() if e not in (*there, YANK_LEDGER))]


def _time_of(workspace: Workspace, record: Record, generation: int) -> str | None:
    """When a generation came about; the repository knows it without a round trip, unless it is behind."""
    if generation == record.generation:
        return record.time
    with suppress(RepointError):
        return workspace.past(record.environment)(generation).time
    return None
