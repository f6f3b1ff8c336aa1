"""Writing loose objects: whole, checked and durable before anything can name them.

Promise 1 on disk. The order matters: content to a temporary name that ``git prune`` knows, fsync, rename into place,
fsync of the folder; only when all objects of a batch are there may a ref be written. An object that exists already is
trusted only after it was read and hashed: a truncated file left by a power cut would otherwise stay for ever.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from repoint.durable import flush_path, translated
from repoint.errors import Corrupt
from repoint.gitcatfile import CatFile
from repoint.gitobjects import ObjectId, object_header, object_id
from repoint.store import changed_while_read
from repoint_schemas.canonical import MEBIBYTE

FASTEST = 1
"""zlib's level: as ``core.looseCompression`` is by default; ids do not depend on it."""

LARGE = 8 * MEBIBYTE
"""Larger objects are not compressed: it takes several times as long as storing them, and ``git gc`` does it in time."""

GC_ATTEMPTS = 20
"""How often a folder that ``git gc`` removed under our hands is made again."""

Chunks = Callable[[], Iterable[bytes]]
T = TypeVar("T")


class LooseObjects:
    """Writes objects into a repository's ``objects`` folder. All errors of the disk are StoreUnavailable."""

    def __init__(self, folder: str, cat: CatFile) -> None:
        self.folder = folder
        self._cat = cat
        self._depth = 0
        self._waiting: dict[ObjectId, str] = {}  # written under a temporary name, not in place yet
        self._present: set[ObjectId] = set()  # in place already; may not be durable yet

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Put all objects written within into place together, sharing the waits for the disk.

        They are durable, and can be read, when the block ends; an error within it leaves none of them.
        """
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                with translated("cannot write", self.folder):
                    self._put_into_place()
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._discard()

    def write(self, kind: str, content: bytes) -> ObjectId:
        """Store an object held in memory, durably unless within a ``batch``; one that is there is left alone."""
        oid = object_id(kind, content)
        self._write_new(oid, kind, len(content), lambda: [content])
        return oid

    def write_chunks(self, kind: str, size: int, chunks: Chunks) -> ObjectId:
        """Store an object of ``size`` bytes that is read twice, first for its id.

        Raises:
            InvalidInput: the two readings differ, or are not of that size.
        """
        oid = _id_of_chunks(kind, size, chunks())
        self._write_new(oid, kind, size, chunks)
        return oid

    def write_once(self, kind: str, size: int, chunks: Chunks) -> ObjectId:
        """The same, read only once, where reading is what costs; one that is there already costs as much.

        Raises:
            InvalidInput: it is not of that size.
        """
        with translated("cannot write", self.folder), self.batch():
            waiting = os.path.join(self.folder, _temporary())
            try:
                with open(waiting, "xb", opener=_private) as file:
                    oid = _compress(kind, size, chunks(), file.write)
                    os.fchmod(file.fileno(), 0o444 & self._mode())
                if oid not in self._waiting and oid not in self._present:
                    if self._is_there(oid, kind, size):
                        self._present.add(oid)
                    else:
                        self._waiting[oid] = self._beside(oid, waiting)
                return oid
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(waiting)

    def _write_new(self, oid: ObjectId, kind: str, size: int, chunks: Chunks) -> None:
        if oid in self._waiting or oid in self._present:
            return
        with translated("cannot write", self.folder), self.batch():
            if self._is_there(oid, kind, size):
                self._present.add(oid)
            else:
                self._write_waiting(oid, kind, size, chunks)

    def _is_there(self, oid: ObjectId, kind: str, size: int) -> bool:
        loose = self._path(oid)
        if os.path.lexists(loose):
            with suppress(OSError):
                os.utime(loose)  # as Git does: git prune keeps what was touched within two weeks
            return _is_intact(loose, oid, kind, size)
        try:
            found = self._cat.stream(oid, size)
            if found is not None:
                deque(found[1], maxlen=0)  # reading it to the end checks it against its id
        except Corrupt:
            return False  # a good loose copy is what Git falls back to
        return found is not None and (found[0].kind, found[0].size) == (kind, size)

    def _write_waiting(self, oid: ObjectId, kind: str, size: int, chunks: Chunks) -> None:
        waiting = os.path.join(os.path.dirname(self._path(oid)), _temporary())
        self._waiting[oid] = waiting
        with self._in_its_folder(waiting, lambda: open(waiting, "xb", opener=_private)) as file:
            if _compress(kind, size, chunks(), file.write) != oid:
                raise changed_while_read()
            os.fchmod(file.fileno(), 0o444 & self._mode())

    def _beside(self, oid: ObjectId, waiting: str) -> str:
        """Move a file that is not in place yet into the folder where it will be; its name there."""
        beside = os.path.join(os.path.dirname(self._path(oid)), os.path.basename(waiting))
        self._in_its_folder(beside, lambda: os.rename(waiting, beside))
        return beside

    def _in_its_folder(self, path: str, create: Callable[[], T]) -> T:
        """Create a file, and first its folder, which ``git gc`` removes where it is empty for a moment."""
        for _ in range(GC_ATTEMPTS):
            with suppress(FileNotFoundError):
                self._make_folder(os.path.dirname(path))
                return create()
        return create()

    def _put_into_place(self) -> None:
        for waiting in self._waiting.values():
            flush_path(waiting)
        for oid, waiting in self._waiting.items():
            os.rename(waiting, self._path(oid))
        loose = [oid for oid in self._present if os.path.exists(self._path(oid))]
        for oid in loose:
            with suppress(FileNotFoundError):  # packed meanwhile by another process
                flush_path(self._path(oid))
        folders = {os.path.dirname(self._path(oid)) for oid in [*self._waiting, *loose]}
        for folder in folders:
            with suppress(FileNotFoundError):  # all of it was packed meanwhile by another process
                flush_path(folder)
        if folders:
            flush_path(self.folder)  # whoever made a folder within may not have come to this yet
        self._waiting.clear()

    def _discard(self) -> None:
        for waiting in self._waiting.values():
            with suppress(OSError):
                os.unlink(waiting)
        self._waiting.clear()
        self._present.clear()

    def _make_folder(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        with suppress(FileExistsError):
            os.mkdir(folder)
            os.chmod(folder, self._mode())

    def _mode(self) -> int:
        """The permission bits of ``objects`` itself: in a shared repository they let the group write."""
        return stat.S_IMODE(os.stat(self.folder).st_mode)

    def _path(self, oid: ObjectId) -> str:
        return os.path.join(self.folder, oid[:2], oid[2:])


def _temporary() -> str:
    """A name that ``git prune`` knows."""
    return f"tmp_obj_{os.urandom(8).hex()}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _id_of_chunks(kind: str, size: int, chunks: Iterable[bytes]) -> ObjectId:
    hashed = hashlib.sha1(object_header(kind, size), usedforsecurity=False)
    length = 0
    for chunk in chunks:
        hashed.update(chunk)
        length += len(chunk)
    if length != size:
        raise changed_while_read()
    return ObjectId(hashed.hexdigest())


def _compress(kind: str, size: int, chunks: Iterable[bytes], write: Callable[[bytes], int]) -> ObjectId:
    header = object_header(kind, size)
    hashed = hashlib.sha1(header, usedforsecurity=False)
    packer = zlib.compressobj(0 if size > LARGE else FASTEST)
    write(packer.compress(header))
    length = 0
    for chunk in chunks:
        length += len(chunk)
        hashed.update(chunk)
        write(packer.compress(chunk))
    write(packer.flush())
    if length != size:
        raise changed_while_read()
    return ObjectId(hashed.hexdigest())


def _is_intact(path: str, oid: ObjectId, kind: str, size: int) -> bool:
    """Whether a loose file inflates to exactly the object of that id, kind and size; no more is inflated."""
    expected = len(object_header(kind, size)) + size
    hashed = hashlib.sha1(usedforsecurity=False)
    unpacker = zlib.decompressobj()
    length = 0
    try:
        with open(path, "rb") as file:
            while not unpacker.eof and length <= expected:
                packed = unpacker.unconsumed_tail or file.read(MEBIBYTE)
                if not packed:
                    return False
                chunk = unpacker.decompress(packed, MEBIBYTE)
                hashed.update(chunk)
                length += len(chunk)
            trailing = unpacker.unused_data or file.read(1)
    except (OSError, zlib.error):
        return False
    return length == expected and not trailing and hashed.hexdigest() == oid
