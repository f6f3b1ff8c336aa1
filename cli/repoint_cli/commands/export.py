"""``repoint export``: a version's files in a folder, byte for byte, verified; or all that is live, kept up to date."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repoint.errors import RepointError, UsageError
from repoint.names import parse_ref
from repoint_cli.arguments import complete_refs, environment_option
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import opened
from repoint_schemas.results import ExportedRecordResult, ExportResult

if TYPE_CHECKING:
    from repoint.reader import Reader

FOLLOW_SECONDS = 2.0


@click.command(
    epilog="""\b
Examples:
  repoint export refund@production /tmp/refund
  repoint export refund@1.4.2 ./refund-1.4.2
  repoint export refund@production~1 ./before     what was live there before
  repoint export --env production --follow /srv/agents

With --env every live agent is in DIR/current/AGENT, and DIR/current is a
symbolic link that is replaced in one step: a process that resolves it once has
the agents of one record. With --follow the command goes on until it is ended,
and follows every move.

See also: repoint show REF (what is in it), repoint run (one process, one
version), docs/howto-read-it.md.
"""
)
@click.argument("words", nargs=-1, metavar="REF DIR | DIR", shell_complete=complete_refs)
@click.option("--follow", is_flag=True, help="Go on, and follow every move of the environment.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600),
    default=FOLLOW_SECONDS,
    metavar="SECONDS",
    help="How often --follow looks (default: 2).",
)
@environment_option(default=True)
@global_options
@pass_settings
def export(settings: Settings, words: tuple[str, ...], follow: bool, interval: float, environment: str | None) -> None:
    """Write a version's files to DIR, byte for byte, verified.

    DIR must not exist, or be empty. The files appear there whole and verified
    against the release's digests, or not at all. Nothing is checked out: working
    copy and branch stay as they are.
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
    """Write what is live; with an interval (in seconds) go on until SIGTERM or Ctrl-C.

    A record that cannot be written (a full disk) is tried again; what was current stays so.
    """
    from repoint_cli.reading import reader_of

    ended = threading.Event()
    with reader_of(settings, environment) as reader:
        if interval is None:
            _write(settings, reader, target)
            return
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        _write(settings, reader, target)
        written = reader.generation
        while not ended.wait(interval):
            reader.poll()
            if reader.generation != written:
                try:
                    _write(settings, reader, target)
                except RepointError as error:
                    settings.console.warn(safe(error.message))
                else:
                    written = reader.generation


def _write(settings: Settings, reader: Reader, target: Path) -> None:
    from repoint.unpack import unpack_record

    live = reader.pin()
    written = unpack_record(live.agents, live.generation, live.digest, str(target))
    stale = reader.staleness
    versions = {agent: str(active.version) for agent, active in sorted(live.agents.items())}
    console = settings.console
    if stale.reason is not None:
        console.warn(f"this may be {int(stale.seconds)} s old: {safe(stale.reason)}")
    shown = ", ".join(f"{agent} {version}" for agent, version in versions.items()) or "nothing is live"
    console.done(f"{reader.environment} generation {live.generation} in {safe(written)}: {shown}")
    console.result(
        ExportedRecordResult(
            environment=reader.environment,
            generation=live.generation,
            directory=written,
            agents=versions,
            stale_seconds=None if stale.reason is None else int(stale.seconds),
        )
    )
