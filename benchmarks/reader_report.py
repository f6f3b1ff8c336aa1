"""The figures of a reader as Markdown, each beside what it may be at most."""

from __future__ import annotations

from collections.abc import Iterator

from cases import READER_ROWS, ReaderRow
from figures import Results


def reader_table(results: Results, exceeded: list[str]) -> Iterator[str]:
    """The table; budgets that were exceeded are added to ``exceeded``."""
    assert results.reader_unit is not None
    yield (
        f"Twenty agents with four files each. Server: {results.reader_server}, on this machine. One unit is "
        f"{results.reader_unit.wall * 1000:.1f} ms."
    )
    yield ""
    yield "| a reader | at most | measured | within |"
    yield "|---|--:|--:|---|"
    found = {row.name: row.value for row in results.reader}
    for row in READER_ROWS:
        if row.name in found:
            yield _line(row, found[row.name], exceeded)


def _line(row: ReaderRow, value: float, exceeded: list[str]) -> str:
    shown = f"{value:.{row.digits}f} {row.unit}".strip()
    if row.most is None:
        return f"| {row.name} | | {shown} | |"
    most = f"{row.most:g} {row.unit}".strip()
    wrong = round(value, row.digits) > row.most
    if wrong:
        exceeded.append(f"{row.name} of a reader ({shown}, {most} allowed)")
    return f"| {row.name} | {most} | {shown} | {'**no**' if wrong else 'yes'} |"
