"""The front matter of prompt files in one form: ``.prompty`` of versions 1 and 2, and ``.prompt`` (Dotprompt).

Prompty 1 has ``model.configuration`` and ``model.parameters``, its later drafts ``model.connection`` and
``model.options``, version 2 ``model.id`` and ``model.provider``; Dotprompt has ``model: provider/name`` and ``config``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from repoint.jsonviews import equal_values, mapping, sequence, strings, text
from repoint.promptinputs import picoschema, prompty_properties, prompty_schema, sample_of

_NAMES = ("azure_deployment", "deployment", "name", "model", "model_name", "id")
_PROVIDERS = {"azure": "azure_openai", "azure-openai": "azure_openai", "azureopenai": "azure_openai"}
_METADATA = ("name", "description", "version", "authors", "tags", "metadata", "displayName", "$schema", "variant")
_PROMPTY_KEYS = {
    "model", "api", "inputs", "inputSchema", "outputs", "outputSchema", "sample", "template", "tools",
}  # fmt: skip
_DOTPROMPT_KEYS = {"model", "config", "input", "output", "tools"}
_MODEL_KEYS = {
    *_NAMES, "api", "apiType", "configuration", "connection", "options", "parameters", "provider", "response",
}  # fmt: skip
_SYNONYMS = (
    ("authors", "metadata.authors"), ("tags", "metadata.tags"), ("sample", "inputs"), ("inputSchema", "inputs"),
    ("outputSchema", "outputs"), ("model.configuration", "model.connection"), ("model.parameters", "model.options"),
    ("model.api", "api"), ("model.api", "model.apiType"), ("model.azure_deployment", "model.configuration"),
)  # fmt: skip
_ALIASES = {
    "azure_endpoint": "endpoint",
    "max_output_tokens": "max_tokens", "max_completion_tokens": "max_tokens", "stop_sequences": "stop",
    "additional_properties": "additionalProperties",
}  # fmt: skip
_CAPITAL = re.compile(r"(?<=[a-z])([A-Z])")


class PromptHead(NamedTuple):
    """What the front matter says. ``inputs`` and ``outputs`` are JSON Schemas, None where nothing is said."""

    provider: str | None
    model: str | None
    api: str | None
    connection: dict[str, object]
    parameters: dict[str, object]
    inputs: dict[str, object]
    outputs: object
    output_format: str | None
    tools: list[object]
    samples: dict[str, object]
    metadata: dict[str, object]
    template: object
    rest: dict[str, object]


def read_prompty(head: dict[str, object], other: dict[str, object]) -> PromptHead:
    """A ``.prompty`` head; ``other`` is the one that it is compared with.

    An input that only ``other`` declares, and that this head has a sample for, is taken to be declared alike. One that
    only this head has, with a sample, need not be given.
    """
    model = {"id": head["model"]} if isinstance(head.get("model"), str) else mapping(head.get("model"))
    connection = _respelt({**mapping(model.get("connection")), **mapping(model.get("configuration"))})
    parameters = _parameters({**mapping(model.get("parameters")), **mapping(model.get("options"))})
    format_, schema = _response_format(parameters.pop("response_format", None))
    outputs = head.get("outputs", head.get("outputSchema"))
    tools = [*sequence(head.get("tools")), *sequence(parameters.pop("tools", None))]
    return PromptHead(
        provider=_provider(connection.get("type") or connection.get("provider") or model.get("provider")),
        model=next((name for name in (text({**model, **connection}.get(key)) for key in _NAMES) if name), None),
        api=text(model.get("api")) or text(model.get("apiType")) or text(head.get("api")) or "chat",
        connection={key: each for key, each in connection.items() if key not in (*_NAMES, "type", "provider")},
        parameters=parameters,
        inputs=_prompty_inputs(head, other),
        outputs=prompty_schema(outputs, inputs=False) if outputs is not None else schema,
        output_format=_joined(format_, text(model.get("response"))),
        tools=tools,
        samples=_samples(head),
        metadata=_metadata(head),
        template=head.get("template"),
        rest={
            **{key: each for key, each in head.items() if key not in _METADATA and key not in _PROMPTY_KEYS},
            **{f"model {key}": each for key, each in model.items() if key not in _MODEL_KEYS},
        },
    )


def other_keys(old: object, new: object) -> list[str]:
    """What both heads of a ``.prompty`` file say by different keys: ``sample -> inputs``."""
    found = []
    for one, other in _SYNONYMS:
        if _at(old, one) and not _at(old, other) and _at(new, other) and not _at(new, one):
            found.append(f"{one} -> {other}")
        elif _at(old, other) and not _at(old, one) and _at(new, one) and not _at(new, other):
            found.append(f"{other} -> {one}")
    return found


def _at(head: object, path: str) -> bool:
    for part in path.split("."):
        if part not in mapping(head):
            return False
        head = mapping(head)[part]
    return True


def _inputs(head: dict[str, object]) -> object:
    return head.get("inputs", head.get("inputSchema"))


def _prompty_inputs(head: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    own, known = prompty_properties(_inputs(head)), prompty_properties(_inputs(other))
    new = frozenset(name for name, each in own.items() if sample_of(each) is not None) - known.keys()
    made = prompty_schema(_inputs(head), optional=new)
    sampled = [name for name in mapping(head.get("sample")) if name in known and name not in own]
    if not sampled:
        return made
    theirs = prompty_schema(_inputs(other))
    properties = {**mapping(made["properties"]), **{name: mapping(theirs["properties"])[name] for name in sampled}}
    required = [*strings(made["required"]), *(name for name in sampled if name in strings(theirs["required"]))]
    return {**made, "properties": properties, "required": required}


def _samples(head: dict[str, object]) -> dict[str, object]:
    """All samples by the name of their input; where one has two, both."""
    found = {**mapping(head.get("sample")), **_whole(head.get("sample")), **_whole(_inputs(head))}
    for name, each in prompty_properties(_inputs(head)).items():
        sample = sample_of(each)
        if sample is not None and not equal_values(found.setdefault(name, sample), sample):
            found[f"of input {name}"] = sample
    return found


def _metadata(head: dict[str, object]) -> dict[str, object]:
    inner = mapping(head.get("metadata"))
    return {**inner, **{key: head[key] for key in _METADATA if key in head and head[key] is not inner}}


def read_dotprompt(head: dict[str, object]) -> PromptHead:
    """A ``.prompt`` head."""
    provider, _, name = (text(head.get("model")) or "").rpartition("/")
    config, inputs, output = (mapping(head.get(key)) for key in ("config", "input", "output"))
    schema = picoschema(inputs.get("schema", {}))
    parameters = _parameters({key: each for key, each in config.items() if key != "version"})
    return PromptHead(
        provider=provider or None,
        model=text(config.get("version")) or name or None,
        api=None,
        connection={},
        parameters=parameters,
        inputs=_with_defaults(mapping(schema), mapping(inputs.get("default"))),
        outputs=picoschema(output["schema"]) if "schema" in output else None,
        output_format=text(output.get("format")) or ("json" if "schema" in output else None),
        tools=sequence(head.get("tools")),
        samples={},
        metadata=_metadata(head),
        template=None,
        rest={key: each for key, each in head.items() if key not in _METADATA and key not in _DOTPROMPT_KEYS},
    )


def _whole(value: object) -> dict[str, object]:
    """Samples that lie in a file: only its name is known."""
    return {"file": value} if isinstance(value, str) else {}


def _provider(value: object) -> str | None:
    name = text(value)
    return None if name is None else _PROVIDERS.get(name.strip().lower(), name.strip().lower())


def _joined(one: str | None, other: str | None) -> str | None:
    return " ".join(each for each in (one, other if other != "first" else None) if each) or None


def _respelt(raw: dict[str, object]) -> dict[str, object]:
    """Names under one spelling: ``maxOutputTokens`` and ``max_tokens`` are one."""
    names = ((_CAPITAL.sub(r"_\1", key).lower(), value) for key, value in raw.items())
    return {_ALIASES.get(name, name): value for name, value in names}


def _parameters(raw: dict[str, object]) -> dict[str, object]:
    found = _respelt(raw)
    return {**found, **_respelt(mapping(found.pop("additionalProperties", None)))}


def _response_format(value: object) -> tuple[str | None, object]:
    """The kind of a ``response_format``, and its schema."""
    if isinstance(value, str):
        return value, None
    kind = text(mapping(value).get("type"))
    wrapped = mapping(mapping(value).get("json_schema"))
    schema = wrapped.get("schema", mapping(value).get("schema"))
    return (None if kind == "text" else kind), schema


def _with_defaults(schema: dict[str, object], defaults: dict[str, object]) -> dict[str, object]:
    if not defaults:
        return schema
    properties = dict(mapping(schema.get("properties")))
    for name, value in defaults.items():
        properties[name] = {**mapping(properties.get(name)), "default": value}
    return {**schema, "properties": properties}
