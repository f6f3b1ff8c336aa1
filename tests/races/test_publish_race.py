"""Processes that publish at once: one creates a version, the others are told (promise 1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint_schemas.documents import EnvironmentName

from tests.races.workers import create_environments, new_team, publish_all, together
from tests.stores import PRODUCTION, pair

PUBLISHERS = 8
NAMES = [f"refund@1.{minor}.0" for minor in range(6)]


@pytest.fixture
def team(repository: Path) -> Registry:
    return new_team(repository)


def prompt_of(registry: Registry, name: str) -> str:
    published = registry.release(*pair(name))
    return registry.file_bytes(published.document, registry.snapshot(published).prompts["system"]).decode()


def test_the_same_content_is_created_once_and_everybody_succeeds(team: Registry, repository: Path) -> None:
    offers = [(name, f"Ask about {name}.") for name in NAMES]
    told = together(publish_all, [(repository, n, offers) for n in range(PUBLISHERS)])
    for name, by_publisher in zip(NAMES, zip(*told, strict=True), strict=True):
        assert sorted(by_publisher) == ["created"] + ["there"] * (PUBLISHERS - 1), name
        assert prompt_of(team, name) == f"Ask about {name}."


def test_of_different_contents_one_is_published_and_the_others_are_told(team: Registry, repository: Path) -> None:
    told = together(
        publish_all, [(repository, n, [(name, f"{n} wrote {name}.") for name in NAMES]) for n in range(PUBLISHERS)]
    )
    for name, by_publisher in zip(NAMES, zip(*told, strict=True), strict=True):
        assert sorted(by_publisher) == ["created"] + ["taken"] * (PUBLISHERS - 1), name
        assert prompt_of(team, name) == f"{by_publisher.index('created')} wrote {name}."


def test_an_environment_is_created_once(team: Registry, repository: Path) -> None:
    names = [EnvironmentName(f"eu-{n}") for n in range(6)]
    told = together(create_environments, [(repository, n, names) for n in range(PUBLISHERS)])
    for name, by_creator in zip(names, zip(*told, strict=True), strict=True):
        assert sorted(by_creator, key=str) == [False] * (PUBLISHERS - 1) + [True], name
        assert team.current(name).record.actor.name == f"Engineer {by_creator.index(True)}"
    assert team.store.environments() == sorted([*names, PRODUCTION, YANK_LEDGER])
