"""A shared registry when something is away, wrong or hostile: stores that do not answer, other files than the pin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commandline import Team, records, run_here
from tests.cli.shared_registry import (
    Shared,
    Template,
    all_files,
    be_impatient,
    completed,
    dead_endpoint,
    is_swap_of,
    make_shared,
    refs,
    two_versions,
)
from tests.cli.test_startup import imported
from tests.servers import s3
from tests.servers.proxy import DropReply, DropRequest, Exchange, Fault, FaultProxy, Plan

pytestmark = pytest.mark.s3

SDK = {"boto3", "botocore"}
READING = [
    "status",
    "list",
    "list refund",
    "log refund",
    "show refund@0.2.0",
    "show refund@production",
    "history",
    "history production --agent refund",
    "diff refund@0.1.0 refund@0.2.0",
    "diff staging production",
    "verify",
    "verify --deep",
]
MOVING = [
    "rollback refund@0.2.0 -m bad",
    "unhold refund@0.2.0 --env production",
    "promote refund@0.2.0 --env production",
    "freeze production -m week",
    "unfreeze production",
    "yank refund@0.1.0 -m bad",
    "unyank refund@0.1.0",
    "rollback --to-generation 1",
    "rollback refund --to 0.2.0",
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, s3_server: s3.S3Server) -> Iterator[Template]:
    with two_versions(tmp_path_factory.mktemp("shared"), s3_server) as found:
        yield found


@pytest.fixture
def played(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """A registry in a bucket with the Git host behind it: refund 0.1.0, and 0.2.0 over it in production."""
    place = template.copy(tmp_path / "place")
    return make_shared(place.folder, place.server, place.bucket, monkeypatch)


@pytest.fixture
def ada(played: Shared) -> Team:
    """The clone of who founded it."""
    return Team(played.folder / "ada")


def behind_proxy(played: Shared) -> FaultProxy:
    host, _, port = played.server.endpoint.removeprefix("http://").partition(":")
    return FaultProxy((host, int(port)))


# -- the authority is away -------------------------------------------------------------------------------------------


def test_status_shows_what_the_repository_has_marked_stale(
    played: Shared, ada: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", dead_endpoint())

    told = ada.run("status")
    assert told.code == 9
    assert "production  stale, as of generation 2" in told.out
    assert "(last seen here: generation 2, stale)" in told.out
    assert "production (stale)" in told.out
    assert "refund  as latest     0.2.0" in told.out
    assert "cannot be reached" in told.err
    shown = ada.run("status", "--json")
    assert (shown.code, shown.failure["kind"]) == (9, "s3-unreachable")
    (production,) = (e for e in records(shown.json, "environments") if e["environment"] == "production")
    assert "stale" in str(production["error"])
    assert [(each["agent"], each["version"]) for each in records(production, "live")] == [("refund", "0.2.0")]


def test_status_without_a_clone_still_says_what_was_seen_last(played: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here("--registry", played.url, "status").code == 0
    be_impatient(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", dead_endpoint())

    told = run_here("--registry", played.url, "status")
    assert (told.code, "production  unreadable" in told.out) == (9, True)
    assert "last seen here: generation 2, stale" in told.out


def test_a_git_host_that_decides_and_is_away(played: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    git_only = Shared(played.folder / "git", played.server, played.bucket)
    git_only.folder.mkdir()
    ada = git_only.found("--remote", "origin")
    ada.done("promote", f"refund@{ada.publish('First')}", "--env", "production")
    git_only.hub.rename(git_only.folder / "away.git")

    told = ada.run("status")
    assert (told.code, "last seen here: generation 1, stale" in told.out) == (9, True)
    ada.refused("rollback", "refund", code=9, kind="remote-unreachable")
    assert completed(ada, "show", "refund@", env={}) == [f"refund@{x}" for x in _OFFERED if x != "0.2.0"]


@pytest.mark.parametrize("command", MOVING[:4])
def test_nothing_else_decides_meanwhile(ada: Team, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    be_impatient(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", dead_endpoint())

    ada.refused(*command.split(), code=9, kind="s3-unreachable")


_OFFERED = ("0.2.0", "0.1.0", "staging", "production", "latest")


def test_completion_asks_no_store(ada: Team) -> None:
    nowhere = {"AWS_ENDPOINT_URL_S3": dead_endpoint()}

    assert completed(ada, "show", "refund@", env=nowhere) == [f"refund@{x}" for x in _OFFERED]
    assert completed(ada, "rollback", "re", env=nowhere) == ["refund"]
    assert completed(ada, "history", "", env=nowhere) == ["staging", "production", "registry"]
    assert completed(ada, "show", "refund@production~", env=nowhere) == ["refund@production~1"]
    assert completed(ada, "resolve", "", env=nowhere) == []


def test_completion_in_a_clone_that_was_never_used_asks_no_store_and_pins_nothing(played: Shared) -> None:
    kim = played.clone("kim")

    assert completed(kim, "show", "refund@0", env={"AWS_ENDPOINT_URL_S3": dead_endpoint()}) == [
        "refund@0.2.0",
        "refund@0.1.0",
    ]
    assert not (kim.folder / ".git" / "repoint" / "pin.json").exists()


def test_completion_of_a_bucket_by_its_address_is_silent(played: Shared, tmp_path: Path) -> None:
    nowhere = {"AWS_ENDPOINT_URL_S3": dead_endpoint(), "REPOINT_REGISTRY": played.url}

    assert completed(Team(tmp_path), "show", "refund@", env=nowhere) == []


def test_what_needs_no_store_does_not_import_the_sdk(ada: Team) -> None:
    asked = {"_REPOINT_COMPLETE": "bash_complete", "COMP_WORDS": "repoint show refund@", "COMP_CWORD": "2"}

    assert imported(ada, "--help") & SDK == set()
    assert imported(ada, "rollback", "--help") & SDK == set()
    assert imported(ada, "check") & SDK == set()
    assert imported(ada, env=asked) & SDK == set()
    found = imported(ada, "status")
    assert (found & SDK, "repoint" in found) == ({"botocore"}, True), "boto3's own layer is never needed"


# -- by address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", READING)
def test_a_bucket_is_read_by_its_address(
    played: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run_here("--registry", played.url, *command.split(), "--json")
    assert (ran.code, ran.err) == (0, "")
    text = run_here("--registry", played.url, *command.split())
    assert (text.code, text.err) == (0, "")


def test_a_bucket_is_moved_by_its_address(
    played: Shared, ada: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPOINT_ACTOR", "Pipeline <ci@acme.example>")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))  # neither Git nor anything else
    for command in MOVING:
        ran = run_here("--registry", played.url, *command.split(), "--json")
        assert (ran.code, ran.json["done"], ran.json["behind"]) == (0, True, []), command
    shutil.copytree(ada.agent(), tmp_path / "refund")
    (tmp_path / "refund" / "prompts" / "system.md").write_text("By the pipeline")
    said = run_here(
        "--registry", played.url, "commit", "refund", "--from", str(tmp_path / "refund"), "-m", "x", "--json"
    )
    assert (said.code, said.json["version"]) == (0, "0.3.0")
    assert run_here("--registry", played.url, "sync").code == 0
    monkeypatch.undo()
    make_shared(played.folder, played.server, played.bucket, monkeypatch)
    ada.done("sync")
    assert refs(ada.folder) == refs(played.hub)
    assert ada.result("verify", "--deep")["findings"] == []


def test_an_export_without_a_clone_is_the_files(
    played: Shared, ada: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run_here("--registry", played.url, "export", "refund@production", str(tmp_path / "out")).code == 0
    assert dict(all_files(tmp_path / "out")) == dict(all_files(ada.agent()))


def test_an_address_without_a_registry(played: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for address, code in ((f"{played.url}/deeper", 4), ("s3://not-a-bucket-of-ours/team", 9), ("s3://", 2)):
        ran = run_here("--registry", address, "status", "--json")
        assert ran.failure["exit_code"] == code, ran
    assert not (Path.home() / ".local" / "state" / "repoint").exists(), "nothing is remembered of what is none"


# -- other files than the pin ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('authority = "s3"', 'authority = "local"'),
        ('authority = "s3"', 'authority = "git"'),
        ('url = "s3://', 'url = "s3://hostile-'),
        ("[s3]\n", '[s3]\nendpoint_url = "http://127.0.0.1:9"\n'),
        ('id = "', 'id = "0'),
    ],
    ids=["local", "git", "bucket", "endpoint", "registry"],
)
def test_a_configuration_of_somebody_else_leads_nowhere(played: Shared, ada: Team, before: str, after: str) -> None:
    path = ada.folder / "repoint.toml"
    text = path.read_text()
    changed = text.replace(before, after, 1)
    if before == 'id = "':
        changed = text.replace(text.partition('id = "')[2][:8], "00000000", 1)
    assert changed != text
    path.write_text(changed)
    objects = played.objects()

    for command in ("status", "list", "rollback refund@0.2.0", "promote refund@0.1.0 --env staging", "sync", "verify"):
        ada.refused(*command.split(), code=6, kind="registry-mismatch", says=["nothing was done"])
    ada.write_prompt("Hostile")
    ada.refused("commit", "refund", "-m", "Hostile", code=6, kind="registry-mismatch")
    assert played.objects() == objects
    assert ada.run("--registry", ".", "rollback", "refund@0.2.0").code == 0, "the pin alone leads to the registry"


# -- unknown outcomes ------------------------------------------------------------------------------------------------


def silent_from_the_swap_on(first: Fault) -> Plan:
    """This fault for the swap of production, and no answer to anything after it."""
    seen: list[Exchange] = []

    def plan(exchange: Exchange) -> Fault | None:
        if not seen and not is_swap_of("production")(exchange):
            return None
        seen.append(exchange)
        return first if len(seen) == 1 else DropRequest()

    return plan


def lose_a_rollback(played: Shared, ada: Team, fault: Fault) -> tuple[str, Path]:
    """A rollback whose outcome nobody knows: its id, and the saved move."""
    with pytest.MonkeyPatch.context() as patch, behind_proxy(played) as proxy:
        be_impatient(patch)
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        proxy.plan = silent_from_the_swap_on(fault)
        failure = ada.run("rollback", "refund@0.2.0", "-m", "bad", "--json").failure
        swaps = [f for e, f in proxy.happened if is_swap_of("production")(e)]
    assert swaps[0] == fault
    assert (failure["exit_code"], failure["kind"]) == (10, "outcome-unknown")
    facts = failure["facts"]
    assert isinstance(facts, dict)
    identifier = str(facts["id"])
    assert f"repoint resolve {identifier}" == failure["hint"]
    return identifier, ada.folder / ".git" / "repoint" / "pending" / f"{identifier}.json"


@pytest.mark.parametrize("fault", [DropRequest(), DropReply()], ids=["request lost", "reply lost"])
def test_a_move_without_an_answer_is_settled_from_another_machine(played: Shared, ada: Team, fault: Fault) -> None:
    identifier, saved = lose_a_rollback(played, ada, fault)
    kim = played.clone("kim")
    assert kim.live() == {"refund": "0.1.0" if fault == DropReply() else "0.2.0"}

    kim.refused("resolve", identifier, code=4, kind="no-such-pending-move")
    settled = kim.result("resolve", identifier, "--from", str(saved))
    assert (settled["id"], settled["generation"], settled["stands"]) == (identifier, 3, True)
    assert kim.result("resolve", identifier, "--from", str(saved)) == settled
    assert [each["id"] for each in records(ada.result("status"), "pending")] == [identifier]
    assert ada.result("resolve", identifier) == settled
    assert ada.result("status")["pending"] == []
    assert (ada.live(), ada.generation()) == ({"refund": "0.1.0"}, 3)
    assert ada.result("verify", "--deep")["findings"] == []


def test_another_move_won_meanwhile(played: Shared, ada: Team) -> None:
    identifier, saved = lose_a_rollback(played, ada, DropRequest())
    kim = played.clone("kim")
    kim.done("promote", "refund@0.1.0", "--env", "production", "-m", "better")

    settled = kim.result("resolve", identifier, "--from", str(saved))
    assert settled["stands"] is False
    assert "was not carried out" in ada.done("resolve", identifier)
    assert ada.generation() == 3


def test_the_next_move_settles_it_first(played: Shared, ada: Team) -> None:
    identifier, _ = lose_a_rollback(played, ada, DropRequest())

    ran = ada.run("freeze", "production", "-m", "incident")
    assert (ran.code, f"the earlier move {identifier} (rollback) is part of the ledger" in ran.err) == (0, True)
    assert (ada.live(), ada.generation()) == ({"refund": "0.1.0"}, 4)


def test_a_saved_move_of_another_registry_or_with_other_bytes_is_not_sent(
    played: Shared, ada: Team, tmp_path: Path
) -> None:
    identifier, saved = lose_a_rollback(played, ada, DropRequest())
    kim = played.clone("kim")
    other = tmp_path / "move.json"
    other.write_text(saved.read_text().replace(played.url, f"{played.url}-other"))
    assert kim.run("resolve", identifier, "--from", str(other), "--json").failure["kind"] == "other-store"
    other.write_text("{}")
    assert kim.run("resolve", identifier, "--from", str(other), "--json").failure["kind"] == "corrupt-local-state"
    assert kim.generation() == 2
