"""Registries for the tests of readers: in a repository, in a bucket behind the fault proxy, in a Git remote over SSH.

Each begins with refund 1.0.0 and intake 1.0.0 live in production (generation 1), and refund 1.1.0 published. Whoever
writes goes past what the reader goes through: ``go_away`` takes the place from readers only, and a move made meanwhile
is there when it comes back. The fixtures are in ``reader_fixtures``.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from repoint import pointer
from repoint.agentfiles import Limits
from repoint.manifest import read_manifest
from repoint.moves import AnyAction, Unhold
from repoint.publish import Reason, propose, publish
from repoint.reader import Clock, Reader
from repoint.registry import Registry
from repoint.release import Wish
from repoint.s3client import S3Client, Settings
from repoint.s3keys import Address, blob_key, release_key, snapshot_key
from repoint.snapshot import build_snapshot
from repoint.store import Contents
from repoint.store_memory import MemoryStore
from repoint.store_s3 import S3Store
from repoint_schemas.canonical import digest_of

from tests.faults.s3_team import proxied
from tests.servers.git_remotes import git
from tests.servers.proxy import DropRequest, FaultProxy, nothing
from tests.servers.s3 import S3Server, client, new_bucket
from tests.servers.sshd import Sshd
from tests.stores import (
    ADA,
    PRODUCTION,
    STAGING,
    Stamps,
    contents_of,
    initialised,
    new_registry,
    open_git,
    pair,
    promote,
    rollback,
)

KINDS = ("repository", "bucket", "remote")

RICH_MANIFEST = """\
schema = "repoint.manifest/1"

[agent]
name = "{agent}"
description = "Decides refund requests"
owners = ["payments@acme.example"]

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"
examples = "prompts/examples.bin"
again = "prompts/system.md"

[integrations.payments]
kind = "openapi"
endpoint = "https://payments.acme.example/v1"
spec = "integrations/payments.json"
secrets = ["PAYMENTS_API_KEY"]

[integrations.search]
kind = "http"
endpoint = "https://search.acme.example"

[config]
temperature = 0.2
top_p = 1
max_tokens = 1024
stop = ["END", "STOP"]
seed = 7
timeout_seconds = 30
region = "eu"
limits = {{ daily = 100, steps = [1, {{ deep = [true, "x"] }}] }}

[config.retry]
max_attempts = 3
initial_seconds = 0.5

[requires]
intake = ">=1.0.0,<3.0.0"
"""

SYSTEM = "\ufeffYou decide refunds.\r\nDie Prüfung zuerst. \n"
EXAMPLES = b"\xff\xfe not UTF-8 \x00\n"
SPECIFICATION = b"""{
  "openapi": "3.1.0",
  "info": {"title": "Payments", "version": "1"},
  "paths": {"/refunds": {"post": {"operationId": "refund", "responses": {"200": {"description": "done"}}}}}
}
"""


def rich_contents(folder: Path, agent: str = "refund") -> Contents:
    """A version with all that a manifest can say: text with a mark and CRLF, bytes, nested settings, OpenAPI."""
    files = {
        "agent.toml": RICH_MANIFEST.format(agent=agent).encode(),
        "prompts/system.md": SYSTEM.encode(),
        "prompts/examples.bin": EXAMPLES,
        "integrations/payments.json": SPECIFICATION,
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return build_snapshot(read_manifest(folder, agent), Limits())


class ReaderPlace:
    """One registry, and what readers need to get to it. Subclasses say how it goes away and comes back.

    ``address`` and ``endpoint_url`` are the arguments of ``Reader``; ``registry`` is the writer's handle.
    """

    kind = ""
    endpoint_url: str | None = None
    region: str | None = None

    def __init__(self, folder: Path, address: str, registry: Registry) -> None:
        self.folder = folder
        self.address = address
        self.registry = registry
        self.cache = folder / "cache"
        self.readers: list[Reader] = []

    # -- what the writer does

    def publish(self, name: str, prompt: str | None = None) -> None:
        """Publish ``AGENT@VERSION`` with one prompt: its name, where none is given."""
        self.publish_contents(name, contents_of(pair(name)[0], name if prompt is None else prompt))

    def publish_contents(self, name: str, contents: Contents) -> None:
        _publish(self.registry, name, contents)

    def promote(self, *targets: str) -> int:
        """Make versions live in production; the generation. ``AGENT@VERSION`` each."""
        return self.move(promote(*targets))

    def roll_back(self, *agents: str) -> int:
        """One step down for these agents; the generation."""
        return self.move(rollback(*agents))

    def unhold(self, *targets: str) -> int:
        """Let versions that were rolled back from be promoted again; the generation of the last."""
        return [self.move(Unhold(*pair(target))) for target in targets][-1]

    def move(self, action: AnyAction) -> int:
        moved = pointer.move(self.registry, PRODUCTION, action, Stamps()).moved
        assert moved is not None
        return moved.record.generation

    # -- what happens to the reader

    def go_away(self) -> None:
        """From now on no reader gets an answer."""
        raise NotImplementedError

    def come_back(self) -> None:
        raise NotImplementedError

    # -- readers

    def reader(
        self,
        *,
        environment: str = "production",
        interval: float | None = None,
        cache: str | os.PathLike[str] | None = "",
        minimum_generation: int = 0,
        registry: str | None = None,
        report: bool | str = False,
        clock: Clock | None = None,
    ) -> Reader:
        """A reader of this place, without a thread unless an interval is given; closed at the end of the test."""
        made = Reader(
            self.address,
            environment=environment,
            interval=interval,
            cache=self.cache if cache == "" else cache,
            minimum_generation=minimum_generation,
            registry=registry,
            endpoint_url=self.endpoint_url,
            region=self.region,
            report=report,
            clock=clock,
        )
        self.readers.append(made)
        return made

    def arguments(self) -> dict[str, str | None]:
        """The arguments that lead another process here, which inherits this one's environment."""
        return {
            "store": self.address,
            "cache": str(self.cache),
            "endpoint_url": self.endpoint_url,
            "region": self.region,
        }

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


class RepositoryPlace(ReaderPlace):
    """A repository on this machine; it goes away by being renamed."""

    kind = "repository"

    def __init__(self, folder: Path, template: Path) -> None:
        self.repository = folder / "registry.git"
        shutil.copytree(template, self.repository, symlinks=True)
        self._store = open_git(self.repository)
        super().__init__(folder, str(self.repository), new_registry(self._store))

    def go_away(self) -> None:
        self.repository.rename(self.folder / "away.git")

    def come_back(self) -> None:
        (self.folder / "away.git").rename(self.repository)

    def close(self) -> None:
        super().close()
        self._store.close()


class RemotePlace(RepositoryPlace):
    """A Git remote over SSH: the repository again, for whoever writes."""

    kind = "remote"

    def __init__(self, folder: Path, template: Path, server: Sshd) -> None:
        super().__init__(folder, template)
        self.address = server.url(self.repository)


class BucketPlace(ReaderPlace):
    """A bucket; readers go through ``proxy``, which drops every request while the place is away."""

    kind = "bucket"

    def __init__(self, folder: Path, server: S3Server, proxy: FaultProxy, objects: Mapping[str, bytes]) -> None:
        self.server = server
        self.proxy = proxy
        self.endpoint_url = proxy.endpoint
        self.region = server.region
        place = Address(_bucket(server), f"team/{uuid.uuid4().hex[:8]}")
        self.bucket, self.prefix = place.bucket, place.prefix
        for key, content in objects.items():
            self.put(key, content)
        store = S3Store(S3Client(Settings(place._replace(endpoint=server.endpoint), region=server.region)))
        super().__init__(folder, place.url, new_registry(store))
        self._store = store

    def go_away(self) -> None:
        self.proxy.plan = lambda _: DropRequest()

    def come_back(self) -> None:
        self.proxy.plan = nothing

    def get(self, key: str) -> bytes:
        """An object by its key below the prefix."""
        found: bytes = client(self.server).get_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")["Body"].read()
        return found

    def put(self, key: str, content: bytes) -> None:
        """Put an object, whatever is there."""
        client(self.server).put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=content)

    def put_versions(self, *names: str) -> None:
        """Put versions as publishing leaves them, each ``AGENT@VERSION`` with one prompt of its own; much faster."""
        memory = initialised(new_registry(MemoryStore()))
        for name in names:
            agent, version = pair(name)
            contents = contents_of(agent, name)
            _publish(memory, name, contents)
            release = memory.store.read_release(agent, version)
            assert isinstance(release, bytes)
            self.put(release_key(agent, version), release)
            self.put(snapshot_key(digest_of(contents.content)), contents.content)
            for entry in contents.document.files():
                self.put(blob_key(entry.sha256), b"".join(contents.files[entry.path].chunks()))

    def delete(self, key: str) -> None:
        client(self.server).delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")

    def stored(self) -> list[str]:
        """Every key below the prefix."""
        pages = client(self.server).get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        found = [str(each["Key"]) for page in pages for each in page.get("Contents", [])]
        return [key.removeprefix(f"{self.prefix}/") for key in found]

    def close(self) -> None:
        super().close()
        self._store.close()
        self._store.client.close()


# -- how they are made -------------------------------------------------------------------------------------------------


def _publish(registry: Registry, name: str, contents: Contents) -> None:
    version = pair(name)[1]
    proposal = propose(registry, contents, Wish(version=version, allow_underbump=True))
    assert publish(registry, proposal, Reason(ADA, 1_795_208_400, f"Publish {name}", None, None))[1]


def _begin(registry: Registry, folder: Path) -> None:
    """What every place begins with."""
    initialised(registry, PRODUCTION, STAGING)
    _publish(registry, "intake@1.0.0", contents_of("intake", "Take it in."))
    _publish(registry, "refund@1.0.0", rich_contents(folder / "refund"))
    _publish(registry, "refund@1.1.0", contents_of("refund", "Be kind."))
    assert pointer.move(registry, PRODUCTION, promote("refund@1.0.0", "intake@1.0.0"), Stamps()).moved


def make_repository(folder: Path) -> Path:
    """The repository that every place on Git is copied from."""
    repository = folder / "template.git"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
    with open_git(repository) as store:
        _begin(new_registry(store), folder)
    return repository


def make_objects(folder: Path, server: S3Server) -> dict[str, bytes]:
    """All objects that every bucket begins with, by key."""
    bucket = new_bucket(server)
    with S3Store(S3Client(Settings(Address(bucket, "", server.endpoint), region=server.region))) as store:
        _begin(new_registry(store), folder)
    keys = [str(each["Key"]) for each in client(server).list_objects_v2(Bucket=bucket)["Contents"]]
    return {key: client(server).get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@cache
def _bucket(server: S3Server) -> str:
    """One bucket for all places of a run: each has a prefix of its own."""
    return new_bucket(server)


Opener = Callable[[str, Path], ReaderPlace]


@contextmanager
def places(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens places by kind, each in a folder of its own; the templates and servers are made when first needed."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())

        def opened(kind: str, folder: Path) -> ReaderPlace:
            folder.mkdir(parents=True, exist_ok=True)
            place: ReaderPlace
            if kind == "bucket":
                server: S3Server = request.getfixturevalue("s3_server")
                for name, value in server.environment().items():
                    patch.setenv(name, value)
                proxy = stack.enter_context(proxied(server))
                place = BucketPlace(folder, server, proxy, request.getfixturevalue("reader_objects"))
            elif kind == "remote":
                sshd: Sshd = request.getfixturevalue("reader_sshd")
                patch.setenv("GIT_SSH_COMMAND", sshd.shared_command)
                place = RemotePlace(folder, request.getfixturevalue("reader_repository"), sshd)
            else:
                place = RepositoryPlace(folder, request.getfixturevalue("reader_repository"))
            stack.callback(place.close)
            return place

        yield opened
