"""Tool lists and function specifications, in whatever shape a provider wants them, as one list of tools.

Shapes that are read: the Model Context Protocol's ``tools/list`` result, OpenAI's Chat Completions and Responses,
Anthropic's ``input_schema``, Gemini's ``functionDeclarations``, Bedrock's ``toolSpec`` and ``toolConfig``, LangChain's
``args`` and ``args_schema``, LlamaIndex's ``fn_schema``, the ``inputs`` of smolagents, Cohere's
``parameter_definitions``, a list of any of them, tools by their names, and one of them alone. Parameters may be a JSON
Schema, a table by name, or a list of named ones.
"""

from __future__ import annotations

from typing import NamedTuple

from repoint.jsonviews import mapping, sequence, text

_INPUTS = (
    "inputSchema", "input_schema", "parameters", "parametersJsonSchema", "args_schema", "fn_schema", "args",
    "parameter_definitions",
)  # fmt: skip
_SCHEMA_WORDS = {"type", "properties", "$ref", "$schema", "allOf", "anyOf", "oneOf", "required", "enum", "json"}
_OUTPUTS = ("outputSchema", "output_schema", "response", "responseJsonSchema", "returns", "output_type")
_LISTS = ("tools", "functions", "functionDeclarations", "function_declarations")
_METADATA = ("title", "icons", "_meta", "cache_control")
_READ = {
    *_INPUTS, *_OUTPUTS, *_METADATA, "inputs", "name", "description", "annotations", "strict", "type", "function",
    "toolSpec", "input_examples", "custom",
}  # fmt: skip
HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
"""What an annotation means where it is left out (Model Context Protocol, ToolAnnotations)."""


class Tool(NamedTuple):
    """One tool. ``kind`` is ``function``, or the provider's name of a tool of its own (``web_search_20250305``)."""

    name: str
    form: str
    kind: str
    description: str | None
    inputs: object
    output: object
    strict: bool
    annotations: dict[str, object]
    examples: object
    metadata: dict[str, object]
    settings: dict[str, object]


class ToolList(NamedTuple):
    """The tools of a document by name, in their order, and what else the document says."""

    tools: dict[str, Tool]
    rest: dict[str, object]


def looks_like_tools(value: object) -> bool:
    """Whether this is a list of tools, or one tool."""
    if isinstance(value, list):
        return bool(value) and (all(map(_is_tool, value)) or all(map(_is_described, value)))
    found = _unwrapped(mapping(value))
    if _is_tool(found) or _tools_by_name(found) is not None:
        return True
    return any(
        isinstance(found.get(key), list) and all(_is_tool(each) or _is_bare(each) for each in sequence(found[key]))
        for key in _LISTS
    )


def read_tools(value: object) -> ToolList:
    """The tools of a document; of two of one name the second counts, as it does for most clients."""
    if isinstance(value, list):
        return ToolList(_by_name(value), {})
    document = _unwrapped(mapping(value))
    if _is_tool(document) and not any(isinstance(document.get(key), list) for key in _LISTS):
        return ToolList(_by_name([document]), {})
    named = _tools_by_name(document)
    if named is not None:
        return ToolList(_by_name(named), {})
    listed = [each for key in _LISTS for each in sequence(document.get(key))]
    return ToolList(_by_name(listed), {key: each for key, each in document.items() if key not in _LISTS})


def _unwrapped(value: dict[str, object]) -> dict[str, object]:
    """A JSON-RPC answer holds the list as its result, a request to Bedrock as its ``toolConfig``, others by name."""
    result = value.get("result")
    if isinstance(result, dict) and "jsonrpc" in value:
        value = result
    inside = value.get("toolConfig", value.get("tools"))
    if not isinstance(inside, dict) or ("toolConfig" not in value and _tools_by_name(inside) is None):
        return value
    rest = {key: each for key, each in value.items() if key not in ("toolConfig", "tools")}
    return {**rest, **inside} if "toolConfig" in value else {**rest, "tools": _tools_by_name(inside)}


def _tools_by_name(value: dict[str, object]) -> list[object] | None:
    """The tools of a table whose keys are their names; None where it is no such table."""
    if not value or "name" in value or "openapi" in value or "swagger" in value:
        return None
    found: list[object] = []
    for name, each in value.items():
        raw = mapping(each)
        if not any(isinstance(raw.get(key), dict | list) for key in _INPUTS) or not _is_tool({"name": name, **raw}):
            return None
        found.append({"name": name, **raw})
    return found


def _is_bare(value: object) -> bool:
    """Whether this is what remains of a tool in a list of them: its name, or a name with a description."""
    return isinstance(value, str) or (isinstance(mapping(value).get("name"), str) and "description" in mapping(value))


def _is_described(value: object) -> bool:
    """Whether a name and a description are all that is said, as where parameters are left out."""
    return _is_bare(value) and mapping(value).keys() == {"name", "description"}


def _is_tool(value: object) -> bool:
    raw = mapping(value)
    if "properties" in raw or "$schema" in raw:
        return False
    if isinstance(raw.get("function"), dict) and raw.get("type", "function") == "function":
        return "name" in mapping(raw["function"])
    if isinstance(raw.get("toolSpec"), dict) or any(isinstance(raw.get(key), list) for key in _LISTS[2:]):
        return True
    named = isinstance(raw.get("name"), str)
    if named and isinstance(raw.get("inputs"), dict) and "output_type" in raw:
        return True
    if named and any(isinstance(raw.get(key), dict) or _are_named(raw.get(key)) for key in _INPUTS):
        return True
    if named and raw.get("type") in ("function", "custom"):
        return True
    return isinstance(raw.get("type"), str) and "_" in str(raw["type"]) and set(raw) <= _BUILT_IN


_BUILT_IN = {
    "type", "name", "max_uses", "allowed_domains", "blocked_domains", "user_location", "cache_control", "container",
    "server_label", "server_url", "allowed_tools", "require_approval", "vector_store_ids", "search_context_size",
    "display_width_px", "display_height_px", "display_number", "max_characters",
}  # fmt: skip


def _by_name(values: list[object]) -> dict[str, Tool]:
    found = {}
    for value in values:
        raw: object = {"name": value} if isinstance(value, str) else value
        inner = [each for key in _LISTS[2:] for each in sequence(mapping(raw).get(key))]
        for each in inner or [raw]:
            tool = _tool(mapping(each))
            found[tool.name] = tool
    return found


def _tool(raw: dict[str, object]) -> Tool:
    form, body = _form(raw)
    kind = text(body.get("type")) or "function"
    if kind in ("custom", "object") or form == "chat":
        kind = "function"
    key = next((key for key in (*_INPUTS, "inputs") if key in body), "")
    inputs = body.get(key)
    if form == "bedrock":
        inputs = mapping(inputs).get("json", inputs)
    inputs = _as_schema(inputs, all_required=key == "args")
    return Tool(
        name=text(body.get("name")) or kind,
        form=form,
        kind=kind,
        description=text(body.get("description")),
        inputs={"type": "object"} if inputs is None else inputs,
        output=_as_output(next((body[key] for key in _OUTPUTS if key in body), None)),
        strict=body.get("strict") is True or raw.get("strict") is True,
        annotations=mapping(body.get("annotations")),
        examples=body.get("input_examples"),
        metadata={key: body[key] for key in _METADATA if key in body},
        settings={key: each for key, each in body.items() if key not in _READ},
    )


def _are_named(value: object) -> bool:
    """Whether this is a list of parameters, each with a name, as some frameworks write them."""
    return isinstance(value, list) and bool(value) and all(isinstance(mapping(each).get("name"), str) for each in value)


def _as_schema(inputs: object, *, all_required: bool) -> object:
    """Parameters as a JSON Schema, also where they are a list, or a table by name that says ``required`` of each.

    With ``all_required`` those without a default are required (LangChain, ``BaseTool.args``).
    """
    if _are_named(inputs):
        fields = {str(mapping(each)["name"]): mapping(each) for each in sequence(inputs)}
        fields = {name: {key: each[key] for key in each if key != "name"} for name, each in fields.items()}
    elif isinstance(inputs, dict) and inputs and not (_SCHEMA_WORDS & inputs.keys()) and _are_tables(inputs):
        fields = {name: mapping(each) for name, each in inputs.items()}
    else:
        return inputs
    needed = [
        name for name, each in fields.items() if each.get("required", all_required and "default" not in each) is True
    ]
    fields = {
        name: {key: each[key] for key in each if key != "required" or not isinstance(each[key], bool)}
        for name, each in fields.items()
    }
    return {"type": "object", "properties": fields, "required": needed}


def _as_output(output: object) -> object:
    """What a tool hands back as a JSON Schema, also where only its type is named (smolagents, ``output_type``)."""
    return {"type": output} if isinstance(output, str) else output


def _are_tables(inputs: dict[str, object]) -> bool:
    return all(isinstance(each, dict) and ("type" in each or "description" in each) for each in inputs.values())


def _form(raw: dict[str, object]) -> tuple[str, dict[str, object]]:
    if isinstance(raw.get("function"), dict):
        return "chat", mapping(raw["function"])
    if isinstance(raw.get("toolSpec"), dict):
        return "bedrock", mapping(raw["toolSpec"])
    if "inputSchema" in raw:
        return "MCP", raw
    if "input_schema" in raw:
        return "Anthropic", raw
    return "function", raw
