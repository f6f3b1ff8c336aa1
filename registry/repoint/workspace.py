"""From a folder to a registry: which repository, which registry it was pinned to, and whether repoint.toml still
agrees.

Promise 10 on the side of configuration: a checked-out ``repoint.toml`` (an old branch, a hostile pull request) can
name another registry or authority, but never make this clone use it: what the clone was pinned to first wins, and a
difference stops.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from repoint.authority import BUCKET, LOCAL, authority_in, bucket_store, deciding_store, require_fit, require_registry
from repoint.config import CONFIG, authority_text, check_pin, read_config
from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, RepointError, StoreUnavailable, UsageError
from repoint.gitrepo import GitRepository
from repoint.ledger import RecordAt
from repoint.names import YANK_LEDGER
from repoint.registry import Listed, Published, Registry
from repoint.s3keys import Address, parse_address
from repoint.state import LocalState
from repoint.store import Store
from repoint.store_git import GitStore, shallow_ledger
from repoint_schemas.documents import AgentName, EnvironmentName, Pin, Record, Version

if TYPE_CHECKING:
    from pathlib import Path

    from repoint.agentfiles import Limits
    from repoint_schemas.config import Config

DEFAULT_ENVIRONMENT = EnvironmentName("production")


class Workspace(msgspec.Struct, frozen=True):
    """An opened registry, with the checkout around it where there is one.

    ``store`` decides. ``repository`` is None where a bucket was opened by its address; ``local`` is the registry in the
    repository, which is ``store`` itself where that decides, and a replica of it otherwise. ``folder`` is where
    ``repoint.toml`` lies (the work tree, or the Git directory of a bare repository); ``config`` is None where the
    registry was opened by its address or has no ``repoint.toml`` checked out.
    """

    repository: GitRepository | None
    local: GitStore | None
    store: Store
    folder: str
    config: Config | None
    state: LocalState
    registry: Registry
    default_environment: EnvironmentName

    @property
    def root(self) -> Path:
        """``folder`` as a path."""
        from pathlib import Path  # a rollback does without it

        return Path(self.folder)

    @property
    def checkout(self) -> Config | None:
        """The configuration where there can be working copies: in a work tree with a ``repoint.toml``."""
        return None if self.repository is None or self.repository.bare else self.config

    @property
    def has_replicas(self) -> bool:
        """Whether any other store follows the one that decides."""
        config = self.config
        return self.replica is not None or bool(config and self.repository and (config.git or config.s3))

    @property
    def shallow(self) -> bool:
        """Whether the repository is a shallow clone."""
        return self.repository is not None and self.repository.shallow

    @property
    def replica(self) -> Registry | None:
        """The registry in the repository as of the last ``sync``, where another store decides."""
        if self.local is None or self.local is self.store:
            return None
        return Registry(self.local, self.registry.id, self.registry.authority)

    def as_last_seen(self) -> Workspace:
        """The registry as the repository has it, where another store decides: as of the last sync, nobody is asked.

        Without a repository it is the same workspace.
        """
        if self.local is None or self.replica is None:
            return self
        return msgspec.structs.replace(self, store=self.local, registry=self.replica)

    def past(self, environment: EnvironmentName) -> RecordAt:
        """A reader of earlier records, for telling what was: the repository has them without a round trip.

        What it lacks comes from the store that decides. Its calls raise Corrupt, StoreUnavailable.
        """
        readers = [r.record_at(environment) for r in (self.replica, self.registry) if r is not None]

        def read(generation: int) -> Record:
            for reader in readers[:-1]:
                with suppress(RepointError):
                    return reader(generation)
            return readers[-1](generation)

        return read

    def releases(self, wanted: Sequence[tuple[AgentName, Version]]) -> list[Listed]:
        """Many releases, to be looked at: those that the repository has need no round trip (``Registry.releases``).

        Raises: StoreUnavailable.
        """
        if self.replica is None:
            return list(self.registry.releases(wanted))
        found = list(self.replica.releases(wanted))
        lacking = [place for place, each in enumerate(found) if not isinstance(each, Published)]
        asked = self.registry.releases([wanted[place] for place in lacking])
        for place, each in zip(lacking, asked, strict=True):
            found[place] = each
        return found

    def require_repository(self, command: str) -> GitRepository:
        """The repository. Raises: UsageError, where a bucket was opened without one."""
        if self.repository is None:
            raise UsageError(
                f"{command} works in a clone of the registry's repository, not on a bucket alone",
                kind="repository-required",
                hint="run it in the clone, without --registry",
            )
        return self.repository

    def close(self) -> None:
        """End the processes and threads of this workspace."""
        close = getattr(self.store, "close", None)
        if close is not None:
            close()
        if self.repository is not None:
            self.repository.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def environments(self) -> list[EnvironmentName]:
        """Every environment of the registry without the yank ledger; configured ones first, in their order."""
        there = [e for e in self.store.environments() if e != YANK_LEDGER]
        named = self.config.registry.environments if self.config else ()
        configured = [EnvironmentName(e) for e in named if e in there]
        return configured + [e for e in there if e not in configured]

    def known_environments(self) -> list[EnvironmentName]:
        """``environments``, and those that this clone saw and whose branches are gone: they must not go unnoticed."""
        there = self.environments()
        return there + [e for e in self.state.marks() if e not in (*there, YANK_LEDGER)]

    def limits(self) -> Limits:
        """The limits for files and snapshots."""
        from repoint.agentfiles import Limits

        if self.config is None:
            return Limits()
        given = self.config.limits
        return Limits(file_bytes=given.file_bytes, files=given.files, snapshot_bytes=given.snapshot_bytes)

    def allowed_rules(self, agent: AgentName) -> dict[str, str]:
        """Lint rules that ``repoint.toml`` allows for an agent, and the reasons."""
        allow = self.config.allow if self.config else ()
        return {a.rule: a.reason for a in allow if a.agent in (None, agent)}

    def require_fit(self) -> None:
        """Require that the store keeps its word; it is tried once on each machine. Raises: StoreUnavailable."""
        require_fit(self.store, self.state)

    def connect_ahead(self) -> None:
        """Where a bucket decides, get ready for it beside the reading of files; nothing is sent."""
        if hasattr(self.store, "connect_ahead"):
            self.store.connect_ahead()

    def tell_of_uploads(self, sent: Callable[[int], object]) -> None:
        """Call this with the number of bytes whenever a store with a network in between has taken some."""
        if hasattr(self.store, "sent"):
            self.store.sent = sent

    def require_complete_clone(self, agent: AgentName) -> None:
        """Refuse to publish where this clone may not see every version of the agent that is taken (local authority).

        An environment that cannot be read says nothing and does not stop a publish.

        Raises:
            Conflict: a shallow clone, or one that lacks the tag of a version of this agent that is live.
        """
        if self.registry.authority != LOCAL:  # it says itself which versions there are
            return
        if self.shallow:
            raise Conflict(
                "this clone is shallow, so it may not see every published version",
                kind="shallow-clone",
                hint="git fetch --unshallow --tags",
            )
        for environment in self.environments():
            try:
                entry = self.registry.current(environment).record.agents.get(agent)
            except RepointError:
                continue
            if entry is not None and self.store.read_release(agent, entry.version) is None:
                raise Conflict(
                    f"{agent} {entry.version} is live in {environment}, but this clone does not have its tag",
                    kind="tags-missing",
                    hint="git fetch --tags (from the repository that holds the registry)",
                )


def root_folder(repository: GitRepository) -> str:
    """Where ``repoint.toml`` belongs: the work tree, or the Git directory of a bare repository."""
    return repository.work_tree or repository.common_dir


def open_workspace(
    folder: str | os.PathLike[str], environment: Mapping[str, str], *, by_address: bool = False, offline: bool = False
) -> Workspace:
    """Open the registry that a folder lies in; ``by_address`` ignores ``repoint.toml`` and goes by the pin alone.

    With ``offline`` the store that decides is neither asked nor believed anew: nothing is pinned.

    Raises:
        NotFound: no repository, or no registry in it.
        InvalidInput: ``repoint.toml`` is not valid.
        Conflict: ``repoint.toml`` disagrees with what this clone was pinned to.
    """
    repository = GitRepository.discover(folder, environment)
    try:
        return _opened(repository, by_address=by_address, offline=offline)
    except BaseException:
        repository.close()
        raise


def _opened(repository: GitRepository, *, by_address: bool, offline: bool) -> Workspace:
    folder = root_folder(repository)
    state = LocalState(repository.own_folder)
    local = GitStore(repository)
    path = os.path.join(folder, CONFIG)
    pin = state.pin()
    config = _config(path, pin) if not by_address and os.path.isfile(path) else None
    if pin is None:
        pin = _first_pin(local, config, repository)
        store = deciding_store(pin.authority, config, repository, state)
        if not offline:
            _pin_quietly(state, pin, store)
    else:
        if config is not None and offline:
            check_pin(pin, config)
        elif config is not None:
            pin = _agreed(pin, config, repository, state)
        store = local if pin.authority == LOCAL else deciding_store(pin.authority, config, repository, state)
    default = EnvironmentName(config.registry.default_environment) if config else pin.default_environment
    registry = Registry(store, pin.registry, pin.authority, state)
    local = store if isinstance(store, GitStore) and pin.authority == LOCAL else local
    return Workspace(repository, local, store, folder, config, state, registry, default)


def open_bucket(address: Address, state_folder: str) -> Workspace:
    """Open the registry in a bucket by its address alone: no repository, no ``repoint.toml``, no Git.

    ``state_folder`` keeps what this machine remembers of it: pin, high-water marks, moves without an outcome.

    Raises:
        NotFound: there is no registry.
        StoreUnavailable: the bucket cannot be read.
    """
    state = LocalState(state_folder)
    pin = state.pin()
    store = bucket_store(address, None, state)
    if pin is None:
        found = authority_in(store)
        if found is None:
            raise NotFound(
                f"{address} holds no registry",
                kind="not-a-registry",
                hint=f"in the repository of the agents: repoint init --store {address.url}",
            )
        # a bucket that another store decides for by now is what it is, and refuses every move (``Registry.yanks``)
        here = found[1].startswith(BUCKET) and parse_address(found[1]).url == address.url
        authority = found[1] if here else str(address)
        pin = Pin(authority=authority, default_environment=DEFAULT_ENVIRONMENT, registry=found[0])
        with suppress(StoreUnavailable):
            state.write_pin(pin)
    registry = Registry(store, pin.registry, pin.authority, state)
    return Workspace(None, None, store, os.getcwd(), None, state, registry, pin.default_environment)


def _agreed(pin: Pin, config: Config, repository: GitRepository, state: LocalState) -> Pin:
    """The pin; a newer one where what this clone is pinned to has handed the registry over to what the file names.

    Raises: Conflict.
    """
    named = pin_of(config)
    if named.registry == pin.registry and named.authority != pin.authority:
        with suppress(RepointError):  # then the plain disagreement is told
            found = authority_in(deciding_store(pin.authority, config, repository, state))
            if found == (named.registry, named.authority):
                state.write_pin(named)
                return named
    check_pin(pin, config)
    return pin


def _config(path: str, pin: Pin | None) -> Config:
    """The configuration of the checkout. Raises: InvalidInput, which names the way round it where there is a pin."""
    try:
        return read_config(path, shown=CONFIG)
    except InvalidInput as error:
        if pin is not None:
            way_round = f"--registry . goes by what this clone is pinned to, without {CONFIG}"
            error.hint = f"{error.hint}; {way_round}" if error.hint else way_round
        raise


def _first_pin(store: GitStore, config: Config | None, repository: GitRepository) -> Pin:
    """What this clone will be pinned to: what its environments say, which ``repoint.toml`` must agree with."""
    found = authority_in(store)
    if config is None:
        if found is None:
            raise _no_registry(repository)
        return Pin(authority=found[1], default_environment=DEFAULT_ENVIRONMENT, registry=found[0])
    if found is not None:
        check_pin(Pin(authority=found[1], default_environment=DEFAULT_ENVIRONMENT, registry=found[0]), config)
    return pin_of(config)


def pin_of(config: Config) -> Pin:
    """What a clone that has this configuration is pinned to."""
    registry = config.registry
    return Pin(authority_text(config), EnvironmentName(registry.default_environment), registry.id)


def _pin_quietly(state: LocalState, pin: Pin, store: Store) -> None:
    """Pin this clone on first use, once the registry is there; a clone that cannot be written to is still read.

    Raises:
        Conflict, NotFound: the store that ``repoint.toml`` names holds another registry, or none.
    """
    if pin.authority == LOCAL and not store.environments():
        return
    if pin.authority != LOCAL:
        require_registry(store, pin.registry)
    with suppress(StoreUnavailable):
        state.write_pin(pin)


def _no_registry(repository: GitRepository) -> NotFound:
    return NotFound(
        f"{repository.work_tree or repository.git_dir} is not a Repoint registry",
        kind="not-a-registry",
        hint=fetch_hint(repository) or "run repoint init",
    )


def fetch_hint(repository: GitRepository) -> str | None:
    """The command that fetches the registry's refs, where a remote-tracking branch shows that they exist."""
    for name in repository.refs.names("refs/remotes/"):
        remote, slash, _ = name.removeprefix("refs/remotes/").partition("/repoint/env/")
        if slash:
            return f"git fetch {remote} 'refs/heads/repoint/*:refs/heads/repoint/*' 'refs/tags/*:refs/tags/*'"
    return None


def require_refs_here(workspace: Workspace) -> None:
    """Refuse in a clone that lacks the registry's branches while a remote has them. Raises: NotFound."""
    if workspace.registry.authority != LOCAL or workspace.store.environments():
        return
    hint = fetch_hint(workspace.repository) if workspace.repository else None
    if hint:
        raise NotFound(
            "this clone does not have the registry's branches (repoint/env/*), but its remote does",
            kind="refs-not-fetched",
            hint=hint,
        )


def environment_error(workspace: Workspace, error: RepointError) -> RepointError:
    """The better error for an environment, or a part of its ledger, that is missing because it was never fetched."""
    if error.kind == "ledger-gap" and workspace.shallow:
        return shallow_ledger(EnvironmentName(str(error.facts["environment"])))
    if isinstance(error, Corrupt) or not isinstance(error, NotFound) or error.kind != "no-such-environment":
        return error
    if workspace.registry.authority != LOCAL or workspace.repository is None:
        return error
    hint = fetch_hint(workspace.repository)
    if hint and not workspace.store.environments():
        return NotFound(error.message + " in this clone", kind="refs-not-fetched", hint=hint)
    return error


def path_of_address(address: str) -> str:
    """The folder that a registry's address names: a path or ``file://``.

    Raises:
        StoreUnavailable: an address that this version cannot reach.
    """
    if address.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        host = urlsplit(address).netloc
        if host not in ("", "localhost"):
            raise StoreUnavailable(
                f"{address}: {host} is another machine",
                kind="unsupported-registry",
                hint="a path on this machine is written file:///PATH",
            )
        return unquote(urlsplit(address).path)
    if "://" in address:
        raise StoreUnavailable(
            f"{address}: a registry is reached by a path, file:// or s3://",
            kind="unsupported-registry",
            hint="a shared Git remote is reached through a clone of it: git clone, then run repoint there",
        )
    return os.path.expanduser(address)
