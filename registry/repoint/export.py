"""Writing a version's files to a folder: verified before any of them is visible, whole or not at all (promise 6)."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from repoint.durable import translated
from repoint.errors import AlreadyExists, Corrupt
from repoint.registry import Published, Registry
from repoint.snapshot import snapshot_problems
from repoint_schemas.documents import FileEntry


def export_version(registry: Registry, published: Published, target: Path) -> list[FileEntry]:
    """Write every file of a version below ``target``, which must not exist or be an empty folder.

    Everything is written and verified in a folder beside it, which is then renamed into place.

    Raises:
        AlreadyExists: ``target`` is a file, or a folder that is not empty.
        Corrupt: a stored file is not the one released, or a stored path leads elsewhere; nothing is left behind.
        StoreUnavailable: the file system refused.
    """
    snapshot = registry.snapshot(published)
    problems = snapshot_problems(snapshot)
    if problems:
        raise Corrupt(f"refused to export: {'; '.join(problems)}", kind="unsafe-path", promise=10)
    with translated("cannot write", str(target)):
        _require_free(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        draft.mkdir()
        try:
            for entry in snapshot.files():
                _write(registry, published, entry, draft)
            if target.is_dir():
                target.rmdir()
            os.rename(draft, target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return snapshot.files()


def _require_free(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise AlreadyExists(
            f"{target} exists and is not an empty folder",
            kind="target-exists",
            hint="choose another folder, or remove it first",
        )


def _write(registry: Registry, published: Published, entry: FileEntry, folder: Path) -> None:
    path = folder / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        for chunk in registry.file_chunks(published.document, entry):
            file.write(chunk)
