"""What is live, as files, for processes that do not read a registry: a version's folder, or a whole environment's.

Promise 6 for whoever can only read files: everything is written, flushed and named after what it holds before anything
points to it, and one symbolic link, replaced by rename(2), says which record is current. A process that resolves the
link once has one record for as long as it likes; the last few stay.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from repoint.active import Active
from repoint.durable import flush_path, translated
from repoint.errors import AlreadyExists, Corrupt
from repoint.snapshot import snapshot_problems

CURRENT = "current"
RECORDS = ".records"
KEPT = 3
"""Records that stay beside the current one, for processes that still read them."""

ABOUT = "repoint.json"
"""What lies beside the files: which version they are, model and configuration, as JSON."""


def unpack_version(active: Active, folder: str) -> str:
    """One version's files below ``folder``, in a folder named after its digest; its path.

    One that is there already is used again where it is whole, byte for byte.

    Raises: StoreUnavailable, where the file system refuses; Corrupt, for a path that leads elsewhere.
    """
    target = os.path.join(folder, active.digest.removeprefix("sha256:"))
    if not _is_whole(target, active):
        with translated("cannot write", target):
            _into_place(target, {"": active})
    return target


def unpack_record(agents: Mapping[str, Active], generation: int, digest: str, folder: str) -> str:
    """A record's agents, each in a folder of its own below ``folder/current``; the path that this resolves to.

    Raises:
        AlreadyExists: ``current`` is there, and no symbolic link.
        StoreUnavailable: the file system refuses; what was current before still is.
        Corrupt: a path leads elsewhere.
    """
    link, records = os.path.join(folder, CURRENT), os.path.join(folder, RECORDS)
    if os.path.lexists(link) and not os.path.islink(link):
        raise AlreadyExists(
            f"{link} is no symbolic link", kind="target-exists", hint="choose another folder, or move it away"
        )
    name = f"{generation:012}-{digest.removeprefix('sha256:')[:12]}"
    target = os.path.join(records, name)
    with translated("cannot write", folder):
        os.makedirs(records, exist_ok=True)
        if not all(_is_whole(os.path.join(target, agent), active) for agent, active in agents.items()):
            _into_place(target, agents)
        _point(link, os.path.join(RECORDS, name))
        _drop_older(records, name)
    return target


def _into_place(target: str, agents: Mapping[str, Active]) -> None:
    """Write a folder beside its place, and rename it there; one that is there and not whole makes room first."""
    above, name = os.path.split(target)
    draft = os.path.join(above, f".{name}.{os.urandom(4).hex()}")
    os.makedirs(draft)
    try:
        for agent, active in agents.items():
            _write(active, os.path.join(draft, agent) if agent else draft)
        flush_path(draft)
        if os.path.isdir(target):
            broken = f"{draft}.broken"
            os.rename(target, broken)
            shutil.rmtree(broken, ignore_errors=True)
        os.rename(draft, target)
        flush_path(above)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(active: Active, folder: str) -> None:
    problems = snapshot_problems(active.snapshot)
    if problems:  # a snapshot that was stored by something else than Repoint (promise 10)
        raise Corrupt(f"refused to write: {'; '.join(problems)}", kind="unsafe-path", promise=10)
    for path, content in _contents(active).items():
        place = os.path.join(folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _contents(active: Active) -> dict[str, bytes]:
    """Every file by its path, and ``repoint.json`` unless the agent has a file of that name."""
    files = {path: file.data for path, file in active.files.items()}
    return {ABOUT: _about(active), **files}


def _about(active: Active) -> bytes:
    """Model, configuration and where the files are. The generation is none of it: the same version, the same bytes."""
    snapshot = active.snapshot
    about = {
        "agent": active.agent,
        "version": active.version,
        "digest": active.digest,
        "model": {"provider": snapshot.model.provider, "name": snapshot.model.name},
        "prompts": {name: entry.path for name, entry in sorted(snapshot.prompts.items())},
        "integrations": {
            name: {
                "kind": i.kind,
                "endpoint": i.endpoint,
                "secrets": i.secrets,
                "spec": i.spec.path if i.spec else None,
            }
            for name, i in sorted(snapshot.integrations.items())
        },
        "config": active.config.to_dict(),
        "requires": dict(sorted(active.requires.items())),
    }
    return msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"


def _is_whole(folder: str, active: Active) -> bool:
    """Whether a folder has exactly these contents."""
    wanted, found = _contents(active), 0
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            content = wanted.get(os.path.relpath(path, folder))
            with suppress(OSError):
                if content is not None and not os.path.islink(path) and os.path.getsize(path) == len(content):
                    with open(path, "rb") as file:
                        found += file.read() == content
                        continue
            return False
    return found == len(wanted)


def _point(link: str, target: str) -> None:
    """Replace a symbolic link in one step."""
    if os.path.islink(link) and os.readlink(link) == target:
        return
    draft = f"{link}.{os.urandom(4).hex()}"
    os.symlink(target, draft)
    try:
        os.replace(draft, link)
    except OSError:
        os.unlink(draft)
        raise
    flush_path(os.path.dirname(link))


def _drop_older(records: str, current: str) -> None:
    """Keep the current record and the last few that were current; drafts of killed processes go as well."""
    names = sorted((os.stat(os.path.join(records, name)).st_mtime, name) for name in os.listdir(records))
    older = [name for _, name in names if name != current]
    for name in [*(name for name in older if name.startswith(".")), *older[: max(0, len(older) - KEPT)]]:
        shutil.rmtree(os.path.join(records, name), ignore_errors=True)
