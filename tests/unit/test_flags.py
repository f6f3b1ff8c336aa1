"""The provider for OpenFeature, through the SDK's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from repoint.flags import OpenFeatureProvider
from repoint.reader import Reader

from tests.unit.reader_places import SYSTEM, RepositoryPlace

pytest_plugins = ["tests.unit.reader_fixtures"]


@pytest.fixture
def reader(repository_place: RepositoryPlace) -> Reader:
    return repository_place.reader()


@pytest.fixture
def client(reader: Reader) -> Iterator[OpenFeatureClient]:
    api.set_provider(OpenFeatureProvider(reader))
    yield api.get_client()
    api.shutdown()
    api.clear_providers()


def test_an_agent_is_a_flag(client: OpenFeatureClient, reader: Reader) -> None:
    found = client.get_string_details("refund", "none")
    assert (found.value, found.variant, found.reason) == ("1.0.0", "1.0.0", Reason.STATIC)
    assert found.flag_metadata == {
        "environment": "production",
        "generation": 1,
        "digest": reader.active("refund").digest,
    }
    whole = client.get_object_value("refund", {})
    assert isinstance(whole, dict)
    assert whole["prompts"]["system"] == SYSTEM
    assert whole["config"]["limits"]["daily"] == 100


@pytest.mark.parametrize(
    ("flag", "kind", "value"),
    [
        ("refund.model", "string", "claude-sonnet-4-5-20250929"),
        ("refund.provider", "string", "anthropic"),
        ("refund.prompts.system", "string", SYSTEM),
        ("refund.config.region", "string", "eu"),
        ("refund.config.max_tokens", "integer", 1024),
        ("refund.config.temperature", "float", 0.2),
        ("refund.config.top_p", "float", 1.0),
        ("refund.config.limits.daily", "integer", 100),
        ("refund.config.stop", "object", ["END", "STOP"]),
        ("refund.config.limits", "object", {"daily": 100, "steps": [1, {"deep": [True, "x"]}]}),
        ("refund.config.retry.max_attempts", "integer", 3),
    ],
)
def test_what_is_below_an_agent_is_a_flag(client: OpenFeatureClient, flag: str, kind: str, value: object) -> None:
    empty: object = {"string": "", "integer": 0, "float": 0.0, "object": {}}[kind]
    found = getattr(client, f"get_{kind}_details")(flag, empty)
    assert (found.value, found.variant, found.error_code) == (value, "1.0.0", None)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    ("flag", "kind", "default", "code"),
    [
        ("billing", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.colour", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.prompts.other", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.config.colour", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.config.region.deeper", "string", "none", ErrorCode.FLAG_NOT_FOUND),
        ("refund.prompts.examples", "string", "none", ErrorCode.TYPE_MISMATCH),
        ("refund.config.region", "integer", 5, ErrorCode.TYPE_MISMATCH),
        ("refund.config.region", "boolean", True, ErrorCode.TYPE_MISMATCH),
        ("refund.config.max_tokens", "boolean", True, ErrorCode.TYPE_MISMATCH),
        ("refund", "boolean", True, ErrorCode.FLAG_NOT_FOUND),
    ],
)
def test_what_is_not_there_gives_the_default(
    client: OpenFeatureClient, flag: str, kind: str, default: object, code: ErrorCode
) -> None:
    found = getattr(client, f"get_{kind}_details")(flag, default)
    assert (found.value, found.error_code, found.reason) == (default, code, Reason.ERROR)


def test_moves_are_events(client: OpenFeatureClient, reader: Reader, repository_place: RepositoryPlace) -> None:
    told: list[list[str] | None] = []

    def note(details: EventDetails) -> None:
        told.append(details.flags_changed)

    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, note)
    repository_place.promote("refund@1.1.0")
    assert reader.poll()
    assert told == [["refund"]]
    assert client.get_string_value("refund", "none") == "1.1.0"
    api.shutdown()
    repository_place.roll_back("refund")
    assert reader.poll()
    assert told == [["refund"]]


def test_what_may_be_behind_says_so(
    client: OpenFeatureClient, reader: Reader, repository_place: RepositoryPlace
) -> None:
    repository_place.go_away()
    assert not reader.poll()
    found = client.get_string_details("refund", "none")
    assert (found.value, found.reason) == ("1.0.0", Reason.STALE)
