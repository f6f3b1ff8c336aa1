"""The options that every command takes, before or after the command's name, and what they set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from repoint_cli.output import Console

C = TypeVar("C", bound=Callable[..., object])


class Settings:
    """What the global options said; the value of ``click.Context.obj``. Plain, since ``--help`` waits for it too."""

    def __init__(self) -> None:
        self.console = Console()
        self.directory = "."
        self.registry: str | None = None


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def _directory(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    del param
    if value is not None:
        ctx.ensure_object(Settings).directory = value


def _registry(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    del param
    if value is not None:
        ctx.ensure_object(Settings).registry = value


def _json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        console = ctx.ensure_object(Settings).console
        console.json, console.colour = True, False


def _quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.quiet = True


def _no_colour(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.colour = False


def _no_pager(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.pager = False


def global_options(command: C) -> C:
    """Add -C, --registry, --json, --quiet, --no-color and --no-pager to a command or the group."""
    options = [
        click.option(
            "-C", "start_in", metavar="DIR", callback=_directory, expose_value=False, help="Run as if started in DIR."
        ),
        click.option(
            "--registry",
            "registry_address",
            metavar="URL",
            envvar="REPOINT_REGISTRY",
            callback=_registry,
            expose_value=False,
            help="Use this registry and ignore repoint.toml: a path or a file:// address.",
        ),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            callback=_json,
            expose_value=False,
            is_eager=True,
            help="Print one JSON object.",
        ),
        click.option(
            "-q",
            "--quiet",
            "be_quiet",
            is_flag=True,
            callback=_quiet,
            expose_value=False,
            help="Leave out confirmations.",
        ),
        click.option("--no-color", is_flag=True, callback=_no_colour, expose_value=False, help="No colours."),
        click.option("--no-pager", is_flag=True, callback=_no_pager, expose_value=False, help="No pager."),
    ]
    for option in reversed(options):
        command = option(command)
    return command
