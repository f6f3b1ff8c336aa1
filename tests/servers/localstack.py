"""LocalStack, in a virtual environment of its own beside the other things that tests keep: its pins are not ours."""

from __future__ import annotations

import fcntl
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.processes import CACHE, HERE, NoServer, child, free_ports, run_quietly

# The last version that runs without an account, and the versions of what it uses that it still works with.
PACKAGES = (
    "localstack-core[runtime]==4.13.1",
    "cbor2<5.9",
    "cryptography<47",
    "pyopenssl<26",
    "service_identity<25",
)
FOLDER = CACHE / "localstack-4.13.1"
PATIENCE = 60.0  # seconds until it must answer


def build() -> Path:
    """The Python that has LocalStack; a virtual environment is finished when its stamp is there. Raises: NoServer."""
    CACHE.mkdir(parents=True, exist_ok=True)
    stamp = FOLDER / "ready"
    with FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(FOLDER, ignore_errors=True)
            run_quietly([sys.executable, "-m", "venv", FOLDER])
            run_quietly([FOLDER / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
            stamp.touch()
    return FOLDER / "bin/python"


@contextmanager
def serve() -> Iterator[str]:
    """Install it if need be and start it; yields its endpoint. Raises: NoServer."""
    python = build()
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="repoint-localstack-") as home,
        child([python, "-P", HERE / "localstack_server.py", str(port), home]) as process,
    ):
        end = time.monotonic() + PATIENCE
        while not answers(endpoint):
            if process.poll() is not None or time.monotonic() > end:
                raise NoServer("LocalStack does not answer")
            time.sleep(0.1)
        yield endpoint


def answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=5):
            return True
    except OSError:
        return False
