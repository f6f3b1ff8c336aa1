"""One environment in a store of documents: its pointer against its ledger, and the whole ledger beneath it.

Promises 2 to 4 and 6. Pointer and ledger are separate objects there, and the newest record may be missing from the
ledger (the next mover writes it). So the pointer comes first and its own place in the ledger second, and what stands
beyond it is an alarm only if the pointer, read again, is still the same: otherwise somebody moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from repoint.errors import Corrupt
from repoint.names import YANK_LEDGER
from repoint.store import Pointer, Store
from repoint.verifyclaims import document_finding
from repoint.verifyrecords import RecordCheck, Registered, misplaced
from repoint.verifyreport import BATCH, Report, Unreadable, unreadable
from repoint_schemas.canonical import MEBIBYTE, DocumentError, decode
from repoint_schemas.documents import EnvironmentName, Mark, Record

HELD_BYTES = 32 * MEBIBYTE
"""How much of a ledger is read ahead, about."""

LOST = "somebody put an older pointer back; the ledger, a replica or a backup may still have the newer records"

Stored = bytes | Unreadable | None
"""A record as stored, why it cannot be had, or None where it is missing."""

ReadRecord = Callable[[EnvironmentName, int], bytes | None]


@runtime_checkable
class KeepsLedger(Protocol):
    """A store that keeps its ledger apart from its pointers."""

    def ledger_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """One generation as the ledger itself has it; that of the pointer may be missing."""
        ...


class LedgerReader:
    """Reads a ledger; what is missing or damaged does not stop it. ``read`` gives one generation."""

    def __init__(self, store: Store, environment: EnvironmentName, read: ReadRecord) -> None:
        self._store = store
        self._environment = environment
        self._read = read

    def one(self, generation: int) -> Stored:
        """One generation. Raises: StoreUnavailable."""
        try:
            return self._read(self._environment, generation)
        except Corrupt as error:
            return unreadable(error)

    def some(self, first: int, end: int) -> Sequence[Stored]:
        """The generations from ``first`` up to ``end`` (exclusive): read together, one by one where some are missing.

        Raises: StoreUnavailable.
        """
        with suppress(Corrupt):
            together = list(self._store.read_ledger(self._environment, end - 1, first))
            if len(together) == end - first:
                return together[::-1]
        return [self.one(generation) for generation in range(first, end)]

    def last(self, there: int) -> int:
        """The newest generation, given one that is there; found without reading all that lie between."""
        step = 1
        while self.one(there + step) is not None:
            there, step = there + step, step * 2
        return self.boundary(there + step, there)

    def boundary(self, absent: int, there: int) -> int:
        """A generation between the two that is there and has an absent one beside it, on the absent side."""
        while abs(there - absent) > 1:
            middle = (there + absent) // 2
            there, absent = (there, middle) if self.one(middle) is None else (middle, absent)
        return there


class StoredLedger:
    """Checks one environment; ``records`` says afterwards what it made live."""

    def __init__(
        self, store: Store, report: Report, known: Registered, environment: EnvironmentName, mark: Mark | None
    ) -> None:
        self.records = RecordCheck(report, known, environment, mark, LOST)
        self._store = store
        self._report = report
        self._known = known
        self._environment = environment
        self._mark = mark
        read = store.ledger_record if isinstance(store, KeepsLedger) else store.read_record
        self._reader = LedgerReader(store, environment, read)
        self._batch = BATCH

    def run(self, pointer: Pointer | Unreadable | None) -> None:
        """Check the pointer, as it was read first, and the ledger beneath it and beyond. Raises: StoreUnavailable."""
        if isinstance(pointer, Pointer):
            self._batch = max(1, min(BATCH, HELD_BYTES // max(1, len(pointer.content))))
        record = self._record_in(pointer)
        if isinstance(record, Record) and isinstance(pointer, Pointer):
            self._check_both(pointer, record)
        else:
            self._check_ledger_alone(pointer)

    def _record_in(self, pointer: Pointer | Unreadable | None) -> Record | DocumentError | None:
        """The pointer's record if it is one of this environment, or why it cannot be accepted as a document."""
        if not isinstance(pointer, Pointer):
            return None
        try:
            record = decode(pointer.content, Record, limit=Record.LIMIT)
        except DocumentError as error:
            return error
        return None if misplaced(record, self._known.registry, self._environment) else record

    def _check_both(self, pointer: Pointer, record: Record) -> None:
        at = record.generation
        newest = self._newest(pointer, at)
        self._check_own(pointer, at)
        if newest == at:
            self._check_up_to(at)
            self._check(at, pointer.content, newest=True)
            self.records.close(at)
        else:
            self._check_up_to(newest + 1)
            self.records.tip = record
            self.records.close(None)

    def _newest(self, pointer: Pointer, at: int) -> int:
        """The newest generation of pointer and ledger; beyond the pointer it is an alarm."""
        if self._reader.one(at + 1) is None:
            return at
        again = self._again()
        if again is None or again.content != pointer.content:
            return at
        newest = self._reader.last(at + 1)
        message = f"the pointer stands here, but the ledger goes on to generation {newest}: {LOST}"
        self._report.add(6, "pointer-went-back", self.records.place(at), message)
        return newest

    def _again(self) -> Pointer | None:
        with suppress(Corrupt):
            return self._store.read_pointer(self._environment)
        return None

    def _check_own(self, pointer: Pointer, at: int) -> None:
        """The pointer's own generation, where the ledger has it already."""
        own = self._reader.one(at)
        if isinstance(own, Unreadable):
            message = f"the record cannot be read in the ledger: {own.reason}"
            self._report.add(4, "record-unreadable", self.records.place(at), message)
        elif own is not None and own != pointer.content:
            message = "the ledger holds another record of this generation than the pointer: one of them was altered"
            self._report.add(4, "ledger-differs", self.records.place(at), message)

    # -- a pointer that says nothing ---------------------------------------------------------------------------------

    def _check_ledger_alone(self, pointer: Pointer | Unreadable | None) -> None:
        last = self._last()
        if isinstance(pointer, Pointer) and last >= 0 and self._reader.one(last) == pointer.content:
            self._check_up_to(last)
            self._check(last, pointer.content, newest=True)
        else:
            self._report_pointer(pointer, last)
            self._check_up_to(last + 1)
        self.records.close(None)

    def _last(self) -> int:
        """The newest generation of the ledger, -1 where none was found."""
        starts = [self._mark.generation, 0] if self._mark else [0]
        there = next((start for start in starts if self._reader.one(start) is not None), None)
        return -1 if there is None else self._reader.last(there)

    def _report_pointer(self, pointer: Pointer | Unreadable | None, last: int) -> None:
        add = self._report.add
        if pointer is None:
            self._report_gone(last)
        elif isinstance(pointer, Unreadable):
            add(2, "pointer-unreadable", self._environment, f"its pointer cannot be read: {pointer.reason}")
        elif isinstance(error := self._record_in(pointer), DocumentError):
            promise, kind = document_finding(error, "pointer-unreadable", 2)
            add(promise, kind, self._environment, f"its pointer cannot be read: {error}")
        else:
            found = decode(pointer.content, Record, limit=Record.LIMIT)
            whose = misplaced(found, self._known.registry, self._environment)
            add(4, "misplaced-record", self._environment, f"its pointer holds a record of {whose}")

    def _report_gone(self, last: int) -> None:
        """An environment that nobody ever saw, and that has no ledger, was never created."""
        if last < 0 and self._mark is None and self._environment != YANK_LEDGER:
            return
        seen = f", which this clone saw at generation {self._mark.generation}," if self._mark else ""
        ledger = f"its ledger goes on to generation {last}" if last >= 0 else "it has no ledger either"
        message = f"its pointer{seen} is gone; {ledger}; nothing is recreated by itself: restore it from a backup"
        self._report.add(4, "pointer-missing", self._environment, message)

    # -- the ledger --------------------------------------------------------------------------------------------------

    def _check_up_to(self, end: int) -> None:
        """The generations below ``end``. Where a whole batch is missing, the next that is there is searched for."""
        at = 0
        while at < end:
            self._report.tell(f"records of {self._environment}", at, end)
            contents = self._reader.some(at, min(at + self._batch, end))
            for generation, content in enumerate(contents, at):
                if content is not None:
                    self._check(generation, content, newest=False)
            at += len(contents)
            if at < end and all(content is None for content in contents):
                at = end if self._reader.one(end - 1) is None else self._reader.boundary(at - 1, end - 1)
        if self.records.due < end:
            self.records.skip(end - 1)
        self._report.tell(f"records of {self._environment}", end, end)

    def _check(self, at: int, content: bytes | Unreadable, *, newest: bool) -> None:
        if self.records.due < at:
            self.records.skip(at - 1)
        self.records.check(content, f"{self._environment}/{at}", newest=newest, at=at)
