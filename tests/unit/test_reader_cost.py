"""What a reader costs in imports, requests and round trips; times and memory are measured in ``benchmarks``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from repoint.moves import Promote

from tests.servers.proxy import depth
from tests.stores import pair
from tests.unit.reader_places import BucketPlace, ReaderPlace, RepositoryPlace
from tests.unit.test_reader import versions

pytest_plugins = ["tests.unit.reader_fixtures"]

AGENTS = 20
LATENCY = 0.4
"""Seconds of every reply; what is sent together overlaps for certain, on a busy machine too."""

FOREIGN = {"boto3", "click", "git", "pydantic", "rich", "yaml", "tomli_w", "semver", "detect_secrets", "openfeature"}
COMMANDS = {
    "repoint_cli",
    "repoint.workspace",
    "repoint.manifest",
    "repoint.moves",
    "repoint.pointer",
    "repoint.registry",
}
GIT = {"repoint.gitprocess", "repoint.gitrepo", "repoint.store_git"}

SCRIPT = """
import json, sys
import repoint
reader = repoint.Reader(**json.loads(sys.argv[1]), interval=None)
assert reader.active("refund").version == "1.0.0"
reader.poll()
print(json.dumps(sorted(sys.modules)))
"""


def imported_by(place: ReaderPlace) -> set[str]:
    """Every module of a fresh interpreter that serves from a place."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(place.arguments())], capture_output=True, check=True, text=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.s3
def test_a_bucket_needs_the_sdk_and_nothing_else(bucket_place: BucketPlace) -> None:
    found = imported_by(bucket_place)
    assert found & (FOREIGN | COMMANDS | GIT) == set()
    assert {"botocore", "repoint.s3sdk"} <= found


def test_a_repository_needs_neither_sdk_nor_gitpython(repository_place: RepositoryPlace) -> None:
    found = imported_by(repository_place)
    assert found & (FOREIGN | {"repoint_cli", "botocore", "repoint.s3sdk", "repoint.manifest"}) == set()
    assert "repoint.gitprocess" in found


def test_importing_the_reader_alone_brings_in_no_store() -> None:
    script = "import json, sys, repoint; repoint.Reader; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    found = set(json.loads(done.stdout))
    assert found & (FOREIGN | COMMANDS | GIT | {"botocore", "repoint.s3client", "subprocess"}) == set()


@pytest.mark.s3
def test_an_idle_look_is_one_conditional_request(bucket_place: BucketPlace) -> None:
    reader = bucket_place.reader()
    bucket_place.proxy.start_over()
    assert not reader.poll()
    assert bucket_place.proxy.wait_quiet()
    (asked,) = bucket_place.proxy.seen
    assert (asked.method, asked.status) == ("GET", 304)
    assert asked.path.endswith("/environments/production.json")
    assert asked.headers["if-none-match"]


@pytest.mark.s3
def test_twenty_agents_are_there_after_six_round_trips(bucket_place: BucketPlace) -> None:
    place = bucket_place
    names = [f"agent-{number:02}@1.0.0" for number in range(AGENTS)]
    place.put_versions(*names)
    place.move(Promote(tuple(pair(name) for name in names)))
    place.proxy.latency = LATENCY
    place.proxy.start_over()
    reader = place.reader()
    assert place.proxy.wait_quiet()
    assert len(versions(reader)) == AGENTS + 2
    assert depth(place.proxy.seen) <= 6
    assert len({exchange.path for exchange in place.proxy.seen}) == len(place.proxy.seen), "nothing is asked for twice"
    cold = depth(place.proxy.seen)

    place.proxy.start_over()
    again = place.reader()
    assert place.proxy.wait_quiet()
    assert again.agents.keys() == reader.agents.keys()
    assert depth(place.proxy.seen) < cold
    assert len(place.proxy.seen) <= 6, "what the disk keeps is not asked for"


@pytest.mark.s3
def test_a_move_asks_only_for_what_is_new(bucket_place: BucketPlace) -> None:
    place = bucket_place
    reader = place.reader()
    place.promote("refund@1.1.0")
    place.proxy.latency = LATENCY
    place.proxy.start_over()
    assert reader.poll()
    assert place.proxy.wait_quiet()
    asked = [exchange.path.removeprefix(f"/{place.bucket}/{place.prefix}/") for exchange in place.proxy.seen]
    assert not [path for path in asked if "intake" in path]
    assert len([path for path in asked if path.startswith("blobs/")]) == 2
    assert depth(place.proxy.seen) <= 5
    assert len(asked) == len(set(asked))
