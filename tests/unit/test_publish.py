"""Publishing: created once, repeatable after every way to break off, and refused without a trace (promises 1 and 9)."""

from __future__ import annotations

import hashlib

import pytest

from repoint.errors import AlreadyExists, InvalidInput, NotFound, RepointError, StoreUnavailable
from repoint.publish import Reason, propose, publish
from repoint.registry import Registry
from repoint.release import Wish
from repoint.stamps import check_words
from repoint.store import Foreign, Store
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import digest_of
from repoint_schemas.documents import Bump, Version

from tests.stores import (
    ADA,
    Crash,
    Fault,
    FaultStore,
    contents_of,
    new_registry,
    pair,
    publish_version,
)

REASON = Reason(ADA, 1_795_208_400, "Ask for the order number first", "PAY-312", None)
WRITES = ("put_contents", "create_release")


def published_file(registry: Registry, name: str) -> bytes:
    found = registry.release(*pair(name))
    return registry.file_bytes(found.document, registry.snapshot(found).prompts["system"])


def test_a_first_version_is_0_1_0_and_has_no_parent() -> None:
    registry = new_registry(MemoryStore())
    proposal = propose(registry, contents_of("refund", "Ask first."), Wish())
    assert proposal.base is None
    assert proposal.plan is not None
    assert registry.store.versions() == {}
    found, created = publish(registry, proposal, REASON)
    assert created
    release = found.document
    assert (release.version, release.parent, release.bump) == ("0.1.0", None, None)
    assert (release.message, release.ticket, release.author) == ("Ask for the order number first", "PAY-312", ADA)
    assert release.time == "2026-11-20T21:00:00Z"
    assert found.digest == digest_of(bytes(registry.store.read_release(*pair("refund@0.1.0")) or b""))  # type: ignore[arg-type]
    assert published_file(registry, "refund@0.1.0") == b"Ask first."


def test_content_equal_to_the_base_is_nothing_to_publish() -> None:
    registry = new_registry(MemoryStore())
    publish_version(registry, "refund@1.0.0", "Ask first.")
    proposal = propose(registry, contents_of("refund", "Ask first."), Wish())
    assert proposal.plan is None
    assert proposal.differences == []


@pytest.mark.parametrize(("level", "version"), [(None, "1.1.0"), ("minor", "1.1.0"), ("major", "2.0.0")])
def test_the_next_version_follows_the_base_and_names_its_parent(level: Bump | None, version: str) -> None:
    registry = new_registry(MemoryStore())
    base, _ = publish_version(registry, "refund@1.0.0", "Ask first.")
    proposal = propose(registry, contents_of("refund", "Ask twice."), Wish(level=level))
    assert proposal.base == base
    found, _ = publish(registry, proposal, REASON)
    assert found.document.version == version
    assert found.document.parent is not None
    assert (found.document.parent.version, found.document.parent.release) == ("1.0.0", base.digest)


def test_a_hotfix_has_the_highest_release_below_it_as_parent_whatever_came_later() -> None:
    registry = new_registry(MemoryStore())
    first, _ = publish_version(registry, "refund@1.2.0", "a")
    publish_version(registry, "refund@2.0.0", "b")
    hotfix, _ = publish_version(registry, "refund@1.2.1", "c")
    assert hotfix.document.parent is not None
    assert hotfix.document.parent.release == first.digest
    proposal = propose(registry, contents_of("refund", "d"), Wish(), base=Version("1.2.1"))
    assert proposal.plan is not None
    assert proposal.plan.version == "1.3.0"


def test_a_base_that_was_never_published_is_not_found() -> None:
    registry = new_registry(MemoryStore())
    with pytest.raises(NotFound):
        propose(registry, contents_of("refund", "a"), Wish(), base=Version("1.0.0"))


def test_a_foreign_tag_is_neither_base_nor_parent_and_its_version_is_taken() -> None:
    store = MemoryStore()
    registry = new_registry(store)
    first, _ = publish_version(registry, "refund@1.0.0", "a")
    store._releases[pair("refund@1.5.0")] = Foreign("a lightweight tag")
    proposal = propose(registry, contents_of("refund", "b"), Wish())
    assert proposal.base == first
    with pytest.raises(AlreadyExists, match="a lightweight tag"):
        publish_version(registry, "refund@1.5.0", "b")
    later, _ = publish_version(registry, "refund@1.6.0", "b")
    assert later.document.parent is not None
    assert later.document.parent.version == "1.0.0"


def test_a_release_of_another_registry_is_foreign() -> None:
    store = MemoryStore()
    publish_version(Registry(store, "another-registry", "local"), "refund@1.0.0", "theirs")
    registry = new_registry(store)
    with pytest.raises(AlreadyExists, match="another-registry"):
        publish_version(registry, "refund@1.0.0", "ours")
    with pytest.raises(NotFound):
        registry.release(*pair("refund@1.0.0"))


def test_publishing_the_same_again_changes_nothing_and_what_is_stored_wins() -> None:
    registry = new_registry(MemoryStore())
    first, created = publish_version(registry, "refund@1.0.0", "a")
    proposal = propose(registry, contents_of("refund", "a"), Wish(version=Version("1.0.0")))
    again, created_again = publish(registry, proposal, Reason(ADA, 0, "Other words", None, None))
    assert (created, created_again) == (True, False)
    assert again == first
    assert again.document.message == "Publish refund@1.0.0"


def test_other_content_under_a_taken_version_is_refused_with_both_digests() -> None:
    registry = new_registry(MemoryStore())
    first, _ = publish_version(registry, "refund@1.0.0", "a")
    with pytest.raises(AlreadyExists) as error:
        publish_version(registry, "refund@1.0.0", "b")
    offered = digest_of(contents_of("refund", "b").content)
    assert (error.value.facts["stored"], error.value.facts["offered"]) == (first.document.snapshot, offered)
    assert first.document.snapshot in error.value.message
    assert offered in error.value.message
    assert published_file(registry, "refund@1.0.0") == b"a"


@pytest.mark.parametrize("other", ["a", "b"])
def test_who_lost_the_race_for_a_version_is_told(other: str) -> None:
    inner = MemoryStore()

    def meanwhile() -> None:
        publish_version(new_registry(inner), "refund@1.0.0", other)

    store = FaultStore(inner, [None, Fault.DELAYED], meanwhile)
    if other == "a":
        assert publish_version(new_registry(store), "refund@1.0.0", "a")[1] is False
    else:
        with pytest.raises(AlreadyExists):
            publish_version(new_registry(store), "refund@1.0.0", "a")
    assert store.happened == [("create_release", Fault.DELAYED)]
    assert published_file(new_registry(inner), "refund@1.0.0") == other.encode()


@pytest.mark.parametrize("write", [0, 1])
@pytest.mark.parametrize("fault", [f for f in Fault if f not in (Fault.DELAYED, Fault.REPEATED)])
def test_a_publish_that_broke_off_is_whole_or_nothing_and_doing_it_again_succeeds(fault: Fault, write: int) -> None:
    store = FaultStore(MemoryStore(), [None] * write + [fault])
    registry = new_registry(store)
    with pytest.raises((Crash, StoreUnavailable)):
        publish_version(registry, "refund@1.0.0", "a")
    assert store.happened == [(WRITES[write], fault)]
    if registry.store.versions():
        assert published_file(registry, "refund@1.0.0") == b"a"
    there = bool(registry.store.versions())
    assert there == (write == 1 and fault in (Fault.CRASH_AFTER, Fault.LOST_REPLY))
    assert publish_version(registry, "refund@1.0.0", "a")[1] is not there
    store.deliver()
    assert published_file(registry, "refund@1.0.0") == b"a"


@pytest.mark.parametrize("write", [0, 1])
def test_writes_that_arrive_twice_publish_once(write: int) -> None:
    store = FaultStore(MemoryStore(), [None] * write + [Fault.REPEATED])
    publish_version(new_registry(store), "refund@1.0.0", "a")
    assert store.happened == [(WRITES[write], Fault.REPEATED)]
    assert published_file(new_registry(store), "refund@1.0.0") == b"a"


class Refuses(FaultStore):
    """Says that a version is taken, and shows nothing there."""

    def create_release(self, *_: object) -> bool:
        return False


def test_a_store_that_contradicts_itself_is_named() -> None:
    store: Store = Refuses(MemoryStore())
    with pytest.raises(RepointError) as error:
        publish_version(new_registry(store), "refund@1.0.0", "a")
    assert error.value.kind == "store-contradicts-itself"


def test_a_secret_is_not_published_and_not_repeated() -> None:
    registry = new_registry(MemoryStore())
    secret = "sk-ant-api03-" + hashlib.sha256(b"not a real key").hexdigest()
    with pytest.raises(InvalidInput, match="nothing was published") as error:
        propose(registry, contents_of("refund", f"Use {secret}."), Wish())
    assert error.value.facts["rules"] == ["secret"]
    assert secret not in error.value.message
    assert registry.store.versions() == {}


def test_what_is_allowed_by_rule_is_published_with_its_findings() -> None:
    registry = new_registry(MemoryStore())
    text = "Ask\u202efirst."
    with pytest.raises(InvalidInput):
        propose(registry, contents_of("refund", text), Wish())
    proposal = propose(registry, contents_of("refund", text), Wish(), allowed=["bidi"])
    assert publish(registry, proposal, REASON)[1]


@pytest.mark.parametrize(("message", "ticket"), [("Ask\u202efirst", None), ("Fix", "PAY\u200b\u202e-1")])
def test_words_that_stand_in_the_history_for_ever_are_checked(message: str, ticket: str | None) -> None:
    with pytest.raises(InvalidInput):
        check_words(message, ticket)
    check_words("Fix it", "PAY-1")
