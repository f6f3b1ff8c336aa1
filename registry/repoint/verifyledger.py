"""One environment's branch from its first record to its tip: each record judged, and every commit rebuilt.

Promises 2 to 5 and 8. The branch is walked by its own commits, never through the local index, and then read forwards:
``verifyrecords`` judges each record as a document, ``verifycommit`` the commit and tree that it must have given. A
commit that cannot be read leaves a gap; what comes after it is still checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repoint.gitcatfile import Found
from repoint.gitobjects import (
    RECORD_PATH,
    ObjectId,
    commit_header,
    is_object_id,
    tree_entries,
)
from repoint.verifyclaims import Claim
from repoint.verifycommit import CommitCheck
from repoint.verifyobjects import FETCH, ObjectReader, of_kind
from repoint.verifyrecords import RecordCheck, Registered
from repoint.verifyreleases import COMMIT_LIMIT
from repoint.verifyreport import Report, Unreadable
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import EnvironmentName, Mark, Record

ROOT_LIMIT = MEBIBYTE


class LedgerCheck:
    """Checks one branch; ``records`` says afterwards what it made live."""

    def __init__(
        self, reader: ObjectReader, report: Report, known: Registered, environment: EnvironmentName, mark: Mark | None
    ) -> None:
        lost = (
            f"somebody moved the branch back; git reflog repoint/env/{environment} or another clone may still have the "
            "newer records"
        )
        self.records = RecordCheck(report, known, environment, mark, lost)
        self._reader = reader
        self._report = report
        self._environment = environment
        self._rebuilt = CommitCheck(reader, report, known.releases, environment)
        self._commits: list[ObjectId] = []
        self._before: ObjectId | None = None

    def run(self, tip: ObjectId) -> None:
        """Check the branch that ends in this commit."""
        self._commits = self._walked(tip)
        for batch in self._report.batches(f"records of {self._environment}", self._commits):
            self._check(batch)
        self.records.close(self.records.last)

    @property
    def claims(self) -> list[Claim]:
        """What the records and their commits say of versions."""
        return self.records.claims + self._rebuilt.claims

    def _walked(self, tip: ObjectId) -> list[ObjectId]:
        """The commits from the first to the tip; where one cannot be read, those after it."""
        found: list[ObjectId] = []
        at: str | None = tip
        while at is not None and is_object_id(at):
            commit = of_kind(self._reader.content(ObjectId(at), COMMIT_LIMIT), "commit")
            if isinstance(commit, Unreadable):
                self._report_gap(len(found), commit)
                break
            found.append(commit.oid)
            at = next(iter(commit_header(commit.content).get("parent", [])), None)
        self.records.rooted = at is None
        return found[::-1]

    def _report_gap(self, after: int, why: Unreadable) -> None:
        if not after:
            self._report.add(
                2, "pointer-unreadable", self._environment, f"its newest record cannot be read: {why.reason}"
            )
        else:
            message = f"the {after} newest records stand, the commit below them cannot be read: {why.reason}"
            self._report.add(4, "ledger-gap", self._environment, f"{message}; everything before it is not checked")

    # -- one batch ---------------------------------------------------------------------------------------------------

    def _check(self, oids: Sequence[ObjectId]) -> None:
        commits = [of_kind(each, "commit") for each in self._reader.contents(oids, COMMIT_LIMIT)]
        headers = [commit_header(c.content) if isinstance(c, Found) else {} for c in commits]
        trees = [ObjectId(header.get("tree", [""])[0]) for header in headers]
        blobs = list(self._record_blobs(oids, trees))
        wanted = [blob if isinstance(blob, str) else oids[0] for blob in blobs]
        records = self._reader.contents(wanted, Record.LIMIT)
        for oid, commit, blob, found in zip(oids, commits, blobs, records, strict=True):
            content = of_kind(found, "blob") if isinstance(blob, str) else blob
            self._check_record(oid, commit, content)
        self._rebuilt.check_written()

    def _record_blobs(self, oids: Sequence[ObjectId], trees: Sequence[ObjectId]) -> Iterator[ObjectId | Unreadable]:
        roots = [tree if is_object_id(tree) else oid for oid, tree in zip(oids, trees, strict=True)]
        for found in self._reader.contents(roots, ROOT_LIMIT):
            yield _entry_in(of_kind(found, "tree"), RECORD_PATH)

    def _check_record(self, oid: ObjectId, commit: Found | Unreadable, found: Found | Unreadable) -> None:
        content = found.content if isinstance(found, Found) else found
        record = self.records.check(content, oid, newest=oid == self._commits[-1])
        if record is None or isinstance(content, Unreadable):
            self._rebuilt.forget()
        else:
            self._rebuilt.check(commit, record, content, self._before)
        self._before = oid


def _entry_in(tree: Found | Unreadable, name: str) -> ObjectId | Unreadable:
    if isinstance(tree, Unreadable):
        return tree
    try:
        entries = tree_entries(tree.content)
    except ValueError as error:
        return Unreadable("corrupt", f"it is not a tree: {error}")
    found = next((entry.oid for entry in entries if entry.name == name.encode()), None)
    return found or Unreadable("absent", f"its tree has no {name}; {FETCH}")
