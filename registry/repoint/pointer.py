"""Carrying a decided move out: read, decide, check, swap, and say truthfully how it ended.

Promises 2, 3 and 5 live here. The order is the protocol's (docs/design.md, "Move"): everything that the new record
makes live is checked before the swap; the move is saved before it is sent where a write could arrive late; a lost
swap is looked up in the ledger before it is called lost; and it is decided again only when the agents that it touches
stayed as they were.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from repoint.errors import Conflict, Corrupt, InvalidInput, OutcomeUnknown, StoreUnavailable
from repoint.moves import (
    AnyAction,
    Decision,
    Moved,
    Nothing,
    Stamp,
    Unyank,
    View,
    Yank,
    changed_agents,
    decide,
    first_record,
)
from repoint.names import YANK_LEDGER
from repoint.registry import Current, Registry, read_document
from repoint.store import Pointer, Swap
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, PendingMove, Record

MAX_DECISIONS = 64
"""How often a move is decided again after lost swaps before it gives up; each loss is another mover's success."""

MAX_SENDS = 8
"""How often the same bytes are sent again while a store cannot say what became of them."""

NewStamp = Callable[[], Stamp]
"""A fresh stamp for every attempt: a new id, so that no record is ever sent twice as two."""


class Outcome(msgspec.Struct, frozen=True):
    """How a move ended: ``moved`` when it stands (or would, in a dry run), else ``nothing`` says why."""

    before: Record
    moved: Moved | None
    nothing: Nothing | None = None


def view_of(registry: Registry, current: Current) -> View:
    """What a decision about this record may look at."""
    environment = current.record.environment
    yanks = current.record.holds if environment == YANK_LEDGER else registry.yanks()
    return View(current.record, yanks, registry.record_at(environment), registry.target, registry.requires_of)


def plan(registry: Registry, environment: EnvironmentName, action: AnyAction, stamp: Stamp) -> Outcome:
    """Decide and check, and write nothing (``--dry-run``). Raises: as ``move``."""
    current = registry.current(environment)
    decision = decide(view_of(registry, current), action, stamp)
    if isinstance(decision, Nothing):
        return Outcome(current.record, None, decision)
    check_new_entries(registry, current.record, decision.record)
    return Outcome(current.record, decision)


def move(registry: Registry, environment: EnvironmentName, action: AnyAction, new_stamp: NewStamp) -> Outcome:
    """Carry one action out on an environment: one new record, or none.

    Raises:
        UsageError, NotFound, GateRefused: refused, nothing written.
        Conflict: another move of the same agents won; who, what and when is in the message.
        Corrupt: what the move would make live cannot be loaded, or the pointer contradicts the ledger.
        StoreUnavailable: nothing was done.
        OutcomeUnknown: the record may or may not become part of the ledger; its id is in the facts.
    """
    _check_ledger_kind(environment, action)
    resolve_pending(registry, environment)
    first = current = registry.current(environment)
    for _ in range(MAX_DECISIONS):
        decision: Decision = decide(view_of(registry, current), action, new_stamp())
        if isinstance(decision, Nothing):
            return Outcome(current.record, None, decision)
        check_new_entries(registry, current.record, decision.record)
        if _swap(registry, current.pointer, decision.record):
            return Outcome(current.record, decision)
        current = registry.current(environment)
        changed = changed_agents(action, first.record, current.record)
        if changed:
            raise _lost_to(registry, first.record, current.record, changed)
    raise StoreUnavailable(
        f"{MAX_DECISIONS} other moves of {environment} came first",
        kind="too-busy",
        hint="nothing was done; run it again",
    )


def create(registry: Registry, environment: EnvironmentName, stamp: Stamp) -> bool:
    """Create an environment with generation 0; False where it exists already (rows 1 and 2).

    Raises:
        Conflict: it exists and belongs to another registry.
    """
    record = first_record(environment, registry.id, registry.authority, stamp)
    content = encode(record)
    if registry.store.create_pointer(record, content):
        if registry.state:
            registry.state.raise_mark(environment, 0, digest_of(content))
        return True
    require_same_registry(registry, environment)
    return False


def require_same_registry(registry: Registry, environment: EnvironmentName) -> None:
    """Require that an environment exists and belongs to this registry. Raises: Conflict, Corrupt, StoreUnavailable."""
    found = registry.store.read_pointer(environment)
    if found is None:
        raise StoreUnavailable(f"{environment} can be neither created nor read", kind="store-contradicts-itself")
    record = read_document(found.content, Record, Record.LIMIT, f"the pointer of {environment}")
    if record.registry != registry.id:
        raise Conflict(
            f"{environment} belongs to registry {record.registry}, not to {registry.id}",
            kind="registry-mismatch",
            hint="check registry.id in repoint.toml",
            found=record.registry,
            wanted=registry.id,
        )


def check_new_entries(registry: Registry, before: Record, after: Record) -> None:
    """Require that all that a record newly makes live can be loaded whole, and that the record fits.

    Raises: Corrupt, InvalidInput.
    """
    for agent, entry in after.agents.items():
        if before.agents.get(agent) != entry:
            registry.check_loadable(agent, entry)
    size = len(encode(after))
    if size > Record.LIMIT:
        raise InvalidInput(
            f"the record of {after.environment} would be {size} bytes, more than {Record.LIMIT}",
            kind="environment-full",
            hint="shorten hold messages (repoint unhold), or split the agents over several registries",
        )


def resolve_pending(registry: Registry, environment: EnvironmentName) -> list[PendingMove]:
    """Settle this clone's own moves whose outcome was not known, before anything else (row 35).

    Raises:
        OutcomeUnknown: one of them still cannot be settled.
    """
    if registry.state is None or not registry.store.late_writes:
        return []
    mine = [p for p in registry.state.pending() if (p.environment, p.store) == (environment, registry.store.name)]
    for pending in mine:
        resolve(registry, pending)
    return mine


def resolve(registry: Registry, pending: PendingMove) -> bool:
    """Send a saved move again, which also fences off its first sending; True when it stands. Raises: OutcomeUnknown."""
    content = pending.record.encode()
    record = registry.verified_record(pending.environment, None, content)
    done = _send(registry, Pointer(b"", pending.expected), record, content)
    if registry.state:
        registry.state.drop_pending(pending.id)
    return done


def _check_ledger_kind(environment: EnvironmentName, action: AnyAction) -> None:
    if (environment == YANK_LEDGER) != isinstance(action, Yank | Unyank):
        raise Conflict(f"{type(action).__name__} does not belong in the ledger {environment}", kind="wrong-ledger")


def _swap(registry: Registry, expected: Pointer, record: Record) -> bool:
    """Save, send, forget: True when the record stands, False when another one won its generation."""
    content = encode(record)
    late = registry.state if registry.store.late_writes else None
    if late:
        late.save_pending(
            PendingMove(
                environment=record.environment,
                expected=expected.stamp,
                id=record.id,
                record=content.decode(),
                store=registry.store.name,
            )
        )
    done = _send(registry, expected, record, content)
    if late:
        late.drop_pending(record.id)
    if done and registry.state:
        registry.state.raise_mark(record.environment, record.generation, digest_of(content))
    return done


def _send(registry: Registry, expected: Pointer, record: Record, content: bytes) -> bool:
    """Send the same bytes until the answer is final; a lost swap counts as done when the ledger holds our record."""
    for _ in range(MAX_SENDS):
        swap = registry.store.swap_pointer(expected, record, content)
        if swap is Swap.DONE:
            return True
        if swap is Swap.LOST:
            return _stands(registry, record, content)
    raise OutcomeUnknown(
        f"it is not known whether generation {record.generation} of {record.environment} ({record.action}) was written",
        kind="outcome-unknown",
        hint=f"repoint resolve {record.id}",
        id=record.id,
        environment=record.environment,
    )


def _stands(registry: Registry, record: Record, content: bytes) -> bool:
    """Whether the ledger holds exactly our record at its generation. Raises: Corrupt, when the pointer is below it."""
    pointer = registry.store.read_pointer(record.environment)
    now = None if pointer is None else registry.verified_record(record.environment, None, pointer.content)
    if pointer is None or now is None or now.generation < record.generation:
        if now is not None and digest_of(pointer.content if pointer else b"") == record.previous:
            raise StoreUnavailable(
                "the store refused a swap that should have succeeded", kind="store-contradicts-itself"
            )
        raise Corrupt(
            f"the pointer of {record.environment} went back while generation {record.generation} was written",
            kind="pointer-went-back",
            hint="nothing is recreated by itself; repoint verify explains",
            promise=4,
        )
    if now.generation == record.generation:
        return pointer.content == content
    return registry.store.read_record(record.environment, record.generation) == content


def _lost_to(registry: Registry, before: Record, after: Record, changed: list[AgentName]) -> Conflict:
    """The error of row 34: who moved which of our agents, to what, when."""
    agent = changed[0]
    entry = next((e for a, e in after.agents.items() if a == agent), None)
    winner = (
        after
        if entry is None
        else registry.record_at(after.environment)(entry.since)
        if entry.since < after.generation
        else after
    )
    was = next((e.version for a, e in before.agents.items() if a == agent), "not live")
    return Conflict(
        f"{winner.actor.name} moved {agent} in {after.environment} first: "
        f"{was} -> {entry.version if entry else 'not live'} ({winner.action}, generation {winner.generation}, {winner.time})"
        + (f": {winner.message}" if winner.message else ""),
        kind="lost-race",
        hint="nothing of yours was done; look (repoint status) and decide again",
        agents=list(changed),
        generation=winner.generation,
        actor=winner.actor.name,
        id=winner.id,
    )
