"""``promote``, and the moves that set a flag: unhold, yank, unyank, freeze, unfreeze."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from repoint.errors import RepointError, UsageError
from repoint.moves import (
    AnyAction,
    FreezeMoves,
    Pair,
    Promote,
    UnfreezeMoves,
    Unhold,
    Unyank,
    Yank,
)
from repoint.names import YANK_LEDGER, parse_ref
from repoint.registry import Registry
from repoint_cli.arguments import (
    complete_environments,
    complete_versions,
    dry_run_option,
    environment_option,
    message_option,
    ticket_option,
)
from repoint_cli.fleetsaid import require_reports, wait_option
from repoint_cli.moving import carry_out, finish, require_released, result_of, say_move, undo_promote
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import Session, opened
from repoint_schemas.documents import Action, EnvironmentName
from repoint_schemas.results import NoteResult


def version_pair(text: str, command: str) -> Pair:
    """AGENT@VERSION with an explicit version: nothing is ever moved to "latest" or to a working copy.

    Raises: UsageError.
    """
    ref = parse_ref(text)
    if ref.version is None:
        raise UsageError(
            f"{text!a} names no version; {command} takes AGENT@VERSION",
            kind="version-required",
            hint=f"repoint list {ref.agent} shows its versions",
        )
    return ref.agent, ref.version


def named_environment(session: Session, name: str | None, command: str) -> EnvironmentName:
    """The environment that was named: what makes something live never goes by a default. Raises: UsageError."""
    if name is None:
        known = ", ".join(session.workspace.environments())
        raise UsageError(f"{command} where? It takes --env ENV", kind="environment-required", hint=f"one of {known}")
    return session.environment(name)


@click.command(
    epilog="""\b
Examples:
  repoint promote refund@1.5.0 --env staging
  repoint promote refund@1.5.0 --env production -m "Tried since Monday"
  repoint promote refund@1.5.0 --env production --dry-run
  repoint promote intake@2.1.0 refund@1.5.0 --env production --ticket PAY-312
  repoint promote refund@1.5.0 --env production --wait 1m

See also: repoint diff refund@production refund@1.5.0 (what would change),
repoint rollback (take it back), repoint status.

Exit codes: 6 somebody else moved it first, 7 refused: held, yanked, frozen, or
a requires that would break, 11 done, but not every process followed in time.
"""
)
@click.argument("targets", nargs=-1, required=True, metavar="AGENT@VERSION...", shell_complete=complete_versions)
@environment_option("--to", default=False)
@message_option()
@ticket_option
@wait_option
@dry_run_option
@global_options
@pass_settings
def promote(
    settings: Settings,
    targets: tuple[str, ...],
    environment: str | None,
    message: str,
    ticket: str | None,
    wait: float | None,
    dry_run: bool,
) -> None:
    """Make versions live in an environment: all of them in one record, or none.

    The versions that were live stay beneath them, for rollback. Held and yanked
    versions, frozen environments and broken requires are refused. Nothing is ever
    promoted as "latest": name the version.
    """
    action = Promote(tuple(version_pair(t, "promote") for t in targets))
    with opened(settings) as session:
        place = named_environment(session, environment, "promote")
        require_reports(session, wait)
        outcome = carry_out(session, place, action, lambda: session.new_stamp(message, ticket), dry_run=dry_run)
        undo = undo_promote(outcome.moved.record) if outcome.moved else None
        result = result_of(outcome, "promote", dry_run=dry_run, undo=undo or None)
        say_move(session, outcome, result)
        finish(session, outcome, result, wait)


def _flag(
    settings: Settings,
    place: EnvironmentName | None,
    name: str | None,
    action: AnyAction,
    verb: Action,
    texts: tuple[str, str | None],
) -> None:
    """Carry out a move that changes no pointer."""
    with opened(settings) as session:
        environment = place or named_environment(session, name, verb)
        if isinstance(action, Unhold | Unyank):
            _require_known(session.workspace.registry, environment, (action.agent, action.version))
        outcome = carry_out(session, environment, action, lambda: session.new_stamp(*texts), dry_run=False)
        result = result_of(outcome, verb, dry_run=False)
        if isinstance(action, Yank) and outcome.moved:
            live = [NoteResult("still-live", text) for text in _still_live(session, (action.agent, action.version))]
            result = msgspec.structs.replace(result, notes=[*result.notes, *live])
        say_move(session, outcome, result)
        if outcome.moved and isinstance(action, Yank | Unyank | Unhold):
            session.console.done(f"  {action.agent} {action.version} {_NOW[verb]}")
        for note in result.notes:
            if note.kind == "still-live":
                session.console.say(f"  {session.console.paint('still live', 'red')} {safe(note.text)}")
        finish(session, outcome, result)


def _require_known(registry: Registry, environment: EnvironmentName, pair: Pair) -> None:
    """A hold or a yank may outlive its tag in a clone; without either, the version never existed. Raises: NotFound."""
    agent, version = pair
    if version not in registry.current(environment).record.holds.get(agent, {}):
        require_released(registry, agent, version)


_NOW = {
    "yank": "is yanked: never promoted, passed over by rollback, still readable",
    "unyank": "is not yanked any more",
    "unhold": "may be promoted again",
}


def _still_live(session: Session, pair: Pair) -> Iterator[str]:
    """Row 30: a yank moves nothing by itself; where the version is live, and how to get off it."""
    agent, version = pair
    for environment in session.workspace.environments():
        try:
            entry = session.workspace.registry.current(environment).record.agents.get(agent)
        except RepointError as error:  # the yank stands all the same
            session.console.warn(f"whether it is live in {environment} is not known: {error.message}")
            continue
        if entry and entry.version == version:
            yield f"in {environment}; get off it: repoint rollback {agent}@{version} --env {environment}"


@click.command(
    epilog="""\b
Examples:
  repoint unhold refund@1.5.0 --env production
  repoint unhold refund@1.5.0 --env production -m "Receipts are read now"
  repoint unhold refund@1.5.0 --env production --ticket INC-77

See also: repoint status (lists what is held), repoint promote.
"""
)
@click.argument("target", metavar="AGENT@VERSION", shell_complete=complete_versions)
@environment_option(default=False)
@message_option()
@ticket_option
@global_options
@pass_settings
def unhold(settings: Settings, target: str, environment: str | None, message: str, ticket: str | None) -> None:
    """Allow a version that was rolled back from to be promoted again.

    A rollback puts a hold on what it leaves, so that nobody promotes it again by
    accident. This lifts the hold; the version does not become live by it.
    """
    _flag(settings, None, environment, Unhold(*version_pair(target, "unhold")), "unhold", (message, ticket))


@click.command(
    epilog="""\b
Examples:
  repoint yank refund@1.5.0 -m "leaks addresses"
  repoint yank refund@1.5.0 -m "leaks addresses" --ticket INC-77
  repoint history registry                                        all yanks

See also: repoint rollback (get off it), repoint unyank (take it back).
"""
)
@click.argument("target", metavar="AGENT@VERSION", shell_complete=complete_versions)
@message_option(required=True)
@ticket_option
@global_options
@pass_settings
def yank(settings: Settings, target: str, message: str, ticket: str | None) -> None:
    """Mark a version bad everywhere.

    It stays readable, but is never promoted, never "latest", and passed over by
    rollback. Where it is live it stays live: the output says how to get off it.
    Nothing is deleted.
    """
    _flag(settings, YANK_LEDGER, None, Yank(*version_pair(target, "yank")), "yank", (message, ticket))


@click.command(
    epilog="""\b
Examples:
  repoint unyank refund@1.5.0
  repoint unyank refund@1.5.0 -m "It was the gateway"

See also: repoint yank, repoint history registry (all yanks).
"""
)
@click.argument("target", metavar="AGENT@VERSION", shell_complete=complete_versions)
@message_option()
@ticket_option
@global_options
@pass_settings
def unyank(settings: Settings, target: str, message: str, ticket: str | None) -> None:
    """Take a yank back: the version may be promoted again."""
    _flag(settings, YANK_LEDGER, None, Unyank(*version_pair(target, "unyank")), "unyank", (message, ticket))


@click.command(
    epilog="""\b
Examples:
  repoint freeze production -m "release week"
  repoint freeze production -m "incident" --ticket INC-77
  repoint freeze staging -m "load test until Friday"

See also: repoint unfreeze, repoint status (says what is frozen).
"""
)
@click.argument("environment", metavar="ENV", shell_complete=complete_environments)
@message_option(required=True)
@ticket_option
@global_options
@pass_settings
def freeze(settings: Settings, environment: str, message: str, ticket: str | None) -> None:
    """Refuse promotes to an environment, until it is unfrozen.

    For a release week or an incident. Rollbacks go on working, always.
    """
    _flag(settings, None, environment, FreezeMoves(), "freeze", (message, ticket))


@click.command(
    epilog="""\b
Examples:
  repoint unfreeze production
  repoint unfreeze production -m "release week is over"

See also: repoint freeze, repoint promote.
"""
)
@click.argument("environment", metavar="ENV", shell_complete=complete_environments)
@message_option()
@ticket_option
@global_options
@pass_settings
def unfreeze(settings: Settings, environment: str, message: str, ticket: str | None) -> None:
    """Allow promotes to an environment again."""
    _flag(settings, None, environment, UnfreezeMoves(), "unfreeze", (message, ticket))
