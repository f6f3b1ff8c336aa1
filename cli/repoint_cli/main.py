"""The command line's edge: global options, commands loaded only when they are run, every error turned into its exit
code.

Start-up is a cost of every command (benchmarks/README.md), so this module imports click and nothing of the library;
each command's module is imported when that command runs. Nothing but this module catches everything.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from repoint_cli.commands import COMMANDS, SECTIONS
from repoint_cli.options import Settings, global_options
from repoint_cli.output import Console, wants_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repoint.errors import RepointError

EPILOG = """\b
Examples:
  repoint commit refund -m "Ask for the order number first"
  repoint diff refund@1.4.2 refund@1.5.0
  repoint promote refund@1.5.0 --env production
  repoint rollback refund@1.5.0 -m "refunds without a receipt" --ticket INC-77

Exit codes: 0 done or nothing to do, 1 difference or finding, 2 usage, 3 invalid
input, 4 not found, 5 already exists, 6 conflict, 7 refused by a gate, 8 corrupt,
9 store unavailable, 10 outcome unknown, 11 not confirmed, 70 a bug, 130 interrupted.
"""


class LazyCommands(click.Group):
    """The commands by section; a command's module is imported only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        spec = COMMANDS.get(cmd_name)
        if spec is None:
            return None
        from importlib import import_module

        command = getattr(import_module(f"repoint_cli.commands.{spec.module}"), spec.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one gets the nearest names."""
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else " repoint --help lists the commands."
            ctx.fail(f"no such command: {args[0]!a}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in sections, from the static table: no module is imported for the help."""
        del ctx
        for section in SECTIONS:
            with formatter.section(section):
                formatter.write_dl([(name, s.summary) for name, s in COMMANDS.items() if s.section == section])


def _say_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"repoint {version('repoint')}")
    except PackageNotFoundError:
        click.echo("repoint, run from its source")
    ctx.exit()


@click.group(
    cls=LazyCommands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@global_options
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_say_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Version, promote and roll back AI agents.

    A version is one immutable snapshot of model + prompts + integrations + configuration.
    """
    ctx.ensure_object(Settings)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    gc.freeze()  # on its way out the interpreter would look at every object for garbage, for a whole unit
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code is returned, errors are printed."""
    settings = Settings()
    settings.console.colour = wants_colour()
    _never_fail_to_encode()
    if "_REPOINT_COMPLETE" in os.environ:
        from repoint_cli.bashcomplete import install

        install()
    try:
        code = cli.main(args=arguments or ["--help"], prog_name="repoint", standalone_mode=False, obj=settings)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("interrupted", err=True)
        return 130
    except SystemExit:
        if "_REPOINT_COMPLETE" in os.environ:
            raise
        return 0  # the reader of the help went away: click ends so, with the exit code of a finding
    except Exception as error:  # noqa: BLE001 - the edge: every error becomes a message and an exit code
        if "_REPOINT_COMPLETE" in os.environ:
            return 0  # a key press must never print an error
        settings.console.json = settings.console.json or "--json" in arguments
        return _report(settings.console, error)


def _never_fail_to_encode() -> None:
    """A character that a terminal's encoding does not have is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report(console: Console, error: Exception) -> int:
    known = _known(error)
    console.error(known)
    return known.exit_code


def _known(error: Exception) -> RepointError:
    from repoint.errors import RepointError, UsageError

    if isinstance(error, RepointError):
        return error
    if isinstance(error, click.UsageError):
        where = f"{error.ctx.command_path} --help" if error.ctx else "repoint --help"
        return UsageError(error.format_message(), kind="usage", hint=f"see {where}")
    return _bug(error)


def _bug(error: Exception) -> RepointError:
    """An error that should not have reached the edge: exit code 70, with what a report needs."""
    import traceback

    from repoint.errors import RepointError

    if os.environ.get("REPOINT_DEBUG"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
    return RepointError(
        f"this is a bug in repoint: {type(error).__name__}: {error} ({where})",
        kind="bug",
        hint="run it again with REPOINT_DEBUG=1 and report what it prints with the output of repoint doctor",
        type=type(error).__name__,
    )
