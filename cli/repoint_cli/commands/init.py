"""``repoint init``: make a repository a registry, or join one that is."""

from __future__ import annotations

import os

import click

from repoint.errors import UsageError
from repoint.initialise import initialise
from repoint.names import parse_environment
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import first_identity, now
from repoint_schemas.results import InitResult


@click.command(
    epilog="""\b
Examples:
  repoint init
  repoint init --environment staging --environment production
"""
)
@click.option(
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME",
    help="An environment; repeat it (default: staging, production).",
)
@click.option("--remote", metavar="NAME", hidden=True)
@click.option("--store", metavar="URL", hidden=True)
@click.option("--endpoint-url", metavar="URL", hidden=True)
@global_options
@pass_settings
def init(
    settings: Settings, environments: tuple[str, ...], remote: str | None, store: str | None, endpoint_url: str | None
) -> None:
    """Write repoint.toml and create the environments; run again, it only creates what is missing."""
    if remote or store or endpoint_url:
        raise UsageError(
            "this version keeps the registry in the local repository only",
            kind="unsupported-authority",
            hint="leave out --remote and --store",
        )
    names = list(dict.fromkeys(parse_environment(e) for e in environments))
    done = initialise(settings.directory, os.environ, names, identity=first_identity, time=now())
    console = settings.console
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
