"""Which variables somebody says that a template has: its front matter, the configuration, the few-shot examples.

Where nobody says anything, nothing is known, and nothing is linted. Prompty: ``inputs`` and ``sample`` (v1), a list of
``inputs`` (v2); dotprompt: ``input.schema`` (Picoschema or JSON Schema) and ``input.default``; LangChain and Semantic
Kernel: ``input_variables``; ``arguments`` as in MCP prompts.
"""

from __future__ import annotations

from collections.abc import Iterator

from repoint.specproblem import Pointer
from repoint.templates import Language

CONFIG_KEYS = ("variables", "template_variables", "prompt_variables", "inputs")
EXAMPLE_KEYS = ("input", "inputs", "variables", "vars")
_MOST_RECORDS = 2000
_LANGUAGES: dict[str, Language] = {
    "jinja": "jinja",
    "jinja2": "jinja",
    "nunjucks": "jinja",
    "handlebars": "handlebars",
    "hbs": "handlebars",
    "mustache": "mustache",
    "f-string": "f-string",
    "fstring": "f-string",
}
_BY_ENDING: dict[str, Language] = {
    "j2": "jinja",
    "jinja": "jinja",
    "jinja2": "jinja",
    "njk": "jinja",
    "hbs": "handlebars",
    "handlebars": "handlebars",
    "prompt": "handlebars",
    "mustache": "mustache",
    "prompty": "jinja or mustache",
    "md": "simple",
    "txt": "simple",
    "tmpl": "simple",
    "": "simple",
}
_PASSED_WHOLE = ("thread", "image", "file", "audio")
"""Kinds of prompty inputs that are put into the messages, not into the text."""

Declared = dict[str, Pointer]
"""Names, and where in the document each is declared."""


def language_of(path: str, front: object) -> Language | None:
    """The language that front matter names, else the one that the file's name implies; None where it is not known."""
    named: object = None
    if isinstance(front, dict):
        named = front.get("template_format", front.get("template"))
        for key in ("format", "kind", "type"):
            named = named.get(key, named) if isinstance(named, dict) else named
    if isinstance(named, str) and "\n" not in named:
        return _LANGUAGES.get(named.lower())
    name = path.rpartition("/")[2].lower()
    return _BY_ENDING.get(name.rpartition(".")[2] if "." in name else "")


def declared_inputs(front: object) -> tuple[Declared, Declared, bool]:
    """Inputs that callers pass, further names that are known (samples, defaults), and whether there may be more."""
    inputs: Declared = {}
    known: Declared = {}
    if not isinstance(front, dict):
        return inputs, known, False
    open_ended = isinstance(front.get("sample"), str) or isinstance(front.get("inputs"), str)
    for key in ("inputs", "input_variables", "variables", "arguments", "inputSchema"):
        inputs |= dict(_listed(front.get(key), (key,)))
        known |= {name: inputs.pop(name) for name in _passed_whole(front.get(key)) & inputs.keys()}
    known |= dict(_listed(front.get("sample"), ("sample",)))
    given = front.get("input")
    if isinstance(given, dict):
        schema = given.get("schema")
        open_ended = open_ended or isinstance(schema, str)
        inputs |= dict(_listed(schema, ("input", "schema")))
        known |= dict(_listed(given.get("default"), ("input", "default")))
    if "(*)" in inputs:
        open_ended = True
    return inputs, known, open_ended


def config_variables(config: dict[str, object]) -> set[str]:
    """The variables that the configuration declares."""
    return {name for key in CONFIG_KEYS for name, _ in _listed(config.get(key), (key,))}


def example_variables(records: object) -> tuple[set[str], set[str]]:
    """The variables of the examples' inputs, and whatever other fields the examples have."""
    inputs: set[str] = set()
    fields: set[str] = set()
    for record in records[:_MOST_RECORDS] if isinstance(records, list) else ():
        if isinstance(record, dict):
            fields |= record.keys()
            for key in EXAMPLE_KEYS:
                if isinstance(given := record.get(key), dict):
                    inputs |= given.keys()
    return inputs, fields


def _listed(value: object, at: Pointer) -> Iterator[tuple[str, Pointer]]:
    """Names in any of the usual forms: an object, a list of names or of objects with a name, a schema."""
    if isinstance(value, dict) and isinstance(value.get("properties"), dict | list):
        value, at = value["properties"], (*at, "properties")
    if isinstance(value, dict):
        for key in value:
            yield _plain_name(str(key)), (*at, str(key))
    for index, each in enumerate(value) if isinstance(value, list) else ():
        name = each.get("name") if isinstance(each, dict) else each
        if isinstance(name, str):
            yield name, (*at, index)


def _passed_whole(value: object) -> set[str]:
    """The inputs that are put into the conversation by other ways than the template."""
    value = value.get("properties", value) if isinstance(value, dict) else value
    listed = list(value.items()) if isinstance(value, dict) else []
    listed += [(each.get("name"), each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return {str(name) for name, each in listed if isinstance(each, dict) and each.get("kind") in _PASSED_WHOLE}


def _plain_name(key: str) -> str:
    """A key without Picoschema's marks: ``tags?(array, why)`` declares ``tags``; ``(*)`` any name at all."""
    return key if key == "(*)" else key.partition("(")[0].strip().rstrip("?")
