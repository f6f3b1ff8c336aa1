"""Comparing the front matter of prompt files: the model, its parameters, what callers hand in, what they get back.

Inputs are a contract with the caller and judged like a request, outputs like a response. What people write for people
(name, authors, tags, samples) is a patch. Values under names like ``api_key`` are never carried along.
"""

from __future__ import annotations

import re

from repoint.changes import SpecComparison
from repoint.jsonviews import equal_values, mapping, number, text, with_text_keys
from repoint.promptheads import PromptHead, read_dotprompt, read_prompty
from repoint.schemacompare import SchemaComparison
from repoint.schemashape import Shapes
from repoint.schemawords import kind_of_change
from repoint.specfindings import Direction, Findings, Place
from repoint.toolcompare import compare_tools
from repoint.toolview import looks_like_tools
from repoint.valuecompare import compare_values

_SAMPLING = {
    "temperature", "top_p", "top_k", "seed", "stop", "frequency_penalty", "presence_penalty", "logit_bias", "n",
    "best_of",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"[$][{]|[{][{]|<.*>")
_VARIABLE = re.compile(r"[$][{][a-z]+:[A-Za-z0-9_]+(?=[:}])")
_SECRET = re.compile(r"key$|secret|token$|password", re.IGNORECASE)


def compare_front_matter(old: object, new: object, form: str) -> SpecComparison:
    """Every change between two heads; ``form`` is ``prompty`` or ``prompt`` (the file's extension). Never raises."""
    if equal_values(old, new):
        return SpecComparison(())
    before, after = with_text_keys(old), with_text_keys(new)
    if form not in ("prompty", "prompt") or not all(isinstance(each, dict) or each is None for each in (before, after)):
        return compare_values(before, after)
    findings = Findings()
    if form == "prompty":
        heads = read_prompty(mapping(before), mapping(after)), read_prompty(mapping(after), mapping(before))
    else:
        heads = read_dotprompt(mapping(before)), read_dotprompt(mapping(after))
    _compare(*heads, findings)
    return findings.result()


def _compare(old: PromptHead, new: PromptHead, findings: Findings) -> None:
    _model(old, new, findings)
    _schema(old.inputs, new.inputs, Place("", "", "input"), "request", findings)
    _output(old, new, findings)
    _tools(old.tools, new.tools, findings)
    for key in sorted(old.parameters.keys() | new.parameters.keys()):
        _parameter(key, old.parameters.get(key), new.parameters.get(key), findings)
    for rule, words, was, becomes in (
        ("connection-changed", "model connection", old.connection, new.connection),
        ("front-matter-changed", "", old.rest, new.rest),
        ("sample-changed", "sample", old.samples, new.samples),
        ("metadata-changed", "", old.metadata, new.metadata),
    ):
        for key in sorted(was.keys() | becomes.keys()):
            _differ(rule, f"{words} {key}".strip(), was.get(key), becomes.get(key), findings)
    _differ("template-changed", "template", _template(old.template), _template(new.template), findings)


def _differ(rule: str, where: str, old: object, new: object, findings: Findings) -> None:
    if not equal_values(old, new):
        kind = kind_of_change(old, new)
        findings.add(rule, kind, where, old=_shown(where, old), new=_shown(where, new), reason=kind)


def _shown(where: str, value: object) -> object:
    """Of a secret the variable that holds it may be shown, no value and no default."""
    if not isinstance(value, str) or not _SECRET.search(where):
        return value
    name = _VARIABLE.match(value)
    return f"{name[0]}{':(not shown)' if value[name.end()] == ':' else ''}}}" if name else "(not shown)"


def _template(value: object) -> object:
    """The engine, which is jinja2 where nothing is said."""
    if value is None:
        return "jinja2"
    found = mapping(value)
    kinds = [text(mapping(found.get(key)).get("kind")) or text(found.get(key)) for key in ("format", "type", "parser")]
    return value if not found else " ".join(each for each in kinds if each and each != "prompty") or "jinja2"


# -- the model -------------------------------------------------------------------------------------------------------


def _model(old: PromptHead, new: PromptHead, findings: Findings) -> None:
    if old.api != new.api:
        reason = "another kind of call"
        findings.add("model-api-changed", "changed", "model api", old=old.api, new=new.api, reason=reason)
    if old.provider != new.provider:
        _named("provider-changed", "model provider", old.provider, new.provider, "another provider", findings)
    if old.model == new.model:
        return
    if old.model is None or new.model is None:
        _named("model-named", "model", old.model, new.model, "", findings)
    elif _PLACEHOLDER.search(old.model) or _PLACEHOLDER.search(new.model):
        findings.add("not-comparable", "changed", "model", old=old.model, new=new.model,
                     reason="cannot be compared, so taken as breaking: a placeholder")  # fmt: skip
    else:
        _family(old.model, new.model, findings)


def _named(rule: str, where: str, old: str | None, new: str | None, reason: str, findings: Findings) -> None:
    if old is None or new is None:
        rule, reason = "model-named", "named now" if old is None else "not named any more"
    findings.add(rule, kind_of_change(old, new), where, old=old, new=new, reason=reason)


def _family(old: str, new: str, findings: Findings) -> None:
    from repoint.comparesettings import model_family

    before, after = (" ".join(model_family(each)) for each in (old, new))
    if before == after:
        findings.add("model-version-changed", "changed", "model", old=old, new=new,
                     reason="another version of the same model family")  # fmt: skip
    else:
        findings.add("model-family-changed", "changed", "model", old=old, new=new,
                     reason=f"another model family ({before or 'unnamed'} -> {after or 'unnamed'})")  # fmt: skip


def _parameter(key: str, old: object, new: object, findings: Findings) -> None:
    if equal_values(old, new):
        return
    kind = kind_of_change(old, new)
    rule, reason = ("sampling-changed", "sampling differs") if key in _SAMPLING else ("front-matter-changed", kind)
    if key in ("tool_choice", "tools_choice", "parallel_tool_calls"):
        rule = "prompt-tools-changed"
    if key == "max_tokens":
        raised = new is not None and old is not None and (number(new) or 0) > (number(old) or 0)
        rule = "token-limit-raised" if raised else "token-limit-lowered"
        gone = "no limit is set any more, so that of the provider holds"
        reason = "a limit was set" if old is None else gone if new is None else f"the limit was {rule[12:]}"
    where = f"parameter {key}"
    findings.add(rule, kind, where, old=_shown(key, old), new=_shown(key, new), reason=reason)


# -- contracts -------------------------------------------------------------------------------------------------------


def _schema(old: object, new: object, place: Place, direction: Direction, findings: Findings) -> None:
    people = direction == "request"
    comparison = SchemaComparison(
        Shapes(old), Shapes(new), findings,
        text_rule="documentation-changed" if people else "model-text-changed",
        example_rule="documentation-changed" if people else "model-examples-changed",
    )  # fmt: skip
    comparison.compare(old, new, findings.unit(direction, place))
    comparison.finish()


def _output(old: PromptHead, new: PromptHead, findings: Findings) -> None:
    if old.output_format != new.output_format:
        findings.add("output-contract-changed", kind_of_change(old.output_format, new.output_format), "output format",
                     old=old.output_format, new=new.output_format, reason="the output contract differs")  # fmt: skip
    if old.outputs is not None and new.outputs is not None:
        _schema(old.outputs, new.outputs, Place("", "", "output field"), "response", findings)
    elif old.outputs is not new.outputs and old.output_format == new.output_format:
        kind = kind_of_change(old.outputs, new.outputs)
        findings.add("output-contract-changed", kind, "output schema", old=_names(old.outputs), new=_names(new.outputs),
                     reason=f"the output contract was {kind}")  # fmt: skip


def _names(schema: object) -> object:
    return None if schema is None else ", ".join(mapping(mapping(schema).get("properties"))) or "a schema"


def _tools(old: list[object], new: list[object], findings: Findings) -> None:
    if equal_values(old, new):
        return
    if all(looks_like_tools(each) or not each for each in (old, new)):
        findings.include(compare_tools(old, new))
        return
    before, after = _by_name(old), _by_name(new)
    for name in [*before, *(each for each in after if each not in before)]:
        if name not in after:
            findings.add("prompt-tool-removed", "removed", f"tool {name}", old=name, reason="the tool is gone")
        elif name not in before:
            findings.add("tool-added", "added", f"tool {name}", new=name, reason="a new tool")
        else:
            _differ("prompt-tools-changed", f"tool {name}", before[name], after[name], findings)


def _by_name(tools: list[object]) -> dict[str, object]:
    return {text(mapping(each).get("name")) or str(each)[:200]: each for each in tools}
