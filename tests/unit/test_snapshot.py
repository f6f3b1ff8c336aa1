"""Snapshots: golden bytes held for ever, every field explicit, and everything refused before anything is stored."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from repoint.agentfiles import HELD_FILE, FileContent, HeldContent, Limits
from repoint.errors import InvalidInput
from repoint.manifest import read_manifest
from repoint.snapshot import build_snapshot, differs_from, snapshot_problems
from repoint.store import Contents
from repoint_schemas.canonical import decode, digest_of, encode
from repoint_schemas.documents import FileEntry, Integration, Model, Snapshot

MANIFEST = """\
schema = "repoint.manifest/1"

[agent]
name = "refund"
description = "Decides refund requests"
owners = ["payments@acme.example"]

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"
few_shot = "prompts/examples.jsonl"

[integrations.payments]
kind = "openapi"
endpoint = "https://payments.acme.example/v1"
spec = "integrations/payments.json"
secrets = ["PAYMENTS_API_KEY", "AUDIT_KEY"]

[integrations.search]
kind = "mcp"

[config]
temperature = 0.2
top_p = 1.0
max_tokens = 1024
timeout_seconds = 30
greeting = "Gr\u00fc\u00df Gott \U0001f44b"
[config.retry]
max_attempts = 3

[requires]
intake = ">=2.0.0,<3.0.0"
"""
FILES = {
    "agent.toml": MANIFEST.encode(),
    "prompts/system.md": b"Be brief.\r\n\xef\xbb\xbf\0 trailing \n",
    "prompts/examples.jsonl": b"",
    "integrations/payments.json": b'{"openapi": "3.1.0"}\n',
}
GOLDEN = (
    b'{"agent":"refund","config":{"greeting":"Gr\xc3\xbc\xc3\x9f Gott \xf0\x9f\x91\x8b","max_tokens":1024,'
    b'"retry":{"max_attempts":3},"temperature":0.2,"timeout_seconds":30,"top_p":1},'
    b'"integrations":{"payments":{"endpoint":"https://payments.acme.example/v1","kind":"openapi",'
    b'"secrets":["PAYMENTS_API_KEY","AUDIT_KEY"],"spec":{"path":"integrations/payments.json",'
    b'"sha256":"d0406f9a8748397bc09620d98bcca2757050c5ce3cd11f5a411150316b170669","size":21}},'
    b'"search":{"endpoint":null,"kind":"mcp","secrets":[],"spec":null}},'
    b'"manifest":{"path":"agent.toml","sha256":"d226bea15a520b88e7c219bdefd44fb559d0e9f9692faf75cf8ad453f70ce316","size":657},'
    b'"model":{"name":"claude-sonnet-4-5-20250929","provider":"anthropic"},'
    b'"prompts":{"few_shot":{"path":"prompts/examples.jsonl",'
    b'"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},'
    b'"system":{"path":"prompts/system.md",'
    b'"sha256":"04f5eb6c13c80492bfa368edb5443cb247bdafe426d728fdeb013c49bf94f871","size":26}},'
    b'"requires":{"intake":">=2.0.0,<3.0.0"},"schema":"repoint.snapshot/1"}'
)
GOLDEN_DIGEST = "sha256:c9d12ca6ae6924a0e02a498e61506c8fc4c0732d23a761378a7a46cc7eda085f"


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def build(folder: Path, limits: Limits | None = None) -> Contents:
    return build_snapshot(read_manifest(folder, "refund", shown="agents/refund"), limits or Limits())


def prompts(paths: dict[str, str]) -> bytes:
    return tomli_w.dumps(
        {
            "schema": "repoint.manifest/1",
            "agent": {"name": "refund"},
            "model": {"provider": "anthropic", "name": "claude-sonnet-4-5-20250929"},
            "prompts": paths,
        }
    ).encode()


def refusal(folder: Path, paths: dict[str, str], limits: Limits | None = None) -> InvalidInput:
    write(folder, {"agent.toml": prompts(paths)})
    with pytest.raises(InvalidInput) as caught:
        build(folder, limits)
    return caught.value


def test_golden_bytes(tmp_path: Path) -> None:
    """These bytes and this digest never change: versions that are stored depend on them."""
    write(tmp_path, FILES)
    contents = build(tmp_path)
    assert contents.content == GOLDEN
    assert digest_of(contents.content) == GOLDEN_DIGEST
    assert contents.document == decode(GOLDEN, Snapshot, limit=Snapshot.LIMIT)
    assert {path: b"".join(each.chunks()) for path, each in contents.files.items()} == FILES
    assert [entry.path for entry in contents.document.files()] == sorted(FILES)
    assert snapshot_problems(contents.document) == []


def test_order_and_modes_and_other_files_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, dict(reversed(FILES.items())))
    (tmp_path / "prompts/system.md").chmod(0o755)
    write(tmp_path, {"prompts/unused.md": b"not named", ".git/config": b"not named"})
    assert build(tmp_path).content == GOLDEN


def test_a_file_named_twice_is_stored_once(tmp_path: Path) -> None:
    write(tmp_path, {"agent.toml": prompts({"a": "p.md", "b": "p.md", "own": "agent.toml"}), "p.md": b"p"})
    contents = build(tmp_path)
    assert list(contents.files) == ["agent.toml", "p.md"]
    assert contents.document.prompts["a"] == contents.document.prompts["b"]
    assert contents.document.prompts["own"] == contents.document.manifest


def test_all_refused_files_are_said_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("agent.toml")
    error = refusal(tmp_path, {"a": "none.md", "b": "there", "c": "link", "d": "agent.toml"})
    assert error.message.split("\n") == [
        "agents/refund/agent.toml:11: prompts.a: none.md does not exist",
        "agents/refund/agent.toml:12: prompts.b: there is a directory, not a regular file",
        "agents/refund/agent.toml:13: prompts.c: link is a symbolic link, not a regular file",
    ]
    assert error.kind == "refused-files"
    assert isinstance(error.facts["problems"], list)
    assert error.facts["problems"][1] == {
        "path": "agents/refund/agent.toml",
        "line": 12,
        "key": "prompts.b",
        "message": "there is a directory, not a regular file",
    }


def test_paths_are_refused_before_any_file_is_opened(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"a": "../../etc/passwd", "b": ".GIT/config", "c": "Agent.toml", "d": "a\nb"})
    assert error.kind == "refused-path"
    assert [line.split(": ", 2)[1] for line in error.message.split("\n")] == [
        "prompts.a",
        "prompts.b",
        "prompts.c",
        "prompts.d",
    ]
    assert "'Agent.toml'" in error.message


def test_one_missing_file_keeps_its_kind_and_its_suggestion(tmp_path: Path) -> None:
    write(tmp_path, {"prompts/system.md": b""})
    error = refusal(tmp_path, {"a": "prompts/sytem.md"})
    assert error.kind == "file-missing"
    assert error.message.endswith("prompts.a: prompts/sytem.md does not exist; did you mean 'system.md'?")


def test_limits_are_exact(tmp_path: Path) -> None:
    paths = {"a": "a.md", "b": "b.md"}
    write(tmp_path, {"agent.toml": prompts(paths), "a.md": b"x" * 300, "b.md": b"y" * 300})
    whole = 600 + len(prompts(paths))
    assert len(build(tmp_path, Limits(file_bytes=300, files=3, snapshot_bytes=whole)).files) == 3
    for limits, kind in [
        (Limits(file_bytes=299), "file-too-large"),
        (Limits(files=2), "too-many-files"),
        (Limits(snapshot_bytes=whole - 1), "snapshot-too-large"),
    ]:
        assert refusal(tmp_path, paths, limits).kind == kind


def test_large_and_many_files_are_not_held_in_memory(tmp_path: Path) -> None:
    names = {f"p{number}": f"p{number}.md" for number in range(40)}
    write(tmp_path, {"agent.toml": prompts({**names, "large": "large.md"}), "large.md": b"l" * (HELD_FILE + 1)})
    write(tmp_path, {path: bytes([number]) * HELD_FILE for number, path in enumerate(names.values())})
    contents = build(tmp_path)
    assert isinstance(contents.files["large.md"], FileContent)
    held = sum(each.size for each in contents.files.values() if isinstance(each, HeldContent))
    assert held <= 33 * HELD_FILE
    for entry in contents.document.files():
        stored = b"".join(contents.files[entry.path].chunks())
        assert (hashlib.sha256(stored).hexdigest(), len(stored)) == (entry.sha256, entry.size)


def entry(path: str, size: int = 0) -> FileEntry:
    return FileEntry(path=path, sha256="0" * 64, size=size)


def stored(*, manifest: str = "agent.toml", prompts: dict[str, FileEntry], spec: FileEntry | None = None) -> Snapshot:
    return Snapshot(
        agent="refund",  # type: ignore[arg-type]
        config={},
        integrations={"x": Integration(endpoint=None, kind="http", secrets=[], spec=spec)},
        manifest=entry(manifest),
        model=Model(name="m", provider="p"),
        prompts=prompts,
        requires={},
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (stored(prompts={"a": entry("../x")}), "'../x' has a component '..'"),
        (stored(prompts={}, spec=entry("a/.GIT/config")), "'a/.GIT/config' has a component that begins with .git"),
        (stored(prompts={"a": entry(".repoint/snapshot.json")}), "belongs to Repoint"),
        (stored(prompts={"a": entry("A.md"), "b": entry("a.md")}), "'a.md' is the same file as 'A.md'"),
        (stored(prompts={"a": entry("AGENT.toml")}), "is the same file as"),
        (stored(prompts={"a": entry("a"), "b": entry("a/b")}), "'a/b' needs a folder where 'a' is a file"),
        (stored(prompts={"a": entry("a"), "b": entry("a", 1)}), "'a' stands there twice with different contents"),
        (stored(manifest="other.toml", prompts={}), "the manifest is 'other.toml'"),
    ],
)
def test_problems_of_a_stored_snapshot(document: Snapshot, problem: str) -> None:
    (found,) = snapshot_problems(document)
    assert problem in found


def test_a_sound_stored_snapshot_has_no_problems() -> None:
    assert snapshot_problems(stored(prompts={"a": entry("a"), "b": entry("a")}, spec=entry("b/c"))) == []


def test_differs_from(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    document = build(tmp_path).document
    assert not differs_from(tmp_path, document)
    write(tmp_path, {"prompts/unused.md": b"not named"})
    assert not differs_from(tmp_path, document)
    for path, content in FILES.items():
        for other in (content + b" ", bytes(reversed(content)) + b"", content[:-1]):
            write(tmp_path, {path: other})
            assert differs_from(tmp_path, document) == (other != content)
        (tmp_path / path).unlink()
        assert differs_from(tmp_path, document)
        (tmp_path / path).symlink_to("/dev/null")
        assert differs_from(tmp_path, document)
        (tmp_path / path).unlink()
        write(tmp_path, {path: content})
    assert not differs_from(tmp_path, document)
    assert differs_from(tmp_path / "nowhere", document)


def test_differs_from_needs_neither_pydantic_nor_a_parser() -> None:
    program = (
        "import sys, repoint.snapshot; print({'pydantic', 'tomllib', 'git', 'rfc8785', 'difflib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner)
    ),
    max_leaves=8,
)


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), VALUES, max_size=4))
def test_whatever_is_accepted_reads_back_as_it_was_built(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write(folder, {"agent.toml": prompts({}) + tomli_w.dumps({"config": config}).encode()})
    beyond = any(isinstance(each, int | float) and not -(2**53) < each < 2**53 for each in leaves(config))
    if beyond:
        with pytest.raises(InvalidInput, match=r"beyond 2\^53"):
            build(folder)
        return
    contents = build(folder)
    assert decode(contents.content, Snapshot, limit=Snapshot.LIMIT) == contents.document
    assert encode(contents.document) == contents.content
