"""Making a repository a registry: ``repoint.toml``, the pin, and generation 0 of every environment.

Run again it creates what is missing and changes nothing else, so a run that was interrupted is finished by the next
one. The pin is written before any environment, so that no second identifier can come between.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repoint import pointer
from repoint.config import CONFIG, authority_text, check_pin, read_config, write_config
from repoint.durable import replace_file
from repoint.errors import Conflict
from repoint.gitrepo import GitRepository
from repoint.moves import Stamp
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.stamps import time_text
from repoint.state import LocalState
from repoint.store_git import GitStore
from repoint.workspace import fetch_hint, pin_of, registry_of_environments, repository_root
from repoint_schemas.config import Config, RegistrySection
from repoint_schemas.documents import EnvironmentName, Identity, Pin

DEFAULT_ENVIRONMENTS = [EnvironmentName("staging"), EnvironmentName("production")]


@dataclass
class Initialised:
    """What ``initialise`` found or made; ``created`` names what was not there before.

    ``unlisted`` are environments that were asked for and that an older ``repoint.toml`` does not name.
    """

    registry: str
    authority: str
    environments: list[EnvironmentName]
    config: str | None
    created: list[str] = field(default_factory=list)
    unlisted: list[EnvironmentName] = field(default_factory=list)
    bare: bool = False


def initialise(
    folder: str | Path,
    environment: Mapping[str, str],
    names: Sequence[EnvironmentName],
    *,
    identity: Callable[[GitRepository], Identity],
    time: int,
) -> Initialised:
    """Make the repository around a folder a registry.

    Raises:
        Conflict: ``repoint.toml`` and the pin or the environments disagree; a branch called ``repoint`` is in the
            way; this clone lacks the branches that its remote has.
        InvalidInput, NotFound, StoreUnavailable: nothing was done that a second run would not finish.
    """
    with GitRepository.discover(folder, environment) as repository:
        blocked = repository.refs.branch_in_the_way()
        if blocked is not None:
            raise blocked
        store, state = GitStore(repository), LocalState(repository.own_folder)
        _refuse_unfetched(repository, store)
        with repository.lock.held():  # one at a time: whoever comes second finds a registry
            return _initialise(repository, store, state, names, identity, time)


def _initialise(
    repository: GitRepository,
    store: GitStore,
    state: LocalState,
    names: Sequence[EnvironmentName],
    identity: Callable[[GitRepository], Identity],
    time: int,
) -> Initialised:
    root = repository_root(repository)
    config, created = _config(root, state, store, names)
    wanted = [EnvironmentName(e) for e in dict.fromkeys([*config.registry.environments, *names])]
    done = Initialised(config.registry.id, authority_text(config), wanted, CONFIG, created, bare=repository.bare)
    done.unlisted = [name for name in names if name not in config.registry.environments]
    registry = Registry(store, done.registry, done.authority, state)
    actor = identity(repository)
    there = store.environments()
    for name in [YANK_LEDGER, *wanted]:
        if name in there:
            pointer.require_same_registry(registry, name)
        elif pointer.create(registry, name, Stamp(actor, time_text(time), str(uuid.uuid4()))) and name != YANK_LEDGER:
            done.created.append(f"environment {name}")
    return done


def _refuse_unfetched(repository: GitRepository, store: GitStore) -> None:
    hint = None if store.environments() else fetch_hint(repository)
    if hint:
        raise Conflict(
            "the remote of this clone holds a registry whose branches are not here",
            kind="registry-not-fetched",
            hint=hint,
        )


def _config(
    root: Path, state: LocalState, store: GitStore, names: Sequence[EnvironmentName]
) -> tuple[Config, list[str]]:
    """The configuration, written where it is missing, and pinned. Raises: Conflict."""
    path, pin, found = root / CONFIG, state.pin(), registry_of_environments(store)
    created = []
    if not path.is_file():
        identifier = pin.registry if pin else found[0] if found else str(uuid.uuid4())
        environments = list(names) or [e for e in store.environments() if e != YANK_LEDGER] or DEFAULT_ENVIRONMENTS
        default = "production" if "production" in environments else environments[-1]
        section = RegistrySection(identifier, tuple(environments), "local", default_environment=default)
        replace_file(path, write_config(Config(section)).encode())
        created.append(CONFIG)
    config = read_config(path, shown=CONFIG)
    known = pin or (Pin(found[1], pin_of(config).default_environment, found[0]) if found else None)
    if known is not None:
        check_pin(known, config)
    if pin is None:
        state.write_pin(pin_of(config))
    return config, created
