"""One client's connection: each request is carried to the server and its reply back, or what the plan says instead.

The order is the point: a fault is entered in the lists before the client can see it and after the server did its part,
and a client's connection is closed last. Where a fault keeps the request from the server, the proxy itself asks for the
body (100 Continue), as a server does that reads a request and then fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from tests.servers import proxyreplies
from tests.servers.proxyfaults import (
    Answer,
    CutReplyBody,
    CutRequestBody,
    DropReply,
    DropRequest,
    Duplicate,
    Endless,
    Exchange,
    Fault,
    Flip,
    Hold,
    Late,
    Trickle,
)
from tests.servers.proxyhttp import Broken, Framing, Head, Piece, Stream, ready
from tests.servers.proxyreplies import Reply
from tests.servers.proxytraffic import Stopped, Traffic

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DRAIN_WITHIN = 2.0
"""Seconds that a server has to end a connection on which half a request came."""


class Carrier:
    """Serves one connection until either side closes it, or a fault does."""

    def __init__(self, traffic: Traffic, client: Stream) -> None:
        self._traffic = traffic
        self._client = client
        self._kept: Stream | None = None

    def run(self) -> None:
        """Carry one request after another."""
        try:
            with suppress(Broken, Stopped, OSError):
                while (head := self._client.head()) is not None and self._carry(head):
                    pass
        finally:
            self._hang_up()
            self._traffic.close(self._client)

    def _carry(self, head: Head) -> bool:
        """Carry one request; whether the connection stays open."""
        with self._traffic.exchange(head) as (exchange, fault):
            if exchange.length and not head.expects_continue:
                ready(self._client)  # at a gate the body is here, too, whatever becomes of its sender
            self._traffic.stop(exchange, "before")
            match fault:
                case DropRequest():
                    self._traffic.note(exchange, fault)
                    return False
                case Late():
                    self._traffic.postpone(exchange, self._whole(head), fault)
                    self._traffic.note(exchange, fault)
                    return False
                case CutRequestBody() if exchange.length != 0:
                    return self._send_half(exchange, head, fault)
                case Duplicate():
                    return self._send_twice(exchange, head, fault)
                case Answer(applied=False):
                    self._whole(head)
                    return self._answer(exchange, head, fault)
                case _:
                    return self._exchange(exchange, head, fault)

    # the way there

    def _exchange(self, exchange: Exchange, head: Head, fault: Fault | None) -> bool:
        server = self._server()
        answer = self._ask(server, head)
        self._answered(exchange, answer)
        pieces = server.body(answer.extent_of_reply(exchange.method))
        if fault is not None:
            reply = Reply(answer, list(pieces))
            if not self._stays_open(exchange, head, answer):
                self._hang_up()
            return self._reply_wrongly(exchange, head, reply, fault)
        self._reply(exchange, answer.status, _parts(answer, pieces))
        return self._stays_open(exchange, head, answer)

    def _ask(self, server: Stream, head: Head) -> Head:
        """Send a request as it comes in; the head of the reply to it. Interim replies go to the client."""
        server.send(head.raw)
        early = self._before_the_body(server) if head.expects_continue else None
        if early is not None:
            return early
        self._send_body(server, head)
        while (answer := server.head()) is not None:
            if answer.status >= 200:
                return answer
            self._client.send(answer.raw)
        raise Broken("the server closed the connection without a reply")

    def _before_the_body(self, server: Stream) -> Head | None:
        """Pass on what the server says to the head alone, until the client sends the body; the reply if it is one."""
        while server in ready(server, self._client):
            answer = server.head()
            if answer is None:
                raise Broken("the server closed the connection before the body")
            if answer.status >= 200:
                return answer
            self._client.send(answer.raw)
            if answer.status == 100:
                return None
        return None

    def _send_body(self, server: Stream, head: Head) -> None:
        listening = True
        for piece in self._client.body(head.extent_of_request()):
            if listening:
                try:
                    server.send(piece.raw)
                except OSError:  # it may have answered already; the client reads that only when it has sent all
                    listening = False

    def _whole(self, head: Head) -> bytes:
        """The whole request, as it came."""
        extent = head.extent_of_request()
        if head.expects_continue and extent != 0:
            self._client.send(CONTINUE)
        return head.raw + b"".join(piece.raw for piece in self._client.body(extent))

    def _send_half(self, exchange: Exchange, head: Head, fault: Fault) -> bool:
        content = self._whole(head)
        server = self._traffic.connect()
        try:
            server.send(content[: len(head.raw) + (len(content) - len(head.raw)) // 2])
            server.half_close(DRAIN_WITHIN)
        finally:
            self._traffic.close(server)
        self._traffic.note(exchange, fault)
        return False

    def _send_twice(self, exchange: Exchange, head: Head, fault: Fault) -> bool:
        content = self._whole(head)
        self._traffic.send_alone(exchange, content)
        reply = self._traffic.send_alone(exchange, content)
        self._traffic.note(exchange, fault)
        self._answered(exchange, reply.head)
        self._reply(exchange, reply.head.status, reply.parts())
        return self._stays_open(exchange, head, reply.head)

    def _answered(self, exchange: Exchange, answer: Head) -> None:
        exchange.answered = answer.status
        self._traffic.stop(exchange, "after")

    # the way back

    def _reply_wrongly(self, exchange: Exchange, head: Head, reply: Reply, fault: Fault) -> bool:
        match fault:
            case DropReply():
                self._traffic.note(exchange, fault)
                return False
            case Hold():
                self._traffic.note(exchange, fault)
                self._traffic.hold(exchange)
            case Answer():
                return self._answer(exchange, head, fault)
            case _:
                pass
        spoilt = self._spoilt(exchange, reply, fault)
        if spoilt is not None:
            self._traffic.note(exchange, fault)
        self._reply(exchange, reply.head.status, reply.parts() if spoilt is None else spoilt)
        ends_here = spoilt is not None and isinstance(fault, CutReplyBody | Endless)
        return not ends_here and self._stays_open(exchange, head, reply.head)

    def _spoilt(self, exchange: Exchange, reply: Reply, fault: Fault) -> Iterator[bytes] | None:
        match fault:
            case CutReplyBody():
                return proxyreplies.cut(reply)
            case Flip():
                return proxyreplies.flip(reply, fault)
            case Trickle():
                return proxyreplies.trickle(reply, fault, self._traffic.pause)
            case Endless():
                return proxyreplies.endless(reply, fault, exchange.method)
            case _:
                return None

    def _answer(self, exchange: Exchange, head: Head, fault: Answer) -> bool:
        self._traffic.note(exchange, fault)
        self._reply(exchange, fault.status, proxyreplies.error(fault, exchange.method))
        return not head.closes

    def _reply(self, exchange: Exchange, status: int, parts: Iterable[bytes]) -> None:
        """Send a reply; its end is entered before the last part goes out."""
        self._traffic.pause(self._traffic.latency)
        exchange.status = status
        last = b""
        for part in filter(None, parts):  # an empty last part would let the one before it go too early
            self._client.send(last)
            last = part
        self._traffic.end(exchange)
        self._client.send(last)

    # the connection to the server

    def _stays_open(self, exchange: Exchange, head: Head, answer: Head) -> bool:
        return not (head.closes or answer.closes or answer.extent_of_reply(exchange.method) is Framing.UNTIL_CLOSE)

    def _server(self) -> Stream:
        if self._kept is not None and self._kept.is_stale():
            self._hang_up()
        if self._kept is None:
            self._kept = self._traffic.connect()
        return self._kept

    def _hang_up(self) -> None:
        if self._kept is not None:
            self._traffic.close(self._kept)
            self._kept = None


def _parts(head: Head, pieces: Iterable[Piece]) -> Iterator[bytes]:
    yield head.raw
    for piece in pieces:
        yield piece.raw
