"""Walking an environment's ledger: earlier versions of one agent, and the generation of a moment.

Pure functions over records that were verified elsewhere. They never scan: an entry's ``since`` names the generation
that made it live, so the one before it is where the earlier version still stands (a ledger of a million generations
costs one read for each move of the agent asked about).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from repoint.errors import Corrupt, InvalidInput, NotFound
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, Record

RecordAt = Callable[[int], Record]
"""The verified record of one generation of the environment at hand."""


class Stay(msgspec.Struct, frozen=True):
    """One stretch of time in which one version of an agent was live: from ``entry.since`` up to ``until`` (exclusive).

    ``until`` is None for the version that is live.
    """

    entry: Entry
    until: int | None


def stays(record: Record, agent: AgentName, record_at: RecordAt) -> Iterator[Stay]:
    """What was live for an agent, newest first, beginning with what ``record`` makes live.

    Raises:
        Corrupt: an entry does not lie in the past of the one above it, so following it might never end.
    """
    newest, until = record.generation, None
    entry = record.agents.get(agent)
    while entry is not None:
        if entry.since > newest:
            raise stack_broken(record.environment, agent, newest)
        yield Stay(entry, until)
        newest, until = entry.since - 1, entry.since
        entry = record_at(newest).agents.get(agent) if newest >= 0 else None


def stack_broken(environment: EnvironmentName, agent: AgentName, generation: int) -> Corrupt:
    """The error for an entry of this generation that is gone, or that does not lie in the past."""
    return Corrupt(
        f"generation {generation} of {environment} does not have the entry of {agent} that later ones rest on",
        kind="ledger-gap",
        hint="repoint verify says what is damaged",
        promise=4,
        environment=environment,
        agent=agent,
    )


def live_before(record: Record, agent: AgentName, steps: int, record_at: RecordAt) -> Entry:
    """The entry of ``AGENT@environment~steps``: this agent's earlier live versions, counted in ledger order.

    Raises:
        NotFound: the agent is not live, or had fewer moves.
    """
    if agent not in record.agents:
        raise not_live(record, agent)
    count, last = -1, ""
    for stay in stays(record, agent, record_at):
        if stay.entry.version != last:
            count, last = count + 1, stay.entry.version
        if count == steps:
            return stay.entry
    raise NotFound(
        f"{agent} had only {count} earlier versions in {record.environment}, so there is no ~{steps}",
        kind="no-such-move",
        hint=f"repoint history {record.environment} --agent {agent} lists them",
        agent=agent,
        environment=record.environment,
    )


def not_live(record: Record, agent: AgentName) -> NotFound:
    """The error for an agent that an environment does not have."""
    live = ", ".join(sorted(record.agents)[:8]) or "none yet"
    return NotFound(
        f"{agent} is not live in {record.environment}",
        kind="agent-not-live",
        hint=f"live there: {live}",
        agent=agent,
        environment=record.environment,
    )


def generations_at(times: Sequence[int], moment: int) -> list[int]:
    """Every generation that may have been the newest at a moment (Unix seconds), lowest first.

    A generation is a candidate when it was written at or before the moment and the next one after it. Clocks may have
    gone backwards, so there may be several; none means that the moment lies before generation 0.
    """
    last = len(times) - 1
    return [g for g, time in enumerate(times) if time <= moment and (g == last or times[g + 1] > moment)]


def generation_at(times: Sequence[int], moment: int, shown: str) -> int:
    """The one generation that was the newest at a moment; ``shown`` is how the user wrote the moment.

    Raises:
        NotFound: the moment lies before generation 0.
        InvalidInput: recorded times are not monotone around it; all candidates are named.
    """
    candidates = generations_at(times, moment)
    if not candidates:
        raise NotFound(f"nothing was recorded at or before {shown}", kind="before-first-record", at=shown)
    if len(candidates) > 1:
        raise InvalidInput(
            f"recorded clocks disagree around {shown}: generations {', '.join(map(str, candidates))} fit",
            kind="ambiguous-time",
            hint=f"choose one: --to-generation {candidates[-1]}",
            candidates=[str(g) for g in candidates],
        )
    return candidates[0]
