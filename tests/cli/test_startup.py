"""Start-up is a feature: what each command imports, measured in a process of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import DataNotFoundError
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

from repoint.s3client import S3Client, Settings, Written
from repoint.s3keys import Address
from repoint.s3models import SERVICES, ModelFiles, service_names
from repoint.s3upload import checksum

from tests.cli.commandline import Team
from tests.servers.proxy import FaultProxy
from tests.servers.s3 import S3Server

HEAVY = {"git", "pydantic", "pydantic_core", "boto3", "botocore", "rich", "semver", "tomli_w"}
"""Packages that no command of an incident may import."""

INCIDENT = [
    "rollback refund@1.5.0 -m bad",
    "rollback refund@1.5.0 --dry-run",
    "rollback --to-generation 2",
    "status",
    "history",
    "history --agent refund",
    "list",
    "list refund -n 20",
    "log refund",
    "show refund@1.5.0",
    "show refund@production",
    "promote refund@1.4.2 --env staging",
    "yank refund@1.2.0 -m bad",
    "freeze production -m week",
    "unhold refund@1.4.2 --env production",
]


def imported(team: Team, *arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The packages that a command imported, by their first name."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "repoint_cli", *arguments],
        cwd=team.folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_the_measure_itself(played: Team) -> None:
    """``status`` reads the registry: the test below can fail."""
    assert imported(played, "status") >= {"click", "msgspec", "repoint", "repoint_schemas", "subprocess"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=["--help", "--version", "nothing"])
def test_help_imports_nothing_of_the_library(played: Team, arguments: list[str]) -> None:
    found = imported(played, *arguments)

    assert "click" in found
    assert found & {*HEAVY, "msgspec", "repoint", "repoint_schemas", "subprocess", "rfc8785"} == set()


@pytest.mark.parametrize("command", INCIDENT)
def test_commands_of_an_incident_import_little(played: Team, command: str) -> None:
    assert imported(played, *command.split()) & HEAVY == set()
    assert imported(played, *command.split(), "--json") & HEAVY == set()


def test_completion_imports_little(played: Team) -> None:
    line = "repoint show refund@"
    env = {"_REPOINT_COMPLETE": "bash_complete", "COMP_LINE": line}

    assert imported(played, env=env) & HEAVY == set()


# -- a bucket --------------------------------------------------------------------------------------------------------


def test_a_bucket_costs_its_client_and_no_more(repository_only: Team, s3_server: S3Server, s3_bucket: str) -> None:
    """The SDK's core, without boto3's own layer above it, and nothing that only other commands need."""
    env = s3_server.environment()
    imported(repository_only, "init", "--store", f"s3://{s3_bucket}/team", env=env)

    for command in (["history"], ["status"], ["freeze", "production", "-m", "week"]):
        found = imported(repository_only, *command, env=env)
        assert "botocore" in found
        assert found & (HEAVY - {"botocore"} | {"s3transfer", "asyncio"}) == set()


def test_what_needs_no_bucket_does_not_load_its_client(
    repository_only: Team, s3_server: S3Server, s3_bucket: str
) -> None:
    env = s3_server.environment()
    imported(repository_only, "init", "--store", f"s3://{s3_bucket}/team", env=env)

    assert imported(repository_only, "new", "refund", env=env) & HEAVY == set()
    assert imported(repository_only, "check", env=env) & HEAVY == set()


def test_the_data_of_the_sdk_is_read_as_the_sdk_reads_it() -> None:
    theirs, ours = create_loader(), create_loader()
    ours.file_loader = ModelFiles()

    for kind in ("service-2", "endpoint-rule-set-1"):
        for service in ("s3", "sts", "sso", "sso-oidc"):
            assert ours.load_service_model(service, kind) == theirs.load_service_model(service, kind)
    for name in ("partitions", "_retry", "sdk-default-configuration"):
        assert ours.load_data(name) == theirs.load_data(name)
    assert set(service_names(ours.search_paths)) >= set(theirs.list_available_services("service-2"))
    with pytest.raises(DataNotFoundError):
        ours.load_data("nothing")


def test_the_endpoints_that_are_kept_are_those_of_the_sdk() -> None:
    theirs, ours = (EndpointResolver(loader.load_data("endpoints")) for loader in (create_loader(), _fast_loader()))
    regions = [region for name in theirs.get_available_partitions() for region in _regions(theirs, name)]

    assert ours.get_available_partitions() == theirs.get_available_partitions()
    assert len(regions) > 30
    for service in SERVICES:
        for region in (*regions, "us-unheard-of-1", "aws-global"):
            assert ours.construct_endpoint(service, region) == theirs.construct_endpoint(service, region)


def _fast_loader() -> Any:
    loader = create_loader()
    loader.file_loader = ModelFiles()
    return loader


def _regions(resolver: Any, partition: str) -> list[str]:
    regions: list[str] = resolver.get_available_endpoints("s3", partition)
    return regions


def test_a_small_object_is_one_round_trip(s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked for first (``Expect: 100-continue``); before eight megabytes are sent it is."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    where = urlsplit(s3_server.endpoint)
    with FaultProxy((where.hostname or "", where.port or 0)) as proxy:
        client = S3Client(Settings(Address(s3_bucket, "team", proxy.endpoint)))
        for key, content in (("small", b"{}"), ("large", bytes(2 * 1024**2))):
            assert client.create(key, content, checksum(hashlib.sha256(content).hexdigest())) is Written.DONE
    asked = {each.path.rpartition("/")[2]: each.headers.get("expect") for each in proxy.seen}
    assert asked == {"small": None, "large": "100-continue"}
