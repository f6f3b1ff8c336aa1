"""Lints against what their authors had not seen: keys of further vendors, unusual but valid specs, old scripts.

Each case was wrong once. Keys are put together from pieces, so that scanners of this repository's own text find none.
"""

from __future__ import annotations

import json
import string

import pytest

from repoint.errors import InvalidInput
from repoint.filescan import scan
from repoint.findings import Finding, refuse_findings
from repoint.modelnames import floating_reason
from repoint.reflint import reference_complaints
from repoint.secretmask import masked
from repoint.secretvendors import VENDOR_SHAPES
from repoint.templates import Language, analyse
from repoint_schemas.documents import IntegrationKind

from tests.unit.scanning import HEX, LETTERS, made, rules
from tests.unit.test_speclint import lint

OPENSSH = "b3BlbnNzaC1rZXktdjEA" + "AAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
VENDOR_KEYS = {
    "an Amazon Bedrock API key": ["bedrock-" + "api-key-" + made(120)],
    "a Google API key": ["AQ" + ".Ab8" + made(46)],
    "a Google OAuth refresh token": ["1/" + "/0g" + made(60)],
    "a Cerebras API key": ["cs" + "k-" + made(48, string.ascii_lowercase + string.digits)],
    "a Together API key": ["tgp" + "_v1_" + made(43)],
    "a Fireworks API key": ["f" + "w_" + made(24)],
    "a Jina API key": ["ji" + "na_" + made(60)],
    "a LlamaCloud API key": ["ll" + "x-" + made(48)],
    "a Voyage API key": ["p" + "a-" + made(43)],
    "an E2B API key": ["e2" + "b_" + made(40, HEX)],
    "a Firecrawl API key": ["f" + "c-" + made(32, HEX)],
    "an ElevenLabs API key": ["s" + "k_" + made(48, HEX)],
    "a Helicone API key": ["sk-" + "helicone-" + "-".join(made(7, HEX, seed) for seed in range(4))],
    "a Databricks token": ["da" + "pi" + made(32, HEX)],
    "a Supabase key": ["sb" + "p_" + made(40, HEX), "sb_" + "secret_" + made(22) + "_" + made(8)],
    "a Discord webhook": ["https://discord" + ".com/api/webhooks/1837465019283746501/" + made(68)],
    "a Discord bot token": ["M" + "TA" + made(23) + "." + made(6) + "." + made(38)],
    "an Atlassian API token": ["ATA" + "TT3xFf" + made(180)],
    "an Airtable token": ["pa" + "t" + made(14) + "." + made(64, HEX)],
    "a Figma token": ["fi" + "gd_" + made(40)],
    "a Mailgun key": ["ke" + "y-" + made(32, HEX)],
    "a Resend API key": ["r" + "e_" + made(8) + "_" + made(24)],
    "a Postman API key": ["PM" + "AK-" + made(24, HEX) + "-" + made(34, HEX)],
    "a Docker Hub token": ["dc" + "kr_pat_" + made(27)],
    "a Heroku API key": ["HR" + "KU-AA" + made(58)],
    "a Doppler token": ["d" + "p.pt." + made(43)],
    "a Pulumi token": ["pu" + "l-" + made(40, HEX)],
    "a PlanetScale token": ["psc" + "ale_tkn_" + made(43)],
    "a Terraform Cloud token": [made(14) + ".atl" + "asv1." + made(67)],
    "a Fly.io token": ["FlyV1 f" + "m2_" + made(300, LETTERS + "+/")],
    "a Vercel token": ["vercel_" + "blob_rw_" + made(16) + "_" + made(32)],
    "a New Relic key": ["NR" + "AK-" + made(27, string.ascii_uppercase + string.digits)],
    "a Sentry token": ["sntr" + "ys_eyJ" + made(90) + "_" + made(43), "sntr" + "yu_" + made(64, HEX)],
    "a Grafana token": ["gl" + "sa_" + made(32) + "_" + made(8, HEX), "gl" + "c_eyJ" + made(100)],
    "a PostHog key": ["ph" + "x_" + made(43)],
    "a RubyGems key": ["ruby" + "gems_" + made(48, HEX)],
    "a 1Password service account token": ["op" + "s_eyJ" + made(300)],
    "an age private key": ["AGE-SECRET-" + "KEY-1" + made(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")],
    "an AWS session token": [
        "AWS_SESSION_TOKEN=IQoJb3JpZ2lu" + made(300),
        '"SessionToken": "FwoGZXIvYXdz' + made(300, LETTERS + "+/") + '=="',
    ],
    "a password on the command line of curl": ["curl -sS -u svc-agent:" + made(16) + " https://api.acme.example/v1"],
}


def test_every_vendor_shape_has_a_key_here() -> None:
    assert {shape.name for shape in VENDOR_SHAPES} == set(VENDOR_KEYS)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in VENDOR_KEYS.items() for key in keys])
@pytest.mark.parametrize("around", ["{}\n", "use {} for it.", "`{}`", "k: {}\n"])
def test_keys_of_further_vendors(name: str, key: str, around: str) -> None:
    found = [each.message for each in scan("a.md", [around.format(key).encode()]) if each.rule == "secret"]
    assert any(name in each for each in found), found
    assert key not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "OPENSSH PRIVATE KEY-----\n" + OPENSSH + "\n" + made(70) + "\n",
        '{"k": "-----BEGIN ' + "OPENSSH PRIVATE KEY-----\\n" + OPENSSH + '\\n"}',
        '{"a": "first\\ngl' + "pat-" + made(20) + '\\nlast"}',
        '{"a": "first\\nSG' + "." + made(22) + "." + made(43) + '\\nlast"}',
        '{"a": "first\\n74510028' + "14:AA" + made(33) + '\\nlast"}',
        '{"Secret' + 'AccessKey": "' + made(40, LETTERS + "/+") + '"}',
    ],
)
def test_keys_in_json_and_of_openssh(text: str) -> None:
    assert rules(text) == ["secret"]


@pytest.mark.parametrize(
    "text",
    [
        "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;",
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "curl -u user:password https://x.example",
        'curl -u "$USER:$PASS" https://x.example',
        "curl -u <user>:<password> https://x.example",
        "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE...\n",
        "key-takeaways-from-the-quarterly-review-2026",
        "pa-rental-application-form-for-tenants-2026-final",
        "fc-barcelona-season-ticket-holder-2026-a1",
        "fw_version_12_build_20261120_release re_compile_pattern_and_match_2026",
        "csk-vs-mi-2026-final-scorecard-and-highlights-of-the-whole-match",
        "MTA4 lines of base64 follow, sk_user_id_and_order_id_of_the_customer_in_question",
        "session_token: the token that the login returned, valid for an hour",
        "dp.pt.your-token-goes-here pattern.compile(x) https://discord.com/api/webhooks/ID/TOKEN",
    ],
)
def test_what_only_looks_like_a_key(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "\u1820\u1837\u182d\u180e\u1820 is Mongolian",
        "old Hangul: \u1112\u1160\u11ab and \u115f\u1161",
        "f\u2061(x) = 2\u2062x",
        "\ua856\ufe00 in Phags-pa",
        "Braille: \u2813\u2811\u2800\u2807\u2807\u2815",
    ],
)
def test_scripts_that_need_what_cannot_be_seen(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("hidden\u180ein Latin", "invisible"),
        ("hidden\u1160in Latin", "invisible"),
        ("hidden\u2061in Latin", "invisible"),
        ("row\u2062\u2063\u2062\u2063 of operators", "invisible"),
        ("a blank\u2800\u2800of Braille", "zero-width"),
    ],
)
def test_the_same_characters_where_nothing_needs_them(text: str, rule: str) -> None:
    assert rules(text) == [rule]


KEY = "sk-" + "proj-" + made(80)


def test_an_error_does_not_repeat_a_secret_that_it_quotes() -> None:
    shown = masked(f"agents/a/agent.toml:3: requires.x: the range '{KEY}' is not valid: '{KEY}'; write >=2")
    assert KEY not in shown
    assert shown == (
        "agents/a/agent.toml:3: requires.x: the range '(an OpenAI API key, not shown)' is not valid: "
        "'(an OpenAI API key, not shown)'; write >=2"
    )
    plain = "agents/refund-escalation/prompts/system-with-a-long-name.md does not exist, \u00e4h"
    assert masked(plain) == plain


def test_a_refusal_does_not_repeat_a_secret_that_a_finding_quotes() -> None:
    with pytest.raises(InvalidInput) as refused:
        refuse_findings([Finding("floating-model", "agent.toml", 6, "error", f"{KEY!r} is an alias without a date")])
    assert KEY[8:] not in str(refused.value)
    assert "alias without a date" in str(refused.value)


_DEFS = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}
_STRICT = {**_DEFS, "required": ["a"], "additionalProperties": False}
_IDS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://e.example/s/root",
    "type": "object",
    "$defs": {
        "a": {"$id": "/t/b", "$defs": {"q": {}}},
        "d": {"$id": "dir/", "$defs": {"i": {"$id": "inner.json"}}},
    },
    "properties": {
        "x": {"$ref": "../t/b"},
        "y": {"$ref": "https://e.example/t/b"},
        "z": {"$ref": "dir/inner.json"},
    },
}
VALID: list[tuple[str, object, IntegrationKind]] = [
    ("identifiers", _IDS, "function"),
    (
        "draft 3",
        {"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"a": {"type": "any", "required": True}}},
        "function",
    ),
    ("own metaschema", {"$schema": "https://acme.example/meta", "properties": {"a": {"type": "money"}}}, "function"),
    ("Bedrock with $defs", {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": _DEFS}}}]}, "function"),
    ("Gemini with $defs", {"functionDeclarations": [{"name": "f", "parametersJsonSchema": _DEFS}]}, "function"),
    (
        "Gemini counts",
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"b": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1"}},
                    },
                }
            ]
        },
        "function",
    ),
    (
        "format of answers",
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": _STRICT}},
        "function",
    ),
    ("format, flat", {"type": "json_schema", "name": "x", "schema": _DEFS}, "function"),
    (
        "examples of inputs",
        [{"name": "f", "input_schema": {"type": "object"}, "input_examples": [{"$ref": "#/data"}]}],
        "function",
    ),
    ("one tool", {"name": "f", "inputSchema": {"type": "object"}}, "mcp"),
    ("entry of a registry", {"name": "io.acme/x", "version": "1.0.0", "packages": [{"registryType": "npm"}]}, "mcp"),
    ("reply to initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x"}}, "mcp"),
    (
        "examples by media type",
        {
            "swagger": "2.0",
            "info": {"title": "t", "version": "1"},
            "paths": {
                "/a": {
                    "get": {
                        "responses": {"200": {"description": "d", "examples": {"application/json": {"$ref": "#/data"}}}}
                    }
                }
            },
        },
        "openapi",
    ),
]


@pytest.mark.parametrize(("value", "kind"), [each[1:] for each in VALID], ids=[each[0] for each in VALID])
def test_unusual_but_valid(value: object, kind: IntegrationKind) -> None:
    assert lint(value, kind) == []


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ({"name": "f", "inputSchema": {"type": "objet"}}, "mcp", "inputSchema"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strng"}}}, "function", "string"),
        ({"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": _DEFS}}, "function", "strict"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "function", "needs schema"),
        ({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {**_DEFS, "$defs": {}}}}}]},
         "function", "nowhere"),
        ({**_IDS, "properties": {"x": {"$ref": "../t/other"}}}, "function", "no entry"),
        ({"functionDeclarations": [{"name": "f", "parameters": {"type": "ARRAY", "minItems": "x"}}]},
         "function", "whole number"),
    ],
)  # fmt: skip
def test_the_same_shapes_with_an_error(value: object, kind: IntegrationKind, said: str) -> None:
    assert any(each.severity == "error" and said in each.message for each in lint(value, kind))


def test_many_identifiers_and_references_are_joined_within_bounds() -> None:
    ids = {f"d{n}": {"$id": f"x{n}/"} for n in range(3000)}
    references = {f"p{n}": {"$ref": f"y{n}.json"} for n in range(3000)}
    value = {"$id": "https://e.example/", "$defs": ids, "properties": references}
    joined = sum(1 for _ in reference_complaints(json.loads(json.dumps(value)), "a.json", lambda _: None))
    assert joined == 3000


@pytest.mark.parametrize(
    ("text", "language", "read"),
    [
        ("{price:>{width}} {{literal}} {name!r}", "f-string", {"price", "width", "name"}),
        ("{{#items}}x{{/items}}{{^done}}y{{/done}}", "handlebars", {"items", "done"}),
    ],
)
def test_what_counts_as_read(text: str, language: Language, read: set[str]) -> None:
    assert analyse(text, language).read == read


@pytest.mark.parametrize(
    ("provider", "name", "floats"),
    [
        ("azure", "gpt-35-turbo-0125", False),
        ("azure", "gpt-35-turbo", True),
        ("litellm", "gpt-4o-2024-08-06", False),
        ("litellm", "claude-sonnet-4-5-20250929", False),
        ("litellm", "gemini-2.5-pro", False),
        ("litellm", "gpt-4o", True),
        ("litellm", "claude-3-5-sonnet", True),
        ("litellm", "ollama/llama3", True),
        ("litellm", "ollama/llama3:8b", False),
        ("copilot", "gpt-4o", True),
        ("portkey", "openai/gpt-4o", True),
        ("openrouter", "openrouter/auto", True),
        ("openrouter", "router-of-ours", True),
    ],
)
def test_names_at_gateways(provider: str, name: str, floats: bool) -> None:
    assert (floating_reason(provider, name) is not None) is floats
