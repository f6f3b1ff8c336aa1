"""Seeded schedules of everything that a network and a server do wrong, judged by what everybody was told.

Promises 1, 3 and 4 on S3. Each schedule asserts that its faults happened by counting them; all together must have met
every kind. The same schedules with one protection taken out must be caught, or this would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.s3_schedule import AIMED, KINDS, Result, SeededPlan, run_schedule
from tests.faults.s3_world import ALL, BROKEN, Protections, new_bench
from tests.servers.proxy import Plan
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.s3

GROUP = 25
"""Schedules of one test, which share a server, a proxy and the SDK's clients."""

AIMED_AT = 8
MOST = 60
"""Schedules within which a missing protection must show."""


@pytest.fixture(autouse=True)
def settings(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


@contextmanager
def played(
    server: S3Server,
    folder: Path,
    seeds: Iterable[int],
    protections: Protections = ALL,
    planned: Callable[[int], Plan] = SeededPlan,
) -> Iterator[Iterator[Result]]:
    """The results of schedules, each played when it is asked for."""
    with new_bench(server, folder, protections) as bench:
        yield (run_schedule(bench, seed, planned) for seed in seeds)


def played_together(server: S3Server, folder: Path, seeds: range) -> Result:
    total = Result()
    with played(server, folder, seeds) as results:
        for result in results:
            assert result.faults, "nothing happened in this schedule"
            total.add(result)
    assert total.schedules == len(seeds)
    assert set(total.faults) == set(KINDS), f"never happened: {set(KINDS) - set(total.faults)}"
    return total


@pytest.mark.parametrize("group", range(4))
def test_whatever_goes_wrong_everybody_is_told_the_truth(s3_server: S3Server, tmp_path: Path, group: int) -> None:
    total = played_together(s3_server, tmp_path, range(group * GROUP, (group + 1) * GROUP))
    assert total.problems == [], "\n".join(total.problems)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", range(10))
def test_a_thousand_schedules(s3_server: S3Server, tmp_path: Path, group: int) -> None:
    total = played_together(s3_server, tmp_path, range(1000 + group * 100, 1000 + (group + 1) * 100))
    print(f"{total.schedules} schedules, {total.requests} requests, {dict(total.faults)}, {dict(total.outcomes)}")
    assert total.problems == [], "\n".join(total.problems)


@pytest.mark.parametrize("name", BROKEN)
def test_without_one_protection_the_judge_finds_it(s3_server: S3Server, tmp_path: Path, name: str) -> None:
    with played(s3_server, tmp_path, range(MOST), BROKEN[name], AIMED.get(name, SeededPlan)) as results:
        caught = next(((n, r) for n, r in enumerate(results, 1) if r.problems), None)
    assert caught is not None, f"{name}: {MOST} schedules and no violation"
    print(f"{name}: {caught[1].problems} in schedule {caught[0]}")


@pytest.mark.parametrize("name", AIMED)
def test_with_it_the_same_plan_does_no_harm(s3_server: S3Server, tmp_path: Path, name: str) -> None:
    with played(s3_server, tmp_path, range(AIMED_AT), planned=AIMED[name]) as results:
        problems = [problem for result in results for problem in result.problems]
    assert problems == [], "\n".join(problems)
