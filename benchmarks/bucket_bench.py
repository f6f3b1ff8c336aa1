"""Measuring commands where a bucket decides, awscli and a bare script beside them, and large files into a bucket."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bucket_places import bucket_place, remove_below, seed_pointer
from bucket_server import BUCKET, described, measured_server
from cases import Case
from environments import ROOT, plain_environment
from figures import BucketMeasured, Results, Upload, figure
from make_files import content
from measure import Costs, Launcher, Progress
from places import Place

from tests.servers.s3 import S3Server

SNAPSHOT_FILES, FILE_BYTES = 4, 64 * 1024 * 1024
UPLOAD_RUNS = 3

COPY, BARE = "aws s3 cp", "boto3, three requests"
STORED, COMMITTED, COPIED = "the store's upload", "commit", "aws s3 cp --recursive"

_MANIFEST = """\
schema = "repoint.manifest/1"
[agent]
name = "reader"
[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"
[prompts]
"""


def measure_bucket(
    results: Results,
    programs: Path,
    theirs: Path | None,
    cache: Path,
    work: Path,
    cases: Sequence[Case],
    sizes: Sequence[int],
    runs: int,
    kind: str | None,
    *,
    uploads: bool,
) -> None:
    """Put into ``results``: the server, the unit, every case at every size, others beside, and uploads."""
    with measured_server(kind) as server, Launcher(work) as launcher:
        home = work / "home"
        environment = plain_environment(home) | server.environment() | {"XDG_STATE_HOME": str(home / "state")}
        results.bucket_server = described(server)
        meter = _Meter(launcher, str(programs / "python"), work, environment)
        repoint = str(programs / "repoint")
        places = [bucket_place(cache, work, size, repoint, server, environment) for size in sizes]
        results.bucket = meter.commands(repoint, cases, places, _beside(server, programs, theirs, work), runs)
        if uploads:
            results.uploads = _uploads(meter, server, programs, theirs, work, environment)
        results.bucket_unit = figure(meter.units)


class _Meter:
    """Runs commands, each after one unit."""

    def __init__(self, launcher: Launcher, python: str, work: Path, environment: Mapping[str, str]) -> None:
        self._launcher = launcher
        self._unit = [python, "-c", "pass"]
        self._work = work
        self._environment = environment
        self.units = Costs()

    def run(
        self,
        costs: Costs,
        command: Sequence[str],
        folder: Path | None = None,
        variables: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.units.append(self._launcher.cost(self._unit, self._work, self._environment))
        costs.append(self._launcher.cost(command, folder or self._work, {**self._environment, **dict(variables)}))

    def commands(
        self, repoint: str, cases: Sequence[Case], places: Sequence[Place], beside: Mapping[str, list[str]], runs: int
    ) -> list[BucketMeasured]:
        """Every case in every place and everything beside them, taking turns."""
        pairs = [(case, at, Costs()) for case in cases for at in places]
        others = {name: Costs() for name in beside}
        progress = Progress(runs * (len(pairs) + len(others)))
        for _ in range(runs):
            for name, costs in others.items():
                progress.step(name)
                self.run(costs, beside[name])
            for case, at, costs in pairs:
                progress.step(f"{case.name}, {at.size:,} in a bucket")
                if costs.enough(runs):
                    continue
                self.run(costs, [repoint, *at.filled(case.arguments)], at.folder, case.variables)
                if case.writes:
                    at.restore()
        progress.end()
        measured = [BucketMeasured(case.name, at.size, figure(costs)) for case, at, costs in pairs]
        return measured + [BucketMeasured(name, 0, figure(costs)) for name, costs in others.items()]


def _beside(server: S3Server, programs: Path, theirs: Path | None, work: Path) -> dict[str, list[str]]:
    key = seed_pointer(server)
    beside = {BARE: [str(programs / "python"), str(ROOT / "benchmarks/bare_boto3.py"), BUCKET, key]}
    if theirs is not None:
        beside[COPY] = [str(theirs / "aws"), "s3", "cp", f"s3://{BUCKET}/{key}", str(work / "pointer.json")]
    return beside


# -- large files -----------------------------------------------------------------------------------------------------


def _uploads(
    meter: _Meter, server: S3Server, programs: Path, theirs: Path | None, work: Path, environment: Mapping[str, str]
) -> list[Upload]:
    """A snapshot of 256 MiB, three times in turns: the store's upload alone, a whole commit, and ``aws s3 cp``."""
    folder = work / "large"
    agent = _agent(folder, str(programs / "repoint"), environment)
    kept = shutil.copytree(folder / ".git", folder.with_suffix(".kept"))
    commands = {
        STORED: [str(programs / "python"), str(ROOT / "benchmarks/store_files.py"), f"s3://{BUCKET}/large", str(agent)],
        COMMITTED: [str(programs / "repoint"), "commit", "reader", "-m", "All of it"],
    }
    if theirs is not None:
        source, to = str(agent / "prompts"), f"s3://{BUCKET}/large/blobs/"
        commands[COPIED] = [str(theirs / "aws"), "s3", "cp", "--quiet", "--recursive", source, to]
    costs, progress = {name: Costs() for name in commands}, Progress(UPLOAD_RUNS * len(commands))
    for _ in range(UPLOAD_RUNS):
        for name, command in commands.items():
            progress.step(name)
            meter.run(costs[name], command, folder)
            for below in ("blobs/", "snapshots/", "releases/"):
                remove_below(server, f"large/{below}")
            shutil.rmtree(folder / ".git")
            shutil.copytree(kept, folder / ".git")
    progress.end()
    return [Upload(name, SNAPSHOT_FILES * FILE_BYTES, figure(each)) for name, each in costs.items()]


def _agent(folder: Path, repoint: str, environment: Mapping[str, str]) -> Path:
    """A registry in the bucket, and an agent with four files of 64 MiB that nothing has seen yet."""
    agent = folder / "agents/reader"
    (agent / "prompts").mkdir(parents=True)
    manifest, whole = _MANIFEST, content("prose", FILE_BYTES)
    for number in range(SNAPSHOT_FILES):
        manifest += f'part{number} = "prompts/part{number}.md"\n'
        (agent / f"prompts/part{number}.md").write_bytes(b"Part %d.\n" % number + whole[9:])
    (agent / "agent.toml").write_text(manifest, encoding="utf-8")
    for command in (
        ["git", "init", "--quiet", "--initial-branch=main"],
        ["git", "config", "user.name", "Ada"],
        ["git", "config", "user.email", "ada@acme.example"],
        [repoint, "init", "--store", f"s3://{BUCKET}/large"],
    ):
        subprocess.run(command, cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL)
    return agent
