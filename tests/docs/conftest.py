"""The modules of docs/ under test, and the states in which pages begin, made once for each run."""

from __future__ import annotations

import os
import sys

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from pagestarts import Starts


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    """The states in which pages begin, shared by the processes of one test run."""
    folder = tmp_path_factory.getbasetemp()
    return Starts((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "starts")
