"""One Git repository: where it is, and all the parts that read and write it. No other module touches Git.

Everything goes to the common directory, so worktrees share one registry. Moving a pointer needs only plain Git
processes; GitPython is loaded for what concerns a person's checkout (identity, source commit, remotes), since
importing it costs more than a whole rollback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from repoint.errors import InvalidInput, NotFound, StoreUnavailable
from repoint.gitcatfile import CatFile
from repoint.gitledger import LedgerIndex
from repoint.gitlock import WAIT_SECONDS, RepositoryLock
from repoint.gitloose import LooseObjects
from repoint.gitprocess import OPTIONS, GitProcess, Outcome, git_missing
from repoint.gitpublished import PublishedJournal
from repoint.gitrefs import Refs
from repoint_schemas.documents import Identity, Source

if TYPE_CHECKING:
    import git

_QUESTIONS = (
    "--path-format=absolute",
    "--git-common-dir",
    "--absolute-git-dir",
    "--is-bare-repository",
    "--is-shallow-repository",
    "--show-object-format",
    "--is-inside-work-tree",
    "--show-toplevel",  # fails outside a work tree, so it comes last
)
_ANSWERS_WITHOUT_WORK_TREE = 6
_DUBIOUS = "git config --global --add safe.directory "


class GitRepository:
    """A local repository. Close it, or use it as a context manager, to end the process that reads objects.

    ``common_dir`` and ``git_dir`` are absolute paths, ``work_tree`` too or None; ``shallow`` and ``reftable`` are as
    they were when the repository was opened.
    """

    def __init__(
        self,
        common_dir: str,
        git_dir: str,
        work_tree: str | None,
        *,
        shallow: bool,
        environment: Mapping[str, str],
        lock_wait: float = WAIT_SECONDS,
    ) -> None:
        self.common_dir = common_dir
        self.git_dir = git_dir
        self.work_tree = work_tree
        self.shallow = shallow
        self.reftable = os.path.isdir(os.path.join(common_dir, "reftable"))
        self.own_folder = os.path.join(common_dir, "repoint")
        self.process = GitProcess(environment, common_dir, common_dir)
        self.cat = CatFile(self.process)
        self._objects_folder = os.path.join(common_dir, "objects")
        self.objects = LooseObjects(self._objects_folder, self.cat)
        self.lock = RepositoryLock(self.own_folder, self._objects_folder, lock_wait)
        self.refs = Refs(self.process, self.lock, common_dir, loose=not self.reftable)
        self.published = PublishedJournal(self.own_folder, self._objects_folder)

    @classmethod
    def discover(
        cls, path: str | os.PathLike[str], environment: Mapping[str, str], *, lock_wait: float = WAIT_SECONDS
    ) -> GitRepository:
        """Find the repository that a folder lies in; ``environment`` is the caller's, and is cleaned for all children.

        Raises:
            NotFound: no such folder (``no-such-folder``), or no repository (``not-a-repository``).
            InvalidInput: a SHA-256 repository.
            StoreUnavailable: no Git or too old a Git, a folder that Git does not trust, or one that cannot be read.
        """
        folder = os.path.abspath(path)
        if not os.path.isdir(folder):
            raise NotFound(f"there is no folder {folder}", kind="no-such-folder", hint="check the path given with -C")
        process = GitProcess(environment, folder)
        outcome = process.run(["rev-parse", *_QUESTIONS])
        answers = outcome.output.decode("utf-8", "surrogateescape").split("\n")[:-1]
        inside = len(answers) > _ANSWERS_WITHOUT_WORK_TREE
        if len(answers) - inside != _ANSWERS_WITHOUT_WORK_TREE or (outcome.code != 0 and answers[5:] != ["false"]):
            raise _not_discovered(process, outcome, folder)
        if answers[4] != "sha1":
            raise InvalidInput(
                f"{answers[0]} is a repository of {answers[4]} objects; Repoint needs SHA-1",
                kind="sha256-repository",
                hint="make the registry's repository with: git init --object-format=sha1",
            )
        shallow, work_tree = answers[3] == "true", answers[6] if inside else None
        return cls(answers[0], answers[1], work_tree, shallow=shallow, environment=environment, lock_wait=lock_wait)

    @property
    def bare(self) -> bool:
        """Whether there are no checked-out files here."""
        return self.work_tree is None

    def close(self) -> None:
        """End the processes of this object."""
        self.cat.close()

    def __enter__(self) -> GitRepository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ledger_index(self, environment: str) -> LedgerIndex:
        """The local index of an environment's branch; it reads nothing yet."""
        folder = os.path.join(self.own_folder, "ledger")
        return LedgerIndex(self.process, self.cat, folder, self._objects_folder, environment)

    def identity(self) -> Identity | None:
        """Git's ``user.name`` and ``user.email`` for this repository, None where one is not set.

        Every move asks for it, so a plain process answers, not GitPython.
        """
        outcome = self.process.run(["config", "-z", "--get-regexp", r"^user\.(name|email)$"])
        pairs = (pair.partition("\n") for pair in outcome.output.decode("utf-8", "replace").split("\0") if pair)
        found = {key: value.strip() for key, _, value in pairs}
        name, email = found.get("user.name"), found.get("user.email")
        return Identity(name=name, email=email) if name and email else None

    def source_of(self, folder: str | os.PathLike[str]) -> Source | None:
        """The commit that is checked out, and whether files under a folder of the work tree differ from it.

        Untracked files count, ignored ones do not. The index is not refreshed. None before the first commit, in a bare
        repository, and for a folder outside the work tree.
        """
        place = os.path.realpath(folder)
        if self.work_tree is None or not _is_within(place, os.path.realpath(self.work_tree)):
            return None
        status = self._ask("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--", place)
        lines = status.split("\0")
        commits = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
        if not commits or commits[0] == "(initial)":
            return None
        return Source(commit=commits[0], dirty=any(line and not line.startswith("# ") for line in lines))

    def _ask(self, *arguments: str) -> str:
        """Run a reading Git command through GitPython in the checkout. Raises: StoreUnavailable."""
        checkout = self._checkout
        import git

        # GitPython adds to the inherited environment and cannot take away, so ``env`` does
        strangers = [part for name in os.environ.keys() - self.process.environment.keys() for part in ("-u", name)]
        command = ["env", *strangers, *self._location(), "git", *OPTIONS, *arguments]
        try:
            answer = checkout.execute(command, strip_newline_in_stdout=False, stdout_as_string=False)
        except git.GitCommandNotFound as error:
            raise git_missing() from error
        except git.GitCommandError as error:
            said = str(error.stderr).strip()
            raise StoreUnavailable(f"git {arguments[0]} failed: {said}", kind="git-failed") from error
        if not isinstance(answer, bytes):
            raise TypeError("GitPython was asked for bytes")
        return answer.decode("utf-8", "surrogateescape")

    @cached_property
    def _checkout(self) -> git.Git:
        """GitPython's way of running Git in the checkout, with the environment of every other child."""
        try:
            import git
        except ImportError as error:  # GitPython looks for the program while it is imported
            raise git_missing() from error
        checkout = git.Git(self.work_tree or self.git_dir)
        checkout.update_environment(**{k: v for k, v in self.process.environment.items() if k != "GIT_DIR"})
        return checkout

    def _location(self) -> list[str]:
        work_tree = [] if self.work_tree is None else [f"GIT_WORK_TREE={self.work_tree}"]
        return [f"GIT_DIR={self.git_dir}", *work_tree]


def _not_discovered(process: GitProcess, outcome: Outcome, folder: str) -> NotFound | StoreUnavailable:
    process.require_version()
    if _DUBIOUS in outcome.error:
        command = _DUBIOUS + outcome.error.partition(_DUBIOUS)[2].partition("\n")[0].strip()
        return StoreUnavailable(
            f"the repository of {folder} belongs to another user, so Git does not trust it",
            kind="dubious-ownership",
            hint=command,
        )
    if "not a git repository" in outcome.error:
        return NotFound(
            f"{folder} is not in a Git repository",
            kind="not-a-repository",
            hint="run git init, or point -C at a repository",
        )
    return process.failure(outcome, f"Git cannot read the repository of {folder}")


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
