"""Arguments that several commands share: references, environments, messages; and how the shell completes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

C = TypeVar("C", bound=Callable[..., object])


def complete_agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents of this registry."""
    from repoint_cli.completion import agents

    return agents(ctx, param, incomplete)


def complete_refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` versions and environments."""
    from repoint_cli.completion import refs

    return refs(ctx, param, incomplete)


def complete_sides(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What ``diff`` compares: references and environments."""
    from repoint_cli.completion import environments, refs

    found = refs(ctx, param, incomplete)
    return found if "@" in incomplete else [*found, *environments(ctx, param, incomplete)]


def complete_versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` versions alone: what a move takes."""
    from repoint_cli.completion import versions

    return versions(ctx, param, incomplete)


def complete_environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments of this registry."""
    from repoint_cli.completion import environments

    return environments(ctx, param, incomplete)


def complete_ledgers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments of this registry, and the ledger of yanks."""
    from repoint_cli.completion import ledgers

    return ledgers(ctx, param, incomplete)


def complete_bare_versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Versions of the one agent that the command line names."""
    from repoint_cli.completion import bare_versions

    return bare_versions(ctx, param, incomplete)


def environment_option(*names: str, default: bool = True) -> Callable[[C], C]:
    """``--env ENV``, with further names where they are needed; without ``default`` the command asks for it."""
    return click.option(
        "--env",
        *names,
        "environment",
        metavar="ENV",
        shell_complete=complete_environments,
        help="The environment" + (" (default: default_environment in repoint.toml)." if default else ".  [required]"),
    )


def message_option(*, required: bool = False) -> Callable[[C], C]:
    """``-m TEXT``: why; where it is required it must say something."""
    if not required:
        return click.option("-m", "--message", default="", metavar="TEXT", help="Why; it stays in the history.")
    return click.option(
        "-m",
        "--message",
        required=True,
        metavar="TEXT",
        callback=_something_said,
        help="Why; it stays in the history.",
    )


def _something_said(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del ctx, param
    if not value.strip():
        from repoint.errors import InvalidInput

        raise InvalidInput("the message is empty", kind="invalid-message", hint="say in -m what is done and why")
    return value


def ticket_option(command: C) -> C:
    """``--ticket T``."""
    return click.option("--ticket", metavar="T", help="The ticket or incident it belongs to.")(command)


def dry_run_option(command: C) -> C:
    """``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Print the plan and do nothing.")(command)
