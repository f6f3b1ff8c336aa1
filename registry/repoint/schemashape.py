"""JSON Schemas in one normal form, whatever the draft or dialect, so that equal meaning compares as equal.

Drafts 4 to 2020-12 and the dialects of Swagger 2.0 and OpenAPI 3.0 say the same things in different words: ``nullable``
and a type list, a boolean and a numeric ``exclusiveMinimum``, ``const`` and an ``enum`` of one, ``$ref`` and what it
stands for, ``allOf`` and its members merged. A :class:`~repoint.schemakeywords.Shape` holds what is said, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from repoint.jsonviews import MISSING, mapping, resolve, sequence, text, walk
from repoint.schemakeywords import (
    NAMING,
    NOTES,
    REFS,
    Shape,
    Union,
    fold_enums,
    fold_types,
    imply_types,
    merge,
    read_keywords,
)  # fmt: skip

MAX_MERGE_DEPTH = 40
"""Levels of ``allOf`` within ``allOf`` that are merged."""
MAX_MERGED = 300_000
"""Fields that are copied in merging, over a whole document."""


class Peeled(NamedTuple):
    """A schema without its wrappers: what is said about it in passing, and the reference that it comes down to."""

    schema: object
    ref: str | None
    notes: Mapping[str, object]
    nullable: bool


class Shapes:
    """The schemas of one document, each normalised once. ``root`` is what references start from."""

    def __init__(self, root: object) -> None:
        self.root = root
        self.outside: dict[str, None] = {}
        self._shapes: dict[int, tuple[object, Shape]] = {}
        self._targets: dict[str, object] = {}
        self._identified: dict[str, object] | None = None
        self._merged = 0

    def target(self, ref: str) -> object:
        """What a reference means, MISSING where it leads nowhere or out of the document."""
        if ref not in self._targets:
            found = resolve(self.root, ref)
            if found is MISSING:
                found = self._named().get(ref.removesuffix("#"), MISSING)
            if found is MISSING:
                self.outside[ref] = None
            self._targets[ref] = found
        return self._targets[ref]

    def _named(self) -> dict[str, object]:
        """Schemas by the identifier that they give themselves (JSON Schema 2020-12, Core, 8.2.1), looked up once."""
        if self._identified is None:
            self._identified = {}
            for each in walk(self.root):
                name = mapping(each).get("$id", mapping(each).get("id"))
                if isinstance(name, str):
                    self._identified.setdefault(name.removesuffix("#"), each)
        return self._identified

    @property
    def reached(self) -> set[str]:
        """All references that were followed so far."""
        return set(self._targets)

    def peel(self, schema: object) -> Peeled:
        """Takes off ``allOf`` of one, ``anyOf`` of one and null, and descriptions beside a reference."""
        notes: dict[str, object] = {}
        nullable = False
        for _ in range(MAX_MERGE_DEPTH):
            if not isinstance(schema, dict):
                break
            inner = _wrapped(schema)
            if inner is None:
                break
            for key in NOTES & schema.keys():
                notes.setdefault(key, schema[key])
            nullable = nullable or schema.get("nullable") is True or inner.nullable
            if inner.ref is not None:
                return Peeled(schema, inner.ref, notes, nullable)
            schema = inner.schema
        if isinstance(schema, dict):
            notes = {**{key: schema[key] for key in NOTES & schema.keys()}, **notes}
        return Peeled(schema, None, notes, nullable)

    def seen_through(self, schema: object) -> Peeled:
        """The same through references, so that ``$ref`` and what it stands for look alike."""
        peeled = self.peel(schema)
        for _ in range(MAX_MERGE_DEPTH):
            target = MISSING if peeled.ref is None else self.target(peeled.ref)
            if target is MISSING:
                break
            inner = self.peel(target)
            notes = {**inner.notes, **peeled.notes}
            peeled = Peeled(inner.schema, inner.ref, notes, peeled.nullable or inner.nullable)
        return peeled

    def shape(self, schema: object) -> Shape:
        """The normal form of a schema."""
        return self._shape(schema, ())

    def _shape(self, schema: object, above: tuple[int, ...]) -> Shape:
        known = self._shapes.get(id(schema))
        if known is not None:
            return known[1]
        made = Shape()
        if id(schema) in above:
            return made
        if len(above) > MAX_MERGE_DEPTH or self._merged > MAX_MERGED:
            made.incomplete = True
            return made
        if schema is False:
            made.types, made.vague = frozenset(), False
        elif isinstance(schema, dict):
            self._fill(made, schema, (*above, id(schema)))
        self._shapes[id(schema)] = (schema, made)
        return made

    def _fill(self, shape: Shape, schema: dict[str, object], above: tuple[int, ...]) -> None:
        read_keywords(shape, schema)
        for key in REFS:
            ref = text(schema.get(key))
            if ref is not None:
                self._inherit(shape, {"$ref": ref}, above)
        for member in sequence(schema.get("allOf")):
            self._inherit(shape, member, above)
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                self._alternatives(shape, key, schema, above)
        imply_types(shape)

    def _inherit(self, shape: Shape, member: object, above: tuple[int, ...]) -> None:
        peeled = self.peel(member)
        origin = peeled.ref or ""
        target = peeled.schema if peeled.ref is None else self.target(peeled.ref)
        if target is MISSING:
            shape.opaque[f"$ref {peeled.ref}"] = peeled.ref
            return
        inner = self._shape(target, above)
        self._merged += 1 + len(inner.properties)
        merge(shape, inner, origin)
        shape.nullable = shape.nullable or peeled.nullable

    def _alternatives(self, shape: Shape, keyword: str, schema: dict[str, object], above: tuple[int, ...]) -> None:
        branches = sequence(schema[keyword])
        real = [each for each in branches if not _is_null(each)]
        shape.nullable = shape.nullable or len(real) < len(branches)
        if len(real) == 1:
            self._inherit(shape, real[0], above)
        elif not fold_enums(shape, real) and not fold_types(shape, real):
            shape.unions.append(Union(keyword, tuple(real), schema.get("discriminator")))


class _Wrapped(NamedTuple):
    schema: object
    ref: str | None = None
    nullable: bool = False


def _wrapped(schema: dict[str, object]) -> _Wrapped | None:
    """What a schema is a mere wrapper of, if it is one."""
    said = [key for key in schema if key not in NOTES and key not in NAMING and key != "nullable"]
    if len(said) != 1:
        return None
    key, value = said[0], schema[said[0]]
    if key in REFS and isinstance(value, str):
        return _Wrapped(schema, ref=value)
    if not isinstance(value, list) or key not in ("allOf", "anyOf", "oneOf"):
        return None
    real = value if key == "allOf" else [each for each in value if not _is_null(each)]
    return _Wrapped(real[0], nullable=len(real) < len(value)) if len(real) == 1 else None


def _is_null(schema: object) -> bool:
    said = {key for key in schema if key not in NOTES} if isinstance(schema, dict) else set()
    return (said == {"type"} and mapping(schema)["type"] in ("null", ["null"])) or (
        "const" in said and mapping(schema)["const"] is None
    )
