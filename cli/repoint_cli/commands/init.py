"""``repoint init``: make a repository a registry, or join one that is."""

from __future__ import annotations

import os

import click

from repoint.errors import UsageError
from repoint.initialise import initialise
from repoint.names import parse_environment
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import first_identity, line_feeds_explained, now
from repoint_schemas.results import InitResult


@click.command(
    epilog="""\b
Examples:
  repoint init                          staging and production
  repoint init --environment canary     and one more, later
  repoint init --environment staging --environment production

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
@click.option("--remote", metavar="NAME", hidden=True)
@click.option("--store", metavar="URL", hidden=True)
@click.option("--endpoint-url", metavar="URL", hidden=True)
@global_options
@pass_settings
def init(
    settings: Settings, environments: tuple[str, ...], remote: str | None, store: str | None, endpoint_url: str | None
) -> None:
    """Make this repository a registry, or join one that is.

    Writes repoint.toml, which you then commit, and one branch for each
    environment (repoint/env/NAME). Your branch, index and other files stay as
    they are. Run again, it only creates what is missing.
    """
    if remote or store or endpoint_url:
        raise UsageError(
            "this version keeps the registry in the local repository only",
            kind="unsupported-option",
            hint="leave out --remote, --store and --endpoint-url",
        )
    names = list(dict.fromkeys(parse_environment(e) for e in environments))
    console = settings.console
    with line_feeds_explained(settings.directory), progress(console, "making the registry"):
        done = initialise(settings.directory, os.environ, names, identity=first_identity, time=now())
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
