"""The local repository's lock: one writer at a time among Repoint's processes, and no writer left behind.

It is a ``flock`` on ``<common>/repoint/lock``, which the kernel releases when the last holder of the descriptor ends.
Git children that write inherit it, so a killed Repoint keeps the lock until its Git child is gone: whoever holds the
lock knows that nothing of ours is under way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from repoint.durable import took_lock, translated
from repoint.errors import StoreUnavailable

WAIT_SECONDS = 30.0


class RepositoryLock:
    """The lock of one repository; may be taken again by the object that holds it."""

    def __init__(self, folder: str, mode_like: str, wait: float = WAIT_SECONDS) -> None:
        self.path = os.path.join(folder, "lock")
        self.wait = wait
        self._folder = folder
        self._mode_like = mode_like
        self._descriptor = -1
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[int]:
        """Hold the lock within the block; gives the descriptor that writing children must inherit.

        Raises:
            StoreUnavailable: another process held it for ``wait`` seconds, or the file cannot be made.
        """
        if self._depth == 0:
            self._descriptor = self._take()
        self._depth += 1
        try:
            yield self._descriptor
        finally:
            self._depth -= 1
            if self._depth == 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _take(self) -> int:
        make_private_folder(self._folder, self._mode_like)
        with translated("cannot open the lock", self.path):
            descriptor = open_like(self.path, os.O_RDWR | os.O_CREAT, self._mode_like)
            try:
                self._wait_for(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor

    def _wait_for(self, descriptor: int) -> None:
        if not took_lock(descriptor, self.wait):
            raise StoreUnavailable(
                f"another process has held {self.path} for {self.wait:g} seconds",
                kind="locked",
                hint="wait for the other repoint command in this repository to end, or end it",
                path=self.path,
            )


def make_private_folder(folder: str, mode_like: str) -> None:
    """Make Repoint's own folder within the Git directory, with the permission bits of ``mode_like``.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    if os.path.isdir(folder):
        return
    if not os.path.isdir(os.path.dirname(folder)):
        make_private_folder(os.path.dirname(folder), mode_like)
    with translated("cannot make", folder):
        try:
            os.mkdir(folder)
            os.chmod(folder, stat.S_IMODE(os.stat(mode_like).st_mode))
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def open_like(path: str, flags: int, mode_like: str) -> int:
    """Open a file of our own; a new one gets the read and write bits of the folder ``mode_like``. Raises: OSError."""
    try:
        return os.open(path, flags & ~os.O_CREAT | os.O_CLOEXEC)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, stat.S_IMODE(os.stat(mode_like).st_mode) & 0o666)
    return descriptor
