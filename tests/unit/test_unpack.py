"""What is live, as files: whole and exact, switched in one step, by one writer, and never outside its folder."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from repoint.active import Active, Contents, File
from repoint.errors import AlreadyExists, Conflict, Corrupt, StoreUnavailable
from repoint.unpack import ABOUT, CURRENT, KEPT, RECORDS, RecordsFolder, Which, unpack_version
from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import AgentName, Entry, Version

from tests.stores import PRODUCTION, REGISTRY, contents_of, entry_of

Agents = Mapping[str, Active]
ELSE = Digest("sha256:" + "1" * 64)


def active(agent: str, prompt: str, version: str = "1.0.0", extra: Mapping[str, bytes] | None = None) -> Active:
    """A version that is live; ``extra`` are files that its snapshot does not name."""
    made = contents_of(agent, prompt)
    files = {entry.path: File.of(entry, b"".join(made.files[entry.path].chunks())) for entry in made.document.files()}
    files |= {path: File(path, "0" * 64, content.decode()) for path, content in (extra or {}).items()}
    digest = digest_of(made.content)
    entry = Entry(back=None, release=ELSE, since=1, snapshot=digest, version=Version(version))
    return Active(AgentName(agent), PRODUCTION, 1, entry, Contents(digest, made.content, made.document, files))


def which(generation: int, environment: str = "production", registry: str = REGISTRY, salt: str = "") -> Which:
    return Which(registry, environment, generation, digest_of(f"{generation}{salt}".encode()))


def agents(text: str) -> Agents:
    """Two agents, of which one has another prompt each time."""
    return {"intake": active("intake", "the same"), "refund": active("refund", text)}


def unpack(folder: Path, generation: int, found: Agents | None = None) -> Path:
    with RecordsFolder(str(folder)) as place:
        return Path(place.unpack(which(generation), agents(f"prompt {generation}") if found is None else found))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def as_it_is(place: Path) -> list[tuple[str, int, bytes]]:
    """Every name in a folder with its kind, and the content of files; the folder's own kind, too."""
    found = [place, *sorted(place.rglob("*"))]
    return [(str(p), stat.S_IFMT(p.lstat().st_mode), p.read_bytes() if p.is_file() else b"") for p in found]


def records(folder: Path) -> list[str]:
    return sorted(each for each in os.listdir(folder / RECORDS) if each != "lock")


# -- one version -----------------------------------------------------------------------------------------------------


def test_a_version_has_its_files_and_what_it_is(tmp_path: Path) -> None:
    refund = active("refund", "Be kind.")
    place = Path(unpack_version(refund, str(tmp_path / "run")))

    assert place.name == refund.digest.removeprefix("sha256:")
    found = tree(place)
    assert found["prompts/system.md"] == b"Be kind."
    assert set(found) == {"agent.toml", "prompts/system.md", ABOUT}
    about = json.loads(found[ABOUT])
    assert (about["agent"], about["version"], about["digest"]) == ("refund", "1.0.0", refund.digest)
    assert about["prompts"] == {"system": "prompts/system.md"}
    assert about["model"] == {"provider": "anthropic", "name": "claude-sonnet-4-5-20250929"}
    assert {stat.S_IMODE(p.stat().st_mode) & 0o222 for p in place.rglob("*") if p.is_file()} == {0}


def test_a_version_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    refund = active("refund", "Be kind.")
    before = os.stat(unpack_version(refund, str(tmp_path)))

    assert os.stat(unpack_version(refund, str(tmp_path))).st_ino == before.st_ino


def change(path: Path, content: bytes = b"be rude.") -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def replace_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_a_link(path: Path, target: str | None = None) -> None:
    """A link to where the thing itself lies now, or to something else."""
    away = path.parents[len(path.parts) - 1 - path.parts.index("run")] / "elsewhere"
    path.rename(away)
    path.symlink_to(away if target is None else target)


def replace_by_a_file(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.write_bytes(b"")


TAMPERING: dict[str, Callable[[Path], object]] = {
    "changed": lambda p: change(p / "prompts/system.md"),
    "longer": lambda p: change(p / "agent.toml", (p / "agent.toml").read_bytes() + b"x"),
    "removed": lambda p: (p / "agent.toml").unlink(),
    "one more file": lambda p: (p / "prompts/other.md").write_bytes(b""),
    "a link for a file": lambda p: replace_by_a_link(p / "prompts/system.md"),
    "a pipe for a file": lambda p: replace_by_a_pipe(p / "prompts/system.md"),
    "a link beside": lambda p: (p / "other").symlink_to("/"),
    "a link for a folder": lambda p: replace_by_a_link(p / "prompts"),
    "a link for all": replace_by_a_link,
    "a file for all": replace_by_a_file,
    "a link to nowhere": lambda p: replace_by_a_link(p, "nowhere"),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_version_that_somebody_changed_is_written_again(tmp_path: Path, how: str) -> None:
    refund, folder = active("refund", "Be kind."), tmp_path / "run"
    place = Path(unpack_version(refund, str(folder)))
    good, before = tree(place), as_it_is(place)
    TAMPERING[how](place)
    assert as_it_is(place) != before

    assert Path(unpack_version(refund, str(folder))) == place
    assert tree(place) == good
    assert as_it_is(place) == before
    assert sorted(os.listdir(folder)) == sorted([place.name, "lock"])


def test_drafts_of_killed_processes_go(tmp_path: Path) -> None:
    dead = tmp_path / ".draft.0123abcd"
    (dead / "prompts").mkdir(parents=True)
    (tmp_path / ".draft.mine").mkdir()
    unpack_version(active("refund", "Be kind."), str(tmp_path))

    assert not dead.exists()
    assert (tmp_path / ".draft.mine").exists(), "it has no name of ours"


def test_two_at_once_come_to_one_whole_folder(tmp_path: Path) -> None:
    refund, start, found = active("refund", "Be kind." * 1000), threading.Barrier(8), []

    def begin() -> None:
        start.wait()
        place = unpack_version(refund, str(tmp_path))
        found.append((place, os.stat(place).st_ino, tree(Path(place))))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(each == found[0] for each in found), "what one of them has got is not taken away by another"


@pytest.mark.parametrize("path", [ABOUT, f"{ABOUT}/prompt.md", "Repoint.JSON"])
def test_an_agent_may_have_a_file_of_the_name_of_ours(tmp_path: Path, path: str) -> None:
    place = Path(unpack_version(active("refund", "Be kind.", extra={path: b"mine"}), str(tmp_path)))

    assert tree(place)[path] == b"mine"
    assert len(tree(place)) == 3


def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    made = contents_of("refund", "Be kind.")
    planted = replace(made.document, prompts={"system": entry_of("../../out.md", b"")})
    files = {"agent.toml": File("agent.toml", "0" * 64, ""), "../../out.md": File("../../out.md", "0" * 64, "")}
    entry = Entry(back=None, release=ELSE, since=1, snapshot=ELSE, version=Version("1.0.0"))
    bad = Active(AgentName("refund"), PRODUCTION, 1, entry, Contents(ELSE, encode(planted), planted, files))

    with pytest.raises(Corrupt, match="refused to write"):
        unpack_version(bad, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


# -- a record --------------------------------------------------------------------------------------------------------


def test_current_is_one_record_and_says_which(tmp_path: Path) -> None:
    place = unpack(tmp_path / "live", 7)
    current = tmp_path / "live" / CURRENT

    assert current.resolve() == place.resolve()
    assert os.readlink(current) == f"{RECORDS}/{place.name}"
    assert (current / "refund/prompts/system.md").read_bytes() == b"prompt 7"
    assert json.loads((current / ABOUT).read_text()) == {
        "registry": REGISTRY,
        "environment": "production",
        "generation": 7,
        "digest": which(7).digest,
        "agents": {"intake": "1.0.0", "refund": "1.0.0"},
    }


def test_an_environment_with_nothing_live_is_an_empty_record(tmp_path: Path) -> None:
    unpack(tmp_path, 0, {})

    assert os.listdir(tmp_path / CURRENT) == [ABOUT]


def test_an_agent_that_is_not_live_any_more_goes(tmp_path: Path) -> None:
    before = unpack(tmp_path, 1)
    unpack(tmp_path, 2, {"intake": active("intake", "the same")})

    assert sorted(os.listdir(tmp_path / CURRENT)) == ["intake", ABOUT]
    assert (before / "refund/agent.toml").exists(), "for who resolved the link before"


def test_the_last_few_records_stay(tmp_path: Path) -> None:
    for generation in range(9):
        unpack(tmp_path, generation)

    assert [int(each[:12]) for each in records(tmp_path)] == [8 - KEPT + at for at in range(KEPT + 1)]


def test_what_stays_the_same_is_linked_and_not_written(tmp_path: Path) -> None:
    first, second = unpack(tmp_path, 1), unpack(tmp_path, 2)

    def inode(place: Path, path: str) -> int:
        return (place / path).stat().st_ino

    assert inode(first, "intake/agent.toml") == inode(second, "intake/agent.toml")
    assert inode(first, "refund/prompts/system.md") != inode(second, "refund/prompts/system.md")


def test_what_somebody_changed_is_not_carried_into_the_next_record(tmp_path: Path) -> None:
    change(unpack(tmp_path, 1) / "intake/prompts/system.md")
    second = unpack(tmp_path, 2)

    assert (second / "intake/prompts/system.md").read_bytes() == b"the same"


@pytest.mark.parametrize("what", ["a file", "an agent more", "the record"])
def test_a_record_that_somebody_changed_is_written_beside_it(tmp_path: Path, what: str) -> None:
    first = unpack(tmp_path, 1)
    good = tree(first)
    if what == "a file":
        change(first / "intake/prompts/system.md")
    elif what == "an agent more":
        (first / "evil").mkdir()
    else:
        first.rename(tmp_path / "elsewhere")
        first.symlink_to(tmp_path / "elsewhere")
    second = unpack(tmp_path, 1)

    assert second != first
    assert tree(second) == tree(tmp_path / CURRENT) == good
    assert first.exists(), "it is not taken from under those who read it: there is no moment without a record"
    assert unpack(tmp_path, 1) == second


def test_without_hard_links_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        asked.append(True)
        raise OSError(errno.EPERM, "no hard links")

    asked: list[bool] = []
    unpack(tmp_path, 1)
    monkeypatch.setattr(os, "link", refused)
    second = unpack(tmp_path, 2)

    assert asked
    assert tree(second) == tree(unpack(tmp_path / "other", 2))


# -- what stands in the way ------------------------------------------------------------------------------------------


def folder_for_a_link(folder: Path) -> None:
    (folder / CURRENT).mkdir(parents=True)


def link_of_somebody_else(folder: Path) -> None:
    folder.mkdir()
    (folder / "releases").mkdir()
    (folder / CURRENT).symlink_to("releases")


def link_for_records(folder: Path) -> None:
    folder.mkdir()
    for number in range(9):
        (folder.parent / "precious" / f"00000000000{number}-0123456789ab").mkdir(parents=True)
    (folder / RECORDS).symlink_to(folder.parent / "precious")


def dangling_link_for_records(folder: Path) -> None:
    folder.mkdir()
    (folder / RECORDS).symlink_to(folder.parent / "nowhere")


def file_for_records(folder: Path) -> None:
    folder.mkdir()
    (folder / RECORDS).write_bytes(b"")


def file_for_all(folder: Path) -> None:
    folder.write_bytes(b"mine")


IN_THE_WAY = [
    *(folder_for_a_link, link_of_somebody_else, link_for_records, dangling_link_for_records),
    *(file_for_records, file_for_all),
]


@pytest.mark.parametrize("planted", IN_THE_WAY, ids=lambda f: f.__name__)
def test_what_is_in_the_way_is_refused_and_stays(tmp_path: Path, planted: Callable[[Path], None]) -> None:
    planted(tmp_path / "live")
    before = sorted(os.walk(tmp_path))
    with pytest.raises(AlreadyExists, match=r"is there, and is not"):
        unpack(tmp_path / "live", 1)

    assert sorted(os.walk(tmp_path)) == before


def test_a_link_for_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / RECORDS).mkdir()
    (tmp_path / RECORDS / "lock").symlink_to(tmp_path / "planted")
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        unpack(tmp_path, 1)

    assert not (tmp_path / "planted").exists()


def test_links_among_the_records_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    folder = tmp_path / "live"
    for generation in range(1, 6):
        unpack(folder, generation)
    (folder / RECORDS / "000000000000-0123456789ab").symlink_to(outside)
    (folder / RECORDS / ".draft.01234567").symlink_to(outside)
    (folder / RECORDS / "notes").mkdir()
    unpack(folder, 6)

    assert list(outside.iterdir()) == [outside / "sub"]
    assert (folder / RECORDS / "notes").exists(), "it has no name of ours"
    assert not [each for each in records(folder) if each.startswith((".draft", "000000000000"))]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with RecordsFolder(str(tmp_path)) as first:
        first.unpack(which(1), agents("one"))
        with pytest.raises(Conflict, match="another process writes") as told:
            unpack(tmp_path, 2)
    assert told.value.kind == "folder-in-use"
    unpack(tmp_path, 2)


@pytest.mark.parametrize("other", [which(8, environment="staging"), which(8, registry="another")])
def test_a_folder_does_not_change_its_environment(tmp_path: Path, other: Which) -> None:
    unpack(tmp_path, 7)
    with RecordsFolder(str(tmp_path)) as place:
        with pytest.raises(Conflict, match="holds production of registry") as told:
            place.unpack(other, agents("another"))
        assert told.value.kind == "other-environment"
        (tmp_path / CURRENT).unlink()
        place.unpack(other, agents("another"))
    assert json.loads((tmp_path / CURRENT / ABOUT).read_text())["registry"] == other.registry


@pytest.mark.parametrize("other", [which(6), which(7, salt="forged")])
def test_a_folder_does_not_go_back(tmp_path: Path, other: Which) -> None:
    place = unpack(tmp_path, 7)
    with RecordsFolder(str(tmp_path)) as folder, pytest.raises(Corrupt, match="stands at generation") as told:
        folder.unpack(other, agents("older"))

    assert told.value.kind == "pointer-went-back"
    assert (tmp_path / CURRENT).resolve() == place.resolve()


def test_records_of_another_environment_go_first(tmp_path: Path) -> None:
    for generation in (500, 501, 502):
        unpack(tmp_path, generation)
    (tmp_path / CURRENT).unlink()
    with RecordsFolder(str(tmp_path)) as folder:
        for generation in (3, 4, 5, 6):
            folder.unpack(which(generation, environment="staging"), agents(f"prompt {generation}"))

    assert [int(each[:12]) for each in records(tmp_path)] == [3, 4, 5, 6]


# -- what fails ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many more files may be written; then the disk is full. The second number counts the refusals."""
    left = [10**6, 0]
    real = os.open

    def counted(path: str, flags: int, *rest: object, **named: object) -> int:
        if flags & os.O_EXCL:
            left[0] -= 1
            if left[0] < 0:
                left[1] += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(path, flags, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", counted)
    return left


@pytest.mark.parametrize("room", range(6))
def test_a_full_disk_leaves_what_was_current(tmp_path: Path, small_disk: list[int], room: int) -> None:
    first = unpack(tmp_path, 1, agents("one"))
    small_disk[0] = room
    different = {"intake": active("intake", "another"), "refund": active("refund", "another")}
    with pytest.raises(StoreUnavailable) as told:
        unpack(tmp_path, 2, different)
    assert (told.value.kind, small_disk[1]) == ("disk-full", 1)
    assert (tmp_path / CURRENT).resolve() == first.resolve()
    assert records(tmp_path) == [first.name], "no draft is left"

    small_disk[0] = 100
    second = unpack(tmp_path, 2, different)
    assert (tmp_path / CURRENT).resolve() == second.resolve()
