"""Comparing two structured documents by their structure: the entrance.

What a document is follows from its content: an ``openapi`` or ``swagger`` version, tools, JSON Schema keywords, else
any values. Each kind has a module of its own; the rules that judge are in :mod:`repoint.specrules`. Nothing here
raises, whatever the documents hold, and all of it is bounded; what was not compared is said in ``limits`` and is
taken as breaking in a contract, as a change of behaviour elsewhere.
"""

from __future__ import annotations

from typing import Literal

from repoint.changes import SpecComparison
from repoint.jsonviews import equal_values, mapping, with_text_keys
from repoint.schemakeywords import ANY
from repoint.specfindings import Findings
from repoint.toolcompare import compare_schemas, compare_tools
from repoint.toolview import looks_like_tools
from repoint.valuecompare import compare_values

__all__ = ["compare_front_matter", "compare_schemas", "compare_specs", "compare_values", "kind_of"]

SpecKind = Literal["OpenAPI document", "tool list", "output schema", "JSON Schema", "data"]

_SCHEMA_WORDS = {
    "$schema", "$ref", "$defs", "definitions", "properties", "items", "prefixItems", "enum", "const", "allOf", "anyOf",
    "oneOf", "required", "additionalProperties", "patternProperties",
}  # fmt: skip


def compare_specs(old: object, new: object) -> SpecComparison:
    """Every change between two decoded documents, each breaking or not. Never raises."""
    if equal_values(old, new):
        return SpecComparison(())
    before, after = with_text_keys(old), with_text_keys(new)
    kind, other = kind_of(before), kind_of(after)
    if kind != other and _is_empty(before if kind == "data" else after):
        kind = other = other if kind == "data" else kind
    if kind != other:
        return _another_kind(kind, other)
    if kind == "OpenAPI document":
        from repoint.openapicompare import compare_openapi

        return compare_openapi(mapping(before), mapping(after))
    if kind == "tool list":
        return compare_tools(before, after)
    if kind == "output schema":
        return _compare_output_schemas(mapping(before), mapping(after))
    return compare_schemas(before, after) if kind == "JSON Schema" else _compare_data(before, after)


def compare_front_matter(old: object, new: object, form: str) -> SpecComparison:
    """Every change between two heads; ``form`` is ``prompty`` or ``prompt`` (the file's extension). Never raises."""
    from repoint.frontmattercompare import compare_front_matter as compare_heads

    return compare_heads(old, new, form)


def kind_of(value: object) -> SpecKind:
    """What a decoded document is, by its content."""
    document = mapping(value)
    if isinstance(document.get("openapi"), str) or isinstance(document.get("swagger"), str):
        return "OpenAPI document"
    if looks_like_tools(value):
        return "tool list"
    if _is_output_schema(document):
        return "output schema"
    return "JSON Schema" if _is_schema(document) else "data"


def _is_schema(document: dict[str, object]) -> bool:
    if isinstance(document.get("$schema"), str) and "json-schema.org" in str(document["$schema"]):
        return True
    typed = document.get("type")
    names = typed if isinstance(typed, list) else [typed]
    if typed is not None and names and all(isinstance(each, str) and each in ANY for each in names):
        return True
    told = _SCHEMA_WORDS & document.keys()
    return isinstance(document.get("properties"), dict) or len(told) >= 2 or bool({"$ref", "$defs"} & told)


def _compare_data(old: object, new: object) -> SpecComparison:
    """Any data; of what an MCP client is told of its servers, one that is gone takes its tools along."""
    before, after = mapping(mapping(old).get("mcpServers")), mapping(mapping(new).get("mcpServers"))
    if before.keys() == after.keys():
        return compare_values(old, new)
    findings = Findings()
    for name in [each for each in before if each not in after]:
        reason = "the server is gone, and its tools with it"
        findings.add("tool-removed", "removed", f"server {name}", old=name, reason=reason)
    for name in [each for each in after if each not in before]:
        findings.add("tool-added", "added", f"server {name}", new=name, reason="a new server, with its tools")
    common = [
        {name: each for name, each in side.items() if name in before and name in after} for side in (before, after)
    ]
    sides = (mapping(each) for each in (old, new))
    rest = [{**side, "mcpServers": known} for side, known in zip(sides, common, strict=True)]
    findings.include(compare_values(*rest))
    return findings.result()


def _is_output_schema(document: dict[str, object]) -> bool:
    """Structured output: a schema with a name, alone or wrapped as OpenAI's ``response_format``."""
    inside = mapping(document.get("json_schema", document))
    if not isinstance(inside.get("schema"), dict) or not isinstance(inside.get("name"), str):
        return False
    return inside is not document or "strict" in document or _is_schema(mapping(inside["schema"]))


def _is_empty(value: object) -> bool:
    return value in ({}, []) or value is None


def _another_kind(old: SpecKind, new: SpecKind) -> SpecComparison:
    findings = Findings()
    findings.add("spec-kind-changed", "changed", "the document", old=old, new=new,
                 reason=f"was {_article(old)}, is {_article(new)} now")  # fmt: skip
    return findings.result()


def _article(kind: SpecKind) -> str:
    return "any data" if kind == "data" else f"an {kind}" if kind[0] in "Oo" else f"a {kind}"


def _compare_output_schemas(old: dict[str, object], new: dict[str, object]) -> SpecComparison:
    """Structured output: a schema with a name, which is what the agent hands on."""
    findings = Findings()
    if ("json_schema" in old) != ("json_schema" in new):
        findings.add("tool-format-changed", "changed", "the document", reason="wrapped in another way")
    old, new = mapping(old.get("json_schema", old)), mapping(new.get("json_schema", new))
    findings.include(compare_schemas(old.get("schema"), new.get("schema"), "response"), "output")
    rest = [{key: each for key, each in side.items() if key != "schema"} for side in (old, new)]
    findings.include(compare_values(*rest), "the document")
    return findings.result()
