"""The example of the library runs, its public names are documented, the drill prints what docs/incident.md says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import repoint

from tests.conftest import ROOT

BEGIN, END = "<!-- drill:begin -->\n", "<!-- drill:end -->"
CHANGING = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b(\d+ (d|h|min|s) ?)+"), "SPAN "),
    (re.compile(r" +"), " "),
    (re.compile(r"the other: .*"), "the other: ANSWER"),
    (re.compile(r"(Ada Lindqvist|Kim Osei)"), "WHO"),
]


def test_the_example_of_the_library_runs_as_it_stands(repository: Path) -> None:
    for line in ("init", "new refund", "commit refund -m First", "promote refund@0.1.0 --env production"):
        assert run(shlex.split(line), cwd=repository) == 0
    (repository / "agents/refund/prompts/system.md").write_text("Decide.\n")
    for line in ("commit refund -m Second", "promote refund@0.2.0 --env production"):
        assert run(shlex.split(line), cwd=repository) == 0
    code = (ROOT / "docs" / "library.md").read_text().partition("```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2 refund 0.2.0", "claude-sonnet-4-5-20250929 8", "3"]


def test_every_public_name_is_there_and_in_the_page() -> None:
    page = (ROOT / "docs" / "library.md").read_text()
    for name in repoint.__all__:
        value = getattr(repoint, name)
        is_error = isinstance(value, type) and issubclass(value, repoint.RepointError)
        assert f"`{name}" in page or is_error, name
    with pytest.raises(AttributeError):
        repoint.nonsense  # noqa: B018


def run(arguments: list[str], cwd: Path) -> int:
    command = [sys.executable, "-m", "repoint_cli", *arguments]
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode


def normalised(text: str) -> list[str]:
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.splitlines()]


def test_the_drill_in_the_incident_page_is_what_it_prints(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "drill.py"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    page = (ROOT / "docs" / "incident.md").read_text().partition(BEGIN)[2].partition(END)[0]
    shown = [line for line in page.splitlines() if not line.startswith("```")]
    assert normalised(done.stdout.strip()) == normalised("\n".join(shown).strip())
    assert list(tmp_path.iterdir()) == [], "the throwaway repository is removed"
