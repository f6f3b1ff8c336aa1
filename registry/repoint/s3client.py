"""Talking to S3: writes that end as done, refused, missing or unknown, and reads that are repeated until they succeed.

Promise 3 rests on telling apart what certainly happened, what certainly did not, and what nobody knows. So the SDK's
own retries are off (a conditional write that it repeats can be refused because of our own first one), every request is
one attempt (``s3sdk``), decisions go by the HTTP status alone, and reads, which change nothing, are repeated here.

Sources: Amazon S3 API reference, PutObject ("If-Match", "If-None-Match"; 412, and 409 for a concurrent conditional
request, whatever its error code); "Prevent object overwrites with conditional writes", Amazon S3 User Guide.
"""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from repoint.errors import StoreUnavailable
from repoint.s3sdk import CONNECTIONS, Body, Failed, call, close, make_client, read, read_whole
from repoint_schemas.canonical import MEBIBYTE

if TYPE_CHECKING:
    from repoint.s3keys import Address

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
PATIENCE_SECONDS = 30.0
"""How long one read, or one write and its repetitions, may take altogether before the store counts as unavailable."""

ABSENT_SECONDS = 3.0
"""How long a host that refuses connections, or that nobody knows, is tried altogether."""

SLOWEST_BYTES = 512 * 1024
"""What a store sends in a second, at least: an object may take longer than the patience if it may be that large."""

ALTERED_READS = 3
"""How often an object is read whose checksum does not agree, before it is what is stored that is wrong."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_GONE_STATUSES = (404,)

T = TypeVar("T")


class Written(enum.Enum):
    """How one conditional write ended."""

    DONE = "done"
    REFUSED = "refused"  # 412: the condition does not hold
    MISSING = "missing"  # 404: the object that was to be replaced is not there
    UNKNOWN = "unknown"  # it may have been applied, or may be applied later


class Listed(NamedTuple):
    """An object in a listing; ``age`` in seconds."""

    key: str
    etag: str
    age: float


class Unread(enum.Enum):
    """Why an object was not read."""

    SAME = "same"  # it has the ETag that is known
    MISSING = "missing"


class Settings(NamedTuple):
    """Where the store is; None leaves a setting to the ordinary AWS configuration. Seconds for the rest."""

    address: Address
    region: str | None = None
    profile: str | None = None
    path_style: bool | None = None
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    patience: float = PATIENCE_SECONDS
    connections: int = CONNECTIONS


class Got(NamedTuple):
    """An object as read: at most one byte more than was asked for, and its ETag."""

    content: bytes
    etag: str


class Head(NamedTuple):
    """An object's size, and the checksum that the store computed: base64, ``-N`` behind it for N parts; or None."""

    size: int
    sha256: str | None


class Part(NamedTuple):
    """One part of a multipart upload that the store holds: number, ETag, SHA-256 in base64 (or None), size."""

    number: int
    etag: str
    sha256: str | None
    size: int


class S3Client:
    """Requests to one bucket, below one prefix; keys are without it. Safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        address = settings.address
        self._bucket = address.bucket
        self._before = f"{address.prefix}/" if address.prefix else ""
        self._shown = address.url
        self._absent_since: float | None = None  # when a host that is not there was first asked for
        self._made: object = None  # the SDK's client
        self._making = Lock()

    # -- reading: repeated until it succeeds, or time is out -----------------------------------------------------------

    def get(self, key: str, limit: int) -> Got | None:
        """An object's content, at most ``limit`` + 1 bytes of it; None where there is none.

        What was altered on its way is read again. Where it keeps coming altered it is handed out as it is: whoever
        asked knows its digest.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        altered, seconds = 0, max(self.settings.patience, limit / SLOWEST_BYTES)

        def ask() -> Got:
            nonlocal altered
            checked = {"ChecksumMode": "ENABLED"} if altered < ALTERED_READS else {}
            try:
                return self._got(key, limit, seconds, checked)
            except Failed as failed:
                altered += failed.altered
                raise

        return self._unless_gone(ask)

    def get_if_changed(self, key: str, limit: int, etag: str | None) -> Got | Unread:
        """``get`` in one attempt, for who asks again soon: an object that still has this ETag is not sent.

        Source: RFC 9110, section 13.1.2 (``If-None-Match``); Amazon S3 API reference, GetObject.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        condition = {} if etag is None else {"IfNoneMatch": etag}
        try:
            return self._got(key, limit, self.settings.patience, {"ChecksumMode": "ENABLED", **condition})
        except Failed as failed:
            if failed.status == 304 and etag is not None:
                return Unread.SAME
            if failed.status in _GONE_STATUSES and failed.code != "NoSuchBucket":
                return Unread.MISSING
            raise self._unavailable(failed) from failed

    def _got(self, key: str, limit: int, seconds: float, parameters: Mapping[str, str]) -> Got:
        """One attempt to read an object. Raises: Failed."""
        reply = self._call("get_object", Key=self._before + key, **parameters)
        with _closing(reply) as body:
            return Got(read_whole(body, limit, seconds), str(reply["ETag"]))

    def stream(self, key: str, limit: int) -> Iterator[bytes] | None:
        """``get`` in chunks of a mebibyte; what is read when the connection breaks is continued from there.

        Raises:
            StoreUnavailable: here, or while the chunks are read.
        """
        if limit <= MEBIBYTE:  # a single chunk, and one that was altered on its way is read again
            got = self.get(key, limit)
            return None if got is None else iter([got.content] if got.content else ())
        first = self._unless_gone(lambda: self._call("get_object", Key=self._before + key))
        return None if first is None else self._chunks(key, first, limit)

    def head(self, key: str) -> Head | None:
        """Size and checksum of an object, None where there is none. Raises: StoreUnavailable."""

        def ask() -> Head:
            reply = self._call("head_object", Key=self._before + key, ChecksumMode="ENABLED")
            return Head(int(str(reply["ContentLength"])), _text(reply.get("ChecksumSHA256")))

        return self._unless_gone(ask)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys below a prefix in their order, those after ``after`` only. Raises: StoreUnavailable."""
        for page in self._pages(prefix, after):
            for each in _mappings(page.get("Contents")):
                yield str(each["Key"]).removeprefix(self._before)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The objects below a prefix with their ages, by the store's clock alone. Raises: StoreUnavailable."""
        for page in self._pages(prefix):
            now = _sent_at(page)
            for each in _mappings(page.get("Contents")):
                key, etag = str(each["Key"]).removeprefix(self._before), str(each["ETag"])
                yield Listed(key, etag, _seconds_between(each["LastModified"], now))

    def _pages(self, prefix: str, after: str = "") -> Iterator[Mapping[str, object]]:
        token: dict[str, str] = {"StartAfter": self._before + after} if after else {}
        while True:
            found = self._repeat(
                lambda t=token: self._call("list_objects_v2", Prefix=self._before + prefix, **t)  # type: ignore[misc]
            )
            yield found
            if not found.get("IsTruncated"):
                return
            token = {"ContinuationToken": str(found["NextContinuationToken"])}

    # -- writing: one attempt a call -----------------------------------------------------------------------------------

    def create(self, key: str, content: bytes, sha256: str) -> Written:
        """Write an object where there is none (``If-None-Match: *``); ``sha256`` in base64 is checked by the store.

        One attempt. Raises: StoreUnavailable, where nothing was sent or the store refused it for good.
        """
        return self._conditional(key, content, sha256, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, sha256: str, etag: str) -> Written:
        """Replace the object that has this ETag (``If-Match``), as ``create``."""
        return self._conditional(key, content, sha256, IfMatch=etag)

    def until_known(self, attempt: Callable[[], Written]) -> tuple[Written, bool]:
        """Repeat an idempotent attempt until it is known how it ended, or time is out.

        Returns how, and whether an earlier attempt may have arrived. Raises: StoreUnavailable, where not even the
        first was sent.
        """
        until, pause = time.monotonic() + self.settings.patience, _FIRST_PAUSE
        ended, earlier = attempt(), False
        while ended is Written.UNKNOWN and time.monotonic() < until:
            pause, earlier = paused(pause), True
            with suppress(StoreUnavailable):  # the one before may have arrived all the same
                ended = attempt()
        return ended, earlier

    def put(self, key: str, content: bytes) -> None:
        """Write what decides nothing, whatever is there. One attempt. Raises: StoreUnavailable."""
        try:
            self._call(
                "put_object",
                Key=self._before + key,
                Body=content,
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
            )
        except Failed as failed:
            raise self._unavailable(failed) from failed

    def delete(self, key: str) -> None:
        """Remove an object of a probe or a reader's report; nothing else is ever removed. Raises: StoreUnavailable."""
        self._repeat(lambda: self._call("delete_object", Key=self._before + key))

    # -- large files ---------------------------------------------------------------------------------------------------

    def uploads(self, key: str) -> list[str]:
        """The ids of unfinished uploads of exactly this key. Raises: StoreUnavailable."""
        found = self._repeat(lambda: self._call("list_multipart_uploads", Prefix=self._before + key))
        return [str(u["UploadId"]) for u in _mappings(found.get("Uploads")) if u.get("Key") == self._before + key]

    def parts(self, key: str, upload: str) -> list[Part]:
        """The parts that an unfinished upload has, up to a thousand. Raises: StoreUnavailable."""
        found = self._repeat(lambda: self._call("list_parts", Key=self._before + key, UploadId=upload))
        return [
            Part(int(str(p["PartNumber"])), str(p["ETag"]), _text(p.get("ChecksumSHA256")), int(str(p["Size"])))
            for p in _mappings(found.get("Parts"))
        ]

    def begin_upload(self, key: str) -> str:
        """Begin a multipart upload; its id. Raises: StoreUnavailable."""
        begun = self._repeat(
            lambda: self._call("create_multipart_upload", Key=self._before + key, ChecksumAlgorithm="SHA256")
        )
        return str(begun["UploadId"])

    def upload_part(self, key: str, upload: str, number: int, content: bytes, sha256: str) -> Part:
        """Upload one part; the same part again replaces it. Raises: StoreUnavailable."""
        done = self._repeat(
            lambda: self._call(
                "upload_part",
                Key=self._before + key,
                UploadId=upload,
                PartNumber=number,
                Body=content,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=sha256,
            )
        )
        return Part(number, str(done["ETag"]), sha256, len(content))

    def finish_upload(self, key: str, upload: str, parts: list[Part]) -> Written:
        """Make the parts one object where there is none, as ``create``; MISSING where the upload is gone."""
        named = [
            {"PartNumber": p.number, "ETag": p.etag, **({"ChecksumSHA256": p.sha256} if p.sha256 else {})}
            for p in parts
        ]
        return self._written(
            "complete_multipart_upload",
            Key=self._before + key,
            UploadId=upload,
            MultipartUpload={"Parts": named},
            IfNoneMatch="*",
        )

    def abort_upload(self, key: str, upload: str) -> None:
        """Give an unfinished upload up. Raises: StoreUnavailable."""
        self._unless_gone(lambda: self._call("abort_multipart_upload", Key=self._before + key, UploadId=upload))

    # -- how a request ends --------------------------------------------------------------------------------------------

    def _conditional(self, key: str, content: bytes, sha256: str, **condition: str) -> Written:
        return self._written(
            "put_object",
            Key=self._before + key,
            Body=content,
            ContentType="application/json" if key.endswith(".json") else "application/octet-stream",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=sha256,
            **condition,
        )

    def _written(self, operation: str, **parameters: object) -> Written:
        try:
            self._call(operation, **parameters)
        except Failed as failed:
            if failed.status == 412:
                return Written.REFUSED
            if failed.status == 404 and failed.code != "NoSuchBucket":
                return Written.MISSING
            if failed.temporary and failed.status != 501 and failed.sent:
                return Written.UNKNOWN
            raise self._unavailable(failed) from failed
        return Written.DONE

    def _unless_gone(self, ask: Callable[[], T]) -> T | None:
        try:
            return self._repeat(ask, gone=True)
        except Failed:
            return None

    def _repeat(self, ask: Callable[[], T], *, gone: bool = False) -> T:
        """Ask until it succeeds. Raises: StoreUnavailable; with ``gone`` Failed, for an object that is not there."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                found = ask()
                self._absent_since = None
                return found
            except Failed as failed:
                if gone and failed.status in _GONE_STATUSES and failed.code != "NoSuchBucket":
                    raise
                if not failed.temporary or failed.status == 501 or not self._worth_waiting(failed, began, pause):
                    raise self._unavailable(failed) from failed
            pause = paused(pause)

    def _worth_waiting(self, failed: Failed, began: float, pause: float) -> bool:
        """Whether to ask again after this pause. Of a host that is not there little is hoped for, and only once."""
        at = time.monotonic() + pause
        if failed.sent:
            return at <= began + self.settings.patience
        if at <= min(began, self._absent_since or began) + min(ABSENT_SECONDS, self.settings.patience):
            self._absent_since = self._absent_since or began
            return True
        return False

    def _chunks(self, key: str, first: Mapping[str, object], limit: int) -> Iterator[bytes]:
        """The rest of an object that is being read; a connection that breaks is taken up where it ended."""
        at, reply, etag = 0, first, str(first["ETag"])
        while at <= limit:
            with _closing(reply) as body:
                try:
                    while at <= limit and (chunk := read(body, min(MEBIBYTE, limit + 1 - at))):
                        at += len(chunk)
                        yield chunk
                    return
                except Failed as failed:
                    if not failed.temporary:
                        raise self._unavailable(failed) from failed
            rest = {"Key": self._before + key, "Range": f"bytes={at}-", "IfMatch": etag}
            reply = self._repeat(lambda r=rest: self._call("get_object", **r))  # type: ignore[misc]

    def _call(self, operation: str, **parameters: object) -> dict[str, object]:
        """One request, one attempt. Raises: Failed; StoreUnavailable, for settings that cannot be used."""
        return self._sdk(operation, parameters)

    def _sdk(self, operation: str, parameters: Mapping[str, object]) -> dict[str, object]:
        return call(self._client, operation, {"Bucket": self._bucket, **parameters})

    def connect(self) -> None:
        """Make the SDK's client, which costs more than any request; nothing is sent. Raises: StoreUnavailable."""
        _ = self._client

    def close(self) -> None:
        """Close the connections; it can be used again."""
        client, self._made = self._made, None
        if client is not None:
            close(client)

    @property
    def _client(self) -> object:
        with self._making:  # several threads may be the first to ask
            if self._made is None:
                self._made = make_client(self.settings)
            return self._made

    def _unavailable(self, failed: Failed) -> StoreUnavailable:
        return _explained(failed, self._shown)


class _closing:  # noqa: N801 - used like contextlib.closing
    """The body of a reply, closed at the end: a connection whose reply was not read through is not used again."""

    def __init__(self, reply: Mapping[str, object]) -> None:
        self._body: Body = reply["Body"]  # type: ignore[assignment]

    def __enter__(self) -> Body:
        return self._body

    def __exit__(self, *_: object) -> None:
        self._body.close()


def _explained(failed: Failed, shown: str) -> StoreUnavailable:
    """What a person needs to know about a request that failed for good."""
    said = f"{shown} answered {failed.status} {failed.code}: {failed}"
    if failed.status is None:
        said = f"{shown} cannot be reached: {failed}"
        return StoreUnavailable(said, kind="s3-unreachable", hint="repoint doctor tries every step")
    if failed.status in (401, 403):
        hint = "the credentials lack a permission: examples/iam has a policy for each role (each needs s3:ListBucket)"
        return StoreUnavailable(said, kind="s3-denied", hint=hint)
    if failed.code == "NoSuchUpload":
        hint = "another command finished or gave it up; run the same command again: it sends what is missing"
        return StoreUnavailable(f"an unfinished upload to {shown} is gone", kind="s3-upload-gone", hint=hint)
    if failed.status == 404:
        hint = "check the name of the bucket, its region and the endpoint"
        return StoreUnavailable(said, kind="s3-no-bucket", hint=hint)
    if failed.status == 501:
        hint = "this store has no conditional writes, so it cannot decide; repoint doctor says more"
        return StoreUnavailable(said, kind="s3-unfit", hint=hint)
    return StoreUnavailable(said, kind="s3-failed", hint="run it again; repoint doctor tries every step")


def paused(pause: float) -> float:
    """Wait, with jitter so that many do not come back at once; the next pause in seconds."""
    time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - no secret depends on it
    return min(2 * pause, _LONGEST_PAUSE)


def _sent_at(reply: Mapping[str, object]) -> object:
    """When the store sent a reply, by its own clock (RFC 9110, section 6.6.1); None where it does not say."""
    from email.utils import parsedate_to_datetime

    said = reply.get("ResponseMetadata")
    headers = said.get("HTTPHeaders") if isinstance(said, dict) else None
    try:
        return parsedate_to_datetime(headers["date"] if isinstance(headers, dict) else "")
    except (KeyError, ValueError):
        return None


def _seconds_between(earlier: object, later: object) -> float:
    """0 where either is not known."""
    from datetime import datetime

    known = isinstance(earlier, datetime) and isinstance(later, datetime)
    return (later - earlier).total_seconds() if known else 0.0  # type: ignore[operator]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _mappings(value: object) -> list[Mapping[str, object]]:
    return value if isinstance(value, list) else []
