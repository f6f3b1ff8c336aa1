"""The reader for asyncio: what blocks runs in a thread, and callbacks and changes arrive in the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping

from repoint.active import Active
from repoint.follower import Change
from repoint.reader import INTERVAL_SECONDS, Clock, Pinned, Reader, Staleness


class AsyncReader:
    """``Reader`` for asyncio; made by ``open``. What is served is read without waiting, as there.

    ``reader`` is the one beneath: for code that is not asynchronous.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @classmethod
    async def open(
        cls,
        store: str,
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
        """Call this in the running event loop after each move. Returns what ends that."""
        loop = asyncio.get_running_loop()

        def hand_over(change: Change) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(callback, change)

        return self.reader.on_change(hand_over)

    async def changes(self) -> AsyncIterator[Change]:
        """Every move from now on: ``async for change in reader.changes()``."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        remove = self.on_change(queue.put_nowait)
        try:
            while True:
                yield await queue.get()
        finally:
            remove()

    async def wait_for(self, generation: int, timeout: float | None = None) -> bool:
        """Wait until this generation, or a later one, is served; False where the time runs out first."""
        reached = asyncio.Event()
        remove = self.on_change(lambda change: reached.set() if change.generation >= generation else None)
        try:
            if self.generation < generation:
                await asyncio.wait_for(reached.wait(), timeout)
        except TimeoutError:
            return self.generation >= generation
        finally:
            remove()
        return True

    async def poll(self) -> bool:
        """Look for a newer record now; whether one is served."""
        return await asyncio.to_thread(self.reader.poll)

    async def close(self) -> None:
        """End the thread and the connections."""
        await asyncio.to_thread(self.reader.close)

    async def __aenter__(self) -> AsyncReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
