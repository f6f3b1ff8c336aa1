"""What a reader serves of an agent: values of their types, plain dictionaries, and nothing that a caller can change."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from repoint.active import TELEMETRY, Active, Config
from repoint.errors import InvalidInput
from repoint.reader import Reader
from repoint_schemas.canonical import digest_of, encode

from tests.unit.reader_places import EXAMPLES, SPECIFICATION, SYSTEM

pytest_plugins = ["tests.unit.reader_fixtures"]


@pytest.fixture(scope="module")
def active(reader_repository: Path) -> Active:
    with Reader(reader_repository, interval=None, cache=None) as reader:
        return reader.active("refund")


def test_a_version_says_what_it_is(active: Active) -> None:
    assert (active.agent, active.version, active.environment) == ("refund", "1.0.0", "production")
    assert (active.generation, active.since) == (1, 1)
    assert active.digest == digest_of(encode(active.snapshot))
    assert active.release.startswith("sha256:")
    assert (active.model.provider, active.model.name) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert active.requires == {"intake": ">=1.0.0,<3.0.0"}
    assert repr(active) == "<refund 1.0.0, production generation 1>"


def test_prompts_are_texts_as_they_were_written_or_bytes(active: Active) -> None:
    system, examples = active.prompts["system"], active.prompts["examples"]

    assert (system.text, system.data, system.is_text) == (SYSTEM, SYSTEM.encode(), True)
    assert active.prompts["again"] is system
    assert (examples.data, examples.is_text, examples.path) == (EXAMPLES, False, "prompts/examples.bin")
    with pytest.raises(InvalidInput) as refused:
        _ = examples.text
    assert refused.value.kind == "not-text"
    assert {path: file.sha256 for path, file in active.files.items()} == {
        path: hashlib.sha256(file.data).hexdigest() for path, file in active.files.items()
    }
    assert sorted(active.files) == ["agent.toml", "integrations/payments.json", "prompts/examples.bin", system.path]


def test_integrations_name_secrets_and_have_their_specification(active: Active) -> None:
    payments, search = active.integrations["payments"], active.integrations["search"]

    assert (payments.kind, payments.endpoint) == ("openapi", "https://payments.acme.example/v1")
    assert payments.secrets == ("PAYMENTS_API_KEY",)
    assert payments.spec is not None
    assert json.loads(payments.spec.text) == json.loads(SPECIFICATION)
    assert (search.kind, search.secrets, search.spec) == ("http", (), None)


def test_settings_have_their_types(active: Active) -> None:
    config = active.config

    assert (config.temperature, config.top_p, config.max_tokens, config.seed) == (0.2, 1.0, 1024, 7)
    assert (config.stop, config.timeout_seconds) == (("END", "STOP"), 30.0)
    assert (config.retry.max_attempts, config.retry.initial_seconds, config.retry.jitter) == (3, 0.5, None)
    assert isinstance(config.top_p, float)
    assert isinstance(config.timeout_seconds, float)


def test_settings_that_nobody_knows_are_in_the_dictionary(active: Active) -> None:
    assert active.config["region"] == "eu"
    assert active.config["limits"] == {"daily": 100, "steps": (1, {"deep": (True, "x")})}
    assert "limits" in active.config
    assert len(active.config) == len(list(active.config)) == 9
    with pytest.raises(KeyError):
        _ = active.config["colour"]


@pytest.mark.parametrize(("stop", "served"), [("END", ("END",)), (["A", "B"], ("A", "B")), (None, ())])
def test_where_the_model_stops_is_always_a_tuple(stop: object, served: tuple[str, ...]) -> None:
    assert Config({} if stop is None else {"stop": stop}).stop == served


def test_what_is_not_set_is_none() -> None:
    config = Config({})
    assert (config.temperature, config.top_p, config.max_tokens, config.seed, config.timeout_seconds) == (None,) * 5
    assert config.retry.max_attempts is None


def test_a_dictionary_is_the_callers_own(active: Active) -> None:
    given = active.config.to_dict()
    limits = given["limits"]
    assert isinstance(limits, dict)
    limits["daily"] = 0
    limits["steps"].append("changed")
    active.snapshot.config["region"] = "changed"
    active.snapshot.prompts.clear()

    assert active.config.to_dict()["limits"] == {"daily": 100, "steps": [1, {"deep": [True, "x"]}]}
    assert active.config["region"] == active.snapshot.config["region"] == "eu"
    assert list(active.prompts) == list(active.snapshot.prompts)


@pytest.mark.parametrize("place", ["prompts", "integrations", "files", "requires", "config"])
def test_what_is_shared_cannot_be_changed(active: Active, place: str) -> None:
    shared = getattr(active, place)
    with pytest.raises(TypeError):
        shared["new"] = None
    with pytest.raises(TypeError):
        del shared[next(iter(shared))]


def test_deep_settings_cannot_be_changed(active: Active) -> None:
    limits = active.config["limits"]
    with pytest.raises(TypeError):
        limits["daily"] = 0  # type: ignore[index]
    assert isinstance(limits["steps"], tuple)  # type: ignore[index]


def test_all_of_it_as_plain_values(active: Active) -> None:
    plain = active.to_dict()
    prompts, integrations = plain["prompts"], plain["integrations"]

    assert prompts == {"system": SYSTEM, "examples": EXAMPLES, "again": SYSTEM}
    assert integrations == {
        "payments": {
            "kind": "openapi",
            "endpoint": "https://payments.acme.example/v1",
            "secrets": ["PAYMENTS_API_KEY"],
            "spec": SPECIFICATION.decode(),
        },
        "search": {"kind": "http", "endpoint": "https://search.acme.example", "secrets": [], "spec": None},
    }
    assert plain["config"] == active.config.to_dict()
    assert plain["model"] == {"provider": "anthropic", "name": "claude-sonnet-4-5-20250929"}
    assert (plain["version"], plain["generation"], plain["digest"]) == ("1.0.0", 1, active.digest)
    json.dumps({**plain, "prompts": None})


def test_attributes_for_telemetry(active: Active) -> None:
    assert active.attributes() == {
        "gen_ai.agent.name": "refund",
        "gen_ai.agent.version": "1.0.0",
        "gen_ai.request.model": "claude-sonnet-4-5-20250929",
        "gen_ai.provider.name": "anthropic",
        "feature_flag.key": "refund",
        "feature_flag.result.variant": "1.0.0",
        "feature_flag.result.reason": "static",
        "feature_flag.set.id": "production",
        "feature_flag.version": "1",
        "feature_flag.provider.name": "repoint",
        "repoint.snapshot": active.digest,
    }


def test_attributes_under_other_names(active: Active) -> None:
    assert active.attributes({"agent": "agent", "generation": "deploy.generation"}) == {
        "agent": "refund",
        "deploy.generation": "1",
    }
    assert active.attributes({**TELEMETRY, "version": "service.version"})["service.version"] == "1.0.0"
    with pytest.raises(KeyError):
        active.attributes({"nothing": "x"})
