"""Release and snapshot judged as documents, wherever they are stored: do they belong there, are they the ones released?

Promises 1 and 10. Bytes are hashed before they are decoded, and a snapshot whose digest is wrong is not decoded at all.
"""

from __future__ import annotations

from repoint.names import version_key
from repoint.snapshot import snapshot_problems
from repoint.verifyclaims import Case, Claim, Named, document_finding, place_of
from repoint.verifyreport import Report
from repoint_schemas.canonical import DocumentError, decode, digest_of
from repoint_schemas.documents import Release, Snapshot


class DocumentCheck:
    """Checks documents of one registry; ``claims`` and ``damaged`` grow as releases are read.

    ``carrier`` is what holds a release in the store at hand, as messages call it.
    """

    def __init__(self, report: Report, registry: str, carrier: str) -> None:
        self.damaged: set[Named] = set()
        self.claims: list[Claim] = []
        self._report = report
        self._registry = registry
        self._carrier = carrier

    def release(self, name: Named, document: bytes) -> Release | None:
        """The release of a version; None, and noted as damage, where it is not one of this version."""
        try:
            release = decode(document, Release, limit=Release.LIMIT)
        except DocumentError as error:
            self.damage(name, *document_finding(error), f"its release document cannot be accepted: {error}")
            return None
        if (release.registry, release.agent, release.version) != (self._registry, *name):
            found = f"the release {place_of((release.agent, release.version))} of {release.registry}"
            self.damage(name, 1, "misplaced-release", f"{self._carrier} carries {found}")
            return None
        return release

    def damage(self, name: Named, promise: int, kind: str, message: str) -> None:
        """Note a version whose release cannot be had."""
        self.damaged.add(name)
        self._report.add(promise, kind, place_of(name), message)

    def parent(self, case: Case) -> None:
        """Check the parent that a release names, and hear the release as a witness to it."""
        parent = case.release.parent
        if parent is None:
            return
        if version_key(parent.version) >= version_key(case.release.version):
            message = f"it names {parent.version} as its parent, which is not below it"
            self._report.add(1, "parent-wrong", case.place, message)
        name = (case.release.agent, parent.version)
        self.claims.append(Claim(name, f"{case.place} names it as parent", digest=parent.release))

    def broken(self, case: Case, kind: str, message: str, promise: int = 1) -> None:
        """Note a version that cannot be loaded whole."""
        case.whole = False
        self._report.add(promise, kind, case.place, message)

    def snapshot(self, case: Case, content: bytes) -> None:
        """Check a snapshot's bytes; the case has it afterwards if it is the one released."""
        if (digest := digest_of(content)) != case.release.snapshot:
            message = f"its snapshot is {digest}, but {case.release.snapshot} was released"
            self.broken(case, "snapshot-changed", message)
            return
        try:
            snapshot = decode(content, Snapshot, limit=Snapshot.LIMIT)
        except DocumentError as error:
            promise, kind = document_finding(error)
            self.broken(case, kind, f"its snapshot cannot be accepted: {error}", promise)
            return
        self._report.checked["snapshots"] += 1
        if snapshot.agent != case.release.agent:
            self.broken(case, "misplaced-snapshot", f"its snapshot is one of the agent {snapshot.agent}")
        elif problems := snapshot_problems(snapshot):
            message = f"its snapshot names what cannot be a file of it: {'; '.join(problems[:3])}; do not export it"
            self.broken(case, "unsafe-path", message, 10)
        else:
            case.snapshot, case.snapshot_bytes = snapshot, content
