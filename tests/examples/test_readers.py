"""The programs of examples/readers run as the guide shows them, and each sees a promote and a rollback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.cli.commandline import Team
from tests.conftest import ROOT

READERS = ROOT / "examples" / "readers"
GUIDE = ROOT / "docs" / "howto-read-it.md"
FIRST, SECOND = "You decide refunds.", "You decide refunds. Ask for the receipt."
QUESTION = "I want my money back"
INTERVAL = "0.1"
LOOKS = 2000
"""Questions after which a version that is not there has not come."""


class Production:
    """A registry in which refund 0.1.0 is live and 0.2.0 is published, and the moves that the examples must follow."""

    def __init__(self, folder: Path) -> None:
        self.team = Team(folder)
        self.team.done("init")
        self.team.done("new", "refund")
        for prompt in (FIRST, SECOND):
            (folder / "agents/refund/prompts/system.md").write_text(f"{prompt}\nBe brief.\n")
            self.team.done("commit", "refund", "-m", prompt)
        self.team.done("promote", "refund@0.1.0", "--env", "production")

    @property
    def store(self) -> str:
        return str(self.team.folder)

    def promote(self) -> None:
        self.team.done("promote", "refund@0.2.0", "--env", "production")

    def roll_back(self) -> None:
        self.team.done("rollback", "refund@0.2.0")


@pytest.fixture
def production(repository: Path) -> Production:
    return Production(repository)


def said(version: str) -> str:
    """What every example says of a version, up to the question."""
    prompt = {"0.1.0": FIRST, "0.2.0": SECOND}[version]
    return f"refund {version}, claude-sonnet-4-5-20250929: {prompt} | {QUESTION}\n"


@contextmanager
def started(*command: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended at the end of the block, if it has not by itself."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=cwd, text=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def answer(process: subprocess.Popen[str]) -> str:
    """Ask a process that reads questions; the line that it answers."""
    assert process.stdin is not None
    process.stdin.write(f"{QUESTION}\n")
    process.stdin.flush()
    return heard(process)


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_worker_follows(production: Production, tmp_path: Path) -> None:
    options = ["--interval", INTERVAL]
    with started(sys.executable, READERS / "worker.py", production.store, *options, cwd=tmp_path) as worker:
        assert answer(worker) == said("0.1.0")
        production.promote()
        assert heard(worker) == "production generation 2: refund 0.1.0 -> 0.2.0\n"
        assert answer(worker) == said("0.2.0")
        production.roll_back()
        assert heard(worker) == "production generation 3: refund 0.2.0 -> 0.1.0\n"
        assert answer(worker) == said("0.1.0")
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(30) == 0


def test_the_shell_agent_runs_what_is_live(production: Production) -> None:
    def asked() -> str:
        agent = ["sh", str(READERS / "agent.sh"), QUESTION]
        ran = production.team.start("run", "refund", "--env", "production", "--", *agent)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    assert asked() == said("0.1.0")
    production.promote()
    assert asked() == said("0.2.0")
    production.roll_back()
    assert asked() == said("0.1.0")


@pytest.mark.skipif(shutil.which("perl") is None, reason="there is no Perl here")
def test_another_language_reads_a_folder_that_follows(production: Production, tmp_path: Path) -> None:
    folder = tmp_path / "live"
    options = ["export", "--env", "production", "--follow", str(folder), "--interval", INTERVAL]
    with started(sys.executable, "-m", "repoint_cli", *options, cwd=production.team.folder) as follower:
        assert "generation 1 " in heard(follower)
        with started("perl", READERS / "agent.pl", folder, "refund", cwd=tmp_path) as agent:
            assert answer(agent) == said("0.1.0")
            production.promote()
            assert "generation 2 " in heard(follower)
            assert answer(agent) == said("0.2.0")
            production.roll_back()
            assert "generation 3 " in heard(follower)
            assert answer(agent) == said("0.1.0")
        follower.send_signal(signal.SIGTERM)
        assert follower.wait(30) == 0


# -- the service, over HTTP --------------------------------------------------------------------------------------------


@contextmanager
def serving(production: Production) -> Iterator[httpx.Client]:
    """The service behind uvicorn on a port that the kernel chose, and a client of it; it ends as SIGTERM ends it."""
    settings = {"AGENTS": production.store, "AGENTS_INTERVAL": INTERVAL, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(READERS), "--port", "0", "service:app"]
    out, err = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(command, env=os.environ | settings, stdout=out, stderr=err, text=True) as server:
        try:
            assert server.stderr is not None
            address = next(listening(server.stderr))
            with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
                yield client
            server.terminate()
            rest = server.stderr.read()
            assert server.wait(30) in (0, -signal.SIGTERM)
            assert "Application shutdown complete" in rest, rest
        finally:
            server.kill()


def listening(log: IO[str]) -> Iterator[str]:
    """The address that uvicorn tells in its log."""
    for line in log:
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", line)
        if found:
            yield found[1]


def ask(client: httpx.Client, path: str = "/ask") -> str:
    """One question; the answer as the other examples print it."""
    reply = client.post(path, json={"text": QUESTION}).raise_for_status().json()
    text = reply["text"].replace(", 1024 tokens", "")
    return f"refund {reply['version']}, {text}\n"


def ask_until(client: httpx.Client, version: str) -> str:
    """Ask until this version answers."""
    replies = (ask(client) for _ in range(LOOKS))
    return next(reply for reply in replies if reply == said(version))


def test_the_service_follows_and_a_conversation_keeps_its_version(production: Production) -> None:
    with serving(production) as client:
        assert ask(client) == said("0.1.0")
        first = "/conversations/" + client.post("/conversations").json()["name"]
        production.promote()
        assert ask_until(client, "0.2.0") == said("0.2.0")
        assert ask(client, first) == said("0.1.0"), "this conversation was begun with it"
        second = "/conversations/" + client.post("/conversations").json()["name"]
        production.roll_back()
        assert ask_until(client, "0.1.0") == said("0.1.0")
        assert ask(client, second) == said("0.2.0")
        assert client.delete(second).status_code == 200
        assert client.post(second, json={"text": QUESTION}).status_code == 404
        health = client.get("/health").json()
        assert (health["generation"], health["reason"]) == (3, None)
        fleet = production.team.done("status", "--fleet")
        assert "1 of 1 processes confirmed" in fleet, fleet
    assert "no process reports" in production.team.done("status", "--fleet"), "its report is withdrawn"


# -- the pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["worker.py", "service.py", "agent.sh", "agent.pl"])
def test_the_guide_shows_the_whole_program(name: str) -> None:
    shown = GUIDE.read_text("utf-8").partition(f" file={name}\n")[2].partition("```")[0]
    assert shown == (READERS / name).read_text("utf-8")


def test_the_reader_s_example_in_the_page_on_the_library_runs(production: Production) -> None:
    page = (ROOT / "docs" / "library.md").read_text("utf-8").partition("## The reader")[2]
    code = page.partition("```python\n")[2].partition("```")[0]
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=production.team.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["refund 0.1.0 claude-sonnet-4-5-20250929 1024", FIRST, "1 None"]
