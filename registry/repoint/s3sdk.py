"""The SDK as Repoint uses it: the only module that imports it. One request is one attempt, and every reply is bounded.

The client is botocore's, which boto3's is too, without boto3's own layer: that saves several units of start-up. Its
retries are off, its own default checksums too, and whatever a server answers, an error and a listing included, is read
up to a limit in bytes and in time: the SDK itself would read for as long as something comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING, Protocol

from repoint.errors import StoreUnavailable
from repoint_schemas.canonical import MEBIBYTE

if TYPE_CHECKING:
    from repoint.s3client import Settings

CONNECTIONS = 24
"""Requests side by side, at most, unless a setting says otherwise."""

REPLY_BYTES = 16 * MEBIBYTE
"""What is read of a reply that is no object: a listing of a thousand long keys has some five of them."""

_FIRST_CHUNK, _CHUNK = 256, 64 * 1024  # a read returns only once all of its bytes are there
_BUSY_STATUSES = (408, 409, 429)


class Body(Protocol):
    """The content of an object on its way."""

    def read(self, amt: int | None = None) -> bytes:
        """At most so many bytes; none at the end."""
        ...

    def close(self) -> None:
        """Give it up."""
        ...


class Failed(Exception):
    """A request that did not succeed; ``status`` is None where no reply came, ``sent`` whether it may have arrived."""

    def __init__(self, status: int | None, code: str, message: str, *, sent: bool, altered: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.sent = sent
        self.altered = altered
        """What came does not have the checksum that was said."""

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status is None or self.status in _BUSY_STATUSES or self.status >= 500


def make_client(settings: Settings) -> object:
    """Botocore's client, by the ordinary AWS settings where ours say nothing; nothing is sent.

    Raises: StoreUnavailable.
    """
    from botocore import exceptions
    from botocore.config import Config
    from botocore.loaders import create_loader
    from botocore.session import Session

    from repoint.s3models import ModelFiles, service_names

    address = settings.address
    path_style = settings.path_style if settings.path_style is not None or address.endpoint is None else True
    config = Config(
        connect_timeout=settings.connect_seconds,
        read_timeout=settings.read_seconds,
        retries={"total_max_attempts": 1},
        max_pool_connections=settings.connections,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3=None if path_style is None else {"addressing_style": "path" if path_style else "virtual"},
    )
    try:
        session = Session(profile=settings.profile)
        loader = create_loader(session.get_config_variable("data_path"))
        loader.file_loader = ModelFiles()
        loader.list_available_services = lambda _: service_names(loader.search_paths)
        session.register_component("data_loader", loader)
        client = session.create_client("s3", region_name=settings.region, endpoint_url=address.endpoint, config=config)
    except (exceptions.BotoCoreError, ValueError) as error:
        raise _settings_error(error) from error
    client.meta.events.register_last("before-call.s3", _sent_at_once)
    client.meta.events.register_last("before-send.s3", _Bounded(client._endpoint.http_session.send, settings.patience))
    return client


def call(client: object, operation: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """One request, one attempt. Raises: Failed; StoreUnavailable, for settings that cannot be used."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError  # botocore lets it through where the body of an error breaks off

    try:
        reply = getattr(client, operation)(**parameters)
    except exceptions.ClientError as error:
        raise _failed(error) from error
    except exceptions.ConnectionError as error:  # TLS that breaks off is one as well, and no HTTPClientError
        raise _disconnected(error) from error
    except (exceptions.HTTPClientError, exceptions.FlexibleChecksumError, HTTPError, ResponseParserError) as error:
        raise Failed(None, type(error).__name__, str(error), sent=True) from error
    except exceptions.BotoCoreError as error:
        raise _settings_error(error) from error
    if not isinstance(reply, dict):
        raise TypeError(f"{operation} gave no reply")
    return reply


def close(client: object) -> None:
    """Close its connections."""
    client.close()  # type: ignore[attr-defined]


def read(body: Body, amount: int) -> bytes:
    """At most so many bytes. Raises: Failed, where the connection broke or the checksum is wrong."""
    from botocore import exceptions
    from urllib3.exceptions import HTTPError  # where TLS breaks off

    try:
        return body.read(amount)
    except exceptions.FlexibleChecksumError as error:
        raise Failed(None, type(error).__name__, str(error), sent=True, altered=True) from error
    except (exceptions.HTTPClientError, exceptions.IncompleteReadError, HTTPError) as error:
        raise Failed(None, type(error).__name__, str(error), sent=True) from error


def read_whole(body: Body, limit: int, seconds: float) -> bytes:
    """At most one byte more than ``limit``, within a time. Raises: Failed, as ``read``."""
    content, until, piece = bytearray(), time.monotonic() + seconds, _FIRST_CHUNK
    while len(content) <= limit and (chunk := read(body, min(piece, limit + 1 - len(content)))):
        content += chunk  # length and checksum are only judged by a read that finds the end
        piece = min(2 * piece, _CHUNK)
        if time.monotonic() > until:
            raise Failed(None, "TooSlow", f"after {seconds:g} seconds the reply had not ended", sent=True)
    return bytes(content)


class _Bounded:
    """Sends a request in the SDK's place, and lets no reply but an object go on for ever."""

    def __init__(self, send: Callable[[object], object], seconds: float) -> None:
        self._send = send
        self._seconds = seconds

    def __call__(self, request: object, **_: object) -> object:
        streamed = bool(getattr(request, "stream_output", False))
        request.stream_output = True  # type: ignore[attr-defined]  # else all of it is read before it comes back
        response = self._send(request)
        if not streamed or getattr(response, "status_code", 500) >= 300:
            response.raw = _Reply(response.raw, self._seconds)  # type: ignore[attr-defined]
            _ = response.content  # type: ignore[attr-defined]
        return response


class _Reply:
    """A reply's bytes up to the limit. Reading on raises an error that the SDK knows for a broken connection's."""

    def __init__(self, raw: object, seconds: float) -> None:
        self._raw = raw
        self._seconds = seconds

    def stream(self) -> Iterator[bytes]:
        from botocore.exceptions import ResponseStreamingError

        size, until = 0, time.monotonic() + self._seconds
        for chunk in self._raw.stream(_CHUNK):  # type: ignore[attr-defined]
            size += len(chunk)
            if size > REPLY_BYTES or time.monotonic() > until:
                self._raw.close()  # type: ignore[attr-defined]
                raise ResponseStreamingError(error=f"it had not ended after {size} bytes")
            yield chunk


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


def _failed(error: Exception) -> Failed:
    response: Mapping[str, Mapping[str, object]] = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(response.get("Error", {}).get("Code", ""))
    return Failed(status if isinstance(status, int) else 500, code, str(error), sent=True)


def _disconnected(error: Exception) -> Failed:
    """A connection that was never made sent nothing. Raises: StoreUnavailable, where the certificate is not trusted."""
    from ssl import SSLCertVerificationError

    from botocore import exceptions

    reason = getattr(error, "kwargs", {}).get("error")
    if any(isinstance(each, SSLCertVerificationError) for each in (reason, *getattr(reason, "args", ()))):
        raise StoreUnavailable(
            f"the certificate of the S3 endpoint is not trusted: {error}",
            kind="s3-certificate",
            hint="for an authority of your own: AWS_CA_BUNDLE=FILE, or ca_bundle in the profile",
        ) from error
    unmade = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
    if isinstance(error, unmade):
        return Failed(None, "Unreachable", str(error), sent=False)
    return Failed(None, type(error).__name__, str(error), sent=True)


def _settings_error(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the AWS settings cannot be used: {error}",
        kind="s3-settings",
        hint="check credentials, profile, region and endpoint as for the aws command: aws sts get-caller-identity",
    )
