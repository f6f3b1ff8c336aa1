"""The command line's edge: global options, commands loaded only when they are run, every error turned into its exit
code.

Start-up is a cost of every command (benchmarks/README.md), so this module imports click and nothing of the library;
each command's module is imported when that command runs. Nothing but this module catches everything.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import click

from repoint_cli.commands import COMMANDS, SECTIONS, WRITING, Spec
from repoint_cli.options import Settings, global_options
from repoint_cli.output import Console
from repoint_cli.terminal import is_terminal, wants_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from repoint.errors import RepointError

HELP = """Version, promote and roll back AI agents, on Git.

A version is one immutable snapshot of model + prompts + integrations +
configuration. An environment says which version of every agent is live.

\b
Start here:
  repoint init                        make this repository a registry
  repoint new refund                  scaffold agents/refund, then edit it
  repoint commit refund -m "First"    publish it as version 0.1.0
  repoint promote refund@0.1.0 --env production
  repoint rollback refund             when it turns out to be bad
"""

EPILOG = """\b
Examples:
  repoint status                                  what is live where
  repoint diff refund@1.4.2 refund@1.5.0          what changed
  repoint promote refund@1.5.0 --env production   make a version live
  repoint rollback refund@1.5.0 -m "no receipt"   get off it again, at once
  repoint history --agent refund                  who moved it, when and why

REF is AGENT@1.2.0, AGENT@production (what is live there), AGENT@production~1
(what was live before that), AGENT@latest, or AGENT alone: the working copy.

Exit codes: 0 done or nothing to do, 1 difference or finding, 2 usage, 3 invalid
input, 4 not found, 5 already exists, 6 conflict, 7 refused by a gate, 8 corrupt,
9 store unavailable, 10 outcome unknown, 11 not confirmed, 70 a bug,
130 interrupted.

`repoint help COMMAND` explains one command, with examples.
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
        spec = _HELP if cmd_name == "help" else COMMANDS.get(cmd_name)
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
        if args and args[0] not in COMMANDS and args[0] != "help" and not ctx.resilient_parsing:
            from repoint_cli.suggest import command_hint

            ctx.fail(f"no such command: {args[0]!a}. {command_hint(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C is reported by ``run``, in one line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise Interrupted(ctx.invoked_subcommand or "") from stop

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands with their summaries, from the static table: a key press imports none of them."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        named = {**COMMANDS, "help": _HELP}
        return [CompletionItem(name, help=s.summary) for name, s in named.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in sections, from the static table: no module is imported for the help."""
        del ctx
        width = max(map(len, COMMANDS))
        for section in SECTIONS:
            with formatter.section(section):
                rows = [(name.ljust(width), s.summary) for name, s in COMMANDS.items() if s.section == section]
                formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands first: they are what the help is opened for."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)


_HELP = Spec("", "help", "help_of", "Explain a command, with examples.")


class Interrupted(Exception):
    """Ctrl-C while a command ran; its text is the command's name."""


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
    cls=LazyCommands,
    help=HELP,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
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
    """Version, promote and roll back AI agents: what the help says of it stands in HELP."""
    ctx.ensure_object(Settings)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is done: a late Ctrl-C changes neither output nor exit code
    gc.freeze()  # on its way out the interpreter would look at every object for garbage, for a whole unit
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code is returned, errors are printed."""
    settings = Settings()
    settings.console.colour, settings.console.error_colour = wants_colour(sys.stdout), wants_colour(sys.stderr)
    _never_fail_to_encode()
    if "_REPOINT_COMPLETE" in os.environ:
        from repoint_cli.shells import install

        install()
        gc.disable()  # ten thousand answers are made once and printed
    try:
        code = cli.main(args=arguments or ["--help"], prog_name="repoint", standalone_mode=False, obj=settings)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (Interrupted, KeyboardInterrupt, click.exceptions.Abort) as stop:
        return _interrupted(settings.console, stop)
    except SystemExit as stop:
        if "_REPOINT_COMPLETE" in os.environ:
            return stop.code if isinstance(stop.code, int) else 0
        return 0  # the reader of the help went away: click ends so, with the exit code of a finding
    except Exception as error:  # noqa: BLE001 - the edge: every error becomes a message and an exit code
        if "_REPOINT_COMPLETE" in os.environ:
            return 0  # a key press must never print an error
        own = arguments[: arguments.index("--")] if "--" in arguments else arguments
        settings.console.json = settings.console.json or "--json" in own
        return _report(settings.console, error)


def _interrupted(console: Console, stop: BaseException) -> int:
    """One line, beneath the ``^C`` that a terminal shows; after a command that writes it says where to look."""
    command = str(stop) if isinstance(stop, Interrupted) else ""
    if command in ("init", "new"):
        look = f"; run repoint {command} again to finish it"
    else:
        look = "; repoint status shows what was done" if command in WRITING else ""
    above = "\n" if is_terminal(sys.stderr) and not console.json else ""
    with suppress(OSError):
        click.echo(f"{above}interrupted{look}", err=True)
    return 130


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
        from repoint_cli.usage import usage_text

        message, hint = usage_text(error)
        return UsageError(message, kind="usage", hint=hint)
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
