"""What every move has in common on the command line: run or plan it, say what moved and how to undo it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from repoint import pointer
from repoint.errors import Corrupt, RepointError
from repoint.moves import AnyAction, Moved, Restore, RollBackTo, Stamp, StepDown
from repoint.moves_text import rollback_command
from repoint_cli.following import let_replicas_follow
from repoint_cli.output import Console, safe
from repoint_cli.session import Session
from repoint_schemas.documents import Action, AgentName, Change, EnvironmentName, Version
from repoint_schemas.results import DifferenceResult, MoveResult, NoteResult

if TYPE_CHECKING:
    from repoint.registry import Registry
    from repoint_schemas.documents import Record


def carry_out(
    session: Session,
    environment: EnvironmentName,
    action: AnyAction,
    new_stamp: Callable[[], Stamp],
    *,
    dry_run: bool,
    check: pointer.Check | None = None,
) -> pointer.Outcome:
    """Move, or plan the move. Raises: as ``pointer.move``; what was settled before a refusal is in its facts too."""
    if dry_run:
        return pointer.plan(session.workspace.registry, environment, action, new_stamp(), check)
    if not isinstance(action, StepDown | RollBackTo | Restore):  # nothing stands before a rollback
        session.workspace.require_fit()
    told: list[str] = []

    def tell(earlier: pointer.Settled) -> None:
        told.append(_settled_text(earlier))
        session.console.warn(told[-1])

    try:
        return pointer.move(session.workspace.registry, environment, action, new_stamp, tell, check)
    except RepointError as error:
        if told:
            error.facts["settled"] = told
        raise


def finish(session: Session, outcome: pointer.Outcome, result: MoveResult, wait: float | None = None) -> None:
    """The last word of a move: it is told already, now the replicas follow, and the result is printed for programs.

    With ``wait`` (seconds, from now on) it is waited for the processes that report what they serve.

    Raises: NotConfirmed, where they have not all followed by then.
    """
    until = time.monotonic() + (wait or 0.0)
    if outcome.moved is not None and not result.dry_run:
        behind = let_replicas_follow(session, moved=outcome.moved.record)
        result = msgspec.structs.replace(result, behind=behind)
    if wait is None or result.dry_run:
        session.console.result(result)
    else:
        _wait(session, outcome, result, until)


def _wait(session: Session, outcome: pointer.Outcome, result: MoveResult, until: float) -> None:
    """The move is told first, whatever becomes of the waiting: to people now, to programs even if it is broken off."""
    from repoint_cli.fleetsaid import require_followed, seconds_left, waited

    console, record = session.console, outcome.moved.record if outcome.moved else outcome.before
    if not console.json:
        console.show()
        console.lines.clear()
    try:
        fleet = waited(session, record, result.changes, seconds_left(until))
    except BaseException:
        console.result(result)
        raise
    console.result(msgspec.structs.replace(result, fleet=fleet))
    require_followed(fleet)


def _settled_text(earlier: pointer.Settled) -> str:
    """What became of an earlier move whose outcome was not known (row 35)."""
    how = "is part of the ledger" if earlier.stands else "was not carried out: another move won its generation"
    return f"the earlier move {safe(earlier.record.id)} ({earlier.record.action}) {how}"


def require_released(registry: Registry, agent: AgentName, version: Version) -> None:
    """A version that never existed is a slip of the pen, not "nothing to do". Raises: NotFound."""
    with suppress(Corrupt):  # it is damaged, so it was released
        registry.release(agent, version)


def result_of(
    outcome: pointer.Outcome,
    verb: Action,
    *,
    dry_run: bool,
    undo: str | None = None,
    effect: list[DifferenceResult] | None = None,
) -> MoveResult:
    """The result of a move for programs."""
    record = outcome.moved.record if outcome.moved else outcome.before
    notes = outcome.moved.notes if outcome.moved else ()
    return MoveResult(
        environment=record.environment,
        action=record.action if outcome.moved else verb,
        generation=record.generation,
        id=record.id if outcome.moved else None,
        changes=list(record.changes) if outcome.moved else [],
        notes=[NoteResult(n.kind, n.text) for n in notes],
        behind=[],
        done=bool(outcome.moved) and not dry_run,
        dry_run=dry_run,
        reason=outcome.nothing.reason if outcome.nothing else None,
        undo=undo if outcome.moved else None,
        message=record.message if outcome.moved else "",
        ticket=record.ticket if outcome.moved else None,
        effect=effect or [],
    )


def change_text(console: Console, change: Change) -> str:
    """One change for people: ``refund  1.5.0 -> 1.4.2``."""
    old = change.origin or "not live"
    new = console.strong(change.target or "not live")
    return f"{change.agent}  {old} -> {new}"


def say_move(session: Session, outcome: pointer.Outcome, result: MoveResult) -> None:
    """The common lines: what moved (or would), what to know, how to undo it."""
    console = session.console
    if outcome.moved is None:
        console.done(f"nothing to do: {safe(result.reason or '', newline=chr(10) + '  ')}")
        return
    record = outcome.moved.record
    head = f"{record.environment} generation {record.generation}: {record.action}"
    console.done(console.paint(f"would be {head}", "magenta") if result.dry_run else console.paint(head, "green"))
    console.done(*(f"  {change_text(console, c)}" for c in record.changes))
    say_notes(session, outcome.moved)
    if result.undo and not result.dry_run:
        console.done(f"  to undo: {result.undo}")


def say_notes(session: Session, moved: Moved) -> None:
    """Warnings go to standard error, also with ``--quiet``; the rest is plain. With ``--json`` the result has both."""
    console = session.console
    for note in moved.notes:
        if note.kind not in ("requires-broken", "yanks-unreadable", "held-version-live"):
            console.done(f"  {safe(note.text, newline=chr(32))}")
        elif not console.json:
            console.warn(safe(note.text))


def undo_promote(record: Record) -> str:
    """The command that takes a promote back: every agent off the version it went to, safe to run twice."""
    moved = [c for c in record.changes if c.target is not None]
    if any(c.origin is None for c in moved):
        return ""
    if len(moved) == 1 and moved[0].target:
        return rollback_command(record.environment, moved[0].agent, moved[0].target)
    return f"repoint rollback {' '.join(f'{c.agent}@{c.target}' for c in moved)} --env {record.environment}"
