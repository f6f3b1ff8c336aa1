"""The fault proxy: bytes go through unchanged, and each fault does to server and client exactly what it says.

The server here notes what it gets and when a connection to it ends; what the client saw is what ``http.client`` raises,
or the raw bytes. The last tests put botocore and moto at the two ends.
"""

from __future__ import annotations

import http.client
import http.server
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest

from tests.servers.proxy import (
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
    FaultProxy,
    Flip,
    Hold,
    Late,
    Trickle,
    at,
    depth,
    seeded,
)

SOON = 5.0
"""Seconds after which something that should have happened at once has failed to."""

GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""How a client sees that its connection was closed instead of a reply."""


# -- the two ends ----------------------------------------------------------------------------------------------------


class Got(NamedTuple):
    """A request as the server got it; ``body`` is shorter than announced where the connection ended."""

    method: str
    target: str
    body: bytes
    host: str
    connection: int


class Server(http.server.ThreadingHTTPServer):
    """Answers every request with what it got; notes each one."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.got: list[Got] = []
        self.connections = 0
        self.lost = threading.Semaphore(0)
        self.together: threading.Barrier | None = None

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.lost.release()

    @property
    def writes(self) -> list[tuple[str, bytes]]:
        return [(each.target, each.body) for each in self.got if each.method == "PUT"]


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def handle_expect_100(self) -> bool:
        if self.path != "/precondition-failed":
            return super().handle_expect_100()
        self.note(b"")
        self.reply(412, b"no")
        return False

    def take_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline() != b"\r\n":
            pass
        return body

    def note(self, body: bytes) -> None:
        host = str(self.headers["Host"])
        self.server.got.append(Got(self.command, self.path, body, host, self.number))

    def answer(self) -> None:
        body = self.take_body()
        self.note(body)
        if len(body) < int(self.headers.get("Content-Length") or 0):
            self.close_connection = True
            return
        if self.server.together is not None:
            self.server.together.wait(SOON)
        self.choose_reply(body)

    def choose_reply(self, body: bytes) -> None:
        match self.path:
            case "/nothing":
                self.send_response(204)
                self.end_headers()
            case "/unmodified":
                self.send_response(304)
                self.send_header("Content-Length", "12")
                self.end_headers()
            case "/chunks":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"4;x=y\r\nfour\r\n6\r\n and 6\r\n0\r\nTrailer: yes\r\n\r\n")
            case "/until-close":
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"all of it")
            case "/hang-up":
                self.reply(200, b"bye")
                self.close_connection = True
            case _:
                self.reply(200, body or f"{self.command} {self.path}".encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", server.server_port)) as proxy:
        yield proxy


@dataclass
class Client:
    """One connection at a time, kept alive; ``ask`` gives status and body."""

    proxy: FaultProxy

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(*self.proxy.address, timeout=SOON)

    def ask(self, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
        self.connection.request(method, target, body)
        with self.connection.getresponse() as reply:
            return reply.status, reply.read()


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Client]:
    client = Client(proxy)
    yield client
    client.connection.close()


@contextmanager
def raw(proxy: FaultProxy) -> Iterator[socket.socket]:
    with closing(socket.create_connection(proxy.address, SOON)) as connection:
        yield connection


def put(target: str, length: int, *, expect: bool = False) -> bytes:
    wish = "Expect: 100-continue\r\n" if expect else ""
    return f"PUT {target} HTTP/1.1\r\nHost: made.up:1\r\n{wish}Content-Length: {length}\r\n\r\n".encode()


def received(connection: socket.socket, end: bytes) -> bytes:
    """What arrives up to these bytes, or up to the end of the connection."""
    content = b""
    while not content.endswith(end) and (more := connection.recv(1 << 16)):
        content += more
    return content


def faults(proxy: FaultProxy) -> list[Fault]:
    return [fault for _, fault in proxy.happened]


def statuses(proxy: FaultProxy) -> list[tuple[int | None, int | None]]:
    """What the server answered and what the client was given, request by request."""
    return [(exchange.answered, exchange.status) for exchange in proxy.seen]


# -- forwarding ------------------------------------------------------------------------------------------------------


def test_requests_of_one_connection_go_through_one_connection(
    server: Server, proxy: FaultProxy, client: Client
) -> None:
    assert client.ask("GET", "/a%20b?list-type=2") == (200, b"GET /a%20b?list-type=2")
    assert client.ask("HEAD", "/object") == (200, b"")
    assert client.ask("GET", "/nothing") == (204, b"")
    assert client.ask("GET", "/unmodified") == (304, b"")
    assert client.ask("PUT", "/object", b"content") == (200, b"content")
    assert client.ask("GET", "/chunks") == (200, b"four and 6")
    assert {each.connection for each in server.got} == {1}
    assert {each.host for each in server.got} == {f"127.0.0.1:{proxy.address[1]}"}
    first, fifth = proxy.seen[0], proxy.seen[4]
    assert (first.number, first.method, first.path, first.query) == (0, "GET", "/a%20b", "list-type=2")
    assert (fifth.number, fifth.length, fifth.is_write, first.is_write) == (4, 7, True, False)
    assert fifth.headers["host"] == f"127.0.0.1:{proxy.address[1]}"
    assert [e.status for e in proxy.seen] == [200, 200, 204, 304, 200, 200]
    assert proxy.happened == []
    assert depth(proxy.seen) == 6


def test_bodies_without_a_length_go_through_unchanged(server: Server, proxy: FaultProxy) -> None:
    chunks = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-trailer: v\r\n\r\n"
    with raw(proxy) as connection:
        connection.sendall(b"PUT /o HTTP/1.1\r\nhOsT:   odd\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        assert received(connection, b"abcde").startswith(b"HTTP/1.1 200 OK\r\n")
        connection.sendall(b"GET /chunks HTTP/1.1\r\nHost: odd\r\n\r\n")
        assert received(connection, b"yes\r\n\r\n").endswith(
            b"4;x=y\r\nfour\r\n6\r\n and 6\r\n0\r\nTrailer: yes\r\n\r\n"
        )
        connection.sendall(b"GET /until-close HTTP/1.1\r\nHost: odd\r\n\r\n")
        assert received(connection, b"never").endswith(b"\r\n\r\nall of it")
    assert [each.host for each in server.got] == ["odd"] * 3
    assert server.writes == [("/o", b"abcde")]
    assert proxy.seen[0].length is None


def test_the_client_waits_for_the_servers_word_to_send_its_body(server: Server, proxy: FaultProxy) -> None:
    with raw(proxy) as connection:
        connection.sendall(put("/precondition-failed", 4, expect=True))
        assert received(connection, b"\r\n\r\nno").startswith(b"HTTP/1.1 412 ")
    with raw(proxy) as connection:
        connection.sendall(put("/object", 4, expect=True))
        assert received(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert received(connection, b"\r\n\r\nbody").startswith(b"HTTP/1.1 200 ")
        connection.sendall(put("/impatient", 4, expect=True) + b"BODY")
        assert b"HTTP/1.1 200 " in received(connection, b"\r\n\r\nBODY")
    assert server.writes == [("/precondition-failed", b""), ("/object", b"body"), ("/impatient", b"BODY")]


def test_a_connection_that_the_server_gave_up_is_replaced(server: Server, proxy: FaultProxy, client: Client) -> None:
    assert client.ask("GET", "/hang-up") == (200, b"bye")
    assert server.lost.acquire(timeout=SOON)
    assert client.ask("GET", "/again") == (200, b"GET /again")
    assert [each.connection for each in server.got] == [1, 2]


def test_large_bodies_go_through(server: Server, proxy: FaultProxy, client: Client) -> None:
    content = bytes(range(256)) * (1 << 15)
    assert client.ask("PUT", "/large", content) == (200, content)
    assert server.writes == [("/large", content)]


def test_connections_are_served_side_by_side(server: Server, proxy: FaultProxy) -> None:
    server.together = threading.Barrier(16)
    clients = [Client(proxy) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda number: clients[number].ask("PUT", f"/{number}", b"%d" % number), range(16)))
    for each in clients:
        each.connection.close()
    assert replies == [(200, b"%d" % number) for number in range(16)]
    assert sorted(e.number for e in proxy.seen) == list(range(16))
    assert depth(proxy.seen) == 1, "none was answered before all had arrived"


def test_a_server_that_is_not_there(client: Client, server: Server) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port: int = unused.getsockname()[1]
    with FaultProxy(("127.0.0.1", port)) as proxy:
        client = Client(proxy)
        with pytest.raises(GONE):
            client.ask("GET", "/")
        client.connection.close()
        assert statuses(proxy) == [(None, None)]


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expect", [False, True])
@pytest.mark.parametrize(
    ("fault", "arrives", "answered"),
    [
        (DropRequest(), [], None),
        (DropReply(), [b"content"], 200),
        (Late(), [], None),
        (CutRequestBody(), [b"con"], None),
    ],
)
def test_the_client_sees_a_closed_connection(
    server: Server, proxy: FaultProxy, fault: Fault, arrives: list[bytes], answered: int | None, expect: bool
) -> None:
    proxy.plan = at(0, fault)
    with raw(proxy) as connection:
        connection.sendall(put("/object", 7, expect=expect))
        sees = b""
        with suppress(ConnectionError):  # reset, where something that it had sent was not read
            if not expect or (sees := received(connection, b"\r\n\r\n")):
                connection.sendall(b"content")
            sees += received(connection, b"never")
    assert sees in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert [body for _, body in server.writes] == arrives
    assert faults(proxy) == [fault]
    assert statuses(proxy) == [(answered, None)]


def test_late_requests_arrive_when_the_test_says_so(server: Server, proxy: FaultProxy, client: Client) -> None:
    proxy.plan = lambda exchange: Late() if exchange.number < 2 else None
    for body in (b"one", b"two"):
        with pytest.raises(GONE):
            client.ask("PUT", "/late", body)
        client.connection.close()
    assert client.ask("GET", "/between")[0] == 200
    assert (proxy.deliver(1), server.writes) == (1, [("/late", b"one")])
    assert (proxy.deliver(), server.writes) == (1, [("/late", b"one"), ("/late", b"two")])
    assert proxy.deliver() == 0
    assert statuses(proxy) == [(200, None), (200, None), (200, 200)]
    assert faults(proxy) == [Late(), Late()]


def test_late_requests_arrive_after_further_ones(server: Server, proxy: FaultProxy, client: Client) -> None:
    proxy.plan = at(0, Late(after=2))
    with pytest.raises(GONE):
        client.ask("PUT", "/late", b"late")
    client.connection.close()
    for number in range(3):
        client.ask("GET", f"/{number}")
    assert [each.target for each in server.got] == ["/0", "/1", "/late", "/2"]
    assert proxy.happened == [(proxy.seen[0], Late(after=2))]


def test_late_requests_that_were_never_delivered_are_lost(server: Server) -> None:
    with FaultProxy(("127.0.0.1", server.server_port)) as proxy:
        proxy.plan = at(0, Late())
        client = Client(proxy)
        with pytest.raises(GONE):
            client.ask("PUT", "/late", b"late")
        client.connection.close()
    assert (server.got, faults(proxy)) == ([], [Late()])


@pytest.mark.parametrize("expect", [False, True])
def test_a_duplicate_arrives_twice(server: Server, proxy: FaultProxy, expect: bool) -> None:
    proxy.plan = at(0, Duplicate())
    with raw(proxy) as connection:
        connection.sendall(put("/object", 7, expect=expect))
        if expect:
            assert received(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"content")
        assert received(connection, b"\r\n\r\ncontent").startswith(b"HTTP/1.1 200 ")
        connection.sendall(put("/after", 1) + b"x")
        assert received(connection, b"\r\n\r\nx").startswith(b"HTTP/1.1 200 ")
    assert [(e.target, e.connection) for e in server.got] == [("/object", 1), ("/object", 2), ("/after", 3)]
    assert faults(proxy) == [Duplicate()]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("answer", [INTERNAL_ERROR, SLOW_DOWN, CONFLICT])
def test_answers_that_the_server_never_gave(
    server: Server, proxy: FaultProxy, client: Client, answer: Answer, applied: bool
) -> None:
    fault = replace(answer, applied=applied)
    proxy.plan = lambda exchange: fault if exchange.number < 2 else None
    status, body = client.ask("PUT", "/object", b"content")
    assert (status, f"<Code>{answer.code}</Code>".encode() in body) == (answer.status, True)
    assert client.ask("HEAD", "/object") == (answer.status, b"")
    assert client.ask("GET", "/after")[0] == 200, "the connection is still good"
    assert server.writes == ([("/object", b"content")] if applied else [])
    assert faults(proxy) == [fault, fault]
    answered = 200 if applied else None
    assert statuses(proxy) == [(answered, answer.status), (answered, answer.status), (200, 200)]


def test_a_connection_that_the_server_will_close_is_not_used_again(
    server: Server, proxy: FaultProxy, client: Client
) -> None:
    fault = replace(INTERNAL_ERROR, applied=True)
    proxy.plan = at(0, fault)
    assert client.ask("GET", "/until-close")[0] == 500
    assert client.ask("GET", "/after") == (200, b"GET /after")
    assert [each.connection for each in server.got] == [1, 2]
    assert faults(proxy) == [fault]


def test_an_answer_in_the_servers_place_asks_for_the_body_first(server: Server, proxy: FaultProxy) -> None:
    proxy.plan = at(0, SLOW_DOWN)
    with raw(proxy) as connection:
        connection.sendall(put("/object", 7, expect=True))
        assert received(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"content")
        assert received(connection, b"</Error>").startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert (server.got, faults(proxy)) == ([], [SLOW_DOWN])


@pytest.mark.parametrize(("target", "half"), [("/halves", b"GET /"), ("/chunks", b"4;x=y\r\nfour\r\n6\r\n ")])
def test_half_a_reply(server: Server, proxy: FaultProxy, target: str, half: bytes) -> None:
    proxy.plan = at(0, CutReplyBody())
    with raw(proxy) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: odd\r\n\r\n".encode())
        assert received(connection, b"never").endswith(b"\r\n\r\n" + half)
    assert (len(server.got), faults(proxy)) == (1, [CutReplyBody()])


@pytest.mark.parametrize("target", ["/plain", "/chunks"])
@pytest.mark.parametrize(("offset", "at_byte"), [(0, 0), (5, 5), (10 * 7 + 9, 9), (-1, 9)])
def test_one_bit_flipped(
    server: Server, proxy: FaultProxy, client: Client, target: str, offset: int, at_byte: int
) -> None:
    _, good = client.ask("GET", target)
    assert len(good) == 10
    proxy.plan = at(1, Flip(offset, bit=6))
    status, bad = client.ask("GET", target)
    assert status == 200
    assert [a ^ b for a, b in zip(good, bad, strict=True)] == [64 if n == at_byte else 0 for n in range(10)]
    assert client.ask("GET", target) == (200, good)
    assert (len(server.got), faults(proxy)) == (3, [Flip(offset, bit=6)])


def test_a_trickle_is_slow_and_ends(server: Server, proxy: FaultProxy, client: Client) -> None:
    slow = Trickle(size=4, pause=0.002, longest=60)
    bounded = Trickle(size=1, pause=0.01, longest=0.1)
    proxy.plan = lambda exchange: [slow, bounded][exchange.number]
    began = time.monotonic()
    assert client.ask("PUT", "/slow", b"content" * 10) == (200, b"content" * 10)
    assert time.monotonic() - began > 70 / 4 * 0.002
    content = bytes(1 << 20)
    began = time.monotonic()
    assert client.ask("PUT", "/bounded", content) == (200, content)
    assert time.monotonic() - began > 0.05
    assert server.writes == [("/slow", b"content" * 10), ("/bounded", content)]
    assert faults(proxy) == [slow, bounded]


def test_a_held_reply_waits_for_release(server: Server, proxy: FaultProxy, client: Client) -> None:
    proxy.plan = at(0, Hold())
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.ask, "PUT", "/held", b"content")
        assert proxy.held.wait(SOON)
        assert (server.writes, reply.done(), faults(proxy)) == ([("/held", b"content")], False, [Hold()])
        assert statuses(proxy) == [(200, None)]
        assert not proxy.wait_quiet(0)
        assert proxy.release() == 1
        assert reply.result(SOON) == (200, b"content")
    assert not proxy.held.is_set()
    assert proxy.wait_quiet(SOON)


def test_a_held_reply_is_dropped_with_the_proxy(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        with FaultProxy(("127.0.0.1", server.server_port)) as proxy:
            proxy.plan = at(0, Hold())
            client = Client(proxy)
            reply = pool.submit(client.ask, "GET", "/held")
            assert proxy.held.wait(SOON)
        with pytest.raises(GONE):
            reply.result(SOON)
        client.connection.close()


def test_a_reply_without_end(server: Server, proxy: FaultProxy, client: Client) -> None:
    proxy.plan = at(0, Endless())
    client.connection.request("GET", "/endless")
    with client.connection.getresponse() as reply:
        assert reply.read(12) == b"GET /endless"
        assert reply.read(1 << 22) == bytes(1 << 22)
    client.connection.close()
    assert proxy.wait_quiet(SOON), "it ends when the client hangs up"
    assert (len(server.got), faults(proxy)) == (1, [Endless()])


def test_an_endless_reply_is_bounded_for_clients_that_are_not(proxy: FaultProxy, client: Client) -> None:
    proxy.plan = at(0, Endless(most=1 << 20))
    with pytest.raises(http.client.IncompleteRead) as raised:
        client.ask("GET", "/endless")
    assert len(raised.value.partial) == 12 + (1 << 20)
    assert faults(proxy) == [Endless(most=1 << 20)]


@pytest.mark.parametrize(
    ("fault", "method", "target"),
    [
        (CutRequestBody(), "GET", "/object"),
        (CutReplyBody(), "HEAD", "/object"),
        (CutReplyBody(), "GET", "/nothing"),
        (Flip(), "GET", "/unmodified"),
        (Endless(), "HEAD", "/object"),
    ],
)
def test_what_cannot_happen_did_not(
    server: Server, proxy: FaultProxy, client: Client, fault: Fault, method: str, target: str
) -> None:
    usual = client.ask(method, target)
    proxy.plan = at(1, fault)
    assert client.ask(method, target) == usual
    assert (len(server.got), proxy.happened) == (2, [])


# -- stopping at a boundary ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_exchange_stopped_before_it_is_forwarded(
    server: Server, proxy: FaultProxy, client: Client, goes_on: bool
) -> None:
    gate = proxy.stop_at(1, "before")
    assert client.ask("PUT", "/0", b"first")[0] == 200
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.ask, "PUT", "/1", b"second")
        assert gate.reached.wait(SOON)
        assert (gate.exchange, server.writes) == (proxy.seen[1], [("/0", b"first")])
        (gate.go if goes_on else gate.drop)()
        if goes_on:
            assert reply.result(SOON) == (200, b"second")
        else:
            with pytest.raises(GONE):
                reply.result(SOON)
    assert len(server.writes) == (2 if goes_on else 1)


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_exchange_stopped_after_the_server_answered(
    server: Server, proxy: FaultProxy, client: Client, goes_on: bool
) -> None:
    gate = proxy.stop_at(0, "after")
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.ask, "PUT", "/0", b"first")
        assert gate.reached.wait(SOON)
        assert (server.writes, statuses(proxy)) == ([("/0", b"first")], [(200, None)])
        (gate.go if goes_on else gate.drop)()
        if goes_on:
            assert reply.result(SOON) == (200, b"first")
        else:
            with pytest.raises(GONE):
                reply.result(SOON)
    assert len(server.writes) == 1


@pytest.mark.parametrize(("when", "writes"), [("before", 1), ("after", 2)])
def test_a_process_killed_at_a_boundary(server: Server, proxy: FaultProxy, when: Any, writes: int) -> None:
    script = (
        "import http.client, sys\n"
        "connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
        "for number in range(3):\n"
        "    connection.request('PUT', f'/{number}', b'content')\n"
        "    connection.getresponse().read()\n"
    )
    gate = proxy.stop_at(1, when)
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", script, str(proxy.address[1])]) as process:
        assert gate.reached.wait(SOON)
        process.kill()
        assert process.wait(SOON) == -signal.SIGKILL
    gate.drop()
    assert proxy.wait_quiet(SOON)
    assert [target for target, _ in server.writes] == ["/0", "/1"][:writes]
    proxy.start_over()
    again = Client(proxy)
    assert again.ask("GET", "/next")[0] == 200
    again.connection.close()
    assert [(e.number, e.path) for e in proxy.seen] == [(0, "/next")]


# -- plans and counting ----------------------------------------------------------------------------------------------


def exchange(number: int, method: str = "GET", started: float = 0, ended: float | None = None) -> Exchange:
    return Exchange(number, method, "/", "", {}, 0, started, ended)


def test_a_seeded_plan_can_be_repeated() -> None:
    choice = [DropReply(), DropRequest(), SLOW_DOWN]
    one, same, other = (seeded(seed, 0.5, choice) for seed in (1, 1, 2))
    requests = [exchange(number) for number in range(200)]
    drawn = [one(each) for each in requests]
    assert drawn == [same(each) for each in reversed(requests)][::-1]
    assert drawn != [other(each) for each in requests]
    assert set(drawn) == {None, *choice}
    assert 70 < sum(fault is not None for fault in drawn) < 130
    assert not any(map(seeded(1, 0, choice), requests))
    assert all(map(seeded(1, 1, choice), requests))


def test_a_seeded_plan_spares_what_it_is_told_to() -> None:
    plan = seeded(1, 1, [DropReply()], only=lambda each: each.is_write)
    assert [plan(exchange(n, method)) for n, method in enumerate(["GET", "PUT", "HEAD", "DELETE"])] == [
        None,
        DropReply(),
        None,
        DropReply(),
    ]


@pytest.mark.parametrize(
    ("spans", "longest"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2), (2, 3)], 3),
        ([(0, 1), (0, 3), (1, 2), (2, 4)], 3),
        ([(0, 10), (1, 2), (3, 4), (11, None)], 3),
        ([(0, None), (1, None)], 1),
    ],
)
def test_depth_counts_what_came_one_after_another(spans: list[tuple[float, float | None]], longest: int) -> None:
    assert depth(exchange(n, "GET", started, ended) for n, (started, ended) in enumerate(spans)) == longest


def test_latency_makes_what_was_sent_together_overlap(server: Server, proxy: FaultProxy, client: Client) -> None:
    proxy.latency = 0.3
    other = Client(proxy)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: each.ask("GET", "/together"), [client, other]))
    other.connection.close()
    client.ask("GET", "/then")
    assert (len(proxy.seen), depth(proxy.seen)) == (3, 2)
    assert all(e.ended is not None and e.ended - e.started >= 0.3 for e in proxy.seen)


# -- botocore and moto -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    s3 = pytest.importorskip("tests.servers.s3")
    with s3.serve("moto") as server:
        yield server


@dataclass
class Bucket:
    """A bucket seen through a proxy, without retries, and from behind it."""

    name: str
    proxied: Any
    direct: Any

    def put(self, key: str, body: bytes, **condition: str) -> str:
        etag: str = self.proxied.put_object(
            Bucket=self.name, Key=key, Body=body, ChecksumAlgorithm="SHA256", **condition
        )["ETag"]
        return etag

    def get(self, key: str) -> bytes:
        content: bytes = self.proxied.get_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")["Body"].read()
        return content

    def holds(self) -> dict[str, bytes]:
        listed = self.direct.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {
            each["Key"]: self.direct.get_object(Bucket=self.name, Key=each["Key"])["Body"].read() for each in listed
        }


@pytest.fixture(scope="module")
def ends(moto: Any) -> Iterator[tuple[FaultProxy, Any]]:
    """A proxy in front of moto, and a client of it that never tries again."""
    from botocore.config import Config
    from botocore.session import Session

    host, _, port = moto.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy:
        proxied = Session().create_client(
            "s3",
            endpoint_url=proxy.endpoint,
            region_name=moto.region,
            aws_access_key_id=moto.access_key,
            aws_secret_access_key=moto.secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=SOON),
        )
        yield proxy, proxied
        proxied.close()


@pytest.fixture
def bucket(moto: Any, ends: tuple[FaultProxy, Any]) -> tuple[FaultProxy, Bucket]:
    from tests.servers import s3

    proxy, proxied = ends
    proxy.start_over()
    return proxy, Bucket(s3.new_bucket(moto), proxied, s3.client(moto))


def test_botocore_through_the_proxy(bucket: tuple[FaultProxy, Bucket]) -> None:
    from botocore.exceptions import ClientError

    proxy, seen = bucket
    etag = seen.put("pointer", b"one", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        seen.put("pointer", b"two", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    seen.put("pointer", b"three", IfMatch=etag)
    assert seen.get("pointer") == b"three"
    assert [e.status for e in proxy.seen] == [200, 412, 200, 200]
    assert [e.headers.get("expect") for e in proxy.seen] == ["100-continue"] * 3 + [None]
    assert depth(proxy.seen) == 4


@pytest.mark.parametrize(
    ("fault", "error", "holds"),
    [
        (DropRequest(), "ConnectionClosedError", {}),
        (DropReply(), "ConnectionClosedError", {"key": b"content"}),
        (CutRequestBody(), "ConnectionClosedError", {}),
        (Late(), "ConnectionClosedError", {}),
        (Duplicate(), "ClientError 412", {"key": b"content"}),
        (SLOW_DOWN, "ClientError 503", {}),
        (INTERNAL_ERROR, "ClientError 500", {}),
        (CONFLICT, "ClientError 409", {}),
        (replace(INTERNAL_ERROR, applied=True), "ClientError 500", {"key": b"content"}),
    ],
)
def test_what_botocore_makes_of_a_write(
    bucket: tuple[FaultProxy, Bucket], fault: Fault, error: str, holds: dict[str, bytes]
) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    proxy, seen = bucket
    proxy.plan = at(0, fault)
    with pytest.raises((BotoCoreError, ClientError)) as raised:
        seen.put("key", b"content", IfNoneMatch="*")
    assert named(raised.value) == error
    assert seen.holds() == holds
    assert (len(proxy.seen), faults(proxy)) == (1, [fault])
    if isinstance(fault, Late):
        assert (proxy.deliver(), seen.holds()) == (1, {"key": b"content"})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Flip(3), "FlexibleChecksumError"),
        (CutReplyBody(), "ResponseStreamingError"),
        (DropReply(), "ConnectionClosedError"),
        (replace(SLOW_DOWN, applied=True), "ClientError 503"),
    ],
)
def test_what_botocore_makes_of_a_read(bucket: tuple[FaultProxy, Bucket], fault: Fault, error: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    proxy, seen = bucket
    seen.put("key", b"content" * 1000)
    proxy.plan = at(1, fault)
    with pytest.raises((BotoCoreError, ClientError)) as raised:
        seen.get("key")
    assert named(raised.value) == error
    assert (len(proxy.seen), faults(proxy)) == (2, [fault])
    assert seen.get("key") == b"content" * 1000


def named(error: Exception) -> str:
    """The name of an error of botocore, and the status where it is the server's."""
    response: dict[str, Any] = getattr(error, "response", {})
    status = f" {response['ResponseMetadata']['HTTPStatusCode']}" if response else ""
    return type(error).__name__ + status
