"""Following one environment, one look at a time: verified, in order, whole, or not at all.

Promise 6. The order matters: a newer record must belong to the registry and lie above what was served before; its
ledger must hold what was served before, and nothing after it; all that it makes live is loaded and hashed; it is kept
on the disk; and only then it is served. Whatever fails on the way, the record before stays.

Promise 7: the clock only says how old something is; what is served is decided by generations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import UNSET

from repoint.active import Active
from repoint.errors import Conflict, Corrupt, RepointError
from repoint.live import Live, load
from repoint.readercache import Kept, ReaderCache
from repoint.readersource import Source
from repoint.store import Ahead, Pointer, Store
from repoint.verified import read_document, verified_record
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import EnvironmentName, Record

RETRY_SECONDS = 30.0
"""How often, at least, a record that could not be loaded is tried again while it is the newest.

At once for the first time, since it may have come altered; after that ever more rarely, up to this.
"""

_FIRST_RETRY_SECONDS = 4.0

CONFIRM_SECONDS = 60.0
"""How often it is noted on the disk that what is kept is still the newest, and what it refused is tried again."""

log = logging.getLogger("repoint.reader")
log.addHandler(logging.NullHandler())  # else the standard library prints warnings where nobody configured it

_LEFT: list[Source | None] = []
"""What a forked child has of its parent's: not used, and never collected either, since a thread that is not here may
hold locks of it.
"""


class Change(NamedTuple):
    """A move that is served now. ``agents`` are those whose version changed: what was live, and what is; or None."""

    environment: str
    before: int | None
    generation: int
    agents: Mapping[str, tuple[Active | None, Active | None]]


class Times(NamedTuple):
    """Seconds that only grow, and Unix time."""

    monotonic: Callable[[], float]
    unix: Callable[[], float]


class Follower:
    """What is served of one environment, and how to get further. Not safe for threads.

    ``registry`` is the id that the store must have; None: the one that this machine's disk remembers, else the first
    that is seen.
    """

    def __init__(
        self,
        environment: EnvironmentName,
        open_source: Callable[[], Source],
        cache: ReaderCache | None,
        times: Times,
        *,
        minimum: int = 0,
        registry: str | None = None,
    ) -> None:
        self.environment = environment
        self.live: Live | None = None
        self.top: Kept | None = None if cache is None else cache.newest()
        """The high-water mark: the highest record that was served on this machine."""
        self.confirmed: float | None = None
        """When the store last said that what is served is the newest, in monotonic seconds."""
        self._open = open_source
        self._source: Source | None = None
        self._cache = cache
        self._times = times
        self._minimum = minimum
        self._registry = registry or (cache.registry() if cache else None)
        self._stamp: str | None = None
        self._rejected: _Rejected | None = None
        self._unkept: frozenset[str] = frozenset()  # what the disk refused so far
        self._owed = False  # whether it refused the record that is served
        self._noted: float | None = None

    def look(self) -> Change | None:
        """Look once: the move that is served now, or None where nothing newer is there.

        Raises:
            RepointError: it cannot be told what is the newest, or that cannot be served; what was served stays.
        """
        if self._source is None:
            self._source = self._open()
        pointer = self._newest(self._source)
        change = None
        if pointer is not None:
            try:
                change = self._accepted(self._source, pointer)
            except RepointError as error:
                self._rejected = self._rejection(pointer.stamp, error)
                raise
            self._stamp, self._rejected = pointer.stamp, None
        self._confirm()
        return change

    def serve_kept(self) -> bool:
        """Serve the last good record of this machine's disk; False where it is not there, or not whole."""
        top, cache = self.top, self._cache
        content = None if top is None or cache is None else cache.record(top)
        if top is None or content is None or top.generation < self._minimum:
            return False
        try:
            record = self._record(content)
            self._serve(load(record, top.digest, None, cache, None).live, top)
        except RepointError as error:
            log.error("%s: what is kept of generation %d is damaged: %s", self.environment, top.generation, error)  # noqa: TRY400
            return False
        return True

    @property
    def store(self) -> Store | None:
        """The store that is followed, None before the first look."""
        return None if self._source is None else self._source.store

    def resume(self, live: Live) -> None:
        """Go on from what is served in a forked child, whatever the parent's thread was about to do."""
        _LEFT.append(self._source)
        self._source = None
        self.go_back(live)

    def go_back(self, live: Live) -> None:
        """Go on from a record that was served, since nobody was shown what was found after it; it is found again."""
        self.live, self._stamp, self._rejected = live, None, None

    def close(self) -> None:
        """End connections and processes."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _newest(self, source: Source) -> Pointer | None:
        """The newest record, where it is not the one served. Raises: what it was rejected for, while it is the same."""
        rejected = self._rejected
        if rejected is None:
            return source.newest(self.environment, self._stamp)
        found = source.newest(self.environment, rejected.stamp)
        if found is None and self._times.monotonic() < rejected.until:
            raise without_frames(rejected.error)
        return found or source.newest(self.environment, None)

    def _rejection(self, stamp: str, error: RepointError) -> _Rejected:
        before = self._rejected
        pause = 0.0
        if before is not None and before.stamp == stamp:
            pause = min(max(2 * before.pause, _FIRST_RETRY_SECONDS), RETRY_SECONDS)
        return _Rejected(stamp, self._times.monotonic() + pause, pause, error)  # its frames: see ``Reader``

    def _accepted(self, source: Source, pointer: Pointer) -> Change | None:
        """Serve a newer record; None where it is the one served. Raises: RepointError."""
        record, digest = self._record(pointer.content), digest_of(pointer.content)
        self._require_later(record, digest)
        if self.live is not None and self.live.digest == digest:
            return None
        try:
            loaded = load(record, digest, self.live, self._cache, source)
            self._require_continued(source, record, pointer)
        finally:
            source.end()
        self._keep(loaded.live, loaded.arrived)
        if record.action == "seal" and record.authority is not UNSET:
            log.warning("%s: the registry was handed over to %s; follow it there", self.environment, record.authority)
        return self._serve(loaded.live, Kept(record.generation, digest, self._times.unix()))

    def _record(self, content: bytes) -> Record:
        """The verified record in a pointer. Raises: Corrupt, Conflict, StoreUnavailable."""
        place = f"the pointer of {self.environment}"
        record = read_document(content, Record, Record.LIMIT, place)
        if self._registry is not None and record.registry != self._registry:
            raise Conflict(
                f"{place} belongs to registry {record.registry}, not to {self._registry}",
                kind="registry-mismatch",
                hint="check the store's address; what was served before stays",
                found=record.registry,
                wanted=self._registry,
            )
        return verified_record(content, record.registry, self.environment, None)

    def _require_later(self, record: Record, digest: Digest) -> None:
        """Require that a record is no older than what was served. Raises: Corrupt."""
        top = self.top
        if record.generation < self._minimum:
            raise self._went_back(record, f"{self._minimum} is the least that may be served")
        if top is not None and record.generation < top.generation:
            raise self._went_back(record, f"generation {top.generation} was served before")
        if top is not None and record.generation == top.generation and digest != top.digest:
            raise self._went_back(record, "another record of that generation was served before")

    def _require_continued(self, source: Source, record: Record, pointer: Pointer) -> None:
        """Require that the ledger leads from what was served to this record, and ends there.

        Raises: Corrupt, StoreUnavailable.
        """
        source.require_in_ledger(record, pointer.content)
        source.store.prepare_swap(pointer, record, Ahead(self.environment, writing=False))
        top = self.top
        if top is None or record.generation == top.generation:
            return
        if record.generation == top.generation + 1:
            before = record.previous
        else:
            content = source.store.read_record(self.environment, top.generation)
            before = None if content is None else digest_of(content)
        if before != top.digest:
            raise self._went_back(record, f"its ledger does not hold generation {top.generation} as it was served")

    def _went_back(self, record: Record, why: str) -> Corrupt:
        return Corrupt(
            f"{self.environment} stands at generation {record.generation}: {why}",
            kind="pointer-went-back",
            hint="what was served before stays; repoint verify explains",
            promise=6,
            environment=self.environment,
        )

    def _keep(self, live: Live, arrived: frozenset[str]) -> None:
        """Keep what is about to be served on the disk; where that fails it is served all the same, and logged."""
        if self._cache is None:
            return
        record, needed = live.record, live.needs()
        spared = set() if self.live is None else self.live.needs()
        self._unkept = (self._unkept | arrived) & needed
        try:
            self._cache.keep(
                record.registry, live.generation, encode(record), needed, self._unkept, live.objects, spared
            )
        except (RepointError, OSError) as error:
            if not self._owed:
                log.error("%s: generation %d is not kept on the disk: %s", self.environment, live.generation, error)  # noqa: TRY400
            self._owed = True
        else:
            self._unkept, self._owed = frozenset(), False

    def _serve(self, live: Live, kept: Kept) -> Change:
        before, self.live, self.top = self.live, live, kept
        self._registry = live.record.registry
        return _change(before, live)

    def _confirm(self) -> None:
        now = self.confirmed = self._times.monotonic()
        if self._cache and self.top and (self._noted is None or now - self._noted >= CONFIRM_SECONDS):
            kept = self._cache.confirm(self.top) and not self._owed
            if self.live is not None and not kept:
                self._keep(self.live, frozenset())
            self._noted = now


def without_frames(error: RepointError) -> RepointError:
    """The error without what it came through, which would hold on to all that was loaded by then."""
    at: BaseException | None = error
    while at is not None:
        at.__traceback__ = None
        at = at.__cause__ or at.__context__
    return error


class _Rejected(NamedTuple):
    """A newest record that cannot be served, until when it is not tried again, and how many seconds that are."""

    stamp: str
    until: float
    pause: float
    error: RepointError


def _change(before: Live | None, live: Live) -> Change:
    was: Mapping[str, Active] = {} if before is None else before.agents
    now = live.agents
    agents = {
        agent: (was.get(agent), now.get(agent))
        for agent in sorted(was.keys() | now.keys())
        if agent not in was or agent not in now or was[agent].release != now[agent].release
    }
    return Change(live.record.environment, None if before is None else before.generation, live.generation, agents)
