"""What the tests of the Git modules start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.git_fixtures import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A repository of its own, with no commit yet."""
    made = Sandbox(tmp_path)
    made.init()
    return made
