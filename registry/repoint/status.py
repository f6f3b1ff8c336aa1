"""Where everything stands: working copies against their latest version, environments as they are live. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from repoint.errors import Corrupt, RepointError
from repoint.names import highest_first, is_prerelease
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


def agent_statuses(workspace: Workspace) -> list[AgentStatus]:
    """Every agent that has a working copy or a version, by name, its working copy compared with its latest version."""
    folders: Mapping[AgentName, Path] = {}
    if workspace.config:
        from repoint.config import agent_folders

        folders = agent_folders(workspace.root, workspace.config)
    taken = workspace.store.versions()
    yanks = workspace.registry.yanks() or {}
    found = []
    for agent in sorted({*folders, *taken}):
        bad = yanks.get(agent, {})
        finals = [v for v in taken.get(agent, []) if not is_prerelease(v) and v not in bad]
        newest = _latest(workspace.registry, agent, finals)
        status = _agent_status(workspace, agent, newest, folders.get(agent))
        if status.working == "unpublished" and agent in taken:
            status = msgspec.structs.replace(status, working="no-latest")
        found.append(status)
    return found


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
    return AgentStatus(
        agent, shown, latest, "modified" if _differs(workspace.registry, newest, folder) else "unchanged"
    )


def _differs(registry: Registry, newest: Latest, folder: Path) -> bool:
    from repoint.snapshot import differs_from

    try:
        return newest.release is None or differs_from(folder, registry.snapshot(newest.release))
    except Corrupt:
        return True


def environment_status(
    workspace: Workspace, environment: EnvironmentName, latest: Mapping[AgentName, Version | None]
) -> EnvironmentStatus:
    """One environment as it is live; what cannot be read is said in ``error``, not raised."""
    registry = workspace.registry
    try:
        record = registry.current(environment).record
    except RepointError as error:
        seen = workspace.state.mark(environment)
        last = f" (last seen here: generation {seen.generation}, stale)" if seen else ""
        return EnvironmentStatus(environment, None, None, [], [], None, error.message + last)
    yanks = registry.yanks() or {}
    live = []
    for agent, entry in sorted(record.agents.items()):
        yanked = yanks.get(agent, {}).get(entry.version)
        live.append(
            LiveStatus(
                agent,
                entry.version,
                entry.since,
                _time_of(registry, record, entry.since),
                latest.get(agent) in (None, entry.version),
                yanked.message if yanked else None,
            )
        )
    holds = [HoldStatus(a, v, h) for a, versions in sorted(record.holds.items()) for v, h in sorted(versions.items())]
    return EnvironmentStatus(environment, record.generation, record.time, live, holds, record.frozen, None)


def _time_of(registry: Registry, record: Record, generation: int) -> str | None:
    if generation == record.generation:
        return record.time
    try:
        return registry.record_at(record.environment)(generation).time
    except RepointError:
        return None
