"""The commit and tree of each record, rebuilt from the record alone and compared.

Promise 4 in Git: history that was amended, or whose readable files say something else than the record, does not give
the same ids. Records come oldest first, so that each tree is made from the one before, as the store does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from repoint.gitcatfile import Found
from repoint.gitobjects import (
    RECORD_PATH,
    ObjectId,
    RecordTree,
    TreeEntry,
    commit_header,
    next_record_tree,
    object_id,
    record_commit,
    record_tree,
    tree_entries,
)
from repoint.verifyclaims import Claim, Known, Named
from repoint.verifyobjects import ObjectReader
from repoint.verifyreport import Report, Unreadable
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import EnvironmentName, Record

VIEW_LIMIT = 4 * MEBIBYTE


class CommitCheck:
    """Rebuilds the commits of one environment, oldest first."""

    def __init__(
        self, reader: ObjectReader, report: Report, releases: Mapping[Named, Known], environment: EnvironmentName
    ) -> None:
        self._reader = reader
        self._report = report
        self._releases = releases
        self._environment = environment
        self._before: Record | None = None
        self._views: list[TreeEntry] = []
        self._written: list[ObjectId] = []
        self.claims: list[Claim] = []

    def forget(self) -> None:
        """The record before could not be read: the next tree is made anew."""
        self._before = None

    def check(self, commit: Found | Unreadable, record: Record, content: bytes, previous: ObjectId | None) -> None:
        """Compare a record's commit with the one that the record gives; ``previous`` is the commit below it."""
        place = f"{self._environment} generation {record.generation}"
        tree = self._tree_of(record, content)
        if isinstance(commit, Unreadable):
            self._report.add(4, f"object-{commit.kind}", place, commit.reason)
            return
        header = commit_header(commit.content)
        actual = ObjectId(header.get("tree", [""])[0])
        if actual != tree.root:
            message = f"its tree is not {RECORD_PATH} and one readable file for each agent, as the record gives them"
            self._report.add(4, "tree-not-rebuilt", place, message)
        else:
            self._written += [object_id("blob", blob) for blob in tree.blobs[1:]]
            self._written += [object_id("tree", folder) for folder in tree.trees[:-1]]
        parents = self._parents(record, header.get("parent", []), previous)
        if not _rebuilds(commit.content, record, content, actual, parents):
            message = "its commit is not the one that the record gives (parents, identity, time, message)"
            self._report.add(4, "commit-not-rebuilt", place, message)

    def check_written(self) -> None:
        """Read the readable files and folders of the trees that were compared since the last call."""
        wanted = list(dict.fromkeys(self._written))
        self._written = []
        for found in self._reader.contents(wanted, VIEW_LIMIT):
            if isinstance(found, Unreadable) and found.kind != "oversized":
                message = f"part of its records' trees cannot be read: {found.reason}"
                self._report.add(4, f"object-{found.kind}", self._environment, message)

    def _tree_of(self, record: Record, content: bytes) -> RecordTree:
        before = self._before
        if before is None:
            tree = record_tree(record, content)
        else:
            names = before.agents.keys() | record.agents.keys()
            changed = [agent for agent in names if before.agents.get(agent) != record.agents.get(agent)]
            tree = next_record_tree(record, content, self._views, changed)
        self._before = record
        self._views = tree_entries(tree.trees[0]) if record.agents else []
        return tree

    def _parents(self, record: Record, there: Sequence[str], previous: ObjectId | None) -> list[ObjectId]:
        """The parents that the commit must have: the record's before, then one for each version newly live.

        A version's parent is taken as it stands, and bears witness: where it is not the version's commit, one of the
        two was replaced, and the version is the one that is judged.
        """
        newly = sorted((change.agent, change.target) for change in record.changes if change.target is not None)
        below = there[: max(0, len(there) - len(newly))] if previous is None and record.generation else []
        parents = [previous] if previous else [ObjectId(parent) for parent in below]
        for number, name in enumerate(newly, start=len(parents)):
            parent = ObjectId(there[number]) if number < len(there) else ObjectId("")
            self._witness(record, name, parent)
            parents.append(parent)
        return parents

    def _witness(self, record: Record, name: Named, parent: ObjectId) -> None:
        release, entry = self._releases.get(name), record.agents.get(name[0])
        if release and entry and (release.digest, name[1]) == (entry.release, entry.version) and parent:
            who = f"{self._environment} generation {record.generation} was made on its commit {parent}"
            self.claims.append(Claim(name, who, commit=parent))


def _rebuilds(commit: bytes, record: Record, content: bytes, tree: ObjectId, parents: Sequence[ObjectId]) -> bool:
    try:
        return record_commit(record, content, tree, parents) == commit
    except ValueError:
        return False
