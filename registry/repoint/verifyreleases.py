"""Every version as Git stores it, rebuilt from its documents and compared: tag, commit, parent, snapshot, tree, files.

Promise 1, and what makes promise 2 checkable: afterwards ``known`` says of every version whether it can be loaded
whole. Versions go in ascending order, so a parent is known before its children. A document that claims to be a release
of this registry is judged; any other tag is foreign, and a violation only where something says that a release of ours
stood there (``Witnesses``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

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
from repoint.verifyclaims import Case, Claim, Known, Named
from repoint.verifydocuments import DocumentCheck
from repoint.verifyobjects import ObjectReader, of_kind
from repoint.verifyreport import Report, Unreadable
from repoint.verifytree import Files, TreeCheck, entry_of
from repoint_schemas.canonical import MEBIBYTE, digest_of
from repoint_schemas.documents import AgentName, Release, Snapshot, Version

TAG_LIMIT = Release.LIMIT + MEBIBYTE
COMMIT_LIMIT = 4 * MEBIBYTE
SNAPSHOT_FOLDER, SNAPSHOT_NAME = SNAPSHOT_PATH.split("/")

_SCHEMA = re.compile(rb'"schema"\s*:\s*"repoint\.release/')
_TAG = re.compile(r"refs/tags/([a-z0-9][a-z0-9-]{0,62})@v(.+)")


class TagCase(Case, kw_only=True):
    """One version in Git while it is being checked."""

    tag: ObjectId
    commit: ObjectId
    tree: ObjectId | None = None


DeepCheck = Callable[[Case, Files], None]


class ReleaseCheck:
    """Checks all versions; ``known``, ``foreign`` and ``damaged`` are complete after ``run``."""

    def __init__(self, reader: ObjectReader, report: Report, registry: str, deep: DeepCheck | None = None) -> None:
        self.known: dict[Named, Known] = {}
        self.foreign: dict[Named, str] = {}
        self._reader = reader
        self._report = report
        self._registry = re.compile(rb'"registry"\s*:\s*"' + re.escape(registry.encode()) + rb'"')
        self._documents = DocumentCheck(report, registry, "its tag")
        self._deep = deep
        self._commits: dict[Named, ObjectId] = {}
        self._trees = TreeCheck(reader, report)

    @property
    def damaged(self) -> set[Named]:
        """Versions whose release cannot be had; reported already."""
        return self._documents.damaged

    @property
    def claims(self) -> list[Claim]:
        """What the releases say of their parents."""
        return self._documents.claims

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

    def _close(self, case: TagCase, files: Files | None) -> None:
        if files is None or files.bad:
            case.whole = False
        if files is not None and case.snapshot is not None:
            self._report.checked["files"] += len(case.snapshot.files())
            if self._deep is not None:
                self._deep(case, files)
        self._report.checked["releases"] += 1
        self.known[case.name] = Known(case.digest, case.release.snapshot, case.whole, case.tag, case.commit)

    # -- the tag -----------------------------------------------------------------------------------------------------

    def _opened(self, name: Named, tag: ObjectId, found: Found | Unreadable) -> TagCase | None:
        """The release in a tag, with the commit that it names; None where there is none of ours, or it is damaged."""
        if isinstance(found, Unreadable):
            if found.kind == "oversized":
                self.foreign[name] = found.reason
            else:
                self._documents.damage(name, 1, f"object-{found.kind}", f"its tag cannot be read: {found.reason}")
            return None
        document = release_in_tag(found.content) if found.kind == "tag" else None
        if document is None or not self._claimed(document):
            self.foreign[name] = f"a lightweight tag of a {found.kind}" if found.kind != "tag" else "no release of ours"
            return None
        return self._decoded(name, tag, found.content, document)

    def _claimed(self, document: bytes) -> bool:
        return bool(_SCHEMA.search(document) and self._registry.search(document))

    def _decoded(self, name: Named, tag: ObjectId, content: bytes, document: bytes) -> TagCase | None:
        release = self._documents.release(name, document)
        if release is None:
            return None
        header = commit_header(content)
        commit = ObjectId(header.get("object", [""])[0])
        case = TagCase(name, release, digest_of(document), tag=tag, commit=commit)
        if header.get("type") != ["commit"] or not is_object_id(commit) or not _rebuilds_tag(case, content, document):
            message = "the tag object is not the one that its release document gives; somebody wrote it by hand"
            self._report.add(1, "tag-not-rebuilt", case.place, message)
        self._commits[name] = commit
        return case

    # -- the commit --------------------------------------------------------------------------------------------------

    def _check_commits(self, cases: Sequence[TagCase]) -> None:
        commits = [case.commit if is_object_id(case.commit) else case.tag for case in cases]
        read = (of_kind(each, "commit") for each in self._reader.contents(commits, COMMIT_LIMIT))
        for case, found in zip(cases, read, strict=True):
            self._documents.parent(case)
            if isinstance(found, Unreadable):
                self._documents.broken(case, f"object-{found.kind}", f"its commit cannot be read: {found.reason}")
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

    def _parent_commit(self, case: TagCase, there: Sequence[str]) -> ObjectId | None:
        """The commit that must be the parent; where the parent's tag is gone, the one that is, if it is one."""
        parent = case.release.parent
        if parent is None:
            return None
        known = self._commits.get((case.release.agent, parent.version))
        return known or (ObjectId(there[0]) if len(there) == 1 else ObjectId(""))

    # -- the snapshot ------------------------------------------------------------------------------------------------

    def _check_snapshots(self, cases: Sequence[TagCase]) -> None:
        wanted: list[tuple[TagCase, ObjectId]] = []
        roots = self._trees.read(case.tree for case in cases if case.tree)
        folders = [entry_of(roots[case.tree], SNAPSHOT_FOLDER) if case.tree else None for case in cases]
        trees = self._trees.read(oid for oid in folders if isinstance(oid, str))
        for case, folder in zip(cases, folders, strict=True):
            blob = entry_of(trees[folder], SNAPSHOT_NAME) if isinstance(folder, str) else folder
            if isinstance(blob, str):
                wanted.append((case, blob))
            elif blob is not None:
                kind = "snapshot-missing" if blob.kind == "absent" else f"object-{blob.kind}"
                self._documents.broken(case, kind, f"its snapshot cannot be read: {blob.reason}")
        oids = [oid for _, oid in wanted]
        for (case, _), found in zip(wanted, self._reader.contents(oids, Snapshot.LIMIT), strict=True):
            self._check_snapshot(case, of_kind(found, "blob"))

    def _check_snapshot(self, case: TagCase, found: Found | Unreadable) -> None:
        if isinstance(found, Found):
            self._documents.snapshot(case, found.content)
            return
        promise, kind = (10, "oversized-document") if found.kind == "oversized" else (1, f"object-{found.kind}")
        self._documents.broken(case, kind, f"its snapshot cannot be read: {found.reason}", promise)


def named_in(ref: str) -> Named | None:
    """The version that a tag's full name stands for, None where it is not of our shape."""
    match = _TAG.fullmatch(ref)
    return (AgentName(match[1]), Version(match[2])) if match and is_version(match[2]) else None


def _rebuilds_tag(case: TagCase, content: bytes, document: bytes) -> bool:
    try:
        return release_tag(case.release, document, case.commit) == content
    except ValueError:
        return False


def _rebuilds_commit(case: TagCase, content: bytes, parent: ObjectId | None) -> bool:
    tree = ObjectId(commit_header(content).get("tree", [""])[0])
    try:
        return release_commit(case.release, tree, parent) == content
    except ValueError:
        return False
