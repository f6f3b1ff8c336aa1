"""A bucket that is wrong, slow or endless on the way to a reader: the newest record whole, or the last good one.

Promises 6 and 10, with the whole reader over HTTP, through the fault proxy. What is wrong for a moment only is served a
look later at the latest; what stays wrong leaves what was served before; and no reply takes time without bound.
``test_reader_damage`` damages every single object.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest

from repoint import Reader, RepointError, readersource
from repoint.s3keys import environment_key, ledger_key
from repoint.s3sdk import make_client, read_whole

from tests.faults.reader_oracle import Told, team
from tests.faults.reader_process import served
from tests.faults.reader_shelf import HandClock, flipped, truncated
from tests.faults.s3_team import PREFIX, Bucket, proxied
from tests.servers.proxy import (
    INTERNAL_ERROR,
    SLOW_DOWN,
    Answer,
    CutReplyBody,
    DropReply,
    DropRequest,
    Endless,
    Exchange,
    Fault,
    FaultProxy,
    Flip,
    Hold,
    Plan,
    Trickle,
    nothing,
)
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION

pytestmark = pytest.mark.s3

NEW = 4
"""The generation that makes two new versions live in one record."""

POINTER = environment_key(PRODUCTION)
CONNECT_SECONDS, READ_SECONDS, PATIENCE = 1.0, 0.5, 0.5
IN_TIME = 15.0
"""Seconds within which a look gives up on a busy machine; by itself it takes a few at most."""


@dataclass
class Scene:
    """A bucket that stands one generation before ``NEW``, and readers of it through the proxy."""

    told: Told
    bucket: Bucket
    proxy: FaultProxy
    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    readers: list[Reader] = field(default_factory=list)

    def reader(self, machine: str = "machine", *, minimum: int = 0, registry: str | None = None) -> Reader:
        made = Reader(
            self.bucket.url,
            interval=None,
            cache=self.folder / machine,
            minimum_generation=minimum,
            registry=registry,
            endpoint_url=self.proxy.endpoint,
            region=self.bucket.server.region,
            clock=self.clock,
        )
        self.readers.append(made)
        return made

    def move(self) -> None:
        self.bucket.put_back(self.told.at(NEW))

    def is_whole(self, reader: Reader, generation: int) -> bool:
        """It serves this generation, byte for byte; it says why it may be behind, if it is."""
        with reader.pin() as pinned:
            assert served(pinned) == self.told.served(pinned.generation)
            assert pinned.generation == generation
        return reader.staleness.reason is None

    def object(self, kind: str) -> str:
        """The key of an object that ``NEW`` needs, and that no record before it did."""
        known = self.told.at(NEW - 1) if kind == "ledger" else self.told.needed(NEW - 1)
        needed = {**self.told.needed(NEW), **self.told.at(NEW)} if kind == "ledger" else self.told.needed(NEW)
        if kind == "pointer":
            return POINTER
        return next(key for key in sorted(needed) if key.startswith(kind) and key not in known)


KINDS = ["pointer", "ledger", "releases", "snapshots", "blobs"]


def mostly(first: Sequence[object], *others: object) -> list[object]:
    """The parameters of a test, of which the others are tried in the long run only."""
    return [*first, *(pytest.param(each, marks=pytest.mark.long) for each in others)]


@pytest.fixture(scope="module")
def told() -> Told:
    return team()


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> Bucket:
    return Bucket(s3_server)


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """One for all tests, and so one client of the SDK, which costs more than most of them."""
    with pytest.MonkeyPatch.context() as patch, proxied(s3_server) as made:
        patch.setattr("repoint.s3client.make_client", cache(make_client))
        yield made


@pytest.fixture
def scene(
    told: Told,
    bucket: Bucket,
    s3_server: S3Server,
    proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    for name, seconds in (("CONNECT", CONNECT_SECONDS), ("READ", READ_SECONDS), ("PATIENCE", PATIENCE)):
        monkeypatch.setattr(readersource, f"{name}_SECONDS", seconds)
    bucket.put_back(told.at(NEW - 1))
    made = Scene(told, bucket, proxy, tmp_path)
    yield made
    proxy.release()
    for reader in made.readers:
        reader.close()
    assert proxy.wait_quiet(IN_TIME)
    proxy.start_over()


def every(fault: Fault, key: str = "") -> Plan:
    """This fault for every reply that has an object of this key, or of any."""
    return lambda e: fault if e.method == "GET" and e.path.endswith(f"/{PREFIX}/{key}" if key else "") else None


def once(fault: Fault, key: str) -> Plan:
    left = [fault]
    return lambda e: left.pop() if left and e.method == "GET" and e.path.endswith(f"/{PREFIX}/{key}") else None


def within(seconds: float, look: Callable[[], object]) -> None:
    began = time.monotonic()
    look()
    assert time.monotonic() - began < seconds


# -- altered on the way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", mostly([Flip(0, 1)], Flip(-9, 5), CutReplyBody()), ids=str)
def test_what_comes_altered_once_is_served_a_look_later_at_the_latest(scene: Scene, kind: str, fault: Fault) -> None:
    reader = scene.reader()
    scene.move()
    scene.proxy.plan = once(fault, scene.object(kind))
    if not reader.poll():
        assert not scene.is_whole(reader, NEW - 1)
        assert reader.poll() is True
    assert scene.is_whole(reader, NEW)
    assert [each for _, each in scene.proxy.happened] == [fault]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", mostly([Flip(40, 1)], CutReplyBody()), ids=str)
def test_what_comes_altered_every_time_is_not_served(scene: Scene, kind: str, fault: Fault) -> None:
    reader = scene.reader()
    scene.move()
    scene.proxy.plan = every(fault, scene.object(kind))
    within(IN_TIME, reader.poll)
    assert not scene.is_whole(reader, NEW - 1)
    assert {each for _, each in scene.proxy.happened} == {fault}
    with pytest.raises(RepointError):
        scene.reader("fresh")
    _follows_again(scene, reader)


def _follows_again(scene: Scene, reader: Reader) -> None:
    assert scene.proxy.wait_quiet()
    scene.proxy.plan = nothing
    scene.clock.passed += 60.0
    assert reader.poll() is True
    assert scene.is_whole(reader, NEW)


# -- without end, and slow ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", mostly(["pointer", "releases", "blobs"], "ledger", "snapshots"))
def test_a_reply_without_end_is_cut_off(scene: Scene, kind: str) -> None:
    """It is read up to the object's own limit and no further, so it takes neither memory nor time without bound."""
    reader = scene.reader()
    scene.move()
    scene.proxy.plan = every(Endless(), scene.object(kind))
    within(IN_TIME, reader.poll)
    assert not scene.is_whole(reader, NEW - 1)
    assert scene.proxy.happened
    assert all(isinstance(fault, Endless) for _, fault in scene.proxy.happened)
    with pytest.raises(RepointError):
        scene.reader("fresh")
    _follows_again(scene, reader)


def test_a_reply_is_read_in_pieces_that_grow() -> None:
    """A read ends only with its last byte: a trickle must not have to fill a large one before it is given up."""
    asked: list[int] = []
    content = bytes(300_000)

    class Noting(BytesIO):
        def read(self, amount: int | None = -1) -> bytes:
            asked.append(amount or 0)
            return super().read(amount)

    assert read_whole(Noting(content), len(content), PATIENCE) == content
    assert asked[0] <= 256
    assert all(later <= 2 * earlier for earlier, later in pairwise(asked))


def test_a_slow_store_is_waited_for(scene: Scene) -> None:
    reader = scene.reader()
    scene.move()
    scene.proxy.plan = every(Trickle(64, 0.001, 0.1))
    assert reader.poll() is True
    assert scene.is_whole(reader, NEW)
    assert len(scene.proxy.happened) > 10


def test_a_trickle_that_would_take_minutes_is_given_up(scene: Scene) -> None:
    reader = scene.reader()
    scene.move()
    scene.proxy.plan = every(Trickle(16, 0.05, 120.0), POINTER)
    within(IN_TIME, reader.poll)
    assert scene.proxy.happened
    assert not scene.is_whole(reader, NEW - 1)
    _follows_again(scene, reader)


@pytest.mark.parametrize(
    "fault",
    mostly(
        [DropReply(), Answer(403, "AccessDenied"), Answer(404, "NoSuchKey")],
        DropRequest(),
        Hold(),
        INTERNAL_ERROR,
        SLOW_DOWN,
    ),
    ids=lambda f: f"{type(f).__name__}-{getattr(f, 'status', '')}",
)
def test_a_store_that_answers_nothing_but_errors(scene: Scene, fault: Fault) -> None:
    """For the pointer alone, and then for everything else alone: what was served stays, and is followed later."""
    reader = scene.reader()
    scene.move()
    for only in (_is_pointer, lambda e: not _is_pointer(e)):
        scene.proxy.plan = lambda e, only=only: fault if only(e) else None  # type: ignore[misc]
        within(IN_TIME, reader.poll)
        scene.proxy.release()
        assert not scene.is_whole(reader, NEW - 1)
    reader.close()
    scene.proxy.plan = every(fault)
    restarted = scene.reader()
    scene.proxy.release()
    assert not scene.is_whole(restarted, NEW - 1)
    assert restarted.staleness.from_disk
    assert {type(each) for _, each in scene.proxy.happened} == {type(fault)}
    _follows_again(scene, restarted)


def _is_pointer(exchange: Exchange) -> bool:
    return exchange.path.endswith(POINTER)


# -- stored wrongly ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", mostly([flipped], truncated))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_wrongly_is_not_served(scene: Scene, kind: str, damage: Callable[[bytes], bytes]) -> None:
    key = scene.object(kind)
    reader = scene.reader()
    scene.move()
    scene.bucket.put(key, damage(scene.told.at(NEW)[key]))
    assert reader.poll() is False
    assert not scene.is_whole(reader, NEW - 1)
    assert [e for e in scene.proxy.seen if e.path.endswith(key)]
    with pytest.raises(RepointError):
        scene.reader("fresh")
    reader.close()
    restarted = scene.reader()
    assert not scene.is_whole(restarted, NEW - 1)
    scene.bucket.put(key, scene.told.at(NEW)[key])
    _follows_again(scene, restarted)


def test_every_older_pointer_that_is_put_back_is_refused(scene: Scene) -> None:
    scene.move()
    reader = scene.reader()
    for older in range(NEW):
        scene.bucket.put(POINTER, scene.told.pointer(older))
        assert reader.poll() is False
        assert not scene.is_whole(reader, NEW)
    reader.close()
    restarted = scene.reader()
    assert not scene.is_whole(restarted, NEW)
    with pytest.raises(RepointError, match="put back"):
        scene.reader("fresh")
    scene.bucket.delete(ledger_key(PRODUCTION, NEW))
    with pytest.raises(RepointError, match="the least"):
        scene.reader("fresh", minimum=NEW)
    scene.bucket.put(ledger_key(PRODUCTION, NEW), scene.told.pointer(NEW))
    scene.move()
    restarted.poll()
    assert scene.is_whole(restarted, NEW)


def test_another_registrys_pointer_is_refused(scene: Scene) -> None:
    foreign = team(str(uuid.uuid4()))
    reader = scene.reader()
    scene.bucket.put(POINTER, foreign.pointer(NEW))
    assert reader.poll() is False
    assert not scene.is_whole(reader, NEW - 1)
    with pytest.raises(RepointError, match="belongs to registry"):
        scene.reader("fresh", registry=scene.told.records[0].registry)
    with pytest.raises(RepointError):
        scene.reader("fresh")
    scene.move()
    assert reader.poll() is True
    assert scene.is_whole(reader, NEW)


# -- a bit that flips anywhere -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", mostly([0], *range(1, 20)))
def test_bits_that_flip_everywhere(scene: Scene, seed: int) -> None:
    """One reply in five has a wrong bit: whatever is served is whole, and in the end it is the newest."""
    scene.proxy.plan = lambda e: Flip(e.number * 7919 + seed, e.number % 8) if (e.number + seed) % 5 == 0 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("repoint.follower.RETRY_SECONDS", 0.0)
        readers: list[Reader] = []
        while not readers:
            try:
                readers.append(scene.reader())
            except RepointError:
                continue
        (reader,) = readers
        scene.move()
        for _ in range(50):
            scene.is_whole(reader, reader.generation)
            if reader.poll():
                break
    assert scene.is_whole(reader, NEW)
    assert scene.proxy.happened
