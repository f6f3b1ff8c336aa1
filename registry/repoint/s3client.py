"""Talking to S3: the only module that imports the SDK, and the only one that knows how a request can end.

Promise 3 rests on telling apart what certainly happened, what certainly did not, and what nobody knows. So the SDK's
own retries are off (a conditional write that it repeats can be refused because of our own first one), every request is
one attempt, decisions go by the HTTP status alone, and reads, which change nothing, are repeated here. The client is
botocore's, which boto3's is too, without boto3's own layer: that saves several units of start-up.

Sources: Amazon S3 API reference, PutObject ("If-Match", "If-None-Match"; 412, and 409 for a concurrent conditional
request, whatever its error code); "Prevent object overwrites with conditional writes", Amazon S3 User Guide.
"""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from repoint.errors import StoreUnavailable
from repoint_schemas.canonical import MEBIBYTE

if TYPE_CHECKING:
    from repoint.s3keys import Address

CONNECTIONS = 24
"""Requests side by side, at most."""

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
PATIENCE_SECONDS = 30.0
"""How long one read, or one write and its repetitions, may take altogether before the store counts as unavailable."""

ABSENT_SECONDS = 3.0
"""How long a host that refuses connections, or that nobody knows, is tried altogether."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_GONE_STATUSES = (404,)
_BUSY_STATUSES = (408, 409, 429)

T = TypeVar("T")


class Written(enum.Enum):
    """How one conditional write ended."""

    DONE = "done"
    REFUSED = "refused"  # 412: the condition does not hold
    MISSING = "missing"  # 404: the object that was to be replaced is not there
    UNKNOWN = "unknown"  # it may have been applied, or may be applied later


class Settings(NamedTuple):
    """Where the store is; None leaves a setting to the ordinary AWS configuration. Seconds for the rest."""

    address: Address
    region: str | None = None
    profile: str | None = None
    path_style: bool | None = None
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    patience: float = PATIENCE_SECONDS


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


class _Body(Protocol):
    def read(self, amt: int | None = None) -> bytes: ...

    def close(self) -> None: ...


class _Failed(Exception):
    """A request that did not succeed; ``status`` is None where no reply came, ``sent`` whether it may have arrived."""

    def __init__(self, status: int | None, code: str, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.sent = sent

    @property
    def temporary(self) -> bool:
        return self.status is None or self.status in _BUSY_STATUSES or self.status >= 500


class S3Client:
    """Requests to one bucket, below one prefix; keys are without it. Safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        address = settings.address
        self._bucket = address.bucket
        self._before = f"{address.prefix}/" if address.prefix else ""
        self._shown = address.url
        self._absent_since: float | None = None  # when a host that is not there was first asked for

    # -- reading: repeated until it succeeds, or time is out -----------------------------------------------------------

    def get(self, key: str, limit: int) -> Got | None:
        """An object's content, at most ``limit`` + 1 bytes of it; None where there is none.

        Raises:
            StoreUnavailable: it cannot be read now.
        """

        def read() -> Got:
            reply = self._call("get_object", Key=self._before + key, ChecksumMode="ENABLED")
            with _closing(reply) as body:
                content = _read_whole(body, limit)
            return Got(content, str(reply["ETag"]))

        return self._unless_gone(read)

    def stream(self, key: str, limit: int) -> Iterator[bytes] | None:
        """``get`` in chunks of a mebibyte; what is read when the connection breaks is continued from there.

        Raises:
            StoreUnavailable: here, or while the chunks are read.
        """
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
        token: dict[str, str] = {"StartAfter": self._before + after} if after else {}
        while True:
            found = self._repeat(
                lambda t=token: self._call("list_objects_v2", Prefix=self._before + prefix, **t)  # type: ignore[misc]
            )
            for each in _mappings(found.get("Contents")):
                yield str(each["Key"]).removeprefix(self._before)
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

    def delete(self, key: str) -> None:
        """Remove an object of a probe; nothing else is ever removed. Raises: StoreUnavailable."""
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
        except _Failed as failed:
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
        except _Failed:
            return None

    def _repeat(self, ask: Callable[[], T], *, gone: bool = False) -> T:
        """Ask until it succeeds. Raises: StoreUnavailable; with ``gone`` _Failed, for an object that is not there."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                found = ask()
                self._absent_since = None
                return found
            except _Failed as failed:
                if gone and failed.status in _GONE_STATUSES and failed.code != "NoSuchBucket":
                    raise
                if not failed.temporary or failed.status == 501 or not self._worth_waiting(failed, began, pause):
                    raise self._unavailable(failed) from failed
            pause = paused(pause)

    def _worth_waiting(self, failed: _Failed, began: float, pause: float) -> bool:
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
                    while at <= limit and (chunk := _read(body, min(MEBIBYTE, limit + 1 - at))):
                        at += len(chunk)
                        yield chunk
                    return
                except _Failed as failed:
                    if not failed.temporary:
                        raise self._unavailable(failed) from failed
            rest = {"Key": self._before + key, "Range": f"bytes={at}-", "IfMatch": etag}
            reply = self._repeat(lambda r=rest: self._call("get_object", **r))  # type: ignore[misc]

    def _call(self, operation: str, **parameters: object) -> dict[str, object]:
        """One request, one attempt. Raises: _Failed; StoreUnavailable, for settings that cannot be used."""
        from botocore import exceptions
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError  # botocore lets it through where the body of an error breaks off

        try:
            return self._sdk(operation, parameters)
        except exceptions.ClientError as error:
            raise _failed(error) from error
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
            raise _Failed(None, "Unreachable", str(error), sent=False) from error
        except (exceptions.HTTPClientError, exceptions.FlexibleChecksumError, HTTPError, ResponseParserError) as error:
            raise _Failed(None, type(error).__name__, str(error), sent=True) from error
        except exceptions.BotoCoreError as error:
            raise _settings_error(error) from error

    def _sdk(self, operation: str, parameters: Mapping[str, object]) -> dict[str, object]:
        reply = getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        if not isinstance(reply, dict):
            raise TypeError(f"{operation} gave no reply")
        return reply

    def connect(self) -> None:
        """Make the SDK's client, which costs more than any request; nothing is sent. Raises: StoreUnavailable."""
        _ = self._client

    @cached_property
    def _client(self) -> object:
        """Botocore's client, by the ordinary AWS settings where ours say nothing."""
        from botocore import exceptions
        from botocore.config import Config
        from botocore.loaders import create_loader
        from botocore.session import Session

        from repoint.s3models import ModelFiles, service_names

        s, address = self.settings, self.settings.address
        path_style = s.path_style if s.path_style is not None or address.endpoint is None else True
        config = Config(
            connect_timeout=s.connect_seconds,
            read_timeout=s.read_seconds,
            retries={"total_max_attempts": 1},
            max_pool_connections=CONNECTIONS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3=None if path_style is None else {"addressing_style": "path" if path_style else "virtual"},
        )
        try:
            session = Session(profile=s.profile)
            loader = create_loader(session.get_config_variable("data_path"))
            loader.file_loader = ModelFiles()
            loader.list_available_services = lambda _: service_names(loader.search_paths)
            session.register_component("data_loader", loader)
            client = session.create_client("s3", region_name=s.region, endpoint_url=address.endpoint, config=config)
        except (exceptions.BotoCoreError, ValueError) as error:
            raise _settings_error(error) from error
        client.meta.events.register_last("before-call.s3", _sent_at_once)
        return client

    def _unavailable(self, failed: _Failed) -> StoreUnavailable:
        return _explained(failed, self._shown)


class _closing:  # noqa: N801 - used like contextlib.closing
    """The body of a reply, closed at the end: a connection whose reply was not read through is not used again."""

    def __init__(self, reply: Mapping[str, object]) -> None:
        self._body: _Body = reply["Body"]  # type: ignore[assignment]

    def __enter__(self) -> _Body:
        return self._body

    def __exit__(self, *_: object) -> None:
        self._body.close()


def _sent_at_once(params: Mapping[str, object], **_: object) -> None:
    """Send a small body along with its headers: to ask first whether the store wants it is a round trip of its own."""
    headers, body = params["headers"], params.get("body")
    if isinstance(headers, dict) and isinstance(body, BytesIO) and _left(body) <= MEBIBYTE:
        headers.pop("Expect", None)


def _left(body: BytesIO) -> int:
    """Bytes that are not read yet; nothing is copied for it, as ``getbuffer`` would."""
    at = body.tell()
    end = body.seek(0, SEEK_END)
    body.seek(at)
    return end - at


def _read_whole(body: _Body, limit: int) -> bytes:
    """At most one byte more than ``limit``. Raises: _Failed, as ``_read``."""
    content = b""
    while len(content) <= limit and (chunk := _read(body, limit + 1 - len(content))):
        content += chunk  # length and checksum are only judged by a read that finds the end
    return content


def _read(body: _Body, amount: int) -> bytes:
    """At most so many bytes. Raises: _Failed, where the connection broke or the checksum is wrong."""
    from botocore import exceptions

    try:
        return body.read(amount)
    except (exceptions.HTTPClientError, exceptions.FlexibleChecksumError, exceptions.IncompleteReadError) as error:
        raise _Failed(None, type(error).__name__, str(error), sent=True) from error


def _failed(error: Exception) -> _Failed:
    response: Mapping[str, Mapping[str, object]] = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(response.get("Error", {}).get("Code", ""))
    return _Failed(status if isinstance(status, int) else 500, code, str(error), sent=True)


def _settings_error(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the AWS settings cannot be used: {error}",
        kind="s3-settings",
        hint="check credentials, profile, region and endpoint as for the aws command: aws sts get-caller-identity",
    )


def _explained(failed: _Failed, shown: str) -> StoreUnavailable:
    """What a person needs to know about a request that failed for good."""
    said = f"{shown} answered {failed.status} {failed.code}: {failed}"
    if failed.status is None:
        said = f"{shown} cannot be reached: {failed}"
        return StoreUnavailable(said, kind="s3-unreachable", hint="repoint doctor tries every step")
    if failed.status in (401, 403):
        hint = "the credentials lack a permission: examples/iam has a policy for each role (each needs s3:ListBucket)"
        return StoreUnavailable(said, kind="s3-denied", hint=hint)
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


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _mappings(value: object) -> list[Mapping[str, object]]:
    return value if isinstance(value, list) else []
