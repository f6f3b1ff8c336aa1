"""A registry that a bucket decides, as those see it who share it: two clones, a Git host, and a job without a clone."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint import pointer
from repoint.errors import StoreUnavailable
from repoint.moves import AnyAction, Unhold
from repoint.store import Contents
from repoint.store_git import GitStore
from repoint.store_s3 import S3Store
from repoint.workspace import open_workspace

from tests.cli.commandline import Team, records, run_here, texts
from tests.cli.conftest import make_repository
from tests.cli.shared_registry import (
    Shared,
    Template,
    is_swap_of,
    lose_refs,
    make_shared,
    refs,
    replica,
    two_versions,
)
from tests.servers import s3
from tests.servers.git_remotes import git
from tests.servers.proxy import Exchange, FaultProxy
from tests.stores import PRODUCTION, Stamps, pair, promote, rollback

pytestmark = pytest.mark.s3


@pytest.fixture
def shared(tmp_path: Path, s3_server: s3.S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Shared:
    return make_shared(tmp_path, s3_server, s3_bucket, monkeypatch)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, s3_server: s3.S3Server) -> Iterator[Template]:
    with two_versions(tmp_path_factory.mktemp("shared"), s3_server) as found:
        yield found


@pytest.fixture
def played(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """A registry in a bucket with the Git host behind it: refund 0.1.0, and 0.2.0 over it in production."""
    place = template.copy(tmp_path / "place")
    return make_shared(place.folder, place.server, place.bucket, monkeypatch)


@pytest.fixture
def ada(played: Shared) -> Team:
    """The clone of who founded it."""
    return Team(played.folder / "ada")


def away(shared: Shared) -> Path:
    """Take the Git host away; where it lies now."""
    return shared.hub.rename(shared.folder / "away.git")


# -- making and joining a registry -----------------------------------------------------------------------------------


def test_init_in_a_bucket_writes_what_decides_and_brings_git_up(shared: Shared) -> None:
    ada = shared.found("--store", shared.url, "--remote", "origin")

    written = (ada.folder / "repoint.toml").read_text()
    assert 'authority = "s3"' in written
    assert f'[s3]\nurl = "{shared.url}"' in written
    assert '[git]\nremote = "origin"' in written
    named = {key.removeprefix("team/") for key in shared.objects()}
    places = ("production", "registry", "staging")
    assert named == {f"environments/{e}.json" for e in places} | {f"ledger/{e}/{0:012}.json" for e in places}
    assert refs(ada.folder) == refs(shared.hub)
    assert len(refs(shared.hub).splitlines()) == len(places)
    again = ada.result("init", "--store", shared.url)
    assert (again["created"], again["authority"]) == ([], shared.url)


def test_init_in_a_bucket_alone_names_no_remote(shared: Shared) -> None:
    team = make_repository(shared.folder / "alone")

    assert team.result("init", "--store", shared.url)["authority"] == shared.url
    assert "[git]" not in (team.folder / "repoint.toml").read_text()
    assert [each["name"] for each in records(team.result("status"), "replicas")] == ["git"]


def test_a_second_registry_does_not_come_into_a_bucket_that_has_one(played: Shared, ada: Team) -> None:
    other = make_repository(played.folder / "other")

    joined = other.result("init", "--store", played.url)
    assert joined["registry"] == ada.result("status")["registry"]
    assert joined["created"] == ["repoint.toml"]
    assert refs(other.folder) == refs(ada.folder)


def test_a_clone_joins_by_its_first_command(played: Shared, ada: Team) -> None:
    kim = played.clone("kim")

    assert kim.live() == {"refund": "0.2.0"}
    kim.refused(
        "init", "--store", f"{played.url}/elsewhere", code=6, kind="registry-mismatch", says=["repoint migrate"]
    )
    kim.done("sync")
    assert refs(kim.folder) == refs(ada.folder) == refs(played.hub)


@pytest.mark.parametrize("fails", [False, True])
def test_large_contents_go_into_the_repository_beside_their_upload(
    played: Shared, ada: Team, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    put, threads = GitStore.put_contents, list[bool]()

    def noted(store: GitStore, contents: Contents) -> None:
        threads.append(threading.current_thread() is not threading.main_thread())
        if fails and len(threads) == 1:
            raise StoreUnavailable("no space left", kind="disk", hint="")
        put(store, contents)

    monkeypatch.setattr(GitStore, "put_contents", noted)
    ada.write_prompt("Say it again. " * 700_000)
    said = ada.done("commit", "refund", "-m", "Long")
    assert "behind" not in said
    assert threads == ([True, False] if fails else [True]), "stored once beside the upload, and again where that failed"
    kim = played.clone("kim")
    kim.done("sync")
    assert refs(kim.folder) == refs(ada.folder) == refs(played.hub)
    assert "every promise holds" in ada.done("verify", "--deep")
    assert git(ada.folder, "fsck", "--strict", "--no-dangling") == ""


def test_large_contents_of_a_version_that_is_refused_leave_no_name(
    played: Shared, ada: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = refs(ada.folder)

    def refuse(*_: object) -> None:
        raise StoreUnavailable("away", kind="s3-unreachable", hint="")

    monkeypatch.setattr(S3Store, "create_release", refuse)
    ada.write_prompt("Say it again. " * 700_000)
    assert ada.run("commit", "refund", "-m", "Long").code == 9
    assert refs(ada.folder) == before
    assert git(ada.folder, "fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("kind", ["ignoring", "unimplemented"])
def test_a_store_that_is_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with s3.serve(kind) as server:
        shared = make_shared(tmp_path, server, s3.new_bucket(server), monkeypatch)
        team = make_repository(tmp_path / "team")

        team.refused("init", "--store", shared.url, code=9, kind="s3-unfit", says=["cannot be used"])
        assert shared.objects() == {}


def test_a_registry_whose_store_has_become_unfit_takes_neither_version_nor_promote(
    tmp_path: Path, s3_server: s3.S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = make_shared(tmp_path, s3_server, s3_bucket, monkeypatch)
    ada = shared.found("--store", shared.url)
    ada.publish("First")
    with s3.serve("ignoring") as bad:
        s3.client(bad).create_bucket(Bucket=shared.bucket)
        for key, content in shared.objects().items():
            s3.client(bad).put_object(Bucket=shared.bucket, Key=key, Body=content)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bad.endpoint)
        kim = shared.clone("kim")
        assert kim.live() == {}, "it is read all the same"
        kim.refused("promote", "refund@0.1.0", "--env", "production", code=9, kind="s3-unfit")
        kim.write_prompt("Second")
        assert kim.run("commit", "refund", "-m", "Second").code == 9
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)


# -- two clones ------------------------------------------------------------------------------------------------------


def test_every_move_of_one_clone_is_what_the_other_sees(played: Shared, ada: Team) -> None:
    kim = played.clone("kim")

    moved = kim.result("rollback", "refund@0.2.0", "-m", "too generous")
    assert (moved["done"], moved["behind"]) == (True, [])
    assert ada.live() == {"refund": "0.1.0"}
    ada.refused("promote", "refund@0.2.0", "--env", "production", code=7, says=["too generous"])
    ada.done("unhold", "refund@0.2.0", "--env", "production")
    kim.done("freeze", "production", "-m", "Christmas")
    ada.refused("promote", "refund@0.2.0", "--env", "production", code=7, says=["Christmas"])
    ada.done("unfreeze", "production")
    kim.done("yank", "refund@0.2.0", "-m", "wrong")
    ada.refused("promote", "refund@0.2.0", "--env", "production", code=7, says=["wrong"])
    ada.done("unyank", "refund@0.2.0")
    kim.done("promote", "refund@0.2.0", "--env", "production")
    for team in (ada, kim):
        team.done("sync")
    assert refs(ada.folder) == refs(kim.folder) == refs(played.hub)
    assert ada.result("verify", "--deep")["findings"] == []


def test_one_version_is_published_once(played: Shared, ada: Team) -> None:
    kim = played.clone("kim")
    ada.publish("Third, by Ada", "refund", "--version", "0.3.0")
    kim.write_prompt("Third, by Kim")

    failure = kim.run("commit", "refund", "-m", "Third", "--version", "0.3.0", "--json").failure
    assert (failure["kind"], failure["exit_code"]) == ("version-taken", 5)
    kim.write_prompt("Third, by Ada")
    assert kim.result("commit", "refund", "-m", "Third", "--version", "0.3.0")["created"] is False


def test_who_comes_second_is_told_who_won(played: Shared, ada: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    kim = played.clone("kim")
    before = ada.generation()
    with FaultProxy(("127.0.0.1", int(played.server.endpoint.rpartition(":")[2]))) as proxy:
        won: list[int] = []
        directly = {"AWS_ENDPOINT_URL_S3": played.server.endpoint}

        def kim_first(exchange: Exchange) -> None:
            if is_swap_of("production")(exchange) and not won:
                won.append(kim.start("rollback", "refund@0.2.0", "-m", "too generous", env=directly).code)

        proxy.plan = kim_first
        ada.publish("Third")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        ran = ada.run("promote", "refund@0.3.0", "--env", "production", "--json")
    assert won == [0]
    assert (ran.code, ran.failure["kind"]) == (6, "lost-race")
    assert "Kim moved refund in production first: 0.2.0 -> 0.1.0" in str(ran.failure["message"])
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", played.server.endpoint)
    assert (ada.live(), ada.generation()) == ({"refund": "0.1.0"}, before + 1)


# -- replicas --------------------------------------------------------------------------------------------------------


def test_status_says_what_is_behind_and_latest_is_as_of_the_last_sync(played: Shared, ada: Team) -> None:
    kim = played.clone("kim")
    kim.done("sync")
    ada.publish("Third")
    ada.done("promote", "refund@0.3.0", "--env", "production")

    seen = kim.result("status")
    assert replica(seen, "git")["behind"] == 1
    assert [each["latest"] for each in records(seen, "agents")] == ["0.2.0"]
    assert "git lacks 1 record: repoint sync" in kim.done("status")
    synced = kim.result("sync")
    assert (replica(synced, "git")["records"], replica(synced, "git")["error"]) == (1, None)
    seen = kim.result("status")
    assert [each["behind"] for each in records(seen, "replicas")] == [0, 0]
    assert [each["latest"] for each in records(seen, "agents")] == ["0.3.0"]


def test_a_move_does_not_need_the_git_host(played: Shared, ada: Team) -> None:
    elsewhere = away(played)

    assert texts(ada.result("rollback", "refund@0.2.0", "-m", "bad"), "behind") == ["git:origin"]
    told = ada.run("freeze", "production", "-m", "incident")
    assert (told.code, "behind: git:origin; repoint sync brings it up" in told.out) == (0, True)
    assert replica(ada.result("status"), "git:origin")["behind"] == 2
    unreachable = ada.run("sync", "--json")
    assert (unreachable.code, replica(unreachable.json, "git")["error"]) == (9, None)
    elsewhere.rename(played.hub)
    assert replica(ada.result("sync"), "git:origin")["records"] == 1, "one branch goes up, with both records"
    assert refs(ada.folder) == refs(played.hub)


def test_status_says_what_was_published_while_the_git_host_was_away(played: Shared, ada: Team) -> None:
    elsewhere = away(played)

    ada.write_prompt("Third")
    assert texts(ada.result("commit", "refund", "-m", "Third"), "behind") == ["git:origin"]
    ada.done("yank", "refund@0.1.0", "-m", "old")
    seen = replica(ada.result("status"), "git:origin")
    assert (seen["behind"], seen["unsent"]) == (0, 2)
    assert "git:origin lacks 2 versions or yanks: repoint sync" in ada.done("status")
    assert texts(ada.result("freeze", "staging", "-m", "incident"), "behind") == ["git:origin"]
    assert "git:origin lacks 1 record and 2 versions or yanks: repoint sync" in ada.done("status")
    elsewhere.rename(played.hub)
    ada.done("unfreeze", "staging", "-m", "over")
    assert [(each["behind"], each["unsent"]) for each in records(ada.result("status"), "replicas")] == [(0, 0)] * 2
    assert refs(ada.folder) == refs(played.hub)


def test_the_next_command_brings_a_host_that_is_back_up(played: Shared, ada: Team) -> None:
    elsewhere = away(played)
    ada.done("rollback", "refund@0.2.0", "-m", "bad")
    elsewhere.rename(played.hub)

    assert ada.result("freeze", "staging", "-m", "incident")["behind"] == []
    assert refs(ada.folder) == refs(played.hub)


def test_a_hundred_moves_without_the_git_host_come_up_in_one_sync(played: Shared, ada: Team) -> None:
    kim = played.clone("kim")
    elsewhere = away(played)
    stamps = Stamps()
    bad = "refund@0.2.0"
    actions: list[AnyAction] = [rollback(bad), Unhold(*pair(bad)), promote(bad)] * 33
    with open_workspace(ada.folder, os.environ) as workspace:
        for action in [*actions, rollback(bad)]:
            assert pointer.move(workspace.registry, PRODUCTION, action, stamps).moved

    assert texts(ada.result("freeze", "production", "-m", "incident"), "behind") == ["git:origin"]
    elsewhere.rename(played.hub)
    synced = kim.result("sync")
    assert int(str(replica(synced, "git")["records"])) >= 101
    assert [each["error"] for each in records(synced, "replicas")] == [None, None]
    ada.done("sync")
    assert refs(ada.folder) == refs(kim.folder) == refs(played.hub)
    assert ada.result("verify")["findings"] == []


def test_lost_tags_and_branches_come_back_whole(played: Shared, ada: Team) -> None:
    whole = refs(ada.folder)
    shutil.rmtree(played.hub)
    git(played.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(played.hub))
    lose_refs(ada.folder)

    synced = ada.result("sync")
    assert replica(synced, "git")["releases"] == 2
    assert refs(ada.folder) == refs(played.hub) == whole
    assert ada.result("verify", "--deep")["findings"] == []


def test_an_empty_repository_gets_the_same_objects(played: Shared, ada: Team) -> None:
    new = played.empty_clone(ada)
    shutil.rmtree(played.hub)
    git(played.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(played.hub))

    new.done("sync")
    assert refs(new.folder) == refs(played.hub) == refs(ada.folder)


@pytest.mark.parametrize("authority", ["local", "git"])
def test_a_lost_bucket_behind_git_is_filled_again(shared: Shared, authority: str) -> None:
    ada = shared.found(*(["--remote", "origin"] if authority == "git" else []))
    with (ada.folder / "repoint.toml").open("a") as file:
        file.write(f'\n[s3]\nurl = "{shared.url}"\n')
    for text in ("First", "Second"):
        version = ada.publish(text)
        moved = ada.result("promote", f"refund@{version}", "--env", "production")
        assert moved["behind"] == []
    ada.done("rollback", "refund@0.2.0")
    ada.done("sync")
    whole = shared.objects()
    assert {key.split("/")[1] for key in whole} == {"blobs", "snapshots", "releases", "environments", "ledger"}
    shared.empty_bucket()

    synced = ada.result("sync")
    assert (replica(synced, shared.url)["releases"], replica(synced, shared.url)["error"]) == (2, None)
    assert shared.objects() == whole
    assert ada.result("verify", "--deep")["findings"] == []
    assert run_here("--registry", shared.url, "status").code == 0, "it can be read as it is"


# -- divergence ------------------------------------------------------------------------------------------------------


def test_a_branch_that_left_the_ledger_is_an_alarm_and_stays(played: Shared, ada: Team) -> None:
    tip = ada.git("rev-parse", "repoint/env/production~1").strip()
    tree = ada.git("rev-parse", f"{tip}^{{tree}}").strip()
    other = ada.git("commit-tree", "-p", tip, "-m", "by hand", tree).strip()
    ada.git("update-ref", "refs/heads/repoint/env/production", other)
    there = refs(ada.folder), refs(played.hub)

    ran = ada.run("sync", "--json")
    assert (ran.code, ran.failure["exit_code"]) == (8, 8)
    assert (refs(ada.folder), refs(played.hub)) == there
    found = {str(each["promise"]) for each in records(ada.result("verify", code=1), "findings")}
    assert found >= {"4"}


def test_a_moved_tag_on_the_host_is_an_alarm_and_stays(played: Shared, ada: Team) -> None:
    git(played.hub, "update-ref", "refs/tags/refund@v0.1.0", git(played.hub, "rev-parse", "refs/tags/refund@v0.2.0"))
    there = refs(ada.folder), refs(played.hub)

    assert ada.run("sync", "--json").code in (6, 8, 9)
    assert (refs(ada.folder), refs(played.hub)) == there


def test_a_version_that_only_git_has_is_an_alarm_and_stays(played: Shared, ada: Team) -> None:
    s3.client(played.server).delete_object(Bucket=played.bucket, Key="team/releases/refund/0.2.0.json")
    there, objects = refs(ada.folder), played.objects()

    ran = ada.run("sync", "--json")
    assert (ran.code, ran.failure["kind"]) == (8, "replica-ahead")
    assert (refs(ada.folder), played.objects()) == (there, objects)


def test_a_pointer_that_was_put_back_is_found_and_nothing_is_built_on_it(played: Shared, ada: Team) -> None:
    older = played.objects()[f"team/ledger/production/{1:012}.json"]
    played.put("environments/production.json", older)

    for arguments in (["rollback", "refund"], ["promote", "refund@0.1.0", "--env", "production"]):
        ada.refused(*arguments, code=8)
    assert played.clone("kim").run("rollback", "refund", "--json").code == 8, "also by whom never saw the newer one"
    assert ada.result("verify", code=1)["findings"] != []
