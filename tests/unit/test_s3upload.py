"""Files go into a bucket once, in parts where they are large, go on where they stopped, and are checked there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from repoint import s3upload
from repoint.errors import Corrupt, InvalidInput, RepointError
from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address, blob_key
from repoint.s3upload import put_files
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import FileEntry

from tests.cli.shared_registry import QUICK
from tests.servers import s3
from tests.servers.proxy import INTERNAL_ERROR, DropReply, DropRequest, Exchange, FaultProxy
from tests.stores import HeldBytes, entry_of

pytestmark = pytest.mark.s3

PART = s3upload.PART_BYTES
SIZES = (0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 17)


@dataclass
class Bucket:
    """One bucket behind a proxy, and what ``put_files`` said that the store holds."""

    server: s3.S3Server
    name: str
    proxy: FaultProxy
    told: list[int] = field(default_factory=list)

    def client(self) -> S3Client:
        address = Address(self.name, "team", self.proxy.endpoint)
        return S3Client(Settings(address, region=self.server.region, patience=QUICK))

    def put(self, *contents: bytes) -> list[FileEntry]:
        """Store contents as files."""
        entries = [entry_of(f"file-{number}", content) for number, content in enumerate(contents)]
        pairs = [(entry, HeldBytes(content)) for entry, content in zip(entries, contents, strict=True)]
        put_files(self.client(), pairs, self.told.append)
        return entries

    def stored(self, entry: FileEntry) -> bytes:
        body = s3.client(self.server).get_object(Bucket=self.name, Key=f"team/{blob_key(entry.sha256)}")["Body"]
        content: bytes = body.read()
        return content

    def plant(self, entry: FileEntry, content: bytes) -> None:
        s3.client(self.server).put_object(Bucket=self.name, Key=f"team/{blob_key(entry.sha256)}", Body=content)

    def checked_parts(self) -> list[str]:
        """The parts of the one unfinished upload whose checksum the store says; some say none."""
        (upload,) = s3.client(self.server).list_multipart_uploads(Bucket=self.name)["Uploads"]
        found = s3.client(self.server).list_parts(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
        return [str(part["PartNumber"]) for part in found["Parts"] if part.get("ChecksumSHA256")]

    def unfinished(self) -> int:
        found = s3.client(self.server).list_multipart_uploads(Bucket=self.name)
        return len(found.get("Uploads", []))


@pytest.fixture
def bucket(s3_server: s3.S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    host, _, port = s3_server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy:
        yield Bucket(s3_server, s3_bucket, proxy)


def some_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def is_part(exchange: Exchange) -> bool:
    return exchange.method == "PUT" and "partNumber=" in exchange.query


def is_completion(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.query.startswith("uploadId=")


@pytest.mark.parametrize("size", SIZES)
def test_what_comes_back_is_what_was_put(bucket: Bucket, size: int) -> None:
    content = some_bytes(size)

    (entry,) = bucket.put(content)
    assert bucket.stored(entry) == content
    assert sum(bucket.told) == size
    assert bucket.unfinished() == 0
    assert any(map(is_part, bucket.proxy.seen)) is (size > PART)


def test_every_upload_names_its_checksum_and_is_create_only(bucket: Bucket) -> None:
    bucket.put(some_bytes(10), some_bytes(PART + 1))

    puts = [e for e in bucket.proxy.seen if e.method == "PUT"]
    assert len(puts) == 3
    assert all("x-amz-checksum-sha256" in e.headers for e in puts)
    whole = [e for e in bucket.proxy.seen if is_completion(e) or (e.method == "PUT" and not is_part(e))]
    assert [e.headers.get("if-none-match") for e in whole] == ["*", "*"]


def test_what_is_there_is_not_sent_again(bucket: Bucket) -> None:
    contents = [some_bytes(size, size) for size in (0, 5, PART + 1)]
    bucket.put(*contents)
    bucket.proxy.start_over()

    bucket.put(*contents)
    assert [e.method for e in bucket.proxy.seen if e.is_write] == []
    assert sum(bucket.told) == 2 * sum(map(len, contents))


def test_the_same_content_twice_is_sent_once(bucket: Bucket) -> None:
    bucket.put(b"same", b"same")

    assert len([e for e in bucket.proxy.seen if e.method == "PUT"]) == 1


@pytest.mark.parametrize("size", [10, 2 * PART + 5], ids=["small", "in parts"])
def test_something_else_under_the_key_is_found(bucket: Bucket, size: int) -> None:
    content = some_bytes(size)
    bucket.plant(entry_of("file-0", content), bytes(reversed(content)))

    with pytest.raises(Corrupt) as found:
        bucket.put(content)
    assert found.value.kind == "corrupt-file"


def test_a_large_upload_goes_on_where_it_stopped(bucket: Bucket) -> None:
    content = some_bytes(4 * PART + 3)
    bucket.proxy.plan = lambda e: DropRequest() if is_part(e) and "partNumber=4" in e.query else None
    with pytest.raises(RepointError):
        bucket.put(content)
    assert bucket.proxy.happened
    assert bucket.unfinished() == 1
    held = bucket.checked_parts()
    bucket.proxy.wait_quiet()
    bucket.proxy.start_over()

    (entry,) = bucket.put(content)
    sent = [e.query.partition("partNumber=")[2].partition("&")[0] for e in bucket.proxy.seen if is_part(e)]
    assert sorted(sent) == [number for number in "12345" if number not in held], (
        "what it does not vouch for is sent again"
    )
    assert bucket.stored(entry) == content
    assert bucket.unfinished() == 0, "what nobody goes on with is given up"


def test_one_who_goes_on_with_an_upload_that_another_finished_is_content(bucket: Bucket) -> None:
    """Two commands publish the same large file: the second finds the upload gone in its midst, and the blob whole."""
    content = some_bytes(2 * PART + 9)
    bucket.proxy.plan = lambda e: DropRequest() if is_completion(e) else None
    with pytest.raises(RepointError):
        bucket.put(content)
    bucket.proxy.wait_quiet()
    bucket.proxy.start_over()

    finished: list[bool] = []

    def plan(exchange: Exchange) -> None:
        """Just before its first part, or its completion, another client finishes it."""
        if not finished and (is_part(exchange) or is_completion(exchange)):
            finished.append(True)
            direct = Bucket(bucket.server, bucket.name, bucket.proxy)
            address = Address(bucket.name, "team", bucket.server.endpoint)
            client = S3Client(Settings(address, region=bucket.server.region, patience=QUICK))
            put_files(client, [(entry_of("file-0", content), HeldBytes(content))], direct.told.append)

    bucket.proxy.plan = plan
    (entry,) = bucket.put(content)
    assert finished
    assert bucket.stored(entry) == content
    assert bucket.unfinished() == 0


def test_the_upload_of_a_file_that_changed_is_given_up(bucket: Bucket) -> None:
    with pytest.raises(InvalidInput):
        put_files(bucket.client(), [(entry_of("f", some_bytes(PART + 10)), Changing(PART + 10))], int)
    assert bucket.unfinished() == 0


@pytest.mark.parametrize("fault", [DropReply(), DropRequest(), INTERNAL_ERROR], ids=str)
@pytest.mark.parametrize("asked", [is_part, is_completion], ids=["part", "completion"])
def test_a_fault_of_one_request_of_a_large_upload_changes_nothing(
    bucket: Bucket, fault: DropReply, asked: object
) -> None:
    assert callable(asked)
    turns = count()  # parts go side by side: the first of them, whichever that is
    bucket.proxy.plan = lambda e: fault if asked(e) and next(turns) == 0 else None
    content = some_bytes(PART + 100)

    (entry,) = bucket.put(content)
    assert [f for _, f in bucket.proxy.happened] == [fault]
    assert bucket.stored(entry) == content


@pytest.mark.parametrize("fault", [DropReply(), DropRequest(), INTERNAL_ERROR], ids=str)
def test_a_fault_of_a_small_upload_changes_nothing(bucket: Bucket, fault: DropReply) -> None:
    bucket.proxy.plan = lambda e: fault if e.method == "PUT" and not bucket.proxy.happened else None

    (entry,) = bucket.put(b"content")
    assert [f for _, f in bucket.proxy.happened] == [fault]
    assert bucket.stored(entry) == b"content"


class Changing:
    """A file that is another one when it is read."""

    def __init__(self, size: int) -> None:
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        yield some_bytes(self.size, 7)


@pytest.mark.parametrize("size", [10, PART + 10], ids=["small", "in parts"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "stored already"])
def test_a_file_that_changes_meanwhile_is_refused(bucket: Bucket, size: int, there: bool) -> None:
    content = some_bytes(size)
    if there:
        bucket.put(content)
    entry = entry_of("prompts/system.md", content)

    with pytest.raises(InvalidInput) as refused:
        put_files(bucket.client(), [(entry, Changing(size))], int)
    assert (refused.value.kind, refused.value.facts["path"]) == ("file-changed", "prompts/system.md")
    assert there or hashlib.sha256(some_bytes(size, 7)).hexdigest() != entry.sha256


def test_a_hundred_small_files_go_side_by_side(bucket: Bucket) -> None:
    contents = [f"prompt {number}".encode() for number in range(100)]

    entries = bucket.put(*contents)
    assert [bucket.stored(entry) for entry in entries] == contents
    assert sum(bucket.told) == sum(map(len, contents)) < MEBIBYTE
