"""A registry in a bucket without a repository, made by the library in a moment, for commands with ``--registry``."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from repoint import pointer
from repoint.registry import Registry
from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address
from repoint.store_s3 import S3Store

from tests.cli.commandline import Ran, Team
from tests.servers.s3 import S3Server
from tests.stores import PRODUCTION, REGISTRY, STAGING, Stamps, initialised, promote, publish_version

PREFIX = "team"


@dataclass(frozen=True)
class Bucketed:
    """The registry, and a folder for commands that are run by its address."""

    registry: Registry
    address: str
    team: Team

    def run(self, *arguments: str) -> Ran:
        return self.team.run("--registry", self.address, *arguments)

    def start(self, *arguments: str, **env: str) -> Ran:
        return self.team.start("--registry", self.address, *arguments, env=env)


def make_bucketed(server: S3Server, bucket: str, team: Team, patch: pytest.MonkeyPatch) -> Bucketed:
    """refund 0.1.0, and 0.2.0 over it in production; the ordinary AWS settings lead to the server, Kim is asking."""
    for name, value in server.environment().items():
        patch.setenv(name, value)
    patch.setenv("REPOINT_ACTOR", "Kim <kim@acme.example>")
    address = Address(bucket, PREFIX)
    store = S3Store(S3Client(Settings(address)))
    registry = initialised(Registry(store, REGISTRY, str(address), None), PRODUCTION, STAGING)
    for version in ("0.1.0", "0.2.0"):
        publish_version(registry, f"refund@{version}")
        pointer.move(registry, PRODUCTION, promote(f"refund@{version}"), Stamps())
    return Bucketed(registry, str(address), team)
