"""A local index of an environment's branch: the commit and the time of every generation.

Promise 4 does not rest on it: it is a cache, so that one record of a million is found without walking the branch.
Whoever reads a record through it checks the record's own generation and digest, and every entry carries a checksum
over its place, commit and time, since nothing else would tell a wrong time. It is brought up to date from the branch's
tip; where it is damaged or does not lie on the first-parent chain it is built anew, and where it cannot be written it
lives in memory only.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress

from repoint.durable import try_lock
from repoint.errors import Corrupt, StoreUnavailable
from repoint.gitcatfile import CatFile, corrupt_object
from repoint.gitlock import make_private_folder, open_like
from repoint.gitobjects import ObjectId, commit_header, is_object_id
from repoint.gitprocess import GitProcess
from repoint_schemas.canonical import MEBIBYTE

HEADER_BYTES = 96
OID_BYTES = 20
ENTRY_BYTES = 32
COMMIT_LIMIT = 4 * MEBIBYTE
NEAR = 4
"""How many new records are read one by one before Git is asked for the whole chain."""

LATEST = 2**63 - 1
"""The largest time that is kept, in Unix seconds; a later or negative one in a commit is cut to what fits."""

_MAGIC = b"repoint-ledger-index/2\n"
_CHECKED = struct.Struct(">28sI")  # commit and time; their CRC-32, which starts from the generation
_TIME = struct.Struct(">20xQ4x")


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
        self._tip: ObjectId | None = None
        self._proven = False  # nothing in it comes from the file

    def __len__(self) -> int:
        return len(self._entries) // ENTRY_BYTES

    def commit(self, generation: int) -> ObjectId | None:
        """The commit of a generation, None beyond the tip. Raises: StoreUnavailable, as ``bring_up_to``."""
        if 0 <= generation < len(self) and not self._intact(generation):
            self._build()
        return self._commit(generation) if 0 <= generation < len(self) else None

    def times(self) -> list[int]:
        """The recorded time of every generation as Unix seconds. Raises: StoreUnavailable, as ``bring_up_to``."""
        checked, crc = enumerate(_CHECKED.iter_unpack(self._entries)), zlib.crc32
        if not all(crc(body, generation) == expected for generation, (body, expected) in checked):
            self._build()
        return [time for (time,) in _TIME.iter_unpack(self._entries)]

    def bring_up_to(self, tip: ObjectId) -> None:
        """Make the index end in this commit.

        Raises:
            Corrupt, StoreUnavailable: the branch cannot be walked.
        """
        if self._stored < 0:
            self._load()
        self._tip = tip
        last = self._commit(len(self) - 1) if self._entries and self._intact(len(self) - 1) else None
        if last != tip:
            self._extend(tip, last)

    def rebuild(self) -> None:
        """Build the index from the branch alone, since a record was not where the index said.

        It stays as it is where nothing in it comes from the file, and where the branch cannot be walked.
        """
        if not self._proven:
            with suppress(Corrupt, StoreUnavailable):
                self._build()

    def _build(self) -> None:
        if self._tip is not None:
            self._extend(self._tip, None)

    def _extend(self, tip: ObjectId, last: ObjectId | None) -> None:
        """Add what is newer than the last commit; where there is none, or it is not found, everything is new."""
        newer = []
        for oid, body in self._walk(tip, 0 if last is None else NEAR):
            if oid == last:
                break
            newer.append(body)
        else:
            self._entries, self._stored, self._proven = b"", 0, True
        numbered = enumerate(reversed(newer), len(self))
        self._entries += b"".join([_CHECKED.pack(body, zlib.crc32(body, generation)) for generation, body in numbered])
        self._save()

    def _commit(self, generation: int) -> ObjectId:
        at = generation * ENTRY_BYTES
        return ObjectId(self._entries[at : at + OID_BYTES].hex())

    def _intact(self, generation: int) -> bool:
        body, expected = _CHECKED.unpack_from(self._entries, generation * ENTRY_BYTES)
        return bool(zlib.crc32(body, generation) == expected)

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
            yield at, _body(at, _committed(header))
            at = _first_parent(at, header)
        if at is not None:
            yield from self._walk_far(at)

    def _walk_far(self, tip: ObjectId) -> Iterator[tuple[ObjectId, bytes]]:
        with closing(self._git.lines(["rev-list", "--first-parent", "--timestamp", tip, "--"])) as lines:
            for line in lines:
                seconds, _, oid = line.decode("ascii").partition(" ")
                yield ObjectId(oid), _body(ObjectId(oid), seconds)

    def _load(self) -> None:
        self._stored = 0
        with suppress(OSError), open(self._path, "rb") as file:
            if file.read(HEADER_BYTES) == self._header:
                entries = file.read()
                self._entries = entries[: len(entries) // ENTRY_BYTES * ENTRY_BYTES]
                self._stored = len(self)

    def _save(self) -> None:
        if os.path.exists(os.path.join(self._git.git_dir or "", "shallow")):
            return  # what is missing now would shift every generation once it is fetched
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


def _body(oid: ObjectId, seconds: str) -> bytes:
    """Commit and time, as an entry holds them. A time that is no number counts as 0, as it does for Git."""
    try:
        time = min(max(int(seconds), 0), LATEST)
    except ValueError:
        time = 0
    return bytes.fromhex(oid) + time.to_bytes(8, "big")


def _committed(header: dict[str, list[str]]) -> str:
    """The committer's time as the commit has it; empty where there is none."""
    words = header.get("committer", [""])[0].split(" ")
    return words[-2] if len(words) > 1 else ""


def _first_parent(commit: ObjectId, header: dict[str, list[str]]) -> ObjectId | None:
    parent = header.get("parent", [None])[0]
    if parent is not None and not is_object_id(parent):
        raise corrupt_object(commit, "its parent is no object id")
    return None if parent is None else ObjectId(parent)
