"""``repoint run``: the live version as files for one process, and nothing of that process's own is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.bucket_registry import Bucketed, make_bucketed
from tests.cli.commandline import Ran, Team, run_here
from tests.cli.shared_registry import completed, dead_endpoint
from tests.servers.s3 import S3Server

SHOW = "import json, os, sys; print(json.dumps({'argv': sys.argv, 'env': dict(os.environ), 'cwd': os.getcwd()}))"


def told(team: Team, *options: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process that ``run`` starts is told in its environment."""
    ran = team.start("run", "refund", *options, "--", sys.executable, "-c", SHOW, env=env)
    assert ran.code == 0, ran
    found: dict[str, str] = json.loads(ran.out)["env"]
    return {name: value for name, value in found.items() if name.startswith("REPOINT_")}


def program(team: Team, code: str, *arguments: str) -> Ran:
    return team.start("run", "refund", "--", sys.executable, "-c", code, *arguments)


# -- what the process gets -------------------------------------------------------------------------------------------


def test_the_process_gets_the_files_and_what_they_are(played: Team) -> None:
    found = told(played)

    place = Path(found.pop("REPOINT_PATH"))
    digest = found.pop("REPOINT_DIGEST")
    assert found == {
        "REPOINT_AGENT": "refund",
        "REPOINT_ENVIRONMENT": "production",
        "REPOINT_GENERATION": "4",
        "REPOINT_STALE_SECONDS": "",
        "REPOINT_VERSION": "1.5.0",
    }
    assert digest == f"sha256:{place.name}"
    assert (place / "prompts/system.md").read_text() == "Refund prompt of 1.5.0"
    assert json.loads((place / "repoint.json").read_text())["version"] == "1.5.0"


def test_the_environment_that_is_named(played: Team) -> None:
    played.done("rollback", "refund@1.5.0")

    assert told(played)["REPOINT_VERSION"] == "1.4.2"
    assert told(played, "--env", "staging")["REPOINT_VERSION"] == "1.5.0"
    assert told(played, "--env=staging")["REPOINT_ENVIRONMENT"] == "staging"


def test_what_stands_behind_the_dashes_is_the_process_own(played: Team) -> None:
    arguments = [
        "-l",
        "--help",
        "--env",
        "staging",
        "--json",
        "-q",
        "--",
        "-C",
        "/nowhere",
        "",
        " a b ",
        "$HOME",
        "\u00e9\n",
    ]
    ran = program(played, SHOW, *arguments)

    assert json.loads(ran.out)["argv"] == ["-c", *arguments]
    assert json.loads(ran.out)["env"]["REPOINT_ENVIRONMENT"] == "production"


@pytest.mark.parametrize("code", [1, 255])
def test_its_exit_code_is_the_process_own(played: Team, code: int) -> None:
    assert program(played, f"import sys; sys.exit({code})") == Ran(code, "", "")


def test_it_is_the_same_process_and_ends_by_the_same_signal(played: Team) -> None:
    code = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    command = [sys.executable, "-m", "repoint_cli", "run", "refund", "--", sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=played.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_nothing_of_ours_is_left_in_the_process(played: Team) -> None:
    """No signal that Python ignores is ignored, no file is open, no child runs."""
    ran = played.start(
        "run", "refund", "--", "sh", "-c", "cat /proc/$$/status; ls /proc/$$/fd; cat /proc/$$/task/*/children"
    )

    status, _, rest = ran.out.partition("nonvoluntary")
    (ignored,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:"))
    assert not ignored & (1 << (signal.SIGPIPE - 1))
    _, *others = rest.split("\n", 1)[1].split()
    assert others[:2] == ["1", "2"]
    assert len(others) <= 3, "and cat itself"


def test_standard_streams_are_the_process_own(played: Team) -> None:
    command = [sys.executable, "-m", "repoint_cli", "run", "refund", "--", "cat"]
    done = subprocess.run(command, cwd=played.folder, input=b"\0in\xff", capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"\0in\xff", b"")


def test_it_starts_in_the_folder_that_is_named(played: Team, tmp_path: Path) -> None:
    ran = played.start("-C", str(played.folder), "run", "refund", "--", sys.executable, "-c", SHOW, cwd=tmp_path)
    by_address = ["--registry", str(played.folder), "run", "refund", "--", sys.executable, "-c", SHOW]

    assert json.loads(ran.out)["cwd"] == str(played.folder)
    assert json.loads(played.start(*by_address, cwd=tmp_path).out)["cwd"] == str(tmp_path)


# -- the folder ------------------------------------------------------------------------------------------------------


def test_one_folder_for_each_version_wherever_it_is_live(played: Team, isolated_home: Path) -> None:
    first, other = told(played), told(played, "--env", "staging")

    assert first["REPOINT_PATH"] == other["REPOINT_PATH"]
    assert os.path.dirname(first["REPOINT_PATH"]) == str(isolated_home / ".cache/repoint/run")


def test_the_cache_folder_of_the_account(played: Team, tmp_path: Path, isolated_home: Path) -> None:
    assert told(played, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})["REPOINT_PATH"].startswith(
        str(tmp_path / "cache/repoint/run")
    )
    assert told(played, env={"XDG_CACHE_HOME": "cache"})["REPOINT_PATH"].startswith(str(isolated_home / ".cache"))


def test_a_folder_that_was_changed_is_written_again(played: Team) -> None:
    place = Path(told(played)["REPOINT_PATH"])
    prompt = place / "prompts/system.md"
    prompt.chmod(0o644)
    prompt.write_text("Pay everybody.")

    assert told(played)["REPOINT_PATH"] == str(place)
    assert prompt.read_text() == "Refund prompt of 1.5.0"


def test_many_at_once(played: Team) -> None:
    code = "import os; print(open(os.environ['REPOINT_PATH'] + '/prompts/system.md').read())"
    command = [sys.executable, "-m", "repoint_cli", "run", "refund", "--", sys.executable, "-c", code]
    running = [subprocess.Popen(command, cwd=played.folder, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    assert [process.communicate()[0] for process in running] == ["Refund prompt of 1.5.0\n"] * 4


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["run", "refund"], ["run", "refund", "ls"], ["run", "refund", "--"], ["run"]])
def test_a_command_is_asked_for(played: Team, arguments: list[str]) -> None:
    played.refused(*arguments, code=2, says=["repoint run"])


def test_words_before_the_dashes_are_not_taken_for_the_command(played: Team) -> None:
    played.refused("run", "refund", "ls", "--", "-l", code=2, kind="command-required", says=["before --", "ls"])
    played.refused("run", "refund", "-l", "--", "ls", code=2, kind="usage", says=["-l"])


def test_what_is_not_live(played: Team) -> None:
    played.refused("run", "nobody", "--", "true", code=4, kind="not-live", says=["nobody", "intake, refund"])
    played.refused("run", "intake", "--env", "staging", "--", "true", code=4, kind="not-live", says=["staging"])
    played.refused("run", "refund", "--env", "nowhere", "--", "true", code=4, kind="no-such-environment")
    played.refused("run", "refund@1.4.2", "--", "true", code=3, says=["refund@1.4.2"])
    played.refused("run", "../refund", "--", "true", code=3)


def test_a_command_that_is_none(played: Team, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no program")
    for name in ("no-such-command", str(tmp_path / "nowhere"), str(tmp_path / "plain"), str(tmp_path), ""):
        failed = played.start("--json", "run", "refund", "--", name)
        assert (failed.code, failed.out, failed.failure["kind"]) == (4, "", "no-such-command")
    text = played.start("run", "refund", "--", "no-such-command", "--json")
    assert text.err.startswith("error: 'no-such-command' cannot be started"), "that --json is not ours"


def test_a_cache_folder_that_cannot_be_written(played: Team, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = played.start("--json", "run", "refund", "--", "true", env={"XDG_CACHE_HOME": str(tmp_path / "file")})

    assert (ran.code, ran.failure["exit_code"]) == (9, 9)


def test_completion(played: Team) -> None:
    assert completed(played, "run", "re", env={}) == ["refund"]
    assert completed(played, "run", "refund", "--env", "s", env={}) == ["staging"]
    assert completed(played, "run", "--env", "", env={}) == ["staging", "production"]
    assert completed(played, "run", "refund", "", env={}) == []
    assert completed(played, "run", "refund", "--", "l", env={}) == ["l"], "a file: the shell knows"


# -- the store is away -----------------------------------------------------------------------------------------------


@pytest.fixture
def bucketed(tmp_path: Path, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Bucketed:
    return make_bucketed(s3_server, s3_bucket, Team(tmp_path), monkeypatch)


SAY = ("--", "sh", "-c", "echo $REPOINT_VERSION $REPOINT_STALE_SECONDS.")


@pytest.mark.s3
def test_with_the_store_away_the_last_good_version_starts_and_says_how_old_it_is(
    bucketed: Bucketed, isolated_home: Path
) -> None:
    away = {"AWS_ENDPOINT_URL_S3": dead_endpoint()}
    nothing = bucketed.start("--json", "run", "refund", *SAY, **away)
    fresh = bucketed.start("run", "refund", *SAY)
    stale = bucketed.start("run", "refund", *SAY, **away)

    assert (nothing.code, nothing.out, nothing.failure["kind"]) == (9, "", "s3-unreachable")
    assert fresh == Ran(0, "0.2.0 .\n", "")
    assert stale.code == 0
    assert re.fullmatch(r"0\.2\.0 \d+\.\n", stale.out)
    (line,) = stale.err.splitlines()
    assert line.startswith("warning: production cannot be read now; this is what was live there ")
    assert " s ago: s3://" in line

    damaged = [p for p in (isolated_home / ".cache/repoint/readers").rglob("objects/*") if p.is_file()]
    for path in damaged:
        path.write_bytes(b"damaged")
    broken = bucketed.start("--json", "run", "refund", *SAY, **away)
    assert damaged
    assert (broken.code, broken.out, broken.failure["exit_code"]) == (9, "", 9)


def test_a_registry_in_a_git_remote(played: Team, tmp_path: Path) -> None:
    """Its address is a relative path, which begins at the top of the checkout, wherever the command is run."""
    shutil.copytree(played.folder, tmp_path / "hub")
    team = Team(tmp_path / "kim")
    subprocess.run(["git", "init", "--quiet", str(team.folder)], check=True)
    team.git("remote", "add", "origin", "../hub")
    shutil.copy(played.folder / "repoint.toml", team.folder)
    config = (team.folder / "repoint.toml").read_text()
    (team.folder / "repoint.toml").write_text(config.replace('"local"', '"git"') + '\n[git]\nremote = "origin"\n')
    (team.folder / "below").mkdir()
    ran = team.start("run", "refund", "--", "printenv", "REPOINT_VERSION", cwd=team.folder / "below")

    assert (ran.code, ran.out, ran.err) == (0, "1.5.0\n", "")


def test_help_is_its_own(played: Team) -> None:
    assert run_here("run", "--help").out.startswith("Usage: repoint run")
    assert run_here("run", "refund", "--help").out.startswith("Usage: repoint run")
