"""Record after record of one ledger, oldest first, judged as documents: place, order, chain, and the rules of moves.

Promises 2 to 6 and 8, wherever the ledger is stored. Each record is judged by itself and against the one before it. One
that cannot be read, or is missing, leaves a gap, and what comes after it is still checked: it then has no record before
it to be compared with, only that record's digest, where its bytes are there.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from repoint.verifyclaims import Claim, Known, Named, document_finding
from repoint.verifyentries import EntryCheck
from repoint.verifyreport import Report, Stretches, Unreadable
from repoint.verifyrules import Past, faults, first_reasons
from repoint_schemas.canonical import Digest, DocumentError, decode, digest_of
from repoint_schemas.documents import EnvironmentName, Mark, Record


class Registered(msgspec.Struct, frozen=True):
    """What every record must agree with, and what was found out before: releases, yanks, ids seen so far."""

    registry: str
    authority: str
    releases: dict[Named, Known]
    yanked: Collection[Named] | None
    ids: dict[str, tuple[str, str]]


class _Last(msgspec.Struct, frozen=True):
    """The record before: None where it could not be decoded, no digest where its bytes are not there either."""

    generation: int
    digest: Digest | None
    record: Record | None


class RecordCheck:
    """Checks one ledger; ``past``, ``tip`` and ``entries`` say afterwards what it made live.

    ``rooted``: the oldest record given is the first that there is. ``lost``: what may have happened to a pointer that
    stands below this clone's mark, for the message.
    """

    def __init__(
        self, report: Report, known: Registered, environment: EnvironmentName, mark: Mark | None, lost: str
    ) -> None:
        self.past = Past()
        self.tip: Record | None = None
        self.yanked: set[Named] = set()
        self.entries = EntryCheck(report, known.releases, environment)
        self.rooted = True
        self._report = report
        self._known = known
        self._environment = environment
        self._mark = mark
        self._lost = lost
        self._last: _Last | None = None
        self._unreadable = Stretches()
        self._authority: Record | None = None
        self._past_seal: Record | None = None  # follows a seal for another store; fine where a later seal came back

    @property
    def claims(self) -> list[Claim]:
        """What the records say of versions."""
        return self.entries.claims

    @property
    def complete(self) -> bool:
        """Whether the tip could be read, so that what is live is known."""
        return self.tip is not None

    @property
    def last(self) -> int | None:
        """The generation of the record that came last."""
        return self._last.generation if self._last else None

    @property
    def due(self) -> int:
        """The generation that comes next."""
        return self._last.generation + 1 if self._last else 0

    def place(self, generation: int) -> str:
        """What findings call a record."""
        return f"{self._environment} generation {generation}"

    def check(self, content: bytes | Unreadable, where: str, *, newest: bool, at: int | None = None) -> Record | None:
        """Check the next record; ``where`` tells one stored record from another. None where it cannot be read.

        ``at`` is its generation where its place in the store gives that; another one in it is damage then.
        """
        due = self.due
        self._report.checked["records"] += 1
        record = self._decoded(content, due, newest)
        if record is not None and at not in (None, record.generation):
            message = f"it is the record of generation {record.generation}"
            self._report.add(4, "misplaced-record", self.place(due), message)
            record = None
        digest = digest_of(content) if isinstance(content, bytes) else None
        if record is None:
            self._unreadable.add(due, due)
            self._last = _Last(due, digest, None)
            return None
        self._check_place(record, where)
        self._check_order(record)
        if self._mark and digest != self._mark.digest and record.generation == self._mark.generation:
            message = "it is not the record that this clone saw in this place; the ledger was rewritten"
            self._report.add(4, "ledger-rewritten", self.place(record.generation), message)
        self._last = _Last(record.generation, digest, record)
        self.tip = record if newest else None
        return record

    def skip(self, last: int) -> None:
        """The records from the next one to generation ``last`` are not there."""
        first = self.due
        many = f"generations {first} to {last} are" if last > first else f"generation {first} is"
        message = f"{many} missing from the ledger; restore them from a replica or a backup, nothing else has them"
        self._report.add(4, "ledger-gap", self.place(first), message)
        self._unreadable.add(first, last)
        self._last = _Last(last, None, None)

    def close(self, stands: int | None) -> None:
        """Report what only the whole ledger tells; ``stands`` is the pointer's generation, None where none is known."""
        self._check_mark(stands)
        self._check_authority()
        self.entries.close(self.tip, self.past, self._unreadable)

    def _decoded(self, content: bytes | Unreadable, generation: int, newest: bool) -> Record | None:
        promise, kind = (2, "pointer-unreadable") if newest else (4, "record-unreadable")
        if isinstance(content, bytes):
            try:
                return decode(content, Record, limit=Record.LIMIT)
            except DocumentError as error:
                reason = str(error)
                promise, kind = document_finding(error, kind, promise)
        else:
            reason = content.reason
            if content.kind == "oversized":
                promise, kind = 10, "oversized-document"
        self._report.add(promise, kind, self.place(generation), f"the record cannot be read: {reason}")
        return None

    def _check_place(self, record: Record, where: str) -> None:
        """A record must say that it belongs here, and must not be one that stands elsewhere already."""
        place = self.place(record.generation)
        if wrong := misplaced(record, self._known.registry, self._environment):
            self._report.add(4, "misplaced-record", place, f"it is a record of {wrong}")
        if record.authority is not msgspec.UNSET:
            self._authority, self._past_seal = record, None
        first = self._known.ids.setdefault(record.id, (where, place))
        if first != (where, place):
            message = f"its id {record.id!a} is that of {first[1]}: one move stands twice"
            self._report.add(3, "id-doubled", place, message)

    # -- against the record before -----------------------------------------------------------------------------------

    def _check_order(self, record: Record) -> None:
        last = self._last
        if last is None:
            self._check_first(record)
        else:
            self._check_after(last, record)
        self.entries.note(last.record if last else None, record)
        self.past.note(record)
        if record.action == "yank":
            self.yanked |= {(agent, version) for agent, versions in record.holds.items() for version in versions}

    def _check_after(self, last: _Last, record: Record) -> None:
        place, expected = self.place(record.generation), last.generation + 1
        if record.generation < expected:
            message = (
                f"it stands after generation {last.generation}, so there are two of generation {record.generation}"
            )
            self._report.add(3, "generation-doubled", place, message)
        elif record.generation > expected:
            message = f"it stands after generation {last.generation}: what lay between is gone"
            self._report.add(4, "generation-skipped", place, message)
        if last.digest is not None and record.previous != last.digest:
            message = "its digest of the record before is not that of the record there: one of them was altered"
            self._report.add(4, "chain-broken", place, message)
        if last.record is not None and record.generation == expected:
            self._check_rules(last.record, record)

    def _check_rules(self, before: Record, record: Record) -> None:
        """A rollback or a restore goes by the past: where that has gaps, it cannot be told from a forged one."""
        blind = bool(self._unreadable) and record.action in ("rollback", "restore")
        handed_on = str(before.authority) if before.action == "seal" else None
        for fault in faults(before, record, self.past, self._known.yanked, handed_on):
            if not (blind and fault.kind == "forged-record"):
                self._report.add(fault.promise, fault.kind, self.place(record.generation), fault.message)
        if handed_on not in (None, self._known.authority) and record.authority is msgspec.UNSET:
            self._past_seal = self._past_seal or record

    def _check_first(self, record: Record) -> None:
        """The oldest record that can be read; it is generation 0 unless a gap was found below it."""
        self._unreadable.add(0, record.generation - 1)
        if record.generation == 0:
            for reason in first_reasons(record):
                self._report.add(4, "forged-record", self.place(0), reason)
        elif self.rooted:
            message = f"the ledger begins with it: generations 0 to {record.generation - 1} are gone"
            self._report.add(4, "generation-skipped", self.place(record.generation), message)

    # -- what this clone knows ---------------------------------------------------------------------------------------

    def _check_authority(self) -> None:
        """The last record that names an authority counts: a seal hands the ledger on."""
        named = self._authority
        if named is not None and named.authority != self._known.authority:
            message = f"it names the authority {named.authority!a}, but this clone is pinned to "
            message += f"{self._known.authority!a}"
            self._report.add(8, "authority-replaced", self.place(named.generation), message)
        if self._past_seal is not None:
            message = "the ledger was sealed by the record before, and never handed back; somebody wrote it by hand"
            self._report.add(4, "forged-record", self.place(self._past_seal.generation), message)

    def _check_mark(self, stands: int | None) -> None:
        mark = self._mark
        if mark is None or stands is None or stands >= mark.generation:
            return
        message = f"it ends here, but this clone saw generation {mark.generation}: {self._lost}"
        self._report.add(6, "pointer-went-back", self.place(stands), message)


def misplaced(record: Record, registry: str, environment: EnvironmentName) -> str | None:
    """Whose record it is instead, in words; None where it is one of this environment."""
    wrong = [
        f"the {name} {found!a}, not {wanted!a}"
        for name, found, wanted in (
            ("registry", record.registry, registry),
            ("environment", record.environment, environment),
        )
        if found != wanted
    ]
    return " and ".join(wrong) or None
