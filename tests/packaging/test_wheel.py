"""The wheel as users get it: only our packages in it, and a whole first session works from a clean installation."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = {"repoint", "repoint_cli", "repoint_schemas"}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program without anybody's PYTHONPATH; any failure fails the test with what the program printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(PYTHONNOUSERSITE="1", REPOINT_ACTOR="Ada <ada@acme.example>")
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout with the tools that are installed here: no network."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment that holds the wheel, and the dependencies by reference to this one's.

    The reference is a ``.pth`` line. ``.pth`` files of the other environment do not take effect through it (an editable
    install of this checkout is one), so everything of ours comes from the wheel.
    """
    place = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    programs = place / "bin"
    site = Path(
        run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    )
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        programs / "python",
        "--disable-pip-version-check",
    ]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=place)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A Git repository without a commit."""
    folder = tmp_path / "team"
    folder.mkdir()
    run("git", "init", "--quiet", cwd=folder)
    return folder


def test_only_our_packages_are_at_the_top_level(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, "repoint-0.1.0.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", ".pyo")) or "__pycache__" in name]


def test_each_package_is_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        typed = {name for name in archive.namelist() if name.endswith("py.typed")}
    assert typed == {f"{package}/py.typed" for package in PACKAGES}


def test_every_source_file_is_in_the_wheel(wheel: Path) -> None:
    roots = [ROOT / "registry", ROOT / "cli", ROOT / "schemas"]
    sources = {path.relative_to(root).as_posix() for root in roots for path in root.rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.endswith(".py")} == sources


def test_the_metadata_names_licence_and_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read("repoint-0.1.0.dist-info/METADATA").decode())
        assert b"Apache License" in archive.read("repoint-0.1.0.dist-info/licenses/LICENSE")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"


def test_everything_of_ours_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        f"import {', '.join(sorted(PACKAGES))}; print(repoint.__file__, repoint_cli.__file__, repoint_schemas.__file__)"
    )
    places = run(installed / "python", "-c", program, cwd=tmp_path).split()
    assert len(places) == len(PACKAGES)
    assert all(Path(place).is_relative_to(installed.parent) for place in places), places


def test_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "repoint", "--version", cwd=tmp_path) == "repoint 0.1.0\n"


def test_help(installed: Path, tmp_path: Path) -> None:
    assert "rollback" in run(installed / "repoint", "--help", cwd=tmp_path)


def test_first_session(installed: Path, team: Path) -> None:
    repoint = installed / "repoint"
    run(repoint, "init", cwd=team)
    run(repoint, "new", "refund", cwd=team)
    run(repoint, "commit", "refund", "-m", "First version", cwd=team)
    prompt = team / "agents/refund/prompts/system.md"
    prompt.write_text(prompt.read_text() + "\nAsk for the order number first.\n")
    run(repoint, "commit", "refund", "-m", "Ask for the order number first", cwd=team)
    run(repoint, "promote", "refund@0.1.0", "--env", "production", cwd=team)
    run(repoint, "promote", "refund@0.2.0", "--env", "production", cwd=team)
    run(repoint, "rollback", "refund@0.2.0", "-m", "refunds without an order number", cwd=team)
    assert '"0.1.0"' in run(repoint, "show", "refund@production", "--json", cwd=team)
    run(repoint, "verify", cwd=team)
    assert run("git", "tag", "-l", cwd=team).split() == ["refund@v0.1.0", "refund@v0.2.0"]
