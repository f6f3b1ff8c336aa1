"""Whether an OpenAPI document is one: OpenAPI 3.0.4, 3.1.1 and 2.0 ("Swagger"), as far as agents and code rely on it.

Each check is a MUST of the specification, by the Object named in its message or in the comment beside it; where much
good software accepts a breach, the complaint is a warning. ``x-`` fields, and everything that is not known here, are
allowed. Later versions (3.2) are judged by what they share with 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from repoint.openapipartlint import (
    OpenApi,
    Table,
    get,
    parameter_complaints,
    parameters_complaints,
    request_body_complaints,
    resolved,
    response_complaints,
    responses_complaints,
    security_complaints,
    security_scheme_complaints,
    wrong,
)
from repoint.schemalint import ANY, OPENAPI_2, OPENAPI_3_0, OPENAPI_3_1, dialect_of, kind_of, schema_complaints
from repoint.specproblem import Complaint, Pointer, shown

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_NAME = r"[A-Za-z0-9._-]+"


def openapi_complaints(value: object) -> Iterator[Complaint]:
    """Everything that makes the value no OpenAPI document."""
    if not isinstance(value, dict):
        what = (
            "is a list (or a stream of several YAML documents)" if isinstance(value, list) else f"is {kind_of(value)}"
        )
        yield wrong((), f"{what}, not an OpenAPI document")
        return
    if (complaint := _version_complaint(value)) is not None:
        yield complaint
    document = _document(value)
    if document is None:
        return
    yield from _info(value)
    yield from _paths(document)
    yield from _components(document)
    yield from security_complaints(value.get("security"), ("security",), document)
    yield from _lists(document)


def _version_complaint(value: Table) -> Complaint | None:
    if "swagger" in value:
        if value["swagger"] == "2.0":
            return None
        quotes = ": put it in quotes" if value["swagger"] in (2, 2.0) else ""
        return wrong(("swagger",), f'must be the text "2.0"{quotes}')
    version = value.get("openapi")
    if version is None:
        return wrong((), "is no OpenAPI document: it has neither openapi nor swagger")
    if not isinstance(version, str):
        return wrong(("openapi",), 'must be a text such as "3.1.1": put it in quotes, with all three numbers')
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(?:-.+)?", version):
        return wrong(("openapi",), f'must be a version such as "3.1.1", not {shown(version)}')
    return None


def _document(value: Table) -> OpenApi | None:
    """What the checks need to know; None for a version that nobody has written yet."""
    if "swagger" in value:
        return OpenApi(value, 2, 0, OPENAPI_2)
    found = re.match(r"3\.([0-9]{1,3})", str(value.get("openapi", "")))
    if found is None:
        return None
    if int(found[1]) == 0:
        return OpenApi(value, 3, 0, OPENAPI_3_0)
    dialect = value.get("jsonSchemaDialect")
    return OpenApi(value, 3, int(found[1]), dialect_of({"$schema": dialect}, ANY) if dialect else OPENAPI_3_1)


def _info(value: Table) -> Iterator[Complaint]:
    info = value.get("info")
    if not isinstance(info, dict):
        yield wrong(("info",) if "info" in value else (), "needs info with a title and a version")
        return
    for name in ("title", "version"):
        if name not in info:
            yield wrong(("info",), f"info needs a {name}")
        elif not isinstance(info[name], str):
            yield wrong(("info", name), f"must be a text, not {kind_of(info[name])}: put it in quotes", "warning")


def _lists(document: OpenApi) -> Iterator[Complaint]:
    """Servers need a URL; a tag's name stands once (Server Object, OpenAPI Object)."""
    for name, needed in (("servers", "url"), ("tags", "name")):
        listed = document.root.get(name, [])
        if not isinstance(listed, list):
            yield wrong((name,), f"must be a list, not {kind_of(listed)}")
            continue
        seen: set[str] = set()
        for index, each in enumerate(listed):
            key = each.get(needed) if isinstance(each, dict) else None
            if not isinstance(key, str):
                yield wrong((name, index), f"needs a {needed}")
            elif name == "tags" and key in seen:
                yield wrong((name, index), f"the tag {shown(key)} stands there already")
            else:
                seen.add(key)


def _paths(document: OpenApi) -> Iterator[Complaint]:
    root = document.root
    paths = root.get("paths")
    if paths is None:
        if document.strict_responses:
            yield wrong((), "needs paths")
        elif not {"components", "webhooks"} & root.keys():
            yield wrong((), "needs paths, components or webhooks")
    elif not isinstance(paths, dict):
        yield wrong(("paths",), f"must be an object, not {kind_of(paths)}")
    seen: dict[str, Pointer] = {}
    if isinstance(paths, dict):
        yield from _path_names(paths)
        for path, item in paths.items():
            if not path.startswith("x-") and path != "$ref":
                yield from _path_item(item, ("paths", path), document, seen, path)
    hooks = root.get("webhooks")
    for name, item in hooks.items() if isinstance(hooks, dict) else ():
        yield from _path_item(item, ("webhooks", name), document, seen, None)


def _path_names(paths: Table) -> Iterator[Complaint]:
    shapes: dict[str, str] = {}
    for path in paths:
        if path.startswith("x-") or path == "$ref":
            continue
        if not path.startswith("/"):
            yield wrong(("paths", path), "a path must begin with /")
        shape = re.sub(r"\{[^{}/]*\}", "{}", path)
        if (first := shapes.setdefault(shape, path)) != path:
            yield wrong(("paths", path), f"is the same path as {shown(first)}", "warning")


def _path_item(
    item: object, at: Pointer, document: OpenApi, seen: dict[str, Pointer], path: str | None
) -> Iterator[Complaint]:
    if not isinstance(item, dict):
        yield wrong(at, f"must be an object, not {kind_of(item)}")
        return
    shared = item.get("parameters", [])
    yield from parameters_complaints(shared, (*at, "parameters"), document)
    for method in _METHODS:
        if method in item:
            yield from _operation(item[method], (*at, method), document, seen)
            if path is not None and "$ref" not in item:
                yield from _path_parameters(path, [shared, get(item[method], "parameters")], (*at, method), document)


def _path_parameters(path: str, lists: list[object], at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """Each name in braces must be a path parameter and each path parameter a name in braces (Paths Object)."""
    defined: set[str] = set()
    for each in (parameter for some in lists if isinstance(some, list) for parameter in some):
        parameter = resolved(each, document)
        if parameter is None:
            return  # it stands elsewhere, or is complained of already
        if parameter.get("in") == "path" and isinstance(parameter.get("name"), str):
            defined.add(str(parameter["name"]))
    wanted = {name.strip("+*") for name in re.findall(r"\{([^{}]*)\}", path.partition("?")[0])}  # AWS writes {proxy+}
    for name in sorted(wanted - defined):
        yield wrong(at, f"the path has {{{name}}}, but no path parameter {shown(name)} is defined")
    for name in sorted(defined - wanted):
        yield wrong(at, f"the path parameter {shown(name)} does not stand in the path as {{{name}}}")


def _operation(operation: object, at: Pointer, document: OpenApi, seen: dict[str, Pointer]) -> Iterator[Complaint]:
    if not isinstance(operation, dict):
        yield wrong(at, f"must be an object, not {kind_of(operation)}")
        return
    name = operation.get("operationId")
    if name is not None and not isinstance(name, str):
        yield wrong((*at, "operationId"), f"must be a text, not {kind_of(name)}")
    elif name is not None and (first := seen.setdefault(name, at)) != at:
        yield wrong((*at, "operationId"), f"{shown(name)} is taken by {str(first[-1]).upper()} {first[1]}")
    yield from parameters_complaints(operation.get("parameters", []), (*at, "parameters"), document)
    yield from security_complaints(operation.get("security"), (*at, "security"), document)
    if "requestBody" in operation and document.version == 3:
        yield from request_body_complaints(operation["requestBody"], (*at, "requestBody"), document)
    if "responses" in operation:
        yield from responses_complaints(operation["responses"], (*at, "responses"), document)
    elif document.strict_responses:
        yield wrong(at, "needs responses")


def _components(document: OpenApi) -> Iterator[Complaint]:
    if document.version == 2:
        yield from _components_2(document)
        return
    components = document.root.get("components", {})
    if not isinstance(components, dict):
        yield wrong(("components",), f"must be an object, not {kind_of(components)}")
        return
    for section, judge in _SECTIONS.items():
        named = components.get(section, {})
        if not isinstance(named, dict):
            yield wrong(("components", section), f"must be an object, not {kind_of(named)}")
            continue
        for name, each in named.items():
            at = ("components", section, name)
            if not re.fullmatch(_NAME, name):
                yield wrong(at, "a component's name is made of A-Z, a-z, 0-9, '.', '-' and '_'")
            yield from judge(each, at, document)


def _components_2(document: OpenApi) -> Iterator[Complaint]:
    for section, judge in _SECTIONS_2.items():
        named = document.root.get(section, {})
        if not isinstance(named, dict):
            yield wrong((section,), f"must be an object, not {kind_of(named)}")
            continue
        for name, each in named.items():
            yield from judge(each, (section, name), document)


def _component_schema(value: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    yield from schema_complaints(value, at, document.dialect)


def _component_parameter(value: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    if not isinstance(value, dict):
        yield wrong(at, f"must be an object, not {kind_of(value)}")
    elif "$ref" not in value:
        yield from parameter_complaints(value, at, document)


_SECTIONS = {
    "schemas": _component_schema,
    "parameters": _component_parameter,
    "responses": response_complaints,
    "requestBodies": request_body_complaints,
    "securitySchemes": security_scheme_complaints,
}
_SECTIONS_2 = {
    "definitions": _component_schema,
    "parameters": _component_parameter,
    "responses": response_complaints,
    "securityDefinitions": security_scheme_complaints,
}
