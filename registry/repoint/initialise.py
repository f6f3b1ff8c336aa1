"""Making a repository a registry: ``repoint.toml``, the pin, and generation 0 of every environment.

Run again it creates what is missing and changes nothing else, so a run that was interrupted is finished by the next
one. The pin is written before any environment, so that no second identifier can come between. A store that is not fit
to decide is refused before anything is written (``fitness``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from repoint import pointer
from repoint.authority import LOCAL, authority_in, deciding_store
from repoint.config import CONFIG, authority_text, check_pin, read_config, write_config
from repoint.durable import replace_file
from repoint.errors import Conflict
from repoint.gitrepo import GitRepository
from repoint.moves import Stamp
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.s3keys import Address
from repoint.stamps import time_text
from repoint.state import LocalState
from repoint.store import Store
from repoint.store_git import GitStore
from repoint.workspace import fetch_hint, pin_of, root_folder
from repoint_schemas.config import Authority, Config, GitSection, RegistrySection, S3Section
from repoint_schemas.documents import EnvironmentName, Identity, Pin

DEFAULT_ENVIRONMENTS = [EnvironmentName("staging"), EnvironmentName("production")]


@dataclass(frozen=True)
class Place:
    """Where a new registry is to be kept: a bucket, a Git remote (beside a bucket its replica), or neither."""

    bucket: Address | None = None
    remote: str | None = None

    @property
    def authority(self) -> Authority:
        """The kind of store that will decide."""
        return "s3" if self.bucket else "git" if self.remote else "local"


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


class _Making:
    """One run of ``initialise`` in one repository."""

    def __init__(self, repository: GitRepository, names: Sequence[EnvironmentName], place: Place) -> None:
        self.repository = repository
        self.local = GitStore(repository)
        self.state = LocalState(repository.own_folder)
        self.path = Path(root_folder(repository)) / CONFIG
        self.names = names
        self.place = place
        self.created: list[str] = []

    def config(self) -> Config:
        """The configuration, written where it is missing, and pinned. Raises: Conflict."""
        pin = self.state.pin()
        found = authority_in(self.local)
        if not self.path.is_file():
            replace_file(self.path, write_config(self._new_config(pin, found)).encode())
            self.created.append(CONFIG)
        config = read_config(self.path, shown=CONFIG)
        self._require_place(config)
        known = pin or (Pin(found[1], pin_of(config).default_environment, found[0]) if found else None)
        if known is not None:
            check_pin(known, config)
        return config

    def _new_config(self, pin: Pin | None, found: tuple[str, str] | None) -> Config:
        place = self.place
        there = self.local if found else self.asked()
        found = found or (authority_in(there) if place.authority != LOCAL else None)
        identifier = pin.registry if pin else found[0] if found else str(uuid.uuid4())
        known = [e for e in there.environments() if e != YANK_LEDGER] if found else []
        environments = list(self.names) or known or DEFAULT_ENVIRONMENTS
        default = "production" if "production" in environments else environments[-1]
        section = RegistrySection(identifier, tuple(environments), place.authority, default_environment=default)
        bucket = place.bucket and S3Section(place.bucket.url, place.bucket.endpoint)
        return Config(section, git=GitSection(place.remote) if place.remote else None, s3=bucket or None)

    def asked(self) -> Store:
        """The store that was asked for, before any configuration says so."""
        return deciding_store(self._named(), None, self.repository, self.state, remote=self.place.remote)

    def _named(self) -> str:
        return str(self.place.bucket) if self.place.bucket else self.place.authority

    def _target(self) -> str:
        return self.place.bucket.url if self.place.bucket else f"git:{self.place.remote}"

    def _require_place(self, config: Config) -> None:
        """What was asked for must be what is written. Raises: Conflict."""
        asked = self._named()
        if asked != LOCAL and asked != authority_text(config):
            raise Conflict(
                f"{CONFIG} names the authority {authority_text(config)}, not {asked}; nothing was done",
                kind="registry-mismatch",
                hint=f"to hand a registry over to another store: repoint migrate --to {self._target()}",
            )


def initialise(
    folder: str | Path,
    environment: Mapping[str, str],
    names: Sequence[EnvironmentName],
    *,
    identity: Callable[[GitRepository], Identity],
    time: int,
    place: Place | None = None,
    fitness: Callable[[Store], object] = id,
) -> Initialised:
    """Make the repository around a folder a registry.

    ``fitness`` is asked whether a store that is to decide is fit for it, and raises where it is not.

    Raises:
        Conflict: ``repoint.toml`` and the pin or the environments disagree; a branch called ``repoint`` is in the
            way; this clone lacks the branches that its remote has.
        InvalidInput, NotFound, StoreUnavailable: nothing was done that a second run would not finish.
    """
    with GitRepository.discover(folder, environment) as repository:
        blocked = repository.refs.branch_in_the_way()
        if blocked is not None:
            raise blocked
        making = _Making(repository, names, place or Place())
        if making.place.authority == LOCAL:
            _refuse_unfetched(repository, making.local)
        with repository.lock.held():  # one at a time: whoever comes second finds a registry
            return _initialise(making, identity, time, fitness)


def _initialise(
    making: _Making, identity: Callable[[GitRepository], Identity], time: int, fitness: Callable[[Store], object]
) -> Initialised:
    repository = making.repository
    actor = identity(repository)
    with ExitStack() as closing:
        if making.place.authority != LOCAL:
            asked = making.asked()
            closing.callback(getattr(asked, "close", int))
            fitness(asked)
        config = making.config()
        store = deciding_store(authority_text(config), config, repository, making.state)
        if making.state.pin() is None:
            making.state.write_pin(pin_of(config))
        return _environments(making, config, store, lambda: Stamp(actor, time_text(time), str(uuid.uuid4())))


def _environments(making: _Making, config: Config, store: Store, stamp: Callable[[], Stamp]) -> Initialised:
    wanted = [EnvironmentName(e) for e in dict.fromkeys([*config.registry.environments, *making.names])]
    done = Initialised(config.registry.id, authority_text(config), wanted, CONFIG, making.created)
    done.bare = making.repository.bare
    done.unlisted = [name for name in making.names if name not in config.registry.environments]
    registry = Registry(store, done.registry, done.authority, making.state)
    there = store.environments()
    for name in [YANK_LEDGER, *wanted]:
        if name in there:
            pointer.require_same_registry(registry, name)
        elif pointer.create(registry, name, stamp()) and name != YANK_LEDGER:
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
