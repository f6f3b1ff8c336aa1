"""Many expressions looked for in one pass: the only module that uses Vectorscan (the package hyperscan).

Part of promise 9. A pass for each expression costs a millisecond a mebibyte, and there are hundreds; together they cost
one. Preparing them takes as long as a small command, so only large content comes here. Where there is no Vectorscan for
a machine everything is looked for as in small content: the findings are the same, the time is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import NamedTuple

with suppress(ImportError):
    import hyperscan


class Sought(NamedTuple):
    """An expression over bytes, in the syntax that ``re`` and PCRE share.

    ``fold``: letters of either case; ``once``: only one match is reported.
    """

    expression: bytes
    fold: bool = False
    once: bool = False


@cache
def usable() -> bool:
    """Whether this machine has a Vectorscan, and one that its processor can run."""
    try:
        _prepared([Sought(b"any")])
    except NameError:  # it could not be imported
        return False
    except hyperscan.error:
        return False
    return True


class MultiSearch:
    """Expressions prepared together; may be used by several threads at once."""

    def __init__(self, sought: Sequence[Sought]) -> None:
        self._number = len(sought)
        self._every = _prepared(sought)
        self._sought = sought
        self._once: hyperscan.Database | None = None

    def ends(self, content: bytes, most: int) -> list[tuple[int, int]] | None:
        """Of every match the number of its expression and where it ends, in order; None where there are more than most.

        Matches may overlap; of one expression only one is reported for each end. Linear.
        """
        hits: list[tuple[int, int]] = []

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> bool:
            hits.append((number, end))
            return len(hits) > most

        try:
            self._every.scan(content, note, scratch=hyperscan.Scratch(self._every))
        except hyperscan.ScanTerminated:
            return None
        return hits

    def present(self, content: bytes) -> set[int]:
        """The numbers of the expressions that match anywhere. Linear, however many matches there are."""
        found: set[int] = set()

        def note(number: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
            found.add(number)
            return len(found) == self._number

        once = self._once = self._once or _prepared([each._replace(once=True) for each in self._sought])
        with suppress(hyperscan.ScanTerminated):
            once.scan(content, note, scratch=hyperscan.Scratch(once))
        return found


def _prepared(sought: Sequence[Sought]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[each.expression for each in sought],
        ids=list(range(len(sought))),
        elements=len(sought),
        flags=[
            (hyperscan.HS_FLAG_CASELESS if each.fold else 0) | (hyperscan.HS_FLAG_SINGLEMATCH if each.once else 0)
            for each in sought
        ],
    )
    return database
