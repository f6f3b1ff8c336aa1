"""The replicas of a registry: which there are, how far behind each is, and bringing them up.

Promise 8: the authority alone decides, so a move is done before any replica hears of it, and a replica that cannot be
reached costs a bounded wait and a word that it is behind. ``sync`` brings everything up; the next command that moves or
publishes brings up what it can on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from repoint.authority import BUCKET, GIT, bucket_store, require_fit
from repoint.errors import Corrupt, RepointError
from repoint.gitobjects import ObjectId
from repoint.gitrefs import ENVIRONMENTS, TAGS
from repoint.names import YANK_LEDGER, versions_in
from repoint.registry import Published, Registry
from repoint.replicate import Copied, Progress, copy_release, follow, replicate
from repoint.s3keys import parse_address
from repoint.store import Contents, Foreign, Store
from repoint.store_git import tag_of
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version

if TYPE_CHECKING:
    from repoint.gitremote import GitRemote
    from repoint.store_git import GitStore
    from repoint.workspace import Workspace

REPOSITORY = "git"
"""What the local repository is called as a replica."""

AHEAD_BYTES = 8 * MEBIBYTE
"""Contents of more than this are worth a thread."""

QUICK_SECONDS = 5.0
"""How long a move waits for a Git host at most, after it is done."""


class Synced(msgspec.Struct, frozen=True):
    """What ``sync`` did to one replica; ``error`` is why it is not up to date."""

    name: str
    copied: Copied
    error: RepointError | None = None


class Made(msgspec.Struct, frozen=True):
    """A version that was just published: the contents are here still, and need not be read from the authority.

    ``stored``: the repository has them already (``ContentsAhead``).
    """

    release: Published
    contents: Contents
    stored: bool = False


class ContentsAhead:
    """Large contents go into the repository beside their way to the authority, which mostly waits for the network.

    Nothing names them there until the version is published; where it never is, ``git gc`` removes them. What fails is
    done again, and told, when the repository follows. From ``begin`` to ``stored`` nobody else may use the repository.
    """

    def __init__(self, workspace: Workspace, contents: Contents) -> None:
        self._store = None if workspace.replica is None else workspace.replica.store
        self._contents = contents
        self._running: threading.Thread | None = None
        self._done = False

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Begin to store them, where there is a repository that follows, and they are large."""
        if self._store is not None and sum(entry.size for entry in self._contents.document.files()) > AHEAD_BYTES:
            self._running = threading.Thread(target=self._put, args=(self._store,))
            self._running.start()

    def __exit__(self, *_: object) -> None:
        self.stored()

    def stored(self) -> bool:
        """Whether the repository has them, once that is known."""
        if self._running is not None:
            self._running.join()
        return self._done

    def _put(self, store: Store) -> None:
        with suppress(RepointError):
            store.put_contents(self._contents)
            self._done = True


class Replica(Protocol):
    """One store that follows the authority."""

    name: str

    def bring_up(self, source: Registry, progress: Progress | None) -> Copied:
        """Add all that it lacks. Raises: Corrupt, StoreUnavailable, OutcomeUnknown."""
        ...

    def take(self, source: Registry, tips: Iterable[Record], made: Made | None) -> bool:
        """Add what one command made, and what is missing before it; whether that was all that was missing.

        Raises: as ``bring_up``; InvalidInput.
        """
        ...


class StoreReplica:
    """A replica that is a store of its own: the repository behind a bucket, or a bucket behind the repository."""

    def __init__(self, name: str, target: Registry) -> None:
        self.name = name
        self.target = target

    def bring_up(self, source: Registry, progress: Progress | None) -> Copied:
        """See ``Replica``."""
        return replicate(source, self.target, progress)

    def take(self, source: Registry, tips: Iterable[Record], made: Made | None) -> bool:
        """See ``Replica``."""
        if made is not None:
            stored = made.stored and self.name == REPOSITORY
            copy_release(source, self.target, made.release, made.contents, stored=stored)
        for tip in tips:
            follow(source, self.target, tip)
        return False


class RemoteReplica:
    """A Git remote behind the local repository: it gets the same refs, by plain pushes that never force anything."""

    def __init__(self, local: GitStore, remote: GitRemote) -> None:
        self.name = f"git:{remote.name}"
        self._local = local
        self._remote = remote

    def bring_up(self, source: Registry, progress: Progress | None) -> Copied:
        """See ``Replica``; one listing of the remote, one push. What the authority does not have goes no further."""
        del progress
        missing, alarms = self._missing(), list[RepointError]()
        for ref in [ref for ref in missing if not ref.startswith(TAGS)]:
            try:
                self._require_known(source, EnvironmentName(ref.removeprefix(ENVIRONMENTS)))
            except Corrupt as alarm:
                alarms.append(alarm)
                del missing[ref]
        for ref in list(self._unknown_tags(source, missing)):
            del missing[ref]
        if missing:
            self._remote.push_new(missing)
        tags = sum(ref.startswith(TAGS) for ref in missing)
        return Copied(tags, len(missing) - tags, alarms)

    def _require_known(self, source: Registry, environment: EnvironmentName) -> None:
        """Require that the newest record here is one of the authority's. Raises: Corrupt, StoreUnavailable."""
        tip = self._local.read_pointer(environment)
        if tip is None:
            return
        generation = source.verified_record(environment, None, tip.content).generation
        if source.store.read_record(environment, generation) != tip.content:
            raise Corrupt(
                f"generation {generation} of {environment} in this repository is not the authority's; "
                f"it was not sent to {self.name}",
                kind="replica-diverged",
                hint="nothing was changed; repoint verify explains",
                promise=4,
            )

    def _unknown_tags(self, source: Registry, refs: Iterable[str]) -> Iterator[str]:
        """Tags of releases that the authority does not have, or has otherwise."""
        named = _named(refs)
        here = list(self._local.read_releases(named))
        for (agent, version, ours), (_, _, there) in zip(here, source.store.read_releases(named), strict=True):
            if ours != there:
                yield tag_of(agent, version)

    def missing(self) -> int:
        """How many refs the remote lacks, or has in an older state. Raises: StoreUnavailable."""
        return len(self._missing())

    def _missing(self) -> dict[str, ObjectId]:
        """What the remote lacks; tags that are no releases concern nobody."""
        refs = self._local.repository.refs
        there = self._remote.refs(f"{TAGS}*", f"{ENVIRONMENTS}*")
        here = refs.find(f"{TAGS}*@v*", f"{ENVIRONMENTS}*")
        missing = {ref: oid for ref, oid in here.items() if there.get(ref) != oid}
        for agent, version, found in self._local.read_releases(_named(missing)):
            if isinstance(found, Foreign):
                del missing[tag_of(agent, version)]
        return {ref: oid for ref, oid in missing.items() if not ref.startswith(TAGS) or _named([ref])}

    def take(self, source: Registry, tips: Iterable[Record], made: Made | None) -> bool:
        """See ``Replica``: everything that is not there, since an earlier push may have failed."""
        del tips, made
        for alarm in self.bring_up(source, None).alarms:
            raise alarm
        return True


def _named(refs: Iterable[str]) -> list[tuple[AgentName, Version]]:
    return [(agent, version) for agent, found in versions_in("\n".join(refs)).items() for version in found]


def replicas_of(workspace: Workspace, *, quick: bool = False) -> list[Replica]:
    """The replicas in the order in which they follow. ``quick`` bounds the wait for a Git host."""
    found: list[Replica] = []
    authority, config, local = workspace.registry.authority, workspace.config, workspace.local
    replica = workspace.replica
    if replica is not None and authority != GIT:
        found.append(StoreReplica(REPOSITORY, replica))
    if config and config.git and local is not None and authority != GIT:
        found.append(RemoteReplica(local, _remote(workspace, config.git.remote, quick=quick)))
    if config and config.s3 and not authority.startswith(BUCKET):
        address = parse_address(config.s3.url)._replace(endpoint=config.s3.endpoint_url)
        store = bucket_store(address, config, workspace.state)
        found.append(StoreReplica(str(address), Registry(store, workspace.registry.id, authority)))
    return found


def sync(workspace: Workspace, progress: Progress | None = None) -> list[Synced]:
    """Bring every replica up; what went wrong with one is its own, and the others go on. Raises: as the authority."""
    tips = _tips(workspace)
    return [_synced(workspace, replica, tips, progress) for replica in replicas_of(workspace)]


def catch_up(workspace: Workspace, moved: Record | None, made: Made | None) -> list[str]:
    """After a command that is done: bring the replicas up by what it made, best effort; those that stay behind."""
    behind: list[str] = []
    tips = [] if moved is None else [moved]
    unlisted = int(made is not None or any(tip.environment == YANK_LEDGER for tip in tips))
    for replica in replicas_of(workspace, quick=True):
        known, missed = workspace.state.replicated(replica.name)
        try:
            missed = 0 if replica.take(workspace.registry, tips, made) else missed
        except RepointError:
            behind.append(replica.name)
            missed += unlisted
            if not unlisted:
                continue
        else:
            known |= {tip.environment: tip.generation for tip in tips}
        workspace.state.note_replicated(replica.name, known, missed)
    return behind


def lacking(workspace: Workspace, tips: Mapping[EnvironmentName, int]) -> dict[str, tuple[int | None, int]]:
    """How many records each replica lacks, None where this clone does not know, and how many versions and yanks."""
    return {replica.name: _lacking(workspace, replica, tips) for replica in replicas_of(workspace)}


def _lacking(workspace: Workspace, replica: Replica, tips: Mapping[EnvironmentName, int]) -> tuple[int | None, int]:
    known, missed = workspace.state.replicated(replica.name)
    if isinstance(replica, StoreReplica) and replica.target.store is workspace.local:
        known = _generations(replica.target, tips)
    if not known:
        return None, missed
    return sum(max(0, generation - known.get(environment, -1)) for environment, generation in tips.items()), missed


def _generations(target: Registry, environments: Iterable[EnvironmentName]) -> dict[EnvironmentName, int]:
    found: dict[EnvironmentName, int] = {}
    for environment in environments:
        try:
            found[environment] = target.current(environment).record.generation
        except RepointError:
            found[environment] = -1
    return found


def _synced(
    workspace: Workspace, replica: Replica, tips: Mapping[EnvironmentName, int], progress: Progress | None
) -> Synced:
    try:
        if isinstance(replica, StoreReplica):
            require_fit(replica.target.store, workspace.state)
        copied = replica.bring_up(workspace.registry, progress)
    except RepointError as error:
        return Synced(replica.name, Copied(), error)
    if copied.alarms:
        return Synced(replica.name, copied, copied.alarms[0])
    workspace.state.note_replicated(replica.name, dict(tips))
    return Synced(replica.name, copied)


def _tips(workspace: Workspace) -> dict[EnvironmentName, int]:
    registry = workspace.registry
    return {name: registry.current(name).record.generation for name in registry.store.environments()}


def _remote(workspace: Workspace, name: str, *, quick: bool) -> GitRemote:
    from repoint.gitremote import GitRemote

    repository = workspace.require_repository("repoint sync")
    if quick:
        return GitRemote(repository, name, answer_seconds=QUICK_SECONDS, transfer_seconds=QUICK_SECONDS)
    return GitRemote(repository, name)
