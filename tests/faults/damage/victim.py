"""A good registry to be damaged, and the plain Git and file writes that damage it.

``refund`` 1.2.0 is live in production over 1.0.0 (1.1.0 was rolled back from, and its hold lifted), ``router`` 0.5.0
beside it over 0.4.0; staging has ``refund`` 1.1.0 over 1.0.0; ``intake`` 2.0.0 was never live.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from repoint import pointer
from repoint.gitobjects import ObjectId, record_commit, record_tree, release_commit, release_tag
from repoint.gitrepo import GitRepository
from repoint.initialise import initialise
from repoint.moves import AnyAction, FreezeMoves, UnfreezeMoves, Unhold, Unyank, Yank
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.release import build_release
from repoint.store import Contents, Draft
from repoint.workspace import Workspace, open_workspace
from repoint_schemas.canonical import decode, digest_of, encode
from repoint_schemas.documents import EnvironmentName, Identity, ParentRelease, Record, Release, Version

from tests.stores import ADA, PRODUCTION, STAGING, Stamps, pair, promote, publish_version, rollback

VERSIONS = ("refund@1.0.0", "refund@1.1.0", "refund@1.2.0", "router@0.4.0", "router@0.5.0", "intake@2.0.0")
MOVES: Sequence[tuple[EnvironmentName, AnyAction]] = (
    (PRODUCTION, promote("refund@1.0.0", "router@0.4.0")),
    (PRODUCTION, promote("refund@1.1.0")),
    (PRODUCTION, rollback("refund@1.1.0")),
    (PRODUCTION, promote("refund@1.2.0", "router@0.5.0")),
    (PRODUCTION, FreezeMoves()),
    (PRODUCTION, UnfreezeMoves()),
    (PRODUCTION, Unhold(*pair("refund@1.1.0"))),
    (STAGING, promote("refund@1.0.0")),
    (STAGING, promote("refund@1.1.0")),
    (YANK_LEDGER, Yank(*pair("intake@2.0.0"))),
    (YANK_LEDGER, Unyank(*pair("intake@2.0.0"))),
)

Expected = frozenset[tuple[int, str]]


@dataclass
class Victim:
    """One copy of the registry. All of its methods but ``workspace`` and ``registry`` use Git and files alone."""

    folder: Path

    def git(self, *arguments: str, given: bytes = b"") -> str:
        """Run Git here; its standard output without the last newline."""
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout.decode().removesuffix("\n")

    def oid(self, spec: str) -> ObjectId:
        """The id of what a name stands for."""
        return ObjectId(self.git("rev-parse", spec))

    def read(self, spec: str) -> bytes:
        """An object's content."""
        command = ["git", "-C", str(self.folder), "cat-file", self.git("cat-file", "-t", spec), spec]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def write(self, kind: str, content: bytes) -> ObjectId:
        """Store any bytes as an object."""
        return ObjectId(self.git("hash-object", "-t", kind, "-w", "--literally", "--stdin", given=content))

    def mktree(self, entries: Mapping[str, tuple[str, ObjectId]]) -> ObjectId:
        """Store a tree with any names and modes; Git itself would refuse some of them."""
        ordered = sorted(entries.items(), key=lambda e: e[0] + ("/" if e[1][0] == "40000" else ""))
        return self.write("tree", b"".join(f"{m} {n}\0".encode() + bytes.fromhex(o) for n, (m, o) in ordered))

    def point(self, ref: str, oid: str) -> None:
        """Write a ref as anybody with Git can."""
        self.git("update-ref", ref, oid)

    def loose(self, spec: str) -> Path:
        """The file of a loose object."""
        oid = self.oid(spec)
        return self.folder / ".git" / "objects" / oid[:2] / oid[2:]

    def delete(self, spec: str) -> None:
        """Delete a loose object's file."""
        self.loose(spec).unlink()

    def flip(self, spec: str) -> None:
        """Change the last byte of a loose object's content; its header and its compression stay good."""
        path = self.loose(spec)
        content = bytearray(zlib.decompress(path.read_bytes()))
        content[-1] ^= 1
        path.chmod(0o644)
        path.write_bytes(zlib.compress(bytes(content)))

    def workspace(self) -> Workspace:
        """The registry as the library opens it."""
        return open_workspace(self.folder, os.environ)

    def use(self, what: Callable[[Registry], object]) -> None:
        """Do something with the library."""
        workspace = self.workspace()
        try:
            what(workspace.registry)
        finally:
            workspace.close()

    # -- records by hand ---------------------------------------------------------------------------------------------

    def records(self, environment: str) -> list[Record]:
        """The records of a branch, generation 0 first."""
        tips = self.git("rev-list", "--first-parent", "--reverse", branch(environment)).split()
        return [decode(self.read(f"{tip}:record.json"), Record, limit=Record.LIMIT) for tip in tips]

    def forge(
        self,
        record: Record,
        *live: str,
        below: str | None = None,
        content: bytes | None = None,
        tree: str | None = None,
    ) -> ObjectId:
        """A commit for a record on top of a branch (or of ``below``), as the record gives it; the branch is moved.

        ``live`` are the tags of the versions that it makes live; ``content`` and ``tree`` stand in for the right ones.
        """
        stored = encode(record) if content is None else content
        given = record_tree(record, stored)
        for blob in given.blobs:
            self.write("blob", blob)
        for folder in given.trees:
            self.write("tree", folder)
        tip = self.oid(branch(record.environment) if below is None else below) if below != "" else None
        parents = [*([tip] if tip else []), *(self.oid(f"{tag}^{{commit}}") for tag in live)]
        commit = self.write("commit", record_commit(record, stored, ObjectId(tree or given.root), parents))
        self.point(branch(record.environment), commit)
        return commit

    def rebuild(self, environment: str, change: Callable[[Record], Record]) -> None:
        """Write a whole ledger anew, each record changed, with a chain as good as the first."""
        old = self.git("rev-list", "--first-parent", "--reverse", branch(environment)).split()
        below, previous = "", None
        for commit, record in zip(old, self.records(environment), strict=True):
            live = self.git("rev-list", "--parents", "-n", "1", commit).split()[1 + bool(below) :]
            record = change(record)
            if previous is not None:
                record = replaced(record, previous=digest_of(previous))
            below, previous = self.forge(record, *live, below=below), encode(record)

    # -- versions by hand --------------------------------------------------------------------------------------------

    def draft(self, name: str, contents: Contents, parent: str | None = None) -> Draft:
        """The release document of a version."""
        agent, version = pair(name)
        above = (
            None if parent is None else ParentRelease(digest_of(self.document(parent)), Version(parent.split("@")[1]))
        )
        return build_release(
            agent=agent,
            version=version,
            snapshot=digest_of(contents.content),
            registry=self.records("staging")[0].registry,
            author=ADA,
            time=1_795_208_400,
            message=f"Publish {name}",
            parent=above,
            bump=None,
        )

    def document(self, name: str) -> bytes:
        """A release's document."""
        return self.read(f"{tag(name)}").partition(b"\n\n")[2].partition(b"\n\n")[2]

    def publish_unchecked(self, name: str, contents: Contents) -> None:
        """Publish through the store alone: no lint looks at it."""
        draft = self.draft(name, contents)

        def create(registry: Registry) -> None:
            registry.store.put_contents(contents)
            assert registry.store.create_release(draft, contents)

        self.use(create)

    def retag(self, name: str, tree: str, document: bytes | None = None) -> None:
        """Give a version another tree (and document), with commit and tag that fit them."""
        document = self.document(name) if document is None else document
        release = decode(document, Release, limit=Release.LIMIT)
        parents = self.git("rev-list", "--parents", "-n", "1", f"{tag(name)}^{{commit}}").split()[1:]
        parent = ObjectId(parents[0]) if parents else None
        commit = self.write("commit", release_commit(release, ObjectId(tree), parent))
        self.point(f"refs/tags/{tag(name)}", self.write("tag", release_tag(release, document, commit)))

    def forget_published(self) -> None:
        """Make this clone forget what it published, as every other clone never knew it."""
        (self.folder / ".git" / "repoint" / "published").unlink()


def replaced(record: Record, **fields: object) -> Record:
    """A record with other fields."""
    return msgspec.structs.replace(record, **fields)


def branch(environment: str) -> str:
    """The branch of an environment."""
    return f"refs/heads/repoint/env/{environment}"


def tag(name: str) -> str:
    """The tag of ``AGENT@VERSION``."""
    return name.replace("@", "@v")


def build(folder: Path) -> Victim:
    """The good registry, built by the library."""
    folder.mkdir()
    victim = Victim(folder)
    victim.git("init", "--quiet", "--initial-branch=main")
    victim.git("config", "user.name", "Ada")
    victim.git("config", "user.email", "ada@acme.example")
    initialise(folder, os.environ, [STAGING, PRODUCTION], identity=_ada, time=1_795_208_400)
    victim.use(_fill)
    return victim


def _ada(repository: GitRepository) -> Identity:
    return ADA


def _fill(registry: Registry) -> None:
    stamps = Stamps(message="as planned")
    for name in VERSIONS:
        publish_version(registry, name)
    for environment, action in MOVES:
        assert pointer.move(registry, environment, action, stamps).moved
