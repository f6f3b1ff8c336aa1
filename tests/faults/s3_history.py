"""Judging a bucket by what its movers and publishers were told: promises 1, 3 and 4, as one function.

What a race can be judged by (``tests.races.history``) is taken over; what only a history with beginnings and ends can
say comes on top: that the order of generations is the order in which people saw them, that every record follows exactly
the pointer that its mover read, and that whoever settled an unknown move said the truth about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from repoint_schemas.canonical import Digest, decode, digest_of
from repoint_schemas.documents import Record

from tests.races import history as races
from tests.races.history import Told, check_history

How = Literal["done", "nothing", "refused", "conflict", "unknown", "unavailable", "alarm"]
"""``unavailable`` says that nothing was done; ``alarm`` that the store contradicts itself, and nothing was done."""

Ended = Literal["created", "there", "taken", "unknown", "unavailable", "alarm"]


@dataclass(frozen=True)
class Move:
    """What one mover was told about one move. ``began`` and ``ended`` are places in the one order of all calls."""

    mover: str
    how: How
    ids: tuple[str, ...]
    began: int
    ended: int
    generation: int | None = None
    digest: Digest | None = None


@dataclass(frozen=True)
class Read:
    """A pointer as somebody read it."""

    reader: str
    generation: int
    digest: Digest
    began: int
    ended: int


@dataclass(frozen=True)
class Settled:
    """What was told of an earlier move when it was settled: ``ended`` is when."""

    identifier: str
    stands: bool
    ended: int


@dataclass(frozen=True)
class Publication:
    """What one publisher was told; ``message`` stands in the release, and no other publication has it."""

    publisher: str
    name: str
    message: str
    how: Ended


@dataclass
class History:
    """All that was told. ``read_before`` are the digests of the pointers on which each record was sent."""

    moves: list[Move] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    sent_on: dict[str, set[Digest]] = field(default_factory=dict)


def check_moves(ledger: Sequence[bytes], history: History, before: int) -> list[str]:
    """Every contradiction between a whole ledger and what was told; the first ``before`` records were there before."""
    problems = check_history(ledger, [_told(move) for move in history.moves], before=before)
    records = [decode(content, Record, limit=Record.LIMIT) for content in ledger]
    standing = {record.id: record for record in records}
    problems += _early_attempts_that_stand(history, standing)
    problems += _untrue_settlements(history, standing)
    problems += _wrong_preconditions(history, records[before:])
    problems += _reads_of_what_never_was(history, ledger)
    return problems + list(_out_of_order(history, standing))


def check_publications(
    releases: Mapping[str, str], history: History, before: Collection[str], duplicated: Collection[str]
) -> list[str]:
    """The same for versions: ``releases`` has the message of each that stands, by ``AGENT@VERSION``.

    Who published a version is told so, once. Only where the network itself sent the request a second time, and the
    second answer is the one that came back (``duplicated``), may they be told that it is there already.
    """
    problems, told = [], {p.message: p for p in history.publications}
    for name, message in releases.items():
        published = told.get(message)
        if name in before:
            continue
        if published is None or published.name != name:
            problems.append(f"{name} stands, but nobody published it")
        elif published.how not in (("created", "unknown", "there") if name in duplicated else ("created", "unknown")):
            problems.append(f"{published.publisher} was told {published.how} of {name}, but it is theirs")
    for each in history.publications:
        if each.how == "created" and releases.get(each.name) != each.message:
            problems.append(f"{each.publisher} was told that they created {each.name}, which is not so")
        if each.how in ("there", "taken") and each.name not in releases:
            problems.append(f"{each.publisher} was told that {each.name} is {each.how}, but it does not stand")
    created = Counter(each.name for each in history.publications if each.how == "created")
    return problems + [f"{name} was created {n} times" for name, n in created.items() if n > 1]


def _told(move: Move) -> Told:
    how: races.How = "refused" if move.how == "unavailable" or move.how == "alarm" else move.how  # noqa: PLR1714
    return Told(move.mover, how, move.ids, move.generation, move.digest)


def _early_attempts_that_stand(history: History, standing: Mapping[str, Record]) -> list[str]:
    """A move that decided again had lost its earlier attempts for certain."""
    return [
        f"{move.mover} decided again after {identifier}, but it stands"
        for move in history.moves
        for identifier in move.ids[:-1]
        if identifier in standing
    ]


def _untrue_settlements(history: History, standing: Mapping[str, Record]) -> list[str]:
    return [
        f"{each.identifier} was settled as {'standing' if each.stands else 'not carried out'}, which is not so"
        for each in history.settled
        if each.stands != (each.identifier in standing)
    ]


def _wrong_preconditions(history: History, records: Sequence[Record]) -> list[str]:
    return [
        f"generation {record.generation} ({record.id}) was not sent on the record that it follows"
        for record in records
        if record.previous not in history.sent_on.get(record.id, ())
    ]


def _reads_of_what_never_was(history: History, ledger: Sequence[bytes]) -> list[str]:
    return [
        f"{read.reader} read generation {read.generation} with bytes that never stood"
        for read in history.reads
        if read.generation >= len(ledger) or digest_of(ledger[read.generation]) != read.digest
    ]


@dataclass(frozen=True)
class _Seen:
    """One generation that took its place, or was seen in it, within a span; an open end is one that never ends."""

    generation: int
    began: int
    ended: float
    moved: bool


def _out_of_order(history: History, standing: Mapping[str, Record]) -> Iterator[str]:
    """What ended before something else began must have the lower generation, or the same if that only read."""
    seen = [*_moved(history, standing), *(_Seen(r.generation, r.began, r.ended, False) for r in history.reads)]
    for first in seen:
        for later in seen:
            if first.ended < later.began and first.generation + later.moved > later.generation:
                yield f"generation {later.generation} began after generation {first.generation} had been told"


def _moved(history: History, standing: Mapping[str, Record]) -> Iterator[_Seen]:
    settled = {each.identifier: each.ended for each in history.settled if each.stands}
    for move in history.moves:
        for identifier in move.ids:
            record = standing.get(identifier)
            if record is not None:
                ended = float(move.ended) if move.how == "done" else settled.get(identifier, float("inf"))
                yield _Seen(record.generation, move.began, ended, True)
