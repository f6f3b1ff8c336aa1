"""``repoint run``: start a process with the version that is live, as files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from repoint.errors import NotFound, UsageError
from repoint_cli.arguments import complete_agents, environment_option
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.reading import exports_folder, reader_of

if TYPE_CHECKING:
    from repoint.active import Active


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Examples:
  repoint run refund --env production -- python worker.py
  repoint run refund --env production -- sh -c 'cat "$REPOINT_PATH/prompts/system.md"'
  repoint --registry s3://acme-agents/repoint run refund --env staging -- ./agent

The process gets REPOINT_PATH, the folder with the version's files and
repoint.json (model, configuration, where each prompt lies), and REPOINT_AGENT,
REPOINT_VERSION, REPOINT_DIGEST, REPOINT_ENVIRONMENT, REPOINT_GENERATION. It
keeps that version for as long as it runs: start it again to follow a move, or
read a folder that repoint export --follow keeps up to date.

Exit codes: the process's own; before it starts 4 the agent is not live or there
is no such command, 9 no store answers and nothing is kept on this machine.
""",
)
@click.argument("agent", metavar="AGENT", shell_complete=complete_agents)
@environment_option()
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
@global_options
@pass_settings
def run(settings: Settings, agent: str, environment: str | None, command: tuple[str, ...]) -> None:
    """Start a process with the live version of an agent, as files.

    The version is verified, written once for each digest below the cache folder
    of this account, and COMMAND takes this process's place. Where no store
    answers, the last good version of this machine is used, and a warning says how
    old it is.
    """
    if command[:1] == ("--",):
        command = command[1:]
    if not command:
        raise UsageError(
            "run takes a command", kind="command-required", hint=f"repoint run {agent} --env production -- COMMAND"
        )
    from repoint.unpack import unpack_version

    with reader_of(settings, environment) as reader:
        active = reader.active(agent)
        stale = reader.staleness
        if stale.reason is not None:
            settings.console.warn(f"{active!r} may be {int(stale.seconds)} s old: {safe(stale.reason)}")
        folder = unpack_version(active, exports_folder())
    _become(command, {**os.environ, **variables(active, folder)})


def variables(active: Active, folder: str) -> dict[str, str]:
    """What a process is told of the version that it runs."""
    return {
        "REPOINT_AGENT": active.agent,
        "REPOINT_DIGEST": active.digest,
        "REPOINT_ENVIRONMENT": active.environment,
        "REPOINT_GENERATION": str(active.generation),
        "REPOINT_PATH": folder,
        "REPOINT_VERSION": active.version,
    }


def _become(command: tuple[str, ...], environment: dict[str, str]) -> None:
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - no shell: what was typed is what runs
    except OSError as error:
        raise NotFound(
            f"{command[0]!a} cannot be started: {os.strerror(error.errno or 0)}",
            kind="no-such-command",
            hint="check the name and PATH",
        ) from error
