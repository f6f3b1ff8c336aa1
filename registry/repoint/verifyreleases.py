"""Every version as Git stores it, rebuilt from its documents and compared: tag, commit, parent, snapshot, tree, files.

Promise 1, and what makes promise 2 checkable: afterwards ``known`` says of every version whether it can be loaded
whole. Versions go in ascending order, so a parent is known before its children. A document that claims to be a release
of this registry is judged; any other tag is foreign, and a violation only where something says that a release of ours
stood there (``Witnesses``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from repoint.gitcatfile import Found
from repoint.gitobjects import (
    SNAPSHOT_PATH,
    ObjectId,
    commit_header,
    is_object_id,
    release_commit,
    release_in_tag,
    release_tag,
)
from repoint.names import is_version, version_key
from repoint.snapshot import snapshot_problems
from repoint.verifyobjects import ObjectReader, Unreadable, of_kind
from repoint.verifyreport import Report
from repoint.verifytree import Files, TreeCheck, entry_of
from repoint_schemas.canonical import MEBIBYTE, Digest, DocumentError, decode, digest_of
from repoint_schemas.documents import AgentName, Release, Snapshot, Version

TAG_LIMIT = Release.LIMIT + MEBIBYTE
COMMIT_LIMIT = 4 * MEBIBYTE
SNAPSHOT_FOLDER, SNAPSHOT_NAME = SNAPSHOT_PATH.split("/")

Named = tuple[AgentName, Version]
DeepCheck = Callable[["Case", Files], None]

_SCHEMA = re.compile(rb'"schema"\s*:\s*"repoint\.release/')
_TAG = re.compile(r"refs/tags/([a-z0-9][a-z0-9-]{0,62})@v(.+)")


class Known(msgspec.Struct, frozen=True):
    """A version whose release document is sound; ``whole``: a reader could load all of it."""

    digest: Digest
    snapshot: Digest
    tag: ObjectId
    commit: ObjectId
    whole: bool


class Claim(msgspec.Struct, frozen=True):
    """Something says that a release stood under a name: with this digest, as this tag object, on this commit."""

    name: Named
    who: str
    digest: Digest | None = None
    tag: ObjectId | None = None
    commit: ObjectId | None = None

    def fits(self, known: Known) -> bool:
        """Whether it speaks of the release that is there."""
        said = (self.digest or known.digest, self.tag or known.tag, self.commit or known.commit)
        return said == (known.digest, known.tag, known.commit)


class Case(msgspec.Struct):
    """One version while it is being checked."""

    name: Named
    tag: ObjectId
    commit: ObjectId
    release: Release
    digest: Digest
    tree: ObjectId | None = None
    snapshot: Snapshot | None = None
    snapshot_bytes: bytes = b""
    whole: bool = True

    @property
    def place(self) -> str:
        """What findings call it."""
        return place_of(self.name)


class ReleaseCheck:
    """Checks all versions; ``known``, ``foreign`` and ``damaged`` are complete after ``run``."""

    def __init__(self, reader: ObjectReader, report: Report, registry: str, deep: DeepCheck | None = None) -> None:
        self.known: dict[Named, Known] = {}
        self.foreign: dict[Named, str] = {}
        self.damaged: set[Named] = set()
        self.claims: list[Claim] = []
        self._reader = reader
        self._report = report
        self._registry = re.compile(rb'"registry"\s*:\s*"' + re.escape(registry.encode()) + rb'"')
        self._id = registry
        self._deep = deep
        self._commits: dict[Named, ObjectId] = {}
        self._trees = TreeCheck(reader, report)

    def run(self, tags: Mapping[Named, ObjectId]) -> None:
        """Check every version that these tags name."""
        ordered = sorted(tags, key=lambda name: (name[0], version_key(name[1])))
        for names in self._report.batches("versions", ordered):
            self._check(names, [tags[name] for name in names])

    def _check(self, names: Sequence[Named], tags: Sequence[ObjectId]) -> None:
        read = zip(names, tags, self._reader.contents(tags, TAG_LIMIT), strict=True)
        cases = [case for name, tag, found in read if (case := self._opened(name, tag, found))]
        self._check_commits(cases)
        self._check_snapshots([case for case in cases if case.tree is not None])
        files = self._trees.files_of([(case.place, case.tree, case.snapshot) for case in cases])
        for case, entries in zip(cases, files, strict=True):
            self._close(case, entries)

    def _close(self, case: Case, files: Files | None) -> None:
        if files is None or files.bad:
            case.whole = False
        if files is not None and case.snapshot is not None:
            self._report.checked["files"] += len(case.snapshot.files())
            if self._deep is not None:
                self._deep(case, files)
        self._report.checked["releases"] += 1
        self.known[case.name] = Known(case.digest, case.release.snapshot, case.tag, case.commit, case.whole)

    # -- the tag -----------------------------------------------------------------------------------------------------

    def _opened(self, name: Named, tag: ObjectId, found: Found | Unreadable) -> Case | None:
        """The release in a tag, with the commit that it names; None where there is none of ours, or it is damaged."""
        if isinstance(found, Unreadable):
            if found.kind == "oversized":
                self.foreign[name] = found.reason
            else:
                self._damage(name, 1, f"object-{found.kind}", f"its tag cannot be read: {found.reason}")
            return None
        document = release_in_tag(found.content) if found.kind == "tag" else None
        if document is None or not self._claimed(document):
            self.foreign[name] = f"a lightweight tag of a {found.kind}" if found.kind != "tag" else "no release of ours"
            return None
        return self._decoded(name, tag, found.content, document)

    def _claimed(self, document: bytes) -> bool:
        return bool(_SCHEMA.search(document) and self._registry.search(document))

    def _decoded(self, name: Named, tag: ObjectId, content: bytes, document: bytes) -> Case | None:
        try:
            release = decode(document, Release, limit=Release.LIMIT)
        except DocumentError as error:
            self._damage(name, *document_finding(error), f"its release document cannot be accepted: {error}")
            return None
        if (release.registry, release.agent, release.version) != (self._id, *name):
            found = place_of((release.agent, release.version))
            self._damage(name, 1, "misplaced-release", f"its tag carries the release {found} of {release.registry}")
            return None
        header = commit_header(content)
        commit = ObjectId(header.get("object", [""])[0])
        case = Case(name, tag, commit, release, digest_of(document))
        if header.get("type") != ["commit"] or not is_object_id(commit) or not _rebuilds_tag(case, content, document):
            message = "the tag object is not the one that its release document gives; somebody wrote it by hand"
            self._report.add(1, "tag-not-rebuilt", case.place, message)
        self._commits[name] = commit
        return case

    def _damage(self, name: Named, promise: int, kind: str, message: str) -> None:
        self.damaged.add(name)
        self._report.add(promise, kind, place_of(name), message)

    # -- the commit --------------------------------------------------------------------------------------------------

    def _check_commits(self, cases: Sequence[Case]) -> None:
        commits = [case.commit if is_object_id(case.commit) else case.tag for case in cases]
        read = (of_kind(each, "commit") for each in self._reader.contents(commits, COMMIT_LIMIT))
        for case, found in zip(cases, read, strict=True):
            self._check_parent_link(case)
            if isinstance(found, Unreadable):
                self._broken(case, f"object-{found.kind}", f"its commit cannot be read: {found.reason}")
                continue
            header = commit_header(found.content)
            tree = header.get("tree", [""])[0]
            if not _rebuilds_commit(case, found.content, self._parent_commit(case, header.get("parent", []))):
                message = "its commit is not the one that its release document gives (tree, parent, identity, message)"
                self._report.add(1, "commit-not-rebuilt", case.place, message)
            if is_object_id(tree):
                case.tree = ObjectId(tree)
            else:
                case.whole = False

    def _parent_commit(self, case: Case, there: Sequence[str]) -> ObjectId | None:
        """The commit that must be the parent; where the parent's tag is gone, the one that is, if it is one."""
        parent = case.release.parent
        if parent is None:
            return None
        known = self._commits.get((case.release.agent, parent.version))
        return known or (ObjectId(there[0]) if len(there) == 1 else ObjectId(""))

    def _check_parent_link(self, case: Case) -> None:
        parent = case.release.parent
        if parent is None:
            return
        if version_key(parent.version) >= version_key(case.release.version):
            message = f"it names {parent.version} as its parent, which is not below it"
            self._report.add(1, "parent-wrong", case.place, message)
        name = (case.release.agent, parent.version)
        self.claims.append(Claim(name, f"{case.place} names it as parent", digest=parent.release))

    def _broken(self, case: Case, kind: str, message: str, promise: int = 1) -> None:
        case.whole = False
        self._report.add(promise, kind, case.place, message)

    # -- the snapshot ------------------------------------------------------------------------------------------------

    def _check_snapshots(self, cases: Sequence[Case]) -> None:
        wanted: list[tuple[Case, ObjectId]] = []
        roots = self._trees.read(case.tree for case in cases if case.tree)
        folders = [entry_of(roots[case.tree], SNAPSHOT_FOLDER) if case.tree else None for case in cases]
        trees = self._trees.read(oid for oid in folders if isinstance(oid, str))
        for case, folder in zip(cases, folders, strict=True):
            blob = entry_of(trees[folder], SNAPSHOT_NAME) if isinstance(folder, str) else folder
            if isinstance(blob, str):
                wanted.append((case, blob))
            elif blob is not None:
                kind = "snapshot-missing" if blob.kind == "absent" else f"object-{blob.kind}"
                self._broken(case, kind, f"its snapshot cannot be read: {blob.reason}")
        oids = [oid for _, oid in wanted]
        for (case, _), found in zip(wanted, self._reader.contents(oids, Snapshot.LIMIT), strict=True):
            self._check_snapshot(case, of_kind(found, "blob"))

    def _check_snapshot(self, case: Case, found: Found | Unreadable) -> None:
        if isinstance(found, Unreadable):
            promise, kind = (10, "oversized-document") if found.kind == "oversized" else (1, f"object-{found.kind}")
            self._broken(case, kind, f"its snapshot cannot be read: {found.reason}", promise)
            return
        if (digest := digest_of(found.content)) != case.release.snapshot:
            message = f"its snapshot is {digest}, but {case.release.snapshot} was released"
            self._broken(case, "snapshot-changed", message)
            return
        try:
            snapshot = decode(found.content, Snapshot, limit=Snapshot.LIMIT)
        except DocumentError as error:
            promise, kind = document_finding(error)
            self._broken(case, kind, f"its snapshot cannot be accepted: {error}", promise)
            return
        self._report.checked["snapshots"] += 1
        if snapshot.agent != case.release.agent:
            self._broken(case, "misplaced-snapshot", f"its snapshot is one of the agent {snapshot.agent}")
        elif problems := snapshot_problems(snapshot):
            message = f"its snapshot names what cannot be a file of it: {'; '.join(problems[:3])}; do not export it"
            self._broken(case, "unsafe-path", message, 10)
        else:
            case.snapshot, case.snapshot_bytes = snapshot, found.content


def place_of(name: Named) -> str:
    """What findings call a version."""
    return f"{name[0]}@{name[1]}"


def named_in(ref: str) -> Named | None:
    """The version that a tag's full name stands for, None where it is not of our shape."""
    match = _TAG.fullmatch(ref)
    return (AgentName(match[1]), Version(match[2])) if match and is_version(match[2]) else None


def document_finding(error: DocumentError, kind: str = "invalid-document", promise: int = 1) -> tuple[int, str]:
    """Promise and kind of a document that was refused: too large or too deep is promise 10."""
    if error.excessive:
        return 10, "oversized-document"
    return promise, "newer-format" if error.newer else kind


def _rebuilds_tag(case: Case, content: bytes, document: bytes) -> bool:
    try:
        return release_tag(case.release, document, case.commit) == content
    except ValueError:
        return False


def _rebuilds_commit(case: Case, content: bytes, parent: ObjectId | None) -> bool:
    tree = ObjectId(commit_header(content).get("tree", [""])[0])
    try:
        return release_commit(case.release, tree, parent) == content
    except ValueError:
        return False
