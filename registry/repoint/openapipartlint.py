"""Whether the parts of an OpenAPI document that stand in many places are right: parameters, bodies, answers, security.

By the Objects of those names in OpenAPI 3.0.4, 3.1.1 and 2.0; see ``openapilint`` for what is an error and what is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from repoint.findings import Severity
from repoint.schemalint import Dialect, kind_of, schema_complaints
from repoint.specproblem import Complaint, Pointer, shown

_STATUS = r"default|[1-5](?:[0-9]{2}|XX)"
_PLACES = {
    2: ("query", "header", "path", "formData", "body"),
    3: ("query", "header", "path", "cookie", "querystring"),
}
_SECURITY = {
    "apiKey": ("name", "in"),
    "http": ("scheme",),
    "oauth2": ("flows",),
    "openIdConnect": ("openIdConnectUrl",),
    "mutualTLS": (),
}
_SECURITY_2 = {"basic": (), "apiKey": ("name", "in"), "oauth2": ("flow",)}

Table = dict[str, object]


class OpenApi(msgspec.Struct, frozen=True):
    """A document, and what its version means for the checks."""

    root: Table
    version: int  # 2 or 3
    minor: int
    dialect: Dialect

    @property
    def strict_responses(self) -> bool:
        """Whether an operation needs responses, and a response its description."""
        return self.version == 2 or self.minor < 1


def wrong(at: Pointer, message: str, severity: Severity = "error") -> Complaint:
    """A breach of the specification."""
    return Complaint("spec-invalid", at, message, severity)


def get(value: object, key: str) -> object:
    """What an object has under a key; an empty list where it has nothing."""
    return value.get(key, []) if isinstance(value, dict) else []


def resolved(value: object, document: OpenApi) -> Table | None:
    """The object, or the one that its local reference names; None where it is somewhere else."""
    for _ in range(8):
        if not isinstance(value, dict):
            return None
        target = value.get("$ref")
        if target is None:
            return value
        if not isinstance(target, str) or not target.startswith("#/"):
            return None
        value = _at(document.root, target)
    return None


def _at(root: object, target: str) -> object:
    for step in target[2:].split("/"):
        root = get(root, step.replace("~1", "/").replace("~0", "~"))
    return root


def parameters_complaints(parameters: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """A list of parameters: each whole, and none there twice."""
    if not isinstance(parameters, list):
        yield wrong(at, f"must be a list, not {kind_of(parameters)}")
        return
    seen: set[tuple[object, object]] = set()
    for index, each in enumerate(parameters):
        if not isinstance(each, dict):
            yield wrong((*at, index), f"must be an object, not {kind_of(each)}")
        elif "$ref" not in each:
            yield from parameter_complaints(each, (*at, index), document)
            key = (each.get("name"), each.get("in"))
            if isinstance(key[0], str) and isinstance(key[1], str):
                if key in seen:
                    yield wrong((*at, index), f"the {key[1]} parameter {shown(key[0])} stands there already")
                seen.add(key)


def parameter_complaints(parameter: Table, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """One parameter."""
    name, place = parameter.get("name"), parameter.get("in")
    if not isinstance(name, str):
        yield wrong(at, "a parameter needs a name")
        return
    if place not in _PLACES[document.version]:
        places = ", ".join(_PLACES[document.version][:-1] if document.version == 3 else _PLACES[2])
        yield wrong(at, f"the parameter {shown(name)} must say where it goes: in must be one of {places}")
        return
    if place == "path" and parameter.get("required") is not True:
        yield wrong(at, f"the path parameter {shown(name)} must have required: true")
    if document.version == 2:
        yield from _parameter_2(parameter, at, name)
        if place == "body":
            yield from _schemas(parameter, at, document)
        return
    if ("schema" in parameter) == ("content" in parameter):
        yield wrong(at, f"the parameter {shown(name)} must have either schema or content")
    yield from _schemas(parameter, at, document)
    yield from _content(parameter, at, document)


def _parameter_2(parameter: Table, at: Pointer, name: str) -> Iterator[Complaint]:
    needed = "schema" if parameter["in"] == "body" else "type"
    if needed not in parameter:
        yield wrong(at, f"the {parameter['in']} parameter {shown(name)} needs a {needed}")
    if parameter.get("type") == "array" and "items" not in parameter:
        yield wrong(at, f"the parameter {shown(name)} is an array and needs items")


def _schemas(holder: Table, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    if "schema" in holder:
        yield from schema_complaints(holder["schema"], (*at, "schema"), document.dialect)


def _content(holder: Table, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    content = holder.get("content", {})
    if not isinstance(content, dict):
        yield wrong((*at, "content"), f"must be an object by media type, not {kind_of(content)}")
        return
    for media, each in content.items():
        if not isinstance(each, dict):
            yield wrong((*at, "content", media), f"must be an object, not {kind_of(each)}")
        else:
            yield from _schemas(each, (*at, "content", media), document)


def request_body_complaints(body: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """A request body, or a reference to one."""
    if not isinstance(body, dict):
        yield wrong(at, f"must be an object, not {kind_of(body)}")
    elif "$ref" not in body:
        if "content" not in body:
            yield wrong(at, "a request body needs content")
        yield from _content(body, at, document)


def responses_complaints(responses: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """The responses of an operation, by status code."""
    if not isinstance(responses, dict):
        yield wrong(at, f"must be an object by status code, not {kind_of(responses)}")
        return
    codes = [code for code in responses if not code.startswith("x-")]
    if not codes:
        yield wrong(at, "needs at least one response")
    for code in codes:
        if not re.fullmatch(_STATUS, code) and code != "$ref":
            yield wrong((*at, code), "is no status code; write 200, 4XX or default")
        elif code != "$ref":
            yield from response_complaints(responses[code], (*at, code), document)


def response_complaints(response: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """A response, or a reference to one."""
    if not isinstance(response, dict):
        yield wrong(at, f"must be an object, not {kind_of(response)}")
    elif "$ref" not in response:
        if "description" not in response and document.minor < 2:
            yield wrong(at, "a response needs a description")
        if document.version == 2:
            yield from _schemas(response, at, document)
        else:
            yield from _content(response, at, document)
        headers = response.get("headers", {})
        for name, header in headers.items() if isinstance(headers, dict) and document.version == 3 else ():
            if isinstance(header, dict):
                yield from _schemas(header, (*at, "headers", name), document)


def security_scheme_complaints(value: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """A security scheme, or a reference to one."""
    if not isinstance(value, dict):
        yield wrong(at, f"must be an object, not {kind_of(value)}")
        return
    if "$ref" in value:
        return
    kinds = _SECURITY if document.version == 3 else _SECURITY_2
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        yield wrong(at, f"a security scheme's type must be one of {', '.join(kinds)}")
        return
    for needed in kinds[kind]:
        if needed not in value:
            yield wrong(at, f"a security scheme of type {kind} needs {needed}")


def security_complaints(requirements: object, at: Pointer, document: OpenApi) -> Iterator[Complaint]:
    """Each name must be that of a security scheme (Security Requirement Object); 3.2 also allows a URI."""
    if requirements is None:
        return
    if not isinstance(requirements, list):
        yield wrong(at, f"must be a list, not {kind_of(requirements)}")
        return
    root = document.root
    schemes = (
        root.get("securityDefinitions") if document.version == 2 else get(root.get("components"), "securitySchemes")
    )
    known = schemes if isinstance(schemes, dict) else {}
    for index, each in enumerate(requirements):
        for name in each if isinstance(each, dict) else ():
            if name not in known and document.minor < 2:
                yield wrong((*at, index), f"no security scheme is called {shown(str(name))}")
