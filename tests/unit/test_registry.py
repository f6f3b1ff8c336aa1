"""Verified reads: nothing that does not belong where it was found leaves the registry (promises 1, 2, 4 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from repoint import pointer
from repoint.errors import Conflict, Corrupt, NotFound, RepointError, StoreUnavailable
from repoint.moves import FreezeMoves, Seal, UnfreezeMoves, Yank
from repoint.names import YANK_LEDGER, parse_ref
from repoint.pointer import move
from repoint.registry import Published, Registry
from repoint.stamps import time_seconds
from repoint.state import LocalState
from repoint.store import Foreign, Pointer
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version

from tests.stores import (
    PRODUCTION,
    REGISTRY,
    FaultStore,
    Stamps,
    contents_of,
    initialised,
    live_in,
    new_registry,
    open_git,
    pair,
    promote,
    publish_version,
    rollback,
)

REFUND = AgentName("refund")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def registry(store: MemoryStore, tmp_path: Path) -> Registry:
    """Three versions of refund, the first two promoted in turn."""
    made = initialised(new_registry(store, tmp_path / "state"))
    for version in ("1.0.0", "1.1.0", "1.2.0-rc.1"):
        publish_version(made, f"refund@{version}")
    for version in ("1.0.0", "1.1.0"):
        move(made, PRODUCTION, promote(f"refund@{version}"), Stamps())
    return made


def forged(store: MemoryStore, generation: int, **changes: object) -> bytes:
    """Change fields of a stored record; what was there before is returned."""
    ledger = store._ledgers[PRODUCTION]
    before = ledger[generation]
    record = msgspec.json.decode(before, type=Record)
    ledger[generation] = encode(msgspec.structs.replace(record, **changes))
    return before


# -- the pointer -------------------------------------------------------------------------------------------------------


def test_the_newest_record_is_read_with_what_a_swap_needs(registry: Registry, store: MemoryStore) -> None:
    current = registry.current(PRODUCTION)
    assert current.record.generation == 2
    assert current.pointer == store.read_pointer(PRODUCTION)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"registry": "another"}, "registry 'another' instead of"),
        ({"environment": "staging"}, "environment 'staging' instead of 'production'"),
    ],
)
def test_a_record_of_another_place_is_corrupt(
    change: dict[str, object], said: str, registry: Registry, store: MemoryStore
) -> None:
    forged(store, 2, **change)
    with pytest.raises(Corrupt, match=said) as error:
        new_registry(store).current(PRODUCTION)
    assert error.value.kind == "misplaced-record"


def test_a_record_in_the_place_of_another_generation_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    store._ledgers[PRODUCTION][1] = store._ledgers[PRODUCTION][2]
    with pytest.raises(Corrupt, match="generation 2 instead of 1"):
        registry.record_at(PRODUCTION)(1)


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json", b"\xff\xfe", b"[" * 100_000])
def test_bytes_that_are_no_record_are_corrupt(damage: bytes, registry: Registry, store: MemoryStore) -> None:
    store._ledgers[PRODUCTION][2] = damage
    with pytest.raises(Corrupt):
        registry.current(PRODUCTION)


def test_a_record_in_other_spelling_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    store._ledgers[PRODUCTION][2] += b"\n"
    with pytest.raises(Corrupt, match="not canonical"):
        registry.current(PRODUCTION)


def test_a_newer_format_asks_for_an_upgrade(registry: Registry, store: MemoryStore) -> None:
    ledger = store._ledgers[PRODUCTION]
    ledger[2] = ledger[2].replace(b"repoint.record/1", b"repoint.record/2")
    with pytest.raises(StoreUnavailable) as error:
        registry.current(PRODUCTION)
    assert error.value.kind == "newer-format"


def test_an_environment_that_does_not_exist_is_not_found_and_the_others_are_named(registry: Registry) -> None:
    with pytest.raises(NotFound) as error:
        registry.current(EnvironmentName("staging"))
    assert error.value.hint == "environments here: production"


# -- the high-water mark -----------------------------------------------------------------------------------------------


def test_a_pointer_below_the_newest_that_was_seen_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    registry.current(PRODUCTION)
    store._ledgers[PRODUCTION].pop()
    with pytest.raises(Corrupt) as error:
        registry.current(PRODUCTION)
    assert error.value.kind == "pointer-went-back"
    assert error.value.facts["promise"] == 6


def test_another_record_of_the_generation_that_was_seen_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    forged(store, 2, message="never said")
    with pytest.raises(Corrupt) as error:
        registry.current(PRODUCTION)
    assert error.value.kind == "pointer-went-back"


def test_a_newer_pointer_over_a_rewritten_ledger_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    forged(store, 2, message="never said")
    move(new_registry(store), PRODUCTION, rollback("refund"), Stamps())
    with pytest.raises(Corrupt) as error:
        registry.current(PRODUCTION)
    assert error.value.kind == "ledger-rewritten"


def test_a_pointer_that_was_seen_and_is_gone_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    del store._ledgers[PRODUCTION]
    with pytest.raises(Corrupt, match="saw at generation 2"):
        registry.current(PRODUCTION)
    with pytest.raises(NotFound):
        new_registry(store).current(PRODUCTION)


class MovedBetweenReads(FaultStore):
    """Another process of the same clone moves, just after the pointer was read."""

    def __init__(self, inner: MemoryStore, others: Callable[[], object]) -> None:
        super().__init__(inner)
        self.others = [others]

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        found = super().read_pointer(environment)
        if environment == PRODUCTION and self.others:
            self.others.pop()()
        return found


def test_a_move_of_another_process_of_this_clone_between_two_reads_is_no_alarm(
    registry: Registry, store: MemoryStore, tmp_path: Path
) -> None:
    between = MovedBetweenReads(store, lambda: move(registry, PRODUCTION, rollback("refund"), Stamps()))
    same_clone = new_registry(between, tmp_path / "state")
    assert same_clone.current(PRODUCTION).record.generation == 2
    assert between.others == []
    assert same_clone.current(PRODUCTION).record.generation == 3


def test_an_environment_that_another_process_of_this_clone_creates_between_two_reads_is_no_alarm(
    store: MemoryStore, tmp_path: Path
) -> None:
    registry = new_registry(store, tmp_path / "state")
    between = MovedBetweenReads(store, lambda: pointer.create(registry, PRODUCTION, Stamps()()))
    assert new_registry(between, tmp_path / "state").current(PRODUCTION).record.generation == 0
    assert between.others == []


def test_without_a_memory_of_its_own_a_clone_believes_what_it_reads(registry: Registry, store: MemoryStore) -> None:
    store._ledgers[PRODUCTION].pop()
    assert new_registry(store).current(PRODUCTION).record.generation == 1


# -- the ledger --------------------------------------------------------------------------------------------------------


def test_records_are_bound_to_each_other_by_digest(registry: Registry, store: MemoryStore) -> None:
    assert [r.generation for r in registry.records(PRODUCTION, 2)] == [2, 1, 0]
    assert [r.generation for r in registry.records(PRODUCTION, 2, 2)] == [2]
    forged(store, 1, message="never said")
    with pytest.raises(Corrupt) as error:
        list(registry.records(PRODUCTION, 2))
    assert error.value.kind == "ledger-rewritten"


def test_other_reads_between_two_records_do_not_disturb(repository: Path) -> None:
    with open_git(repository) as git_store:
        registry = initialised(new_registry(git_store))
        publish_version(registry, "refund@1.0.0")
        for action in (promote("refund@1.0.0"), FreezeMoves(), UnfreezeMoves(), FreezeMoves(), UnfreezeMoves()):
            move(registry, PRODUCTION, action, Stamps())
        seen = []
        for record in registry.records(PRODUCTION, registry.current(PRODUCTION).record.generation):
            assert registry.current(PRODUCTION).record.generation == 5
            for agent, entry in record.agents.items():
                registry.check_loadable(agent, entry)
            seen.append(record.generation)
        assert seen == [5, 4, 3, 2, 1, 0]


def test_a_generation_that_is_missing_is_a_gap(registry: Registry) -> None:
    with pytest.raises(Corrupt) as error:
        registry.record_at(PRODUCTION)(7)
    assert error.value.kind == "ledger-gap"


@pytest.mark.parametrize(
    "impossible", [{"since": 3}, {"since": 2, "back": 2}, {"since": 1, "back": 1}, {"since": 2, "back": 7}]
)
def test_an_entry_that_lies_in_its_own_future_is_corrupt(
    impossible: dict[str, int], registry: Registry, store: MemoryStore
) -> None:
    entry = msgspec.structs.replace(registry.current(PRODUCTION).record.agents[REFUND], **impossible)
    forged(store, 2, agents={REFUND: entry})
    fresh = new_registry(store)
    for read in (
        lambda: fresh.current(PRODUCTION),
        lambda: fresh.record_at(PRODUCTION)(2),
        lambda: fresh.resolve(parse_ref("refund@production~3")),
    ):
        with pytest.raises(Corrupt) as error:
            read()
        assert (error.value.kind, error.value.facts["promise"]) == ("impossible-entry", 4)


class WrongTimes(FaultStore):
    """Its list of times is not that of its records."""

    wrong: Sequence[int] = ()

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        return list(self.wrong)


def test_a_moment_is_found_only_where_list_and_records_agree(registry: Registry, store: MemoryStore) -> None:
    times = [time_seconds(registry.record_at(PRODUCTION)(g).time) for g in range(3)]
    before, first, second = times
    assert [registry.generation_at(PRODUCTION, t, "then") for t in times] == [0, 1, 2]
    with pytest.raises(NotFound):
        registry.generation_at(PRODUCTION, before - 1, "then")
    lying = WrongTimes(store)
    for moment, wrong in (
        (first, [before, first + 1, second + 1]),  # too early: generation 0
        (before, [before - 1, before, second]),  # too late: generation 1
        (second, [before, first]),  # cut
        (second, [before, first, second + 1]),
    ):
        lying.wrong = wrong
        with pytest.raises(Corrupt) as error:
            new_registry(lying).generation_at(PRODUCTION, moment, "then")
        assert error.value.kind == "ledger-index-wrong"
        assert ".git/repoint/ledger" in str(error.value.hint)
    lying.wrong = [*times, second]  # somebody moved after the pointer was read
    assert new_registry(lying).generation_at(PRODUCTION, second, "then") == 2


def test_several_candidates_are_believed_only_where_the_records_say_so(registry: Registry, store: MemoryStore) -> None:
    times = [time_seconds(registry.record_at(PRODUCTION)(g).time) for g in range(3)]
    before, first, second = times
    assert [r.generation for r in registry.candidates_at(PRODUCTION, first, "then")] == [1]
    assert registry.candidates_at(PRODUCTION, before - 1, "then") == []
    lying = WrongTimes(store)
    for moment, wrong in ((first, [before, second, first]), (first, [second, second, second])):
        lying.wrong = wrong
        with pytest.raises(Corrupt) as error:
            new_registry(lying).candidates_at(PRODUCTION, moment, "then")
        assert error.value.kind == "ledger-index-wrong"


# -- versions ----------------------------------------------------------------------------------------------------------


def test_a_version_that_was_never_published_is_not_found_and_near_ones_are_named(
    registry: Registry, store: MemoryStore
) -> None:
    with pytest.raises(NotFound) as error:
        registry.release(*pair("refund@9.9.9"))
    assert error.value.hint == "newest versions: 1.2.0-rc.1, 1.1.0, 1.0.0"
    store._releases[pair("refund@3.0.0")] = Foreign("a lightweight tag")
    with pytest.raises(NotFound, match="a lightweight tag"):
        registry.release(*pair("refund@3.0.0"))


def test_a_release_under_another_name_is_corrupt(registry: Registry, store: MemoryStore) -> None:
    store._releases[pair("refund@1.0.0")] = store._releases[pair("refund@1.1.0")]
    with pytest.raises(Corrupt, match=r"holds refund 1\.1\.0"):
        registry.release(*pair("refund@1.0.0"))


def test_a_snapshot_that_is_missing_altered_or_of_another_agent_is_corrupt(
    registry: Registry, store: MemoryStore
) -> None:
    found = registry.release(*pair("refund@1.0.0"))
    content = store._snapshots.pop(found.document.snapshot)
    with pytest.raises(Corrupt, match="is missing"):
        registry.snapshot(found)
    store._snapshots[found.document.snapshot] = content + b" "
    with pytest.raises(Corrupt, match="is not the one released"):
        registry.snapshot(found)
    other = contents_of("router", "x").content
    store._snapshots[digest_of(other)] = other
    release = msgspec.structs.replace(found.document, snapshot=digest_of(other))
    with pytest.raises(Corrupt, match="is one of router"):
        registry.snapshot(msgspec.structs.replace(found, document=release))


@pytest.mark.parametrize("damage", [None, b"", b"refund@1.0.", b"refund@1.0.0 ", b"refund@1.0.1"])
def test_a_file_that_is_missing_or_altered_is_corrupt(
    damage: bytes | None, registry: Registry, store: MemoryStore
) -> None:
    found = registry.release(*pair("refund@1.0.0"))
    entry = registry.snapshot(found).prompts["system"]
    assert registry.file_bytes(found.document, entry) == b"refund@1.0.0"
    if damage is None:
        del store._blobs[entry.sha256]
    else:
        store._blobs[entry.sha256] = damage
    with pytest.raises(Corrupt, match=r"prompts/system\.md"):
        registry.file_bytes(found.document, entry)


def test_a_live_entry_must_be_the_release_that_the_ledger_names(registry: Registry, store: MemoryStore) -> None:
    entry = registry.current(PRODUCTION).record.agents[REFUND]
    registry.check_loadable(REFUND, entry)
    with pytest.raises(Corrupt) as error:
        registry.released_entry(REFUND, msgspec.structs.replace(entry, release=Digest("sha256:" + "0" * 64)))
    assert error.value.kind == "release-replaced"
    del store._releases[REFUND, entry.version]
    with pytest.raises(Corrupt) as error:
        registry.released_entry(REFUND, entry)
    assert error.value.kind == "release-missing"
    assert "git fetch --tags" in str(error.value.hint)


def test_in_a_list_every_version_is_its_release_or_what_is_wrong_with_it(
    registry: Registry, store: MemoryStore
) -> None:
    store._releases[pair("refund@3.0.0")] = Foreign("a lightweight tag")
    store._releases[pair("refund@4.0.0")] = store._releases[pair("refund@1.1.0")]
    wanted = [pair(f"refund@{v}") for v in ("1.1.0", "9.9.9", "3.0.0", "4.0.0", "1.0.0")]
    assert [_shown(found) for found in registry.releases(wanted)] == [
        "1.1.0",
        "no-such-version",
        "a lightweight tag",
        "misplaced-release",
        "1.0.0",
    ]


def _shown(found: Published | Foreign | RepointError) -> str:
    if isinstance(found, Foreign):
        return found.reason
    return found.kind if isinstance(found, RepointError) else found.document.version


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("refund@1.0.0", "1.0.0"),
        ("refund@latest", "1.1.0"),
        ("refund@production", "1.1.0"),
        ("refund@production~1", "1.0.0"),
    ],
)
def test_refs_are_resolved(ref: str, version: str, registry: Registry) -> None:
    assert registry.resolve(parse_ref(ref)).document.version == version


@pytest.mark.parametrize("ref", ["refund@9.9.9", "nobody@latest", "nobody@production", "refund@production~2"])
def test_refs_that_name_nothing_are_not_found(ref: str, registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.resolve(parse_ref(ref))


def test_latest_is_neither_yanked_nor_a_prerelease_nor_foreign(registry: Registry, store: MemoryStore) -> None:
    store._releases[pair("refund@3.0.0")] = Foreign("a lightweight tag")
    assert registry.latest(REFUND).document.version == "1.1.0"
    move(registry, YANK_LEDGER, Yank(REFUND, Version("1.1.0")), Stamps())
    assert registry.latest(REFUND).document.version == "1.0.0"
    store._ledgers[YANK_LEDGER][-1] = b"damaged"
    assert registry.yanks() is None
    with pytest.raises(StoreUnavailable):
        registry.latest(REFUND)


def test_damage_to_one_agent_does_not_stop_a_rollback_of_another(repository: Path, git: Callable[..., str]) -> None:
    with open_git(repository) as git_store:
        registry = initialised(new_registry(git_store))
        for name in ("refund@1.0.0", "refund@1.1.0", "router@1.0.0"):
            publish_version(registry, name)
        move(registry, PRODUCTION, promote("refund@1.0.0", "router@1.0.0"), Stamps())
        move(registry, PRODUCTION, promote("refund@1.1.0"), Stamps())
        oid = git(repository, "rev-parse", "router@v1.0.0:.repoint/snapshot.json").strip()
        Path(repository, ".git/objects", oid[:2], oid[2:]).unlink()
    with open_git(repository) as git_store:
        registry = new_registry(git_store)
        move(registry, PRODUCTION, rollback("refund@1.1.0"), Stamps())
        assert live_in(registry) == {"refund": "1.0.0", "router": "1.0.0"}


def test_what_is_required_is_read_from_snapshots_and_damage_is_left_out(registry: Registry, store: MemoryStore) -> None:
    publish_version(registry, "router@1.0.0", "x", {"refund": ">=1.0.0"})
    move(registry, PRODUCTION, promote("router@1.0.0"), Stamps())
    entries = registry.current(PRODUCTION).record.agents
    assert registry.requires_of(entries) == {"refund": {}, "router": {"refund": ">=1.0.0"}}
    store._snapshots[entries[AgentName("router")].snapshot] = b"damaged"
    assert registry.requires_of(entries) == {"refund": {}}


def test_registries_do_not_see_each_other(registry: Registry, store: MemoryStore) -> None:
    other = Registry(store, REGISTRY.replace("6", "7"), "local")
    with pytest.raises(Corrupt):
        other.current(PRODUCTION)
    assert other.yanks() is None


def test_a_handed_over_registry_takes_no_move_though_it_follows_its_successor(tmp_path: Path) -> None:
    """A replica has records after the seal; who was pinned to it before must not take it for the authority."""
    store = MemoryStore()
    here = initialised(new_registry(store, tmp_path / "old"))
    publish_version(here, "refund@1.0.0")
    pointer.move(here, PRODUCTION, promote("refund@1.0.0"), Stamps())
    elsewhere = "s3://acme-agents/repoint"
    for environment in (PRODUCTION, YANK_LEDGER):
        pointer.move(here, environment, Seal(elsewhere), Stamps())
    successor = Registry(store, here.id, elsewhere, LocalState(tmp_path / "new"))
    pointer.move(successor, YANK_LEDGER, Yank(AgentName("refund"), Version("1.0.0")), Stamps())
    pointer.move(successor, PRODUCTION, FreezeMoves(), Stamps())

    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            pointer.move(here, PRODUCTION, UnfreezeMoves(), Stamps())
        assert refused.value.kind == "sealed"
    with pytest.raises(Conflict):
        publish_version(here, "refund@1.1.0")
    assert here.yanks() == successor.yanks()
    pointer.move(successor, PRODUCTION, UnfreezeMoves(), Stamps())
