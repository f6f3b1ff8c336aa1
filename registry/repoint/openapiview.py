"""Swagger 2.0 and OpenAPI 3.x documents as one list of operations, each with all that applies to it.

What a path item or the whole document says for its operations is handed down (parameters, security, servers), what
Swagger says in its own way (body and form parameters, ``consumes``, ``host`` and ``basePath``) is put in the words of
OpenAPI 3, and defaults that may be left out are filled in, so that only meaning is left to compare.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from repoint.jsonviews import MISSING, mapping, sequence, strings, text
from repoint.schemashape import Shapes
from repoint.schemawords import ref_name

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
MAX_REFS = 20
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}
"""OpenAPI 3.1.1, Parameter Object: definitions of these header parameters shall be ignored."""
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_PARAMETER_KEYS = {
    "name", "in", "description", "required", "deprecated", "allowEmptyValue", "style", "explode", "allowReserved",
    "schema", "content", "example", "examples", "collectionFormat",
}  # fmt: skip
_TEMPLATE = re.compile(r"\{[^{}]*\}")


class Parameter(NamedTuple):
    """One parameter of an operation, or one header of a response."""

    name: str
    place: str
    required: bool
    schema: object
    serialization: tuple[object, ...]
    description: str | None
    deprecated: bool
    examples: object
    extra: dict[str, object]
    component: str | None = None


class Body(NamedTuple):
    """A request body or the content of a response: its schema by media type."""

    required: bool
    media: dict[str, object]
    description: str | None
    encoding: dict[str, object]
    component: str | None = None


class Response(NamedTuple):
    """One announced answer."""

    body: Body
    headers: dict[str, Parameter]
    links: object
    component: str | None = None


class Operation(NamedTuple):
    """One operation with all that applies to it. ``inherits_security``: it says nothing of its own."""

    label: str
    method: str
    path: str
    raw: dict[str, object]
    parameters: dict[tuple[str, str], Parameter]
    body: Body | None
    responses: dict[str, Response]
    security: list[object] | None
    inherits_security: bool
    servers: object
    callbacks: dict[str, object]

    @property
    def key(self) -> str:
        """Equal for the same endpoint, whatever its path parameters are called."""
        return f"{self.method} {_TEMPLATE.sub('{}', self.path)}"


class Document:
    """One document, read."""

    def __init__(self, root: dict[str, object]) -> None:
        self.root = root
        self.shapes = Shapes(root)
        self.is_swagger = "swagger" in root
        self.version = text(root.get("swagger" if self.is_swagger else "openapi")) or ""
        components = mapping(root.get("components"))
        self.schemas = mapping(root.get("definitions") if self.is_swagger else components.get("schemas"))
        self.security_schemes = {
            name: self.follow(each)
            for name, each in mapping(
                root.get("securityDefinitions") if self.is_swagger else components.get("securitySchemes")
            ).items()
        }

    def follow(self, value: object) -> dict[str, object]:
        """The object that is meant, references followed; what stands beside a reference goes before."""
        found = mapping(value)
        for _ in range(MAX_REFS):
            ref = text(found.get("$ref"))
            if ref is None:
                return found
            target = self.shapes.target(ref)
            if target is MISSING:
                return found
            found = {**mapping(target), **{key: each for key, each in found.items() if key != "$ref"}}
        return {}

    def operations(self) -> dict[str, Operation]:
        """All operations by method and path, in the order of the document."""
        found = {}
        for path, item in mapping(self.root.get("paths")).items():
            found.update(self._item(path, item, path))
        return found

    def webhooks(self) -> dict[str, Operation]:
        """What the other side calls (OpenAPI 3.1)."""
        found = {}
        for name, item in mapping(self.root.get("webhooks")).items():
            found.update(self._item(name, item, f"webhook {name}"))
        return found

    def callbacks(self, operation: Operation) -> dict[str, Operation]:
        """What the other side calls in the course of an operation."""
        found = {}
        for name, callback in operation.callbacks.items():
            for path, item in self.follow(callback).items():
                found.update(self._item(f"{name} {path}", item, f"{operation.label}: callback {name}"))
        return found

    def _item(self, path: str, item: object, label: str) -> dict[str, Operation]:
        followed = self.follow(item)
        found = {}
        for method in METHODS:
            raw = mapping(followed.get(method))
            if method in followed:
                made = self._operation(path, method.upper(), followed, raw, label)
                found[f"{made.method} {path}"] = made
        return found

    def _operation(
        self, path: str, method: str, item: dict[str, object], raw: dict[str, object], label: str
    ) -> Operation:
        written = sequence(item.get("parameters")) + sequence(raw.get("parameters"))
        listed = [self.follow(each) for each in written]
        security = raw.get("security", self.root.get("security"))
        return Operation(
            label=label if label.startswith("webhook ") or ": " in label else f"{method} {label}",
            method=method,
            path=path,
            raw=raw,
            parameters=self._parameters(path, listed, list(map(_component, written))),
            body=self._swagger_body(raw, listed) if self.is_swagger else self._body(raw.get("requestBody")),
            responses={str(code): self._response(each, raw) for code, each in mapping(raw.get("responses")).items()
                       if not str(code).startswith("x-")},
            security=None if security is None else sequence(security),
            inherits_security="security" not in raw,
            servers=raw.get("servers", item.get("servers")),
            callbacks=mapping(raw.get("callbacks")),
        )  # fmt: skip

    def _parameters(
        self, path: str, listed: list[dict[str, object]], components: list[str | None]
    ) -> dict[tuple[str, str], Parameter]:
        places = {name[1:-1]: str(index) for index, name in enumerate(_TEMPLATE.findall(path))}
        found = {}
        for raw, component in zip(listed, components, strict=True):
            name, place = text(raw.get("name")), text(raw.get("in"))
            if name is None or place in (None, "body", "formData"):
                continue
            if place == "header" and name.lower() in _IGNORED_HEADERS:
                continue
            key = places.get(name, name) if place == "path" else name.lower() if place == "header" else name
            found[(str(place), key)] = self._parameter(name, str(place), raw)._replace(component=component)
        return found

    def _parameter(self, name: str, place: str, raw: dict[str, object]) -> Parameter:
        content = mapping(raw.get("content"))
        schema = raw.get("schema", mapping(next(iter(content.values()), None)).get("schema", {}))
        if self.is_swagger:
            schema = _swagger_schema(raw)
        extra = {key: each for key, each in raw.items() if key not in _PARAMETER_KEYS}
        return Parameter(
            name=name,
            place=place,
            required=raw.get("required") is True or place == "path",
            schema=schema,
            serialization=_serialization(place, raw, self.is_swagger, sorted(content)),
            description=text(raw.get("description")),
            deprecated=raw.get("deprecated") is True,
            examples=raw.get("examples", raw.get("example")),
            extra={} if self.is_swagger else extra,
        )

    def _body(self, raw: object) -> Body | None:
        if raw is None:
            return None
        body = self.follow(raw)
        made = _content(body.get("content"), body.get("required") is True, text(body.get("description")))
        return made._replace(component=_component(raw))

    def _swagger_body(self, raw: dict[str, object], listed: list[dict[str, object]]) -> Body | None:
        whole = [each for each in listed if each.get("in") == "body"]
        form = [each for each in listed if each.get("in") == "formData"]
        if whole:
            schema, required = whole[0].get("schema", {}), whole[0].get("required") is True
            types, description = self._types(raw, "consumes"), text(whole[0].get("description"))
        elif form:
            names = [name for each in form if each.get("required") is True and (name := text(each.get("name")))]
            schema, required, description = _form_schema(form, names), bool(names), None
            types = [each for each in self._types(raw, "consumes") if "form" in each] or _form_types(form)
        else:
            return None
        return Body(required, dict.fromkeys(types, schema), description, {})

    def _types(self, raw: dict[str, object], key: str) -> list[str]:
        return [media_type(each) for each in strings(raw.get(key, self.root.get(key)))] or ["application/json"]

    def _response(self, value: object, operation: dict[str, object]) -> Response:
        raw = self.follow(value)
        description = text(raw.get("description"))
        if self.is_swagger:
            types = self._types(operation, "produces") if "schema" in raw else []
            body = Body(False, dict.fromkeys(types, raw.get("schema")), description, {})
        else:
            body = _content(raw.get("content"), False, description)
        headers = {
            name.lower(): self._parameter(name, "header", self.follow(each))
            for name, each in mapping(raw.get("headers")).items()
            if name.lower() != "content-type"
        }
        return Response(body, headers, raw.get("links"), _component(value))

    def server_urls(self) -> list[str]:
        """The addresses that paths are appended to; none where the document says nothing."""
        if not self.is_swagger:
            return _urls(self.root.get("servers"))
        host, base = text(self.root.get("host")), text(self.root.get("basePath")) or ""
        if host is None:
            return [base] if base else []
        return [f"{scheme}://{host}{base}" for scheme in strings(self.root.get("schemes")) or ["https"]]


def _component(value: object) -> str | None:
    """The name of the shared part that a reference means; None for what is written in place."""
    ref = text(mapping(value).get("$ref"))
    return ref and ref_name(ref)


def _urls(servers: object) -> list[str]:
    return [url for each in sequence(servers) if (url := text(mapping(each).get("url")))]


def base_path(url: str) -> str:
    """The path that an address begins with, without host and closing slash."""
    try:
        return urlsplit(_TEMPLATE.sub("x", url)).path.rstrip("/")
    except ValueError:
        return url


def media_type(name: str) -> str:
    """A media type without its parameters, in lower case."""
    return name.partition(";")[0].strip().lower()


def _content(content: object, required: bool, description: str | None) -> Body:
    media, encoding = {}, {}
    for name, value in mapping(content).items():
        inner = mapping(value)
        media[media_type(name)] = inner.get("schema", {})
        if "encoding" in inner:
            encoding[media_type(name)] = inner["encoding"]
    return Body(required, media, description, encoding)


def _swagger_schema(raw: dict[str, object]) -> dict[str, object]:
    """The schema that a Swagger parameter or header is at the same time."""
    return {key: each for key, each in raw.items() if key not in _PARAMETER_KEYS}


def _form_schema(form: list[dict[str, object]], required: list[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for each in form:
        field = {**_swagger_schema(each), **{key: each[key] for key in ("description",) if key in each}}
        if each.get("type") == "file":
            field |= {"type": "string", "format": "binary"}
        fields[str(each.get("name"))] = field
    return {"type": "object", "properties": fields, "required": required}


def _form_types(form: list[dict[str, object]]) -> list[str]:
    files = any(each.get("type") == "file" for each in form)
    return ["multipart/form-data" if files else "application/x-www-form-urlencoded"]


def _serialization(place: str, raw: dict[str, object], swagger: bool, content: list[str]) -> tuple[object, ...]:
    """How a value is written, defaults filled in."""
    if content:
        return ("content", *content)
    if swagger:
        written = raw.get("collectionFormat", "csv") if raw.get("type") == "array" else "csv"
        own = _STYLES.get(place, "form")
        known = {"multi": ("form", True), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False)}
        plain = raw.get("type") != "array" and own == "form"
        return (*known.get(str(written), (own, plain)), False)
    style = raw.get("style") or _STYLES.get(place, "form")
    explode = raw["explode"] is True if isinstance(raw.get("explode"), bool) else style == "form"
    return (style, explode, raw.get("allowReserved") is True, raw.get("allowEmptyValue") is True)
