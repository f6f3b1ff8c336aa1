"""A fleet of processes that follow one environment while it is rolled back again and again: promise 6 at work.

Nothing outside the chain is ever served, nothing out of order, no mix of two records, no other bytes than published;
and the fleet itself says when it has followed. ``tests/races/fleet_results.py`` does it with a hundred processes, on a
real server too, and writes docs/fleet-results.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from repoint.errors import NotConfirmed

from tests.races.fleet_judge import contradictions
from tests.races.fleet_process import Said
from tests.races.fleet_world import Fleet, World, confirm, new_world, roll_back, versions
from tests.servers.s3 import S3Server

ROUNDS = 1
"""Besides the two in which the command waits for the fleet."""

INTERVAL = 0.2


@pytest.fixture
def in_git(tmp_path: Path) -> World:
    return new_world(tmp_path / "team", ROUNDS + 2)


@pytest.fixture
def in_bucket(s3_server: S3Server, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return new_world(tmp_path / "team", ROUNDS + 2, f"s3://{s3_bucket}/team")


def followed(world: World, folder: Path) -> list[Said]:
    """A small fleet through some rollbacks, and what it served; it reports, and is told to have followed."""
    with Fleet(world, folder, 6, INTERVAL, report=True) as fleet:
        for version in versions(ROUNDS)[1:]:
            seconds = roll_back(world, fleet, version)[0].last
            print(f"{version}: the last of {fleet.processes} after {seconds:.2f} s")
        seen = confirm(world, fleet, *versions(ROUNDS + 2)[-2:])
    assert (seen.processes, seen.confirmed) == (6, 6)
    assert (seen.stopped_code, seen.stopped_confirmed) == (NotConfirmed.exit_code, 5)
    assert fleet.complaints == ""
    assert contradictions(fleet.said, world.ledger(), world.prompts) == []
    assert len(fleet.said) >= 6 * (1 + 2 * (ROUNDS + 1)), "the fleet was not there for every move"
    return fleet.said


def test_a_fleet_follows_the_repository(in_git: World, tmp_path: Path) -> None:
    said, ledger = followed(in_git, tmp_path / "fleet"), in_git.ledger()
    for what, alter in ALTERED.items():
        assert contradictions(alter(said), ledger, in_git.prompts), f"not found: {what}"


@pytest.mark.s3
def test_a_fleet_follows_the_bucket(in_bucket: World, tmp_path: Path) -> None:
    followed(in_bucket, tmp_path / "fleet")


def _with(**changed: object) -> Callable[[Sequence[Said]], Iterator[Said]]:
    """The last thing that was said, changed in this way."""

    def altered(said: Sequence[Said]) -> Iterator[Said]:
        yield from said[:-1]
        yield replace(said[-1], **changed)

    return altered


ALTERED: dict[str, Callable[[Sequence[Said]], Iterator[Said]]] = {
    "out of order": lambda said: iter([*said, *said[:1]]),
    "backwards": lambda said: iter(said[::-1]),
    "another record": _with(record="sha256:" + "0" * 64),
    "a generation that there is not": _with(generation=1000),
    "other bytes": _with(prompts="0" * 64),
    "another version": _with(versions={"refund": "1.0.0", "router": "1.1.0"}),
    "a mix of two records": _with(generations=[1, 2]),
}
"""What the judge must find in a fleet's words that were true before."""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_processes_follow_twenty_rollbacks(tmp_path: Path) -> None:
    rounds = versions(20)
    world = new_world(tmp_path / "team", 20)
    with Fleet(world, tmp_path / "fleet", 100, 2.0) as fleet:
        seconds = [roll_back(world, fleet, version)[0].last for version in rounds[1:]]
    print(f"the last of 100 processes: {min(seconds):.2f} to {max(seconds):.2f} s")
    assert contradictions(fleet.said, world.ledger(), world.prompts) == []
    assert sorted(seconds)[10] <= 3.0
