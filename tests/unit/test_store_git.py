"""The Git store: what is published stays, one caller wins, damage is told from absence, and Git itself agrees."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from repoint.errors import Conflict, Corrupt, InvalidInput, StoreUnavailable
from repoint.gitledger import ENTRY_BYTES, LATEST
from repoint.gitloose import LARGE
from repoint.gitobjects import ObjectId
from repoint.store import Contents, Draft, Foreign, Pointer, Store, Swap
from repoint.store_git import GitStore
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, Change, EnvironmentName, FileEntry, Record, Version

from tests.unit.git_fixtures import (
    PRODUCTION,
    REFUND,
    Bytes,
    Sandbox,
    contents,
    draft,
    first_record,
    next_record,
)

ONE, TWO = Version("1.0.0"), Version("1.1.0")
TAG = "refs/tags/refund@v1.0.0"


@pytest.fixture
def store(sandbox: Sandbox) -> Iterator[GitStore]:
    with sandbox.store() as opened:
        yield opened


def publish(store: GitStore, of: Contents, version: str = "1.0.0", parent: Draft | None = None) -> Draft:
    release = draft(of, version, parent)
    store.put_contents(of)
    assert store.create_release(release, of)
    return release


def move(store: GitStore, before: Record, *releases: Draft) -> Record:
    record = next_record(before, *releases)
    pointer = store.read_pointer(before.environment)
    assert pointer is not None
    assert store.swap_pointer(pointer, record, encode(record)) is Swap.DONE
    return record


def start(store: GitStore) -> Record:
    record = first_record()
    assert store.create_pointer(record, encode(record))
    return record


def damage(sandbox: Sandbox, name: str) -> Path:
    """Flip a byte in a loose object."""
    oid = sandbox.git("rev-parse", name).strip()
    path = sandbox.folder / "repo" / ".git" / "objects" / oid[:2] / oid[2:]
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 0x55
    path.chmod(0o644)
    path.write_bytes(bytes(stored))
    return path


def test_it_is_a_store(store: GitStore) -> None:
    checked: Store = store
    assert (checked.name, checked.late_writes) == ("local", False)


def test_an_empty_repository_holds_nothing(store: GitStore) -> None:
    assert store.versions() == {}
    assert store.environments() == []
    assert store.read_release(REFUND, ONE) is None
    assert store.read_pointer(PRODUCTION) is None
    assert store.read_record(PRODUCTION, 0) is None
    assert list(store.read_ledger(PRODUCTION, 5, 0)) == []
    assert store.ledger_times(PRODUCTION) == []
    assert store.published() == {}
    of = contents()
    assert store.read_snapshot(REFUND, ONE, digest_of(of.content)) is None
    assert store.read_file(REFUND, ONE, of.document.manifest) is None
    assert store.missing_files(REFUND, ONE, of.document.files()) == of.document.files()


def test_a_release_is_read_back_as_it_was_written(store: GitStore) -> None:
    of = contents("refund", b"x", **{"data/é.bin": os.urandom(3 << 20), "empty.md": b""})
    release = publish(store, of)
    assert store.versions() == store.versions(REFUND) == {REFUND: [ONE]}
    assert store.versions(AgentName("other")) == {}
    assert store.read_release(REFUND, ONE) == release.content
    assert store.read_snapshot(REFUND, ONE, release.document.snapshot) == of.content
    assert store.missing_files(REFUND, ONE, of.document.files()) == []
    for entry in of.document.files():
        chunks = store.read_file(REFUND, ONE, entry)
        assert chunks is not None
        assert b"".join(chunks) == b"".join(of.files[entry.path].chunks())


def test_git_works_on_what_was_written(sandbox: Sandbox, store: GitStore) -> None:
    one = publish(store, contents(prompt=b"Ask first.\n"))
    two = publish(store, contents(prompt=b"Ask twice.\n"), "1.1.0", one)
    move(store, move(store, start(store), one), two)
    assert sandbox.git("fsck", "--strict", "--no-dangling") == ""
    assert sandbox.git("tag", "-l", "refund@*").split() == ["refund@v1.0.0", "refund@v1.1.0"]
    assert "+Ask twice." in sandbox.git("diff", "refund@v1.0.0", "refund@v1.1.0")
    assert sandbox.git("log", "--format=%s", "refund@v1.1.0").count("Ask for the order number first") == 2
    assert "+Ask first." in sandbox.git("log", "-p", "refund@v1.1.0")
    assert "Ada" in sandbox.git("blame", "refund@v1.1.0", "--", "prompts/system.md")
    assert 'version = "1.1.0"' in sandbox.git("show", "repoint/env/production:agents/refund.toml")
    subjects = sandbox.git("log", "--first-parent", "--format=%s", "repoint/env/production").splitlines()
    assert subjects[0] == "production 2: promote refund 1.0.0 -> 1.1.0"
    assert sandbox.git("status", "--porcelain") == ""
    assert sandbox.git("rev-parse", "repoint/env/production^2").strip() == commit_of(sandbox, "refund@v1.1.0")


def commit_of(sandbox: Sandbox, name: str) -> str:
    return sandbox.git("rev-parse", f"{name}^{{commit}}").strip()


def test_golden_ids(sandbox: Sandbox, store: GitStore) -> None:
    one = publish(store, contents())
    move(store, start(store), one)
    assert sandbox.git("rev-parse", "refund@v1.0.0").strip() == "5b4c92d3f1014443052dfa051827763301531bee"
    assert sandbox.git("rev-parse", "repoint/env/production").strip() == "bc9a8cc40e3f121ef79ec9657f677ed2b0ce2ae5"


def test_a_taken_version_stays_as_it_is(sandbox: Sandbox, store: GitStore) -> None:
    release = publish(store, contents())
    assert not store.create_release(release, contents())
    other = contents(prompt=b"other")
    store.put_contents(other)
    assert not store.create_release(draft(other), other)
    assert store.read_release(REFUND, ONE) == release.content


def test_contents_are_stored_by_create_release_where_they_were_not(sandbox: Sandbox, store: GitStore) -> None:
    of = contents()
    store.put_contents(of)
    with sandbox.store() as other:
        assert other.create_release(draft(of), of)
        with pytest.raises(ValueError, match="another snapshot"):
            other.create_release(draft(contents(prompt=b"x"), "2.0.0"), of)


@pytest.mark.parametrize("content", [b"Ask first!\n", b"longer than it was\n", b""])
def test_a_file_that_changed_since_the_snapshot_is_refused(store: GitStore, content: bytes) -> None:
    of = contents()
    changed = Contents(of.document, of.content, {**of.files, "prompts/system.md": Bytes(content)})
    with pytest.raises(InvalidInput) as refused:
        store.put_contents(changed)
    assert refused.value.kind == "file-changed"


def test_a_parent_must_be_there_and_be_the_one_named(store: GitStore) -> None:
    one = draft(contents())
    of = contents(prompt=b"two")
    two = draft(of, "1.1.0", one)
    with pytest.raises(Corrupt) as missing:
        store.create_release(two, of)
    assert missing.value.kind == "release-mismatch"
    other = contents(prompt=b"other")
    publish(store, other)
    with pytest.raises(Corrupt):
        store.create_release(two, of)
    assert store.versions() == {REFUND: [ONE]}


def test_foreign_tags_are_taken_names_and_not_damage(sandbox: Sandbox, store: GitStore) -> None:
    sandbox.commit_something()
    identity = ("-c", "user.name=A", "-c", "user.email=a@b")
    sandbox.git("tag", "refund@v1.0.0")
    sandbox.git(*identity, "tag", "-a", "-m", "notes", "refund@v1.1.0")
    sandbox.git(*identity, "tag", "-a", "-m", "nested", "refund@v1.2.0", "refund@v1.1.0")
    sandbox.git("tag", "refund@v1.3.0", "HEAD^{tree}")
    (sandbox.folder / "big").write_bytes(b"x" * (3 << 20))
    sandbox.git("tag", "refund@v1.4.0", sandbox.git("hash-object", "-w", "../big").strip())
    sandbox.git(*identity, "tag", "-a", "-F", "../big", "refund@v1.5.0")
    for name in ("refund@vX", "Refund@v1.0.0", "refund@v1.0.0+build", "v1.0.0", "refund@v01.0.0"):
        sandbox.git("tag", name)
    versions = [Version(f"1.{n}.0") for n in range(6)]
    assert {agent: sorted(found) for agent, found in store.versions().items()} == {REFUND: versions}
    read = list(store.read_releases([(REFUND, version) for version in [*versions, Version("9.0.0")]]))
    assert [type(found) for _, _, found in read] == [Foreign] * 6 + [type(None)]
    of = contents()
    assert not store.create_release(draft(of), of)
    assert store.read_snapshot(REFUND, ONE, digest_of(of.content)) is None


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["refs/", "refs/tags/", "refs/heads/", "refs/remotes/"])
def test_no_other_ref_stands_in_for_a_missing_one(sandbox: Sandbox, store: GitStore, folder: str, packed: bool) -> None:
    one = publish(store, contents())
    start(store)
    branch = "refs/heads/repoint/env/production"
    for ref in (TAG, branch):
        sandbox.git("update-ref", folder + ref, f"{ref}^{{commit}}" if "heads" in folder else ref)
    if packed:
        sandbox.git("pack-refs", "--all")
    assert store.read_release(REFUND, ONE) == one.content
    assert store.read_pointer(PRODUCTION) is not None
    for ref in (TAG, branch):
        sandbox.git("update-ref", "-d", ref)
    entry = contents().document.files()[0]
    for opened in (store, sandbox.store()):
        with opened:
            assert opened.read_release(REFUND, ONE) is None
            assert [found for *_, found in opened.read_releases([(REFUND, ONE), (REFUND, TWO)])] == [None, None]
            assert opened.read_snapshot(REFUND, ONE, one.document.snapshot) is None
            assert opened.read_file(REFUND, ONE, entry) is None
            assert opened.missing_files(REFUND, ONE, [entry]) == [entry]
            assert opened.read_pointer(PRODUCTION) is None
            assert opened.ledger_times(PRODUCTION) == []


@pytest.mark.parametrize("header", ["", "type commit\n", "object x\ntype commit\n", "object {tree}\ntype tree\n"])
def test_a_tag_without_a_proper_header_is_no_release(sandbox: Sandbox, store: GitStore, header: str) -> None:
    tree = sandbox.git("hash-object", "-t", "tree", "-w", "/dev/null").strip()
    (sandbox.folder / "tag").write_text(header.format(tree=tree) + "tag refund@v1.0.0\n\nx\n")
    oid = sandbox.git("hash-object", "-t", "tag", "-w", "--literally", str(sandbox.folder / "tag")).strip()
    (sandbox.folder / "repo" / ".git" / TAG).write_text(oid + "\n")
    assert isinstance(store.read_release(REFUND, ONE), Foreign)
    with suppress(Corrupt):
        assert store.read_snapshot(REFUND, ONE, digest_of(b"")) is None


def test_a_tag_of_a_missing_object_is_damage(sandbox: Sandbox, store: GitStore) -> None:
    publish(store, contents())
    path = sandbox.folder / "repo" / ".git" / TAG
    path.write_text("1" * 40 + "\n")
    assert store.versions() == {REFUND: [ONE]}
    with pytest.raises(Corrupt):
        store.read_release(REFUND, ONE)
    with pytest.raises(Corrupt):
        store.read_snapshot(REFUND, ONE, digest_of(b""))
    of = contents(prompt=b"x")
    assert not store.create_release(draft(of), of)


@pytest.mark.parametrize("text", ["", "abc\n", "1" * 39, "0" * 40 + "\n"])
def test_a_ref_that_a_power_failure_spoiled_is_damage(sandbox: Sandbox, store: GitStore, text: str) -> None:
    move(store, start(store), publish(store, contents()))
    for ref in (TAG, "refs/heads/repoint/env/production"):
        (sandbox.folder / "repo" / ".git" / ref).write_text(text)
    with pytest.raises(Corrupt, match=TAG):
        store.read_release(REFUND, ONE)
    with pytest.raises(Corrupt, match="refs/heads/repoint/env/production"):
        store.read_pointer(PRODUCTION)


def test_a_spoiled_ref_is_not_overwritten(sandbox: Sandbox, store: GitStore) -> None:
    release = publish(store, contents())
    (sandbox.folder / "repo" / ".git" / TAG).write_text("")
    with pytest.raises(StoreUnavailable, match="changed nothing"):
        store.create_release(release, contents())


@pytest.mark.parametrize("name", ["refund@v1.0.0", "refund@v1.0.0^{commit}", "refund@v1.0.0^{tree}"])
def test_a_damaged_release_is_corrupt(sandbox: Sandbox, store: GitStore, name: str) -> None:
    of = contents()
    release = publish(store, of)
    damage(sandbox, name)
    with pytest.raises(Corrupt):
        store.read_snapshot(REFUND, ONE, release.document.snapshot)
    if name == "refund@v1.0.0":
        with pytest.raises(Corrupt):
            store.read_release(REFUND, ONE)


@pytest.mark.parametrize("removed", [False, True])
def test_a_damaged_or_lost_file_is_corrupt(sandbox: Sandbox, store: GitStore, removed: bool) -> None:
    of = contents()
    publish(store, of)
    path = damage(sandbox, "refund@v1.0.0:agent.toml")
    if removed:
        path.unlink()
    with pytest.raises(Corrupt):
        list(store.read_file(REFUND, ONE, of.document.manifest) or [])
    if removed:
        assert store.missing_files(REFUND, ONE, of.document.files()) == [of.document.manifest]
    store.put_contents(of)
    assert store.missing_files(REFUND, ONE, of.document.files()) == []


def test_a_larger_file_than_expected_is_cut(store: GitStore) -> None:
    of = contents()
    publish(store, of)
    entry = msgspec.structs.replace(of.document.manifest, size=3)
    chunks = store.read_file(REFUND, ONE, entry)
    assert chunks is not None
    assert len(b"".join(chunks)) == 4
    assert store.missing_files(REFUND, ONE, [entry]) == [entry]


@pytest.mark.parametrize("path", ["../x", "a\nb", "a//b", "."])
def test_a_path_that_leads_elsewhere_is_refused(store: GitStore, path: str) -> None:
    publish(store, contents())
    with pytest.raises(InvalidInput):
        store.read_file(REFUND, ONE, FileEntry(path=path, sha256="0" * 64, size=1))


def test_everything_reads_the_same_from_packs(sandbox: Sandbox, store: GitStore) -> None:
    of = contents()
    one = publish(store, of)
    record = move(store, start(store), one)
    sandbox.git("gc", "-q", "--prune=now")
    assert store.read_release(REFUND, ONE) == one.content
    with sandbox.store() as fresh:
        assert fresh.versions() == {REFUND: [ONE]}
        assert fresh.read_snapshot(REFUND, ONE, one.document.snapshot) == of.content
        pointer = fresh.read_pointer(PRODUCTION)
        assert pointer is not None
        assert pointer.content == encode(record)
        move(fresh, record, publish(fresh, contents(prompt=b"two"), "1.1.0", one))
    assert sandbox.git("fsck", "--strict", "--no-dangling") == ""


def test_a_bare_repository_and_a_worktree_serve_as_well(sandbox: Sandbox) -> None:
    sandbox.git("clone", "-q", "--bare", "repo", "bare.git", cwd=sandbox.folder)
    sandbox.commit_something()
    sandbox.git("worktree", "add", "-q", "../other")
    for folder in ("bare.git", "other"):
        with sandbox.store(sandbox.folder / folder) as store:
            move(store, start(store), publish(store, contents()))
    with sandbox.store() as main:
        assert main.versions() == {REFUND: [ONE]}
        assert main.environments() == [PRODUCTION]


# Pointers -------------------------------------------------------------------------------------------------------------


def test_a_pointer_is_created_once_and_swapped_by_one(store: GitStore) -> None:
    one = publish(store, contents())
    zero = start(store)
    assert not store.create_pointer(zero, encode(zero))
    first = store.read_pointer(PRODUCTION)
    assert first is not None
    assert first.content == encode(zero)
    left, right = next_record(zero, one, tag="1"), next_record(zero, one, tag="2")
    assert store.swap_pointer(first, left, encode(left)) is Swap.DONE
    assert store.swap_pointer(first, right, encode(right)) is Swap.LOST
    assert store.swap_pointer(first, left, encode(left)) is Swap.DONE
    assert store.swap_pointer(Pointer(b"", "x"), right, encode(right)) is Swap.LOST
    assert store.swap_pointer(Pointer(b"", "1" * 40), right, encode(right)) is Swap.LOST
    now = store.read_pointer(PRODUCTION)
    assert now is not None
    assert now.content == encode(left)


def test_environments_are_listed_with_the_reserved_ledger(sandbox: Sandbox, store: GitStore) -> None:
    for name in ("staging", "registry", "production"):
        record = first_record(EnvironmentName(name))
        store.create_pointer(record, encode(record))
    sandbox.git("branch", "repoint/env/Not-Ours", "repoint/env/staging")
    assert store.environments() == ["production", "registry", "staging"]


def test_a_version_that_is_not_here_cannot_become_live(store: GitStore) -> None:
    zero = start(store)
    pointer = store.read_pointer(PRODUCTION)
    assert pointer is not None
    record = next_record(zero, draft(contents()))
    with pytest.raises(Corrupt) as refused:
        store.swap_pointer(pointer, record, encode(record))
    assert refused.value.kind == "release-mismatch"
    assert store.read_pointer(PRODUCTION) == pointer


def test_a_move_writes_the_same_tree_as_a_rebuild(sandbox: Sandbox, store: GitStore) -> None:
    from repoint.gitobjects import record_tree

    parts = [publish(store, contents(name), "1.0.0") for name in ("a", "b", "c")]
    record = move(store, start(store), *parts)
    record = move(store, record, publish(store, contents("b", prompt=b"x"), "1.1.0"))
    gone = next_record(record)
    gone = msgspec.structs.replace(
        gone,
        agents={name: entry for name, entry in record.agents.items() if name != "a"},
        changes=[Change(agent=AgentName("a"), origin=ONE, target=None)],
    )
    pointer = store.read_pointer(PRODUCTION)
    assert pointer is not None
    assert store.swap_pointer(pointer, gone, encode(gone)) is Swap.DONE
    for name, of in (("~1", record), ("", gone)):
        tree = sandbox.git("rev-parse", f"repoint/env/production{name}^{{tree}}").strip()
        assert tree == record_tree(of, encode(of)).root


def test_the_branch_in_the_way_is_named(sandbox: Sandbox, store: GitStore) -> None:
    sandbox.commit_something()
    sandbox.git("branch", "repoint")
    with pytest.raises(Conflict) as refused:
        start(store)
    assert refused.value.kind == "branch-in-the-way"


def test_a_branch_that_is_no_ledger_is_damage(sandbox: Sandbox, store: GitStore) -> None:
    sandbox.commit_something()
    sandbox.git("branch", "repoint/env/production")
    with pytest.raises(Corrupt):
        store.read_pointer(PRODUCTION)


def test_a_damaged_record_is_corrupt(sandbox: Sandbox, store: GitStore) -> None:
    start(store)
    damage(sandbox, "repoint/env/production:record.json")
    with pytest.raises(Corrupt):
        store.read_pointer(PRODUCTION)


# Ledger ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(store: GitStore) -> list[Record]:
    one = publish(store, contents())
    two = publish(store, contents(prompt=b"two"), "1.1.0", one)
    records = [start(store)]
    for number in range(8):
        records.append(move(store, records[-1], (one, two)[number % 2]))
    return records


def index_of(sandbox: Sandbox) -> Path:
    return sandbox.folder / "repo" / ".git" / "repoint" / "ledger" / "production.idx"


def check_ledger(store: GitStore, records: list[Record]) -> None:
    contents_of = [encode(record) for record in records]
    assert [store.read_record(PRODUCTION, number) for number in range(len(records))] == contents_of
    assert store.read_record(PRODUCTION, len(records)) is None
    assert store.read_record(PRODUCTION, -1) is None
    assert list(store.read_ledger(PRODUCTION, len(records) + 3, 0)) == contents_of[::-1]
    assert list(store.read_ledger(PRODUCTION, 3, 2)) == contents_of[3:1:-1]
    assert len(store.ledger_times(PRODUCTION)) == len(records)


def test_every_record_is_found_by_its_generation(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    check_ledger(store, ledger)
    assert store.ledger_times(PRODUCTION) == [1795208400 + number for number in range(len(ledger))]
    before = index_of(sandbox).stat().st_ino
    with sandbox.store() as fresh:
        check_ledger(fresh, ledger)
        ledger.append(move(fresh, ledger[-1]))
        check_ledger(fresh, ledger)
    check_ledger(store, ledger)
    assert index_of(sandbox).stat().st_ino == before


def test_an_index_that_fell_far_behind_catches_up(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    with sandbox.store() as fresh:
        for _ in range(7):
            ledger.append(move(fresh, ledger[-1]))
    check_ledger(store, ledger)
    assert index_of(sandbox).stat().st_size == 96 + ENTRY_BYTES * len(ledger)


def test_other_requests_between_the_records_of_a_ledger(store: GitStore, ledger: list[Record]) -> None:
    for record, expected in zip(store.read_ledger(PRODUCTION, 8, 0), reversed(ledger), strict=True):
        assert record == encode(expected)
        assert store.read_record(PRODUCTION, 3) == encode(ledger[3])


def test_a_ledger_is_read_through_an_index_that_names_wrong_commits(
    sandbox: Sandbox, store: GitStore, ledger: list[Record]
) -> None:
    check_ledger(store, ledger)
    whole = index_of(sandbox).read_bytes()
    entries = [whole[at : at + ENTRY_BYTES] for at in range(96, len(whole), ENTRY_BYTES)]
    index_of(sandbox).write_bytes(whole[:96] + b"".join([*entries[1::-1], *entries[2:]]))
    with sandbox.store() as fresh:
        assert list(fresh.read_ledger(PRODUCTION, 8, 0)) == [encode(record) for record in reversed(ledger)]


def test_damaged_views_do_not_hinder_a_move(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    from repoint.gitobjects import record_tree

    damage(sandbox, "repoint/env/production:agents")
    record = move(store, ledger[-1])
    tree = sandbox.git("rev-parse", "repoint/env/production^{tree}").strip()
    assert tree == record_tree(record, encode(record)).root
    assert sandbox.git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("how", ["cut", "zeros", "swapped", "shifted", "other header", "garbage", "empty", "folder"])
def test_a_damaged_index_is_only_slower(sandbox: Sandbox, store: GitStore, ledger: list[Record], how: str) -> None:
    check_ledger(store, ledger)
    path = index_of(sandbox)
    whole = path.read_bytes()
    header, entries = whole[:96], [whole[at : at + ENTRY_BYTES] for at in range(96, len(whole), ENTRY_BYTES)]
    path.unlink()
    damaged = {
        "cut": whole[:-5],
        "zeros": whole[:-ENTRY_BYTES] + b"\0" * ENTRY_BYTES,
        "swapped": header + b"".join([entries[1], entries[0], *entries[2:]]),
        "shifted": header + b"".join(entries[2:]),
        "other header": b"x" * 96 + whole[96:],
        "garbage": header + b"\x07" * 280,
        "empty": b"",
    }
    if how == "folder":
        path.mkdir()
    else:
        path.write_bytes(damaged[how])
    with sandbox.store() as fresh:
        assert fresh.read_record(PRODUCTION, 1) == encode(ledger[1])
        check_ledger(fresh, ledger)


@pytest.mark.parametrize(("first", "last"), [(0, 20), (20, 28), (0, ENTRY_BYTES)], ids=["commit", "time", "all"])
def test_a_damaged_entry_is_built_anew(
    sandbox: Sandbox, store: GitStore, ledger: list[Record], first: int, last: int
) -> None:
    times = store.ledger_times(PRODUCTION)
    whole = index_of(sandbox).read_bytes()
    damaged = bytearray(whole)
    for generation in (3, 4):
        at = 96 + generation * ENTRY_BYTES
        damaged[at + first : at + last] = bytes(last - first)
    index_of(sandbox).write_bytes(damaged)
    with sandbox.store() as fresh:
        assert fresh.ledger_times(PRODUCTION) == times
    assert index_of(sandbox).read_bytes() == whole
    index_of(sandbox).write_bytes(damaged)
    with sandbox.store() as fresh:
        assert fresh.read_record(PRODUCTION, 4) == encode(ledger[4])


def test_an_index_that_leads_to_nothing_is_built_anew(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    check_ledger(store, ledger)
    whole = index_of(sandbox).read_bytes()
    body, at = b"\x11" * 20 + bytes(8), 96 + 3 * ENTRY_BYTES
    entry = body + zlib.crc32(body, 3).to_bytes(4, "big")
    index_of(sandbox).write_bytes(whole[:at] + entry + whole[at + ENTRY_BYTES :])
    with sandbox.store() as fresh:
        assert fresh.read_record(PRODUCTION, 3) == encode(ledger[3])
    assert index_of(sandbox).read_bytes() == whole


def test_a_record_that_is_damaged_itself_stays_corrupt(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    check_ledger(store, ledger)
    damage(sandbox, "repoint/env/production~5:record.json")
    for opened in (store, sandbox.store()):
        with opened, pytest.raises(Corrupt):
            opened.read_record(PRODUCTION, 3)
        with opened:
            assert opened.read_record(PRODUCTION, 2) == encode(ledger[2])


@pytest.mark.parametrize("again", [False, True], ids=["near the tip", "the whole branch"])
@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("committer A <a@b> 99999999999999999999 +0000\n", LATEST),
        ("committer A <a@b> -5 +0000\n", 0),
        ("committer A\n", 0),
        ("", 0),
    ],
    ids=["huge", "negative", "cut", "none"],
)
def test_a_commit_with_a_time_beyond_reason_is_indexed(
    sandbox: Sandbox, store: GitStore, ledger: list[Record], line: str, time: int, again: bool
) -> None:
    before = store.ledger_times(PRODUCTION)
    tip = sandbox.git("cat-file", "commit", "repoint/env/production")
    start_of, _, rest = tip.partition("committer ")
    text = start_of + line + rest.partition("\n")[2]
    (sandbox.folder / "commit").write_text(text)
    oid = sandbox.git("hash-object", "-t", "commit", "-w", "--literally", str(sandbox.folder / "commit")).strip()
    sandbox.git("update-ref", "refs/heads/repoint/env/production", oid)
    if again:
        index_of(sandbox).unlink()
    with sandbox.store() as fresh:
        times = fresh.ledger_times(PRODUCTION)
        assert times[:-1] == before[:-1]
        assert times[-1] == time or (again and 0 <= times[-1] <= LATEST)  # Git reads a malformed line as it likes
        assert fresh.read_record(PRODUCTION, 8) == encode(ledger[8])


def test_what_a_shallow_clone_knows_is_not_kept(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    clone = sandbox.folder / "clone"
    sandbox.git(
        "clone",
        "-q",
        "--bare",
        "--depth=3",
        "--branch=repoint/env/production",
        f"file://{sandbox.folder}/repo",
        str(clone),
    )
    with GitStore(sandbox.open(clone)) as shallow:
        assert len(shallow.ledger_times(PRODUCTION)) == 3
    sandbox.git("fetch", "-q", "--unshallow", "origin", "repoint/env/production", cwd=clone)
    with GitStore(sandbox.open(clone)) as whole:
        assert whole.ledger_times(PRODUCTION) == store.ledger_times(PRODUCTION)
        assert whole.read_record(PRODUCTION, 2) == encode(ledger[2])


def test_a_branch_that_was_rewound_is_followed(sandbox: Sandbox, store: GitStore, ledger: list[Record]) -> None:
    check_ledger(store, ledger)
    sandbox.git("update-ref", "refs/heads/repoint/env/production", "repoint/env/production~3")
    check_ledger(store, ledger[:-3])
    other = ledger[:-3]
    other.append(move(store, other[-1]))
    check_ledger(store, other)


def test_a_repository_that_cannot_be_written_is_still_read(
    sandbox: Sandbox, store: GitStore, ledger: list[Record]
) -> None:
    index_of(sandbox).parent.mkdir(exist_ok=True)
    for path in index_of(sandbox).parent.iterdir():
        path.unlink()
    index_of(sandbox).parent.rmdir()
    index_of(sandbox).parent.write_text("a file where the folder belongs")
    with sandbox.store() as fresh:
        check_ledger(fresh, ledger)


# Journal and races ----------------------------------------------------------------------------------------------------


def test_the_journal_remembers_a_deleted_tag(sandbox: Sandbox, store: GitStore) -> None:
    one = publish(store, contents())
    publish(store, contents(prompt=b"x"), "1.1.0", one)
    assert store.published() == store.tags()
    sandbox.git("tag", "-d", "refund@v1.0.0")
    assert set(store.published()) - set(store.tags()) == {TAG}
    journal = sandbox.folder / "repo" / ".git" / "repoint" / "published"
    journal.write_bytes(journal.read_bytes()[:-7])
    assert set(store.published()) == {TAG}
    publish(store, contents("other"))
    assert set(store.published()) == {TAG, "refs/tags/other@v1.0.0"}


def test_a_journal_that_cannot_be_written_does_not_undo_a_publish(sandbox: Sandbox, store: GitStore) -> None:
    (sandbox.folder / "repo" / ".git" / "repoint" / "published").mkdir(parents=True)
    release = publish(store, contents())
    assert store.read_release(REFUND, ONE) == release.content
    with pytest.raises(StoreUnavailable):
        store.published()


def test_one_of_many_processes_publishes(sandbox: Sandbox) -> None:
    script = sandbox.folder / "race.py"
    script.write_text(_RACER)
    racers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(script), str(sandbox.folder / "repo"), str(number)],
            env={**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + os.pathsep + os.getcwd()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == b"ready\n"
    results = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
    for racer in racers:
        with racer:
            assert racer.stdout is not None
            results.append(racer.stdout.read().split())
        assert racer.returncode == 0
    assert sorted(created for created, _ in results) == [b"False"] * 3 + [b"True"]
    assert sum(int(moved) for _, moved in results) == 12
    with sandbox.store() as store:
        ledger = list(store.read_ledger(PRODUCTION, 100, 0))
        assert len(ledger) == 13
        for newer, older in pairwise(ledger):
            assert msgspec.json.decode(newer, type=Record).previous == digest_of(older)
    assert sandbox.git("fsck", "--strict", "--no-dangling") == ""


_RACER = """
import os, sys
from pathlib import Path
from repoint.gitrepo import GitRepository
from repoint.store import Swap
from repoint.store_git import GitStore
from repoint_schemas.canonical import encode
from repoint_schemas.documents import Record
from tests.unit.git_fixtures import PRODUCTION, contents, draft, first_record, next_record
import msgspec

with GitStore(GitRepository.discover(sys.argv[1], os.environ)) as store:
    of = contents(prompt=sys.argv[2].encode())
    store.put_contents(of)
    print("ready", flush=True)
    sys.stdin.read()
    created = store.create_release(draft(of), of)
    store.create_pointer(first_record(), encode(first_record()))
    moved = 0
    while moved < 3:
        pointer = store.read_pointer(PRODUCTION)
        record = next_record(msgspec.json.decode(pointer.content, type=Record), tag=sys.argv[2])
        outcome = store.swap_pointer(pointer, record, encode(record))
        assert outcome is not Swap.UNKNOWN
        moved += outcome is Swap.DONE
    print(created, moved)
"""


def test_two_stores_of_one_process_race(sandbox: Sandbox, store: GitStore) -> None:
    with sandbox.store() as other:
        one, two = contents(prompt=b"1"), contents(prompt=b"2")
        store.put_contents(one)
        other.put_contents(two)
        assert store.create_release(draft(one), one)
        assert not other.create_release(draft(two), two)
        assert other.read_release(REFUND, ONE) == draft(one).content


def test_a_loose_object_left_cut_by_a_power_failure_is_replaced(sandbox: Sandbox, store: GitStore) -> None:
    of = contents()
    store.put_contents(of)
    cut = [path for path in (sandbox.folder / "repo" / ".git" / "objects").rglob("*") if path.is_file()]
    for path in cut:
        path.chmod(0o644)
        path.write_bytes(b"")
    publish(store, of)
    assert sandbox.git("fsck", "--strict") == ""
    for path in cut:
        assert zlib.decompress(path.read_bytes())
    assert ObjectId(sandbox.git("rev-parse", "refund@v1.0.0").strip()) in store.published().values()


def test_a_large_file_is_stored_as_it_is_and_git_reads_it(sandbox: Sandbox, store: GitStore) -> None:
    content = random.Random(1).randbytes(LARGE // 64) * 64 + b"and no less"
    oid = store.repository.objects.write_chunks("blob", len(content), lambda: [content[:LARGE], content[LARGE:]])
    path = sandbox.folder / "repo" / ".git" / "objects" / oid[:2] / oid[2:]
    assert path.stat().st_size > len(content)
    assert sandbox.git("cat-file", "-s", oid).strip() == str(len(content))
    assert sandbox.git("fsck", "--strict") == f"dangling blob {oid}\n"
