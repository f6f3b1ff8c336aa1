"""Which store decides: what a clone is pinned to, what the ledger says, and the store itself made from that.

Promises 3 and 10: there is one authority at any time, and a checked-out ``repoint.toml`` cannot choose another one. The
ledger of yanks says who decides: its first record, or the last ``seal`` in it, which hands the registry over. A clone
whose pin is older follows such a seal, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import UNSET

from repoint.errors import Conflict, NotFound, StoreUnavailable
from repoint.names import YANK_LEDGER
from repoint.s3keys import Address, parse_address
from repoint.store_git import GitStore
from repoint.verified import read_document
from repoint_schemas.documents import EnvironmentName, Record

if TYPE_CHECKING:
    from repoint.gitrepo import GitRepository
    from repoint.s3client import Settings
    from repoint.state import LocalState
    from repoint.store import Store
    from repoint_schemas.config import Config, S3Section

LOCAL, GIT, BUCKET = "local", "git", "s3://"
DEFAULT_REMOTE = "origin"


def authority_in(store: Store) -> tuple[str, str] | None:
    """Registry id and authority by the ledgers of a store; None where it has none.

    The ledger of yanks is read down to the last record that names one: on a replica records may follow a seal.

    Raises: Corrupt, StoreUnavailable.
    """
    tip = _newest(store, YANK_LEDGER)
    if tip is None:
        return _by_first_record(store)
    named = next((str(r.authority) for r in _downwards(store, tip) if r.authority is not UNSET), LOCAL)
    return tip.registry, named


def settings_of(address: Address, config: Config | None) -> Settings:
    """How to reach a bucket: what ``repoint.toml`` says of it, the ordinary AWS settings for the rest."""
    from repoint.s3client import Settings

    section: S3Section | None = config.s3 if config else None
    if section is None:
        return Settings(address)
    return Settings(address, section.region, section.profile, section.path_style)


def bucket_store(address: Address, config: Config | None, state: LocalState) -> Store:
    """The store in a bucket. Nothing is sent, and the SDK is not imported, before it is used."""
    from repoint.documentcache import DocumentCache
    from repoint.s3client import S3Client
    from repoint.store_s3 import S3Store

    return S3Store(S3Client(settings_of(address, config)), DocumentCache(f"{state.folder}/documents"))


def remote_name(config: Config | None, repository: GitRepository) -> str:
    """The remote that decides: the one that ``repoint.toml`` names, else the only one, else ``origin``."""
    if config is not None and config.git is not None:
        return config.git.remote
    names = repository.process.run(["remote"]).output.decode("utf-8", "replace").split()
    return names[0] if len(names) == 1 else DEFAULT_REMOTE


def deciding_store(
    authority: str,
    config: Config | None,
    repository: GitRepository,
    state: LocalState,
    *,
    remote: str | None = None,
) -> Store:
    """The store that an authority's name means; ``remote`` names the Git remote before a configuration does.

    Nothing is asked of it yet.

    Raises:
        Conflict: this version knows no such authority.
    """
    if authority == LOCAL:
        return GitStore(repository)
    if authority == GIT:
        from repoint.gitremote import GitRemote
        from repoint.store_remote import GitRemoteStore

        return GitRemoteStore(
            repository, GitRemote(repository, remote or remote_name(config, repository)), one_command=True
        )
    if authority.startswith(BUCKET):
        return bucket_store(parse_address(authority), config, state)
    raise Conflict(
        f"the authority of this registry is {authority!a}, which this version of repoint does not know",
        kind="unsupported-authority",
        hint="upgrade repoint",
    )


def require_fit(store: Store, state: LocalState) -> None:
    """Require, once on each machine, that a store that decides keeps its word (``s3probe``).

    Raises: StoreUnavailable (``s3-unfit``), naming what it does not do.
    """
    client = getattr(store, "client", None)
    if client is not None and not state.is_fit(store.name):
        from repoint.s3probe import require_fit as probe

        probe(client)
        state.note_fit(store.name)


def require_registry(store: Store, identifier: str) -> None:
    """Require that a store holds this registry. Raises: NotFound, Conflict."""
    tip = _newest(store, YANK_LEDGER)
    if tip is None:
        raise NotFound(
            f"{store.name} holds no registry",
            kind="not-a-registry",
            hint="check bucket, prefix and endpoint; repoint init makes a registry there",
        )
    if tip.registry != identifier:
        raise Conflict(
            f"{store.name} holds registry {tip.registry}, not {identifier}",
            kind="registry-mismatch",
            hint="check registry.id and the store's address in repoint.toml",
            found=tip.registry,
            wanted=identifier,
        )


def _newest(store: Store, environment: EnvironmentName) -> Record | None:
    found = store.read_pointer(environment)
    return None if found is None else _decoded(found.content, f"the pointer of {environment}")


def _record(store: Store, environment: EnvironmentName, generation: int) -> Record | None:
    content = store.read_record(environment, generation)
    return None if content is None else _decoded(content, f"{environment} generation {generation}")


def _downwards(store: Store, tip: Record) -> Iterator[Record]:
    yield tip
    with suppress(StoreUnavailable):  # a shallow clone: its first record is not here
        for content in store.read_ledger(tip.environment, tip.generation - 1, 0):
            yield _decoded(content, f"a record of {tip.environment}")


def _by_first_record(store: Store) -> tuple[str, str] | None:
    """Without the ledger of yanks (a clone that fetched some branches only), the first environment's beginning."""
    for environment in store.environments():
        first = _record(store, environment, 0) or _newest(store, environment)
        if first is not None:
            return first.registry, LOCAL if first.authority is UNSET else str(first.authority)
    return None


def _decoded(content: bytes, place: str) -> Record:
    return read_document(content, Record, Record.LIMIT, place)
