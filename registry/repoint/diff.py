"""Comparing two versions, or a version and a working copy, by component."""

from __future__ import annotations

import msgspec

from repoint.bump import Difference, ReadFile, compare
from repoint.registry import Published, Registry
from repoint.store import Contents
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import AgentName, FileEntry, Snapshot, Version


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison: its snapshot and how its files are read; ``version`` is None for a working copy."""

    agent: AgentName
    version: Version | None
    digest: Digest
    snapshot: Snapshot
    read: ReadFile


def released_side(registry: Registry, published: Published) -> Side:
    """A published version as a side; its files are verified as they are read. Raises: Corrupt."""
    release = published.document

    def read(entry: FileEntry) -> bytes:
        return registry.file_bytes(release, entry)

    return Side(release.agent, release.version, release.snapshot, registry.snapshot(published), read)


def working_side(contents: Contents) -> Side:
    """A working copy as a side."""

    def read(entry: FileEntry) -> bytes:
        return b"".join(contents.files[entry.path].chunks())

    return Side(contents.document.agent, None, digest_of(contents.content), contents.document, read)


def differences(old: Side, new: Side) -> list[Difference]:
    """Every difference between two sides, what matters most to behaviour first. Raises: Corrupt."""
    return [] if old.digest == new.digest else compare(old.snapshot, new.snapshot, old.read, new.read)
