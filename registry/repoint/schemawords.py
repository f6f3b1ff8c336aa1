"""How schemas are named in a few words, for people: types, limits, lists of values, the name of what is referred to."""

from __future__ import annotations

from urllib.parse import unquote

from repoint.changes import Kind
from repoint.jsonviews import value_key
from repoint.schemakeywords import ANY, Bound
from repoint.schemashape import Shapes

MAX_NAMED = 4
MAX_VALUE = 60


def type_words(types: frozenset[str]) -> str:
    """``string``, ``integer or null``; number includes integer."""
    if types >= ANY:
        return "anything"
    names = types - {"integer"} if "number" in types else types
    return " or ".join(sorted(names, key=lambda name: (name == "null", name))) or "nothing"


def describe(shapes: Shapes, schema: object) -> str:
    """A schema in a few words, following references: ``string``, ``array of Order``."""
    if schema is False:
        return "nothing"
    peeled = shapes.seen_through(schema)
    if peeled.ref is not None:
        return ref_name(peeled.ref)
    shape = shapes.shape(peeled.schema)
    if shape.unions:
        return f"{len(shape.unions[0].branches)} alternatives"
    types = shape.types | {"null"} if peeled.nullable or shape.nullable else shape.types
    if types - {"null"} == {"array"} and isinstance(shape.items, dict):
        inner = shapes.peel(shape.items)
        of = ref_name(inner.ref) if inner.ref else type_words(shapes.shape(inner.schema).types)
        return type_words(types).replace("array", f"array of {of}")
    return f"{type_words(types)}{f' ({value_words(list(shape.enum.values()))})' if shape.enum else ''}"


def value_words(values: list[object]) -> str:
    """The first values of a list, and how many more there are."""
    shown = ", ".join(_short(each) for each in values[:MAX_NAMED])
    more = len(values) - MAX_NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _short(value: object) -> str:
    words = value if isinstance(value, str) else value_key(value)
    return words if len(words) <= MAX_VALUE else f"{words[:MAX_VALUE]}…"


def bound_words(bound: Bound | None) -> object:
    """A limit as a plain value."""
    if bound is None:
        return None
    return f"{bound.value} (exclusive)" if bound.exclusive else bound.value


def rest_words(value: object) -> str:
    """What a schema for all further values says."""
    return "any" if value is True else "none" if value is False else "of a schema"


def ref_name(ref: str) -> str:
    """The last part of a reference, which is the name of the component."""
    return unquote(ref.rsplit("/", 1)[-1]).replace("~1", "/").replace("~0", "~") or ref


def kind_of_change(old: object, new: object) -> Kind:
    """Added where there was nothing, removed where there is nothing any more."""
    return "added" if old is None and new is not None else "removed" if new is None and old is not None else "changed"
