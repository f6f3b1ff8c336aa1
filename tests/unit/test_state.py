"""What a clone remembers: marks that never go down, saved moves, and folders that last (promise 6)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repoint import durable
from repoint.durable import replace_file
from repoint.errors import Corrupt, StoreUnavailable
from repoint.state import LocalState
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import EnvironmentName, PendingMove

PRODUCTION = EnvironmentName("production")


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def seen(state: LocalState) -> tuple[int, Digest] | None:
    mark = state.mark(PRODUCTION)
    return None if mark is None else (mark.generation, mark.digest)


def test_a_mark_only_goes_up(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    for generation, number, stays in ((3, 1, (3, 1)), (2, 2, (3, 1)), (3, 3, (3, 1)), (4, 4, (4, 4)), (0, 5, (4, 4))):
        state.raise_mark(PRODUCTION, generation, digest(number))
        assert seen(state) == (stays[0], digest(stays[1]))


def test_a_mark_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    state.raise_mark(PRODUCTION, 5, digest(1))
    (tmp_path / "seen" / "production.json").write_bytes(b"damaged")
    assert seen(state) is None
    state.raise_mark(PRODUCTION, 3, digest(2))
    assert seen(state) == (3, digest(2))


def test_saved_moves_that_cannot_be_read_are_left_out_only_on_request(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    good = PendingMove(environment=PRODUCTION, expected="x", id="good", record="{}", store="memory")
    state.save_pending(good)
    (tmp_path / "pending" / "damaged.json").write_bytes(b"{}")
    with pytest.raises(Corrupt):
        state.pending()
    assert state.pending(only_readable=True) == [good]
    (tmp_path / "pending" / "damaged.json").unlink()
    (tmp_path / "pending" / "a-folder.json").mkdir()
    with pytest.raises(StoreUnavailable):
        state.pending()
    assert state.pending(only_readable=True) == [good]


def test_new_folders_are_flushed_in_those_that_hold_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []

    def noted(path: str) -> None:
        flushed.append(os.path.relpath(path, tmp_path))
        flush_path(path)

    flush_path = durable.flush_path
    monkeypatch.setattr(durable, "flush_path", noted)
    replace_file(tmp_path / "a" / "b" / "file", b"1")
    assert sorted(flushed) == [".", "a", "a/b"]
    assert flushed[-1] == "a/b"
    replace_file(tmp_path / "a" / "b" / "file", b"2")
    assert flushed[3:] == ["a/b"]
    replace_file(tmp_path / "c" / "file", b"3", durable=False)
    assert flushed[4:] == []
