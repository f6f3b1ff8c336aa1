"""A longest common subsequence, bit-parallel: exact, and fast enough to be the usual case of an alignment.

After Hyyro, "Bit-parallel LCS-length computation revisited" (2004): a row of the table is one integer whose zero bits
are the columns where the subsequence grows, and the next row takes four operations on it. Python's integers make that
10^9 cells in about half a second, whatever the sequences have in common, where Myers' O(ND) needs few differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt

ROWS_IN_MEMORY = 1 << 27
"""Cells (bits) up to which every row is kept; beyond, rows are computed a second time from checkpoints."""


def longest_common(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of positions of a longest common subsequence, ascending.

    Time is cells / 64 machine operations; memory cells / 8 bytes, beyond ``ROWS_IN_MEMORY`` only its square root.
    """
    rows_in_memory = len(old) * len(new) <= ROWS_IN_MEMORY
    stride = max(1, len(new) if rows_in_memory else isqrt(len(new)) + 1)
    masks = _Masks(old)
    row = masks.full
    checkpoints = []
    for start in range(0, len(new), stride):
        checkpoints.append(row)
        if start + stride < len(new):
            row = masks.rows(row, new[start : start + stride])[-1]
    pairs: list[tuple[int, int]] = []
    column = len(old) - 1
    for block in reversed(range(len(checkpoints))):
        start = block * stride
        rows = masks.rows(checkpoints[block], new[start : start + stride])
        column = _trace(rows, start, column, pairs)
    return pairs[::-1]


class _Masks:
    """Where each element stands in a sequence, as the bits of an integer."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.full = (1 << len(ids)) - 1
        self._size = len(ids)
        self._kept: dict[int, int] = {}
        self._where: dict[int, list[int]] = {}
        for index, each in enumerate(ids):
            self._where.setdefault(each, []).append(index)
        self._keep = max(64, ROWS_IN_MEMORY // 4 // max(1, len(ids)))

    def rows(self, row: int, ids: Iterable[int]) -> list[int]:
        """The row before each element and after the last; a zero bit is a column where the subsequence grows."""
        rows = [row]
        full = self.full
        for each in ids:
            met = row & self._of(each)
            row = ((row + met) | (row - met)) & full
            rows.append(row)
        return rows

    def _of(self, each: int) -> int:
        mask = self._kept.get(each)
        if mask is None:
            bits = bytearray(self._size // 8 + 1)
            for index in self._where.get(each, ()):
                bits[index >> 3] |= 1 << (index & 7)
            mask = int.from_bytes(bits, "little")
            if len(self._kept) < self._keep:
                self._kept[each] = mask
        return mask


def _trace(rows: list[int], start: int, column: int, pairs: list[tuple[int, int]]) -> int:
    """Follow the subsequence backwards through a block of rows; returns the column in which it goes on."""
    index = len(rows) - 1
    while index and column >= 0:
        if rows[index] >> column & 1:
            column -= 1
        elif not rows[index - 1] >> column & 1:
            index -= 1
        else:
            index -= 1
            pairs.append((column, start + index))
            column -= 1
    return column
