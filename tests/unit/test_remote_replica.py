"""A Git remote that follows gets what the authority has and nothing else, whatever lies in the clone between them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from repoint import pointer
from repoint.gitremote import GitRemote
from repoint.moves import FreezeMoves
from repoint.registry import Registry
from repoint.replicas import RemoteReplica
from repoint.replicate import replicate
from repoint.store_git import GitStore
from repoint.store_memory import MemoryStore

from tests.stores import PRODUCTION, STAGING, Stamps, initialised, new_registry, promote, publish_version
from tests.unit.git_fixtures import Sandbox


class Following(NamedTuple):
    """An authority in memory, the clone that follows it, and the bare repository that follows the clone."""

    authority: Registry
    clone: Registry
    remote: GitRemote
    replica: RemoteReplica


@pytest.fixture
def following(sandbox: Sandbox) -> Following:
    authority = initialised(new_registry(MemoryStore()), PRODUCTION, STAGING)
    publish_version(authority, "refund@1.0.0")
    pointer.move(authority, PRODUCTION, promote("refund@1.0.0"), Stamps())
    local = GitStore(sandbox.open())
    clone = new_registry(local)
    assert replicate(authority, clone).alarms == []
    sandbox.git("init", "-q", "--bare", "bare.git", cwd=sandbox.folder)
    sandbox.git("remote", "add", "origin", str(sandbox.folder / "bare.git"))
    remote = GitRemote(local.repository, "origin")
    return Following(authority, clone, remote, RemoteReplica(local, remote))


def test_it_gets_everything_and_then_lacks_nothing(following: Following, sandbox: Sandbox) -> None:
    copied = following.replica.bring_up(following.authority, None)
    assert (copied.releases, copied.alarms) == (1, [])
    here = dict(line.split()[::-1] for line in sandbox.git("show-ref", "--heads", "--tags").splitlines())
    assert following.remote.refs("refs/*") == here
    assert following.replica.missing() == 0
    assert not following.replica.bring_up(following.authority, None).anything


def test_a_record_that_only_the_clone_has_goes_no_further(following: Following) -> None:
    following.replica.bring_up(following.authority, None)
    before = following.remote.refs("refs/*")
    pointer.move(following.clone, PRODUCTION, FreezeMoves(), Stamps(message="by hand"))
    pointer.move(following.authority, STAGING, promote("refund@1.0.0"), Stamps())
    replicate(following.authority, following.clone)
    copied = following.replica.bring_up(following.authority, None)
    assert [alarm.kind for alarm in copied.alarms] == ["replica-diverged"]
    now = following.remote.refs("refs/*")
    assert {ref for ref in now if now[ref] != before[ref]} == {"refs/heads/repoint/env/staging"}


def test_a_version_that_only_the_clone_has_goes_no_further(following: Following) -> None:
    publish_version(following.clone, "refund@1.1.0")
    following.replica.bring_up(following.authority, None)
    tags = following.remote.refs("refs/tags/*")
    assert list(tags) == ["refs/tags/refund@v1.0.0"]


def test_a_tag_that_is_no_release_concerns_nobody(following: Following, sandbox: Sandbox) -> None:
    sandbox.commit_something()
    sandbox.git("tag", "tool@v2.0.0")
    following.replica.bring_up(following.authority, None)
    assert "refs/tags/tool@v2.0.0" not in following.remote.refs("refs/tags/*")
    assert following.replica.missing() == 0
