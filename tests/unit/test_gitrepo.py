"""One Git repository: found safely, read without trust, written durably, and never blocked by what a crash left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, StoreUnavailable
from repoint.gitcatfile import CatFile
from repoint.gitloose import Chunks, LooseObjects
from repoint.gitobjects import ObjectId, object_id
from repoint.gitprocess import GitProcess, child_environment
from repoint.gitrefs import RefChange, RefOutcome
from repoint.gitrepo import GitRepository
from repoint.store_git import GitStore
from repoint_schemas.documents import AgentName, Identity

from tests.unit.git_fixtures import Sandbox

TAG = "refs/tags/refund@v1.0.0"
BRANCH = "refs/heads/repoint/env/production"


Write = Callable[[LooseObjects, str, int, Chunks], ObjectId]


@pytest.fixture
def repository(sandbox: Sandbox) -> Iterator[GitRepository]:
    with sandbox.open() as opened:
        yield opened


def loose(repository: GitRepository, oid: str) -> Path:
    return Path(repository.common_dir, "objects", oid[:2], oid[2:])


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def commit(repository: GitRepository, text: str = "x") -> ObjectId:
    tree = repository.objects.write("tree", b"")
    signed = "A <a@b> 1 +0000"
    return repository.objects.write("commit", f"tree {tree}\nauthor {signed}\ncommitter {signed}\n\n{text}\n".encode())


# Discovery ------------------------------------------------------------------------------------------------------------


def test_a_repository_is_found_from_a_folder_within(sandbox: Sandbox) -> None:
    inside = sandbox.folder / "repo" / "agents" / "refund"
    inside.mkdir(parents=True)
    found = sandbox.open(inside)
    assert found.work_tree == str(sandbox.folder / "repo")
    assert found.common_dir == found.git_dir == str(sandbox.folder / "repo" / ".git")
    assert (found.bare, found.shallow, found.reftable) == (False, False, False)


def test_a_bare_repository_and_the_git_folder_itself_have_no_work_tree(sandbox: Sandbox) -> None:
    sandbox.git("clone", "-q", "--bare", "repo", "bare.git", cwd=sandbox.folder)
    assert sandbox.open(sandbox.folder / "bare.git").bare
    assert sandbox.open(sandbox.folder / "repo" / ".git").bare


def test_a_worktree_shares_the_common_folder(sandbox: Sandbox) -> None:
    sandbox.commit_something()
    sandbox.git("worktree", "add", "-q", "../other")
    found = sandbox.open(sandbox.folder / "other")
    assert found.common_dir == str(sandbox.folder / "repo" / ".git")
    assert found.git_dir != found.common_dir
    assert found.work_tree == str(sandbox.folder / "other")
    with found:
        oid = commit(found)
        assert found.refs.update([RefChange(TAG, oid)]) is RefOutcome.DONE
    assert sandbox.git("rev-parse", "refund@v1.0.0").strip() == oid


def test_a_shallow_clone_is_told(sandbox: Sandbox) -> None:
    sandbox.commit_something()
    sandbox.commit_something()
    sandbox.git("clone", "-q", "--depth=1", f"file://{sandbox.folder}/repo", "shallow", cwd=sandbox.folder)
    assert sandbox.open(sandbox.folder / "shallow").shallow


def test_no_folder_and_no_repository(sandbox: Sandbox) -> None:
    with pytest.raises(NotFound) as missing:
        sandbox.open(sandbox.folder / "nowhere")
    assert missing.value.kind == "no-such-folder"
    with pytest.raises(NotFound) as outside:
        sandbox.open(sandbox.folder / "home")
    assert outside.value.kind == "not-a-repository"
    assert "git init" in (outside.value.hint or "")


def test_a_sha256_repository_is_refused(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "--object-format=sha256", "other", cwd=sandbox.folder)
    with pytest.raises(InvalidInput) as refused:
        sandbox.open(sandbox.folder / "other")
    assert refused.value.kind == "sha256-repository"


def test_no_git_on_the_path(sandbox: Sandbox) -> None:
    sandbox.environment["PATH"] = str(sandbox.folder)
    with pytest.raises(StoreUnavailable) as missing:
        sandbox.open()
    assert missing.value.kind == "git-missing"


def test_an_old_git_is_named(sandbox: Sandbox) -> None:
    fake = sandbox.folder / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\ncase "$*" in *version*) echo git version 2.30.2;; *) exit 129;; esac\n')
    fake.chmod(0o755)
    opened = sandbox.open()
    with pytest.raises(StoreUnavailable) as old:
        GitRepository.discover(sandbox.folder / "repo", {**sandbox.environment, "PATH": str(fake.parent)})
    assert old.value.kind == "git-too-old"
    assert "2.30" in old.value.message
    process = GitProcess({**sandbox.environment, "PATH": str(fake.parent)}, opened.common_dir, opened.common_dir)
    with pytest.raises(StoreUnavailable) as old:
        CatFile(process).info("HEAD")
    assert old.value.kind == "git-too-old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_not_trusted(sandbox: Sandbox) -> None:
    for path in [sandbox.folder / "repo", *(sandbox.folder / "repo").rglob("*")]:
        os.chown(path, 12345, 12345)
    with pytest.raises(StoreUnavailable) as refused:
        sandbox.open()
    assert refused.value.kind == "dubious-ownership"
    assert refused.value.hint == f"git config --global --add safe.directory {sandbox.folder}/repo"
    sandbox.git(*(refused.value.hint or "").split()[1:], cwd=sandbox.folder)
    assert sandbox.open().work_tree


def test_a_damaged_repository_is_not_called_missing(sandbox: Sandbox) -> None:
    (sandbox.folder / "repo" / ".git" / "config").write_text("[core\n")
    with pytest.raises(StoreUnavailable, match="bad config"):
        sandbox.open()


def test_inherited_git_variables_lead_nowhere(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "decoy", cwd=sandbox.folder)
    decoy = str(sandbox.folder / "decoy" / ".git")
    sandbox.environment |= {
        "GIT_DIR": decoy,
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_OBJECT_DIRECTORY": f"{decoy}/objects",
        "GIT_COMMON_DIR": decoy,
        "GIT_NAMESPACE": "decoy",
    }
    with sandbox.open() as opened:
        oid = commit(opened)
        opened.refs.update([RefChange(TAG, oid)])
        assert opened.common_dir == str(sandbox.folder / "repo" / ".git")
        assert opened.refs.find("refs/tags") == {TAG: oid}
        assert opened.cat.info(TAG) is not None
    assert list((sandbox.folder / "decoy" / ".git" / "refs" / "tags").iterdir()) == []


def test_only_harmless_variables_are_kept() -> None:
    given = {"PATH": "/bin", "GIT_DIR": "x", "GIT_SSH_COMMAND": "ssh", "GIT_SSL_CAINFO": "ca", "GIT_EXEC_PATH": "x"}
    kept = child_environment(given)
    assert {name for name in given if name in kept} == {"PATH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"}
    assert kept["GIT_NO_REPLACE_OBJECTS"] == "1"


# Reading --------------------------------------------------------------------------------------------------------------


def test_objects_are_read_by_id_ref_and_path(repository: GitRepository) -> None:
    oid = repository.objects.write("blob", b"hello")
    assert repository.cat.info(oid) == (oid, "blob", 5)
    assert repository.cat.contents(oid, 5) == (oid, "blob", b"hello")
    assert repository.cat.contents("1" * 40, 5) is None
    assert repository.cat.info("refs/tags/none") is None


def test_an_object_over_the_limit_is_refused_and_reading_goes_on(repository: GitRepository) -> None:
    oid = repository.objects.write("blob", b"hello")
    with pytest.raises(Corrupt) as refused:
        repository.cat.contents(oid, 4)
    assert refused.value.kind == "oversized"
    found = list(repository.cat.many([oid, "1" * 40, object_id("tree", b""), oid], 4))
    assert found == [(oid, "blob", 5), None, (object_id("tree", b""), "tree", b""), (oid, "blob", 5)]


def test_many_objects_are_read_in_order_beyond_any_pipe(repository: GitRepository) -> None:
    with repository.objects.batch():
        oids = [repository.objects.write("blob", b"%d" % number * 20_000) for number in range(30)]
    wanted = oids * 20
    assert [found and found[0] for found in repository.cat.many(wanted, 1 << 20)] == wanted
    assert [found and found.oid for found in repository.cat.many_info(wanted)] == wanted


def test_a_stream_that_is_left_early_does_not_confuse_the_next_request(repository: GitRepository) -> None:
    content = os.urandom(3 << 20)
    oid = repository.objects.write("blob", content)
    found = repository.cat.stream(oid, 1 << 30)
    assert found is not None
    first = next(found[1])
    assert content.startswith(first)
    assert repository.cat.info(oid) == (oid, "blob", len(content))
    found = repository.cat.stream(oid, 1 << 30)
    assert found is not None
    assert b"".join(found[1]) == content
    found = repository.cat.stream(oid, 100)
    assert found is not None
    assert b"".join(found[1]) == content[:100]
    assert repository.cat.info(oid) == (oid, "blob", len(content))


def test_replies_before_a_damaged_object_are_given(repository: GitRepository) -> None:
    whole, damaged = repository.objects.write("blob", b"whole"), repository.objects.write("blob", b"damaged")
    overwrite(loose(repository, damaged), b"")
    replies = repository.cat.many([whole, "1" * 40, damaged, whole], 10)
    assert next(replies) == (whole, "blob", b"whole")
    assert next(replies) is None
    with pytest.raises(Corrupt):
        next(replies)


def test_a_stream_cannot_be_read_on_after_another_request(repository: GitRepository) -> None:
    oid = repository.objects.write("blob", os.urandom(2 << 20))
    found = repository.cat.stream(oid, 1 << 30)
    assert found is not None
    next(found[1])
    repository.cat.info(oid)
    with pytest.raises(ValueError, match="read on"):
        next(found[1])


@pytest.mark.parametrize("position", [1, 5, 15, -1])
@pytest.mark.parametrize("size", [10, 100_000])
def test_a_flipped_byte_is_damage_and_not_absence(repository: GitRepository, position: int, size: int) -> None:
    oid = repository.objects.write("blob", os.urandom(size))
    stored = bytearray(loose(repository, oid).read_bytes())
    stored[position] ^= 0x55
    overwrite(loose(repository, oid), bytes(stored))
    with pytest.raises(Corrupt) as damaged:
        repository.cat.contents(oid, 1 << 20)
    assert damaged.value.kind == "corrupt-object"
    other = repository.objects.write("blob", b"whole")
    assert repository.cat.contents(other, 10) is not None


@pytest.mark.parametrize("size", [10, 100_000])
def test_an_object_of_another_content_is_damage(repository: GitRepository, size: int) -> None:
    oid = repository.objects.write("blob", b"a" * size)
    overwrite(loose(repository, oid), zlib.compress(b"blob %d\0" % size + b"b" * size))
    with pytest.raises(Corrupt):
        repository.cat.contents(oid, 1 << 20)


@pytest.mark.parametrize("stored", [b"", b"x\x01"])
def test_a_cut_object_is_damage(repository: GitRepository, stored: bytes) -> None:
    oid = repository.objects.write("blob", b"hello")
    overwrite(loose(repository, oid), stored)
    with pytest.raises(Corrupt):
        repository.cat.contents(oid, 10)
    with pytest.raises(Corrupt):
        repository.cat.info(oid)


def test_a_missing_tree_is_damage_and_a_missing_path_is_not(repository: GitRepository) -> None:
    from repoint.gitobjects import nested_trees

    blob = repository.objects.write("blob", b"hello")
    trees = nested_trees({"a/b/c": blob})
    for _, content in trees.objects:
        repository.objects.write("tree", content)
    oid = repository.objects.write(
        "commit", f"tree {trees.root}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n".encode()
    )
    assert repository.cat.child_at(oid, "a/b/c") == (blob, "blob", 5)
    for absent in ("a/b/d", "a/x/c", "a/b/c/d", "x"):
        assert repository.cat.child_at(oid, absent) is None
    loose(repository, trees.objects[0][0]).unlink()
    with pytest.raises(Corrupt):
        repository.cat.child_at(oid, "a/b/c")
    loose(repository, trees.root).unlink()
    with pytest.raises(Corrupt):
        repository.cat.child_at(oid, "x")


@pytest.mark.parametrize("spec", ["HEAD:a\nb", "HEAD:a\0b", "HEAD:../x", "HEAD:./x", "HEAD:a//b", "HEAD:", ""])
def test_a_spec_that_git_would_read_otherwise_is_refused(repository: GitRepository, spec: str) -> None:
    with pytest.raises(InvalidInput):
        repository.cat.info(spec)


def test_a_path_that_looks_like_a_reply_is_only_a_path(repository: GitRepository) -> None:
    oid = commit(repository)
    assert repository.cat.info(f"{oid}:{oid} blob 5") is None
    assert repository.cat.child_at(oid, "x missing") is None


def test_the_reader_starts_again_after_its_process_was_killed(repository: GitRepository) -> None:
    oid = repository.objects.write("blob", b"hello")
    assert repository.cat.info(oid)
    child = repository.cat._child
    assert child is not None
    child.kill()
    child.wait()
    with pytest.raises(StoreUnavailable):
        repository.cat.info(oid)
    assert repository.cat.info(oid)


def test_a_reader_that_git_complains_to_all_the_time_goes_on(sandbox: Sandbox, repository: GitRepository) -> None:
    """A wrapper repeats one complaint per request, since Git has few that are worth no error."""
    folder = sandbox.folder / "bin"
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        "#!/usr/bin/env python3\n"
        "import sys\n"
        "for line in sys.stdin:\n"
        "    print('warning: ' + 'x' * 60, file=sys.stderr, flush=True)\n"
        "    print(line.split()[1], 'blob', 5, flush=True)\n"
    )
    script.chmod(0o755)
    process = GitProcess({**sandbox.environment, "PATH": f"{folder}:{sandbox.environment['PATH']}"}, str(folder))
    done: list[int] = []

    def ask() -> None:
        cat = CatFile(process)
        done.extend(1 for _ in range(3000) if cat.info("1" * 40))
        done.extend(1 for found in cat.many_info(["1" * 40] * 3000) if found)
        cat.close()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(30)
    assert len(done) == 6000


def test_an_ambiguous_name_is_no_damage(repository: GitRepository, sandbox: Sandbox) -> None:
    oid = commit(repository)
    for ref in (TAG, f"refs/tags/{TAG}", f"refs/heads/{TAG}"):
        sandbox.git("update-ref", ref, oid)
    assert repository.cat.info(TAG) == (oid, "commit", repository.cat.info(oid)[2])  # type: ignore[index]
    assert repository.cat.contents(f"{TAG}:nothing", 10) is None


@pytest.mark.parametrize("code", [0, 3])
def test_lines_are_read_while_git_complains_at_length(sandbox: Sandbox, code: int) -> None:
    folder = sandbox.folder / "bin"
    folder.mkdir()
    script = folder / "git"
    script.write_text(f"#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' y >&2\necho one\necho two\nexit {code}\n")
    script.chmod(0o755)
    process = GitProcess({**sandbox.environment, "PATH": f"{folder}:{sandbox.environment['PATH']}"}, str(folder))
    read: list[bytes] = []
    failures: list[StoreUnavailable] = []

    def ask() -> None:
        try:
            read.extend(process.lines(["rev-list"]))
        except StoreUnavailable as failure:
            failures.append(failure)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(30)
    assert read == [b"one", b"two"]
    assert [str(failure).count("y") > 299_000 for failure in failures] == [True] * bool(code)


def test_replace_objects_are_ignored(sandbox: Sandbox, repository: GitRepository) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    sandbox.git("replace", one, two)
    found = repository.cat.contents(one, 1000)
    assert found is not None
    assert found.content.endswith(b"one\n")


# Writing --------------------------------------------------------------------------------------------------------------


WRITERS = [LooseObjects.write_chunks, LooseObjects.write_once]


@pytest.mark.parametrize("write", WRITERS)
def test_git_reads_what_was_written(sandbox: Sandbox, repository: GitRepository, write: Write) -> None:
    content = os.urandom(2 << 20)
    oid = write(repository.objects, "blob", len(content), lambda: [content[:1000], content[1000:]])
    assert sandbox.git("cat-file", "-s", oid).strip() == str(len(content))
    assert loose(repository, oid).stat().st_mode & 0o777 == 0o444
    sandbox.git("fsck", "--strict")


def test_a_whole_object_is_left_alone_and_a_damaged_one_replaced(repository: GitRepository) -> None:
    oid = repository.objects.write("blob", b"hello")
    before = loose(repository, oid).stat().st_ino
    repository.objects.write("blob", b"hello")
    assert loose(repository, oid).stat().st_ino == before
    whole = loose(repository, oid).read_bytes()
    for damaged in (b"", whole[:-3], whole + b"x", zlib.compress(b"blob 5\0HELLO"), zlib.compress(b"blob 6\0hello!")):
        overwrite(loose(repository, oid), damaged)
        repository.objects.write("blob", b"hello")
        assert zlib.decompress(loose(repository, oid).read_bytes()) == b"blob 5\0hello"


def test_a_packed_object_is_not_written_again_unless_the_pack_is_damaged(
    sandbox: Sandbox, repository: GitRepository
) -> None:
    content = os.urandom(5000)
    oid = repository.objects.write("blob", content)
    sandbox.git("tag", "keep", oid)
    sandbox.git("gc", "-q")
    assert not loose(repository, oid).exists()
    repository.objects.write("blob", content)
    assert not loose(repository, oid).exists()
    pack = next(Path(repository.common_dir, "objects", "pack").glob("*.pack"))
    stored = bytearray(pack.read_bytes())
    stored[len(stored) // 2] ^= 0x55
    overwrite(pack, bytes(stored))
    repository.close()
    repository.objects.write("blob", content)
    assert zlib.decompress(loose(repository, oid).read_bytes()).endswith(content)


def test_a_batch_that_fails_leaves_nothing(repository: GitRepository) -> None:
    readings = iter([[b"first"], [b"other"]])
    with pytest.raises(InvalidInput), repository.objects.batch():  # noqa: PT012
        repository.objects.write("blob", b"hello")
        repository.objects.write_chunks("blob", 5, lambda: next(readings))
    assert [path for path in Path(repository.common_dir, "objects").rglob("*") if path.is_file()] == []


def test_what_is_read_only_once_is_written_once_and_leaves_nothing_beside(repository: GitRepository) -> None:
    readings = iter([[b"hel", b"lo"]] * 4)
    with repository.objects.batch():
        first = repository.objects.write_once("blob", 5, lambda: next(readings))
        assert repository.objects.write_once("blob", 5, lambda: next(readings)) == first
    before = loose(repository, first).stat().st_ino
    assert repository.objects.write_once("blob", 5, lambda: next(readings)) == first
    assert loose(repository, first).stat().st_ino == before
    overwrite(loose(repository, first), b"")
    assert repository.objects.write_once("blob", 5, lambda: next(readings)) == first
    assert list(readings) == []
    files = [path for path in Path(repository.common_dir, "objects").rglob("*") if path.is_file()]
    assert files == [loose(repository, first)]
    assert zlib.decompress(files[0].read_bytes()) == b"blob 5\0hello"


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("size", [4, 6])
def test_a_content_of_another_size_is_refused(repository: GitRepository, size: int, write: Write) -> None:
    with pytest.raises(InvalidInput) as refused:
        write(repository.objects, "blob", size, lambda: [b"hello"])
    assert refused.value.kind == "file-changed"
    assert [path for path in Path(repository.common_dir, "objects").rglob("*") if path.is_file()] == []


def test_the_objects_folder_is_synced_though_another_made_the_folder_within(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"hello"
    loose(repository, object_id("blob", content)).parent.mkdir()
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    oid = repository.objects.write("blob", content)
    within = loose(repository, oid).parent
    assert synced[-2:] == [within.stat().st_ino, within.parent.stat().st_ino]


def test_git_prune_removes_what_a_crash_leaves(sandbox: Sandbox, repository: GitRepository) -> None:
    repository.objects.write("blob", b"hello")
    left = loose(repository, object_id("blob", b"hello")).parent / "tmp_obj_0123456789abcdef"
    left.write_bytes(b"cut")
    sandbox.git("prune", "--expire=now")
    assert not left.exists()


def test_a_shared_repository_stays_shared(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "--bare", "--shared=group", "shared.git", cwd=sandbox.folder)
    with sandbox.open(sandbox.folder / "shared.git") as opened:
        oid = opened.objects.write("blob", b"hello")
        with opened.lock.held():
            pass
        expected = (sandbox.folder / "shared.git" / "objects").stat().st_mode
        assert loose(opened, oid).parent.stat().st_mode == expected
        assert Path(opened.own_folder).stat().st_mode == expected
        assert Path(opened.lock.path).stat().st_mode & 0o060 == 0o060


def test_a_disk_that_cannot_be_written_is_named(repository: GitRepository) -> None:
    oid = object_id("blob", b"hello")
    loose(repository, oid).parent.write_text("in the way")
    with pytest.raises(StoreUnavailable) as refused:
        repository.objects.write("blob", b"hello")
    assert refused.value.kind == "io-error"
    assert str(loose(repository, oid).parent) in refused.value.message


# Refs -----------------------------------------------------------------------------------------------------------------


def test_create_is_create_once_and_update_is_compare_and_swap(repository: GitRepository) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    refs = repository.refs
    assert refs.update([RefChange(BRANCH, one)]) is RefOutcome.DONE
    assert refs.update([RefChange(BRANCH, one)]) is RefOutcome.LOST
    assert refs.update([RefChange(BRANCH, two)]) is RefOutcome.LOST
    assert refs.update([RefChange(BRANCH, two, one)]) is RefOutcome.DONE
    assert refs.update([RefChange(BRANCH, two, one)]) is RefOutcome.DONE
    assert refs.find(BRANCH) == {BRANCH: two}


def test_several_refs_are_written_together_or_not_at_all(repository: GitRepository) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    repository.refs.update([RefChange(BRANCH, one)])
    changes = [RefChange(TAG, two), RefChange(BRANCH, two, two)]
    assert repository.refs.update(changes) is RefOutcome.LOST
    assert repository.refs.find(TAG, BRANCH) == {BRANCH: one}


@pytest.mark.parametrize("ref", ["refs/heads/main", "HEAD", "refs/tags/x", "refs/tags/a@v1\nx", TAG + "\0"])
def test_only_refs_of_ours_are_written(repository: GitRepository, ref: str) -> None:
    with pytest.raises(ValueError, match="not a ref"):
        repository.refs.update([RefChange(ref, commit(repository))])


def test_hooks_and_reflogs_take_no_part(sandbox: Sandbox, repository: GitRepository) -> None:
    hook = Path(repository.common_dir, "hooks", "reference-transaction")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert repository.refs.update([RefChange(BRANCH, commit(repository))]) is RefOutcome.DONE
    assert not Path(repository.common_dir, "logs", BRANCH).exists()


def test_a_stale_ref_lock_is_removed(repository: GitRepository) -> None:
    stale = Path(repository.common_dir, f"{TAG}.lock")
    stale.write_text("left by a killed process")
    began = time.monotonic()
    assert repository.refs.update([RefChange(TAG, commit(repository))]) is RefOutcome.DONE
    assert 1 <= time.monotonic() - began < 5
    assert not stale.exists()


def test_a_lock_that_keeps_changing_is_somebodys(
    sandbox: Sandbox, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repoint.gitrefs.CHANGING_SECONDS", 1.5)
    lock = Path(repository.common_dir, f"{TAG}.lock")
    lock.write_text("0")
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(lock)], stdin=subprocess.PIPE) as writer:
        with pytest.raises(StoreUnavailable) as busy:
            repository.refs.update([RefChange(TAG, commit(repository))])
        assert writer.stdin is not None
        writer.stdin.close()
    assert busy.value.kind == "locked"
    assert busy.value.facts["path"] == str(lock)
    assert lock.exists()


_WRITER = """
import os, select, sys
while not select.select([0], [], [], 0.05)[0]:
    with open(sys.argv[1], "a") as file:
        file.write("x")
"""


def test_a_branch_in_the_way_is_named_with_the_remedy(sandbox: Sandbox, repository: GitRepository) -> None:
    sandbox.commit_something()
    for branch, packed in (("repoint", False), ("repoint/env", False), ("repoint", True)):
        sandbox.git("branch", branch)
        if packed:
            sandbox.git("pack-refs", "--all")
        with pytest.raises(Conflict) as refused:
            repository.refs.update([RefChange(BRANCH, commit(repository))])
        assert refused.value.kind == "branch-in-the-way"
        assert refused.value.hint == f"git branch -m {branch} NEW-NAME"
        sandbox.git("branch", "-D", branch)
    assert repository.refs.branch_in_the_way() is None


def test_a_ref_beneath_ours_is_named(sandbox: Sandbox, repository: GitRepository) -> None:
    sandbox.commit_something()
    sandbox.git("tag", "refund@v1.0.0/notes")
    with pytest.raises(Conflict) as refused:
        repository.refs.update([RefChange(TAG, commit(repository))])
    assert refused.value.kind == "ref-in-the-way"


def test_many_loose_refs_are_packed(repository: GitRepository) -> None:
    oid = commit(repository)
    repository.refs.update([RefChange(f"refs/tags/refund@v1.0.{n}", oid) for n in range(10)])
    assert not repository.refs.pack_if_many(10)
    marker = Path(repository.own_folder, "packing")
    marker.touch()
    Path(repository.common_dir, "packed-refs.lock").touch()
    assert repository.refs.pack_if_many(9)
    assert not marker.exists()
    assert list(Path(repository.common_dir, "refs", "tags").iterdir()) == []
    assert len(repository.refs.names("refs/tags/refund@v*")) == 10


def test_tags_are_listed_as_git_lists_them_loose_and_packed(sandbox: Sandbox, repository: GitRepository) -> None:
    oid = commit(repository)
    wanted = ["refund@v1.0.0", "refund@v1.1.0", "router@v1.0.0", "é@v1.0.0", "other"]
    for number, name in enumerate(wanted):
        sandbox.git("tag", name, oid)
        if number == 2:
            sandbox.git("pack-refs", "--all")
    sandbox.git("tag", "--force", "refund@v1.1.0", oid)  # packed and loose
    sandbox.git("tag", "-d", "refund@v1.0.0")
    sandbox.git("tag", "refund@v2.0.0/notes", oid)
    Path(repository.common_dir, "refs/tags/refund@v3.0.0.lock").touch()
    direct = sorted(name for name in repository.refs.names("refs/tags/") if name.count("/") == 2)
    listed = [line.rpartition(" ")[2] for line in repository.refs.tag_listing().splitlines() if "refs/tags/" in line]
    assert sorted(listed) == direct
    assert GitStore(repository).versions() == {"refund": ["1.1.0"], "router": ["1.0.0"]}
    assert GitStore(repository).versions(AgentName("router")) == {"router": ["1.0.0"]}


def test_anothers_packing_lock_is_left_alone(repository: GitRepository) -> None:
    oid = commit(repository)
    repository.refs.update([RefChange(f"refs/tags/refund@v1.0.{n}", oid) for n in range(3)])
    lock = Path(repository.common_dir, "packed-refs.lock")
    lock.touch()
    assert not repository.refs.pack_if_many(1)
    assert lock.exists()
    assert repository.refs.update([RefChange("refs/tags/refund@v2.0.0", oid)]) is RefOutcome.DONE


def slow_git(sandbox: Sandbox) -> tuple[Path, Path]:
    """A Git whose ``update-ref`` says when it has read its input, then takes its time: its folder, and the pipe."""
    slow, started = sandbox.folder / "bin" / "git", sandbox.folder / "started"
    os.mkfifo(started)
    slow.parent.mkdir()
    slow.write_text(
        '#!/bin/sh\nPATH="${PATH#*:}"\n'
        'case "$*" in *update-ref*) cat > "$0.in"; exec < "$0.in"; '
        f'echo update-ref > {started}; sleep 0.5;; esac\nexec git "$@"\n'
    )
    slow.chmod(0o755)
    return slow.parent, started


def test_a_writing_git_child_is_waited_for(sandbox: Sandbox, repository: GitRepository) -> None:
    """Ctrl-C while ``update-ref`` runs must neither leave its lock file behind nor end before it does."""
    folder, started = slow_git(sandbox)
    sandbox.environment["PATH"] = f"{folder}:{sandbox.environment['PATH']}"
    oid = commit(repository)
    with sandbox.open() as opened:
        interrupt = f"import os; open({str(started)!r}).read(); os.kill({os.getpid()}, {signal.SIGINT:d})"
        with subprocess.Popen([sys.executable, "-c", interrupt]), pytest.raises(KeyboardInterrupt):
            opened.refs.update([RefChange(TAG, oid)])
    assert repository.refs.find(TAG) == {TAG: oid}
    assert not Path(repository.common_dir, f"{TAG}.lock").exists()


# Lock -----------------------------------------------------------------------------------------------------------------


def test_the_lock_excludes_others_and_can_be_taken_again(sandbox: Sandbox, repository: GitRepository) -> None:
    with GitRepository.discover(sandbox.folder / "repo", sandbox.environment, lock_wait=0.1) as other:
        with repository.lock.held() as one, repository.lock.held() as two:
            assert one == two
            with pytest.raises(StoreUnavailable) as refused, other.lock.held():
                pass
            assert refused.value.kind == "locked"
        with other.lock.held():
            pass


def test_a_git_child_of_a_killed_process_keeps_the_lock(sandbox: Sandbox) -> None:
    """The parent is killed while its Git child runs; the lock is free only when the child is gone."""
    folder, started = slow_git(sandbox)
    with sandbox.open() as opened:
        oid = commit(opened)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, str(sandbox.folder / "repo"), TAG, oid], env=environment
    ) as parent:
        assert started.read_text() == "update-ref\n"
        parent.kill()
    with sandbox.open() as opened, opened.lock.held():
        assert opened.refs.find(TAG) == {TAG: oid}


_PUBLISHER = """
import os, sys
from repoint.gitrefs import RefChange
from repoint.gitrepo import GitRepository
GitRepository.discover(sys.argv[1], os.environ).refs.update([RefChange(sys.argv[2], sys.argv[3])])
"""


# Checkout -------------------------------------------------------------------------------------------------------------


def test_identity_comes_from_gits_configuration(sandbox: Sandbox, repository: GitRepository) -> None:
    assert repository.identity() is None
    sandbox.git("config", "user.name", "Ada")
    assert repository.identity() is None
    sandbox.git("config", "--global", "user.email", "ada@acme.example")
    assert repository.identity() == Identity(name="Ada", email="ada@acme.example")


def test_the_source_is_the_commit_and_whether_the_folder_differs(sandbox: Sandbox, repository: GitRepository) -> None:
    folder = sandbox.folder / "repo" / "agents" / "refund"
    folder.mkdir(parents=True)
    assert repository.source_of(folder) is None
    (folder / "agent.toml").write_text("x")
    sandbox.git("add", ".")
    sandbox.commit_something()
    head = sandbox.git("rev-parse", "HEAD").strip()
    index = (sandbox.folder / "repo" / ".git" / "index").stat().st_mtime_ns
    (sandbox.folder / "repo" / "elsewhere").write_text("untracked")
    clean = repository.source_of(folder)
    assert clean is not None
    assert (clean.commit, clean.dirty) == (head, False)
    (folder / "new.md").write_text("untracked")
    untracked = repository.source_of(folder)
    assert untracked is not None
    assert untracked.dirty
    (folder / "new.md").unlink()
    (folder / "agent.toml").write_text("changed")
    changed = repository.source_of(folder)
    assert changed is not None
    assert changed.dirty
    assert (sandbox.folder / "repo" / ".git" / "index").stat().st_mtime_ns == index
    assert repository.source_of(sandbox.folder) is None


def test_the_checkout_is_asked_without_inherited_variables(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.commit_something()
    sandbox.git("init", "-q", "decoy", cwd=sandbox.folder)
    for name, value in {
        "GIT_DIR": str(sandbox.folder / "decoy" / ".git"),
        "GIT_INDEX_FILE": "/nowhere/index",
        "GIT_WORK_TREE": str(sandbox.folder / "decoy"),
        "GIT_OBJECT_DIRECTORY": "/nowhere",
        "GIT_CONFIG_PARAMETERS": "'user.name'='Mallory'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Mallory",
    }.items():
        monkeypatch.setenv(name, value)
    with GitRepository.discover(sandbox.folder / "repo", dict(os.environ) | sandbox.environment) as opened:
        source = opened.source_of(sandbox.folder / "repo")
        assert source is not None
        assert (source.commit, source.dirty) == (sandbox.git("rev-parse", "HEAD").strip(), False)
        assert opened.identity() is None


def test_the_checkout_of_a_worktree_is_its_own(sandbox: Sandbox) -> None:
    sandbox.commit_something()
    sandbox.git("worktree", "add", "-q", "../other")
    (sandbox.folder / "other" / "new").write_text("x")
    with sandbox.open(sandbox.folder / "other") as opened:
        source = opened.source_of(sandbox.folder / "other")
        assert source is not None
        assert source.dirty


def test_a_bare_repository_has_no_source(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "--bare", "bare.git", cwd=sandbox.folder)
    with sandbox.open(sandbox.folder / "bare.git") as opened:
        assert opened.source_of(sandbox.folder) is None
        assert opened.identity() is None
