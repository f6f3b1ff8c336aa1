"""``compare_replica``: a replica may be behind, and nothing else; each difference is named, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from repoint import pointer
from repoint.errors import Corrupt, StoreUnavailable
from repoint.moves import FreezeMoves
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.store import Draft, Foreign, Pointer, Store
from repoint.store_git import GitStore
from repoint.store_memory import MemoryStore
from repoint.verifyreplica import Behind, compare_replica
from repoint.verifyreport import Report
from repoint_schemas.canonical import decode, encode
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Release, Version

from tests.faults.damage.store_victim import ApartStore, StoreVictim, build, copied, fill
from tests.stores import ADA, PRODUCTION, STAGING, Stamps, contents_of, new_registry, open_git, pair, publish_version

NOT_BEHIND = Behind([], {})
Found = set[tuple[int, str]]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> StoreVictim:
    return build(tmp_path_factory.mktemp("state"))


@pytest.fixture
def replica(healthy: StoreVictim) -> ApartStore:
    return copied(healthy).store


def compared(authority: Registry | Store, replica: Store) -> tuple[Behind, Found, Report]:
    report = Report()
    registry = authority if isinstance(authority, Registry) else new_registry(authority)
    behind = compare_replica(registry, replica, "the replica", report)
    return behind, {(finding.promise, finding.kind) for finding in report.findings}, report


def told(report: Report) -> str:
    return "\n".join(f"{f.promise} {f.place}: {f.kind}: {f.message}" for f in report.findings)


def test_an_equal_replica(healthy: StoreVictim, replica: ApartStore) -> None:
    behind, found, report = compared(healthy.store, replica)
    assert (behind, found) == (NOT_BEHIND, set())
    assert not behind
    assert report.checked["compared"] == 10 + 33


def test_an_empty_replica_is_behind_in_everything(healthy: StoreVictim) -> None:
    behind, found, _ = compared(healthy.store, MemoryStore())
    assert found == set()
    assert len(behind.releases) == 10
    assert behind.records == {
        environment: healthy.newest(environment).generation + 1 for environment in (PRODUCTION, YANK_LEDGER, STAGING)
    }


def test_a_replica_that_is_behind_is_no_finding(healthy: StoreVictim, replica: ApartStore) -> None:
    del replica._releases[pair("router@0.6.0")]
    replica.pointers[PRODUCTION] = healthy.store.ledger[PRODUCTION, 10]
    del replica.ledger[STAGING, 2]
    behind, found, _ = compared(healthy.store, replica)
    assert found == set()
    assert behind.releases == [pair("router@0.6.0")]
    assert behind.records == {PRODUCTION: healthy.newest().generation - 10, STAGING: 1}


def other_release(store: MemoryStore, name: str, **fields: str) -> bytes:
    content = store._releases[pair(name)]
    assert isinstance(content, bytes)
    return encode(replace(decode(content, Release, limit=Release.LIMIT), **fields))


def test_another_release_under_one_name(healthy: StoreVictim, replica: ApartStore) -> None:
    replica._releases[pair("router@0.6.0")] = other_release(replica, "router@0.6.0", message="other")
    replica._releases[pair("router@0.5.0")] = Foreign("a picture")
    behind, found, report = compared(healthy.store, replica)
    assert (behind, found) == (NOT_BEHIND, {(1, "replica-differs")})
    assert [f.place for f in report.findings] == ["router@0.5.0 in the replica", "router@0.6.0 in the replica"]
    assert "a picture" in report.findings[0].message


def test_a_release_that_the_authority_lacks(healthy: StoreVictim, replica: ApartStore) -> None:
    replica._releases[pair("router@0.9.0")] = other_release(replica, "router@0.6.0", version="0.9.0")
    behind, found, report = compared(healthy.store, replica)
    assert (behind, found) == (NOT_BEHIND, {(1, "replica-ahead")})
    assert "nothing is overwritten" in report.findings[0].message


@pytest.mark.parametrize("there", [b"garbage", Foreign("a picture"), "another registry"])
def test_what_is_foreign_in_the_replica_is_not_ahead(
    healthy: StoreVictim, replica: ApartStore, there: bytes | Foreign | str
) -> None:
    other = other_release(replica, "router@0.6.0", version="0.9.0", registry="00000000-8a52-4a0e-9d0b-3f6f0c1d2e3a")
    replica._releases[pair("router@0.9.0")] = other if isinstance(there, str) else there
    behind, found, _ = compared(healthy.store, replica)
    assert (behind, found) == (NOT_BEHIND, set())


def test_records_that_the_authority_lacks(healthy: StoreVictim, replica: ApartStore) -> None:
    """As after the authority was restored from a backup of two generations ago."""
    authority = copied(healthy)
    newest = authority.newest().generation
    authority.store.pointers[PRODUCTION] = authority.store.ledger.pop((PRODUCTION, newest - 2))
    del authority.store.ledger[PRODUCTION, newest - 1]
    behind, found, report = compared(authority.store, replica)
    assert (behind, found) == (NOT_BEHIND, {(3, "replica-ahead")})
    assert [f.place for f in report.findings] == [f"production generation {newest - 1} in the replica"]
    assert f"generations {newest - 1} to {newest} have a record there" in report.findings[0].message


def test_an_environment_that_the_authority_lacks(healthy: StoreVictim, replica: ApartStore) -> None:
    authority = copied(healthy)
    del authority.store.pointers[STAGING]
    _, found, report = compared(authority.store, replica)
    assert found == {(3, "replica-ahead")}, told(report)


def test_two_histories_that_went_apart(healthy: StoreVictim, replica: ApartStore) -> None:
    """One finding for the whole stretch, where it begins, however long it is."""
    authority = copied(healthy)
    for number in range(3):
        record = authority.following(message=f"here {number}")
        authority.append(record)
        replica.ledger[PRODUCTION, record.generation - 1] = replica.pointers[PRODUCTION]
        replica.pointers[PRODUCTION] = encode(replace(record, message=f"there {number}"))
    first = healthy.newest().generation + 1
    behind, found, report = compared(authority.store, replica)
    assert (behind, found) == (NOT_BEHIND, {(4, "replica-differs")})
    assert [f.place for f in report.findings] == [f"production generation {first} in the replica"]
    assert f"generations {first} to {first + 2} have other bytes" in report.findings[0].message


def test_a_record_that_was_lost_by_the_authority_is_shown(healthy: StoreVictim, replica: ApartStore) -> None:
    authority = copied(healthy)
    del authority.store.ledger[PRODUCTION, 4]
    _, found, report = compared(authority.store, replica)
    assert found == {(3, "replica-ahead")}
    assert [f.place for f in report.findings] == ["production generation 4 in the replica"]


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_pointer_of_the_replica_that_cannot_be_read(
    healthy: StoreVictim, replica: ApartStore, content: bytes
) -> None:
    replica.pointers[PRODUCTION] = content
    behind, found, _ = compared(healthy.store, replica)
    assert (behind, found) == (NOT_BEHIND, {(4, "replica-differs")})


def test_what_the_authority_cannot_read_is_left_to_its_own_check(healthy: StoreVictim, replica: ApartStore) -> None:
    authority = copied(healthy)
    authority.store.pointers[PRODUCTION] = b"garbage"
    behind, found, _ = compared(authority.store, replica)
    assert (behind, found) == (NOT_BEHIND, set())


@given(data=st.data())
def test_any_flipped_byte_of_a_document_is_found(healthy: StoreVictim, data: st.DataObject) -> None:
    """Also of those whose digest nothing else holds."""
    store = copied(healthy).store
    places = [(name, key) for name in ("_releases", "pointers", "ledger") for key in sorted(getattr(store, name))]
    name, key = data.draw(st.sampled_from(places))
    objects = getattr(store, name)
    content = bytearray(objects[key])
    content[data.draw(st.integers(0, 10_000)) % len(content)] ^= data.draw(st.integers(1, 255))
    objects[key] = bytes(content)
    behind, found, _ = compared(healthy.store, store)
    assert found or behind, f"{name} {key!r}"
    assert found <= {(1, "replica-differs"), (4, "replica-differs"), (3, "replica-ahead")}


class Away(MemoryStore):
    """A replica that cannot be reached."""

    def environments(self) -> list[EnvironmentName]:
        raise StoreUnavailable("no reply", kind="unreachable")


def test_a_replica_that_is_away_is_no_finding(healthy: StoreVictim) -> None:
    with pytest.raises(StoreUnavailable):
        compared(healthy.store, Away())


# -- a replica in Git --------------------------------------------------------------------------------------------------


@pytest.fixture
def git_replica(repository: Path) -> Iterator[GitStore]:
    store = open_git(repository)
    yield store
    store.close()


def mirrored(source: MemoryStore, target: Store) -> None:
    """Bring the target up to the source, document by document, as ``sync`` does."""
    for agent, version in sorted(source._releases, key=lambda name: (name[0], name[1])):
        content = source.read_release(agent, version)
        assert isinstance(content, bytes)
        contents = contents_of(agent, f"{agent}@{version}")
        target.put_contents(contents)
        assert target.create_release(Draft(decode(content, Release, limit=Release.LIMIT), content), contents)
    for environment in source.environments():
        for content in source._ledgers[environment]:
            record = decode(content, Record, limit=Record.LIMIT)
            now = target.read_pointer(environment)
            if now is None:
                assert target.create_pointer(record, content)
            else:
                target.swap_pointer(now, record, content)


@pytest.fixture
def authority(git_replica: GitStore) -> Registry:
    """A registry in memory whose replica in Git is up to date."""
    store = MemoryStore()
    fill(new_registry(store))
    mirrored(store, git_replica)
    return new_registry(store)


def test_an_equal_replica_in_git(authority: Registry, git_replica: GitStore) -> None:
    behind, found, report = compared(authority, git_replica)
    assert (behind, found) == (NOT_BEHIND, set()), told(report)
    assert report.checked["compared"] == 10 + 33
    assert compared(new_registry(git_replica), authority.store)[:2] == (NOT_BEHIND, set())


def test_git_behind_and_git_ahead(authority: Registry, git_replica: GitStore) -> None:
    publish_version(authority, "refund@2.0.0")
    assert pointer.move(authority, STAGING, FreezeMoves(), Stamps()).moved
    assert compared(authority, git_replica)[:2] == (Behind([pair("refund@2.0.0")], {STAGING: 1}), set())
    behind, found, _ = compared(new_registry(git_replica), authority.store)
    assert (behind, found) == (NOT_BEHIND, {(1, "replica-ahead"), (3, "replica-ahead")})


def test_somebody_moved_in_git(authority: Registry, git_replica: GitStore) -> None:
    assert pointer.move(authority, STAGING, FreezeMoves(), Stamps(actor=ADA)).moved
    assert pointer.move(new_registry(git_replica), STAGING, FreezeMoves(), Stamps()).moved
    behind, found, _ = compared(authority, git_replica)
    assert (behind, found) == (NOT_BEHIND, {(4, "replica-differs")})


def test_an_ordinary_tag_is_not_ahead_and_stands_in_the_way_of_a_release(
    authority: Registry, git_replica: GitStore, repository: Path, git: Callable[..., str]
) -> None:
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "ordinary work")
    git(repository, "tag", "refund@v2.0.0")
    git(repository, "tag", "widget@v1.0.0")
    assert compared(authority, git_replica)[:2] == (NOT_BEHIND, set())
    publish_version(authority, "refund@2.0.0")
    behind, found, report = compared(authority, git_replica)
    assert (behind, found) == (NOT_BEHIND, {(1, "replica-differs")})
    assert "a lightweight tag of a commit" in report.findings[0].message


class Damaged(ApartStore):
    """A store that finds some of its own objects damaged."""

    raised = 0

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        if (agent, version) == pair("router@0.6.0"):
            self.raised += 1
            raise Corrupt("the checksum is wrong", kind="checksum")
        return super().read_release(agent, version)

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        if environment == STAGING:
            self.raised += 1
            raise Corrupt("the checksum is wrong", kind="checksum")
        return super().read_pointer(environment)


def test_what_a_store_itself_calls_damaged(healthy: StoreVictim) -> None:
    store = Damaged()
    for name in ("_blobs", "_snapshots", "_releases", "pointers", "ledger"):
        getattr(store, name).update(getattr(healthy.store, name))
    behind, found, _ = compared(healthy.store, store)
    assert (behind, found) == (NOT_BEHIND, {(1, "replica-differs"), (4, "replica-differs")})
    assert store.raised == 3
    behind, found, _ = compared(store, copied(healthy).store)
    assert (behind, found) == (NOT_BEHIND, set()), "the authority's own check reports it"
