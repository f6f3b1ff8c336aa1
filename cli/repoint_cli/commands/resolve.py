"""``repoint resolve``: settle a move whose outcome is not known."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from repoint.errors import NotFound, RepointError
from repoint.pointer import resolve as settle
from repoint.state import read_pending
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import opened
from repoint_schemas.results import ResolveResult


def _pending_moves(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del param
    try:
        with opened(ctx.ensure_object(Settings), offline=True) as session:
            names = [p.id for p in session.workspace.state.pending()]
    except RepointError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(
    epilog="""\b
Examples:
  repoint status          lists such moves, each with the command to settle it
  repoint resolve 5b2f61c0-0d0f-4a35-9a9c-0f1f6f0c7f11
  repoint resolve 5b2f61c0-0d0f-4a35-9a9c-0f1f6f0c7f11 --from move.json

The saved move is .git/repoint/pending/ID.json on the machine that sent it, where
the error said so.

See also: repoint history (what stands in the ledger).

Exit codes: 0 settled, whichever way; 10 the outcome is still unknown, run it
again.
"""
)
@click.argument("identifier", metavar="ID", shell_complete=_pending_moves)
@click.option(
    "--from",
    "saved",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The saved move, from another machine.",
)
@global_options
@pass_settings
def resolve(settings: Settings, identifier: str, saved: str | None) -> None:
    """Settle a move whose outcome is unknown.

    Sends the move with this ID again exactly as it was, so that it stands once,
    or finds out that another one won. Safe to run as often as you like; the next
    move of the same environment settles it too.
    """
    with opened(settings) as session:
        given = None if saved is None else read_pending(saved)
        moves = session.workspace.state.pending() if given is None else [given]
        pending = [p for p in moves if p.id == identifier]
        if not pending:
            raise NotFound(
                f"no move {identifier!a} waits to be resolved in this clone",
                kind="no-such-pending-move",
                hint="repoint status lists pending moves; a move that is not listed is settled, "
                "or waits on another machine: --from takes its saved file",
            )
        settled = settle(session.workspace.registry, pending[0])
        record = settled.record
        place = f"{record.environment} generation {record.generation} ({record.action})"
        session.console.done(f"{safe(identifier)}: {place} " + ("stands" if settled.stands else "was not carried out"))
        session.console.result(
            ResolveResult(record.id, record.environment, record.generation, record.action, settled.stands)
        )
