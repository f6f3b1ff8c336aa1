"""``results.json`` -> ``results.svg``: every command on a logarithmic scale, its budget, bare Git and GTO beside it.

Run by the Python of the environment that holds matplotlib: ``python plot.py results.json results.svg``. It imports
nothing of the others, which need what that environment does not have.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

# The palette of Okabe and Ito (Color Universal Design, 2008), told apart by those who see fewer colours; every series
# has a marker of its own as well.
_SIZES = {10: ("#56B4E9", "o"), 1000: ("#0072B2", "s"), 10000: ("#000000", "D")}
_GIT, _GTO, _BUDGET = "#009E73", "#D55E00", "#CC79A7"
_BESIDE = {"commit": "register", "promote": "assign", "list": "show", "log AGENT -n 20": "history"}


def draw(results: dict, budgets: dict[str, float], target: Path) -> None:  # type: ignore[type-arg]
    """Draw the figures into an SVG file."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "repoint", "font.size": 9, "svg.fonttype": "path"})
    plot = importlib.import_module("matplotlib.pyplot")
    unit = results["unit"]["wall"]
    rows = [row for row in results["commands"] if row["refs"] == "packed"]
    names = list(dict.fromkeys(row["name"] for row in rows))[::-1]
    at = {name: place for place, name in enumerate(names)}
    figure, (times, memory) = plot.subplots(
        1, 2, sharey=True, figsize=(11, 0.27 * len(names) + 2.4), gridspec_kw={"width_ratios": [3, 1]}
    )
    for size, (colour, marker) in _SIZES.items():
        here = [row for row in rows if row["size"] == size or (row["size"] == 0 and size == 10)]
        places = [at[row["name"]] for row in here]
        shown = {"color": colour, "marker": marker, "s": 26, "zorder": 3, "linewidths": 0}
        times.scatter(
            [row["repoint"]["wall"] / unit for row in here], places, label=f"Repoint, {size:,} releases", **shown
        )
        memory.scatter([row["repoint"]["peak"] / 1e6 for row in here], places, **shown)
    largest = max(row["size"] for row in rows)
    bare = [row for row in rows if row["bare"] and row["size"] == largest]
    times.scatter(
        [row["bare"]["wall"] / unit for row in bare], [at[row["name"]] for row in bare], s=34, facecolors="none",
        edgecolors=_GIT, marker="o", linewidths=1.4, zorder=4, label=f"bare Git, {largest:,} releases",
    )  # fmt: skip
    _draw_gto(times, results, at)
    for name, units in budgets.items():
        if name in at:
            times.plot([units, units], [at[name] - 0.4, at[name] + 0.4], color=_BUDGET, linewidth=2.2, zorder=2)
    times.plot([], [], color=_BUDGET, linewidth=2.2, label="budget")
    memory.axvline(150 * 1.048576, color=_BUDGET, linewidth=2.2, zorder=2)
    _finish(figure, times, memory, names, results)
    figure.savefig(target, metadata={"Date": None})


def _draw_gto(times, results: dict, at: dict[str, int]) -> None:  # type: ignore[no-untyped-def, type-arg]
    if not results["gto"]:
        return
    unit, most = results["gto_unit"]["wall"], max(row["tags"] for row in results["gto"])
    shown = {row["name"]: row["gto"]["wall"] / unit for row in results["gto"] if row["tags"] == most}
    pairs = [(shown[theirs], at[ours]) for ours, theirs in _BESIDE.items() if ours in at and theirs in shown]
    times.scatter(*zip(*pairs, strict=True), color=_GTO, marker="X", s=52, zorder=4, label=f"GTO 1.10, {most:,} tags")


def _finish(figure, times, memory, names: list[str], results: dict) -> None:  # type: ignore[no-untyped-def, type-arg]
    times.set_yticks(range(len(names)), [f"{name}" for name in names])
    times.set_xscale("log")
    memory.set_xscale("log")
    times.set_xlabel("units of python -c pass, whole process, median (logarithmic)")
    memory.set_xlabel("peak MB (logarithmic)")
    memory.set_xticks([10, 20, 50, 100, 150], ["10", "20", "50", "100", "150"])
    ticks = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    low, high = times.get_xlim()
    shown = [tick for tick in ticks if low <= tick <= high]
    times.set_xticks(shown, [f"{tick:g}" for tick in shown])
    for axes in (times, memory):
        axes.minorticks_off()
        axes.grid(visible=True, axis="both", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    times.set_ylim(-0.7, len(names) - 0.3)
    figure.legend(loc="upper center", ncols=4, frameon=False, bbox_to_anchor=(0.5, 1.0))
    facts = results["machine"]
    where = f"{facts['cores']} cores, Python {facts['python']}, Git {facts['git']}, {facts['date']}, packed refs"
    figure.text(0.005, 0.004, where, fontsize=7.5, color="#555555")
    figure.tight_layout(rect=(0, 0.015, 1, 0.93))


def main() -> None:
    """Draw from the command line; budgets come as ``name=units``."""
    source, target, *given = sys.argv[1:]
    budgets = {name: float(units) for name, _, units in (each.rpartition("=") for each in given)}
    draw(json.loads(Path(source).read_text(encoding="utf-8")), budgets, Path(target))


if __name__ == "__main__":
    main()
