"""What the tests of the Git modules share: an isolated repository, one example release and records."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET

from repoint.gitrepo import GitRepository
from repoint.store import Contents, Draft
from repoint.store_git import GitStore
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import (
    Action,
    AgentName,
    Change,
    Entry,
    EnvironmentName,
    FileEntry,
    Identity,
    Model,
    ParentRelease,
    Record,
    Release,
    Snapshot,
    Version,
)

REFUND = AgentName("refund")
PRODUCTION = EnvironmentName("production")
ADA = Identity(email="ada@acme.example", name="Ada")
REGISTRY = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"


@dataclass(frozen=True)
class Bytes:
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.content), 1 << 20):
            yield self.content[at : at + (1 << 20)]


@dataclass
class Sandbox:
    """A folder with its own HOME, and Git commands run in it."""

    folder: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
        }

    def git(self, *arguments: str, cwd: Path | None = None, check: bool = True, **more: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.folder / "repo",
            env={**self.environment, **more},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr}")
        return done.stdout

    def init(self, *options: str) -> Path:
        repo = self.folder / "repo"
        self.git("init", "-q", "-b", "main", *options, str(repo), cwd=self.folder)
        return repo

    def commit_something(self) -> None:
        self.git("-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "commit", "-q", "--allow-empty", "-m", "x")

    def open(self, path: Path | None = None) -> GitRepository:
        return GitRepository.discover(path or self.folder / "repo", self.environment)

    def store(self, path: Path | None = None) -> GitStore:
        return GitStore(self.open(path))


def contents(agent: str = "refund", prompt: bytes = b"Ask first.\n", **files: bytes) -> Contents:
    stored = {"agent.toml": b'[agent]\nname = "refund"\n', "prompts/system.md": prompt, **files}
    prompts = {path: _entry(path, content) for path, content in stored.items() if path != "agent.toml"}
    snapshot = Snapshot(
        agent=AgentName(agent),
        config={"temperature": 0.2},
        integrations={},
        manifest=_entry("agent.toml", stored["agent.toml"]),
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts=prompts,
        requires={},
    )
    return Contents(snapshot, encode(snapshot), {path: Bytes(content) for path, content in stored.items()})


def _entry(path: str, content: bytes) -> FileEntry:
    return FileEntry(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def draft(
    of: Contents, version: str = "1.0.0", parent: Draft | None = None, message: str = "Ask for the order number first"
) -> Draft:
    release = Release(
        agent=of.document.agent,
        author=ADA,
        bump="minor" if parent else None,
        message=message,
        parent=ParentRelease(release=digest_of(parent.content), version=parent.document.version) if parent else None,
        registry=REGISTRY,
        snapshot=digest_of(of.content),
        source=None,
        ticket="PAY-312",
        time="2026-11-20T21:00:00Z",
        version=Version(version),
    )
    return Draft(release, encode(release))


def first_record(environment: EnvironmentName = PRODUCTION) -> Record:
    return Record(
        action="init",
        actor=ADA,
        agents={},
        changes=[],
        environment=environment,
        frozen=None,
        generation=0,
        holds={},
        id="00000000-0000-4000-8000-000000000000",
        message="",
        previous=None,
        registry=REGISTRY,
        ticket=None,
        time="2026-11-20T21:00:00Z",
        authority="local",
    )


def next_record(before: Record, *releases: Draft, action: Action = "promote", tag: str = "1") -> Record:
    """The record that makes these releases live."""
    generation = before.generation + 1
    agents = dict(before.agents)
    changes = []
    for release in releases:
        document = release.document
        old = agents.get(document.agent)
        changes.append(Change(agent=document.agent, origin=old.version if old else None, target=document.version))
        agents[document.agent] = Entry(
            back=old.since if old else None,
            release=digest_of(release.content),
            since=generation,
            snapshot=document.snapshot,
            version=document.version,
        )
    return Record(
        action=action,
        actor=ADA,
        agents=agents,
        changes=changes,
        environment=before.environment,
        frozen=None,
        generation=generation,
        holds={},
        id=f"00000000-0000-4000-8000-{generation:08d}{tag.rjust(4, '0')}",
        message="go",
        previous=Digest(digest_of(encode(before))),
        registry=REGISTRY,
        ticket="INC-77",
        time=f"2026-11-20T21:{generation // 60 % 60:02d}:{generation % 60:02d}Z",
        authority=UNSET,
    )
