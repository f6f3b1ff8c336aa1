"""Where the references of a document lead: to a place that exists, to nothing, or out of the version.

A reference is looked up in the document, or in another file of the same version; a URL or a file that the manifest does
not name is never read (promise 10): what stands there can change under a version that may not. References are those of
JSON Schema (2020-12 Core, section 8.2.3) and of OpenAPI (Reference Object), RFC 6901 pointers in URI fragments.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

import msgspec

from repoint.specproblem import Complaint, Pointer, closest, shown

_NESTED = (dict, list)
_LITERAL = frozenset(("example", "examples", "default", "enum", "const", "input_examples", "inputExamples"))
"""Keywords whose values are data: a ``$ref`` in them is part of an example, and no reference."""
_NAME_MAPS = frozenset((
    "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "schemas", "paths", "responses",
    "headers", "requestBodies", "securitySchemes", "securityDefinitions", "callbacks", "links", "webhooks", "content",
    "encoding", "pathItems",
))  # fmt: skip
_ROOTS = frozenset((
    "inputSchema", "outputSchema", "input_schema", "output_schema", "json", "parametersJsonSchema",
    "parameters_json_schema", "responseJsonSchema", "response_json_schema",
))  # fmt: skip
"""Schemas that are documents of their own: a tool's ``#/$defs/Money`` begins at the tool's schema."""
_BUILT_IN = ("://json-schema.org/draft", "://spec.openapis.org/oas/")
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:|//"
_SUGGESTED = 5
_MOST_BASES = 200
_MOST_JOINED = 20

Link = tuple["Link", str | int] | tuple[()]
"""A pointer shared with those of what surrounds it: the way to its parent, and the last step."""


class _Reference(msgspec.Struct, frozen=True):
    link: Link
    target: str
    root: object


class _Document(msgspec.Struct, frozen=True):
    references: list[_Reference]
    anchors: set[str]
    ids: set[str]
    bases: list[str]  # the first identifiers, as they stand
    absolute: set[str]  # identifiers resolved, once somebody asks


def reference_complaints(
    value: object, path: str, named: Callable[[str], object | None], *, roots: frozenset[str] = frozenset()
) -> Iterator[Complaint]:
    """Every reference in the document that leads nowhere or out of the version.

    ``named`` gives the value of another file of the version, by its path in the agent's folder: None if there is none.
    ``roots`` are further keys whose schemas are documents of their own.
    """
    document = _scanned(value, _ROOTS | roots)
    judged: dict[tuple[int, str], Complaint | None] = {}
    suggested = 0
    for reference in document.references:
        key = (id(reference.root), reference.target)
        if key not in judged:
            judged[key] = _judged(reference, value, path, document, named)
        if (found := judged[key]) is not None:
            suggested += 1
            hint = _suggestion(value, reference.target) if suggested <= _SUGGESTED else ""
            yield found._replace(at=_pointer(reference.link), message=found.message + hint)


def _pointer(link: Link) -> Pointer:
    steps: list[str | int] = []
    while link:
        link, step = link
        steps.append(step)
    return tuple(reversed(steps))


def _scanned(value: object, roots: frozenset[str]) -> _Document:
    document = _Document([], set(), set(), [], set())
    waiting: list[tuple[object, Link, bool, object]] = [(value, (), False, value)]
    while waiting:
        node, link, names, root = waiting.pop()
        if type(node) is list:
            inside = [(each, (link, index), False, root) for index, each in enumerate(node) if type(each) in _NESTED]
        elif type(node) is dict:
            _note(node, link, root, document)
            if type(examples := node.get("examples")) is dict and not names:
                _examples(examples, (link, "examples"), root, document)
            inside = [
                (inner, (link, key), not names and key in _NAME_MAPS, inner if not names and key in roots else root)
                for key, inner in node.items()
                if type(inner) in _NESTED and (names or (key not in _LITERAL and key[:2] != "x-"))
            ]
        else:
            continue
        waiting += reversed(inside)
    return document


def _note(node: dict[str, object], link: Link, root: object, document: _Document) -> None:
    if type(target := node.get("$ref")) is str:
        document.references.append(_Reference((link, "$ref"), target, root))
    for keyword in ("$anchor", "$dynamicAnchor"):
        if type(anchor := node.get(keyword)) is str:
            document.anchors.add(anchor)
    if type(named := node.get("$id", node.get("id"))) is str:
        if named.startswith("#"):
            document.anchors.add(named[1:])
        else:
            place = named.partition("#")[0]
            document.ids.add(place)
            if len(document.bases) < _MOST_BASES:
                document.bases.append(place)


def _examples(examples: dict[str, object], link: Link, root: object, document: _Document) -> None:
    """In OpenAPI the members of ``examples`` may be references; in JSON Schema it is a list of data.

    In OpenAPI 2.0 they are data too, by media type.
    """
    for name, each in examples.items():
        if isinstance(each, dict) and "/" not in name and isinstance(target := each.get("$ref"), str):
            document.references.append(_Reference(((link, name), "$ref"), target, root))


def _judged(
    reference: _Reference, value: object, path: str, document: _Document, named: Callable[[str], object | None]
) -> Complaint | None:
    place, _, fragment = reference.target.partition("#")
    if not place:
        return _local(reference, value, fragment, document)
    if document.ids and (place in document.ids or _is_identified(place, document)):
        return None
    if re.match(_SCHEME, place):
        if any(each in place for each in _BUILT_IN):
            return None
        message = f"{shown(reference.target)} is read from the network: it can change under a version"
        return Complaint("external-ref", (), message, "warning")
    return _in_file(reference.target, place, fragment, path, named)


def _is_identified(place: str, document: _Document) -> bool:
    """Whether a schema within carries the identifier, each resolved as a URI (JSON Schema Core 2020-12, section 8.2.1).

    Which base holds where depends on the dialect: any of the document's own will do, since nothing is fetched.
    """
    from urllib.parse import urljoin

    bases, known = [urljoin(document.bases[0], each) for each in document.bases[:_MOST_JOINED]], document.absolute
    if not known:
        known |= document.ids
        known |= {urljoin(base, each) for base in bases for each in document.bases}
    return any(urljoin(base, place) in known for base in bases)


def _local(reference: _Reference, value: object, fragment: str, document: _Document) -> Complaint | None:
    if not fragment or fragment in document.anchors:
        return None
    if _exists(reference.root, fragment) or _exists(value, fragment):
        return None
    if len(document.ids) > 1 and not fragment.startswith("/components/"):
        return None  # a pointer begins at the nearest $id, and which that is depends on the dialect
    return Complaint("broken-ref", (), f"{shown(reference.target)} points nowhere")


def _in_file(
    target: str, place: str, fragment: str, path: str, named: Callable[[str], object | None]
) -> Complaint | None:
    from urllib.parse import unquote

    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(place)))
    if file == path:
        return None
    if file.startswith(("../", "/")):
        return Complaint("external-ref", (), f"{shown(target)} lies outside of the agent's folder")
    other = named(file)
    if other is None:
        return Complaint("external-ref", (), f"{shown(target)}: no entry of agent.toml names the file {shown(file)}")
    if fragment.startswith("/") and not _exists(other, fragment):
        return Complaint("broken-ref", (), f"{shown(target)} points nowhere in {shown(file)}")
    return None


def _exists(value: object, fragment: str) -> bool:
    if not fragment.startswith("/"):
        return False
    if "%" in fragment:
        from urllib.parse import unquote

        fragment = unquote(fragment)
    for step in fragment[1:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            return isinstance(value, dict) and "$ref" in value  # what it refers to may hold it
    return True


def _suggestion(value: object, target: str) -> str:
    for step in target.partition("#")[2].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict):
            return ""
        if key not in value:
            meant = closest(key, value)
            return f"; did you mean {shown(meant)} for {shown(key)}?" if meant else ""
        value = value[key]
    return ""
