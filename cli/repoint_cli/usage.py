"""What is wrong with a command line, and how it is written: click's errors with an example and the nearest option."""

from __future__ import annotations

import re

import click

OTHER_OPTIONS = {
    "--comment": "--message",
    "--dir": "-C",
    "--environment": "--env",
    "--max-count": "--limit",
    "--number": "--limit",
    "--output": "--json",
    "--reason": "--message",
    "--simulate": "--dry-run",
}
"""What options of the same meaning are called elsewhere."""


def usage_text(error: click.UsageError) -> tuple[str, str]:
    """The message and the hint of a usage error."""
    path = error.ctx.command_path if error.ctx else "repoint"
    example = first_example(error.ctx.command) if error.ctx and error.ctx.parent else None
    lead = f"as in: {example}; " if example else ""
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error), f"see {path} --help"
    return error.format_message().rstrip("."), f"{lead}see {path} --help"


def first_example(command: click.Command) -> str | None:
    """The first example in the help of a command, without what stands beside it."""
    match = re.search(r"^ +(repoint .+?)(?:   .*)?$", command.epilog or "", re.MULTILINE)
    return match[1] if match else None


def _no_such_option(error: click.NoSuchOption) -> str:
    from repoint_cli.suggest import near

    name = str(error.option_name)
    command = error.ctx.command if error.ctx else None
    known = [option for param in (command.params if command else ()) for option in param.opts if option[:2] == "--"]
    other = OTHER_OPTIONS.get(name)
    found = [other] if other in [*known, "-C"] and other else near(name, known, 2)
    return f"no such option: {name!a}" + (f". Did you mean {' or '.join(found)}?" if found else "")
