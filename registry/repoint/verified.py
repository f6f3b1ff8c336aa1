"""A stored document, decoded strictly; and a record that belongs to the place where it was found.

Promises 2 and 4 as far as one document can show them. Readers and registries share this, and it imports little: a
reader in production decides no move.
"""

from __future__ import annotations

from repoint.errors import Corrupt, StoreUnavailable
from repoint_schemas.canonical import D, DocumentError, decode
from repoint_schemas.documents import EnvironmentName, Record

DAMAGE = "repoint verify says what else is damaged; fetch it from another clone, or restore it from a backup"


def read_document(content: bytes, kind: type[D], limit: int, place: str) -> D:
    """Decode a stored document strictly. Raises: Corrupt; StoreUnavailable for a newer format."""
    try:
        return decode(content, kind, limit=limit)
    except DocumentError as error:
        if error.newer:
            raise StoreUnavailable(
                f"{place}: {error}", kind="newer-format", hint="upgrade repoint and run it again"
            ) from error
        raise Corrupt(
            f"{place}: {error}", kind="corrupt-document", hint="repoint verify says what else is damaged"
        ) from error


def verified_record(content: bytes, registry: str, environment: EnvironmentName, generation: int | None) -> Record:
    """Decode a record and require that it belongs where it was found, and that its entries come from its own past.

    Raises: Corrupt, StoreUnavailable (a newer format).
    """
    place = f"the pointer of {environment}" if generation is None else f"{environment} generation {generation}"
    record = read_document(content, Record, Record.LIMIT, place)
    wrong = [
        f"{name} {found!r} instead of {wanted!r}"
        for name, found, wanted in (
            ("registry", record.registry, registry),
            ("environment", record.environment, environment),
            ("generation", record.generation, record.generation if generation is None else generation),
        )
        if found != wanted
    ]
    if wrong:
        raise Corrupt(f"{place} holds a record of {', '.join(wrong)}", kind="misplaced-record", hint=DAMAGE, promise=2)
    _require_past(record, place)
    return record


def _require_past(record: Record, place: str) -> None:
    """Require that every entry came about by this generation and rests on an earlier one. Raises: Corrupt."""
    for agent, entry in record.agents.items():
        if entry.since > record.generation or (entry.back is not None and entry.back >= entry.since):
            raise Corrupt(
                f"{place}: the entry of {agent} (since {entry.since}, back {entry.back}) lies in its own future",
                kind="impossible-entry",
                hint="repoint verify says what is damaged",
                promise=4,
                environment=record.environment,
                agent=agent,
            )
