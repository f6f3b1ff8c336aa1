"""What every move says, whatever else is asked for: earlier moves that were settled, and warnings nobody may miss."""

from __future__ import annotations

import pytest

from repoint.gitledger import ENTRY_BYTES, HEADER_BYTES

from tests.cli.commandline import Team, records, texts
from tests.cli.test_resolve import left_pending


def test_a_refusal_tells_what_was_settled_before_it(played: Team) -> None:
    identifier = left_pending(played)
    ran = played.run("promote", "refund@9.9.9", "--env", "production")
    assert ran.code == 4
    assert f"the earlier move {identifier} (freeze) is part of the ledger" in ran.err


def test_a_refusal_tells_programs_too_what_was_settled_before_it(played: Team) -> None:
    identifier = left_pending(played)
    ran = played.run("promote", "refund@9.9.9", "--env", "production", "--json")
    assert ran.code == 4
    facts = ran.failure["facts"]
    assert isinstance(facts, dict)
    assert texts(facts, "settled") == [f"the earlier move {identifier} (freeze) is part of the ledger"]


def test_a_move_tells_once_what_was_settled_before_it(played: Team) -> None:
    identifier = left_pending(played)
    (warning,) = texts(played.result("rollback", "refund@1.5.0"), "warnings")
    assert identifier in warning


@pytest.fixture
def tied(played: Team) -> Team:
    """refund 2.0.0 is live, which requires the intake that is live over another one."""
    played.publish("Intake prompt, better", "intake", "--version", "2.2.0")
    manifest = played.agent() / "agent.toml"
    manifest.write_text(manifest.read_text() + '\n[requires]\nintake = ">=2.2.0"\n')
    played.done("commit", "refund", "-m", "Needs intake 2.2", "--version", "2.0.0")
    played.done("promote", "intake@2.2.0", "refund@2.0.0", "--env", "production")
    return played


@pytest.mark.parametrize("quiet", [True, False])
def test_a_warning_goes_to_standard_error_also_when_quiet(tied: Team, quiet: bool) -> None:
    ran = tied.run("rollback", "intake@2.2.0", *["-q"] * quiet)
    assert ran.code == 0
    assert ran.err.startswith("warning: refund 2.0.0 requires intake >=2.2.0")
    assert "requires intake" not in ran.out
    assert (ran.out == "") == quiet


def test_programs_read_a_warning_of_a_move_in_its_notes_alone(tied: Team) -> None:
    result = tied.result("rollback", "intake@2.2.0")
    assert "requires-broken" in [note["kind"] for note in records(result, "notes")]
    assert result["warnings"] == []


def test_get_off_a_version_to_another_one_only_while_it_is_live(played: Team) -> None:
    assert played.result("rollback", "refund@1.5.0", "--to", "1.3.2")["done"] is True
    again = played.result("rollback", "refund@1.5.0", "--to", "1.4.2")
    assert again["done"] is False
    assert "1.3.2 is, since generation 5" in str(again["reason"])
    played.refused("rollback", "refund@9.9.9", "--to", "1.4.2", code=4, kind="no-such-version")
    assert played.live()["refund"] == "1.3.2"


def test_an_index_with_wrong_times_moves_nothing(played: Team) -> None:
    (record,) = records(played.result("history", "-n", "1"))
    index = played.folder / ".git" / "repoint" / "ledger" / "production.idx"
    content = bytearray(index.read_bytes())
    last = HEADER_BYTES + 4 * ENTRY_BYTES
    content[last + 20 : last + 28] = (1 << 40).to_bytes(8, "big")  # the newest record, far in the future
    index.write_bytes(content)
    at = str(record["time"])
    ran = played.run("rollback", "--at", at)
    assert ran.code in (0, 8), ran
    if ran.code == 8:
        assert ".git/repoint/ledger" in ran.err
        (played.folder / ".git" / "repoint" / "ledger" / "production.idx").unlink()
        ran = played.run("rollback", "--at", at)
    assert "stands as it did in generation 4" in ran.out
    assert played.generation() == 4
