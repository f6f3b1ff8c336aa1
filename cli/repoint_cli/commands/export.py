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
from repoint_cli.session import opened
from repoint_schemas.results import ExportResult


@click.command(
    epilog="\b\nExamples:\n  repoint export refund@production /tmp/refund\n  repoint export refund@1.4.2 ./refund-1.4.2"
)
@click.argument("ref", metavar="REF", shell_complete=complete_refs)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=True))
@global_options
@pass_settings
def export(settings: Settings, ref: str, directory: Path) -> None:
    """Write the files of a version to DIR, which must not exist or be empty; whole and verified, or not at all."""
    with opened(settings) as session:
        wanted = parse_ref(ref)
        if wanted.working:
            raise UsageError(
                f"{ref!a} names no version", kind="version-required", hint=f"repoint export {ref}@VERSION DIR"
            )
        found = session.workspace.registry.resolve(wanted)
        target = directory if directory.is_absolute() else Path(settings.directory) / directory
        files = export_version(session.workspace.registry, found, target)
        release = found.document
        session.console.done(
            f"{release.agent} {release.version}: {len(files)} files in {safe(str(target))}",
            *(f"  {safe(entry.path)}  {entry.size} bytes" for entry in files),
        )
        session.console.result(ExportResult(release.agent, release.version, release.snapshot, str(target), files))
