"""What a measurement yields, as it is kept in ``results.json``: seconds, bytes, and the machine that they are of."""

from __future__ import annotations

import os
import platform
import subprocess
import time

from measure import Costs
from msgspec import Struct


class Figure(Struct, frozen=True):
    """Medians in seconds by the clock and of processor, the highest peak in bytes, and how many runs they are of."""

    wall: float
    cpu: float
    peak: int
    runs: int


class Measured(Struct, frozen=True):
    """One command in one registry, and bare Git beside it."""

    name: str
    size: int
    refs: str
    repoint: Figure
    bare: Figure | None


class GtoMeasured(Struct, frozen=True):
    """One command of GTO in a repository with so many tags."""

    name: str
    tags: int
    gto: Figure


class FileMeasured(Struct, frozen=True):
    """One command of an agent with one large file: what is in it, how many bytes."""

    name: str
    content: str
    size: int
    repoint: Figure


class BucketMeasured(Struct, frozen=True):
    """One command where a bucket decides; ``size`` 0 is a program of others beside it."""

    name: str
    size: int
    cost: Figure


class Upload(Struct, frozen=True):
    """So many bytes from files into a bucket, by one program."""

    name: str
    size: int
    cost: Figure


class ReaderMeasured(Struct, frozen=True):
    """One row of ``cases.READER_ROWS``, in the unit that stands there."""

    name: str
    value: float


class Results(Struct):
    """Everything that one measurement found; each part has the unit that was measured between its own runs."""

    machine: dict[str, str]
    unit: Figure | None = None
    commands: list[Measured] = []
    gto_unit: Figure | None = None
    gto: list[GtoMeasured] = []
    file_unit: Figure | None = None
    files: list[FileMeasured] = []
    bucket_server: str = ""
    bucket_unit: Figure | None = None
    bucket: list[BucketMeasured] = []
    uploads: list[Upload] = []
    reader_server: str = ""
    reader_unit: Figure | None = None
    reader: list[ReaderMeasured] = []


def figure(costs: Costs) -> Figure:
    """The figure of some runs."""
    return Figure(round(costs.wall, 6), round(costs.cpu, 6), costs.peak, len(costs))


def machine() -> dict[str, str]:
    """What the figures depend on beside the code: cores, versions, the date, and how busy the machine is now."""
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "git": git.removeprefix("git version "),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "commit": _commit(),
    }


def _commit() -> str:
    ran = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True, check=False
    )
    return ran.stdout.strip() or "unknown"
