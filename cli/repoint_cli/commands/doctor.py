"""``repoint doctor``: are stores and tools fit for use."""

from __future__ import annotations

import os

import click

from repoint.authority import BUCKET
from repoint.doctor import examine, examine_bucket
from repoint.workspace import path_of_address
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import now, opened
from repoint_cli.tables import table
from repoint_schemas.results import DoctorCheck, DoctorResult

_COLOURS = {"ok": "green", "warning": "magenta", "error": "red"}


def _checks(settings: Settings, address: str | None) -> list[DoctorCheck]:
    if address and address.startswith(BUCKET):
        with opened(settings) as session:
            return examine_bucket(session.workspace, now())
    folder = os.path.join(settings.directory, path_of_address(address)) if address else settings.directory
    return examine(folder, os.environ, now(), by_address=bool(address))


@click.command(
    epilog="""\b
Examples:
  repoint doctor
  repoint doctor --json       for a monitor
  repoint doctor --quiet      what is not right only

See also: repoint verify (is what is stored whole), repoint status.

Exit codes: 1 where something does not work; warnings alone are 0.
"""
)
@global_options
@pass_settings
def doctor(settings: Settings) -> int:
    """Check that stores, Git and this machine are fit for use.

    Git's version, the repository, locks, configuration, identity and clock, each
    with what to do where it is not right. A bucket is tried: whether it refuses
    what it must, and whether of many who write at once one wins (objects under
    probes/, removed again). Does not read what is stored: that is repoint verify.
    """
    console = settings.console
    address = settings.registry
    with progress(console, "trying stores and tools"):
        checks = _checks(settings, address)
    rows = [[console.paint(c.status, _COLOURS[c.status]), c.name, safe(c.message)] for c in checks]
    for check, line in zip(checks, table(rows), strict=True):
        if check.status == "ok" and console.quiet:
            continue
        console.say(line)
        if check.hint:
            console.say(f"         {console.strong('hint:')} {safe(check.hint)}")
    console.result(DoctorResult(checks))
    return 1 if any(c.status == "error" for c in checks) else 0
