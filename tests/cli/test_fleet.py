"""Proof that the fleet followed: ``status --fleet``, and ``--wait`` of rollback and promote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import repoint
from repoint.board import FolderBoard
from repoint.fleet import report
from repoint_schemas.canonical import digest_of, encode

from tests.cli.bucket_registry import Bucketed, make_bucketed
from tests.cli.commandline import Json, Team, check_schema, is_safe, records
from tests.cli.shared_registry import be_impatient
from tests.cli.terminals import on_a_terminal, plain
from tests.servers.proxy import DropReply, Exchange, FaultProxy
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION

ROLLBACK = ("rollback", "refund@1.5.0", "-m", "bad")
NEWEST = 4
"""The generation that production stands at: refund 1.5.0 and intake 2.1.0; at 3 intake is not there yet."""


class Processes:
    """Processes of which only the reports are here."""

    def __init__(self, team: Team) -> None:
        self.board = FolderBoard(str(team.folder / ".git/repoint/readers"))
        self.folder = team.folder

    def say(self, number: int, generation: int, name: str | None = None, registry: str | None = None) -> None:
        """A process reports that it serves a generation that is there."""
        with repoint.open_workspace(self.folder, os.environ) as workspace:
            record = workspace.registry.record_at(PRODUCTION)(generation)
        identifier, digest = f"{number:032x}", digest_of(encode(record))
        said = report(PRODUCTION, registry or record.registry, identifier, name or f"web-{number}", generation, digest)
        self.board.post(PRODUCTION, identifier, said)

    def age(self, number: int, seconds: float) -> None:
        """As if a process had said that so long ago."""
        path, at = self.folder / f".git/repoint/readers/production/{number:032x}.json", time.time() - seconds
        os.utime(path, (at, at))


@pytest.fixture
def processes(played: Team) -> Processes:
    return Processes(played)


def fleet_of(result: Json) -> Json:
    found = result["fleet"]
    assert isinstance(found, dict)
    return found


# -- status --fleet --------------------------------------------------------------------------------------------------


def test_a_fleet_that_followed(played: Team, processes: Processes) -> None:
    for number in range(3):
        processes.say(number, NEWEST)

    assert "\nproduction: 3 of 3 processes confirmed generation 4\n" in played.done("status", "--fleet")
    assert "\nstaging: no process reports what it serves\n" in played.done("status", "--fleet")
    assert "refund in production: 3 of 3 processes confirmed 1.5.0\n" in played.done("status", "--fleet", "refund")
    assert "processes" not in played.done("status")


def test_a_fleet_that_did_not(played: Team, processes: Processes) -> None:
    for number in range(16):
        processes.say(number, NEWEST if number < 14 else 2)
    processes.age(15, 61)
    text = played.done("status", "--fleet", "--env", "production", "refund")

    assert "refund in production: 14 of 16 processes confirmed 1.5.0; 2 last seen on 1.4.2\n  web-14  " in text
    assert text.endswith("\n  web-15  generation 2, last heard of 1m ago\n")
    assert "intake in production: 14 of 16 processes confirmed 2.1.0; 2 last seen without it" in played.done(
        "status", "--fleet"
    )
    (fleet,) = records(played.result("status", "--fleet", "--env", "production", "refund"), "fleets")
    assert (fleet["processes"], fleet["confirmed"], fleet["live"]) == (16, 14, {"refund": "1.5.0"})
    assert fleet["serving"] == [
        {"agent": "refund", "version": "1.5.0", "processes": 14, "followed": True},
        {"agent": "refund", "version": "1.4.2", "processes": 2, "followed": False},
    ]
    assert [(each["name"], each["generation"]) for each in records(fleet, "behind")] == [("web-14", 2), ("web-15", 2)]


def test_what_does_not_count(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    processes.say(1, 2)
    processes.age(1, 91)
    processes.say(2, 2, registry="5a0c4b1e-0000-4000-8000-000000000000")
    processes.board.post(PRODUCTION, f"{3:032x}", b"damaged")

    assert "production: 1 of 1 processes confirmed generation 4" in played.done("status", "--fleet")


def test_a_name_cannot_play_tricks(played: Team, processes: Processes) -> None:
    processes.say(0, 2, name="evil\x1b[2J\u202e\nproduction: all well")
    text = played.done("status", "--fleet")

    assert is_safe(text)
    assert "\nproduction: all well" not in text


def test_many_that_are_behind_are_counted(played: Team, processes: Processes) -> None:
    for number in range(25):
        processes.say(number, 2)
    out = plain(on_a_terminal(played, "--no-color", "status", "--fleet").out)

    assert "0 of 25 processes confirmed 1.5.0; 25 last seen on 1.4.2" in out
    assert "\n  and 15 more\n" in out
    assert all(len(line) <= 80 for line in out.splitlines())


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_time_runs_out(played: Team, processes: Processes) -> None:
    for number in range(2):
        processes.say(number, NEWEST)
    ran = played.run(*ROLLBACK, "--wait", "20ms")

    assert ran.code == 11
    assert "production generation 5: rollback\n  refund  1.5.0 -> 1.4.2\n" in ran.out
    assert "refund in production: 0 of 2 processes confirmed 1.4.2; 2 last seen on 1.5.0\n" in ran.out
    assert ran.err.startswith("error: 2 of 2 processes have not confirmed generation 5 of production\n")
    assert "repoint status --fleet --env production" in ran.err
    assert played.live()["refund"] == "1.4.2"


def test_time_runs_out_for_programs(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    ran = played.run(*ROLLBACK, "--wait", "0", "--json")

    check_schema("rollback", ran.json)
    assert (ran.code, ran.failure["kind"], ran.json["done"]) == (11, "not-confirmed", True)
    assert ran.failure["facts"] == {"behind": ["web-0"]}
    assert (fleet_of(ran.json)["processes"], fleet_of(ran.json)["confirmed"]) == (1, 0)
    again = played.run(*ROLLBACK, "--wait", "0", "--json")
    assert (again.code, again.json["done"]) == (11, False), "nothing to do, and it is waited for all the same"


def test_nobody_reports(played: Team) -> None:
    ran = played.run(*ROLLBACK, "--wait", "1h")
    other = played.run("promote", "refund@1.4.2", "--env", "staging", "--wait", "1h", "--json")

    assert (ran.code, other.code, other.failure["kind"]) == (11, 11, "no-reports-seen")
    assert "  refund  1.5.0 -> 1.4.2\n" in ran.out
    assert "production: no process reports what it serves\n" in ran.out
    assert "report=True" in ran.err
    assert other.json["done"] is True


def test_quiet(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    ran = played.run("-q", *ROLLBACK, "--wait", "0")

    assert (ran.code, ran.out) == (11, "")
    assert ran.err.startswith("error: 1 of 1 processes")


def test_a_dry_run_waits_for_nobody(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)

    assert "processes" not in played.done(*ROLLBACK, "--wait", "1h", "--dry-run")


@pytest.mark.parametrize("text", ["", "soon", "-1s", "2h", "1e3", "5 s", "\u0665s", "99999999999999999999s", "nan"])
def test_a_time_that_is_none(played: Team, text: str) -> None:
    played.refused(*ROLLBACK, f"--wait={text}", code=3, kind="invalid-duration", says=["30s"])


def test_real_readers_are_followed_to_the_end(played: Team, tmp_path: Path) -> None:
    readers = [
        repoint.Reader(str(played.folder), interval=0.05, cache=None, report=f"web-{number}") for number in range(2)
    ]
    try:
        while "2 of 2 processes confirmed" not in played.done("status", "--fleet"):
            assert readers[0].active("refund").version == "1.5.0"
        back = played.done(*ROLLBACK, "--wait", "60s")
        there = played.result("promote", "refund@1.3.2", "--env", "production", "--wait", "1m")
        served = [reader.active("refund").version for reader in readers]
    finally:
        for reader in readers:
            reader.close()

    assert back.endswith("refund in production: 2 of 2 processes confirmed 1.4.2\n")
    assert (fleet_of(there)["confirmed"], fleet_of(there)["behind"]) == (2, [])
    assert served == ["1.3.2", "1.3.2"]
    assert "production: no process reports" in played.done("status", "--fleet"), "they have taken their reports back"


def waiting(team: Team, *options: str) -> subprocess.Popen[str]:
    """A rollback that waits for a process which is behind."""
    command = [sys.executable, "-m", "repoint_cli", *ROLLBACK, "--wait", "5m", *options]
    return subprocess.Popen(command, cwd=team.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_to(process: subprocess.Popen[str], beginning: str) -> list[str]:
    assert process.stdout is not None
    found: list[str] = []
    while not found or not found[-1].strip().startswith(beginning):
        found.append(process.stdout.readline())
        assert found[-1], found
    return found


def test_the_move_is_told_before_it_is_waited(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    with waiting(played) as process:
        told = "".join(lines_to(process, "in full:"))
        assert "production generation 5: rollback\n  refund  1.5.0 -> 1.4.2\n" in told
        assert "to undo: repoint rollback refund --env production --to 1.5.0" in told
        assert process.poll() is None
        processes.say(0, 5)
        out, err = process.communicate()

    assert (process.returncode, err) == (0, "")
    assert out == "refund in production: 1 of 1 processes confirmed 1.4.2\n", "and nothing is told twice"


def test_ctrl_c_while_it_is_waited(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    with waiting(played) as process:
        lines_to(process, "in full:")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()

    assert (process.returncode, out) == (130, "")
    assert err == "interrupted; repoint status shows what was done\n"


WAITS_FOR_EVER = """\
import signal, sys
from repoint import fleet
from repoint_cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
def look(board, record):
    signal.raise_signal(signal.SIGINT)
fleet.fleet = look
main.main(sys.argv[1:])
"""


def test_ctrl_c_does_not_hide_the_move_from_programs(played: Team, processes: Processes) -> None:
    processes.say(0, NEWEST)
    command = [sys.executable, "-c", WAITS_FOR_EVER, *ROLLBACK, "--wait", "5m", "--json"]
    done = subprocess.run(command, cwd=played.folder, capture_output=True, text=True, check=False)

    assert done.returncode == 130
    told = json.loads(done.stdout)
    check_schema("rollback", told)
    assert (told["done"], told["generation"], told["fleet"]) == (True, 5, None)


# -- other stores ----------------------------------------------------------------------------------------------------


def test_a_git_remote_takes_no_reports_and_this_is_said_before_the_move(played: Team, tmp_path: Path) -> None:
    hub = tmp_path / "hub.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(played.folder), str(hub)], check=True)
    played.git("remote", "add", "origin", str(hub))
    played.done("migrate", "--to", "git:origin")
    before = played.generation()
    for arguments in (ROLLBACK, ("promote", "refund@1.4.2", "--env", "production")):
        played.refused(*arguments, "--wait", "30s", code=3, kind="no-reports", says=["Git remote", "bucket"])
    played.refused("status", "--fleet", code=3, kind="no-reports")

    assert played.generation() == before
    assert played.live()["refund"] == "1.5.0"


@pytest.fixture
def bucketed(tmp_path: Path, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Bucketed:
    return make_bucketed(s3_server, s3_bucket, Team(tmp_path), monkeypatch)


@pytest.mark.s3
def test_readers_of_a_bucket(bucketed: Bucketed) -> None:
    with repoint.Reader(bucketed.address, interval=0.05, cache=None, report="web-1") as reader:
        while "1 of 1 processes confirmed" not in bucketed.run("status", "--fleet").out:
            assert reader.active("refund").version == "0.2.0"
        back = bucketed.run("rollback", "refund@0.2.0", "--wait", "60s")
        verified = bucketed.run("verify", "--deep")

    assert (back.code, back.err) == (0, "")
    assert back.out.endswith("refund in production: 1 of 1 processes confirmed 0.1.0\n")
    assert "production: no process reports" in bucketed.run("status", "--fleet").out
    assert verified.code == 0, "a report is no damage"


@pytest.mark.s3
def test_reports_that_cannot_be_read_do_not_hide_the_move(
    bucketed: Bucketed, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(exchange: Exchange) -> DropReply | None:
        return DropReply() if "readers" in exchange.query else None

    host, _, port = s3_server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy:
        proxy.plan = faulty
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        be_impatient(monkeypatch)
        ran = bucketed.run("rollback", "refund@0.2.0", "--wait", "10ms", "--json")
        shown = bucketed.run("status", "--fleet")

        assert proxy.happened
    assert (ran.code, ran.failure["kind"], ran.json["done"]) == (11, "fleet-unreadable", True)
    assert "what was moved stands" in str(ran.failure["hint"])
    assert shown.code == 9
    assert "0.1.0" in shown.out, "what is live is shown all the same"
