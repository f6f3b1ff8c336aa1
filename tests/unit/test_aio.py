"""The reader for asyncio: what blocks runs in a thread, moves arrive in the loop, and its end ends whoever waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from repoint.aio import AsyncReader
from repoint.errors import NotFound
from repoint.follower import Change

from tests.unit.reader_places import ReaderPlace, RepositoryPlace

pytest_plugins = ["tests.unit.reader_fixtures"]

SECONDS = 30.0
SHORT = 0.02


async def opened(place: ReaderPlace, interval: float | None = SHORT) -> AsyncReader:
    return await AsyncReader.open(
        place.address, interval=interval, cache=place.cache, endpoint_url=place.endpoint_url, region=place.region
    )


def test_it_serves_and_follows(near: ReaderPlace) -> None:
    async def run() -> None:
        async with await opened(near, None) as reader:
            assert reader.active("refund").version == "1.0.0"
            assert (reader.generation, len(reader.agents)) == (1, 2)
            with reader.pin() as pinned:
                await asyncio.to_thread(near.promote, "refund@1.1.0")
                assert await reader.poll()
                assert pinned.active("refund").version == "1.0.0"
            assert reader.active("refund").version == "1.1.0"
            assert reader.staleness.reason is None

    asyncio.run(run())


def test_moves_arrive_in_the_loop(repository_place: RepositoryPlace) -> None:
    async def run() -> list[tuple[str, int, bool]]:
        told: list[tuple[str, int, bool]] = []
        here = threading.current_thread()
        done = asyncio.Event()

        async def later(change: Change) -> None:
            await asyncio.sleep(0)
            told.append(("coroutine", change.generation, threading.current_thread() is here))
            done.set()

        async with await opened(repository_place) as reader:
            reader.on_change(lambda change: told.append(("function", change.generation, current() is here)))
            reader.on_change(later)
            await asyncio.to_thread(repository_place.promote, "refund@1.1.0")
            await asyncio.wait_for(done.wait(), SECONDS)
        return told

    current = threading.current_thread
    assert asyncio.run(run()) == [("function", 2, True), ("coroutine", 2, True)]


def test_changes_are_an_iterator_that_ends_with_the_reader(repository_place: RepositoryPlace) -> None:
    async def run() -> list[int]:
        reader = await opened(repository_place)
        seen: list[int] = []

        async def listen() -> None:
            async for change in reader.changes():
                seen.append(change.generation)
                if change.generation == 2:
                    await asyncio.to_thread(repository_place.roll_back, "refund")
                else:
                    await reader.close()

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)  # it listens now
        await asyncio.to_thread(repository_place.promote, "refund@1.1.0")
        await asyncio.wait_for(listening, SECONDS)
        return seen

    assert asyncio.run(run()) == [2, 3]


def test_waiting_ends_when_it_is_reached_when_time_is_out_and_when_it_is_closed(
    repository_place: RepositoryPlace,
) -> None:
    async def run() -> None:
        reader = await opened(repository_place)
        assert await reader.wait_for(1)
        assert not await reader.wait_for(2, 0.01)
        waiting = asyncio.create_task(reader.wait_for(2, SECONDS))
        await asyncio.to_thread(repository_place.promote, "refund@1.1.0")
        assert await waiting
        endless = asyncio.create_task(reader.wait_for(99))
        await asyncio.sleep(0)
        await reader.close()
        assert not await asyncio.wait_for(endless, SECONDS)
        assert not await reader.wait_for(99)
        assert not [change async for change in reader.changes()]

    asyncio.run(run())


def test_waiting_can_be_given_up(repository_place: RepositoryPlace) -> None:
    async def run() -> None:
        async with await opened(repository_place) as reader:
            waiting = asyncio.create_task(reader.wait_for(9))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.to_thread(repository_place.promote, "refund@1.1.0")
            assert await reader.wait_for(2, SECONDS)

    asyncio.run(run())


def test_a_loop_that_is_gone_is_nobodys_trouble(
    repository_place: RepositoryPlace, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> AsyncReader:
        reader = await opened(repository_place, None)
        reader.on_change(lambda _: None)
        return reader

    left = asyncio.run(run())
    repository_place.promote("refund@1.1.0")
    assert left.reader.poll()
    left.reader.close()
    assert not caplog.records


def test_errors_are_those_of_the_reader(repository_place: RepositoryPlace) -> None:
    async def run() -> None:
        with pytest.raises(NotFound):
            await AsyncReader.open(repository_place.address, environment="canary", cache=None)
        async with await opened(repository_place) as reader:
            with pytest.raises(NotFound):
                reader.active("billing")

    asyncio.run(run())
