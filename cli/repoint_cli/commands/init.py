"""``repoint init``: make a repository a registry, or join one that is."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from repoint.authority import LOCAL
from repoint.errors import RepointError, UsageError
from repoint.initialise import Place, initialise
from repoint.names import parse_environment
from repoint.store import Store
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import checked_bucket, first_identity, line_feeds_explained, now, opened
from repoint_schemas.results import InitResult


@click.command(
    epilog="""\b
Examples:
  repoint init                          staging and production
  repoint init --environment canary     and one more, later
  repoint init --environment staging --environment production
  repoint init --store s3://acme-agents/repoint --remote origin
  repoint init --remote origin          a shared Git remote decides

See also: repoint new AGENT (the next step), repoint doctor (what is not right
here). In a clone of a registry first fetch it; init says how.
"""
)
@click.option(
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME",
    help="An environment; repeat it (default: staging, production).",
)
@click.option(
    "--store", metavar="s3://BUCKET/PREFIX", help="Keep the registry in this bucket: it decides, Git follows."
)
@click.option("--endpoint-url", metavar="URL", help="The S3 service, where it is not AWS and no AWS setting says it.")
@click.option(
    "--remote", metavar="NAME", help="Keep the registry in this Git remote; with --store: the remote that follows."
)
@global_options
@pass_settings
def init(
    settings: Settings, environments: tuple[str, ...], remote: str | None, store: str | None, endpoint_url: str | None
) -> None:
    """Make this repository a registry, or join one that is.

    Writes repoint.toml, which you then commit, and creates the environments: each
    is a branch (repoint/env/NAME), and with --store an object that decides before
    it. Your branch, index and other files stay as they are. Run again, it only
    creates what is missing.

    Without --store and --remote this repository alone decides. A bucket is tried
    first: one whose conditional writes cannot be relied on is refused.
    """
    place = place_of(store, endpoint_url, remote)
    names = list(dict.fromkeys(parse_environment(e) for e in environments))
    console = settings.console
    with line_feeds_explained(settings.directory), progress(console, "making the registry"):
        done = initialise(
            settings.directory, os.environ, names, identity=first_identity, time=now(), place=place, fitness=probe_store
        )
        if done.authority != LOCAL:
            _first_sync(settings)
    console.done(*(f"created {safe(what)}" for what in done.created))
    if not done.created:
        console.done("nothing to do: this repository is a registry already")
    console.done(f"registry {done.registry}, authority {done.authority}")
    if done.unlisted:
        console.done(f"note: {done.config} does not name {', '.join(done.unlisted)}: add it to environments there")
    if done.config in done.created and done.bare:
        console.done("next: repoint commit AGENT --from DIR -m TEXT")
    elif done.config in done.created:
        console.done(f"next: git add {done.config}, then repoint new AGENT")
    console.result(InitResult(done.registry, done.authority, done.environments, done.config, done.created))


def _first_sync(settings: Settings) -> None:
    """The environments come into this repository too; a replica that cannot be reached is for ``repoint sync``."""
    from repoint.replicas import sync

    with suppress(RepointError), opened(settings) as session:
        sync(session.workspace)


def probe_store(store: Store) -> None:
    """A bucket that is to decide must keep its word. Raises: StoreUnavailable."""
    client = getattr(store, "client", None)
    if client is not None:
        from repoint.s3probe import require_fit

        require_fit(client)


def place_of(store: str | None, endpoint_url: str | None, remote: str | None) -> Place:
    """Where the options say that the registry is kept. Raises: UsageError."""
    from repoint_schemas.config import check_remote

    if endpoint_url and not store:
        raise UsageError(
            "--endpoint-url goes with --store", kind="exclusive-options", hint="--store s3://BUCKET/PREFIX"
        )
    if remote is not None and (problem := check_remote(remote)):
        raise UsageError(f"--remote {remote!a} {problem}", kind="invalid-remote", hint="git remote lists them")
    return Place(checked_bucket(store, endpoint_url) if store else None, remote)
