"""What ``make bench`` rests on: budgets that can be exceeded, and bare Git that really does the job beside us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.servers.s3 import S3Server, client

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@acme.example",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@acme.example",
}


def figure(units: float, peak: int = 30_000_000) -> dict[str, object]:
    return {"wall": units / 100, "cpu": units / 100, "peak": peak, "runs": 15}


def command(name: str, size: int, units: float, peak: int = 30_000_000) -> dict[str, object]:
    return {"name": name, "size": size, "refs": "packed", "repoint": figure(units, peak), "bare": None}


def verdict(folder: Path, **parts: object) -> tuple[int, str]:
    """The exit code and the first line of the report on these figures; one unit is 10 ms."""
    names = ("cores", "system", "python", "git", "date", "load", "commit")
    results = {"machine": dict.fromkeys(names, "?"), "unit": figure(1), "file_unit": figure(1), **parts}
    (folder / "results.json").write_text(json.dumps(results))
    ran = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--again", str(folder / "results.json"), "--cache", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.partition("\n")[0]


def test_what_keeps_its_budget_is_within_it(tmp_path: Path) -> None:
    commands = [command("status", 10, 8), command("status", 10_000, 10), command("list", 10, 5)]
    assert verdict(tmp_path, commands=commands) == (0, "Everything that was measured is within its budget.")


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (
            [command("status", 10, 9), command("status", 10_000, 10.1)],
            "`status` (10.1 units at 10,000 packed, 10 allowed)",
        ),
        ([command("history", 10, 5), command("history", 10_000, 7)], "`history` (grows x 1.40, x 1.3 allowed)"),
        ([command("list", 10_000, 41)], "`list` (41.0 units at 10,000 packed, 40 allowed)"),
        ([command("doctor", 10, 5, 158_000_000)], "`doctor` (158 MB)"),
    ],
)
def test_what_exceeds_a_budget_is_named(tmp_path: Path, commands: list[dict[str, object]], said: str) -> None:
    assert verdict(tmp_path, commands=commands) == (1, f"Over budget: {said}.")


def test_a_large_file_that_is_not_streamed_is_over_budget(tmp_path: Path) -> None:
    row = {"name": "check", "content": "prose", "size": 64 * 1024**2, "repoint": figure(9, 200_000_000)}
    assert verdict(tmp_path, files=[row]) == (1, "Over budget: check of a file of 64 MiB (200 MB).")


def in_bucket(name: str, size: int, units: float, peak: int = 50_000_000) -> dict[str, object]:
    return {"name": name, "size": size, "cost": figure(units, peak)}


def uploaded(name: str, seconds: float, peak: int = 120_000_000) -> dict[str, object]:
    return {"name": name, "size": 256 * 1024**2, "cost": figure(seconds * 100, peak)}


BESIDE = [in_bucket("boto3, three requests", 0, 20), in_bucket("aws s3 cp", 0, 29)]


def bucket_verdict(folder: Path, *rows: dict[str, object], uploads: Sequence[dict[str, object]] = ()) -> str:
    """The first line of the report on these figures, beside a script of 20 units and a copy of 29."""
    code, said = verdict(folder, bucket=[*rows, *BESIDE], bucket_unit=figure(1), uploads=list(uploads))
    assert (code == 0) == said.startswith("Everything")
    return said


def test_a_bucket_that_keeps_its_budget_is_within_it(tmp_path: Path) -> None:
    rows = [in_bucket("promote", 10, 24), in_bucket("promote", 10_000, 26), in_bucket("list -n 20", 10_000, 500)]
    uploads = [uploaded("the store's upload", 5.7), uploaded("commit", 90), uploaded("aws s3 cp --recursive", 4)]
    assert bucket_verdict(tmp_path, *rows, uploads=uploads) == "Everything that was measured is within its budget."


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (in_bucket("status", 10_000, 31), "`status` in a bucket (31.0 units, 30 allowed)"),
        (in_bucket("rollback AGENT", 10, 26.5), "`rollback AGENT` in a bucket (6.5 units of its own, 6 allowed)"),
        (in_bucket("commit", 10, 26, 158_000_000), "`commit` in a bucket (158 MB)"),
    ],
)
def test_what_exceeds_a_budget_in_a_bucket_is_named(tmp_path: Path, row: dict[str, object], said: str) -> None:
    assert bucket_verdict(tmp_path, row) == f"Over budget: {said}."


def test_a_move_that_takes_longer_than_a_copy_is_over_budget(tmp_path: Path) -> None:
    said = bucket_verdict(tmp_path, in_bucket("promote", 10, 29.5))
    assert said.endswith("9.5 units of its own, 6 allowed, 29.5 units, aws s3 cp takes 29.0).")


def test_a_status_that_grows_with_the_bucket_is_over_budget(tmp_path: Path) -> None:
    said = bucket_verdict(tmp_path, in_bucket("status", 10, 20), in_bucket("status", 10_000, 27))
    assert said == "Over budget: `status` in a bucket (grows x 1.35, x 1.3 allowed)."


def test_an_upload_slower_than_seven_tenths_of_a_copy_is_over_budget(tmp_path: Path) -> None:
    uploads = [uploaded("the store's upload", 6), uploaded("aws s3 cp --recursive", 4)]
    said = bucket_verdict(tmp_path, in_bucket("history", 10, 9), uploads=uploads)
    assert said == "Over budget: the store's upload (67% of the rate of `aws s3 cp --recursive`, 70% wanted)."


def test_a_commit_that_holds_a_large_snapshot_is_over_budget(tmp_path: Path) -> None:
    said = bucket_verdict(tmp_path, in_bucket("history", 10, 9), uploads=[uploaded("commit", 60, 200_000_000)])
    assert said == "Over budget: commit of 256 MiB (200 MB)."


# -- registries ------------------------------------------------------------------------------------------------------


def make_registry(folder: Path, *options: str) -> Path:
    sources = os.pathsep.join(str(ROOT / source) for source in ("schemas", "registry", "cli"))
    make = [sys.executable, str(BENCHMARKS / "make_registry.py"), str(folder), "--size", "10", *options]
    subprocess.run(make, check=True, env={**ENVIRONMENT, "PYTHONPATH": sources})
    return folder


def test_a_bucket_holds_what_its_clone_does(tmp_path: Path, s3_server: S3Server, s3_bucket: str) -> None:
    """Nothing is missing from either, nothing differs, and Repoint itself can go on from there."""
    folder = make_registry(tmp_path / "shared", "--bucket", f"s3://{s3_bucket}/r10")
    objects = msgspec.msgpack.decode((tmp_path / "shared.bucket").read_bytes(), type=dict[str, bytes])
    for key, held in objects.items():
        client(s3_server).put_object(Bucket=s3_bucket, Key=f"r10/{key}", Body=held)

    def repoint(*arguments: str) -> dict[str, object]:
        run = [sys.executable, "-m", "repoint_cli", *arguments, "--json"]
        environment = {**ENVIRONMENT, **s3_server.environment()}
        ran = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        result: dict[str, object] = json.loads(ran.stdout)
        return result

    assert repoint("verify", "--deep")["findings"] == []
    rolled = repoint("rollback", "refund@0.0.6", "-m", "bad")
    assert (rolled["generation"], rolled["behind"]) == (10, [])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_registry(tmp_path_factory.mktemp("bare") / "registry")


def git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def bare(folder: Path, *arguments: str) -> str:
    """What ``bare_git.sh`` prints for a job."""
    script = ["/bin/sh", str(BENCHMARKS / "bare_git.sh"), *arguments]
    ran = subprocess.run(script, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_bare_git_publishes_the_files_as_they_are(registry: Path) -> None:
    bare(registry, "publish", "agents/refund", "refund@v0.0.7", "refund@v9.0.0")
    assert git(registry, "cat-file", "-t", "refund@v9.0.0") == "tag"
    assert git(registry, "rev-parse", "refund@v9.0.0^{commit}~1") == git(
        registry, "rev-parse", "refund@v0.0.7^{commit}"
    )
    published = git(registry, "ls-tree", "-r", "--name-only", "refund@v9.0.0").split("\n")
    folder = registry / "agents/refund"
    assert sorted(published) == sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    for path in published:
        assert git(registry, "rev-parse", f"refund@v9.0.0:{path}") == git(registry, "hash-object", str(folder / path))


def test_bare_git_moves_and_moves_back(registry: Path) -> None:
    branch = "refs/heads/repoint/env/staging"
    old = git(registry, "rev-parse", branch)
    bare(registry, "move", "staging", "refund@v0.0.3")
    moved = git(registry, "rev-parse", branch)
    assert git(registry, "rev-parse", f"{moved}^1", f"{moved}^2").split() == [
        old,
        git(registry, "rev-parse", "refund@v0.0.3^{commit}"),
    ]
    bare(registry, "rollback", "staging")
    assert git(registry, "rev-parse", f"{branch}~1", f"{branch}^{{tree}}").split() == [
        moved,
        git(registry, "rev-parse", f"{old}^{{tree}}"),
    ]


def test_bare_git_answers(registry: Path, tmp_path: Path) -> None:
    assert bare(registry, "list").count("\n") >= 10
    assert bare(registry, "list", "2").count("\n") == 2
    assert bare(registry, "log", "refund@v0.0.6", "2").count("commit ") == 2
    assert "snapshot.json" not in bare(registry, "diff", "refund@v0.0.3", "refund@v0.0.4")
    assert "+Revision 4." in bare(registry, "diff", "refund@v0.0.3", "refund@v0.0.4")
    assert "-Revision 6." in bare(registry, "changed", "refund@v0.0.6", "agents/refund")
    assert '"schema":"repoint.snapshot/1"' in bare(registry, "show", "refund@v0.0.3")
    assert "router" in bare(registry, "envs", "staging", "production")
    assert '"generation":0' in bare(
        registry, "at", "production", git(registry, "log", "-1", "--format=%cI", "repoint/env/production~9")
    )
    assert bare(registry, "history", "production").startswith("commit ")
    assert '"environment":"production"' in bare(registry, "status", "agents/refund", "staging", "production")
    assert bare(registry, "fsck") == bare(registry, "fsck", "--full")
    bare(registry, "export", "refund@v0.0.6", str(tmp_path / "out"))
    assert (tmp_path / "out/agent.toml").is_file()


def test_large_files_are_the_same_everywhere(tmp_path: Path) -> None:
    code = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); from make_files import *\n"
        "for kind in CONTENTS:\n"
        "    whole = content(kind, 20_000)\n"
        "    forms = whole, edited(kind, whole), rewritten(kind, whole)\n"
        "    print(len(whole), len(set(forms)), whole.count(b'\\n'), hashlib.sha256(b''.join(forms)).hexdigest())\n"
    )
    told = [
        subprocess.run([sys.executable, "-c", code, str(BENCHMARKS)], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1]
    prose, openapi, line = [row.split() for row in told[0].splitlines()]
    assert [row[1] for row in (prose, openapi, line)] == ["3", "3", "3"]
    assert (prose[0], line[0], line[2]) == ("20000", "20000", "0")
    assert int(openapi[0]) >= 20_000
