"""Carrying a decided move out: read, decide, check, swap, and say truthfully how it ended.

Promises 2, 3 and 5 live here. The order is the protocol's (docs/design.md, "Move"): everything that the new record
makes live is checked before the swap; the move is saved before it is sent where a write could arrive late; a lost
swap is looked up in the ledger before it is called lost; and it is decided again only when the agents that it touches
stayed as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec

from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, OutcomeUnknown, RepointError, StoreUnavailable
from repoint.ledger import stack_broken
from repoint.moves import (
    AnyAction,
    Decision,
    Holds,
    Moved,
    Nothing,
    Promote,
    Seal,
    Stamp,
    Unyank,
    View,
    Yank,
    changed_agents,
    decide,
    first_record,
    named_agents,
)
from repoint.names import YANK_LEDGER
from repoint.registry import Current, Registry
from repoint.store import Ahead, Pointer, Swap
from repoint.verified import read_document
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, PendingMove, Record

MAX_DECISIONS = 64
"""How often a move is decided again after lost swaps before it gives up; each loss is another mover's success."""

MAX_SENDS = 8
"""How often the same bytes are sent again while a store cannot say what became of them."""

_DOCTOR = "nothing was done; run it again, and repoint doctor where that does not help"

NewStamp = Callable[[], Stamp]
"""A fresh stamp for every attempt: a new id, so that no record is ever sent twice as two."""

Check = Callable[[Record], object]
"""Looks at the newest record of the environment before a decision, and raises to stop it."""

OnSettled = Callable[["Settled"], object]
"""Is told of each earlier move as soon as it is settled, so that this is known also where the new one is refused."""


class Settled(msgspec.Struct, frozen=True):
    """An earlier move of this clone whose outcome was not known until now; ``stands``: it is part of the ledger."""

    record: Record
    stands: bool


class Outcome(msgspec.Struct, frozen=True):
    """How a move ended: ``moved`` when it stands (or would, in a dry run), else ``nothing`` says why.

    ``settled`` are earlier moves that were settled first: one that stands now may have been applied only now.
    """

    before: Record
    moved: Moved | None
    nothing: Nothing | None = None
    settled: tuple[Settled, ...] = ()


def view_of(registry: Registry, current: Current) -> View:
    """What a decision about this record may look at."""
    environment = current.record.environment
    if environment == YANK_LEDGER:
        registry.require_authority(current.record)
        yanks: Holds | None = current.record.holds
    else:
        yanks = registry.yanks(moving=True)
    record_at = registry.record_at(environment)
    return View(current.record, yanks, record_at, registry.target, registry.requires_of, registry.authority)


def plan(
    registry: Registry, environment: EnvironmentName, action: AnyAction, stamp: Stamp, check: Check | None = None
) -> Outcome:
    """Decide and check, and write nothing (``--dry-run``). Raises: as ``move``."""
    _check_ledger_kind(environment, action)
    ahead = _ahead(environment, action, writing=False)
    registry.store.read_ahead(ahead)
    current = registry.current(environment)
    if check:
        check(current.record)
    registry.store.prepare_swap(current.pointer, current.record, ahead)
    decision = decide(view_of(registry, current), action, stamp)
    if isinstance(decision, Nothing):
        return Outcome(current.record, None, decision)
    check_new_entries(registry, current.record, decision.record)
    return Outcome(current.record, decision)


def move(
    registry: Registry,
    environment: EnvironmentName,
    action: AnyAction,
    new_stamp: NewStamp,
    on_settled: OnSettled | None = None,
    check: Check | None = None,
) -> Outcome:
    """Carry one action out on an environment: one new record, or none. Own earlier moves are settled first.

    ``check`` is given the newest record before anything is decided on it, and raises where the caller will not have it.

    Raises:
        UsageError, NotFound, GateRefused: refused, nothing written.
        Conflict: another move of the same agents won; who, what and when is in the message.
        Corrupt: what the move would make live cannot be loaded, or the pointer contradicts the ledger. Where the record
            was sent before that was seen, its id is in the facts, and it may or may not become part of the ledger.
        StoreUnavailable: nothing was done.
        OutcomeUnknown: the record may or may not become part of the ledger; its id is in the facts.
    """
    _check_ledger_kind(environment, action)
    ahead = _ahead(environment, action)
    registry.store.read_ahead(ahead)
    settled = tuple(resolve_pending(registry, environment, on_settled))
    first = current = registry.current(environment)
    if check:
        check(current.record)
    for _ in range(MAX_DECISIONS):
        registry.store.prepare_swap(current.pointer, current.record, ahead)
        decision: Decision = decide(view_of(registry, current), action, new_stamp())
        if isinstance(decision, Nothing):
            return Outcome(current.record, None, decision, settled)
        check_new_entries(registry, current.record, decision.record)
        if _swap(registry, current.pointer, decision.record):
            return Outcome(current.record, decision, settled=settled)
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
        raise StoreUnavailable(
            f"{environment} can be neither created nor read",
            kind="store-contradicts-itself",
            hint=_DOCTOR,
        )
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


def resolve_pending(
    registry: Registry, environment: EnvironmentName, on_settled: OnSettled | None = None
) -> list[Settled]:
    """Settle this clone's own moves whose outcome was not known, before anything else (row 35).

    Where no write arrives late, a saved move that cannot be read changes nothing any more and blocks nothing.

    Raises:
        OutcomeUnknown: one of them still cannot be settled.
        StoreUnavailable, Corrupt: as ``resolve``; what was not settled stays saved.
    """
    if registry.state is None:
        return []
    settled: list[Settled] = []
    for pending in registry.state.pending(only_readable=not registry.store.late_writes):
        if (pending.environment, pending.store) == (environment, registry.store.name):
            settled.append(resolve(registry, pending))
            if on_settled:
                on_settled(settled[-1])
    return settled


def resolve(registry: Registry, pending: PendingMove) -> Settled:
    """Settle a saved move: while its swap can still be applied it is sent again, as it was decided; else looked up.

    Either way its first sending can change nothing any more. It goes through the checks of any move: a pointer that
    went back, or was put back, is never built upon.

    Raises:
        Conflict: it was saved for another store.
        OutcomeUnknown: it still cannot be settled, and stays saved.
        StoreUnavailable, Corrupt: it stays saved.
    """
    if pending.store != registry.store.name:
        raise Conflict(
            f"{pending.id} was sent to {pending.store}, not to {registry.store.name}",
            kind="other-store",
            hint="resolve it in the clone that sent it",
        )
    content = pending.record.encode()
    record = registry.verified_record(pending.environment, None, content)
    try:
        now = registry.current(pending.environment)
    except NotFound as error:
        raise _went_back(record) from error
    if now.pointer.stamp == pending.expected:
        registry.store.prepare_swap(now.pointer, now.record, Ahead(pending.environment))
        swap = registry.store.swap_pointer(now.pointer, record, content)
        stands = _final(registry, now.pointer, record, content, swap)
    else:
        stands = _stands(registry, Pointer(b"", pending.expected), record, content)
    if stands and registry.state:
        registry.state.raise_mark(record.environment, record.generation, digest_of(content))
    _forget(registry, pending.id)
    return Settled(record, stands)


def _ahead(environment: EnvironmentName, action: AnyAction, *, writing: bool = True) -> Ahead:
    targets = action.targets if isinstance(action, Promote) else ()
    return Ahead(environment, tuple(named_agents(action)), targets, writing)


def _check_ledger_kind(environment: EnvironmentName, action: AnyAction) -> None:
    if isinstance(action, Seal):  # every ledger is handed over, that of the yanks too
        return
    if (environment == YANK_LEDGER) != isinstance(action, Yank | Unyank):
        raise Conflict(f"{type(action).__name__} does not belong in the ledger {environment}", kind="wrong-ledger")


def _swap(registry: Registry, expected: Pointer, record: Record) -> bool:
    """Save, send, forget: True when the record stands, False when another one won its generation.

    It is forgotten as soon as its outcome is known, and where the store refused it before anything was sent.
    """
    content = encode(record)
    if registry.store.late_writes:
        _save(registry, expected, record, content)
    try:
        swap = registry.store.swap_pointer(expected, record, content)
    except RepointError:
        _forget(registry, record.id)
        raise
    try:
        stands = _final(registry, expected, record, content, swap)
    except OutcomeUnknown:
        with suppress(StoreUnavailable):
            _save(registry, expected, record, content)
        raise
    if stands and registry.state:
        registry.state.raise_mark(record.environment, record.generation, digest_of(content))
    _forget(registry, record.id)
    return stands


def _save(registry: Registry, expected: Pointer, record: Record, content: bytes) -> None:
    if registry.state:
        pending = PendingMove(
            environment=record.environment,
            expected=expected.stamp,
            id=record.id,
            record=content.decode(),
            store=registry.store.name,
        )
        registry.state.save_pending(pending)


def _forget(registry: Registry, identifier: str) -> None:
    """Best effort: what is left behind is settled again by the next move, and must not change what is told of this."""
    if registry.state:
        with suppress(StoreUnavailable):
            registry.state.drop_pending(identifier)


def _final(registry: Registry, expected: Pointer, record: Record, content: bytes, swap: Swap) -> bool:
    """Send the same bytes until the answer is final; a lost swap counts as done when the ledger holds our record.

    Raises:
        OutcomeUnknown: no final answer; also where the store could not be reached any more after a sending.
        Corrupt: the pointer contradicts the ledger, which is the graver news; the move stays saved, and it is said how
            to settle it.
    """
    try:
        for _ in range(MAX_SENDS - 1):
            if swap is not Swap.UNKNOWN:
                break
            swap = registry.store.swap_pointer(expected, record, content)
        if swap is Swap.LOST:
            return _stands(registry, expected, record, content)
    except StoreUnavailable as error:
        raise _unknown(registry, record) from error
    except Corrupt as damage:
        if not registry.store.late_writes:
            raise
        raise _damaged(damage, _unknown(registry, record)) from damage
    if swap is Swap.UNKNOWN:
        raise _unknown(registry, record)
    return True


def _damaged(damage: Corrupt, unknown: OutcomeUnknown) -> Corrupt:
    """Damage that was met while a swap was looked up that may have been applied; the move was saved before."""
    return Corrupt(
        f"{damage.message}; {unknown.message}",
        kind=damage.kind,
        hint=f"{damage.hint}; then {unknown.hint}" if damage.hint else unknown.hint,
        **{**damage.facts, **unknown.facts},
    )


def _unknown(registry: Registry, record: Record) -> OutcomeUnknown:
    saved = registry.state.pending_path(record.id) if registry.state else None
    kept = f"; it is kept in {saved}, which resolve --from takes on another machine" if saved else ""
    return OutcomeUnknown(
        f"it is not known whether generation {record.generation} of {record.environment} ({record.action}) was written"
        + kept,
        kind="outcome-unknown",
        hint=f"repoint resolve {record.id}",
        id=record.id,
        environment=record.environment,
        saved=saved,
    )


def _stands(registry: Registry, expected: Pointer, record: Record, content: bytes) -> bool:
    """Whether the ledger holds exactly our record, now that its swap cannot be applied any more.

    Raises:
        Corrupt: the pointer is gone or went back, or our generation is missing beneath it.
        StoreUnavailable: the store cannot be read, or refused a swap of the very pointer that it shows.
    """
    now = registry.store.read_pointer(record.environment)
    if now is None:
        raise _went_back(record)
    newest = registry.verified_record(record.environment, None, now.content).generation
    if newest == record.generation:
        return now.content == content
    if newest > record.generation:
        return encode(registry.record_at(record.environment)(record.generation)) == content
    if digest_of(now.content) != record.previous:
        raise _went_back(record)
    if now.stamp == expected.stamp:
        raise StoreUnavailable(
            "the store refused a swap that should have succeeded", kind="store-contradicts-itself", hint=_DOCTOR
        )
    return False  # somebody wrote the same record again, under another stamp


def _went_back(record: Record) -> Corrupt:
    return Corrupt(
        f"the pointer of {record.environment} went back while generation {record.generation} was written",
        kind="pointer-went-back",
        hint="nothing is recreated by itself; repoint verify explains",
        promise=4,
    )


def _lost_to(registry: Registry, before: Record, after: Record, changed: list[AgentName]) -> Conflict | Corrupt:
    """The error of row 34: who moved which of our agents, to what, when; Corrupt where one of them is gone."""
    agent = changed[0]
    entry = after.agents.get(agent)
    if entry is None:  # an agent that was live once stays in the record
        return stack_broken(after.environment, agent, after.generation)
    winner = after if entry.since == after.generation else registry.record_at(after.environment)(entry.since)
    was = before.agents[agent].version if agent in before.agents else "not live"
    others = f", and {', '.join(changed[1:6])} changed too" if changed[1:] else ""
    return Conflict(
        f"{winner.actor.name} moved {agent} in {after.environment} first: {was} -> {entry.version} "
        f"({winner.action}, generation {winner.generation}, {winner.time})"
        + (f": {winner.message}" if winner.message else "")
        + others,
        kind="lost-race",
        hint="nothing of yours was done; look (repoint status) and decide again",
        agents=list(changed),
        generation=winner.generation,
        actor=winner.actor.name,
        id=winner.id,
    )
