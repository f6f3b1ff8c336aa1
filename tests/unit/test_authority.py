"""Which store decides: what the ledger says, what a clone is pinned to, and what neither may be talked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from repoint import pointer
from repoint.authority import authority_in, require_registry, settings_of
from repoint.errors import Conflict, NotFound
from repoint.moves import Seal, Yank
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.s3keys import Address, parse_address
from repoint.store_memory import MemoryStore
from repoint_schemas.config import Config, RegistrySection, S3Section

from tests.stores import PRODUCTION, REGISTRY, Stamps, initialised, new_registry, pair, publish_version

BUCKET = "s3://acme-agents/repoint"
OTHER = "6f1c2f0e-8a52-4a0e-9d0b-000000000000"


def registry_of(authority: str) -> Registry:
    """A registry in memory whose first records name an authority."""
    return initialised(Registry(MemoryStore(), REGISTRY, authority))


@pytest.mark.parametrize("authority", ["local", "git", BUCKET])
def test_the_first_record_of_the_yanks_says_who_decides(authority: str) -> None:
    assert authority_in(registry_of(authority).store) == (REGISTRY, authority)


def test_an_empty_store_says_nothing() -> None:
    assert authority_in(MemoryStore()) is None


def test_a_seal_hands_it_over_and_the_last_one_counts() -> None:
    registry = registry_of("local")

    pointer.move(registry, YANK_LEDGER, Seal(BUCKET), Stamps())
    assert authority_in(registry.store) == (REGISTRY, BUCKET)
    there = Registry(registry.store, REGISTRY, BUCKET)
    pointer.move(there, YANK_LEDGER, Seal("git"), Stamps())
    assert authority_in(registry.store) == (REGISTRY, "git")


def test_records_after_a_seal_do_not_hide_it(tmp_path: Path) -> None:
    registry = initialised(new_registry(MemoryStore(), tmp_path))
    publish_version(registry, "refund@1.0.0")
    pointer.move(registry, YANK_LEDGER, Seal(BUCKET), Stamps())
    pointer.move(Registry(registry.store, REGISTRY, BUCKET), YANK_LEDGER, Yank(*pair("refund@1.0.0")), Stamps())

    assert authority_in(registry.store) == (REGISTRY, BUCKET)
    with pytest.raises(Conflict) as refused:
        registry.yanks(moving=True)
    assert refused.value.kind == "sealed"


def test_without_the_ledger_of_yanks_the_first_environment_says_it() -> None:
    registry = Registry(MemoryStore(), REGISTRY, BUCKET)
    assert pointer.create(registry, PRODUCTION, Stamps()())

    assert authority_in(registry.store) == (REGISTRY, BUCKET)


def test_another_registry_and_none_at_all_are_told_apart() -> None:
    with pytest.raises(NotFound) as none:
        require_registry(MemoryStore(), REGISTRY)
    assert none.value.kind == "not-a-registry"
    with pytest.raises(Conflict) as other:
        require_registry(initialised(new_registry(MemoryStore())).store, OTHER)
    assert other.value.facts["found"] == REGISTRY


@pytest.mark.parametrize(
    "address",
    [
        Address("acme-agents", "repoint"),
        Address("acme-agents", ""),
        Address("acme-agents", "a/b/c", "https://s3.example.com"),
        Address("acme-agents", "", "http://127.0.0.1:9000"),
    ],
)
def test_an_address_reads_back_as_it_is_written(address: Address) -> None:
    assert parse_address(str(address)) == address


def test_settings_say_only_what_the_configuration_says() -> None:
    address = Address("acme-agents", "repoint")
    section = RegistrySection(REGISTRY, ("production",), "s3")
    config = Config(section, s3=S3Section(address.url, region="eu-central-1", path_style=True))

    assert settings_of(address, None)[1:4] == (None, None, None)
    assert settings_of(address, config)[1:4] == ("eu-central-1", None, True)
