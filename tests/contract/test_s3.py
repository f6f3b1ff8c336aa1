"""The S3 store passes the contract suite, against whichever server REPOINT_TEST_S3 names."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address, release_key
from repoint.store import Store
from repoint.store_s3 import S3Store
from repoint_schemas.documents import AgentName, Version

from tests.contract.store_suite import Place, StoreSuite
from tests.servers.s3 import S3Server, client

pytestmark = pytest.mark.s3


class S3Place:
    """One prefix of a bucket: every handle is another client."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        self.server = server
        self.address = Address(bucket, f"team/{uuid.uuid4().hex[:8]}", server.endpoint)
        self.opened: list[S3Store] = []

    def open(self) -> Store:
        self.opened.append(S3Store(S3Client(Settings(self.address, region=self.server.region))))
        return self.opened[-1]

    def plant_foreign(self, agent: AgentName, version: Version) -> None:
        key = f"{self.address.prefix}/{release_key(agent, version)}"
        client(self.server).put_object(Bucket=self.address.bucket, Key=key, Body=b"put there by a test")


class TestS3(StoreSuite):
    @pytest.fixture
    def place(self, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        for name, value in s3_server.environment().items():
            monkeypatch.setenv(name, value)
        place = S3Place(s3_server, s3_bucket)
        yield place
        for store in place.opened:
            store.close()
