"""``repoint sync``: bring every replica up to the authority."""

from __future__ import annotations

import click

from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import opened
from repoint_schemas.results import SyncedReplica, SyncResult


@click.command(
    epilog="""\b
Examples:
  repoint sync
  repoint sync --json       for a scheduled job
  repoint sync --quiet      what did not go only

See also: repoint status (how far behind each is), repoint verify (what a
replica that does not fit holds).

Exit codes: 8 a replica holds what the authority does not: nothing of it is
changed; 9 one could not be reached, the others are up to date.
"""
)
@global_options
@pass_settings
def sync(settings: Settings) -> None:
    """Bring every replica up to the store that decides.

    With a bucket deciding, the versions and ledgers come into this repository,
    object for object as everywhere else, and go on to the Git remote that
    repoint.toml names; with Git deciding, they go to the bucket. What is there is
    never changed: a replica that does not fit is an alarm. Lost tags and branches
    come back whole.
    """
    with opened(settings) as session:
        from repoint.replicas import sync as bring_up

        console = session.console
        with progress(console, "bringing replicas up to date") as shown:
            done = bring_up(session.workspace, lambda what, at, total: shown.at(at, total, what))
        for each in done:
            added = f"{_number(each.copied.releases, 'version')}, {_number(each.copied.records, 'record')}"
            if each.error is None:
                console.done(f"{each.name}: " + (f"added {added}" if each.copied.anything else "up to date"))
            else:
                console.warn(f"{each.name}: {safe(each.error.message)}")
        if not done:
            console.done("no replicas: repoint.toml names no store beside the one that decides")
        replicas = [
            SyncedReplica(e.name, e.copied.releases, e.copied.records, e.error.message if e.error else None)
            for e in done
        ]
        console.result(SyncResult(session.workspace.registry.authority, replicas))
        failed = next((each.error for each in done if each.error is not None), None)
        if failed is not None:
            raise failed


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
