"""The store in a local Git repository passes the store contract: in a clone, from a worktree, bare, and packed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from repoint.store import Store
from repoint.store_git import GitStore
from repoint_schemas.documents import AgentName, Version

from tests.contract.store_suite import Place, StoreSuite, contents, created, moved, published
from tests.stores import PRODUCTION, open_git

NOBODY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@acme.example")


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


class GitPlace:
    """A repository; ``folders`` are where handles are opened in turn, ``packed`` packs everything before each."""

    def __init__(self, *folders: Path, packed: bool = False) -> None:
        self.folders = folders
        self.packed = packed
        self.opened: list[GitStore] = []
        self.closing = ExitStack()

    def open(self) -> Store:
        if self.packed:
            git(self.folders[0], "gc", "--quiet")
        store = self.closing.enter_context(open_git(self.folders[len(self.opened) % len(self.folders)]))
        self.opened.append(store)
        return store

    def plant_foreign(self, agent: AgentName, version: Version) -> None:
        tree = git(self.folders[0], "hash-object", "-t", "tree", "-w", "/dev/null").strip()
        git(self.folders[0], *NOBODY, "tag", "-a", "-m", "not ours", f"{agent}@v{version}", tree)


def repository(folder: Path, *options: str) -> Path:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main", *options)
    return folder


class TestGit(StoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        made = GitPlace(repository(tmp_path / "team"))
        with made.closing:
            yield made


class TestGitWorktree(StoreSuite):
    """Handles are opened in the worktree and in the main checkout by turns."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        main = repository(tmp_path / "team")
        git(main, *NOBODY, "commit", "--quiet", "--allow-empty", "-m", "Begin")
        git(main, "worktree", "add", "--quiet", "../hotfix")
        made = GitPlace(tmp_path / "hotfix", main)
        with made.closing:
            yield made


class TestBareGit(StoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        made = GitPlace(repository(tmp_path / "team.git", "--bare"))
        with made.closing:
            yield made


class TestPackedGit(StoreSuite):
    """``git gc`` runs before each handle is opened, beneath the handles that are open already."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        made = GitPlace(repository(tmp_path / "team"), packed=True)
        with made.closing:
            yield made

    def test_everything_is_read_after_gc_by_handles_new_and_old(self, place: GitPlace) -> None:
        store = place.open()
        wanted = contents()
        made = published(store, wanted)
        record = moved(store, created(store), made)
        for handle in (place.open(), store):
            assert not list(Path(place.folders[0], ".git/refs/tags").iterdir())
            assert handle.read_release(made.document.agent, made.document.version) == made.content
            assert handle.missing_files(made.document.agent, made.document.version, wanted.document.files()) == []
        moved(store, record)
        assert len(place.open().ledger_times(PRODUCTION)) == 3
