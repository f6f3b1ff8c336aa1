"""A local index of an environment's branch: the commit and the time of every generation.

Promise 4 does not rest on it: it is a cache, so that one record of a million is found without walking the branch.
Whoever reads a record through it checks the record's own generation and digest. It is brought up to date from the
branch's tip; where it does not lie on the first-parent chain it is built anew, and where it cannot be written it
lives in memory only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress

from repoint.errors import StoreUnavailable
from repoint.gitcatfile import CatFile, corrupt_object
from repoint.gitlock import make_private_folder, open_like, try_lock
from repoint.gitobjects import ObjectId, commit_header
from repoint.gitprocess import GitProcess
from repoint_schemas.canonical import MEBIBYTE

HEADER_BYTES = 96
OID_BYTES = 20
ENTRY_BYTES = 28
COMMIT_LIMIT = 4 * MEBIBYTE
NEAR = 4
"""How many new records are read one by one before Git is asked for the whole chain."""

_MAGIC = b"repoint-ledger-index/1\n"


class LedgerIndex:
    """Commit and time of every generation of one environment; generation 0 first."""

    def __init__(self, git: GitProcess, cat: CatFile, folder: str, mode_like: str, environment: str) -> None:
        self._git = git
        self._cat = cat
        self._folder = folder
        self._mode_like = mode_like
        self._path = os.path.join(folder, f"{environment}.idx")
        self._header = (_MAGIC + environment.encode() + b"\n").ljust(HEADER_BYTES, b"\x00")
        self._entries = b""
        self._stored = -1  # entries known to be in the file; -1: the file was not read yet

    def __len__(self) -> int:
        return len(self._entries) // ENTRY_BYTES

    def commit(self, generation: int) -> ObjectId | None:
        """The commit of a generation, None beyond the tip."""
        if not 0 <= generation < len(self):
            return None
        at = generation * ENTRY_BYTES
        return ObjectId(self._entries[at : at + OID_BYTES].hex())

    def times(self) -> list[int]:
        """The recorded time of every generation as Unix seconds."""
        steps = range(OID_BYTES, len(self._entries), ENTRY_BYTES)
        return [int.from_bytes(self._entries[at : at + 8], "big") for at in steps]

    def bring_up_to(self, tip: ObjectId) -> None:
        """Make the index end in this commit. Raises: StoreUnavailable, where the branch cannot be walked."""
        if self._stored < 0:
            self._load()
        last = self.commit(len(self) - 1)
        if last == tip:
            return
        newer = []
        for oid, entry in self._walk(tip, 0 if last is None else NEAR):
            if oid == last:
                break
            newer.append(entry)
        else:
            self._entries = b""
            self._stored = 0
        self._entries += b"".join(reversed(newer))
        self._save()

    def rebuild(self) -> None:
        """Build the index from the branch alone, since a record was not where the index said."""
        tip = self.commit(len(self) - 1)
        self._entries = b""
        self._stored = 0
        if tip is not None:
            self.bring_up_to(tip)

    def _walk(self, tip: ObjectId, near: int) -> Iterator[tuple[ObjectId, bytes]]:
        """Commits from the tip down the first parents: the first few by the process that reads objects anyway."""
        at: ObjectId | None = tip
        for _ in range(near):
            if at is None:
                return
            found = self._cat.contents(at, COMMIT_LIMIT)
            if found is None or found.kind != "commit":
                raise corrupt_object(at, "missing, or no commit")
            header = commit_header(found.content)
            yield at, _entry(at, header["committer"][0].split(" ")[-2])
            at = ObjectId(header["parent"][0]) if "parent" in header else None
        if at is not None:
            yield from self._walk_far(at)

    def _walk_far(self, tip: ObjectId) -> Iterator[tuple[ObjectId, bytes]]:
        with closing(self._git.lines(["rev-list", "--first-parent", "--timestamp", tip, "--"])) as lines:
            for line in lines:
                seconds, _, oid = line.decode("ascii").partition(" ")
                yield ObjectId(oid), _entry(ObjectId(oid), seconds)

    def _load(self) -> None:
        self._stored = 0
        with suppress(OSError), open(self._path, "rb") as file:
            if file.read(HEADER_BYTES) == self._header:
                entries = file.read()
                self._entries = entries[: len(entries) // ENTRY_BYTES * ENTRY_BYTES]
                self._stored = len(self)

    def _save(self) -> None:
        with suppress(OSError, StoreUnavailable):
            make_private_folder(self._folder, self._mode_like)
            if self._stored:
                self._append()
            else:
                self._replace()

    def _append(self) -> None:
        """Add the new entries at the place where they belong, unless another process is writing."""
        descriptor = open_like(self._path, os.O_RDWR, self._mode_like)
        try:
            at = HEADER_BYTES + self._stored * ENTRY_BYTES
            if not try_lock(descriptor) or os.fstat(descriptor).st_size < at:
                return
            os.pwrite(descriptor, self._entries[self._stored * ENTRY_BYTES :], at)
            os.ftruncate(descriptor, HEADER_BYTES + len(self._entries))
            self._stored = len(self)
        finally:
            os.close(descriptor)

    def _replace(self) -> None:
        new = f"{self._path}.{os.urandom(8).hex()}.tmp"
        descriptor = open_like(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode_like)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._header + self._entries)
            os.replace(new, self._path)
            self._stored = len(self)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise


def _entry(oid: ObjectId, seconds: str) -> bytes:
    return bytes.fromhex(oid) + int(seconds).to_bytes(8, "big")
