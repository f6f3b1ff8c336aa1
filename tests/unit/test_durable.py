"""Files of a clone: atomic, and shared where the repository is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from repoint.durable import replace_file
from repoint.errors import StoreUnavailable


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o2775, 0o664), (0o755, 0o644), (0o700, 0o600)])
def test_files_and_folders_take_the_permissions_of_the_folder_above(
    tmp_path: Path, folder_mode: int, file_mode: int
) -> None:
    above = tmp_path / "repoint"
    above.mkdir()
    above.chmod(folder_mode)
    mask = os.umask(0o077)
    try:
        replace_file(above / "seen" / "production.json", b"{}")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((above / "seen").stat().st_mode) == folder_mode
    assert stat.S_IMODE((above / "seen" / "production.json").stat().st_mode) == file_mode


def test_a_refused_write_leaves_the_old_content_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable):
        replace_file(tmp_path / "folder", b"new")
    with pytest.raises(StoreUnavailable):
        replace_file(tmp_path / "kept" / "beneath", b"new")
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["folder", "kept"]
