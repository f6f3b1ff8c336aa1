"""What a mover or a resolver does next: one generator for each point of the protocol (docs/design.md, "Move").

A generator yields every way in which its step can go. Shortcuts stand where they are taken, so that the protocol and
what breaks it can be read side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.protocol.model import (
    Actor,
    Case,
    Kind,
    Message,
    Name,
    Point,
    Record,
    Report,
    Shortcut,
    Step,
    World,
    kept,
    shown,
    who,
)

Steps = Iterator[Step]
SAVED = frozenset({Point.SEND, Point.WAIT, Point.CLASSIFY, Point.LEFT})
OVER = frozenset({Point.DONE, Point.DEAD, Point.LEFT})
FINAL = frozenset({Report.OK, Report.FAILED})


def actor_steps(case: Case, world: World) -> Steps:
    """Everything that movers and resolvers may do next, their deaths among it."""
    for number, actor in enumerate(world.actors):
        if actor.point in OVER:
            continue
        if case.losses and actor.point is not Point.IDLE:
            yield _crash(case, world, number, actor)
        yield from STEPS[actor.point](case, world, number, actor)


# -- reading and preparing -------------------------------------------------------------------------------------------


def read(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Step 1: GET the pointer, not below the clone's mark; decide on it (the record is built, and not yet saved)."""
    if case.one_clone:
        if _unsettled(case, world, number):
            return
        if _below(world.pointer, world.mark):
            yield _report(case, world, number, Report.STOPPED, f"reads {shown(world.pointer)}, below the clone's mark")
            return
        world = world._replace(mark=world.pointer)
    yield _reading(case, world, number, actor, _first_point(case))


def prepare(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Step 2, side by side: the look ahead and the ledger entry, whichever comes first."""
    yield from look_ahead(case, world, number, actor, after=Point.KEEP)
    yield from keep(case, world, number, actor, after=Point.LOOK_AHEAD)


def look_ahead(case: Case, world: World, number: int, actor: Actor, after: Point | None = None) -> Steps:
    """GET ``ledger/<g+1>``: nobody has written it while g is the newest generation."""
    ahead, after = actor.record.generation, after or _sure(case)
    if kept(world.ledger, ahead) is None:
        yield _go(case, world, number, actor.at(after), f"sees no ledger/{ahead}")
    elif case.shortcut is Shortcut.NO_SECOND_LOOK:
        yield _report(case, world, number, Report.STOPPED, f"sees a ledger/{ahead}, a replay")
    else:
        again = actor.at(Point.LOOK_AGAIN)
        yield _go(case, world, number, again, f"sees a ledger/{ahead}")


def look_again(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Still at g: somebody put the pointer back. Else it was only another mover's success: begin again on that."""
    if world.pointer.generation <= actor.expected.generation:
        yield _report(case, world, number, Report.STOPPED, f"reads {shown(world.pointer)} again, a replay")
    else:
        yield from (read if number < case.movers else resolve)(case, world, number, actor)


def keep(case: Case, world: World, number: int, actor: Actor, after: Point = Point.SEND) -> Steps:
    """PUT ``ledger/<g>``, create-only, until it is certain that it is there and holds the bytes that were read."""
    entry = actor.expected
    if case.late_ledger:
        going_on = after if after is Point.LOOK_AHEAD else _sure(case)
        sent = world.carrying(world.network | {Message(Kind.KEEP, number, 1, entry, entry)})
        yield _go(case, sent, number, actor.at(going_on), f"sends ledger/{entry.generation}")
        return
    if kept(world.ledger, entry.generation) is None:
        world = world.keeping(entry)
    yield from _kept(case, world, number, actor, after)


def keeping(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """With late ledger writes: go on once the entry can be read, whoever wrote it."""
    if kept(world.ledger, actor.expected.generation) is not None:
        yield from _kept(case, world, number, actor, Point.SEND)


# -- the swap --------------------------------------------------------------------------------------------------------


def send(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Steps 3, 4 and 6: saved, the same bytes with the same ETag go out (again), until patience ends."""
    patience = case.sends if number < case.movers else case.resolve_sends
    if actor.sends < patience:
        waiting = Actor(Point.WAIT, actor.expected, actor.record, actor.decision, actor.sends + 1, None)
        message = Message(Kind.SWAP, number, waiting.sends, actor.expected, actor.record)
        sent = world.carrying(world.network | {message})
        yield _go(case, sent, number, waiting, f"sends {shown(actor.record)} (send {waiting.sends})")
    elif case.shortcut is Shortcut.REREAD:
        yield _go(case, world, number, actor.at(Point.CLASSIFY), "gives up")
    else:
        yield _report(case, world, number, Report.UNKNOWN, "gives up")


def wait(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """A reply to this very call, or none in time."""
    yield from _time_out(case, world, number, actor)
    for message in world.network:
        ours = (message.sender, message.send, message.record) == (number, actor.sends, actor.record)
        if ours and message.kind in (Kind.DONE, Kind.REFUSED):
            heard = world.carrying(world.network - {message})
            yield _answered(case, heard, number, actor, message.kind)


def classify(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Step 5: who won our generation? A mover that lost to moves of other agents decides again, with a new record."""
    verdict = _verdict(case, world, actor)
    yield _report(case, world, number, verdict, f"reads {shown(world.pointer)}")
    if verdict is Report.FAILED and number < case.movers and actor.decision < case.decisions:
        yield _decide_again(case, world, number, actor, f"reads {shown(world.pointer)}, has lost")


def keep_own(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """Step 7, after the report: its own ledger entry, for what it is worth."""
    own, done = actor.record, actor.at(Point.DONE)
    if kept(world.ledger, own.generation) is None:
        world = world.keeping(own)
    yield _go(case, world, number, done, f"keeps its own ledger/{own.generation}")


# -- resolve ---------------------------------------------------------------------------------------------------------


def take(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """A saved move is taken up: of a mover that crashed or gave up, or is still at it in another process."""
    mover = world.actors[number - case.movers]
    if _is_saved(mover):
        taken = actor._replace(
            point=Point.RESOLVE, expected=mover.expected, record=mover.record, decision=mover.decision
        )
        yield _go(case, world, number, taken, f"takes {shown(mover.record)}")


def resolve(case: Case, world: World, number: int, actor: Actor) -> Steps:
    """While the saved swap can still be applied it is sent again, as it was; else the first one is past, too.

    Sending again extends a pointer just as a move does, so it asks first what a move asks.
    """
    if case.one_clone and case.shortcut is not Shortcut.RESOLVE_BLIND and _below(world.pointer, world.mark):
        yield _report(case, world, number, Report.STOPPED, f"reads {shown(world.pointer)}, below the clone's mark")
    elif case.shortcut is Shortcut.RESOLVE_DECIDES and _verdict(case, world, actor) is not Report.OK:
        yield _reading(case, world, number, actor._replace(decision=actor.decision + 1), Point.KEEP)
    else:
        yield _go(case, world, number, actor.at(_resolving(case, world, actor)), f"reads {shown(world.pointer)}")


# -- parts of the steps ----------------------------------------------------------------------------------------------


def _go(case: Case, world: World, number: int, actor: Actor, what: str) -> Step:
    return Step(f"{who(case, number)} {what}", world.after(number, actor))


def _report(case: Case, world: World, number: int, report: Report, what: str) -> Step:
    """The mover's last word; success raises the clone's mark before it is told."""
    actor = world.actors[number]
    point = Point.DONE
    if report is Report.OK:
        if case.one_clone and not (case.shortcut is Shortcut.RESOLVE_UNMARKED and number >= case.movers):
            world = world._replace(mark=max(world.mark, actor.record))
        if case.keeps_own or case.shortcut is Shortcut.LEDGER_AFTER:
            point = Point.KEEP_OWN
    ended = Actor(point, actor.expected, actor.record, actor.decision, actor.sends, report)
    return _go(case, world, number, ended, f"{what}: {report.name}")


def _crash(case: Case, world: World, number: int, actor: Actor) -> Step:
    """What is saved outlives the process; where nobody resolves, that makes no difference and no state of its own."""
    left = bool(case.resolve_sends) and number < case.movers and actor.point in SAVED
    dead = actor.at(Point.LEFT if left else Point.DEAD)
    return _go(case, world, number, dead, "crashes")


def _first_point(case: Case) -> Point:
    if case.shortcut is Shortcut.LEDGER_AFTER:
        return Point.SEND
    return Point.PREPARE if case.looks_ahead else Point.KEEP


def _resolving(case: Case, world: World, actor: Actor) -> Point:
    if world.pointer != actor.expected or case.shortcut is Shortcut.RESOLVE_LOOKS:
        return Point.CLASSIFY
    looks_ahead = case.looks_ahead and case.shortcut is not Shortcut.RESOLVE_BLIND
    return Point.LOOK_AHEAD if looks_ahead else Point.SEND


def _reading(case: Case, world: World, number: int, actor: Actor, point: Point) -> Step:
    now = world.pointer
    mover = number if number < case.movers else number - case.movers
    record = Record(now.generation + 1, Name(mover, actor.decision), now.name)
    reader = Actor(point, now, record, actor.decision, 0, None)
    return _go(case, world, number, reader, f"reads {shown(now)}")


def _sure(case: Case) -> Point:
    """What comes before the swap: with late ledger writes, to wait until the entry is there."""
    return Point.KEEPING if case.late_ledger and case.shortcut is not Shortcut.LEDGER_UNSURE else Point.SEND


def _kept(case: Case, world: World, number: int, actor: Actor, after: Point) -> Steps:
    """The entry is there; if it holds other bytes than those read, somebody tampered."""
    entry = actor.expected
    if kept(world.ledger, entry.generation) != entry and case.shortcut is not Shortcut.NO_EQUALITY:
        yield _report(case, world, number, Report.STOPPED, f"finds another ledger/{entry.generation}")
    else:
        yield _go(case, world, number, actor.at(after), f"sees ledger/{entry.generation} kept")


def _time_out(case: Case, world: World, number: int, actor: Actor) -> Steps:
    if case.shortcut is Shortcut.AGAIN_AFTER_TIMEOUT and actor.decision < case.decisions:
        yield _decide_again(case, world, number, actor, "hears nothing in time")
    else:
        point = Point.CLASSIFY if case.shortcut is Shortcut.REREAD else Point.SEND
        yield _go(case, world, number, actor.at(point), "hears nothing in time")


def _answered(case: Case, world: World, number: int, actor: Actor, answer: Kind) -> Step:
    if answer is Kind.DONE:
        return _report(case, world, number, Report.OK, "hears 200")
    if case.shortcut is Shortcut.NAIVE_412:
        return _report(case, world, number, Report.FAILED, "hears 412")
    return _go(case, world, number, actor.at(Point.CLASSIFY), "hears 412")


def _decide_again(case: Case, world: World, number: int, actor: Actor, what: str) -> Step:
    again = actor._replace(point=Point.READ, decision=actor.decision + 1)
    return _go(case, world, number, again, f"{what}, decides again")


def _verdict(case: Case, world: World, actor: Actor) -> Report:
    """What the pointer, or the ledger beneath it, says of a record whose swap cannot be applied any more."""
    ours, now = actor.record, world.pointer
    if case.shortcut is Shortcut.HEAD_ONLY or now.generation == ours.generation:
        return Report.OK if now == ours else Report.FAILED
    if now.generation < ours.generation:
        looks = (Shortcut.REREAD, Shortcut.RESOLVE_LOOKS)
        return Report.FAILED if case.shortcut in looks else Report.STOPPED
    winner = kept(world.ledger, ours.generation)
    if winner is None:
        return Report.FAILED if case.shortcut is Shortcut.REREAD else Report.STOPPED
    return Report.OK if winner == ours else Report.FAILED


def _below(now: Record, mark: Record) -> bool:
    return now.generation < mark.generation or (now.generation == mark.generation and now != mark)


def _is_saved(mover: Actor) -> bool:
    return mover.point in SAVED or mover.report is Report.UNKNOWN


def _unsettled(case: Case, world: World, number: int) -> bool:
    """Whether another saved move of the clone has no final outcome yet."""
    if not case.resolve_sends:
        return False
    others = (n for n in range(case.movers) if n != number and _is_saved(world.actors[n]))
    return any(world.actors[case.movers + n].report not in FINAL for n in others)


STEPS: dict[Point, Callable[[Case, World, int, Actor], Steps]] = {
    Point.READ: read,
    Point.PREPARE: prepare,
    Point.LOOK_AHEAD: look_ahead,
    Point.LOOK_AGAIN: look_again,
    Point.KEEP: keep,
    Point.KEEPING: keeping,
    Point.SEND: send,
    Point.WAIT: wait,
    Point.CLASSIFY: classify,
    Point.KEEP_OWN: keep_own,
    Point.IDLE: take,
    Point.RESOLVE: resolve,
}
