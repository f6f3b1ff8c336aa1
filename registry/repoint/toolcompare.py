"""Comparing tool lists, function specifications and bare JSON Schemas of a function.

A tool is called by its name, so a renamed tool is a removed one; it is still said to be renamed where its contract
tells so. Inputs are judged as what the agent sends, outputs as what it reads. Descriptions are text for the model.
"""

from __future__ import annotations

from repoint.changes import SpecComparison
from repoint.jsonviews import equal_values, mapping, same_words, strings, text, value_key
from repoint.schemacompare import SchemaComparison
from repoint.schemashape import Shapes
from repoint.schemaunions import overlap
from repoint.schemawords import kind_of_change, type_words, value_words
from repoint.specfindings import Direction, Findings, Place
from repoint.toolview import HINTS, Tool, ToolList, read_tools
from repoint.valuecompare import compare_values

MAX_RENAME_PAIRS = 10_000
"""Pairs of removed and added tools whose contracts are held against each other."""
MIN_SAME_CONTRACT = 0.75


def compare_tools(old: object, new: object) -> SpecComparison:
    """Every change between two tool lists: ``tool search_orders: parameter limit``."""
    findings = Findings()
    before, after = read_tools(old), read_tools(new)
    renamed = _renamed(before, after)
    for name, tool in before.tools.items():
        if name in after.tools:
            _compare_tool(tool, after.tools[name], findings)
        elif name in renamed:
            target = after.tools[renamed[name]]
            findings.add("tool-renamed", "renamed", f"tool {target.name}", old=name, new=target.name,
                         reason=f"{name} is called {target.name} now")  # fmt: skip
            _compare_tool(tool, target, findings)
        else:
            findings.add("tool-removed", "removed", f"tool {name}", old=_summary(tool), reason="the tool is gone")
    for name, tool in after.tools.items():
        if name not in before.tools and name not in renamed.values():
            findings.add("tool-added", "added", f"tool {name}", new=_summary(tool), reason="a new tool")
    _compare_lists(before, after, findings)
    return findings.result()


def compare_schemas(old: object, new: object, direction: Direction = "request") -> SpecComparison:
    """Every change between two JSON Schemas: a function's parameters, or with ``response`` what is handed on."""
    findings = Findings()
    noun = "parameter" if direction == "request" else "output field"
    _compare_schema(old, new, Place("", "", noun), direction, findings)
    was, becomes = mapping(old).get("$schema"), mapping(new).get("$schema")
    if was != becomes:
        findings.add("spec-version-changed", kind_of_change(was, becomes), "$schema", old=was, new=becomes,
                     reason="written in another draft")  # fmt: skip
    return findings.result()


def _compare_schema(old: object, new: object, place: Place, direction: Direction, findings: Findings) -> None:
    comparison = SchemaComparison(Shapes(old), Shapes(new), findings)
    comparison.compare(old, new, findings.unit(direction, place))
    comparison.finish()


def _summary(tool: Tool) -> str:
    return (tool.description or tool.kind).strip().split("\n")[0][:200]


def _compare_tool(old: Tool, new: Tool, findings: Findings) -> None:
    where = f"tool {new.name}"
    if old.kind != new.kind:
        findings.add("tool-kind-changed", "changed", where, old=old.kind, new=new.kind, reason="another type of tool")
    if old.description != new.description:
        same = same_words(old.description or "", new.description or "")
        kind = kind_of_change(old.description, new.description)
        findings.add("text-layout-changed" if same else "model-text-changed", kind, where, old=old.description,
                     new=new.description, reason=f"description {kind}", subject="description")  # fmt: skip
    _compare_schema(old.inputs, new.inputs, Place(where, ": ", "parameter"), "request", findings)
    _compare_output(old, new, where, findings)
    _compare_settings(old, new, where, findings)


def _compare_output(old: Tool, new: Tool, where: str, findings: Findings) -> None:
    if old.output is None or new.output is None:
        if old.output is not None:
            findings.add("output-schema-removed", "removed", where, old=_schema_words(old.output),
                         reason="the structure of the result is not promised any more")  # fmt: skip
        elif new.output is not None:
            findings.add("output-schema-added", "added", where, new=_schema_words(new.output),
                         reason="the structure of the result is promised")  # fmt: skip
        return
    _compare_schema(old.output, new.output, Place(where, ": ", "output field"), "response", findings)


def _schema_words(schema: object) -> str:
    names = list(mapping(mapping(schema).get("properties")))
    return value_words(list(names)) if names else "a schema"


def _compare_settings(old: Tool, new: Tool, where: str, findings: Findings) -> None:
    if old.strict != new.strict:
        reason = "arguments are forced to fit the schema" if new.strict else "arguments need not fit the schema"
        findings.add("tool-strictness-changed", "changed", where, old=old.strict, new=new.strict, reason=reason)
    title = text(old.annotations.get("title")), text(new.annotations.get("title"))
    for key in sorted((old.annotations.keys() | new.annotations.keys()) - {"title"}):
        default = HINTS.get(key)
        hints = old.annotations.get(key, default), new.annotations.get(key, default)
        _setting("tool-annotations-changed", key, *hints, where, findings)
    _setting("tool-metadata-changed", "annotations.title", *title, where, findings)
    _setting("model-examples-changed", "input_examples", old.examples, new.examples, where, findings)
    for key in sorted(old.metadata.keys() | new.metadata.keys()):
        _setting("tool-metadata-changed", key, old.metadata.get(key), new.metadata.get(key), where, findings)
    for key in sorted(old.settings.keys() | new.settings.keys()):
        _setting("tool-setting-changed", key, old.settings.get(key), new.settings.get(key), where, findings)


def _setting(rule: str, key: str, old: object, new: object, where: str, findings: Findings) -> None:
    if not equal_values(old, new):
        kind = kind_of_change(old, new)
        findings.add(rule, kind, where, old=old, new=new, reason=f"{key} {kind}", subject=key)


def _compare_lists(old: ToolList, new: ToolList, findings: Findings) -> None:
    forms = [sorted({each.form for each in side.tools.values()}) for side in (old, new)]
    if forms[0] != forms[1] and forms[0] and forms[1]:
        findings.add("tool-format-changed", "changed", "the document", old=", ".join(forms[0]),
                     new=", ".join(forms[1]), reason="tools are written for another interface")  # fmt: skip
    common = [[name for name in one.tools if name in other.tools] for one, other in ((old, new), (new, old))]
    if common[0] != common[1]:
        findings.add("tool-order-changed", "changed", "the document", old=common[0], new=common[1],
                     reason="the same tools in another order")  # fmt: skip
    if not equal_values(old.rest, new.rest):
        findings.include(compare_values(old.rest, new.rest), "the document")


# -- renamed tools ---------------------------------------------------------------------------------------------------


def _renamed(old: ToolList, new: ToolList) -> dict[str, str]:
    """Removed tools whose contract, or nearly it, goes by another name now. What is alike most is paired first."""
    gone = [each for name, each in old.tools.items() if name not in new.tools]
    come = [each for name, each in new.tools.items() if name not in old.tools]
    if not gone or not come or len(gone) * len(come) > MAX_RENAME_PAIRS:
        return {}
    before, after = [_contract(each) for each in gone], [_contract(each) for each in come]
    scored = [(_likeness(one, other), -i, -j) for i, one in enumerate(before) for j, other in enumerate(after)]
    found: dict[str, str] = {}
    for score, i, j in sorted(scored, reverse=True):
        if score < MIN_SAME_CONTRACT:
            break
        if gone[-i].name not in found and come[-j].name not in found.values():
            found[gone[-i].name] = come[-j].name
    return found


_Contract = tuple[frozenset[str], frozenset[str]]


def _contract(tool: Tool) -> _Contract:
    """The parameters with their types, and the words of the description."""
    shapes = Shapes(tool.inputs)
    shape = shapes.shape(shapes.seen_through(tool.inputs).schema)
    fields = set()
    for name, part in shape.properties.items():
        inner = shapes.shape(shapes.seen_through(part.schema).schema)
        fields |= {f".{name}", f".{name}: {type_words(inner.types)} {value_key(sorted(inner.enum or ()))}"}
    fields |= {f"required {name}" for name in shape.required}
    output = strings(list(mapping(mapping(tool.output).get("properties"))))
    fields |= {f"output {name}" for name in output}
    words = frozenset((tool.description or "").lower().split())
    return frozenset(fields), words


def _likeness(one: _Contract, other: _Contract) -> float:
    """By the parameters; by the description too where there are few of them, for many tools take one ``id``."""
    fields, words = overlap(one[0], other[0]), overlap(one[1], other[1])
    few = min(len(one[0]), len(other[0])) <= 6
    if not one[0] and not other[0]:
        return words
    return min(fields, 0.5 + words) if few and (one[1] or other[1]) else fields
