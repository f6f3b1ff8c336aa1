"""What is printed to be run next is run here: hints that went to a dead end once, and reading on beside damage."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import Team, records
from tests.cli.conftest import make_repository


def damage(team: Team, name: str) -> None:
    """Overwrite the loose object of a revision."""
    oid = team.git("rev-parse", name).strip()
    path = team.folder / ".git" / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"junk")


def test_at_the_bottom_no_rollback_is_advised_that_leads_nowhere(played: Team) -> None:
    failure = played.refused("rollback", "intake", code=4, kind="bottom-reached")
    assert "--to" not in str(failure["hint"])
    assert "repoint promote intake@VERSION --env production" in str(failure["hint"])


def test_at_the_bottom_one_way_back_is_a_whole_command(played: Team) -> None:
    played.done("yank", "refund@1.4.2", "-m", "leaks")
    played.done("rollback", "refund")
    failure = played.refused("rollback", "refund", code=4, kind="bottom-reached")

    command = re.search(r"repoint (rollback refund --env production --to [0-9.]+);", str(failure["hint"]))
    assert command is not None, failure
    played.done(*command[1].split())
    assert played.live()["refund"] == "1.5.0"


def test_the_difference_of_a_rollback_is_named_so_that_it_stays_true(played: Team) -> None:
    for dry in (["--dry-run"], []):
        out = played.done("rollback", "refund@1.5.0", *dry)
        command = re.search(r"in full: repoint (.+)$", out, re.MULTILINE)
        assert command is not None
        assert command[1] == "diff refund@1.5.0 refund@1.4.2"
        assert "prompt system" in played.done(*command[1].split())


def test_a_dry_run_of_several_names_no_move_that_was_not_made(played: Team) -> None:
    out = played.done("rollback", "--to-generation", "1", "--dry-run")
    assert "production~1" not in out


def test_no_undo_is_offered_that_is_refused(played: Team) -> None:
    played.done("yank", "refund@1.5.0", "-m", "leaks")
    result = played.result("rollback", "refund@1.5.0")
    assert result["undo"] is None
    assert played.result("rollback", "refund@1.4.2")["undo"] == "repoint rollback refund --env production --to 1.4.2"


def test_nothing_named_offers_what_works(played: Team) -> None:
    played.done("rollback", "refund@1.5.0")
    played.done("unhold", "refund@1.5.0", "--env", "production")
    played.done("promote", "refund@1.5.0", "--env", "production")
    played.done("yank", "refund@1.4.2", "-m", "leaks")
    played.done("yank", "refund@1.3.2", "-m", "leaks")
    said = played.run("rollback").err

    assert "(cannot be undone: refund 1.5.0 has nothing good beneath it" in said
    assert said.count("repoint rollback refund@1.5.0") == 0
    # generation 3 made 1.5.0 live, too, but what is live is generation 7's
    assert re.search(r"^  3 .*\n      \(not live any more\)$", said, re.MULTILINE)


def test_nothing_named_above_a_damaged_record(played: Team) -> None:
    played.done("history")
    damage(played, "repoint/env/production~2")
    said = played.run("rollback").err
    assert re.search(r"^  3 .*\n      \(cannot be undone: Git object .* is damaged", said, re.MULTILINE), said
    assert "fatal" not in said


def test_history_shows_what_lies_above_damage(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    damage(played, "repoint/env/production~2")
    ran = played.run("history")

    assert ran.code == 8
    assert "no receipt" in ran.out
    assert re.search(r"^     4 ", ran.out, re.MULTILINE)
    assert not re.search(r"^     3 ", ran.out, re.MULTILINE)
    assert "is damaged" in ran.err
    machine = played.run("--json", "history")
    assert (machine.code, machine.out) == (8, "")


def test_a_shallow_clone_is_told_to_fetch_by_every_command(played: Team, tmp_path: Path) -> None:
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{played.folder}", str(tmp_path / "s")],
        check=True,
    )
    shallow = Team(tmp_path / "s")
    for branch in ("staging", "production", "registry"):
        shallow.git("branch", f"repoint/env/{branch}", f"origin/repoint/env/{branch}")
    for command in ("rollback refund", "diff production~1", "history --at 2100-01-01"):
        ran = shallow.run(*command.split())
        assert ran.code in (0, 9), (command, ran)
        assert ran.code == 0 or "git fetch --unshallow --tags" in ran.err
    assert shallow.run("rollback", "refund").code == 9
    shallow.refused("history", code=9, kind="shallow-ledger", says=["git fetch --unshallow --tags"])


def test_status_advises_no_promote_of_what_was_rolled_back(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "--env", "production")
    played.done("promote", "refund@1.4.2", "--env", "staging")
    assert "promote refund@1.5.0" not in played.done("status")


def test_status_without_environments_begins_with_a_line(played: Team, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(played.folder), str(tmp_path / "c")], check=True)
    assert not Team(tmp_path / "c").run("status").out.startswith("\n")


def test_forms_of_rollback_say_what_would_do(played: Team) -> None:
    hint = played.refused("rollback", "refund@staging", code=2, kind="version-required")["hint"]
    assert hint == "repoint rollback refund --env staging"
    played.refused("rollback", "refund", "--to", "1.4.2", "--to-generation", "1", code=2, says=["--to VERSION"])
    played.refused("rollback", "refund", "refund@1.5.0", code=2, kind="agent-named-twice", says=["refund is named"])
    played.refused("init", "--remote", "origin", code=6, kind="registry-mismatch", says=["local"])


def test_times_that_the_index_and_the_records_tell_differently(played: Team) -> None:
    """Several candidates are verified, too."""
    played.done("history", "--at", "2100-01-01T00:00:00Z")
    assert [r["generation"] for r in records(played.result("history", "--at", "2100-01-01T00:00:00Z"))] == [4]


def test_bare_diff_with_one_side(tmp_path: Path, fresh: Team) -> None:
    bare = make_repository(tmp_path / "bare.git", "--bare")
    bare.done("init")
    bare.done("commit", "refund", "-m", "First", "--from", str(fresh.agent()))
    assert "a second side" in bare.run("diff", "refund@0.1.0").err


@pytest.mark.parametrize("module", ["typing", "re", "enum", "click"])
def test_nothing_is_loaded_before_ctrl_c_is_quiet(module: str) -> None:
    code = f"import sys; import repoint_cli.__main__; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", _PATHS + code], check=False).returncode == 0


_PATHS = f"import sys; sys.path[:0] = {[str(Path(__file__).parents[2] / 'cli')]!r}; "
