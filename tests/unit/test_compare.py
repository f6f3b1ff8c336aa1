"""What a version number says about an agent: every row of that table, as differences and as the inferred bump."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.bump import infer
from repoint.changes import Difference
from repoint.compare import compare
from repoint.comparefiles import LARGEST, Files
from repoint.comparesettings import model_family
from repoint.componentrules import RULES
from repoint_schemas.documents import AgentName, FileEntry, Integration, IntegrationKind, Model, Snapshot


class Agent:
    """A snapshot under construction and the files it names."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.config: dict[str, object] = {"temperature": 0.2, "max_tokens": 1024, "retry": {"max_attempts": 3}}
        self.model = ("anthropic", "claude-sonnet-4-5-20250929")
        self.prompts = {"system": ("prompts/system.md", b"You decide refunds.\nBe brief.\n")}
        self.integrations: dict[str, Integration] = {}
        self.requires = {"intake": ">=2.0.0,<3.0.0"}
        self.manifest_text = b"as it is"

    def entry(self, path: str, content: bytes) -> FileEntry:
        self.files[path] = content
        return FileEntry(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def integrate(
        self,
        name: str = "payments",
        *,
        kind: IntegrationKind = "openapi",
        endpoint: str | None = "https://payments.acme.example/v1",
        secrets: tuple[str, ...] = ("API_KEY",),
        spec: object = None,
    ) -> None:
        content = spec if isinstance(spec, bytes) else json.dumps(spec).encode()
        entry = None if spec is None else self.entry(f"integrations/{name}.json", content)
        self.integrations[name] = Integration(endpoint=endpoint, kind=kind, secrets=list(secrets), spec=entry)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            agent=AgentName("refund"),
            config=self.config,
            integrations=self.integrations,
            manifest=self.entry("agent.toml", self.manifest_text),
            model=Model(provider=self.model[0], name=self.model[1]),
            prompts={name: self.entry(path, content) for name, (path, content) in self.prompts.items()},
            requires={AgentName(name): text for name, text in self.requires.items()},
        )


def differences(old: Agent, new: Agent) -> list[Difference]:
    before, after = old.snapshot(), new.snapshot()
    files = Files(lambda entry: old.files[entry.path], lambda entry: new.files[entry.path])
    return compare(before, after, files).differences


def only(old: Agent, new: Agent) -> Difference:
    found = differences(old, new)
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def old() -> Agent:
    return Agent()


@pytest.fixture
def new() -> Agent:
    return Agent()


def test_equal_snapshots_have_no_differences(old: Agent, new: Agent) -> None:
    assert differences(old, new) == []
    assert infer([]) is None


def test_only_the_rest_of_the_manifest_differs(old: Agent, new: Agent) -> None:
    new.manifest_text = b"another description"
    found = only(old, new)
    assert (found.component, found.name, found.kind, found.impact) == ("file", "agent.toml", "changed", "patch")


def test_the_manifest_is_not_named_when_something_else_explains_it(old: Agent, new: Agent) -> None:
    new.manifest_text = b"temperature"
    new.config = {**new.config, "temperature": 0.3}
    assert only(old, new).component == "config"


@pytest.mark.parametrize(
    ("model", "name", "impact"),
    [
        (("openai", "claude-sonnet-4-5-20250929"), "provider", "major"),
        (("anthropic", "claude-opus-4-5-20250929"), "name", "major"),
        (("anthropic", "claude-sonnet-4-6-20260101"), "name", "minor"),
        (("anthropic", "claude-3-5-sonnet-20241022"), "name", "minor"),
        (("anthropic", "claude-sonnet-preview-4-5"), "name", "minor"),
    ],
)
def test_model(old: Agent, new: Agent, model: tuple[str, str], name: str, impact: str) -> None:
    new.model = model
    found = only(old, new)
    assert (found.component, found.name, found.impact) == ("model", name, impact)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-sonnet-4-5-20250929", "claude sonnet"),
        ("claude-3-5-sonnet-20241022", "claude sonnet"),
        ("gpt-4o-2024-08-06", "gpt 4o"),
        ("gpt-4o-mini-2024-07-18", "gpt 4o mini"),
        ("gpt-4-0613", "gpt 4"),
        ("gpt-5.1-2025-11-13", "gpt 5"),
        ("gpt-35-turbo-0125", "gpt 3 turbo"),
        ("gpt-3.5-turbo-0125", "gpt 3 turbo"),
        ("deepseek-r1-0528", "deepseek r"),
        ("deepseek-v3-0324", "deepseek"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic claude sonnet"),
        ("gemini-2.5-pro-preview-05-06", "gemini pro"),
        ("meta-llama/Llama-3.1-70B-Instruct", "meta llama llama 70b instruct"),
        ("llama3-8b-8192", "llama 8b"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic claude opus"),
        ("o3-mini-2025-01-31", "o mini"),
        ("", ""),
    ],
)
def test_model_family(name: str, family: str) -> None:
    assert " ".join(model_family(name)) == family


def test_integrations_come_and_go(old: Agent, new: Agent) -> None:
    old.integrate("gone")
    new.integrate("fresh", endpoint="https://elsewhere.example")
    found = differences(old, new)
    assert [(d.name, d.kind, d.impact) for d in found] == [("gone", "removed", "major"), ("fresh", "added", "minor")]
    assert infer(found) == "major"


@pytest.mark.parametrize(
    ("change", "name", "kind", "impact"),
    [
        ({"kind": "http"}, "payments.kind", "changed", "major"),
        ({"endpoint": "https://other.example"}, "payments.endpoint", "changed", "minor"),
        ({"endpoint": None}, "payments.endpoint", "removed", "minor"),
        ({"secrets": ("API_KEY", "ZONE_KEY")}, "payments.secrets", "added", "minor"),
        ({"secrets": ()}, "payments.secrets", "removed", "minor"),
        ({"secrets": ("API_KEY", "API_KEY")}, "payments.secrets", "changed", "patch"),
        ({"spec": {"openapi": "3.1.0"}}, "payments.spec", "added", "minor"),
    ],
)
def test_integration_changes(
    old: Agent, new: Agent, change: dict[str, object], name: str, kind: str, impact: str
) -> None:
    old.integrate()
    new.integrate(**change)  # type: ignore[arg-type]
    found = only(old, new)
    assert (found.component, found.name, found.kind, found.impact) == ("integration", name, kind, impact)


def test_a_spec_that_is_gone_breaks(old: Agent, new: Agent) -> None:
    old.integrate(spec={"openapi": "3.1.0"})
    new.integrate()
    assert (only(old, new).kind, only(old, new).impact) == ("removed", "major")


def test_a_spec_is_compared_by_its_structure(old: Agent, new: Agent) -> None:
    tool = {"name": "pay", "inputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}}}
    old.integrate(kind="mcp", spec={"tools": [tool, {**tool, "name": "cancel"}]})
    new.integrate(kind="mcp", spec={"tools": [tool]})
    found = only(old, new)
    assert (found.component, found.name, found.impact) == ("integration", "payments", "major")
    assert (found.path, found.kind) == ("integrations/payments.json", "removed")
    assert "cancel" in found.where


@pytest.mark.parametrize("content", [b"\xff", b"{" * 100_000, b"just prose", b"[1,"])
def test_a_spec_without_a_structure_is_no_contract(old: Agent, new: Agent, content: bytes) -> None:
    old.integrate(spec={"openapi": "3.1.0"})
    new.integrate(spec=content)
    found = only(old, new)
    assert (found.rule, found.impact) == ("spec-opaque", "major")
    assert "contract was not compared" in found.reason


def test_a_spec_laid_out_anew_is_the_same_contract(old: Agent, new: Agent) -> None:
    old.integrate(spec=b'{"openapi": "3.1.0", "paths": {}}')
    new.integrate(spec=b'{\n  "paths": {},\n  "openapi": "3.1.0"\n}\n')
    assert (only(old, new).rule, only(old, new).impact) == ("spec-layout", "patch")


def test_a_huge_specification_is_not_read() -> None:
    def unread(entry: FileEntry) -> bytes:
        raise AssertionError(f"{entry.path} was read")

    old, new = Agent(), Agent()
    old.integrate(spec=b"{" + b" " * LARGEST + b"}")
    new.integrate(spec={})
    [found] = compare(old.snapshot(), new.snapshot(), Files(unread, unread)).differences
    assert found.impact == "major"
    assert "larger than" in found.reason


@pytest.mark.parametrize(
    ("before", "after", "kind", "impact"),
    [
        ({}, {"intake": ">=1.0.0"}, "added", "major"),
        ({"intake": ">=1.0.0"}, {}, "removed", "minor"),
        ({"intake": ">=1.0.0"}, {"intake": ">=1.1.0"}, "changed", "major"),
        ({"intake": ">=1.1.0"}, {"intake": ">=1.0.0"}, "changed", "minor"),
        ({"intake": ">=1.1.0"}, {"intake": " >= 1.1.0"}, "changed", "patch"),
        ({"intake": "no range"}, {"intake": ">=1.0.0"}, "changed", "major"),
    ],
)
def test_requires(
    old: Agent, new: Agent, before: dict[str, str], after: dict[str, str], kind: str, impact: str
) -> None:
    old.requires, new.requires = before, after
    found = only(old, new)
    assert (found.component, found.name, found.kind, found.impact) == ("requires", "intake", kind, impact)


@pytest.mark.parametrize(
    ("before", "after", "name", "impact"),
    [
        ({"timeout_seconds": 30}, {"timeout_seconds": 10}, "timeout_seconds", "patch"),
        ({"retry": {"max_attempts": 3}}, {"retry": {"max_attempts": 9}}, "retry.max_attempts", "patch"),
        ({}, {"retry": {"backoff": 1}}, "retry.backoff", "patch"),
        ({"max_tokens": 1}, {"max_tokens": 2}, "max_tokens", "patch"),
        ({"max_tokens": 2}, {"max_tokens": 1}, "max_tokens", "minor"),
        ({}, {"max_tokens": 1}, "max_tokens", "minor"),
        ({"max_tokens": 1}, {}, "max_tokens", "minor"),
        ({"max_tool_calls": 5}, {"max_tool_calls": 8}, "max_tool_calls", "patch"),
        ({"limits": {"max_steps": 8}}, {"limits": {"max_steps": 5}}, "limits.max_steps", "minor"),
        ({"max_refund": 50}, {"max_refund": 500}, "max_refund", "minor"),
        ({"request_timeout_ms": 50}, {"request_timeout_ms": 70}, "request_timeout_ms", "patch"),
        ({"retries": 2}, {"retries": 3}, "retries", "patch"),
        ({"output_format": "json"}, {"output_format": "xml"}, "output_format", "major"),
        ({"tools": ["a", "b"]}, {"tools": ["a"]}, "tools", "major"),
        ({"tools": ["a"]}, {"tools": ["a", "b"]}, "tools", "minor"),
        ({"temperature": 0}, {"temperature": 1}, "temperature", "minor"),
        ({"stop": ["a"]}, {"stop": ["a", "b"]}, "stop", "minor"),
        ({"seed": 1}, {}, "seed", "minor"),
        ({"response_format": "json"}, {"response_format": "text"}, "response_format", "major"),
        ({}, {"output": {"schema": "a"}}, "output.schema", "major"),
        ({"output_schema": {"a": 1}}, {}, "output_schema.a", "major"),
        ({"mine": {"a": 1}}, {"mine": 1}, "mine", "minor"),
        ({"mine": True}, {"mine": 1}, "mine", "minor"),
        ({"mine": [True]}, {"mine": [1]}, "mine", "minor"),
        ({}, {"mine": {}}, "mine", "minor"),
        ({"mine": {"retry": 1}}, {"mine": {"retry": 2}}, "mine.retry", "minor"),
    ],
)
def test_config(
    old: Agent, new: Agent, before: dict[str, object], after: dict[str, object], name: str, impact: str
) -> None:
    old.config, new.config = before, after
    found = [(d.component, d.name, d.impact) for d in differences(old, new)]
    assert ("config", name, impact) in found
    assert infer(differences(old, new)) == impact


@pytest.mark.parametrize(
    ("key", "words"),
    [("seed", "sampling decides"), ("timeout_seconds", "timeouts and retries"), ("mine", "behaviour may change")],
)
def test_config_reasons(old: Agent, new: Agent, key: str, words: str) -> None:
    old.config, new.config = {key: 1}, {key: 2}
    assert words in only(old, new).reason


def test_numbers_that_canonical_json_writes_alike_are_equal(old: Agent, new: Agent) -> None:
    old.config, new.config = {"a": 1, "b": [0.0], "c": {"d": 2.5}}, {"a": 1.0, "b": [0], "c": {"d": 2.5}}
    assert differences(old, new) == []


@pytest.mark.parametrize(
    ("before", "after", "impact", "words"),
    [
        (b"Be brief.\n", b"Be  brief.\r\n\r\n", "patch", "white space"),
        (b"Be brief.\n", b"Be brief.\r\n", "patch", "line endings"),
        (b"Be brief.", b"Be kind.", "minor", "text"),
        (b"a b", b"ab", "minor", "text"),
        (b"\xff a", b"\xff  a", "patch", "white space"),
        (b"a", b"\xef\xbb\xbfa", "patch", "white space"),
        (b"Hi {{name}}", b"Hi {{ name }}", "patch", "white space"),
        (b"Hi {{ a }}b", b"Hi {{a}} b", "minor", "text"),
        (b" " * LARGEST + b"a ", b" " * LARGEST + b"a", "minor", "larger"),
    ],
)
def test_prompt_texts(old: Agent, new: Agent, before: bytes, after: bytes, impact: str, words: str) -> None:
    old.prompts, new.prompts = {"system": ("p", before)}, {"system": ("p", after)}
    found = only(old, new)
    assert (found.component, found.name, found.kind, found.impact) == ("prompt", "system", "changed", impact)
    assert words in found.reason


def test_prompts_come_go_and_are_renamed(old: Agent, new: Agent) -> None:
    old.prompts = {"a": ("a", b"same"), "b": ("b", b"same"), "c": ("c", b"gone")}
    new.prompts = {"d": ("a", b"same"), "e": ("e", b"new")}
    found = [(d.name, d.kind, d.impact, d.reason) for d in differences(old, new)]
    assert found == [
        ("b", "removed", "minor", "the agent has one prompt less"),
        ("c", "removed", "minor", "the agent has one prompt less"),
        ("d", "renamed", "minor", "renamed from a, same text"),
        ("e", "added", "minor", "the agent has one more prompt"),
    ]


def test_a_file_that_only_moved(old: Agent, new: Agent) -> None:
    new.prompts = {"system": ("prompts/new.md", old.prompts["system"][1])}
    found = only(old, new)
    assert (found.component, found.impact, found.old, found.new) == (
        "file", "patch", "prompts/system.md", "prompts/new.md",
    )  # fmt: skip


def test_order_is_what_matters_most_to_behaviour(old: Agent, new: Agent) -> None:
    new.model = ("anthropic", "claude-opus-4-5-20250929")
    new.integrate("zeta")
    new.integrate("alpha")
    new.requires = {}
    new.config = {**new.config, "temperature": 1}
    new.prompts = {"system": ("elsewhere", b"Text"), "alpha": ("alpha", b"b")}
    found = [(d.component, d.name) for d in differences(old, new)]
    assert found == [
        ("model", "name"),
        ("integration", "alpha"),
        ("integration", "zeta"),
        ("requires", "intake"),
        ("config", "temperature"),
        ("prompt", "system"),
        ("prompt", "alpha"),
    ]


names = st.sampled_from(["a", "b", "c"])
contents = st.sampled_from([b"x", b"y", b"x ", b'{"a": 1}'])
small = st.sampled_from([0, 1, True, 1.5, "x", [1], {}, {"k": 1}, {"k": 2}])


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    agent = Agent()
    agent.config = draw(st.dictionaries(st.sampled_from(["output", "retry", "temperature"]), small, max_size=2))
    agent.model = ("p", draw(st.sampled_from(["m-1", "m-2", "n-1"])))
    agent.prompts = draw(st.dictionaries(names, st.tuples(st.sampled_from(["p", "q"]), contents), max_size=1))
    agent.requires = draw(st.dictionaries(names, st.sampled_from([">=1.0.0", "*", ">= 1.0.0"]), max_size=1))
    if draw(st.booleans()):
        kind: IntegrationKind = draw(st.sampled_from(["mcp", "http"]))
        agent.integrate(kind=kind, endpoint=draw(st.sampled_from([None, "https://a.example"])), spec=draw(contents))
    agent.manifest_text = draw(st.sampled_from([b"1", b"2"]))
    return agent


@given(agents(), agents())
def test_snapshots_that_differ_yield_a_difference_and_equal_ones_none(one: Agent, other: Agent) -> None:
    from repoint_schemas.canonical import encode

    found = differences(one, other)
    assert bool(found) is (encode(one.snapshot()) != encode(other.snapshot()))
    for each in found:
        assert each.reason
        assert each.rule in RULES or each.where
        if each.kind in ("added", "removed"):
            assert (each.old is None) is (each.kind == "added")


MODELS = [
    ("claude-sonnet-4-20250514", "claude-sonnet-4-5-20250929", "minor"),
    ("claude-3-5-sonnet-20241022", "claude-haiku-4-5-20251001", "major"),
    ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "eu.anthropic.claude-3-5-sonnet-20241022-v2:0", "minor"),
    ("amazon.nova-pro-v1:0", "amazon.nova-lite-v1:0", "major"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "minor"),
    ("gpt-4o-2024-08-06", "gpt-4.1-2025-04-14", "major"),
    ("gpt-5-2025-08-07", "gpt-5.1-2025-11-13", "minor"),
    ("gpt-4-0613", "gpt-4o-2024-08-06", "major"),
    ("o3-2025-04-16", "o3-mini-2025-01-31", "major"),
    ("gemini-1.5-pro-001", "gemini-1.5-pro-002", "minor"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite", "major"),
    ("mistral-large-2402", "mistral-large-2411", "minor"),
    ("open-mixtral-8x7b", "open-mixtral-8x22b", "major"),
    ("command-r-03-2024", "command-r-plus-08-2024", "major"),
    ("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-R1", "major"),
    ("meta.llama3-1-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0", "minor"),
    ("Qwen/Qwen2.5-72B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "major"),
]


@pytest.mark.parametrize(("before", "after", "impact"), MODELS)
def test_model_swaps_of_all_providers(old: Agent, new: Agent, before: str, after: str, impact: str) -> None:
    old.model, new.model = ("a", before), ("a", after)
    assert only(old, new).impact == impact


HEAD = "---\nmodel:\n  {}: {{azure_deployment: gpt-4o}}\n  {}: {{temperature: {}}}\n{}---\nHi\n"


def test_front_matter_by_other_keys_says_which(old: Agent, new: Agent) -> None:
    old.prompts = {"system": ("p.prompty", HEAD.format("configuration", "parameters", 0, "sample: {a: 1}\n").encode())}
    new.prompts = {"system": ("p.prompty", HEAD.format("connection", "options", 0, "inputs: {a: 1}\n").encode())}
    found = only(old, new)
    assert (found.rule, found.impact) == ("prompt-layout", "patch")
    for keys in ("sample -> inputs", "model.configuration -> model.connection", "model.parameters -> model.options"):
        assert keys in found.reason


def test_other_keys_are_not_lost_beside_a_change(old: Agent, new: Agent) -> None:
    old.prompts = {"system": ("p.prompty", HEAD.format("configuration", "parameters", 0, "").encode())}
    new.prompts = {"system": ("p.prompty", HEAD.format("connection", "parameters", 1, "").encode())}
    found = differences(old, new)
    assert [each.rule for each in found] == ["sampling-changed", "prompt-layout"]
    assert "model.configuration -> model.connection" in found[1].reason


def test_a_setting_of_the_model_that_is_not_known_is_not_lost(old: Agent, new: Agent) -> None:
    head = "---\nmodel: {{id: gpt-4o, reasoning: {}}}\n---\nHi\n"
    old.prompts = {"system": ("p.prompty", head.format("low").encode())}
    new.prompts = {"system": ("p.prompty", head.format("high").encode())}
    found = only(old, new)
    assert (found.where, found.impact) == ("model reasoning", "minor")
