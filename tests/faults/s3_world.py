"""A registry in a bucket behind the fault proxy, clones of it that note what they send, and each protection taken out.

A registry is made once and put under as many prefixes as there are schedules: nothing in it names the place where it
lies. Every clone has a state folder and an SDK client of its own; the client is kept from one schedule to the next,
since making it costs more than a whole schedule's requests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from repoint import pointer
from repoint.documentcache import DocumentCache
from repoint.gitrepo import GitRepository
from repoint.registry import Registry
from repoint.replicate import replicate
from repoint.s3client import Got, Head, S3Client, Settings
from repoint.s3keys import Address
from repoint.store import Pointer, Swap
from repoint.store_git import GitStore
from repoint.store_s3 import S3Store
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import EnvironmentName, Record

from tests.servers.proxy import FaultProxy
from tests.servers.s3 import S3Server, client, new_bucket
from tests.stores import (
    PRODUCTION,
    REGISTRY,
    Stamps,
    initialised,
    new_registry,
    open_git,
    promote,
    publish_version,
)

AGENTS = ("refund", "router")
PUBLISHED = {"refund": ("1.0.0", "1.1.0", "1.2.0"), "router": ("1.0.0",)}
"""Versions that are there when a schedule begins; the first two of refund were live, and the one of router."""

BEFORE = 4
"""Records of production that are there when a schedule begins."""

PATIENCE, READ_SECONDS = 0.2, 0.15
"""Seconds that a client waits: long enough for a server on this machine, short enough for hundreds of schedules."""

SLOTS = 3
TOGETHER = 4
MOST_BYTES = 1 << 20


class Client(S3Client):
    """A client that borrows the SDK's."""

    def __init__(self, settings: Settings, sdk: object) -> None:
        super().__init__(settings)
        self.__dict__["_made"] = sdk


class Frozen(S3Client):
    """All that lies under a prefix, fetched once: what is judged is one state, and costs one request an object."""

    def __init__(self, live: S3Client) -> None:
        super().__init__(live.settings)
        live.connect()
        keys = list(live.keys(""))
        with ThreadPoolExecutor(TOGETHER) as pool:
            fetched = list(pool.map(lambda key: live.get(key, MOST_BYTES), keys))
        self.objects = {key: got for key, got in zip(keys, fetched, strict=True) if got is not None}

    def connect(self) -> None:
        """Nothing is sent."""

    def get(self, key: str, limit: int) -> Got | None:
        return self.objects.get(key)

    def stream(self, key: str, limit: int) -> Iterator[bytes] | None:
        return iter([self.objects[key].content]) if key in self.objects else None

    def head(self, key: str) -> Head | None:
        return Head(len(self.objects[key].content), None) if key in self.objects else None

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        return (key for key in sorted(self.objects) if key.startswith(prefix) and key > after)


@dataclass
class Notes:
    """What all clones of one schedule sent: the digests of the pointers on which each record was sent, by its id."""

    sent_on: dict[str, set[Digest]] = field(default_factory=dict)


class NotingStore(S3Store):
    """The store, and a note of which pointer each swap was sent on: its stamp as it came with these very bytes."""

    def __init__(self, client: S3Client, cache: DocumentCache, notes: Notes) -> None:
        super().__init__(client, cache)
        self._notes = notes
        self._read: dict[str, Digest] = {}

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        found = super().read_pointer(environment)
        if found is not None:
            self._read[found.stamp] = digest_of(found.content)
        return found

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        if expected.stamp in self._read:
            self._notes.sent_on.setdefault(record.id, set()).add(self._read[expected.stamp])
        return super().swap_pointer(expected, record, content)


class LedgerAfterwards(NotingStore):
    """Broken: nothing makes sure, before a swap, that the record which it replaces is in the ledger."""

    def _begin_to_keep(self, expected: Pointer, environment: EnvironmentName, generation: int) -> Future[None]:
        kept: Future[None] = Future()
        kept.set_result(None)
        return kept


def never_looked(registry: Registry, expected: Pointer, record: Record, content: bytes) -> bool:
    """Broken, in place of ``pointer._stands``: whoever is refused has lost."""
    return False


@dataclass(frozen=True)
class Protections:
    """What is in force; the product has all of it."""

    sdk_retries: bool = False
    ledger_first: bool = True
    looks_after_refusal: bool = True

    @contextmanager
    def in_force(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            if not self.looks_after_refusal:
                patch.setattr(pointer, "_stands", never_looked)
            yield

    @property
    def store(self) -> Callable[[S3Client, DocumentCache, Notes], NotingStore]:
        return NotingStore if self.ledger_first else LedgerAfterwards


ALL = Protections()
BROKEN = {
    "the SDK's retries on": Protections(sdk_retries=True),
    "no ledger entry before the swap": Protections(ledger_first=False),
    "a refused swap is lost, without a look": Protections(looks_after_refusal=False),
}


@dataclass(frozen=True)
class Template:
    """A registry as objects by key, and its Git replica."""

    objects: dict[str, bytes]
    replica: Path


class Bench:
    """One bucket behind one proxy, the clones' SDK clients, and the registry to begin with."""

    def __init__(self, server: S3Server, proxy: FaultProxy, folder: Path, protections: Protections = ALL) -> None:
        self.server = server
        self.proxy = proxy
        self.folder = folder
        self.protections = protections
        self.bucket = new_bucket(server)
        self.sdks = [_sdk(self.settings("sdk"), retries=protections.sdk_retries) for _ in range(SLOTS)]
        self.judge = S3Client(Settings(Address(self.bucket, "sdk", server.endpoint), server.region))
        self.judge.connect()
        self.template = _template(self)

    def settings(self, prefix: str) -> Settings:
        address = Address(self.bucket, prefix, self.proxy.endpoint)
        return Settings(address, self.server.region, read_seconds=READ_SECONDS, patience=PATIENCE)

    def plant(self, prefix: str, replica: Path) -> None:
        """Put the registry under a prefix, and its replica into a folder."""
        lies = client(self.server).put_object

        def put(key: str, content: bytes) -> None:
            lies(Bucket=self.bucket, Key=f"{prefix}/{key}", Body=content, ChecksumAlgorithm="SHA256")

        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(put, *zip(*self.template.objects.items(), strict=True)))
        shutil.copytree(self.template.replica, replica)

    def directly(self, prefix: str) -> S3Client:
        """What lies under a prefix, past the proxy."""
        settings = self.judge.settings._replace(address=self.judge.settings.address._replace(prefix=prefix))
        return Client(settings, self.judge.__dict__["_made"])


class Clone:
    """One clone of a schedule's registry. Each call opens it anew, as a command does."""

    def __init__(self, bench: Bench, prefix: str, slot: int, folder: Path, notes: Notes) -> None:
        self.name = f"clone-{slot}"
        self.state = folder / self.name
        self._client = Client(bench.settings(prefix), bench.sdks[slot])
        self._store = bench.protections.store
        self._notes = notes

    @contextmanager
    def opened(self) -> Iterator[Registry]:
        with self._store(self._client, DocumentCache(str(self.state / "documents")), self._notes) as store:
            yield new_registry(store, self.state)


@contextmanager
def opened_replica(folder: Path) -> Iterator[Registry]:
    with GitRepository.discover(folder, os.environ) as repository:
        yield Registry(GitStore(repository), REGISTRY, "local")


@contextmanager
def new_bench(server: S3Server, folder: Path, protections: Protections = ALL) -> Iterator[Bench]:
    """A bench for many schedules; the proxy is closed at the end."""
    host, _, port = server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy, protections.in_force():
        yield Bench(server, proxy, folder, protections)


def _sdk(settings: Settings, *, retries: bool) -> object:
    """Botocore's client as the product makes it, or with the SDK's own retries, as it comes by default."""
    made = S3Client(settings)
    made.connect()
    sdk: Any = made.__dict__["_made"]
    if not retries:
        return sdk
    from botocore.config import Config
    from botocore.session import Session

    config = sdk.meta.config.merge(Config(retries={"mode": "standard", "total_max_attempts": 3}))
    session = Session()
    return session.create_client(
        "s3", region_name=settings.region, endpoint_url=settings.address.endpoint, config=config
    )


def _template(bench: Bench) -> Template:
    """Every version, and a move to each but the last one of refund."""
    replica = bench.folder / "template"
    with S3Store(bench.directly("template")) as store:
        registry = initialised(new_registry(store))
        for agent in AGENTS:
            for version in PUBLISHED[agent]:
                publish_version(registry, f"{agent}@{version}")
        for name in ("refund@1.0.0", "refund@1.1.0", "router@1.0.0"):
            assert pointer.move(registry, PRODUCTION, promote(name), Stamps()).moved
        _new_repository(replica)
        with open_git(replica) as target:
            assert not replicate(registry, new_registry(target)).alarms
    objects = Frozen(bench.directly("template")).objects
    return Template({key: got.content for key, got in objects.items()}, replica)


def _new_repository(folder: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
