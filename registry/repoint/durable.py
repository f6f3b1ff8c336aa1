"""Files of this clone, written so that a kill or a power loss leaves the old content or the new one, never a mix.

The order matters: content, fsync, rename, fsync of the folder (POSIX ``rename(2)`` is atomic, not durable by itself).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from repoint.errors import StoreUnavailable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


@contextmanager
def translated(doing: str, path: str) -> Iterator[None]:
    """Turn operating-system errors into StoreUnavailable; ``doing`` says what was tried, as in "cannot write"."""
    try:
        yield
    except OSError as error:
        raise unavailable(error, doing, str(error.filename or path)) from error


def unavailable(error: OSError, doing: str, path: str) -> StoreUnavailable:
    """The error to raise for an operating-system error; its ``kind`` says whether disk, permission or hardware."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind, hint = "disk-full", "free some space and run the same command again"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        kind, hint = "not-writable", f"check the owner and the permissions of {path}"
    else:
        kind, hint = "io-error", f"check the disk that holds {path}"
    return StoreUnavailable(f"{doing} {path}: {reason}", kind=kind, hint=hint, path=path)


def flush(descriptor: int) -> None:
    """Wait until the file's content is on the disk itself."""
    full: int | None = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync stops at the drive's cache
    if full is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, full)


def flush_path(path: str) -> None:
    """``flush`` for a file or folder by name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def took_lock(descriptor: int, seconds: float) -> bool:
    """Take an exclusive ``flock``, waiting so many seconds at most; False where another holds it. Raises: OSError."""
    until, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while not try_lock(descriptor):
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


def try_lock(descriptor: int) -> bool:
    """Take an exclusive ``flock`` without waiting; False where another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace_file(path: str | os.PathLike[str], content: bytes, *, durable: bool = True) -> None:
    """Replace or create a file atomically; with ``durable``, it survives a power loss once this returned.

    Raises:
        StoreUnavailable: the file system refused. The old content is there, or, where only the last step failed (the
            fsync of the folder), the new one, which a power loss may still take back.
    """
    folder, name = os.path.split(os.path.abspath(path))
    with translated("cannot write", str(path)):
        _make_folder(folder, durable=durable)
        draft = os.path.join(folder, f".{name}.{os.urandom(4).hex()}")
        try:
            with open(draft, "xb") as file:
                os.fchmod(file.fileno(), os.stat(folder).st_mode & 0o666)  # a shared repository stays shared
                file.write(content)
                if durable:
                    file.flush()
                    flush(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
        if durable:
            flush_path(folder)


def _make_folder(folder: str, *, durable: bool) -> None:
    """Make a folder and those above it, each with the mode of the one that holds it.

    A new folder lasts only once the one that holds it was flushed.
    """
    made: list[str] = []
    at = folder
    while not os.path.isdir(at):
        made.append(at)
        at = os.path.dirname(at)
    for each in reversed(made):
        with suppress(FileExistsError):
            os.mkdir(each)
            os.chmod(each, stat.S_IMODE(os.stat(os.path.dirname(each)).st_mode))
    if durable:
        for each in made:
            flush_path(os.path.dirname(each))
