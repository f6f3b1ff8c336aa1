"""``repoint run``: start a process with the version that is live, as files."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

import click

from repoint.errors import NotFound, UsageError
from repoint.names import parse_agent
from repoint_cli.arguments import complete_agents, environment_option
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.reading import exports_folder, reader_of, stale_text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from repoint.reader import Reader

_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")
_COMMAND = "repoint.command"


class _BeforeCommand(click.Command):
    """A command whose options end at ``--``: nothing that stands behind it is looked at."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take off what begins at ``--``."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


def _command(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    del param
    command = tuple(ctx.meta.get(_COMMAND, ()))
    if ctx.resilient_parsing or (command and not value):
        return command
    raise UsageError(
        f"what stands before -- is not for run: {' '.join(value)}" if command else "run takes -- and a command",
        kind="command-required",
        hint=f"repoint run {ctx.params.get('agent') or 'AGENT'} --env production -- COMMAND",
    )


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Behind ``--`` it is the shell that knows."""
    from click.shell_completion import CompletionItem

    del param
    return [CompletionItem(incomplete, type="file")] if _COMMAND in ctx.meta else []


@click.command(
    cls=_BeforeCommand,
    epilog="""\b
Examples:
  repoint run refund --env production -- python worker.py
  repoint run refund -- sh -c 'cat "$REPOINT_PATH"/agent.toml'
  repoint run refund --env staging -- ./agent --verbose --env test

COMMAND gets REPOINT_PATH, the folder with the version's files and repoint.json
(model, configuration, where each prompt lies), and REPOINT_AGENT,
REPOINT_VERSION, REPOINT_DIGEST, REPOINT_ENVIRONMENT, REPOINT_GENERATION, and
REPOINT_STALE_SECONDS, which is empty unless the store could not be read. It
keeps that version for as long as it runs: start it again to follow a move, or
read a folder that repoint export --follow keeps up to date.

See also: repoint export (all agents, and --follow), repoint status (what is
live where), repoint show (what is in a version).

Exit codes: the command's own; before it starts 4 the agent is not live or there
is no such command, 9 no store answers and nothing is kept on this machine.
""",
)
@click.argument("agent", metavar="AGENT", shell_complete=complete_agents)
@environment_option()
@click.argument("command", nargs=-1, callback=_command, metavar="-- COMMAND...", shell_complete=_complete)
@global_options
@pass_settings
def run(settings: Settings, agent: str, environment: str | None, command: tuple[str, ...]) -> None:
    """Start a process with the live version of an agent, as files.

    The version is verified and written once, below the cache folder of this
    account, and COMMAND takes this process's place. Where no store answers, the
    last good version of this machine is used, and a warning says how old it is.
    """
    from repoint.unpack import unpack_version

    name = parse_agent(agent)
    with reader_of(settings, environment) as reader:
        variables = _variables(reader, name)
        if said := stale_text(reader):
            settings.console.warn(said)
        folder = unpack_version(reader.active(name), exports_folder())
    _become(settings.directory, command, {**os.environ, **variables, "REPOINT_PATH": folder})


def _variables(reader: Reader, agent: str) -> dict[str, str]:
    """What a process is told of the version that it runs. Raises: NotFound."""
    active, stale = reader.active(agent), reader.staleness
    return {
        "REPOINT_AGENT": active.agent,
        "REPOINT_DIGEST": active.digest,
        "REPOINT_ENVIRONMENT": active.environment,
        "REPOINT_GENERATION": str(active.generation),
        "REPOINT_STALE_SECONDS": "" if stale.reason is None else str(int(stale.seconds)),
        "REPOINT_VERSION": active.version,
    }


def _become(directory: str, command: tuple[str, ...], environment: dict[str, str]) -> NoReturn:
    """Put a command in this process's place, in the folder of ``-C``. Raises: NotFound."""
    for name in _IGNORED_BY_PYTHON:  # what is ignored stays so in the command, which does not expect it
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.chdir(directory)
        os.execvpe(command[0], command, environment)  # noqa: S606 - no shell: what was typed is what runs
    except (OSError, ValueError) as error:  # ValueError: a name that is empty
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "that is no name"
        raise NotFound(
            f"{command[0]!a} cannot be started: {reason}",
            kind="no-such-command",
            hint="check its name, PATH, and that it may be executed",
        ) from error
