"""What belongs to the user stays as it is: branch, index, HEAD, reflogs, stash and working files, in whatever state."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commandline import Team, user_state
from tests.cli.conftest import make_repository

State = Callable[[Team], None]


def dirty(team: Team) -> None:
    """Staged, unstaged and untracked changes, a deleted file, an intent to add, a stash."""
    readme = team.folder / "README"
    readme.write_text("one\n")
    (team.folder / "gone").write_text("gone\n")
    team.git("add", ".")
    team.git("commit", "--quiet", "-m", "readme")
    readme.write_text("stashed\n")
    team.git("stash", "push", "--quiet")
    readme.write_text("staged\n")
    team.git("add", "README")
    readme.write_text("unstaged\n")
    (team.folder / "gone").unlink()
    (team.folder / "untracked").write_text("untracked\n")
    (team.folder / "intended").write_text("intended\n")
    team.git("add", "--intent-to-add", "intended")
    team.git("update-index", "--assume-unchanged", "agents/refund/agent.toml")


def detached(team: Team) -> None:
    team.git("checkout", "--quiet", "--detach")


def conflicting(team: Team) -> None:
    """Two branches that change one line differently."""
    readme = team.folder / "README"
    readme.write_text("base\n")
    team.git("add", "README")
    team.git("commit", "--quiet", "-m", "base")
    team.git("checkout", "--quiet", "-b", "theirs")
    readme.write_text("theirs\n")
    team.git("commit", "--quiet", "-am", "theirs")
    team.git("checkout", "--quiet", "main")
    readme.write_text("ours\n")
    team.git("commit", "--quiet", "-am", "ours")


def mid_merge(team: Team) -> None:
    conflicting(team)
    team.git("merge", "theirs", check=False)
    assert (team.folder / ".git/MERGE_HEAD").exists()


def mid_rebase(team: Team) -> None:
    conflicting(team)
    team.git("rebase", "theirs", check=False)
    assert (team.folder / ".git/rebase-merge").is_dir()


def mid_bisect(team: Team) -> None:
    for number in range(4):
        team.git("commit", "--quiet", "--allow-empty", "-m", str(number))
    team.git("bisect", "start", "HEAD", "HEAD~4")


def packed(team: Team) -> None:
    team.git("gc", "--quiet")


def sparse(team: Team) -> None:
    team.git("sparse-checkout", "set", "agents")


def hooked(team: Team) -> None:
    """Hooks of the user's are not ours to run, and filters not ours to apply."""
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "pre-push", "post-checkout"):
        hook = team.folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{team.folder}/hook-ran-{name}'\nexit 1\n")
        hook.chmod(0o755)


def opinionated(team: Team) -> None:
    """Settings that change what plain Git commands print or do."""
    for key, value in {
        "core.autocrlf": "true",
        "core.abbrev": "4",
        "core.quotePath": "false",
        "core.logAllRefUpdates": "always",
        "color.ui": "always",
        "commit.gpgSign": "true",
        "tag.gpgSign": "true",
        "tag.sort": "-version:refname",
        "gpg.program": "/nowhere/gpg",
        "push.default": "nothing",
        "diff.external": "/nowhere/diff",
        "diff.noprefix": "true",
        "core.pager": "/nowhere/pager",
        "log.showSignature": "true",
        "user.useConfigOnly": "true",
        "core.hooksPath": "/nowhere",
        "i18n.commitEncoding": "ISO-8859-1",
        "transfer.fsckObjects": "true",
    }.items():
        team.git("config", key, value)


STATES: list[State] = [
    dirty, detached, mid_merge, mid_rebase, mid_bisect, packed, sparse, hooked, opinionated
]  # fmt: skip


def play(team: Team) -> None:
    """A commit and every kind of move, and everything that reads."""
    team.done("commit", "refund", "-m", "Second")
    team.done("promote", "refund@0.1.0", "--env", "production")
    team.done("promote", "refund@0.2.0", "--env", "production")
    team.done("rollback", "refund@0.2.0")
    team.done("yank", "refund@0.2.0", "-m", "bad")
    team.done("freeze", "staging", "-m", "week")
    for command in ("status", "list", "history", "verify", "doctor"):
        team.result(command)
    team.result("diff", "refund@0.1.0", "refund")
    team.result("commit", "refund", "-m", "x", "--dry-run")


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_nothing_of_the_users_changes(fresh: Team, state: State) -> None:
    fresh.git("add", ".")
    fresh.git("commit", "--quiet", "-m", "start")
    fresh.done("commit", "refund", "-m", "First")
    state(fresh)
    fresh.write_prompt("Second\n")
    before = user_state(fresh.folder)

    play(fresh)

    assert user_state(fresh.folder) == before


def test_no_commit_yet(fresh: Team) -> None:
    fresh.done("commit", "refund", "-m", "First")
    fresh.git("add", "repoint.toml")
    fresh.write_prompt("Second\n")
    before = user_state(fresh.folder)

    play(fresh)

    assert user_state(fresh.folder) == before
    assert fresh.git("rev-parse", "--verify", "--quiet", "HEAD", check=False) == ""


def test_bare(tmp_path: Path, fresh: Team) -> None:
    bare = make_repository(tmp_path / "bare.git", "--bare")
    bare.done("init")
    before = user_state(bare.folder)
    for text in ("One", "Two"):
        fresh.write_prompt(text)
        bare.done("commit", "refund", "-m", text, "--from", str(fresh.agent()))
        version = {"One": "0.1.0", "Two": "0.2.0"}[text]
        bare.done("promote", f"refund@{version}", "--env", "production")
    bare.done("rollback", "refund@0.2.0")

    assert user_state(bare.folder) == before


def test_worktree(fresh: Team, tmp_path: Path) -> None:
    fresh.git("add", ".")
    fresh.git("commit", "--quiet", "-m", "start")
    fresh.done("commit", "refund", "-m", "First")
    fresh.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    other = Team(tmp_path / "other")
    other.write_prompt("Second\n")
    other.git("add", ".")
    before = [user_state(fresh.folder), user_state(other.folder)]

    play(other)

    assert [user_state(fresh.folder), user_state(other.folder)] == before


def test_the_index_is_not_even_refreshed(fresh: Team) -> None:
    """``git status`` may rewrite the index to remember times; nothing of ours does."""
    fresh.git("add", ".")
    fresh.git("commit", "--quiet", "-m", "start")
    fresh.done("commit", "refund", "-m", "First")
    for path in fresh.folder.rglob("*.md"):
        path.touch()
    index = fresh.folder / ".git/index"
    before = (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino)

    fresh.write_prompt("Second\n")
    play(fresh)

    assert (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino) == before


def test_a_locked_index_stands_in_nobodys_way(fresh: Team) -> None:
    fresh.git("add", ".")
    fresh.git("commit", "--quiet", "-m", "start")
    fresh.done("commit", "refund", "-m", "First")
    (fresh.folder / ".git/index.lock").touch()
    fresh.write_prompt("Second\n")

    play(fresh)

    assert (fresh.folder / ".git/index.lock").exists()


def test_an_alternate_index_or_git_directory_of_the_environment(
    fresh: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside a hook, where Git sets these."""
    fresh.done("commit", "refund", "-m", "First")
    other = tmp_path / "other.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(other)], check=True)
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "strange-index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / "objects"))
    fresh.write_prompt("Second\n")

    fresh.done("commit", "refund", "-m", "Second")
    monkeypatch.undo()

    assert not (tmp_path / "strange-index").exists()
    assert fresh.git("cat-file", "-t", "refund@v0.2.0").strip() == "tag"
