"""Measures every command as its users run it: whole processes, medians, against ``python -c pass`` of the same run.

``make bench`` does everything and keeps it in this folder; ``make bench ARGS='--only rollback --runs 41'`` measures one
command and prints. The exit code is 1 where a budget is exceeded. README.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from bucket_bench import measure_bucket
from bucket_server import KINDS
from cases import BUCKET_CASES, CASES, Case
from commands_bench import measure_commands
from environments import ROOT, installed, tools
from figures import Results, machine
from files_bench import measure_files
from gto_bench import measure_gto
from reader_bench import measure_reader
from report import report

SIZES = (10, 1000, 10_000)
TAGS = (10, 100, 1000)
PARTS = ("commands", "gto", "files", "bucket", "reader")
FOLDER = ROOT / "benchmarks"

_TITLE = """\
# What every command costs

Written by `make bench`; benchmarks/README.md says what is measured and how, results.json holds the figures, and

![every command, its budget, bare Git and GTO](results.svg)

shows them. Compare units and growth, not milliseconds: those are this machine's.
"""


def main() -> None:
    """Measure, print, and keep the result where everything was measured."""
    given = _arguments()
    cache = Path(given.cache)
    cache.mkdir(parents=True, exist_ok=True)
    results = Results(machine()) if given.again is None else _read(Path(given.again))
    if given.again is None:
        _measure(given, cache, results)
    text, exceeded = report(results)
    print(text, end="")
    if given.write or (given.again is None and _is_everything(given)):
        _keep(results, text, Path(given.write or FOLDER), cache)
    sys.exit(1 if exceeded else 0)


def _measure(given: argparse.Namespace, cache: Path, results: Results) -> None:
    cases = [case for case in CASES if _is_wanted(case, given)]
    programs = installed(cache)
    sizes, refs = (SIZES[::2], ["packed"]) if given.quick else (given.sizes, given.refs)
    with tempfile.TemporaryDirectory(prefix="repoint-bench-", dir=given.work) as folder:
        work = Path(folder)
        (work / "home").mkdir()
        if "commands" in given.parts:
            runs = given.runs or (7 if given.quick else 15)
            results.unit, results.commands = measure_commands(programs, cache, work, cases, sizes, refs, runs)
        if "gto" in given.parts and (theirs := tools(cache)) is not None:
            results.gto_unit, results.gto = measure_gto(theirs, work, TAGS[:2] if given.quick else TAGS)
        if "files" in given.parts:
            results.file_unit, results.files = measure_files(programs, work, streamed=not given.quick)
        if "bucket" in given.parts:
            _measure_bucket(given, cache, work, programs, results)
        if "reader" in given.parts:
            measure_reader(results, programs, work, given.server)


def _measure_bucket(given: argparse.Namespace, cache: Path, work: Path, programs: Path, results: Results) -> None:
    cases = [case for case in BUCKET_CASES if _is_wanted(case, given)]
    sizes, runs = SIZES[::2] if given.quick else given.sizes, given.runs or (7 if given.quick else 15)
    theirs, uploads = tools(cache), not (given.quick or given.only)
    measure_bucket(results, programs, theirs, cache, work, cases, sizes, runs, given.server, uploads=uploads)


def _is_wanted(case: Case, given: argparse.Namespace) -> bool:
    if given.only:
        return any(word in case.name for word in given.only)
    return case.budget is not None or not given.quick


def _is_everything(given: argparse.Namespace) -> bool:
    whole = (not given.quick, not given.only, given.runs is None, sorted(given.sizes) == sorted(SIZES))
    return all(whole) and len(given.refs) == 2 and set(given.parts) == set(PARTS)


def _read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results)


def _keep(results: Results, text: str, folder: Path, cache: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    (folder / "results.md").write_text(f"{_TITLE}\n{text}", encoding="utf-8")
    drawing = tools(cache) if results.commands else None
    if drawing is not None:
        budgets = [f"{case.name}={case.budget.units}" for case in CASES if case.budget is not None]
        files = [str(folder / "results.json"), str(folder / "results.svg")]
        subprocess.run([str(drawing / "python"), str(FOLDER / "plot.py"), *files, *budgets], check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure every command against its budget.")
    parser.add_argument("--quick", action="store_true", help="commands with a budget, 10 and 10,000, packed, 7 runs")
    parser.add_argument("--runs", type=int, help="runs of every command (default: 15)")
    parser.add_argument("--only", action="append", metavar="WORD", help="only commands whose name holds this word")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N")
    parser.add_argument("--refs", nargs="+", choices=["packed", "loose"], default=["packed", "loose"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: all; with --only or --quick the commands")
    parser.add_argument(
        "--server", choices=KINDS, help="S3 server of the parts bucket and reader (default: Ceph if built, else moto)"
    )
    parser.add_argument("--write", metavar="DIR", help="keep results.md, results.json and results.svg there")
    parser.add_argument("--again", metavar="JSON", help="measure nothing: make tables and plot of a results.json again")
    parser.add_argument("--cache", default=str(ROOT / ".bench"), metavar="DIR", help="where what was built is kept")
    parser.add_argument("--work", metavar="DIR", help="where registries are measured (default: the temporary folder)")
    given = parser.parse_args()
    given.parts = given.parts or (["commands"] if given.only or given.quick else list(PARTS))
    return given


if __name__ == "__main__":
    main()
