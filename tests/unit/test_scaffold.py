"""``repoint new``: what it writes can be committed as it stands, and nothing that exists is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repoint.agentfiles import Limits
from repoint.errors import AlreadyExists, InvalidInput, RepointError, StoreUnavailable
from repoint.lint import lint_contents
from repoint.manifest import read_manifest
from repoint.scaffold import scaffold_agent
from repoint.snapshot import build_snapshot


@pytest.mark.parametrize("owner", ["ada@acme.example", "", 'Ada "the first" \\ L\u00f6velace'])
def test_what_it_writes_can_be_committed(tmp_path: Path, owner: str) -> None:
    folder = tmp_path / "agents/refund"
    written = scaffold_agent(folder, "refund", owner)
    assert written == [folder / "agent.toml", folder / "prompts/system.md"]
    copy = read_manifest(folder, "refund")
    assert copy.manifest.agent.owners == ((owner,) if owner else ())
    contents = build_snapshot(copy, Limits())
    assert list(contents.files) == ["agent.toml", "prompts/system.md"]
    assert lint_contents(contents) == []


def test_it_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        scaffold_agent(tmp_path / "refund", "refund", "")
    finally:
        os.umask(before)
    assert (tmp_path / "refund").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "refund/agent.toml").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "refund/prompts").stat().st_mode & 0o777 == 0o750


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "refund").mkdir()
    scaffold_agent(tmp_path / "refund", "refund", "")
    assert (tmp_path / "refund/agent.toml").is_file()


def test_what_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes").write_bytes(b"kept")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    before = sorted(tmp_path.rglob("*"))
    for name in ("file", "folder", "dangling", "link"):
        with pytest.raises(AlreadyExists) as caught:
            scaffold_agent(tmp_path / name, "refund", "")
        assert caught.value.kind == "agent-exists"
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_bytes() == (tmp_path / "folder/notes").read_bytes() == b"kept"


def test_names_and_owners_are_checked_first(tmp_path: Path) -> None:
    for name, owner in [("Re fund", ""), ("../x", ""), ("refund", 'x"]\n[model]')]:
        with pytest.raises(InvalidInput):
            scaffold_agent(tmp_path / "new", name, owner)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        scaffold_agent(tmp_path / "file/agents/refund", "refund", "")
    too_long = tmp_path / ("n" * 250)  # the folder beside it, under a longer name, cannot be made
    with pytest.raises(RepointError):
        scaffold_agent(too_long, "refund", "")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
