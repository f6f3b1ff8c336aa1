"""The store, the network in front of it, and whoever puts an older pointer back.

Every PUT is a message: applied now, later (also after its sender gave up or died), or never. A reply arrives or does
not. What the store does with one message is atomic; that is what ``doctor`` probes real stores for.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.model import Case, Kind, Message, Point, Record, Replay, Step, World, kept, shown, who

QUIET = frozenset({Replay.QUIET, Replay.QUIET_KEPT})
KEPT = frozenset({Replay.QUIET_KEPT, Replay.ANY_TIME_KEPT})
IN_BETWEEN = frozenset(Point) - {Point.READ, Point.IDLE, Point.DONE, Point.DEAD, Point.LEFT}


def network_steps(case: Case, world: World) -> Iterator[Step]:
    """Everything that the store and the network may do next."""
    for message in sorted(world.network):  # so that the same shortest trace is found every time
        if message.kind is Kind.SWAP:
            yield _swap(case, world, message)
        elif message.kind is Kind.KEEP:
            yield _keep(case, world, message)
        if case.losses:
            yield Step(f"{_described(case, message)} is lost", world.carrying(world.network - {message}))


def replay_steps(case: Case, world: World) -> Iterator[Step]:
    """Once, an older object is put back under the pointer's key, with the ETag that it had."""
    if case.replay is Replay.NEVER or world.replayed or (case.replay in QUIET and not _is_quiet(world)):
        return
    for record in world.accepted:
        replayable = case.replay not in KEPT or kept(world.ledger, record.generation + 1)
        if record.generation < world.pointer.generation and replayable:
            yield Step(f"the pointer {shown(record)} is put back", world._replace(pointer=record, replayed=True))


def _swap(case: Case, world: World, message: Message) -> Step:
    """A conditional PUT of the pointer: it takes effect only while the pointer is still the one expected."""
    what, rest = _described(case, message), world.network - {message}
    if world.pointer != message.expected:
        refused = rest | {message._replace(kind=Kind.REFUSED)}
        return Step(f"{what} is refused", world.carrying(refused))
    network = rest | {message._replace(kind=Kind.DONE)}
    return Step(f"{what} is applied", _accepting(world, message.record).carrying(network))


def _accepting(world: World, record: Record) -> World:
    """Accepting the same bytes again after a replay only undoes the replay."""
    known = world.replayed and record in world.accepted
    accepted = world.accepted if known else (*world.accepted, record)
    return World(record, accepted, world.ledger, world.actors, world.network, world.mark, world.replayed)


def _keep(case: Case, world: World, message: Message) -> Step:
    """A create-only PUT of a ledger entry."""
    free = kept(world.ledger, message.record.generation) is None
    verb, after = ("is applied", world.keeping(message.record)) if free else ("finds it there", world)
    return Step(f"{_described(case, message)} {verb}", after.carrying(world.network - {message}))


def _is_quiet(world: World) -> bool:
    """Nobody is between its read and its report, and no PUT is on its way."""
    requests = any(message.kind in (Kind.SWAP, Kind.KEEP) for message in world.network)
    return not requests and not any(actor.point in IN_BETWEEN for actor in world.actors)


def _described(case: Case, message: Message) -> str:
    sender, record = who(case, message.sender), shown(message.record)
    if message.kind is Kind.KEEP:
        return f"{sender}'s PUT of ledger/{message.record.generation} = {record}"
    number = f" (send {message.send})"
    if message.kind is Kind.SWAP:
        return f"{sender}'s PUT of {record}{number}"
    return f"the {message.kind} for {sender}'s {record}{number}"
