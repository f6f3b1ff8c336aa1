"""Altering one value of a document, for tests that hold two readers of the same document against each other."""

from __future__ import annotations

import copy


def changed(values: dict[str, object], path: str, value: object) -> dict[str, object]:
    """A copy with another value at the dotted path; without one where the value is None."""
    copied = copy.deepcopy(values)
    *tables, key = path.split(".")
    place: object = copied
    for table in tables:
        place = place.get(table) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place[key] = copy.deepcopy(value)
        if value is None:
            del place[key]
    return copied
