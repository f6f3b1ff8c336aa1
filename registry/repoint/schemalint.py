"""Whether a JSON Schema is one: what each keyword may hold, by dialect.

The rules are those of the metaschemas of JSON Schema (draft 4 to 2020-12; Validation, section 6) and of the Schema
Objects of OpenAPI 2.0, 3.0.4 and 3.1.1. They are written out here and not left to a validator, because a finding
has to say in words what is wrong and where, and because a compiled validator costs more to load than most specs to
read. Unknown keywords are always allowed, and what only a value could break (``pattern``, ``default``, ``enum``) is not
judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from repoint.specproblem import Complaint, Pointer, closest, shown

_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


class Dialect(msgspec.Struct, frozen=True):
    """What differs between the versions of JSON Schema."""

    name: str
    since: int = 2020  # keywords that came later are unknown in it, and may hold anything
    booleans: bool = True  # true and false are schemas
    siblings: bool = True  # keywords beside $ref count
    types: frozenset[str] = _TYPES
    several_types: bool = True
    exclusive: str = "number"  # what exclusiveMinimum holds: number, flag or either
    tuples: bool = True  # items may be a list of schemas
    array_needs_items: bool = False
    flags: frozenset[str] = frozenset()
    counts_as_text: bool = False
    open: bool = False  # its rules are not known here: nothing is judged
    tolerated: frozenset[str] = frozenset()  # keywords whose breaches are warnings, since generators write them


ANY = Dialect("JSON Schema", exclusive="either")
_OPEN = Dialect("another dialect", open=True)
_JUDGED_AS_ANY = r"json-schema\.org/(?!draft-0[0-3]/)|spec\.openapis\.org/"
_DRAFT_4 = Dialect("JSON Schema draft 4", 4, booleans=False, siblings=False, exclusive="flag")
_DRAFT_6 = Dialect("JSON Schema draft 6", 6, siblings=False)
_DRAFT_7 = Dialect("JSON Schema draft 7", 7, siblings=False)
_2019 = Dialect("JSON Schema 2019-09", 2019)
_2020 = Dialect("JSON Schema 2020-12", tuples=False)
_FLAGS = frozenset(("readOnly", "writeOnly", "deprecated", "nullable"))
_GENERATED = frozenset(("exclusiveMinimum", "exclusiveMaximum", "items"))
"""FastAPI before 0.99 wrote them into OpenAPI 3.0 as later drafts have them."""
OPENAPI_2 = Dialect("Swagger 2.0", 4, False, False, _TYPES | {"file"}, exclusive="flag", flags=frozenset(("readOnly",)))
OPENAPI_3_0 = Dialect(
    "OpenAPI 3.0", 4, False, False, _TYPES - {"null"}, False, "flag", False, True, _FLAGS, tolerated=_GENERATED
)
OPENAPI_3_1 = Dialect("OpenAPI 3.1", tuples=False)
_BY_URL = {
    "json-schema.org/draft-04/schema": _DRAFT_4,
    "json-schema.org/draft-06/schema": _DRAFT_6,
    "json-schema.org/draft-07/schema": _DRAFT_7,
    "json-schema.org/draft/2019-09/schema": _2019,
    "json-schema.org/draft/2020-12/schema": _2020,
    "spec.openapis.org/oas/3.1/dialect/base": OPENAPI_3_1,
}

_KEYWORDS = {
    "text": (
        "$schema title description format pattern $id:6 $ref:6 $comment:7 contentEncoding:7 contentMediaType:7 "
        "$anchor:2019 $dynamicRef:2020"
    ),
    "flag": "uniqueItems readOnly:7 writeOnly:7 deprecated:2019 nullable:9999",
    "count": "minLength maxLength minItems maxItems minProperties maxProperties minContains:2019 maxContains:2019",
    "number": "minimum maximum multipleOf",
    "exclusive": "exclusiveMinimum exclusiveMaximum",
    "schema": (
        "not additionalProperties contains:6 propertyNames:6 if:7 then:7 else:7 unevaluatedItems:2019 "
        "unevaluatedProperties:2019 contentSchema:2019"
    ),
    "schemas": "allOf anyOf oneOf prefixItems:2020",
    "map": "properties patternProperties definitions $defs:2019 dependentSchemas:2019",
    "items": "items",
    "names": "required",
    "type": "type",
    "list": "enum",
    "dependencies": "dependencies",
}
_KINDS = {
    keyword.partition(":")[0]: (kind, int(keyword.partition(":")[2] or 0))
    for kind, keywords in _KEYWORDS.items()
    for keyword in keywords.split()
}
_MEANT = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "str": "string",
    "text": "string",
    "date": 'string, with "format": "date"',
    "datetime": 'string, with "format": "date-time"',
    "uuid": 'string, with "format": "uuid"',
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "array",
    "none": "null",
}


def dialect_of(schema: object, default: Dialect = ANY) -> Dialect:
    """The dialect that ``$schema`` names; ``default`` where it names none.

    Of drafts before 4 and of somebody's own metaschemas nothing is known: such schemas are not judged.
    """
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(named, str):
        return default
    place = named.partition("://")[2].removeprefix("www.").rstrip("#/")
    return _BY_URL.get(place, ANY if not place or re.match(_JUDGED_AS_ANY, place) else _OPEN)


def schema_complaints(schema: object, at: Pointer, dialect: Dialect) -> Iterator[Complaint]:
    """Everything in the schema, and in those within it, that is no schema."""
    waiting: list[tuple[object, Pointer]] = [] if dialect.open else [(schema, at)]
    while waiting:
        node, where = waiting.pop()
        if isinstance(node, dict):
            inside: list[tuple[object, Pointer]] = []
            yield from _keywords(node, where, dialect, inside)
            waiting += reversed(inside)
        elif not isinstance(node, bool):
            yield _invalid(where, f"a schema must be an object, not {kind_of(node)}")
        elif not dialect.booleans and where[-1:] not in (("additionalProperties",), ("additionalItems",)):
            yield _invalid(where, f"{dialect.name} has no schemas {str(node).lower()}; write an object")


def kind_of(value: object) -> str:
    """What JSON calls the value, with its article."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a text"
    return "a number" if isinstance(value, int | float) else "a list" if isinstance(value, list) else "an object"


def _invalid(at: Pointer, message: str) -> Complaint:
    return Complaint("spec-invalid", at, message)


def _keywords(
    node: dict[str, object], at: Pointer, dialect: Dialect, waiting: list[tuple[object, Pointer]]
) -> Iterator[Complaint]:
    if isinstance(node.get("$ref"), str) and not dialect.siblings:
        return
    for key, value in node.items():
        kind, since = _KINDS.get(key, ("", 0))
        if not kind or (since > dialect.since and key not in dialect.flags):
            continue
        if wrong := _JUDGES[kind](value, _Place((*at, key), dialect, waiting)):
            yield Complaint("spec-invalid", (*at, key), wrong, "warning" if key in dialect.tolerated else "error")
    if dialect.array_needs_items and node.get("type") == "array" and "items" not in node:
        yield Complaint("spec-invalid", at, f"an array needs items in {dialect.name}", "warning")


class _Place(msgspec.Struct, frozen=True):
    """Where a keyword stands, and where the schemas that it holds are queued."""

    at: Pointer
    dialect: Dialect
    waiting: list[tuple[object, Pointer]]


def _text(value: object, _: _Place) -> str | None:
    return None if isinstance(value, str) else f"must be a text, not {kind_of(value)}"


def _flag(value: object, _: _Place) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {kind_of(value)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: object, place: _Place) -> str | None:
    if place.dialect.counts_as_text and isinstance(value, str) and value.isdecimal():
        return None  # a 64-bit integer in the JSON of Protocol Buffers
    good = _is_number(value) and isinstance(value, int | float) and value >= 0 and value == int(value)
    return None if good else "must be a whole number from 0"


def _number(value: object, place: _Place) -> str | None:
    if not _is_number(value):
        return f"must be a number, not {kind_of(value)}"
    above_zero = place.at[-1] != "multipleOf" or (isinstance(value, int | float) and value > 0)
    return None if above_zero else "must be above 0"


def _exclusive(value: object, place: _Place) -> str | None:
    if place.dialect.exclusive != "number" and isinstance(value, bool):
        return None
    if place.dialect.exclusive != "flag" and _is_number(value):
        return None
    wanted = {"number": "a number", "flag": "true or false", "either": "a number"}[place.dialect.exclusive]
    return f"must be {wanted} in {place.dialect.name}, not {kind_of(value)}"


def _schema(value: object, place: _Place) -> str | None:
    place.waiting.append((value, place.at))
    return None


def _schemas(value: object, place: _Place) -> str | None:
    if not isinstance(value, list):
        return f"must be a list of schemas, not {kind_of(value)}"
    place.waiting.extend([(each, (*place.at, index)) for index, each in enumerate(value)])
    return None if value else "must hold at least one schema"


def _map(value: object, place: _Place) -> str | None:
    if not isinstance(value, dict):
        return f"must be an object of schemas by name, not {kind_of(value)}"
    place.waiting.extend([(each, (*place.at, name)) for name, each in value.items()])
    return None


def _items(value: object, place: _Place) -> str | None:
    if not isinstance(value, list):
        return _schema(value, place)
    if not place.dialect.tuples:
        instead = "; write prefixItems" if place.dialect.booleans else ""
        return f"must be one schema in {place.dialect.name}, not a list{instead}"
    place.waiting.extend([(each, (*place.at, index)) for index, each in enumerate(value)])
    return None


def _dependencies(value: object, place: _Place) -> str | None:
    if not isinstance(value, dict):
        return f"must be an object, not {kind_of(value)}"
    place.waiting.extend([(each, (*place.at, name)) for name, each in value.items() if not isinstance(each, list)])
    return None


def _names(value: object, _: _Place) -> str | None:
    if isinstance(value, bool):
        return "must be a list of names beside properties, not true or false in a property"
    if not isinstance(value, list):
        return f"must be a list of names, not {kind_of(value)}"
    odd = [each for each in value if not isinstance(each, str)]
    if odd:
        return f"must hold names, not {kind_of(odd[0])}"
    if len(set(value)) == len(value):
        return None
    twice = next(first for first, second in pairwise(sorted(value)) if first == second)
    return f"names {shown(twice)} twice"


def _list(value: object, _: _Place) -> str | None:
    return None if isinstance(value, list) else f"must be a list, not {kind_of(value)}"


def _type(value: object, place: _Place) -> str | None:
    if isinstance(value, list) and place.dialect.several_types:
        wrong = [each for each in value if not isinstance(each, str) or each not in place.dialect.types]
        return _no_type(wrong[0], place.dialect) if wrong else None
    if isinstance(value, list):
        return f"must be one type in {place.dialect.name}; write nullable or anyOf instead of a list"
    if isinstance(value, str) and value in place.dialect.types:
        return None
    return _no_type(value, place.dialect)


def _no_type(value: object, dialect: Dialect) -> str:
    if not isinstance(value, str):
        return f"must be the name of a type, not {kind_of(value)}"
    if value == "null":
        return f'"null" is no type in {dialect.name}; write nullable: true'
    meant = _MEANT.get(value.lower()) or closest(value.lower(), sorted(dialect.types))
    known = ", ".join(sorted(dialect.types))
    return f"{shown(value)} is no type; " + (f"write {meant}" if meant else f"the types are {known}")


_JUDGES = {
    "text": _text,
    "flag": _flag,
    "count": _count,
    "number": _number,
    "exclusive": _exclusive,
    "schema": _schema,
    "schemas": _schemas,
    "map": _map,
    "items": _items,
    "names": _names,
    "list": _list,
    "type": _type,
    "dependencies": _dependencies,
}
