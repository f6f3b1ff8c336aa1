"""``repoint help``: the help of one command, as ``repoint COMMAND --help`` gives it."""

from __future__ import annotations

import click

from repoint_cli.commands import COMMANDS
from repoint_cli.options import Settings, global_options, pass_settings


def _commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    return [name for name in COMMANDS if name.startswith(incomplete)]


@click.command("help")
@click.argument("command", required=False, metavar="[COMMAND]", shell_complete=_commands)
@global_options
@pass_settings
def help_of(settings: Settings, command: str | None) -> None:
    """Explain a command with examples; without a name, list the commands."""
    del settings
    context = click.get_current_context().find_root()
    group = context.command
    assert isinstance(group, click.Group)
    if command in (None, "help"):
        click.echo(group.get_help(context))
        return
    name, found, _ = group.resolve_command(context, [str(command)])
    assert found is not None
    click.echo(found.get_help(click.Context(found, parent=context, info_name=name)))
