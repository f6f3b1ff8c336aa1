"""moto as a process of its own: ``python moto_server.py KIND`` serves S3 on loopback until standard input ends.

The kernel chooses the port, which is the one line on standard output. moto looks and then acts, so that two writers can
both be told that they were first; behind one lock it is an S3 that keeps its word.

    moto            behind one lock
    moto-bare       without it, and made to switch threads often: right one request at a time, and not atomic
    ignoring        conditions on a write are dropped, as old S3 servers do
    unimplemented   a write with a condition is refused with 501, as some vendors do
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any

from moto.core import errors
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.responses import S3Response
from werkzeug.serving import make_server

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., object]], Iterable[bytes]]

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
TraceFunction = Callable[[FrameType, str, Any], Any]

SIGNED = "/s3/aws4_request"
WRITE = S3Response.put_object.__code__
MOST_SWITCHES = 1e-6  # seconds a thread may run


def serialised(inner: Application, lock: AbstractContextManager[object]) -> Application:
    """One request at a time; its body is read before its turn, its reply is complete when it ends."""

    def answer(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        body = whole_body(environ)
        if body is None:
            return refusal(start, "400 Bad Request", "IncompleteBody")
        environ["wsgi.input"] = io.BytesIO(body)
        with lock:
            return [b"".join(inner(environ, start))]

    return answer


def whole_body(environ: Environ) -> bytes | None:
    """The body of a request; None where the client ended before it: moto would keep what had arrived."""
    if environ.get("wsgi.input_terminated"):
        body: bytes = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
        return body
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    return body if len(body) == length else None


def ignoring(inner: Application) -> Application:
    def answer(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        if is_conditional(environ):
            environ = {name: value for name, value in environ.items() if name not in CONDITIONS}
        return inner(environ, start)

    return answer


def unimplemented(inner: Application) -> Application:
    def answer(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        if is_conditional(environ):
            return refusal(start, "501 Not Implemented", "NotImplemented")
        return inner(environ, start)

    return answer


def is_conditional(environ: Environ) -> bool:
    """Whether this is a write with a condition; reads with one are answered as ever."""
    return environ["REQUEST_METHOD"] not in ("GET", "HEAD") and any(name in environ for name in CONDITIONS)


def refusal(start: Callable[..., object], status: str, code: str) -> list[bytes]:
    body = (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    )
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


def dispatched() -> Application:
    """What is signed for S3 goes to S3: moto would look through the folders of all its services at each request."""
    s3: Any = create_backend_app("s3")
    others: Application = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        is_s3 = SIGNED in environ.get("HTTP_AUTHORIZATION", "") and not environ["PATH_INFO"].startswith("/moto-api")
        return (s3 if is_s3 else others)(environ, start)

    return answer


def application(kind: str) -> Application:
    known_errors = errors.ErrorLookupFactory()
    setattr(errors, "ErrorLookupFactory", lambda: known_errors)  # noqa: B010 - moto makes them anew for each error
    moto = dispatched()
    if kind == "moto-bare":
        sys.setswitchinterval(MOST_SWITCHES)
        threading.settrace(switch_in_writes)
        return serialised(moto, nullcontext())
    inner = {"moto": moto, "ignoring": ignoring(moto), "unimplemented": unimplemented(moto)}[kind]
    return serialised(inner, threading.Lock())


def switch_in_writes(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
    """Follow the function that looks whether a condition holds and then writes, so that others run between the two.

    With the switch interval alone, 16 writers find a second winner on one key in thirty.
    """
    return let_others_go if frame.f_code is WRITE else None


def let_others_go(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
    if "new_key" in frame.f_locals:  # it has written
        return None
    time.sleep(0)
    return let_others_go


def end_with_parent() -> None:
    """Whoever started this process holds the other end of its standard input; it ends when they do."""
    sys.stdin.buffer.read()
    os._exit(0)


def main(kind: str) -> None:
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL if kind == "moto-bare" else logging.ERROR)
    threading.Thread(target=end_with_parent, daemon=True).start()
    server = make_server("127.0.0.1", 0, application(kind), threaded=True, request_handler=MotoRequestHandler)
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
