"""Judging a ledger by what its movers were told: promise 3, as one function.

Every move that was reported as done stands exactly once, under the generation and with the bytes that were reported;
nothing that was reported as not done stands; and what stands was reported. The ledger itself is one unbroken chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from repoint_schemas.canonical import Digest, DocumentError, decode, digest_of
from repoint_schemas.documents import Record

How = Literal["done", "nothing", "refused", "conflict", "unknown", "crashed"]


@dataclass(frozen=True)
class Told:
    """What one mover was told about one move.

    ``ids`` are the ids of all records that the move decided, in order; a move that is done stands under the last.
    A ``digest`` of None was not told.
    """

    mover: str
    how: How
    ids: tuple[str, ...] = ()
    generation: int | None = None
    digest: Digest | None = None


def check_history(ledger: Sequence[bytes], told: Iterable[Told], *, before: int = 1) -> list[str]:
    """Every contradiction between a ledger (generation 0 first) and what its movers were told; none is an empty list.

    The first ``before`` records were there before the moves began. An outcome of ``unknown`` or ``crashed`` may stand,
    once at most, or not.
    """
    told = list(told)
    records, problems = _chain(ledger)
    standing = {
        record.id: (record.generation, digest_of(content)) for record, content in zip(records, ledger, strict=False)
    }
    problems += _untrue_done(told, standing)
    problems += _untrue_not_done(told, standing)
    known = {identifier for each in told for identifier in _may_stand(each)}
    problems += [
        f"generation {r.generation} ({r.id}) stands, but nobody was told so"
        for r in records[before:]
        if r.id not in known
    ]
    return problems


def _may_stand(each: Told) -> tuple[str, ...]:
    if each.how == "done":
        return each.ids[-1:]
    return each.ids if each.how in ("unknown", "crashed") else ()


def _chain(ledger: Sequence[bytes]) -> tuple[list[Record], list[str]]:
    records: list[Record] = []
    problems: list[str] = []
    for generation, content in enumerate(ledger):
        try:
            record = decode(content, Record, limit=Record.LIMIT)
        except DocumentError as error:
            return records, [*problems, f"generation {generation}: {error}"]
        if record.generation != generation:
            problems.append(f"generation {record.generation} stands in place {generation}")
        if record.previous != (digest_of(ledger[generation - 1]) if generation else None):
            problems.append(f"generation {generation} does not follow from the record before it")
        records.append(record)
    twice = [identifier for identifier, count in Counter(record.id for record in records).items() if count > 1]
    return records, problems + [f"{identifier} stands twice" for identifier in twice]


def _untrue_done(told: Iterable[Told], standing: dict[str, tuple[int, Digest]]) -> list[str]:
    problems = []
    generations: Counter[int | None] = Counter()
    for each in told:
        if each.how != "done":
            continue
        generations[each.generation] += 1
        found = standing.get(each.ids[-1])
        if found is None:
            problems.append(f"{each.mover} was told that {each.ids[-1]} is done, but it does not stand")
        elif found[0] != each.generation or each.digest not in (None, found[1]):
            problems.append(
                f"{each.mover} was told of generation {each.generation} {each.digest}, but there is {found}"
            )
    return problems + [f"generation {g} was given to {n} movers" for g, n in generations.items() if n > 1]


def _untrue_not_done(told: Iterable[Told], standing: dict[str, tuple[int, Digest]]) -> list[str]:
    problems = []
    for each in told:
        there = [identifier for identifier in each.ids if identifier in standing]
        allowed = 1 if _may_stand(each) else 0
        if len(there) > allowed or (each.how == "done" and there not in ([], [each.ids[-1]])):
            problems.append(f"{each.mover} was told {each.how}, but {', '.join(there)} stands")
    return problems
