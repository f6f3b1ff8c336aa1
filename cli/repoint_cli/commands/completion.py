"""``repoint completion``: the script that teaches a shell to complete commands, agents, versions and environments."""

from __future__ import annotations

import click

from repoint_cli.options import Settings, global_options, pass_settings

_HOW = {
    "bash": 'eval "$(repoint completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(repoint completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "repoint completion fish | source    # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\nExamples:\n  " + "\n  ".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@global_options
@pass_settings
def completion(settings: Settings, shell: str) -> None:
    """Print the completion script for bash, zsh or fish.

    How to install it stands at its top. TAB then completes commands, options, agents, environments and versions, the
    highest first. Nothing is written, and nothing outside the registry is read.
    """
    from click.shell_completion import get_completion_class

    from repoint_cli.shells import install

    install()
    cli = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "repoint", "_REPOINT_COMPLETE").source())
    del settings
