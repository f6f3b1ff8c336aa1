"""Whether a tool's machine-readable contract became narrower, coarsely.

JSON documents (OpenAPI, MCP tool lists, JSON Schemas) are compared by structure: anything removed or changed that is no
description counts as breaking, pure additions do not unless they constrain. ``diff`` tells tools and parameters apart;
here only the level of the bump is decided, and in doubt the higher one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from repoint_schemas.canonical import MAX_DEPTH
from repoint_schemas.documents import Bump

Pointer = tuple[str, ...]

_DESCRIPTIVE = {"description", "summary", "title", "example", "examples", "$comment", "externalDocs"}
_NAME_MAPS = {
    "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "schemas", "paths", "responses",
    "headers", "requestBodies", "securitySchemes", "callbacks", "links", "webhooks", "tools", "functions", "content",
    "encoding", "variables", "scopes", "mapping",
}  # fmt: skip
"""Keys whose objects map names to things: a property that happens to be called ``description`` is no description."""
_CONSTRAINTS = {
    "required", "enum", "const", "type", "format", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "contains",
    "minContains", "maxContains", "minProperties", "maxProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "items",
    "prefixItems", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "security", "strict",
}  # fmt: skip
"""Keys that say what is accepted: adding one, or adding to one, can refuse what was accepted before."""
_RANK: dict[Bump, int] = {"patch": 0, "minor": 1, "major": 2}


class Finding(msgspec.Struct, frozen=True):
    """One difference inside a specification, by JSON Pointer parts."""

    impact: Bump
    what: str
    where: Pointer

    def __str__(self) -> str:
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in self.where)
        return f"{self.what} at #/{'/'.join(escaped)}"


class _Place(msgspec.Struct, frozen=True):
    """Where the comparison stands: ``names`` in an object whose keys are names, ``constrains`` beneath a constraint."""

    where: Pointer = ()
    names: bool = False
    descriptive: bool = False
    constrains: bool = False

    def below(self, key: str) -> _Place:
        if self.names:
            return _Place((*self.where, key), descriptive=self.descriptive)
        return _Place(
            (*self.where, key),
            names=key in _NAME_MAPS or self.where[-1:] == ("components",),
            descriptive=self.descriptive or key in _DESCRIPTIVE or (key == "info" and not self.where),
            constrains=key in _CONSTRAINTS,
        )

    def at(self, index: int | str) -> _Place:
        return _Place((*self.where, str(index)), descriptive=self.descriptive)


def compare_specs(old: bytes, new: bytes) -> tuple[Bump, str]:
    """The bump that a changed specification asks for, and why. Never raises: what is no JSON is simply not compared."""
    before, after = _decoded(old), _decoded(new)
    if before is None or after is None:
        return "minor", "changed; it is not JSON, so its contract was not compared"
    try:
        findings = list(_findings(before, after, _Place()))
    except _TooDeep:
        return "minor", "changed; nested too deeply, so its contract was not compared"
    if not findings:
        return "patch", "only the formatting differs"
    impact = max((each.impact for each in findings), key=_RANK.__getitem__)
    decisive = [each for each in findings if each.impact == impact]
    more = f", and {len(decisive) - 1} more" if len(decisive) > 1 else ""
    return impact, f"{decisive[0]}{more}"


class _TooDeep(Exception):
    pass


def _decoded(content: bytes) -> dict[str, object] | list[object] | None:
    try:
        value: object = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _findings(old: object, new: object, place: _Place) -> Iterator[Finding]:
    if len(place.where) > MAX_DEPTH:
        raise _TooDeep
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _compare_objects(old, new, place)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(old, new, place)
    elif isinstance(old, bool) != isinstance(new, bool) or old != new:
        yield _breaking("changed", place)


def _compare_objects(old: dict[str, object], new: dict[str, object], place: _Place) -> Iterator[Finding]:
    for key in [*old, *(each for each in new if each not in old)]:
        below = place.below(key)
        if key not in new:
            yield _breaking("removed", below)
        elif key not in old:
            yield _addition(new[key], below)
        else:
            yield from _findings(old[key], new[key], below)


def _compare_lists(old: list[object], new: list[object], place: _Place) -> Iterator[Finding]:
    """Elements with a name are matched by it (MCP tools, OpenAPI parameters), all others by their whole value."""
    before, after = _by_identity(old), _by_identity(new)
    for key, (index, value) in before.items():
        below = place.at(key[0] or index)
        if key in after:
            yield from _findings(value, after[key][1], below)
        else:
            yield _breaking("removed", below)
    added = [key for key in after if key not in before]
    for key in added:
        index, value = after[key]
        below = place.at(key[0] or index)
        yield _breaking("added", below) if place.constrains else _addition(value, below)
    if before.keys() == after.keys() and list(before) != list(after) and not place.constrains:
        yield Finding("minor", "order changed", place.where)


def _breaking(what: str, place: _Place) -> Finding:
    if place.descriptive:
        return Finding("minor", f"description {what}", place.where)
    return Finding("major", what, place.where)


def _addition(value: object, place: _Place) -> Finding:
    if place.descriptive:
        return Finding("minor", "description added", place.where)
    demanded = isinstance(value, dict) and value.get("required") is True
    impact: Bump = "major" if place.constrains or demanded else "minor"
    return Finding(impact, "required part added" if demanded else "added", place.where)


Identity = tuple[str, bytes, int]
"""Name, whole value (``in`` for what has a name), and which one among equals."""


def _by_identity(values: list[object]) -> dict[Identity, tuple[int, object]]:
    found: dict[Identity, tuple[int, object]] = {}
    seen: Counter[tuple[str, bytes]] = Counter()
    for index, value in enumerate(values):
        name = value.get("name") if isinstance(value, dict) else None
        text = name if isinstance(name, str) else ""
        rest = value.get("in") if isinstance(value, dict) and text else value
        key = (text, msgspec.json.encode(rest, order="sorted"))
        found[(*key, seen[key])] = (index, value)
        seen[key] += 1
    return found
