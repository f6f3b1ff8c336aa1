"""``repoint new``: scaffold an agent."""

from __future__ import annotations

import click

from repoint.errors import NotFound
from repoint.names import parse_agent
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import opened
from repoint_schemas.results import NewResult


@click.command(
    epilog="""\b
Examples:
  repoint new refund        writes agents/refund/agent.toml and its prompt
  repoint new refund-eu     names: 1 to 63 of a-z, 0-9 and -
  repoint new refund --json

See also: repoint check AGENT (what is not right in it yet), repoint commit
AGENT (publish it).
"""
)
@click.argument("agent", metavar="AGENT")
@global_options
@pass_settings
def new(settings: Settings, agent: str) -> None:
    """Scaffold an agent: agents/AGENT/agent.toml and its files.

    Edit them, then publish with repoint commit. Nothing that exists is
    overwritten, and nothing is published.
    """
    name = parse_agent(agent)
    with opened(settings) as session:
        from repoint.scaffold import scaffold_agent

        workspace = session.workspace
        config = workspace.checkout
        if config is None:
            raise NotFound(
                "there is no checkout with a repoint.toml here", kind="no-config", hint="run repoint init in a checkout"
            )
        identity = workspace.require_repository("repoint new").identity()
        folder = workspace.root / _parent_folder(config.registry.agents) / name
        files = scaffold_agent(folder, name, identity.email if identity else "team@example.com")
        shown = [str(f.relative_to(workspace.root)) for f in files]
        session.console.done(
            *(f"wrote {safe(f)}" for f in shown), f"next: edit them, then repoint commit {name} -m TEXT"
        )
        session.console.result(NewResult(name, str(folder.relative_to(workspace.root)), shown))


def _parent_folder(globs: tuple[str, ...]) -> str:
    """Where a new agent goes: the first pattern of ``registry.agents`` that ends in ``/*``, else ``agents``."""
    return next((g.removesuffix("/*") for g in globs if g.endswith("/*") and "*" not in g.removesuffix("/*")), "agents")
