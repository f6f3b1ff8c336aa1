"""Could this record follow that one? Every transition that ``moves`` writes, judged from the two records alone.

Promises 3, 4 and 5. Written apart from ``moves`` on purpose: a record that was made by hand, with a valid chain of
digests, must still be the result of one of the moves in ``docs/moves.md``. Gates that depend on another ledger or on
the releases (yanks, ``requires``) are not judged again, since they are not a function of this ledger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping

import msgspec

from repoint_schemas.documents import AgentName, Change, Entry, Freeze, Hold, Record, Version

Holds = Mapping[AgentName, Mapping[Version, Hold]]
Pair = tuple[AgentName, Version]


class Fault(msgspec.Struct, frozen=True):
    """A rule that a record breaks."""

    promise: int
    kind: str
    message: str


class Past:
    """What was live for each agent in each generation so far, by the stretches in which an entry stood."""

    def __init__(self) -> None:
        self._starts: dict[AgentName, list[int]] = {}
        self._entries: dict[AgentName, list[Entry]] = {}

    def note(self, record: Record) -> None:
        """Add a record; generations must ascend, and some may be missing."""
        for agent, entry in record.agents.items():
            entries = self._entries.setdefault(agent, [])
            if entries and entries[-1] == entry:
                continue
            starts = self._starts.setdefault(agent, [])
            after = starts[-1] if starts else -1
            starts.append(entry.since if after < entry.since <= record.generation else record.generation)
            entries.append(entry)

    def entry_at(self, agent: AgentName, generation: int) -> Entry | None:
        """What was live for an agent in a generation, None where nothing was (or it is not known)."""
        at = bisect_right(self._starts.get(agent, []), generation) - 1
        return self._entries[agent][at] if at >= 0 else None

    def newest_first(self, agent: AgentName) -> Iterator[Entry]:
        """Everything that was live for an agent, the present first."""
        return reversed(self._entries.get(agent, []))

    def starts(self, agent: AgentName) -> list[int]:
        """The generations in which an agent's entry became another one."""
        return self._starts.get(agent, [])

    def beneath(self, agent: AgentName, entry: Entry) -> Iterator[Entry | None]:
        """The stack below an entry, top first; None, and the end, where the stack leads nowhere."""
        while entry.back is not None:
            below = self.entry_at(agent, entry.back) if entry.back < entry.since else None
            yield below
            if below is None:
                return
            entry = below


def faults(
    before: Record, after: Record, past: Past, yanked: Collection[Pair] | None, authority: str | None = None
) -> list[Fault]:
    """Every rule that ``after`` breaks as the next record; ``past`` ends with ``before``.

    ``yanked`` holds every version that was ever yanked, None where that is not known. ``authority`` is the store that
    wrote it: where a seal hands the ledger over to it, moves go on after the seal.
    """
    found = _changes_faults(before, after)
    reasons = [
        f"{agent} is gone, but nothing ever removes an agent" for agent in sorted(before.agents.keys() - after.agents)
    ]
    moved = {agent: e for agent, e in after.agents.items() if before.agents.get(agent) != e}
    for agent, entry in sorted(moved.items()):
        if entry.since != after.generation:
            reasons.append(f"{agent} changed, but its entry says that it is live since generation {entry.since}")
    if before.action == "seal" and before.authority != authority:
        reasons.append("the ledger was sealed by the record before")
    reasons += _action_reasons(before, after, moved, past, yanked)
    if reasons:
        message = f"no move gives this record: {'; '.join(reasons[:4])}; somebody wrote it by hand"
        found.append(Fault(4, "forged-record", message))
    return found


def first_reasons(record: Record) -> list[str]:
    """What is wrong with generation 0."""
    wrong = [
        name
        for name, right in (
            ("action", record.action == "init"),
            ("agents", not record.agents),
            ("changes", not record.changes),
            ("holds", not record.holds),
            ("frozen", record.frozen is None),
        )
        if not right
    ]
    return [f"generation 0 has {', '.join(wrong)} that no init writes"] if wrong else []


def changes_between(before: Record, after: Record) -> list[Change]:
    """What a record must list as its changes: every agent whose version is another one, by name."""
    names = sorted({*before.agents, *after.agents})
    pairs = ((name, before.agents.get(name), after.agents.get(name)) for name in names)
    changes = (Change(name, old.version if old else None, new.version if new else None) for name, old, new in pairs)
    return [change for change in changes if change.origin != change.target]


def _changes_faults(before: Record, after: Record) -> list[Fault]:
    done = changes_between(before, after)
    if after.changes == done:
        return []
    listed = ", ".join(_shown(change) for change in after.changes) or "none"
    moved = ", ".join(_shown(change) for change in done) or "none"
    undone = [change for change in after.changes if change not in done]
    if done and undone and all(change in after.changes for change in done):
        missing = ", ".join(change.agent for change in undone)
        return [Fault(5, "half-move", f"the move lists {listed}, but only {moved} was done: {missing} did not move")]
    return [Fault(3, "changes-wrong", f"it reports the changes {listed}, but what it did is {moved}")]


def _shown(change: Change) -> str:
    return f"{change.agent} {change.origin or 'none'} -> {change.target or 'none'}"


def _action_reasons(
    before: Record, after: Record, moved: Mapping[AgentName, Entry], past: Past, yanked: Collection[Pair] | None
) -> list[str]:
    flags = after.action not in ("promote", "rollback", "restore")
    reasons = [f"{after.action} does not move agents, but {agent} moved" for agent in sorted(moved) if flags]
    if not flags and not moved:
        reasons.append(f"{after.action} moved nothing")
    if (after.environment == "registry") != (after.action in ("yank", "unyank")) and after.action != "seal":
        reasons.append(f"{after.action} does not belong in the ledger {after.environment}")
    if after.action not in ("freeze", "unfreeze") and after.frozen != before.frozen:
        reasons.append(f"{after.action} changed the freeze")
    match after.action:
        case "promote":
            reasons += _promote_reasons(before, after, moved)
        case "rollback":
            reasons += _rollback_reasons(before, after, moved, past, yanked)
        case "restore":
            reasons += _restore_reasons(before, after, past)
        case "freeze" | "unfreeze":
            reasons += _freeze_reasons(before, after)
        case "init":
            reasons.append("init is generation 0 only")
        case _:
            reasons += _hold_reasons(before, after)
    return reasons


def _promote_reasons(before: Record, after: Record, moved: Mapping[AgentName, Entry]) -> list[str]:
    reasons = [] if after.holds == before.holds else ["promote changed the holds"]
    if before.frozen is not None:
        reasons.append("the environment was frozen")
    for agent, entry in sorted(moved.items()):
        live = before.agents.get(agent)
        if live is not None and live.version == entry.version:
            reasons.append(f"{agent} {entry.version} was live already")
        if entry.back != (live.since if live else None):
            reasons.append(f"{agent} has {entry.back} beneath it, not what was live before")
        if entry.version in before.holds.get(agent, {}):
            reasons.append(f"{agent} {entry.version} was held")
    return reasons


def _rollback_reasons(
    before: Record, after: Record, moved: Mapping[AgentName, Entry], past: Past, yanked: Collection[Pair] | None
) -> list[str]:
    held = {agent: dict(versions) for agent, versions in before.holds.items()}
    reasons = []
    named = False
    for agent, entry in sorted(moved.items()):
        live = before.agents.get(agent)
        if live is None:
            reasons.append(f"{agent} was not live")
            continue
        if not _stepped_down(before.holds, agent, live, entry, past, yanked):
            named = True
            if not _was_live(agent, live, entry, past):
                reasons.append(f"{agent} {entry.version} is not what stood in an earlier generation")
            held.get(agent, {}).pop(entry.version, None)
        held.setdefault(agent, {})[live.version] = Hold(after.generation, after.message)
    if named and len(moved) > 1:
        reasons.append("several agents went to other entries than those beneath")
    if after.holds != {agent: versions for agent, versions in held.items() if versions}:
        reasons.append("the holds are not the ones before and those on the versions left")
    return reasons


def _stepped_down(
    holds: Holds, agent: AgentName, live: Entry, entry: Entry, past: Past, yanked: Collection[Pair] | None
) -> bool:
    """Whether the entry is the next one down the stack, passing over versions held, yanked, or the one left."""
    for below in past.beneath(agent, live):
        if below is None:
            return False
        must_pass = below.version == live.version or below.version in holds.get(agent, {})
        if same_place(below, entry) and not must_pass:
            return True
        may_pass = yanked is None or (agent, below.version) in yanked
        if not must_pass and not may_pass:
            return False
    return False


def _was_live(agent: AgentName, live: Entry, entry: Entry, past: Past) -> bool:
    """Whether the entry is the last one of its version (``--to``); the version that is left does not count."""
    last = next((each for each in past.newest_first(agent) if each.version == entry.version), None)
    return last is not None and live.version != entry.version and same_place(last, entry)


def same_place(one: Entry, other: Entry) -> bool:
    """Whether two entries are one but for the generation in which they became live."""
    return (one.version, one.release, one.snapshot, one.back) == (
        other.version,
        other.release,
        other.snapshot,
        other.back,
    )


def _restore_reasons(before: Record, after: Record, past: Past) -> list[str]:
    reasons = [] if after.holds == before.holds else ["restore changed the holds"]
    if not any(_is_restored(before, after, past, generation) for generation in _turns(before, past)):
        reasons.append("there is no generation that stood like this")
    return reasons


def _turns(before: Record, past: Past) -> list[int]:
    """Generations in which something became live, newest first: between two of them nothing differs."""
    starts = {generation for agent in before.agents for generation in past.starts(agent)}
    return sorted(starts, reverse=True)


def _is_restored(before: Record, after: Record, past: Past, generation: int) -> bool:
    """Whether ``after`` is how ``generation`` stood; agents newer than it stay as they were."""
    for agent, entry in after.agents.items():
        now = before.agents.get(agent)
        then = past.entry_at(agent, generation)
        if then is None or now is None:
            if entry != now:
                return False
        elif not same_place(then, entry) or (same_place(now, entry) and now != entry):
            return False
    return True


def _freeze_reasons(before: Record, after: Record) -> list[str]:
    reasons = [] if after.holds == before.holds else [f"{after.action} changed the holds"]
    if after.action == "unfreeze":
        wrong = before.frozen is None or after.frozen is not None
    else:
        wrong = before.frozen is not None or after.frozen != Freeze(after.actor, after.generation, after.message)
    return [*reasons, f"{after.action} does not fit the freeze before and after it"] if wrong else reasons


def _hold_reasons(before: Record, after: Record) -> list[str]:
    """``unhold`` and ``unyank`` lift one hold, ``yank`` puts one, ``seal`` leaves all."""
    old = {(agent, version): hold for agent, versions in before.holds.items() for version, hold in versions.items()}
    new = {(agent, version): hold for agent, versions in after.holds.items() for version, hold in versions.items()}
    put = [hold for pair, hold in new.items() if old.get(pair) != hold]
    lifted = old.keys() - new.keys()
    if after.action == "yank":
        right = put == [Hold(after.generation, after.message)] and not lifted and len(new) == len(old) + 1
    else:
        right = not put and len(lifted) == (0 if after.action == "seal" else 1)
    empty = any(not versions for versions in after.holds.values())
    return [] if right and not empty else [f"{after.action} does not give these holds"]
