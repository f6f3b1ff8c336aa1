"""What all connections of a proxy share: the numbering, the lists of what was seen and done, the gates, late requests.

Everything is entered here before the client can see it, so that a test that has its reply, or its error, finds the
lists complete.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from tests.servers.proxyfaults import Exchange, Fault, Late, Plan, nothing
from tests.servers.proxyhttp import Broken, Head, Stream
from tests.servers.proxyreplies import Reply

When = Literal["before", "after"]
"""Before anything of a request goes to the server, or when the server has answered and the client does not know yet."""

CONNECT_WITHIN = 5.0
"""Seconds within which the server must accept a connection."""


class Stopped(Exception):
    """This exchange goes no further: the proxy is being closed, or the test dropped it."""


class Gate:
    """A point at which an exchange waits. ``reached`` is set when it does; ``exchange`` is which one."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.exchange: Exchange | None = None
        self._opened = threading.Event()
        self._dropped = False

    def go(self) -> None:
        """Let the exchange go on, or not stop at all if it has not come here yet."""
        self._opened.set()

    def drop(self) -> None:
        """End the exchange here: its connections are closed, and nothing more of it is sent either way."""
        self._dropped = True
        self._opened.set()

    def wait(self, exchange: Exchange) -> None:
        """Raises: Stopped, when the exchange is dropped."""
        self.exchange = exchange
        self.reached.set()
        self._opened.wait()
        if self._dropped:
            raise Stopped


@dataclass
class _Postponed:
    exchange: Exchange
    content: bytes
    left: int | None


class Traffic:
    """The shared state of one proxy in front of one server."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.plan: Plan = nothing
        self.latency = 0.0
        self.seen: list[Exchange] = []
        self.happened: list[tuple[Exchange, Fault]] = []
        self.held = threading.Event()
        self._server = server
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._under_way = 0
        self._gates: dict[tuple[int, When], Gate] = {}
        self._holds: list[Gate] = []
        self._late: list[_Postponed] = []
        self._streams: set[Stream] = set()
        self._ending = threading.Event()

    # what happens to an exchange, in this order

    @contextmanager
    def exchange(self, head: Head) -> Iterator[tuple[Exchange, Fault | None]]:
        """A request whose head has just been read, and its fault; at the end of the block all is done with it."""
        with self._lock:
            self._under_way += 1
            exchange = _exchange(len(self.seen), head)
            self.seen.append(exchange)
        try:
            yield exchange, self._planned(exchange)
        finally:
            try:
                self.end(exchange)
            finally:
                self._done_with_one()

    def stop(self, exchange: Exchange, when: When) -> None:
        """Wait where the test wants this exchange to. Raises: Stopped."""
        with self._lock:
            gate = self._gates.get((exchange.number, when))
        if gate is not None:
            gate.wait(exchange)

    def note(self, exchange: Exchange, fault: Fault) -> None:
        """Enter a fault that takes place."""
        with self._lock:
            self.happened.append((exchange, fault))

    def hold(self, exchange: Exchange) -> None:
        """Wait until the test releases the replies. Raises: Stopped."""
        gate = Gate()
        with self._lock:
            if self._ending.is_set():
                raise Stopped
            self._holds.append(gate)
            self.held.set()
        gate.wait(exchange)

    def end(self, exchange: Exchange) -> None:
        """The client is about to see the end: enter the time, once, and send what is late and due by now."""
        with self._lock:
            if exchange.ended is not None:
                return
            exchange.ended = time.monotonic()
            due = self._due(exchange)
        for postponed in due:
            with suppress(Broken, OSError):  # the server is gone; this exchange is not to blame
                self._send_late(postponed)

    # late requests

    def postpone(self, exchange: Exchange, content: bytes, fault: Late) -> None:
        """Keep a whole request for later."""
        with self._lock:
            self._late.append(_Postponed(exchange, content, fault.after))

    def deliver(self, number: int | None = None) -> int:
        """Send late requests now and wait for the replies, oldest first; returns how many were sent.

        Raises: Broken, OSError: the server is gone.
        """
        with self._lock:
            due = self._late[:number]
            del self._late[:number]
        for postponed in due:
            self._send_late(postponed)
        return len(due)

    def _due(self, exchange: Exchange) -> list[_Postponed]:
        for postponed in self._late:
            if postponed.left is not None and postponed.exchange.number < exchange.number:
                postponed.left -= 1
        due = [postponed for postponed in self._late if postponed.left is not None and postponed.left <= 0]
        self._late = [postponed for postponed in self._late if postponed not in due]
        return due

    def _send_late(self, postponed: _Postponed) -> None:
        reply = self.send_alone(postponed.exchange, postponed.content)
        postponed.exchange.answered = reply.head.status

    # connections

    def send_alone(self, exchange: Exchange, content: bytes) -> Reply:
        """Send a whole request on a connection of its own and read the reply. Raises: Broken, OSError, Stopped."""
        server = self.connect()
        try:
            server.send(content)
            head = final_head(server)
            return Reply(head, list(server.body(head.extent_of_reply(exchange.method))))
        finally:
            self.close(server)

    def connect(self) -> Stream:
        """A new connection to the server. Raises: OSError, Stopped."""
        connection = socket.create_connection(self._server, CONNECT_WITHIN)
        connection.settimeout(None)
        return self.adopt(connection)

    def adopt(self, connection: socket.socket) -> Stream:
        """Take a connection under control, so that the proxy's end ends it. Raises: Stopped, and it is closed."""
        stream = Stream(connection)
        with self._lock:
            if not self._ending.is_set():
                self._streams.add(stream)
                return stream
        stream.close()
        raise Stopped

    def close(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)
        stream.close()

    # what the test does

    def stop_at(self, number: int, when: When) -> Gate:
        """The gate at which the exchange with this number will wait."""
        gate = Gate()
        with self._lock:
            self._gates[number, when] = gate
        return gate

    def release(self) -> int:
        """Let all replies go that are held now; returns how many."""
        with self._lock:
            released, self._holds = self._holds, []
            self.held.clear()
        for gate in released:
            gate.go()
        return len(released)

    def wait_quiet(self, seconds: float) -> bool:
        """Wait until no exchange is under way; False if one still is after so many seconds."""
        with self._lock:
            return self._changed.wait_for(lambda: not self._under_way, seconds)

    def start_over(self) -> None:
        """Forget plan, gates, lists and late requests; the next request has number 0 again."""
        with self._lock:
            self.plan = nothing
            self.seen, self.happened, self._late, self._gates = [], [], [], {}

    def pause(self, seconds: float) -> None:
        """Let time pass. Raises: Stopped, as soon as the proxy is being closed."""
        if self._ending.wait(seconds):
            raise Stopped

    def finish(self) -> None:
        """End everything that waits or is connected."""
        with self._lock:
            self._ending.set()
            gates = [*self._gates.values(), *self._holds]
            streams = list(self._streams)
        for gate in gates:
            gate.drop()
        for stream in streams:
            stream.interrupt()

    def _done_with_one(self) -> None:
        with self._lock:
            self._under_way -= 1
            self._changed.notify_all()

    def _planned(self, exchange: Exchange) -> Fault | None:
        with self._lock:
            return self.plan(exchange)


def final_head(server: Stream) -> Head:
    """The head of the reply itself, interim ones skipped. Raises: Broken, OSError."""
    while (head := server.head()) is not None:
        if head.status >= 200:
            return head
    raise Broken("closed without a reply")


def _exchange(number: int, head: Head) -> Exchange:
    extent = head.extent_of_request()
    path, _, query = head.first[1].partition("?")
    length = extent if isinstance(extent, int) else None
    return Exchange(number, head.first[0], path, query, head.headers, length, time.monotonic())
