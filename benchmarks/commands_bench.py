"""Measuring every command in registries of every size, bare Git beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cases import Case
from environments import ROOT, plain_environment
from figures import Figure, Measured, figure
from measure import Cost, Costs, Launcher, Progress
from places import Place, empty_place, here, place

BARE = str(ROOT / "benchmarks/bare_git.sh")
SHELL = "/bin/sh"


class Pair:
    """One case in one place: what its runs cost, and those of bare Git."""

    def __init__(self, case: Case, at: Place) -> None:
        self.case = case
        self.at = at
        self.repoint = Costs()
        self.bare = Costs()

    def measured(self) -> Measured:
        """The figures."""
        bare = figure(self.bare) if self.bare else None
        return Measured(self.case.name, self.at.size, self.at.refs, figure(self.repoint), bare)


def measure_commands(
    programs: Path, cache: Path, work: Path, cases: Sequence[Case], sizes: Sequence[int], refs: Sequence[str], runs: int
) -> tuple[Figure, list[Measured]]:
    """Run every case in every place, taking turns with the unit; its figure, and one of each case in each place."""
    environment = plain_environment(work / "home")
    repoint = str(programs / "repoint")
    places = [place(cache, work, size, kind, repoint, environment) for kind in refs for size in sizes]
    first = places[0]
    if any(case.empty for case in cases):
        places.append(empty_place(work, environment))
    pairs = [Pair(case, at) for case in cases for at in places if here(case, at, first)]
    units, progress = Costs(), Progress(runs * len(pairs))
    with Launcher(work) as launcher:
        for _ in range(runs):
            for pair in pairs:
                progress.step(f"{pair.case.name}, {pair.at.size:,} {pair.at.refs}")
                if not pair.repoint.enough(runs):
                    units.append(launcher.cost([str(programs / "python"), "-c", "pass"], pair.at.folder, environment))
                    pair.repoint.append(_run(launcher, repoint, pair, environment))
                if pair.case.bare and not pair.bare.enough(runs):
                    pair.bare.append(_run_bare(launcher, pair, environment))
    progress.end()
    return figure(units), [pair.measured() for pair in pairs]


def _run(launcher: Launcher, repoint: str, pair: Pair, environment: dict[str, str]) -> Cost:
    case, at = pair.case, pair.at
    command = [repoint, *at.filled(case.arguments)]
    cost = launcher.cost(command, at.folder, {**environment, **dict(case.variables)}, case.codes)
    if case.codes == (0,) and not launcher.said():
        raise SystemExit(f"{' '.join(command)} printed nothing, so it is not what was to be measured")
    if case.writes:
        at.restore()
    return cost


def _run_bare(launcher: Launcher, pair: Pair, environment: dict[str, str]) -> Cost:
    case, at = pair.case, pair.at
    cost = launcher.cost([SHELL, BARE, *at.filled(case.bare)], at.folder, environment)
    if case.writes:
        at.restore()
    return cost
