"""The policies in examples/iam on a server that enforces them: moto, which refuses for real but ignores conditions.

What rests on a condition is worked out in test_iam.py only; examples/iam/README.md says what is exercised where.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import botocore.session
import pytest
from botocore.exceptions import ClientError

from repoint import s3keys
from repoint_schemas.documents import AgentName, Version

from tests.examples.iampolicies import (
    BLOB,
    BUCKET_POLICY,
    ENVIRONMENT,
    LASTING,
    LEDGER,
    PREFIXES,
    PROBE,
    PRODUCTION,
    RELEASE,
    REPORT,
    ROLES,
    SNAPSHOT,
    Document,
    policy,
)
from tests.servers.s3 import S3Server, client, new_bucket, serve

ANYTHING: Document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@dataclass(frozen=True)
class Team:
    """One bucket, and a client for each role that carries its policy; ``admin`` may do everything."""

    bucket: str
    clients: Mapping[str, Any]

    def path(self, key: str) -> str:
        return f"{PREFIXES[0]}/{key}"

    def put(self, who: str, key: str, content: bytes = b"x", **condition: str) -> None:
        self.clients[who].put_object(Bucket=self.bucket, Key=self.path(key), Body=content, **condition)

    def delete(self, who: str, key: str) -> None:
        self.clients[who].delete_object(Bucket=self.bucket, Key=self.path(key))

    def read(self, who: str, key: str) -> bytes | None:
        """What lies there; None where nothing does."""
        try:
            return cast("bytes", self.clients[who].get_object(Bucket=self.bucket, Key=self.path(key))["Body"].read())
        except ClientError as error:
            if status(error) == 404:
                return None
            raise


def status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def refused(call: Callable[..., object], *arguments: object, **named: object) -> bool:
    """Whether the server forbids it; any other failure is raised."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        if status(error) == 403:
            return True
        raise
    return False


def hire(server: S3Server, name: str, document: Document) -> Any:
    """A user with a policy; a client with their keys."""
    iam = botocore.session.Session().create_client(
        "iam",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return client(replace(server, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]))


def unconditional(document: Document) -> Document:
    """The statements without a condition: moto takes a deny with one for a deny of everything."""
    return {**document, "Statement": [s for s in document["Statement"] if "Condition" not in s]}


def enforce(server: S3Server) -> None:
    """From here on moto asks for permissions."""
    headers = {"Content-Type": "text/plain"}
    asked = urllib.request.Request(f"{server.endpoint}/moto-api/reset-auth", b"0", headers, method="POST")
    with urllib.request.urlopen(asked, timeout=30) as reply:
        assert json.load(reply)["status"] == "ok"


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    """The three roles and an administrator at a server that enforces permissions, something of each kind stored."""
    with serve("moto") as server:
        bucket = new_bucket(server)
        clients = {role: hire(server, role, policy(role, bucket)) for role in ROLES}
        clients["admin"] = hire(server, "admin", ANYTHING)
        lasting = unconditional(policy(BUCKET_POLICY, bucket))
        assert [s["Sid"] for s in lasting["Statement"]] == ["KeepForEver"]
        client(server).put_bucket_policy(Bucket=bucket, Policy=json.dumps(lasting))
        made = Team(bucket, clients)
        enforce(server)
        for key in (*LASTING, PROBE):
            made.put("admin", key, b"first")
        yield made


def test_the_server_enforces_permissions(team: Team) -> None:
    nobody = replace(team, clients={"nobody": hire_nobody(team)})
    assert refused(nobody.read, "nobody", RELEASE)


def hire_nobody(team: Team) -> Any:
    """A client with keys that nobody has."""
    endpoint = team.clients["admin"].meta.endpoint_url
    return client(S3Server("moto", endpoint, "AKIAIOSFODNN7NOBODYS", "nothing"))


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads(team: Team, role: str) -> None:
    for key in LASTING:
        assert team.read(role, key) == b"first"
    assert team.read(role, s3keys.ledger_key(PRODUCTION, 43)) is None
    found = team.clients[role].list_objects_v2(Bucket=team.bucket, Prefix=team.path("releases/"))
    assert [each["Key"] for each in found["Contents"]] == [team.path(RELEASE)]


def test_the_reader_writes_nothing_but_reports(team: Team) -> None:
    for key in (*LASTING, PROBE):
        assert refused(team.put, "reader", key)
        assert team.read("admin", key) == b"first"
    team.put("reader", REPORT)
    for role in ROLES:
        assert team.read(role, REPORT) == b"x"
        found = team.clients[role].list_objects_v2(Bucket=team.bucket, Prefix=team.path("readers/production/"))
        assert [each["Key"] for each in found["Contents"]] == [team.path(REPORT)]
    for role in ("publisher", "mover"):
        assert refused(team.put, role, REPORT)
        assert refused(team.delete, role, REPORT)
    team.delete("reader", REPORT)
    assert team.read("admin", REPORT) is None


def test_the_publisher_publishes_and_does_not_move(team: Team) -> None:
    for key in (s3keys.blob_key("a" * 64), s3keys.release_key(AgentName("refund"), Version("1.3.0"))):
        team.put("publisher", key, IfNoneMatch="*")
        assert team.read("admin", key) == b"x"
    for key in (ENVIRONMENT, LEDGER, s3keys.ledger_key(PRODUCTION, 43)):
        before = team.read("admin", key)
        assert refused(team.put, "publisher", key, IfNoneMatch="*")
        assert team.read("admin", key) == before


def test_the_publisher_uploads_in_parts(team: Team) -> None:
    publisher, at = team.clients["publisher"], {"Bucket": team.bucket, "Key": team.path(s3keys.blob_key("b" * 64))}
    upload = publisher.create_multipart_upload(**at)["UploadId"]
    publisher.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"large")
    found = publisher.list_multipart_uploads(Bucket=team.bucket, Prefix=at["Key"])
    assert [each["UploadId"] for each in found["Uploads"]] == [upload]
    parts = [{k: p[k] for k in ("PartNumber", "ETag")} for p in publisher.list_parts(**at, UploadId=upload)["Parts"]]
    publisher.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    assert team.read("reader", s3keys.blob_key("b" * 64)) == b"large"
    for role in ("reader", "mover"):
        assert refused(team.clients[role].create_multipart_upload, **at)


def test_the_mover_moves_and_does_not_publish(team: Team) -> None:
    mover, at = team.clients["mover"], {"Bucket": team.bucket, "Key": team.path(ENVIRONMENT)}
    try:
        team.put("mover", s3keys.ledger_key(PRODUCTION, 44), IfNoneMatch="*")
        team.put("mover", ENVIRONMENT, b"second", IfMatch=mover.head_object(**at)["ETag"])
        assert team.read("reader", ENVIRONMENT) == b"second"
    finally:
        team.put("admin", ENVIRONMENT, b"first")
    for key in (BLOB, SNAPSHOT, RELEASE, s3keys.release_key(AgentName("refund"), Version("9.9.9"))):
        before = team.read("admin", key)
        assert refused(team.put, "mover", key, IfNoneMatch="*")
        assert team.read("admin", key) == before


@pytest.mark.parametrize("who", [*ROLES, "admin"])
def test_nobody_deletes_what_lasts(team: Team, who: str) -> None:
    for key in LASTING:
        assert refused(team.delete, who, key)
        assert team.read("admin", key) == b"first"


@pytest.mark.parametrize("who", ["publisher", "mover"])
def test_who_probes_the_store_cleans_up_after_it(team: Team, who: str) -> None:
    probe = f"{s3keys.PROBES}{who}/create"
    team.put(who, probe, IfNoneMatch="*")
    assert team.read(who, probe) == b"x"
    team.delete(who, probe)
    assert team.read("admin", probe) is None
    assert refused(team.delete, "reader", PROBE)


@pytest.mark.s3
def test_a_real_server_forbids_its_owner_to_delete_what_lasts(s3_server: S3Server, s3_bucket: str) -> None:
    if s3_server.kind == "localstack":
        pytest.skip("LocalStack asks no bucket policy")
    owner = Team(s3_bucket, {"owner": client(s3_server)})
    for key in (*LASTING, PROBE):
        owner.put("owner", key)
    lasting = unconditional(policy(BUCKET_POLICY, s3_bucket))
    client(s3_server).put_bucket_policy(Bucket=s3_bucket, Policy=json.dumps(lasting))
    for key in LASTING:
        assert refused(owner.delete, "owner", key)
        assert owner.read("owner", key) == b"x"
    owner.delete("owner", PROBE)
    assert owner.read("owner", PROBE) is None
