"""What is asked for ahead, or kept from the last time, never shows in an answer nor in the order of answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint.errors import Corrupt, StoreUnavailable
from repoint.gitcatfile import BATCH_OBJECTS
from repoint.gitobjects import ObjectId
from repoint.gitrepo import GitRepository
from repoint.store_git import GitStore
from repoint_schemas.documents import AgentName

from tests.unit.git_fixtures import Sandbox

LIMIT = 1 << 20
COUNT = 3 * BATCH_OBJECTS + 5
REFUND = AgentName("refund")


@pytest.fixture
def repository(sandbox: Sandbox) -> Iterator[GitRepository]:
    with sandbox.open() as opened:
        yield opened


@pytest.fixture
def oids(repository: GitRepository) -> list[ObjectId]:
    with repository.objects.batch():
        return [repository.objects.write("blob", b"content %d" % number * 50) for number in range(COUNT)]


def test_other_requests_between_two_results_change_nothing(repository: GitRepository, oids: list[ObjectId]) -> None:
    other = repository.objects.write("blob", b"other" * 100_000)
    read = []
    for number, found in enumerate(repository.cat.many(oids, LIMIT)):
        read.append(found and found.oid)
        if number % 3 == 0:
            assert repository.cat.info("2" * 40) is None
        if number % 5 == 0:
            assert repository.cat.contents(other, LIMIT) == (other, "blob", b"other" * 100_000)
        if number % 7 == 0:
            stream = repository.cat.stream(other, LIMIT)
            assert stream is not None
            assert b"".join(stream[1]) == b"other" * 100_000
    assert read == oids


def test_two_lists_are_read_in_turns(repository: GitRepository, oids: list[ObjectId]) -> None:
    forth, back = repository.cat.many(oids, LIMIT), repository.cat.many_info(oids[::-1])
    pairs = list(zip(forth, back, strict=True))
    assert [one and one.oid for one, _ in pairs] == oids
    assert [two and two.oid for _, two in pairs] == oids[::-1]


@pytest.mark.parametrize("taken", [1, BATCH_OBJECTS, BATCH_OBJECTS + 1])
def test_a_list_that_is_left_early_does_not_confuse_the_next_request(
    repository: GitRepository, oids: list[ObjectId], taken: int
) -> None:
    found = repository.cat.many(oids, LIMIT)
    assert [each and each.oid for each in itertools.islice(found, taken)] == oids[:taken]
    assert repository.cat.info(oids[-1]) == (oids[-1], "blob", len(b"content %d" % (COUNT - 1)) * 50)
    repository.cat.close()
    assert [each and each.oid for each in found] == oids[taken:]


def test_damage_in_a_later_batch_comes_after_everything_before_it(
    repository: GitRepository, oids: list[ObjectId]
) -> None:
    at = 2 * BATCH_OBJECTS + 3
    path = Path(repository.common_dir, "objects", oids[at][:2], oids[at][2:])
    path.chmod(0o644)
    path.write_bytes(b"")
    found, read = repository.cat.many([*oids[:at], "1" * 40, *oids[at:]], LIMIT), []
    for _ in range(at + 1):
        read.append((one := next(found)) and one.oid)
        repository.cat.info(oids[0])
    with pytest.raises(Corrupt):
        next(found)
    assert read == [*oids[:at], None]


def test_a_process_that_dies_on_the_way_is_an_error_and_no_end(repository: GitRepository, oids: list[ObjectId]) -> None:
    found = repository.cat.many(oids, LIMIT)
    next(found)
    child = repository.cat._child
    assert child is not None
    child.kill()
    child.wait()
    with pytest.raises(StoreUnavailable):
        list(found)
    assert repository.cat.info(oids[0]) is not None


def tag(sandbox: Sandbox, version: str) -> None:
    sandbox.git("-c", "user.name=A", "-c", "user.email=a@b", "tag", "-a", "-m", "x", f"refund@v{version}", "HEAD")


def test_versions_that_others_publish_and_pack_meanwhile_are_seen(sandbox: Sandbox, repository: GitRepository) -> None:
    sandbox.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "x")
    store = GitStore(repository)
    assert store.versions() == {}
    seen = []
    for minor in range(4):
        tag(sandbox, f"1.{minor}.0")
        seen.append(sorted(store.versions(REFUND)[REFUND]))
        sandbox.git("pack-refs", "--all")
        assert sorted(store.versions()[REFUND]) == seen[-1]
    assert seen == [[f"1.{minor}.0" for minor in range(count)] for count in range(1, 5)]
    sandbox.git("tag", "-d", "refund@v1.2.0")
    assert sorted(store.versions(REFUND)[REFUND]) == ["1.0.0", "1.1.0", "1.3.0"]


def test_what_a_caller_does_with_the_versions_stays_with_him(sandbox: Sandbox, repository: GitRepository) -> None:
    sandbox.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "x")
    tag(sandbox, "1.0.0")
    store = GitStore(repository)
    store.versions(REFUND)[REFUND].clear()
    store.versions(REFUND).clear()
    assert store.versions(REFUND) == {REFUND: ["1.0.0"]}


def test_a_ref_that_stands_in_for_others_is_noticed_once_it_is_packed(
    sandbox: Sandbox, repository: GitRepository
) -> None:
    sandbox.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "x")
    tag(sandbox, "1.0.0")
    sandbox.git("pack-refs", "--all")
    missing = "refs/tags/refund@v9.0.0"
    assert repository.refs.exactly([missing]) == [missing]
    sandbox.git("update-ref", f"refs/tags/{missing}", "HEAD")
    sandbox.git("pack-refs", "--all", "--prune")
    for folder in Path(repository.common_dir, "refs/tags").rglob("refs"):
        assert not any(folder.rglob("*@*"))
    assert repository.refs.exactly([missing, "refs/tags/refund@v1.0.0"]) == ["0" * 40, "refs/tags/refund@v1.0.0"]
