"""Which modules a command imports: start-up is a cost of every command, and an import is how it grows unnoticed.

No time is measured here (``make bench`` does that). Each command runs as a process of its own, since the test process
has imported everything long ago.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [str(ROOT / folder) for folder in ("schemas", "registry", "cli")]
RUN = """
import sys
sys.path[:0] = {sources}
from repoint_cli.main import run
code = run({arguments})
print("\\n".join(["", "MODULES", *sys.modules]))
sys.exit(code)
"""

HEAVY = {"git", "pydantic", "semver", "boto3", "rich", "tomli_w", "importlib.metadata", "dataclasses"}
"""Each costs half a unit or more; what needs one of them imports it where it is needed."""

PUBLISHING = {"repoint.release", "repoint.publish", "repoint.manifest", "repoint.modelnames"}
MOVING = HEAVY | PUBLISHING | {"pathlib", "secrets", "shutil", "tempfile", "_strptime", "repoint.agentfiles"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports") / "registry"
    command = [sys.executable, str(ROOT / "benchmarks/make_registry.py"), str(folder), "--size", "10"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)})
    return folder


def imported_by(folder: Path, *arguments: str) -> set[str]:
    """The modules that a process holds after it ran one command line."""
    program = RUN.format(sources=SOURCES, arguments=list(arguments))
    ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.partition("\nMODULES\n")[2].split("\n"))


def test_help_imports_nothing_of_the_library(registry: Path) -> None:
    modules = imported_by(registry, "--help")
    assert not {m for m in modules if m == "repoint" or m.startswith(("repoint.", "repoint_schemas"))}
    assert not modules & (HEAVY | {"msgspec", "subprocess"})


@pytest.mark.parametrize(
    "command",
    [
        ["rollback", "refund", "-m", "refunds without a receipt", "--ticket", "INC-77", "--dry-run"],
        ["promote", "refund@0.0.3", "--env", "production", "-m", "Ask first", "--dry-run"],
        ["freeze", "staging", "-m", "the incident of today"],
        ["show", "refund@production"],
        ["history"],
        ["list", "-n", "20"],
    ],
    ids=lambda command: command[0],
)
def test_what_an_incident_needs_imports_little(registry: Path, command: list[str]) -> None:
    assert not imported_by(registry, *command) & MOVING


def test_status_reads_working_copies_and_publishes_nothing(registry: Path) -> None:
    assert not imported_by(registry, "status") & (HEAVY | PUBLISHING)


def test_diff_of_two_versions_needs_no_working_copy(registry: Path) -> None:
    assert not imported_by(registry, "diff", "refund@0.0.3", "refund@0.0.4", "--stat") & (HEAVY | PUBLISHING)
