"""``repoint migrate``: hand the registry over to another authority."""

from __future__ import annotations

import click

from repoint.errors import UsageError
from repoint.initialise import Place
from repoint_cli.arguments import message_option, ticket_option
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.progress import progress
from repoint_cli.session import checked_bucket, opened
from repoint_schemas.results import MigrateResult


@click.command(
    epilog="""\b
Examples:
  repoint migrate --to s3://acme-agents/repoint -m "Production reads a bucket"
  repoint migrate --to git:origin      a shared Git remote decides
  repoint migrate --to local           this repository alone decides

See also: repoint doctor (is the new store fit), repoint sync, repoint verify.
Afterwards commit repoint.toml; other clones go on once they have it.

Exit codes: 6 another store took over, 9 or 10 run it again: it goes on where it
stopped.
"""
)
@click.option("--to", "target", required=True, metavar="STORE", help="s3://BUCKET/PREFIX, git:REMOTE or local.")
@click.option("--endpoint-url", metavar="URL", help="The S3 service, where it is not AWS and no AWS setting says it.")
@message_option()
@ticket_option
@global_options
@pass_settings
def migrate(settings: Settings, target: str, endpoint_url: str | None, message: str, ticket: str | None) -> None:
    """Hand the registry over to another store.

    Copies everything, seals every ledger with a record that names the new store,
    copies what came in between, and goes on there. A sealed ledger takes nothing
    more, so there is never more than one store that decides. Interrupted at any
    point, run it again.
    """
    place = _place(target, endpoint_url)
    with opened(settings) as session:
        from repoint.migrate import migrate as hand_over
        from repoint_cli.commands.init import probe_store

        with progress(session.console, "copying the registry") as shown:
            done = hand_over(
                session.workspace,
                place,
                lambda: session.new_stamp(message or f"Handed over to {target}", ticket),
                fitness=probe_store,
                progress=lambda what, at, total: shown.at(at, total, what),
            )
        console = session.console
        console.done(f"{console.paint('handed over', 'green')} to {done.authority}")
        console.done(f"  copied {done.copied.releases} versions, {done.copied.records} records")
        console.done(f"  sealed here: {', '.join(done.sealed) or 'nothing more'}")
        console.done("  next: commit repoint.toml; other clones go on there once they have it")
        console.result(MigrateResult(done.authority, done.copied.releases, done.copied.records, done.sealed))


def _place(target: str, endpoint_url: str | None) -> Place:
    """Read ``--to``. Raises: UsageError."""
    if target.startswith("s3://"):
        return Place(checked_bucket(target, endpoint_url))
    if endpoint_url:
        raise UsageError("--endpoint-url goes with s3://", kind="exclusive-options", hint="--to s3://BUCKET/PREFIX")
    if target == "local":
        return Place()
    if target.startswith("git:"):
        from repoint_cli.commands.init import place_of

        return place_of(None, None, target.removeprefix("git:"))
    raise UsageError(
        f"--to {target!a} is no store", kind="invalid-address", hint="s3://BUCKET/PREFIX, git:REMOTE or local"
    )
