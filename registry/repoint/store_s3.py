"""The store in an S3 bucket: immutable objects create-only, each environment one object moved by compare-and-swap.

Promises 1, 3 and 4 for S3; the order of writes is that of docs/design.md ("Move, S3 authority"), which a model check
has been through (docs/protocol-check.md): the record that a swap replaces is in the ledger before the swap is sent,
and a write whose outcome is not known is sent again, never guessed at. Nothing is listed and nothing but documents is
downloaded for a move.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread

import msgspec

from repoint.documentcache import DocumentCache
from repoint.errors import Corrupt, OutcomeUnknown, RepointError, StoreUnavailable
from repoint.s3ahead import ReadAhead
from repoint.s3client import Got, S3Client, Written, paused
from repoint.s3keys import (
    ENVIRONMENTS,
    RELEASES,
    blob_key,
    environment_in,
    environment_key,
    ledger_key,
    release_key,
    released_in,
    snapshot_key,
)
from repoint.s3sdk import CONNECTIONS
from repoint.s3upload import Sent, checksum, put_files
from repoint.store import Ahead, Contents, Draft, Foreign, Pointer, Swap
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, FileEntry, Record, Release, Snapshot, Version

YANKS = EnvironmentName("registry")
LEDGER_PATIENCE = 2.0
"""Seconds that a command waits at its end for its own ledger entry, which the next mover would write anyway."""

_SWAPS = {
    Written.DONE: Swap.DONE,
    Written.REFUSED: Swap.LOST,
    Written.MISSING: Swap.LOST,  # the pointer is gone: reading it again says so
    Written.UNKNOWN: Swap.UNKNOWN,
}


_ETAG = r'"[^"*]+"'
"""An ETag that names one content; an empty condition or a ``*`` would let a swap replace anything."""


class _Place(msgspec.Struct):
    """Which generation a record says that it is, and when it was made."""

    generation: int
    time: str = ""


class S3Store:
    """A registry in one bucket, beneath one prefix. Closing it ends its threads; it can be used again."""

    late_writes = True

    def __init__(self, client: S3Client, cache: DocumentCache | None = None, sent: Sent = int) -> None:
        self.client = client
        self.sent = sent
        self._ahead = ReadAhead(client, cache)
        self._kept: dict[str, Future[None]] = {}  # ledger entries being written, by key
        self._tips: dict[EnvironmentName, tuple[int, bytes]] = {}  # the newest record read, with its generation
        self._written: dict[str, bytes] = {}  # records that this store put into the ledger, or found there, by key
        self._sending: tuple[str, int, float] = ("", 0, 0.0)  # the record being sent: id, attempts, since when
        self._noting: list[Thread] = []

    @property
    def name(self) -> str:
        """Bucket, prefix and endpoint."""
        return str(self.client.settings.address)

    def close(self) -> None:
        """Give what is still being noted a moment, and end the threads of this store."""
        until = time.monotonic() + LEDGER_PATIENCE
        for each in self._noting:
            each.join(max(0.0, until - time.monotonic()))
        self._noting.clear()
        self._ahead.close()

    def __enter__(self) -> S3Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- versions ------------------------------------------------------------------------------------------------------

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        """See ``Store``; one listing for each thousand versions."""
        found: dict[AgentName, list[Version]] = {}
        for key in self.client.keys(RELEASES if agent is None else f"{RELEASES}{agent}/"):
            if named := released_in(key):
                found.setdefault(named[0], []).append(named[1])
        return found

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        """See ``Store``."""
        return _release(self._ahead.get(release_key(agent, version), Release.LIMIT))

    def read_releases(
        self, wanted: Iterable[tuple[AgentName, Version]]
    ) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        """See ``Store``; as many side by side as there are connections."""
        named = list(wanted)
        side_by_side = self.client.settings.connections
        for at in range(0, len(named), side_by_side):
            batch = named[at : at + side_by_side]
            different = dict.fromkeys(release_key(*each) for each in batch)
            found = dict(zip(different, self._ahead.many(different, Release.LIMIT), strict=True))
            for agent, version in batch:
                yield agent, version, _release(found[release_key(agent, version)])

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        """See ``Store``; the digest alone finds it."""
        del agent, version
        got = self._ahead.get(snapshot_key(digest), Snapshot.LIMIT)
        if got is None:
            return None
        self._ahead.keep(snapshot_key(digest), got.content)
        return got.content

    def read_snapshots(self, digests: Sequence[Digest]) -> list[bytes | None]:
        """``read_snapshot`` for many, side by side. Raises: StoreUnavailable."""
        different = dict.fromkeys(snapshot_key(digest) for digest in digests)
        found = dict(zip(different, self._ahead.many(different, Snapshot.LIMIT), strict=True))
        return [None if (got := found[snapshot_key(digest)]) is None else got.content for digest in digests]

    def begin_entries(self, record: Record, entries: Mapping[AgentName, Entry]) -> None:
        """Begin to read what a reader needs of a record, side by side. Raises: StoreUnavailable."""
        for generation in range(max(record.generation - 1, 0), record.generation + 2):
            self._ahead.begin(ledger_key(record.environment, generation), Record.LIMIT)
        self._ahead.begin_entries(entries)

    def read_files(self, wanted: Iterable[tuple[AgentName, Version, FileEntry]]) -> list[bytes | None]:
        """Whole files, not verified, side by side; at most one byte more than each should have.

        Raises: StoreUnavailable.
        """
        named = [(blob_key(entry.sha256), entry.size) for _, _, entry in wanted]
        for key, size in named:
            self._ahead.begin(key, size)
        found = {key: self._ahead.get(key, size) for key, size in named}
        for key in found:
            self._ahead.forget(key)
        return [None if (got := found[key]) is None else got.content for key, _ in named]

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        """See ``Store``; the file's SHA-256 alone finds it."""
        del agent, version
        return self.client.stream(blob_key(entry.sha256), entry.size)

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """See ``Store``."""
        del agent, version
        heads = self._ahead.heads(entries)
        return [entry for entry, head in zip(entries, heads, strict=True) if head is None or head.size != entry.size]

    def put_contents(self, contents: Contents) -> None:
        """See ``Store``. Raises: InvalidInput, Corrupt, OutcomeUnknown, as ``put_files``."""
        self.client.connect()
        files = [(entry, contents.files[entry.path]) for entry in contents.document.files()]
        put_files(self.client, files, self.sent)
        key = snapshot_key(digest_of(contents.content))
        ended, _ = self.client.until_known(lambda: self.client.create(key, contents.content, _sum(contents.content)))
        there = self.client.get(key, Snapshot.LIMIT)
        if there is None:
            raise _unconfirmed("the snapshot", ended)
        if there.content != contents.content:
            raise Corrupt(
                f"the store holds another document under {key}",
                kind="corrupt-snapshot",
                hint="repoint verify says what else is damaged; move that object away and publish again",
                promise=1,
            )

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        """See ``Store``.

        Raises:
            OutcomeUnknown: ``publish-unconfirmed``; the same command again changes nothing where it arrived.
        """
        release = draft.document
        if release.snapshot != digest_of(contents.content):
            raise ValueError("the release names another snapshot than the one to be stored")
        return self._created(release_key(release.agent, release.version), draft.content)

    # -- environments --------------------------------------------------------------------------------------------------

    def environments(self) -> list[EnvironmentName]:
        """See ``Store``."""
        return sorted(name for key in self.client.keys(ENVIRONMENTS) if (name := environment_in(key)))

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        """See ``Store``; the stamp is the object's ETag."""
        got = self._ahead.get(environment_key(environment), Record.LIMIT)
        if got is None:
            self._tips.pop(environment, None)
            return None
        return self.know_pointer(environment, Pointer(got.content, got.etag))

    def know_pointer(self, environment: EnvironmentName, pointer: Pointer) -> Pointer:
        """A pointer that was read: the newest record needs no request from here on."""
        if (place := _place(pointer.content)) is not None:
            self._tips[environment] = (place.generation, pointer.content)
            self._ahead.keep(ledger_key(environment, place.generation), pointer.content)
        return pointer

    def create_pointer(self, record: Record, content: bytes) -> bool:
        """See ``Store``. Raises: Corrupt, where its ledger is there without it; OutcomeUnknown."""
        first = ledger_key(record.environment, 0)
        if self.client.get(first, Record.LIMIT) and self.read_pointer(record.environment) is None:
            raise Corrupt(
                f"the pointer of {record.environment} is gone, its ledger is there",
                kind="pointer-missing",
                hint="nothing is recreated by itself; restore the object, then repoint verify",
                promise=4,
            )
        created = self._created(environment_key(record.environment), content)
        if created:
            self._note(first, content)
        return created

    def connect_ahead(self) -> None:
        """Make the SDK's client beside what comes next; what is wrong with it is told by the first request."""

        def connect() -> None:
            with suppress(StoreUnavailable):
                self.client.connect()

        Thread(target=connect, daemon=True).start()

    def read_ahead(self, ahead: Ahead) -> None:
        """See ``Store``: the pointer, the yanks, and the versions that are named."""
        with suppress(StoreUnavailable):  # what is not read now is read, and reported, later
            for environment in dict.fromkeys([ahead.environment, YANKS]):
                self._ahead.begin(environment_key(environment), Record.LIMIT)
            for target in ahead.targets:
                self._ahead.begin_target(release_key(*target))

    def prepare_swap(self, expected: Pointer, record: Record, ahead: Ahead) -> None:
        """See ``Store``: ``record`` is written to the ledger while everything else is read."""
        later = ledger_key(record.environment, record.generation + 1)
        self._ahead.begin(later, Record.LIMIT)
        if ahead.writing:
            self._begin_to_keep(expected, record.environment, record.generation)
        if not ahead.targets:
            for agent in ahead.agents:
                if entry := record.agents.get(agent):
                    self._ahead.begin_beneath(record.environment, agent, entry)
        if ahead.agents:
            self._ahead.begin_required(record, () if ahead.targets else ahead.agents)
        if self._ahead.get(later, Record.LIMIT) is not None:
            self._require_moved_on(record)

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        """See ``Store``: one attempt, after the record that it replaces is in the ledger for certain."""
        replaced = self._replaced(expected, record)
        if replaced is None or not re.fullmatch(_ETAG, expected.stamp):
            return Swap.LOST
        before = self._begin_to_keep(replaced, record.environment, record.generation - 1)
        try:
            before.result()
        finally:
            self._kept.clear()
        if not self._may_send(record):
            return Swap.UNKNOWN
        key = environment_key(record.environment)
        ended = _SWAPS[self.client.replace(key, content, _sum(content), expected.stamp)]
        if ended is Swap.DONE:
            self._tips[record.environment] = (record.generation, content)
            self._ahead.keep(ledger_key(record.environment, record.generation), content)
            self._note(ledger_key(record.environment, record.generation), content)
        return ended

    # -- ledgers -------------------------------------------------------------------------------------------------------

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """See ``Store``; the newest record is the pointer itself."""
        tip = self._tips.get(environment)
        if generation < 0 or (tip and tip[0] == generation):
            return tip[1] if tip and generation >= 0 else None
        content = self._written.get(ledger_key(environment, generation))
        if content is None:
            content = self.ledger_record(environment, generation)
        if content is None and (tip is None or tip[0] < generation):
            self.read_pointer(environment)
            tip = self._tips.get(environment)
            return tip[1] if tip and tip[0] == generation else None
        return content

    def ledger_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """One generation as the ledger itself has it; that of the newest is written by the next mover at the latest."""
        key = ledger_key(environment, generation)
        got = self._ahead.get(key, Record.LIMIT)
        if got is None:
            return None
        self._ahead.keep(key, got.content)
        return got.content

    def require_in_ledger(self, record: Record, content: bytes) -> None:
        """Require that the ledger holds what a newest record follows, and no other record in its own place.

        Unlike Git's, an object's name here says nothing of its content; the record's own entry may still be on its way.

        Raises: Corrupt, StoreUnavailable.
        """
        environment, generation = record.environment, record.generation
        self._ahead.begin(ledger_key(environment, generation + 1), Record.LIMIT)  # ``prepare_swap`` asks for it next
        beneath = [] if generation == 0 else [ledger_key(environment, generation - 1)]
        *before, own = self._ahead.many([*beneath, ledger_key(environment, generation)], Record.LIMIT)
        if any(got is None or digest_of(got.content) != record.previous for got in before):
            raise _contradicted(record, f"does not hold generation {generation - 1}, which it follows")
        if own is not None and own.content != content:
            raise _contradicted(record, "holds another record of that generation")

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """See ``Store``; as many side by side as there are connections. Raises: Corrupt, at a gap."""
        tip = self._tips.get(environment)
        if tip is None or tip[0] < newest:
            self.read_pointer(environment)
            tip = self._tips.get(environment)
        if tip is None:
            return
        for at in range(min(newest, tip[0]), max(oldest, 0) - 1, -CONNECTIONS):
            wanted = range(at, max(at - CONNECTIONS, max(oldest, 0) - 1), -1)
            keys = [ledger_key(environment, generation) for generation in wanted if generation != tip[0]]
            found = iter(self._ahead.many(keys, Record.LIMIT))
            for generation in wanted:
                yield tip[1] if generation == tip[0] else _present(next(found), environment, generation)

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        """See ``Store``; every record is read for it."""
        from repoint.stamps import time_seconds

        if self.read_pointer(environment) is None or environment not in self._tips:
            return []
        places = [_place(content) for content in self.read_ledger(environment, self._tips[environment][0], 0)]
        times: list[int] = []
        for place in reversed(places):
            try:
                times.append(time_seconds(place.time) if place else 0)
            except ValueError:
                times.append(0)
        return times

    # -- writing -------------------------------------------------------------------------------------------------------

    def _created(self, key: str, content: bytes) -> bool:
        """Create-once; an object that is there already and has our bytes is ours only where a try of ours may have
        written it. Raises: OutcomeUnknown, StoreUnavailable.
        """
        ended, earlier = self.client.until_known(lambda: self.client.create(key, content, _sum(content)))
        if ended is Written.DONE:
            return True
        if ended is not Written.REFUSED:
            raise _unconfirmed(key, ended)
        try:
            there = self.client.get(key, len(content)) if earlier else None
        except StoreUnavailable as error:  # it may be there, and ours
            raise _unconfirmed(key, Written.UNKNOWN) from error
        return there is not None and there.content == content

    def _replaced(self, expected: Pointer, record: Record) -> Pointer | None:
        """The pointer that a record follows, with its bytes; None where it is another one by now.

        Nothing else may get into the ledger in its place, whatever the caller holds for its content.
        """
        if digest_of(expected.content) == record.previous:
            return expected
        now = self.read_pointer(record.environment)
        same = now is not None and now.stamp == expected.stamp and digest_of(now.content) == record.previous
        return now if same else None

    def _begin_to_keep(self, expected: Pointer, environment: EnvironmentName, generation: int) -> Future[None]:
        key = ledger_key(environment, generation)
        if key not in self._kept:
            self._kept[key] = self._ahead.pool.submit(self._keep, key, expected.content)
        return self._kept[key]

    def _keep(self, key: str, content: bytes) -> None:
        """Make sure that the ledger has a record. Raises: Corrupt, StoreUnavailable."""
        self._ahead.begin(key, Record.LIMIT)  # as a rule its mover wrote it already: look while we write
        ended, _ = self.client.until_known(lambda: self.client.create(key, content, _sum(content)))
        there = self._ahead.get(key, Record.LIMIT)
        if ended is Written.DONE:
            self._written[key] = content
            return
        if there is None and ended is Written.REFUSED:
            there = self.client.get(key, Record.LIMIT)
        if there is None:
            raise StoreUnavailable(
                f"it is not known whether {key} was written, so nothing was moved",
                kind="ledger-unconfirmed",
                hint="nothing was done; run it again",
            )
        if there.content != content:
            raise Corrupt(
                f"{key} holds another record than the pointer, which is of the same generation",
                kind="ledger-differs",
                hint="somebody wrote to the bucket by hand; repoint verify explains",
                promise=4,
            )
        self._written[key] = content

    def _note(self, key: str, content: bytes) -> None:
        """Write our own ledger entry beside whatever comes next, best effort: the next mover makes sure of it."""

        def write() -> None:
            with suppress(RepointError):
                self.client.create(key, content, _sum(content))

        self._noting.append(Thread(target=write, daemon=True))
        self._noting[-1].start()

    def _may_send(self, record: Record) -> bool:
        """Whether there is time left for another attempt; waits before every one but the first."""
        identifier, attempts, since = self._sending
        if identifier != record.id:
            self._sending = (record.id, 1, time.monotonic())
            return True
        if time.monotonic() - since > self.client.settings.patience:
            return False
        self._sending = (identifier, attempts + 1, since)
        paused(min(0.05 * 2**attempts, 2.0))
        return True

    def _require_moved_on(self, record: Record) -> None:
        """There is a later record in the ledger: the pointer must be past this one by now. Raises: Corrupt."""
        now = self.client.get(environment_key(record.environment), Record.LIMIT)
        place = None if now is None else _place(now.content)
        if place is None or place.generation <= record.generation:
            raise Corrupt(
                f"the pointer of {record.environment} stands at generation {record.generation}, "
                f"but its ledger goes on: an older pointer was put back",
                kind="pointer-replayed",
                hint="nothing was done; repoint verify explains, and the ledger has what was live",
                promise=6,
                environment=record.environment,
            )


def _sum(content: bytes) -> str:
    return checksum(hashlib.sha256(content).hexdigest())


def _release(got: Got | None) -> bytes | Foreign | None:
    if got is None:
        return None
    if len(got.content) > Release.LIMIT:
        return Foreign(f"an object of more than {Release.LIMIT} bytes")
    return got.content if got.content.startswith(b"{") else Foreign("an object that is no release document")


def _place(content: bytes) -> _Place | None:
    try:
        return msgspec.json.decode(content, type=_Place)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _present(got: Got | None, environment: EnvironmentName, generation: int) -> bytes:
    if got is None:
        raise Corrupt(
            f"generation {generation} of {environment} is missing from the ledger",
            kind="ledger-gap",
            hint="repoint verify says what else is damaged",
            promise=4,
            environment=environment,
        )
    return got.content


def _contradicted(record: Record, why: str) -> Corrupt:
    return Corrupt(
        f"the pointer of {record.environment} stands at generation {record.generation}, but its ledger {why}",
        kind="ledger-differs",
        hint="somebody wrote to the bucket by hand, or it came altered; repoint verify explains",
        promise=6,
        environment=record.environment,
    )


def _unconfirmed(what: str, ended: Written) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"it is not known whether {what} was written ({ended.value})",
        kind="publish-unconfirmed",
        hint="run the same command again: it changes nothing where the write arrived",
    )
