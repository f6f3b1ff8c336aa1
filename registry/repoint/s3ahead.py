"""Reading side by side what a move will read one after another, so that it takes three round trips, not thirty.

Nothing here decides: whatever is fetched is handed out to the call that would have fetched it, and is verified there.
What a rollback goes back to is known only from the record beneath the stack, and its files only from its snapshot.
Where this machine has seen those before, their keys are guessed from its cache and asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from threading import Lock
from typing import TypeVar

import msgspec

from repoint.documentcache import DocumentCache
from repoint.s3client import Got, Head, S3Client
from repoint.s3keys import ENVIRONMENTS, blob_key, ledger_key, release_key, snapshot_key
from repoint_schemas.canonical import D, DocumentError, decode, digest_of
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, FileEntry, Record, Release, Snapshot

REQUIRED = 256
"""Agents whose requirements are read ahead, at most, where this machine does not have them."""

T = TypeVar("T")


class ReadAhead:
    """Requests under way, by key. Safe for threads."""

    def __init__(self, client: S3Client, cache: DocumentCache | None) -> None:
        self._client = client
        self._cache = cache
        self._lock = Lock()
        self._objects: dict[str, Future[Got | None]] = {}
        self._heads: dict[str, Future[Head | None]] = {}

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The threads of this store; the SDK's client is made before the first of them runs."""
        self._client.connect()
        return ThreadPoolExecutor(self._client.settings.connections, thread_name_prefix="repoint-s3")

    def close(self) -> None:
        """Forget what nobody asked for."""
        if "pool" in self.__dict__:
            self.pool.shutdown(wait=False, cancel_futures=True)
            del self.__dict__["pool"]
        with self._lock:
            self._objects.clear()
            self._heads.clear()

    def get(self, key: str, limit: int) -> Got | None:
        """An object: the answer to a request under way, or a new one. Raises: StoreUnavailable.

        What never changes is handed out as often as it is asked for; a pointer, and that something is missing, once.
        """
        with self._lock:
            running = self._objects.get(key)
        if running is None:
            return self._client.get(key, limit)
        try:
            got = running.result()
        except BaseException:
            self.forget(key)
            raise
        if got is None or key.startswith(ENVIRONMENTS):
            self.forget(key)
        return got

    def forget(self, key: str) -> None:
        """Let an object go that was asked for."""
        with self._lock:
            self._objects.pop(key, None)

    def head(self, key: str) -> Head | None:
        """As ``get``, for size and checksum."""
        with self._lock:
            running = self._heads.pop(key, None)
        return self._client.head(key) if running is None else running.result()

    def heads(self, entries: Iterable[FileEntry]) -> list[Head | None]:
        """What the store holds of these files, asked for side by side. Raises: StoreUnavailable."""
        wanted = list(entries)
        self._begin_files(wanted)
        found = {entry.sha256: self.head(blob_key(entry.sha256)) for entry in wanted}
        return [found[entry.sha256] for entry in wanted]

    def many(self, keys: Iterable[str], limit: int) -> list[Got | None]:
        """Objects in the order of their keys, side by side. Raises: StoreUnavailable."""
        wanted = list(keys)
        for key in wanted:
            self.begin(key, limit)
        found = [self.get(key, limit) for key in wanted]
        for key in wanted:
            self.forget(key)
        return found

    def begin(self, key: str, limit: int) -> Future[Got | None]:
        """Begin to read an object."""
        return self._begin(self._objects, key, lambda: self._client.get(key, limit))

    def begin_entry(self, agent: AgentName, entry: Entry) -> None:
        """Begin to read all that is checked of an entry that is to become live."""
        self.begin(release_key(agent, entry.version), Release.LIMIT)
        self._begin_snapshot(snapshot_key(entry.snapshot))

    def begin_entries(self, entries: Mapping[AgentName, Entry]) -> None:
        """Begin to read the documents of entries that a reader is to serve."""
        for agent, entry in entries.items():
            self.begin(release_key(agent, entry.version), Release.LIMIT)
            self.begin(snapshot_key(entry.snapshot), Snapshot.LIMIT)

    def begin_target(self, key: str) -> None:
        """Begin to read all that is checked of a version that is known by its release's key."""
        self._then(self.begin(key, Release.LIMIT), Release, lambda r: self._begin_snapshot(snapshot_key(r.snapshot)))

    def begin_beneath(self, environment: EnvironmentName, agent: AgentName, entry: Entry) -> None:
        """Begin to read what lies beneath an entry on its stack, and all that is checked of that."""
        if entry.back is None:
            return
        key = ledger_key(environment, entry.back)

        def begin_entry(record: Record) -> None:
            if agent in record.agents:
                self.begin_entry(agent, record.agents[agent])

        guessed = None if self._cache is None else _decoded(self._cache.get(key), Record)
        reading = self.begin(key, Record.LIMIT)
        if guessed is not None:
            begin_entry(guessed)
        else:
            self._then(reading, Record, begin_entry)

    def begin_required(self, record: Record, besides: Iterable[AgentName]) -> None:
        """Begin to read what the other live agents require; what this machine has needs no request."""
        left, known = REQUIRED, set(besides)
        for agent, entry in record.agents.items():
            key = snapshot_key(entry.snapshot)
            kept = None if agent in known or self._cache is None else self._cache.get(key)
            if kept is not None and digest_of(kept) == entry.snapshot:
                self._begin(self._objects, key, lambda c=kept: Got(c, ""), at_once=True)  # type: ignore[misc]
            elif agent not in known and left:
                left -= 1
                self.begin(key, Snapshot.LIMIT)

    def keep(self, key: str, content: bytes) -> None:
        """Remember a document for the guesses of later commands."""
        if self._cache is not None:
            self._cache.put(key, content)

    def _begin_snapshot(self, key: str) -> None:
        guessed = None if self._cache is None else _decoded(self._cache.get(key), Snapshot)
        reading = self.begin(key, Snapshot.LIMIT)
        if guessed is not None:
            self._begin_files(guessed.files())
        else:
            self._then(reading, Snapshot, lambda snapshot: self._begin_files(snapshot.files()))

    def _begin_files(self, entries: Iterable[FileEntry]) -> None:
        for entry in entries:
            key = blob_key(entry.sha256)
            self._begin(self._heads, key, lambda k=key: self._client.head(k))  # type: ignore[misc]

    def _begin(
        self, running: dict[str, Future[T]], key: str, ask: Callable[[], T], *, at_once: bool = False
    ) -> Future[T]:
        with self._lock:
            if key not in running:
                running[key] = _done(ask()) if at_once else self.pool.submit(ask)
            return running[key]

    def _then(self, reading: Future[Got | None], kind: type[D], begin: Callable[[D], None]) -> None:
        """Go on from an object as soon as it is here; one that cannot be read leads nowhere."""

        def go_on(done: Future[Got | None]) -> None:
            if done.cancelled() or done.exception() is not None:
                return
            got = done.result()
            document = None if got is None else _decoded(got.content, kind)
            if document is not None:
                with suppress(RuntimeError):  # the store was closed meanwhile
                    begin(document)

        reading.add_done_callback(go_on)


def _done(value: T) -> Future[T]:
    done: Future[T] = Future()
    done.set_result(value)
    return done


def _decoded(content: bytes | None, kind: type[D]) -> D | None:
    """A document for guessing; whoever uses what the guess leads to decodes it again, and says what is wrong."""
    if content is None:
        return None
    try:
        return decode(content, kind, limit=Snapshot.LIMIT)
    except (DocumentError, msgspec.MsgspecError):
        return None
