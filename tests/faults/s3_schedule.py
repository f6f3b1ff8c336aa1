"""One seeded schedule: clones that publish, move, sync and resolve over a network that does everything wrong.

What happens follows from the seed: which clone does what, and what the proxy does to which request. Even seeds let the
clones take turns, so that a schedule can be played again; odd ones let them run at once. Afterwards the faults end,
what is late is delivered (before or after the open moves are settled: whatever was told then must stay true), and
everything that was told is held against what is stored.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from repoint import pointer
from repoint.errors import (
    AlreadyExists,
    Conflict,
    Corrupt,
    GateRefused,
    NotFound,
    OutcomeUnknown,
    RepointError,
    StoreUnavailable,
)
from repoint.moves import AnyAction
from repoint.publish import Reason, propose, publish
from repoint.registry import Registry
from repoint.release import Wish
from repoint.replicate import replicate
from repoint.s3keys import ledger_key
from repoint.store_s3 import S3Store
from repoint.verifyreplica import compare_replica
from repoint.verifyreport import Report
from repoint.verifystore import verify_store
from repoint_schemas.canonical import decode, digest_of, encode
from repoint_schemas.documents import Identity, Record, Release

from tests.faults.s3_history import (
    Ended,
    History,
    How,
    Move,
    Publication,
    Read,
    Settled,
    check_moves,
    check_publications,
)
from tests.faults.s3_world import AGENTS, BEFORE, PUBLISHED, Bench, Clone, Frozen, Notes, opened_replica
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
    Flip,
    Hold,
    Late,
    Plan,
    Trickle,
    nothing,
)
from tests.stores import PRODUCTION, Stamps, contents_of, new_registry, pair, promote, rollback

APPLIED = Answer(500, "InternalError", applied=True)
DENIED = Answer(403, "AccessDenied")

FAULTS: tuple[Fault, ...] = (
    DropRequest(),
    DropReply(),
    DropReply(),
    Late(),
    Late(2),
    Late(9),
    Duplicate(),
    CutRequestBody(),
    CutRequestBody(),
    CutReplyBody(),
    INTERNAL_ERROR,
    SLOW_DOWN,
    CONFLICT,
    APPLIED,
    DENIED,
    Trickle(64, 0.002, 0.05),
    Flip(7, 3),
    Hold(),
    Endless(1 << 17),
)
OUTAGES: tuple[Fault, ...] = (
    DropRequest(), DropReply(), DropReply(), Late(), CutRequestBody(), SLOW_DOWN, APPLIED, DENIED, DENIED,
)  # fmt: skip
OFFERED = ("1.2.0", "1.3.0", "1.4.0")
"""What is published in a schedule, over and over; the first is there already for one of the agents."""
QUIET_SECONDS = 60.0
A_MOMENT = 0.2


def kind_of(fault: Fault) -> str:
    """What a fault is called in a table."""
    if isinstance(fault, Answer):
        return f"{fault.status} {fault.code}" + (", applied" if fault.applied else "")
    if isinstance(fault, Late):
        return "Late, until the end" if fault.after is None else "Late, after others"
    return type(fault).__name__


KINDS = tuple(sorted({kind_of(fault) for fault in FAULTS}))


@dataclass
class Result:
    """What one schedule, or many, came to."""

    schedules: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.schedules += other.schedules
        self.requests += other.requests
        self.faults += other.faults
        self.outcomes += other.outcomes
        self.problems += other.problems


class SeededPlan:
    """One fault for certain, single ones all along, and in most schedules a time in which hardly anything gets through.

    The certain one goes through all faults from seed to seed. What nothing gets through to is everything, or a pointer,
    the ledger, or releases alone: there it hurts most.
    """

    def __init__(self, seed: int) -> None:
        chance = random.Random(f"plan {seed}")
        self._seed = seed
        self._rate = chance.choice((0.05, 0.1, 0.2))
        self._certain: Fault | None = FAULTS[seed % len(FAULTS)]
        self._certain_from = chance.randrange(15)
        self._hit = chance.choice(("", "/", "/environments/", "/environments/", "/ledger/", "/releases/", "/releases/"))
        begins = chance.randrange(60 if self._hit == "/" else 20)
        self._outage = range(begins, begins + chance.randrange(6, 60))
        self._outages = OUTAGES if chance.random() < 0.6 else (chance.choice(OUTAGES),)

    def __call__(self, exchange: Exchange) -> Fault | None:
        draw = random.Random(f"{self._seed}/{exchange.number}")
        certain = self._certain
        if certain is not None and exchange.number >= self._certain_from and _possible(certain, exchange):
            self._certain = None
            return certain
        if self._hit and exchange.number in self._outage and self._is_hit(exchange):
            return draw.choice(self._outages)
        fault = draw.choice(FAULTS) if draw.random() < self._rate else None
        return fault if fault is None or _possible(fault, exchange) else None

    def _is_hit(self, exchange: Exchange) -> bool:
        return self._hit == "/" or (exchange.is_write and self._hit in exchange.path)


class LostThenDenied(SeededPlan):
    """On top of that, the answer to every pointer or release is lost, and whoever sends it again has no right to any
    more, as where credentials run out.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._sent = 0

    def __call__(self, exchange: Exchange) -> Fault | None:
        if exchange.is_write and ("/environments/" in exchange.path or "/releases/" in exchange.path):
            self._sent += 1
            return DropReply() if self._sent % 2 else DENIED
        return super().__call__(exchange)


AIMED: dict[str, Callable[[int], Plan]] = {"the SDK's retries on": LostThenDenied}
"""Plans that look where a missing protection hurts; for the others the seeded ones are enough."""


def _possible(fault: Fault, exchange: Exchange) -> bool:
    """No checksum guards a listing: that its bytes arrive as they were sent is what TLS is for."""
    match fault:
        case Flip() | CutReplyBody() | Endless():
            return exchange.method == "GET" and "list-type" not in exchange.query
        case CutRequestBody():
            return exchange.is_write
        case _:
            return True


def run_schedule(bench: Bench, seed: int, planned: Callable[[int], Plan] = SeededPlan) -> Result:
    """Play one schedule and judge it."""
    return _Schedule(bench, seed).run(planned(seed))


class _Schedule:
    """One schedule under way."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.seed = bench, seed
        self.prefix = f"schedule-{seed}"
        self.folder = bench.folder / self.prefix
        self.replica = self.folder / "replica.git"
        self.chance = random.Random(f"calls {seed}")
        self.notes, self.history = Notes(), History()
        self.outcomes: Counter[str] = Counter()
        self.alarms: list[RepointError] = []
        self.clones = [Clone(bench, self.prefix, n, self.folder, self.notes) for n in range(self.chance.choice((2, 3)))]
        self._places = itertools.count()
        self._numbers = itertools.count()

    def run(self, plan: Plan) -> Result:
        proxy = self.bench.proxy
        self.folder.mkdir()
        self.bench.plant(self.prefix, self.replica)
        proxy.start_over()
        proxy.plan = plan
        self._play()
        result = Result(1, len(proxy.seen))
        proxy.plan = nothing
        self._wait_quiet()
        result.faults.update(kind_of(fault) for _, fault in proxy.happened)
        duplicated = {_name_in(e.path) for e, fault in proxy.happened if isinstance(fault, Duplicate)}
        flipped = any(isinstance(fault, Flip | Endless) for _, fault in proxy.happened)
        self._settle()
        result.outcomes = self.outcomes
        result.problems = [f"seed {self.seed}: {problem}" for problem in self._problems(duplicated, flipped=flipped)]
        return result

    # -- what is done --------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        calls = [[self._drawn(clone) for _ in range(self.chance.choice((2, 3)))] for clone in self.clones]
        if self.seed % 2:
            with ThreadPoolExecutor(len(calls)) as pool:
                for done in [pool.submit(_each, of_one) for of_one in calls]:
                    done.result()
            return
        turns = [call for of_one in calls for call in of_one]
        self.chance.shuffle(turns)
        _each(turns)

    def _drawn(self, clone: Clone) -> Callable[[], None]:
        kind, version = self.chance.random(), self.chance.choice(OFFERED)
        agent = AGENTS[self.chance.random() < 0.25]
        if kind < 0.4:
            known = self.chance.choice((*PUBLISHED[agent], *PUBLISHED[agent], version))
            return lambda: self._move(clone, "promote", promote(f"{agent}@{known}"))
        if kind < 0.58:
            return lambda: self._move(clone, "rollback", rollback(agent))
        if kind < 0.84:
            return lambda: self._publish(clone, f"{agent}@{version}")
        if kind < 0.89:
            return lambda: self._sync(clone)
        return (lambda: self._resolve(clone, clone)) if kind < 0.93 else lambda: self._read(clone)

    def _move(self, clone: Clone, verb: str, action: AnyAction) -> None:
        stamps, began = Stamps(_person(clone)), next(self._places)
        how: How
        with clone.opened() as registry:
            try:
                outcome = pointer.move(registry, PRODUCTION, action, stamps, self._note_settled)
            except (OutcomeUnknown, StoreUnavailable, Corrupt, Conflict, GateRefused, NotFound) as error:
                how, outcome = self._noted(error), None
        moved = outcome.moved.record if outcome and outcome.moved else None
        if outcome and not moved:
            self._note_read(clone, outcome.before, began)
        how = how if outcome is None else "done" if moved else "nothing"
        self.outcomes[f"{verb} {how}"] += 1
        stands = (moved.generation, digest_of(encode(moved))) if moved else (None, None)
        self.history.moves.append(Move(clone.name, how, tuple(stamps.ids), began, next(self._places), *stands))

    def _publish(self, clone: Clone, name: str) -> None:
        message = f"Publication {next(self._numbers)}"
        agent, version = pair(name)
        ended: Ended
        with clone.opened() as registry:
            try:
                text = name if self.chance.random() < 0.7 else message  # the same content as everybody, or one's own
                proposal = propose(registry, contents_of(agent, text), Wish(version=version, allow_underbump=True))
                reason = Reason(_person(clone), 1_795_208_400, message, None, None)
                ended = "created" if publish(registry, proposal, reason)[1] else "there"
            except (OutcomeUnknown, StoreUnavailable, Corrupt, AlreadyExists, Conflict) as error:
                self._noted(error)
                ended = _ended(error)
        self.outcomes[f"publish {ended}"] += 1
        self.history.publications.append(Publication(clone.name, name, message, ended))

    def _sync(self, clone: Clone) -> None:
        with clone.opened() as registry, opened_replica(self.replica) as target:
            try:
                alarms = replicate(registry, target).alarms
                how = "alarm" if alarms else "done"
                self.alarms += alarms
            except (StoreUnavailable, OutcomeUnknown, Corrupt) as error:
                how = self._noted(error)
        self.outcomes[f"sync {how}"] += 1

    def _read(self, clone: Clone) -> None:
        began = next(self._places)
        with clone.opened() as registry:
            try:
                self._note_read(clone, registry.current(PRODUCTION).record, began)
                how = "done"
            except (StoreUnavailable, Corrupt) as error:
                how = self._noted(error)
        self.outcomes[f"read {how}"] += 1

    def _resolve(self, by: Clone, of: Clone) -> None:
        """Settle what a clone left open, in this clone or, from the saved record, in another."""
        with of.opened() as theirs:
            assert theirs.state is not None
            pending = theirs.state.pending()
            with by.opened() as registry:
                for each in pending:
                    try:
                        self._note_settled(pointer.resolve(registry, each))
                        how = "done"
                        theirs.state.drop_pending(each.id)
                    except (OutcomeUnknown, StoreUnavailable, Corrupt) as error:
                        how = self._noted(error)
                    self.outcomes[f"resolve {how}"] += 1

    def _noted(self, error: RepointError) -> How:
        """How a call ended that is no move and no publish; alarms are kept."""
        if isinstance(error, Corrupt):
            self.alarms.append(error)
        return _how(error)

    def _note_settled(self, settled: pointer.Settled) -> None:
        self.history.settled.append(Settled(settled.record.id, settled.stands, next(self._places)))

    def _note_read(self, clone: Clone, record: Record, began: int) -> None:
        read = Read(clone.name, record.generation, digest_of(encode(record)), began, next(self._places))
        self.history.reads.append(read)

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Without faults every open move is settled, and what is late arrives before that or after it."""
        if self.chance.random() < 0.5:
            self.bench.proxy.deliver()
        for number, clone in enumerate(self.clones):
            self._resolve(self.clones[(number + self.chance.choice((0, 1))) % len(self.clones)], clone)
        self.bench.proxy.deliver()
        self._wait_quiet()

    def _wait_quiet(self) -> None:
        """Until nothing is under way; what is held is let go, whenever it came to that."""
        until = time.monotonic() + QUIET_SECONDS
        while not self.bench.proxy.wait_quiet(A_MOMENT):
            self.bench.proxy.release()
            assert time.monotonic() < until, "a request does not end"

    def _problems(self, duplicated: set[str], *, flipped: bool) -> Iterator[str]:
        with S3Store(Frozen(self.bench.directly(self.prefix))) as store:
            registry = new_registry(store)
            ledger, gaps = _ledger(store)
            yield from gaps
            self.history.sent_on = self.notes.sent_on
            yield from check_moves(ledger, self.history, BEFORE) if not gaps else ()
            before = [f"{agent}@{version}" for agent in AGENTS for version in PUBLISHED[agent]]
            yield from check_publications(_messages(store), self.history, before, duplicated)
            found = verify_store(registry, deep=True, environments=[PRODUCTION]).findings
            yield from (f"verify: {each.kind} {each.place}: {each.message}" for each in found)
            yield from self._alarms(flipped=flipped)
            yield from self._replica(registry) if not gaps else ()

    def _alarms(self, *, flipped: bool) -> Iterator[str]:
        """A contradiction is told only where bytes did arrive that nobody had sent."""
        yield from () if flipped else (f"a contradiction was told: {alarm}" for alarm in self.alarms)

    def _replica(self, registry: Registry) -> Iterator[str]:
        with opened_replica(self.replica) as target:
            yield from (f"replica: {alarm}" for alarm in replicate(registry, target).alarms)
            report = Report(None)
            lacks = compare_replica(registry, target.store, "git", report)
            yield from (f"replica: {each.message}" for each in report.findings)
            if lacks:
                yield f"the replica still lacks {lacks}"


def _each(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _how(error: Exception) -> How:
    match error:
        case OutcomeUnknown():
            return "unknown"
        case StoreUnavailable():
            return "unavailable"
        case Corrupt():
            return "alarm"
        case Conflict():
            return "conflict"
        case _:
            return "refused"


def _ended(error: Exception) -> Ended:
    how = _how(error)
    if how in ("unknown", "unavailable", "alarm"):
        return how
    return "taken"


def _person(clone: Clone) -> Identity:
    return Identity(email=f"{clone.name}@acme.example", name=clone.name)


def _name_in(path: str) -> str:
    """The version whose release document has this path, as ``AGENT@VERSION``; anything for another."""
    agent, _, version = path.partition("/releases/")[2].removesuffix(".json").partition("/")
    return f"{agent}@{version}"


def _ledger(store: S3Store) -> tuple[list[bytes], list[str]]:
    """The ledger as its objects have it, with the pointer on top; and what is missing of it."""
    tip = store.read_pointer(PRODUCTION)
    assert tip is not None
    newest = decode(tip.content, Record, limit=Record.LIMIT).generation
    found = {n: store.client.get(ledger_key(PRODUCTION, n), Record.LIMIT) for n in range(newest + 2)}
    objects = {n: got.content for n, got in found.items() if got is not None}
    problems = [f"generation {n} is missing from the ledger" for n in range(newest) if n not in objects]
    if objects.get(newest, tip.content) != tip.content:
        problems.append(f"the ledger has another generation {newest} than the pointer")
    if newest + 1 in objects:
        problems.append("the ledger goes on above the pointer")
    return [*(objects[n] for n in range(newest) if n in objects), tip.content], problems


def _messages(store: S3Store) -> dict[str, str]:
    """The message of every version that stands."""
    names = [(agent, version) for agent, found in store.versions().items() for version in found]
    releases = {f"{agent}@{version}": content for agent, version, content in store.read_releases(names)}
    return {
        name: decode(content, Release, limit=Release.LIMIT).message
        for name, content in releases.items()
        if isinstance(content, bytes)
    }
