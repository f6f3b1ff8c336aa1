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


def fresh_copy(built: Path, folder: Path) -> None:
    """A registry to measure in; its working copy of ``refund`` has what ``diff`` shows and ``commit`` publishes."""
    shutil.copytree(built, folder, symlinks=True)
    with (folder / "agents/refund/prompts/system.md").open("a", encoding="utf-8") as prompt:
        prompt.write("Ask for the order number first.\n")


def place(cache: Path, work: Path, size: int, refs: str, repoint: str, environment: dict[str, str]) -> Place:
    """A fresh copy of a registry of that size; built once for each state of the library."""
    folder = work / f"{size}-{refs}"
    fresh_copy(built(cache, size, refs), folder)
    values = values_of(folder, size, environment)
    set_up(folder, values, repoint, environment)
    return Place(size, refs, folder, values, restorer(folder))


SETUP = (
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


def set_up(folder: Path, values: Mapping[str, str], repoint: str, environment: Mapping[str, str]) -> None:
    """Run ``SETUP`` in a fresh copy."""
    for line in SETUP:
        arguments = [argument.format_map(values) for argument in line]
        subprocess.run([repoint, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


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


def built(cache: Path, size: int, refs: str, bucket: str | None = None) -> Path:
    """A registry of that size, built once for each state of the library; with ``bucket`` (an address) that decides."""
    kind = refs if bucket is None else "bucket"
    found = cache / f"registry-{sources_digest()}-{size}-{kind}"
    if not found.exists():
        for old in cache.glob(f"registry-*-{size}-{kind}"):
            shutil.rmtree(old)
            bucket_of(old).unlink(missing_ok=True)
        draft = found.with_name(f"{found.name}.{os.getpid()}")
        command = [sys.executable, str(ROOT / "benchmarks/make_registry.py"), str(draft)]
        path = os.pathsep.join(str(ROOT / source) for source in SOURCES)
        options = ["--size", str(size), "--refs", refs, *(["--bucket", bucket] if bucket else [])]
        subprocess.run([*command, *options], check=True, env={**os.environ, "PYTHONPATH": path})
        if bucket:
            bucket_of(draft).rename(bucket_of(found))
        draft.rename(found)
    return found


def bucket_of(registry: Path) -> Path:
    """The file with the objects of the bucket that decides a registry of ``make_registry.py``."""
    return registry.with_name(f"{registry.name}.bucket")


def values_of(folder: Path, size: int, environment: Mapping[str, str]) -> dict[str, str]:
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


def restorer(folder: Path) -> Callable[[], None]:
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
