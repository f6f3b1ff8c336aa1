"""A bucket in memory for readers, which lies, falls away and comes back at will; and a clock that is moved by hand.

A reader in front of it is whole: only the requests themselves are left out, so that thousands of faults take seconds.
What it handed out is noted, so that a test can show that a reader did see the damage.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from repoint import Reader
from repoint.errors import StoreUnavailable
from repoint.reader import Clock
from repoint.readersource import BucketSource
from repoint.s3client import Got, S3Client, Settings, Unread
from repoint.s3keys import Address
from repoint.store_s3 import S3Store

ADDRESS = "s3://acme-agents/team"
BEGAN = 1_795_208_400.0

Damage = Callable[[bytes], bytes | None]
"""What becomes of an object; None where it is gone."""


QUICK = Path("/dev/shm")
"""Where a file is written through at once, if there is such a place: a cache is flushed thousands of times here."""


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder of our own, removed at the end."""
    above = QUICK if os.access(QUICK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="repoint-readers-", dir=above) as made:
        yield Path(made)


class Shelf(S3Client):
    """A bucket as a dictionary. ``given`` are the keys that were read since it was last emptied."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(Settings(Address("acme-agents", "team"), connections=4))
        self.objects = dict(objects)
        self.away = False
        self.given: set[str] = set()
        self.polls = 0

    def connect(self) -> None:
        """Nothing is sent."""

    def close(self) -> None:
        """There are no connections."""

    def get(self, key: str, limit: int) -> Got | None:
        if self.away:
            raise StoreUnavailable("nobody is there", kind="s3-unreachable")
        self.given.add(key)
        content = self.objects.get(key)
        return None if content is None else Got(content[: limit + 1], _etag(content))

    def get_if_changed(self, key: str, limit: int, etag: str | None) -> Got | Unread:
        self.polls += 1
        got = self.get(key, limit)
        if got is None:
            return Unread.MISSING
        return Unread.SAME if got.etag == etag else got

    def damage(self, key: str, damage: Damage) -> None:
        """Store an object wrongly; ``given`` begins anew."""
        content = damage(self.objects[key])
        assert content != self.objects[key]
        if content is None:
            del self.objects[key]
        else:
            self.objects[key] = content
        self.given.clear()


class ShelfSource(BucketSource):
    """The source of a bucket, over a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.name = ADDRESS
        self._client = shelf
        self._store = S3Store(shelf)


class HandClock:
    """Time that stands still until it is moved."""

    def __init__(self, unix: float = BEGAN) -> None:
        self.unix = unix
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def time(self) -> float:
        return self.unix + self.passed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        raise AssertionError("nobody waits without a thread")


class Machine:
    """One machine with a cache of its own: its readers, one after another, and the highest generation of them."""

    def __init__(self, folder: Path, shelf: Shelf, glass: Clock | None = None) -> None:
        self.folder = folder
        self.shelf = shelf
        self.clock = HandClock()
        self._glass = glass

    @contextmanager
    def reader(
        self, *, minimum: int = 0, registry: str | None = None, cached: bool = True, interval: float | None = None
    ) -> Iterator[Reader]:
        """A reader of production; without an interval it looks when it is told to."""
        with pytest.MonkeyPatch.context() as patch:  # it opens its source with its first look, which is here
            patch.setattr("repoint.reader.open_source", lambda *_, **__: ShelfSource(self.shelf))
            made = Reader(
                ADDRESS,
                interval=interval,
                cache=self.folder if cached else None,
                minimum_generation=minimum,
                registry=registry,
                clock=self._glass or self.clock,
            )
        with made:
            yield made

    @property
    def files(self) -> list[Path]:
        """Every file that it keeps, the lock apart."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name != "lock")


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def gone(content: bytes) -> None:
    return None


def prolonged(content: bytes) -> bytes:
    return content + bytes(5 * 1024 * 1024)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
