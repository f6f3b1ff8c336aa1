"""A team's shared registry for the tests of the command line: a bucket or a Git host that decides, clones around it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from repoint.s3client import Settings

from tests.cli.commandline import Json, Team, records
from tests.cli.conftest import make_repository
from tests.servers.git_remotes import git
from tests.servers.processes import free_ports
from tests.servers.proxyfaults import Exchange
from tests.servers.s3 import S3Server, client, new_bucket

OURS = ("refs/heads/repoint/env", "refs/tags")
PREFIX = "team"
HUB = "../hub.git"
"""The Git host from a clone beside it, so that both can be copied together."""

QUICK = 0.5
"""Seconds that a store which does not answer is given, where the command runs in this process."""


@dataclass
class Shared:
    """A bucket with a prefix, a bare repository as the Git host, and the clones that were made of it."""

    folder: Path
    server: S3Server
    bucket: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{PREFIX}"

    @property
    def hub(self) -> Path:
        return self.folder / "hub.git"

    def found(self, *arguments: str) -> Team:
        """Ada's repository, made a registry by ``repoint init`` with these options, and pushed."""
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.hub))
        ada = make_repository(self.folder / "ada")
        ada.git("remote", "add", "origin", HUB)
        ada.done("init", *arguments)
        ada.done("new", "refund")
        self.commit(ada)
        return ada

    def commit(self, team: Team) -> None:
        """What the team's working copy is, on the Git host's ``main``."""
        team.git("add", ".")
        team.git("commit", "--quiet", "-m", "work")
        team.git("push", "--quiet", "origin", "main")

    def clone(self, name: str, person: str = "Kim") -> Team:
        """Another engineer's clone, as ``git clone`` makes it."""
        git(self.folder, "clone", "--quiet", str(self.hub), name)
        team = Team(self.folder / name)
        team.git("remote", "set-url", "origin", HUB)
        team.git("config", "user.name", person)
        team.git("config", "user.email", f"{person.lower()}@acme.example")
        return team

    def empty_clone(self, like: Team, name: str = "empty") -> Team:
        """A repository that has nothing but the configuration and the remote."""
        team = make_repository(self.folder / name)
        team.git("remote", "add", "origin", HUB)
        shutil.copy(like.folder / "repoint.toml", team.folder)
        return team

    def objects(self) -> dict[str, bytes]:
        """Every object of the registry in the bucket, by its key."""
        get = client(self.server).get_object
        return {key: get(Bucket=self.bucket, Key=key)["Body"].read() for key in self.tags()}

    def tags(self) -> dict[str, str]:
        """The ETag of every object, which for what was put at once is its MD5 (Amazon S3 API reference, Object)."""
        pages = client(self.server).get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{PREFIX}/")
        return {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}

    def empty_bucket(self) -> None:
        for key in self.tags():
            client(self.server).delete_object(Bucket=self.bucket, Key=key)

    def put(self, key: str, content: bytes) -> None:
        """Overwrite an object by hand."""
        client(self.server).put_object(Bucket=self.bucket, Key=f"{PREFIX}/{key}", Body=content)


@dataclass(frozen=True)
class Template:
    """A place to begin from again: its folder, and what was in the bucket, whose address the registry is bound to."""

    place: Shared
    objects: dict[str, bytes]

    def copy(self, folder: Path) -> Shared:
        """The folder copied, and the bucket as it was."""
        place = Shared(shutil.copytree(self.place.folder, folder, symlinks=True), self.place.server, self.place.bucket)
        found = place.tags()
        for key in found.keys() - self.objects.keys():
            client(place.server).delete_object(Bucket=place.bucket, Key=key)
        for key, content in self.objects.items():
            if found.get(key) != hashlib.md5(content).hexdigest():
                client(place.server).put_object(Bucket=place.bucket, Key=key, Body=content)
        return place


@contextmanager
def two_versions(folder: Path, server: S3Server) -> Iterator[Template]:
    """A registry of Ada's in a bucket, the Git host behind it: refund 0.1.0, and 0.2.0 over it in production."""
    with pytest.MonkeyPatch.context() as patch:
        place = make_shared(folder, server, new_bucket(server), patch)
        ada = place.found("--store", place.url, "--remote", "origin")
        for text in ("First", "Second"):
            version = ada.publish(text)
            ada.done("promote", f"refund@{version}", "--env", "production", "-m", f"Roll out {version}")
        place.commit(ada)
        yield Template(place, place.objects())


def make_shared(folder: Path, server: S3Server, bucket: str, patch: pytest.MonkeyPatch) -> Shared:
    """A place for a registry; the ordinary AWS settings lead to its server."""
    for name, value in server.environment().items():
        patch.setenv(name, value)
    return Shared(folder, server, bucket)


def be_impatient(
    patch: pytest.MonkeyPatch, *, connect_seconds: float = 5.0, read_seconds: float = 5.0, patience: float = QUICK
) -> None:
    """Commands of this process give a store that does not answer up soon."""
    seconds = {"connect_seconds": connect_seconds, "read_seconds": read_seconds, "patience": patience}
    assert seconds.keys() <= Settings._field_defaults.keys()
    patch.setattr(Settings.__new__, "__defaults__", tuple({**Settings._field_defaults, **seconds}.values()))


def dead_endpoint() -> str:
    """An address on which nobody listens."""
    (port,) = free_ports(1)
    return f"http://127.0.0.1:{port}"


def refs(folder: Path) -> str:
    """The registry's refs of a repository with their object ids."""
    return git(folder, "for-each-ref", "--format=%(objectname) %(refname)", *OURS)


def lose_refs(folder: Path) -> None:
    """Delete every tag and environment of the registry."""
    for line in refs(folder).splitlines():
        git(folder, "update-ref", "-d", line.split(" ")[1])
    assert refs(folder) == ""


def replica(result: Json, name: str) -> Json:
    """One replica in the result of ``status`` or ``sync``."""
    (found,) = (each for each in records(result, "replicas") if each["name"] == name)
    return found


def is_swap_of(environment: str) -> Callable[[Exchange], bool]:
    """Whether a request replaces an environment's pointer."""
    return lambda e: e.method == "PUT" and e.path.endswith(f"/environments/{environment}.json")


def completed(team: Team, *words: str, env: Mapping[str, str]) -> list[str]:
    """What bash is offered for the last word."""
    line = " ".join(["repoint", *words])
    asked = {"_REPOINT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words)), "COMP_LINE": line}
    ran = team.start(env={**asked, **env})
    assert (ran.code, ran.err) == (0, "")
    return [each.partition(",")[2] for each in ran.out.splitlines() if each]


def all_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder by its relative path, sorted."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield os.fspath(path.relative_to(folder)), path.read_bytes()
