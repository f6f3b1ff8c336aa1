"""A shared Git remote for tests: a bare repository, clones of it, and hooks that make it break off or refuse."""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

from repoint.gitremote import ANSWER_SECONDS, GitRemote
from repoint.gitrepo import GitRepository
from repoint.store_remote import GitRemoteStore
from repoint_schemas.documents import AgentName, Version

from tests.servers.sshd import Sshd

NOBODY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@acme.example")


def git(folder: Path, *arguments: str) -> str:
    """Run Git in a folder; its standard output."""
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def write_program(path: Path, text: str) -> Path:
    """A shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class RemotePlace:
    """One bare repository; each handle is a clone of its own, which has never fetched."""

    def __init__(self, folder: Path, server: Sshd | None = None, *, shared: bool = True) -> None:
        self.folder = folder
        self.bare = folder / "registry.git"
        self.address = server.url(self.bare) if server else f"file://{self.bare}"
        self.environment = dict(os.environ)
        if server is not None:
            self.environment["GIT_SSH_COMMAND"] = server.shared_command if shared else server.command
        self.clones: list[Path] = []
        self.closing = ExitStack()
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))

    def clone(self) -> Path:
        """An empty repository whose remote ``origin`` this is."""
        made = self.folder / f"clone-{len(self.clones)}"
        self.clones.append(made)
        git(self.folder, "init", "--quiet", "--initial-branch=main", str(made))
        git(made, "remote", "add", "origin", self.address)
        return made

    def open(self) -> GitRemoteStore:
        """A handle in a new clone."""
        return self.reopen(self.clone())

    def reopen(
        self, clone: Path, *, one_command: bool = False, answer_seconds: float = ANSWER_SECONDS
    ) -> GitRemoteStore:
        """Another handle in a clone, as another process of it would have."""
        repository = GitRepository.discover(clone, self.environment)
        remote = GitRemote(repository, "origin", answer_seconds=answer_seconds)
        return self.closing.enter_context(GitRemoteStore(repository, remote, one_command=one_command))

    def plant_foreign(self, agent: AgentName, version: Version) -> None:
        """A tag at the remote that is no release."""
        tree = git(self.bare, "hash-object", "-t", "tree", "-w", "/dev/null")
        git(self.bare, *NOBODY, "tag", "-a", "-m", "not ours", f"{agent}@v{version}", tree)

    def hook_once(self, name: str, does: str) -> Path:
        """A hook of the remote that does something the first time; returns a file that is there when it has.

        In ``does`` $PPID is the ``git receive-pack`` that takes the push.
        """
        happened = self.folder / f"{name}.happened"
        program = f'[ "$1" = "${{1#*ed}}" ] || [ "$1" = committed ] || exit 0\n[ -e {happened} ] && exit 0\n'
        write_program(self.bare / "hooks" / name, f"{program}touch {happened}\n{does}")
        return happened

    def tip(self, branch: str = "production") -> str:
        """The tip of an environment's branch at the remote."""
        return git(self.bare, "rev-parse", f"refs/heads/repoint/env/{branch}")
