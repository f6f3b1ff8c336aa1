"""The store in a shared Git remote passes the store contract, over ``file://`` and ``ssh://``; every handle is a clone.

Beyond the contract: what only a remote can do. It is force-pushed, taken away, broken off, slow, or refuses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repoint.errors import Conflict, Corrupt, OutcomeUnknown, StoreUnavailable
from repoint.names import YANK_LEDGER
from repoint.store import Ahead, Swap
from repoint.store_remote import GitRemoteStore
from repoint_schemas.canonical import encode
from repoint_schemas.documents import Record

from tests.contract.store_suite import (
    STAGING,
    V1,
    V2,
    Place,
    StoreSuite,
    contents,
    created,
    moved,
    pointer_of,
    published,
    read_file,
)
from tests.servers.git_remotes import NOBODY, RemotePlace, git, write_program
from tests.servers.sshd import Sshd, missing, running_sshd
from tests.stores import open_git
from tests.unit.git_fixtures import PRODUCTION, REFUND, draft, first_record, next_record

BRANCH = "refs/heads/repoint/env/production"
TAG = "refs/tags/refund@v1.0.0"
SHORT_SECONDS = 1.0
SSH_SECONDS = 5.0


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if reason := missing():
        pytest.skip(reason)
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


class TestOverFile(StoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        made = RemotePlace(tmp_path)
        with made.closing:
            yield made


class TestOverSsh(StoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path, sshd: Sshd) -> Iterator[Place]:
        made = RemotePlace(tmp_path, sshd)
        with made.closing:
            yield made


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RemotePlace]:
    made = RemotePlace(tmp_path)
    with made.closing:
        yield made


def begun(place: RemotePlace) -> tuple[GitRemoteStore, Record]:
    """A store in which a version was published and is live."""
    store = place.open()
    return store, moved(store, created(store), published(store, contents()))


def ids(folder: Path) -> dict[str, str]:
    """Every ref of a repository with its object id."""
    lines = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return {ref: oid for ref, oid in (line.split(" ") for line in lines) if not ref.startswith("refs/remotes/")}


# -- the clone follows -------------------------------------------------------------------------------------------------


def test_a_clone_that_never_fetched_reads_and_moves(place: RemotePlace) -> None:
    _, record = begun(place)
    fresh = place.open()
    assert ids(place.clones[1]) == {}
    assert pointer_of(fresh).content == encode(record)
    assert read_file(fresh, V1, contents().document.manifest) == b"# the manifest of refund"
    moved(fresh, record)
    assert ids(place.clones[1]) == ids(place.bare)


def test_the_refs_of_all_clones_become_those_of_the_remote(place: RemotePlace) -> None:
    begun(place)
    other = place.open()
    created(other, STAGING)
    there = ids(place.bare)
    git(place.bare, "tag", "v1.0.0", BRANCH)
    git(place.bare, "branch", "main", BRANCH)
    for one_command in (False, True):
        for clone in place.clones:
            place.reopen(clone, one_command=one_command).bring_up()
            assert ids(clone) == there
    assert len(there) == 3


def test_two_clones_a_hundred_generations_apart(place: RemotePlace) -> None:
    store, record = begun(place)
    behind = place.open()
    assert pointer_of(behind).content == encode(record)
    before = ids(place.clones[1])[BRANCH]
    with open_git(place.bare) as beneath:
        for _ in range(100):
            record = moved(beneath, record)
    stale = behind.replica.read_pointer(PRODUCTION)
    assert stale is not None
    assert stale.stamp == before
    last = moved(behind, record)
    assert last.generation == 102
    assert store.read_record(PRODUCTION, 102) == encode(last)
    assert len(store.ledger_times(PRODUCTION)) == 103
    assert ids(place.clones[0])[BRANCH] == ids(place.clones[1])[BRANCH] == place.tip()


def test_a_shallow_clone_moves_and_says_what_it_lacks(place: RemotePlace) -> None:
    _, record = begun(place)
    shallow = place.folder / "shallow"
    git(place.folder, "clone", "--quiet", "--depth=1", "--branch=repoint/env/production", place.address, str(shallow))
    git(shallow, "update-ref", BRANCH, "HEAD")
    store = place.reopen(shallow)
    assert store.repository.shallow
    last = moved(store, record)
    assert place.open().read_record(PRODUCTION, 2) == encode(last)
    with pytest.raises(StoreUnavailable) as lacking:
        list(store.read_ledger(PRODUCTION, 2, 0))
    assert lacking.value.kind == "shallow-ledger"


def test_a_remote_that_is_shallow_itself_is_not_read_as_if_it_were_whole(place: RemotePlace) -> None:
    store, record = begun(place)
    moved(store, record)
    cut = place.folder / "cut.git"
    git(place.folder, "clone", "--quiet", "--bare", "--depth=1", "--no-single-branch", place.address, str(cut))
    clone = place.clone()
    git(clone, "remote", "set-url", "origin", f"file://{cut}")
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as refused:
            place.reopen(clone).read_pointer(PRODUCTION)
        assert refused.value.kind == "remote-shallow"
    assert ids(clone) == {}


def test_a_clone_whose_refs_cannot_be_written_still_moves(place: RemotePlace) -> None:
    store, record = begun(place)
    lock = place.clones[0] / ".git" / "repoint" / "lock"
    lock.unlink()
    lock.mkdir()
    last = moved(store, record)
    assert pointer_of(store).content == encode(last)
    assert store.read_record(PRODUCTION, 2) == encode(last)
    assert ids(place.clones[0])[BRANCH] != place.tip()


# -- the clone and the remote contradict each other --------------------------------------------------------------------


@pytest.mark.parametrize("configured", ["+refs/heads/*:refs/remotes/origin/*", "+refs/*:refs/*"])
def test_a_force_pushed_ledger_is_an_alarm_and_nothing_is_overwritten(place: RemotePlace, configured: str) -> None:
    store, record = begun(place)
    clone, before = place.clones[0], ids(place.clones[0])
    git(clone, "config", "remote.origin.fetch", configured)
    git(clone, "config", "remote.origin.prune", "true")
    tree = git(place.bare, "rev-parse", f"{BRANCH}^{{tree}}")
    forged = git(place.bare, *NOBODY, "commit-tree", "-m", "forged", "-p", f"{BRANCH}^", tree)
    git(place.bare, "update-ref", BRANCH, forged)
    for _ in range(2):
        with pytest.raises(Corrupt) as alarm:
            store.read_pointer(PRODUCTION)
        assert (alarm.value.kind, alarm.value.facts["promise"]) == ("ledger-diverged", 4)
        assert {before[BRANCH], forged} <= set(str(alarm.value).replace("(", " ").replace(")", " ").split())
        assert ids(clone) == before
    git(place.bare, "update-ref", BRANCH, before[BRANCH])
    moved(store, record)


@pytest.mark.parametrize("back", ["", "~1"])
def test_an_older_ledger_that_was_put_back_is_an_alarm(place: RemotePlace, back: str) -> None:
    store, record = begun(place)
    moved(store, record)
    git(place.bare, "update-ref", BRANCH, git(place.bare, "rev-parse", f"{BRANCH}~1{back}"))
    with pytest.raises(Corrupt) as alarm:
        store.read_pointer(PRODUCTION)
    assert alarm.value.kind == "ledger-diverged"


def test_a_ledger_that_the_remote_has_lost_is_not_created_again(place: RemotePlace) -> None:
    store, _ = begun(place)
    git(place.bare, "update-ref", "-d", BRANCH)
    assert store.read_pointer(PRODUCTION) is None
    assert store.read_record(PRODUCTION, 0) == encode(first_record())
    with pytest.raises(Corrupt) as alarm:
        store.create_pointer(first_record(), encode(first_record()))
    assert alarm.value.kind == "pointer-missing"
    assert store.environments() == []


def test_a_tag_that_was_moved_is_an_alarm_and_nothing_is_overwritten(place: RemotePlace) -> None:
    store, _ = begun(place)
    before = ids(place.clones[0])[TAG]
    git(place.bare, *NOBODY, "tag", "--force", "-a", "-m", "moved", "refund@v1.0.0", BRANCH)
    store.refresh()
    manifest = contents().document.manifest
    reads: list[Callable[[], object]] = [
        lambda: store.read_release(REFUND, V1),
        lambda: read_file(store, V1, manifest),
    ]
    for read in reads:
        with pytest.raises(Corrupt) as alarm:
            read()
        assert (alarm.value.kind, alarm.value.facts["promise"]) == ("tag-moved", 1)
        assert before in str(alarm.value)
        assert git(place.bare, "rev-parse", TAG) in str(alarm.value)
    assert ids(place.clones[0])[TAG] == before


def test_a_version_that_the_remote_has_lost_is_an_alarm_where_it_was_published(place: RemotePlace) -> None:
    store, _ = begun(place)
    other = place.open()
    assert other.read_release(REFUND, V1) is not None
    git(place.bare, "tag", "-d", "refund@v1.0.0")
    for handle in (store, other):
        handle.refresh()
    with pytest.raises(Corrupt) as alarm:
        store.read_release(REFUND, V1)
    assert (alarm.value.kind, alarm.value.facts["promise"]) == ("release-missing-on-remote", 1)
    with pytest.raises(Corrupt):
        store.create_release(draft(contents()), contents())
    assert store.versions() == {REFUND: [V1]}
    assert other.versions() == {}
    assert other.read_release(REFUND, V1) is None


def test_a_tag_that_only_the_clone_has_is_no_version_and_is_not_overwritten(place: RemotePlace) -> None:
    store = place.open()
    git(place.clones[0], *NOBODY, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(place.clones[0], *NOBODY, "tag", "-a", "-m", "mine", "refund@v1.0.0")
    before = ids(place.clones[0])
    wanted = contents()
    assert store.versions() == {}
    assert store.read_release(REFUND, V1) is None
    assert store.missing_files(REFUND, V1, wanted.document.files()) == wanted.document.files()
    store.put_contents(wanted)
    with pytest.raises(Conflict) as refused:
        store.create_release(draft(wanted), wanted)
    assert refused.value.kind == "tag-in-the-way"
    assert ids(place.clones[0]) == before
    assert ids(place.bare) == {}


def test_a_branch_of_the_remote_can_stand_in_the_way(place: RemotePlace) -> None:
    store = place.open()
    tree = git(place.bare, "hash-object", "-t", "tree", "-w", "/dev/null")
    git(place.bare, "update-ref", "refs/heads/repoint", git(place.bare, *NOBODY, "commit-tree", "-m", "x", tree))
    with pytest.raises(Conflict) as refused:
        store.create_pointer(first_record(), encode(first_record()))
    assert refused.value.kind == "branch-in-the-way"


# -- the remote is away, refuses, breaks off, or is slow ---------------------------------------------------------------


def test_nothing_is_decided_while_the_remote_is_away(place: RemotePlace) -> None:
    store, record = begun(place)
    expected, wanted = pointer_of(store), contents(prompt=b"Ask twice.\n")
    next_one = next_record(record)
    store.put_contents(wanted)
    store.refresh()
    place.bare.rename(place.folder / "away.git")
    store.read_ahead(Ahead(PRODUCTION, (REFUND,)))
    for attempt in (
        store.versions,
        store.environments,
        lambda: store.read_pointer(PRODUCTION),
        lambda: store.read_record(PRODUCTION, 0),
        lambda: store.read_release(REFUND, V1),
        lambda: store.swap_pointer(expected, next_one, encode(next_one)),
        lambda: store.create_pointer(first_record(STAGING), encode(first_record(STAGING))),
        lambda: store.create_release(draft(wanted, "1.1.0"), wanted),
    ):
        with pytest.raises(StoreUnavailable) as away:
            attempt()
        assert away.value.kind == "remote-unreachable"
        assert "git ls-remote origin" in (away.value.hint or "")
    assert store.replica.read_pointer(PRODUCTION) == expected
    (place.folder / "away.git").rename(place.bare)
    assert store.swap_pointer(expected, next_one, encode(next_one)) is Swap.DONE


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_what_a_hook_of_the_remote_refuses_is_told_in_its_words(place: RemotePlace, hook: str) -> None:
    store, record = begun(place)
    expected, before = pointer_of(store), ids(place.bare)
    write_program(place.bare / "hooks" / hook, "echo 'Only release managers may move production.'\nexit 1")
    last, wanted = next_record(record), contents(prompt=b"Ask twice.\n")
    store.put_contents(wanted)
    for attempt in (
        lambda: store.swap_pointer(expected, last, encode(last)),
        lambda: store.create_pointer(first_record(STAGING), encode(first_record(STAGING))),
        lambda: store.create_release(draft(wanted, "1.1.0"), wanted),
    ):
        with pytest.raises(StoreUnavailable) as refused:
            attempt()
        assert refused.value.kind == "remote-refused"
        assert "Only release managers may move production." in str(refused.value)
    assert ids(place.bare) == ids(place.clones[0]) == before


def test_whoever_may_only_read_is_told_so_and_nothing_was_sent(place: RemotePlace) -> None:
    store, record = begun(place)
    refusing = write_program(place.folder / "receive", "echo 'ERROR: you may not push here' >&2\nexit 1")
    git(place.clones[0], "config", "remote.origin.receivepack", str(refusing))
    last = next_record(record)
    with pytest.raises(StoreUnavailable) as refused:
        store.swap_pointer(pointer_of(store), last, encode(last))
    assert "you may not push here" in str(refused.value)


def test_a_push_that_broke_off_before_it_was_applied_is_unknown_and_can_be_sent_again(place: RemotePlace) -> None:
    store, record = begun(place)
    happened = place.hook_once("pre-receive", "kill -9 $PPID")
    expected, last = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.UNKNOWN
    assert happened.exists()
    assert place.tip() == expected.stamp
    assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE
    assert place.open().read_record(PRODUCTION, 2) == encode(last)
    assert ids(place.clones[0]) == ids(place.bare)


def test_a_push_that_broke_off_after_it_was_applied_is_done(place: RemotePlace) -> None:
    store, record = begun(place)
    happened = place.hook_once("reference-transaction", "kill -9 $PPID")
    expected, last = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE
    assert happened.exists()
    assert pointer_of(place.open()).content == encode(last)


def test_after_a_push_that_broke_off_a_remote_that_stays_away_is_not_waited_for_again(place: RemotePlace) -> None:
    store, record = begun(place)
    away = place.folder / "away.git"
    happened = place.hook_once("reference-transaction", f"kill -9 $PPID; mv {place.bare} {away}")
    expected, last = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.UNKNOWN
    assert happened.exists()
    with pytest.raises(StoreUnavailable):
        store.swap_pointer(expected, last, encode(last))
    away.rename(place.bare)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE
    assert len(store.ledger_times(PRODUCTION)) == 3


def test_another_move_after_a_push_that_broke_off_fences_it(place: RemotePlace) -> None:
    store, record = begun(place)
    happened = place.hook_once("pre-receive", "kill -9 $PPID")
    expected, ours = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, ours, encode(ours)) is Swap.UNKNOWN
    assert happened.exists()
    theirs = moved(place.open(), record, tag="2")
    assert store.swap_pointer(expected, ours, encode(ours)) is Swap.LOST
    assert store.read_record(PRODUCTION, 2) == encode(theirs)


@pytest.mark.parametrize("hook", ["pre-receive", "reference-transaction"])
def test_a_publish_that_broke_off_is_finished(place: RemotePlace, hook: str) -> None:
    store = place.open()
    happened = place.hook_once(hook, "kill -9 $PPID")
    made = published(store, contents())
    assert happened.exists()
    assert place.open().read_release(REFUND, V1) == made.content
    assert ids(place.clones[0]) == ids(place.bare)


def test_a_publish_that_always_breaks_off_is_unknown_and_the_same_command_finishes_it(place: RemotePlace) -> None:
    store, wanted = place.open(), contents()
    breaks = write_program(place.bare / "hooks" / "pre-receive", f"echo x >> {place.folder}/breaks; kill -9 $PPID")
    store.put_contents(wanted)
    with pytest.raises(OutcomeUnknown) as unknown:
        store.create_release(draft(wanted), wanted)
    assert unknown.value.kind == "publish-unconfirmed"
    assert "same command again" in (unknown.value.hint or "")
    assert len((place.folder / "breaks").read_text().split()) > 1
    breaks.unlink()
    published(store, wanted)


def test_a_slow_remote_runs_into_the_time_limit_and_is_ended(place: RemotePlace) -> None:
    begun(place)
    alive, waiting = place.folder / "alive", place.folder / "waiting"
    os.mkfifo(alive)
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    slow = write_program(place.folder / "slow", f"exec 9> {alive}\necho x > {waiting}\nexec sleep 600")
    git(place.clones[0], "config", "remote.origin.uploadpack", str(slow))
    store = place.reopen(place.clones[0], answer_seconds=SHORT_SECONDS)
    with pytest.raises(StoreUnavailable) as late:
        store.read_pointer(PRODUCTION)
    assert late.value.kind == "remote-unreachable"
    assert "no answer" in str(late.value)
    assert waiting.exists()
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_a_push_that_takes_too_long_leaves_no_lock_at_the_remote(place: RemotePlace) -> None:
    _, record = begun(place)
    store = place.reopen(place.clones[0], answer_seconds=SHORT_SECONDS)
    prepared = write_program(
        place.bare / "hooks" / "reference-transaction",
        f'[ "$1" = prepared ] || exit 0\nls {place.bare}/{BRANCH}.lock > {place.folder}/locked && exec sleep 600',
    )
    expected, last = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.UNKNOWN
    assert (place.folder / "locked").read_text()
    prepared.unlink()
    assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_push_that_is_applied_late_stands_once_or_not_at_all(place: RemotePlace, overtaken: bool) -> None:
    """The remote goes on after the time limit, as one on another machine would."""
    first, record = begun(place)
    go, gone = place.folder / "go", place.folder / "gone"
    os.mkfifo(go)
    os.mkfifo(gone)
    happened = place.hook_once("pre-receive", f"read line < {go}")
    late = write_program(place.folder / "late", f'setsid sh -c \'git-receive-pack "$0"; : > {gone}\' "$@" 2>/dev/null')
    git(place.clones[0], "config", "remote.origin.receivepack", str(late))
    store = place.reopen(place.clones[0], answer_seconds=SHORT_SECONDS)
    expected, ours = pointer_of(store), next_record(record)
    assert store.swap_pointer(expected, ours, encode(ours)) is Swap.UNKNOWN
    assert happened.exists()
    theirs = moved(place.open(), record, tag="2") if overtaken else None
    go.write_text("go\n")
    assert gone.read_text() == ""  # waits until the late push has ended
    git(place.clones[0], "config", "--unset", "remote.origin.receivepack")
    again = store.swap_pointer(expected, ours, encode(ours))
    assert again is (Swap.LOST if overtaken else Swap.DONE)
    assert pointer_of(first).content == encode(theirs or ours)
    assert len(first.ledger_times(PRODUCTION)) == 3


def test_over_ssh_the_remote_goes_on_after_the_time_limit(tmp_path: Path, sshd: Sshd) -> None:
    place = RemotePlace(tmp_path, sshd, shared=False)
    with place.closing:
        first, record = begun(place)
        go, applied = tmp_path / "go", tmp_path / "applied"
        os.mkfifo(go)
        os.mkfifo(applied)
        happened = place.hook_once("pre-receive", f"read line < {go}")
        store = place.reopen(place.clones[0], answer_seconds=SSH_SECONDS)
        expected, last = pointer_of(store), next_record(record)
        assert store.swap_pointer(expected, last, encode(last)) is Swap.UNKNOWN
        assert happened.exists()
        place.hook_once("reference-transaction", f": > {applied}")
        go.write_text("go\n")
        assert applied.read_text() == ""  # waits until the push, which nobody waits for any more, was applied
        assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE
        assert len(first.ledger_times(PRODUCTION)) == 3


def test_over_ssh_nothing_is_decided_without_a_server(tmp_path: Path, sshd: Sshd) -> None:
    place = RemotePlace(tmp_path, sshd, shared=False)
    with place.closing:
        store, record = begun(place)
        expected, last = pointer_of(store), next_record(record)
        port = f":{sshd.port}"
        git(place.clones[0], "remote", "set-url", "origin", place.address.replace(port, ":1"))
        store = place.reopen(place.clones[0])
        attempts: list[Callable[[], object]] = [
            lambda: store.read_pointer(PRODUCTION),
            lambda: store.swap_pointer(expected, last, encode(last)),
        ]
        for attempt in attempts:
            with pytest.raises(StoreUnavailable) as away:
                attempt()
            assert away.value.kind == "remote-unreachable"
            assert "Connection refused" in str(away.value)


# -- how often the remote is asked -------------------------------------------------------------------------------------


def counted(place: RemotePlace, clone: Path) -> Path:
    """The file that gets a line for each time that this clone asks the remote or fetches from it."""
    asked = place.folder / "asked"
    asked.write_text("")
    counting = write_program(place.folder / "counting", f'echo x >> {asked}\nexec git-upload-pack "$@"')
    git(clone, "config", "remote.origin.uploadpack", str(counting))
    return asked


def times(asked: Path) -> int:
    return len(asked.read_text().split())


def test_one_command_asks_for_the_list_once_and_again_after_a_refresh(place: RemotePlace) -> None:
    _, record = begun(place)
    asked = counted(place, place.clones[0])
    store = place.reopen(place.clones[0], one_command=True)
    for _ in range(3):
        assert store.versions() == store.versions(REFUND) == {REFUND: [V1]}
        assert store.read_release(REFUND, V1) is not None
        assert store.read_release(REFUND, V2) is None
    assert times(asked) == 1
    published(place.open(), contents(prompt=b"Ask twice.\n"), "1.1.0")
    store.refresh()
    assert sorted(store.versions()[REFUND]) == [V1, V2]
    assert times(asked) == 2
    moved(store, record)
    assert store.environments() == [PRODUCTION]


def test_a_move_asks_once_before_it_writes(place: RemotePlace) -> None:
    first, record = begun(place)
    created(first, YANK_LEDGER)
    asked = counted(place, place.clones[0])
    store = place.reopen(place.clones[0])
    store.read_ahead(Ahead(PRODUCTION, (REFUND,)))
    expected = pointer_of(store)
    assert store.read_pointer(YANK_LEDGER) is not None
    assert store.read_release(REFUND, V1) is not None
    assert store.read_release(REFUND, V2) is None
    last = next_record(record)
    assert store.swap_pointer(expected, last, encode(last)) is Swap.DONE
    assert times(asked) == 1
    assert pointer_of(store).content == encode(last)
    assert times(asked) == 2


def test_what_was_read_ahead_does_not_hide_what_another_process_of_the_clone_did(place: RemotePlace) -> None:
    _, record = begun(place)
    store, other = (place.reopen(place.clones[0]) for _ in range(2))
    store.read_ahead(Ahead(PRODUCTION))
    last = moved(other, record)
    assert pointer_of(store).content == encode(last)
