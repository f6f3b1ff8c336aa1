"""Measuring commit, diff, check and export of an agent with one large file: time and peak memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from environments import plain_environment
from figures import Figure, FileMeasured, figure
from make_files import CONTENTS, content, edited, rewritten
from measure import Costs, Launcher, Progress

SIZES = (10_000, 300_000, 4_000_000)
STREAMED = 64 * 1024 * 1024
RUNS = 5

_MANIFEST = """\
schema = "repoint.manifest/1"
[agent]
name = "reader"
[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"
"""
_NAMED = {
    "prose": '[prompts]\nsystem = "prompts/large.md"\n',
    "one line": '[prompts]\nsystem = "prompts/large.txt"\n',
    "OpenAPI": '[integrations.payments]\nkind = "openapi"\nspec = "integrations/payments.json"\n',
}
_PATHS = {"prose": "prompts/large.md", "one line": "prompts/large.txt", "OpenAPI": "integrations/payments.json"}

_COMMANDS = {
    "check": ("check", "reader"),
    "diff, small edit": ("diff", "reader@0.1.0"),
    "commit, small edit": ("commit", "reader", "-m", "One word"),
    "diff, rewritten": ("diff", "reader@0.1.0"),
    "commit, rewritten": ("commit", "reader", "-m", "All of it"),
    "export": ("export", "reader@0.1.0", "{exported}"),
}


def measure_files(
    programs: Path, work: Path, sizes: Sequence[int] = SIZES, *, streamed: bool = True
) -> tuple[Figure, list[FileMeasured]]:
    """Every command with every kind and size of file, and with one of 64 MiB, taking turns with the unit."""
    wanted = [(kind, size) for size in sizes for kind in CONTENTS] + [("prose", STREAMED)] * streamed
    environment, units, found = plain_environment(work / "home"), Costs(), []
    progress = Progress(len(wanted) * len(_COMMANDS))
    with Launcher(work) as launcher:
        for kind, size in wanted:
            folder = _registry(programs, work / f"file-{kind.replace(' ', '-')}-{size}", kind, size, environment)
            for name, arguments in _COMMANDS.items():
                progress.step(f"{name}, {kind} of {size:,} bytes")
                _put(folder, kind, name)
                costs = _measured(launcher, programs, folder, arguments, environment, units)
                found.append(FileMeasured(name, kind, size, figure(costs)))
            shutil.rmtree(folder.parent)
    progress.end()
    return figure(units), found


def _measured(
    launcher: Launcher,
    programs: Path,
    folder: Path,
    arguments: Sequence[str],
    environment: dict[str, str],
    units: Costs,
) -> Costs:
    costs, exported = Costs(), folder.parent / "exported"
    command = [str(programs / "repoint"), *(each.format(exported=exported) for each in arguments)]
    while not costs.enough(RUNS):
        units.append(launcher.cost([str(programs / "python"), "-c", "pass"], folder, environment))
        costs.append(launcher.cost(command, folder, environment))
        if arguments[0] in ("commit", "export"):
            shutil.rmtree(exported, ignore_errors=True)
            shutil.rmtree(folder / ".git")
            shutil.copytree(folder.parent / "kept", folder / ".git")
    return costs


def _registry(programs: Path, above: Path, kind: str, size: int, environment: dict[str, str]) -> Path:
    """A repository with a registry in which the file is version 0.1.0; the other forms of the file lie beside it."""
    folder = above / "team"
    file = folder / "agents/reader" / _PATHS[kind]
    file.parent.mkdir(parents=True)
    (folder / "agents/reader/agent.toml").write_text(_MANIFEST + _NAMED[kind], encoding="utf-8")
    whole = content(kind, size)
    for form, held in (("original", whole), ("edit", edited(kind, whole)), ("rewritten", rewritten(kind, whole))):
        (above / form).write_bytes(held)
    shutil.copyfile(above / "original", file)
    repoint = str(programs / "repoint")
    for command in (
        ["git", "init", "--quiet", "--initial-branch=main"],
        ["git", "config", "user.name", "Ada"],
        ["git", "config", "user.email", "ada@acme.example"],
        [repoint, "init"],
        [repoint, "commit", "reader", "-m", "First"],
    ):
        subprocess.run(command, cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL)
    shutil.copytree(folder / ".git", above / "kept")
    return folder


def _put(folder: Path, kind: str, name: str) -> None:
    form = next((form for form in ("edit", "rewritten") if name.endswith(form)), "original")
    shutil.copyfile(folder.parent / form, folder / "agents/reader" / _PATHS[kind])
