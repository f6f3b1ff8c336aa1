"""Reading the files of an agent: path rules as a table, and real links, pipes and devices on a real file system."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from repoint.agentfiles import HELD_FILE, FileContent, HeldContent, matches, read_bytes, read_file
from repoint.errors import InvalidInput
from repoint.paths import check_path, check_paths
from repoint_schemas.documents import FileEntry

from tests.stores import contents_of

LIMIT = 64 * 1024 * 1024

ACCEPTED = [
    "prompts/system.md",
    "a",
    "prompts/\U0001f916 answer.md",
    "with blanks inside.txt",
    " leading blank.md",
    "dots.in.name/..hidden/...x",
    "git/config",
    "agit",
    "x.git",
    ".env.example",
    "...git",
    "console.md",
    "com10.txt",
    "nulls.md",
    "repoint/x",
    ".repointed",
    "caf\u00e9.md",
    "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.md",
    "n" * 255,
    "\u00e9" * 127 + "x",
    "/".join(["d" * 15] * 256),
    "a~b",
    "draft~1.md",
    "-rf",
    "$(rm)",
    "*",
]

REFUSED = [
    ("", "is empty"),
    ("/etc/passwd", "is absolute"),
    ("//server/share", "is absolute"),
    ("../secret", "'..'"),
    ("a/../../b", "'..'"),
    ("a/..", "'..'"),
    ("./a", "'.'"),
    ("a//b", "empty component"),
    ("a/", "empty component"),
    ("a\\b", "backslash"),
    ("..\\..\\x", "backslash"),
    ("C:/x", "colon"),
    ("a:stream", "colon"),
    (".git", "begins with .git"),
    (".GIT/config", "begins with .git"),
    ("a/.Git/hooks/pre-commit", "begins with .git"),
    (".gitattributes", "begins with .git"),
    ("a/.gitmodules", "begins with .git"),
    (".g\u200cit/config", "begins with .git"),
    ("\ufeff.git", "begins with .git"),
    (".gi\u200dt", "begins with .git"),
    ("git~1", "short name"),
    ("GIT~2/config", "short name"),
    ("gi7eba~1", "short name"),
    ("REPOIN~1/snapshot.json", "short name"),
    (".repoint/snapshot.json", "belongs to Repoint"),
    (".Repoint", "belongs to Repoint"),
    ("a/.REPO\u200dINT", "belongs to Repoint"),
    (".git. ", "ends in a dot or a blank"),
    (".repoint.", "ends in a dot or a blank"),
    ("name ", "ends in a dot or a blank"),
    ("a./b", "ends in a dot or a blank"),
    ("...", "ends in a dot or a blank"),
    ("NUL", "names a device"),
    ("nul.txt", "names a device"),
    ("prompts/Con.md", "names a device"),
    ("aux .md", "names a device"),
    ("COM1", "names a device"),
    ("lpt\u00b2.x", "names a device"),
    ("a\nb", "control character"),
    ("a\x1b[31m", "control character"),
    ("a\x7f", "control character"),
    ("a\x85b", "control character"),
    ("a\u2028b", "control character"),
    ("a\0b", "control character"),
    ("bad\udcff", "is not UTF-8"),
    ("n" * 256, "more than 255 bytes"),
    ("\u00e9" * 128, "more than 255 bytes"),
    ("a/" * 2048 + "a", "more than 4096"),
]


@pytest.mark.parametrize("path", ACCEPTED)
def test_paths_that_are_accepted(path: str) -> None:
    assert check_path(path) is None
    assert check_paths([path, "agent.toml"]) == []


@pytest.mark.parametrize(("path", "reason"), REFUSED)
def test_paths_that_are_refused(tmp_path: Path, path: str, reason: str) -> None:
    said = check_path(path)
    assert said is not None
    assert reason in said
    with pytest.raises(InvalidInput) as caught:
        read_file(tmp_path, path, limit=LIMIT)
    assert caught.value.kind == "refused-path"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("paths", "bad"),
    [
        (["a.md", "A.md"], "A.md"),
        (["prompts/x", "Prompts/X"], "Prompts/X"),
        (["agent.toml", "Agent.TOML"], "Agent.TOML"),
        (["caf\u00e9", "cafe\u0301"], "cafe\u0301"),
        (["stra\u00dfe", "STRASSE"], "STRASSE"),
        (["a\u200cb", "ab"], "ab"),
        (["a", "a/b"], "a/b"),
        (["A", "a/b/c"], "a/b/c"),
        (["agent.toml", "agent.toml/x"], "agent.toml/x"),
    ],
)
def test_paths_that_exclude_each_other(paths: list[str], bad: str) -> None:
    assert all(check_path(path) is None for path in paths)
    assert [path for path, _ in check_paths(paths)] == [bad]


def test_the_same_path_twice_is_one_file() -> None:
    assert check_paths(["a", "a", "b/a", "b/c"]) == []


def entry_of(path: str, content: bytes) -> FileEntry:
    return FileEntry(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"line\r\nline\r\n",
        b"\xef\xbb\xbfwith a byte order mark\n",
        b"nul \0 byte",
        "Gr\u00fc\u00dfe".encode("windows-1252"),
        "one\u2028two\u2029three \n \t".encode(),
        b"x" * 900_000,
        b"x" * HELD_FILE,
        b"y" * (HELD_FILE + 1),
        os.urandom(3 * HELD_FILE + 17),
    ],
    ids=["empty", "CRLF", "BOM", "NUL", "windows-1252", "U+2028", "one line", "1 MiB", "1 MiB + 1", "3 MiB"],
)
def test_reads_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file").write_bytes(content)
    file = read_file(tmp_path, "sub/file", limit=LIMIT)
    assert file.entry == entry_of("sub/file", content)
    assert file.content.size == len(content)
    assert isinstance(file.content, HeldContent if len(content) <= HELD_FILE else FileContent)
    for _ in range(2):
        chunks = list(file.content.chunks())
        assert b"".join(chunks) == content
        assert all(0 < len(chunk) <= 1024 * 1024 for chunk in chunks)
    assert matches(tmp_path, file.entry)
    assert read_bytes(tmp_path, "sub/file", limit=LIMIT) == content


@pytest.mark.parametrize("name", [name for name in ACCEPTED if len(name) < 300])
def test_reads_files_with_unusual_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"there")
    assert read_file(tmp_path, name, limit=LIMIT).entry == entry_of(name, b"there")


def test_the_limit_is_exact(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert read_file(tmp_path, "f", limit=100).entry.size == 100
    with pytest.raises(InvalidInput, match="f has 100 bytes, more than the 99 allowed") as caught:
        read_file(tmp_path, "f", limit=99)
    assert caught.value.kind == "file-too-large"


def test_a_file_whose_size_is_not_known_beforehand_is_counted_while_it_is_read() -> None:
    """Files of /proc say that they have 0 bytes."""
    with pytest.raises(InvalidInput, match="more than the 10 allowed"):
        read_file(Path("/proc/self"), "status", limit=10)
    assert read_file(Path("/proc/self"), "status", limit=LIMIT).entry.size > 10


def link(target: str) -> Callable[[Path], None]:
    return lambda place: place.symlink_to(target)


def device(place: Path) -> None:
    try:
        os.mknod(place, 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root can make a device")


def listening(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(str(place))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (link("other"), "symlink"),
        (link("nowhere"), "symlink"),
        (link("f"), "symlink"),
        (link("/dev/null"), "symlink"),
        (link("/etc/passwd"), "symlink"),
        (link("folder"), "symlink"),
        (os.mkfifo, "fifo"),
        (os.mkdir, "directory"),
        (device, "device"),
        (listening, "socket"),
    ],
    ids=["link", "dangling", "loop", "to a device", "outside", "to a folder", "FIFO", "folder", "device", "socket"],
)
def test_only_regular_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "folder").mkdir()
    make(Path("f"))
    with pytest.raises(InvalidInput) as caught:
        read_file(tmp_path, "f", limit=LIMIT)
    assert caught.value.kind == kind
    assert caught.value.message.startswith("f is a")
    assert not matches(tmp_path, entry_of("f", b"other"))


@pytest.mark.parametrize("target", ["real", ".", "..", "sub", "nowhere", "/etc"])
def test_a_link_among_the_folders_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_bytes(b"f")
    (tmp_path / "sub").symlink_to(target)
    with pytest.raises(InvalidInput, match="sub/f passes through the symbolic link 'sub'") as caught:
        read_file(tmp_path, "sub/f", limit=LIMIT)
    assert caught.value.kind == "symlink"


def test_the_agents_own_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_bytes(b"f")
    (tmp_path / "link").symlink_to("real")
    assert read_file(tmp_path / "link", "f", limit=LIMIT).entry.size == 1


def test_a_missing_file_suggests_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/system.md").write_bytes(b"")
    for wrong, hint in [
        ("prompts/System.md", "did you mean 'system.md'?"),
        ("prompts/sytem.md", "did you mean 'system.md'?"),
        ("prompt/system.md", "did you mean 'prompts'?"),
        ("prompts/unlike", None),
    ]:
        with pytest.raises(InvalidInput, match="does not exist") as caught:
            read_file(tmp_path, wrong, limit=LIMIT)
        assert (caught.value.kind, caught.value.hint) == ("file-missing", hint)
    with pytest.raises(InvalidInput, match=r"needs a folder where 'system.md' is a file"):
        read_file(tmp_path, "prompts/system.md/x", limit=LIMIT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "f").touch(mode=0)
    with pytest.raises(InvalidInput, match="f cannot be read: Permission denied"):
        read_file(tmp_path, "f", limit=LIMIT)


def test_a_file_that_fails_while_it_is_read() -> None:
    with pytest.raises(InvalidInput, match="mem cannot be read: Input/output error"):
        read_file(Path("/proc/self"), "mem", limit=LIMIT)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/big").write_bytes(b"x" * (HELD_FILE + 1))
    before = len(os.listdir("/proc/self/fd"))
    file = read_file(tmp_path, "sub/big", limit=LIMIT)
    next(iter(file.content.chunks()))
    matches(tmp_path, file.entry)
    for path in ("sub", "sub/none", "sub/big/x"):
        with pytest.raises(InvalidInput):
            read_file(tmp_path, path, limit=LIMIT)
    with pytest.raises(InvalidInput):
        read_file(tmp_path, "sub/big", limit=10)
    assert len(os.listdir("/proc/self/fd")) == before


def shorten(place: Path) -> None:
    os.truncate(place, 10)


def lengthen(place: Path) -> None:
    with place.open("ab") as file:
        file.write(b"more")


def alter(place: Path) -> None:
    with place.open("r+b") as file:
        file.seek(HELD_FILE + 5)
        file.write(b"!")


def swap_for_a_link(place: Path) -> None:
    place.rename(place.with_name("moved"))
    place.symlink_to("moved")


@pytest.mark.parametrize("change", [shorten, lengthen, alter, swap_for_a_link, Path.unlink])
def test_a_large_file_that_changes_is_refused_when_it_is_read_again(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    (tmp_path / "big").write_bytes(b"x" * (2 * HELD_FILE))
    file = read_file(tmp_path, "big", limit=LIMIT)
    contents = msgspec.structs.replace(contents_of("refund", ""), files={"big": file.content})
    assert contents.bytes_of(file.entry) == b"x" * (2 * HELD_FILE)
    change(tmp_path / "big")
    with pytest.raises(InvalidInput) as caught:
        contents.bytes_of(file.entry)
    assert caught.value.kind in {"file-changed", "symlink", "file-missing"}
    assert not matches(tmp_path, file.entry)


def test_a_small_file_that_changes_is_stored_as_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"before")
    file = read_file(tmp_path, "f", limit=LIMIT)
    (tmp_path / "f").write_bytes(b"after!")
    assert b"".join(file.content.chunks()) == b"before"
    assert not matches(tmp_path, file.entry)
