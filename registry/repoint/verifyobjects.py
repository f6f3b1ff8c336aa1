"""Reading Git objects of a registry that may be damaged: each one is what its id says, or a reason why not.

``verify`` must not stop at the first damaged object, while Git's reading process does: so it is started again after
each, and the reading goes on with the next object. Everything is asked for by object id, never by a path that a
document names. Promise 10: nothing larger than its limit is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from repoint.errors import Corrupt
from repoint.gitcatfile import CatFile, Found, Info
from repoint.gitobjects import ObjectId
from repoint.gitprocess import GitProcess
from repoint.verifyreport import Unreadable
from repoint_schemas.documents import FileEntry

FETCH = "fetch it from another clone, or restore it from a backup"


class ObjectReader:
    """Reads objects by id through a Git process of its own. Consume each answer before the next request."""

    def __init__(self, process: GitProcess) -> None:
        self._cat = CatFile(process)

    def close(self) -> None:
        """End the reading process."""
        self._cat.close()

    def contents(self, oids: Sequence[ObjectId], limit: int) -> Iterator[Found | Unreadable]:
        """Each object whole and checked against its id, in order. Raises: StoreUnavailable, where Git cannot be run."""
        at = 0
        while at < len(oids):
            try:
                for found in self._cat.many(oids[at:], limit):
                    at += 1
                    yield found if isinstance(found, Found) else _refused(oids[at - 1], found, limit)
            except Corrupt as error:
                at += 1
                yield _corrupt(error)

    def content(self, oid: ObjectId, limit: int) -> Found | Unreadable:
        """One object whole."""
        return next(self.contents([oid], limit))

    def infos(self, oids: Sequence[ObjectId]) -> Iterator[Info | Unreadable]:
        """Type and size of each object, in order; contents are not read. Raises: StoreUnavailable."""
        at = 0
        while at < len(oids):
            try:
                for found in self._cat.many_info(oids[at:]):
                    at += 1
                    yield found if isinstance(found, Info) else _missing(oids[at - 1])
            except Corrupt as error:
                at += 1
                yield _corrupt(error)

    def chunks(self, oid: ObjectId, size: int) -> Iterator[bytes] | Unreadable:
        """An object's content in chunks, at most ``size`` bytes; the last chunk is followed by Corrupt if damaged."""
        try:
            found = self._cat.stream(oid, size)
        except Corrupt as error:
            return _corrupt(error)
        return _missing(oid) if found is None else found[1]


class StoredBlobs:
    """The files of one version as ``ContentsCheck`` reads them: a blob for each path, by its object id."""

    def __init__(self, reader: ObjectReader, blobs: Mapping[str, ObjectId], bad: Collection[str]) -> None:
        self.bad = bad
        self._reader = reader
        self._blobs = blobs

    def key(self, entry: FileEntry) -> str:
        """The id of the file's blob."""
        return self._blobs[entry.path]

    def chunks(self, entry: FileEntry) -> Iterator[bytes] | Unreadable:
        """The blob's bytes; the last chunk is followed by Corrupt if it is damaged."""
        return self._reader.chunks(self._blobs[entry.path], entry.size + 1)

    def damage(self, entry: FileEntry) -> str:
        """What is damaged, and what to do."""
        return f"Git object {self._blobs[entry.path]} is damaged; {FETCH}"


def of_kind(found: Found | Unreadable, kind: str) -> Found | Unreadable:
    """What was read, if it is an object of this kind."""
    if isinstance(found, Unreadable) or found.kind == kind:
        return found
    return Unreadable("corrupt", f"Git object {found.oid} is a {found.kind} where a {kind} belongs")


def _refused(oid: ObjectId, found: Info | None, limit: int) -> Unreadable:
    if found is None:
        return _missing(oid)
    return Unreadable("oversized", f"Git object {oid} has {found.size} bytes, more than the {limit} allowed")


def _missing(oid: ObjectId) -> Unreadable:
    return Unreadable("missing", f"Git object {oid} is missing; {FETCH}")


def _corrupt(error: Corrupt) -> Unreadable:
    return Unreadable("corrupt", f"{' '.join(error.message.split())}; {FETCH}")
