"""``repoint rollback``: get off a bad version.

No confirmation, no gates, frozen or not; nothing but the authority is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import click

from repoint import pointer
from repoint.errors import Corrupt, NotFound, RepointError, UsageError
from repoint.ledger import stays
from repoint.moves import AnyAction, Restore, RollBackTo, Stamp, StepDown, View, decide
from repoint.names import parse_agent, parse_ref, parse_version
from repoint.registry import Registry
from repoint.stamps import time_seconds
from repoint_cli.arguments import (
    complete_bare_versions,
    complete_versions,
    dry_run_option,
    environment_option,
    message_option,
    ticket_option,
)
from repoint_cli.fleetsaid import require_reports, wait_option
from repoint_cli.moving import carry_out, finish, require_released, result_of, say_move
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import Session, opened
from repoint_cli.tables import first_line
from repoint_cli.times import ago, parse_moment
from repoint_schemas.documents import AgentName, Change, EnvironmentName, Record, Version
from repoint_schemas.results import DifferenceResult

if TYPE_CHECKING:
    from repoint.changes import Difference

_ONE_OF = "one agent: repoint rollback AGENT --to VERSION; the whole environment: --to-generation N, or --at TIME"
SHOWN_MOVES = 5
LOOKED_BACK = 40
"""Records that are looked through for moves, when nothing is named."""
SHOWN_EFFECTS = 8
LOOKED_INTO = 65_536
"""Bytes of a file up to which its differences are described: nobody waits for that in an incident."""


class Wanted(NamedTuple):
    """What the command line asks for."""

    agents: tuple[tuple[AgentName, Version | None], ...]
    version: Version | None
    generation: int | None
    at: str | None


@click.command(
    epilog="""\b
Examples:
  repoint rollback refund@1.5.0 -m "refunds without a receipt" --ticket INC-77
  repoint rollback refund                  one step down from what is live
  repoint rollback refund --to 1.3.2       back to what was live here before
  repoint rollback --at 2026-11-20T21:00Z  the whole environment as it was
  repoint rollback refund@1.5.0 --wait 30s and until all have followed

refund@1.5.0 means: get off 1.5.0. When it is not live any more nothing is done,
so the command is safe to run twice.

See also: repoint history (what was live, and what to go back to), repoint diff
refund@production refund@production~1 (what changes), repoint unhold.

Exit codes: 4 nothing lies beneath it, 10 the outcome is not known: repoint
resolve settles it, 11 it is done, but not every process followed in time.
"""
)
@click.argument("agents", nargs=-1, metavar="[AGENT[@VERSION]]...", shell_complete=complete_versions)
@environment_option()
@click.option(
    "--to",
    metavar="VERSION",
    shell_complete=complete_bare_versions,
    help="Back to this version, which was live here before.",
)
@click.option(
    "--to-generation", type=click.IntRange(min=0), metavar="N", help="The whole environment as in generation N."
)
@click.option(
    "--at", metavar="TIME", help="The whole environment as it was at this time (RFC 3339; no zone means UTC)."
)
@message_option()
@ticket_option
@wait_option
@dry_run_option
@global_options
@pass_settings
def rollback(
    settings: Settings,
    agents: tuple[str, ...],
    environment: str | None,
    to: str | None,
    to_generation: int | None,
    at: str | None,
    message: str,
    ticket: str | None,
    wait: float | None,
    dry_run: bool,
) -> None:
    """Get off a bad version: back to what was live beneath it, at once.

    No confirmation and no gates, frozen or not, in production unless --env says
    otherwise. The version that is left is held, so that nobody promotes it again
    by accident; held and yanked versions beneath it are passed over. It is a new
    record: nothing is lost, and the output says how to undo it.
    """
    with opened(settings) as session:
        place = session.environment(environment)
        wanted = _wanted(session, agents, to, to_generation, at)
        require_reports(session, wait)
        if not (wanted.agents or wanted.generation is not None or wanted.at):
            raise _nothing_named(session, place)
        stamp = partial(session.new_stamp, message, ticket, fall_back=True)
        outcome = _carried_out(session, place, wanted, stamp, dry_run=dry_run)
        _report(session, outcome, dry_run=dry_run, wait=wait)


def _wanted(
    session: Session, agents: tuple[str, ...], to: str | None, generation: int | None, at: str | None
) -> Wanted:
    """Read the command line. Raises: UsageError, InvalidInput."""
    named = tuple(_agent_or_pair(text) for text in agents)
    if to is not None and not to[:1].isdigit() and to in session.workspace.environments():
        hint = f"repoint rollback {' '.join(agents)} --env {to}"
        raise UsageError(f"--to takes a version; did you mean --env {to}?", kind="did-you-mean-env", hint=hint)
    if to is not None and len(named) != 1:
        raise UsageError("--to takes exactly one agent", kind="one-agent", hint="repoint rollback AGENT --to VERSION")
    if sum(x is not None for x in (to, generation, at)) > 1:
        raise UsageError("--to, --to-generation and --at exclude each other", kind="exclusive-options", hint=_ONE_OF)
    if named and (generation is not None or at is not None):
        raise UsageError(
            "--to-generation and --at take the whole environment back; name no agent",
            kind="whole-environment",
            hint="for one agent: repoint rollback AGENT --to VERSION",
        )
    return Wanted(named, None if to is None else parse_version(to), generation, at)


def _agent_or_pair(text: str) -> tuple[AgentName, Version | None]:
    ref = parse_ref(text)
    if ref.latest or ref.environment:
        raise UsageError(
            f"{text!a}: rollback takes AGENT or AGENT@VERSION",
            kind="version-required",
            hint=f"repoint rollback {ref.agent}{f' --env {ref.environment}' if ref.environment else ''}",
        )
    return parse_agent(ref.agent), ref.version


def _action(session: Session, place: EnvironmentName, wanted: Wanted) -> AnyAction:
    registry = session.workspace.registry
    if wanted.generation is not None:
        return Restore(wanted.generation)
    if wanted.at is not None:
        return Restore(registry.generation_at(place, parse_moment(session, wanted.at), wanted.at))
    if wanted.version is None:
        return StepDown(wanted.agents)
    agent, leave = wanted.agents[0]
    return RollBackTo(agent, wanted.version, leave)


def _carried_out(
    session: Session, place: EnvironmentName, wanted: Wanted, new_stamp: Callable[[], Stamp], *, dry_run: bool
) -> pointer.Outcome:
    registry = session.workspace.registry
    action = _action(session, place, wanted)
    try:
        return carry_out(
            session,
            place,
            action,
            new_stamp,
            dry_run=dry_run,
            check=lambda record: _require_known(registry, record, wanted),
        )
    except NotFound:
        if wanted.version is not None:  # that it was never published says more than that it was never live
            require_released(registry, wanted.agents[0][0], wanted.version)
        raise


def _require_known(registry: Registry, record: Record, wanted: Wanted) -> None:
    """A version that never existed is a slip of the pen, not "nothing to do". Raises: NotFound."""
    for agent, leave in wanted.agents:
        live = record.agents.get(agent)
        if leave is not None and (live is None or live.version != leave):
            require_released(registry, agent, leave)


def _nothing_named(session: Session, place: EnvironmentName) -> UsageError:
    """Row 24: the last five moves, and the exact command to undo each."""
    registry = session.workspace.registry
    current = registry.current(place)
    newest = current.record.generation
    view = pointer.view_of(registry, current)
    moves = (r for r in registry.records(place, newest, max(0, newest - LOOKED_BACK)) if r.changes)
    lines: list[str] = []
    with suppress(Corrupt):  # an older record is damaged: those above it are what somebody looks for
        lines += (_undo_line(record, view) for record in islice(moves, SHOWN_MOVES))
    return UsageError(
        f"rollback of what? The last moves of {place}, and what undoes each:\n" + ("\n".join(lines) or "  none yet"),
        kind="nothing-named",
        hint=f"repoint rollback AGENT@VERSION --env {place}; repoint history {place} shows more",
        moves=lines,
    )


def _undo_line(record: Record, view: View) -> str:
    """One move and the command that undoes it now; a move that is undone already, or cannot be, says so."""
    moved = ", ".join(f"{c.agent} {c.origin or 'not live'} -> {c.target or 'not live'}" for c in record.changes[:3])
    live = [c for c in record.changes if (e := view.record.agents.get(c.agent)) and e.since == record.generation]
    before = [c for c in live if c.origin]
    if not live:
        command = "(not live any more)"
    elif not before:
        command = "(its first version here: nothing lies beneath it; promote another one)"
    else:
        command = _undo_command(record, before, view)
    return f"  {record.generation}  {record.time}  {record.action} {moved} by {record.actor.name}\n      {command}"


def _undo_command(record: Record, changes: list[Change], view: View) -> str:
    """What takes these changes of a record back and nothing that came after it; or why nothing does."""
    place = record.environment
    stamp = Stamp(record.actor, record.time, record.id)
    actions: list[AnyAction]
    if record.action == "promote":
        actions = [StepDown(tuple((c.agent, c.target) for c in changes))]
        commands = [f"repoint rollback {' '.join(f'{c.agent}@{c.target}' for c in changes)} --env {place}"]
    else:
        pairs = [(c.agent, c.origin) for c in changes if c.origin]
        actions = [RollBackTo(agent, version, None) for agent, version in pairs]
        commands = [f"repoint rollback {agent} --env {place} --to {version}" for agent, version in pairs]
    try:
        for action in actions:
            decide(view, action, stamp)
    except RepointError as error:
        return f"(cannot be undone: {first_line(error.message, 1000)})"
    return " && ".join(commands)


def _report(session: Session, outcome: pointer.Outcome, *, dry_run: bool, wait: float | None) -> None:
    moved = outcome.moved
    undo = None if moved is None else _undo(session, outcome.before, moved.record)
    effect = _effect(session, moved.record) if moved else []
    result = result_of(outcome, "rollback", dry_run=dry_run, undo=undo, effect=effect)
    say_move(session, outcome, result)
    if moved is not None:
        _say_details(session, outcome.before, moved.record, effect, dry_run=dry_run)
    finish(session, outcome, result, wait)


def _undo(session: Session, before: Record, after: Record) -> str | None:
    """The command that takes a rollback back; none where what it left is yanked and so never comes back."""
    yanks = session.workspace.registry.known_yanks()
    if any(c.origin in yanks.get(c.agent, {}) for c in after.changes):
        return None
    if len(after.changes) == 1 and after.changes[0].origin:
        change = after.changes[0]
        return f"repoint rollback {change.agent} --env {after.environment} --to {change.origin}"
    return f"repoint rollback --to-generation {before.generation} --env {after.environment}"


def _effect(session: Session, record: Record) -> list[DifferenceResult]:
    """What the move changes, by component. Best effort: the rollback stands, whatever can be read."""
    from repoint_cli.differences import difference_result

    found: list[DifferenceResult] = []
    for change in record.changes[:20]:
        if change.origin is None or change.target is None:
            continue
        try:
            found += [
                difference_result(d, change.agent)
                for d in _differences(session, change.agent, change.origin, change.target)
            ]
        except RepointError as error:
            session.console.warn(f"what changes for {change.agent} cannot be shown: {safe(error.message)}")
    return found


def _differences(session: Session, agent: AgentName, origin: Version, target: Version) -> list[Difference]:
    """What differs between two versions, as the repository has them: in an incident no content is downloaded.

    Where a bucket decides and the repository lacks one of them, files that differ are not looked into.

    Raises: RepointError.
    """
    workspace = session.workspace
    if workspace.replica is not None:
        with suppress(RepointError):
            return _between(workspace.replica, agent, origin, target, LOOKED_INTO)
    from_afar = workspace.local is not workspace.store
    return _between(workspace.registry, agent, origin, target, 0 if from_afar else LOOKED_INTO)


def _between(registry: Registry, agent: AgentName, origin: Version, target: Version, largest: int) -> list[Difference]:
    from repoint.diff import difference, released_side

    sides = [released_side(registry, registry.release(agent, version)) for version in (origin, target)]
    return difference(*sides, largest=largest, closely=False).differences


def _say_details(
    session: Session, before: Record, after: Record, effect: list[DifferenceResult], *, dry_run: bool
) -> None:
    console = session.console
    for change in after.changes:
        _say_story(session, before, change)
    if effect:
        console.done("  what this changes:")
        console.done(*(f"    {_effect_text(d)}" for d in effect[:SHOWN_EFFECTS]))
        more = len(effect) - SHOWN_EFFECTS
        command = _diff_command(after, dry_run=dry_run)
        console.done(f"  {f'and {more} more' if more > 0 else 'in full'}: {command}")


def _diff_command(after: Record, *, dry_run: bool) -> str:
    """Shows the move in full, also when others move after it. One agent of a dry run stands for the others."""
    pairs = [c for c in after.changes if c.origin and c.target]
    if len(pairs) > 1 and not dry_run:
        return f"repoint diff {after.environment}~1 {after.environment}"
    others = f" (and so on for {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    change = pairs[0]
    return f"repoint diff {change.agent}@{change.origin} {change.agent}@{change.target}{others}"


def _effect_text(d: DifferenceResult) -> str:
    return f"{d.agent} {d.component} {safe(d.name)}{': ' + safe(d.where) if d.where else ''}  {d.kind} ({d.impact})"


def _say_story(session: Session, before: Record, change: Change) -> None:
    """How long the version it goes to was live, and by whom and why it was left."""
    if change.target is None:
        return
    record_at = session.workspace.past(before.environment)
    try:
        for stay in stays(before, change.agent, record_at):
            if stay.entry.version == change.target and stay.until is not None:
                start, end = record_at(stay.entry.since), record_at(stay.until)
                span = ago(time_seconds(end.time) - time_seconds(start.time))
                why = f": {first_line(end.message)}" if end.message else ""
                session.console.done(
                    f"  {change.agent} {change.target} was live for {span}, until {end.time},",
                    f"    left by {safe(end.actor.name)} ({end.action}{why})",
                )
                return
    except RepointError as error:
        session.console.warn(f"the story of {change.agent} {change.target} cannot be read: {safe(error.message)}")
