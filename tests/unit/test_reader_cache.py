"""What a reader keeps on the disk: the last good record whole, believed as little as a network, nobody else's."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from repoint import gitclone, readercache
from repoint.errors import NotFound, RepointError, StoreUnavailable
from repoint.reader import Reader
from repoint.readercache import ReaderCache, cache_folder
from repoint.readersource import open_source
from repoint_schemas.documents import EnvironmentName

from tests.servers.git_remotes import git
from tests.stores import PRODUCTION, STAGING
from tests.unit.reader_places import BucketPlace, Opener, ReaderPlace, RepositoryPlace
from tests.unit.test_reader import Hands, versions

pytest_plugins = ["tests.unit.reader_fixtures"]

BOTH = {"refund": "1.0.0", "intake": "1.0.0"}

Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def swap_for_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: Mapping[str, Damage] = {
    "flipped": flip,
    "cut": cut,
    "emptied": lambda path: path.write_bytes(b""),
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "removed": Path.unlink,
    "a folder": swap_for_a_folder,
}


def files_in(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def kept_whole(place: ReaderPlace, cache: Path) -> bool:
    """Whether a process that starts with the place away serves all of the record, or refuses."""
    place.go_away()
    try:
        with place.reader(cache=cache) as reader:
            assert reader.staleness.from_disk
            assert (reader.generation, versions(reader)) == (1, BOTH)
            assert reader.active("refund").to_dict()["prompts"]
            return True
    except NotFound:  # what it says of the place; that what is kept is damaged is in the log
        return False
    finally:
        place.come_back()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_never_served_and_the_store_heals_it(
    repository_place: RepositoryPlace, tmp_path: Path, damage: str
) -> None:
    place = repository_place
    place.reader().close()
    kinds = {path.parts[-2] for path in files_in(place.cache)}
    assert kinds == {"records", "objects"} | {p.name for p in place.cache.iterdir()}
    served: dict[str, bool] = {}
    for number, path in enumerate(files_in(place.cache)):
        cache = tmp_path / f"cache-{number}"
        shutil.copytree(place.cache, cache)
        DAMAGES[damage](cache / path)
        served[path.name] = kept_whole(place, cache)
        with place.reader(cache=cache) as reader:
            assert (reader.generation, versions(reader)) == (1, BOTH)
            assert reader.staleness.reason is None
        if damage != "a folder":
            assert kept_whole(place, cache), path
    assert len(served) >= 9
    assert [name for name, whole in served.items() if whole] == ["registry"], "which only says whose it is"


@pytest.mark.s3
def test_a_damaged_record_is_still_the_high_water_mark(bucket_place: BucketPlace) -> None:
    key = "environments/production.json"
    old = bucket_place.get(key)
    bucket_place.promote("refund@1.1.0")
    bucket_place.reader().close()
    (record,) = bucket_place.cache.rglob("records/*.json")
    flip(record)
    bucket_place.put(key, old)
    with pytest.raises(RepointError, match="generation 2 was served before"):
        bucket_place.reader()


def test_what_is_served_is_kept_and_what_a_rollback_goes_back_to(repository_place: RepositoryPlace) -> None:
    reader = repository_place.reader()
    many = len(files_in(repository_place.cache))
    repository_place.promote("refund@1.1.0")
    reader.poll()
    names = [path.name for path in files_in(repository_place.cache)]
    assert len([name for name in names if name.startswith("000000000002-")]) == 1
    assert not [name for name in names if name.startswith("000000000001-")]
    assert len(names) > many
    repository_place.roll_back("refund")
    reader.poll()
    repository_place.unhold("refund@1.1.0")
    reader.poll()
    assert len(files_in(repository_place.cache)) == many


@pytest.mark.s3
def test_a_rollback_is_followed_without_reading_what_was_served_before_it(bucket_place: BucketPlace) -> None:
    reader = bucket_place.reader()
    bucket_place.promote("refund@1.1.0")
    assert reader.poll()
    bucket_place.roll_back("refund")
    bucket_place.proxy.start_over()
    assert reader.poll()
    asked = [each.path for each in bucket_place.proxy.seen]
    assert asked
    assert not [path for path in asked if "/environments/" not in path and "/ledger/" not in path]


def test_a_record_is_kept_whole_though_another_process_let_go_of_its_parts(repository_place: RepositoryPlace) -> None:
    place = repository_place
    slow = place.reader()
    place.promote("refund@1.1.0")
    place.reader().close()
    place.roll_back("refund")
    assert slow.poll()
    slow.close()
    place.go_away()
    again = place.reader()
    assert (again.generation, versions(again)) == (3, BOTH)


def test_a_slower_process_does_not_put_an_older_record_over_a_newer_one(repository_place: RepositoryPlace) -> None:
    place = repository_place
    place.reader().close()
    cache = ReaderCache(str(next(place.cache.iterdir())), PRODUCTION)
    newest = cache.newest()
    assert newest is not None
    content = cache.record(newest)
    assert content is not None
    before = files_in(place.cache)
    cache.keep("other", 0, b"{}", [], [], lambda _: [])
    assert files_in(place.cache) == before
    assert cache.newest() == newest


def test_what_is_new_is_kept_before_it_is_served(repository_place: RepositoryPlace) -> None:
    place = repository_place
    reader = place.reader()
    cache = ReaderCache(str(next(place.cache.iterdir())), PRODUCTION)
    place.promote("refund@1.1.0")
    looking = threading.Thread(target=reader.poll)
    with cache._locked():
        looking.start()
        assert not reader.wait_for(2, 0.3)
    looking.join()
    assert reader.generation == 2
    kept = cache.newest()
    assert kept is not None
    assert kept.generation == 2


def test_two_readers_and_two_environments_share_a_folder(repository_place: RepositoryPlace) -> None:
    place = repository_place
    one, other, staging = place.reader(), place.reader(), place.reader(environment="staging")
    place.promote("refund@1.1.0")
    assert one.poll()
    assert other.poll()
    assert not staging.poll()
    (folder,) = place.cache.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["production", "registry", "staging"]
    place.go_away()
    assert place.reader().generation == 2
    assert place.reader(environment="staging").generation == 0
    assert ReaderCache(str(folder), STAGING).newest() is not None


def test_a_folder_that_somebody_emptied_is_filled_again(repository_place: RepositoryPlace) -> None:
    clock = Hands()
    reader = repository_place.reader(clock=clock)
    shutil.rmtree(repository_place.cache)
    clock.pass_by(61.0)
    assert not reader.poll()
    repository_place.go_away()
    assert versions(repository_place.reader()) == BOTH


def test_a_disk_that_refuses_changes_nothing_of_what_is_served(
    repository_place: RepositoryPlace, caplog: pytest.LogCaptureFixture
) -> None:
    place, clock = repository_place, Hands()
    place.cache.write_text("in the way")
    reader = place.reader(clock=clock)
    place.promote("refund@1.1.0")
    assert reader.poll()
    for _ in range(5):
        clock.pass_by(61.0)
        assert not reader.poll()
    assert versions(reader)["refund"] == "1.1.0"
    refused = [record.message for record in caplog.records if "is not kept on the disk" in record.message]
    assert len(refused) == 1
    place.cache.unlink()
    clock.pass_by(61.0)
    reader.poll()
    place.go_away()
    assert place.reader().generation == 2


def test_a_lock_that_another_process_holds_only_delays_the_keeping(
    repository_place: RepositoryPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readercache, "LOCK_SECONDS", 0.05)
    place = repository_place
    reader = place.reader()
    cache = ReaderCache(str(next(place.cache.iterdir())), PRODUCTION)
    place.promote("refund@1.1.0")
    with cache._locked():
        assert reader.poll()
    assert reader.generation == 2
    assert "another process holds the lock" in caplog.text


def test_a_relative_path_is_the_same_folder_wherever_the_process_goes(
    repository_place: RepositoryPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = repository_place
    monkeypatch.chdir(place.folder)
    reader = Reader("registry.git", interval=None, cache="kept")
    monkeypatch.chdir(tmp_path)
    place.promote("refund@1.1.0")
    assert reader.poll()
    reader.close()
    assert (place.folder / "kept").is_dir()
    assert not (tmp_path / "kept").exists()
    monkeypatch.setenv("HOME", str(place.folder))
    Reader("~/registry.git", interval=None, cache=None).close()


def test_without_a_home_nothing_is_kept(
    repository_place: RepositoryPlace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "expanduser", lambda path: path)  # nobody has this user id, and there is no $HOME
        with Reader(repository_place.address, interval=None) as reader:
            assert versions(reader) == BOTH
    assert sorted(tmp_path.iterdir()) == before
    assert "this user has no home" in caplog.text
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    Reader(repository_place.address, interval=None).close()
    assert (tmp_path / "xdg/repoint/readers").is_dir()


def test_one_store_has_one_folder_however_it_is_written() -> None:
    def folder(address: str, endpoint: str | None = None) -> str | None:
        return cache_folder(address, endpoint, "cache", {})

    bucket = folder("s3://acme/team", "http://127.0.0.1:9000")
    assert bucket == folder("s3://acme/team/?endpoint=http://127.0.0.1:9000")
    assert bucket != folder("s3://acme/team")
    assert folder("https://x:old@host/team.git") == folder("https://x:new@host/team.git")
    assert folder("https://host/team.git") != folder("https://host/other.git")
    assert folder("ssh://ada@host/~/team.git") != folder("ssh://kim@host/~/team.git")


def test_nobody_else_can_read_what_is_kept(repository_place: RepositoryPlace, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        repository_place.reader(cache=tmp_path / "new" / "cache").close()
    finally:
        os.umask(old)
    folders = [tmp_path / "new", *(path for path in (tmp_path / "new").rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_password_is_kept_from_others_and_may_change(tmp_path: Path) -> None:
    old, new = "https://bot:old-secret@host.invalid/team.git", "https://bot:new-secret@host.invalid/team.git"
    cache = cache_folder(old, None, tmp_path / "cache", {})
    assert cache is not None
    for address in (old, new):
        source = open_source(address, cache, os.environ)
        assert "secret" not in source.name
        with pytest.raises(StoreUnavailable) as away:
            source.newest(EnvironmentName("production"), None)
        assert "secret" not in away.value.message
        source.close()
        assert git(Path(cache, "clone.git"), "config", "remote.origin.url") == address
    assert stat.S_IMODE(Path(cache, "clone.git").stat().st_mode) == 0o700


def test_a_clone_that_cannot_be_kept_passes_with_the_reader(
    open_place: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = open_place("remote", tmp_path / "place")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place.cache.write_text("in the way")
    reader = place.reader()
    assert versions(reader) == BOTH
    assert "what is fetched is not kept" in caplog.text
    (passing,) = tmp_path.glob("repoint-*")
    reader.close()
    assert not passing.exists()


def test_two_processes_that_make_the_same_clone_at_once(tmp_path: Path) -> None:
    folder, address, made = str(tmp_path / "cache" / "clone.git"), "https://host.invalid/team.git", []
    start = threading.Barrier(4)

    def make() -> None:
        start.wait()
        gitclone.bare_clone(folder, address, os.environ)
        made.append(git(Path(folder), "config", "remote.origin.url"))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [address] * 4
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["clone.git"]


def test_an_unreadable_folder_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = ReaderCache(str(tmp_path), PRODUCTION)
    (tmp_path / "production").mkdir()
    (tmp_path / "production/records").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert cache.newest() is None
    assert "what was served before is not known" in caplog.text
