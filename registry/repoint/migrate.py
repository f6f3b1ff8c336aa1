"""Handing a registry over to another authority: copy, seal, copy what came in between, go on there.

Promises 3 and 4 across the change: a sealed ledger takes no further record, the seal names the store that takes the
next one, and that store has the whole ledger with the seal on top before this clone points at it. So at no moment do
two stores decide. Every step can be done again: what is copied is there, what is sealed for the same store stays
sealed, and a clone that was not there when it happened follows the seal (``authority``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import msgspec

from repoint import pointer
from repoint.authority import GIT, LOCAL, deciding_store
from repoint.config import CONFIG, parse_config, write_config
from repoint.durable import replace_file
from repoint.errors import Conflict, Corrupt, RepointError
from repoint.initialise import Place
from repoint.moves import Seal, Stamp
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.replicas import RemoteReplica
from repoint.replicate import Copied, Progress, replicate
from repoint.store import Store
from repoint.store_git import GitStore
from repoint.workspace import Workspace, pin_of
from repoint_schemas.config import Config, GitSection, S3Section
from repoint_schemas.documents import EnvironmentName


class Migrated(msgspec.Struct, frozen=True):
    """What a migration did; ``sealed`` are the ledgers that this run sealed."""

    authority: str
    copied: Copied
    sealed: list[EnvironmentName]


def migrate(
    workspace: Workspace,
    place: Place,
    new_stamp: Callable[[], Stamp],
    *,
    fitness: Callable[[Store], object],
    progress: Progress | None = None,
) -> Migrated:
    """Hand the registry over. Interrupted at any point it can be run again.

    Raises:
        Conflict: it was sealed for another store, or the new one holds another registry.
        Corrupt: the two stores do not go together; nothing is overwritten.
        StoreUnavailable, OutcomeUnknown: run it again.
    """
    repository = workspace.require_repository("repoint migrate")
    config = _config(workspace, place)
    authority = str(place.bucket) if place.bucket else place.authority
    if authority == workspace.registry.authority:
        raise Conflict(f"{authority} is the authority already", kind="same-authority", hint="nothing was done")
    with_place = deciding_store(authority, config, repository, workspace.state)
    try:
        fitness(with_place)
        target = Registry(with_place, workspace.registry.id, authority)
        _require_empty_or_ours(target)
        copied = _copied(workspace, target, progress)
        sealed = [name for name in _ledgers(workspace) if _seal(workspace.registry, name, authority, new_stamp)]
        last = _copied(workspace, target, progress)
    finally:
        getattr(with_place, "close", int)()
    total = Copied(copied.releases + last.releases, copied.records + last.records)
    _go_on_there(workspace, config)
    return Migrated(authority, total, sealed)


def _config(workspace: Workspace, place: Place) -> Config:
    if workspace.config is None:
        raise Conflict(
            f"there is no {CONFIG} here to be changed",
            kind="no-config",
            hint="run it in a checkout, without --registry",
        )
    config = workspace.config
    section = msgspec.structs.replace(config.registry, authority=place.authority)
    s3 = S3Section(place.bucket.url, place.bucket.endpoint) if place.bucket else config.s3
    if (
        place.bucket
        and config.s3
        and (config.s3.url, config.s3.endpoint_url) == (s3 and s3.url, s3 and s3.endpoint_url)
    ):
        s3 = config.s3
    git = GitSection(place.remote) if place.remote else config.git
    return msgspec.structs.replace(config, registry=section, s3=s3, git=git)


def _require_empty_or_ours(target: Registry) -> None:
    """Raises: Conflict, Corrupt."""
    for environment in target.store.environments():
        try:
            pointer.require_same_registry(target, environment)
        except Corrupt as error:
            if (
                error.kind != "ledger-diverged"
            ):  # a remote that is only behind is told by the push, which forces nothing
                raise


def _ledgers(workspace: Workspace) -> list[EnvironmentName]:
    """Every ledger; that of the yanks, which says who decides, comes last."""
    return [*(e for e in workspace.store.environments() if e != YANK_LEDGER), YANK_LEDGER]


def _seal(registry: Registry, environment: EnvironmentName, authority: str, new_stamp: Callable[[], Stamp]) -> bool:
    """Seal a ledger; False where it is sealed for this store already. Raises: Conflict, and as ``pointer.move``."""
    pointer.resolve_pending(registry, environment)  # a seal of an earlier run may be settled only now
    newest = registry.current(environment).record
    if newest.action == "seal" and newest.authority == authority:
        return False
    pointer.move(registry, environment, Seal(authority), new_stamp)
    return True


def _copied(workspace: Workspace, target: Registry, progress: Progress | None) -> Copied:
    """Copy all that the new authority lacks. Raises: Corrupt, at the first thing that does not go together."""
    source, local = workspace.registry, workspace.local
    if target.authority not in (LOCAL, GIT):
        return _whole(replicate(source, target, progress))
    assert local is not None
    here = Registry(GitStore(local.repository), source.id, source.authority)
    bring_up = getattr(workspace.store, "bring_up", None)
    if bring_up is not None:
        bring_up()
    copied = Copied() if workspace.store is local or bring_up else _whole(replicate(source, here, progress))
    if target.authority == GIT:
        remote = getattr(target.store, "remote")  # noqa: B009 - only a shared remote has one
        pushed = RemoteReplica(GitStore(local.repository), remote).bring_up(source, progress)
        return pushed if not copied.anything else copied
    return copied


def _whole(copied: Copied) -> Copied:
    alarm: RepointError | None = next(iter(copied.alarms), None)
    if alarm is not None:
        raise alarm
    return copied


def _go_on_there(workspace: Workspace, config: Config) -> None:
    """First the file, then the pin: a clone stopped between the two follows the seal to the new pin."""
    path = os.path.join(workspace.folder, CONFIG)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    replace_file(path, changed_config(text, config).encode())
    workspace.state.write_pin(pin_of(config))


def changed_config(text: str, config: Config) -> str:
    """The text of a ``repoint.toml`` with another authority; everything else of it, comments too, stays if it can."""
    changed = re.sub(r'(?m)^authority\s*=\s*"[a-z0-9]*"', f'authority = "{config.registry.authority}"', text, count=1)
    tables = write_config(config)
    for name in ("git", "s3"):
        table = re.search(rf"(?m)^\[{name}\]\n(?:[^\[\n].*\n)*", tables)
        if table and re.search(rf"(?m)^\[{name}\]", changed):
            changed = re.sub(rf"(?m)^\[{name}\][^\[]*", table[0] + "\n", changed, count=1)
        elif table:
            changed = f"{changed.rstrip()}\n\n{table[0]}"
    try:
        same = parse_config(changed.encode(), CONFIG) == config
    except RepointError:
        same = False
    return changed if same else tables
