"""Versions go into a replica in as few round trips as the stores can, and as if they had gone one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from repoint import pointer, replicaversions, versionreads
from repoint.errors import Corrupt, InvalidInput, StoreUnavailable
from repoint.registry import Registry
from repoint.replicate import copy_release, replicate
from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address
from repoint.store import Contents, Draft, Foreign
from repoint.store_memory import MemoryStore
from repoint.store_s3 import S3Store
from repoint.versionreads import FileOf, Held, SideBySide
from repoint_schemas.canonical import MEBIBYTE, Digest, encode
from repoint_schemas.documents import AgentName, FileEntry, ParentRelease, Version

from tests.servers.proxy import FaultProxy, depth
from tests.servers.s3 import S3Server
from tests.stores import (
    PRODUCTION,
    Crash,
    Fault,
    FaultStore,
    Stamps,
    initialised,
    ledger_of,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
)

VERSIONS = ("refund@1.0.0", "refund@1.1.0", "router@0.4.0", "refund@1.2.0")
WRITES = 2 * len(VERSIONS)
LARGE = 1000
LATENCY = 0.4
"""Seconds of every reply; what is sent together overlaps for certain, on a busy machine too."""


class Bucket(FaultStore):
    """A store in memory that can be asked for many things at once, and notes what it was asked for and told."""

    def __init__(self, inner: MemoryStore | None = None, plan: Iterable[Fault | None] = ()) -> None:
        super().__init__(inner or MemoryStore(), plan)
        self.alone: list[str] = []
        self.together: list[list[FileOf]] = []
        self.written: list[str] = []
        self.meeting: Callable[[], object] = int

    def read_snapshots(self, digests: Sequence[Digest]) -> list[bytes | None]:
        return [self.inner.read_snapshot(AgentName("x"), Version("1.0.0"), digest) for digest in digests]

    def read_files(self, wanted: Iterable[FileOf]) -> list[bytes | None]:
        self.together.append(list(wanted))
        return [None if (c := self.inner.read_file(*each)) is None else b"".join(c) for each in self.together[-1]]

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        self.alone.append(f"{agent}@{version}")
        return super().read_release(agent, version)

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        self.alone.append(f"snapshot of {agent}@{version}")
        return super().read_snapshot(agent, version, digest)

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        self.alone.append(f"{agent}@{version} {entry.path}")
        return super().read_file(agent, version, entry)

    def put_contents(self, contents: Contents) -> None:
        self.meeting()
        super().put_contents(contents)
        self.written.append(f"contents of {encode(contents.document).hex()}")

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        assert f"contents of {encode(contents.document).hex()}" in self.written, "its contents are not there"
        parent = draft.document.parent
        if parent is not None:
            assert self.inner.read_release(draft.document.agent, parent.version), "what it was built on is not there"
        return super().create_release(draft, contents)


def filled(store: MemoryStore | Bucket, *names: str) -> Registry:
    """These versions, and all of them live at one time or another."""
    registry = initialised(new_registry(store))
    for name in names or VERSIONS:
        publish_version(registry, name)
        pointer.move(registry, PRODUCTION, promote(name), Stamps())
    return registry


@pytest.fixture
def source() -> Registry:
    return filled(MemoryStore())


def documents(registry: Registry) -> object:
    taken = {(agent, version) for agent, found in registry.store.versions().items() for version in found}
    releases = {name: registry.store.read_release(*name) for name in taken}
    return releases, {name: ledger_of(registry.store, name) for name in registry.store.environments()}


def as_bucket(registry: Registry) -> Bucket:
    """What a registry in memory holds, in a store of round trips."""
    assert isinstance(registry.store, MemoryStore)
    return Bucket(registry.store)


def loadable(registry: Registry) -> bool:
    """Promise 2, for all that is live and for all that is published."""
    for environment in registry.store.environments():
        for agent, entry in registry.current(environment).record.agents.items():
            registry.check_loadable(agent, entry)
    for agent, versions in registry.store.versions().items():
        for version in versions:
            release = registry.release(agent, version)
            for file in registry.snapshot(release).files():
                assert registry.file_bytes(release.document, file) is not None
    return True


def test_what_a_fake_bucket_stands_for_is_one(s3_server: S3Server) -> None:
    assert isinstance(Bucket(), SideBySide)
    assert isinstance(S3Store(S3Client(Settings(Address("b", "", s3_server.endpoint)))), SideBySide)
    assert not isinstance(MemoryStore(), SideBySide)


# -- out of a bucket -------------------------------------------------------------------------------------------------


def test_nothing_is_read_alone_out_of_a_bucket_and_no_file_twice(source: Registry, repository: Path) -> None:
    bucket = as_bucket(source)
    with open_git(repository) as store:
        target = new_registry(store)
        assert replicate(new_registry(bucket), target).alarms == []
        assert documents(target) == documents(source)
        assert loadable(target)
    assert bucket.alone == []
    asked = [entry.sha256 for wanted in bucket.together for _, _, entry in wanted]
    assert sorted(asked) == sorted(set(asked)) != []


def test_of_one_version_only_the_files_that_are_new_are_fetched(source: Registry, repository: Path) -> None:
    bucket = as_bucket(source)
    with open_git(repository) as store:
        target, registry = new_registry(store), new_registry(bucket)
        assert copy_release(registry, target, registry.release(*pair("refund@1.0.0")))
        bucket.together.clear()
        assert copy_release(registry, target, registry.release(*pair("refund@1.1.0")))
        assert not copy_release(registry, target, registry.release(*pair("refund@1.1.0")))
    assert [[entry.path for _, _, entry in wanted] for wanted in bucket.together] == [["prompts/system.md"]]


def test_a_large_file_is_fetched_once(repository: Path) -> None:
    memory = MemoryStore()
    registry = initialised(new_registry(memory))
    publish_version(registry, "refund@1.0.0", "x" * (MEBIBYTE + 1))
    bucket = Bucket(memory)
    with open_git(repository) as store:
        assert copy_release(new_registry(bucket), new_registry(store), registry.release(*pair("refund@1.0.0")))
        assert loadable(new_registry(store))
    assert [each for each in bucket.alone if each.endswith(".md")] == ["refund@1.0.0 prompts/system.md"]


def test_what_was_just_published_is_not_fetched_again(source: Registry, repository: Path) -> None:
    bucket = as_bucket(source)
    with open_git(repository) as store:
        target, registry = new_registry(store), new_registry(bucket)
        first = registry.release(*pair("refund@1.0.0"))
        snapshot = registry.snapshot(first)
        files = {e.path: Held(b"".join(registry.file_chunks(first.document, e))) for e in snapshot.files()}
        bucket.alone.clear()
        assert copy_release(registry, target, first, Contents(snapshot, encode(snapshot), files))
        assert bucket.alone == []
        assert bucket.together == []
        assert target.store.read_release(*pair("refund@1.0.0")) == source.store.read_release(*pair("refund@1.0.0"))
        assert loadable(target)


def test_content_at_hand_that_is_not_what_was_published_gets_nowhere(source: Registry, repository: Path) -> None:
    with open_git(repository) as store:
        target, first = new_registry(store), source.release(*pair("refund@1.0.0"))
        snapshot = source.snapshot(first)
        files = {entry.path: Held(b"something else") for entry in snapshot.files()}
        with pytest.raises(InvalidInput, match="changed"):
            copy_release(source, target, first, Contents(snapshot, encode(snapshot), files))
        assert target.store.versions() == {}
        assert copy_release(source, target, first)


@pytest.mark.parametrize("held", [1, 300, 700])
def test_memory_is_bounded(source: Registry, monkeypatch: pytest.MonkeyPatch, held: int, repository: Path) -> None:
    for module in (versionreads, replicaversions):
        monkeypatch.setattr(module, "HELD_BYTES", held)
        monkeypatch.setattr(module, "TOGETHER", 3)
    for read, write in ((as_bucket(source), MemoryStore()), (as_bucket(source), Bucket()), (source.store, Bucket())):
        target = new_registry(write)
        assert replicate(new_registry(read), target).alarms == []
        assert documents(target) == documents(source)
        assert loadable(target)
        if isinstance(read, Bucket):
            assert all(sum(entry.size for _, _, entry in wanted) <= held for wanted in read.together)


@pytest.mark.parametrize("write", [MemoryStore, Bucket])
def test_a_large_file_is_never_held(monkeypatch: pytest.MonkeyPatch, write: type[MemoryStore] | type[Bucket]) -> None:
    for module in (versionreads, replicaversions):
        monkeypatch.setattr(module, "MEBIBYTE", LARGE)
    source = initialised(new_registry(MemoryStore()))
    publish_version(source, "refund@1.0.0", "line\n" * LARGE)
    publish_version(source, "refund@1.1.0", "small")
    bucket = as_bucket(source)

    target = new_registry(write())
    assert replicate(new_registry(bucket), target).releases == 2
    assert bucket.alone == ["refund@1.0.0 prompts/system.md"]
    assert max(entry.size for wanted in bucket.together for _, _, entry in wanted) < LARGE
    assert loadable(target)


class Damaged(Bucket):
    """Of the router, one kind of object is altered that is read together, and where it is ``stored`` so, alone too."""

    def __init__(self, inner: MemoryStore, part: str, *, stored: bool) -> None:
        super().__init__(inner)
        self.part, self.stored = part, stored

    def read_snapshots(self, digests: Sequence[Digest]) -> list[bytes | None]:
        return [self._spoilt("snapshot", content) for content in super().read_snapshots(digests)]

    def read_releases(
        self, wanted: Iterable[tuple[AgentName, Version]]
    ) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        for agent, version, content in super().read_releases(wanted):
            yield agent, version, self._spoilt("release", content) if isinstance(content, bytes) else content

    def read_files(self, wanted: Iterable[FileOf]) -> list[bytes | None]:
        return [self._spoilt("file", content) for content in super().read_files(wanted)]

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        content = super().read_release(agent, version)
        return self._spoilt("release", content) if self.stored and isinstance(content, bytes) else content

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        content = super().read_snapshot(agent, version, digest)
        return self._spoilt("snapshot", content) if self.stored else content

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        content = super().read_file(agent, version, entry)
        if not self.stored or content is None:
            return content
        return iter([self._spoilt("file", b"".join(content)) or b""])

    def _spoilt(self, part: str, content: bytes | None) -> bytes | None:
        if content is None or part != self.part or b"router" not in content:
            return content
        self.happened.append((part, Fault.LOST_REPLY))
        return content.replace(b"router", b"rooter")


PARTS = {"release": "misplaced-release", "snapshot": "corrupt-snapshot", "file": "corrupt-file"}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("write", [MemoryStore, Bucket])
def test_what_only_arrives_altered_is_read_again(
    source: Registry, part: str, write: type[MemoryStore] | type[Bucket]
) -> None:
    assert isinstance(source.store, MemoryStore)
    bucket, target = Damaged(source.store, part, stored=False), new_registry(write())

    assert replicate(new_registry(bucket), target).alarms == []
    assert bucket.happened
    assert documents(target) == documents(source)
    assert loadable(target)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("write", [MemoryStore, Bucket])
def test_what_is_stored_altered_is_told_and_everything_else_goes_on(
    source: Registry, part: str, write: type[MemoryStore] | type[Bucket]
) -> None:
    assert isinstance(source.store, MemoryStore)
    bucket, target = Damaged(source.store, part, stored=True), new_registry(write())

    copied = replicate(new_registry(bucket), target)
    assert bucket.happened
    assert copied.releases == len(VERSIONS) - 1
    assert PARTS[part] in {alarm.kind for alarm in copied.alarms}
    assert target.store.versions() == {pair(VERSIONS[0])[0]: [Version(v) for v in ("1.0.0", "1.1.0", "1.2.0")]}
    assert loadable(target)


def test_versions_that_name_each_other_as_the_one_before_do_not_keep_it_busy_for_ever(source: Registry) -> None:
    """Nobody can publish such a pair, but whoever may write to the bucket by other programs can put one there."""
    store = MemoryStore()
    forged = initialised(new_registry(store))
    names = [pair("refund@1.0.0"), pair("refund@1.1.0")]
    for name in ("refund@1.0.0", "refund@1.1.0"):
        publish_version(forged, name)
    for here, other in (names, reversed(names)):
        release = forged.release(*here).document
        before = ParentRelease(release=forged.release(*other).digest, version=other[1])
        store._releases[here] = encode(msgspec.structs.replace(release, parent=before))

    target = new_registry(MemoryStore())
    assert replicate(forged, target).alarms == [], "verify says what is wrong with them"
    assert documents(target) == documents(forged)


@pytest.mark.s3
def test_many_versions_out_of_s3_are_three_round_trips(
    s3_server: S3Server, s3_bucket: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    host, _, port = s3_server.endpoint.removeprefix("http://").partition(":")
    directly = Settings(Address(s3_bucket, "team", s3_server.endpoint), s3_server.region)
    with FaultProxy((host, int(port))) as proxy, open_git(repository) as replica:
        through, target = (
            directly._replace(address=directly.address._replace(endpoint=proxy.endpoint)),
            new_registry(replica),
        )
        with S3Store(S3Client(directly)) as first, S3Store(S3Client(through)) as store:
            source = initialised(new_registry(first))
            for name in VERSIONS:
                publish_version(source, name)
            proxy.latency = LATENCY
            assert replicate(new_registry(store), target).alarms == []
            assert documents(target) == documents(source)
    asked = [e for e in proxy.seen if any(f"/{kind}/" in e.path for kind in ("releases", "snapshots", "blobs"))]
    assert len(asked) >= 3 * len(VERSIONS)
    assert depth(asked) == 3, "releases, snapshots, files"


# -- into a bucket ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["memory", "bucket"])
def test_contents_go_into_a_bucket_side_by_side_before_any_release(source: Registry, read: str) -> None:
    target = Bucket()
    together = threading.Barrier(len(VERSIONS))
    target.meeting = lambda: together.wait(10)  # fails unless all of them are under way at once

    copied = replicate(new_registry(as_bucket(source)) if read == "bucket" else source, new_registry(target))
    assert (copied.releases, copied.alarms) == (len(VERSIONS), [])
    assert target.alone == [], "what was not there is not looked for"
    assert documents(new_registry(target)) == documents(source)
    assert loadable(new_registry(target))


def test_a_version_that_somebody_else_brought_meanwhile_is_no_divergence(source: Registry) -> None:
    target = Bucket()

    def somebody_else() -> None:
        target.meeting = int
        replicate(source, new_registry(target.inner))

    target.meeting = somebody_else
    copied = replicate(source, new_registry(target))
    assert copied.alarms == []
    assert documents(new_registry(target)) == documents(source)


def test_another_version_that_appears_meanwhile_is_told(source: Registry) -> None:
    target = Bucket()

    def somebody_else() -> None:
        target.meeting = int
        publish_version(new_registry(target.inner), VERSIONS[0], "somebody else's")

    target.meeting = somebody_else
    copied = replicate(source, new_registry(target))
    assert "replica-diverged" in {alarm.kind for alarm in copied.alarms}


class Refusing(Bucket):
    """A bucket that holds something else under a blob of one agent, or cannot be used."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.refused = 0

    def put_contents(self, contents: Contents) -> None:
        if contents.document.agent == "router":
            self.refused += 1
            raise self.error
        super().put_contents(contents)


def test_contents_that_do_not_fit_are_told_once_and_the_others_go_on(source: Registry) -> None:
    target = Refusing(Corrupt("another blob", kind="corrupt-file"))

    copied = replicate(source, new_registry(target))
    assert target.refused
    assert [alarm.kind for alarm in copied.alarms] == ["corrupt-file", "corrupt-file"], "the version, and its ledger"
    assert copied.releases == len(VERSIONS) - 1
    assert loadable(new_registry(target))


def test_a_bucket_that_goes_away_meanwhile_is_an_error_and_nothing_is_half_there(source: Registry) -> None:
    target = Refusing(StoreUnavailable("no reply", kind="no-reply"))

    with pytest.raises(StoreUnavailable):
        replicate(source, new_registry(target))
    assert target.refused == 1
    assert loadable(new_registry(target))


@pytest.mark.parametrize(
    "fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REQUEST, Fault.LOST_REPLY], ids=str
)
def test_stopped_at_any_write_it_is_finished_by_the_next_run(source: Registry, fault: Fault) -> None:
    for stop in range(WRITES):
        stopping = Bucket(MemoryStore(), [*[None] * stop, fault])
        with suppress(Crash, StoreUnavailable):
            replicate(source, new_registry(stopping))
        assert stopping.faults == [fault], stop
        assert loadable(new_registry(stopping.inner))
        assert replicate(source, new_registry(stopping)).alarms == []
        assert documents(new_registry(stopping)) == documents(source), stop
