"""Round trips of moves on S3: how many requests follow one another, and what is never asked for in an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.commandline import Ran, Team, run_here
from tests.cli.shared_registry import Shared, Template, is_swap_of, make_shared, two_versions
from tests.servers import s3
from tests.servers.proxy import Exchange, FaultProxy, depth

pytestmark = pytest.mark.s3

LATENCY = 0.5
"""Seconds of every reply where round trips are counted: what is sent together overlaps, on a busy machine too."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, s3_server: s3.S3Server) -> Iterator[Template]:
    with two_versions(tmp_path_factory.mktemp("shared"), s3_server) as found:
        yield found


@pytest.fixture
def played(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Shared:
    place = template.copy(tmp_path / "place")
    return make_shared(place.folder, place.server, place.bucket, monkeypatch)


@pytest.fixture
def proxy(played: Shared, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Commands go through it, as fast as the server is until a test slows it down."""
    host, _, port = played.server.endpoint.removeprefix("http://").partition(":")
    with FaultProxy((host, int(port))) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", found.endpoint)
        yield found


def seen(proxy: FaultProxy, run: Callable[..., Ran], *arguments: str, latency: float = LATENCY) -> list[Exchange]:
    """What a command asks for, which must succeed."""
    proxy.start_over()
    proxy.plan = lambda exchange: setattr(proxy, "latency", 0 if "/probes/" in exchange.path else latency)
    ran = run(*arguments)
    assert (ran.code, ran.err) == (0, ""), ran
    assert proxy.wait_quiet()
    return proxy.seen


def at_once(proxy: FaultProxy, run: Callable[..., Ran], *arguments: str) -> list[Exchange]:
    """The same where nobody counts round trips."""
    return seen(proxy, run, *arguments, latency=0)


def until_moved(found: list[Exchange]) -> list[Exchange]:
    """Up to the swap that is the move; what follows is the replicas' business, and nobody waits for it in an alert."""
    (swap,) = (exchange for exchange in found if is_swap_of("production")(exchange))
    assert swap.ended is not None
    return [exchange for exchange in found if exchange.started <= swap.started]


def counted(found: list[Exchange]) -> int:
    """Round trips up to the move, of a command that listed nothing and read nothing but documents."""
    assert not [e for e in found if "list-type" in e.query or (e.method == "GET" and "/blobs/" in e.path)]
    return depth(until_moved(found))


def test_in_a_clone_that_is_up_to_date_a_move_is_three_round_trips(played: Shared, proxy: FaultProxy) -> None:
    ada = Team(played.folder / "ada")

    back = seen(proxy, ada.run, "rollback", "refund@0.2.0", "-m", "bad")
    assert counted(back) == 3
    assert depth(back) == 4, "the fourth is our own ledger entry, which nobody waits for"
    at_once(proxy, ada.run, "unhold", "refund@0.2.0", "--env", "production")
    again = seen(proxy, ada.run, "promote", "refund@0.2.0", "--env", "production")
    assert (counted(again), depth(again)) == (3, 4)


def test_a_move_writes_the_ledger_and_the_pointer_and_nothing_else(played: Shared, proxy: FaultProxy) -> None:
    found = at_once(proxy, Team(played.folder / "ada").run, "rollback", "refund@0.2.0")

    written = [e.path.removeprefix(f"/{played.bucket}/team/") for e in found if e.is_write]
    kept, moved, own = (
        f"ledger/production/{2:012}.json",
        "environments/production.json",
        f"ledger/production/{3:012}.json",
    )
    assert written == [kept, moved, own]
    assert [e.headers.get("if-none-match") or e.headers["if-match"][:1] for e in found if e.is_write] == ["*", '"', "*"]


def test_a_clone_that_was_never_used_needs_three_more(played: Shared, proxy: FaultProxy) -> None:
    kim = played.clone("kim")

    assert counted(seen(proxy, kim.run, "rollback", "refund@0.2.0", "-m", "bad")) == 6


def test_without_a_clone_the_first_rollback_needs_three_more_and_the_next_none(
    played: Shared, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPOINT_ACTOR", "Pipeline <ci@acme.example>")
    run = partial(run_here, "--registry", played.url)

    assert counted(seen(proxy, run, "rollback", "refund@0.2.0")) == 6
    at_once(proxy, run, "unhold", "refund@0.2.0", "--env", "production")
    assert counted(seen(proxy, run, "promote", "refund@0.2.0", "--env", "production")) == 3
    assert counted(seen(proxy, run, "rollback", "refund@0.2.0")) == 3


def test_the_first_promote_of_a_machine_tries_whether_the_store_is_fit(played: Shared, proxy: FaultProxy) -> None:
    kim = played.clone("kim")

    first = seen(proxy, kim.run, "promote", "refund@0.1.0", "--env", "production")
    tried = [e for e in first if "/probes/" in e.path]
    assert len(tried) == 11
    assert depth(until_moved([e for e in first if e not in tried and "list-type" not in e.query])) == 5
    again = seen(proxy, kim.run, "promote", "refund@0.2.0", "--env", "production")
    assert counted(again) == 4, "this machine learns from its snapshot which files a new version has"


def test_status_asks_for_pointers_only(played: Shared, proxy: FaultProxy) -> None:
    ada = Team(played.folder / "ada")

    found = at_once(proxy, ada.run, "status")
    assert {e.method for e in found} == {"GET"}
    assert not [e for e in found if "/releases/" in e.path or "releases" in e.query]
