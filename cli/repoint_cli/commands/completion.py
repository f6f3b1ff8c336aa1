"""``repoint completion``: the script that teaches a shell to complete commands, agents, versions and environments."""

from __future__ import annotations

import click

from repoint_cli.options import Settings, global_options, pass_settings

_HOW = {
    "bash": 'eval "$(repoint completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(repoint completion zsh)"    # in ~/.zshrc',
    "fish": "repoint completion fish | source    # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\nExamples:\n  " + "\n  ".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@global_options
@pass_settings
def completion(settings: Settings, shell: str) -> None:
    """Print the completion script for bash, zsh or fish."""
    from click.shell_completion import get_completion_class

    from repoint_cli.bashcomplete import install

    install()
    cli = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "repoint", "_REPOINT_COMPLETE").source())
    del settings
