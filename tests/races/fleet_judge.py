"""Judging a fleet by the ledger and by what was published: promise 6 for many processes, as one function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from repoint_schemas.canonical import decode, digest_of
from repoint_schemas.documents import Record

from tests.races.fleet_process import Said, digest_of_prompts


def contradictions(said: Iterable[Said], ledger: Sequence[bytes], prompts: Mapping[str, bytes]) -> list[str]:
    """Everything that a process served outside the chain, out of order, mixed, or with other bytes than published."""
    records = [decode(content, Record, limit=Record.LIMIT) for content in ledger]
    found: list[str] = []
    newest: dict[int, int] = {}
    for each in said:
        if each.generation <= newest.get(each.process, -1):
            found.append(f"process {each.process} went from {newest[each.process]} to {each.generation}")
        newest[each.process] = max(each.generation, newest.get(each.process, -1))
        if not 0 <= each.generation < len(ledger) or digest_of(ledger[each.generation]) != each.record:
            found.append(f"process {each.process} served {each.generation} {each.record}, which is not of the chain")
        else:
            found += [f"process {each.process}, {each.generation}: {text}" for text in _wrong(each, records, prompts)]
    return found


def _wrong(said: Said, records: Sequence[Record], prompts: Mapping[str, bytes]) -> list[str]:
    live = {str(agent): str(entry.version) for agent, entry in records[said.generation].agents.items()}
    published = digest_of_prompts({a: {"system": prompts[f"{a}@{version}"]} for a, version in live.items()})
    found = []
    if said.versions != live:
        found.append(f"{said.versions} instead of {live}")
    if said.prompts != published:
        found.append("prompts that nobody published")
    if live and said.generations != [said.generation]:
        found.append(f"agents of generations {said.generations} at once")
    return found
