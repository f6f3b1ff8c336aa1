"""A version's tree against its snapshot: exactly its files, as plain files, in Git's order, and nothing else.

Promises 1 and 10. Only folders that the snapshot names are opened, so a tree that is made to explode or to lead
elsewhere costs one finding; every blob is there with the right size (its bytes are the deep check's).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from repoint.gitcatfile import Found, Info
from repoint.gitobjects import FILE_MODE, SNAPSHOT_PATH, TREE_MODE, ObjectId, TreeEntry, tree_bytes, tree_entries
from repoint.paths import check_path
from repoint.verifyobjects import ObjectReader, of_kind
from repoint.verifyreport import Report, Unreadable
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import Snapshot

TREE_LIMIT = 4 * MEBIBYTE
"""More than 2,000 files need in one folder."""

_PLAIN_MODES = (FILE_MODE, TREE_MODE, b"100755", b"100664")

Folders = dict[str, dict[bytes, bool]]
"""What belongs into each folder: name to whether it is a folder itself."""

Wanted = tuple[str, ObjectId | None, Snapshot | None]


class Tree(msgspec.Struct, frozen=True):
    """One folder as stored; ``orderly``: its bytes are the ones that its entries give."""

    entries: dict[bytes, TreeEntry]
    orderly: bool


class Files(msgspec.Struct):
    """The files of one version: the blob at each path, and the paths that cannot be loaded."""

    blobs: dict[str, ObjectId]
    bad: set[str]


class _Walk(msgspec.Struct):
    """One version while its folders are opened level by level."""

    place: str
    files: Files
    folders: Folders
    pending: list[tuple[str, ObjectId]]


class TreeCheck:
    """Compares trees with snapshots, many at a time; what it finds goes into the report."""

    def __init__(self, reader: ObjectReader, report: Report) -> None:
        self._reader = reader
        self._report = report
        self._seen: dict[ObjectId, Info | Unreadable] = {}

    def read(self, oids: Iterable[ObjectId]) -> dict[ObjectId, Tree | Unreadable]:
        """Trees by id, each read once."""
        wanted = list(dict.fromkeys(oids))
        found = zip(wanted, self._reader.contents(wanted, TREE_LIMIT), strict=True)
        return {oid: _parsed(of_kind(each, "tree")) for oid, each in found}

    def files_of(self, wanted: Sequence[Wanted]) -> list[Files | None]:
        """Each version's files after its tree was compared; None where tree or snapshot could not be read."""
        walks = [_Walk(place, Files({}, set()), _folders(s), [("", t)]) if t and s else None for place, t, s in wanted]
        while pending := [(walk, folder, oid) for walk in walks if walk for folder, oid in walk.pending]:
            trees = self.read([oid for _, _, oid in pending])
            for walk in walks:
                if walk:
                    walk.pending = []
            for walk, folder, oid in pending:
                self._compare(walk, folder, trees[oid])
        for (_, _, snapshot), walk in zip(wanted, walks, strict=True):
            if walk and snapshot:
                walk.files.bad |= {e.path for e in snapshot.files()} - walk.files.blobs.keys()
        self._check_blobs([(walk, s) for walk, (_, _, s) in zip(walks, wanted, strict=True) if walk and s])
        return [walk.files if walk else None for walk in walks]

    def _compare(self, walk: _Walk, folder: str, tree: Tree | Unreadable) -> None:
        shown = folder.rstrip("/") or "its root folder"
        if isinstance(tree, Unreadable):
            self._report.add(1, f"object-{tree.kind}", walk.place, f"{shown} cannot be read: {tree.reason}")
            return
        belongs = walk.folders[folder]
        if not tree.orderly:
            self._report.add(1, "tree-not-rebuilt", walk.place, f"{shown} is not in Git's order, or names a file twice")
        for name in tree.entries.keys() - belongs.keys():
            self._strange(walk, folder, tree.entries[name])
        for name, is_folder in belongs.items():
            path = folder + name.decode()
            entry = tree.entries.get(name)
            if entry is None:
                self._report.add(1, "file-missing", walk.place, f"{path} is not in its tree")
                continue
            if entry.mode != (TREE_MODE if is_folder else FILE_MODE):
                message = f"{path} has the mode {entry.mode.decode('ascii', 'replace')}; only plain files belong there"
                self._report.add(10, "unsafe-mode", walk.place, message)
            if is_folder:
                walk.pending.append((f"{path}/", entry.oid))
            else:
                walk.files.blobs[path] = entry.oid

    def _strange(self, walk: _Walk, folder: str, entry: TreeEntry) -> None:
        """An entry that no document names."""
        name = entry.name.decode("utf-8", "replace")
        path = ascii(folder + name)
        if reason := check_path(name):
            self._report.add(
                10, "unsafe-path", walk.place, f"its tree holds {path}, which {reason}; do not check it out"
            )
        elif entry.mode not in _PLAIN_MODES:
            self._report.add(10, "unsafe-mode", walk.place, f"its tree holds {path}, which is no plain file or folder")
        else:
            self._report.add(
                1, "tree-not-rebuilt", walk.place, f"its tree holds {path}, which its snapshot does not name"
            )

    def _check_blobs(self, walks: Sequence[tuple[_Walk, Snapshot]]) -> None:
        named = {oid for walk, _ in walks for oid in walk.files.blobs.values()}
        unseen = [oid for oid in named if oid not in self._seen]
        self._seen.update(zip(unseen, self._reader.infos(unseen), strict=True))
        for walk, snapshot in walks:
            for entry in snapshot.files():
                if oid := walk.files.blobs.get(entry.path):
                    self._check_blob(walk, entry.path, entry.size, self._seen[oid])

    def _check_blob(self, walk: _Walk, path: str, size: int, found: Info | Unreadable) -> None:
        if isinstance(found, Info) and (found.kind, found.size) == ("blob", size):
            return
        walk.files.bad.add(path)
        if isinstance(found, Unreadable):
            kind = "file-missing" if found.kind == "missing" else f"object-{found.kind}"
            self._report.add(1, kind, walk.place, f"{path}: {found.reason}")
        else:
            message = f"{path} is a {found.kind} of {found.size} bytes, but a file of {size} bytes was released"
            self._report.add(1, "file-changed", walk.place, message)


def entry_of(tree: Tree | Unreadable | None, name: str) -> ObjectId | Unreadable:
    """The object under a name in a tree."""
    if tree is None:
        return Unreadable("missing", "there is no tree")
    if isinstance(tree, Unreadable):
        return tree
    entry = tree.entries.get(name.encode())
    return entry.oid if entry else Unreadable("absent", f"{name} is not in its tree")


def _folders(snapshot: Snapshot) -> Folders:
    folders: Folders = {"": {}}
    for path in (SNAPSHOT_PATH, *(entry.path for entry in snapshot.files())):
        parts = path.split("/")
        for depth, name in enumerate(parts):
            folder = "".join(f"{part}/" for part in parts[:depth])
            folders.setdefault(folder, {})[name.encode()] = depth < len(parts) - 1
    return folders


def _parsed(found: Found | Unreadable) -> Tree | Unreadable:
    if isinstance(found, Unreadable):
        return found
    try:
        entries = tree_entries(found.content)
    except ValueError as error:
        return Unreadable("corrupt", f"it is not a tree: {error}")
    return Tree({entry.name: entry for entry in entries}, tree_bytes(entries) == found.content)
