"""A bare repository of Repoint's own, which holds what it fetched from one remote.

Promise 10: the address was checked before it gets here, is written as a value of Git's configuration and never as an
option, and an existing folder is only used where it is for the same address.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from repoint.durable import translated
from repoint.errors import Conflict
from repoint.gitaddress import masked
from repoint.gitprocess import GitProcess

REMOTE = "origin"


def bare_clone(folder: str, address: str, environment: Mapping[str, str]) -> None:
    """Make an empty bare repository with this one remote, unless it is there. Nothing is fetched.

    It is made beside its place and renamed there: two processes that begin at once both find it whole.

    Raises:
        Conflict: the folder holds the clone of another remote.
        StoreUnavailable: the folder cannot be written to, or Git fails.
    """
    if not os.path.isdir(folder):
        _make(folder, address, environment)
    git = GitProcess(environment, folder, folder)
    found = git.output(["config", "--get", f"remote.{REMOTE}.url"], "cannot read the clone's configuration")
    if found.decode("utf-8", "surrogateescape").removesuffix("\n") != address:
        raise Conflict(
            f"{folder} is a clone of another remote than {masked(address)}",
            kind="other-remote",
            hint="choose another folder for the cache",
        )


def _make(folder: str, address: str, environment: Mapping[str, str]) -> None:
    above, name = os.path.split(folder)
    draft = os.path.join(above, f".{name}.{os.urandom(4).hex()}")
    with translated("cannot make", draft):
        os.makedirs(draft, mode=0o700)
        try:
            git = GitProcess(environment, draft)
            git.output(["init", "--quiet", "--bare", "--object-format=sha1", "."], "cannot make a repository")
            git.output(["config", f"remote.{REMOTE}.url", address], "cannot configure the clone")
            os.rename(draft, folder)
        except FileExistsError:
            pass
        except OSError:
            if not os.path.isdir(folder):
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
