"""A team's registry in a bucket, as commands see it: repositories made once, a bucket that is put back for each test.

Nothing that is stored names the endpoint: it comes from the environment, so the same registry is reached through the
fault proxy or past it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.cli.commandline import environment_of, run_here
from tests.servers.proxy import FaultProxy
from tests.servers.s3 import S3Server, client, new_bucket

PREFIX = "team"
SECONDS = 120


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found

    @property
    def failure(self) -> dict[str, object]:
        """The error object of a command that was run with ``--json``."""
        found: dict[str, object] = json.loads(self.err.splitlines()[-1])
        return found


class Bucket:
    """One bucket; ``objects`` is all that lies in it, and ``put_back`` makes it so again."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.name = new_bucket(server)

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{PREFIX}"

    @property
    def objects(self) -> dict[str, bytes]:
        """Everything below the prefix, by its key there."""
        return {key: self.get(key) for key in self.tags()}

    def get(self, key: str) -> bytes:
        content: bytes = client(self.server).get_object(Bucket=self.name, Key=f"{PREFIX}/{key}")["Body"].read()
        return content

    def put(self, key: str, content: bytes) -> None:
        client(self.server).put_object(
            Bucket=self.name, Key=f"{PREFIX}/{key}", Body=content, ChecksumAlgorithm="SHA256"
        )

    def delete(self, key: str) -> None:
        client(self.server).delete_object(Bucket=self.name, Key=f"{PREFIX}/{key}")

    def put_back(self, objects: Mapping[str, bytes]) -> None:
        """Nothing but these objects, and each of them as it was."""
        there = self.tags()
        for key in there.keys() - objects.keys():
            self.delete(key)
        for key, content in objects.items():
            if there.get(key) != hashlib.md5(content).hexdigest():
                self.put(key, content)

    def record(self, environment: str = "production") -> dict[str, object]:
        """The pointer."""
        found: dict[str, object] = json.loads(self.get(f"environments/{environment}.json"))
        return found

    def generation(self, environment: str = "production") -> int:
        return int(str(self.record(environment)["generation"]))

    def tags(self) -> dict[str, str]:
        """The ETag of every object, which for what was put at once is its MD5 (Amazon S3 API reference, Object)."""
        pages = client(self.server).get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"{PREFIX}/")
        found = (each for page in pages for each in page.get("Contents", []))
        return {each["Key"].removeprefix(f"{PREFIX}/"): each["ETag"].strip('"') for each in found}


@dataclass(frozen=True)
class Repository:
    """One clone, and the way to the bucket that its commands take."""

    folder: Path
    environment: Mapping[str, str]

    def through(self, proxy: FaultProxy) -> Repository:
        """The same clone with its requests going through a proxy."""
        return replace(self, environment={**self.environment, "AWS_ENDPOINT_URL_S3": proxy.endpoint})

    def at(self, folder: Path) -> Repository:
        return replace(self, folder=folder)

    def copy(self, folder: Path) -> Repository:
        shutil.copytree(self.folder, folder, symlinks=True)
        return self.at(folder)

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "repoint_cli", "-C", str(self.folder), *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(*arguments),
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *arguments: str) -> Done:
        """Run a command in this process, which takes a fifth of the time; a traceback fails the test."""
        with environment_of(self.environment):
            ran = run_here("-C", str(self.folder), *arguments)
        return Done(ran.code, ran.out, ran.err)

    def run_apart(self, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        """Run a command as a process of its own, with ``before`` in front of it; a traceback fails the test."""
        done = subprocess.run(
            [*before, *self.argv(*arguments)],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def succeed(self, *arguments: str) -> dict[str, object]:
        done = self.run(*arguments, "--json")
        assert done.code == 0, f"{arguments}: {done}"
        return done.result

    def refused(self, code: int, kind: str, *arguments: str) -> dict[str, object]:
        """Run a command that must fail in this way; what it told."""
        done = self.run(*arguments, "--json")
        assert done.code == code, f"{arguments}: {done}"
        assert done.failure["kind"] == kind, done
        return done.failure

    def write(self, text: str) -> None:
        """Replace the prompt of refund."""
        (self.folder / "agents/refund/prompts/system.md").write_text(text)

    def publish(self, text: str) -> str:
        self.write(text)
        return str(self.succeed("commit", "refund", "-m", text.strip())["version"])


def new_repository(folder: Path, server: S3Server) -> Repository:
    """An empty repository, and the environment of its commands: of this process, Ada's, and the server's."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    settings = {"REPOINT_ACTOR": "Ada <ada@acme.example>", "PYTHONDONTWRITEBYTECODE": "1"}
    return Repository(folder, {**os.environ, **settings, **server.environment()})


@dataclass(frozen=True)
class State:
    """A registry with three versions of refund, the second live over the first, and a changed working copy.

    ``behind`` is a clone that lacks the last record; ``other`` one that has never read anything.
    """

    bucket: Bucket
    objects: Mapping[str, bytes]
    ada: Repository
    behind: Repository
    other: Repository

    def put_back(self) -> None:
        self.bucket.put_back(self.objects)


def make_state(folder: Path, server: S3Server, *, local: bool = False) -> State:
    """Make that state; ``local`` leaves the bucket empty and the repository its own authority."""
    bucket = Bucket(server)
    ada = new_repository(folder / "ada", server)
    ada.succeed("init", *([] if local else ["--store", bucket.url]))
    ada.succeed("new", "refund")
    for text in ("You decide refunds.\n", "You decide refunds kindly.\n", "You decide refunds fast.\n"):
        ada.publish(text)
    ada.succeed("promote", "refund@0.1.0", "--env", "production")
    behind = ada.copy(folder / "behind")
    ada.succeed("promote", "refund@0.2.0", "--env", "production")
    ada.write("You decide.\n")
    other = new_repository(folder / "other", server)
    shutil.copy(ada.folder / "repoint.toml", other.folder)
    return State(bucket, bucket.objects, ada, behind, other)


@contextmanager
def proxied(server: S3Server) -> Iterator[FaultProxy]:
    """A fault proxy in front of a server."""
    host, _, port = server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as proxy:
        yield proxy
