"""The figures of a registry in a bucket as Markdown: commands, what stands beside them, and uploads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cases import BUCKET_CASES, BUCKET_MOVES, LEAST_RATE, MOST_BYTES, OWN_UNITS, Case
from figures import BucketMeasured, Figure, Results, Upload

MEGABYTE = 1_000_000
BARE, COPY = "boto3, three requests", "aws s3 cp"
COMMITTED, COPIED = "commit", "aws s3 cp --recursive"


def bucket_tables(results: Results, exceeded: list[str]) -> Iterator[str]:
    """All of it; budgets that were exceeded are added to ``exceeded``."""
    yield f"Server: {results.bucket_server}, on this machine. Units, and milliseconds in brackets."
    yield ""
    yield (
        "| command | units at most | "
        + " | ".join(f"{size:,}" for size in _sizes(results))
        + " | growth | own | peak MB |"
    )
    yield "|---|--:|" + "--:|" * (len(_sizes(results)) + 3)
    for case in BUCKET_CASES:
        rows = [row for row in results.bucket if row.name == case.name and row.size]
        if rows:
            yield _row(results, case, rows)
            if wrong := list(_wrong(results, case, rows)):
                exceeded.append(f"`{case.name}` in a bucket ({', '.join(wrong)})")
    for row in results.bucket:
        if not row.size:
            blank = " | " * (len(_sizes(results)) + 1)
            yield f"| {row.name} | | {_cell(row.cost, _unit(results))}{blank}| {row.cost.peak / MEGABYTE:.0f} |"
    yield ""
    yield (
        f"*Own* is what a command takes on top of *{BARE}*, which a script of a dozen lines sends: a move may add "
        f"{OWN_UNITS:g} units, and must take less than `{COPY}` of a pointer."
    )
    if results.uploads:
        yield from ("", *_uploads(results, exceeded))


def _row(results: Results, case: Case, rows: Sequence[BucketMeasured]) -> str:
    unit, cells = _unit(results), {row.size: _cell(row.cost, _unit(results)) for row in rows}
    growth = f"x {_growth(rows):.2f}" if len(rows) > 1 else ""
    own = _own(results, rows)
    shown = " | ".join(cells.get(size, "") for size in _sizes(results))
    peak = max(row.cost.peak for row in rows) / MEGABYTE
    return (
        f"| `{case.name}` | {case.budget or ''} | {shown} | {growth} | {'' if own is None else f'{own / unit:.1f}'} "
        f"| {peak:.0f} |"
    )


def _wrong(results: Results, case: Case, rows: Sequence[BucketMeasured]) -> Iterator[str]:
    unit, worst = _unit(results), max(row.cost.wall for row in rows)
    if case.budget is not None and worst > case.budget.units * unit:
        yield f"{worst / unit:.1f} units, {case.budget.units:g} allowed"
    if case.budget is not None and case.budget.growth is not None and _growth(rows) > case.budget.growth:
        yield f"grows x {_growth(rows):.2f}, x {case.budget.growth:g} allowed"
    if max(row.cost.peak for row in rows) > MOST_BYTES:
        yield f"{max(row.cost.peak for row in rows) / MEGABYTE:.0f} MB"
    if case.name not in BUCKET_MOVES:
        return
    own, copy = _own(results, rows), _beside(results, COPY)
    if own is not None and own > OWN_UNITS * unit:
        yield f"{own / unit:.1f} units of its own, {OWN_UNITS:g} allowed"
    if copy is not None and worst > copy.wall:
        yield f"{worst / unit:.1f} units, {COPY} takes {copy.wall / unit:.1f}"


def _own(results: Results, rows: Sequence[BucketMeasured]) -> float | None:
    bare = _beside(results, BARE)
    return None if bare is None else max(row.cost.wall for row in rows) - bare.wall


def _growth(rows: Sequence[BucketMeasured]) -> float:
    ordered = sorted(rows, key=lambda row: row.size)
    return ordered[-1].cost.wall / ordered[0].cost.wall


def _uploads(results: Results, exceeded: list[str]) -> Iterator[str]:
    copied = next((row for row in results.uploads if row.name == COPIED), None)
    yield "A snapshot of 256 MiB in four files that the bucket does not have yet, whole processes:"
    yield ""
    yield "| | seconds | MB a second | of `aws s3 cp` | peak MB |"
    yield "|---|--:|--:|--:|--:|"
    for row in results.uploads:
        share = None if copied is None else copied.cost.wall / row.cost.wall
        yield (
            f"| {row.name} | {row.cost.wall:.1f} | {_rate(row):.0f} | {'' if share is None else f'{share:.0%}'} "
            f"| {row.cost.peak / MEGABYTE:.0f} |"
        )
        if share is not None and share < LEAST_RATE and row.name not in (COPIED, COMMITTED):
            exceeded.append(f"{row.name} ({share:.0%} of the rate of `{COPIED}`, {LEAST_RATE:.0%} wanted)")
        if row.cost.peak > MOST_BYTES and row.name != COPIED:
            exceeded.append(f"{row.name} of 256 MiB ({row.cost.peak / MEGABYTE:.0f} MB)")
    yield ""
    yield (
        "The budget is for the upload. A commit first searches every byte for secrets and for what cannot be seen, and "
        "copies the files into the repository behind the bucket beside it."
    )


def _rate(row: Upload) -> float:
    return row.size / row.cost.wall / MEGABYTE


def _beside(results: Results, name: str) -> Figure | None:
    return next((row.cost for row in results.bucket if row.name == name and not row.size), None)


def _sizes(results: Results) -> list[int]:
    return sorted({row.size for row in results.bucket if row.size})


def _cell(cost: Figure, unit: float) -> str:
    return f"{cost.wall / unit:.1f} ({cost.wall * 1000:.0f})"


def _unit(results: Results) -> float:
    assert results.bucket_unit is not None
    return results.bucket_unit.wall
