"""The S3 servers that other tests rely on behave as said: right, not atomic, deaf to conditions, or refusing them."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROOT
from tests.servers import s3
from tests.servers.processes import NoServer, child, run_quietly, told_port

WRITERS = 16
TRIES = 40


def status_of_put(client: Any, bucket: str, body: bytes, key: str = "key", **conditions: str) -> int:
    try:
        done = client.put_object(Bucket=bucket, Key=key, Body=body, **conditions)
    except ClientError as error:
        done = error.response
    status: int = done["ResponseMetadata"]["HTTPStatusCode"]
    return status


def read(client: Any, bucket: str) -> bytes:
    content: bytes = client.get_object(Bucket=bucket, Key="key")["Body"].read()
    return content


@pytest.mark.parametrize(
    ("kind", "create", "stale", "left"),
    [
        ("moto", 412, 412, b"first"),
        ("moto-bare", 412, 412, b"first"),
        ("ignoring", 200, 200, b"third"),
        ("unimplemented", 501, 501, b"first"),
    ],
)
def test_a_server_takes_and_gives_an_object_and_treats_a_failed_condition_as_its_kind_does(
    kind: str, create: int, stale: int, left: bytes
) -> None:
    with s3.serve(kind) as server:
        client, bucket = s3.client(server), s3.new_bucket(server)
        assert status_of_put(client, bucket, b"first") == 200
        assert read(client, bucket) == b"first"
        assert status_of_put(client, bucket, b"second", IfNoneMatch="*") == create
        assert status_of_put(client, bucket, b"third", IfMatch='"0123456789abcdef0123456789abcdef"') == stale
        assert read(client, bucket) == left
    assert not listens(server)


@pytest.mark.s3
def test_conditions_on_any_good_server(s3_server: s3.S3Server, s3_bucket: str) -> None:
    client = s3.client(s3_server)
    assert status_of_put(client, s3_bucket, b"too early", IfMatch='"0123456789abcdef0123456789abcdef"') == 404
    assert status_of_put(client, s3_bucket, b"first", IfNoneMatch="*") == 200
    assert status_of_put(client, s3_bucket, b"second", IfNoneMatch="*") == 412
    etag = client.head_object(Bucket=s3_bucket, Key="key")["ETag"]
    assert status_of_put(client, s3_bucket, b"third", IfMatch=etag) == 200
    assert status_of_put(client, s3_bucket, b"fourth", IfMatch=etag) == 412
    assert read(client, s3_bucket) == b"third"


def winners(server: s3.S3Server, bucket: str, key: str, pool: ThreadPoolExecutor) -> int:
    """How many of the writers who create one key at the same time are told that they did."""
    together = threading.Barrier(WRITERS)

    def create(writer: int) -> bool:
        together.wait()
        return status_of_put(s3.client(server), bucket, b"%d" % writer, key, IfNoneMatch="*") == 200

    return sum(pool.map(create, range(WRITERS)))


@pytest.mark.s3
def test_one_of_many_writers_creates_a_key_on_any_good_server(s3_server: s3.S3Server, s3_bucket: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        assert [winners(s3_server, s3_bucket, f"key-{number}", pool) for number in range(8)] == [1] * 8


def test_two_of_many_writers_create_a_key_without_the_lock() -> None:
    with s3.serve("moto-bare") as server, ThreadPoolExecutor(WRITERS) as pool:
        bucket = s3.new_bucket(server)
        assert any(winners(server, bucket, f"key-{number}", pool) > 1 for number in range(TRIES))


def test_a_body_that_was_cut_is_not_kept() -> None:
    with s3.serve("moto") as server:
        bucket = s3.new_bucket(server)
        host, port = server.endpoint.removeprefix("http://").split(":")
        head = f"PUT /{bucket}/key HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 10\r\n\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + b"12345")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        assert s3.client(server).list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_versioned_bucket_keeps_both() -> None:
    with s3.serve("moto") as server:
        client, bucket = s3.client(server), s3.new_bucket(server, versioned=True)
        assert status_of_put(client, bucket, b"first") == status_of_put(client, bucket, b"second") == 200
        assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 2


def test_the_environment_leads_the_ordinary_client_there(
    s3_server: s3.S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("s3")
    assert s3_bucket in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    client.close()


SERVE_AND_WAIT = """\
import sys
from tests.servers import s3
with s3.serve("moto") as server:
    print(server.endpoint.rpartition(":")[2], flush=True)
    sys.stdin.read()
"""


def test_a_server_ends_with_a_parent_that_is_killed() -> None:
    command = [sys.executable, "-c", SERVE_AND_WAIT]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, cwd=ROOT) as parent:
        server = s3.running("moto", f"http://127.0.0.1:{told_port(parent)}")
        assert listens(server)
        parent.kill()
        parent.communicate(timeout=60)  # the server shares its standard error, which ends when both are gone
    assert not listens(server)


def test_a_server_that_cannot_start_says_so() -> None:
    with child([sys.executable, "-c", "raise SystemExit(3)"]) as process, pytest.raises(NoServer, match="status 3"):
        told_port(process)


def test_what_cannot_be_built_says_why() -> None:
    with pytest.raises(NoServer, match="no space left"):
        run_quietly([sys.executable, "-c", "raise SystemExit('no space left')"])


def listens(server: s3.S3Server) -> bool:
    try:
        urllib.request.urlopen(server.endpoint, timeout=30).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
