"""Measures whole processes of the installed command against the budgets, and prints one table.

What is measured: a wheel of this checkout, installed with bytecode into a virtual environment of its own, run on
registries that ``make_registry.py`` builds. One *unit* is ``python -c pass`` in that environment, measured between the
commands of the same run; so a slow or busy machine slows both alike. Every figure is a median of whole processes, from
start to exit, Git's included. A command that changes the registry finds it unchanged each time.

``make bench`` measures everything (some minutes); ``make bench ARGS=--quick`` the commands with a budget;
``make bench ARGS='--write benchmarks/results.md'`` keeps the result. The exit code is 1 where a budget is exceeded.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("registry", "cli", "schemas")
SMALL, LARGE = 10, 10_000
MOST_GROWTH = 1.3
HELD_UNITS = 10.0


@dataclass(frozen=True)
class Case:
    """One command line; ``units`` is its budget, and with ``grows`` unset its large registry may cost 1.3 times more.

    ``moves`` marks a command that changes the registry. ``refs`` says with which kinds of refs it is measured.
    """

    name: str
    arguments: tuple[str, ...]
    units: float | None = None
    grows: bool = True
    moves: bool = False
    refs: tuple[str, ...] = ("packed", "loose")
    variables: tuple[tuple[str, str], ...] = ()


def held(name: str, *arguments: str, moves: bool = False) -> Case:
    """A command within 10 units that hardly grows with the registry."""
    return Case(name, arguments, HELD_UNITS, grows=False, moves=moves)


_COMPLETE = (("_REPOINT_COMPLETE", "bash_complete"), ("COMP_WORDS", "repoint show refund@"), ("COMP_CWORD", "2"))

CASES = (
    Case("--help", ("--help",), 6.0, refs=()),
    Case("--version", ("--version",), refs=()),
    held("rollback refund", "rollback", "refund", "-m", "refunds without a receipt", moves=True),
    held("rollback router@V", "rollback", "router", "--ticket", "INC-77", moves=True),
    held("promote", "promote", "refund@0.0.3", "--env", "production", "-m", "Ask for the number", moves=True),
    held("show AGENT@V", "show", "refund@0.0.4"),
    held("show AGENT@ENV", "show", "refund@production"),
    held("show AGENT@ENV~1", "show", "refund@production~1"),
    held("status", "status"),
    held("history", "history"),
    held("list -n 20", "list", "-n", "20"),
    Case("list", ("list",)),
    Case("log AGENT -n 20", ("log", "refund", "-n", "20")),
    Case("diff A B", ("diff", "refund@0.0.3", "refund@0.0.4")),
    Case("diff A", ("diff", "refund@production")),
    Case("commit", ("commit", "refund", "-m", "Ask first"), moves=True, refs=("packed",)),
    Case("complete AGENT@", (), variables=_COMPLETE),
)


@dataclass(frozen=True)
class Cost:
    """One process: seconds by the clock, and seconds of processor that it and its children used."""

    wall: float
    cpu: float


@dataclass
class Place:
    """A registry to measure in, and how to put it back as it was."""

    size: int
    refs: str
    folder: Path
    restore: Callable[[], None]
    costs: dict[str, list[Cost]] = field(default_factory=dict)


# -- what is measured ------------------------------------------------------------------------------------------------


def installed(cache: Path) -> Path:
    """The folder of programs of a virtual environment that holds a wheel of this checkout, bytecode compiled."""
    requirements = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()[:12]
    venv = cache / f"venv-{requirements}"
    programs = venv / "bin"
    if not (venv / "ready").exists():
        shutil.rmtree(venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(venv))
        constraints = ["-c", str(ROOT / "constraints.txt")] if (ROOT / "constraints.txt").exists() else []
        _run(str(programs / "python"), *_PIP, "install", *constraints, _wheel(cache))
        (venv / "ready").touch()
    _run(str(programs / "python"), *_PIP, "install", "--no-deps", "--force-reinstall", _wheel(cache))
    compileall.compile_dir(venv / "lib", quiet=2)
    return programs


_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


def _wheel(cache: Path) -> str:
    target = cache / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    _run(sys.executable, *_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(ROOT))
    return str(next(target.glob("*.whl")))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def place(cache: Path, work: Path, size: int, refs: str) -> Place:
    """A fresh copy of a registry of that size; built once for each state of the library."""
    built = cache / f"registry-{_sources_digest()}-{size}-{refs}"
    if not built.exists():
        draft = built.with_name(f"{built.name}.{os.getpid()}")
        command = [sys.executable, str(ROOT / "benchmarks/make_registry.py"), str(draft)]
        path = os.pathsep.join(str(ROOT / source) for source in SOURCES)
        options = ["--size", str(size), "--refs", refs]
        subprocess.run([*command, *options], check=True, env={**os.environ, "PYTHONPATH": path})
        draft.rename(built)
    folder = work / f"{size}-{refs}"
    shutil.copytree(built, folder, symlinks=True)
    with (folder / "agents/refund/prompts/system.md").open("a", encoding="utf-8") as prompt:
        prompt.write("Ask for the order number first.\n")  # what diff shows and commit publishes
    return Place(size, refs, folder, _restorer(folder))


def _sources_digest() -> str:
    hashed = hashlib.sha256((ROOT / "benchmarks/make_registry.py").read_bytes())
    for path in sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py")):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]


def _restorer(folder: Path) -> Callable[[], None]:
    """What puts the registry back as it is now: refs, new objects, and what Repoint remembers of this clone."""
    git = folder / ".git"
    tags, branches = git / "refs/tags", git / "refs/heads/repoint/env"
    objects = _loose_objects(git)
    names = set(os.listdir(tags))
    tips = {path.name: path.read_bytes() for path in branches.glob("*")}
    packed = git / "packed-refs"
    packed_bytes = packed.read_bytes() if packed.exists() else None

    def restore() -> None:
        for name in set(os.listdir(tags)) - names:
            (tags / name).unlink()
        for path in branches.glob("*"):
            path.unlink()
        for name, tip in tips.items():
            (branches / name).write_bytes(tip)
        for path in _loose_objects(git) - objects:
            path.unlink()
        if packed_bytes is not None and packed.read_bytes() != packed_bytes:
            packed.write_bytes(packed_bytes)
        shutil.rmtree(git / "repoint")
        shutil.copytree(git / "repoint.kept", git / "repoint")

    return restore


def _loose_objects(git: Path) -> set[Path]:
    return set((git / "objects").glob("[0-9a-f][0-9a-f]/*"))


# -- measuring -------------------------------------------------------------------------------------------------------


def measure(programs: Path, cases: Sequence[Case], places: Sequence[Place], runs: int) -> list[Cost]:
    """Run every case in every place ``runs`` times, taking turns; the costs of the unit are returned."""
    python, repoint = str(programs / "python"), str(programs / "repoint")
    home = places[0].folder.parent / "home"
    home.mkdir()
    environment = _environment(home)
    units: list[Cost] = []
    for at in places:
        _warm(repoint, at, environment)
    for case, at in _turns(cases, places, runs):
        units.append(_cost([python, "-c", "pass"], at.folder, environment))
        cost = _cost([repoint, *case.arguments], at.folder, {**environment, **dict(case.variables)})
        at.costs.setdefault(case.name, []).append(cost)
        if case.moves:
            at.restore()
    return units


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "TERM": "dumb"}


def _warm(repoint: str, at: Place, environment: dict[str, str]) -> None:
    """What the first command in a new clone does once (the index of the ledger, the marks) is kept, not measured."""
    _cost([repoint, "rollback", "refund", "--dry-run"], at.folder, environment)
    _cost([repoint, "status"], at.folder, environment)
    shutil.copytree(at.folder / ".git/repoint", at.folder / ".git/repoint.kept")


def _turns(cases: Sequence[Case], places: Sequence[Place], runs: int) -> Iterator[tuple[Case, Place]]:
    for number in range(runs):
        print(f"\r{number + 1}/{runs}", end="", file=sys.stderr, flush=True)
        for case in cases:
            for at in places:
                if at.refs in case.refs or (not case.refs and at is places[0]):
                    yield case, at
    print("\r" + " " * 12 + "\r", end="", file=sys.stderr)


def _cost(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run one process to its end. Its output goes to a file, as if it were piped."""
    with tempfile.TemporaryFile() as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        os.chdir(folder)
        started = time.perf_counter()
        child = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - started
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with status {status}: {output.read().decode()}")
    return Cost(wall, used.ru_utime + used.ru_stime)


# -- reporting -------------------------------------------------------------------------------------------------------


def _wall(costs: Sequence[Cost]) -> float:
    return median(cost.wall for cost in costs)


def report(cases: Sequence[Case], places: Sequence[Place], units: Sequence[Cost], runs: int) -> tuple[str, list[str]]:
    """The tables in Markdown, and every budget that was exceeded."""
    unit, processor = _wall(units), median(cost.cpu for cost in units)
    lines = [
        f"One unit, `python -c pass`: {unit * 1000:.1f} ms ({processor * 1000:.1f} ms of processor).",
        f"Medians of {runs} runs. {_machine()}",
    ]
    exceeded: list[str] = []
    for refs in dict.fromkeys(at.refs for at in places):
        chosen = [at for at in places if at.refs == refs]
        lines += ["", f"## {refs.capitalize()} refs", "", *_table(cases, chosen, unit, exceeded)]
    lines += ["", *([f"Over budget: {'; '.join(exceeded)}."] if exceeded else ["Everything is within its budget."])]
    return "\n".join(lines) + "\n", exceeded


def _table(cases: Sequence[Case], places: Sequence[Place], unit: float, exceeded: list[str]) -> Iterator[str]:
    columns = " | ".join(f"{at.size:,}: ms | units | CPU ms" for at in places)
    yield f"| command | budget | {columns} | growth | within |"
    yield "|---|---|" + "--:|" * (3 * len(places) + 1) + "---|"
    for case in cases:
        measured = [at for at in places if case.name in at.costs]
        if measured:
            cells = [cell for at in places for cell in _cells(at.costs.get(case.name), unit)]
            growth, verdict = _judged(case, measured, unit, exceeded)
            yield f"| `{case.name}` | {_budget(case)} | {' | '.join(cells)} | {growth} | {verdict} |"


def _cells(costs: list[Cost] | None, unit: float) -> list[str]:
    if not costs:
        return ["", "", ""]
    wall = _wall(costs)
    return [f"{wall * 1000:.0f}", f"{wall / unit:.1f}", f"{median(c.cpu for c in costs) * 1000:.0f}"]


def _budget(case: Case) -> str:
    if case.units is None:
        return ""
    return f"{case.units:g} units" + ("" if case.grows else f", x {MOST_GROWTH}")


def _judged(case: Case, places: Sequence[Place], unit: float, exceeded: list[str]) -> tuple[str, str]:
    first, last = _wall(places[0].costs[case.name]), _wall(places[-1].costs[case.name])
    growth = f"x {last / first:.2f}" if len(places) > 1 else ""
    if case.units is None:
        return growth, ""
    problems = []
    if max(first, last) / unit > case.units:
        problems.append(f"{max(first, last) / unit:.1f} units")
    if not case.grows and last / first > MOST_GROWTH:
        problems.append(growth)
    if problems:
        exceeded.append(f"{case.name} with {places[0].refs} refs ({', '.join(problems)})")
    return growth, "**no**" if problems else "yes"


def _machine() -> str:
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.strip()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    system = f"{platform.system()} {platform.machine()}"
    load = f"load average of the last five minutes {os.getloadavg()[1]:.1f}"
    return f"{os.cpu_count()} cores, {load}, {system}, Python {platform.python_version()}, {git}, {today}."


def main() -> None:
    """Measure and print."""
    given = _arguments()
    cache = Path(given.cache)
    cache.mkdir(parents=True, exist_ok=True)
    cases = [case for case in CASES if (case.units is not None or not given.quick)]
    cases = [case for case in cases if not given.only or any(word in case.name for word in given.only)]
    kinds = ["packed"] if given.quick else given.refs
    sizes = [SMALL, LARGE] if given.quick else given.sizes
    runs = given.runs or (7 if given.quick else 15)
    programs = installed(cache)
    with tempfile.TemporaryDirectory(prefix="repoint-bench-") as work:
        places = [place(cache, Path(work), size, refs) for refs in kinds for size in sizes]
        units = measure(programs, cases, places, runs)
        os.chdir(ROOT)
    text, exceeded = report(cases, places, units, runs)
    print(text, end="")
    if given.write:
        Path(given.write).write_text(f"{_TITLE}\n{text}", encoding="utf-8")
    sys.exit(1 if exceeded else 0)


_TITLE = """\
# What every command costs

Written by `make bench ARGS='--write benchmarks/results.md'`; benchmarks/README.md says what is measured and how.
Compare units and growth, not milliseconds: those are this machine's, and whatever else ran on it is in them.
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure every command against its budget.")
    parser.add_argument("--quick", action="store_true", help="only commands with a budget, packed refs, 7 runs")
    parser.add_argument("--runs", type=int, help="runs of every command (default: 15)")
    parser.add_argument("--only", action="append", metavar="WORD", help="only commands whose name holds this word")
    parser.add_argument("--sizes", type=int, nargs="+", default=[SMALL, 1000, LARGE], metavar="N")
    parser.add_argument("--refs", nargs="+", choices=["packed", "loose"], default=["packed", "loose"])
    parser.add_argument("--write", metavar="FILE", help="write the result to this file as well")
    parser.add_argument("--cache", default=str(ROOT / ".bench"), metavar="DIR", help="where what was built is kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
