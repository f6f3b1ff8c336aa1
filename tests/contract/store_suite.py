"""The store contract as tests: whatever ``Store``'s docstrings promise, every store passes, and nothing store-specific.

A store's own test module derives a class from ``StoreSuite`` and gives it a fixture ``place``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Protocol, TypeVar

import msgspec
import pytest

from repoint.errors import InvalidInput
from repoint.store import Contents, Draft, Foreign, Pointer, Store, Swap
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, EnvironmentName, FileEntry, Model, Record, Snapshot, Version

from tests.stores import HeldBytes, entry_of
from tests.unit.git_fixtures import PRODUCTION, REFUND, draft, first_record, next_record

STAGING = EnvironmentName("staging")
V1, V2 = Version("1.0.0"), Version("1.1.0")
RACERS = 4
MANY = 300
"""More versions than any store asks for in one request."""

T = TypeVar("T")


class Place(Protocol):
    """Where a store keeps its registry; empty at the beginning of each test."""

    def open(self) -> Store:
        """Another handle on the registry, as another process would have it."""
        ...

    def plant_foreign(self, agent: AgentName, version: Version) -> None:
        """Take a version's name by something that is no release."""
        ...


def contents(
    agent: str = "refund", prompt: bytes = b"Ask first.\n", files: Mapping[str, bytes] | None = None
) -> Contents:
    """A version's contents; ``files`` are further prompts by path."""
    stored = {"agent.toml": b"# the manifest of " + agent.encode(), "prompts/system.md": prompt, **(files or {})}
    entries = {path: entry_of(path, content) for path, content in stored.items()}
    snapshot = Snapshot(
        agent=AgentName(agent),
        config={"temperature": 0.2},
        integrations={},
        manifest=entries.pop("agent.toml"),
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts=dict(entries),
        requires={},
    )
    return Contents(snapshot, encode(snapshot), {path: HeldBytes(content) for path, content in stored.items()})


@dataclass(frozen=True)
class Changed:
    """A file that changed since it was first read; ``left`` is what is read of it before that is noticed."""

    size: int
    left: bytes

    def chunks(self) -> Iterator[bytes]:
        yield self.left
        raise InvalidInput("the file changed", kind="file-changed")


def published(store: Store, of: Contents, version: str = "1.0.0", parent: Draft | None = None) -> Draft:
    """Publish as the library does; fails the test where it is taken."""
    made = draft(of, version, parent)
    store.put_contents(of)
    assert store.create_release(made, of)
    return made


def read_file(store: Store, version: Version, entry: FileEntry, agent: AgentName = REFUND) -> bytes | None:
    chunks = store.read_file(agent, version, entry)
    return None if chunks is None else b"".join(chunks)


def created(store: Store, environment: EnvironmentName = PRODUCTION) -> Record:
    record = first_record(environment)
    assert store.create_pointer(record, encode(record))
    return record


def pointer_of(store: Store, environment: EnvironmentName = PRODUCTION) -> Pointer:
    found = store.read_pointer(environment)
    assert found is not None
    return found


def moved(store: Store, before: Record, *releases: Draft, tag: str = "1") -> Record:
    """The next record, swapped in."""
    record = next_record(before, *releases, tag=tag)
    assert store.swap_pointer(pointer_of(store, before.environment), record, encode(record)) is Swap.DONE
    return record


def at_once(runs: Sequence[Callable[[], T]]) -> list[T]:
    """Run all at the same moment, each in a thread of its own."""
    barrier = Barrier(len(runs))

    def started(run: Callable[[], T]) -> T:
        barrier.wait(timeout=30)
        return run()

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(started, runs))


class StoreSuite:
    """Every guarantee of ``repoint.store.Store``. Derived classes define the fixture ``place``."""

    @pytest.fixture
    def store(self, place: Place) -> Store:
        return place.open()

    # -- an empty store ------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is(self, store: Store) -> None:
        assert store.name
        assert store.late_writes in (True, False)

    def test_an_empty_store_holds_nothing(self, store: Store) -> None:
        wanted = contents()
        entries = wanted.document.files()
        assert store.versions() == store.versions(REFUND) == {}
        assert store.read_release(REFUND, V1) is None
        assert store.read_snapshot(REFUND, V1, digest_of(wanted.content)) is None
        assert store.read_file(REFUND, V1, entries[0]) is None
        assert store.missing_files(REFUND, V1, entries) == entries
        assert store.environments() == []

    def test_an_environment_that_was_never_created_has_no_pointer_and_no_ledger(self, store: Store) -> None:
        created(store, STAGING)
        assert store.read_pointer(PRODUCTION) is None
        assert store.read_record(PRODUCTION, 0) is None
        assert list(store.read_ledger(PRODUCTION, 0, 0)) == []
        assert store.ledger_times(PRODUCTION) == []

    # -- contents ------------------------------------------------------------------------------------------------------

    def test_contents_alone_publish_nothing(self, store: Store) -> None:
        store.put_contents(contents())
        assert store.versions() == {}
        assert store.read_release(REFUND, V1) is None

    def test_contents_may_be_stored_again_and_again(self, store: Store, place: Place) -> None:
        wanted = contents()
        for handle in (store, store, place.open()):
            handle.put_contents(wanted)
        published(store, wanted)
        store.put_contents(wanted)
        assert read_file(store, V1, wanted.document.manifest) == b"# the manifest of refund"

    def test_a_version_is_read_as_it_was_stored(self, store: Store) -> None:
        wanted = contents(prompt=b"\xef\xbb\xbfline\r\n\x00 \t\n", files={"empty": b""})
        made = published(store, wanted)
        assert store.read_release(REFUND, V1) == made.content
        assert store.read_snapshot(REFUND, V1, digest_of(wanted.content)) == wanted.content
        for entry in wanted.document.files():
            assert read_file(store, V1, entry) == b"".join(wanted.files[entry.path].chunks())
        assert store.missing_files(REFUND, V1, wanted.document.files()) == []

    def test_a_large_file_comes_in_chunks_of_a_mebibyte_at_most(self, store: Store) -> None:
        content = bytes(range(256)) * 10_000
        wanted = contents(files={"prompts/large.jsonl": content})
        published(store, wanted)
        chunks = store.read_file(REFUND, V1, wanted.document.prompts["prompts/large.jsonl"])
        assert chunks is not None
        read = list(chunks)
        assert b"".join(read) == content
        assert max(map(len, read)) <= 1 << 20

    def test_no_more_of_a_file_is_read_than_its_entry_says_and_one_byte(self, store: Store) -> None:
        wanted = contents(prompt=b"0123456789")
        published(store, wanted)
        entry = wanted.document.prompts["prompts/system.md"]
        shorter = msgspec.structs.replace(entry, size=4)
        assert read_file(store, V1, shorter) == b"01234"
        assert read_file(store, V1, entry) == b"0123456789"

    def test_files_that_are_missing_or_of_another_size_are_named_in_order(self, store: Store) -> None:
        wanted = contents()
        published(store, wanted)
        there = wanted.document.files()
        longer = msgspec.structs.replace(there[1], size=there[1].size + 1)
        absent = entry_of("prompts/none.md", b"never stored")
        assert store.missing_files(REFUND, V1, [longer, *there, absent]) == [longer, absent]

    def test_contents_that_changed_while_they_were_stored_leave_nothing_that_is_read(self, store: Store) -> None:
        wanted = contents()
        prompt = wanted.document.prompts["prompts/system.md"]
        torn = Contents(wanted.document, wanted.content, {**wanted.files, prompt.path: Changed(prompt.size, b"As")})
        with pytest.raises(InvalidInput):
            store.put_contents(torn)
        published(store, wanted)
        assert read_file(store, V1, prompt) == b"Ask first.\n"

    def test_contents_that_are_not_what_their_snapshot_says_never_reach_an_older_version(self, store: Store) -> None:
        wanted = contents()
        published(store, wanted)
        prompt = wanted.document.prompts["prompts/system.md"]
        lying = Contents(wanted.document, wanted.content, {**wanted.files, prompt.path: HeldBytes(b"Pay first.\n")})
        with pytest.raises(InvalidInput):
            store.put_contents(lying)
        assert read_file(store, V1, prompt) == b"Ask first.\n"

    # -- releases ------------------------------------------------------------------------------------------------------

    def test_a_release_is_created_once(self, store: Store, place: Place) -> None:
        wanted, other = contents(), contents(prompt=b"Ask twice.\n")
        made = published(store, wanted)
        store.put_contents(other)
        for handle in (store, place.open()):
            assert not handle.create_release(made, wanted)
            assert not handle.create_release(draft(other), other)
        assert store.read_release(REFUND, V1) == made.content
        assert read_file(store, V1, wanted.document.prompts["prompts/system.md"]) == b"Ask first.\n"

    def test_of_many_who_publish_one_version_at_once_one_succeeds(self, place: Place) -> None:
        handles = [place.open() for _ in range(RACERS)]
        offers = [contents(prompt=f"Ask {n} times.\n".encode()) for n in range(RACERS)]

        def publish(n: int) -> bool:
            handles[n].put_contents(offers[n])
            return handles[n].create_release(draft(offers[n]), offers[n])

        results = at_once([lambda n=n: publish(n) for n in range(RACERS)])  # type: ignore[misc]
        assert sorted(results) == [False] * (RACERS - 1) + [True]
        winner = results.index(True)
        for handle in handles:
            assert handle.read_release(REFUND, V1) == draft(offers[winner]).content
            prompt = offers[winner].document.prompts["prompts/system.md"]
            assert read_file(handle, V1, prompt) == f"Ask {winner} times.\n".encode()

    def test_what_was_published_is_read_by_every_handle_at_once(self, store: Store, place: Place) -> None:
        other = place.open()
        assert other.read_release(REFUND, V1) is None
        assert other.versions() == {}
        made = published(store, contents())
        assert other.read_release(REFUND, V1) == made.content
        assert other.versions() == {REFUND: [V1]}

    def test_versions_are_listed_by_agent(self, store: Store) -> None:
        first = published(store, contents())
        published(store, contents(prompt=b"Ask later.\n"), "1.1.0-rc.1", first)
        published(store, contents("refund-eu"))
        assert {agent: sorted(found) for agent, found in store.versions().items()} == {
            "refund": ["1.0.0", "1.1.0-rc.1"],
            "refund-eu": ["1.0.0"],
        }
        assert sorted(store.versions(REFUND)[REFUND]) == ["1.0.0", "1.1.0-rc.1"]
        assert list(store.versions(REFUND)) == [REFUND]
        assert store.versions(AgentName("refun")) == {}

    def test_one_content_can_have_two_versions(self, store: Store) -> None:
        wanted = contents()
        first = published(store, wanted)
        second = published(store, wanted, "1.1.0", first)
        assert store.read_release(REFUND, V2) == second.content
        assert read_file(store, V2, wanted.document.manifest) == read_file(store, V1, wanted.document.manifest)

    def test_many_releases_are_read_in_the_order_asked_for(self, store: Store, place: Place) -> None:
        made = published(store, contents())
        place.plant_foreign(REFUND, V2)
        wanted = [(REFUND, V1), (AgentName("nobody"), V1), (REFUND, V2), (REFUND, V1)] * (MANY // 4)
        found = list(store.read_releases(wanted))
        assert [(agent, version) for agent, version, _ in found] == wanted
        assert [stored for _, _, stored in found[:2]] == [made.content, None]
        assert isinstance(found[2][2], Foreign)
        assert found[-1][2] == made.content
        assert list(store.read_releases([])) == []

    def test_a_foreign_version_is_taken(self, store: Store, place: Place) -> None:
        place.plant_foreign(REFUND, V1)
        found = store.read_release(REFUND, V1)
        assert isinstance(found, Foreign)
        assert found.reason
        assert store.versions() == {REFUND: [V1]}
        wanted = contents()
        store.put_contents(wanted)
        assert not store.create_release(draft(wanted), wanted)
        assert store.read_release(REFUND, V1) == found

    # -- pointers ------------------------------------------------------------------------------------------------------

    def test_a_pointer_is_created_once(self, store: Store, place: Place) -> None:
        record = created(store)
        other = msgspec.structs.replace(record, id="another", message="mine")
        for handle in (store, place.open()):
            assert not handle.create_pointer(record, encode(record))
            assert not handle.create_pointer(other, encode(other))
            assert pointer_of(handle).content == encode(record)
            assert handle.read_record(PRODUCTION, 0) == encode(record)

    def test_of_many_who_create_a_pointer_at_once_one_succeeds(self, place: Place) -> None:
        handles = [place.open() for _ in range(RACERS)]
        records = [msgspec.structs.replace(first_record(), id=f"racer-{n}") for n in range(RACERS)]
        tries = [
            lambda handle=handle, record=record: handle.create_pointer(record, encode(record))
            for handle, record in zip(handles, records, strict=True)
        ]
        results = at_once(tries)
        assert sorted(results) == [False] * (RACERS - 1) + [True]
        assert pointer_of(handles[0]).content == encode(records[results.index(True)])

    def test_environments_are_listed_sorted_with_the_yank_ledger(self, store: Store) -> None:
        for name in ("staging", "registry", "production", "eu-west"):
            created(store, EnvironmentName(name))
        assert store.environments() == ["eu-west", "production", "registry", "staging"]

    def test_a_swap_replaces_the_pointer_and_keeps_the_old_record(self, store: Store, place: Place) -> None:
        first, made = created(store), published(store, contents())
        before = pointer_of(store)
        record = next_record(first, made)
        assert store.swap_pointer(before, record, encode(record)) is Swap.DONE
        for handle in (store, place.open()):
            after = pointer_of(handle)
            assert after.content == encode(record)
            assert after.stamp != before.stamp
            assert handle.read_record(PRODUCTION, 0) == encode(first)
            assert handle.read_record(PRODUCTION, 1) == encode(record)

    def test_a_swap_of_a_pointer_that_moved_is_lost_and_changes_nothing(self, store: Store, place: Place) -> None:
        first = created(store)
        stale, other = pointer_of(place.open()), place.open()
        winner = moved(store, first)
        loser = next_record(first, tag="2")
        assert other.swap_pointer(stale, loser, encode(loser)) is Swap.LOST
        for handle in (store, other):
            assert pointer_of(handle).content == encode(winner)
            assert list(handle.read_ledger(PRODUCTION, 1, 0)) == [encode(winner), encode(first)]

    def test_a_swap_with_a_stamp_of_nothing_is_lost(self, store: Store) -> None:
        first = created(store)
        record = next_record(first)
        for stamp in ("", "nonsense", "0" * 40, '"etag"'):
            assert store.swap_pointer(Pointer(encode(first), stamp), record, encode(record)) is Swap.LOST
        assert pointer_of(store).content == encode(first)

    def test_a_swap_of_a_pointer_that_does_not_exist_is_lost_and_creates_nothing(self, store: Store) -> None:
        expected = Pointer(encode(created(store, STAGING)), pointer_of(store, STAGING).stamp)
        record = next_record(first_record())
        assert store.swap_pointer(expected, record, encode(record)) is Swap.LOST
        assert store.environments() == [STAGING]

    def test_a_stamp_is_all_that_a_swap_needs_of_the_pointer(self, store: Store) -> None:
        first, made = created(store), published(store, contents())
        second = moved(store, first, made)
        third = next_record(second)
        assert store.swap_pointer(Pointer(b"", pointer_of(store).stamp), third, encode(third)) is Swap.DONE
        assert list(store.read_ledger(PRODUCTION, 2, 0)) == [encode(third), encode(second), encode(first)]

    def test_the_same_swap_sent_again_stands_once(self, store: Store, place: Place) -> None:
        first = created(store)
        before = pointer_of(store)
        record = next_record(first)
        assert store.swap_pointer(before, record, encode(record)) is Swap.DONE
        assert place.open().swap_pointer(before, record, encode(record)) in (Swap.DONE, Swap.LOST)
        assert store.swap_pointer(before, record, encode(record)) in (Swap.DONE, Swap.LOST)
        assert pointer_of(store).content == encode(record)
        assert len(store.ledger_times(PRODUCTION)) == 2

    def test_a_swap_sent_again_after_others_is_lost_and_its_record_is_found_beneath(self, store: Store) -> None:
        first = created(store)
        before = pointer_of(store)
        ours = moved(store, first)
        theirs = moved(store, ours, tag="2")
        assert store.swap_pointer(before, ours, encode(ours)) is Swap.LOST
        assert store.read_record(PRODUCTION, 1) == encode(ours)
        assert pointer_of(store).content == encode(theirs)

    def test_of_many_who_swap_one_pointer_at_once_one_succeeds(self, place: Place) -> None:
        handles = [place.open() for _ in range(RACERS)]
        first = created(handles[0])
        expected = pointer_of(handles[0])
        records = [next_record(first, tag=str(n)) for n in range(RACERS)]
        tries = [
            lambda handle=handle, record=record: handle.swap_pointer(expected, record, encode(record))
            for handle, record in zip(handles, records, strict=True)
        ]
        results = at_once(tries)
        assert sorted(r.value for r in results) == ["done"] + ["lost"] * (RACERS - 1)
        for handle in handles:
            assert pointer_of(handle).content == encode(records[results.index(Swap.DONE)])

    def test_environments_move_independently(self, store: Store) -> None:
        production, staging = created(store), created(store, STAGING)
        moved(store, staging)
        assert pointer_of(store).content == encode(production)
        moved(store, production)
        assert len(store.ledger_times(STAGING)) == len(store.ledger_times(PRODUCTION)) == 2

    def test_a_record_of_many_bytes_is_kept_exactly(self, store: Store) -> None:
        first = created(store)
        record = msgspec.structs.replace(next_record(first), message="Rücknahme \u2028 \x01 " + "ä" * 100_000)
        assert store.swap_pointer(pointer_of(store), record, encode(record)) is Swap.DONE
        assert pointer_of(store).content == store.read_record(PRODUCTION, 1) == encode(record)

    # -- the ledger ----------------------------------------------------------------------------------------------------

    def test_the_ledger_is_read_newest_first_in_any_range(self, store: Store, place: Place) -> None:
        records = [created(store)]
        for _ in range(7):
            records.append(moved(store, records[-1]))
        contents_ = [encode(record) for record in records]
        for handle in (store, place.open()):
            for newest, oldest in ((7, 0), (7, 7), (5, 2), (0, 0)):
                assert list(handle.read_ledger(PRODUCTION, newest, oldest)) == contents_[oldest : newest + 1][::-1]
            assert [handle.read_record(PRODUCTION, g) for g in range(8)] == contents_

    def test_generations_outside_the_ledger_are_none(self, store: Store) -> None:
        moved(store, created(store))
        for generation in (-1, -2, 2, 10**9):
            assert store.read_record(PRODUCTION, generation) is None

    def test_the_ledger_grows_for_handles_that_read_it_before(self, store: Store, place: Place) -> None:
        other = place.open()
        first = created(store)
        assert other.read_record(PRODUCTION, 0) == encode(first)
        assert other.read_record(PRODUCTION, 1) is None
        second = moved(store, first)
        assert other.read_record(PRODUCTION, 1) == encode(second)
        third = moved(other, second)
        assert list(store.read_ledger(PRODUCTION, 2, 1)) == [encode(third), encode(second)]
        assert len(store.ledger_times(PRODUCTION)) == 3

    def test_times_are_those_recorded_also_where_clocks_went_back(self, store: Store) -> None:
        before = created(store)
        for time in ("2026-11-20T21:00:05Z", "2026-11-20T20:59:59Z", "1970-01-01T00:00:00Z", "2026-11-20T21:00:07Z"):
            record = msgspec.structs.replace(next_record(before), time=time)
            assert store.swap_pointer(pointer_of(store), record, encode(record)) is Swap.DONE
            before = record
        assert store.ledger_times(PRODUCTION) == [1795208400, 1795208405, 1795208399, 0, 1795208407]
