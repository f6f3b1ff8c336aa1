"""The reader: what runs beside an agent in production, and serves what is live in one environment from memory.

Promise 6 is kept by ``follower``; here are the thread that follows, those who wait and are called, and forks. What is
served is one dictionary, replaced whole: a caller sees one record or the next.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from repoint.active import Active
from repoint.errors import InvalidInput, NotFound, RepointError, StoreUnavailable
from repoint.follower import Change, Follower, Times, log, without_frames
from repoint.listeners import Listeners
from repoint.live import Live
from repoint.names import parse_environment
from repoint.readercache import ReaderCache, cache_folder
from repoint.readersource import located, open_source
from repoint_schemas.documents import EnvironmentName

if TYPE_CHECKING:
    from repoint.reporter import Reporter

INTERVAL_SECONDS = 2.0
"""How often the newest record is looked for."""

CLOSE_SECONDS = 5.0
"""How long ``close`` waits for a look that is under way; after that its connections end with it."""


class Staleness(NamedTuple):
    """How far what is served may be behind.

    ``seconds`` have gone by since it was last known to be the newest: by this process's own clock, and for a record
    from the disk by the machine's clock. ``reason`` is why it is not known now, None where the last look succeeded.
    ``from_disk``: no store was reached since this process started.
    """

    seconds: float
    reason: str | None
    from_disk: bool


class Clock(Protocol):
    """Time, and waiting: what a simulation replaces."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def time(self) -> float:
        """Unix time."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event, so many seconds at most; whether it came."""
        ...


class MachineClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    def time(self) -> float:
        """See ``Clock``."""
        return time.time()  # noqa: TID251 - a reader runs in an application, which should not have to bring a clock

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See ``Clock``."""
        return event.wait(seconds)


class Reader:
    """Follows one environment and serves what is live there. Safe for threads; goes on in a forked child.

    ``store`` is ``s3://BUCKET/PREFIX``, a repository's path, or a Git remote's address. The first record is loaded
    here: where no store answers, the last good one of this machine's disk.

    ``interval`` is in seconds, up to a fifth less; None starts no thread: call ``poll``. ``cache`` is the folder for
    what was served last (default: ``repoint/readers`` below ``$XDG_CACHE_HOME`` or ``~/.cache``), None for none.
    ``minimum_generation`` refuses anything older on a machine that knows nothing yet, and ``registry`` the registry of
    another id. ``report`` tells the store, every half minute, what this process serves (``repoint status --fleet``):
    under its host and process id, or the name that is given. ``endpoint_url``, ``region``, ``profile`` and
    ``path_style`` are for a bucket; what is not given comes from the ordinary AWS settings.

    Raises:
        StoreUnavailable: no store answers, and nothing is kept here.
        NotFound: no such environment, repository or bucket, and nothing is kept here.
        Corrupt: what is stored cannot be served, and nothing is kept here.
        InvalidInput: an address or a name that cannot be used.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        *,
        environment: str = "production",
        interval: float | None = INTERVAL_SECONDS,
        cache: str | os.PathLike[str] | None = "",
        minimum_generation: int = 0,
        registry: str | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        path_style: bool | None = None,
        report: bool | str = False,
        clock: Clock | None = None,
    ) -> None:
        if interval is not None and interval <= 0:
            raise InvalidInput(f"an interval of {interval} seconds", kind="invalid-interval", hint="None: no thread")
        address = located(os.fspath(store))
        folder = cache_folder(address, endpoint_url, cache, _environment())
        self.interval = interval
        self._report_as = report
        self._reporter: Reporter | None = None
        self._clock: Clock = clock or MachineClock()
        settings = {"endpoint_url": endpoint_url, "region": region, "profile": profile, "path_style": path_style}
        name = parse_environment(environment)
        self._follower = Follower(
            name,
            lambda: open_source(address, folder, _environment(), **settings),
            None if folder is None else ReaderCache(folder, name),
            Times(self._clock.monotonic, self._clock.time),
            minimum=minimum_generation,
            registry=registry,
        )
        self._failure: RepointError | None = None
        self._listeners = Listeners()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._renew_locks()
        self._live = self._first()
        self._agents = self._live.agents
        _READERS.add(self)
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)  # the last to be registered runs first: before what a look uses is taken down
        self._start()
        self._report()

    # -- what is served ------------------------------------------------------------------------------------------------

    def active(self, agent: str) -> Active:
        """What is live for an agent, from memory.

        Raises:
            NotFound: it is not live in this environment.
        """
        try:
            return self._agents[agent]
        except KeyError:
            raise _not_live(agent, self._live) from None

    @property
    def agents(self) -> Mapping[str, Active]:
        """Everything that is live, of one record; later moves do not change it."""
        return self._live.agents

    @property
    def environment(self) -> EnvironmentName:
        """The environment that is followed."""
        return self._follower.environment

    @property
    def generation(self) -> int:
        """The record that is served."""
        return self._live.generation

    @property
    def registry(self) -> str:
        """The registry's id."""
        return self._live.record.registry

    @property
    def staleness(self) -> Staleness:
        """How far what is served may be behind, and why."""
        with self._state:
            confirmed, top, failure = self._follower.confirmed, self._follower.top, self._failure
        reason = None if failure is None else failure.message
        if confirmed is not None:
            return Staleness(max(0.0, self._clock.monotonic() - confirmed), reason, from_disk=False)
        seen = 0.0 if top is None else top.seen
        return Staleness(max(0.0, self._clock.time() - seen), reason, from_disk=True)

    def pin(self) -> Pinned:
        """One consistent set of agents for one conversation, whatever moves meanwhile; close it, or use ``with``."""
        return Pinned(self._live)

    # -- following -----------------------------------------------------------------------------------------------------

    def on_change(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call this after each move, in the order of the moves, in the thread that found it: as a rule the reader's.

        What it raises is logged. It should be quick, and must not wait for a later move. Returns what ends it.
        """
        return self._listeners.add(callback)

    def wait_for(self, generation: int, timeout: float | None = None) -> bool:
        """Wait until this generation, or a later one, is served.

        False where the time (in seconds) runs out first, or the reader is closed.
        """
        with self._state:
            self._state.wait_for(lambda: self._closed or self._live.generation >= generation, timeout)
            return self._live.generation >= generation

    def poll(self) -> bool:
        """Look for a newer record now; whether one is served. What goes wrong is in ``staleness``, not raised."""
        with self._polling:
            if self._follower.live is not self._live:  # Ctrl-C came before the last record that was found was shown
                self._follower.go_back(self._live)
            change = None if self._closed else self._looked()
            if change is not None:
                self._show(change)
            if self._closed:
                self._follower.close()
        if change is not None:
            self._listeners.tell()
        self._report()
        return change is not None

    def close(self) -> None:
        """End the thread and the connections. What was served can still be read.

        A look that is under way is waited for, a few seconds at most; what it finds is not served any more.
        """
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._end.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)
        if self._reporter is not None:
            self._reporter.close()
        if self._polling.acquire(timeout=CLOSE_SECONDS):
            self._follower.close()
            self._polling.release()
        _READERS.discard(self)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first(self) -> Live:
        """The first record to serve. Raises: as the class says."""
        self._looked()
        if self._follower.live is None and self._follower.serve_kept():
            log.warning("%s: serving what this machine's disk keeps: %s", self.environment, self._failure)
        if self._follower.live is None:
            self._follower.close()
            raise self._failure or StoreUnavailable("nothing was read", kind="reader-failed")
        return self._follower.live

    def _looked(self) -> Change | None:
        try:
            change = self._follower.look()
        except RepointError as error:
            self._failed(without_frames(error))
            return None
        except Exception as error:  # noqa: BLE001 - nothing that a store or a library does may end the reader
            if self._closed or "interpreter shutdown" in str(error):  # as Python says where it starts no more threads
                return None
            log.exception("%s: looking for a newer record failed", self.environment)
            self._failed(StoreUnavailable(f"{type(error).__name__}: {error}", kind="reader-failed"))
            return None
        with self._state:
            again, self._failure = self._failure is not None, None
        if again:
            log.info("%s: following again", self.environment)
        return change

    def _failed(self, error: RepointError) -> None:
        if self._closed:
            return
        with self._state:
            news = self._failure is None or self._failure.kind != error.kind
            self._failure = error
        if news:
            live = self._follower.live
            served = "nothing yet" if live is None else f"generation {live.generation}"
            level = logging.WARNING if isinstance(error, StoreUnavailable) else logging.ERROR
            log.log(level, "%s: serving %s: %s", self.environment, served, error)

    def _show(self, change: Change) -> None:
        """Serve what was found, unless the reader was closed meanwhile."""
        live = self._follower.live
        with self._state:
            if live is None or self._closed:
                return
            self._live, self._agents = live, live.agents
            self._listeners.put(change)
            self._state.notify_all()
        if self._reporter is not None:
            self._reporter.changed()

    # -- the thread, and forks -----------------------------------------------------------------------------------------

    def _pause(self) -> float:
        """Seconds until the next look: the interval, or up to a fifth less, so that a fleet spreads."""
        return (self.interval or 0.0) * random.uniform(0.8, 1.0)  # noqa: S311 - no secret depends on it

    def _renew(self) -> None:
        """Go on in a forked child: the parent's threads are not here, and its locks and connections are not ours.

        One of its threads may have been anywhere; what this reader serves is where the child begins.
        """
        self._renew_locks()
        self._listeners.renew()
        self._agents = self._live.agents
        self._follower.resume(self._live)
        self._reporter = None  # until the first look: a child that is about to run something else serves nothing
        if not self._closed:
            self._start()

    def _start(self) -> None:
        if self.interval is not None:
            arguments = (weakref.ref(self), self._follower, self._end, self._clock)
            self._thread = threading.Thread(target=_follow, args=arguments, name="repoint-reader", daemon=True)
            self._thread.start()

    def _report(self) -> None:
        """Begin to report what is served, where that is wanted and was not begun."""
        if not self._report_as:
            return
        with self._state:  # the thread and a caller of ``poll`` may both be here
            if self._closed or self._reporter is not None:
                return
            from repoint.reporter import Reporter

            name = self._report_as if isinstance(self._report_as, str) else f"{os.uname().nodename}:{os.getpid()}"
            follower, reference = self._follower, weakref.ref(self)
            self._reporter = Reporter(name[:200], lambda: follower.store, lambda: _served_by(reference))

    def _renew_locks(self) -> None:
        self._polling = threading.Lock()
        self._state = threading.Condition()
        self._end = threading.Event()


class Pinned:
    """The agents of one record, for as long as it is open."""

    def __init__(self, live: Live) -> None:
        self._live: Live | None = live

    def active(self, agent: str) -> Active:
        """What was live for an agent when this was pinned. Raises: NotFound; ValueError, once it is closed."""
        try:
            return self._open.agents[agent]
        except KeyError:
            raise _not_live(agent, self._open) from None

    @property
    def agents(self) -> Mapping[str, Active]:
        """Everything that was live. Raises: ValueError, once it is closed."""
        return self._open.agents

    @property
    def generation(self) -> int:
        """The record that is pinned. Raises: ValueError, once it is closed."""
        return self._open.generation

    @property
    def digest(self) -> str:
        """The record's SHA-256. Raises: ValueError, once it is closed."""
        return self._open.digest

    def close(self) -> None:
        """Let go of the record."""
        self._live = None

    @property
    def _open(self) -> Live:
        if self._live is None:
            raise ValueError("this pin is closed")
        return self._live

    def __enter__(self) -> Pinned:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 - as with the clock: what the SDK and Git read there, an application has set there


def _not_live(agent: str, live: Live) -> NotFound:
    known, environment = ", ".join(sorted(live.agents)[:20]), live.record.environment
    return NotFound(
        f"{agent!a} is not live in {environment} (generation {live.generation})",
        kind="not-live",
        hint=f"live there: {known}" if known else f"nothing is live in {environment} yet: repoint promote",
        environment=environment,
    )


def _follow(reference: weakref.ref[Reader], follower: Follower, end: threading.Event, clock: Clock) -> None:
    """Poll until the reader is closed, or nobody has it any more."""
    while (reader := reference()) is not None:
        pause = reader._pause()
        del reader
        if clock.wait(end, pause):
            return
        reader = reference()
        if reader is not None:
            if reader._end is not end:  # a callback forked, and this is the child, which has a thread of its own
                return
            reader.poll()
        del reader
    follower.close()


def _served_by(reference: weakref.ref[Reader]) -> Live | None:
    reader = reference()
    return None if reader is None else reader._live


_READERS: weakref.WeakSet[Reader] = weakref.WeakSet()


def _at_exit() -> None:
    """Let looks that are under way fail without a word; nobody waits for them."""
    for reader in list(_READERS):
        reader._closed = True
        reader._end.set()


def _after_fork() -> None:
    for reader in list(_READERS):
        reader._renew()


os.register_at_fork(after_in_child=_after_fork)
