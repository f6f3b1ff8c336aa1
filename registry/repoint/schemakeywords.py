"""What one JSON Schema says by its own keywords, in one normal form: types, values, fields, elements, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from repoint.jsonviews import equal_values, mapping, number, sequence, strings, value_key

ANY = frozenset({"null", "boolean", "object", "array", "integer", "number", "string"})
NULL = frozenset({"null"})
NOTES = frozenset({
    "description", "title", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$comment",
    "externalDocs", "xml", "markdownDescription",
})  # fmt: skip
"""Keywords that say nothing about which values are valid."""
NAMING = frozenset({"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$defs", "definitions"})
MAX_TYPE_NAME = 60
"""Characters of a type's name that are told apart."""
REFS = ("$ref", "$dynamicRef", "$recursiveRef")
_TYPE_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}
"""What tools written in Python call the types (Cohere, Tool use: ``parameter_definitions``)."""
_LOWER = {"minLength", "minItems", "minProperties", "minimum", "minContains"}
_UPPER = {"maxLength", "maxItems", "maxProperties", "maximum", "maxContains"}
_PLAIN = ("format", "pattern", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType")
OPAQUE = (
    "not", "if", "then", "else", "contains", "propertyNames", "dependentSchemas", "dependentRequired", "dependencies",
    "patternProperties", "unevaluatedItems", "contentSchema",
)  # fmt: skip
"""Constraints that are compared as a whole: which of two is the narrower is not decided."""
_KNOWN = {
    *NOTES, *NAMING, *REFS, *_LOWER, *_UPPER, *_PLAIN, *OPAQUE, "exclusiveMinimum", "exclusiveMaximum", "type",
    "nullable", "enum", "const", "properties", "required", "additionalProperties", "unevaluatedProperties", "items",
    "prefixItems", "additionalItems", "allOf", "anyOf", "oneOf", "discriminator", "$vocabulary",
}  # fmt: skip


class Part(NamedTuple):
    """A sub-schema and the shared schema that it was inherited from, if it was."""

    schema: object
    origin: str = ""


class Union(NamedTuple):
    """``oneOf`` or ``anyOf`` with more than one branch that is not merely a type."""

    keyword: str
    branches: tuple[object, ...]
    discriminator: object = None


class Bound(NamedTuple):
    """A limit; an exclusive one is the tighter of two at the same number."""

    value: int | float
    exclusive: bool = False


class Shape:
    """What a schema says, in one form. Empty means: anything goes."""

    __slots__ = (
        "additional", "enum", "extra", "incomplete", "items", "lower", "notes", "nullable", "opaque", "plain",
        "prefix", "properties", "required", "types", "unions", "upper", "vague",
    )  # fmt: skip

    def __init__(self) -> None:
        self.types: frozenset[str] = ANY
        self.vague = True
        self.nullable = False
        self.enum: dict[str, object] | None = None
        self.properties: dict[str, Part] = {}
        self.required: dict[str, str] = {}
        self.additional: object = True
        self.items: object = True
        self.prefix: tuple[object, ...] = ()
        self.lower: dict[str, Bound] = {}
        self.upper: dict[str, Bound] = {}
        self.plain: dict[str, object] = {}
        self.opaque: dict[str, object] = {}
        self.unions: list[Union] = []
        self.notes: dict[str, object] = {}
        self.extra: dict[str, object] = {}
        self.incomplete = False


def read_keywords(shape: Shape, schema: dict[str, object]) -> None:
    """Fills a shape with what the schema says itself, apart from references and compositions."""
    _own_types(shape, schema)
    _own_object(shape, schema)
    _own_array(shape, schema)
    _own_bounds(shape, schema)
    shape.plain = {key: schema[key] for key in _PLAIN if schema.get(key) not in (None, False)}
    shape.opaque = {key: schema[key] for key in OPAQUE if key in schema and not _says_nothing(key, schema[key])}
    shape.notes = {key: schema[key] for key in NOTES & schema.keys()}
    shape.extra = {key: value for key, value in schema.items() if key not in _KNOWN}


def _types_of(value: object) -> frozenset[str] | None:
    """The types by their names in JSON Schema; a name that is not known is a type of its own, so that none is lost."""
    names = frozenset(map(_type_name, [value] if isinstance(value, str) else strings(value)))
    if not names or names & {"any", "type_unspecified", ""}:
        return None
    return names | {"integer"} if "number" in names else names


def _type_name(name: str) -> str:
    """Gemini writes types in capitals (Gemini API, Schema: Type)."""
    lower = name.strip().lower()
    return _TYPE_NAMES.get(lower, lower)[:MAX_TYPE_NAME]


def _own_types(shape: Shape, schema: dict[str, object]) -> None:
    types = _types_of(schema.get("type"))
    if types is not None:
        shape.types, shape.vague = types, False
    shape.nullable = schema.get("nullable") is True
    if isinstance(schema.get("enum"), list):
        shape.enum = {value_key(each): each for each in sequence(schema["enum"])}
    if "const" in schema:
        only = value_key(schema["const"])
        shape.enum = {only: schema["const"]} if shape.enum is None or only in shape.enum else {}
    if shape.enum is not None:
        _enum_types(shape)


def _enum_types(shape: Shape) -> None:
    """The types that an enumeration leaves, and null told apart from its other values."""
    assert shape.enum is not None
    held = frozenset(_type_of(each) for each in shape.enum.values())
    held = held | {"number"} if "integer" in held and "number" in shape.types and not shape.vague else held
    shape.types = (held if shape.vague else (shape.types & held) or shape.types) - ({"null"} - held)
    shape.vague = False
    if shape.enum.keys() - {"null"}:
        shape.enum = {key: each for key, each in shape.enum.items() if key != "null"}


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {int: "integer", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "string")


def _own_object(shape: Shape, schema: dict[str, object]) -> None:
    for name, inner in mapping(schema.get("properties")).items():
        shape.properties[name] = Part(inner)
    shape.required = dict.fromkeys(strings(schema.get("required")), "")
    for name, part in shape.properties.items():
        if isinstance(part.schema, dict) and part.schema.get("required") is True:  # draft 3, and still written
            shape.required[name] = ""
    for key in ("unevaluatedProperties", "additionalProperties"):
        if key in schema and isinstance(schema[key], bool | dict):
            shape.additional = True if schema[key] == {} else schema[key]


def _own_array(shape: Shape, schema: dict[str, object]) -> None:
    items = schema.get("items", True)
    shape.prefix = tuple(sequence(schema.get("prefixItems")))
    if isinstance(items, list):
        shape.prefix, items = tuple(items), schema.get("additionalItems", True)
    shape.items = True if items == {} or not isinstance(items, bool | dict) else items


def _own_bounds(shape: Shape, schema: dict[str, object]) -> None:
    for names, exclusive, bounds in (
        (_LOWER, "exclusiveMinimum", shape.lower),
        (_UPPER, "exclusiveMaximum", shape.upper),
    ):
        for name in names & schema.keys():
            value = number(schema[name])
            if value is not None and not (names is _LOWER and name not in ("minimum", "minContains") and value <= 0):
                bounds[name] = Bound(value)
        inclusive = "minimum" if names is _LOWER else "maximum"
        limit = number(schema.get(exclusive))
        if limit is not None:
            _tighten(bounds, {inclusive: Bound(limit, True)}, names is _LOWER)
        elif schema.get(exclusive) is True and inclusive in bounds:
            bounds[inclusive] = Bound(bounds[inclusive].value, True)
        if inclusive in bounds and shape.types & {"number", "integer"} == {"integer"}:
            bounds[inclusive] = _whole(bounds[inclusive], 1 if names is _LOWER else -1)


def _whole(bound: Bound, step: int) -> Bound:
    """Above 0 is from 1 on, where only whole numbers are allowed."""
    return Bound(int(bound.value) + step) if bound.exclusive and bound.value == int(bound.value) else bound


def is_tighter(old: Bound, new: Bound, *, lower: bool) -> bool:
    """Whether the new limit refuses what the old one allowed."""
    if old.value == new.value:
        return new.exclusive and not old.exclusive
    return (new.value > old.value) == lower


def _tighten(bounds: dict[str, Bound], more: Mapping[str, Bound], lower: bool) -> None:
    for name, bound in more.items():
        if name not in bounds or is_tighter(bounds[name], bound, lower=lower):
            bounds[name] = bound


def imply_types(shape: Shape) -> None:
    """``properties`` without a type are meant to describe an object, ``items`` an array."""
    if not shape.vague or shape.unions:
        return
    if shape.properties or shape.required:
        shape.types, shape.vague = frozenset({"object"}), False
    elif shape.items is not True or shape.prefix:
        shape.types, shape.vague = frozenset({"array"}), False


def _says_nothing(key: str, value: object) -> bool:
    if key == "not":
        return value is False
    return key != "contains" and (value in ({}, []) or (value is True and key in ("propertyNames", "unevaluatedItems")))


def merge(shape: Shape, inner: Shape, origin: str) -> None:
    """What both say holds: the types and values that both allow, the fields of either, the tighter of two limits."""
    if not inner.vague:
        shape.types, shape.vague = (inner.types if shape.vague else shape.types & inner.types), False
    shape.nullable = shape.nullable or inner.nullable
    if inner.enum is not None:
        kept = inner.enum if shape.enum is None else {key: shape.enum[key] for key in inner.enum if key in shape.enum}
        shape.enum = dict(kept)
    for name, part in inner.properties.items():
        known = shape.properties.get(name)
        both = part.schema if known is None or known.schema is part.schema else {"allOf": [known.schema, part.schema]}
        shape.properties[name] = Part(both, part.origin or origin) if known is None else Part(both, known.origin)
    for name, source in inner.required.items():
        shape.required.setdefault(name, source or origin)
    shape.additional = _stricter(shape.additional, inner.additional)
    shape.items = _stricter(shape.items, inner.items)
    shape.prefix = shape.prefix or inner.prefix
    _tighten(shape.lower, inner.lower, True)
    _tighten(shape.upper, inner.upper, False)
    for own, more in ((shape.plain, inner.plain), (shape.opaque, inner.opaque)):
        for key, value in more.items():
            own[key] = value if key not in own or equal_values(own[key], value) else {"allOf": [own[key], value]}
    shape.unions.extend(inner.unions)
    shape.extra = {**inner.extra, **shape.extra}
    shape.notes = {**inner.notes, **shape.notes}
    shape.incomplete = shape.incomplete or inner.incomplete


def _stricter(one: object, other: object) -> object:
    if one is True or other is True:
        return other if one is True else one
    if one is False or other is False:
        return False
    return one if one is other else {"allOf": [one, other]}


def fold_types(shape: Shape, branches: list[object]) -> bool:
    """``anyOf`` of mere types is a type list."""
    found: frozenset[str] = frozenset()
    for each in branches:
        types = _types_of(each["type"]) if isinstance(each, dict) and each.keys() == {"type"} else None
        if types is None:
            return False
        found |= types
    shape.types, shape.vague = (found if shape.vague else shape.types & found), False
    return True


def fold_enums(shape: Shape, branches: list[object]) -> bool:
    """``oneOf`` of constants is an enumeration; their descriptions stay, for the model reads them."""
    values: dict[str, object] = {}
    notes: dict[str, object] = {}
    for each in branches:
        if not isinstance(each, dict) or not each.keys() <= {"const", "enum", "type", "title", "description"}:
            return False
        found = [each["const"]] if "const" in each else sequence(each.get("enum"))
        if not found:
            return False
        values.update((value_key(value), value) for value in found)
        if "description" in each or "title" in each:
            notes[value_key(found[0])] = [each.get("title"), each.get("description")]
    known = shape.enum
    shape.enum = values if known is None else {key: known[key] for key in values if key in known}
    _enum_types(shape)
    if notes:
        shape.notes["values"] = notes
    return True
