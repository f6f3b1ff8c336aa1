"""Running the ``repoint`` command in real repositories, and what every test of it asserts.

``Team.run`` runs the command in this process, which is fast; ``Team.start`` runs it as a process of its own.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jsonschema

from repoint_cli.main import run
from repoint_schemas.generate import FOLDER

Json = dict[str, object]
MOVES = ("promote", "rollback", "unhold", "yank", "unyank", "freeze", "unfreeze")


@dataclass(frozen=True)
class Ran:
    """A finished command: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """The one object on standard output; nothing else may stand there."""
        found = json.loads(self.out)
        assert isinstance(found, dict), self.out
        return found

    @property
    def failure(self) -> Json:
        """The error of the one object on standard error; it fits its published schema and the exit code."""
        found = json.loads(self.err)
        check_schema("error", found)
        failure = found["error"]
        assert isinstance(failure, dict)
        assert failure["exit_code"] == self.code
        return failure


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8")))


def check_schema(command: str, result: object) -> None:
    """Require that a result fits the published schema of its command."""
    _validator(f"result-{'move' if command in MOVES else command}").validate(result)


def run_here(*arguments: str) -> Ran:
    """Run the command in this process, its output captured as a pipe would."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(arguments))
    texts = []
    for stream in (out, err):
        stream.flush()
        raw = stream.buffer
        assert isinstance(raw, io.BytesIO)
        texts.append(raw.getvalue().decode("utf-8"))
    assert "Traceback" not in texts[1], texts[1]
    return Ran(code, texts[0], texts[1])


@contextmanager
def environment_of(wanted: Mapping[str, str]) -> Iterator[None]:
    """This process has that environment and nothing else of its own, until the end of the block."""
    ours = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(ours)


@dataclass(frozen=True)
class Team:
    """A repository with a registry in it, or without one yet."""

    folder: Path

    def run(self, *arguments: str) -> Ran:
        """Run the command in the repository."""
        return run_here("-C", str(self.folder), *arguments)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        """Run the command as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "repoint_cli", *arguments],
            cwd=cwd or self.folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def done(self, *arguments: str) -> str:
        """Run a command that must succeed; its output."""
        ran = self.run(*arguments)
        assert ran.code == 0, f"{arguments}: {ran}"
        assert ran.err == "", ran.err
        return ran.out

    def result(self, command: str, *arguments: str, code: int = 0) -> Json:
        """Run a command with ``--json``; its result, which fits its published schema."""
        ran = self.run(command, *arguments, "--json")
        assert ran.code == code, f"{command} {arguments}: {ran}"
        check_schema(command, ran.json)
        return ran.json

    def refused(self, *arguments: str, code: int, says: Iterable[str] = (), kind: str | None = None) -> Json:
        """Run a command that must fail, as text and with ``--json``, and require that it wrote nothing.

        ``says`` are parts of the message or the hint.
        """
        before = everything(self.folder)
        text = self.run(*arguments)
        machine = self.run("--json", *arguments)
        assert (text.code, machine.code) == (code, code), f"{arguments}: {text} {machine}"
        assert text.out == machine.out == "", text.out
        assert text.err.startswith("error: ") or "\nerror: " in text.err, text.err
        failure = machine.failure
        assert kind is None or failure["kind"] == kind, failure
        for part in says:
            assert part in text.err, f"{part!r} is not in {text.err!r}"
        assert is_safe(text.err), ascii(text.err)
        assert everything(self.folder) == before
        return failure

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run Git in the repository, without letting it refresh the index."""
        env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def agent(self, name: str = "refund") -> Path:
        """The folder of an agent."""
        return self.folder / "agents" / name

    def write_prompt(self, text: str | bytes, name: str = "refund") -> None:
        """Replace the agent's one prompt."""
        content = text.encode() if isinstance(text, str) else text
        (self.agent(name) / "prompts" / "system.md").write_bytes(content)

    def publish(self, text: str, name: str = "refund", *arguments: str) -> str:
        """Publish a version whose prompt is this text; the version."""
        self.write_prompt(text, name)
        return str(self.result("commit", name, "-m", text, *arguments)["version"])

    def live(self, environment: str = "production") -> dict[str, str]:
        """What is live in an environment."""
        (record,) = records(self.result("history", environment, "-n", "1"))
        agents = record["agents"]
        assert isinstance(agents, dict)
        return {str(a): str(v) for a, v in agents.items()}

    def generation(self, environment: str = "production") -> int:
        """The newest generation of an environment."""
        (record,) = records(self.result("history", environment, "-n", "1"))
        return int(str(record["generation"]))


def records(result: Json, key: str = "records") -> list[Json]:
    """A list of objects in a result."""
    found = result[key]
    assert isinstance(found, list)
    return found


def texts(result: Json, key: str) -> list[str]:
    """A list of texts in a result."""
    found = result[key]
    assert isinstance(found, list)
    return [str(each) for each in found]


def everything(folder: Path) -> object:
    """Every ref and every file of a repository but the Git directory's: what a refused command may not change.

    Files are compared by kind, mode and content (of what cannot be read: by kind and mode).
    """
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    refs = subprocess.run(
        ["git", "-C", str(folder), "for-each-ref"], env=environment, capture_output=True, text=True, check=False
    )
    return refs.stdout, _files(folder)


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found: dict[str, tuple[int, bytes]] = {}
    for root, folders, names in os.walk(os.fsencode(folder)):
        if b".git" in folders:
            folders.remove(b".git")
        for name in [*folders, *names]:
            path = os.path.join(root, name)
            status = os.lstat(path)
            content = b""
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path) and status.st_size < 2**20:
                content = Path(os.fsdecode(path)).read_bytes()
            found[ascii(path)] = (status.st_mode, content)
    return found


def user_state(folder: Path) -> dict[str, object]:
    """What belongs to the user: status, index, HEAD, reflogs, stash, branches and working files."""
    team = Team(folder)
    own = Path(team.git("rev-parse", "--absolute-git-dir").strip())
    common = Path(team.git("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    kept = [own / "HEAD", own / "index", own / "ORIG_HEAD", own / "MERGE_HEAD", own / "MERGE_MSG", common / "config"]
    kept += [p for p in sorted((own / "logs").rglob("*")) + sorted((common / "logs").rglob("*")) if p.is_file()]
    kept += sorted(p for p in (own / "rebase-merge").glob("*") if p.is_file())
    ours = ("refs/heads/repoint/", "refs/tags/refund@", "refs/tags/router@")
    refs = [r for r in team.git("for-each-ref").splitlines() if not r.split("\t")[1].startswith(ours)]
    bare = team.git("rev-parse", "--is-bare-repository").strip() == "true"
    return {
        "status": "" if bare else team.git("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
        "stash": team.git("stash", "list", check=False),
        "files": {str(p): p.read_bytes() for p in kept if p.exists()},
        "refs": refs,
        "work": None if bare else _files(folder),
    }


def is_safe(text: str) -> bool:
    """Whether no character of the text can play tricks on a terminal."""
    return not any(
        (ord(c) < 32 and c != "\n")
        or 0x7F <= ord(c) <= 0x9F
        or c in "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\ufeff"
        or "\u202a" <= c <= "\u202e"
        or "\u2066" <= c <= "\u2069"
        or "\U000e0000" <= c <= "\U000e007f"
        for c in text
    )


def copy_team(source: Path, folder: Path) -> Team:
    """A copy of a repository, as a backup would be restored."""
    shutil.copytree(source, folder, symlinks=True)
    return Team(folder)
