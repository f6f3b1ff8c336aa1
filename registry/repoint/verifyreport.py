"""What ``verify`` collects: violations by promise, counts of what was checked, how far it is.

Nothing here raises for what is damaged: a check that finds something notes it and goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import msgspec

from repoint.errors import Corrupt
from repoint_schemas.results import VerifyFinding

Progress = Callable[[str, int, int], None]
"""Called now and then with what is being checked, how many are done, and how many there are."""

BATCH = 128
"""How many releases or records are read ahead together."""

T = TypeVar("T")


class Unreadable(msgspec.Struct, frozen=True):
    """Why an object cannot be had; ``kind`` is the end of a finding's kind, ``reason`` for people.

    ``absent``: nothing is damaged, but no tree names it.
    """

    kind: Literal["missing", "corrupt", "oversized", "absent"]
    reason: str


def unreadable(error: Corrupt) -> Unreadable:
    """What a store itself calls damaged, on one line."""
    return Unreadable("corrupt", " ".join(error.message.split()))


class Stretches:
    """Generations in a row, added in ascending order; few, however many generations they hold."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []

    def add(self, first: int, last: int) -> None:
        """Add the generations from ``first`` to ``last``, both included."""
        if self._ends and first <= self._ends[-1]:
            self._ends[-1] = max(self._ends[-1], last + 1)
        elif first <= last:
            self._firsts.append(first)
            self._ends.append(last + 1)

    def __contains__(self, generation: int | None) -> bool:
        if generation is None:
            return False
        at = bisect_right(self._firsts, generation) - 1
        return at >= 0 and generation < self._ends[at]

    def __bool__(self) -> bool:
        return bool(self._firsts)


class Report:
    """Findings and counts of one run; ``progress`` is told how far it is."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.findings: list[VerifyFinding] = []
        self.checked: Counter[str] = Counter()
        self._progress = progress or (lambda _what, _done, _total: None)

    def add(self, promise: int, kind: str, place: str, message: str) -> None:
        """Note a violation; the same one is noted once."""
        finding = VerifyFinding(promise, kind, place, message)
        if finding not in self.findings[-BATCH:]:
            self.findings.append(finding)

    def tell(self, what: str, done: int, total: int) -> None:
        """Tell the progress."""
        self._progress(what, done, total)

    def batches(self, what: str, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """The items in batches, telling the progress before each and at the end."""
        for at in range(0, len(items), BATCH):
            self._progress(what, at, len(items))
            yield items[at : at + BATCH]
        self._progress(what, len(items), len(items))
