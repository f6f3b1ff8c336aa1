"""Replies that are wrong in one way: cut, flipped, slow, without end, or an error that the server never gave.

Each function gives the bytes to send, part by part; or None where the fault cannot happen to that reply.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.servers.proxyfaults import Answer, Endless, Flip, Trickle
from tests.servers.proxyhttp import Head, Piece, may_have_body

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Reply:
    """A server's whole reply."""

    head: Head
    pieces: Sequence[Piece]

    @property
    def payload_length(self) -> int:
        return sum(len(piece.raw) for piece in self.pieces if piece.payload)

    def parts(self) -> Iterator[bytes]:
        yield self.head.raw
        for piece in self.pieces:
            yield piece.raw


def cut(reply: Reply) -> Iterator[bytes] | None:
    """The head and the first half of the body."""
    return _cut(reply) if reply.payload_length else None


def _cut(reply: Reply) -> Iterator[bytes]:
    yield reply.head.raw
    left = reply.payload_length // 2
    for piece in reply.pieces:
        if piece.payload:
            yield piece.raw[:left]
            left -= len(piece.raw)
            if left <= 0:
                return
        else:
            yield piece.raw


def flip(reply: Reply, fault: Flip) -> Iterator[bytes] | None:
    """The reply with one bit of its body turned over."""
    return _flip(reply, fault) if reply.payload_length else None


def _flip(reply: Reply, fault: Flip) -> Iterator[bytes]:
    yield reply.head.raw
    offset = fault.offset % reply.payload_length
    for piece in reply.pieces:
        content = bytearray(piece.raw)
        if piece.payload:
            if 0 <= offset < len(content):
                content[offset] ^= 1 << fault.bit
            offset -= len(content)
        yield bytes(content)


def trickle(reply: Reply, fault: Trickle, pause: Callable[[float], object]) -> Iterator[bytes]:
    """The reply in small pieces, and in one piece what is left when the time is over."""
    whole = b"".join(reply.parts())
    end = time.monotonic() + fault.longest
    at = 0
    while at < len(whole) and time.monotonic() + fault.pause < end:
        pause(fault.pause)
        yield whole[at : at + fault.size]
        at += fault.size
    yield whole[at:]


def endless(reply: Reply, fault: Endless, method: str) -> Iterator[bytes] | None:
    """The reply as chunks, followed by chunks of zeros."""
    return _endless(reply, fault) if may_have_body(method, reply.head.status) else None


def _endless(reply: Reply, fault: Endless) -> Iterator[bytes]:
    framing = (b"content-length:", b"transfer-encoding:", b"connection:")
    lines = [line for line in reply.head.raw.split(b"\r\n") if line and not line.lower().startswith(framing)]
    yield b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])
    if body := b"".join(piece.raw for piece in reply.pieces if piece.payload):
        yield b"%x\r\n%b\r\n" % (len(body), body)
    for _ in range(0, fault.most, _BLOCK):
        yield b"%x\r\n%b\r\n" % (_BLOCK, bytes(_BLOCK))


def error(answer: Answer, method: str) -> Iterator[bytes]:
    """An S3 error. Source: Amazon S3 API reference, "Error responses": a reply to HEAD has no body."""
    phrase = HTTPStatus(answer.status).phrase
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{answer.code}</Code><Message>{phrase}, says the proxy.</Message>"
        "<RequestId>0000000000000000</RequestId></Error>"
    ).encode()
    head = f"HTTP/1.1 {answer.status} {phrase}\r\nContent-Type: application/xml\r\nContent-Length: "
    if method == "HEAD":
        body = b""
    yield f"{head}{len(body)}\r\n\r\n".encode() + body
