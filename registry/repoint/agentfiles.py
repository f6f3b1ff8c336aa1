"""Reading the files that a manifest names, and nothing else.

Promise 10 lives here for files: a path is checked as text (``paths.check_path``), then opened component by component
below the agent's folder without following a symbolic link, and only a regular file is read. So nothing outside the
folder can be read, whatever is swapped meanwhile, and nothing hangs on a FIFO. Sizes are counted while reading,
because the size that a file had when it was opened says nothing about the bytes that follow.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from repoint.errors import InvalidInput
from repoint.paths import check_path, folded
from repoint.store import Content
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import FileEntry

MANIFEST = "agent.toml"
CHUNK = MEBIBYTE
HELD_FILE = MEBIBYTE
"""A file of at most this many bytes is held in memory; a larger one is read again from disk when it is stored."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOCTTY", 0)
_KINDS = (
    (stat.S_ISLNK, "symlink", "a symbolic link"),
    (stat.S_ISDIR, "directory", "a directory"),
    (stat.S_ISFIFO, "fifo", "a FIFO (named pipe)"),
    (stat.S_ISSOCK, "socket", "a socket"),
    (stat.S_ISCHR, "device", "a device"),
    (stat.S_ISBLK, "device", "a device"),
)


class Limits(msgspec.Struct, frozen=True):
    """Bytes in one file, files in one snapshot (``agent.toml`` included), bytes in one snapshot."""

    file_bytes: int = 64 * MEBIBYTE
    files: int = 2000
    snapshot_bytes: int = 512 * MEBIBYTE


class HeldContent(msgspec.Struct, frozen=True):
    """A file's bytes in memory."""

    held: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.held)

    def chunks(self) -> Iterator[bytes]:
        """The bytes in chunks of at most 1 MiB."""
        for start in range(0, len(self.held), CHUNK):
            yield self.held[start : start + CHUNK]


class FileContent(msgspec.Struct, frozen=True):
    """A file that is opened again, as safely as the first time, whenever its bytes are wanted."""

    folder: Path
    entry: FileEntry

    @property
    def size(self) -> int:
        """Length in bytes when the file was first read."""
        return self.entry.size

    def chunks(self) -> Iterator[bytes]:
        """The bytes in chunks of at most 1 MiB, a chunk more than there were at most. Raises: InvalidInput."""
        size, descriptor = 0, _opened(self.folder, self.entry.path)
        try:
            while size <= self.entry.size and (chunk := os.read(descriptor, CHUNK)):
                size += len(chunk)
                yield chunk
        except OSError as error:
            raise _unreadable(self.entry.path, error) from error
        finally:
            os.close(descriptor)


class AgentFile(msgspec.Struct, frozen=True):
    """A file that was read: what a snapshot says of it, and its bytes."""

    entry: FileEntry
    content: Content


Watch = Callable[[str], Callable[[bytes], object]]
"""Given a path, what is to see the bytes of that file, in chunks of at most 1 MiB, as they are read."""


def read_file(folder: Path, path: str, *, limit: int, hold: bool = True, watch: Watch | None = None) -> AgentFile:
    """Read one file below the folder, at most ``limit`` bytes of it; ``watch`` sees exactly the bytes of the entry.

    Raises:
        InvalidInput: the path is refused, the file is missing, unreadable, no regular file or over the limit.
        The message begins with the path.
    """
    if reason := check_path(path):
        raise _refused(path, reason, "refused-path")
    hashed = hashlib.sha256()
    held: list[bytes] = []
    size = 0
    see = watch(path) if watch else None
    for chunk in _read(folder, path, limit):
        size += len(chunk)
        hashed.update(chunk)
        if see:
            see(chunk)
        if hold and size <= HELD_FILE:
            held.append(chunk)
    entry = FileEntry(path=path, sha256=hashed.hexdigest(), size=size)
    if hold and size <= HELD_FILE:
        return AgentFile(entry, HeldContent(b"".join(held)))
    return AgentFile(entry, FileContent(folder, entry))


def read_bytes(folder: Path, path: str, *, limit: int) -> bytes:
    """The bytes of one file below the folder. Raises: as ``read_file``."""
    if reason := check_path(path):
        raise _refused(path, reason, "refused-path")
    return b"".join(_read(folder, path, limit))


def matches(folder: Path, entry: FileEntry) -> bool:
    """Whether the file is there and holds exactly the entry's bytes. Contents are read only where the size is right."""
    try:
        descriptor = _opened(folder, entry.path)
    except InvalidInput:
        return False
    try:
        if os.fstat(descriptor).st_size != entry.size:
            return False
        hashed = hashlib.sha256()
        size = 0
        while size <= entry.size and (chunk := os.read(descriptor, CHUNK)):
            size += len(chunk)
            hashed.update(chunk)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return (size, hashed.hexdigest()) == (entry.size, entry.sha256)


def _read(folder: Path, path: str, limit: int) -> Iterator[bytes]:
    descriptor = _opened(folder, path)
    read = 0
    try:
        size = os.fstat(descriptor).st_size
        while size <= limit and (chunk := os.read(descriptor, CHUNK)):
            read += len(chunk)
            size = max(size, read)
            if size <= limit:
                yield chunk
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if size > limit:
        raise _refused(path, f"has {size} bytes, more than the {limit} allowed", "file-too-large")


def _opened(folder: Path, path: str) -> int:
    """A descriptor of the regular file, opened without following any symbolic link below the folder."""
    *parents, name = path.split("/")
    directory = _folder_descriptor(folder, path)
    try:
        for parent in parents:
            below = _open_below(directory, parent, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            os.close(directory)
            directory = below
        return _open_regular(directory, name, path)
    finally:
        os.close(directory)


def _folder_descriptor(folder: Path, path: str) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error


def _open_regular(directory: int, name: str, path: str) -> int:
    """Looked at before it is opened (opening a device can act on it) and after (it may have been swapped between)."""
    try:
        before = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        raise _unopened(directory, name, path, error) from error
    _require_regular(before, path)
    descriptor = _open_below(directory, name, path, _READ)
    try:
        _require_regular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_below(directory: int, name: str, path: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=directory)
    except OSError as error:
        raise _unopened(directory, name, path, error) from error


def _require_regular(status: os.stat_result, path: str) -> None:
    for is_kind, kind, words in _KINDS:
        if is_kind(status.st_mode):
            raise _refused(path, f"is {words}, not a regular file", kind)


def _unopened(directory: int, name: str, path: str, error: OSError) -> InvalidInput:
    if error.errno == errno.ENOENT:
        return _refused(path, "does not exist", "file-missing", _nearest(directory, name))
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return _unreadable(path, error)
    if stat.S_ISLNK(mode):
        return _refused(path, f"passes through the symbolic link {name!a}", "symlink")
    if error.errno == errno.ENOTDIR:
        return _refused(path, f"needs a folder where {name!a} is a file", "file-missing")
    return _unreadable(path, error)


def _nearest(directory: int, name: str) -> str | None:
    import difflib

    try:
        there = os.listdir(directory)
    except OSError:
        return None
    same = [other for other in there if folded(os.fsencode(other).decode("utf-8", "replace")) == folded(name)]
    nearest = same or difflib.get_close_matches(name, there[:2000], n=1)
    return f"did you mean {nearest[0]!a}?" if nearest else None


def _unreadable(path: str, error: OSError) -> InvalidInput:
    return _refused(path, f"cannot be read: {error.strerror or error}", "file-unreadable")


def _refused(path: str, reason: str, kind: str, hint: str | None = None) -> InvalidInput:
    shown = path if path.isprintable() and path else ascii(path)
    return InvalidInput(f"{shown} {reason}", kind=kind, hint=hint, path=shown, reason=reason)
