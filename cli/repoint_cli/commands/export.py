"""``repoint export``: a version's files in a folder, byte for byte, verified; or all that is live, kept up to date."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from repoint.errors import RepointError, UsageError
from repoint.names import parse_ref
from repoint_cli.arguments import complete_refs, environment_option
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import Console, safe
from repoint_cli.progress import progress
from repoint_cli.session import opened
from repoint_schemas.results import ExportedRecordResult, ExportResult

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from repoint.reader import Reader
    from repoint.unpack import RecordsFolder
    from repoint_cli.reading import Ending

FOLLOW_SECONDS = 2.0
SHOWN_AGENTS = 20


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A REF, and after it, or with ``--env``, a folder."""
    if not any(ctx.params.get(name) for name in ("words", "follow", "environment")):
        return complete_refs(ctx, param, incomplete)
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


@click.command(
    epilog="""\b
Examples:
  repoint export refund@production /tmp/refund
  repoint export refund@1.4.2 ./refund-1.4.2
  repoint export refund@production~1 ./before     what was live there before
  repoint export --env production /srv/agents
  repoint export --env production --follow /srv/agents

With --env every live agent is in DIR/current/AGENT. DIR/current is a symbolic
link that is replaced in one step, so a process that resolves it once has the
agents of one record; repoint.json in it says which. The last few records stay.
With --follow the command goes on until SIGTERM or Ctrl-C and follows every
move; with --json it prints one line for each.

See also: repoint show REF (what is in it), repoint run (one process, one
version).

Exit codes: 6 DIR belongs to another process or environment, 9 no store answers
and nothing is kept on this machine.
"""
)
@click.argument("words", nargs=-1, metavar="REF DIR | --env ENV DIR", shell_complete=_complete)
@click.option("--follow", is_flag=True, help="Go on, and follow every move of the environment.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600),
    default=FOLLOW_SECONDS,
    metavar="SECONDS",
    help="How often --follow looks, about (default: 2).",
)
@environment_option(default=True)
@global_options
@pass_settings
def export(settings: Settings, words: tuple[str, ...], follow: bool, interval: float, environment: str | None) -> None:
    """Write a version's files to DIR, or all that is live, verified.

    DIR must not exist, or be empty. The files appear there whole, byte for byte
    and verified against the release's digests, or not at all. Nothing is checked
    out: working copy and branch stay as they are.
    """
    if follow or environment is not None:
        if len(words) != 1:
            raise UsageError(
                "with --env or --follow, export takes DIR alone: all that is live goes there",
                kind="directory-required",
                hint="repoint export --env production --follow DIR",
            )
        _export_live(settings, environment, _below(settings, words[0]), interval if follow else None)
    elif len(words) != 2:
        raise UsageError("export takes REF and DIR", kind="directory-required", hint="repoint export AGENT@VERSION DIR")
    else:
        _export_version(settings, words[0], _below(settings, words[1]))


def _below(settings: Settings, directory: str) -> Path:
    return Path(settings.directory) / directory


def _export_version(settings: Settings, ref: str, target: Path) -> None:
    from repoint.export import export_version

    with opened(settings) as session:
        wanted = parse_ref(ref)
        if wanted.working:
            raise UsageError(
                f"{ref!a} names no version", kind="version-required", hint=f"repoint export {ref}@VERSION DIR"
            )
        found = session.workspace.registry.resolve(wanted)
        release = found.document
        with progress(session.console, f"writing {release.agent} {release.version}"):
            files = export_version(session.workspace.registry, found, target)
        session.console.done(
            f"{release.agent} {release.version}: {len(files)} files in {safe(str(target))}",
            *(f"  {safe(entry.path)}  {entry.size} bytes" for entry in files),
        )
        session.console.result(ExportResult(release.agent, release.version, release.snapshot, str(target), files))


def _export_live(settings: Settings, environment: str | None, target: Path, interval: float | None) -> None:
    """Write what is live; with an interval (in seconds) go on until SIGTERM or Ctrl-C."""
    from repoint.unpack import RecordsFolder
    from repoint_cli.reading import Ending, reader_of, stale_text

    console = settings.console
    if interval is None:
        with reader_of(settings, environment) as reader, RecordsFolder(str(target)) as folder:
            if said := stale_text(reader):
                console.warn(said)
            console.result(_written(console, reader, folder))
        return
    with (
        Ending() as ending,
        reader_of(settings, environment, told=logging.INFO) as reader,
        RecordsFolder(str(target)) as folder,
    ):
        _say(console, _written(console, reader, folder))
        _follow(console, reader, folder, ending, interval)


def _follow(console: Console, reader: Reader, folder: RecordsFolder, ending: Ending, interval: float) -> None:
    """Write every record that comes. One that cannot be written (a full disk) is tried again; the one before stays."""
    written, said = reader.generation, ""
    while not ending.within(interval * random.uniform(0.8, 1.2)):  # noqa: S311 - no secret depends on it
        reader.poll()
        if reader.generation == written:
            continue
        try:
            result = _written(console, reader, folder)
        except RepointError as error:
            if error.message != said:
                _warn(console, f"generation {reader.generation} is not written: {safe(error.message)}")
            said = error.message
        else:
            written, said = result.generation, ""
            _say(console, result)


def _written(console: Console, reader: Reader, folder: RecordsFolder) -> ExportedRecordResult:
    """Write what is live now. Raises: as ``RecordsFolder.unpack``."""
    from repoint.unpack import Which

    with reader.pin() as live:
        place = folder.unpack(Which(reader.registry, reader.environment, live.generation, live.digest), live.agents)
        versions = {agent: str(active.version) for agent, active in sorted(live.agents.items())}
        generation, stale = live.generation, reader.staleness
    console.done(f"{reader.environment} generation {generation} in {safe(place)}: {_listed(versions)}")
    return ExportedRecordResult(
        environment=reader.environment,
        generation=generation,
        directory=place,
        agents=versions,
        stale_seconds=None if stale.reason is None else int(stale.seconds),
    )


def _listed(versions: dict[str, str]) -> str:
    shown = ", ".join(f"{agent} {version}" for agent, version in islice(versions.items(), SHOWN_AGENTS))
    more = len(versions) - SHOWN_AGENTS
    return f"{shown} and {more} more" if more > 0 else shown or "nothing is live"


def _say(console: Console, result: ExportedRecordResult) -> None:
    """Tell of one of many records. Whoever listened may be gone, the log's disk full: the folder is what counts."""
    if console.json:
        told = msgspec.structs.replace(result, warnings=console.warnings)
        console.lines[:] = [msgspec.json.encode(told).decode()]
    try:
        console.show()
    except RepointError as error:
        _warn(console, safe(error.message))
    console.lines.clear()
    console.warnings.clear()


def _warn(console: Console, text: str) -> None:
    with suppress(OSError):
        console.warn(text)
