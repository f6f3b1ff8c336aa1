"""Tool lists and function specifications, in whatever shape a provider wants them, as one list of tools.

Shapes that are read: the Model Context Protocol's ``tools/list`` result, OpenAI's Chat Completions and Responses,
Anthropic's ``input_schema``, Gemini's ``functionDeclarations``, Bedrock's ``toolSpec``, a list of any of them, and one
of them alone.
"""

from __future__ import annotations

from typing import NamedTuple

from repoint.jsonviews import mapping, sequence, text

_INPUTS = ("inputSchema", "input_schema", "parameters", "parametersJsonSchema")
_OUTPUTS = ("outputSchema", "output_schema", "response", "responseJsonSchema")
_LISTS = ("tools", "functions", "functionDeclarations", "function_declarations")
_METADATA = ("title", "icons", "_meta", "cache_control")
_READ = {
    *_INPUTS, *_OUTPUTS, *_METADATA, "name", "description", "annotations", "strict", "type", "function", "toolSpec",
    "input_examples", "custom",
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
        return bool(value) and all(_is_tool(each) for each in value)
    found = _unwrapped(mapping(value))
    return _is_tool(found) or any(
        isinstance(found.get(key), list) and all(_is_tool(each) for each in sequence(found[key])) for key in _LISTS
    )


def read_tools(value: object) -> ToolList:
    """The tools of a document; of two of one name the second counts, as it does for most clients."""
    if isinstance(value, list):
        return ToolList(_by_name(value), {})
    document = _unwrapped(mapping(value))
    if _is_tool(document) and not any(isinstance(document.get(key), list) for key in _LISTS):
        return ToolList(_by_name([document]), {})
    listed = [each for key in _LISTS for each in sequence(document.get(key))]
    return ToolList(_by_name(listed), {key: each for key, each in document.items() if key not in _LISTS})


def _unwrapped(value: dict[str, object]) -> dict[str, object]:
    """A JSON-RPC answer holds the list as its result."""
    result = value.get("result")
    return result if isinstance(result, dict) and "jsonrpc" in value else value


def _is_tool(value: object) -> bool:
    raw = mapping(value)
    if "properties" in raw or "$schema" in raw:
        return False
    if isinstance(raw.get("function"), dict) and raw.get("type", "function") == "function":
        return "name" in mapping(raw["function"])
    if isinstance(raw.get("toolSpec"), dict) or any(isinstance(raw.get(key), list) for key in _LISTS[2:]):
        return True
    named = isinstance(raw.get("name"), str)
    if named and any(isinstance(raw.get(key), dict) for key in _INPUTS):
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
    for raw in values:
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
    inputs = next((body[key] for key in _INPUTS if key in body), None)
    if form == "bedrock":
        inputs = mapping(inputs).get("json", inputs)
    return Tool(
        name=text(body.get("name")) or kind,
        form=form,
        kind=kind,
        description=text(body.get("description")),
        inputs={"type": "object"} if inputs is None else inputs,
        output=next((body[key] for key in _OUTPUTS if key in body), None),
        strict=body.get("strict") is True or raw.get("strict") is True,
        annotations=mapping(body.get("annotations")),
        examples=body.get("input_examples"),
        metadata={key: body[key] for key in _METADATA if key in body},
        settings={key: each for key, each in body.items() if key not in _READ},
    )


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
