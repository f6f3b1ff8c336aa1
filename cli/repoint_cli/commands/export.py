"""``repoint export``: a version's files in a folder, byte for byte, verified."""

from __future__ import annotations

from pathlib import Path

import click

from repoint.errors import UsageError
from repoint.export import export_version
from repoint.names import parse_ref
from repoint_cli.arguments import complete_refs
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import opened
from repoint_schemas.results import ExportResult


@click.command(
    epilog="""\b
Examples:
  repoint export refund@production /tmp/refund
  repoint export refund@1.4.2 ./refund-1.4.2
  repoint export refund@production~1 ./before     what was live there before

See also: repoint show REF (what is in it), repoint diff A B.
"""
)
@click.argument("ref", metavar="REF", shell_complete=complete_refs)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=True))
@global_options
@pass_settings
def export(settings: Settings, ref: str, directory: Path) -> None:
    """Write a version's files to DIR, byte for byte, verified.

    DIR must not exist, or be empty. The files appear there whole and verified
    against the release's digests, or not at all. Nothing is checked out: working
    copy and branch stay as they are.
    """
    with opened(settings) as session:
        wanted = parse_ref(ref)
        if wanted.working:
            raise UsageError(
                f"{ref!a} names no version", kind="version-required", hint=f"repoint export {ref}@VERSION DIR"
            )
        found = session.workspace.registry.resolve(wanted)
        target = directory if directory.is_absolute() else Path(settings.directory) / directory
        release = found.document
        with progress(session.console, f"writing {release.agent} {release.version}"):
            files = export_version(session.workspace.registry, found, target)
        session.console.done(
            f"{release.agent} {release.version}: {len(files)} files in {safe(str(target))}",
            *(f"  {safe(entry.path)}  {entry.size} bytes" for entry in files),
        )
        session.console.result(ExportResult(release.agent, release.version, release.snapshot, str(target), files))
