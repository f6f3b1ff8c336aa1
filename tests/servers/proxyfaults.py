"""What a network and a server can do to one request: the faults, the requests that they happen to, and the plans.

A plan is asked once for each request, when its head has been read. It only says what is wished: a fault that cannot
happen to a request (half a body of nothing) leaves it alone, and the proxy lists only those that took place.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(eq=False)
class Exchange:
    """One request and what came of it. Times are of ``time.monotonic``, in seconds.

    ``path`` is without the query; ``headers`` have names in lower case; ``length`` is None for a chunked body.
    ``answered`` is the status that the server gave, None where it never answered; ``status`` the one that the client
    was given, None where it was given none. ``ended`` is set before the client can see the end, so whatever it sends
    because of this reply has a later ``started``.
    """

    number: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int | None
    started: float
    ended: float | None = None
    answered: int | None = None
    status: int | None = None

    @property
    def is_write(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"#{self.number} {self.method} {self.path}{query}: server {self.answered}, client {self.status}"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with one request."""


@dataclass(frozen=True)
class DropRequest(Fault):
    """The client's connection is closed, and nothing reaches the server."""


@dataclass(frozen=True)
class DropReply(Fault):
    """The server gets the request and answers it; the client sees its connection closed."""


@dataclass(frozen=True)
class Late(Fault):
    """The client's connection is closed once the request is sent; the server gets it later.

    Either when the test calls ``deliver``, or when so many further requests are done with, before the client of the
    last of them gets its reply.
    """

    after: int | None = None


@dataclass(frozen=True)
class Duplicate(Fault):
    """The server gets the request twice, on two connections one after the other; the client gets the second reply."""


@dataclass(frozen=True)
class CutRequestBody(Fault):
    """The server gets the first half of the body and then the end of the connection; so does the client."""


@dataclass(frozen=True)
class CutReplyBody(Fault):
    """The client gets the first half of the reply's body and then the end of the connection."""


@dataclass(frozen=True)
class Answer(Fault):
    """The client gets this status with an S3 error of this code; the server gets the request only if ``applied``."""

    status: int
    code: str
    applied: bool = False


@dataclass(frozen=True)
class Trickle(Fault):
    """The reply comes in pieces of ``size`` bytes with a pause before each; after ``longest`` seconds all at once."""

    size: int = 16
    pause: float = 0.005
    longest: float = 1.0


@dataclass(frozen=True)
class Flip(Fault):
    """One bit of the reply's body is wrong; the offset is in bytes, modulo the body's length."""

    offset: int = 0
    bit: int = 0


@dataclass(frozen=True)
class Hold(Fault):
    """The server has answered, and the reply waits until the test calls ``release``."""


@dataclass(frozen=True)
class Endless(Fault):
    """The reply's body goes on after its end with zeros, until the client hangs up or so many bytes have been sent."""

    most: int = 1 << 28


INTERNAL_ERROR = Answer(500, "InternalError")
SLOW_DOWN = Answer(503, "SlowDown")
CONFLICT = Answer(409, "ConditionalRequestConflict")

Plan = Callable[[Exchange], Fault | None]


def nothing(_: Exchange) -> None:
    """The plan without faults."""


def at(number: int, fault: Fault) -> Plan:
    """This fault for the request with this number, the first being 0."""
    return lambda exchange: fault if exchange.number == number else None


def seeded(seed: int, rate: float, faults: Sequence[Fault], only: Callable[[Exchange], bool] = lambda _: True) -> Plan:
    """A fault drawn from these, with a probability of ``rate``, for each request of which ``only`` is true.

    What happens to a request follows from the seed and its number alone, so a run can be repeated as far as its
    requests arrive in the same order.
    """

    def plan(exchange: Exchange) -> Fault | None:
        draw = random.Random(f"{seed}/{exchange.number}")
        return draw.choice(faults) if draw.random() < rate and only(exchange) else None

    return plan


def depth(seen: Iterable[Exchange]) -> int:
    """How many round trips one after another: the most exchanges of which each began after the one before ended.

    On a busy machine two requests sent together may be noticed one after the other: give the proxy a ``latency``
    where the figure matters.
    """
    chain, end = 0, -math.inf
    for began, ended in sorted(_spans(seen), key=lambda span: span[1]):
        if began >= end:
            chain, end = chain + 1, ended
    return chain


def _spans(seen: Iterable[Exchange]) -> list[tuple[float, float]]:
    return [(e.started, math.inf if e.ended is None else e.ended) for e in seen]
