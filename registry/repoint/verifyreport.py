"""What ``verify`` collects: violations by promise, counts of what was checked, how far it is.

Nothing here raises for what is damaged: a check that finds something notes it and goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from repoint_schemas.results import VerifyFinding

Progress = Callable[[str, int, int], None]
"""Called now and then with what is being checked, how many are done, and how many there are."""

BATCH = 128
"""How many releases or records are read ahead together."""

T = TypeVar("T")


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

    def batches(self, what: str, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """The items in batches, telling the progress before each and at the end."""
        for at in range(0, len(items), BATCH):
            self._progress(what, at, len(items))
            yield items[at : at + BATCH]
        self._progress(what, len(items), len(items))
