"""Is everything fit for use: Git, the repository, its refs and locks, the configuration, identity, clock.

Nothing of the registry is changed; one file is written and removed to see that the disk takes it.

Each check stands alone and says what to do; none of them trusts that another one passed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from repoint.config import CONFIG, agent_folders
from repoint.durable import flush_path
from repoint.errors import RepointError
from repoint.gitrepo import GitRepository
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.replicate import behind
from repoint.stamps import time_seconds
from repoint.store_git import GitStore
from repoint.workspace import Workspace, fetch_hint, open_workspace
from repoint_schemas.documents import EnvironmentName
from repoint_schemas.results import DoctorCheck

CLOCK_TOLERANCE = 300
"""Seconds that the newest record may lie in the future before the clock is doubted."""

Check = Callable[[], Iterator[DoctorCheck]]


def examine(
    folder: str | Path, environment: Mapping[str, str], now: int, *, by_address: bool = False
) -> list[DoctorCheck]:
    """Every check, in order; an error in one of them is its result. ``now`` is Unix seconds."""
    try:
        repository = GitRepository.discover(folder, environment)
    except RepointError as error:
        return [_failed("repository", error)]
    with repository:
        found = [*_guarded("git", lambda: _git(repository)), *_guarded("repository", lambda: _repository(repository))]
        found += _guarded("identity", lambda: _identity(repository, environment))
        found += _guarded("locks", lambda: _locks(repository))
        found += _guarded("disk", lambda: _disk(repository))
    try:
        workspace = open_workspace(folder, environment, by_address=by_address)
    except RepointError as error:
        return [*found, _failed("registry", error)]
    try:
        found += _guarded("configuration", lambda: _configuration(workspace))
        found += _guarded("environments", lambda: _environments(workspace))
        found += _guarded("clock", lambda: _clock(workspace, now))
        found += _guarded("pending moves", lambda: _pending(workspace))
        found += _guarded("store", lambda: _store(workspace))
        found += _guarded("replicas", lambda: _replicas(workspace))
    finally:
        workspace.close()
    return found


def _guarded(name: str, check: Check) -> list[DoctorCheck]:
    try:
        return list(check())
    except RepointError as error:
        return [_failed(name, error)]


def _ok(name: str, message: str) -> DoctorCheck:
    return DoctorCheck(name, "ok", message, None)


def _warning(name: str, message: str, hint: str | None) -> DoctorCheck:
    return DoctorCheck(name, "warning", message, hint)


def _error(name: str, message: str, hint: str | None) -> DoctorCheck:
    return DoctorCheck(name, "error", message, hint)


def _failed(name: str, error: RepointError) -> DoctorCheck:
    return _error(name, error.message, error.hint)


def _git(repository: GitRepository) -> Iterator[DoctorCheck]:
    repository.process.require_version()
    yield _ok("git", "Git {}.{}".format(*repository.process.version()))


def _repository(repository: GitRepository) -> Iterator[DoctorCheck]:
    kind = "bare repository" if repository.bare else f"checkout {repository.work_tree}"
    yield _ok("repository", f"{kind}, Git directory {repository.common_dir}")
    blocked = repository.refs.branch_in_the_way()
    if blocked is not None:
        yield _failed("branch names", blocked)
    if repository.shallow:
        yield _error("history", "this clone is shallow: it may not see every version", "git fetch --unshallow --tags")
    hint = fetch_hint(repository)
    if hint and not GitStore(repository).environments():
        yield _error("refs", "the registry's branches were not fetched into this clone", hint)


def _identity(repository: GitRepository, environment: Mapping[str, str]) -> Iterator[DoctorCheck]:
    if actor := environment.get("REPOINT_ACTOR"):
        yield _ok("identity", f"REPOINT_ACTOR {actor}")
        return
    found = repository.identity()
    if found is None:
        yield _error(
            "identity",
            "no user.name and user.email are set",
            'git config --global user.name "Your Name"; user.email likewise',
        )
    else:
        yield _ok("identity", f"{found.name} <{found.email}>")


def _locks(repository: GitRepository) -> Iterator[DoctorCheck]:
    left = list(_lock_files(repository.common_dir))
    for path in left:
        yield _warning(
            "locks",
            f"a lock file is there: {path}",
            "another Git may be running; one on a ref of ours is removed by the next commit or move if none is",
        )
    if not left:
        yield _ok("locks", "no lock files on our refs")


def _lock_files(common: str) -> Iterator[str]:
    for folder in ("refs/heads/repoint", "refs/tags"):
        for place, _, names in os.walk(os.path.join(common, folder)):
            yield from (os.path.join(place, name) for name in names if name.endswith(".lock"))
    packed = os.path.join(common, "packed-refs.lock")
    if os.path.exists(packed):
        yield packed


def _disk(repository: GitRepository) -> Iterator[DoctorCheck]:
    """A file can be made, synced and renamed in the objects folder."""
    folder = os.path.join(repository.common_dir, "objects")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="tmp_obj_") as probe:
            probe.write(b"probe")
            probe.flush()
            os.fsync(probe.fileno())
        flush_path(folder)
    except OSError as error:
        yield _error(
            "disk", f"{folder} cannot be written to: {error.strerror}", "check its owner, its mode and the free space"
        )
        return
    yield _ok("disk", f"{folder} can be written to and synced")


def _configuration(workspace: Workspace) -> Iterator[DoctorCheck]:
    if workspace.config is None:
        yield _warning("configuration", f"no {CONFIG} is used here: going by the pin of this clone", None)
    else:
        agents = agent_folders(workspace.root, workspace.config)
        yield _ok("configuration", f"{CONFIG} agrees with the pin; {len(agents)} agents have working copies")
    yield _ok("registry", f"{workspace.registry.id}, authority {workspace.registry.authority}")


def _environments(workspace: Workspace) -> Iterator[DoctorCheck]:
    there = workspace.store.environments()
    for name in [YANK_LEDGER, *(workspace.config.registry.environments if workspace.config else [])]:
        if name not in there:
            hint = (workspace.repository and fetch_hint(workspace.repository)) or "repoint init creates what is missing"
            yield _error("environments", f"{name} is not here", hint)
    for environment in workspace.known_environments():
        yield from _guarded("environments", partial(_environment, workspace, environment))


def _environment(workspace: Workspace, environment: EnvironmentName) -> Iterator[DoctorCheck]:
    record = workspace.registry.current(environment).record
    live = [(agent, entry.version) for agent, entry in record.agents.items()]
    missing = [f"{a} {v}" for a, v, found in workspace.store.read_releases(live) if found is None]
    if missing:
        named = ", ".join(missing[:5])
        yield _error("tags", f"live in {environment}, but without a tag here: {named}", "git fetch --tags")
    yield _ok("environments", f"{environment}: generation {record.generation}, {len(live)} agents live")


def _clock(workspace: Workspace, now: int) -> Iterator[DoctorCheck]:
    for environment in workspace.environments():
        try:
            record = workspace.registry.current(environment).record
        except RepointError:  # reported above
            continue
        ahead = time_seconds(record.time) - now
        if ahead > CLOCK_TOLERANCE:
            yield _warning(
                "clock",
                f"the newest record of {environment} was written {ahead} s in the future",
                "set one of the clocks",
            )
            return
    yield _ok("clock", "no record lies in the future (nothing is decided by clocks)")


def examine_bucket(workspace: Workspace, now: int) -> list[DoctorCheck]:
    """The checks that make sense for a bucket without a repository. ``now`` is Unix seconds."""
    found = _guarded("registry", lambda: iter([_ok("registry", f"{workspace.registry.id}, {workspace.store.name}")]))
    found += _guarded("environments", lambda: _environments(workspace))
    found += _guarded("clock", lambda: _clock(workspace, now))
    found += _guarded("pending moves", lambda: _pending(workspace))
    return found + _guarded("store", lambda: _store(workspace))


def _store(workspace: Workspace) -> Iterator[DoctorCheck]:
    """Whether the store that decides keeps its word: conditions one after another, then many writers at once."""
    client = getattr(workspace.store, "client", None)
    if client is None:
        return
    from repoint.s3probe import probe, race

    tried = probe(client)
    if not any(verdict.problem for verdict in tried):
        tried += race(client)
    for name, problem in tried:
        if problem:
            yield _error(
                "store", f"{name}: {problem}", "this store cannot decide: docs/howto-shared-registry.md says which can"
            )
    if not any(verdict.problem for verdict in tried):
        workspace.state.note_fit(workspace.store.name)
        yield _ok("store", f"{workspace.store.name} keeps its word: {len(tried)} conditions tried, a race among them")


def _replicas(workspace: Workspace) -> Iterator[DoctorCheck]:
    """Whether what follows can be reached, and how far behind it is."""
    if not workspace.has_replicas:
        return
    from repoint.replicas import RemoteReplica, StoreReplica, replicas_of

    for replica in replicas_of(workspace):
        lacks = 0
        if isinstance(replica, RemoteReplica):
            lacks = replica.missing()
        elif isinstance(replica, StoreReplica):
            lacks = _lacks(workspace, replica.target)
        state = f"lacks {lacks} refs or records" if lacks else "up to date"
        yield (_ok if state == "up to date" else _behind)("replicas", f"{replica.name}: {state}")


def _behind(name: str, message: str) -> DoctorCheck:
    return _warning(name, message, "repoint sync brings it up")


def _lacks(workspace: Workspace, target: Registry) -> int:
    names = workspace.store.environments()
    return sum(behind(workspace.registry.current(name).record, target) for name in names)


def _pending(workspace: Workspace) -> Iterator[DoctorCheck]:
    for move in workspace.state.pending():
        yield _warning(
            "pending moves", f"{move.id} in {move.environment} has no known outcome", f"repoint resolve {move.id}"
        )
