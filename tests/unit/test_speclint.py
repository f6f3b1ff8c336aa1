"""Specs: real errors are found where they stand, and a valid document is never refused."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterator

import jsonschema
import pytest
import yaml

from repoint.findings import Finding
from repoint.schemalint import dialect_of, schema_complaints
from repoint.speclint import SPEC_RULES, lint_specs
from repoint.specread import MAX_BYTES
from repoint_schemas.documents import AgentName, FileEntry, Integration, IntegrationKind, Model, Snapshot

Json = dict[str, object]

MANIFEST = FileEntry(path="agent.toml", sha256="0" * 64, size=1)

PAYMENTS: Json = {
    "openapi": "3.0.4",
    "info": {"title": "Payments", "version": "1.8.0", "x-owner": "payments"},
    "servers": [{"url": "https://{region}.pay.example/v1", "variables": {"region": {"default": "eu"}}}],
    "security": [{"apiKey": []}, {}],
    "tags": [{"name": "refunds"}],
    "paths": {
        "x-internal": True,
        "/payments/{paymentId}": {
            "parameters": [{"$ref": "#/components/parameters/PaymentId"}],
            "get": {
                "operationId": "getPayment",
                "responses": {
                    "200": {
                        "description": "The payment",
                        "headers": {"X-Rate": {"schema": {"type": "integer"}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "$ref": "#/components/schemas/Payment",
                                    "description": "beside",
                                    "type": "ignored",
                                },
                                "examples": {
                                    "card": {"$ref": "#/components/examples/Card"},
                                    "odd": {"value": {"$ref": "#/this/is/data"}},
                                },
                            }
                        },
                    },
                    "4XX": {"$ref": "#/components/responses/Problem"},
                    "default": {"$ref": "#/components/responses/Problem"},
                    "x-note": "ours",
                },
            },
            "delete": {"security": [], "responses": {"204": {"description": "Gone"}}},
        },
        "/refunds": {
            "post": {
                "operationId": "createRefund",
                "parameters": [
                    {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}},
                    {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}}},
                "responses": {"201": {"description": "Made"}},
            }
        },
    },
    "components": {
        "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
        "parameters": {
            "PaymentId": {"name": "paymentId", "in": "path", "required": True, "schema": {"type": "string"}}
        },
        "examples": {"Card": {"value": {"id": "pay_1"}}},
        "responses": {"Problem": {"description": "A problem"}},
        "schemas": {
            "Payment": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "nullable": True},
                    "type": {"type": "string", "enum": ["card", "sepa"], "default": "card"},
                    "example": {"$ref": "#/components/schemas/Refund"},
                    "properties": {"type": "object", "example": {"$ref": "#/nowhere"}},
                    "amount": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "extra": {"type": "object", "additionalProperties": True, "example": {"$ref": "#/nowhere"}},
                },
                "discriminator": {"propertyName": "type", "mapping": {"card": "#/components/schemas/Refund"}},
            },
            "Refund": {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "integer"}}}},
        },
    },
}
WEBHOOKS: Json = {
    "openapi": "3.1.1",
    "info": {"title": "CRM", "version": "2"},
    "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
    "webhooks": {"contact.created": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Contact"}}}},
    "components": {
        "requestBodies": {"Contact": {"content": {"application/json": {"schema": True}}}},
        "pathItems": {"Ping": {"get": {}}},
        "schemas": {
            "Name": {"type": ["string", "null"], "examples": [{"$ref": "#/data"}], "exclusiveMinimum": 3},
            "Tree": {"$id": "https://crm.example/tree", "$anchor": "tree", "properties": {"up": {"$ref": "#tree"}}},
            "Pair": {"prefixItems": [{"type": "integer"}, True], "items": False, "$ref": "https://crm.example/tree"},
        },
    },
}
SWAGGER: Json = {
    "swagger": "2.0",
    "info": {"title": "Search", "version": "1"},
    "host": "search.example",
    "securityDefinitions": {"login": {"type": "oauth2", "flow": "implicit", "scopes": {}}},
    "paths": {
        "/search/{index}": {
            "post": {
                "security": [{"login": []}],
                "parameters": [
                    {"name": "index", "in": "path", "required": True, "type": "string"},
                    {"name": "query", "in": "body", "schema": {"$ref": "#/definitions/Query"}},
                    {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}},
                ],
                "responses": {"200": {"description": "Hits", "schema": {"type": "file"}}},
            }
        }
    },
    "definitions": {"Query": {"type": "object", "properties": {"text": {"type": "string"}}}},
}
TOOLS: Json = {
    "tools": [
        {
            "name": "crm.search_contacts",
            "title": "Search",
            "inputSchema": {
                "type": "object",
                "properties": {"money": {"$ref": "#/$defs/Money"}},
                "required": ["money"],
                "$defs": {"Money": {"type": "number"}},
            },
            "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": True},
        },
        {"name": "ping", "inputSchema": {"type": "object", "additionalProperties": False}},
    ],
    "nextCursor": None,
}
OPENAI: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": ["string", "null"], "enum": ["C", "F", None]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
ANTHROPIC: Json = {"name": "get_weather", "description": "Now", "input_schema": {"type": "object", "properties": {}}}
GEMINI: Json = {
    "functionDeclarations": [
        {"name": "find:flight", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}
    ]
}
BEDROCK: Json = {"toolSpec": {"name": "top_song", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
BARE: Json = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"a": {"$ref": "#/definitions/A"}},
    "definitions": {"A": {"items": [{}, True]}},
}


def lint(
    content: object,
    kind: IntegrationKind | None = "openapi",
    path: str = "integrations/spec.json",
    more: Json | None = None,
) -> list[Finding]:
    """Findings in a file; ``more`` are further files by path, which prompts name."""
    files = {path: content, **(more or {})}
    raw = {
        name: each
        if isinstance(each, bytes)
        else each.encode()
        if isinstance(each, str)
        else json.dumps(each, indent=1).encode()
        for name, each in files.items()
    }
    entries = {
        name: FileEntry(path=name, sha256=hashlib.sha256(each).hexdigest(), size=len(each))
        for name, each in raw.items()
    }
    spec = {} if kind is None else {"it": Integration(endpoint=None, kind=kind, secrets=[], spec=entries[path])}
    named = [entry for name, entry in entries.items() if kind is None or name != path]
    document = Snapshot(
        agent=AgentName("refund"), config={}, integrations=spec, manifest=MANIFEST,
        model=Model(name="m", provider="p"), prompts={f"p{n}": each for n, each in enumerate(named)}, requires={},
    )  # fmt: skip
    return lint_specs(document, lambda entry: raw[entry.path])


def changed(document: Json, at: str, value: object) -> Json:
    """The document with another value at a place, written as keys joined by blanks; None removes it."""
    result = copy.deepcopy(document)
    *way, last = at.split(" ")
    inner: object = result
    for step in way:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]  # type: ignore[index]
    if isinstance(inner, list):
        inner[int(last)] = value
    elif isinstance(inner, dict) and value is None:
        del inner[last]
    else:
        inner[last] = value  # type: ignore[index]
    return result


def valid_documents() -> Iterator[tuple[str, object, IntegrationKind]]:
    for name, document in (("payments", PAYMENTS), ("webhooks", WEBHOOKS), ("swagger", SWAGGER)):
        yield name, document, "openapi"
        yield name + ".http", document, "http"
    yield "only components", {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "components": {}}, "openapi"
    yield (
        "3.2",
        {
            "openapi": "3.2.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/a": {"query": {"responses": {"200": {}}}}},
        },
        "openapi",
    )
    yield (
        "aws",
        changed(changed(PAYMENTS, "paths /refunds", None), "paths /{proxy+}", {"x-amazon-apigateway-any-method": {}}),
        "openapi",
    )
    yield "elsewhere", changed(PAYMENTS, "paths /refunds", {"$ref": "#/paths/~1payments~1%7BpaymentId%7D"}), "openapi"
    yield "list", TOOLS["tools"], "mcp"
    yield "list of tools", TOOLS, "mcp"
    yield "reply", {"jsonrpc": "2.0", "id": 1, "result": TOOLS}, "mcp"
    yield "client", {"mcpServers": {"crm": {"command": "npx"}}}, "mcp"
    yield "bundle", {"manifest_version": "0.3", "tools": [{"name": "a"}]}, "mcp"
    for name, function in (
        ("openai", OPENAI),
        ("anthropic", ANTHROPIC),
        ("gemini", GEMINI),
        ("bedrock", BEDROCK),
        ("bare", BARE),
    ):
        yield name, function, "function"
    yield "legacy", {"name": "f", "parameters": {"type": "object", "properties": {}}}, "function"
    yield "no arguments", {"type": "function", "name": "now", "parameters": None}, "function"
    yield (
        "built in",
        [{"type": "web_search_20250305", "name": "web_search"}, OPENAI, {**ANTHROPIC, "name": "b"}],
        "function",
    )
    yield (
        "own definitions",
        {"name": "f", "parameters": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}}},
        "function",
    )
    yield "anything", {"endpoint": {"type": "int"}}, "http"


@pytest.mark.parametrize(
    ("name", "document", "kind"), list(valid_documents()), ids=[each[0] for each in valid_documents()]
)
def test_a_valid_document_is_never_refused(name: str, document: object, kind: IntegrationKind) -> None:
    assert lint(document, kind) == []
    assert lint(yaml.safe_dump(document), kind, "integrations/spec.yaml") == []


BROKEN: list[tuple[Json, IntegrationKind, str, object, str]] = [
    (PAYMENTS, "openapi", "openapi", 3.0, "openapi: must be a text"),
    (PAYMENTS, "openapi", "openapi", "3.0", "openapi: must be a version"),
    (PAYMENTS, "openapi", "openapi", None, "neither openapi nor swagger"),
    (SWAGGER, "openapi", "swagger", 2.0, "put it in quotes"),
    (PAYMENTS, "openapi", "info", None, "needs info"),
    (PAYMENTS, "openapi", "info title", None, "info needs a title"),
    (PAYMENTS, "openapi", "paths", None, "needs paths"),
    (WEBHOOKS, "openapi", "webhooks", {"a": 3}, "a: must be an object, not a number"),
    (PAYMENTS, "openapi", "paths refunds", {}, "a path must begin with /"),
    (PAYMENTS, "openapi", "paths /refunds post operationId", "getPayment", "is taken by GET /payments/{paymentId}"),
    (PAYMENTS, "openapi", "paths /refunds post responses", None, "POST /refunds: needs responses"),
    (PAYMENTS, "openapi", "paths /refunds post responses 201", {}, "needs a description"),
    (PAYMENTS, "openapi", "paths /refunds post responses 20", {"description": "x"}, "is no status code"),
    (PAYMENTS, "openapi", "paths /refunds post responses", {"x-a": 1}, "at least one response"),
    (PAYMENTS, "openapi", "paths /refunds post requestBody", {}, "needs content"),
    (PAYMENTS, "openapi", "paths /refunds post parameters 0 in", "head", "in must be one of"),
    (PAYMENTS, "openapi", "paths /refunds post parameters 0 name", None, "needs a name"),
    (PAYMENTS, "openapi", "paths /refunds post parameters 0 schema", None, "either schema or content"),
    (PAYMENTS, "openapi", "paths /refunds post parameters 0 content", {}, "either schema or content"),
    (PAYMENTS, "openapi", "paths /refunds post parameters", {"name": "a"}, "must be a list"),
    (PAYMENTS, "openapi", "paths /payments/{paymentId} parameters", [], "no path parameter 'paymentId'"),
    (PAYMENTS, "openapi", "components parameters PaymentId name", "id", "no path parameter 'paymentId'"),
    (PAYMENTS, "openapi", "components parameters PaymentId required", None, "must have required: true"),
    (PAYMENTS, "openapi", "components securitySchemes apiKey name", None, "needs name"),
    (PAYMENTS, "openapi", "components securitySchemes apiKey type", "key", "must be one of apiKey"),
    (PAYMENTS, "openapi", "security 0", {"oauth": []}, "no security scheme is called 'oauth'"),
    (PAYMENTS, "openapi", "components schemas Re/fund", {}, "a component's name is made of"),
    (PAYMENTS, "openapi", "tags", [{"name": "a"}, {"name": "a"}], "stands there already"),
    (PAYMENTS, "openapi", "servers", [{"uri": "/"}], "needs a url"),
    (PAYMENTS, "openapi", "components schemas Payment type", "int", "write integer"),
    (PAYMENTS, "openapi", "components schemas Payment type", "objekt", "write object"),
    (PAYMENTS, "openapi", "components schemas Payment type", "money", "the types are array, boolean"),
    (PAYMENTS, "openapi", "components schemas Payment type", ["object", "null"], "must be one type in OpenAPI 3.0"),
    (PAYMENTS, "openapi", "components schemas Payment required", True, "must be a list of names"),
    (PAYMENTS, "openapi", "components schemas Payment required", ["id", "id"], "names 'id' twice"),
    (PAYMENTS, "openapi", "components schemas Payment properties", [], "must be an object of schemas"),
    (PAYMENTS, "openapi", "components schemas Payment properties id", "string", "a schema must be an object"),
    (PAYMENTS, "openapi", "components schemas Payment properties id minLength", "8", "whole number"),
    (PAYMENTS, "openapi", "components schemas Payment properties id enum", "a", "must be a list"),
    (WEBHOOKS, "openapi", "components schemas Name exclusiveMinimum", True, "a number in OpenAPI 3.1"),
    (SWAGGER, "openapi", "paths /search/{index} post parameters 1 schema", None, "needs a schema"),
    (SWAGGER, "openapi", "paths /search/{index} post parameters 2 items", None, "needs items"),
    (TOOLS, "mcp", "tools", {}, "is no MCP tool list"),
    (TOOLS, "mcp", "tools 1 name", "crm.search_contacts", "the name of another one"),
    (TOOLS, "mcp", "tools 1 name", None, "an MCP tool needs a name"),
    (TOOLS, "mcp", "tools 1 inputSchema", None, "needs inputSchema"),
    (TOOLS, "mcp", "tools 1 inputSchema type", "array", '"type": "object"'),
    (TOOLS, "mcp", "tools 0 inputSchema properties money", {"type": "money"}, "'money' is no type"),
    (OPENAI, "function", "function name", "get weather", "a name is 1 to 64"),
    (OPENAI, "function", "function parameters type", "string", '"type": "object"'),
    (OPENAI, "function", "function parameters additionalProperties", None, "strict needs"),
    (OPENAI, "function", "function parameters required", ["city"], "'unit' is not"),
    (ANTHROPIC, "function", "input_schema", None, ""),
    (ANTHROPIC, "function", "input_schema", "object", "must be a JSON Schema"),
    (BARE, "function", "definitions A items", [{"type": "str"}], "write string"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "kind", "at", "value", "says"), BROKEN, ids=[f"{b[2]}={b[3]!s:.20}" for b in BROKEN]
)
def test_a_broken_document_is_refused_in_words(
    document: Json, kind: IntegrationKind, at: str, value: object, says: str
) -> None:
    found = lint(changed(document, at, value), kind)
    if not says:
        assert found == []  # without its schema it is any object
        return
    assert {each.rule for each in found} <= {"spec-invalid", "broken-ref"}
    assert [each for each in found if says in each.message and each.severity == "error"], found


@pytest.mark.parametrize("kind", ["openapi", "mcp", "function"])
@pytest.mark.parametrize("value", [3, "text", [3], None, True])
def test_what_is_no_object_is_no_spec(kind: IntegrationKind, value: object) -> None:
    found = lint(json.dumps(value), kind)
    assert [(each.rule, each.severity) for each in found] == [("spec-invalid", "error")]


def test_a_finding_names_line_and_place() -> None:
    document = changed(PAYMENTS, "components schemas Payment properties id type", "str")
    (found,) = lint(document)
    text = json.dumps(document, indent=1).split("\n")
    assert '"str"' in text[(found.line or 0) - 1]
    assert found.message == "components.schemas.Payment.properties.id.type: 'str' is no type; write string"
    (found,) = lint(yaml.safe_dump(document), "openapi", "integrations/spec.yaml")
    assert "type: str" in yaml.safe_dump(document).split("\n")[(found.line or 0) - 1]


@pytest.mark.parametrize(
    ("document", "kind", "at", "value", "rule"),
    [
        (PAYMENTS, "openapi", "info version", 1.0, "spec-invalid"),
        (PAYMENTS, "openapi", "paths /payments/{id}", {"parameters": []}, "spec-invalid"),
        (PAYMENTS, "openapi", "components schemas Refund properties lines items", None, "spec-invalid"),
        (PAYMENTS, "openapi", "components schemas Payment properties amount exclusiveMinimum", 0, "spec-invalid"),
        (PAYMENTS, "openapi", "components schemas Refund properties lines items", [{}], "spec-invalid"),
        (TOOLS, "mcp", "tools 1 name", "search contacts", "spec-invalid"),
        (ANTHROPIC, "function", "input_schema required", ["city"], "spec-invalid"),
        (PAYMENTS, "openapi", "components schemas Refund $ref", "https://x.example/s.json#/A", "external-ref"),
    ],
)  # fmt: skip
def test_what_much_software_accepts_is_a_warning(
    document: Json, kind: IntegrationKind, at: str, value: object, rule: str
) -> None:
    assert [(each.rule, each.severity) for each in lint(changed(document, at, value), kind)] == [(rule, "warning")]


def test_what_stands_elsewhere_is_not_said_to_be_missing() -> None:
    found = lint(changed(PAYMENTS, "paths /payments/{paymentId} parameters", [{"$ref": "common.json#/PaymentId"}]))
    assert [each.rule for each in found] == ["external-ref"]


REFERENCES = "components schemas Refund properties lines items"


@pytest.mark.parametrize(
    ("target", "rule", "says"),
    [
        ("#/components/schemas/Paymnet", "broken-ref", "did you mean 'Payment'"),
        ("#/components/schemas/Payment/properties/none", "broken-ref", "points nowhere"),
        ("#Payment", "broken-ref", "points nowhere"),
        ("common.json#/Money", "external-ref", "no entry of agent.toml names the file 'integrations/common.json'"),
        ("../../shared/common.json", "external-ref", "outside of the agent's folder"),
        ("//x.example/a.json", "external-ref", "from the network"),
        ("named.json#/Nothing", "broken-ref", "points nowhere in 'integrations/named.json'"),
    ],
)
def test_references_that_lead_nowhere_or_out(target: str, rule: str, says: str) -> None:
    found = lint(changed(PAYMENTS, REFERENCES, {"$ref": target}), more={"integrations/named.json": {"Money": {}}})
    assert [each.rule for each in found] == [rule]
    assert says in found[0].message


@pytest.mark.parametrize(
    "target",
    [
        "#", "#/components/schemas/Payment/properties/id", "#/paths/~1refunds/post", "#/paths/%7E1refunds",
        "named.json#/Money", "./named.json", "../integrations/named.json#/Money/type", "spec.json#/nothing",
        "http://json-schema.org/draft-07/schema#", "#/components/schemas/Payment/properties/example/properties/lines",
    ],
)  # fmt: skip
def test_references_that_are_whole(target: str) -> None:
    document = changed(PAYMENTS, REFERENCES, {"$ref": target})
    assert lint(document, more={"integrations/named.json": {"Money": {"type": "number"}}}) == []


def test_duplicate_keys_aliases_and_depth_are_findings_of_specs() -> None:
    assert [(f.rule, f.line, f.severity) for f in lint('{"tools": [],\n "tools": []}', "mcp")] == [
        ("duplicate-key", 2, "error")
    ]
    bomb = "tools: []\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert [(f.rule, f.severity) for f in lint(bomb, "mcp", "t.yaml")] == [("yaml-alias-bomb", "error")]
    assert [f.rule for f in lint("[" * 99 + "]" * 99, "mcp")] == ["spec-too-deep"]
    assert [f.rule for f in lint("Just some words about an API.", "openapi", "spec.md")] == ["spec-unparsable"]
    assert [f.rule for f in lint('{"name": "a"}\n{"name": "b"}\n', "mcp", "tools.jsonl")] == ["spec-unparsable"]
    assert lint("Just some words about an API.", "http", "spec.md") == []


def test_a_file_too_large_is_not_even_read() -> None:
    entry = FileEntry(path="i/s.json", sha256="0" * 64, size=MAX_BYTES + 1)
    document = Snapshot(
        agent=AgentName("a"),
        config={},
        integrations={"i": Integration(endpoint=None, kind="mcp", secrets=[], spec=entry)},
        manifest=MANIFEST,
        model=Model(name="m", provider="p"),
        prompts={},
        requires={},
    )

    def read(_: FileEntry) -> bytes:
        raise AssertionError("read")

    assert [(f.rule, f.severity) for f in lint_specs(document, read)] == [("spec-too-large", "warning")]


def test_prompts_are_judged_by_what_they_are() -> None:
    assert lint('{"a": 1,}', None, "prompts/few.json")[0].rule == "spec-unparsable"
    assert lint("---\nname: a: b\n---\nHi\n", None, "prompts/a.prompty")[0].severity == "error"
    assert lint("---\nname: a: b\n---\nHi\n", None, "prompts/a.md")[0].severity == "warning"
    assert lint("---\n\nAct: decide\n\n---\n", None, "prompts/rules.md") == []
    assert lint('{"type": "int", "$ref": "gone"}', None, "prompts/any.json") == []
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "int"}
    assert [each.rule for each in lint(schema, None, "prompts/output.json")] == ["spec-invalid"]
    assert lint('{"input": 1}\n{"input": 2\n', None, "prompts/examples.jsonl")[0].line == 2


def test_findings_are_bounded_and_in_order() -> None:
    many = {f"S{n}": {"type": "int", "items": {"$ref": "#/none"}} for n in range(3000)}
    found = lint(changed(WEBHOOKS, "components schemas", many))
    assert [sum(each.rule == rule for each in found) for rule in ("spec-invalid", "broken-ref")] == [20, 20]
    lines = [each.line or 0 for each in found]
    assert lines == sorted(lines)


def test_hostile_specs_take_no_time_in_the_square_of_their_size() -> None:
    long: Json = {f"{'a' * 400_000}{n}": {} for n in range(4)}
    missing = {"a": {"$ref": f"#/components/schemas/{'a' * 400_000}x"}}
    assert [each.rule for each in lint(changed(WEBHOOKS, "components schemas", {**long, **missing}))] == ["broken-ref"]
    names = [f"argument{n}" for n in range(60_000)]
    arguments = {
        "type": "object",
        "properties": {name: {} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    assert lint(changed(OPENAI, "function parameters", arguments), "function") == []


def test_every_rule_explains_itself() -> None:
    assert len({rule.name for rule in SPEC_RULES}) == len(SPEC_RULES)
    assert all(rule.why.endswith(".") and rule.fix.endswith(".") for rule in SPEC_RULES)


DRAFTS = {
    "http://json-schema.org/draft-04/schema#": jsonschema.Draft4Validator,
    "http://json-schema.org/draft-06/schema#": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-07/schema#": jsonschema.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
}
KEYWORDS = [
    "type", "items", "required", "enum", "properties", "additionalProperties", "minimum", "exclusiveMaximum", "$defs",
    "minLength", "maxItems", "uniqueItems", "allOf", "not", "contains", "prefixItems", "dependentSchemas", "pattern",
    "dependencies", "title", "readOnly", "nullable", "multipleOf", "if", "$ref",
]  # fmt: skip
VALUES: list[object] = [
    "string", "int", "a", 1, 0, -1, 1.5, True, False, None, [], ["a"], ["a", "a"], ["string", "null"], [{}], [True], {},
    {"a": {}}, {"a": True}, {"a": {"type": "str"}}, {"type": "object"}, {"a": ["b"]}, 3.0,
]  # fmt: skip


@pytest.mark.parametrize("draft", DRAFTS)
def test_never_stricter_than_the_metaschema(draft: str) -> None:
    """What is complained of here, the metaschema refuses as well; and nearly all that it refuses is complained of."""
    chance = random.Random(7)
    refused = both = 0
    for _ in range(3000):
        schema: Json = {"$schema": draft, **{chance.choice(KEYWORDS): chance.choice(VALUES) for _ in range(2)}}
        here = [each for each in schema_complaints(schema, (), dialect_of(schema)) if each.severity == "error"]
        there = list(DRAFTS[draft](DRAFTS[draft].META_SCHEMA).iter_errors(schema))
        assert there or not here, (schema, here)
        refused += bool(there)
        both += bool(there and here)
    assert both > 0.9 * refused, (both, refused)
