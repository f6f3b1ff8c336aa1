"""The figures as Markdown: the budgets with yes or no, every command beside bare Git, GTO, and large files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bucket_report import bucket_tables
from cases import CASES, GTO_BESIDE, MOST_BYTES, Case
from figures import Figure, FileMeasured, Measured, Results
from files_bench import STREAMED
from reader_report import reader_table

MEGABYTE = 1_000_000


def report(results: Results) -> tuple[str, list[str]]:
    """All tables, and every budget that was exceeded, in words."""
    exceeded: list[str] = []
    lines = [_machine(results), ""]
    if results.commands:
        lines += ["## Budgets", "", *_budgets(results, exceeded), "", *_all_commands(results)]
    if results.gto:
        lines += ["", "## GTO 1.10", "", *_gto(results)]
    if results.bucket:
        lines += ["", "## A registry in a bucket", "", *bucket_tables(results, exceeded)]
    if results.reader:
        lines += ["", "## A reader in production", "", *reader_table(results, exceeded)]
    if results.files:
        lines += ["", "## Large files", "", *_files(results, exceeded)]
    verdict = (
        f"Over budget: {'; '.join(exceeded)}." if exceeded else "Everything that was measured is within its budget."
    )
    return "\n".join([verdict, "", *lines]) + "\n", exceeded


def _machine(results: Results) -> str:
    facts = results.machine
    units = [
        unit.wall
        for unit in (results.unit, results.gto_unit, results.file_unit, results.bucket_unit, results.reader_unit)
        if unit is not None
    ]
    unit = f" One unit, `python -c pass`: {units[0] * 1000:.1f} ms." if units else ""
    return (
        f"{facts['cores']} cores, {facts['system']}, Python {facts['python']}, Git {facts['git']}, {facts['date']}, "
        f"load average at the start {facts['load']}, commit {facts['commit']}.{unit}"
    )


# -- budgets ---------------------------------------------------------------------------------------------------------


def _budgets(results: Results, exceeded: list[str]) -> Iterator[str]:
    yield "| command | units at most | measured, worst | growth | peak MB (at most 150) | within |"
    yield "|---|--:|--:|--:|--:|---|"
    for case in CASES:
        rows = [row for row in results.commands if row.name == case.name]
        if rows:
            yield _budget_row(case, rows, _unit(results.unit), exceeded)


def _budget_row(case: Case, rows: Sequence[Measured], unit: float, exceeded: list[str]) -> str:
    worst = max(rows, key=lambda row: row.repoint.wall)
    peak = max(row.repoint.peak for row in rows)
    growth = max((_growth(rows, refs) for refs in dict.fromkeys(row.refs for row in rows)), default=1.0)
    units = worst.repoint.wall / unit
    wrong = []
    if case.budget is not None and units > case.budget.units:
        wrong.append(f"{units:.1f} units at {worst.size:,} {worst.refs}, {case.budget.units:g} allowed")
    if case.budget is not None and case.budget.growth is not None and growth > case.budget.growth:
        wrong.append(f"grows x {growth:.2f}, x {case.budget.growth:g} allowed")
    if peak > MOST_BYTES:
        wrong.append(f"{peak / MEGABYTE:.0f} MB")
    if wrong:
        exceeded.append(f"`{case.name}` ({', '.join(wrong)})")
    where = f" at {worst.size:,} {worst.refs}" if len(rows) > 1 else ""
    return (
        f"| `{case.name}` | {case.budget or ''} | {units:.1f}{where} | {f'x {growth:.2f}' if len(rows) > 1 else ''} "
        f"| {peak / MEGABYTE:.0f} | {'**no**' if wrong else 'yes'} |"
    )


def _growth(rows: Sequence[Measured], refs: str) -> float:
    """How much longer the largest registry takes than the smallest."""
    ordered = sorted((row for row in rows if row.refs == refs), key=lambda row: row.size)
    return ordered[-1].repoint.wall / ordered[0].repoint.wall


# -- all commands ----------------------------------------------------------------------------------------------------


def _all_commands(results: Results) -> Iterator[str]:
    yield "## Every command, and bare Git beside it"
    yield ""
    yield "Units, and milliseconds in brackets. *Git* is `bare_git.sh` doing the same job in the same registry."
    sizes = sorted({row.size for row in results.commands if row.size})
    for refs in dict.fromkeys(row.refs for row in results.commands):
        yield from ("", f"### {refs.capitalize()} refs", "")
        yield "| command | " + " | ".join(f"{size:,} | Git" for size in sizes) + " | CPU ms | peak MB |"
        yield "|---|" + "--:|" * (2 * len(sizes) + 2)
        for name in dict.fromkeys(row.name for row in results.commands if row.refs == refs):
            rows = {row.size: row for row in results.commands if (row.name, row.refs) == (name, refs)}
            yield _command_row(name, rows, sizes, _unit(results.unit))


def _command_row(name: str, rows: dict[int, Measured], sizes: Sequence[int], unit: float) -> str:
    if 0 in rows:
        rows = {sizes[0]: rows[0]}
    cells = []
    for size in sizes:
        row = rows.get(size)
        cells += ["", ""] if row is None else [_cell(row.repoint, unit), _cell(row.bare, unit)]
    last = rows[max(rows)].repoint
    peak = max(row.repoint.peak for row in rows.values())
    return f"| `{name}` | {' | '.join(cells)} | {last.cpu * 1000:.0f} | {peak / MEGABYTE:.0f} |"


def _cell(figure: Figure | None, unit: float) -> str:
    return "" if figure is None else f"{figure.wall / unit:.1f} ({figure.wall * 1000:.0f})"


# -- GTO -------------------------------------------------------------------------------------------------------------


def _gto(results: Results) -> Iterator[str]:
    yield "The same unit, measured between GTO's own runs. *Repoint* is the slowest of the commands at any size above."
    yield ""
    tags = sorted({row.tags for row in results.gto})
    yield (
        "| GTO | "
        + " | ".join(f"{count:,} tags: units (ms)" for count in tags)
        + " | peak MB | Repoint | units | times faster |"
    )
    yield "|---|" + "--:|" * (len(tags) + 1) + "---|--:|--:|"
    unit = _unit(results.gto_unit)
    for name in dict.fromkeys(row.name for row in results.gto):
        rows = {row.tags: row.gto for row in results.gto if row.name == name}
        peak = max(figure.peak for figure in rows.values())
        yield (
            f"| `gto {name}` | {' | '.join(_cell(rows.get(count), unit) for count in tags)} | {peak / MEGABYTE:.0f} "
            f"| {_beside(results, name, rows[tags[-1]].wall / unit)} |"
        )


def _beside(results: Results, name: str, units: float) -> str:
    ours = [row.repoint.wall / _unit(results.unit) for row in results.commands if row.name == GTO_BESIDE[name]]
    return f"`{GTO_BESIDE[name]}` | {max(ours):.1f} | {units / max(ours):.1f}" if ours else " | | "


# -- large files -----------------------------------------------------------------------------------------------------


def _files(results: Results, exceeded: list[str]) -> Iterator[str]:
    yield "An agent with one file of that size: time, units in brackets, peak memory of the largest process."
    yield ""
    names = list(dict.fromkeys(row.name for row in results.files))
    yield "| file | " + " | ".join(names) + " |"
    yield "|---|" + "--:|" * len(names)
    unit = _unit(results.file_unit)
    for size, content in dict.fromkeys((row.size, row.content) for row in results.files):
        rows = {row.name: row for row in results.files if (row.size, row.content) == (size, content)}
        yield f"| {_bytes(size)} {content} | {' | '.join(_file_cell(rows[name].repoint, unit) for name in names)} |"
        exceeded += _too_much_memory(rows.values())
    yield ""
    yield "A file of 64 MiB is streamed: at most 150 MB, as for every command."


def _too_much_memory(rows: Iterable[FileMeasured]) -> Iterator[str]:
    for row in rows:
        if row.size == STREAMED and row.repoint.peak > MOST_BYTES:
            yield f"{row.name} of a file of 64 MiB ({row.repoint.peak / MEGABYTE:.0f} MB)"


def _file_cell(figure: Figure, unit: float) -> str:
    return f"{figure.wall * 1000:,.0f} ms ({figure.wall / unit:.0f}), {figure.peak / MEGABYTE:.0f} MB"


def _bytes(size: int) -> str:
    return "64 MiB" if size == STREAMED else f"{size // 1000} KB" if size < 1_000_000 else f"{size // 1_000_000} MB"


def _unit(unit: Figure | None) -> float:
    assert unit is not None
    return unit.wall
