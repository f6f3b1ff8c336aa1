"""What somebody probably meant: the names that are near a name that does not exist, as the hint of its error.

Applied at the edge, when an error is about to be shown, so that it costs nothing where there is none. Candidates are
read from the registry at hand; where they cannot be read, the error stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repoint.errors import RepointError
    from repoint.workspace import Workspace
    from repoint_schemas.documents import AgentName, Version

SHOWN = 5
MOST_COMPARED = 2000
"""So many names are compared at most: looking for near ones takes a time for each."""

_HINTS = {
    "before-first-record": "repoint history lists every move with its time",
}
"""What to do about errors that come without a hint."""

OTHER_WORDS = {
    "activate": "promote",
    "blame": "history",
    "cat": "show",
    "deploy": "promote",
    "describe": "show",
    "download": "export",
    "fsck": "verify",
    "info": "show",
    "lint": "check",
    "lock": "freeze",
    "ls": "list",
    "publish": "commit",
    "push": "commit",
    "register": "commit",
    "release": "commit",
    "restore": "rollback",
    "revert": "rollback",
    "save": "commit",
    "st": "status",
    "undo": "rollback",
    "unlock": "unfreeze",
    "validate": "check",
    "versions": "list",
}
"""What the same thing is called elsewhere (Git, kubectl, package registries)."""


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are most like this one, best first: those that begin with it, then similar ones."""
    candidates = list(known)[:MOST_COMPARED]
    lowered = name.lower()
    starts = [k for k in candidates if lowered and (k.startswith(lowered) or lowered.startswith(k)) and len(k) > 2]
    if len(lowered) > 200:
        return starts[:most]
    from difflib import get_close_matches

    similar = get_close_matches(lowered, candidates, n=most, cutoff=0.6)
    return list(dict.fromkeys([*starts, *similar]))[:most]


def did_you_mean(names: Sequence[str]) -> str:
    """``did you mean refund or refund-eu?``"""
    return f"did you mean {' or '.join(names)}?"


def command_hint(name: str, commands: Iterable[str]) -> str:
    """What to say of a command that does not exist."""
    found = [OTHER_WORDS[name]] if name in OTHER_WORDS else near(name, commands, 2)
    return f"Did you mean {' or '.join(found)}?" if found else "repoint help lists the commands."


def improve(workspace: Workspace, error: RepointError) -> None:
    """Give a NotFound the hint that names what is there, nearest first."""
    from repoint.errors import RepointError as AnyError

    kinds = {
        "no-such-version": _version_hint,
        "no-such-agent": _agent_hint,
        "no-latest": _agent_hint,
        "agent-not-live": _live_hint,
        "no-such-environment": _environment_hint,
    }
    error.hint = error.hint or _HINTS.get(error.kind)
    give = kinds.get(error.kind)
    if give is None:
        return
    try:
        error.hint = give(workspace, error) or error.hint
    except (AnyError, OSError):
        return


def _version_hint(workspace: Workspace, error: RepointError) -> str | None:
    from repoint.names import highest_first

    agent, version = str(error.facts.get("agent")), str(error.facts.get("version"))
    taken = workspace.store.versions()
    ordered = highest_first(taken.get(_agent(agent), []))
    if not ordered:
        return _agent_hint(workspace, error)
    close = nearest_versions(version, ordered)
    newest = ", ".join(ordered[:SHOWN])
    rest = f" and {len(ordered) - SHOWN} more: repoint list {agent}" if len(ordered) > SHOWN else ""
    return f"{did_you_mean([f'{agent}@{v}' for v in close])} {agent} has {newest}{rest}"


def nearest_versions(wanted: str, ordered: Sequence[Version], most: int = 2) -> list[Version]:
    """Versions, highest first, around the place where the wanted one would stand; the one with most in common first."""
    from repoint.names import is_version, version_key

    if not is_version(wanted):
        return list(ordered[:most])
    key = version_key(wanted)
    at = next((i for i, v in enumerate(ordered) if version_key(v) < key), len(ordered))
    around = ordered[max(0, at - most) : at + most]
    return sorted(around, key=lambda v: (-_in_common(v, wanted), abs(ordered.index(v) - at)))[:most]


def _in_common(a: str, b: str) -> int:
    """How many parts of two versions are the same, from the left."""
    pairs = list(zip(a.split("."), b.split("."), strict=False))
    return next((i for i, (x, y) in enumerate(pairs) if x != y), len(pairs))


def _agent_hint(workspace: Workspace, error: RepointError) -> str | None:
    name = str(error.facts.get("agent"))
    published = set(workspace.store.versions())
    if name in published:
        return None
    known = sorted(published | known_folders(workspace))
    if not known:
        return None
    found = near(name, known)
    lead = f"{did_you_mean(found)} " if found else ""
    if name in known_folders(workspace):
        return f"it has a working copy and no version yet: repoint commit {name} -m TEXT publishes the first"
    return f"{lead}agents here: {listed(known)}"


def _live_hint(workspace: Workspace, error: RepointError) -> str | None:
    from repoint.names import is_environment
    from repoint_schemas.documents import EnvironmentName

    name, place = str(error.facts.get("agent")), str(error.facts.get("environment"))
    if not is_environment(place):
        return None
    live = sorted(workspace.registry.current(EnvironmentName(place)).record.agents)
    versions = workspace.store.versions(_agent(name)).get(_agent(name), [])
    if versions:
        from repoint.names import highest_first

        highest = highest_first(versions, 1)[0]
        return f"to make it live: repoint promote {name}@{highest} --env {place}; live there: {listed(live)}"
    found = near(name, live)
    lead = f"{did_you_mean(found)} " if found else ""
    return f"{lead}live there: {listed(live)}"


def _environment_hint(workspace: Workspace, error: RepointError) -> str | None:
    known = workspace.environments()
    if not known:
        return None
    name = str(error.facts.get("environment"))
    found = near(name, known)
    lead = f"{did_you_mean(found)} " if found else ""
    return f"{lead}environments here: {listed(known)}; a new one: repoint init --environment {name}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names for a hint, the first few of them."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none yet") + rest


def known_folders(workspace: Workspace) -> set[str]:
    """Agents that have a folder in this checkout."""
    if workspace.config is None:
        return set()
    from repoint.config import agent_folders

    return set(agent_folders(workspace.root, workspace.config))


def _agent(name: str) -> AgentName:
    from repoint.names import parse_agent

    return parse_agent(name)
