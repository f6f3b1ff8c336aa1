"""The pure heart: one function from (record, yanks, action) to a new record, nothing to do, or a refusal.

Promises 3, 5 and 8 are decided here, without I/O, clock or identity of its own: ``decide`` reads the immutable past
through the ``View`` and returns what should be written. The numbers in comments are the rows of the table in
``docs/moves.md``. The order of the checks matters: a sealed ledger before all, "it is so already" before any gate,
then every gate at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from repoint import moves_text as text
from repoint.errors import RepointError, StoreUnavailable
from repoint.ledger import RecordAt, stack_broken, stays
from repoint.requires import parse_range, satisfies
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import (
    Action,
    AgentName,
    Change,
    Entry,
    EnvironmentName,
    Freeze,
    Hold,
    Identity,
    Record,
    Version,
)

Pair = tuple[AgentName, Version]
Requires = Mapping[AgentName, str]
Holds = Mapping[AgentName, Mapping[Version, Hold]]


class Promote(msgspec.Struct, frozen=True):
    """Make these versions live, all in one record."""

    targets: tuple[Pair, ...]


class StepDown(msgspec.Struct, frozen=True):
    """Rollback without a destination: each agent to what lies beneath; with a version, only if that one is live."""

    agents: tuple[tuple[AgentName, Version | None], ...]


class RollBackTo(msgspec.Struct, frozen=True):
    """Rollback of one agent to a version that was live here before; with ``leave``, only if that one is live."""

    agent: AgentName
    version: Version
    leave: Version | None = None


class Restore(msgspec.Struct, frozen=True):
    """The whole environment back to how it stood in a generation."""

    generation: int


class Unhold(msgspec.Struct, frozen=True):
    """Allow a held version to be promoted again."""

    agent: AgentName
    version: Version


class FreezeMoves(msgspec.Struct, frozen=True):
    """Refuse promotes from now on; rollbacks go on."""


class UnfreezeMoves(msgspec.Struct, frozen=True):
    """Allow promotes again."""


class Seal(msgspec.Struct, frozen=True):
    """Hand the ledger over to another authority: the last record here, and the first there that counts."""

    authority: str


class Yank(msgspec.Struct, frozen=True):
    """Mark a version bad everywhere (in the reserved ledger ``registry``)."""

    agent: AgentName
    version: Version


class Unyank(msgspec.Struct, frozen=True):
    """Take the mark of a yank away."""

    agent: AgentName
    version: Version


AnyAction = Promote | StepDown | RollBackTo | Restore | Unhold | FreezeMoves | UnfreezeMoves | Yank | Unyank | Seal


class Stamp(msgspec.Struct, frozen=True):
    """Who, when, why: what a new record carries besides the decision. ``id`` is fresh for every attempt."""

    actor: Identity
    time: str
    id: str
    message: str = ""
    ticket: str | None = None


class Target(msgspec.Struct, frozen=True):
    """A published version as a promote needs it."""

    version: Version
    release: Digest
    snapshot: Digest


class View(msgspec.Struct, frozen=True):
    """All that a decision may look at. The callables read immutable documents only, so deciding stays repeatable.

    ``authority`` is the store that the record was read from: a seal that names it hands the ledger over to it.
    ``yanks`` is None where the yank ledger cannot be read. ``requires`` maps live entries to their snapshots'
    requirements; it may leave out what cannot be read.
    """

    record: Record
    yanks: Holds | None
    record_at: RecordAt
    target: Callable[[AgentName, Version], Target]
    requires: Callable[[Mapping[AgentName, Entry]], Mapping[AgentName, Requires]]
    authority: str = "local"


class Note(msgspec.Struct, frozen=True):
    """Something the mover should read: ``kind`` for programs, ``text`` for people."""

    kind: str
    text: str


class Moved(msgspec.Struct, frozen=True):
    """A decided move: the record to write and what to say about it."""

    record: Record
    notes: tuple[Note, ...] = ()


class Nothing(msgspec.Struct, frozen=True):
    """Nothing to do, and why."""

    reason: str


Decision = Moved | Nothing


class _Draft(msgspec.Struct):
    """The new record while it is being decided."""

    before: Record
    agents: dict[AgentName, Entry] = {}
    holds: dict[AgentName, dict[Version, Hold]] = {}
    notes: list[Note] = []

    @staticmethod
    def of(record: Record) -> _Draft:
        return _Draft(record, dict(record.agents), {a: dict(h) for a, h in record.holds.items()})

    @property
    def generation(self) -> int:
        return self.before.generation + 1

    def note(self, kind: str, message: str) -> None:
        self.notes.append(Note(kind, message))

    def hold(self, agent: AgentName, version: Version, message: str) -> None:
        self.holds.setdefault(agent, {})[version] = Hold(generation=self.generation, message=message)

    def lift(self, agent: AgentName, version: Version) -> None:
        self.holds[agent].pop(version)
        if not self.holds[agent]:
            del self.holds[agent]

    def make_live(self, agent: AgentName, entry: Entry) -> None:
        self.agents[agent] = msgspec.structs.replace(entry, since=self.generation)

    def close(
        self, action: Action, stamp: Stamp, frozen: Freeze | None, authority: str | msgspec.UnsetType = msgspec.UNSET
    ) -> Moved:
        record = Record(
            action=action,
            actor=stamp.actor,
            agents=self.agents,
            changes=_changes(self.before.agents, self.agents),
            environment=self.before.environment,
            frozen=frozen,
            generation=self.generation,
            holds=self.holds,
            id=stamp.id,
            message=stamp.message,
            previous=digest_of(encode(self.before)),
            registry=self.before.registry,
            ticket=stamp.ticket,
            time=stamp.time,
            authority=authority,
        )
        return Moved(record, tuple(self.notes))


def first_record(environment: EnvironmentName, registry: str, authority: str, stamp: Stamp) -> Record:
    """Generation 0: no agents, and the authority pinned (row 1)."""
    return Record(
        action="init",
        actor=stamp.actor,
        agents={},
        changes=[],
        environment=environment,
        frozen=None,
        generation=0,
        holds={},
        id=stamp.id,
        message=stamp.message,
        previous=None,
        registry=registry,
        ticket=stamp.ticket,
        time=stamp.time,
        authority=authority,
    )


def decide(view: View, action: AnyAction, stamp: Stamp) -> Decision:
    """Decide one action on one record.

    Raises:
        UsageError, NotFound, GateRefused, Conflict, StoreUnavailable: the refusals of the table, with nothing to write.
    """
    if view.record.action == "seal" and view.record.authority != view.authority:  # 32
        raise text.sealed(view.record)
    if isinstance(action, Seal):
        return _Draft.of(view.record).close("seal", stamp, view.record.frozen, action.authority)
    match action:
        case Promote():
            return _promote(view, action, stamp)
        case StepDown():
            return _step_down(view, action, stamp)
        case RollBackTo():
            return _roll_back_to(view, action, stamp)
        case Restore():
            return _restore(view, action, stamp)
        case _:
            return _set_flag(view, action, stamp)


def _set_flag(view: View, action: Unhold | FreezeMoves | UnfreezeMoves | Yank | Unyank, stamp: Stamp) -> Decision:
    match action:
        case Unhold():
            return _unhold(view, action, stamp)
        case FreezeMoves():
            return _freeze(view, stamp)
        case UnfreezeMoves():
            return _unfreeze(view, stamp)
        case Yank():
            return _yank(view, action, stamp)
        case Unyank():
            return _unyank(view, action, stamp)


def changed_agents(action: AnyAction, before: Record, after: Record) -> list[AgentName]:
    """Agents that the action touches and that changed between two records (rows 33, 34); none: decide again."""
    touched = sorted({*before.agents, *after.agents}) if isinstance(action, Restore) else named_agents(action)
    return [a for a in touched if before.agents.get(a) != after.agents.get(a)]


def named_agents(action: AnyAction) -> list[AgentName]:
    """The agents whose stacks the action names; none where it touches a flag, or the whole environment.

    A flag on the record is decided again from any record: that says whether it is set already.
    """
    match action:
        case Promote():
            return [agent for agent, _ in action.targets]
        case StepDown():
            return [agent for agent, _ in action.agents]
        case RollBackTo():
            return [action.agent]
        case _:
            return []


# -- promote ---------------------------------------------------------------------------------------------------------


def _promote(view: View, action: Promote, stamp: Stamp) -> Decision:
    targets = dict(action.targets)
    if len(targets) != len(set(action.targets)):
        raise text.named_twice(agent for agent, _ in set(action.targets))
    live = view.record.agents
    wanted = {a: v for a, v in targets.items() if a not in live or live[a].version != v}
    if not wanted:  # 6
        return Nothing(text.already_live(view.record, targets))
    draft = _Draft.of(view.record)
    refusals: list[RepointError] = []
    for agent, version in wanted.items():
        found = view.target(agent, version)
        refusals += _gates(view, agent, version)
        beneath = live[agent].since if agent in live else None  # 4, 5
        entry = Entry(beneath, found.release, draft.generation, found.snapshot, found.version)
        draft.make_live(agent, entry)
    refusals += _frozen(view.record)
    refusals += [text.requires_refused(b, view.record.environment) for b in _broken(view, draft.agents, wanted)]
    if refusals:  # 11
        raise text.all_refused(refusals)
    return draft.close("promote", stamp, view.record.frozen)


def _gates(view: View, agent: AgentName, version: Version) -> list[RepointError]:
    if view.yanks is None:  # 8
        raise StoreUnavailable(
            "the ledger of yanked versions cannot be read, so nothing can be promoted",
            kind="yanks-unreadable",
            hint="repoint doctor says why; a rollback does not need it",
        )
    refusals: list[RepointError] = []
    if held := view.record.holds.get(agent, {}).get(version):  # 7
        refusals.append(text.held(view.record.environment, agent, version, held))
    if yanked := view.yanks.get(agent, {}).get(version):  # 8
        refusals.append(text.yanked(agent, version, yanked))
    return refusals


def _frozen(record: Record) -> list[RepointError]:
    return [text.frozen(record.environment, record.frozen)] if record.frozen else []  # 9


def _broken(view: View, agents: Mapping[AgentName, Entry], moved: Iterable[AgentName]) -> list[text.Broken]:
    """Requirements of the moved agents, and of live agents on them, that the resulting set does not meet (row 10)."""
    moved = set(moved)
    broken: list[text.Broken] = []
    for agent, requires in sorted(view.requires(agents).items()):
        for other, wanted in sorted(requires.items()):
            if not moved & {agent, other}:
                continue
            found = agents[other].version if other in agents else None
            if found is None or not satisfies(found, parse_range(wanted)):
                broken.append(text.Broken(agent, agents[agent].version, other, wanted, found))
    return broken


# -- rollback --------------------------------------------------------------------------------------------------------


def _step_down(view: View, action: StepDown, stamp: Stamp) -> Decision:
    if len({agent for agent, _ in action.agents}) != len(action.agents):
        raise text.named_twice(agent for agent, _ in action.agents)
    draft = _Draft.of(view.record)
    idle: list[str] = []
    for agent, leave in action.agents:
        live = view.record.agents.get(agent)
        if live is None:
            raise text.never_live(view.record, agent, leave)
        if leave is not None and live.version != leave:  # 17
            idle.append(text.not_live_any_more(view.record, agent, leave, view.record_at(live.since)))
            continue
        draft.make_live(agent, _beneath(view, draft, agent, live))  # 13, 16
        draft.hold(agent, live.version, stamp.message)
        draft.note("hold-put", text.hold_put(view.record.environment, agent, live.version))
    if len(idle) == len(action.agents):
        return Nothing("\n".join(idle))
    for reason in idle:
        draft.note("nothing-to-do", reason)
    return _rolled_back(view, draft, stamp)


def _beneath(view: View, draft: _Draft, agent: AgentName, live: Entry) -> Entry:
    """The next entry down that is neither held, nor yanked, nor the version to get off again (rows 14, 15)."""
    entry = live
    while entry.back is not None:
        below = view.record_at(entry.back).agents.get(agent)
        if below is None or not below.since <= entry.back < entry.since:  # else this might never end
            raise stack_broken(view.record.environment, agent, entry.back)
        entry = below
        if entry.version == live.version:
            continue
        if held := draft.holds.get(agent, {}).get(entry.version):
            draft.note("passed-over", text.passed_over(agent, entry.version, "held", held))
        elif yanked := (view.yanks or {}).get(agent, {}).get(entry.version):
            draft.note("passed-over", text.passed_over(agent, entry.version, "yanked", yanked))
        else:
            return entry
    passed = [note.text for note in draft.notes if note.kind == "passed-over"]
    yanks = (view.yanks or {}).get(agent, {})
    raise text.bottom_reached(view.record, agent, stays(view.record, agent, view.record_at), yanks, passed)  # 15


def _rolled_back(view: View, draft: _Draft, stamp: Stamp, action: Action = "rollback") -> Moved:
    if view.yanks is None:  # 22
        draft.note("yanks-unreadable", text.YANKS_UNREADABLE)
    moved = [a for a, e in draft.agents.items() if view.record.agents.get(a) != e]
    for broken in _broken(view, draft.agents, moved):  # 23
        draft.note("requires-broken", text.broken_by_rollback(broken, moved, draft.agents, view.record.environment))
    return draft.close(action, stamp, view.record.frozen)  # 21: a frozen environment rolls back all the same


def _roll_back_to(view: View, action: RollBackTo, stamp: Stamp) -> Decision:
    agent, version = action.agent, action.version
    live = view.record.agents.get(agent)
    if live is None:
        raise text.never_live(view.record, agent, action.leave)
    if action.leave not in (None, live.version):  # 17
        return Nothing(text.not_live_any_more(view.record, agent, action.leave, view.record_at(live.since)))
    if live.version == version:
        return Nothing(text.already_live(view.record, {agent: version}))
    entry = next((s.entry for s in stays(view.record, agent, view.record_at) if s.entry.version == version), None)
    if entry is None:  # 19
        raise text.never_live_at(view.record, agent, version)
    if yanked := (view.yanks or {}).get(agent, {}).get(version):  # 20
        raise text.yanked(agent, version, yanked)
    draft = _Draft.of(view.record)
    draft.make_live(agent, entry)  # 18
    if version in draft.holds.get(agent, {}):
        draft.lift(agent, version)
        draft.note("hold-lifted", text.hold_lifted(view.record.environment, agent, version))
    draft.hold(agent, live.version, stamp.message)
    draft.note("hold-put", text.hold_put(view.record.environment, agent, live.version))
    return _rolled_back(view, draft, stamp)


def _restore(view: View, action: Restore, stamp: Stamp) -> Decision:
    now = view.record
    if action.generation > now.generation:
        raise text.no_such_generation(now, action.generation)
    then = now if action.generation == now.generation else view.record_at(action.generation)
    for agent in then.agents.keys() - now.agents.keys():  # what was live once stays in the record
        raise stack_broken(now.environment, agent, now.generation)
    _refuse_yanked(view, then)
    draft = _Draft.of(now)
    for agent, entry in then.agents.items():  # 26
        if replace_needed(now.agents[agent], entry):
            draft.make_live(agent, entry)
    if draft.agents == now.agents:
        newer = [
            text.stays_live(a, e.version, action.generation) for a, e in now.agents.items() if a not in then.agents
        ]
        as_then = f"{now.environment} stands as it did in generation {action.generation}"
        return Nothing("\n".join([as_then, *sorted(newer)]) if newer else as_then)
    for agent in sorted(set(now.agents) - set(then.agents)):
        draft.note("stays-live", text.stays_live(agent, now.agents[agent].version, action.generation))
    for change in _changes(now.agents, draft.agents):
        if change.target is not None and (held := now.holds.get(change.agent, {}).get(change.target)):
            draft.note("held-version-live", text.held_but_restored(change.agent, change.target, held))
    return _rolled_back(view, draft, stamp, "restore")


def _refuse_yanked(view: View, then: Record) -> None:
    """Raise GateRefused where a restore would make a yanked version live that is not live now."""
    refusals: list[RepointError] = []
    for agent, entry in then.agents.items():
        yanked = (view.yanks or {}).get(agent, {}).get(entry.version)
        if yanked and view.record.agents[agent].version != entry.version:
            refusals.append(text.yanked(agent, entry.version, yanked))
    if refusals:
        raise text.all_refused(refusals)


def replace_needed(now: Entry, then: Entry) -> bool:
    """Whether a restore replaces an entry: another version, or another stack beneath the same one."""
    return (now.release, now.back) != (then.release, then.back)


# -- holds, freezes, yanks -------------------------------------------------------------------------------------------


def _unhold(view: View, action: Unhold, stamp: Stamp) -> Decision:
    if action.version not in view.record.holds.get(action.agent, {}):
        return Nothing(f"{action.agent} {action.version} is not held in {view.record.environment}")
    draft = _Draft.of(view.record)
    draft.lift(action.agent, action.version)
    return draft.close("unhold", stamp, view.record.frozen)  # 28


def _freeze(view: View, stamp: Stamp) -> Decision:
    if view.record.frozen:
        return Nothing(text.frozen(view.record.environment, view.record.frozen).message)
    draft = _Draft.of(view.record)
    return draft.close("freeze", stamp, Freeze(stamp.actor, draft.generation, stamp.message))  # 29


def _unfreeze(view: View, stamp: Stamp) -> Decision:
    if not view.record.frozen:
        return Nothing(f"{view.record.environment} is not frozen")
    return _Draft.of(view.record).close("unfreeze", stamp, None)  # 29


def _yank(view: View, action: Yank, stamp: Stamp) -> Decision:
    if yanked := view.record.holds.get(action.agent, {}).get(action.version):
        return Nothing(text.yanked(action.agent, action.version, yanked).message)
    view.target(action.agent, action.version)
    draft = _Draft.of(view.record)
    draft.hold(action.agent, action.version, stamp.message)
    return draft.close("yank", stamp, None)  # 30


def _unyank(view: View, action: Unyank, stamp: Stamp) -> Decision:
    if action.version not in view.record.holds.get(action.agent, {}):
        return Nothing(f"{action.agent} {action.version} is not yanked")
    draft = _Draft.of(view.record)
    draft.lift(action.agent, action.version)
    return draft.close("unyank", stamp, None)  # 31


def _changes(before: Mapping[AgentName, Entry], after: Mapping[AgentName, Entry]) -> list[Change]:
    changes = []
    for agent in sorted({*before, *after}):
        old, new = before.get(agent), after.get(agent)
        if (old and old.version) != (new and new.version):
            changes.append(Change(agent, old.version if old else None, new.version if new else None))
    return changes
