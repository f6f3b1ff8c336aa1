"""What the shell completes. Errors complete to nothing: a key press must never print one."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from repoint.errors import RepointError
from repoint.names import highest_first, parse_agent
from repoint_cli.options import Settings
from repoint_cli.session import Session, opened


def agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents with versions, and those with a working copy."""
    del param
    try:
        with opened(ctx.ensure_object(Settings)) as session:
            names = _agent_names(session)
    except (RepointError, OSError):
        return []
    return [CompletionItem(n) for n in sorted(names) if n.startswith(incomplete)]


def environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments of the registry."""
    del param
    try:
        with opened(ctx.ensure_object(Settings)) as session:
            names = session.workspace.environments()
    except (RepointError, OSError):
        return []
    return [CompletionItem(n) for n in names if n.startswith(incomplete)]


def refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` the newest versions first, then environments and latest."""
    return _after_at(ctx, param, incomplete, places=True)


def versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` the newest versions first."""
    return _after_at(ctx, param, incomplete, places=False)


def _after_at(ctx: click.Context, param: click.Parameter, incomplete: str, *, places: bool) -> list[CompletionItem]:
    name, at, rest = incomplete.partition("@")
    if not at:
        return agents(ctx, param, incomplete)
    try:
        agent = parse_agent(name)
        with opened(ctx.ensure_object(Settings)) as session:
            ends: list[str] = [*highest_first(session.workspace.store.versions(agent).get(agent, []))]
            ends += [*session.workspace.environments(), "latest"] if places else []
    except (RepointError, OSError):
        return []
    return [CompletionItem(f"{agent}@{end}") for end in ends if end.startswith(rest)]


def _agent_names(session: Session) -> set[str]:
    names: set[str] = set(session.workspace.store.versions())
    if session.workspace.config:
        from repoint.config import agent_folders

        names |= set(agent_folders(session.workspace.root, session.workspace.config))
    return names
