"""Fixtures of ``reader_places``; a test module gets them by ``pytest_plugins = ["tests.unit.reader_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.s3 import S3Server
from tests.servers.sshd import Sshd, missing, running_sshd
from tests.unit.reader_places import (
    BucketPlace,
    Opener,
    ReaderPlace,
    RepositoryPlace,
    make_objects,
    make_repository,
    places,
)


@pytest.fixture(scope="session")
def reader_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if reason := missing():
        pytest.skip(reason)
    with running_sshd(tmp_path_factory.mktemp("reader-sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def reader_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("reader-repository"))


@pytest.fixture(scope="session")
def reader_objects(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment().items():
            patch.setenv(name, value)
        return make_objects(tmp_path_factory.mktemp("reader-objects"), s3_server)


@pytest.fixture
def open_place(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens a place by kind in a folder."""
    with places(request) as opener:
        yield opener


@pytest.fixture(params=["repository", pytest.param("bucket", marks=pytest.mark.s3), "remote"])
def place(request: pytest.FixtureRequest, open_place: Opener, tmp_path: Path) -> ReaderPlace:
    """A registry in each kind of place."""
    return open_place(str(request.param), tmp_path / "place")


@pytest.fixture(
    params=[
        "repository",
        pytest.param("bucket", marks=pytest.mark.s3),
        pytest.param("remote", marks=pytest.mark.long),  # a second or two for each test
    ]
)
def near(request: pytest.FixtureRequest, open_place: Opener, tmp_path: Path) -> ReaderPlace:
    """A registry in each kind of place that answers at once; in a run that may take long, in the others too."""
    return open_place(str(request.param), tmp_path / "place")


@pytest.fixture
def bucket_place(open_place: Opener, tmp_path: Path) -> BucketPlace:
    """A registry in a bucket; mark what uses it ``s3``."""
    found = open_place("bucket", tmp_path / "bucket")
    assert isinstance(found, BucketPlace)
    return found


@pytest.fixture
def repository_place(open_place: Opener, tmp_path: Path) -> RepositoryPlace:
    """A registry in a repository on this machine."""
    found = open_place("repository", tmp_path / "repository")
    assert isinstance(found, RepositoryPlace)
    return found
