"""What surrounds a registry fails: full disk, read-only repository, no Git, held locks. A clear error, nothing lost."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


def repoint(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "repoint_cli", "-C", str(folder), *arguments],
        env={**os.environ, "REPOINT_ACTOR": "Ada <ada@acme.example>", **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def succeed(folder: Path, *arguments: str) -> None:
    done = repoint(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> str:
    """An error for people: this exit code, these words, no traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def refs(folder: Path) -> str:
    return subprocess.run(["git", "-C", str(folder), "for-each-ref"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of refund, the second one live, and a changed working copy; to be copied."""
    folder = tmp_path_factory.mktemp("registry") / "team"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    succeed(folder, "init")
    succeed(folder, "new", "refund")
    succeed(folder, "commit", "refund", "-m", "First")
    (folder / "agents/refund/prompts/system.md").write_text("Decide.\n")
    succeed(folder, "commit", "refund", "-m", "Second")
    succeed(folder, "promote", "refund@0.1.0", "--env", "production")
    succeed(folder, "promote", "refund@0.2.0", "--env", "production")
    (folder / "agents/refund/prompts/system.md").write_text("Decide well.\n")
    return folder


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of our own."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "repoint-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"mounting is not possible here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Use up every byte that is left."""
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    assert os.statvfs(place).f_bavail == 0
    return filler


@pytest.mark.parametrize(
    "command",
    [
        ["commit", "refund", "-m", "Third"],
        ["rollback", "refund@0.2.0"],
        ["promote", "refund@0.1.0", "--env", "staging"],
    ],
)
def test_a_full_disk_changes_nothing_and_the_command_works_once_there_is_room(
    registry: Path, mounted: Path, command: list[str]
) -> None:
    folder = shutil.copytree(registry, mounted / "team")
    before = refs(folder)
    filler = fill(mounted)
    refused(repoint(folder, *command), 9, "No space left", "free some space")
    assert refs(folder) == before
    filler.unlink()
    succeed(folder, *command)
    succeed(folder, "verify", "--deep")
    assert refs(folder) != before


def test_a_read_only_repository_is_read_and_refuses_writes(registry: Path, mounted: Path) -> None:
    folder = shutil.copytree(registry, mounted / "team")
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    for command in (
        ["status"],
        ["list"],
        ["history"],
        ["show", "refund@production"],
        ["diff", "refund@0.1.0", "refund@0.2.0"],
    ):
        succeed(folder, *command)
    before = refs(folder)
    for command in (["rollback", "refund@0.2.0"], ["commit", "refund", "-m", "Third"]):
        refused(repoint(folder, *command), 9, str(folder), "Read-only file system")
    assert refs(folder) == before


def test_without_git_it_says_so(registry: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    for command in (["status"], ["rollback", "refund@0.2.0"], ["commit", "refund", "-m", "x"], ["init"]):
        refused(repoint(folder, *command, PATH=str(tmp_path)), 9, "git is not on the PATH", "install Git")


def test_a_git_that_is_too_old_is_named(registry: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text('#!/bin/sh\ncase "$*" in *version*) echo git version 2.30.2;; *) exit 129;; esac\n')
    (fake / "git").chmod(0o755)
    refused(repoint(folder, "status", PATH=f"{fake}{os.pathsep}/usr/bin:/bin"), 9, "2.30", "2.36")


def test_a_lock_held_by_a_living_repoint_is_waited_for_and_then_named(registry: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    before = refs(folder)
    with open(folder / ".git/repoint/lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = subprocess.Popen(
            [sys.executable, "-m", "repoint_cli", "-C", str(folder), "rollback", "refund@0.2.0", "--json"],
            env={**os.environ, "REPOINT_ACTOR": "Ada <ada@acme.example>"},
            stdout=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(1.0)
        assert refs(folder) == before
        fcntl.flock(lock, fcntl.LOCK_UN)
        output, _ = started.communicate(timeout=60)
    assert started.returncode == 0
    assert json.loads(output)["done"] is True


@pytest.mark.parametrize("command", [["rollback", "refund@0.2.0"], ["commit", "refund", "-m", "Third"]])
def test_a_stale_ref_lock_delays_by_about_a_second_and_is_removed(
    registry: Path, tmp_path: Path, command: list[str]
) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    stale = (
        folder
        / ".git"
        / ("refs/heads/repoint/env/production.lock" if command[0] == "rollback" else "refs/tags/refund@v0.3.0.lock")
    )
    stale.touch()
    started = time.monotonic()
    succeed(folder, *command)
    assert time.monotonic() - started < 8
    assert not stale.exists()


def test_a_stale_lock_on_packed_refs_left_by_our_own_packing_is_removed(registry: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    (folder / ".git/packed-refs.lock").touch()
    (folder / ".git/repoint/packing").touch()
    for name in range(300):
        (folder / f".git/refs/tags/other@v1.0.{name}").write_text((folder / ".git/refs/tags/refund@v0.1.0").read_text())
    succeed(folder, "commit", "refund", "-m", "Third")
    assert not (folder / ".git/packed-refs.lock").exists()
    assert not (folder / ".git/repoint/packing").exists()


def test_a_corrupt_object_is_named_and_nothing_moves(registry: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(registry, tmp_path / "team")
    oid = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "refund@v0.1.0:.repoint/snapshot.json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    path = folder / ".git/objects" / oid[:2] / oid[2:]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.chmod(0o644)
    path.write_bytes(content)
    before = refs(folder)
    refused(repoint(folder, "rollback", "refund@0.2.0"), 8, oid[:7])
    assert refs(folder) == before
    done = repoint(folder, "verify", "--json")
    assert done.returncode == 1
    assert {1, 2} & {finding["promise"] for finding in json.loads(done.stdout)["findings"]}
