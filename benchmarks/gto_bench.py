"""Measuring GTO 1.10 in repositories with 10, 100 and 1,000 of its tags: the tool that users would otherwise run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from environments import plain_environment
from figures import Figure, GtoMeasured, figure
from measure import Costs, Launcher, Progress

START = 1_780_000_000
RUNS = 5

COMMANDS = {
    "register": ("register", "refund", "--version", "v999.0.0"),
    "assign": ("assign", "refund", "--version", "{newest}", "--stage", "staging"),
    "show": ("show", "refund"),
    "history": ("history", "refund"),
}
WRITING = ("register", "assign")


def measure_gto(programs: Path, work: Path, sizes: Sequence[int]) -> tuple[Figure, list[GtoMeasured]]:
    """Every command of GTO at every number of tags, taking turns with the unit of the same environment."""
    environment = plain_environment(work / "home")
    python, gto = str(programs / "python"), str(programs / "gto")
    units, found, progress = Costs(), [], Progress(len(sizes) * len(COMMANDS) * RUNS)
    with Launcher(work) as launcher:
        for size in sizes:
            folder = _repository(work / f"gto-{size}", size, environment)
            for name, arguments in COMMANDS.items():
                costs = Costs()
                command = [gto, *(argument.format(newest=_name(size)) for argument in arguments)]
                while not costs.enough(RUNS):
                    progress.step(f"gto {name}, {size:,} tags")
                    units.append(launcher.cost([python, "-c", "pass"], folder, environment))
                    costs.append(launcher.cost(command, folder, environment))
                    if name in WRITING:
                        _restore(folder)
                found.append(GtoMeasured(name, size, figure(costs)))
    progress.end()
    return figure(units), found


def _name(number: int) -> str:
    return f"v{number // 100}.{number // 10 % 10}.{number % 10}"


def _repository(folder: Path, size: int, environment: dict[str, str]) -> Path:
    """A repository with ``size`` annotated tags ``refund@v…``, each of a commit of its own, packed."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True, env=environment)
    stream = []
    for number in range(1, size + 1):
        who = f"Ada <ada@acme.example> {START + number} +0000"
        text = f"Ask first, revision {number}\n"
        stream.append(
            f"commit refs/heads/main\nmark :{number}\ncommitter {who}\ndata {len(text)}\n{text}"
            f"M 100644 inline prompt.md\ndata {len(text)}\n{text}\n"
            f"tag refund@{_name(number)}\nfrom :{number}\ntagger {who}\ndata {len(text)}\n{text}\n"
        )
    head = f"commit refs/heads/main\ncommitter Ada <ada@acme.example> {START + size + 1} +0000\ndata 5\nNext\n\n"
    given = "".join([*stream, head]).encode()  # a last commit that has no version yet: what register gives one
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=given, check=True, env=environment)
    for command in (["reset", "--quiet", "--hard"], ["pack-refs", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env=environment)
    shutil.copytree(folder / ".git", folder.with_suffix(".kept"))
    return folder


def _restore(folder: Path) -> None:
    shutil.rmtree(folder / ".git")
    shutil.copytree(folder.with_suffix(".kept"), folder / ".git")
