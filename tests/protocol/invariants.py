"""What must hold in every state, whatever was lost, late, repeated, replayed, or died.

The movers know none of this: it compares what they said with what an observer saw the store accept.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from tests.protocol.model import Actor, Report, World


class Violation(enum.StrEnum):
    """What can be wrong with a state."""

    LEDGER_LOST = "a generation beneath the pointer is not in the ledger"
    LEDGER_FORKED = "the ledger holds two records for one generation"
    CHAIN_BROKEN = "the ledger holds another record beneath the pointer than the pointer names"
    FORKED = "two records were accepted for one generation"
    VANISHED = "a move was reported as done, and another record took its generation afterwards"
    APPLIED_TWICE = "one move was applied twice"
    OK_BUT_NOT_APPLIED = "a move was reported as done, and was never accepted"
    FAILED_BUT_APPLIED = "a move was reported as lost, and was accepted"
    FALSE_ALARM = "a contradiction was reported, and nobody had tampered"


def violations(world: World) -> Iterator[Violation]:
    """All that is wrong with one state."""
    yield from _of_the_ledger(world)
    yield from _of_what_was_accepted(world)
    for actor in world.actors:
        if actor.report is not None:
            yield from _of_a_report(world, actor)


def _of_the_ledger(world: World) -> Iterator[Violation]:
    entries = {record.generation: record for record in world.ledger}
    if len(entries) != len(world.ledger):
        yield Violation.LEDGER_FORKED
    if any(generation not in entries for generation in range(world.pointer.generation)):
        yield Violation.LEDGER_LOST
    elif world.pointer.generation and entries[world.pointer.generation - 1].name != world.pointer.previous:
        yield Violation.CHAIN_BROKEN


def _of_what_was_accepted(world: World) -> Iterator[Violation]:
    if len({record.generation for record in world.accepted}) != len(world.accepted):
        yield Violation.FORKED
    if len({record.name.mover for record in world.accepted}) != len(world.accepted):
        yield Violation.APPLIED_TWICE


def _of_a_report(world: World, actor: Actor) -> Iterator[Violation]:
    """A report is about this record and all earlier ones of the same move."""
    ours = actor.record
    if actor.report is Report.OK:
        if ours not in world.accepted:
            yield Violation.OK_BUT_NOT_APPLIED
        elif any(r.generation == ours.generation for r in world.accepted[world.accepted.index(ours) + 1 :]):
            yield Violation.VANISHED
    elif actor.report is Report.FAILED:
        if any(r.name.mover == ours.name.mover and r.name.decision <= ours.name.decision for r in world.accepted):
            yield Violation.FAILED_BUT_APPLIED
    elif actor.report is Report.STOPPED and not world.replayed:
        yield Violation.FALSE_ALARM
