"""A bare repository of Repoint's own, which holds what it fetched from one remote.

Promise 10: the address was checked before it gets here, is written as a value of Git's configuration and never as an
option, and nobody else can read it there, since it may hold a password. Where the folder cannot be written to, a reader
does without it rather than without what is live.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress

from repoint.durable import translated
from repoint.errors import StoreUnavailable
from repoint.gitprocess import GitProcess
from repoint.readercache import make_own_folder

REMOTE = "origin"

_FOLDER = "clone.git"
_REFUSED = ("disk-full", "io-error", "not-writable")

log = logging.getLogger("repoint.reader")


class Clone:
    """The bare repository with one remote, below a cache; without one in a folder that goes when it is closed.

    Raises:
        StoreUnavailable: Git fails.
    """

    def __init__(self, cache: str | None, address: str, environment: Mapping[str, str]) -> None:
        self._address = address
        self._environment = environment
        self._remove: weakref.finalize[[str, int], Clone] | None = None
        self.folder = (None if cache is None else self._kept(cache)) or self._passing()

    def close(self) -> None:
        """Remove what is not kept."""
        if self._remove is not None:
            self._remove()

    def _kept(self, cache: str) -> str | None:
        folder = os.path.join(cache, _FOLDER)
        try:
            bare_clone(folder, self._address, self._environment)
        except StoreUnavailable as error:
            if error.kind not in _REFUSED:
                raise
            log.warning("what is fetched is not kept: %s", error)
            return None
        return folder

    def _passing(self) -> str:
        with translated("cannot make a folder in", tempfile.gettempdir()):
            above = tempfile.mkdtemp(prefix="repoint-")
        self._remove = weakref.finalize(self, _removed, above, os.getpid())
        folder = os.path.join(above, _FOLDER)
        bare_clone(folder, self._address, self._environment)
        return folder


def bare_clone(folder: str, address: str, environment: Mapping[str, str]) -> None:
    """Make an empty bare repository with this one remote, or see to it that it has this address. Nothing is fetched.

    It is made beside its place and renamed there: two processes that begin at once both find it whole.

    Raises:
        StoreUnavailable: the folder cannot be written to, or Git fails.
    """
    if not os.path.isdir(folder):
        _make(folder, address, environment)
    git = GitProcess(environment, folder, folder)
    found = git.output(["config", "--get", f"remote.{REMOTE}.url"], "cannot read the clone's configuration")
    if found.decode("utf-8", "surrogateescape").removesuffix("\n") != address:  # it has another password by now
        git.output(["config", f"remote.{REMOTE}.url", address], "cannot configure the clone")


def _make(folder: str, address: str, environment: Mapping[str, str]) -> None:
    above, name = os.path.split(folder)
    draft = os.path.join(above, f".{name}.{os.urandom(4).hex()}")
    with translated("cannot make", draft):
        make_own_folder(above)
        os.mkdir(draft, 0o700)
        try:
            git = GitProcess(environment, draft)
            git.output(["init", "--quiet", "--bare", "--object-format=sha1", "."], "cannot make a repository")
            git.output(["config", f"remote.{REMOTE}.url", address], "cannot configure the clone")
            os.rename(draft, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another process was faster
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _removed(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # and not a fork of the process that made it
        with suppress(OSError):
            shutil.rmtree(folder)
