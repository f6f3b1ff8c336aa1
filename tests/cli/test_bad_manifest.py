"""agent.toml and the files that it names: every bad one refused with file, line and what to do; every odd one kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commandline import Team, copy_team, records

MANIFEST = """\
schema = "repoint.manifest/1"

[agent]
name = "refund"

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"
"""
SHOWN = "agents/refund/agent.toml"


def write_manifest(team: Team, text: str | bytes) -> None:
    content = text.encode() if isinstance(text, str) else text
    (team.agent() / "agent.toml").write_bytes(content)


def refused_commit(team: Team, *says: str, code: int = 3) -> None:
    """Neither ``commit`` nor ``commit --dry-run`` accepts it."""
    team.refused("commit", "refund", "-m", "x", code=code, says=says)
    team.refused("commit", "refund", "-m", "x", "--dry-run", code=code, says=says)


# -- agent.toml itself -----------------------------------------------------------------------------------------------


def test_missing(fresh: Team) -> None:
    (fresh.agent() / "agent.toml").unlink()
    fresh.refused("commit", "refund", "-m", "x", code=4, says=["refund", "repoint new refund"])
    fresh.refused("commit", "refund", "-m", "x", "--from", "agents/refund", code=3, says=[SHOWN, "does not exist"])


def test_a_directory(fresh: Team) -> None:
    (fresh.agent() / "agent.toml").unlink()
    (fresh.agent() / "agent.toml").mkdir()
    refused_commit(fresh, f"{SHOWN}: is a directory")


def test_a_fifo_does_not_hang(fresh: Team) -> None:
    (fresh.agent() / "agent.toml").unlink()
    os.mkfifo(fresh.agent() / "agent.toml")
    refused_commit(fresh, f"{SHOWN}: is a FIFO")


@pytest.mark.parametrize("target", ["nowhere", "agent.toml", "/etc/passwd", "prompts/system.md"])
def test_a_symbolic_link(fresh: Team, target: str) -> None:
    (fresh.agent() / "agent.toml").unlink()
    (fresh.agent() / "agent.toml").symlink_to(target)
    refused_commit(fresh, SHOWN, "symbolic link")


@contextmanager
def somebody_else(team: Team) -> Iterator[Team]:
    """The same registry as a user for whom permissions count, which they do not for root."""
    if os.geteuid() != 0:
        yield team
        return
    nobody = 65534
    place = Path(tempfile.mkdtemp(prefix="repoint-nobody-"))
    copied = copy_team(team.folder, place / "team")
    for root, folders, names in os.walk(place):
        for name in [".", *folders, *names]:
            os.lchown(os.path.join(root, name), nobody, nobody)
    home = os.environ["HOME"]
    os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = str(place)
    os.setegid(nobody)
    os.seteuid(nobody)
    try:
        yield copied
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.environ["HOME"] = home
        shutil.rmtree(place)


def test_unreadable(fresh: Team) -> None:
    fresh.run("commit", "refund", "-m", "x", "--dry-run")  # imports what it needs before permissions count
    with somebody_else(fresh) as team:
        (team.agent() / "agent.toml").chmod(0)
        ran = team.run("commit", "refund", "-m", "x")
        tags = team.git("tag", "-l")
        (team.agent() / "agent.toml").chmod(0o600)

        assert (ran.code, tags) == (3, "")
        assert f"{SHOWN}: cannot be read: Permission denied" in ran.err


def test_an_unreadable_prompt(fresh: Team) -> None:
    fresh.run("commit", "refund", "-m", "x", "--dry-run")
    with somebody_else(fresh) as team:
        (team.agent() / "prompts" / "system.md").chmod(0)
        ran = team.run("commit", "refund", "-m", "x")
        (team.agent() / "prompts" / "system.md").chmod(0o600)

        assert ran.code == 3
        assert "prompts/system.md cannot be read: Permission denied" in ran.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "schema"),
        (b"\xff\xfe" + MANIFEST.encode("utf-16-le"), "UTF-8"),
        (MANIFEST.replace("refund", "r\u00e9fund").encode("windows-1252"), f"{SHOWN}:4"),
        (MANIFEST.replace('"refund"', '"refund').encode(), f"{SHOWN}:4:"),
        (MANIFEST.replace("[model]", "[model").encode(), f"{SHOWN}:6:"),
        (MANIFEST.encode() + b"system = 1\n", f"{SHOWN}:12:"),
        (MANIFEST.encode() + b"x = 'a\0b'\n", f"{SHOWN}:12:"),
        (MANIFEST.encode() + b"a = 1979-13-40\n", f"{SHOWN}:12"),
        (b"\xef\xbb\xbf" + MANIFEST.encode() + b"=\n", SHOWN),
    ],
    ids=["empty", "utf-16", "windows-1252", "quote", "bracket", "twice", "nul", "date", "bom"],
)
def test_syntax(fresh: Team, content: bytes, says: str) -> None:
    write_manifest(fresh, content)
    refused_commit(fresh, says)


def test_a_syntax_error_names_line_and_column(fresh: Team) -> None:
    write_manifest(fresh, MANIFEST.replace('name = "refund"', 'name = = "refund"'))
    refused_commit(fresh, f"{SHOWN}:4:8")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('name = "refund"', 'nme = "refund"', 4, "agent.nme: unknown key; did you mean name?"),
        ("[prompts]", "[prompt]", 10, "prompt: unknown key; did you mean prompts?"),
        ("[model]", "[modell]", 6, "modell: unknown key; did you mean model?"),
        ('name = "refund"', 'name = "other"', 4, "agent 'refund'"),
        ('name = "refund"', "name = 5", 4, "agent.name: must be a string"),
        ('name = "refund"', 'name = "Refund"', 4, "a-z"),
        ('system = "prompts/system.md"', "system = true", 11, "prompts.system: must be a string"),
        ('schema = "repoint.manifest/1"', 'schema = "repoint.manifest/9"', 1, "schema"),
        ('provider = "anthropic"', 'provider = ""', 7, "model.provider: must not be empty"),
        ('provider = "anthropic"', 'provider = "a\\u001bb"', 7, "control"),
    ],
)
def test_keys_and_types(fresh: Team, old: str, new: str, line: int, says: str) -> None:
    assert old in MANIFEST
    write_manifest(fresh, MANIFEST.replace(old, new, 1))
    refused_commit(fresh, f"{SHOWN}:{line}: ", says)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("1979-05-27", "a date"),
        ("1979-05-27T07:32:00Z", "a date with a time"),
        ("07:32:00", "a time"),
        ("9007199254740993", "beyond 2^53"),
        ("-9007199254740993", "beyond 2^53"),
        ("1e300", "beyond 2^53"),
        ("inf", "inf or nan"),
        ("-nan", "inf or nan"),
        ("{a = [{b = 07:32:00}]}", "a time"),
    ],
)
def test_values_that_canonical_json_cannot_hold(fresh: Team, value: str, says: str) -> None:
    write_manifest(fresh, f"{MANIFEST}\n[config]\nthing = {value}\n")
    refused_commit(fresh, f"{SHOWN}:14: ", "thing", says)


@pytest.mark.parametrize("depth", [62, 100, 5_000, 100_000])
def test_nesting_without_end(fresh: Team, depth: int) -> None:
    write_manifest(fresh, f"{MANIFEST}\n[config]\nthing = {'[' * depth}{']' * depth}\n")
    refused_commit(fresh, f"{SHOWN}:1", "nested more than")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("temperature = 3", "config.temperature"),
        ('temperature = "hot"', "config.temperature: must be a number"),
        ("max_tokens = 0", "config.max_tokens"),
        ("max_tokens = 1.5", "config.max_tokens"),
        ("timeout_seconds = -1", "config.timeout_seconds"),
        ("stop = 5", "config.stop: must be a string or an array of strings"),
        ("retry = 3", "config.retry: must be a table"),
        ("seed = true", "config.seed"),
    ],
)
def test_known_settings_are_typed(fresh: Team, line: str, says: str) -> None:
    write_manifest(fresh, f"{MANIFEST}\n[config]\n{line}\n")
    refused_commit(fresh, f"{SHOWN}:14: ", says)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('kind = "rest"', "'openapi', 'mcp', 'function' or 'http'"),
        ('kind = "http"\nendpoint = "not a url"', "must be a URL"),
        ('kind = "http"\nendpoint = "https://kim:secret@x.example"', "or a password; name it in secrets"),
        ('kind = "http"\nsecrets = ["sk-live-0123456789"]', "never the secret itself"),
        ('kind = "openapi"\nspec = "nowhere.json"', "does not exist"),
        ('kind = "openapi"\nspecs = "x.json"', "did you mean spec?"),
    ],
)
def test_integrations(fresh: Team, lines: str, says: str) -> None:
    write_manifest(fresh, f"{MANIFEST}\n[integrations.payments]\n{lines}\n")
    refused_commit(fresh, f"{SHOWN}:1", says)
    assert "sk-live-0123456789" not in fresh.run("commit", "refund", "-m", "x").err


def test_all_that_is_wrong_is_said_at_once(fresh: Team) -> None:
    write_manifest(fresh, MANIFEST.replace("anthropic", "") + "\n[config]\ntemperature = 9\nseed = inf\n")
    failure = fresh.refused("commit", "refund", "-m", "x", code=3)
    facts = failure["facts"]

    assert isinstance(facts, dict)
    assert {(p["path"], p["line"]) for p in facts["problems"]} >= {(SHOWN, 7), (SHOWN, 14), (SHOWN, 15)}


def test_requires_and_floating_models(fresh: Team) -> None:
    write_manifest(fresh, f'{MANIFEST}\n[requires]\nintake = "two or so"\n')
    refused_commit(fresh, f"{SHOWN}:14: ", "intake")
    write_manifest(fresh, MANIFEST.replace("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"))
    refused_commit(fresh, "agent.toml:8: floating-model")


def test_status_and_check_go_on_with_a_broken_manifest(fresh: Team) -> None:
    fresh.publish("One")
    write_manifest(fresh, "nothing here")
    (agent,) = records(fresh.result("status"), "agents")
    findings = records(fresh.result("check", code=1), "findings")

    assert agent["working"] == "modified"
    assert (findings[0]["rule"], findings[0]["line"]) == ("manifest", 1)


# -- the paths that it names -----------------------------------------------------------------------------------------


def named(path: str) -> str:
    escaped = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in path)
    return MANIFEST.replace("prompts/system.md", escaped)


BAD_PATHS = {
    "absolute": ("/etc/passwd", "absolute"),
    "home": ("~/prompt.md", "does not exist"),
    "parent": ("../../repoint.toml", "'..'"),
    "inner parent": ("prompts/../../x.md", "'..'"),
    "dot": ("./prompts/system.md", "'.'"),
    "backslash": ("prompts\\system.md", "backslash"),
    "drive": ("C:/x.md", "colon"),
    "empty": ("", "prompts.system"),
    "empty component": ("prompts//system.md", "empty component"),
    "folder": ("prompts", "is a directory"),
    "below a file": ("agent.toml/x", "agent.toml"),
    "git": (".git/config", "belongs to Git"),
    "git upper case": ("prompts/.GIT/x", "belongs to Git"),
    "git mixed case": (".gIt", "belongs to Git"),
    "git hidden by hfs": (".g\u200cit/config", "belongs to Git"),
    "git short name": ("git~1/config", "short name"),
    "gitmodules": (".gitmodules", "belongs to Git"),
    "repoint": (".Repoint/snapshot.json", "belongs to Repoint"),
    "line feed": ("prompts/a\nb.md", "control character"),
    "escape": ("prompts/\x1b[31m.md", "control character"),
    "line separator": ("prompts/a\u2028b.md", "line break"),
    "trailing blank": ("prompts/system.md ", "blank"),
    "trailing dot": ("prompts/system.", "dot"),
    "device": ("prompts/NUL", "device"),
    "256 bytes": ("p" * 256, "255 bytes"),
    "too long": ("/".join(["p" * 200] * 30), "more than 4096"),
    "missing": ("prompts/systen.md", "did you mean 'system.md'"),
    "wrong case": ("prompts/System.md", "did you mean 'system.md'"),
}


@pytest.mark.parametrize(("path", "says"), BAD_PATHS.values(), ids=BAD_PATHS)
def test_paths(fresh: Team, path: str, says: str) -> None:
    write_manifest(fresh, named(path))
    refused_commit(fresh, f"{SHOWN}:11: prompts.system", says)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/etc/passwd", "link"),
        ("../../repoint.toml", "link"),
        ("nowhere", "link"),
        ("link", "link"),
        ("prompts/system.md", "link"),
        ("prompts", "link/system.md"),
        ("/etc", "link/passwd"),
    ],
)
def test_symbolic_links(fresh: Team, target: str, path: str) -> None:
    (fresh.agent() / "link").symlink_to(target)
    write_manifest(fresh, named(path))
    refused_commit(fresh, f"{SHOWN}:11: prompts.system", "symbolic link")


def test_an_agent_folder_that_is_a_symbolic_link(fresh: Team) -> None:
    (fresh.folder / "agents" / "evil").symlink_to("/etc")
    fresh.refused("commit", "evil", "-m", "x", code=4, says=["evil", "symbolic link"])


def test_special_files(fresh: Team) -> None:
    os.mkfifo(fresh.agent() / "pipe")
    write_manifest(fresh, named("pipe"))
    refused_commit(fresh, "pipe is a FIFO")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_devices(fresh: Team) -> None:
    try:
        os.mknod(fresh.agent() / "zero", 0o20600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    write_manifest(fresh, named("zero"))
    refused_commit(fresh, "zero is a device")


def test_two_paths_that_are_one_elsewhere(fresh: Team) -> None:
    for name in ("A.md", "a.md", "caf\u00e9.md", "cafe\u0301.md"):
        (fresh.agent() / name).write_text(name)
    for one, other in (("A.md", "a.md"), ("caf\u00e9.md", "cafe\u0301.md")):
        write_manifest(fresh, f'{MANIFEST}one = "{one}"\nother = "{other}"\n')
        refused_commit(fresh, "is the same file as")


def test_two_agents_in_one_name(fresh: Team) -> None:
    text = (fresh.folder / "repoint.toml").read_text().replace('["agents/*"]', '["agents/*", "more/*"]')
    (fresh.folder / "repoint.toml").write_text(text)
    (fresh.folder / "more").mkdir()
    shutil.copytree(fresh.agent(), fresh.folder / "more" / "refund")
    fresh.refused("commit", "refund", "-m", "x", code=3, says=["agents/refund, more/refund", "rename one"])


def test_limits(fresh: Team) -> None:
    config = fresh.folder / "repoint.toml"
    text = config.read_text()
    fresh.write_prompt("x" * 2000)
    config.write_text(text + "\n[limits]\nfile_bytes = 1000\n")
    refused_commit(fresh, f"{SHOWN}:", "2000 bytes, more than the 1000 allowed")
    config.write_text(text + "\n[limits]\nsnapshot_bytes = 1000\n")
    refused_commit(fresh, "in all, more than the 1000 allowed", "snapshot_bytes")
    config.write_text(text + "\n[limits]\nfiles = 1\n")
    refused_commit(fresh, "names 2 files", "raise files")


def test_over_the_default_limit(fresh: Team) -> None:
    with open(fresh.agent() / "prompts" / "system.md", "wb") as file:
        file.truncate(64 * 2**20 + 1)
    refused_commit(fresh, "67108865 bytes, more than the 67108864 allowed")


# -- what is odd, and is kept byte for byte --------------------------------------------------------------------------

ODD_FILES = {
    "empty": b"",
    "no line end": b"Refund",
    "crlf": b"One\r\nTwo\r\n",
    "cr": b"One\rTwo\r",
    "mixed": b"One\r\nTwo\nThree\r",
    "bom": b"\xef\xbb\xbfRefund\n",
    "trailing blanks": b"Refund  \t\n\n\n",
    "nul": b"a\0b\n",
    "windows-1252": "caf\u00e9 \u20ac5\n".encode("windows-1252"),
    "utf-16": "Refund".encode("utf-16"),
    "line separator": "a\u2028b\u2029c\n".encode(),
    "one long line": b"x " * 450_000,
    "git keyword": b"$Id$ $Revision: 1 $\n",
    "looks like a tag": b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
    "every byte": bytes(range(256)),
    "conflict marks": b"<<<<<<< HEAD\n=======\n>>>>>>> x\n",
}


@pytest.mark.parametrize("content", ODD_FILES.values(), ids=ODD_FILES)
def test_odd_files_come_back_byte_for_byte(fresh: Team, tmp_path: Path, content: bytes) -> None:
    fresh.git("config", "core.autocrlf", "true")
    (fresh.folder / ".gitattributes").write_text("* text=auto eol=crlf ident working-tree-encoding=UTF-16\n")
    fresh.write_prompt(content)
    fresh.result("commit", "refund", "-m", "Odd")
    result = fresh.result("export", "refund@0.1.0", str(tmp_path / "out"))

    assert (tmp_path / "out" / "prompts" / "system.md").read_bytes() == content
    assert {f["path"]: f["sha256"] for f in records(result, "files")} == {
        "agent.toml": hashlib.sha256((fresh.agent() / "agent.toml").read_bytes()).hexdigest(),
        "prompts/system.md": hashlib.sha256(content).hexdigest(),
    }
    (agent,) = records(fresh.result("status"), "agents")
    assert agent["working"] == "unchanged"


ODD_NAMES = [
    "\U0001f4b8.md",
    "a b.md",
    "\u6cd5\u52d9.md",
    "p" * 252 + ".md",
    "-rf.md",
    "x;rm.md",
    "$(x).md",
    "'\".md",
    "refs.lock",
    "@{0}.md",
    "nested/deep/er/x.md",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_kept(fresh: Team, tmp_path: Path, name: str) -> None:
    (fresh.agent() / name).parent.mkdir(parents=True, exist_ok=True)
    (fresh.agent() / name).write_text("Odd\n")
    write_manifest(fresh, named(name))
    fresh.result("commit", "refund", "-m", "Odd")
    fresh.result("export", "refund@0.1.0", str(tmp_path / "out"))

    assert (tmp_path / "out" / name).read_text() == "Odd\n"
    assert sorted(os.listdir(tmp_path / "out")) == sorted({"agent.toml", name.partition("/")[0]})


def test_a_manifest_in_crlf_is_kept(fresh: Team, tmp_path: Path) -> None:
    content = MANIFEST.replace("\n", "\r\n").encode()
    write_manifest(fresh, content)
    fresh.result("commit", "refund", "-m", "CRLF")
    fresh.result("export", "refund@0.1.0", str(tmp_path / "out"))

    assert (tmp_path / "out" / "agent.toml").read_bytes() == content


# -- where it is exported to -----------------------------------------------------------------------------------------


def test_export_never_writes_over_anything(played: Team, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("full", "file", "dangling"):
        ran = played.run("export", "refund@1.5.0", str(tmp_path / name), "--json")
        assert (ran.code, ran.failure["kind"]) == (5, "target-exists")
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_export_into_an_empty_folder_or_a_new_one(played: Team, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "a/b/new", "odd \u202ename"):
        out = played.done("export", "refund@1.5.0", str(tmp_path / name))
        assert (tmp_path / name / "agent.toml").is_file()
        assert "\u202e" not in out


@pytest.mark.parametrize("arguments", [["commit", "refund", "-m", "x"], ["check"], ["diff", "refund"], ["status"]])
def test_a_key_pasted_into_the_manifest_is_never_repeated(fresh: Team, arguments: list[str]) -> None:
    key = "ghp_" + "kX9wQ2mZ7vR4tY8uB3nL6cJ1hG5fD0sPaEoW"
    text = (fresh.agent() / "agent.toml").read_text()
    write_manifest(fresh, text.replace('provider = "', f'{key} = 1\nprovider = "'))

    for ran in (fresh.run(*arguments), fresh.run(*arguments, "--json")):
        assert key not in ran.out + ran.err
