"""A move whose outcome is not known: ``status`` lists it, ``resolve`` or the next move settles it and says how."""

from __future__ import annotations

import hashlib
import json
import subprocess
import uuid
from pathlib import Path

import pytest

from repoint.moves import FreezeMoves, Moved, Stamp, decide
from repoint.pointer import view_of
from repoint.workspace import open_workspace
from repoint_schemas.canonical import encode
from repoint_schemas.documents import EnvironmentName, Identity, PendingMove

from tests.cli.commandline import Team, check_schema

PRODUCTION = EnvironmentName("production")


def left_pending(team: Team, *, stale: bool = False) -> str:
    """Save a freeze as if its sending had been lost; with ``stale`` somebody else moved since."""
    tip = team.git("rev-parse", "refs/heads/repoint/env/production").strip()
    record = json.loads(team.git("cat-file", "blob", f"{tip}:record.json"))
    identifier = str(uuid.uuid4())

    workspace = open_workspace(team.folder, {"PATH": "/usr/bin:/bin"})
    try:
        current = workspace.registry.current(PRODUCTION)
        assert current.record.generation == record["generation"]
        stamp = Stamp(Identity("kim@acme.example", "Kim"), "2026-11-20T02:51:13Z", identifier, "audit")
        decision = decide(view_of(workspace.registry, current), FreezeMoves(), stamp)
        assert isinstance(decision, Moved)
        content = encode(decision.record).decode()
        workspace.state.save_pending(
            PendingMove(environment=PRODUCTION, expected=tip, id=identifier, record=content, store="local")
        )
    finally:
        workspace.close()
    if stale:
        team.git("update-ref", "refs/heads/repoint/env/production", move_by_hand(team, tip))
    return identifier


def move_by_hand(team: Team, tip: str) -> str:
    """Another clone's next record: the same state, unfrozen, with a valid chain."""

    content = team.git("cat-file", "blob", f"{tip}:record.json").encode()
    record = json.loads(content)
    record |= {
        "action": "unhold",
        "changes": [],
        "generation": record["generation"] + 1,
        "id": str(uuid.uuid4()),
        "previous": "sha256:" + hashlib.sha256(content).hexdigest(),
    }
    path = Path(team.folder) / "record"
    path.write_bytes(json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    blob = team.git("hash-object", "-w", str(path)).strip()
    path.unlink()
    agents = team.git("rev-parse", f"{tip}:agents").strip()
    listing = f"040000 tree {agents}\tagents\n100644 blob {blob}\trecord.json\n"

    tree = subprocess.run(
        ["git", "-C", str(team.folder), "mktree"], input=listing, capture_output=True, text=True, check=True
    ).stdout.strip()
    return team.git("commit-tree", tree, "-p", tip, "-m", "by hand").strip()


def test_status_lists_it_and_resolve_sends_it_again(played: Team) -> None:
    identifier = left_pending(played)
    assert identifier in played.run("status").out
    result = played.result("resolve", identifier)
    check_schema("resolve", result)
    assert (result["id"], result["action"], result["stands"]) == (identifier, "freeze", True)
    assert played.result("status")["pending"] == []
    newest = played.result("history")["records"]
    assert isinstance(newest, list)
    assert newest[0]["id"] == identifier
    played.refused("resolve", identifier, code=4, kind="no-such-pending-move")


def test_one_that_somebody_overtook_is_settled_as_not_done(played: Team) -> None:
    identifier = left_pending(played, stale=True)
    result = played.result("resolve", identifier)
    assert result["stands"] is False
    assert "no move" in played.refused("resolve", identifier, code=4)["message"]  # type: ignore[operator]


@pytest.mark.parametrize("command", [["rollback", "refund@1.5.0"], ["promote", "refund@1.4.2", "--env", "production"]])
def test_the_next_move_settles_it_first_and_says_so(played: Team, command: list[str]) -> None:
    identifier = left_pending(played)
    ran = played.run(*command)
    assert f"the earlier move {identifier} (freeze) is part of the ledger" in ran.err
    assert ran.code == (0 if command[0] == "rollback" else 7)  # the freeze that now stands refuses the promote


def test_an_unknown_id_says_what_to_do(played: Team) -> None:
    assert "repoint status" in str(played.refused("resolve", "nothing", code=4)["hint"])
