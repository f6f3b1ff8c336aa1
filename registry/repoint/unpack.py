"""What is live, as files, for processes that do not read a registry: a version's folder, or a whole environment's.

Promise 6 for whoever can only read files: everything is written, flushed and named after what it holds before anything
points to it, and one symbolic link, replaced by rename(2), says which record is current. A process that resolves the
link once has one record for as long as it likes; the last few stay. A folder never goes back to a lower generation.

Promise 10: one process at a time writes to a folder, by a lock, so whatever has the name of a draft is a dead one's.
Nothing is written or removed through a link that somebody else put there, and nothing is removed but what has the name
of a draft or of a record.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from itertools import chain, count
from typing import NamedTuple

import msgspec

from repoint.active import Active
from repoint.durable import flush_path, translated
from repoint.errors import AlreadyExists, Conflict, Corrupt
from repoint.snapshot import snapshot_problems
from repoint.unpackfiles import alone, draft_in, holds, into_place, is_whole, remove, sweep, write_file, write_files
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import Snapshot

CURRENT = "current"
RECORDS = ".records"
KEPT = 3
"""Records that stay beside the current one, for processes that still read them."""

ABOUT = "repoint.json"
"""What lies beside the files: which version they are, model and configuration; beside the agents: which record."""

LOCK_SECONDS = 60.0
"""How long a version is waited for that another process writes."""

_ABOUT_LIMIT = 2 * MEBIBYTE
_RECORD = re.compile(r"[0-9]{12}-[0-9a-f]{12}(?:\.[0-9]+)?")


class Which(NamedTuple):
    """The record that agents belong to."""

    registry: str
    environment: str
    generation: int
    digest: str


def unpack_version(active: Active, folder: str) -> str:
    """One version's files below ``folder``, in a folder named after its digest; its path.

    One that is there already is used again where it is whole, byte for byte, else it is replaced.

    Raises:
        StoreUnavailable: the file system refuses.
        Conflict: another process writes to the folder, and does not end.
        Corrupt: a path that leads elsewhere.
    """
    target, wanted = os.path.join(folder, active.digest.removeprefix("sha256:")), _contents(active)
    if is_whole(target, wanted):
        return target
    with translated("cannot write", target):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with alone(folder, LOCK_SECONDS):
            if not is_whole(target, wanted):
                into_place(target, lambda draft: write_files(wanted, draft, None))
    return target


class RecordsFolder:
    """A folder whose ``current`` leads to the agents of one record. Nobody else writes to it while it is entered.

    Raises, when it is entered:
        AlreadyExists: something else has a name that is needed there.
        Conflict: another process writes to it.
        StoreUnavailable: the file system refuses.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._link = os.path.join(folder, CURRENT)
        self._records = os.path.join(folder, RECORDS)
        self._held = ExitStack()

    def __enter__(self) -> RecordsFolder:
        if os.path.lexists(self._folder) and not os.path.isdir(self._folder):
            raise _in_the_way(self._folder, "a folder")
        if os.path.islink(self._records) or (os.path.lexists(self._records) and not os.path.isdir(self._records)):
            raise _in_the_way(self._records, "a folder of its own")
        self._current()
        with translated("cannot write", self._folder):
            os.makedirs(self._records, exist_ok=True)
            self._held.enter_context(alone(self._records, 0))
            sweep(self._records)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def unpack(self, which: Which, agents: Mapping[str, Active]) -> str:
        """Make a record the current one, each agent in a folder of its own; the path that ``current`` resolves to.

        Raises:
            StoreUnavailable: the file system refuses; what was current before still is.
            Conflict: the folder holds another environment.
            Corrupt: it holds a later record, or a path leads elsewhere.
            AlreadyExists: ``current`` has become something else.
        """
        before = self._current()
        if before is not None:
            self._require_later(before, which)
        with translated("cannot write", self._folder):
            name = self._written(which, agents, before)
            self._point(name)
            self._drop_older(name, before)
        return os.path.join(self._records, name)

    def _current(self) -> str | None:
        """The name of the record that is current. Raises: AlreadyExists."""
        if not os.path.lexists(self._link):
            return None
        with suppress(OSError):
            above, _, name = os.readlink(self._link).rpartition("/")
            if above == RECORDS and _RECORD.fullmatch(name):
                return name
        raise _in_the_way(self._link, "a link that repoint made")

    def _require_later(self, name: str, which: Which) -> None:
        """Require that what is current lies before this record, or is it. Raises: Conflict, Corrupt."""
        said = _read_about(os.path.join(self._records, name, ABOUT))
        if said is None:
            return
        if (said.registry, said.environment) != (which.registry, which.environment):
            raise Conflict(
                f"{self._folder} holds {said.environment} of registry {said.registry}",
                kind="other-environment",
                hint=f"choose another folder, or remove {self._link} first",
            )
        if said.generation > which.generation or (said.generation == which.generation and said.digest != which.digest):
            raise Corrupt(
                f"{which.environment} stands at generation {which.generation} ({which.digest}): "
                f"{self._folder} holds generation {said.generation} ({said.digest})",
                kind="pointer-went-back",
                hint=f"what is there stays; if it is meant, remove {self._link} first",
                promise=6,
            )

    def _written(self, which: Which, agents: Mapping[str, Active], before: str | None) -> str:
        """The name of a folder that has this record, whole. One that is not whole is left to those who read it."""
        about = _about_record(which, agents)
        name = f"{which.generation:012}-{which.digest.removeprefix('sha256:')[:12]}"
        candidates = chain([name], (f"{name}.{number}" for number in count(1)))
        while os.path.lexists(target := os.path.join(self._records, name := next(candidates))):
            if _is_record(target, about, agents):
                return name
        like = None if before is None else os.path.join(self._records, before)
        into_place(target, lambda draft: _write_record(draft, about, agents, like))
        return name

    def _point(self, name: str) -> None:
        """Replace the link in one step."""
        target = f"{RECORDS}/{name}"
        if os.path.islink(self._link) and os.readlink(self._link) == target:
            return
        draft = draft_in(self._records)
        os.symlink(target, draft)
        try:
            os.replace(draft, self._link)
        finally:
            sweep(self._records)
        flush_path(self._folder)

    def _drop_older(self, name: str, before: str | None) -> None:
        """Keep this record, the one before, and the last few below it; a higher one was another environment's."""
        others = [each for each in os.listdir(self._records) if _RECORD.fullmatch(each) and each != name]
        others.sort(key=lambda each: (each[:12] <= name[:12], each))
        for each in others[:-KEPT]:
            if each != before:
                remove(os.path.join(self._records, each))


# -- a record ---------------------------------------------------------------------------------------------------------


def _write_record(folder: str, about: bytes, agents: Mapping[str, Active], like: str | None) -> None:
    """Write a record's agents; files of a version that another record has, whole, are linked from there."""
    for agent, active in agents.items():
        wanted = _contents(active)
        twin = None if like is None or os.path.islink(like) else os.path.join(like, agent)
        os.mkdir(os.path.join(folder, agent))
        write_files(wanted, os.path.join(folder, agent), twin if twin and is_whole(twin, wanted) else None)
    write_file(os.path.join(folder, ABOUT), about)


def _is_record(folder: str, about: bytes, agents: Mapping[str, Active]) -> bool:
    """Whether a folder has exactly these agents, each whole."""
    if os.path.islink(folder):
        return False
    with suppress(OSError):
        return (
            set(os.listdir(folder)) == {ABOUT, *agents}
            and holds(os.path.join(folder, ABOUT), about)
            and all(is_whole(os.path.join(folder, agent), _contents(active)) for agent, active in agents.items())
        )
    return False


# -- what is written -------------------------------------------------------------------------------------------------


def _contents(active: Active) -> dict[str, bytes]:
    """Every file by its path, and ``repoint.json`` unless the agent has something of that name.

    Raises: Corrupt, for a snapshot that was stored by something else than Repoint (promise 10).
    """
    snapshot = active.snapshot
    problems = snapshot_problems(snapshot)
    if problems:
        raise Corrupt(f"refused to write: {'; '.join(problems)}", kind="unsafe-path", promise=10)
    files = {path: file.data for path, file in active.files.items()}
    if any(path.partition("/")[0].casefold() == ABOUT for path in files):
        return files
    return {ABOUT: _about(active, snapshot), **files}


def _about(active: Active, snapshot: Snapshot) -> bytes:
    """Model, configuration and where the files are. The generation is none of it: the same version, the same bytes."""
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


def _about_record(which: Which, agents: Mapping[str, Active]) -> bytes:
    about = {**which._asdict(), "agents": {agent: active.version for agent, active in sorted(agents.items())}}
    return msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"


def _read_about(path: str) -> Which | None:
    """The record that a folder says it has; None where it says nothing that can be read."""
    with suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
        return Which(**msgspec.structs.asdict(msgspec.json.decode(file.read(_ABOUT_LIMIT), type=_Said)))
    return None


class _Said(msgspec.Struct):
    registry: str
    environment: str
    generation: int
    digest: str


def _in_the_way(path: str, wanted: str) -> AlreadyExists:
    return AlreadyExists(
        f"{path} is there, and is not {wanted}",
        kind="target-exists",
        hint="choose another folder, or move it away",
    )
