"""A proxy between a client and an S3 server: it forwards bytes unchanged, and does to single requests what a plan says.

    with FaultProxy(("127.0.0.1", port)) as proxy:
        proxy.plan = at(2, DropReply())
        ...a client of proxy.endpoint...
    assert [fault for _, fault in proxy.happened] == [DropReply()]

It listens on a loopback port of the kernel's choice and never touches a header: SigV4 signs ``Host``, which here is the
proxy's own. A fault is listed in ``happened`` only when it took place, and before the client can notice.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from tests.servers.proxycarry import Carrier
from tests.servers.proxyfaults import (
    CONFLICT,
    INTERNAL_ERROR,
    SLOW_DOWN,
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
    Plan,
    Trickle,
    at,
    depth,
    nothing,
    seeded,
)
from tests.servers.proxytraffic import Gate, Stopped, Traffic, When

__all__ = [
    "CONFLICT",
    "INTERNAL_ERROR",
    "SLOW_DOWN",
    "Answer",
    "CutReplyBody",
    "CutRequestBody",
    "DropReply",
    "DropRequest",
    "Duplicate",
    "Endless",
    "Exchange",
    "Fault",
    "FaultProxy",
    "Flip",
    "Gate",
    "Hold",
    "Late",
    "Plan",
    "Trickle",
    "When",
    "at",
    "depth",
    "nothing",
    "seeded",
]

_HOST = "127.0.0.1"
_END_WITHIN = 5.0
"""Seconds within which every thread must end once the proxy is closed."""


class FaultProxy:
    """A proxy in front of the server at an address. Use it as a context manager; at the end all its threads are gone.

    Late requests that were not delivered by then are lost, and exchanges that wait are dropped.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._traffic = Traffic(server)
        self._listener = socket.create_server((_HOST, 0), backlog=128)
        self._port: int = self._listener.getsockname()[1]
        self._closing = False
        self._connections: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing = True
        self._traffic.finish()
        socket.create_connection((_HOST, self._port)).close()  # closing a listener does not wake who waits on it
        self._acceptor.join(_END_WITHIN)
        self._listener.close()
        for thread in self._connections:
            thread.join(_END_WITHIN)
            assert not thread.is_alive(), "a thread of the fault proxy does not end"

    @property
    def address(self) -> tuple[str, int]:
        return _HOST, self._port

    @property
    def endpoint(self) -> str:
        """The URL for clients."""
        return f"http://{_HOST}:{self._port}"

    @property
    def plan(self) -> Plan:
        """Asked once for each request, when its head has been read; never by two threads at once."""
        return self._traffic.plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._traffic.plan = plan

    @property
    def latency(self) -> float:
        """Seconds that every reply is kept back, 0 at first: what was sent together then overlaps for certain."""
        return self._traffic.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._traffic.latency = seconds

    @property
    def seen(self) -> list[Exchange]:
        """Every request since the beginning, or since ``start_over``, in order of arrival."""
        return self._traffic.seen

    @property
    def happened(self) -> list[tuple[Exchange, Fault]]:
        """Every fault that took place, in order."""
        return self._traffic.happened

    @property
    def held(self) -> threading.Event:
        """Set while a reply is held by ``Hold``."""
        return self._traffic.held

    def deliver(self, number: int | None = None) -> int:
        """Send late requests to the server now, oldest first, and wait for its answers; returns how many were sent."""
        return self._traffic.deliver(number)

    def release(self) -> int:
        """Let all replies go that are held now; returns how many."""
        return self._traffic.release()

    def stop_at(self, number: int, when: When) -> Gate:
        """Block the exchange with this number before it is forwarded, or after the server answered it.

        ``reached`` of the gate tells when it is there: kill the client now, and then ``drop`` the exchange (nothing
        more is sent either way) or let it ``go`` (what the client had sent is still under way).
        """
        return self._traffic.stop_at(number, when)

    def wait_quiet(self, seconds: float = 5.0) -> bool:
        """Wait until no request is under way, also those of a dead client; False if one still is after that time."""
        return self._traffic.wait_quiet(seconds)

    def start_over(self) -> None:
        """Forget plan, gates, lists and late requests: the next request has number 0. Only while none is under way."""
        self._traffic.start_over()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            carrier = Carrier(self._traffic, self._traffic.adopt(connection))
        except Stopped:
            return
        thread = threading.Thread(target=carrier.run, name="fault-proxy-connection", daemon=True)
        self._connections = [each for each in self._connections if each.is_alive()]
        thread.start()
        self._connections.append(thread)
