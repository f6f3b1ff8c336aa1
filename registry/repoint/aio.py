"""The reader for asyncio: what blocks runs in a thread, and callbacks and changes arrive in the event loop.

Nothing here decides what is served; it is read from memory, as from the reader beneath. Moves arrive in the loop in
the order in which they were served, since the reader tells of one after another and the loop keeps that order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from repoint.active import Active
from repoint.follower import Change
from repoint.reader import INTERVAL_SECONDS, Clock, Pinned, Reader, Staleness


class AsyncReader:
    """``Reader`` for asyncio; made by ``open``. What is served is read without waiting, as there.

    ``reader`` is the one beneath: for code that is not asynchronous.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._closed = False
        self._at_close: set[Callable[[], None]] = set()
        self._running: set[asyncio.Future[object]] = set()

    @classmethod
    async def open(
        cls,
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
    ) -> AsyncReader:
        """Load the first record in a thread. Arguments and errors as of ``Reader``."""

        def made() -> Reader:
            return Reader(
                store,
                environment=environment,
                interval=interval,
                cache=cache,
                minimum_generation=minimum_generation,
                registry=registry,
                endpoint_url=endpoint_url,
                region=region,
                profile=profile,
                path_style=path_style,
                report=report,
                clock=clock,
            )

        return cls(await asyncio.to_thread(made))

    def active(self, agent: str) -> Active:
        """What is live for an agent, from memory. Raises: NotFound."""
        return self.reader.active(agent)

    @property
    def agents(self) -> Mapping[str, Active]:
        """Everything that is live, of one record."""
        return self.reader.agents

    @property
    def generation(self) -> int:
        """The record that is served."""
        return self.reader.generation

    @property
    def staleness(self) -> Staleness:
        """How far what is served may be behind, and why."""
        return self.reader.staleness

    def pin(self) -> Pinned:
        """One consistent set of agents for one conversation."""
        return self.reader.pin()

    def on_change(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call this in the running event loop after each move; a coroutine that it gives is run there, too.

        Returns what ends that.
        """
        loop = asyncio.get_running_loop()

        def called(change: Change) -> None:
            given = callback(change)
            if asyncio.iscoroutine(given):
                running = loop.create_task(given)
                self._running.add(running)  # else it may be collected before it has ended
                running.add_done_callback(self._running.discard)

        def hand_over(change: Change) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody listens any more
                loop.call_soon_threadsafe(called, change)

        return self.reader.on_change(hand_over)

    async def changes(self) -> AsyncIterator[Change]:
        """Every move from now on, until this is closed: ``async for change in reader.changes()``."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        with self._told(queue.put_nowait, lambda: queue.put_nowait(None)):
            while not self._closed and (change := await queue.get()) is not None:
                yield change

    async def wait_for(self, generation: int, timeout: float | None = None) -> bool:
        """Wait until this generation, or a later one, is served.

        False where the time (in seconds) runs out first, or the reader is closed.
        """
        ended = asyncio.Event()
        with self._told(lambda change: ended.set() if change.generation >= generation else None, ended.set):
            if not self._closed and self.generation < generation:
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), timeout)
        return self.generation >= generation

    @contextmanager
    def _told(self, callback: Callable[[Change], None], at_close: Callable[[], None]) -> Iterator[None]:
        """Tell of moves, and of the end, while the block lasts."""
        remove = self.on_change(callback)
        self._at_close.add(at_close)
        try:
            yield
        finally:
            self._at_close.discard(at_close)
            remove()

    async def poll(self) -> bool:
        """Look for a newer record now; whether one is served."""
        return await asyncio.to_thread(self.reader.poll)

    async def close(self) -> None:
        """End the thread and the connections, and what waits here."""
        self._closed = True
        for tell in self._at_close:
            tell()
        await asyncio.to_thread(self.reader.close)

    async def __aenter__(self) -> AsyncReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
