"""A bucket that is away, slow or wrong: the right error and exit code, nothing done, and what is intact still works.

Promises 2, 6, 7, 8 and 10. Commands run in this process, with less patience than they have by themselves. What is wrong
for a moment only (a bit that flips on its way) is read again and never noticed; what is stored wrongly stops the moves
that would rest on it, and no others.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from repoint import pointer
from repoint.s3client import ALTERED_READS
from repoint.workspace import open_workspace

from tests.cli.commandline import Team, records
from tests.cli.shared_registry import be_impatient
from tests.faults.s3_team import PREFIX, Bucket, Repository, State, make_state, new_repository, proxied
from tests.servers.processes import free_ports
from tests.servers.proxy import (
    Answer,
    CutReplyBody,
    DropReply,
    Endless,
    Exchange,
    Fault,
    FaultProxy,
    Flip,
    Hold,
    Plan,
    Trickle,
    nothing,
)
from tests.servers.s3 import S3Server, serve
from tests.stores import PRODUCTION, Stamps, promote

pytestmark = pytest.mark.s3

ROLLBACK = ("rollback", "refund@0.2.0")
PROMOTE = ("promote", "refund@0.3.0", "--env", "production")
COMMIT = ("commit", "refund", "-m", "Shorter")

CONNECT_SECONDS, READ_SECONDS, PATIENCE = 1.0, 0.5, 1.0
IN_TIME = 15.0
"""Seconds within which a command gives up, on a busy machine, too; by itself it would take a few at most."""

GENERATIONS = 100


@dataclass
class Scene:
    """One clone of the registry, and the bucket as everybody else sees it."""

    state: State
    repository: Repository
    team: Team
    patch: pytest.MonkeyPatch

    @property
    def bucket(self) -> Bucket:
        return self.state.bucket

    def use(self, endpoint: str) -> None:
        """From here on commands go to this endpoint."""
        self.patch.setenv("AWS_ENDPOINT_URL_S3", endpoint)

    def refused(self, code: int, kind: str | None, *command: str) -> None:
        """The command fails in this way, and moves and publishes nothing."""
        before = self.deciding()
        self.team.refused(*command, code=code, kind=kind)
        assert self.deciding() == before

    def deciding(self) -> dict[str, str]:
        """What decides: pointers and releases, by the ETag of their content."""
        return {key: tag for key, tag in self.bucket.tags().items() if key.startswith(("environments/", "releases/"))}

    def other(self, folder: Path) -> Team:
        """A clone that has never read anything."""
        return Team(self.state.other.copy(folder).folder)


@pytest.fixture(scope="module")
def state(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> State:
    return make_state(tmp_path_factory.mktemp("state"), s3_server)


@pytest.fixture
def scene(state: State, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    state.put_back()
    for name, value in {**s3_server.environment(), "REPOINT_ACTOR": "Kim <kim@acme.example>"}.items():
        monkeypatch.setenv(name, value)
    be_impatient(monkeypatch, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS, patience=PATIENCE)
    clone = state.ada.copy(tmp_path / "clone")
    return Scene(state, clone, Team(clone.folder), monkeypatch)


@pytest.fixture
def proxy(scene: Scene, s3_server: S3Server) -> Iterator[FaultProxy]:
    with proxied(s3_server) as made:
        scene.use(made.endpoint)
        yield made


def document(state: State, name: str) -> str:
    """The key of one document of version 0.1.0, to which a rollback goes, or of what leads there."""
    release = json.loads(state.objects["releases/refund/0.1.0.json"])
    snapshot = f"snapshots/sha256/{release['snapshot'].removeprefix('sha256:')}.json"
    prompt = next(iter(json.loads(state.objects[snapshot])["prompts"].values()))
    return {
        "pointer": "environments/production.json",
        "ledger": "ledger/production/000000000001.json",
        "release": "releases/refund/0.1.0.json",
        "snapshot": snapshot,
        "blob": f"blobs/sha256/{prompt['sha256']}",
    }[name]


def first_read(key: str, fault: Fault) -> Plan:
    """This fault for the first GET of a key, and for no other."""
    left = [fault]
    return lambda e: left.pop() if left and e.method == "GET" and e.path.endswith(f"/{PREFIX}/{key}") else None


def every(fault: Fault, only: Callable[[Exchange], bool] = lambda _: True) -> Plan:
    return lambda exchange: fault if only(exchange) else None


# -- away and slow -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [ROLLBACK, PROMOTE, COMMIT, ("sync",)], ids=lambda c: str(c[0]))
def test_a_store_that_is_away_is_named_and_nothing_is_done(
    scene: Scene, s3_server: S3Server, command: tuple[str, ...]
) -> None:
    (port,) = free_ports(1)
    scene.use(f"http://127.0.0.1:{port}")
    began = time.monotonic()
    scene.refused(9, "s3-unreachable", *command)
    assert time.monotonic() - began < 2 * IN_TIME
    scene.use(s3_server.endpoint)
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True


def test_a_slow_store_is_waited_for(scene: Scene, proxy: FaultProxy) -> None:
    proxy.plan = every(Trickle(32, 0.002, 0.2))
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True
    assert proxy.happened
    assert all(isinstance(fault, Trickle) for _, fault in proxy.happened)


@pytest.mark.parametrize("fault", [Hold(), DropReply()], ids=lambda f: type(f).__name__)
def test_a_store_that_never_answers_is_given_up(scene: Scene, proxy: FaultProxy, fault: Fault) -> None:
    proxy.plan = every(fault)
    began = time.monotonic()
    scene.refused(9, "s3-unreachable", *ROLLBACK)
    assert time.monotonic() - began < 2 * IN_TIME
    proxy.release()
    assert {type(each) for _, each in proxy.happened} == {type(fault)}
    proxy.plan = nothing
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True


# -- wrong for a moment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pointer", "ledger", "release", "snapshot"])
@pytest.mark.parametrize("fault", [Flip(0, 1), Flip(-1, 5), CutReplyBody()], ids=str)
def test_what_arrives_wrongly_is_read_again(scene: Scene, proxy: FaultProxy, name: str, fault: Fault) -> None:
    proxy.plan = first_read(document(scene.state, name), fault)
    shutil.rmtree(scene.repository.folder / ".git/repoint/documents", ignore_errors=True)
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True
    assert [each for _, each in proxy.happened] == [fault]


@pytest.mark.parametrize("fault", [CutReplyBody(), Endless(1 << 17)], ids=str)
def test_an_error_whose_text_breaks_off_is_asked_for_again(scene: Scene, proxy: FaultProxy, fault: Fault) -> None:
    """The next generation's place in the ledger is empty, which a reply with a body says."""
    proxy.plan = first_read("ledger/production/000000000003.json", fault)
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True
    assert [each for _, each in proxy.happened] == [fault]


def test_a_publish_that_nobody_can_look_up_is_unknown(scene: Scene, proxy: FaultProxy) -> None:
    """Its answer was lost, asked again the store has something there, and what that is cannot be read."""
    sent: list[Exchange] = []

    def plan(exchange: Exchange) -> Fault | None:
        if "/releases/refund/" not in exchange.path:
            return None
        sent.extend([exchange] if exchange.is_write else [])
        if exchange.is_write:
            return DropReply() if len(sent) == 1 else None
        return Answer(403, "AccessDenied") if sent else None

    proxy.plan = plan
    ran = scene.team.run(*COMMIT, "--json")
    assert (ran.code, ran.failure["kind"]) == (10, "publish-unconfirmed"), ran
    assert {type(fault) for _, fault in proxy.happened} == {DropReply, Answer}
    assert scene.bucket.tags().keys() - scene.state.objects.keys() >= {"releases/refund/0.4.0.json"}
    proxy.plan = nothing
    assert scene.team.result(*COMMIT)["created"] is False


def test_a_bit_that_flips_in_a_file_is_read_again(scene: Scene, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.plan = first_read(document(scene.state, "blob"), Flip(3, 3))
    scene.team.done("export", "refund@0.1.0", str(tmp_path / "out"))
    assert [type(fault) for _, fault in proxy.happened] == [Flip]


def test_a_file_that_comes_altered_every_time_is_corrupt_and_not_exported(
    scene: Scene, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.plan = every(Flip(3, 3), lambda e: e.method == "GET" and document(scene.state, "blob") in e.path)
    ran = scene.team.run("export", "refund@0.1.0", str(tmp_path / "out"), "--json")
    assert (ran.code, ran.failure["kind"]) == (8, "corrupt-file")
    assert len(proxy.happened) == ALTERED_READS + 1
    assert not (tmp_path / "out").exists()


def test_a_pointer_that_goes_back_while_its_swap_is_looked_up_leaves_the_move_to_be_settled(
    scene: Scene, proxy: FaultProxy
) -> None:
    """The swap stands, its answer is lost, and then the store shows what was there before: nobody may say undone."""
    key = "environments/production.json"
    older = scene.bucket.objects["ledger/production/000000000001.json"]
    stored: list[bytes] = []

    def plan(exchange: Exchange) -> Fault | None:
        if not (exchange.is_write and exchange.path.endswith(f"/{key}")):
            return None
        if not proxy.happened:
            return DropReply()
        if not stored:
            stored.append(scene.bucket.get(key))
            scene.bucket.put(key, older)
        return None

    proxy.plan = plan
    ran = scene.team.run(*ROLLBACK, "--json")
    assert (ran.code, ran.failure["kind"]) == (8, "pointer-went-back"), ran
    assert "it is not known whether generation 3" in str(ran.failure["message"])
    proxy.plan = nothing
    scene.bucket.put(key, stored[0])
    facts = ran.failure["facts"]
    assert isinstance(facts, dict)
    assert scene.team.result("resolve", facts["id"])["stands"] is True


def test_a_listing_without_end_is_cut_off(scene: Scene, proxy: FaultProxy) -> None:
    proxy.plan = every(Endless(), lambda e: e.method == "GET" and "list-type=2" in e.query)
    began = time.monotonic()
    scene.refused(9, "s3-unreachable", *COMMIT)
    assert time.monotonic() - began < 2 * IN_TIME
    assert proxy.wait_quiet()
    assert proxy.happened


def test_a_reply_without_end_is_cut_off(scene: Scene, proxy: FaultProxy) -> None:
    """A document is read up to its limit and no further, so it takes neither memory nor time without bound."""
    proxy.plan = every(Endless(), lambda e: e.method == "GET" and "/environments/production" in e.path)
    began = time.monotonic()
    scene.refused(8, "corrupt-document", *ROLLBACK)
    assert time.monotonic() - began < 2 * IN_TIME
    assert proxy.wait_quiet()
    assert proxy.happened
    proxy.plan = nothing
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True


# -- stored wrongly ----------------------------------------------------------------------------------------------------


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def truncated(content: bytes) -> bytes:
    return content[:-7]


@pytest.mark.parametrize("damage", [flipped, truncated])
@pytest.mark.parametrize("name", ["pointer", "ledger", "release", "snapshot"])
def test_a_document_that_is_stored_wrongly_stops_what_rests_on_it(
    scene: Scene, name: str, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    key = document(scene.state, name)
    scene.bucket.put(key, damage(scene.state.objects[key]))
    other = Scene(scene.state, scene.repository, scene.other(tmp_path / "other"), scene.patch)
    other.refused(8, None, *ROLLBACK)  # this clone has never seen what was there before
    assert other.team.run("verify", "--deep", "--json").code == 1
    scene.bucket.put(key, scene.state.objects[key])
    assert other.team.result("rollback", "refund@0.2.0")["done"] is True


def test_a_pointer_that_was_seen_whole_is_not_moved_when_it_is_damaged(scene: Scene) -> None:
    key = document(scene.state, "pointer")
    scene.bucket.put(key, flipped(scene.state.objects[key]))
    scene.refused(8, None, *ROLLBACK)
    scene.refused(8, None, *PROMOTE)


def test_a_file_of_another_size_stops_the_rollback(scene: Scene) -> None:
    key = document(scene.state, "blob")
    scene.bucket.put(key, truncated(scene.state.objects[key]))
    scene.refused(8, "file-missing", *ROLLBACK)
    assert scene.team.result("promote", "refund@0.3.0", "--env", "production")["done"] is True


def test_a_file_of_the_same_size_is_found_by_whoever_reads_it(scene: Scene, tmp_path: Path) -> None:
    """A rollback looks for presence and size, and downloads nothing; a reader verifies every byte."""
    key = document(scene.state, "blob")
    scene.bucket.put(key, flipped(scene.state.objects[key]))
    scene.refused(8, "corrupt-file", "export", "refund@0.1.0", str(tmp_path / "out"))
    assert scene.team.run("verify", "--json").code == 0
    result = scene.team.result("verify", "--deep", code=1)
    assert {each["kind"] for each in records(result, "findings")} >= {"file-changed"}


def test_damage_beside_the_way_stops_no_rollback(scene: Scene) -> None:
    key = "releases/refund/0.3.0.json"
    scene.bucket.put(key, flipped(scene.state.objects[key]))
    scene.team.refused(*PROMOTE, code=8)
    assert scene.team.result("rollback", "refund@0.2.0")["done"] is True


@pytest.mark.parametrize("seen", [True, False])
def test_an_older_pointer_that_is_put_back_is_never_built_upon(scene: Scene, seen: bool, tmp_path: Path) -> None:
    scene.bucket.put("environments/production.json", scene.state.objects["ledger/production/000000000001.json"])
    team = scene.team if seen else scene.other(tmp_path / "other")
    for command in (ROLLBACK, PROMOTE, ("rollback", "refund@0.1.0")):
        Scene(scene.state, scene.repository, team, scene.patch).refused(8, None, *command)
    assert team.run("verify", "--json").code == 1


def test_another_registrys_pointer_is_refused(scene: Scene) -> None:
    content, ours = scene.state.objects["environments/production.json"], scene.bucket.record()["registry"]
    scene.bucket.put("environments/production.json", content.replace(str(ours).encode(), str(uuid.uuid4()).encode()))
    for command in (ROLLBACK, PROMOTE):
        scene.refused(8, "misplaced-record", *command)
    assert scene.team.run("verify", "--json").code == 1


@pytest.mark.parametrize("other", ["0.2.0", "0.3.0"])
def test_a_swapped_release_is_refused(scene: Scene, other: str) -> None:
    scene.bucket.put("releases/refund/0.1.0.json", scene.state.objects[f"releases/refund/{other}.json"])
    scene.refused(8, "misplaced-release", *ROLLBACK)
    assert scene.team.run("verify", "--json").code == 1


# -- stores that are not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ignoring", "unimplemented"])
def test_a_store_without_conditions_is_refused_by_init_and_at_the_first_use(
    scene: Scene, kind: str, tmp_path: Path
) -> None:
    with serve(kind) as server:
        bucket = Bucket(server)
        scene.use(server.endpoint)
        fresh = Team(new_repository(tmp_path / "fresh", server).folder)
        fresh.refused("init", "--store", bucket.url, code=9, kind="s3-unfit")
        assert not (fresh.folder / "repoint.toml").exists()
        assert bucket.objects == {}
        _planted(scene, bucket)
        team = scene.other(tmp_path / "other")
        config = team.folder / "repoint.toml"
        config.write_text(config.read_text().replace(scene.bucket.url, bucket.url))
        before = bucket.objects
        team.refused(*PROMOTE, code=9, kind="s3-unfit")
        assert {k: v for k, v in bucket.objects.items() if not k.startswith("probes/")} == before


def _planted(scene: Scene, bucket: Bucket) -> None:
    """The registry in another bucket, which every record names as its authority."""
    for key, content in scene.state.objects.items():
        if key.startswith(("environments/", "ledger/")) and b'"action":"init"' in content:
            content = content.replace(scene.bucket.url.encode(), bucket.url.encode())
            bucket.put(key, content)


def test_doctor_lets_a_store_pass_that_keeps_its_word(scene: Scene) -> None:
    ran = scene.team.run("doctor", "--json")
    assert "a race among them" in ran.out
    assert ran.code == 0, ran


def test_doctors_race_finds_a_store_that_is_not_atomic(scene: Scene, tmp_path: Path) -> None:
    with serve("moto-bare") as server:
        bucket = Bucket(server)
        scene.use(server.endpoint)
        team = Team(new_repository(tmp_path / "fresh", server).folder)
        team.done("init", "--store", bucket.url)  # one after another it answers right
        ran = team.run("doctor", "--json")
        assert ran.code == 1, ran
        assert re.search(r"keys .* had .* winners|swaps .* were lost though each was confirmed", ran.out), ran


# -- clocks, and clones that are far apart -----------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("offset", ["+10y", "-10y"])
def test_a_clock_that_is_ten_years_off_moves_and_is_moved_past(scene: Scene, s3_server: S3Server, offset: str) -> None:
    """Where a service checks when a request was signed, it is refused, and nothing is done."""
    wrong, clone = ("faketime", "-f", offset), scene.repository
    before = scene.bucket.generation()
    moved = clone.run_apart(*PROMOTE, before=wrong)
    if s3_server.kind != "moto":
        assert moved.code in (0, 9), moved
    if moved.code == 9:
        assert scene.bucket.generation() == before
        return
    assert moved.code == 0, moved
    assert str(scene.bucket.record()["time"])[:4] != time.strftime("%Y")
    clone.succeed("rollback", "refund@0.3.0")
    assert clone.run_apart("rollback", "refund@0.2.0", before=wrong).code == 0
    clone.succeed("promote", "refund@0.1.0", "--env", "staging")
    assert scene.bucket.generation() == before + 3
    assert clone.succeed("verify", "--deep")["findings"] == []


def test_two_clones_a_hundred_generations_apart_and_one_that_never_fetched(scene: Scene, tmp_path: Path) -> None:
    behind = Team(scene.state.behind.copy(tmp_path / "behind").folder)
    with open_workspace(scene.repository.folder, {"PATH": "/usr/bin:/bin"}) as workspace:
        for number in range(GENERATIONS):
            wanted = promote(f"refund@0.{1 + number % 2}.0")
            assert pointer.move(workspace.registry, PRODUCTION, wanted, Stamps()).moved
    newest = scene.bucket.generation()
    assert newest == 2 + GENERATIONS
    assert behind.result("rollback", "refund@0.2.0")["done"] is True
    never = scene.other(tmp_path / "never")
    assert never.result("promote", "refund@0.3.0", "--env", "production")["done"] is True
    assert behind.result("rollback", "refund@0.3.0")["done"] is True
    assert scene.bucket.generation() == newest + 3
    for team in (behind, never, scene.team):
        team.done("sync")
        assert team.result("verify", "--deep")["findings"] == []
    refs = {team.git("for-each-ref", "refs/heads/repoint", "refs/tags") for team in (behind, never, scene.team)}
    assert len(refs) == 1, "the replicas are not the same objects"
