"""One environment's branch from its first record to its tip: chain, order, rules, and every commit rebuilt.

Promises 2 to 5 and 8. The branch is walked by its own commits, never through the local index, and then read forwards:
each record is judged by itself, against the one before it, and against the commit and tree that it must have given.
A record that cannot be read leaves a gap; what comes after it is still checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from repoint.gitcatfile import Found
from repoint.gitobjects import (
    RECORD_PATH,
    ObjectId,
    commit_header,
    is_object_id,
    tree_entries,
)
from repoint.verifycommit import CommitCheck
from repoint.verifyentries import EntryCheck
from repoint.verifyobjects import FETCH, ObjectReader, Unreadable, of_kind
from repoint.verifyreleases import COMMIT_LIMIT, Claim, Known, Named, document_finding
from repoint.verifyreport import Report
from repoint.verifyrules import Fault, Past, faults, first_reasons
from repoint_schemas.canonical import MEBIBYTE, Digest, DocumentError, decode, digest_of
from repoint_schemas.documents import EnvironmentName, Mark, Record

ROOT_LIMIT = MEBIBYTE


class Registered(msgspec.Struct, frozen=True):
    """What every record must agree with, and what was found out before: releases, yanks, ids seen so far."""

    registry: str
    authority: str
    releases: dict[Named, Known]
    yanked: Collection[Named] | None
    ids: dict[str, tuple[ObjectId, str]]


class _Last(msgspec.Struct, frozen=True):
    """The record before: None and the bytes' digest alone where it could not be decoded."""

    commit: ObjectId
    generation: int
    digest: Digest | None
    record: Record | None


class LedgerCheck:
    """Checks one branch; ``past``, ``tip`` and ``entries`` say afterwards what it made live."""

    def __init__(
        self, reader: ObjectReader, report: Report, known: Registered, environment: EnvironmentName, mark: Mark | None
    ) -> None:
        self.past = Past()
        self.tip: Record | None = None
        self.yanked: set[Named] = set()
        self.entries = EntryCheck(report, known.releases, environment)
        self._reader = reader
        self._report = report
        self._known = known
        self._environment = environment
        self._mark = mark
        self._last: _Last | None = None
        self._rebuilt = CommitCheck(reader, report, known.releases, environment)
        self._commits: list[ObjectId] = []
        self._unreadable: set[int] = set()

    def run(self, tip: ObjectId) -> None:
        """Check the branch that ends in this commit."""
        self._commits = self._walked(tip)
        for batch in self._report.batches(f"records of {self._environment}", self._commits):
            self._check(batch)
        self._check_mark()
        self.entries.close(self.tip, self.past, self._unreadable)

    @property
    def claims(self) -> list[Claim]:
        """What the records and their commits say of versions."""
        return self.entries.claims + self._rebuilt.claims

    @property
    def complete(self) -> bool:
        """Whether the tip could be read, so that what is live is known."""
        return self.tip is not None

    def _place(self, generation: int) -> str:
        return f"{self._environment} generation {generation}"

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

    def _check_record(self, oid: ObjectId, commit: Found | Unreadable, content: Found | Unreadable) -> None:
        generation = self._last.generation + 1 if self._last else 0
        is_tip = oid == self._commits[-1]
        read = self._decoded(content, generation, is_tip)
        self._report.checked["records"] += 1
        digest = digest_of(content.content) if isinstance(content, Found) else None
        if read is None or isinstance(content, Unreadable):
            self._rebuilt.forget()
            self._unreadable.add(generation)
            self._last = _Last(oid, generation, digest, None)
            return
        self._check_place(read, oid)
        self._check_order(read)
        self._rebuilt.check(commit, read, content.content, self._last.commit if self._last else None)
        if self._mark and digest != self._mark.digest and read.generation == self._mark.generation:
            message = "it is not the record that this clone saw in this place; the branch was rewritten"
            self._report.add(4, "ledger-rewritten", self._place(read.generation), message)
        self._last = _Last(oid, read.generation, digest, read)
        self.tip = read if is_tip else None

    def _decoded(self, content: Found | Unreadable, generation: int, is_tip: bool) -> Record | None:
        promise, kind = (2, "pointer-unreadable") if is_tip else (4, "record-unreadable")
        if isinstance(content, Found):
            try:
                return decode(content.content, Record, limit=Record.LIMIT)
            except DocumentError as error:
                reason = str(error)
                promise, kind = document_finding(error, kind, promise)
        else:
            reason = content.reason
            if content.kind == "oversized":
                promise, kind = 10, "oversized-document"
        self._report.add(promise, kind, self._place(generation), f"the record cannot be read: {reason}")
        return None

    def _check_place(self, record: Record, oid: ObjectId) -> None:
        """A record must say that it belongs here, and must not be one that stands elsewhere already."""
        place = self._place(record.generation)
        wrong = [
            f"the {name} {found!a}, not {wanted!a}"
            for name, found, wanted in (
                ("registry", record.registry, self._known.registry),
                ("environment", record.environment, self._environment),
            )
            if found != wanted
        ]
        if wrong:
            self._report.add(4, "misplaced-record", place, f"it is a record of {' and '.join(wrong)}")
        if (authority := record.authority) is not msgspec.UNSET and authority != self._known.authority:
            message = f"it names the authority {authority!a}, but this clone is pinned to {self._known.authority!a}"
            self._report.add(8, "authority-replaced", place, message)
        first = self._known.ids.setdefault(record.id, (oid, place))
        if first != (oid, place):
            message = f"its id {record.id!a} is that of {first[1]}: one move stands twice"
            self._report.add(3, "id-doubled", place, message)

    # -- against the record before -----------------------------------------------------------------------------------

    def _check_order(self, record: Record) -> None:
        last, place = self._last, self._place(record.generation)
        if last is None:
            self._check_first(record)
        else:
            expected = last.generation + 1
            if record.generation < expected:
                message = (
                    f"it stands after generation {last.generation}, so there are two of generation {record.generation}"
                )
                self._report.add(3, "generation-doubled", place, message)
            elif record.generation > expected:
                message = f"it stands after generation {last.generation}: what lay between is gone"
                self._report.add(4, "generation-skipped", place, message)
            if last.digest is not None and record.previous != last.digest:
                message = "its digest of the record before is not that of the record there: one of them was altered"
                self._report.add(4, "chain-broken", place, message)
            if last.record is not None:
                for fault in self._faults(last.record, record):
                    self._report.add(fault.promise, fault.kind, place, fault.message)
        before = last.record if last else None
        self.entries.note(before, record)
        self.past.note(record)
        if record.action == "yank":
            self.yanked |= {(agent, version) for agent, versions in record.holds.items() for version in versions}

    def _faults(self, before: Record, record: Record) -> list[Fault]:
        if record.generation != before.generation + 1:
            return []
        return faults(before, record, self.past, self._known.yanked)

    def _check_first(self, record: Record) -> None:
        """The oldest record that can be read; it is generation 0 unless a gap was found below it."""
        self._unreadable.update(range(record.generation))
        if record.generation == 0:
            for reason in first_reasons(record):
                self._report.add(4, "forged-record", self._place(0), reason)
        elif self._at_root():
            message = f"the ledger begins with it: generations 0 to {record.generation - 1} are gone"
            self._report.add(4, "generation-skipped", self._place(record.generation), message)

    def _at_root(self) -> bool:
        first = self._reader.content(self._commits[0], COMMIT_LIMIT)
        return isinstance(first, Found) and "parent" not in commit_header(first.content)

    # -- what this clone saw -----------------------------------------------------------------------------------------

    def _check_mark(self) -> None:
        mark, last = self._mark, self._last
        if mark is None or last is None or last.generation >= mark.generation:
            return
        message = (
            f"the branch ends here, but this clone saw generation {mark.generation}: somebody moved it back; "
            f"git reflog repoint/env/{self._environment} or another clone may still have the newer records"
        )
        self._report.add(6, "pointer-went-back", self._place(last.generation), message)


def _entry_in(tree: Found | Unreadable, name: str) -> ObjectId | Unreadable:
    if isinstance(tree, Unreadable):
        return tree
    try:
        entries = tree_entries(tree.content)
    except ValueError as error:
        return Unreadable("corrupt", f"it is not a tree: {error}")
    found = next((entry.oid for entry in entries if entry.name == name.encode()), None)
    return found or Unreadable("absent", f"its tree has no {name}; {FETCH}")
