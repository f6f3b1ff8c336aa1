"""Every version as a store of documents holds it: release, parent, snapshot, and the presence of its files.

Promise 1, and what makes promise 2 checkable: afterwards ``known`` says of every version whether it can be loaded
whole. Where a store finds contents by their digest alone, a file that several versions share is looked at once. What
such a store lists is under its own keys, so a release of another registry there is damage, not foreign.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from repoint.errors import Corrupt
from repoint.names import version_key
from repoint.store import Foreign, Store
from repoint.verifyclaims import Case, Known, Named
from repoint.verifydocuments import DocumentCheck
from repoint.verifyreport import Report, Unreadable, unreadable
from repoint.verifystoreledger import KeepsLedger
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import FileEntry, Release, Snapshot

RESTORE = "restore it from a replica or a backup"

TOGETHER = 32
"""How many versions' snapshots are held and checked together; each has 4 MiB at most."""

DeepCheck = Callable[["StoredContents", Case], None]

StoredRelease = bytes | Foreign | Corrupt | None
"""A release as stored, what stands there instead, why it cannot be read, or None where the name is free."""


@runtime_checkable
class ReadsSnapshots(Protocol):
    """A store that reads many snapshots in few round trips."""

    def read_snapshots(self, digests: Sequence[Digest]) -> Iterable[bytes | None]:
        """The stored bytes of each, not verified, in the order asked for; None where one is missing."""
        ...


class StoredContents:
    """The files of one version as ``ContentsCheck`` reads them."""

    def __init__(self, store: Store, release: Release, bad: Collection[str]) -> None:
        self.bad = bad
        self._store = store
        self._release = release

    def key(self, entry: FileEntry) -> str:
        """The digest that the file must have, and whose it is where the store does not go by digests alone."""
        return entry.sha256 + _owner(self._store, self._release)

    def chunks(self, entry: FileEntry) -> Iterator[bytes] | Unreadable:
        """The stored bytes, not verified. Raises: Corrupt, StoreUnavailable."""
        chunks = self._store.read_file(self._release.agent, self._release.version, entry)
        return Unreadable("missing", "it is gone") if chunks is None else chunks

    def damage(self, entry: FileEntry) -> str:
        """What is damaged, and what to do."""
        return f"what the store holds as {entry.sha256} is damaged; {RESTORE}"


class StoredReleases:
    """Checks all versions; ``known``, ``foreign`` and the documents' ``damaged`` are complete after ``run``."""

    def __init__(self, store: Store, report: Report, registry: str, deep: DeepCheck | None) -> None:
        self.known: dict[Named, Known] = {}
        self.foreign: dict[Named, str] = {}
        self.documents = DocumentCheck(report, registry, "its name in the store")
        self._store = store
        self._report = report
        self._deep = deep
        self._files = FilePresence(store, report)

    def run(self, versions: Iterable[Named]) -> None:
        """Check these versions, parents first, and then what they name as parents and the listing left out."""
        ordered = sorted(versions, key=lambda name: (name[0], version_key(name[1])))
        for names in self._report.batches("versions", ordered):
            self._check(names, listed=True)
        seen = set(ordered)
        while hidden := {claim.name for claim in self.documents.claims} - seen:
            seen |= hidden
            for names in self._report.batches("versions that are named", sorted(hidden)):
                self._check(names, listed=False)

    def _check(self, names: Sequence[Named], *, listed: bool) -> None:
        read = read_each(self._store, names)
        cases = [case for name, stored in read if (case := self._opened(name, stored, listed=listed))]
        for at in range(0, len(cases), TOGETHER):
            self._check_contents(cases[at : at + TOGETHER])

    def _opened(self, name: Named, stored: StoredRelease, *, listed: bool) -> Case | None:
        """The release of a version; None where there is none of ours, or it is damaged."""
        if isinstance(stored, Foreign):
            self.foreign[name] = stored.reason
        elif isinstance(stored, Corrupt):
            self.documents.damage(name, 1, "object-corrupt", f"its release cannot be read: {unreadable(stored).reason}")
        elif stored is not None:
            release = self.documents.release(name, stored)
            return None if release is None else Case(name, release, digest_of(stored))
        elif listed:
            self.documents.damage(name, 1, "release-missing", f"it is listed, but its release is not there; {RESTORE}")
        return None

    def _check_contents(self, cases: Sequence[Case]) -> None:
        for case, content in zip(cases, self._snapshots(cases), strict=True):
            self.documents.parent(case)
            self._check_snapshot(case, content)
        absent = self._files.absent([(case, case.snapshot) for case in cases if case.snapshot is not None])
        for case in cases:
            self._close(case, absent.get(case.name, set()))

    def _close(self, case: Case, bad: set[str]) -> None:
        case.whole = case.whole and not bad
        if case.snapshot is not None:
            self._report.checked["files"] += len(case.snapshot.files())
            if self._deep is not None:
                self._deep(StoredContents(self._store, case.release, bad), case)
        self._report.checked["releases"] += 1
        self.known[case.name] = Known(case.digest, case.release.snapshot, case.whole)
        case.snapshot, case.snapshot_bytes = None, b""

    def _snapshots(self, cases: Sequence[Case]) -> Iterable[bytes | Corrupt | None]:
        store = self._store
        if isinstance(store, ReadsSnapshots):
            try:
                return list(store.read_snapshots([case.release.snapshot for case in cases]))
            except Corrupt:
                pass
        return (self._snapshot(case.release) for case in cases)

    def _snapshot(self, release: Release) -> bytes | Corrupt | None:
        try:
            return self._store.read_snapshot(release.agent, release.version, release.snapshot)
        except Corrupt as error:
            return error

    def _check_snapshot(self, case: Case, content: bytes | Corrupt | None) -> None:
        if isinstance(content, Corrupt):
            self.documents.broken(case, "object-corrupt", f"its snapshot cannot be read: {unreadable(content).reason}")
        elif content is None:
            message = f"its snapshot {case.release.snapshot} is not there; {RESTORE}"
            self.documents.broken(case, "snapshot-missing", message)
        else:
            self.documents.snapshot(case, content)


class FilePresence:
    """Which files are there with the right size; each content is asked for once."""

    def __init__(self, store: Store, report: Report) -> None:
        self._store = store
        self._report = report
        self._kinds: dict[tuple[str, int, str], str] = {}  # the kind of finding, empty where it is as it should be

    def absent(self, wanted: Sequence[tuple[Case, Snapshot]]) -> dict[Named, set[str]]:
        """The paths that cannot be loaded of each version, reported."""
        asked: dict[str, dict[tuple[str, int, str], tuple[Release, FileEntry]]] = {}
        for case, snapshot in wanted:
            owner = _owner(self._store, case.release)
            for entry in snapshot.files():
                key = (entry.sha256, entry.size, owner)
                if key not in self._kinds:
                    asked.setdefault(owner, {})[key] = (case.release, entry)
        for files in asked.values():
            self._ask(files)
        return {case.name: self._report_absent(case, snapshot) for case, snapshot in wanted}

    def _report_absent(self, case: Case, snapshot: Snapshot) -> set[str]:
        owner, bad = _owner(self._store, case.release), set()
        for entry in snapshot.files():
            if kind := self._kinds[entry.sha256, entry.size, owner]:
                what = "is not there" if kind == "file-missing" else "is there with another size, or damaged"
                self._report.add(1, kind, case.place, f"{entry.path} {what}; {RESTORE}")
                bad.add(entry.path)
        return bad

    def _ask(self, files: dict[tuple[str, int, str], tuple[Release, FileEntry]]) -> None:
        """Ask for files that one version, or the digest alone, finds."""
        release = next(iter(files.values()))[0]
        missing = {(entry.sha256, entry.size) for entry in self._missing(release, [e for _, e in files.values()])}
        for key, (owner, entry) in files.items():
            self._kinds[key] = self._why(owner, entry) if key[:2] in missing else ""

    def _missing(self, release: Release, entries: list[FileEntry]) -> list[FileEntry]:
        """As the store says; where it says that something is damaged, they are looked at one by one."""
        try:
            return self._store.missing_files(release.agent, release.version, entries)
        except Corrupt:
            return [entry for entry in entries if self._is_missing(release, entry)]

    def _is_missing(self, release: Release, entry: FileEntry) -> bool:
        try:
            return bool(self._store.missing_files(release.agent, release.version, [entry]))
        except Corrupt:
            return True

    def _why(self, release: Release, entry: FileEntry) -> str:
        """The kind of finding for a file that is not there as it should be."""
        try:
            chunks = self._store.read_file(release.agent, release.version, entry)
            if chunks is None:
                return "file-missing"
            for _ in chunks:  # a store may need its answer consumed
                pass
        except Corrupt:
            return "object-corrupt"
        return "file-changed"


def _owner(store: Store, release: Release) -> str:
    """Whose contents a store must be asked for: nobody's where it finds them by their digest alone, as S3 does."""
    return "" if isinstance(store, KeepsLedger) else f" {release.agent}@{release.version}"


def read_each(store: Store, names: Sequence[Named]) -> Iterator[tuple[Named, StoredRelease]]:
    """Stored releases in the order asked for: read together, and one by one where that meets damage."""
    left = list(names)
    try:
        for agent, version, stored in store.read_releases(list(names)):
            yield (agent, version), stored
            del left[0]
    except Corrupt:
        for name in left:
            yield name, _release(store, name)


def _release(store: Store, name: Named) -> StoredRelease:
    try:
        return store.read_release(*name)
    except Corrupt as error:
        return error
