"""Every promise over a whole registry by its documents alone, in any store.

What ``repoint verify`` says of S3. Pointers are read before the versions are listed, and what this clone remembers
before those, so that a publish or a move under way meanwhile is not taken for damage. Nothing is written, no cache is
trusted, and no damage stops it; a store that cannot be reached does (``StoreUnavailable``).
What it cannot see: a change to a document whose digest nothing else holds, which is the newest record in a clone that
never saw it, and a release that was neither made live nor built upon. A replica tells those (``verifyreplica``).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from repoint.agentfiles import Limits
from repoint.errors import Corrupt
from repoint.names import YANK_LEDGER
from repoint.registry import Registry
from repoint.store import Pointer
from repoint.verifyclaims import Case, Claim, Named, Witnesses, place_of
from repoint.verifycontents import AllowedRules, ContentsCheck
from repoint.verifyrecords import RecordCheck, Registered
from repoint.verifyreport import Progress, Report, Unreadable, unreadable
from repoint.verifystoreledger import StoredLedger
from repoint.verifystorereleases import RESTORE, StoredContents, StoredReleases
from repoint_schemas.documents import EnvironmentName
from repoint_schemas.results import VerifyResult


def verify_store(
    registry: Registry,
    *,
    deep: bool = False,
    progress: Progress | None = None,
    environments: Collection[EnvironmentName] = (),
    limits: Limits | None = None,
    allowed: AllowedRules = lambda _agent: (),
) -> VerifyResult:
    """Check every promise; ``deep`` also reads, hashes and lints every file. The result lists every violation.

    ``environments`` are those that should be there: only by its name is a pointer missed that is gone. ``limits`` and
    ``allowed`` are those of the configuration.

    Raises:
        StoreUnavailable: the store cannot be reached.
    """
    report = Report(progress)
    contents = ContentsCheck(report, limits or Limits(), allowed) if deep else None
    foreign = _Run(registry, report, contents).everything(environments)
    if contents is not None:
        contents.close()
    found = sorted(report.findings, key=lambda finding: finding.promise)
    return VerifyResult(dict(report.checked), found, deep, [place_of(name) for name in foreign])


class _Run:
    """One run over one store."""

    def __init__(self, registry: Registry, report: Report, contents: ContentsCheck | None) -> None:
        self._registry = registry
        self._store = registry.store
        self._report = report
        self._contents = contents
        self._marks = registry.state.marks() if registry.state else {}
        deep = None if contents is None else self._check_contents
        self._releases = StoredReleases(self._store, report, registry.id, deep)
        self._witnesses = Witnesses(report, "its release", _restore)

    def everything(self, environments: Collection[EnvironmentName]) -> list[Named]:
        """All checks in order; returns the foreign versions."""
        names = {YANK_LEDGER, *environments, *self._marks, *self._store.environments()}
        pointers = {environment: self._pointer(environment) for environment in sorted(names)}
        versions = self._store.versions()
        self._releases.run((agent, version) for agent, found in versions.items() for version in found)
        self._witnesses.add(self._releases.documents.claims)
        self._check_ledgers(pointers)
        releases = self._releases
        self._witnesses.judge(releases.known, releases.foreign, releases.documents.damaged)
        return sorted(releases.foreign.keys() - self._witnesses.claims.keys())

    def _pointer(self, environment: EnvironmentName) -> Pointer | Unreadable | None:
        try:
            return self._store.read_pointer(environment)
        except Corrupt as error:
            return unreadable(error)

    def _check_contents(self, files: StoredContents, case: Case) -> None:
        if self._contents is not None:
            self._contents.check(case, files)

    def _check_ledgers(self, pointers: dict[EnvironmentName, Pointer | Unreadable | None]) -> None:
        registry = self._registry
        known = Registered(registry.id, registry.authority, self._releases.known, None, {})
        yanks = self._check_ledger(YANK_LEDGER, known, pointers.pop(YANK_LEDGER))
        known = msgspec.structs.replace(known, yanked=yanks.yanked if yanks.complete else None)
        for environment, pointer in pointers.items():
            self._check_ledger(environment, known, pointer)

    def _check_ledger(
        self, environment: EnvironmentName, known: Registered, pointer: Pointer | Unreadable | None
    ) -> RecordCheck:
        check = StoredLedger(self._store, self._report, known, environment, self._marks.get(environment))
        check.run(pointer)
        self._report.checked["environments"] += pointer is not None
        self._witnesses.add(check.records.claims)
        return check.records


def _restore(name: Named, claims: Collection[Claim]) -> str:
    del name, claims
    return f"; {RESTORE}"
