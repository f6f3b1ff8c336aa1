"""The reader, over a repository, a bucket and a Git remote: it serves what is live, follows, and never goes back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoint import readersource
from repoint.active import Active
from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, StoreUnavailable
from repoint.follower import Change
from repoint.reader import Reader
from repoint_schemas.canonical import digest_of

from tests.servers.git_remotes import git
from tests.servers.proxy import Answer, DropRequest, Trickle
from tests.stores import PRODUCTION, REGISTRY, open_git
from tests.unit.reader_places import EXAMPLES, SPECIFICATION, SYSTEM, BucketPlace, ReaderPlace, RepositoryPlace

pytest_plugins = ["tests.unit.reader_fixtures"]

SECONDS = 30.0
CREDENTIALS = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
OTHER = "00000000-8a52-4a0e-9d0b-3f6f0c1d2e3a"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="repoint.reader"):
        yield caplog


class Hands:
    """A clock that stands until it is put forward."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.unix = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.unix

    def wait(self, event: object, seconds: float) -> bool:
        raise AssertionError("nobody waits here")

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.unix += seconds


def behind(reader: Reader) -> tuple[bool, bool]:
    """Whether it may be behind, and whether what it serves came from the disk."""
    return reader.staleness.reason is not None, reader.staleness.from_disk


def versions(reader: Reader) -> dict[str, str]:
    return {name: str(active.version) for name, active in reader.agents.items()}


# -- in each kind of place ---------------------------------------------------------------------------------------------


def test_it_serves_what_is_live_and_follows_each_move(place: ReaderPlace) -> None:
    reader = place.reader()
    told: list[Change] = []
    reader.on_change(told.append)
    first = reader.active("refund")

    assert (reader.environment, reader.registry, reader.generation) == ("production", REGISTRY, 1)
    assert first.prompts["system"].data == SYSTEM.encode()
    assert first.prompts["examples"].data == EXAMPLES
    assert first.integrations["payments"].spec is not None
    assert first.integrations["payments"].spec.data == SPECIFICATION
    assert first.config["region"] == "eu"
    assert not reader.poll()

    with reader.pin() as pinned:
        assert place.promote("refund@1.1.0") == 2
        assert versions(reader) == {"refund": "1.0.0", "intake": "1.0.0"}
        assert reader.poll()
        assert versions(reader) == {"refund": "1.1.0", "intake": "1.0.0"}
        assert reader.active("refund").prompts["system"].text == "Be kind."
        assert place.roll_back("refund") == 3
        assert reader.poll()
        assert reader.active("refund").prompts["system"].text == SYSTEM
        assert (pinned.generation, pinned.active("refund"), pinned.agents["refund"]) == (1, first, first)

    assert [(change.before, change.generation) for change in told] == [(1, 2), (2, 3)]
    assert [list(change.agents) for change in told] == [["refund"], ["refund"]]
    before, after = told[1].agents["refund"]
    assert isinstance(before, Active)
    assert isinstance(after, Active)
    assert (before.version, after.version, after.since) == ("1.1.0", "1.0.0", 3)
    assert (first.generation, reader.active("refund").digest) == (1, first.digest)


def test_it_serves_what_was_live_while_the_place_is_away(place: ReaderPlace, said: pytest.LogCaptureFixture) -> None:
    clock = Hands()
    reader = place.reader(clock=clock)
    assert tuple(reader.staleness) == (0.0, None, False)
    place.go_away()
    if place.kind == "bucket":  # there somebody else may still write
        place.promote("refund@1.1.0")
    clock.pass_by(60.0)
    assert not reader.poll()
    assert not reader.poll()
    assert (reader.staleness.seconds, *behind(reader)) == (60.0, True, False)
    assert versions(reader)["refund"] == "1.0.0"
    assert [record.levelname for record in said.records] == ["WARNING"], "once, not at every look"
    reader.close()

    again = place.reader()
    assert versions(again) == {"refund": "1.0.0", "intake": "1.0.0"}
    assert again.active("refund").prompts["examples"].data == EXAMPLES
    assert behind(again) == (True, True)
    assert not again.poll()

    place.come_back()
    if place.kind != "bucket":
        place.promote("refund@1.1.0")
    assert again.poll()
    assert (versions(again)["refund"], again.generation) == ("1.1.0", 2)
    assert behind(again) == (False, False)
    assert said.records[-1].message == "production: following again"
    if isinstance(place, BucketPlace):
        assert {type(fault) for _, fault in place.proxy.happened} == {DropRequest}


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_an_agent_that_is_not_live(near: ReaderPlace) -> None:
    reader = near.reader()
    for serving in (reader, reader.pin()):
        with pytest.raises(NotFound) as refused:
            serving.active("billing")
        assert refused.value.kind == "not-live"
        assert refused.value.hint == "live there: intake, refund"


def test_an_environment_in_which_nothing_is_live(near: ReaderPlace) -> None:
    reader = near.reader(environment="staging")
    assert (reader.generation, dict(reader.agents)) == (0, {})
    with pytest.raises(NotFound, match="'refund' is not live in staging") as refused:
        reader.active("refund")
    assert "repoint promote" in (refused.value.hint or "")


def test_an_environment_that_is_not_there(near: ReaderPlace) -> None:
    with pytest.raises(NotFound) as refused:
        near.reader(environment="canary")
    assert refused.value.kind == "no-such-environment"
    with pytest.raises(InvalidInput):
        near.reader(environment="../production")


def test_a_registry_of_another_id(near: ReaderPlace) -> None:
    with pytest.raises(Conflict) as refused:
        near.reader(registry=OTHER)
    assert refused.value.kind == "registry-mismatch"
    assert near.reader(registry=REGISTRY).generation == 1


def test_less_than_the_least_generation(near: ReaderPlace) -> None:
    with pytest.raises(Corrupt) as refused:
        near.reader(minimum_generation=2)
    assert refused.value.kind == "pointer-went-back"
    near.promote("refund@1.1.0")
    assert near.reader(minimum_generation=2).generation == 2


def test_a_place_that_is_away_from_the_beginning(near: ReaderPlace) -> None:
    near.go_away()
    with pytest.raises((StoreUnavailable, NotFound)):
        near.reader()


def test_a_place_that_never_was(tmp_path: Path) -> None:
    for store in (tmp_path / "nothing", f"file://{tmp_path}/nothing", tmp_path):
        with pytest.raises(NotFound):
            Reader(store, interval=None, cache=tmp_path / "cache")
    for address in ("ext::sh", "s3://B", "s3://user:secret@acme-agents/x", "ftp://host/x"):
        with pytest.raises(InvalidInput) as refused:
            Reader(address, interval=None, cache=tmp_path / "cache")
        assert "secret" not in refused.value.message
    for interval in (0.0, -1.0):
        with pytest.raises(InvalidInput, match="interval"):
            Reader(tmp_path, interval=interval, cache=None)


# -- never back --------------------------------------------------------------------------------------------------------


@pytest.mark.s3
def test_a_pointer_that_was_put_back_is_not_served_across_restarts_either(bucket_place: BucketPlace) -> None:
    key, place = "environments/production.json", bucket_place
    old = place.get(key)
    place.promote("refund@1.1.0")
    reader = place.reader()
    assert reader.generation == 2
    new = place.get(key)
    place.put(key, old)

    assert not reader.poll()
    assert (reader.generation, versions(reader)["refund"]) == (2, "1.1.0")
    assert "generation 2 was served before" in str(reader.staleness.reason)
    again = place.reader()
    assert (again.generation, versions(again)["refund"]) == (2, "1.1.0")
    assert "generation 2 was served before" in str(again.staleness.reason)

    place.put(key, new)
    assert not again.poll()
    assert behind(again) == (False, False)


def test_a_branch_that_was_put_back_is_not_served(repository_place: RepositoryPlace) -> None:
    place = repository_place
    place.promote("refund@1.1.0")
    reader = place.reader()
    with open_git(place.repository) as store:
        before = store.read_record(PRODUCTION, 1)
        tip = store.read_pointer(PRODUCTION)
    assert before is not None
    assert tip is not None
    branch = place.repository / "refs/heads/repoint/env/production"
    branch.write_text(git(place.repository, "rev-parse", f"{tip.stamp}~1") + "\n")
    assert not reader.poll()
    assert "generation 2 was served before" in str(reader.staleness.reason)
    assert reader.generation == place.reader().generation == 2


# -- details of following ----------------------------------------------------------------------------------------------


def test_a_newest_record_that_cannot_be_served_is_tried_again_ever_more_rarely(bucket_place: BucketPlace) -> None:
    place, clock = bucket_place, Hands()
    reader = place.reader(clock=clock)
    place.promote("refund@1.1.0")
    missing = next(key for key in place.stored() if key.startswith("releases/refund/1.1.0"))
    content = place.get(missing)
    place.delete(missing)

    asked: list[int] = []
    for _ in range(40):
        place.proxy.start_over()
        assert not reader.poll()
        asked.append(len(place.proxy.seen))
        clock.pass_by(2.0)
    assert "the release of refund 1.1.0 is missing" in str(reader.staleness.reason)
    assert versions(reader)["refund"] == "1.0.0"
    assert asked[:2] > [1, 1], "at once, since it may have come altered"
    assert 4 <= sum(number > 1 for number in asked) <= 8, asked
    assert asked.count(1) > 30

    place.put(missing, content)
    clock.pass_by(30.0)
    assert reader.poll()
    assert versions(reader)["refund"] == "1.1.0"


@pytest.mark.s3
def test_credentials_that_are_replaced_on_the_machine_are_taken_up(
    bucket_place: BucketPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, keys = bucket_place, tmp_path / "credentials"
    place.reader().close()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    keys.write_text(CREDENTIALS.format("old", "old"))
    refused = Answer(403, "AccessDenied")
    place.proxy.plan = lambda e: refused if "Credential=old/" in e.headers["authorization"] else None
    reader = place.reader()
    assert not reader.poll()
    assert "AccessDenied" in str(reader.staleness.reason)
    keys.write_text(CREDENTIALS.format(place.server.access_key, place.server.secret_key))
    place.promote("refund@1.1.0")
    assert reader.poll()
    assert [fault for _, fault in place.proxy.happened] == [refused, refused]


@pytest.mark.s3
def test_a_large_file_may_take_longer_than_an_answer(
    bucket_place: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readersource, "PATIENCE_SECONDS", 0.3)
    slowly = Trickle(size=64 * 1024, pause=0.02, longest=1.0)
    place = bucket_place
    place.publish("refund@1.2.0", "x" * (2 << 20))
    place.promote("refund@1.2.0")
    place.proxy.plan = lambda e: slowly if "/blobs/" in e.path else None
    assert len(place.reader().active("refund").prompts["system"].data) == 2 << 20
    assert slowly in [fault for _, fault in place.proxy.happened]


def test_several_moves_between_two_looks_are_one_change(near: ReaderPlace) -> None:
    reader = near.reader()
    told: list[Change] = []
    reader.on_change(told.append)
    near.publish("billing@1.0.0")
    near.promote("refund@1.1.0")
    near.promote("billing@1.0.0")
    near.roll_back("refund")
    assert reader.poll()
    (change,) = told
    assert (change.before, change.generation, list(change.agents)) == (1, 4, ["billing"])
    assert change.agents["billing"][0] is None
    assert change.agents["billing"][1] is reader.active("billing")


def test_a_digest_is_that_of_the_record(near: ReaderPlace) -> None:
    with near.reader().pin() as pinned:
        stored = near.registry.store.read_pointer(PRODUCTION)
        assert stored is not None
        assert pinned.digest == digest_of(stored.content)
