"""Makes a registry in a bucket, and moves it: ``python reader_moves.py s3://BUCKET/PREFIX STATE``.

Twenty agents with two versions each, four files a version. A line of JSON says when it is made, and one follows on each
line of standard input, which moves one agent after another from one version to the other.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

sys.path.append(str(Path(__file__).resolve().parent.parent))

from repoint.pointer import move
from repoint.publish import Reason, propose, publish
from repoint.registry import Registry
from repoint.release import Wish
from repoint.s3client import S3Client, Settings
from repoint.s3keys import parse_address
from repoint.store import Contents
from repoint.store_s3 import S3Store
from repoint_schemas.canonical import encode
from repoint_schemas.documents import AgentName, Model, Snapshot, Version

from tests.stores import ADA, MANIFEST, PRODUCTION, HeldBytes, Stamps, entry_of, initialised, new_registry, promote

AGENTS = tuple(f"agent-{number:02}" for number in range(20))
VERSIONS = ("1.0.0", "1.1.0")
PROMPTS = {"system": 16, "examples": 32, "tone": 15}
"""Every prompt, and how many KiB it has."""


def contents(agent: str, version: str) -> Contents:
    """An agent of 64 KiB in four files, none of which has another's content."""
    prompts = {
        name: f"{agent} {version} {name}: decide, and say why.\n".encode() * (size * 1024 // 45)
        for name, size in PROMPTS.items()
    }
    files = {f"prompts/{name}.md": content for name, content in prompts.items()}
    files["agent.toml"] = f"# {version}\n{MANIFEST.format(agent=agent)}".encode()
    document = Snapshot(
        agent=AgentName(agent),
        config={"temperature": 0.2, "max_tokens": 1024},
        integrations={},
        manifest=entry_of("agent.toml", files["agent.toml"]),
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts={name: entry_of(f"prompts/{name}.md", content) for name, content in prompts.items()},
        requires={},
    )
    return Contents(document, encode(document), {path: HeldBytes(content) for path, content in files.items()})


def make(registry: Registry) -> int:
    """Publish everything and make the first versions live, all in one record; the bytes of their files."""
    initialised(registry)
    for agent, version in itertools.product(AGENTS, VERSIONS):
        proposal = propose(registry, contents(agent, version), Wish(version=Version(version), allow_underbump=True))
        publish(registry, proposal, Reason(ADA, 1_795_208_400, "Say why", None, None))
    move(registry, PRODUCTION, promote(*(f"{agent}@{VERSIONS[0]}" for agent in AGENTS)), Stamps(ADA))
    return sum(entry.size for agent in AGENTS for entry in contents(agent, VERSIONS[0]).document.files())


def moves(registry: Registry) -> Iterator[int]:
    """One agent after another to its other version, for ever; the generation of each."""
    stamps = Stamps(ADA)
    for version in itertools.cycle(VERSIONS[::-1]):
        for agent in AGENTS:
            moved = move(registry, PRODUCTION, promote(f"{agent}@{version}"), stamps).moved
            assert moved is not None
            yield moved.record.generation


def main(address: str, state: str) -> None:
    client = S3Client(Settings(parse_address(address)))
    with S3Store(client) as store:
        registry = new_registry(store, Path(state))
        print(msgspec.json.encode({"bytes": make(registry)}).decode(), flush=True)
        moving = moves(registry)
        for _ in sys.stdin:
            print(msgspec.json.encode({"generation": next(moving)}).decode(), flush=True)
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
