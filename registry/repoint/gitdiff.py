"""Git's own diff of two versions, or of a version and a working copy, by file.

Nothing of a working copy is written into the repository for it: its objects go to a folder of their own that vanishes
afterwards (a quarantine, as ``git receive-pack`` has it). External diff programs, textconv and attributes of the
checkout are off.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from repoint.gitcatfile import CatFile
from repoint.gitloose import LooseObjects
from repoint.gitobjects import SNAPSHOT_PATH, nested_trees
from repoint.gitprocess import GitProcess
from repoint.gitrepo import GitRepository
from repoint.store import Contents
from repoint.store_git import tag_of
from repoint_schemas.documents import AgentName, Version

OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-color", "-M", "--src-prefix=a/", "--dst-prefix=b/")
PATHS = ("--", ".", ":(exclude).repoint")


class Counted(NamedTuple):
    """One changed file: lines added and removed, None for a binary file."""

    path: str
    added: int | None
    removed: int | None


class FileDiff:
    """Compares two trees through one Git process environment."""

    def __init__(self, process: GitProcess, old: str, new: str) -> None:
        self._process = process
        self._trees = (old, new)

    def lines(self) -> Iterator[str]:
        """The patch, line by line; bytes that are not UTF-8 become replacement characters. Raises: StoreUnavailable."""
        for line in self._process.lines(["diff", *OPTIONS, *self._trees, *PATHS]):
            yield line.decode("utf-8", "replace")

    def counts(self) -> list[Counted]:
        """Every changed file with its counts. Raises: StoreUnavailable."""
        output = self._process.output(
            ["diff", *OPTIONS, "--no-renames", "--numstat", "-z", *self._trees, *PATHS], "cannot compare"
        )
        rows = (row.split("\t", 2) for row in output.decode("utf-8", "replace").split("\0") if row)
        return [Counted(path, None if a == "-" else int(a), None if r == "-" else int(r)) for a, r, path in rows]


@contextmanager
def compare_files(
    repository: GitRepository, old: tuple[AgentName, Version], new: tuple[AgentName, Version] | Contents
) -> Iterator[FileDiff]:
    """A comparison of a version with another version or with a working copy, for as long as the block lasts."""
    if not isinstance(new, Contents):
        yield FileDiff(repository.process, _tree_of(repository, old), _tree_of(repository, new))
        return
    with tempfile.TemporaryDirectory(prefix="repoint-diff-") as folder:
        process = _quarantined(repository, folder)
        cat = CatFile(process)
        try:
            tree = _write(LooseObjects(folder, cat), new)
        finally:
            cat.close()
        yield FileDiff(process, _tree_of(repository, old), tree)


def _quarantined(repository: GitRepository, folder: str) -> GitProcess:
    process = GitProcess(repository.process.environment, repository.common_dir, repository.common_dir)
    process.environment["GIT_OBJECT_DIRECTORY"] = folder
    os.mkdir(os.path.join(folder, "info"))
    objects = os.path.join(repository.common_dir, "objects")
    quoted = objects.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    with open(os.path.join(folder, "info", "alternates"), "wb") as file:  # the variable for it cannot name every path
        file.write(b'"' + os.fsencode(quoted) + b'"\n')
    return process


def _tree_of(repository: GitRepository, name: tuple[AgentName, Version]) -> str:
    return f"{repository.refs.exactly([tag_of(*name)])[0]}^{{tree}}"


def _write(objects: LooseObjects, contents: Contents) -> str:
    with objects.batch():
        blobs = {
            entry.path: objects.write_chunks("blob", entry.size, contents.files[entry.path].chunks)
            for entry in contents.document.files()
        }
        blobs[SNAPSHOT_PATH] = objects.write("blob", contents.content)
        trees = nested_trees(blobs)
        for _, tree in trees.objects:
            objects.write("tree", tree)
    return trees.root
