"""``verify_store``: for each damage to a store of documents exactly what was done, and nothing where nothing was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from repoint import pointer
from repoint.agentfiles import Limits
from repoint.errors import Corrupt, StoreUnavailable
from repoint.moves import FreezeMoves, UnfreezeMoves
from repoint.release import build_release
from repoint.store import Foreign, Pointer, Store
from repoint.store_memory import MemoryStore
from repoint.verifyreport import BATCH
from repoint.verifystore import verify_store
from repoint.verifystoreledger import LedgerReader
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Version
from repoint_schemas.results import VerifyResult

from tests.faults.damage import store_damage
from tests.faults.damage.store_damage import CATALOGUE, StoreDamage
from tests.faults.damage.store_victim import MOVES, ApartStore, StoreVictim, build, copied, decoded, fill
from tests.stores import (
    ADA,
    PRODUCTION,
    STAGING,
    Stamps,
    contents_of,
    initialised,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
)

GOOD = {"environments": 3, "releases": 10, "snapshots": 10, "files": 20, "records": 33, "entries": 19}
SECRET = "AKIA" + "Z7Q2M4X6B2C5D3E4"  # in two parts, so that no scanner takes this file for one that has a key
K = TypeVar("K")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> StoreVictim:
    return build(tmp_path_factory.mktemp("state"))


@pytest.fixture
def victim(healthy: StoreVictim) -> StoreVictim:
    return copied(healthy)


def move_objects(victim: StoreVictim, store: ApartStore) -> None:
    """The same objects in another store."""
    for name in ("_blobs", "_snapshots", "_releases", "pointers", "ledger"):
        getattr(store, name).update(getattr(victim.store, name))


def verified(store: Store, state: Path | None = None, *, deep: bool = False) -> VerifyResult:
    return verify_store(new_registry(store, state), deep=deep)


def kinds(result: VerifyResult) -> set[tuple[int, str]]:
    return {(finding.promise, finding.kind) for finding in result.findings}


def told(result: VerifyResult) -> str:
    return "\n".join(f"{f.promise} {f.place}: {f.kind}: {f.message}" for f in result.findings)


@pytest.mark.parametrize("deep", [False, True])
def test_a_healthy_registry_is_clean(healthy: StoreVictim, deep: bool) -> None:
    result = verify_store(healthy.registry(), deep=deep)
    assert result.findings == [], told(result)
    assert {what: result.checked[what] for what in GOOD} == GOOD
    assert ("bytes" in result.checked) == deep
    assert len(MOVES) == 30


def test_a_healthy_registry_in_one_piece_is_clean(tmp_path: Path) -> None:
    """The store in memory, whose pointer is the end of its ledger, in a clone that remembers and in a new one."""
    store = MemoryStore()
    fill(new_registry(store, tmp_path))
    for state in (tmp_path, None):
        result = verified(store, state, deep=True)
        assert result.findings == [], told(result)
        assert {what: result.checked[what] for what in GOOD} == GOOD


@pytest.mark.parametrize("damage", CATALOGUE.all, ids=lambda damage: damage.do.__name__)
def test_damage_is_found_and_named(victim: StoreVictim, damage: StoreDamage) -> None:
    damage.do(victim)
    for deep, expected in ((False, damage.plain), (True, damage.deep)):
        result = verify_store(victim.registry(), deep=deep)
        assert kinds(result) == expected, told(result)
        assert result.checked["records"] >= GOOD["records"] - 9
        assert result.checked["releases"] >= GOOD["releases"] - 1


def test_damage_in_many_places_is_found_in_one_run(victim: StoreVictim) -> None:
    done = [
        store_damage.snapshot_that_is_not_canonical,
        store_damage.release_beneath_what_is_live_is_gone,
        store_damage.ledger_entry_with_another_message,
        store_damage.ledger_entry_beneath_the_pointer_gone,
        store_damage.yank_ledger_gone,
    ]
    for do in done:
        do(victim)
    expected = {found for damage in CATALOGUE.all if damage.do in done for found in damage.deep}
    result = verify_store(victim.registry(), deep=True)
    assert kinds(result) == expected, told(result)


def test_the_end_of_a_ledger_in_one_piece(tmp_path: Path) -> None:
    """Where pointer and ledger are one, its end is judged once, as the pointer."""
    for content, expected in (
        (b"garbage", {(2, "pointer-unreadable")}),
        (None, {(6, "pointer-went-back")}),
    ):
        store = MemoryStore()
        state = tmp_path / str(len(expected)) / str(content)
        fill(new_registry(store, state))
        store._ledgers[PRODUCTION][-1:] = [] if content is None else [content]
        result = verified(store, state)
        assert kinds(result) == expected, told(result)


def test_a_pointer_that_is_gone_is_missed_by_its_name_alone(victim: StoreVictim) -> None:
    """In a clone that never saw it, only the configuration tells that there was one."""
    store = victim.store
    del store.pointers[STAGING]
    assert verified(store).findings == []
    result = verify_store(new_registry(store), environments=[STAGING, EnvironmentName("canary")])
    assert kinds(result) == {(4, "pointer-missing")}, told(result)
    assert "its ledger goes on to generation" in result.findings[0].message
    assert result.checked["records"] == GOOD["records"] - 1, "what is left of its ledger was read"


def test_a_long_gap_is_one_finding_and_what_comes_after_it_is_read(tmp_path: Path) -> None:
    store, stamps = ApartStore(), Stamps(message="on and off")
    registry = initialised(new_registry(store, tmp_path))
    for number in range(5 * BATCH):
        pointer.move(registry, PRODUCTION, UnfreezeMoves() if number % 2 else FreezeMoves(), stamps)
    for generation in range(100, 3 * BATCH + 50):
        del store.ledger[PRODUCTION, generation]
    later = 4 * BATCH + 10
    store.ledger[PRODUCTION, later] = b"garbage"
    result = verified(store, tmp_path)
    assert [(f.kind, f.place) for f in result.findings] == [
        ("ledger-gap", "production generation 100"),
        ("record-unreadable", f"production generation {later}"),
        ("chain-broken", f"production generation {later + 1}"),
    ], told(result)
    assert f"generations 100 to {3 * BATCH + 49} are missing" in result.findings[0].message
    assert result.checked["records"] == 1 + 5 * BATCH + 1 - (3 * BATCH + 50 - 100)


def test_a_pointer_of_a_generation_far_beyond_costs_few_reads(victim: StoreVictim) -> None:
    record = victim.following(generation=2**52, action="freeze")
    victim.store.pointers[PRODUCTION] = encode(store_damage.frozen(record))
    reads = 0

    def read(environment: EnvironmentName, generation: int) -> bytes | None:
        nonlocal reads
        reads += 1
        return ApartStore.ledger_record(victim.store, environment, generation)

    victim.store.ledger_record = read  # type: ignore[method-assign]
    result = verify_store(victim.registry())
    assert kinds(result) == {(4, "ledger-gap")}, told(result)
    assert 0 < reads < 5 * BATCH


def test_the_end_of_a_ledger_is_found_without_reading_all_of_it() -> None:
    reads: list[int] = []

    def read(environment: EnvironmentName, generation: int) -> bytes | None:
        reads.append(generation)
        return b"" if generation <= 777_777 else None

    reader = LedgerReader(MemoryStore(), PRODUCTION, read)
    assert reader.last(0) == reader.last(777_777) == 777_777
    assert 0 < len(reads) < 100


# -- what is not damage ----------------------------------------------------------------------------------------------


class Moving(ApartStore):
    """Somebody else moves right after a pointer was read for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], object]] = []

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        found = super().read_pointer(environment)
        if environment == PRODUCTION and self.meanwhile:
            self.meanwhile.pop()()
        return found


def test_a_move_and_a_publish_meanwhile_are_no_damage(victim: StoreVictim) -> None:
    def meanwhile() -> None:
        registry = new_registry(store)
        publish_version(registry, "refund@3.0.0")
        for action in (promote("refund@3.0.0"), FreezeMoves(), UnfreezeMoves()):
            assert pointer.move(registry, PRODUCTION, action, Stamps(message="meanwhile")).moved

    store = Moving()
    move_objects(victim, store)
    before = victim.newest().generation
    store.meanwhile.append(meanwhile)
    result = verified(store, victim.state)
    assert result.findings == [], told(result)
    now = store.read_pointer(PRODUCTION)
    assert now is not None
    assert decoded(now.content).generation == before + 3, "the others moved while it was verified"


def test_nothing_is_written(victim: StoreVictim, healthy: StoreVictim) -> None:
    assert victim.state is not None
    remembered = {path: path.read_bytes() for path in victim.state.rglob("*.json")}
    verify_store(victim.registry(), deep=True)
    for name in ("_blobs", "_snapshots", "_releases", "pointers", "ledger"):
        assert getattr(victim.store, name) == getattr(healthy.store, name)
    assert {path: path.read_bytes() for path in victim.state.rglob("*.json")} == remembered
    assert remembered


def test_foreign_versions_are_listed(victim: StoreVictim) -> None:
    victim.store._releases[pair("widget@1.0.0")] = Foreign("a picture")
    assert verify_store(victim.registry()).foreign == ["widget@1.0.0"]


class Batched(ApartStore):
    """A store that reads many snapshots in one round trip, as S3 can."""

    asked = 0

    def read_snapshots(self, digests: Sequence[Digest]) -> list[bytes | None]:
        self.asked += 1
        return [self._snapshots.get(digest) for digest in digests]

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        raise AssertionError("one by one")

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        self.asked += 1
        return super().missing_files(agent, version, entries)


def test_snapshots_and_files_of_many_versions_are_asked_for_together(victim: StoreVictim) -> None:
    store = Batched()
    move_objects(victim, store)
    assert verified(store, victim.state).findings == []
    assert store.asked == 2
    store_damage.snapshot_gone(StoreVictim(store))
    assert kinds(verified(store, victim.state)) == {(1, "snapshot-missing"), *store_damage.LIVE}


def test_a_store_that_does_not_go_by_digests_is_asked_for_each_version(tmp_path: Path) -> None:
    """One content under two versions, damaged in one of them."""

    class Apart(MemoryStore):
        def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
            return iter([b"x" * entry.size]) if version == "1.1.0" else super().read_file(agent, version, entry)

    store = Apart()
    registry = initialised(new_registry(store, tmp_path))
    for name in ("refund@1.0.0", "refund@1.1.0", "refund@1.2.0"):
        publish_version(registry, name, prompt="the same")
    result = verified(store, tmp_path, deep=True)
    assert {f.place for f in result.findings if f.kind == "file-changed"} == {"refund@1.1.0"}, told(result)


def test_a_registry_in_git_is_clean_by_its_documents(repository: Path) -> None:
    with open_git(repository) as store:
        fill(new_registry(store, repository / ".git" / "repoint"))
        result = verified(store, repository / ".git" / "repoint", deep=True)
    assert result.findings == [], told(result)
    assert {what: result.checked[what] for what in GOOD} == GOOD


def test_a_store_that_is_away_is_no_finding(victim: StoreVictim) -> None:
    class Away(ApartStore):
        def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
            raise StoreUnavailable("no reply", kind="unreachable")

    store = Away()
    store._releases.update(victim.store._releases)
    with pytest.raises(StoreUnavailable):
        verified(store)


class Checking(ApartStore):
    """A store that checks what it reads by itself, and raises ``Corrupt`` for some of its objects."""

    def __init__(self, damaged: str) -> None:
        super().__init__()
        self.damaged = damaged
        self.raised = 0

    def _check(self, what: str) -> None:
        if what == self.damaged:
            self.raised += 1
            raise Corrupt("the checksum is wrong", kind="checksum")

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        self._check(f"release {agent}@{version}")
        return super().read_release(agent, version)

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:
        self._check(f"snapshot {agent}@{version}")
        return super().read_snapshot(agent, version, digest)

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        for entry in entries:
            self._check(f"size {agent}@{version} {entry.path}")
        return super().missing_files(agent, version, entries)

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes]:
        yield from super().read_file(agent, version, entry) or ()
        self._check(f"size {agent}@{version} {entry.path}")
        self._check(f"file {agent}@{version} {entry.path}")

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        self._check(f"pointer {environment}")
        return super().read_pointer(environment)

    def ledger_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        self._check(f"ledger {environment} {generation}")
        return super().ledger_record(environment, generation)


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        ("release router@0.6.0", {(1, "object-corrupt"), *store_damage.LIVE}),
        ("snapshot router@0.6.0", {(1, "object-corrupt"), *store_damage.LIVE}),
        ("size router@0.6.0 prompts/system.md", {(1, "object-corrupt"), *store_damage.LIVE}),
        ("file router@0.6.0 prompts/system.md", {(1, "object-corrupt"), *store_damage.LIVE}),
        ("pointer production", {(2, "pointer-unreadable")}),
        ("ledger production 4", {(4, "record-unreadable")}),
    ],
)
def test_what_the_store_itself_calls_damaged_is_a_finding(
    victim: StoreVictim, damaged: str, expected: set[tuple[int, str]]
) -> None:
    store = Checking(damaged)
    move_objects(victim, store)
    result = verified(store, victim.state, deep=True)
    assert kinds(result) == expected, told(result)
    assert store.raised


def test_what_is_being_checked_is_told(healthy: StoreVictim) -> None:
    steps: list[tuple[str, int, int]] = []
    verify_store(healthy.registry(), progress=lambda *step: steps.append(step))
    assert ("versions", 0, 10) in steps
    assert ("versions", 10, 10) in steps
    assert ("records of production", 17, 17) in steps


# -- any single byte ---------------------------------------------------------------------------------------------------


def flip(objects: MutableMapping[K, bytes], key: K, at: int, mask: int) -> None:
    content = bytearray(objects[key])
    content[at % len(content)] ^= mask
    objects[key] = bytes(content)


def places(store: ApartStore) -> list[tuple[str, object]]:
    names = ("_blobs", "_snapshots", "_releases", "pointers", "ledger")
    return [(name, key) for name in names for key in sorted(getattr(store, name))]


@given(data=st.data())
def test_any_flipped_byte_is_found(healthy: StoreVictim, data: st.DataObject) -> None:
    victim = copied(healthy)
    name, key = data.draw(st.sampled_from(places(victim.store)))
    flip(getattr(victim.store, name), key, data.draw(st.integers(0, 10_000)), data.draw(st.integers(1, 255)))
    result = verify_store(victim.registry(), deep=True)
    assert result.findings, f"{name} {key!r}"


def test_what_nothing_else_holds_cannot_be_told(victim: StoreVictim) -> None:
    """The limit that the module's docstring names: a replica tells it, this does not."""
    victim.store.pointers[PRODUCTION] = encode(replace(victim.newest(), message="nothing to see"))
    assert verified(victim.store).findings == []
    assert kinds(verified(victim.store, victim.state)) == {(4, "ledger-rewritten")}


def test_secrets_in_stored_files_are_found_when_every_byte_is_read(victim: StoreVictim) -> None:
    contents = contents_of("widget", f"Use {SECRET}\n")
    draft = build_release(
        agent=AgentName("widget"),
        version=Version("1.0.0"),
        snapshot=digest_of(contents.content),
        registry=victim.registry().id,
        author=ADA,
        time=1_795_208_400,
        message="By hand",
        parent=None,
        bump=None,
    )
    victim.store.put_contents(contents)
    assert victim.store.create_release(draft, contents)
    assert verify_store(victim.registry()).findings == []
    result = verify_store(victim.registry(), deep=True)
    assert [(f.promise, f.place) for f in result.findings] == [(9, "widget@1.0.0")], told(result)
    assert SECRET not in told(result)
    rule = result.findings[0].kind
    assert verify_store(victim.registry(), deep=True, allowed=lambda _agent: [rule]).findings == []
    small = verify_store(victim.registry(), deep=True, allowed=lambda _agent: [rule], limits=Limits(file_bytes=1))
    assert kinds(small) == {(10, "over-limit")}
