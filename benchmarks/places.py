"""The registries to measure in: built once, copied for a measurement, put back after every command that writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from cases import Case
from environments import ROOT, SOURCES, sources_digest


class Place(NamedTuple):
    """A registry to measure in; ``values`` stand for names in arguments, ``restore`` puts it back as it was."""

    size: int
    refs: str
    folder: Path
    values: Mapping[str, str]
    restore: Callable[[], None]

    def filled(self, arguments: tuple[str, ...]) -> list[str]:
        """The arguments with this registry's values."""
        return [argument.format_map(self.values) for argument in arguments]


def place(cache: Path, work: Path, size: int, refs: str, repoint: str, environment: dict[str, str]) -> Place:
    """A fresh copy of a registry of that size; built once for each state of the library."""
    folder = work / f"{size}-{refs}"
    shutil.copytree(_built(cache, size, refs), folder, symlinks=True)
    with (folder / "agents/refund/prompts/system.md").open("a", encoding="utf-8") as prompt:
        prompt.write("Ask for the order number first.\n")  # what diff shows and commit publishes
    values = _values(folder, size, environment)
    for line in _SETUP:
        arguments = [argument.format_map(values) for argument in line]
        subprocess.run([repoint, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return Place(size, refs, folder, values, _restorer(folder))


_SETUP = (
    # what unhold, unyank and unfreeze undo
    ("promote", "{held}", "--env", "staging", "-m", "Try it"),
    ("rollback", "{held}", "--env", "staging", "-m", "Too slow"),
    ("yank", "refund@{yanked}", "-m", "Leaks names"),
    ("freeze", "staging", "-m", "Release week"),
    # what the first command in a new clone does once (the index of the ledger, the marks) is kept, not measured
    ("rollback", "refund", "--dry-run"),
    ("status",),
    ("history",),
)


def empty_place(work: Path, environment: dict[str, str]) -> Place:
    """A repository without a registry."""
    template, folder = work / "empty.kept", work / "empty"
    subprocess.run(["git", "init", "--quiet", str(template)], check=True, env=environment)
    for key, value in (("user.name", "Ada"), ("user.email", "ada@acme.example")):
        subprocess.run(["git", "config", key, value], cwd=template, check=True, env=environment)

    def restore() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)

    restore()
    return Place(0, "packed", folder, {}, restore)


def here(case: Case, at: Place, first: Place) -> bool:
    """Whether a case is measured in a place; one in which the registry plays no part is measured in the first."""
    if case.empty or at.size == 0:
        return case.empty and at.size == 0
    return (case.everywhere or at is first) and not (case.packs and at.refs == "loose")


def _built(cache: Path, size: int, refs: str) -> Path:
    built = cache / f"registry-{sources_digest()}-{size}-{refs}"
    if not built.exists():
        for old in cache.glob(f"registry-*-{size}-{refs}"):
            shutil.rmtree(old)
        draft = built.with_name(f"{built.name}.{os.getpid()}")
        command = [sys.executable, str(ROOT / "benchmarks/make_registry.py"), str(draft)]
        path = os.pathsep.join(str(ROOT / source) for source in SOURCES)
        options = ["--size", str(size), "--refs", refs]
        subprocess.run([*command, *options], check=True, env={**os.environ, "PYTHONPATH": path})
        draft.rename(built)
    return built


def _values(folder: Path, size: int, environment: dict[str, str]) -> dict[str, str]:
    """Names in a registry of ``make_registry.py``: its versions are numbered, nine tenths of them are of refund."""
    refunds = size - max(3, size // 10)
    branch = f"repoint/env/production~{size // 2}"
    middle = subprocess.run(
        ["git", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd", branch],
        cwd=folder, env={**environment, "TZ": "UTC"}, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    return {
        "live": _version(refunds - 1),
        "newest": _version(refunds),
        "old": _version(3),
        "yanked": _version(1),
        "held": "router@0.0.1",
        "middle": middle,
        "exported": str(folder.parent / "exported"),
    }


def _version(number: int) -> str:
    return f"{number // 100}.{number // 10 % 10}.{number % 10}"


def _restorer(folder: Path) -> Callable[[], None]:
    """What puts the registry back as it is now: refs, new objects, files, and what Repoint remembers of this clone."""
    git = folder / ".git"
    shutil.copytree(git / "repoint", git / "repoint.kept")
    tags, branches = git / "refs/tags", git / "refs/heads/repoint/env"
    objects = _loose_objects(git)
    names = set(os.listdir(tags))
    tips = {path.name: path.read_bytes() for path in branches.glob("*")}
    packed = git / "packed-refs"
    packed_bytes = packed.read_bytes() if packed.exists() else None

    def restore() -> None:
        for name in set(os.listdir(tags)) - names:
            (tags / name).unlink()
        for path in branches.glob("*"):
            path.unlink()
        for name, tip in tips.items():
            (branches / name).write_bytes(tip)
        for path in _loose_objects(git) - objects:
            path.unlink()
        if packed_bytes is not None and packed.read_bytes() != packed_bytes:
            packed.write_bytes(packed_bytes)
        shutil.rmtree(git / "repoint")
        shutil.copytree(git / "repoint.kept", git / "repoint")
        shutil.rmtree(folder / "agents/auditor", ignore_errors=True)
        shutil.rmtree(folder.parent / "exported", ignore_errors=True)

    return restore


def _loose_objects(git: Path) -> set[Path]:
    return set((git / "objects").glob("[0-9a-f][0-9a-f]/*"))
