"""What plain writes to the objects of a store do to a registry, and exactly what ``verify_store`` must then find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from repoint.names import YANK_LEDGER
from repoint.store import Foreign
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import Change, Entry, Freeze, ParentRelease, Record, Release, Version

from tests.faults.damage.store_victim import OTHER, REFUND, StoreVictim, replaced
from tests.stores import PRODUCTION, STAGING, contents_of, pair

Do = Callable[[StoreVictim], None]
Expected = frozenset[tuple[int, str]]


@dataclass(frozen=True)
class StoreDamage:
    """One damage: ``plain`` is what is found always, ``deep`` what is found when every byte is read."""

    do: Do
    plain: Expected
    deep: Expected


@dataclass
class Catalogue:
    """All damages, in order."""

    all: list[StoreDamage] = field(default_factory=list)

    def damage(self, *found: tuple[int, str], deep: tuple[tuple[int, str], ...] = ()) -> Callable[[Do], Do]:
        def add(do: Do) -> Do:
            self.all.append(StoreDamage(do, frozenset(found), frozenset(found) | frozenset(deep)))
            return do

        return add


CATALOGUE = Catalogue()
damage = CATALOGUE.damage

NOT_LIVE = (2, "recorded-not-loadable")
NOT_LOADABLE = (2, "live-not-loadable")
LIVE = (NOT_LOADABLE, NOT_LIVE)  # router 0.6.0 is live in production, and was in staging
NO_WAY_BACK = (8, "rollback-target-not-loadable")


@damage((1, "release-missing"), *LIVE)
def release_of_what_is_live_is_gone(victim: StoreVictim) -> None:
    del victim.store._releases[pair("router@0.6.0")]


@damage((1, "release-missing"), NO_WAY_BACK)
def release_beneath_what_is_live_is_gone(victim: StoreVictim) -> None:
    del victim.store._releases[pair("router@0.4.0")]


@damage((1, "release-replaced"), *LIVE)
def release_with_another_message(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.6.0")] = encode(replace(victim.release("router@0.6.0"), message="other"))


@damage((1, "invalid-document"), *LIVE)
def release_cut_short(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.6.0")] = encode(victim.release("router@0.6.0"))[:-20]


@damage((1, "misplaced-release"), *LIVE)
def two_releases_swapped(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.6.0")] = encode(victim.release("refund@1.3.0"))


@damage((1, "misplaced-release"), *LIVE)
def release_of_another_registry(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.6.0")] = encode(replace(victim.release("router@0.6.0"), registry=OTHER))


@damage((1, "misplaced-release"))
def release_of_another_registry_that_nothing_names(victim: StoreVictim) -> None:
    release = replace(victim.release("router@0.6.0"), registry=OTHER, version=Version("0.9.0"))
    victim.store._releases[pair("router@0.9.0")] = encode(release)


@damage((1, "release-replaced"), *LIVE)
def something_else_in_the_place_of_a_release(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.6.0")] = Foreign("a picture")


@damage()
def something_else_under_a_name_that_nothing_names(victim: StoreVictim) -> None:
    victim.store._releases[pair("router@0.9.0")] = Foreign("a picture")


@damage((1, "newer-format"), *LIVE)
def release_of_a_newer_format(victim: StoreVictim) -> None:
    content = encode(victim.release("router@0.6.0")).replace(b"repoint.release/1", b"repoint.release/2")
    victim.store._releases[pair("router@0.6.0")] = content


@damage((10, "oversized-document"))
def release_over_the_limit(victim: StoreVictim) -> None:
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), message="x" * (Release.LIMIT + 1))
    victim.store._releases[pair("router@0.9.0")] = encode(release)


@damage((1, "release-missing"))
def parent_that_never_was(victim: StoreVictim) -> None:
    parent = ParentRelease(Digest("sha256:" + "0" * 64), Version("0.8.0"))
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), parent=parent)
    victim.store._releases[pair("router@0.9.0")] = encode(release)


@damage((1, "release-replaced"))
def parent_with_another_digest(victim: StoreVictim) -> None:
    parent = ParentRelease(Digest("sha256:" + "0" * 64), Version("0.6.0"))
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), parent=parent)
    victim.store._releases[pair("router@0.9.0")] = encode(release)


@damage((1, "parent-wrong"))
def parent_above_its_child(victim: StoreVictim) -> None:
    parent = ParentRelease(digest_of(encode(victim.release("router@0.6.0"))), Version("0.6.0"))
    release = replace(victim.release("router@0.4.0"), version=Version("0.1.0"), parent=parent)
    victim.store._releases[pair("router@0.1.0")] = encode(release)


@damage((1, "snapshot-missing"), *LIVE)
def snapshot_gone(victim: StoreVictim) -> None:
    del victim.store._snapshots[victim.release("router@0.6.0").snapshot]


@damage((1, "snapshot-changed"), *LIVE)
def snapshot_altered(victim: StoreVictim) -> None:
    digest = victim.release("router@0.6.0").snapshot
    victim.store._snapshots[digest] = victim.store._snapshots[digest].replace(b"sonnet", b"haiku!")


@damage((1, "misplaced-snapshot"))
def snapshot_of_another_agent(victim: StoreVictim) -> None:
    other = victim.release("refund@1.3.0").snapshot
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), snapshot=other)
    victim.store._releases[pair("router@0.9.0")] = encode(release)


@damage((1, "invalid-document"))
def snapshot_that_is_not_canonical(victim: StoreVictim) -> None:
    content = victim.store._snapshots[victim.release("router@0.6.0").snapshot].replace(b'","', b'", "', 1)
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), snapshot=digest_of(content))
    victim.store._releases[pair("router@0.9.0")] = encode(release)
    victim.store._snapshots[digest_of(content)] = content


@damage((10, "unsafe-path"))
def snapshot_that_leads_outside(victim: StoreVictim) -> None:
    contents = contents_of("router", "outside")
    manifest = replace(contents.document.manifest, path="../agent.toml")
    content = encode(replace(contents.document, manifest=manifest))
    release = replace(victim.release("router@0.6.0"), version=Version("0.9.0"), snapshot=digest_of(content))
    victim.store._releases[pair("router@0.9.0")] = encode(release)
    victim.store._snapshots[digest_of(content)] = content


def sha_of_prompt(name: str) -> str:
    agent, _ = pair(name)
    return contents_of(agent, name).document.prompts["system"].sha256


@damage((1, "file-missing"), *LIVE)
def file_gone(victim: StoreVictim) -> None:
    del victim.store._blobs[sha_of_prompt("router@0.6.0")]


@damage((1, "file-changed"), *LIVE)
def file_cut_short(victim: StoreVictim) -> None:
    sha = sha_of_prompt("router@0.6.0")
    victim.store._blobs[sha] = victim.store._blobs[sha][:-1]


@damage(deep=((1, "file-changed"), *LIVE))
def file_altered(victim: StoreVictim) -> None:
    sha = sha_of_prompt("router@0.6.0")
    victim.store._blobs[sha] = victim.store._blobs[sha].replace(b"router", b"ROUTER")


@damage((1, "file-missing"), NOT_LOADABLE, NO_WAY_BACK, NOT_LIVE)
def file_that_all_versions_of_an_agent_share_gone(victim: StoreVictim) -> None:
    del victim.store._blobs[contents_of("router", "any").document.manifest.sha256]


# pointers


@damage((2, "pointer-unreadable"))
def pointer_that_is_no_document(victim: StoreVictim) -> None:
    victim.store.pointers[PRODUCTION] = b"\x00 garbage"


@damage((4, "pointer-missing"))
def pointer_gone(victim: StoreVictim) -> None:
    del victim.store.pointers[PRODUCTION]


@damage((4, "pointer-missing"))
def yank_ledger_gone(victim: StoreVictim) -> None:
    del victim.store.pointers[YANK_LEDGER]
    for key in [key for key in victim.store.ledger if key[0] == YANK_LEDGER]:
        del victim.store.ledger[key]


@damage((6, "pointer-went-back"))
def older_pointer_put_back(victim: StoreVictim) -> None:
    victim.store.pointers[PRODUCTION] = encode(victim.record(7))


@damage((6, "pointer-went-back"))
def the_pointer_before_put_back(victim: StoreVictim) -> None:
    """The ledger ends with it; only what this clone saw tells."""
    victim.store.pointers[PRODUCTION] = encode(victim.record(victim.newest().generation - 1))


@damage((4, "ledger-differs"), (4, "ledger-rewritten"))
def pointer_unlike_its_ledger_entry(victim: StoreVictim) -> None:
    newest = victim.newest()
    victim.store.ledger[PRODUCTION, newest.generation] = encode(newest)
    victim.store.pointers[PRODUCTION] = encode(replace(newest, message="nothing to see"))


@damage((4, "ledger-rewritten"))
def newest_record_altered(victim: StoreVictim) -> None:
    victim.store.pointers[PRODUCTION] = encode(replace(victim.newest(), message="nothing to see"))


@damage((4, "misplaced-record"))
def pointer_of_another_environment(victim: StoreVictim) -> None:
    victim.store.pointers[PRODUCTION] = victim.store.pointers[STAGING]


@damage((4, "misplaced-record"))
def pointer_of_another_registry(victim: StoreVictim) -> None:
    victim.store.pointers[PRODUCTION] = encode(replace(victim.newest(), registry=OTHER))


@damage((2, "newer-format"))
def pointer_of_a_newer_format(victim: StoreVictim) -> None:
    content = victim.store.pointers[PRODUCTION].replace(b"repoint.record/1", b"repoint.record/2")
    victim.store.pointers[PRODUCTION] = content


@damage((4, "ledger-gap"), (8, "authority-replaced"))
def pointer_that_claims_a_generation_far_beyond(victim: StoreVictim) -> None:
    record = victim.following(generation=2**53 - 1, action="seal", authority="s3://elsewhere")
    victim.store.pointers[PRODUCTION] = encode(record)


# ledgers


@damage((4, "ledger-gap"))
def ledger_entry_gone(victim: StoreVictim) -> None:
    del victim.store.ledger[PRODUCTION, 4]


@damage((4, "ledger-gap"))
def ledger_entry_beneath_the_pointer_gone(victim: StoreVictim) -> None:
    del victim.store.ledger[PRODUCTION, victim.newest().generation - 1]


@damage((4, "ledger-gap"), NO_WAY_BACK)
def ledger_without_its_beginning(victim: StoreVictim) -> None:
    for generation in range(8):
        del victim.store.ledger[PRODUCTION, generation]


@damage((4, "chain-broken"))
def ledger_entry_with_another_message(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 4] = encode(replace(victim.record(4), message="nothing to see"))


@damage((4, "record-unreadable"), (4, "chain-broken"))
def ledger_entry_that_is_no_document(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 4] = b"garbage"


@damage((10, "oversized-document"), (4, "chain-broken"))
def ledger_entry_over_the_limit(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 4] = b"x" * (Record.LIMIT + 1)


@damage((4, "misplaced-record"), (4, "chain-broken"))
def ledger_entry_of_another_generation(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 4] = encode(victim.record(5))


@damage((4, "misplaced-record"), (4, "chain-broken"))
def ledger_entry_of_another_registry(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 4] = encode(replace(victim.record(4), registry=OTHER))


def frozen(record: Record) -> Record:
    return replaced(record, action="freeze", frozen=Freeze(record.actor, record.generation, record.message))


@damage((3, "id-doubled"))
def move_done_twice(victim: StoreVictim) -> None:
    victim.append(frozen(victim.following(id=victim.record(5).id)))


@damage((4, "forged-record"))
def promote_with_a_wrong_stack(victim: StoreVictim) -> None:
    record, old = victim.following(), victim.record(1).agents[REFUND]
    victim.append(with_entry(record, replace(old, back=1, since=record.generation)))


@damage((3, "changes-wrong"))
def move_reported_wrongly(victim: StoreVictim) -> None:
    record = victim.following()
    live, old = record.agents[REFUND], victim.record(1).agents[REFUND]
    moved = with_entry(record, replace(old, back=live.since, since=record.generation))
    changes = [replace(change, origin=Version("9.9.9")) for change in moved.changes]
    victim.append(replace(moved, changes=changes))


@damage((1, "release-replaced"), NOT_LOADABLE)
def live_entry_with_another_digest(victim: StoreVictim) -> None:
    record = victim.following()
    live, old = record.agents[REFUND], victim.record(1).agents[REFUND]
    bogus = replace(old, back=live.since, since=record.generation, release=Digest("sha256:" + "0" * 64))
    victim.append(with_entry(record, bogus))


@damage((1, "release-missing"), NOT_LOADABLE)
def live_entry_of_a_version_that_never_was(victim: StoreVictim) -> None:
    record = victim.following()
    live = record.agents[REFUND]
    bogus = Entry(live.since, Digest("sha256:" + "0" * 64), record.generation, live.snapshot, Version("9.9.9"))
    victim.append(with_entry(record, bogus))


@damage((4, "forged-record"), (8, "authority-replaced"))
def moved_after_a_seal(victim: StoreVictim) -> None:
    victim.append(victim.following(action="seal", authority="s3://elsewhere"))
    victim.append(frozen(victim.following()))


@damage()
def sealed_for_this_authority_and_moved_on(victim: StoreVictim) -> None:
    """No damage at all: what a migration to this store leaves."""
    victim.append(victim.following(action="seal", authority="local"))
    victim.append(frozen(victim.following()))


@damage((8, "authority-replaced"), (4, "chain-broken"))
def first_record_that_names_another_authority(victim: StoreVictim) -> None:
    victim.store.ledger[PRODUCTION, 0] = encode(replace(victim.record(0), authority="s3://elsewhere"))


@damage((4, "ledger-rewritten"))
def whole_ledger_rewritten(victim: StoreVictim) -> None:
    """Every record from generation 2 made anew: only this clone's memory tells."""
    previous: Digest | None = None
    for generation in range(victim.newest().generation + 1):
        record = victim.record(generation)
        if generation == 2:
            record = replace(record, message="nothing to see")
        if previous is not None:
            record = replace(record, previous=previous)
        previous = digest_of(encode(record))
        if (PRODUCTION, generation) in victim.store.ledger:
            victim.store.ledger[PRODUCTION, generation] = encode(record)
        else:
            victim.store.pointers[PRODUCTION] = encode(record)


def with_entry(record: Record, entry: Entry) -> Record:
    origin = record.agents[REFUND].version
    changes = [Change(REFUND, origin, entry.version)]
    return replaced(record, agents={**record.agents, REFUND: entry}, changes=changes)
