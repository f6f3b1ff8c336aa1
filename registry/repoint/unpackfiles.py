"""Folders of files that are written whole or not at all, by one process at a time, for others that only read them.

Promise 6: files and folders are flushed before the rename that gives them their name. Promise 10: the lock makes every
draft that is found a dead process's; no link is followed, and only drafts are swept.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from repoint.durable import flush, flush_path, took_lock
from repoint.errors import Conflict

_LOCK = "lock"
_DRAFT = re.compile(r"\.draft\.[0-9a-f]{8}")


def write_files(wanted: Mapping[str, bytes], folder: str, twin: str | None) -> None:
    """Write files below an empty folder, or link those of ``twin``, which has the same ones. Raises: OSError."""
    for path, content in wanted.items():
        place = os.path.join(folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if twin is None or not _linked(os.path.join(twin, path), place):
            write_file(place, content)


def _linked(source: str, place: str) -> bool:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:  # a file system without hard links, or the most that it allows
        return False
    return True


def write_file(path: str, content: bytes) -> None:
    """Write a new file, durable and read-only: others have it as well, by links. Raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        flush(file.fileno())


def into_place(target: str, write: Callable[[str], None]) -> None:
    """Write a folder beside its place, and rename it there; what stands there makes room first. Raises: OSError."""
    above = os.path.dirname(target)
    draft = draft_in(above)
    os.mkdir(draft)
    try:
        write(draft)
        for folder, _, _ in os.walk(draft, topdown=False):
            flush_path(folder)
        if os.path.lexists(target):
            os.rename(target, draft_in(above))
        os.rename(draft, target)
        flush_path(above)
    finally:
        sweep(above)


def draft_in(folder: str) -> str:
    """A new name for what is not ready."""
    return os.path.join(folder, f".draft.{os.urandom(4).hex()}")


def sweep(folder: str) -> None:
    """Remove drafts: ours, and those of killed processes. Raises: OSError."""
    for name in os.listdir(folder):
        if _DRAFT.fullmatch(name):
            remove(os.path.join(folder, name))


def remove(path: str) -> None:
    """Remove a file, a link or a folder, best effort; no link is followed."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def alone(folder: str, seconds: float) -> Iterator[None]:
    """Be the only one that writes to a folder. Raises: Conflict, where another one does for so long; OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(os.path.join(folder, _LOCK), flags, 0o600)
    try:
        if not took_lock(descriptor, seconds):
            raise _taken(folder)
        yield
    finally:
        os.close(descriptor)


def is_whole(folder: str, wanted: Mapping[str, bytes]) -> bool:
    """Whether a folder has exactly these files, and nothing in it is a link."""
    left = dict(wanted)
    if os.path.islink(folder):
        return False
    for above, folders, names in os.walk(folder):
        if any(os.path.islink(os.path.join(above, each)) for each in folders):
            return False
        for name in names:
            path = os.path.join(above, name)
            content = left.pop(os.path.relpath(path, folder), None)
            if content is None or not holds(path, content):
                return False
    return not left


def holds(path: str, content: bytes) -> bool:
    """Whether a path is an ordinary file of this content."""
    with suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and found.st_size == len(content):
            with open(path, "rb") as file:
                return file.read(len(content) + 1) == content
    return False


def _taken(folder: str) -> Conflict:
    return Conflict(
        f"another process writes to {folder}",
        kind="folder-in-use",
        hint="end it first (repoint export --follow goes on until it is ended), or choose another folder",
    )
