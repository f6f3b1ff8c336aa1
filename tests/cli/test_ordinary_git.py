"""Ordinary Git reads it all, without Repoint: tags, history, differences, blame; and GTO reads the tags."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.cli.commandline import Team


def test_tags(played: Team) -> None:
    assert played.git("tag", "-l", "refund@*").split() == [f"refund@v{v}" for v in ("1.2.0", "1.3.2", "1.4.2", "1.5.0")]
    assert played.git("cat-file", "-t", "refund@v1.5.0").strip() == "tag"
    subject = played.git("for-each-ref", "--format=%(contents:subject)", "refs/tags/refund@v1.5.0").strip()
    assert subject == "refund 1.5.0: Refund prompt of 1.5.0"


def test_the_tags_message_carries_the_release(played: Team) -> None:
    message = played.git("for-each-ref", "--format=%(contents:body)", "refs/tags/refund@v1.5.0").strip()
    release = json.loads(message)

    assert (release["agent"], release["version"], release["schema"]) == ("refund", "1.5.0", "repoint.release/1")


def test_log_shows_what_each_version_changed(played: Team) -> None:
    log = played.git("log", "-p", "--format=%s", "refund@v1.4.2")

    for version in ("1.4.2", "1.3.2", "1.2.0"):
        assert f"+Refund prompt of {version}" in log
    assert "-Refund prompt of 1.3.2" in log
    assert "1.5.0" not in log


def test_diff_between_versions(played: Team) -> None:
    diff = played.git("diff", "refund@v1.3.2", "refund@v1.5.0", "--", "prompts")

    assert "-Refund prompt of 1.3.2" in diff
    assert "+Refund prompt of 1.5.0" in diff


def test_blame(played: Team) -> None:
    played.write_prompt("Refund prompt of 1.5.0\nOne more line\n")
    played.done("commit", "refund", "-m", "More")
    blame = played.git("blame", "--line-porcelain", "refund@v1.6.0", "--", "prompts/system.md")

    assert "author Ada" in blame
    assert "summary More" in blame


def test_trailers_and_identity_of_a_versions_commit(played: Team) -> None:
    played.write_prompt("New\n")
    played.done("commit", "refund", "-m", "Ask first\n\nBecause of fraud.", "--ticket", "PAY-312")
    trailers = played.git("log", "-1", "--format=%(trailers:only,unfold)", "refund@v1.6.0")
    who = played.git("log", "-1", "--format=%an <%ae> %cn <%ce>", "refund@v1.6.0").strip()

    assert "Repoint-Agent: refund" in trailers
    assert "Repoint-Version: 1.6.0" in trailers
    assert "Ticket: PAY-312" in trailers
    assert who == "Ada <ada@acme.example> Ada <ada@acme.example>"


def test_the_environments_branch_reads_as_a_history_of_moves(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    log = played.git("log", "--first-parent", "--format=%s", "repoint/env/production").splitlines()
    toml = played.git("show", "repoint/env/production:agents/refund.toml")

    assert len(log) == 6
    assert "refund" in log[0]
    assert "1.4.2" in toml


def test_fsck_and_gc_keep_everything(played: Team) -> None:
    played.done("rollback", "refund@1.5.0")
    fsck = subprocess.run(
        ["git", "-C", str(played.folder), "fsck", "--strict", "--full", "--no-dangling"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (fsck.returncode, fsck.stdout) == (0, ""), fsck
    played.git("gc", "--quiet", "--prune=now")
    assert played.result("verify", "--deep")["findings"] == []


def test_a_clone_carries_every_version(played: Team) -> None:
    clone = played.folder.parent / "clone"
    subprocess.run(["git", "clone", "--quiet", str(played.folder), str(clone)], check=True)

    assert Team(clone).git("tag", "-l", "refund@*").split() == played.git("tag", "-l", "refund@*").split()
    Team(clone).git("fsck", "--strict")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("gto") is None, reason="gto is not installed (pip install gto)")
def test_gto_reads_the_tags(played: Team) -> None:
    done = subprocess.run(
        ["gto", "show", "--repo", str(played.folder), "--json"], capture_output=True, text=True, check=True
    )
    shown = json.loads(done.stdout)

    assert shown["refund"]["version"] == "v1.5.0"
    assert shown["intake"]["version"] == "v2.1.0"
    versions = subprocess.run(
        ["gto", "show", "refund", "--repo", str(played.folder), "--json"], capture_output=True, text=True, check=True
    )
    assert [each["version"] for each in json.loads(versions.stdout)] == ["v1.5.0", "v1.4.2", "v1.3.2", "v1.2.0"]
