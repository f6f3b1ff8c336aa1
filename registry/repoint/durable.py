"""Files of this clone, written so that a kill or a power loss leaves the old content or the new one, never a mix.

The order matters: content, fsync, rename, fsync of the folder (POSIX ``rename(2)`` is atomic, not durable by itself).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from repoint.errors import StoreUnavailable

_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def translated(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn every ``OSError`` of the block into ``StoreUnavailable``, naming the path."""
    try:
        yield
    except OSError as error:
        raise unavailable(error, error.filename or path) from error


def unavailable(error: OSError, path: str | os.PathLike[str]) -> StoreUnavailable:
    """The error for a file operation that the system refused."""
    reason = f"{path}: {error.strerror or error}"
    if error.errno in _FULL:
        return StoreUnavailable(
            f"the disk is full: {reason}", kind="disk-full", hint="free some space and run it again"
        )
    if error.errno in _NOT_WRITABLE:
        return StoreUnavailable(
            f"not allowed: {reason}",
            kind="not-writable",
            hint="check the owner and the mode of that path",
            path=str(path),
        )
    return StoreUnavailable(f"cannot read or write {reason}", kind="io-error", path=str(path))


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make renames and new names in a folder durable. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: str | os.PathLike[str], content: bytes, *, durable: bool = True) -> None:
    """Replace or create a file atomically; with ``durable``, it survives a power loss once this returned.

    Raises:
        StoreUnavailable: the file system refused; the old content is still there.
    """
    folder, name = os.path.split(os.path.abspath(path))
    with translated(path):
        os.makedirs(folder, exist_ok=True)
        draft = os.path.join(folder, f".{name}.{os.urandom(4).hex()}")
        try:
            with open(draft, "xb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
        if durable:
            sync_folder(folder)
