"""Putting files into S3: create-only, by content address, large ones in parts, and checked where they lie.

Promise 1 for contents: a blob counts as stored only once the store itself has said the checksum of what it holds, or,
where it says none, once all of it was read back and hashed; that goes for blobs that were there already, too. Because
the key is the content's own digest, a publish that was interrupted goes on where it stopped: whole blobs are not sent
again, and of a large one only the parts that are missing.

Source: Amazon S3 User Guide, "Checking object integrity": the SHA-256 of an object in parts is that of its parts'
digests one after another.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import NamedTuple

from repoint.errors import Corrupt, InvalidInput, OutcomeUnknown, StoreUnavailable
from repoint.s3client import Head, Part, S3Client, Written
from repoint.s3keys import blob_key
from repoint.s3sdk import CONNECTIONS
from repoint.store import Content, changed_while_read
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import FileEntry

PART_BYTES = 8 * MEBIBYTE
"""Size of every part but the last; what is larger than one part is sent in parts."""

HELD_PARTS = 4
"""Parts, or whole smaller files, that are in memory at once."""

Sent = Callable[[int], object]
"""Is told of bytes that the store holds now, whether they were sent or were there already."""


class _Piece(NamedTuple):
    number: int
    content: bytes
    sha256: str


def put_files(client: S3Client, files: Iterable[tuple[FileEntry, Content]], sent: Sent) -> None:
    """Store every file, several side by side. Idempotent; what it leaves behind is unreferenced.

    Raises:
        InvalidInput: a file is not what its entry says (``file-changed``); what of it was stored has another key.
        Corrupt: the store holds something else under a blob's key.
        OutcomeUnknown, StoreUnavailable: some may have been stored; doing it again sends what is missing.
    """
    wanted = list({entry.sha256: (entry, content) for entry, content in files}.values())
    room = BoundedSemaphore(HELD_PARTS)
    with ThreadPoolExecutor(min(CONNECTIONS, 2 * HELD_PARTS)) as pool:
        there = list(pool.map(lambda pair: client.head(blob_key(pair[0].sha256)), wanted))
        missing: list[tuple[FileEntry, Content]] = []
        for (entry, content), head in zip(wanted, there, strict=True):
            if head is None:
                missing.append((entry, content))
            else:
                _require_content(client, entry, content, head)
                sent(entry.size)
        running: list[Future[None]] = []
        try:
            for entry, content in missing:
                if entry.size > PART_BYTES:
                    _put_large(client, pool, room, entry, content, sent)
                else:
                    running.append(_put_small(client, pool, room, entry, content, sent))
        finally:
            failures = [error for each in running if (error := each.exception()) is not None]
        for error in failures:
            raise error


def _put_small(
    client: S3Client, pool: ThreadPoolExecutor, room: BoundedSemaphore, entry: FileEntry, content: Content, sent: Sent
) -> Future[None]:
    held = b"".join(content.chunks())
    if hashlib.sha256(held).hexdigest() != entry.sha256:
        raise changed_while_read(entry.path)

    def put() -> None:
        try:
            key, sha256 = blob_key(entry.sha256), checksum(entry.sha256)
            _stored(client, entry, lambda: client.create(key, held, sha256), lambda: sha256)
        finally:
            room.release()
        sent(entry.size)

    room.acquire()
    return pool.submit(put)


def _put_large(
    client: S3Client, pool: ThreadPoolExecutor, room: BoundedSemaphore, entry: FileEntry, content: Content, sent: Sent
) -> None:
    key = blob_key(entry.sha256)
    there = client.uploads(key)
    upload, held = _upload_to_continue(client, key, there)

    def put(piece: _Piece) -> Part:
        try:
            known = held.get(piece.number)
            if known is not None and (known.sha256, known.size) == (piece.sha256, len(piece.content)):
                return known
            return client.upload_part(key, upload, piece.number, piece.content, piece.sha256)
        finally:
            room.release()
            sent(len(piece.content))

    parts: list[Future[Part]] = []
    try:
        for piece in _pieces(entry, content):
            room.acquire()
            parts.append(pool.submit(put, piece))
    except InvalidInput:  # nobody has that content any more
        if upload not in there:
            _give_up(client, key, [upload])
        raise
    finally:
        failures = [error for each in parts if (error := each.exception()) is not None]
    if failures:
        _require_finished_elsewhere(client, entry, content, failures[0])
        return
    whole = [each.result() for each in parts]
    digests = [part.sha256 or "" for part in whole]
    ended = _stored(client, entry, lambda: client.finish_upload(key, upload, whole), lambda: _composite(digests))
    if ended is not Written.DONE or there:
        _give_up(client, key, {upload, *there})


def _require_finished_elsewhere(client: S3Client, entry: FileEntry, content: Content, error: BaseException) -> None:
    """Somebody who goes on with the same upload may have finished it meanwhile. Raises: the error, where not."""
    head = client.head(blob_key(entry.sha256)) if isinstance(error, StoreUnavailable) else None
    if head is None:
        raise error
    _require_content(client, entry, content, head)


def _upload_to_continue(client: S3Client, key: str, there: Iterable[str]) -> tuple[str, dict[int, Part]]:
    """An unfinished upload of this key with the parts that it holds, or a new one."""
    for upload in there:
        parts = client.parts(key, upload)
        if parts and all(part.sha256 for part in parts):
            return upload, {part.number: part for part in parts}
    return client.begin_upload(key), {}


def _give_up(client: S3Client, key: str, uploads: Iterable[str]) -> None:
    """Remove what uploads left that nobody goes on with, best effort: it is paid for like any object."""
    for upload in uploads:
        with suppress(StoreUnavailable):
            client.abort_upload(key, upload)


def _pieces(entry: FileEntry, content: Content) -> Iterator[_Piece]:
    """The file in parts. Raises: InvalidInput, before the last one, where it is not what its entry says."""
    whole, held, number = hashlib.sha256(), bytearray(), 1
    for chunk in content.chunks():
        whole.update(chunk)
        held += chunk
        while len(held) > PART_BYTES:
            yield _piece(number, bytes(memoryview(held)[:PART_BYTES]))
            del held[:PART_BYTES]
            number += 1
    if whole.hexdigest() != entry.sha256:
        raise changed_while_read(entry.path)
    yield _piece(number, bytes(held))


def _piece(number: int, content: bytes) -> _Piece:
    return _Piece(number, content, b64encode(hashlib.sha256(content).digest()).decode())


def _stored(
    client: S3Client, entry: FileEntry, attempt: Callable[[], Written], composite: Callable[[], str]
) -> Written:
    """Write, and require that the store then holds exactly this file. Raises: Corrupt, OutcomeUnknown."""
    ended, _ = client.until_known(attempt)
    head = client.head(blob_key(entry.sha256))
    if head is None:
        raise OutcomeUnknown(
            f"it is not known whether {entry.path} was stored ({ended.value})",
            kind="publish-unconfirmed",
            hint="run the same command again: it sends what is missing",
        )
    _require_same(client, entry, head, composite)
    return ended


def _require_content(client: S3Client, entry: FileEntry, content: Content, head: Head) -> None:
    """Require that the store holds this file, which is read for it: one that changed must not pass for stored.

    Raises: InvalidInput, Corrupt.
    """
    digests = [piece.sha256 for piece in _pieces(entry, content)]
    _require_same(client, entry, head, lambda: _composite(digests))


def _require_same(client: S3Client, entry: FileEntry, head: Head, composite: Callable[[], str]) -> None:
    """Require that a blob is the file, by the store's own checksum, else by reading it. Raises: Corrupt."""
    if head.size == entry.size and head.sha256 is not None:
        known = composite() if "-" in head.sha256 else checksum(entry.sha256)
        if head.sha256 == known:
            return
    if head.size != entry.size or _hashed(client, entry) != entry.sha256:
        raise Corrupt(
            f"the store holds something else than {entry.path} under {blob_key(entry.sha256)}",
            kind="corrupt-file",
            hint="repoint verify --deep says what else is damaged; move that object away and publish again",
            promise=1,
        )


def _composite(parts: Iterable[str]) -> str:
    """What S3 says is the SHA-256 of an object that was uploaded in parts with these digests (base64)."""
    digests = [b64decode(part) for part in parts]
    return f"{b64encode(hashlib.sha256(b''.join(digests)).digest()).decode()}-{len(digests)}"


def _hashed(client: S3Client, entry: FileEntry) -> str:
    hashed = hashlib.sha256()
    for chunk in client.stream(blob_key(entry.sha256), entry.size) or ():
        hashed.update(chunk)
    return hashed.hexdigest()


def checksum(hexadecimal: str) -> str:
    """A SHA-256 as S3's headers carry it."""
    return b64encode(bytes.fromhex(hexadecimal)).decode()
