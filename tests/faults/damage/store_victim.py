"""A good registry of documents to be damaged, and what plain writes to its objects do to it.

Three agents, thirty moves over two environments and the yank ledger. Every version is live somewhere, or another was
built upon it, so that the digest of every document is held by another one, or by the memory of this clone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from repoint import pointer
from repoint.moves import AnyAction, FreezeMoves, Restore, RollBackTo, UnfreezeMoves, Unhold, Unyank, Yank
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.store import Pointer, Swap
from repoint.store_memory import MemoryStore
from repoint_schemas.canonical import decode, digest_of, encode
from repoint_schemas.documents import (
    AgentName,
    EnvironmentName,
    Record,
    Release,
)

from tests.stores import (
    KIM,
    PRODUCTION,
    STAGING,
    Stamps,
    initialised,
    new_registry,
    pair,
    promote,
    publish_version,
    rollback,
)

REFUND, ROUTER = AgentName("refund"), AgentName("router")
OTHER = "00000000-8a52-4a0e-9d0b-3f6f0c1d2e3a"

VERSIONS = (
    *(f"refund@{version}" for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0")),
    *(f"router@{version}" for version in ("0.4.0", "0.5.0", "0.6.0")),
    *(f"intake@{version}" for version in ("2.0.0", "2.1.0", "2.2.0")),
)
MOVES: Sequence[tuple[EnvironmentName, AnyAction]] = (
    (STAGING, promote("refund@1.0.0", "router@0.4.0", "intake@2.0.0")),
    (PRODUCTION, promote("refund@1.0.0", "router@0.4.0", "intake@2.0.0")),
    (STAGING, promote("refund@1.1.0")),
    (PRODUCTION, promote("refund@1.1.0")),
    (PRODUCTION, rollback("refund@1.1.0")),
    (STAGING, promote("refund@1.2.0", "router@0.5.0")),
    (PRODUCTION, promote("refund@1.2.0", "router@0.5.0")),
    (YANK_LEDGER, Yank(*pair("refund@1.1.0"))),
    (PRODUCTION, FreezeMoves()),
    (PRODUCTION, rollback("router")),
    (PRODUCTION, UnfreezeMoves()),
    (PRODUCTION, Unhold(*pair("router@0.5.0"))),
    (PRODUCTION, promote("router@0.5.0")),
    (STAGING, promote("intake@2.1.0")),
    (PRODUCTION, promote("intake@2.1.0")),
    (STAGING, promote("refund@1.3.0")),
    (PRODUCTION, promote("refund@1.3.0")),
    (PRODUCTION, RollBackTo(*pair("refund@1.0.0"))),
    (YANK_LEDGER, Unyank(*pair("refund@1.1.0"))),
    (PRODUCTION, Restore(7)),
    (STAGING, promote("router@0.6.0", "intake@2.2.0")),
    (STAGING, rollback("router@0.6.0", "intake@2.2.0")),
    (STAGING, Unhold(*pair("router@0.6.0"))),
    (STAGING, promote("router@0.6.0")),
    (YANK_LEDGER, Yank(*pair("intake@2.2.0"))),
    (PRODUCTION, promote("router@0.6.0")),
    (PRODUCTION, rollback("router@0.6.0")),
    (STAGING, Restore(3)),
    (PRODUCTION, Unhold(*pair("router@0.6.0"))),
    (PRODUCTION, promote("refund@1.2.0", "router@0.6.0")),
)


class ApartStore(MemoryStore):
    """A store in memory whose pointers are objects of their own, as in S3: the next mover writes the ledger's entry."""

    name = "memory with pointers apart"

    def __init__(self) -> None:
        super().__init__()
        self.pointers: dict[EnvironmentName, bytes] = {}
        self.ledger: dict[tuple[EnvironmentName, int], bytes] = {}

    def environments(self) -> list[EnvironmentName]:
        return sorted(self.pointers)

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        content = self.pointers.get(environment)
        return None if content is None else Pointer(content, digest_of(content))

    def create_pointer(self, record: Record, content: bytes) -> bool:
        return self.pointers.setdefault(record.environment, content) is content

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        now = self.read_pointer(record.environment)
        if now is None or now.stamp != expected.stamp:
            return Swap.LOST
        self.ledger[record.environment, record.generation - 1] = expected.content
        self.pointers[record.environment] = content
        return Swap.DONE

    def ledger_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        return self.ledger.get((environment, generation))

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        content = self.ledger_record(environment, generation)
        own = self.pointers.get(environment)
        return own if content is None and own and decoded(own).generation == generation else content

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        found = (self.read_record(environment, generation) for generation in range(newest, oldest - 1, -1))
        yield from (content for content in found if content is not None)


def decoded(content: bytes) -> Record:
    return decode(content, Record, limit=Record.LIMIT)


def replaced(record: Record, **fields: object) -> Record:
    """A record with other fields."""
    return msgspec.structs.replace(record, **fields)


@dataclass
class StoreVictim:
    """One copy of the registry, and every object in it by a name."""

    store: ApartStore
    state: Path | None = None

    def registry(self) -> Registry:
        return new_registry(self.store, self.state)

    def record(self, generation: int, environment: EnvironmentName = PRODUCTION) -> Record:
        content = self.store.read_record(environment, generation)
        assert content is not None
        return decoded(content)

    def newest(self, environment: EnvironmentName = PRODUCTION) -> Record:
        return decoded(self.store.pointers[environment])

    def release(self, name: str) -> Release:
        content = self.store._releases[pair(name)]
        assert isinstance(content, bytes)
        return decode(content, Release, limit=Release.LIMIT)

    def append(self, record: Record) -> None:
        """Move the pointer by hand, without any check."""
        at = record.environment
        self.store.ledger[at, decoded(self.store.pointers[at]).generation] = self.store.pointers[at]
        self.store.pointers[at] = encode(record)

    def following(self, environment: EnvironmentName = PRODUCTION, **fields: object) -> Record:
        """A record that follows the newest one, with a valid chain and no change at all."""
        last = self.newest(environment)
        by_hand: dict[str, object] = {
            "action": "promote",
            "actor": KIM,
            "authority": msgspec.UNSET,
            "changes": [],
            "generation": last.generation + 1,
            "id": f"f0f0f0f0-0000-4000-8000-{last.generation:012}",
            "message": "by hand",
            "previous": digest_of(encode(last)),
        }
        return replaced(last, **{**by_hand, **fields})


def copied(victim: StoreVictim) -> StoreVictim:
    """The same registry again, to be damaged by itself; what this clone remembers is shared, and only read."""
    store = ApartStore()
    for name in ("_blobs", "_snapshots", "_releases", "pointers", "ledger"):
        getattr(store, name).update(getattr(victim.store, name))
    return StoreVictim(store, victim.state)


def build(state: Path) -> StoreVictim:
    """The whole registry; ``state`` is the folder of what this clone remembers."""
    victim = StoreVictim(ApartStore(), state)
    fill(victim.registry())
    return victim


def fill(registry: Registry) -> None:
    """Publish every version and do every move."""
    initialised(registry, PRODUCTION, STAGING)
    for name in VERSIONS:
        publish_version(registry, name)
    stamps = Stamps(message="as planned")
    for environment, action in MOVES:
        assert pointer.move(registry, environment, action, stamps).moved is not None
