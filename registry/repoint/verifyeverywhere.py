"""Every promise over every store of a registry: the one that decides, and each replica beside it.

A replica is judged twice: whether it is whole by itself, and whether it is the authority's beginning. One that is only
behind breaks no promise and is told as that; one that cannot be reached is told, too. One that holds anything else is a
finding, and stays as it is.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from repoint.authority import GIT
from repoint.errors import Corrupt, RepointError
from repoint.registry import Registry
from repoint.replicas import RemoteReplica, Replica, StoreReplica, replicas_of
from repoint.verify import verify
from repoint.verifyreplica import compare_replica
from repoint.verifyreport import Progress, Report
from repoint.verifystore import verify_store
from repoint.workspace import Workspace
from repoint_schemas.results import VerifyFinding, VerifyResult


class _Everything:
    """What was found in all stores."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.findings: list[VerifyFinding] = []
        self.foreign: list[str] = []
        self.behind: dict[str, int] = {}
        self.unreachable: list[str] = []

    def add(self, result: VerifyResult, store: str | None = None) -> None:
        """Take in one store's result; what concerns a replica says which."""
        self.checked.update(
            result.checked if store is None else {f"{k} ({store})": v for k, v in result.checked.items()}
        )
        self.findings += [_in(store, finding) for finding in result.findings]
        self.foreign += [name for name in result.foreign if name not in self.foreign]


def verify_everywhere(workspace: Workspace, *, deep: bool, progress: Progress | None) -> VerifyResult:
    """``verify``, where more than the local repository is to be looked at. Raises: as there, for the authority."""
    found = _Everything()
    found.add(_authority(workspace, found, deep=deep, progress=progress))
    for replica in replicas_of(workspace):
        try:
            _check(workspace, replica, found, deep=deep, progress=progress)
        except RepointError as error:
            if isinstance(error, Corrupt):
                found.findings.append(_finding(replica.name, error))
            else:
                found.unreachable.append(f"{replica.name}: {error.message}")
    findings = sorted(found.findings, key=lambda finding: finding.promise)
    return VerifyResult(dict(found.checked), findings, deep, found.foreign, found.behind, found.unreachable)


def _authority(workspace: Workspace, found: _Everything, *, deep: bool, progress: Progress | None) -> VerifyResult:
    if workspace.registry.authority == GIT:
        try:
            getattr(workspace.store, "bring_up", int)()
        except Corrupt as error:
            found.findings.append(_finding(workspace.store.name, error))
        return verify(workspace, deep=deep, progress=progress)
    if workspace.store is workspace.local:
        return verify(workspace, deep=deep, progress=progress)
    names = workspace.config.registry.environments if workspace.config else ()
    return verify_store(
        workspace.registry,
        deep=deep,
        progress=progress,
        environments=[e for e in workspace.known_environments() if e in names or not names],
        limits=workspace.limits(),
        allowed=workspace.allowed_rules,
    )


def _check(
    workspace: Workspace, replica: Replica, found: _Everything, *, deep: bool, progress: Progress | None
) -> None:
    if isinstance(replica, RemoteReplica):
        missing = replica.missing()
        if missing:
            found.behind[replica.name] = missing
        return
    assert isinstance(replica, StoreReplica)
    report = Report(progress)
    lacks = compare_replica(workspace.registry, replica.target.store, replica.name, report)
    found.add(VerifyResult(dict(report.checked), list(report.findings), deep, []), replica.name)
    if lacks:
        found.behind[replica.name] = len(lacks.releases) + sum(lacks.records.values())
    found.add(_alone(workspace, replica.target, deep=deep, progress=progress), replica.name)


def _alone(workspace: Workspace, target: Registry, *, deep: bool, progress: Progress | None) -> VerifyResult:
    """A replica by itself; only an environment that it does not have yet is no damage there."""
    if target.store is workspace.local:
        result = verify(workspace, deep=deep, progress=progress, follows=True)
    else:
        result = verify_store(target, deep=deep, progress=progress, limits=workspace.limits())
    return msgspec.structs.replace(result, findings=[f for f in result.findings if f.kind != "pointer-missing"])


def _in(store: str | None, finding: VerifyFinding) -> VerifyFinding:
    if store is None or finding.place.startswith(store):
        return finding
    return VerifyFinding(finding.promise, finding.kind, f"{store}: {finding.place}", finding.message)


def _finding(place: str, error: Corrupt) -> VerifyFinding:
    promise = error.facts.get("promise")
    return VerifyFinding(promise if isinstance(promise, int) else 4, error.kind, place, error.message)
