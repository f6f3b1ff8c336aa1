"""Repositories of every kind: those that work, those that are refused, and what the refusal says to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team, everything, records, run_here
from tests.cli.conftest import make_repository


def test_a_folder_that_is_no_repository(tmp_path: Path) -> None:
    for arguments in (["init"], ["status"], ["commit", "refund", "-m", "x"], ["rollback", "refund"], ["list"]):
        ran = run_here("-C", str(tmp_path), *arguments, "--json")
        assert (ran.code, ran.out, ran.failure["kind"]) == (4, "", "not-a-repository")
        assert ran.failure["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_repository_that_is_no_registry(repository_only: Team) -> None:
    for arguments in (["status"], ["new", "refund"], ["rollback", "refund"], ["list"], ["verify"]):
        repository_only.refused(*arguments, code=4, kind="not-a-registry", says=["repoint init"])


# -- that work -------------------------------------------------------------------------------------------------------


def test_bare(tmp_path: Path, fresh: Team) -> None:
    bare = make_repository(tmp_path / "bare.git", "--bare")
    bare.done("init")
    done = bare.result("commit", "refund", "-m", "First", "--from", str(fresh.agent()))
    bare.done("promote", "refund@0.1.0", "--env", "production")

    assert (done["version"], done["created"]) == ("0.1.0", True)
    assert bare.live() == {"refund": "0.1.0"}
    assert bare.run("commit", "refund", "-m", "x").code == 4
    assert "--from DIR" in bare.run("commit", "refund", "-m", "x").err
    for command in ("status", "list", "doctor", "verify"):
        bare.result(command)
    bare.git("fsck", "--strict")


def test_commit_from_a_folder_that_is_not_there(fresh: Team) -> None:
    fresh.refused("commit", "refund", "-m", "x", "--from", "nowhere", code=4, says=["nowhere", "--from"])


def test_commit_from_another_agents_folder(played: Team) -> None:
    played.refused("commit", "refund", "-m", "x", "--from", "agents/intake", code=3, says=["agents/intake", "'refund'"])


def test_worktree(played: Team, tmp_path: Path) -> None:
    played.git("worktree", "add", "--quiet", str(tmp_path / "other"), "-b", "other")
    other = Team(tmp_path / "other")
    (other.agent() / "prompts" / "system.md").write_text("From the worktree\n")
    done = other.result("commit", "refund", "-m", "From the worktree")
    other.done("rollback", "refund@1.5.0")

    assert (done["version"], done["previous"]) == ("1.6.0", "1.5.0")
    assert played.live()["refund"] == other.live()["refund"] == "1.4.2"
    assert [r["version"] for r in records(played.result("list", "refund", "-n", "1"), "versions")] == ["1.6.0"]


def test_submodule(played: Team, tmp_path: Path) -> None:
    outer = make_repository(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(played.folder), "sub")
    inner = Team(outer.folder / "sub")
    inner.git("config", "user.name", "Ada")
    inner.git("config", "user.email", "ada@acme.example")

    inner.refused("rollback", "refund", code=4, says=["git fetch origin"])
    hint = str(inner.run("rollback", "refund", "--json").failure["hint"])
    inner.git(*["-c", "protocol.file.allow=always", *_words(hint)[1:]])
    inner.done("rollback", "refund@1.5.0")

    assert inner.live()["refund"] == "1.4.2"
    assert played.live()["refund"] == "1.5.0"
    assert outer.git("tag", "-l") == ""


def test_a_clone_without_the_registrys_branches_says_what_to_fetch(played: Team, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(played.folder), str(tmp_path / "clone")], check=True)
    clone = Team(tmp_path / "clone")
    clone.git("config", "user.name", "Kim")
    clone.git("config", "user.email", "kim@acme.example")
    (clone.agent() / "prompts" / "system.md").write_text("From the clone\n")
    for arguments in (
        ["commit", "refund", "-m", "x"],
        ["promote", "refund@1.5.0", "--env", "staging"],
        ["rollback", "refund@1.5.0"],
        ["history"],
    ):
        clone.refused(*arguments, code=4, kind="refs-not-fetched", says=["git fetch origin"])
    clone.refused("init", code=6, kind="registry-not-fetched", says=["git fetch origin"])

    hint = str(clone.run("history", "--json").failure["hint"])
    clone.git(*_words(hint)[1:])

    assert clone.live() == played.live()
    assert clone.result("commit", "refund", "-m", "x")["version"] == "1.6.0"


def _words(command: str) -> list[str]:
    import shlex

    return shlex.split(command)


def test_shallow(played: Team, tmp_path: Path) -> None:
    for number in range(3):
        played.git("commit", "--quiet", "--allow-empty", "-m", f"{number}")
    url = played.folder.as_uri()
    subprocess.run(["git", "clone", "--quiet", "--depth=1", "--no-single-branch", url, str(tmp_path / "s")], check=True)
    shallow = Team(tmp_path / "s")
    shallow.git("config", "user.name", "Kim")
    shallow.git("config", "user.email", "kim@acme.example")
    for branch in ("staging", "production", "registry"):
        shallow.git("branch", f"repoint/env/{branch}", f"origin/repoint/env/{branch}")
    (shallow.agent() / "prompts" / "system.md").write_text("From a shallow clone\n")

    shallow.refused("commit", "refund", "-m", "x", code=6, kind="shallow-clone", says=["git fetch --unshallow"])


def test_no_commit_yet(repository_only: Team) -> None:
    repository_only.done("init")
    repository_only.done("new", "refund")
    repository_only.result("commit", "refund", "-m", "First")

    release = repository_only.result("show", "refund@0.1.0")["release"]
    assert isinstance(release, dict)
    assert release["source"] is None


def test_the_source_commit_is_noted(played: Team) -> None:
    head = played.git("rev-parse", "HEAD").strip()
    played.publish("Dirty")
    played.git("commit", "--quiet", "-am", "All of it")
    played.write_prompt("Other\n")
    played.git("commit", "--quiet", "-am", "Clean")
    played.result("commit", "refund", "-m", "Clean")

    dirty, clean = (played.result("show", f"refund@{v}")["release"] for v in ("1.6.0", "1.7.0"))
    assert isinstance(dirty, dict)
    assert isinstance(clean, dict)
    assert dirty["source"] == {"commit": head, "dirty": True}
    assert clean["source"] == {"commit": played.git("rev-parse", "HEAD").strip(), "dirty": False}


# -- that are refused ------------------------------------------------------------------------------------------------


def test_sha_256(tmp_path: Path) -> None:
    team = make_repository(tmp_path / "team", "--object-format=sha256")
    for command in ("init", "status"):
        team.refused(command, code=3, kind="sha256-repository", says=["sha256", "SHA-1"])


def test_without_a_user_name(played: Team) -> None:
    played.git("config", "--unset", "user.name")
    played.git("config", "--unset", "user.email")
    played.write_prompt("Changed\n")
    hint = ["git config --global user.name", "REPOINT_ACTOR"]
    played.refused("commit", "refund", "-m", "x", code=3, kind="no-identity", says=hint)
    played.refused("promote", "refund@1.4.2", "--env", "staging", code=3, kind="no-identity", says=hint)
    played.refused("freeze", "production", "-m", "x", code=3, kind="no-identity", says=hint)

    ran = played.run("rollback", "refund@1.5.0")
    assert ran.code == 0, "a rollback at 3 a.m. needs no configuration"
    assert "recorded as" in ran.err


def test_init_without_a_user_name(repository_only: Team) -> None:
    repository_only.git("config", "--unset", "user.name")
    repository_only.git("config", "--unset", "user.email")
    ran = repository_only.run("init", "--json")

    assert (ran.code, ran.failure["kind"]) == (3, "no-identity")
    assert repository_only.git("for-each-ref") == ""


def test_an_actor_from_the_environment(played: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPOINT_ACTOR", "Kim Osei <kim@acme.example>")
    played.done("rollback", "refund@1.5.0")

    (record,) = records(played.result("history", "-n", "1"))
    assert record["actor"] == {"name": "Kim Osei", "email": "kim@acme.example"}


def test_a_branch_called_repoint(repository_only: Team) -> None:
    repository_only.git("commit", "--quiet", "--allow-empty", "-m", "start")
    repository_only.git("branch", "repoint")
    repository_only.refused("init", code=6, kind="branch-in-the-way", says=["git branch -m repoint"])
    assert repository_only.run("doctor").code == 1
    assert "git branch -m repoint" in repository_only.run("doctor").out

    repository_only.git("branch", "-m", "repoint", "old-repoint")
    repository_only.done("init")


def test_a_ref_locked_by_another_process(played: Team) -> None:
    """One that was killed: its lock stays unchanged while we hold ours, so it is removed (design section 3)."""
    lock = played.folder / ".git/refs/heads/repoint/env/production.lock"
    lock.touch()

    played.done("rollback", "refund@1.5.0")

    assert played.live()["refund"] == "1.4.2"
    assert not lock.exists()


BUSY = """\
import select, sys
count = 0
while True:
    count += 1
    with open(sys.argv[1], "w") as lock:
        lock.write(str(count))
    if count == 1:
        print("locked", flush=True)
    if select.select([sys.stdin], [], [], 0.2)[0]:
        break
"""


@pytest.mark.long
def test_a_ref_locked_by_a_process_that_lives(played: Team) -> None:
    """Its lock goes on changing: it is never taken away, and after ten seconds the error names the file."""
    lock = played.folder / ".git/refs/heads/repoint/env/production.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "locked\n"
        ran = played.run("rollback", "refund@1.5.0", "--json")
        assert lock.exists()
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()

    assert ran.code == 9
    assert str(lock) in str(ran.failure["message"])
    lock.unlink()
    assert played.live()["refund"] == "1.5.0"


def test_our_own_lock_held_by_another_process(played: Team) -> None:
    code = (
        "import fcntl, os, sys\n"
        "fd = os.open(sys.argv[1], os.O_RDWR)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(played.folder / ".git/repoint/lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        for command in ("status", "list", "history"):
            played.result(command)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    played.done("rollback", "refund@1.5.0")


def test_foreign_tags_of_our_shape(played: Team) -> None:
    played.git("tag", "refund@v2.0.0")
    played.git("tag", "-a", "-m", "by hand", "refund@v3.0.0")
    played.git("tag", "stranger@v1.0.0")
    by_version = {str(r["version"]): r for r in records(played.result("list", "refund"), "versions")}

    assert {v for v, r in by_version.items() if r["foreign"]} == {"2.0.0", "3.0.0"}
    assert "foreign" in played.done("list", "refund")
    assert played.result("verify")["findings"] == []
    played.refused("show", "refund@2.0.0", code=4, kind="no-such-version", says=["2.0.0"])
    played.refused("promote", "refund@3.0.0", "--env", "staging", code=4, kind="no-such-version")
    played.write_prompt("Changed\n")
    played.refused("commit", "refund", "-m", "x", "--version", "2.0.0", code=5, kind="version-taken", says=["2.0.0"])
    assert played.result("commit", "refund", "-m", "x")["version"] == "1.6.0"


def test_taken_versions_name_both_digests(played: Team) -> None:
    played.write_prompt("Changed\n")
    stored = next(r for r in records(played.result("list", "refund"), "versions") if r["version"] == "1.5.0")
    failure = played.refused(
        "commit", "refund", "-m", "x", "--version", "1.5.0", "--allow-underbump", code=5, kind="version-taken"
    )
    facts = failure["facts"]

    assert isinstance(facts, dict)
    assert facts["stored"] == stored["snapshot"] != facts["offered"]
    assert str(facts["stored"]) in str(failure["message"])
    assert str(facts["offered"]) in str(failure["message"])


# -- repoint.toml ----------------------------------------------------------------------------------------------------


def test_a_repoint_toml_that_disagrees(played: Team) -> None:
    config = played.folder / "repoint.toml"
    lines = config.read_text().splitlines()
    hostile = ['id = "00000000-0000-4000-8000-000000000000"' if line.startswith("id = ") else line for line in lines]
    config.write_text("\n".join(hostile) + "\n")
    for arguments in (
        ["status"],
        ["commit", "refund", "-m", "x"],
        ["promote", "refund@1.4.2", "--env", "production"],
        ["rollback", "refund@1.5.0"],
        ["init"],
    ):
        failure = played.refused(
            *arguments, code=6, kind="registry-mismatch", says=["00000000-0000-4000-8000-000000000000", "nothing"]
        )
        assert "--registry" in str(failure["hint"])
    assert played.run("--registry", str(played.folder), "rollback", "refund@1.5.0").code == 0


def test_another_authority(played: Team) -> None:
    config = played.folder / "repoint.toml"
    text = config.read_text().replace('authority = "local"', 'authority = "s3"')
    config.write_text(text + '\n[s3]\nurl = "s3://evil/agents"\n')
    played.refused("rollback", "refund@1.5.0", code=6, kind="registry-mismatch", says=["s3://evil/agents", "local"])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[registry]", "[registri]", "did you mean registry?"),
        ('authority = "local"', 'authority = "cloud"', "registry.authority"),
        ('environments = ["staging", "production"]', 'environments = ["staging", "latest"]', "reserved"),
        ('environments = ["staging", "production"]', 'environments = "staging"', "must be an array"),
        ('agents = ["agents/*"]', 'agents = ["../*"]', "registry.agents[0]"),
        ('default_environment = "production"', 'default_environment = "prod"', "default_environment"),
        ('schema = "repoint.config/1"', 'schema = "repoint.config/2"', "newer"),
        ('schema = "repoint.config/1"', 'schema = "repoint.config/1', "repoint.toml:2:"),
    ],
)
def test_mistakes_in_repoint_toml(played: Team, old: str, new: str, says: str) -> None:
    config = played.folder / "repoint.toml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    for arguments in (["status"], ["commit", "refund", "-m", "x"], ["rollback", "refund@1.5.0"]):
        played.refused(*arguments, code=3, says=["repoint.toml:", says])


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = '\0'", b"# " + b"x" * 2_000_000], ids=["utf-16", "nul", "big"])
def test_a_repoint_toml_that_is_none(played: Team, content: bytes) -> None:
    (played.folder / "repoint.toml").write_bytes(content)
    played.refused("rollback", "refund@1.5.0", code=3, says=["repoint.toml"])


def test_damage_is_said_and_nothing_is_done(played: Team) -> None:
    played.git("update-ref", "-d", "refs/heads/repoint/env/production")
    played.refused("rollback", "refund@1.5.0", code=8, kind="pointer-missing", says=["production", "verify"])
    played.git("tag", "-d", "refund@v1.5.0")
    assert played.run("verify").code == 1


def test_a_moved_back_branch_is_noticed(played: Team) -> None:
    played.git("update-ref", "refs/heads/repoint/env/production", "repoint/env/production~1")
    played.refused("rollback", "refund@1.5.0", code=8, kind="pointer-went-back", says=["production", "generation"])


def test_git_is_not_there(played: Team) -> None:
    before = everything(played.folder)
    python = os.path.dirname(sys.executable)
    ran = played.start(
        "status", "--json", env={"PATH": "/nowhere"} if os.path.exists(f"{python}/git") else {"PATH": ""}
    )

    assert (ran.code, ran.failure["kind"]) == (9, "git-missing")
    assert everything(played.folder) == before
