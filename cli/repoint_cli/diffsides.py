"""What ``repoint diff`` compares: two references of agents, or two whole sets (environments, working copies)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from repoint.changes import Difference
from repoint.compare import VersionDiff
from repoint.componentrules import judged
from repoint.diff import SetSide, Side, difference, environment_side, released_side, working_side
from repoint.errors import NotFound, UsageError
from repoint.names import Ref, is_environment, is_number_of_moves, parse_environment, parse_ref
from repoint_cli.session import Session
from repoint_schemas.documents import AgentName, EnvironmentName

if TYPE_CHECKING:
    from repoint.store import Contents


class EnvironmentRef(NamedTuple):
    """An environment as it is live, or ``back`` moves earlier."""

    environment: EnvironmentName
    back: int


Target = Ref | EnvironmentRef


class AgentPair(NamedTuple):
    """One agent that differs; a side is None where the agent is not there."""

    agent: AgentName
    old: Side | None
    new: Side | None
    found: VersionDiff


class Comparison(NamedTuple):
    """Everything that one call of ``diff`` compares; ``same`` counts the agents of two sets that do not differ."""

    old_name: str
    new_name: str
    old: SetSide | None
    new: SetSide | None
    pairs: list[AgentPair]
    same: int

    @property
    def differs(self) -> bool:
        """Whether there is any difference."""
        return any(pair.found.differences for pair in self.pairs)


def compare_targets(session: Session, first: str, second: str | None) -> Comparison:
    """Compare what two arguments name; without a second one, with the working copy. Raises: RepointError."""
    old, new = _targets(session, first, second)
    if isinstance(old, EnvironmentRef) or isinstance(new, EnvironmentRef):
        return _compare_sets(session, old, new)
    left, right = _side(session, old), _side(session, new)
    found = difference(left, right)
    return Comparison(_name(old, left), _name(new, right), None, None, [AgentPair(left.agent, left, right, found)], 0)


def _targets(session: Session, first: str, second: str | None) -> tuple[Target, Target | None]:
    old = _target(session, first)
    if second is not None:
        new = _target(session, second)
        if isinstance(old, Ref) and old.working:
            raise UsageError(
                "the working copy can only be the second side",
                kind="working-first",
                hint=f"repoint diff REF {old.agent}",
            )
        return old, new
    if isinstance(old, EnvironmentRef):
        return old, None
    if old.working:
        return Ref(old.agent, latest=True), old
    return old, Ref(old.agent)


def _target(session: Session, text: str) -> Target:
    """A REF, or an environment: ``production``, ``production~1``; ``@production`` where an agent has that name, too.

    Raises:
        UsageError: an agent and an environment have this name.
    """
    name, tilde, steps = text.removeprefix("@").partition("~")
    if not is_environment(name) or (tilde and not is_number_of_moves(steps)):
        return parse_ref(text)
    if not text.startswith("@") and not tilde:
        if not _is_environment(session, name):
            return parse_ref(text)
        if _is_agent(session, name):
            raise UsageError(
                f"{name} is an environment and an agent", kind="ambiguous-side", hint=f"@{name} is the environment"
            )
    return EnvironmentRef(parse_environment(name), int(steps or 0))


def _is_environment(session: Session, name: str) -> bool:
    """Also one that only ``repoint.toml`` names: its branch may not be fetched, which is better said than guessed."""
    config = session.workspace.config
    return name in session.workspace.known_environments() or (
        config is not None and name in config.registry.environments
    )


def _is_agent(session: Session, name: str) -> bool:
    workspace = session.workspace
    if workspace.store.versions(AgentName(name)).get(AgentName(name)):
        return True
    config = workspace.checkout
    if config is None:
        return False
    from repoint.config import agent_folders

    return name in agent_folders(workspace.root, config)


# -- one agent -------------------------------------------------------------------------------------------------------


def _side(session: Session, ref: Ref | None) -> Side:
    assert ref is not None
    registry = session.workspace.registry
    return (
        working_side(_contents(session, ref.agent)) if ref.working else released_side(registry, registry.resolve(ref))
    )


def _contents(session: Session, agent: AgentName) -> Contents:
    from repoint.snapshot import build_snapshot
    from repoint_cli.workingcopy import working_copy

    return build_snapshot(working_copy(session, agent), session.workspace.limits())


def _name(ref: Ref | None, side: Side) -> str:
    assert ref is not None
    if ref.environment is not None:
        back = f"~{ref.back}" if ref.back else ""
        return f"{side.agent} {side.version} ({ref.environment}{back})"
    return f"{side.agent} {side.version or 'working copy'}"


# -- whole sets ------------------------------------------------------------------------------------------------------


def _compare_sets(session: Session, old: Target, new: Target | None) -> Comparison:
    left = _environment_set(session, old, new)
    right = _working_set(session, left) if new is None else _environment_set(session, new, old)
    agents = sorted(left.digests.keys() | right.digests.keys())
    differing = [agent for agent in agents if left.digests.get(agent) != right.digests.get(agent)]
    pairs = list(_pairs(session, left, right, differing))
    return Comparison(_set_name(old, left), _set_name(new, right), left, right, pairs, len(agents) - len(differing))


def _environment_set(session: Session, target: Target, other: Target | None) -> SetSide:
    if isinstance(target, EnvironmentRef):
        return environment_side(session.workspace.registry, target.environment, target.back)
    whole = other.environment if isinstance(other, EnvironmentRef) else "production"
    raise UsageError(
        f"{target.agent} is one agent, {whole} is all of them",
        kind="agent-and-set",
        hint=f"for one agent write {target.agent}@{whole}",
    )


def _working_set(session: Session, live: SetSide) -> SetSide:
    """The working copies of the agents that are live there; one without a working copy counts as it is live."""
    if session.workspace.checkout is None:
        raise NotFound(
            "there is no checkout with a repoint.toml here that says where working copies are",
            kind="no-config",
            hint=f"name what to compare with, as in repoint diff {live.environment}~1 {live.environment}",
        )
    sides = {}
    for agent in live.digests:
        try:
            sides[agent] = working_side(_contents(session, agent))
        except NotFound:
            sides[agent] = live.side(agent)
    return SetSide(None, None, {agent: side.digest for agent, side in sides.items()}, sides.__getitem__)


def _set_name(target: Target | None, side: SetSide) -> str:
    if not isinstance(target, EnvironmentRef):
        return "working copies"
    return f"{target.environment}{f'~{target.back}' if target.back else ''} (generation {side.generation})"


def _pairs(session: Session, left: SetSide, right: SetSide, agents: list[AgentName]) -> Iterator[AgentPair]:
    from repoint_cli.progress import counted

    for agent in counted(session.console, "comparing agents", agents, len(agents)):
        old = left.side(agent) if agent in left.digests else None
        new = right.side(agent) if agent in right.digests else None
        if old is not None and new is not None:
            yield AgentPair(agent, old, new, difference(old, new))
        else:
            yield AgentPair(agent, old, new, VersionDiff([_only_one(agent, old, new)], [], [], []))


def _only_one(agent: AgentName, old: Side | None, new: Side | None) -> Difference:
    rule = "agent-removed" if new is None else "agent-added"
    versions = [side.version or "working copy" if side else None for side in (old, new)]
    return judged("agent", agent, rule, *versions)
