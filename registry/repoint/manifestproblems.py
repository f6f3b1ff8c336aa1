"""Why an ``agent.toml`` is refused: every problem with its key and the nearest known key. Imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from repoint.keyproblems import unknown_key, worded
from repoint.tomlsource import KeyPath
from repoint_schemas import manifest_explained as sections

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_ALTERNATIVES: dict[KeyPath, str] = {
    ("config", "stop"): "must be a string or an array of strings",
    ("config", "retry", "jitter"): "must be true, false or a number from 0 to 1",
}
_NAMES = "names are 1 to 63 of A-Z, a-z, 0-9, '_', '.' and '-', beginning with a letter, a digit or '_'"
_AGENT_NAMES = "must be 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit"
_SECTIONS: dict[str, type[BaseModel]] = {
    "agent": sections.AgentSection,
    "model": sections.ModelSection,
    "integrations": sections.IntegrationSection,
    "config": sections.ConfigSection,
}


def explained(source: dict[str, object]) -> sections.Manifest | list[tuple[KeyPath, str]]:
    """Everything that is wrong with the values of a manifest, by key; the manifest itself where nothing is."""
    try:
        return sections.Manifest.model_validate(source)
    except ValidationError as error:
        return [_explained(details, source) for details in error.errors(include_url=False, include_input=False)]


def _explained(details: ErrorDetails, source: dict[str, object]) -> tuple[KeyPath, str]:
    key = _key_of(details["loc"], source)
    kind, reason = details["type"], details["msg"]
    if kind == "missing":
        return key, "is missing"
    if kind == "extra_forbidden":
        return key, unknown_key(str(key[-1]), _table_of(key))
    if key in _ALTERNATIVES:
        return key, _ALTERNATIVES[key]
    if kind == "string_pattern_mismatch":
        return key, _NAMES if details["loc"][-1] == "[key]" else _AGENT_NAMES
    if kind == "value_error":
        return key, reason.removeprefix("Value error, ")
    return key, worded(kind, reason)


def _key_of(location: tuple[int | str, ...], source: dict[str, object]) -> KeyPath:
    """The part of pydantic's location that is a key path; what it adds (union members, ``[key]``) ends it."""
    value: object = source
    for length, step in enumerate(location):
        if isinstance(value, dict) and (step in value or length == len(location) - 1) and step != "[key]":
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return location[:length]
    return location


def _table_of(key: KeyPath) -> type[BaseModel]:
    return sections.Manifest if len(key) == 1 else _SECTIONS.get(str(key[0]), sections.RetrySection)
