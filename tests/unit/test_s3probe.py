"""Whether an endpoint keeps its word: the probes pass what does, and say of each that does not what it does instead."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from repoint import s3probe
from repoint.errors import StoreUnavailable
from repoint.s3client import S3Client, Settings
from repoint.s3keys import PROBES, Address
from repoint.s3probe import Verdict, probe, race, require_fit

from tests.servers import s3
from tests.servers.proxy import INTERNAL_ERROR, SLOW_DOWN, DropReply, Fault, FaultProxy

Open = Callable[[str], S3Client]
FEW = 3


@pytest.fixture
def open_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Start a server of a kind; a client of a new bucket in it."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(kind: str) -> S3Client:
            return client_of(stack.enter_context(s3.serve(kind)), monkeypatch)

        yield start


def client_of(server: s3.S3Server, patch: pytest.MonkeyPatch, *, versioned: bool = False) -> S3Client:
    for name, value in server.environment().items():
        patch.setenv(name, value)
    address = Address(s3.new_bucket(server, versioned=versioned), "team", server.endpoint)
    return S3Client(Settings(address, region=server.region, patience=5.0))


def problems(verdicts: list[Verdict]) -> set[str]:
    return {verdict.name for verdict in verdicts if verdict.problem}


@pytest.mark.s3
def test_a_store_that_keeps_its_word(s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(s3_server, monkeypatch)
    for name in ("CREATED_KEYS", "INCREMENTS"):  # as many as a doctor has them: tests/faults/test_s3_wrong.py
        monkeypatch.setattr(s3probe, name, FEW)

    verdicts = probe(client)
    assert len(verdicts) == 7
    assert problems(verdicts) == set()
    assert problems(race(client)) == set()
    require_fit(client)
    assert list(client.keys(PROBES)) == [], "what it tried is gone"


def test_a_store_that_drops_conditions(open_kind: Open) -> None:
    client = open_kind("ignoring")

    assert problems(probe(client)) == {
        "create refused where it exists",
        "swap refused where it changed",
        "swap refused where it is gone",
    }
    with pytest.raises(StoreUnavailable) as refused:
        require_fit(client)
    assert refused.value.kind == "s3-unfit"
    assert "creating what exists was answered with done, not refused" in refused.value.message


def test_a_store_without_conditions(open_kind: Open) -> None:
    client = open_kind("unimplemented")

    assert "create" in problems(probe(client))
    with pytest.raises(StoreUnavailable, match="cannot be used") as refused:
        require_fit(client)
    assert refused.value.kind == "s3-unfit"


@pytest.mark.long
def test_only_the_race_finds_a_store_that_is_right_and_not_atomic(open_kind: Open) -> None:
    """In the default run a doctor finds it: tests/faults/test_s3_wrong.py."""
    client = open_kind("moto-bare")

    assert problems(probe(client)) == set()
    assert problems(race(client)) != set()


def test_a_bucket_that_is_not_there_is_not_called_unfit(open_kind: Open) -> None:
    client = open_kind("moto")
    gone = S3Client(client.settings._replace(address=client.settings.address._replace(bucket="not-there-at-all")))

    with pytest.raises(StoreUnavailable) as refused:
        require_fit(gone)
    assert refused.value.kind == "s3-no-bucket"


@pytest.mark.s3
@pytest.mark.parametrize("fault", [INTERNAL_ERROR, SLOW_DOWN, DropReply()])
@pytest.mark.parametrize("hit", [1, 2, 3])
def test_a_store_that_does_not_answer_is_not_called_unfit(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, fault: Fault, hit: int
) -> None:
    direct = client_of(s3_server, monkeypatch)
    with FaultProxy(("127.0.0.1", int(s3_server.endpoint.rpartition(":")[2]))) as proxy:
        address = direct.settings.address._replace(endpoint=proxy.endpoint)
        client = S3Client(direct.settings._replace(address=address))
        writes = itertools.count(1)
        proxy.plan = lambda exchange: fault if exchange.method == "PUT" and next(writes) == hit else None
        with pytest.raises(StoreUnavailable, match="did not answer the probe") as refused:
            require_fit(client)
        assert refused.value.kind == "s3-unreachable"
        assert len(proxy.happened) == 1
        require_fit(client)
