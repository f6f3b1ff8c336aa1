"""Inputs and outputs of prompts as JSON Schemas: Picoschema, Prompty's mappings and Prompty's lists of properties.

Picoschema as the Dotprompt reference describes it: ``name?(array, description): string``, ``(enum)``, ``(*)``.
"""

from __future__ import annotations

from repoint.jsonviews import mapping, sequence, text

MAX_PICO_DEPTH = 60
_SCALARS = {"string", "boolean", "null", "number", "integer", "any"}
_KINDS = {
    "str": "string", "int": "integer", "float": "number", "double": "number", "bool": "boolean", "list": "array",
    "dict": "object", "string": "string", "integer": "integer", "number": "number", "boolean": "boolean",
    "array": "array", "object": "object",
}  # fmt: skip
_OWN = {"sample", "example", "kind", "is_required", "required", "name", "properties", "items"}


def picoschema(value: object, depth: int = 0) -> object:
    """The JSON Schema that a Picoschema means; a JSON Schema means itself."""
    if depth > MAX_PICO_DEPTH:
        return {}
    if isinstance(value, str):
        return _pico_scalar(value)
    if not isinstance(value, dict):
        return {}
    if depth == 0 and _is_json_schema(value):
        return value if "type" in value else {**value, "type": "object"}
    return _pico_object(value, depth)


def _is_json_schema(value: dict[str, object]) -> bool:
    typed = value.get("type")
    return (isinstance(typed, str) and typed in _SCALARS | {"object", "array"}) or isinstance(
        value.get("properties"), dict
    )


def _pico_scalar(value: str) -> dict[str, object]:
    name, _, description = (part.strip() for part in value.partition(","))
    schema: dict[str, object] = {} if name == "any" else {"type": name}
    if name not in _SCALARS:
        schema = {"$ref": f"named schema {name}"}
    return {**schema, "description": description} if description else schema


def _pico_object(value: dict[str, object], depth: int) -> dict[str, object]:
    properties: dict[str, object] = {}
    required: list[str] = []
    rest: object = False
    for key, inner in value.items():
        head, _, hint = key.partition("(")
        name = head.strip().removesuffix("?")
        if key.strip() == "(*)":
            rest = picoschema(inner, depth + 1) or True
            continue
        if not head.strip().endswith("?"):
            required.append(name)
        properties[name] = _pico_field(hint.rstrip(") "), inner, depth)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": rest}


def _pico_field(hint: str, inner: object, depth: int) -> object:
    kind, _, description = (part.strip() for part in hint.partition(","))
    if kind == "array":
        schema: object = {"type": "array", "items": picoschema(inner, depth + 1)}
    elif kind == "enum":
        schema = {"enum": sequence(inner)}
    else:
        schema = picoschema(inner, depth + 1)
    return {**mapping(schema), "description": description} if description else schema


def prompty_schema(value: object, *, optional: frozenset[str] = frozenset(), inputs: bool = True) -> dict[str, object]:
    """The JSON Schema of Prompty's ``inputs`` or ``outputs``; those named in ``optional`` need not be given.

    In versions 1 a mapping of names to properties or mere sample values, in version 2 a list of properties.
    """
    listed = prompty_properties(value)
    properties = {name: _prompty_property(each) for name, each in listed.items()}
    required = [name for name, each in listed.items() if name not in optional and _is_required(each, inputs)]
    return {"type": "object", "properties": properties, "required": required}


def prompty_properties(value: object) -> dict[str, object]:
    """The properties by name, as they are written."""
    if isinstance(value, list):
        return {name: each for each in value if (name := text(mapping(each).get("name"))) is not None}
    found = mapping(value)
    inner = found.get("properties")
    if isinstance(inner, list) or (isinstance(inner, dict) and not _is_property(inner)):
        return prompty_properties(inner)
    return dict(found)


def _is_property(value: object) -> bool:
    return bool({"type", "kind", "default", "sample", "is_required"} & mapping(value).keys())


def sample_of(value: object) -> object:
    """The sample that a property carries: all of it where it is a mere value."""
    if not _is_property(value):
        return None if isinstance(value, dict) and "description" in value else value
    return mapping(value).get("sample", mapping(value).get("example"))


def _is_required(value: object, inputs: bool) -> bool:
    if not _is_property(value):
        return not inputs
    raw = mapping(value)
    flag = raw.get("required", raw.get("is_required"))
    return flag if isinstance(flag, bool) else "default" not in raw


def _prompty_property(value: object) -> dict[str, object]:
    if not _is_property(value):
        return _sampled(value)
    raw = mapping(value)
    kind = text(raw.get("type")) or text(raw.get("kind")) or "any"
    schema = {key: each for key, each in raw.items() if key not in _OWN and key != "type"}
    if kind in _KINDS:
        schema["type"] = _KINDS[kind]
    elif kind != "any":
        schema["format"] = kind
    if "properties" in raw:
        schema |= prompty_schema(raw["properties"])
    if "items" in raw:
        schema["items"] = _prompty_property(raw["items"])
    return schema


def _sampled(value: object) -> dict[str, object]:
    """The type of a sample; of what is read from elsewhere (``${file:…}``) nothing is known."""
    if isinstance(value, str):
        return {} if value.startswith("${") else {"type": "string"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return {"type": "number"}
    return {"type": "array" if isinstance(value, list) else "object"} if isinstance(value, list | dict) else {}
