"""What the pure heart says: its refusals and notes, worded once, each with the command that helps.

Every hint that rolls something back names the version to get off (``repoint rollback refund@1.5.0``): two engineers,
or one retry, must not go one version too far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from itertools import islice

import msgspec

from repoint.errors import Conflict, GateRefused, NotFound, RepointError, UsageError
from repoint.ledger import Stay
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, Freeze, Hold, Record, Version

SHOWN_MOVES = 8

YANKS_UNREADABLE = "the ledger of yanked versions cannot be read: a yanked version may be live after this rollback"


class Broken(msgspec.Struct, frozen=True):
    """``agent`` at ``version`` wants ``other`` in ``wanted``, but finds ``found`` (None: not live)."""

    agent: AgentName
    version: Version
    other: AgentName
    wanted: str
    found: Version | None

    def __str__(self) -> str:
        found = f"{self.other} {self.found} is" if self.found else f"{self.other} is not"
        return f"{self.agent} {self.version} requires {self.other} {self.wanted}, but {found} live"


def _because(message: str) -> str:
    return f": {message}" if message else ""


def rollback_command(environment: EnvironmentName, agent: AgentName, version: Version) -> str:
    """The form of rollback that is safe to run twice."""
    return f"repoint rollback {agent}@{version} --env {environment}"


def sealed(record: Record) -> Conflict:
    """Row 32."""
    return Conflict(
        f"{record.environment} was sealed in generation {record.generation}: {record.authority} decides since then",
        kind="sealed",
        hint="git pull, since repoint.toml names it now"
        + (f"; or --registry {record.authority}" if "://" in str(record.authority) else ""),
        environment=record.environment,
        authority=str(record.authority),
    )


def named_twice(agents: Iterable[AgentName]) -> UsageError:
    """One record has one entry for an agent, so one command names an agent once."""
    twice = next(agent for agent, count in Counter(agents).items() if count > 1)
    return UsageError(
        f"{twice} is named twice, and goes to one version in one move",
        kind="agent-named-twice",
        hint=f"leave one of the two out; repoint list {twice} shows its versions",
        agent=twice,
    )


def already_live(record: Record, targets: Mapping[AgentName, Version]) -> str:
    """Row 6."""
    named = ", ".join(f"{a} {v} (since generation {record.agents[a].since})" for a, v in targets.items())
    return f"already live in {record.environment}: {named}"


def held(environment: EnvironmentName, agent: AgentName, version: Version, hold: Hold) -> GateRefused:
    """Row 7."""
    return GateRefused(
        f"{agent} {version} is held in {environment} since generation {hold.generation}{_because(hold.message)}",
        kind="held",
        hint=f"if it is good after all: repoint unhold {agent}@{version} --env {environment}",
        agent=agent,
        version=version,
        environment=environment,
        generation=hold.generation,
        reason=hold.message,
    )


def yanked(agent: AgentName, version: Version, hold: Hold) -> GateRefused:
    """Rows 8 and 20."""
    return GateRefused(
        f"{agent} {version} is yanked{_because(hold.message)}",
        kind="yanked",
        hint=f"choose another version: repoint list {agent}",
        agent=agent,
        version=version,
        reason=hold.message,
    )


def frozen(environment: EnvironmentName, freeze: Freeze) -> GateRefused:
    """Row 9."""
    return GateRefused(
        f"{environment} is frozen by {freeze.actor.name} since generation {freeze.generation}"
        f"{_because(freeze.message)}",
        kind="frozen",
        hint=f"repoint unfreeze {environment}; a rollback works all the same",
        environment=environment,
        generation=freeze.generation,
        actor=freeze.actor.name,
        reason=freeze.message,
    )


def requires_refused(broken: Broken, environment: EnvironmentName) -> GateRefused:
    """Row 10."""
    return GateRefused(
        f"{broken} in {environment}",
        kind="requires-broken",
        hint=f"promote both in one command, so that the set fits: "
        f"repoint promote {broken.agent}@VERSION {broken.other}@VERSION --env {environment}",
        agent=broken.agent,
        requires=f"{broken.other} {broken.wanted}",
    )


def all_refused(refusals: list[RepointError]) -> RepointError:
    """One error that carries every reason (row 11)."""
    if len(refusals) == 1:
        return refusals[0]
    reasons = "\n".join(f"- {r.message}" for r in refusals)
    hints = "\n".join(dict.fromkeys(r.hint for r in refusals if r.hint))
    return GateRefused(
        f"refused for {len(refusals)} reasons, nothing was moved:\n{reasons}",
        kind="refused",
        hint=hints,
        reasons=[r.message for r in refusals],
        kinds=[r.kind for r in refusals],
    )


def not_live_any_more(record: Record, agent: AgentName, version: Version, mover: Record) -> str:
    """Row 17: what is live, since when, who moved it."""
    live = record.agents[agent]
    return (
        f"{agent} {version} is not live in {record.environment}: {live.version} is, since generation {live.since}\n"
        f"({mover.action} by {mover.actor.name} at {mover.time}{_because(mover.message)})"
    )


def never_live(record: Record, agent: AgentName, version: Version | None) -> NotFound:
    """An agent that the environment does not have."""
    wanted = f"{agent} {version}" if version else str(agent)
    live = ", ".join(sorted(record.agents)[:SHOWN_MOVES]) or "none yet"
    return NotFound(
        f"{wanted} was never live in {record.environment}, so there is nothing to roll back",
        kind="agent-not-live",
        hint=f"live there: {live}",
        agent=agent,
        environment=record.environment,
    )


def never_live_at(record: Record, agent: AgentName, version: Version) -> NotFound:
    """Row 19."""
    return NotFound(
        f"{agent} {version} was never live in {record.environment}, so it is not a version to go back to",
        kind="never-live",
        hint=f"promote it: repoint promote {agent}@{version} --env {record.environment}",
        agent=agent,
        version=version,
        environment=record.environment,
    )


def bottom_reached(
    record: Record, agent: AgentName, moves: Iterable[Stay], yanked: Container[Version], passed: list[str]
) -> NotFound:
    """Row 15: nothing is left beneath; the agent's moves are named, newest first, and what may be gone to by name."""
    newest = list(islice(moves, SHOWN_MOVES))
    shown = [f"{s.entry.version} (generation {s.entry.since})" for s in newest]
    live = record.agents[agent].version
    others = [v for v in dict.fromkeys(s.entry.version for s in newest) if v != live and v not in yanked]
    promote = f"repoint promote {agent}@VERSION --env {record.environment} (repoint list {agent} shows what there is)"
    over = "".join(f"; {p}" for p in passed)
    return NotFound(
        f"{agent} {live} has nothing good beneath it in {record.environment}{over}",
        kind="bottom-reached",
        hint=f"its moves, newest first: {', '.join(shown)}. "
        + (_back_by_name(record.environment, agent, others) if others else f"Make another version live: {promote}"),
        agent=agent,
        environment=record.environment,
        moves=shown,
    )


def _back_by_name(environment: EnvironmentName, agent: AgentName, others: list[Version]) -> str:
    command = f"repoint rollback {agent} --env {environment} --to"
    if len(others) == 1:
        return f"Go back to {others[0]} all the same: {command} {others[0]}; or promote a fixed version"
    return f"Go to one of them ({', '.join(others)}): {command} VERSION; or promote a fixed version"


def passed_over(agent: AgentName, version: Version, why: str, hold: Hold) -> str:
    """Row 14."""
    return f"{agent} {version} was passed over: {why} since generation {hold.generation}{_because(hold.message)}"


def hold_put(environment: EnvironmentName, agent: AgentName, version: Version) -> str:
    """A rollback leaves a hold on what it left."""
    return f"held: {agent} {version}; to release it: repoint unhold {agent}@{version} --env {environment}"


def hold_lifted(environment: EnvironmentName, agent: AgentName, version: Version) -> str:
    """Row 18."""
    return f"the hold on {agent} {version} in {environment} is lifted, since it was asked for by name"


def broken_by_rollback(
    broken: Broken, moved: Iterable[AgentName], agents: Mapping[AgentName, Entry], environment: EnvironmentName
) -> str:
    """Row 23: which pair does not fit any more, and the command that rolls the other agent back too."""
    other = broken.agent if broken.other in moved else broken.other
    if other in moved or other not in agents:
        return str(broken)
    return f"{broken}; to roll {other} back too: {rollback_command(environment, other, agents[other].version)}"


def no_such_generation(record: Record, generation: int) -> NotFound:
    """A restore of a generation that does not exist yet."""
    return NotFound(
        f"{record.environment} has no generation {generation}: the newest is {record.generation}",
        kind="no-such-generation",
        hint=f"repoint history {record.environment}",
        environment=record.environment,
        generation=generation,
    )


def stays_live(agent: AgentName, version: Version, generation: int) -> str:
    """Row 26: an agent that did not exist in the generation restored."""
    return f"{agent} {version} stays live: it came after generation {generation}"


def held_but_restored(agent: AgentName, version: Version, hold: Hold) -> str:
    """Row 26: holds are unchanged, also those on versions that the restore makes live."""
    why = _because(hold.message)
    return f"{agent} {version} is live again although it is held since generation {hold.generation}{why}"
