"""Comparing structured documents: never an exception, one change for one cause, bounded work on hostile documents."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoint.changes import SpecComparison
from repoint.jsonviews import equal_values
from repoint.speccompare import compare_front_matter, compare_schemas, compare_specs, compare_values, kind_of
from repoint.specrules import RULES

Json = object
KEYWORDS = [
    "type",
    "properties",
    "required",
    "items",
    "prefixItems",
    "enum",
    "const",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "$ref",
    "additionalProperties",
    "nullable",
    "minimum",
    "maxLength",
    "pattern",
    "format",
    "description",
    "default",
    "if",
    "discriminator",
    "tools",
    "name",
    "inputSchema",
    "input_schema",
    "function",
    "parameters",
    "openapi",
    "paths",
    "get",
    "/a",
    "/a/{b}",
    "responses",
    "200",
    "content",
    "application/json",
    "schema",
    "components",
    "schemas",
    "A",
    "security",
    "servers",
    "in",
    "swagger",
    "definitions",
    "requestBody",
    "headers",
    "model",
    "inputs",
    "outputs",
    "input",
    "output",
    "config",
    "sample",
    "template",
    "$defs",
    "callbacks",
    "webhooks",
    "annotations",
    "tags",
    "url",
    "mapping",
]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, width=16), st.text(max_size=4),
    st.sampled_from(["string", "object", "integer", "#/components/schemas/A", "#", "#/$defs/A", "query", "a", "3.0.3"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)
keywords = st.dictionaries(st.sampled_from(KEYWORDS), values, max_size=6)
documents = values | st.one_of(
    keywords.map(
        lambda each: {"openapi": "3.1.0", "paths": {"/a": {"get": each}}, "components": {"schemas": {"A": each}}}
    ),
    keywords.map(lambda each: {"swagger": "2.0", "paths": {"/a/{b}": {"post": each}}, "definitions": {"A": each}}),
    keywords.map(lambda each: {"type": "object", "properties": {"a": each}, "$defs": {"A": each}}),
    keywords.map(lambda each: {"tools": [{"name": "a", "inputSchema": each, "outputSchema": each}]}),
)


def copied(document: dict[str, Json]) -> dict[str, Json]:
    """No part of it is shared, as in what a file holds."""
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]


def where(found: SpecComparison) -> list[str]:
    return [each.where for each in found.changes]


def rules(found: SpecComparison) -> list[str]:
    return [each.rule for each in found.changes]


# -- promises for any values -----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(documents, documents, st.sampled_from(["prompty", "prompt", "other"]))
def test_any_two_values_can_be_compared(old: Json, new: Json, form: str) -> None:
    for found in (compare_specs(old, new), compare_values(old, new), compare_front_matter(old, new, form)):
        assert all(each.rule in RULES and each.impact == RULES[each.rule].impact for each in found.changes)
        assert all(each.where and each.reason for each in found.changes)


@settings(max_examples=80, deadline=None)
@given(documents, st.sampled_from(["prompty", "prompt"]))
def test_equal_values_have_no_changes(value: Json, form: str) -> None:
    other = copy.deepcopy(value)
    assert compare_specs(value, other) == compare_values(value, other) == SpecComparison(())
    assert compare_front_matter(value, other, form) == SpecComparison(())


@settings(max_examples=80, deadline=None)
@given(documents)
def test_the_order_of_keys_is_no_change(value: Json) -> None:
    """The contents are the same object by object, so nothing may be found even where the shortcut is left out."""
    if isinstance(value, dict):
        other = {**copy.deepcopy(value), "x-note": 1}
        assert len(compare_specs(value, other).changes) >= 1 or kind_of(value) != "data"
    assert compare_specs(value, _reversed(value)).changes == ()


def _reversed(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=80, deadline=None)
@given(values, values)
def test_generic_values_that_differ_have_a_change(old: Json, new: Json) -> None:
    assert bool(compare_values(old, new).changes) != equal_values(old, new)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["string", "integer"]), max_size=3))
def test_an_added_field_is_a_removed_one_the_other_way_round(fields: dict[str, str]) -> None:
    old = {"type": "object", "properties": {name: {"type": kind} for name, kind in fields.items()}}
    new = copy.deepcopy(old)
    new["properties"]["zzz"] = {"type": "string"}  # type: ignore[index]
    there, back = compare_schemas(old, new).changes, compare_schemas(new, old).changes
    assert [(each.kind, each.impact, each.where) for each in there] == [("added", "minor", "parameter zzz")]
    assert [(each.kind, each.impact, each.where) for each in back] == [("removed", "major", "parameter zzz")]


def test_every_rule_says_why_and_whence() -> None:
    for name, rule in RULES.items():
        assert rule.name == name
        assert rule.impact in ("major", "minor", "patch")
        assert rule.why.endswith(".")
        assert rule.sources


# -- one cause, one change -------------------------------------------------------------------------------------------


def api(fields: dict[str, Json], operations: int = 40) -> dict[str, Json]:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
    paths: dict[str, Json] = {f"/orders{number}": {"get": {"responses": {"200": {"description": "ok", **body}}}}
             for number in range(operations)}  # fmt: skip
    paths["/orders"] = {"post": {"requestBody": body, "responses": {"204": {"description": "ok"}}}}
    document: dict[str, Json] = {"openapi": "3.1.0", "info": {}, "paths": paths,
                "components": {"schemas": {"Order": {"type": "object", "properties": fields}}}}  # fmt: skip
    return copied(document)


def test_a_shared_schema_is_one_change_that_says_who_is_concerned() -> None:
    found = compare_specs(api({"id": {"type": "string"}, "total": {}}), api({"id": {"type": "string"}}))
    assert where(found) == [
        "schema Order: field total (request of POST /orders, response of 40 operations, first GET /orders0)"
    ]
    assert rules(found)[0] in ("request-property-removed", "response-property-removed")


def test_both_directions_are_one_change_under_the_rule_that_weighs_more() -> None:
    old, new = api({"state": {"enum": ["a", "b"]}}), api({"state": {"enum": ["a"]}})
    (change,) = compare_specs(old, new).changes
    assert (change.rule, change.impact, change.old) == ("request-enum-value-removed", "major", ["b"])
    (change,) = compare_specs(api({"t": {"type": "integer"}}), api({"t": {"type": "number"}})).changes
    assert (change.rule, change.impact) == ("response-type-widened", "major")


def test_a_shared_parameter_and_a_shared_answer_are_one_change() -> None:
    def shared(kind: str, words: str) -> dict[str, Json]:
        document = api({}, operations=3)
        for number in range(3):
            operation = document["paths"][f"/orders{number}"]["get"]  # type: ignore[index]
            operation["parameters"] = [{"$ref": "#/components/parameters/Page"}]
            operation["responses"] |= {code: {"$ref": "#/components/responses/Gone"} for code in ("404", "410")}
        components: dict[str, Json] = document["components"]  # type: ignore[assignment]
        components["parameters"] = {"Page": {"name": "page", "in": "query", "schema": {"type": kind}}}
        components["responses"] = {"Gone": {"description": words}}
        return document

    found = compare_specs(shared("number", "gone"), shared("integer", "no such order"))
    assert where(found) == [
        "parameter Page (request of 3 operations, first GET /orders0)",
        "response Gone (response of 3 operations, first GET /orders0)",
    ]


def test_conditions_are_compared_where_their_direction_is_known() -> None:
    old, new = ({"type": "object", "patternProperties": {"^x-": {"type": kind}}} for kind in ("number", "integer"))
    assert rules(compare_schemas(old, new)) == ["request-type-narrowed"]
    assert rules(compare_schemas(new, old)) == ["request-type-widened"]
    assert rules(compare_schemas({"not": {"type": "number"}}, {"not": {"type": "integer"}})) == ["not-comparable"]


def test_users_are_counted_through_schemas_in_between() -> None:
    old = api({"line": {"$ref": "#/components/schemas/Line"}}, operations=2)
    old["components"]["schemas"]["Line"] = {"properties": {"price": {"type": "number"}}}  # type: ignore[index]
    new = copy.deepcopy(old)
    new["components"]["schemas"]["Line"]["properties"]["price"] = {"type": "string"}  # type: ignore[index]
    for document in (old, new):
        del document["paths"]["/orders"]  # type: ignore[attr-defined]
    assert where(compare_specs(old, new)) == ["schema Line: field price (response of 2 operations, first GET /orders0)"]


def test_what_is_inherited_is_reported_where_it_is_written() -> None:
    def derived(base: dict[str, Json]) -> dict[str, Json]:
        document = api({}, operations=3)
        for number in range(3):
            name = f"Kind{number}"
            schemas = document["components"]["schemas"]  # type: ignore[index]
            schemas[name] = {
                "allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {name: {"type": "string"}}}]
            }
            schemas["Base"] = {"type": "object", "properties": base}
            media = document["paths"][f"/orders{number}"]["get"]["responses"]["200"]["content"]  # type: ignore[index]
            media["application/json"] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        return document

    found = compare_specs(derived({"id": {"type": "string"}}), derived({"id": {"type": "integer"}}))
    assert where(found) == ["schema Base: field id (response of 3 operations, first GET /orders0)"]
    found = compare_specs(derived({"id": {"type": "string"}}), derived({}))
    assert where(found) == ["schema Base: field id (response of 3 operations, first GET /orders0)"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["a", "b"], ["a"], "POST /refunds: request body field reason.code"),
        ([1, 2], [1], "POST /refunds: request body field reason.code"),
    ],
)
def test_places_are_said_in_words(old: list[Json], new: list[Json], expected: str) -> None:
    def refunds(values: list[Json]) -> Json:
        schema = {"type": "object", "properties": {"reason": {"properties": {"code": {"enum": values}}}}}
        operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": {}}
        return {"openapi": "3.0.0", "paths": {"/refunds": {"post": operation}}}

    assert where(compare_specs(refunds(old), refunds(new))) == [expected]


def test_elements_and_further_fields_have_places() -> None:
    def tool(inner: Json) -> Json:
        schema = {"type": "object", "properties": {"rows": {"type": "array", "items": {"additionalProperties": inner}}}}
        return [{"name": "put", "inputSchema": schema}]

    found = compare_specs(tool({"type": "string"}), tool({"type": "integer"}))
    assert where(found) == ["tool put: parameter rows[].*"]


def test_a_read_only_field_is_no_part_of_a_request() -> None:
    old, new = api({}), api({"id": {"type": "string", "readOnly": True}})
    new["components"]["schemas"]["Order"]["required"] = ["id"]  # type: ignore[index]
    (change,) = compare_specs(old, new).changes
    assert (change.rule, change.impact) == ("response-property-added", "minor")


def test_callbacks_turn_the_direction_round() -> None:
    def hooked(fields: dict[str, Json]) -> Json:
        body = {"content": {"application/json": {"schema": {"type": "object", "properties": fields}}}}
        callback = {"paid": {"{$request.body#/url}": {"post": {"requestBody": body, "responses": {"204": {}}}}}}
        return {"openapi": "3.1.0", "paths": {"/pay": {"post": {"responses": {}, "callbacks": callback}}}}

    (change,) = compare_specs(hooked({"id": {"type": "string"}}), hooked({"id": {"enum": ["a"]}})).changes
    assert (change.rule, change.impact) == ("response-enum-set", "minor")


def test_secrets_in_front_matter_are_not_carried_along() -> None:
    keys = ("sk-old-value", "${env:KEY:sk-new-value}")
    old, new = ({"model": {"configuration": {"api_key": value}}} for value in keys)
    found = compare_front_matter(old, new, "prompty")
    assert rules(found) == ["connection-changed"]
    assert (found.changes[0].old, found.changes[0].new) == ("(not shown)", "${env:KEY:(not shown)}")


# -- renamed tools ---------------------------------------------------------------------------------------------------


def mcp(**tools: dict[str, str]) -> Json:
    return {"tools": [{"name": name, "description": f"Does {'-'.join(fields)} well",
                       "inputSchema": {"type": "object", "properties": {key: {"type": fields[key]} for key in fields}}}
                      for name, fields in tools.items()]}  # fmt: skip


def test_a_renamed_tool_is_told_from_another_one() -> None:
    fields = {"customer": "string", "limit": "integer"}
    (change,) = compare_specs(mcp(find=fields), mcp(search=fields)).changes
    assert (change.rule, change.kind, change.old, change.new) == ("tool-renamed", "renamed", "find", "search")
    found = compare_specs(mcp(find=fields), mcp(pay={"amount": "number", "order": "string"}))
    assert sorted(rules(found)) == ["tool-added", "tool-removed"]


def test_two_tools_that_take_an_id_are_not_one_renamed() -> None:
    old, new = mcp(get={"id": "string"}), mcp(delete={"id": "string"})
    new["tools"][0]["description"] = "Removes an order for good"  # type: ignore[index]
    assert sorted(rules(compare_specs(old, new))) == ["tool-added", "tool-removed"]


# -- references ------------------------------------------------------------------------------------------------------


def test_references_never_leave_the_document() -> None:
    old = {"type": "object", "properties": {"a": {"$ref": "https://schemas.example/a.json"}}}
    new = {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}, "b": {"type": "string"}}}
    found = compare_schemas(old, new)
    assert sorted(rules(found)) == ["not-comparable", "request-property-added"]
    assert compare_schemas(old, {**old, "title": "x"}).changes[0].rule == "documentation-changed"


@pytest.mark.parametrize("shape", ["itself", "each other", "through an array", "alone"])
def test_circles_end(shape: str) -> None:
    def tree(kind: str) -> Json:
        node: Json = {"type": "object", "properties": {"value": {"type": kind}, "next": {"$ref": "#/$defs/Node"}}}
        definitions: dict[str, Json] = {"Node": node}
        if shape == "each other":
            node["properties"]["next"] = {"$ref": "#/$defs/Other"}  # type: ignore[index]
            definitions["Other"] = {"type": "object", "properties": {"back": {"$ref": "#/$defs/Node"}}}
        elif shape == "through an array":
            node["properties"]["next"] = {"type": "array", "items": {"$ref": "#/$defs/Node"}}  # type: ignore[index]
        elif shape == "alone":
            definitions["Void"] = {"$ref": "#/$defs/Void"}
            node["properties"]["next"] = {"$ref": "#/$defs/Void"}  # type: ignore[index]
        return {"$ref": "#/$defs/Node", "$defs": definitions}

    found = compare_schemas(tree("string"), tree("integer"))
    assert (rules(found), where(found)) == (["request-type-changed"], ["parameter value"])


# -- hostile documents -----------------------------------------------------------------------------------------------


def test_all_of_that_doubles_at_every_level_is_merged_once() -> None:
    def doubling(kind: str) -> Json:
        definitions: dict[str, Json] = {"L0": {"type": "object", "properties": {"end": {"type": kind}}}}
        for level in range(1, 35):
            ref = {"$ref": f"#/$defs/L{level - 1}"}
            definitions[f"L{level}"] = {"allOf": [ref, dict(ref), {"properties": {f"p{level}": {"type": "string"}}}]}
        return {"$ref": "#/$defs/L34", "$defs": definitions}

    assert where(compare_schemas(doubling("string"), doubling("integer"))) == ["parameter end"]


def test_a_chain_too_deep_to_be_merged_counts_as_breaking_and_says_so() -> None:
    def chain(kind: str) -> Json:
        definitions: dict[str, Json] = {"L0": {"type": "object", "properties": {"end": {"type": kind}}}}
        for level in range(1, 300):
            own = {"properties": {f"p{level}": {"type": "string"}}}
            definitions[f"L{level}"] = {"allOf": [{"$ref": f"#/$defs/L{level - 1}"}, own]}
        return {"$ref": "#/$defs/L299", "$defs": definitions}

    found = compare_schemas(chain("string"), chain("integer"))
    assert "not-comparable" in rules(found)
    assert found.limits


def test_a_chain_of_references_of_any_length_is_followed() -> None:
    def chain(kind: str) -> Json:
        definitions: dict[str, Json] = {"N0": {"type": kind}}
        for level in range(1, 3000):
            definitions[f"N{level}"] = {"type": "object", "properties": {"n": {"$ref": f"#/$defs/N{level - 1}"}}}
        return {"$ref": "#/$defs/N2999", "$defs": definitions}

    assert rules(compare_schemas(chain("string"), chain("integer"))) == ["request-type-changed"]


@pytest.mark.parametrize("depth", [70, 500, 100_000])
def test_nesting_of_any_depth_is_compared_or_taken_as_breaking(depth: int) -> None:
    def nested(kind: str) -> dict[str, Json]:
        schema: dict[str, Json] = {"type": kind}
        for _ in range(depth):
            schema = {"type": "array", "items": schema}
        return schema

    found = compare_specs(nested("string"), nested("integer"))
    assert rules(found) == (["request-type-changed"] if depth < 80 else ["not-comparable"])
    assert bool(found.limits) == (depth > 80)
    assert compare_specs(nested("string"), nested("string")).changes == ()
    generic = compare_values({"a": nested("string")}, {"a": nested("integer")})
    assert rules(generic) == ["value-changed"]


def test_a_long_enumeration_in_another_order_is_no_change() -> None:
    names = [f"value {number}" for number in range(100_000)]
    old, new = ({"type": "object", "properties": {"a": {"enum": each}}} for each in (names, names[::-1]))
    assert compare_specs(old, new).changes == ()
    new["properties"]["a"]["enum"] = names[5:]  # type: ignore[index]
    (change,) = compare_specs(old, new).changes
    assert (change.rule, change.old) == ("request-enum-value-removed", names[:5])


def test_a_long_list_in_another_order_is_one_change() -> None:
    numbers: list[Json] = list(range(100_000))
    found = compare_values({"n": numbers}, {"n": numbers[::-1]})
    assert rules(found) == ["order-changed"]
    assert found.limits


def test_thousands_of_alternatives_are_bounded() -> None:
    def union(prefix: str) -> Json:
        branches = [
            {"type": "object", "properties": {f"{prefix}{number}": {"type": "string"}}} for number in range(3000)
        ]
        return {"type": "object", "properties": {"a": {"oneOf": branches}}}

    found = compare_specs(union("a"), union("b"))
    assert found.changes[0].impact == "major"
    assert found.limits


def test_changes_beyond_the_list_are_counted_and_the_worst_is_listed() -> None:
    def wide(kind: str, last: str) -> Json:
        fields = {f"f{number}": {"type": "string", "description": kind} for number in range(5000)}
        fields["last"] = {"type": last, "description": kind}
        return {"type": "object", "properties": fields}

    found = compare_specs(wide("a", "string"), wide("b", "integer"))
    assert len(found.changes) == 2000
    assert found.changes[0].where == "parameter last"
    assert found.limits == ("3,002 more changes of impact minor are not listed",)


def test_documents_beyond_the_budget_count_as_breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repoint.schemacompare.MAX_PAIRS", 50)
    fields = {f"f{number}": {"type": "object", "title": "a"} for number in range(100)}
    new = {name: {"type": "object", "title": "b"} for name in fields}
    found = compare_specs({"type": "object", "properties": fields}, {"type": "object", "properties": new})
    assert found.changes[0].rule == "not-compared"
    assert "taken as breaking" in found.limits[0]


def test_circles_of_python_objects_end() -> None:
    """YAML aliases can tie them."""
    old: dict[str, Json] = {"type": "object", "properties": {}}
    old["properties"]["self"] = old  # type: ignore[index]
    new = copy.deepcopy(old)
    new["properties"]["more"] = {"type": "string"}  # type: ignore[index]
    assert compare_specs(old, new).changes[0].impact in ("minor", "major")


def test_keys_that_are_no_text_are_read_as_text() -> None:
    old = {"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": {200: {"description": "ok"}}}}}}
    new = {"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": {"200": {"description": "ok"}}}}}}
    assert compare_specs(old, new).changes == ()


def test_a_json_rpc_answer_is_a_tool_list() -> None:
    listed = {"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}
    assert kind_of({"jsonrpc": "2.0", "id": 1, "result": listed}) == kind_of(listed) == "tool list"
    assert (
        kind_of(json.loads('{"functionDeclarations": [{"name": "a", "parameters": {"type": "object"}}]}'))
        == "tool list"
    )
    assert kind_of({"name": "x", "type": "y"}) == "data"
    assert kind_of({"type": ["string", "null"]}) == kind_of({"properties": {}}) == "JSON Schema"
