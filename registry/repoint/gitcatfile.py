"""Reading objects through one long-lived ``git cat-file --batch-command``.

Promise: what is read here is either the object's true content or an error. Git does not always check an object
against its id when reading, and answers "missing" for a damaged one; so everything is hashed again, and a "missing"
that comes with a complaint on standard error is damage. Requests are written in batches smaller than any pipe, so
neither side can block.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from repoint.errors import Corrupt, InvalidInput, StoreUnavailable
from repoint.gitobjects import ObjectId, object_header, tree_entries
from repoint.gitprocess import pipe
from repoint_schemas.canonical import MEBIBYTE

if TYPE_CHECKING:
    import subprocess

    from repoint.gitprocess import GitProcess

BATCH_BYTES = 4000
"""Most bytes of requests under way: the least that any pipe holds is 4,096."""

BATCH_OBJECTS = 32
"""Most objects that are held in memory together."""

TREE_LIMIT = 64 * MEBIBYTE


class Info(NamedTuple):
    """An object's id, type and size in bytes."""

    oid: ObjectId
    kind: str
    size: int


class Found(NamedTuple):
    """An object whose content was read whole and checked against its id."""

    oid: ObjectId
    kind: str
    content: bytes


class _Batch:
    """Requests that are made together, the replies read so far, and what stopped the reading of the others."""

    def __init__(self, verb: str, specs: list[str], limit: int) -> None:
        self.verb = verb
        self.specs = specs
        self.limit = limit
        self.replies: list[Found | Info | None] = []
        self.failure: Corrupt | StoreUnavailable | None = None

    def given(self) -> Iterator[Found | Info | None]:
        """The replies in order. Raises: Corrupt, StoreUnavailable, after those that were read."""
        yield from self.replies
        if self.failure is not None:
            raise self.failure


_UNCERTAIN = Info(ObjectId(""), "", -1)


class CatFile:
    """Reads objects by id, ref or ``<commit>:<path>``; starts its process when needed, and again after a failure.

    For one thread at a time.
    """

    def __init__(self, git: GitProcess) -> None:
        self._git = git
        self._child: subprocess.Popen[bytes] | None = None
        self._unread = 0  # replies that nobody has consumed; then the process cannot be used any more
        self._ahead: _Batch | None = None  # was asked for, and its replies were not read yet
        self._asked = 0
        self._answered = False
        self._drained = ""  # what it had complained about when the last request was made
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes], int], CatFile] | None = None

    def close(self) -> None:
        """End the process. The object can still be used: the next request starts another."""
        self._unread = 0
        self._ahead = None
        self._child = None
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None

    def info(self, spec: str) -> Info | None:
        """Id, type and size of an object, None where there is none. Raises: Corrupt, StoreUnavailable."""
        self._ask(f"info {_checked(spec)}\n".encode())
        return self._info(spec)

    def contents(self, spec: str, limit: int) -> Found | None:
        """One object whole, None where there is none.

        Raises:
            Corrupt: more than ``limit`` bytes, damaged, or not what its id says.
            StoreUnavailable: Git cannot be run.
        """
        found = next(self.many([spec], limit))
        if isinstance(found, Info):
            raise oversized(found, limit)
        return found

    def many(self, specs: Iterable[str], limit: int) -> Iterator[Found | Info | None]:
        """``contents`` of many, in order, written ahead in batches; of an object over the limit only the Info.

        Other requests may be made between two results: all replies of a batch are read before the first is given.

        Raises:
            Corrupt, StoreUnavailable: as ``contents``; nothing comes after it.
        """
        return self._many("contents", specs, limit)

    def many_info(self, specs: Iterable[str]) -> Iterator[Info | None]:
        """``info`` of many, in order, written ahead in batches. Raises: Corrupt, StoreUnavailable."""
        for found in self._many("info", specs, 0):
            if not isinstance(found, Found):
                yield found

    def stream(self, spec: str, limit: int) -> tuple[Info, Iterator[bytes]] | None:
        """Id, type and size, and the content in chunks of at most 1 MiB; at most ``limit`` bytes are yielded.

        The last chunk is followed by Corrupt where the whole content does not match its id. Consume the chunks before
        the next request.
        """
        self._ask(f"contents {_checked(spec)}\n".encode())
        found = self._header(spec)
        if found is None:
            self._unread -= 1
            return None
        return found, self._body(found, limit, self._asked)

    def child_at(self, commit: ObjectId, path: str) -> Info | None:
        """What stands at a path of a commit's tree; None only where the trees say that nothing does.

        Raises:
            Corrupt: the commit, a tree on the way or the object itself is missing or damaged.
        """
        if found := self.info(f"{commit}:{path}"):
            return found
        at: str = f"{commit}^{{tree}}"
        for component in path.encode().split(b"/"):
            tree = self.contents(at, TREE_LIMIT)
            if tree is None:
                raise corrupt_object(at, "missing")
            entries = {} if tree.kind != "tree" else {entry.name: entry.oid for entry in tree_entries(tree.content)}
            if component not in entries:
                return None
            at = entries[component]
        raise corrupt_object(at, "missing")

    def _many(self, verb: str, specs: Iterable[str], limit: int) -> Iterator[Found | Info | None]:
        """The next batch is asked for before the replies of one are given: Git works on it meanwhile."""
        before: _Batch | None = None
        for some in _batches(specs):
            batch = _Batch(verb, some, limit)
            if before is not None:
                self._finish(before)
                if before.failure is None:
                    self._begin(batch)
                yield from before.given()
            before = batch
        if before is not None:
            self._finish(before)
            yield from before.given()

    def _begin(self, batch: _Batch) -> None:
        """Ask for the whole batch; its replies are read before any other request is made."""
        try:
            self._ask("".join(f"{batch.verb} {spec}\n" for spec in batch.specs).encode(), len(batch.specs))
            self._ahead = batch
        except StoreUnavailable as failure:
            batch.failure = failure

    def _finish(self, batch: _Batch) -> None:
        """Read all replies to the batch, unless that was done already; what stops it half-way is its failure."""
        asked, alone = self._ahead is batch, False
        self._ahead = None
        try:
            while len(batch.replies) < len(batch.specs) and batch.failure is None:
                left = batch.specs[len(batch.replies) :][: 1 if alone else None]
                if not asked:
                    self._ask("".join(f"{batch.verb} {spec}\n" for spec in left).encode(), len(left))
                alone, asked = not self._read_replies(batch, left), False
        except (Corrupt, StoreUnavailable) as failure:
            batch.failure = failure

    def _read_replies(self, batch: _Batch, specs: list[str]) -> bool:
        """Read as many replies as can be; False, where the next one must be asked for alone to be understood."""
        replies = batch.replies
        for spec in specs:
            found = self._header(spec, alone=len(specs) == 1)
            if found is _UNCERTAIN:
                return False
            if found is None or batch.verb == "info":
                self._unread -= 1
                replies.append(found)
            elif found.size > batch.limit:
                self.close()
                replies.append(found)
                return True
            else:
                replies.append(self._whole(found, batch.limit))
        return True

    def _whole(self, found: Info, limit: int) -> Found:
        """The content of an object within the limit; that of a small one with a single read."""
        oid, kind, size = found
        if size > MEBIBYTE:
            return Found(oid, kind, b"".join(self._body(found, limit, self._asked)))
        content = self._read(size + 1, oid)[:size]
        self._unread -= 1
        if hashlib.sha1(object_header(kind, size) + content, usedforsecurity=False).hexdigest() != oid:
            raise corrupt_object(oid, "its content does not match its id")
        return Found(oid, kind, content)

    def _info(self, spec: str) -> Info | None:
        found = self._header(spec)
        self._unread -= 1
        return found

    def _body(self, found: Info, limit: int, asked: int) -> Iterator[bytes]:
        hashed = hashlib.sha1(object_header(found.kind, found.size), usedforsecurity=False)
        left = found.size
        while left:
            if asked != self._asked:
                raise ValueError("the content of one object is read on after a request for another")
            chunk = self._read(min(left, MEBIBYTE), found.oid)
            hashed.update(chunk)
            left -= len(chunk)
            if found.size - left > limit:
                yield chunk[: limit - (found.size - left - len(chunk))]
                self.close()
                return
            yield chunk
        self._read(1, found.oid)
        self._unread -= 1
        if hashed.hexdigest() != found.oid:
            raise corrupt_object(found.oid, "its content does not match its id")

    def _ask(self, requests: bytes, number: int = 1) -> None:
        if self._ahead is not None:
            self._finish(self._ahead)
        child = self._ready()
        self._drained = self._complaint()  # Git waits for ever once this pipe is full
        self._unread = number
        self._asked += 1
        try:
            pipe(child.stdin).write(requests)
            pipe(child.stdin).flush()
        except OSError as error:
            raise self._died() from error

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._unread:
            self.close()
        if self._child is None:
            self._child = self._git.start(["cat-file", "--batch-command"])
            self._finalizer = weakref.finalize(self, _end, self._child, os.getpid())
            os.set_blocking(pipe(self._child.stderr).fileno(), False)
        return self._child

    def _header(self, spec: str, *, alone: bool = True) -> Info | None:
        """The first line of a reply; _UNCERTAIN, where a complaint may be about one of the requests after this."""
        line = pipe(self._child.stdout if self._child else None).readline()
        if not line.endswith(b"\n"):
            raise self._died(spec)
        self._answered = True
        if line.endswith((b" missing\n", b" ambiguous\n")):
            if complaint := self._complaint():
                self.close()
                if not alone:
                    return _UNCERTAIN
                raise corrupt_object(spec, complaint)
            return None
        oid, kind, size = line.decode("ascii", "replace").split()
        return Info(ObjectId(oid), kind, int(size))

    def _read(self, size: int, oid: ObjectId) -> bytes:
        chunk = pipe(self._child.stdout if self._child else None).read(size)
        if len(chunk) != size:
            raise self._died(oid)
        return chunk

    def _complaint(self) -> str:
        """What Git wrote on standard error since the last time, without waiting."""
        if self._child is None or self._child.stderr is None:
            return ""
        return (self._child.stderr.read() or b"").decode("utf-8", "replace").strip()

    def _died(self, spec: str = "") -> Corrupt | StoreUnavailable:
        """Why the process ended: too old a Git, a damaged object that it was reading, or something unknown."""
        child, answered, said = self._child, self._answered, ""
        if child is not None and child.stderr is not None:
            child.wait()
            said = self._complaint() or self._drained
        self.close()
        if not answered:
            self._git.require_version()
        if spec and child is not None and child.returncode > 0:
            return corrupt_object(spec, said or "git cat-file gave up on it")
        return StoreUnavailable(f"git cat-file ended: {said}", kind="git-failed", hint="run repoint doctor")


def corrupt_object(spec: str, reason: str) -> Corrupt:
    """The error to raise for a damaged or missing object."""
    return Corrupt(
        f"Git object {spec} is damaged: {reason}",
        kind="corrupt-object",
        hint="run git fsck, and fetch the object from another clone",
        object=spec,
    )


def oversized(found: Info, limit: int) -> Corrupt:
    """The error to raise for an object that is larger than what belongs there may be."""
    return Corrupt(
        f"Git object {found.oid} has {found.size} bytes, more than the {limit} allowed",
        kind="oversized",
        object=found.oid,
    )


def _batches(specs: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for spec in specs:
        request = len(_checked(spec).encode()) + len("contents \n")
        if batch and (size + request > BATCH_BYTES or len(batch) == BATCH_OBJECTS):
            yield batch
            batch, size = [], 0
        batch.append(spec)
        size += request
    if batch:
        yield batch


def _checked(spec: str) -> str:
    _, colon, path = spec.partition(":")
    relative = colon and not {"", ".", ".."}.isdisjoint(path.split("/"))
    if relative or "\n" in spec or "\x00" in spec or not spec:
        raise InvalidInput(f"{spec!a} cannot be looked up in Git", kind="invalid-path")
    return spec


def _end(child: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a fork of the process that started it
        return
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with suppress(OSError):  # a request that was not sent yet, to a process that is gone
                stream.close()
    child.kill()
    child.wait()
