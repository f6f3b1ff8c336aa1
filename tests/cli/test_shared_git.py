"""A registry that a shared Git remote decides, as two engineers see it who never fetch anything themselves."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team, records
from tests.cli.shared_registry import Shared, refs
from tests.servers import s3
from tests.servers.git_remotes import git, write_program


@pytest.fixture
def place(tmp_path: Path) -> Shared:
    """A Git host and no bucket."""
    return Shared(tmp_path, s3.running("none", "http://127.0.0.1:9"), "none")


@pytest.fixture
def ada(place: Shared) -> Team:
    """A registry that the Git host decides: refund 0.1.0, and 0.2.0 over it in production."""
    team = place.found("--remote", "origin")
    for text in ("First", "Second"):
        version = team.publish(text)
        team.done("promote", f"refund@{version}", "--env", "production", "-m", f"Roll out {version}")
    place.commit(team)
    return team


def test_init_writes_what_decides_and_pushes_it(place: Shared, ada: Team) -> None:
    written = (ada.folder / "repoint.toml").read_text()
    assert ('authority = "git"' in written, '[git]\nremote = "origin"' in written) == (True, True)
    assert ada.result("init", "--remote", "origin")["created"] == []
    ada.refused("init", "--remote", "not a remote", code=2, kind="invalid-remote")
    ada.refused("init", "--remote", "", code=2, kind="invalid-remote")
    assert refs(ada.folder) == refs(place.hub)


def test_a_clone_never_fetches_and_moves_what_is_there_now(place: Shared, ada: Team) -> None:
    kim = place.clone("kim")
    moved = kim.result("rollback", "refund@0.2.0", "-m", "too generous")
    assert (moved["done"], moved["behind"]) == (True, [])

    assert ada.live() == {"refund": "0.1.0"}
    ada.refused("promote", "refund@0.2.0", "--env", "production", code=7, says=["too generous"])
    ada.done("unhold", "refund@0.2.0", "--env", "production")
    kim.done("freeze", "production", "-m", "Christmas")
    assert ada.run("promote", "refund@0.2.0", "--env", "production").code == 7
    ada.done("unfreeze", "production")
    kim.done("yank", "refund@0.1.0", "-m", "wrong")
    listed = {str(v["version"]): v["yanked"] for v in records(ada.result("list", "refund"), "versions")}
    assert (bool(listed["0.1.0"]), bool(listed["0.2.0"])) == (True, False)
    kim.done("promote", "refund@0.2.0", "--env", "production")
    assert ada.live() == {"refund": "0.2.0"}
    assert ada.result("verify", "--deep")["findings"] == []


def test_one_version_is_published_once(place: Shared, ada: Team) -> None:
    kim = place.clone("kim")
    ada.publish("Third, by Ada", "refund", "--version", "0.3.0")
    kim.write_prompt("Third, by Kim")

    failure = kim.run("commit", "refund", "-m", "Third", "--version", "0.3.0", "--json").failure
    assert (failure["kind"], failure["exit_code"]) == ("version-taken", 5)
    kim.write_prompt("Third, by Ada")
    assert kim.result("commit", "refund", "-m", "Third", "--version", "0.3.0")["created"] is False


def test_who_comes_second_is_told_who_won(place: Shared, ada: Team) -> None:
    kim, ran = place.clone("kim"), place.folder / "kim-was-first"
    ada.publish("Third")
    kim.done("history")
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "GIT_CONFIG_GLOBAL")}
    settings = shlex.join(f"{name}={value}" for name, value in environment.items())
    move = f"{sys.executable} -m repoint_cli -C {kim.folder} rollback refund@0.2.0 -m generous"
    write_program(
        place.hub / "hooks" / "pre-receive",
        f"[ -e {ran} ] && exit 0\ntouch {ran}\nenv -i {settings} {move} >{ran} 2>&1 </dev/null",
    )

    failure = ada.run("promote", "refund@0.3.0", "--env", "production", "--json").failure
    assert "rollback" in ran.read_text()
    assert (failure["kind"], failure["exit_code"]) == ("lost-race", 6)
    assert "Kim moved refund in production first: 0.2.0 -> 0.1.0" in str(failure["message"])
    assert ada.live() == {"refund": "0.1.0"}


def test_a_forced_ledger_and_a_moved_tag_are_told_and_nothing_is_built_on_them(place: Shared, ada: Team) -> None:
    branch = "refs/heads/repoint/env/production"
    git(place.hub, "update-ref", branch, git(place.hub, "rev-parse", f"{branch}~1"))
    ada.refused("rollback", "refund", code=8, kind="ledger-diverged")
    git(place.hub, "update-ref", branch, ada.git("rev-parse", branch).strip())
    git(place.hub, "update-ref", "refs/tags/refund@v0.1.0", git(place.hub, "rev-parse", "refs/tags/refund@v0.2.0"))
    ada.refused("rollback", "refund@0.2.0", code=8)
    assert ada.result("verify", code=1)["findings"] != []
