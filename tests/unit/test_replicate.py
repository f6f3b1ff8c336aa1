"""A replica gets what it lacks, in an order in which it is whole at any moment; what does not fit is told and left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from repoint import pointer
from repoint.errors import StoreUnavailable
from repoint.moves import FreezeMoves
from repoint.registry import Registry
from repoint.replicate import Copied, behind, copy_release, follow, replicate
from repoint.store import Store
from repoint.store_git import GitStore
from repoint.store_memory import MemoryStore
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Version

from tests.servers.git_remotes import NOBODY, git
from tests.stores import (
    PRODUCTION,
    STAGING,
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
    rollback,
)

VERSIONS = ("refund@1.0.0", "refund@1.1.0", "router@0.4.0", "refund@1.0.1")


@pytest.fixture
def source() -> Registry:
    """Four versions, two environments, a rollback."""
    registry = initialised(new_registry(MemoryStore()), PRODUCTION, STAGING)
    for name in VERSIONS:
        publish_version(registry, name)
    for target in (VERSIONS[0], VERSIONS[1], VERSIONS[2]):
        pointer.move(registry, PRODUCTION, promote(target), Stamps())
    pointer.move(registry, PRODUCTION, rollback("refund@1.1.0"), Stamps())
    pointer.move(registry, STAGING, promote(VERSIONS[1]), Stamps())
    return registry


@pytest.fixture
def target(repository: Path) -> Iterator[Registry]:
    """An empty repository."""
    store = open_git(repository)
    yield new_registry(store)
    store.close()


def contents(store: Store) -> object:
    """All documents of a store."""
    taken = {(agent, version) for agent, found in store.versions().items() for version in found}
    releases = {name: store.read_release(*name) for name in taken}
    return releases, {name: ledger_of(store, name) for name in store.environments()}


def refs(store: GitStore) -> dict[str, str]:
    return {ref: str(oid) for ref, oid in store.repository.refs.find("refs/").items()}


def test_an_empty_replica_becomes_the_same(source: Registry, target: Registry) -> None:
    told: list[tuple[str, int, int]] = []

    copied = replicate(source, target, lambda what, at, total: told.append((what, at, total)))
    assert (copied.releases, copied.records, copied.alarms) == (4, 8, [])
    assert contents(target.store) == contents(source.store)
    assert ("copying versions", 4, 4) in told
    assert all(at <= total for _, at, total in told)
    assert replicate(source, target) == Copied()


def test_two_machines_come_to_the_same_object_ids(source: Registry, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        git(tmp_path, "init", "--quiet", name)
        with open_git(tmp_path / name) as store:
            replicate(source, new_registry(store))
            found.append(refs(store))
    assert found[0] == found[1]
    assert len(found[0]) == len(VERSIONS) + 3


def test_git_alone_gives_back_what_was_lost(source: Registry, target: Registry) -> None:
    replicate(source, target)
    again = new_registry(MemoryStore())

    assert replicate(target, again).alarms == []
    assert contents(again.store) == contents(source.store)


def test_one_move_brings_what_lies_beneath_it(source: Registry, target: Registry) -> None:
    tip = source.current(PRODUCTION).record

    assert behind(tip, target) == tip.generation + 1
    assert follow(source, target, tip) == tip.generation + 1
    assert behind(tip, target) == 0
    assert {a: sorted(v) for a, v in target.store.versions().items()} == {
        "refund": ["1.0.0", "1.1.0"],
        "router": ["0.4.0"],
    }
    assert target.current(PRODUCTION).record == tip


def test_one_version_brings_those_it_was_built_on(source: Registry, target: Registry) -> None:
    assert copy_release(source, target, source.release(*pair("refund@1.1.0")))
    assert sorted(target.store.versions()[pair("refund@1.1.0")[0]]) == ["1.0.0", "1.1.0"]
    assert not copy_release(source, target, source.release(*pair("refund@1.1.0")))


# -- what does not fit -----------------------------------------------------------------------------------------------


def kinds(copied: Copied) -> list[str]:
    return [alarm.kind for alarm in copied.alarms]


def test_another_version_under_the_name_is_told_and_the_others_go_on(source: Registry, target: Registry) -> None:
    publish_version(target, "refund@1.0.0", "somebody else's")
    before = refs_of(target)

    copied = replicate(source, target)
    assert set(kinds(copied)) == {"replica-diverged", "release-mismatch"}, "what was built on it does not fit either"
    assert copied.releases == 1, "the router's"
    assert before.items() <= refs_of(target).items()


def test_what_the_source_does_not_have_is_told(source: Registry, target: Registry) -> None:
    replicate(source, target)
    publish_version(target, "refund@3.0.0")
    pointer.create(target, EnvironmentName("canary"), Stamps()())
    pointer.move(target, STAGING, FreezeMoves(), Stamps())
    before = refs_of(target)

    copied = replicate(source, target)
    assert kinds(copied) == ["replica-ahead"] * 3
    assert refs_of(target) == before


def test_a_ledger_that_went_another_way_is_told(source: Registry, target: Registry) -> None:
    replicate(source, target)
    pointer.move(target, STAGING, FreezeMoves(), Stamps())
    pointer.move(source, STAGING, FreezeMoves(), Stamps())
    pointer.move(source, PRODUCTION, FreezeMoves(), Stamps())
    before = refs_of(target)

    copied = replicate(source, target)
    assert (kinds(copied), copied.records) == (["replica-diverged"], 1)
    changed = {ref for ref, oid in refs_of(target).items() if before[ref] != oid}
    assert changed == {"refs/heads/repoint/env/production"}


def test_a_commit_by_hand_on_the_right_record_is_told_and_not_built_on(source: Registry, target: Registry) -> None:
    replicate(source, target)
    store = target.store
    assert isinstance(store, GitStore)
    folder = Path(str(store.repository.work_tree))
    branch = "refs/heads/repoint/env/staging"
    other = git(folder, *NOBODY, "commit-tree", "-m", "by hand", "-p", f"{branch}~1", f"{branch}^{{tree}}")
    git(folder, "update-ref", branch, other)
    pointer.move(source, STAGING, FreezeMoves(), Stamps())

    copied = replicate(source, target)
    assert (kinds(copied), copied.records) == (["replica-diverged"], 0)
    assert refs_of(target)[branch] == other


class Flipped(FaultStore):
    """A store that gives other bytes for the files of one agent."""

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        if agent == "router":
            return iter([b"x" * entry.size])
        return super().read_file(agent, version, entry)


def test_damage_in_the_source_is_not_copied(source: Registry, target: Registry) -> None:
    copied = replicate(new_registry(Flipped(source.store)), target)

    assert "corrupt-file" in kinds(copied)
    assert target.store.read_release(*pair("router@0.4.0")) is None
    assert target.store.read_release(*pair("refund@1.1.0")) is not None
    assert_loadable(target)


# -- interrupted -----------------------------------------------------------------------------------------------------

WRITES = 4 * 2 + 8
"""What an empty replica takes: contents and release of each version, and every record."""


@pytest.mark.parametrize(
    "fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REQUEST, Fault.LOST_REPLY], ids=str
)
def test_stopped_at_any_write_it_is_finished_by_the_next_run(source: Registry, fault: Fault) -> None:
    whole = contents(source.store)
    for stop in range(WRITES):
        store = MemoryStore()
        stopping = FaultStore(store, [*[None] * stop, fault])
        with suppress(Crash, StoreUnavailable):
            replicate(source, new_registry(stopping))
        assert stopping.faults == [fault], stop
        assert_loadable(new_registry(store))
        replicate(source, new_registry(store))
        assert contents(store) == whole, stop


def assert_loadable(registry: Registry) -> None:
    """Promise 2, in the middle of it: whatever is live can be read whole."""
    for environment in registry.store.environments():
        for agent, entry in registry.current(environment).record.agents.items():
            registry.check_loadable(agent, entry)


def refs_of(registry: Registry) -> dict[str, str]:
    assert isinstance(registry.store, GitStore)
    return refs(registry.store)
