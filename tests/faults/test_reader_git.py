"""A damaged repository in front of a reader: the newest record whole, or the last good one.

Promise 6 where Git holds the registry: every object and the branch itself, on this machine and through a clone's fetch.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repoint import Reader, RepointError

from tests.faults.reader_shelf import emptied, flipped, gone, truncated
from tests.unit.reader_places import EXAMPLES, SYSTEM, Opener, ReaderPlace, RepositoryPlace

pytest_plugins = ["tests.unit.reader_fixtures"]

BRANCH = "refs/heads/repoint/env/production"
DAMAGES = [flipped, truncated, emptied, gone]

Damage = Callable[[bytes], bytes | None]


def serves(reader: Reader) -> str:
    """The version of refund that is served, which is whole; so is intake, which never changes."""
    with reader.pin() as pinned:
        refund, intake = pinned.active("refund"), pinned.active("intake")
    prompts = {name: file.data for name, file in refund.prompts.items()}
    system = SYSTEM.encode()
    rich = {"system": system, "examples": EXAMPLES, "again": system}
    assert prompts == {"1.0.0": rich, "1.1.0": {"system": b"Be kind."}}[refund.version]
    assert intake.prompts["system"].data == b"Take it in."
    assert reader.generation == {"1.0.0": 1, "1.1.0": 2}[refund.version]
    return refund.version


@contextmanager
def damaged(path: Path, damage: Damage) -> Iterator[None]:
    content, mode = path.read_bytes(), path.stat().st_mode
    wrong = damage(content)
    assert wrong != content
    path.unlink()
    if wrong is not None:
        path.write_bytes(wrong)
    yield
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def starts(place: ReaderPlace, cache: Path | None) -> str | None:
    """The version that a new reader serves, None where it refuses to start."""
    try:
        with place.reader(cache=cache) as reader:
            return serves(reader)
    except RepointError:
        return None


@pytest.fixture
def behind(tmp_path: Path) -> Path:
    """The cache of a machine that has served the version before."""
    return tmp_path / "behind"


def begun(place: ReaderPlace, behind: Path) -> None:
    """The version before is kept, and the next one is live."""
    assert starts(place, behind) == "1.0.0"
    place.promote("refund@1.1.0")


@pytest.mark.parametrize("damage", [flipped, *(pytest.param(each, marks=pytest.mark.long) for each in DAMAGES[1:])])
def test_no_damaged_object_is_served(
    open_place: Opener, tmp_path: Path, behind: Path, long_run: bool, damage: Damage
) -> None:
    place = open_place("repository", tmp_path / "place")
    assert isinstance(place, RepositoryPlace)
    begun(place, behind)
    refused = stayed = 0
    objects = sorted(path for path in (place.repository / "objects").glob("??/*") if path.is_file())
    for number, path in enumerate(objects[:: 1 if long_run else 5]):
        cache = shutil.copytree(behind, tmp_path / f"cache-{number}")
        with damaged(path, damage):
            fresh, restarted = starts(place, None), starts(place, cache)
        assert fresh in (None, "1.1.0")
        assert restarted in (("1.1.0",) if fresh else ("1.0.0", "1.1.0"))
        refused, stayed = refused + (fresh is None), stayed + (restarted == "1.0.0")
        assert starts(place, cache) == "1.1.0", "what was mended is not followed"
    assert refused >= stayed >= (5 if long_run else 1)


@pytest.mark.parametrize("kind", ["repository", pytest.param("remote", marks=pytest.mark.long)])
def test_no_damaged_branch_is_served(open_place: Opener, tmp_path: Path, behind: Path, kind: str) -> None:
    place = open_place(kind, tmp_path / "place")
    assert isinstance(place, RepositoryPlace)
    branch = place.repository / BRANCH
    older = branch.read_bytes()
    begun(place, behind)
    tag = (place.repository / "refs/tags/refund@v1.1.0").read_bytes()
    running = place.reader()
    assert serves(running) == "1.1.0"
    lies: list[Damage] = [*DAMAGES, lambda _: older, lambda _: tag, lambda _: b"ref: refs/tags/refund@v1.1.0\n"]
    for lie in lies:
        with damaged(branch, lie):
            running.poll()
            assert serves(running) == "1.1.0"
            assert running.staleness.reason is not None
            assert starts(place, place.cache) == "1.1.0"
        running.poll()
        assert running.staleness.reason is None
    assert starts(place, behind) == "1.1.0"
