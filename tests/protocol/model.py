"""The pointer-move protocol as a set of states: who has read what, what is on the way, what the store holds.

Promises 3 and 4 are searched for violations here, in every order in which messages can arrive and processes can die.
``world`` says what a state is, ``movers`` and ``network`` which steps lead from one to the next, ``invariants`` what
must hold in each, ``search`` walks all of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Shortcut(enum.StrEnum):
    """One plausible simplification of the protocol each; every one of them must be caught."""

    NAIVE_412 = "a 412 is called lost without a look at what won"
    REREAD = "after a time-out it looks once, and decides"
    HEAD_ONLY = "after a 412 it compares with the newest record only"
    LEDGER_AFTER = "a record is kept in the ledger after its swap, by its own mover"
    LEDGER_UNSURE = "it swaps while the write of the ledger entry is still uncertain"
    NO_EQUALITY = "a ledger entry that is there already is not compared"
    NO_SECOND_LOOK = "a later ledger entry is called a replay without reading the pointer again"
    RESOLVE_LOOKS = "resolve looks once, and decides"
    RESOLVE_DECIDES = "resolve decides again, with a new record"
    RESOLVE_BLIND = "resolve reads the pointer without comparing it with the mark, and does not look ahead"
    RESOLVE_UNMARKED = "resolve does not raise the clone's high-water mark"
    AGAIN_AFTER_TIMEOUT = "after a time-out it decides again, with a new record"


class Replay(enum.StrEnum):
    """When, and to where, somebody may once put an older pointer back (a restored backup, an attacker)."""

    NEVER = "never"
    QUIET_KEPT = "while nobody moves and nothing is on the way, to a generation whose successor is in the ledger"
    QUIET = "while nobody moves and nothing is on the way, to any generation"
    ANY_TIME_KEPT = "at any time, to a generation whose successor is in the ledger"
    ANY_TIME = "at any time, to any generation"


@dataclass(frozen=True)
class Case:
    """What is searched: how many movers, how patient, which parts of the protocol, and which shortcut they take.

    ``resolve_sends`` is how often a resolver sends a saved move (0: nobody resolves). ``looks_ahead``: step 2's GET of
    ``ledger/<g+1>``; ``keeps_own``: step 7, each mover keeps its own record after success, at best; ``late_ledger``:
    writes of ledger entries are messages, too; ``one_clone``: all movers share one high-water mark and settle each
    other's saved moves before their own. With ``losses`` off nothing is lost and nobody dies, but whoever is never
    heard of again is still among the states: the same verdicts from far fewer of them.
    """

    movers: int = 2
    sends: int = 2
    decisions: int = 1
    resolve_sends: int = 0
    replay: Replay = Replay.NEVER
    looks_ahead: bool = False
    keeps_own: bool = False
    late_ledger: bool = False
    one_clone: bool = False
    losses: bool = True
    shortcut: Shortcut | None = None


class Point(enum.StrEnum):
    """Where a mover or resolver is: what it does next."""

    READ = "read the pointer"
    PREPARE = "look ahead and keep the record beneath, in either order"
    LOOK_AHEAD = "look ahead"
    LOOK_AGAIN = "read the pointer again"
    KEEP = "keep the record beneath in the ledger"
    KEEPING = "wait until the record beneath is in the ledger"
    SEND = "send the swap"
    WAIT = "wait for the answer"
    CLASSIFY = "find out who won"
    KEEP_OWN = "keep its own record in the ledger"
    IDLE = "resolve: take a saved move"
    RESOLVE = "resolve: read the pointer"
    DONE = "nothing: it has reported"
    DEAD = "nothing: it crashed"
    LEFT = "nothing: it crashed and its move is saved"


class Report(enum.StrEnum):
    """What a mover or resolver says in the end. Each must mean exactly that."""

    OK = "the move stands"
    FAILED = "the move does not stand"
    UNKNOWN = "not known"
    STOPPED = "the store contradicts itself"


class Name(NamedTuple):
    """A record's id: a fresh one for each decision of each mover."""

    mover: int
    decision: int


class Record(NamedTuple):
    """A record's bytes. Two records are the same bytes, and have the same ETag, only if they are equal."""

    generation: int
    name: Name
    previous: Name | None


START = Record(0, Name(-1, 0), None)


class Kind(enum.StrEnum):
    """What a message is."""

    SWAP = "PUT pointer"
    KEEP = "PUT ledger"
    DONE = "200"
    REFUSED = "412"


class Message(NamedTuple):
    """A PUT on its way to the store, or the store's reply on its way back."""

    kind: Kind
    sender: int
    send: int
    expected: Record
    record: Record


class Actor(NamedTuple):
    """A mover or a resolver: where it is, what it read, what it sends, how often it sent that, what it reported."""

    point: Point
    expected: Record
    record: Record
    decision: int
    sends: int
    report: Report | None

    def at(self, point: Point) -> Actor:
        """The same, somewhere else."""
        return Actor(point, self.expected, self.record, self.decision, self.sends, self.report)


class World(NamedTuple):
    """One state. ``accepted`` is what an observer saw the store accept, in order; no mover can see that.

    Actors are the movers, then, where somebody resolves, one resolver for each of them. ``mark`` is the high-water mark
    of the one clone.
    """

    pointer: Record
    accepted: tuple[Record, ...]
    ledger: frozenset[Record]
    actors: tuple[Actor, ...]
    network: frozenset[Message]
    mark: Record
    replayed: bool

    def after(self, number: int, actor: Actor) -> World:
        """The state after one actor's step. (``_replace`` would cost more than everything else of a search.)"""
        actors = (*self.actors[:number], actor, *self.actors[number + 1 :])
        return World(self.pointer, self.accepted, self.ledger, actors, self.network, self.mark, self.replayed)

    def carrying(self, network: frozenset[Message]) -> World:
        """The same with other messages on their way."""
        return World(self.pointer, self.accepted, self.ledger, self.actors, network, self.mark, self.replayed)

    def keeping(self, record: Record) -> World:
        """The same with one more ledger entry."""
        ledger = self.ledger | {record}
        return World(self.pointer, self.accepted, ledger, self.actors, self.network, self.mark, self.replayed)


class Step(NamedTuple):
    """What happens, in words, and the state after it."""

    what: str
    world: World


NEW_MOVER = Actor(Point.READ, START, START, 1, 0, None)
NEW_RESOLVER = Actor(Point.IDLE, START, START, 1, 0, None)


def first_world(case: Case) -> World:
    """Generation 0 is there, and nobody has done anything."""
    resolvers = case.movers if case.resolve_sends else 0
    actors = (NEW_MOVER,) * case.movers + (NEW_RESOLVER,) * resolvers
    ledger = frozenset({START}) if case.shortcut is Shortcut.LEDGER_AFTER else frozenset[Record]()
    return World(START, (START,), ledger, actors, frozenset(), START, replayed=False)


def kept(ledger: frozenset[Record], generation: int) -> Record | None:
    """``ledger/<generation>``, None where it was never written."""
    return next((record for record in ledger if record.generation == generation), None)


def who(case: Case, number: int) -> str:
    """A mover is A, B or C; its resolver is "A's resolver"."""
    return "ABC"[number] if number < case.movers else f"{'ABC'[number - case.movers]}'s resolver"


def shown(record: Record) -> str:
    """A record in a trace: ``A1@3`` is A's first record, made for generation 3."""
    return "0" if record == START else f"{'ABC'[record.name.mover]}{record.name.decision}@{record.generation}"
