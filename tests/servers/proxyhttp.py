"""HTTP/1.1 as far as a proxy needs it that changes no byte: where a message begins, and where its body ends.

Every piece of a body keeps its bytes as they came, chunk sizes and trailers included, and says whether it is payload:
so what is cut or flipped is always content, never framing. Source: RFC 9112, sections 6 and 7.
"""

from __future__ import annotations

import contextlib
import enum
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

_MOST_AT_ONCE = 1 << 16


class Broken(Exception):
    """The other side closed the connection, or spoke no HTTP, in the middle of a message."""


class Framing(enum.Enum):
    """How the end of a body is known where no length is given."""

    CHUNKED = "the last chunk is empty"
    UNTIL_CLOSE = "the connection is closed"


Extent = int | Framing
"""The length of a body in bytes, or how its end is known."""


class Piece(NamedTuple):
    """Some bytes of a body, as they came; ``payload`` is False for chunk sizes and trailers."""

    raw: bytes
    payload: bool


@dataclass(frozen=True)
class Head:
    """A request or reply up to the empty line that ends its headers, as it came."""

    raw: bytes

    @cached_property
    def first(self) -> list[str]:
        """The words of the first line: method, target and version; or version, status and reason."""
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case; the last one counts where a name comes twice."""
        lines = self.raw.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def status(self) -> int:
        return int(self.first[1])

    @property
    def expects_continue(self) -> bool:
        return self.headers.get("expect", "").lower() == "100-continue"

    @property
    def closes(self) -> bool:
        """Whether the sender of this head will not use the connection for another message."""
        wish = self.headers.get("connection", "").lower()
        return wish == "close" or ("HTTP/1.0" in (self.first[0], self.first[-1]) and wish != "keep-alive")

    def extent_of_request(self) -> Extent:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return Framing.CHUNKED
        return int(self.headers.get("content-length", "0"))

    def extent_of_reply(self, method: str) -> Extent:
        """The extent of the body of this reply to a request with that method."""
        if not may_have_body(method, self.status):
            return 0
        if "transfer-encoding" not in self.headers and "content-length" not in self.headers:
            return Framing.UNTIL_CLOSE
        return self.extent_of_request()


def may_have_body(method: str, status: int) -> bool:
    """Whether a reply of that status to that method has a body at all."""
    return method != "HEAD" and status >= 200 and status not in (204, 304)


class Stream:
    """One connection, read message by message. A body must be read to its end before the next head."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._held = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether bytes are there already that have not been taken."""
        return bool(self._held)

    def head(self) -> Head | None:
        """The next head; None where the other side closed the connection instead. Raises: Broken, OSError."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if not self._fill():
                if self._held:
                    raise Broken("closed in the middle of a head")
                return None
        head = Head(self._take(end + 4))
        if len(head.first) < 2 or not any(word.startswith("HTTP/1.") for word in head.first):
            raise Broken(f"this is no HTTP: {head.raw[:60]!r}")
        return head

    def body(self, extent: Extent) -> Iterator[Piece]:
        """The body that begins here. Raises: Broken, when it ends too early; OSError."""
        if extent is Framing.CHUNKED:
            return self._chunks()
        if extent is Framing.UNTIL_CLOSE:
            return self._rest()
        assert isinstance(extent, int)
        return self._exactly(extent)

    def send(self, content: bytes) -> None:
        """Send all of it. Raises: OSError."""
        self._socket.sendall(content)

    def is_stale(self) -> bool:
        """Whether an idle connection can take no further request: it was closed, or something unasked for came."""
        return bool(self._held) or bool(ready(self, timeout=0))

    def half_close(self, patience: float) -> None:
        """End what is sent and read what still comes, for so many seconds at most: all that was sent arrives."""
        self._socket.settimeout(patience)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_MOST_AT_ONCE):
                pass

    def interrupt(self) -> None:
        """End the connection from another thread: whoever reads or writes it goes on at once, with an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def _fill(self) -> bool:
        received = self._socket.recv(_MOST_AT_ONCE)
        self._held += received
        return bool(received)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n")) < 0:
            if not self._fill():
                raise Broken("closed in the middle of a line")
        return self._take(end + 2)

    def _exactly(self, length: int, *, payload: bool = True) -> Iterator[Piece]:
        while length:
            if not self._held and not self._fill():
                raise Broken(f"closed {length} bytes before the end of a body")
            taken = self._take(length)
            length -= len(taken)
            yield Piece(taken, payload)

    def _chunks(self) -> Iterator[Piece]:
        while True:
            line = self._line()
            yield Piece(line, payload=False)
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            yield from self._exactly(size)
            yield from self._exactly(2, payload=False)
        while line != b"\r\n":  # the trailers
            line = self._line()
            yield Piece(line, payload=False)

    def _rest(self) -> Iterator[Piece]:
        while self._held or self._fill():
            yield Piece(self._take(len(self._held)), payload=True)


def ready(*streams: Stream, timeout: float | None = None) -> list[Stream]:
    """Which of these have something to read, or were closed; waits for the first, for so many seconds at most."""
    if held := [stream for stream in streams if stream.has_more]:
        return held
    with selectors.DefaultSelector() as selector:
        keys = {selector.register(stream, selectors.EVENT_READ).fd: stream for stream in streams}
        return [keys[key.fd] for key, _ in selector.select(timeout)]
