"""``agent.toml``: every refusal names file, line and key, and all of them are reported at once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from repoint.errors import InvalidInput
from repoint.manifest import MAX_BYTES, WorkingCopy, read_manifest, written

NAMES = "names are 1 to 63 of A-Z, a-z, 0-9, '_', '.' and '-', beginning with a letter, a digit or '_'"
SECRET_NAMES = "must be the name of an environment variable as in PAYMENTS_API_KEY, never the secret itself"

MINIMAL = """\
schema = "repoint.manifest/1"
[agent]
name = "refund"
[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"
"""

FULL = """\
schema = "repoint.manifest/1"

[agent]
name = "refund"
description = "Decides refund requests"
owners = ["payments@acme.example"]

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"
few_shot = "prompts/examples.jsonl"

[integrations.payments]
kind = "openapi"
endpoint = "https://payments.acme.example/v1"
spec = "integrations/payments.json"
secrets = ["PAYMENTS_API_KEY"]

[config]
temperature = 0.2
max_tokens = 1024
timeout_seconds = 30
stop = ["END"]
house_style = "brief"
[config.retry]
max_attempts = 3

[requires]
intake = ">=2.0.0,<3.0.0"
"""


def read(folder: Path, text: str | bytes, agent: str | None = "refund") -> WorkingCopy:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "agent.toml").write_bytes(content)
    return read_manifest(folder, agent, shown="agents/refund")


def refusal(folder: Path, text: str | bytes, agent: str | None = "refund") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(folder, text, agent)
    return caught.value


def lines(folder: Path, text: str) -> list[str]:
    return [line.removeprefix("agents/refund/agent.toml:") for line in refusal(folder, text).message.split("\n")]


def test_reads_every_field(tmp_path: Path) -> None:
    copy = read(tmp_path, FULL)
    manifest = copy.manifest
    assert (copy.agent, copy.folder, copy.content) == ("refund", tmp_path, FULL.encode())
    assert (manifest.agent.description, manifest.agent.owners) == (
        "Decides refund requests",
        ("payments@acme.example",),
    )
    assert (manifest.model.provider, manifest.model.name) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert manifest.prompts == {"system": "prompts/system.md", "few_shot": "prompts/examples.jsonl"}
    assert manifest.integrations["payments"].secrets == ("PAYMENTS_API_KEY",)
    assert manifest.requires == {"intake": ">=2.0.0,<3.0.0"}
    assert manifest.config.retry is not None
    assert manifest.config.retry.max_attempts == 3
    assert copy.config["house_style"] == "brief"


def test_only_schema_agent_and_model_are_needed(tmp_path: Path) -> None:
    copy = read(tmp_path, MINIMAL)
    assert (copy.manifest.prompts, copy.manifest.integrations, copy.config) == ({}, {}, {})


def test_models_are_frozen(tmp_path: Path) -> None:
    manifest = read(tmp_path, FULL).manifest
    with pytest.raises(AttributeError, match="immutable"):
        manifest.model.name = "other"  # type: ignore[misc]


def test_one_point_zero_is_one(tmp_path: Path) -> None:
    text = MINIMAL + "[config]\nmax_tokens = 1024.0\nseed = -0.0\ndeep = [{a = 2.0, b = 2.5, c = true}]\n"
    config = read(tmp_path, text).config
    assert config == {"max_tokens": 1024, "seed": 0, "deep": [{"a": 2, "b": 2.5, "c": True}]}
    assert [type(config["max_tokens"]), type(config["seed"])] == [int, int]


def test_all_that_is_wrong_is_said_at_once_by_line(tmp_path: Path) -> None:
    text = """\
schema = "repoint.manifest/1"
promts = 1
[agent]
nam = "refund"
owners = ["a", 3]
[model]
provider = "x"
name = 3
[prompts]
"bad name" = "y"
[integrations.x]
kind = "grpc"
secrets = ["lower", "A", "A"]
endpoint = "nope"
[config]
temperature = "hot"
stop = [1, 2]
when = 2020-01-01
[config.retry]
max_attempts = true
"""
    error = refusal(tmp_path, text)
    assert error.kind == "invalid-manifest"
    assert lines(tmp_path, text) == [
        "2: promts: unknown key; did you mean prompts?",
        "3: agent.name: is missing",
        "4: agent.nam: unknown key; did you mean name?",
        "5: agent.owners[1]: must be a string",
        "8: model.name: must be a string",
        f'10: prompts."bad name": {NAMES}',
        "12: integrations.x.kind: must be 'openapi', 'mcp', 'function' or 'http'",
        f"13: integrations.x.secrets[0]: {SECRET_NAMES}",
        "14: integrations.x.endpoint: must be a URL as in https://payments.acme.example/v1",
        "16: config.temperature: must be a number",
        "17: config.stop: must be a string or an array of strings",
        "18: config.when: a date cannot be stored; write it as a string",
        "20: config.retry.max_attempts: must be a whole number",
    ]
    problems = error.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 13
    assert problems[0] == {
        "path": "agents/refund/agent.toml",
        "line": 2,
        "key": "promts",
        "message": "unknown key; did you mean prompts?",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[integrations]\nx = {kind = 'mcp', secretz = []}\n",
            "8: integrations.x.secretz: unknown key; did you mean secrets?",
        ),
        ("[config.retry]\nmax_attempts = 0\n", "8: config.retry.max_attempts: must be greater than or equal to 1"),
        ("[config]\nretry.max_attempts = 1.5\n", "8: config.retry.max_attempts: must be a whole number"),
        ("[config]\ntimeout_seconds = 0\n", "8: config.timeout_seconds: must be greater than 0"),
        ("[config]\nmax_tokens = true\n", "8: config.max_tokens: must be a whole number"),
        ("[config]\nretry = 3\n", "8: config.retry: must be a table"),
        (
            "[integrations.x]\nkind = 'mcp'\nsecrets = ['A', 'A']\n",
            "9: integrations.x.secrets: must not name anything twice",
        ),
        ("[integrations.x]\nspec = 'a.json'\n", "7: integrations.x.kind: is missing"),
        (
            "[integrations.x]\nkind = 'http'\nspec = ''\n",
            "9: integrations.x.spec: String should have at least 1 character",
        ),
        ("[prompts]\nsystem = ['a']\n", "8: prompts.system: must be a string"),
        ("prompts = 3\n", "7: model.prompts: unknown key; known here: provider, name"),
        ("[requires]\nintake = 'newest'\n", "8: requires.intake: "),
        ("[requires]\n'In take' = '>=1.0.0'\n", "8: requires.\"In take\": 'In take' is not an agent name"),
        ("[requires]\nrefund = '>=1.0.0'\n", "8: requires.refund: an agent cannot require itself"),
    ],
)
def test_refuses_with_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert lines(tmp_path, MINIMAL + text)[0].startswith(said)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("2020-01-01", "a date"),
        ("2020-01-01T10:00:00Z", "a date with a time"),
        ("10:00:00", "a time"),
        ("9007199254740992", "a whole number beyond 2^53"),
        ("-9007199254740992", "a whole number beyond 2^53"),
        ("1e20", "a whole number beyond 2^53"),
        ("inf", "inf or nan"),
        ("-nan", "inf or nan"),
    ],
)
def test_values_that_canonical_json_cannot_hold(tmp_path: Path, value: str, what: str) -> None:
    said = f"{what} cannot be stored; write it as a string"
    assert lines(tmp_path, f"{MINIMAL}[config]\nx = 1\ny = [\n  1,\n  {{z = {value}}},\n]\n") == [
        f"11: config.y[1].z: {said}"
    ]
    assert lines(tmp_path, f"{MINIMAL}[config]\ntemperature = {value}\n") == [f"8: config.temperature: {said}"]


def test_the_largest_numbers_that_canonical_json_can_hold(tmp_path: Path) -> None:
    config = read(tmp_path, MINIMAL + "[config]\na = 9007199254740991\nb = -9007199254740991\nc = 1e-7\n").config
    assert config == {"a": 2**53 - 1, "b": -(2**53) + 1, "c": 1e-7}


def test_another_agents_manifest(tmp_path: Path) -> None:
    (error,) = refusal(tmp_path, MINIMAL, "intake").message.split("\n")
    assert error == "agents/refund/agent.toml:3: agent.name: is 'refund', but this is the manifest of agent 'intake'"
    assert read(tmp_path, MINIMAL, None).agent == "refund"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'schema = "repoint.manifest/1"\n[agent\n', "agent.toml:2:7: "),
        (b"\xef\xbb\xbf" + MINIMAL.encode(), "agent.toml:1:1: a byte order mark"),
        (MINIMAL.encode() + b"# caf\xe9\n", "agent.toml:7:6: not UTF-8: byte 0xe9 at offset"),
        (MINIMAL.encode() + b"#\0\n", "agent.toml:7:2: a NUL"),
        (MINIMAL.encode() + b'[agent]\nname = "x"\n', "agent.toml:7:"),
        (b"a = " + b"[" * 100_000, "nested more than"),
        (b"a" + b".a" * 100_000 + b" = 1", "dotted parts"),
    ],
)
def test_texts_that_are_no_toml(tmp_path: Path, text: bytes, said: str) -> None:
    error = refusal(tmp_path, text)
    assert error.message.startswith("agents/refund/agent.toml:")
    assert said in error.message
    problems = error.facts["problems"]
    assert isinstance(problems, list)
    problem = problems[0]
    assert isinstance(problem, dict)
    assert (problem["path"], problem["line"]) == ("agents/refund/agent.toml", error.facts["line"])
    assert str(problem["message"]) in error.message


def test_too_large(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL + "#" * MAX_BYTES)
    assert (error.kind, error.message.partition(":")[0]) == ("file-too-large", "agents/refund/agent.toml")
    assert str(MAX_BYTES) in error.message


def test_nested_more_deeply_than_a_snapshot_can_hold(tmp_path: Path) -> None:
    def nested(levels: int) -> str:
        return f"{MINIMAL}[config]\nx = " + "[" * levels + "]" * levels + "\n"

    assert read(tmp_path, nested(57)).config
    assert "nested more than 60 levels deep" in refusal(tmp_path, nested(61)).message


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_manifest(tmp_path, "refund", shown="agents/refund")
    assert (caught.value.kind, caught.value.message) == ("manifest-missing", "agents/refund/agent.toml: does not exist")
    (tmp_path / "Agent.toml").write_text(MINIMAL)
    with pytest.raises(InvalidInput) as caught:
        read_manifest(tmp_path, "refund", shown="agents/refund")
    assert caught.value.hint == "did you mean 'Agent.toml'?"


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"agent.toml: cannot be read: No such file or directory"):
        read_manifest(tmp_path / "nowhere", "refund")


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").mkdir()
    with pytest.raises(InvalidInput, match=r"agent.toml: is a directory, not a regular file"):
        read_manifest(tmp_path, "refund")


def test_a_symbolic_link_and_a_fifo(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(MINIMAL)
    (tmp_path / "agent.toml").symlink_to("real")
    with pytest.raises(InvalidInput, match="is a symbolic link"):
        read_manifest(tmp_path, "refund")
    (tmp_path / "agent.toml").unlink()
    os.mkfifo(tmp_path / "agent.toml")
    with pytest.raises(InvalidInput, match="is a FIFO"):
        read_manifest(tmp_path, "refund")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(MINIMAL)
    (tmp_path / "agent.toml").chmod(0)
    with pytest.raises(InvalidInput, match=r"agent.toml: cannot be read: Permission denied"):
        read_manifest(tmp_path, "refund")


def test_a_secret_in_place_of_a_name_is_not_repeated(tmp_path: Path) -> None:
    value = "sk-" + "live7Qz9Lm2Xw4Rt8Vb1Nc"
    error = refusal(tmp_path, f"{MINIMAL}[integrations.x]\nkind = 'http'\nsecrets = ['{value}']\n")
    assert value not in error.message + str(error.facts)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://user:pw@x.example/",
        "https://token@x.example/",
        "javascript:alert(1)",
        "https://",
        "//x",
        "https://x:y/",
    ],
)
def test_endpoints_that_are_refused(tmp_path: Path, endpoint: str) -> None:
    text = f"{MINIMAL}[integrations.x]\nkind = 'http'\nendpoint = '{endpoint}'\n"
    assert lines(tmp_path, text)[0].startswith("9: integrations.x.endpoint: must ")


@pytest.mark.parametrize("endpoint", ["http://localhost:8080/v1", "wss://x.example/mcp", "https://[::1]:9/"])
def test_endpoints_that_are_accepted(tmp_path: Path, endpoint: str) -> None:
    text = f"{MINIMAL}[integrations.x]\nkind = 'http'\nendpoint = '{endpoint}'\n"
    assert read(tmp_path, text).manifest.integrations["x"].endpoint == endpoint


def test_written_keys() -> None:
    assert written(("config", "a b", "x-1", 2, "\u202e")) == 'config."a b".x-1[2]."\\u202e"'


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
    | st.dates()
    | st.times(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), VALUES, max_size=4))
def test_any_configuration_is_read_or_refused_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    text = MINIMAL + tomli_w.dumps({"config": config})
    try:
        copy = read(folder, text)
    except InvalidInput as error:
        problems = error.facts["problems"]
        assert isinstance(problems, list)
        assert all(isinstance(each, dict) and 7 <= int(each["line"] or 0) <= text.count("\n") + 1 for each in problems)
    else:
        assert copy.config == tomllib.loads(text)["config"]
