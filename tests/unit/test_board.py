"""Where reports lie: a folder, or a bucket; how old they are is said by the store's clock alone."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repoint.board import FORGET_SECONDS, Board, FolderBoard
from repoint.errors import InvalidInput, StoreUnavailable
from repoint.fleet import board_of
from repoint.s3board import SWEPT, BucketBoard
from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address
from repoint.store import Store
from repoint_schemas.documents import EnvironmentName

from tests.servers.proxy import DropReply, Exchange, FaultProxy
from tests.servers.s3 import S3Server, client
from tests.stores import PRODUCTION, STAGING

IDS = [f"{number:032x}" for number in range(12)]


@contextmanager
def bucket_board(server: S3Server, bucket: str, endpoint: str | None = None) -> Iterator[BucketBoard]:
    found = S3Client(Settings(Address(bucket, "team", endpoint or server.endpoint), patience=0.5))
    try:
        yield BucketBoard(found)
    finally:
        found.close()


@pytest.fixture
def aws(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Board]:
    if request.param == "folder":
        yield FolderBoard(str(tmp_path / "readers"))
        return
    request.getfixturevalue("aws")
    server = request.getfixturevalue("s3_server")
    with bucket_board(server, request.getfixturevalue("s3_bucket")) as found:
        yield found


def contents(board: Board, environment: EnvironmentName = PRODUCTION) -> list[bytes]:
    return sorted(each.content for each in board.posted(environment))


def test_what_was_posted_is_there_once_until_it_is_withdrawn(board: Board) -> None:
    assert contents(board) == []
    board.post(PRODUCTION, IDS[0], b"one")
    board.post(PRODUCTION, IDS[1], b"two")
    board.post(STAGING, IDS[0], b"elsewhere")
    assert contents(board) == [b"one", b"two"]
    board.post(PRODUCTION, IDS[0], b"three")
    assert contents(board) == [b"three", b"two"]
    board.withdraw(PRODUCTION, IDS[0])
    board.withdraw(PRODUCTION, IDS[0])
    assert contents(board) == [b"two"]
    assert contents(board, STAGING) == [b"elsewhere"]


def test_a_report_is_young_when_it_was_just_written(board: Board) -> None:
    board.post(PRODUCTION, IDS[0], b"one")
    (posted,) = board.posted(PRODUCTION)

    assert -2 < posted.age < 30


def test_what_is_too_long_is_not_read_whole(board: Board) -> None:
    board.post(PRODUCTION, IDS[0], b"x" * 100_000)
    (posted,) = board.posted(PRODUCTION)

    assert len(posted.content) <= 4097


# -- a folder --------------------------------------------------------------------------------------------------------


def age_by(folder: Path, identifier: str, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(folder / "production" / f"{identifier}.json", (at, at))


def test_the_age_in_a_folder_is_by_the_clock_that_stamps_its_files(tmp_path: Path) -> None:
    board = FolderBoard(str(tmp_path))
    board.post(PRODUCTION, IDS[0], b"one")
    age_by(tmp_path, IDS[0], 100)
    (posted,) = board.posted(PRODUCTION)

    assert 99 < posted.age < 130
    assert os.listdir(tmp_path / "production") == [f"{IDS[0]}.json"], "looking at the time leaves nothing"


def test_other_things_in_the_folder_are_no_reports(tmp_path: Path) -> None:
    board = FolderBoard(str(tmp_path))
    board.post(PRODUCTION, IDS[0], b"one")
    os.mkfifo(tmp_path / "production" / f"{IDS[1]}.json")
    (tmp_path / "production" / f"{IDS[2]}.json").symlink_to("/etc/hostname")
    (tmp_path / "production" / f"{IDS[3]}.json").mkdir()
    (tmp_path / "production" / "notes.txt").write_text("mine")

    assert contents(board) == [b"one"]


def test_a_folder_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = FolderBoard(str(tmp_path))
    board.post(PRODUCTION, IDS[0], b"one")
    real, refused = tempfile.TemporaryFile, []

    def elsewhere(**named: str) -> object:
        if named:
            refused.append(named)
            raise PermissionError
        return real()

    monkeypatch.setattr(tempfile, "TemporaryFile", elsewhere)

    assert contents(board) == [b"one"]
    assert refused


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    board = FolderBoard(str(tmp_path))
    board.post(PRODUCTION, IDS[0], b"one")
    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(StoreUnavailable, match="Permission denied"):
        board.posted(PRODUCTION)


def test_only_what_is_long_gone_is_swept(tmp_path: Path) -> None:
    board = FolderBoard(str(tmp_path))
    for identifier, seconds in zip(IDS, (0, 1000, FORGET_SECONDS - 600, FORGET_SECONDS + 600), strict=False):
        board.post(PRODUCTION, identifier, identifier.encode())
        age_by(tmp_path, identifier, seconds)
    board.sweep(PRODUCTION)
    board.sweep(STAGING)

    assert contents(board) == [each.encode() for each in IDS[:3]]


# -- a bucket --------------------------------------------------------------------------------------------------------


@contextmanager
def behind_a_proxy(server: S3Server, bucket: str) -> Iterator[tuple[FaultProxy, BucketBoard]]:
    host, _, port = server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy, bucket_board(server, bucket, proxy.endpoint) as board:
        yield proxy, board


def asked_for(proxy: FaultProxy) -> list[str]:
    """The requests since the last look: the ends of what was read, and ``list``."""
    seen = ["list" if "list-type" in each.query else each.path[-10:-5] for each in proxy.seen]
    proxy.start_over()
    return sorted(seen)


@pytest.mark.s3
@pytest.mark.usefixtures("aws")
def test_a_bucket_is_only_asked_for_reports_that_changed(s3_server: S3Server, s3_bucket: str) -> None:
    with behind_a_proxy(s3_server, s3_bucket) as (proxy, board), bucket_board(s3_server, s3_bucket) as others:
        for identifier in IDS:
            others.post(PRODUCTION, identifier, identifier.encode())
        assert contents(board) == [each.encode() for each in IDS]
        assert asked_for(proxy) == [*(each[-5:] for each in IDS), "list"]
        assert contents(board) == [each.encode() for each in IDS]
        assert asked_for(proxy) == ["list"]
        others.post(PRODUCTION, IDS[3], b"new")
        others.withdraw(PRODUCTION, IDS[4])
        assert contents(board) == sorted([b"new", *(each.encode() for each in IDS if each not in IDS[3:5])])
        assert asked_for(proxy) == [IDS[3][-5:], "list"]


@pytest.mark.s3
@pytest.mark.usefixtures("aws")
def test_what_was_read_before_a_fault_is_not_read_again(s3_server: S3Server, s3_bucket: str) -> None:
    def faulty(exchange: Exchange) -> DropReply | None:
        return DropReply() if exchange.path.endswith(f"{IDS[-1]}.json") else None

    with behind_a_proxy(s3_server, s3_bucket) as (proxy, board), bucket_board(s3_server, s3_bucket) as others:
        for identifier in IDS:
            others.post(PRODUCTION, identifier, identifier.encode())
        proxy.plan = faulty
        with pytest.raises(StoreUnavailable):
            board.posted(PRODUCTION)
        assert proxy.happened
        asked_for(proxy)
        assert contents(board) == [each.encode() for each in IDS]
        assert asked_for(proxy) == [IDS[-1][-5:], "list"]


@pytest.mark.s3
@pytest.mark.usefixtures("aws")
def test_a_bucket_is_swept(s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing there can be made old, so here everything counts as old."""
    monkeypatch.setattr("repoint.s3board.FORGET_SECONDS", -60.0)
    with bucket_board(s3_server, s3_bucket) as board:
        for identifier in IDS:
            board.post(PRODUCTION, identifier, b"x")
        board.post(STAGING, IDS[0], b"x")
        board.sweep(PRODUCTION)
        listed = client(s3_server).list_objects_v2(Bucket=s3_bucket)

        assert [each["Key"] for each in listed["Contents"]] == [f"team/readers/staging/{IDS[0]}.json"]
    assert len(IDS) < SWEPT


# -- which stores have one -------------------------------------------------------------------------------------------


class Remote:
    """What is looked at of a store in a Git remote."""

    name = "git"
    remote = repository = object()


def test_a_git_remote_takes_no_reports() -> None:
    store: Store = Remote()  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match="takes no reports") as told:
        board_of(store)

    assert told.value.kind == "no-reports"
