"""Whether tool definitions are such: MCP tool lists and functions in the shapes that model providers take.

Sources: Model Context Protocol, specification 2025-11-25, Server Features / Tools (a tool has a name, unique in its
server, and an ``inputSchema`` whose type is object; names of 1 to 128 letters, digits, ``_``, ``-`` and ``.`` are a
SHOULD); OpenAI API reference, Chat Completions and Responses, ``tools`` (name of at most 64 letters, digits, ``_`` and
``-``; without ``parameters`` a function takes none) and the Structured Outputs guide (``strict``); Anthropic Messages
API, ``tools`` (``input_schema`` of type object); Gemini API, FunctionDeclaration; Amazon Bedrock Converse, ToolSpec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from repoint.findings import Severity
from repoint.schemalint import ANY, dialect_of, kind_of, schema_complaints
from repoint.specproblem import Complaint, Pointer, shown

_MCP_NAME = r"[A-Za-z0-9_.-]{1,128}"
_NAME = r"[A-Za-z0-9_-]{1,64}"
_LOOSE_NAME = r"[A-Za-z0-9_.:-]{1,128}"
_NOT_TOOLS = frozenset((
    "mcpServers", "servers", "resources", "resourceTemplates", "prompts", "manifest_version", "dxt_version",
    "packages", "remotes", "serverInfo",
))  # fmt: skip
"""What shows that a document of an MCP server is no tool list: a client's configuration, an entry of a registry of
servers, or a server without tools."""

Table = dict[str, object]


class _Tool(msgspec.Struct, frozen=True):
    """One definition: ``schema_key`` leads from ``at`` to its schema, None where the shape has none."""

    at: Pointer
    value: Table
    schema_key: Pointer | None
    name_rule: str
    needs_schema: bool = False
    strict: bool = False


def mcp_complaints(value: object) -> Iterator[Complaint]:
    """Everything that makes the value no MCP tool list (bare, under ``tools``, or as the reply of ``tools/list``)."""
    listed, at = _listed(value, ("tools",))
    if listed is None and isinstance(value, dict) and {"name", "inputSchema"} <= value.keys():
        listed = [value]  # one tool alone
    if listed is None:
        if not isinstance(value, dict) or not _NOT_TOOLS & value.keys():
            yield _wrong((), 'is no MCP tool list: it must be {"tools": [...]}, the reply of tools/list')
        return
    if isinstance(value, dict) and {"manifest_version", "dxt_version"} & value.keys():
        return  # an MCP bundle's manifest lists names only
    tools = []
    for index, each in enumerate(listed):
        if isinstance(each, dict):
            tools.append(
                _Tool((*at, index) if each is not value else (), each, ("inputSchema",), _MCP_NAME, needs_schema=True)
            )
        else:
            yield _wrong((*at, index), f"a tool must be an object, not {kind_of(each)}")
    yield from _tools(tools, "MCP")
    for tool in tools:
        if "outputSchema" in tool.value:
            yield from _schema(tool.value["outputSchema"], (*tool.at, "outputSchema"), upper=False)


def function_complaints(value: object) -> Iterator[Complaint]:
    """Everything that makes the value no function: one, a list of them, or a JSON Schema of its arguments."""
    listed, at = _listed(value, ("tools", "functions"))
    if listed is None:
        if not isinstance(value, dict):
            yield _wrong((), f"must be an object, not {kind_of(value)}")
            return
        tools = list(_shapes(value, ()))
        if not tools and value.get("type") == "json_schema":
            yield from _response_format(value)
        elif not tools:
            yield from _schema(value, (), upper=False)
    else:
        tools = []
        for index, each in enumerate(listed):
            if isinstance(each, dict):
                tools += _shapes(each, (*at, index))
            else:
                yield _wrong((*at, index), f"a function must be an object, not {kind_of(each)}")
    yield from _tools(tools, "function")


def _response_format(value: Table) -> Iterator[Complaint]:
    """A format of answers (Structured Outputs): its schema stands under ``json_schema``, or beside the name."""
    inner, at = value.get("json_schema"), ("json_schema",)
    holder, way = (inner, at) if isinstance(inner, dict) else (value, ())
    if "schema" not in holder:
        yield _wrong(way, "needs schema")
        return
    yield from _schema(holder["schema"], (*way, "schema"), upper=False)
    if holder.get("strict") is True:
        yield from _strict(holder["schema"], (*way, "schema"))


def _wrong(at: Pointer, message: str, severity: Severity = "error") -> Complaint:
    return Complaint("spec-invalid", at, message, severity)


def _listed(value: object, keys: tuple[str, ...]) -> tuple[list[object] | None, Pointer]:
    if isinstance(value, list):
        return value, ()
    if isinstance(value, dict):
        result = value.get("result")
        if isinstance(result, dict) and isinstance(listed := result.get("tools"), list):
            return listed, ("result", "tools")
        for key in keys:
            if isinstance(listed := value.get(key), list):
                return listed, (key,)
    return None, ()


def _shapes(value: Table, at: Pointer) -> Iterator[_Tool]:
    """The definitions that an object holds, by the marks of each provider's shape; none for a bare JSON Schema."""
    inner = value.get("function")
    if isinstance(inner, dict):
        yield _Tool((*at, "function"), inner, ("parameters",), _NAME, strict=inner.get("strict") is True)
    elif isinstance(value.get("toolSpec"), dict):
        spec = value["toolSpec"]
        assert isinstance(spec, dict)
        yield _Tool((*at, "toolSpec"), spec, ("inputSchema", "json"), _NAME)
    elif isinstance(listed := value.get("functionDeclarations", value.get("function_declarations")), list):
        for index, each in enumerate(listed):
            if isinstance(each, dict):
                yield _Tool((*at, "functionDeclarations", index), each, ("parameters",), _LOOSE_NAME)
    elif "input_schema" in value:
        yield _Tool(at, value, ("input_schema",), _NAME.replace("64", "128"), needs_schema=True)
    elif "inputSchema" in value:
        yield _Tool(at, value, ("inputSchema",), _MCP_NAME)
    elif value.get("type") == "function" or "parameters" in value:
        yield _Tool(at, value, ("parameters",), _NAME, strict=value.get("strict") is True)


def _tools(tools: list[_Tool], what: str) -> Iterator[Complaint]:
    seen: set[str] = set()
    for tool in tools:
        name = tool.value.get("name")
        if not isinstance(name, str) or not name:
            yield _wrong(
                tool.at, f"a{'n' if what == 'MCP' else ''} {what}{' tool' if what == 'MCP' else ''} needs a name"
            )
        else:
            yield from _name(name, tool)
            if name in seen:
                yield _wrong((*tool.at, "name"), f"{shown(name)} is the name of another one already")
            seen.add(name)
        if not isinstance(tool.value.get("description", ""), str):
            yield _wrong((*tool.at, "description"), f"must be a text, not {kind_of(tool.value['description'])}")
        yield from _input(tool)


def _name(name: str, tool: _Tool) -> Iterator[Complaint]:
    if not re.fullmatch(tool.name_rule, name):
        most = "128" if "128" in tool.name_rule else "64"
        signs = {_MCP_NAME: "'_', '-' and '.'", _LOOSE_NAME: "'_', '-', '.' and ':'"}.get(tool.name_rule, "'_' and '-'")
        severity: Severity = "error" if tool.name_rule not in (_MCP_NAME, _LOOSE_NAME) else "warning"
        yield _wrong((*tool.at, "name"), f"{shown(name)}: a name is 1 to {most} letters, digits, {signs}", severity)


def _input(tool: _Tool) -> Iterator[Complaint]:
    schema: object = tool.value
    at = tool.at
    for step in tool.schema_key or ():
        if not isinstance(schema, dict) or step not in schema:
            if tool.needs_schema:
                yield _wrong(tool.at, f'needs {step}; {{"type": "object"}} for a tool without arguments')
            return
        schema, at = schema[step], (*at, step)
    if schema is None and not tool.needs_schema:
        return
    yield from _schema(schema, at, upper=tool.name_rule == _LOOSE_NAME)
    if tool.strict:
        yield from _strict(schema, at)


def _schema(schema: object, at: Pointer, *, upper: bool) -> Iterator[Complaint]:
    """A schema of arguments: an object's, since arguments have names. Gemini writes the types in capitals."""
    if not isinstance(schema, dict):
        yield _wrong(at, f"must be a JSON Schema, not {kind_of(schema)}")
        return
    dialect = dialect_of(schema, ANY)
    if upper:
        capitals = {each.upper() for each in dialect.types} | {"TYPE_UNSPECIFIED"}
        dialect = msgspec.structs.replace(dialect, types=dialect.types | capitals, counts_as_text=True)
    if at and not _is_object(schema):
        yield _wrong(at, 'must have "type": "object": a call passes its arguments by name')
    yield from schema_complaints(schema, at, dialect)
    yield from _required(schema, at)


def _is_object(schema: Table) -> bool:
    return str(schema.get("type", "")).lower() == "object" or bool({"$ref", "allOf", "anyOf", "oneOf"} & schema.keys())


def _required(schema: Table, at: Pointer) -> Iterator[Complaint]:
    """A required argument that is described nowhere: valid, but a slip more often than not."""
    properties, required = schema.get("properties"), schema.get("required")
    more = {"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas"} & schema.keys()
    if more or not isinstance(required, list) or not isinstance(properties, dict | None):
        return
    for name in required[:100]:
        if isinstance(name, str) and name not in (properties or {}):
            yield _wrong(
                (*at, "required"), f"{shown(name)} is required, but properties does not describe it", "warning"
            )


def _strict(schema: object, at: Pointer) -> Iterator[Complaint]:
    """What OpenAI refuses with ``strict``: an object that allows or leaves out properties (Structured Outputs)."""
    waiting: list[tuple[object, Pointer]] = [(schema, at)]
    while waiting:
        node, where = waiting.pop()
        if not isinstance(node, dict):
            continue
        properties = node.get("properties")
        if isinstance(properties, dict):
            waiting += [(each, (*where, "properties", name)) for name, each in properties.items()]
            required = node.get("required")
            named = {each for each in required if isinstance(each, str)} if isinstance(required, list) else set()
            left_out = [name for name in properties if name not in named]
            if left_out:
                yield _wrong(where, f"strict needs every property in required; {shown(left_out[0])} is not")
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            yield _wrong(where, 'strict needs "additionalProperties": false')
        waiting.append((node.get("items"), (*where, "items")))
