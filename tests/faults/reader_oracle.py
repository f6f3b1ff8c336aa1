"""What a reader may serve: all that was published and the whole chain of records, as plain dictionaries.

Nothing here comes from a reader. The records are decided by the pure heart of the library, their documents are encoded
once, and what a reader serves is compared with that byte for byte: every file, prompt and setting of every agent.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from repoint import RepointError
from repoint.moves import Moved, Promote, Target
from repoint.release import build_release
from repoint.s3keys import blob_key, environment_key, ledger_key, release_key, snapshot_key
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, Integration, Model, Record, Snapshot, Version

from tests.faults.reader_process import Json
from tests.stores import ADA, MANIFEST, PRODUCTION, REGISTRY, entry_of, pair, promote, rollback
from tests.unit.world import World

HISTORY = (
    promote("refund@1.0.0"),
    promote("router@1.0.0"),
    promote("refund@1.1.0"),
    promote("refund@1.2.0", "router@1.1.0"),
    rollback("refund"),
    promote("intake@1.0.0"),
    rollback("router"),
)
"""What happens in production: two agents in one record, versions that come back, an agent that is new."""


@dataclass(frozen=True)
class Written:
    """One version as it was published: its files by path, and its documents."""

    files: dict[str, bytes]
    snapshot: Snapshot
    release: bytes

    @property
    def objects(self) -> dict[str, bytes]:
        """What lies in a bucket for it."""
        document = encode(self.snapshot)
        blobs = {blob_key(hashlib.sha256(content).hexdigest()): content for content in self.files.values()}
        named = release_key(self.snapshot.agent, _version(self.release))
        return {**blobs, snapshot_key(digest_of(document)): document, named: self.release}

    @property
    def served(self) -> Json:
        """What a reader says of it."""
        document = self.snapshot
        return {
            "version": _version(self.release),
            "digest": digest_of(encode(document)),
            "release": digest_of(self.release),
            "model": [document.model.provider, document.model.name],
            "config": document.config,
            "files": {path: content.hex() for path, content in self.files.items()},
            "prompts": {name: self.files[entry.path].hex() for name, entry in document.prompts.items()},
            "specs": {name: self.files[i.spec.path].hex() for name, i in document.integrations.items() if i.spec},
        }


@dataclass
class Told:
    """Everything that was published, and every record of production in order."""

    published: dict[str, Written] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    @property
    def newest(self) -> int:
        return len(self.records) - 1

    def pointer(self, generation: int) -> bytes:
        return encode(self.records[generation])

    def at(self, generation: int) -> dict[str, bytes]:
        """The objects of the bucket when this generation is the newest."""
        ledger = {ledger_key(PRODUCTION, each.generation): encode(each) for each in self.records[: generation + 1]}
        versions = {key: content for each in self.published.values() for key, content in each.objects.items()}
        return {**versions, **ledger, environment_key(PRODUCTION): self.pointer(generation)}

    def needed(self, generation: int) -> dict[str, bytes]:
        """The objects of the versions that a generation makes live."""
        names = (f"{agent}@{entry.version}" for agent, entry in self.records[generation].agents.items())
        return {key: content for name in names for key, content in self.published[name].objects.items()}

    def served(self, generation: int) -> Json:
        """What a reader of this generation serves, and nothing else."""
        record = self.records[generation]
        agents = {str(a): self.published[f"{a}@{entry.version}"].served for a, entry in record.agents.items()}
        return {"generation": generation, "digest": digest_of(encode(record)), "agents": agents}


def team(registry: str = REGISTRY) -> Told:
    """A registry in which ``HISTORY`` happened."""
    versions = [pair for move in HISTORY if isinstance(move, Promote) for pair in move.targets]
    told = Told({f"{agent}@{version}": _published(registry, agent, version) for agent, version in versions})
    world = OracleWorld(told)
    for move in HISTORY:
        world.do(move)
    told.records = [msgspec.structs.replace(record, registry=registry) for record in world.ledger]
    return _chained(told)


def any_team(chance: random.Random, moves: int, back: float = 0.4) -> Told:
    """A registry in which anything may have happened, in so many moves at most; ``back`` of them are rollbacks.

    Where versions are rolled back from, ever fewer are left that may be promoted.
    """
    agents, versions = ("refund", "router", "intake"), ("1.0.0", "1.1.0", "1.2.0")
    named = [pair(f"{agent}@{version}") for agent in agents for version in versions]
    told = Told({f"{agent}@{version}": _published(REGISTRY, agent, version) for agent, version in named})
    world = OracleWorld(told)
    for _ in range(moves):
        targets = dict(chance.sample(named, chance.randint(1, 2)))
        moved = Promote(tuple(targets.items())) if chance.random() >= back else rollback(*targets)
        with suppress(RepointError):  # a version that is held, a stack that has nothing beneath
            decision = world.decide(moved)
            world.ledger.extend([decision.record] if isinstance(decision, Moved) else [])
    told.records = world.ledger
    return told


class OracleWorld(World):
    """Decides with the digests of what was really published."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told

    def target(self, name: AgentName, v: Version) -> Target:
        written = self._told.published[f"{name}@{v}"]
        return Target(v, digest_of(written.release), digest_of(encode(written.snapshot)))


def _chained(told: Told) -> Told:
    """Each record bound to the one before by its digest, which another registry's id changes."""
    for at in range(1, len(told.records)):
        previous = digest_of(encode(told.records[at - 1]))
        told.records[at] = msgspec.structs.replace(told.records[at], previous=previous)
    return told


def _published(registry: str, agent: AgentName, version: Version) -> Written:
    files = {
        "agent.toml": MANIFEST.format(agent=agent).encode(),  # the same content in every version
        "prompts/system.md": f"You are {agent} {version}.\r\nDecide.".encode(),
        "prompts/examples.bin": bytes(range(128, 256)) + f"{agent} {version}".encode(),
        "tools/pay.json": f'{{"type":"object","title":"{version}"}}'.encode(),
    }
    entries = {path: entry_of(path, content) for path, content in files.items()}
    snapshot = Snapshot(
        agent=agent,
        config={"max_tokens": 512, "region": {"name": f"{agent}-{version}", "zones": ["a", "b"]}},
        integrations={
            "pay": Integration(endpoint=None, kind="function", secrets=["PAY_KEY"], spec=entries["tools/pay.json"])
        },
        manifest=entries["agent.toml"],
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts={"system": entries["prompts/system.md"], "examples": entries["prompts/examples.bin"]},
        requires={},
    )
    draft = build_release(
        agent=agent,
        version=version,
        snapshot=digest_of(encode(snapshot)),
        registry=registry,
        author=ADA,
        time=1_795_208_400,
        message=f"Publish {agent} {version}",
        parent=None,
        bump="minor",
        ticket=None,
        source=None,
    )
    return Written(files, snapshot, draft.content)


def _version(release: bytes) -> Version:
    found: Mapping[str, str] = msgspec.json.decode(release)
    return Version(found["version"])
