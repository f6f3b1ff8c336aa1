"""A bucket behind TLS, as every one in production: what breaks off there is unknown, and is never told as not done."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint.errors import StoreUnavailable
from repoint.s3client import S3Client, Settings, Written
from repoint.s3keys import Address

from tests.servers.s3 import S3Server
from tests.servers.tlsfront import TlsFront, tls_before

pytestmark = pytest.mark.s3


@pytest.fixture
def front(s3_server: S3Server, tmp_path: Path) -> Iterator[TlsFront]:
    with tls_before(s3_server.endpoint, tmp_path) as found:
        yield found


@pytest.fixture
def client(front: TlsFront, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name, value in (s3_server.environment() | {"AWS_CA_BUNDLE": str(front.certificate)}).items():
        monkeypatch.setenv(name, value)
    made = S3Client(Settings(Address(s3_bucket, "team", front.endpoint), patience=5))
    yield made
    made.close()


def sha256(content: bytes) -> str:
    return b64encode(hashlib.sha256(content).digest()).decode()


def test_a_certificate_that_nobody_vouches_for_is_refused_and_named(
    client: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with pytest.raises(StoreUnavailable, match="certificate of the S3 endpoint is not trusted") as caught:
        client.get("k", 10)
    assert caught.value.kind == "s3-certificate"
    assert "AWS_CA_BUNDLE" in (caught.value.hint or "")


@pytest.mark.parametrize("passed", [0, 20])
def test_a_write_whose_reply_breaks_off_in_tls_is_unknown_and_was_applied(
    client: S3Client, front: TlsFront, passed: int
) -> None:
    assert client.create("before", b"1", sha256(b"1")) is Written.DONE
    front.spoil = lambda line: passed if line.startswith("PUT") else None
    assert client.create("k", b"2", sha256(b"2")) is Written.UNKNOWN
    assert len(front.spoiled) == 1
    front.spoil = lambda _: None
    got = client.get("k", 10)
    assert got is not None
    assert got.content == b"2"
    assert client.create("k", b"2", sha256(b"2")) is Written.REFUSED


@pytest.mark.parametrize("passed", [0, 100, 200_000])
def test_a_read_that_breaks_off_in_tls_is_read_again(client: S3Client, front: TlsFront, passed: int) -> None:
    content = os.urandom(500_000)
    assert client.create("k", content, sha256(content)) is Written.DONE
    front.spoil = lambda line: passed if line.startswith("GET") and not front.spoiled else None
    got = client.get("k", len(content))
    assert len(front.spoiled) == 1
    assert got is not None
    assert got.content == content


def test_a_large_object_that_breaks_off_in_tls_is_taken_up_where_it_ended(client: S3Client, front: TlsFront) -> None:
    content = os.urandom(3_000_000)
    assert client.create("k", content, sha256(content)) is Written.DONE
    front.spoil = lambda line: 2_000_000 if line.startswith("GET") and not front.spoiled else None
    chunks = client.stream("k", len(content))
    assert chunks is not None
    assert b"".join(chunks) == content
    assert len(front.spoiled) == 1
