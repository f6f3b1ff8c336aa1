"""From a folder to a registry: which repository, which registry it was pinned to, and whether repoint.toml still
agrees.

Promise 10 on the side of configuration: a checked-out ``repoint.toml`` (an old branch, a hostile pull request) can
name another registry or authority, but never make this clone use it: what the clone was pinned to first wins, and a
difference stops.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from repoint.config import CONFIG, authority_text, check_pin, read_config
from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, RepointError, StoreUnavailable
from repoint.gitrepo import GitRepository
from repoint.names import YANK_LEDGER
from repoint.registry import Registry, read_document
from repoint.state import LocalState
from repoint.store_git import GitStore, shallow_ledger
from repoint_schemas.documents import AgentName, EnvironmentName, Pin, Record

if TYPE_CHECKING:
    from pathlib import Path

    from repoint.agentfiles import Limits
    from repoint_schemas.config import Config

DEFAULT_ENVIRONMENT = EnvironmentName("production")


class Workspace(msgspec.Struct, frozen=True):
    """An opened registry in a local repository, with the checkout around it where there is one.

    ``folder`` is where ``repoint.toml`` lies (the work tree, or the Git directory of a bare repository); ``config`` is
    None where the registry was opened by its address or has no ``repoint.toml`` checked out.
    """

    repository: GitRepository
    store: GitStore
    folder: str
    config: Config | None
    state: LocalState
    registry: Registry
    default_environment: EnvironmentName

    @property
    def root(self) -> Path:
        """``folder`` as a path."""
        return repository_root(self.repository)

    def close(self) -> None:
        """End the processes of this workspace."""
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

    def require_complete_clone(self, agent: AgentName) -> None:
        """Refuse to publish where this clone may not see every version of the agent that is taken (local authority).

        An environment that cannot be read says nothing and does not stop a publish.

        Raises:
            Conflict: a shallow clone, or one that lacks the tag of a version of this agent that is live.
        """
        if self.repository.shallow:
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


def repository_root(repository: GitRepository) -> Path:
    """Where ``repoint.toml`` belongs: the work tree, or the Git directory of a bare repository."""
    from pathlib import Path  # a rollback does without it

    return Path(_root_folder(repository))


def _root_folder(repository: GitRepository) -> str:
    return repository.work_tree or repository.common_dir


def open_workspace(
    folder: str | os.PathLike[str], environment: Mapping[str, str], *, by_address: bool = False
) -> Workspace:
    """Open the registry that a folder lies in; ``by_address`` ignores ``repoint.toml`` and goes by the pin alone.

    Raises:
        NotFound: no repository, or no registry in it.
        InvalidInput: ``repoint.toml`` is not valid.
        Conflict: ``repoint.toml`` disagrees with what this clone was pinned to.
    """
    repository = GitRepository.discover(folder, environment)
    try:
        return _opened(repository, by_address=by_address)
    except BaseException:
        repository.close()
        raise


def _opened(repository: GitRepository, *, by_address: bool) -> Workspace:
    folder = _root_folder(repository)
    state = LocalState(repository.own_folder)
    store = GitStore(repository)
    path = os.path.join(folder, CONFIG)
    pin = state.pin()
    config = _config(path, pin) if not by_address and os.path.isfile(path) else None
    if pin is None:
        pin = _first_pin(store, config, repository)
        _pin_quietly(state, pin, store)
    elif config is not None:
        check_pin(pin, config)
    if pin.authority != "local":
        raise StoreUnavailable(
            f"the authority of this registry is {pin.authority}, which this version of repoint cannot reach",
            kind="unsupported-authority",
            hint="upgrade repoint",
        )
    default = EnvironmentName(config.registry.default_environment) if config else pin.default_environment
    return Workspace(
        repository, store, folder, config, state, Registry(store, pin.registry, pin.authority, state), default
    )


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
    found = registry_of_environments(store)
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


def registry_of_environments(store: GitStore) -> tuple[str, str] | None:
    """Registry id and authority from generation 0 of the first environment that is here."""
    for environment in store.environments():
        content = store.read_record(environment, 0)
        if content is not None:
            record = read_document(content, Record, Record.LIMIT, f"{environment} generation 0")
            return record.registry, str(record.authority)
        pointer = store.read_pointer(environment)  # a shallow clone: the pin of generation 0 is not here
        if pointer is not None:
            record = read_document(pointer.content, Record, Record.LIMIT, f"the pointer of {environment}")
            return record.registry, "local"
    return None


def _pin_quietly(state: LocalState, pin: Pin, store: GitStore) -> None:
    """Pin this clone on first use, once its environments are here; a clone that cannot be written to is still read."""
    if not store.environments():
        return
    try:
        state.write_pin(pin)
    except StoreUnavailable:
        return


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
    if workspace.store.environments():
        return
    hint = fetch_hint(workspace.repository)
    if hint:
        raise NotFound(
            "this clone does not have the registry's branches (repoint/env/*), but its remote does",
            kind="refs-not-fetched",
            hint=hint,
        )


def environment_error(workspace: Workspace, error: RepointError) -> RepointError:
    """The better error for an environment, or a part of its ledger, that is missing because it was never fetched."""
    if error.kind == "ledger-gap" and workspace.repository.shallow:
        return shallow_ledger(EnvironmentName(str(error.facts["environment"])))
    if isinstance(error, Corrupt) or not isinstance(error, NotFound) or error.kind != "no-such-environment":
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
            f"{address}: this version reaches registries in local repositories only",
            kind="unsupported-registry",
            hint="give a path or a file:// address",
        )
    return os.path.expanduser(address)
