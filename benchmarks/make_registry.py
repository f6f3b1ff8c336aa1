"""Builds a valid registry of any size in seconds: every document and every object through the library's own pure
functions, all objects as one pack.

Run by itself: ``python benchmarks/make_registry.py FOLDER --size 10000 [--refs loose]``. The same size gives the same
object ids on every machine: times and ids are counted, never taken from the clock. With ``--bucket s3://NAME/PREFIX``
that bucket decides, the folder is a clone that is up to date, and the bucket's objects are in ``FOLDER.bucket``.

The ledger of ``production`` is shaped for the worst case of a rollback: ``refund`` goes live in generation 1, then only
``router`` moves, and the last record moves ``refund`` again. What lies beneath it on the stack is therefore the
whole ledger away.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import msgpack
from msgspec.structs import replace

from repoint.agentfiles import Limits
from repoint.config import write_config
from repoint.gitobjects import (
    SNAPSHOT_PATH,
    ObjectId,
    nested_trees,
    next_record_tree,
    object_id,
    record_commit,
    release_commit,
    release_tag,
    tree_entries,
)
from repoint.manifest import read_manifest
from repoint.moves import Moved, Promote, Stamp, Target, View, decide, first_record
from repoint.names import YANK_LEDGER
from repoint.release import build_release
from repoint.s3keys import blob_key, environment_key, ledger_key, release_key, snapshot_key
from repoint.scaffold import PROMPT, scaffold_agent
from repoint.snapshot import build_snapshot
from repoint.stamps import time_text
from repoint.store import Draft
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.config import Config, RegistrySection, S3Section
from repoint_schemas.documents import (
    AgentName,
    Change,
    EnvironmentName,
    FileEntry,
    Identity,
    ParentRelease,
    Pin,
    Record,
    Snapshot,
    Version,
)

REFUND, ROUTER = AgentName("refund"), AgentName("router")
STAGING, PRODUCTION = EnvironmentName("staging"), EnvironmentName("production")
ADA = Identity(email="ada@acme.example", name="Ada")
START = 1_780_000_000
PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


class Pack:
    """The objects of a repository that is being built, written as one pack stream (gitformat-pack(5))."""

    def __init__(self) -> None:
        self._objects: dict[ObjectId, bytes] = {}

    def write(self, kind: str, content: bytes) -> ObjectId:
        """Add an object once; its id."""
        oid = object_id(kind, content)
        if oid not in self._objects:
            self._objects[oid] = _pack_header(PACK_TYPES[kind], len(content)) + zlib.compress(content, 1)
        return oid

    def stream(self) -> Iterator[bytes]:
        """The pack, from its header to its checksum."""
        hashed = hashlib.sha1(usedforsecurity=False)
        for chunk in (struct.pack(">4sII", b"PACK", 2, len(self._objects)), *self._objects.values()):
            hashed.update(chunk)
            yield chunk
        yield hashed.digest()


def _pack_header(kind: int, size: int) -> bytes:
    first, size = kind << 4 | size & 15, size >> 4
    encoded = bytearray()
    while size:
        encoded.append(first | 128)
        first, size = size & 127, size >> 7
    encoded.append(first)
    return bytes(encoded)


class Builder:
    """One registry on its way: documents decided by the library, objects into the pack, refs by name.

    Where a bucket decides, ``bucket`` has its objects by key.
    """

    def __init__(self, registry: str, authority: str) -> None:
        self.registry = registry
        self.authority = authority
        self.bucket: dict[str, bytes] = {}
        self.pack = Pack()
        self.refs: dict[str, tuple[ObjectId, ObjectId | None]] = {}  # name: object, and what a tag points to
        self.drafts: dict[tuple[AgentName, Version], Draft] = {}
        self.commits: dict[tuple[AgentName, Version], ObjectId] = {}
        self._clock = 0

    def now(self) -> int:
        """The next second of this registry's time."""
        self._clock += 1
        return START + self._clock

    def stamp(self, message: str = "") -> Stamp:
        """The next stamp."""
        seconds = self.now()
        return Stamp(ADA, time_text(seconds), str(uuid.UUID(int=seconds, version=4)), message)

    # -- releases ----------------------------------------------------------------------------------------------------

    def publish(self, first: Snapshot, files: Mapping[str, bytes], count: int) -> list[Version]:
        """``count`` ascending versions of one agent, each with another prompt."""
        parent: Draft | None = None
        versions = []
        for number in range(1, count + 1):
            version = Version(f"{number // 100}.{number // 10 % 10}.{number % 10}")
            prompt = files[PROMPT] + b"\nRevision %d.\n" % number if number < count else files[PROMPT]
            parent = self._release(first, {**files, PROMPT: prompt}, version, parent)
            versions.append(version)
        return versions

    def _release(self, first: Snapshot, files: Mapping[str, bytes], version: Version, parent: Draft | None) -> Draft:
        entry = FileEntry(PROMPT, digest_of(files[PROMPT]).removeprefix("sha256:"), len(files[PROMPT]))
        content = encode(replace(first, prompts={"system": entry}))
        draft = build_release(
            agent=first.agent,
            version=version,
            snapshot=digest_of(content),
            registry=self.registry,
            author=ADA,
            time=self.now(),
            message=f"Revision of the prompt\n\nThe wording that {version} brings.",
            parent=ParentRelease(digest_of(parent.content), parent.document.version) if parent else None,
            bump="minor" if parent else None,
            ticket=None,
            source=None,
        )
        blobs = {path: self.pack.write("blob", held) for path, held in files.items()}
        trees = nested_trees({**blobs, SNAPSHOT_PATH: self.pack.write("blob", content)})
        for _, tree in trees.objects:
            self.pack.write("tree", tree)
        before = self.commits[first.agent, parent.document.version] if parent else None
        commit = self.pack.write("commit", release_commit(draft.document, trees.root, before))
        tag = self.pack.write("tag", release_tag(draft.document, draft.content, commit))
        self.refs[f"refs/tags/{first.agent}@v{version}"] = tag, commit
        self.drafts[first.agent, version], self.commits[first.agent, version] = draft, commit
        self._into_bucket(snapshot_key(draft.document.snapshot), content)
        self._into_bucket(release_key(first.agent, version), draft.content)
        for held in files.values():
            self._into_bucket(blob_key(hashlib.sha256(held).hexdigest()), held)
        return draft

    def _into_bucket(self, key: str, content: bytes) -> None:
        if self.authority != "local":
            self.bucket[key] = content

    # -- environments ------------------------------------------------------------------------------------------------

    def environment(self, name: EnvironmentName, promotes: Sequence[tuple[AgentName, Version]]) -> None:
        """An environment: generation 0, then one record for each promote, each decided by ``moves.decide``."""
        record = first_record(name, self.registry, self.authority, self.stamp())
        tip, agents = self._record(record, None, b"", [])
        for pair in promotes:
            view = View(record, {}, _no_past, self._target, lambda _: {})
            decision = decide(view, Promote((pair,)), self.stamp("Tried on staging since Monday"))
            assert isinstance(decision, Moved), decision
            record = decision.record
            tip, agents = self._record(record, tip, agents, record.changes)
        self.refs[f"refs/heads/repoint/env/{name}"] = tip, None

    def _record(
        self, record: Record, before: ObjectId | None, agents: bytes, changes: Sequence[Change]
    ) -> tuple[ObjectId, bytes]:
        content = encode(record)
        self._into_bucket(ledger_key(record.environment, record.generation), content)
        self._into_bucket(environment_key(record.environment), content)
        tree = next_record_tree(record, content, tree_entries(agents), [change.agent for change in changes])
        for blob in tree.blobs:
            self.pack.write("blob", blob)
        for folder in tree.trees:
            self.pack.write("tree", folder)
        live = [self.commits[c.agent, c.target] for c in changes if c.target is not None]
        parents = [*([before] if before else []), *live]
        views = tree.trees[0] if record.agents else b""
        return self.pack.write("commit", record_commit(record, content, tree.root, parents)), views

    def _target(self, agent: AgentName, version: Version) -> Target:
        draft = self.drafts[agent, version]
        return Target(version, digest_of(draft.content), draft.document.snapshot)


def _no_past(generation: int) -> Record:
    raise AssertionError(f"a promote does not look back to generation {generation}")


def make_registry(folder: Path, size: int, *, loose: bool = False, url: str | None = None) -> None:
    """A registry of ``size`` releases and a ``production`` of ``size`` records, with both agents checked out unchanged.

    A tenth of the releases, and three at least, are of ``router``, the others of ``refund``. With ``loose`` every ref
    is a file of its own. ``url`` is the bucket that decides.
    """
    folder.mkdir(parents=True)
    builder = Builder(str(uuid.UUID(int=size, version=4)), url or "local")
    routers = max(3, size // 10)
    versions = {}
    for agent, count in ((REFUND, size - routers), (ROUTER, routers)):
        scaffold_agent(folder / "agents" / agent, agent, ADA.email)
        contents = build_snapshot(read_manifest(folder / "agents" / agent, agent), Limits())
        files = {path: b"".join(content.chunks()) for path, content in contents.files.items()}
        versions[agent] = builder.publish(contents.document, files, count)
    for name, promotes in _promotes(versions[REFUND], versions[ROUTER], size).items():
        builder.environment(name, promotes)
    _write_checkout(folder, builder)
    _write_repository(folder, builder, loose=loose)
    if url is not None:
        folder.with_name(f"{folder.name}.bucket").write_bytes(msgpack.encode(builder.bucket))


def _promotes(
    refunds: list[Version], routers: list[Version], size: int
) -> dict[EnvironmentName, list[tuple[AgentName, Version]]]:
    between = [(ROUTER, routers[number % (len(routers) - 1)]) for number in range(size - 3)]
    production = [(REFUND, refunds[-4]), *between, (REFUND, refunds[-2])]
    return {
        YANK_LEDGER: [],
        STAGING: [(REFUND, refunds[-2]), (ROUTER, routers[-1])],
        PRODUCTION: production,
    }


def _write_checkout(folder: Path, builder: Builder) -> None:
    bucket = None if builder.authority == "local" else S3Section(builder.authority)
    decides: Literal["local", "s3"] = "local" if bucket is None else "s3"
    section = RegistrySection(id=builder.registry, environments=(STAGING, PRODUCTION), authority=decides)
    (folder / "repoint.toml").write_text(write_config(Config(section, s3=bucket)), encoding="utf-8")


def _write_repository(folder: Path, builder: Builder, *, loose: bool) -> None:
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "config", "user.name", ADA.name)
    _git(folder, "config", "user.email", ADA.email)
    _git(folder, "config", "gc.auto", "0")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message=The agents of the team")
    _index_pack(folder, builder.pack)
    if loose:
        for ref, (oid, _) in builder.refs.items():
            path = folder / ".git" / ref
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{oid}\n", encoding="ascii")
    else:
        (folder / ".git/packed-refs").write_bytes(packed_refs(builder.refs))
    _write_own_folder(folder / ".git/repoint", builder)


def packed_refs(refs: Mapping[str, tuple[ObjectId, ObjectId | None]]) -> bytes:
    """The file ``packed-refs`` (git-pack-refs(1)): sorted, annotated tags with the commit they point to."""
    lines = ["# pack-refs with: peeled fully-peeled sorted "]
    for ref, (oid, peeled) in sorted(refs.items()):
        lines += [f"{oid} {ref}", *([f"^{peeled}"] if peeled else [])]
    return ("\n".join(lines) + "\n").encode()


def _write_own_folder(folder: Path, builder: Builder) -> None:
    """What a clone that published all of this would remember: the pin, and the journal of tags."""
    folder.mkdir()
    (folder / "pin.json").write_bytes(encode(Pin(builder.authority, PRODUCTION, builder.registry)))
    journal = [f"{ref} {oid}\n" for ref, (oid, peeled) in builder.refs.items() if peeled]
    (folder / "published").write_text("".join(journal), encoding="ascii")


def _index_pack(folder: Path, pack: Pack) -> None:
    with tempfile.TemporaryFile() as file:
        for chunk in pack.stream():
            file.write(chunk)
        file.seek(0)
        command = ["git", "-C", str(folder), "index-pack", "--stdin", "--threads=1"]
        subprocess.run(command, stdin=file, stdout=subprocess.DEVNULL, check=True)


def _git(folder: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    dates = {"GIT_AUTHOR_DATE": f"{START} +0000", "GIT_COMMITTER_DATE": f"{START} +0000"}
    command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
    subprocess.run(command, cwd=folder, env={**kept, **dates}, check=True)


def main() -> None:
    """Build one registry from the command line."""
    parser = argparse.ArgumentParser(description="Build a registry of any size.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=1000, help="releases, and records of production (at least 10)")
    parser.add_argument("--refs", choices=["packed", "loose"], default="packed")
    parser.add_argument(
        "--bucket", metavar="URL", help="s3://NAME/PREFIX that decides; its objects go to FOLDER.bucket"
    )
    given = parser.parse_args()
    if given.size < 10:
        parser.error("--size must be 10 or more")
    if given.folder.exists():
        shutil.rmtree(given.folder) if (given.folder / "repoint.toml").exists() else parser.error("FOLDER exists")
    make_registry(given.folder, given.size, loose=given.refs == "loose", url=given.bucket)


if __name__ == "__main__":
    main()
