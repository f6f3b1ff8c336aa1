"""Bringing a replica up to the authority: what it lacks is added, what it has is never changed.

Promises 1 and 4 across stores: documents are verified as they leave the authority, and the replica takes them by the
same create-once and compare-and-swap as any store, so nothing there is overwritten and two machines that do it at once
come to the same. Releases go before the ledgers that name them. What a replica holds and the authority lacks, or holds
otherwise, is an alarm: it is told and left as it is, and nothing more of that agent or environment is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from repoint.errors import Corrupt, NotFound, RepointError
from repoint.names import highest_first
from repoint.registry import Published, Registry
from repoint.replicaversions import VersionCopier, diverged
from repoint.store import Contents, Swap
from repoint_schemas.canonical import digest_of
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version

BATCH = 200
"""Records that are read together."""

Progress = Callable[[str, int, int], object]
"""Is told what is copied, how many of it are done, and how many there are."""


class Copied(msgspec.Struct):
    """What was added to a replica, and what did not go together."""

    releases: int = 0
    records: int = 0
    alarms: list[RepointError] = []

    @property
    def anything(self) -> bool:
        """Whether the replica is another than before."""
        return bool(self.releases or self.records)


def replicate(source: Registry, target: Registry, progress: Progress | None = None) -> Copied:
    """Add every release and every record that the target lacks.

    Raises:
        StoreUnavailable, OutcomeUnknown: one of the stores cannot be used; what was copied until then stays, and the
            next run goes on from there.
    """
    # The pointers first: what they name was published before, so the listing that comes after them has all of it.
    tips = {environment: source.current(environment).record for environment in source.store.environments()}
    copied = Copied()
    copier = _copy_releases(source, target, copied, progress)
    for _, tip in sorted(tips.items()):
        with _alarmed(copied):
            copied.records += _follow(copier, source, target, tip, progress)
    for environment in sorted(set(target.store.environments()) - set(tips)):
        copied.alarms.append(_ahead(target, f"the environment {environment}"))
    return copied


def copy_release(
    source: Registry, target: Registry, published: Published, at_hand: Contents | None = None, *, stored: bool = False
) -> bool:
    """Add one release, and those before it that are missing; False where the target has it.

    ``at_hand`` is the content just published: it is copied from there, checked as when it was published. ``stored``:
    it was put into the target already, by the same store.

    Raises:
        Corrupt: the target has another release under the name (``replica-diverged``), or the source is damaged.
        InvalidInput: a file at hand changed meanwhile (``file-changed``); a later copy reads it from the source.
    """
    return VersionCopier(source, target, at_hand=at_hand, stored=stored).copy_release(published)


def follow(source: Registry, target: Registry, tip: Record, progress: Progress | None = None) -> int:
    """Add the records of one environment up to ``tip``, and the releases that they make live; how many records.

    Raises:
        Corrupt: the target's ledger is not the beginning of the source's (``replica-diverged``).
    """
    return _follow(VersionCopier(source, target), source, target, tip, progress)


def behind(source: Record, target: Registry) -> int:
    """How many generations a replica's environment is behind this record; an unreadable replica is behind by all."""
    try:
        return max(0, source.generation - _generation(target, source))
    except RepointError:
        return source.generation + 1


# -- releases --------------------------------------------------------------------------------------------------------


def _copy_releases(source: Registry, target: Registry, copied: Copied, progress: Progress | None) -> VersionCopier:
    there, here = target.store.versions(), source.store.versions()
    missing = [name for name in _ordered(here) if name[1] not in there.get(name[0], ())]
    copier, done = VersionCopier(source, target, there), 0
    for portion in copier.ahead(missing):
        for name in portion:
            with _alarmed(copied), suppress(NotFound):  # a foreign name in the source is nobody's release
                copied.releases += copier.copy(*name)
            done += 1
            if progress:
                progress("copying versions", done, len(missing))
    _tell_surplus(target, [name for name in _ordered(there) if name[1] not in here.get(name[0], ())], copied)
    return copier


def _tell_surplus(target: Registry, names: Sequence[tuple[AgentName, Version]], copied: Copied) -> None:
    for agent, version in names:
        with _alarmed(copied), suppress(NotFound):
            target.release(agent, version)
            copied.alarms.append(_ahead(target, f"{agent} {version}"))


def _ordered(names: Mapping[AgentName, Sequence[Version]]) -> list[tuple[AgentName, Version]]:
    """Versions by agent, lowest first: each after the one that it was built on."""
    return [(agent, version) for agent in sorted(names) for version in highest_first(names[agent])[::-1]]


# -- ledgers ---------------------------------------------------------------------------------------------------------


def _follow(copier: VersionCopier, source: Registry, target: Registry, tip: Record, progress: Progress | None) -> int:
    environment, at = tip.environment, _generation(target, tip)
    _require_beginning(source, target, tip, at)
    added = 0
    while at < tip.generation:
        until = min(at + BATCH, tip.generation)
        contents = list(source.store.read_ledger(environment, until, at + 1))[::-1]
        for generation, content in enumerate(contents, at + 1):
            record = source.verified_record(environment, generation, content)
            _append(copier, source, target, record, content)
            added += 1
            if progress:
                progress(f"bringing {environment} up to date", generation, tip.generation)
        if len(contents) != until - at:
            raise Corrupt(f"the ledger of {environment} has a gap", kind="ledger-gap", promise=4)
        at = until
    return added


def _generation(target: Registry, tip: Record) -> int:
    """The newest generation that the target has of an environment, -1 where it has none."""
    found = target.store.read_pointer(tip.environment)
    return -1 if found is None else target.verified_record(tip.environment, None, found.content).generation


def _require_beginning(source: Registry, target: Registry, tip: Record, at: int) -> None:
    if at < 0:
        return
    if at > tip.generation:
        newest = source.current(tip.environment).record  # others may have moved since
        if at > newest.generation:
            raise _ahead(target, f"{tip.environment} generation {at}")
    pointer = target.store.read_pointer(tip.environment)
    same = pointer is not None and source.store.read_record(tip.environment, at) == pointer.content
    if pointer is None or not same or not _is_rebuilt(target, tip.environment, pointer.content):
        raise diverged(target, f"{tip.environment} generation {at}")


def _is_rebuilt(target: Registry, environment: EnvironmentName, content: bytes) -> bool:
    """Whether what holds a record is what the record gives: in Git, other commits would follow on a commit by hand."""
    tip_is_of: Callable[[Record, bytes], bool] | None = getattr(target.store, "tip_is_of", None)
    return tip_is_of is None or tip_is_of(target.verified_record(environment, None, content), content)


def _append(copier: VersionCopier, source: Registry, target: Registry, record: Record, content: bytes) -> None:
    for change in record.changes:
        if change.target is not None:
            entry = record.agents[change.agent]
            if not copier.has(change.agent, entry.version, entry.release):
                copier.copy_release(source.released_entry(change.agent, entry))
    if record.generation == 0:
        done = target.store.create_pointer(record, content)
    else:
        pointer = target.store.read_pointer(record.environment)
        follows = pointer is not None and digest_of(pointer.content) == record.previous
        done = pointer is not None and follows and target.store.swap_pointer(pointer, record, content) is Swap.DONE
    if not done and target.store.read_record(record.environment, record.generation) != content:
        raise diverged(target, f"{record.environment} generation {record.generation}")


class _alarmed:  # noqa: N801 - used like contextlib.suppress
    """Damage to one agent or environment is noted, and the others go on."""

    def __init__(self, copied: Copied) -> None:
        self._copied = copied

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Corrupt):
            self._copied.alarms.append(error)
            return True
        return False


def _ahead(target: Registry, what: str) -> Corrupt:
    return Corrupt(
        f"{target.store.name} holds {what}, which the authority does not have",
        kind="replica-ahead",
        hint="nothing is overwritten; repoint verify explains",
        promise=3,
    )
