"""What every test gets: a home of its own, Git without anybody's configuration, and no ambient credentials or settings.

The isolation is applied twice: once for the session, so that fixtures of a wider scope are isolated too, and again for
each test, so that nothing that one test writes into its home is seen by another.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import s3

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOTS = [ROOT / "registry", ROOT / "cli", ROOT / "schemas"]
LONG = os.environ.get("REPOINT_TEST_LONG") == "1"
S3_KIND, _, S3_ENDPOINT = os.environ.get("REPOINT_TEST_S3", "moto").partition("=")

REMOVED_PREFIXES = ("GIT_", "REPOINT_", "AWS_", "SSH_", "XDG_")
REMOVED = (
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "EDITOR",
    "EMAIL",
    "FORCE_COLOR",
    "LESS",
    "LINES",
    "NO_COLOR",
    "PAGER",
    "VISUAL",
)

LONGEST = ("test_s3_schedules.py", "test_played_pages.py", "test_s3_kill.py", "test_migrate.py")

settings.register_profile("default", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("default"), max_examples=500)
settings.load_profile("long" if LONG else "default")


def isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Point the environment of this process and its children at ``home``; forget everything that came from outside."""
    for name in list(os.environ):
        if name.startswith(REMOVED_PREFIXES) or name in REMOVED:
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("GIT_TERMINAL_PROMPT", "0")
    patch.setenv("GIT_CEILING_DIRECTORIES", tempfile.gettempdir())
    patch.setenv("LC_ALL", "C.UTF-8")
    patch.setenv("PYTHONPATH", os.pathsep.join(map(str, SOURCE_ROOTS)))


@pytest.fixture(scope="session", autouse=True)
def isolated_session() -> Iterator[Path]:
    """The environment that fixtures of session, package and module scope see; yields the folder of all homes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background inherits it as ignored
    with tempfile.TemporaryDirectory(prefix="repoint-homes-") as homes, pytest.MonkeyPatch.context() as patch:
        home = Path(homes, "session")
        home.mkdir()
        isolate(patch, home)
        yield Path(homes)


@pytest.fixture(autouse=True)
def isolated_home(isolated_session: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new empty HOME for each test, and the environment that goes with it."""
    home = Path(tempfile.mkdtemp(dir=isolated_session))
    isolate(monkeypatch, home)
    return home


@pytest.fixture(scope="session")
def long_run() -> bool:
    """Whether this is ``make test-long``: more seeds, larger registries, more processes."""
    return LONG


@pytest.fixture
def git() -> Callable[..., str]:
    """Run real Git in a folder: ``git(folder, "tag", "-l")`` gives its standard output; any failure fails the test."""

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., str]) -> Path:
    """An empty Git repository with a branch ``main`` and the identity Ada <ada@acme.example>, no commit yet."""
    folder = tmp_path / "team"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@acme.example")
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.S3Server]:
    """The server that REPOINT_TEST_S3 names: a kind to start, or ``KIND=ENDPOINT`` of one that runs already."""
    if S3_ENDPOINT:
        yield s3.running(S3_KIND, S3_ENDPOINT)
    else:
        with s3.serve(S3_KIND) as server:
            yield server


@pytest.fixture
def s3_bucket(s3_server: s3.S3Server) -> str:
    """A bucket without versions, empty and this test's own."""
    return s3.new_bucket(s3_server)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: left for the end, one process would play them while the others wait."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which server the results of the tests marked ``s3`` are from."""
    ran = [report for reports in terminalreporter.stats.values() for report in reports]
    if any("s3" in getattr(report, "keywords", ()) for report in ran):
        terminalreporter.write_line(f"Tests against S3: {s3.DESCRIPTIONS[S3_KIND]}")
