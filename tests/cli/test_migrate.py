"""``repoint migrate``: every way from one authority to another, interrupted anywhere, and nothing is lost by it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repoint import migrate as migration
from repoint.gitremote import GitRemote
from repoint.state import LocalState
from repoint.store_git import GitStore
from repoint.store_s3 import S3Store

from tests.cli.commandline import Json, Team, records
from tests.cli.conftest import make_repository
from tests.cli.shared_registry import (
    Shared,
    Template,
    all_files,
    be_impatient,
    dead_endpoint,
    lose_refs,
    make_shared,
    refs,
    replica,
)
from tests.servers import s3
from tests.stores import Crash

pytestmark = pytest.mark.s3

COMMENT = "# Ask payments before you change anything here.\n"


@pytest.fixture(scope="module", params=["local", "git", "s3"])
def template(
    tmp_path_factory: pytest.TempPathFactory, s3_server: s3.S3Server, request: pytest.FixtureRequest
) -> Iterator[Template]:
    """A registry of each authority with three versions, moves in two environments, a yank and a hold."""
    with pytest.MonkeyPatch.context() as patch:
        folder, kind = tmp_path_factory.mktemp(f"from-{request.param}"), str(request.param)
        place = make_shared(folder, s3_server, s3.new_bucket(s3_server), patch)
        where = {"local": [], "git": ["--remote", "origin"], "s3": ["--store", place.url, "--remote", "origin"]}
        ada = place.found(*where[kind])
        played(ada)
        path = ada.folder / "repoint.toml"
        path.write_text(COMMENT + path.read_text())
        place.commit(ada)
        yield Template(place, place.objects())


def played(ada: Team) -> None:
    for text in ("First", "Second", "Third"):
        version = ada.publish(text)
        ada.done("promote", f"refund@{version}", "--env", "production", "-m", f"Roll out {version}")
    ada.done("rollback", "refund@0.3.0", "-m", "bad")
    ada.done("yank", "refund@0.3.0", "-m", "bad")
    ada.done("promote", "refund@0.2.0", "--env", "staging")


@pytest.fixture
def place(tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> Shared:
    found = template.copy(tmp_path / "place")
    return make_shared(found.folder, found.server, found.bucket, monkeypatch)


@pytest.fixture
def ada(place: Shared) -> Team:
    return Team(place.folder / "ada")


def authority(team: Team) -> str:
    return str(team.result("status")["authority"])


def others(place: Shared, team: Team) -> list[str]:
    """The stores that a registry can be handed over to."""
    now = authority(team)
    return [store for store in ("local", "git:origin", place.url) if store.partition(":")[0] not in now.partition(":")]


Ledgers = dict[str, list[Json]]


def ledgers_of(team: Team) -> Ledgers:
    """Every ledger, newest record first."""
    return {name: records(team.result("history", name)) for name in before_names()}


def story(team: Team, ledgers: Ledgers | None = None) -> dict[str, object]:
    """All that must be the same before and after: history up to the seals, versions, what is live, held and yanked."""
    ledgers = ledgers or ledgers_of(team)
    told: dict[str, object] = {}
    for name, ledger in ledgers.items():
        told[name] = [r for r in ledger if r["action"] != "seal"]
        told[f"live in {name}"] = ledger[0]["agents"]
    told["versions"] = [
        {key: each[key] for key in ("version", "time", "message", "yanked")}
        for each in records(team.result("list", "refund"), "versions")
    ]
    return told


def snapshots(team: Team) -> list[object]:
    return [team.result("show", f"refund@{v}")["release"] for v in ("0.1.0", "0.2.0", "0.3.0")]


def seals(ledgers: Ledgers) -> dict[str, list[object]]:
    return {name: [r["generation"] for r in ledger if r["action"] == "seal"] for name, ledger in ledgers.items()}


# -- every way -------------------------------------------------------------------------------------------------------


def test_a_registry_goes_wherever_it_is_sent_and_stays_the_same(place: Shared, ada: Team) -> None:
    before, documents = story(ada), snapshots(ada)
    tags = [line for line in refs(ada.folder).splitlines() if "refs/tags/" in line]
    for number, target in enumerate([*others(place, ada), *others(place, ada)[:1]], 1):
        if target.partition(":")[0] in authority(ada):
            continue
        done = ada.result("migrate", "--to", target, "-m", "Production moves")
        assert sorted(map(str, _list(done, "sealed"))) == ["production", "registry", "staging"]
        assert authority(ada) == target.removesuffix(":origin")
        ledgers = ledgers_of(ada)
        assert (story(ada, ledgers), snapshots(ada)) == (before, documents)
        assert {name: len(found) for name, found in seals(ledgers).items()} == dict.fromkeys(before_names(), number)
        assert (ada.folder / "repoint.toml").read_text().startswith(COMMENT)
        ada.done("sync")
        assert ada.result("verify", "--deep")["findings"] == []
        assert [line for line in refs(ada.folder).splitlines() if "refs/tags/" in line] == tags
    ada.done("unyank", "refund@0.3.0")
    ada.done("promote", "refund@0.1.0", "--env", "staging")
    assert ada.live("staging") == {"refund": "0.1.0"}


def before_names() -> tuple[str, ...]:
    return ("production", "staging", "registry")


def _list(result: Json, key: str) -> list[object]:
    found = result[key]
    assert isinstance(found, list)
    return found


# -- old clones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["git", "s3"], indirect=True)
def test_an_old_clone_is_told_and_follows_the_seal(place: Shared, ada: Team) -> None:
    kim, target = place.clone("kim"), others(place, ada)[-1]
    before, named = story(kim), target.removesuffix(":origin")
    ada.done("migrate", "--to", target)
    for name in before_names():
        kim.run("history", name)  # a clone of a Git remote follows its branches, whatever they say

    kim.refused("rollback", "refund@0.2.0", code=6, kind="sealed", says=[named])
    kim.refused("promote", "refund@0.1.0", "--env", "staging", code=6, kind="sealed")
    kim.write_prompt("Fourth")
    kim.refused("commit", "refund", "-m", "Fourth", code=6, kind="sealed")
    kim.git("checkout", "--quiet", ".")
    place.commit(ada)
    kim.git("pull", "--quiet", "origin", "main")
    assert authority(kim) == named
    assert story(kim) == before
    kim.done("rollback", "refund@0.2.0")
    assert ada.live() == {"refund": "0.1.0"}


def test_the_old_store_takes_nothing_more(place: Shared, ada: Team) -> None:
    kept, pin = (ada.folder / name for name in ("repoint.toml", ".git/repoint/pin.json"))
    before = kept.read_bytes(), pin.read_bytes()
    ada.done("migrate", "--to", others(place, ada)[-1])
    kept.write_bytes(before[0])
    pin.write_bytes(before[1])

    for command in ("rollback refund@0.2.0", "freeze production -m x", "promote refund@0.1.0 --env staging"):
        ada.refused(*command.split(), code=6, kind="sealed")
    ada.refused("yank", "refund@0.1.0", "-m", "x", code=6, kind="sealed")
    ada.write_prompt("Fourth")
    ada.refused("commit", "refund", "-m", "Fourth", code=6, kind="sealed")


def test_there_is_nothing_to_hand_over_to_itself_or_to_what_is_no_store(place: Shared, ada: Team) -> None:
    now = authority(ada)
    ada.refused("migrate", "--to", f"{now}:origin" if now == "git" else now, code=6, kind="same-authority")
    ada.refused("migrate", "--to", "ftp://somewhere", code=2, kind="invalid-address")
    ada.refused("migrate", "--to", "git:", code=2)
    with pytest.MonkeyPatch.context() as patch:
        be_impatient(patch)
        ada.refused("migrate", "--to", f"{place.url}/other", "--endpoint-url", dead_endpoint(), code=9)
    assert authority(ada) == now


@pytest.mark.parametrize("template", ["local", "git"], indirect=True)
def test_a_bucket_of_another_registry_is_left_alone(place: Shared, ada: Team) -> None:
    other = make_repository(place.folder / "other")
    other.done("init", "--store", place.url)
    objects = place.objects()

    ada.refused("migrate", "--to", place.url, code=6, kind="registry-mismatch")
    assert place.objects() == objects
    assert all(not found for found in seals(ledgers_of(ada)).values())


# -- interrupted -----------------------------------------------------------------------------------------------------

WRITES: list[tuple[object, str]] = [
    *((kind, name) for kind in (GitStore, S3Store) for name in ("put_contents", "create_release", "create_pointer")),
    *((kind, "swap_pointer") for kind in (GitStore, S3Store)),
    *((GitRemote, name) for name in ("push_new", "swap_ref")),
    (LocalState, "write_pin"),
    (migration, "replace_file"),
]


class Interruption:
    """Counts writes of whatever kind, and dies before or after one of them."""

    def __init__(self, stop: int, *, after: bool) -> None:
        self.stop = stop
        self.after = after
        self.seen: list[str] = []

    def around(self, name: str, write: Callable[..., object]) -> Callable[..., object]:
        def written(*arguments: object, **named: object) -> object:
            self.seen.append(name)
            due = len(self.seen) == self.stop
            if due and not self.after:
                raise Crash
            result = write(*arguments, **named)
            if due:
                raise Crash
            return result

        return written


def migrating(ada: Team, target: str, stop: int = 0, *, after: bool = False) -> list[str]:
    """The writes of a migration, which is interrupted at one of them where ``stop`` says so; the first is 1."""
    interruption = Interruption(stop, after=after)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            patch.setattr(owner, name, interruption.around(name, getattr(owner, name)))
        if stop:
            with pytest.raises(Crash):
                ada.run("migrate", "--to", target)
        else:
            ada.done("migrate", "--to", target)
    return interruption.seen


def test_interrupted_at_any_write_it_goes_on_where_it_stopped(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_run: bool
) -> None:
    make_shared(tmp_path, template.place.server, template.place.bucket, monkeypatch)
    source = Team(template.copy(tmp_path / "whole").folder / "ada")
    before = story(source)
    for target in others(template.place, source)[0 if long_run else -1 :]:
        whole = Team(template.copy(tmp_path / f"whole-{target[:3]}").folder / "ada")
        writes = migrating(whole, target)
        assert len(writes) >= 5, writes
        stops = range(1, len(writes) + 1) if long_run else spread(writes)
        for stop in stops:
            for after in (False, True) if long_run else (stop % 2 == 0,):
                ada = Team(template.copy(tmp_path / f"{target[:3]}-{stop}-{after}").folder / "ada")
                seen = migrating(ada, target, stop, after=after)
                assert len(seen) >= stop, "it died there"
                assert set(seen[stop:]) <= {"put_contents"}, "nothing came after it but what was under way beside it"
                if pending(ada, target):
                    ada.done("migrate", "--to", target)
                assert authority(ada) == target.removesuffix(":origin"), (stop, after)
                ledgers = ledgers_of(ada)
                assert story(ada, ledgers) == before, (stop, after)
                assert all(len(found) == 1 for found in seals(ledgers).values()), (stop, after)


def spread(writes: list[str]) -> list[int]:
    """The first write of each kind, and the last three: the seal, the file, the pin."""
    return sorted({writes.index(name) + 1 for name in writes} | {len(writes) - n for n in range(3)})


def pending(ada: Team, target: str) -> bool:
    """Whether the registry is not handed over yet; where it is, only the clone's pin may be missing."""
    return ada.run("status", "--json").json["authority"] != target.removesuffix(":origin")


# -- what was published is what comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["s3"], indirect=True)
def test_versions_survive_the_loss_of_either_store(place: Shared, ada: Team, tmp_path: Path) -> None:
    more = ada.agent() / "prompts" / "more.md"
    for text in ("You decide.\n", "You decide, kindly.\r\n", "\ufeffEntscheide freundlich.\n\n"):
        more.write_text(text, encoding="utf-8", newline="")
        manifest = ada.agent() / "agent.toml"
        if "more.md" not in manifest.read_text():
            manifest.write_text(manifest.read_text().replace("[prompts]\n", '[prompts]\nmore = "prompts/more.md"\n'))
        ada.publish(f"Prompt: {text!a}")
    ada.done("sync")
    versions = [str(each["version"]) for each in records(ada.result("list", "refund"), "versions")]
    assert len(versions) == 6
    whole, before = refs(ada.folder), exported(ada, versions, tmp_path / "before")

    lose_refs(ada.folder)
    lose_refs(place.hub)
    assert replica(ada.result("sync"), "git")["releases"] == 6
    assert refs(ada.folder) == refs(place.hub) == whole
    assert exported(ada, versions, tmp_path / "rebuilt") == before

    ada.done("migrate", "--to", "git:origin", "-m", "The bucket is to be replaced")
    ada.done("sync")
    objects = place.objects()
    place.empty_bucket()
    assert replica(ada.result("sync"), place.url)["releases"] == 6
    assert place.objects() == objects
    assert exported(ada, versions, tmp_path / "from-git") == before
    ada.done("migrate", "--to", place.url, "-m", "The new bucket decides")
    assert exported(ada, versions, tmp_path / "refilled") == before
    assert ada.result("verify", "--deep")["findings"] == []


def exported(team: Team, versions: list[str], folder: Path) -> dict[str, str]:
    """Each version's files by SHA-256, as ``export`` writes them, and each snapshot's digest."""
    for version in versions:
        team.done("export", f"refund@{version}", str(folder / version))
    files = {path: hashlib.sha256(content).hexdigest() for path, content in all_files(folder)}
    listed = records(team.result("list", "refund"), "versions")
    return files | {str(each["version"]): str(each["snapshot"]) for each in listed}
