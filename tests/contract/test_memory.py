"""The store in memory passes the store contract."""

from __future__ import annotations

import pytest

from repoint.store import Foreign, Store
from repoint.store_memory import MemoryStore
from repoint_schemas.documents import AgentName, Version

from tests.contract.store_suite import Place, StoreSuite


class MemoryPlace:
    """One store in memory: every handle is the store itself."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def open(self) -> Store:
        return self.store

    def plant_foreign(self, agent: AgentName, version: Version) -> None:
        self.store._releases[agent, version] = Foreign("put there by a test")


class TestMemory(StoreSuite):
    @pytest.fixture
    def place(self) -> Place:
        return MemoryPlace()
