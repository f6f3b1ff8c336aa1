"""``repoint doctor``: are stores and tools fit for use."""

from __future__ import annotations

import os

import click

from repoint.doctor import examine
from repoint.workspace import path_of_address
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe, table
from repoint_cli.session import now
from repoint_schemas.results import DoctorResult

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command()
@global_options
@pass_settings
def doctor(settings: Settings) -> int:
    """Check Git, the repository, locks, configuration, identity and clock; exit 1 when something does not work."""
    console = settings.console
    address = settings.registry
    folder = os.path.join(settings.directory, path_of_address(address)) if address else settings.directory
    checks = examine(folder, os.environ, now(), by_address=bool(address))
    rows = [[console.paint(c.status, _COLOURS[c.status]), c.name, safe(c.message)] for c in checks]
    for check, line in zip(checks, table(rows), strict=True):
        console.say(line)
        if check.hint:
            console.say(f"         {console.paint('hint:', 'cyan')} {safe(check.hint)}")
    console.result(DoctorResult(checks))
    return 1 if any(c.status == "error" for c in checks) else 0
