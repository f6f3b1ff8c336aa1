"""What a replica holds against what the authority holds: behind is fine, other bytes or more than the authority is not.

Promises 1, 3 and 4 across stores. The replica is read before the authority: what it holds by then, the authority
held before, so a publish, a move or a ``sync`` meanwhile never looks like an alarm. Releases and records are compared
byte for byte; the contents of a version hang on its release by their digests, and each store's own check reads them.
Nothing is written, and nothing that differs is ever repaired: whoever reads the finding decides which one is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from repoint.errors import Corrupt, RepointError, StoreUnavailable
from repoint.names import version_key
from repoint.registry import Registry
from repoint.store import Foreign, Pointer, Store
from repoint.verified import read_document
from repoint.verifyclaims import Named, place_of
from repoint.verifyreport import BATCH, Report, Unreadable, unreadable
from repoint.verifystoreledger import LedgerReader, Stored
from repoint.verifystorereleases import StoredRelease, read_each
from repoint_schemas.documents import EnvironmentName, Record


class Behind(msgspec.Struct, frozen=True):
    """What the authority has and the replica has not yet: versions, and how many records of each environment."""

    releases: list[Named]
    records: dict[EnvironmentName, int]

    def __bool__(self) -> bool:
        return bool(self.releases or self.records)


def compare_replica(authority: Registry, replica: Store, name: str, report: Report) -> Behind:
    """Compare a replica with the authority; ``name`` is what findings call it.

    Raises:
        StoreUnavailable: one of the two cannot be reached.
    """
    check = _Comparison(authority, replica, name, report)
    pointers = check.pointers()
    return Behind(check.releases(), check.records(pointers))


class _Comparison:
    """One replica beside its authority."""

    def __init__(self, authority: Registry, replica: Store, name: str, report: Report) -> None:
        self._authority = authority
        self._replica = replica
        self._name = name
        self._report = report

    # -- versions ----------------------------------------------------------------------------------------------------

    def releases(self) -> list[Named]:
        """Compare every version; returns those that the replica lacks."""
        there = _names(self._replica)
        every = sorted(there | _names(self._authority.store), key=lambda name: (name[0], version_key(name[1])))
        missing: list[Named] = []
        for names in self._report.batches(f"versions of {self._name}", every):
            replica, authority = read_each(self._replica, names), read_each(self._authority.store, names)
            for (named, theirs), (_, ours) in zip(list(replica), authority, strict=True):
                self._report.checked["compared"] += 1
                if self._lacks(named, theirs, ours):
                    missing.append(named)
        return missing

    def _lacks(self, named: Named, theirs: StoredRelease, ours: StoredRelease) -> bool:
        """Whether the replica is behind in this version; what is wrong is reported."""
        if theirs is None:
            return ours is not None and not self._foreign(named, ours)
        if isinstance(theirs, Corrupt):
            self._differs(named, f"cannot be read there: {theirs.message}")
        elif ours is None or self._foreign(named, ours):
            if not self._foreign(named, theirs):
                self._ahead(named)
        elif isinstance(theirs, Foreign):
            self._differs(named, f"is {theirs.reason} there, which stands in the way of the release")
        elif isinstance(ours, bytes) and theirs != ours:
            self._differs(named, "is another release there, under the same name")
        return False

    def _foreign(self, named: Named, stored: bytes | Foreign | Corrupt) -> bool:
        """Whether it is no release of this registry; what cannot be read may be one."""
        if isinstance(stored, Corrupt):
            return False
        try:
            return isinstance(self._authority.verified_release(*named, stored), Foreign)
        except RepointError:
            return False

    def _differs(self, named: Named, what: str) -> None:
        message = f"it {what}; nothing is overwritten: find out which of the two is right before you remove the other"
        self._report.add(1, "replica-differs", self._place(place_of(named)), message)

    def _ahead(self, named: Named) -> None:
        message = (
            "the authority has no such version, but it is there: the authority lost it, or somebody published past "
            "it (an old clone, an authority restored from a backup); nothing is overwritten and nothing is taken over: "
            "find out who published it"
        )
        self._report.add(1, "replica-ahead", self._place(place_of(named)), message)

    def _place(self, what: str) -> str:
        return f"{what} in {self._name}"

    # -- ledgers -----------------------------------------------------------------------------------------------------

    def pointers(self) -> dict[EnvironmentName, int | None]:
        """The newest generation of each of the replica's environments; None, and reported, where it cannot be read."""
        newest: dict[EnvironmentName, int | None] = {}
        for environment in self._replica.environments():
            found = _newest(self._replica, environment)
            if isinstance(found, Unreadable):
                message = f"its newest record cannot be read there: {found.reason}"
                self._report.add(4, "replica-differs", self._place(environment), message)
            newest[environment] = None if isinstance(found, Unreadable) else found
        return newest

    def records(self, pointers: dict[EnvironmentName, int | None]) -> dict[EnvironmentName, int]:
        """Compare every ledger; returns how many records the replica lacks of each."""
        behind: dict[EnvironmentName, int] = {}
        names = {*pointers, *self._authority.store.environments()}
        for environment in sorted(names):
            ours, theirs = _newest(self._authority.store, environment), pointers.get(environment, -1)
            if isinstance(ours, Unreadable) or theirs is None:  # the authority's own check reports the one of them
                continue
            end = -1 if ours is None else ours
            missing = self._compare(environment, min(theirs, end) + 1) + max(0, end - theirs)
            if theirs > end:
                self._records_ahead(environment, end + 1, theirs)
            if missing:
                behind[environment] = missing
        return behind

    def _compare(self, environment: EnvironmentName, end: int) -> int:
        """Compare the generations below ``end``; returns how many are missing from the replica."""
        kinds = list(self._compared(environment, end))
        for kind, first, last in _stretches(kinds):
            if kind == "differs":
                self._records_differ(environment, first, last)
            elif kind == "ahead":
                self._records_ahead(environment, first, last)
        return kinds.count("behind")

    def _compared(self, environment: EnvironmentName, end: int) -> Iterator[str]:
        replica = LedgerReader(self._replica, environment, self._replica.read_record)
        ours = self._authority.store
        authority = LedgerReader(ours, environment, ours.read_record)
        for generations in self._report.batches(f"records of {environment} in {self._name}", range(end)):
            first, last = generations[0], generations[-1] + 1
            pairs = list(zip(replica.some(first, last), authority.some(first, last), strict=True))
            self._report.checked["compared"] += len(pairs)
            yield from (_judged(*pair) for pair in pairs)
            if len(pairs) == BATCH and all(pair == (None, None) for pair in pairs):
                return  # a pointer that claims generations which nobody has

    def _records_differ(self, environment: EnvironmentName, first: int, last: int) -> None:
        message = (
            f"{_many(first, last)} other bytes there than in the authority: somebody moved one of them by itself (a "
            "push to the branch, an old copy put back); nothing is overwritten: compare the two histories, the "
            "authority's is what production reads"
        )
        self._report.add(4, "replica-differs", self._place(f"{environment} generation {first}"), message)

    def _records_ahead(self, environment: EnvironmentName, first: int, last: int) -> None:
        message = (
            f"{_many(first, last)} a record there that the authority lacks: an older copy of the authority was put "
            "back, its record was lost, or somebody moved the replica by itself; nothing is overwritten and nothing is "
            "taken over: find out which, production goes by the authority meanwhile"
        )
        self._report.add(3, "replica-ahead", self._place(f"{environment} generation {first}"), message)


def _names(store: Store) -> set[Named]:
    return {(agent, version) for agent, versions in store.versions().items() for version in versions}


def _newest(store: Store, environment: EnvironmentName) -> int | Unreadable | None:
    """The generation of an environment's pointer, None where it has none."""
    try:
        pointer: Pointer | None = store.read_pointer(environment)
        if pointer is None:
            return None
        return read_document(pointer.content, Record, Record.LIMIT, f"the pointer of {environment}").generation
    except Corrupt as error:
        return unreadable(error)
    except StoreUnavailable as error:
        if error.kind != "newer-format":
            raise
        return Unreadable("corrupt", error.message)


def _judged(theirs: Stored, ours: Stored) -> str:
    if theirs is None:
        return "behind" if ours is not None else "same"
    if ours is None:
        return "ahead"
    if isinstance(ours, Unreadable):  # the authority's own check reports it
        return "same"
    return "same" if theirs == ours else "differs"


def _stretches(kinds: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Runs of the same kind, with their first and last place."""
    first = 0
    for at in range(1, len(kinds) + 1):
        if at == len(kinds) or kinds[at] != kinds[first]:
            yield kinds[first], first, at - 1
            first = at


def _many(first: int, last: int) -> str:
    return f"generations {first} to {last} have" if last > first else f"generation {first} has"
