"""``repoint new``: scaffold an agent."""

from __future__ import annotations

import click

from repoint.errors import NotFound
from repoint.names import parse_agent
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.session import opened
from repoint_schemas.results import NewResult


@click.command(epilog="\b\nExamples:\n  repoint new refund")
@click.argument("agent", metavar="AGENT")
@global_options
@pass_settings
def new(settings: Settings, agent: str) -> None:
    """Scaffold agents/AGENT/agent.toml and its files; nothing that exists is overwritten."""
    name = parse_agent(agent)
    with opened(settings) as session:
        from repoint.scaffold import scaffold_agent

        workspace = session.workspace
        if workspace.config is None or workspace.repository.bare:
            raise NotFound(
                "there is no checkout with a repoint.toml here", kind="no-config", hint="run repoint init in a checkout"
            )
        identity = workspace.repository.identity()
        folder = workspace.root / _parent_folder(workspace.config.registry.agents) / name
        files = scaffold_agent(folder, name, identity.email if identity else "team@example.com")
        shown = [str(f.relative_to(workspace.root)) for f in files]
        session.console.done(
            *(f"wrote {safe(f)}" for f in shown), f"next: edit them, then repoint commit {name} -m TEXT"
        )
        session.console.result(NewResult(name, str(folder.relative_to(workspace.root)), shown))


def _parent_folder(globs: tuple[str, ...]) -> str:
    """Where a new agent goes: the first pattern of ``registry.agents`` that ends in ``/*``, else ``agents``."""
    return next((g.removesuffix("/*") for g in globs if g.endswith("/*") and "*" not in g.removesuffix("/*")), "agents")
