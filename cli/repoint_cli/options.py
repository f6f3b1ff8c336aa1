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
        console.json = True
        console.no_colours()


def _quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.quiet = True


def _no_colour(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.no_colours()


def _no_pager(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        ctx.ensure_object(Settings).console.pager = False


class Everywhere(click.Option):
    """An option of every command: explained in the help of ``repoint`` itself, named in one line everywhere else."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """What the help says; in a command only the first of them says something, for all."""
        if ctx.parent is None:
            return super().get_help_record(ctx)
        if self.name == "as_json":
            return "--json, -q, -C DIR, ...", "Options of every command: see repoint --help."
        return None


def global_options(command: C) -> C:
    """Add -C, --registry, --json, --quiet, --no-color and --no-pager to a command or the group."""
    options = [
        _everywhere("-C", "start_in", metavar="DIR", callback=_directory, help="Run as if started in DIR."),
        _everywhere(
            "--registry",
            "registry_address",
            metavar="URL",
            envvar="REPOINT_REGISTRY",
            callback=_registry,
            help="Use this registry and ignore repoint.toml: a path, file:// or s3:// address.",
        ),
        _everywhere(
            "--json",
            "as_json",
            is_flag=True,
            callback=_json,
            is_eager=True,
            help="Print one JSON object, for programs.",
        ),
        _everywhere("-q", "--quiet", "be_quiet", is_flag=True, callback=_quiet, help="Leave out confirmations."),
        _everywhere("--no-color", is_flag=True, callback=_no_colour, help="No colours; so does NO_COLOR=1."),
        _everywhere("--no-pager", is_flag=True, callback=_no_pager, help="No pager; so does PAGER=cat."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _everywhere(*names: str, **settings: object) -> Callable[[C], C]:
    return click.option(*names, cls=Everywhere, expose_value=False, **settings)
