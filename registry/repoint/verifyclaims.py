"""What is known of each version, and what bears witness to it: is the release that stood there still the one there?

Promise 1. A version that is gone leaves no trace under its own name, so everything that ever named it is collected
first (its children, the ledgers, this clone's memory) and judged last, against what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from repoint.gitobjects import ObjectId
from repoint.verifyreport import Report
from repoint_schemas.canonical import Digest, DocumentError
from repoint_schemas.documents import AgentName, Release, Snapshot, Version

Named = tuple[AgentName, Version]


class Known(msgspec.Struct, frozen=True):
    """A version whose release document is sound; ``whole``: a reader could load all of it. Git ids where Git has it."""

    digest: Digest
    snapshot: Digest
    whole: bool
    tag: ObjectId | None = None
    commit: ObjectId | None = None


class Claim(msgspec.Struct, frozen=True):
    """Something says that a release stood under a name: with this digest, as this tag object, on this commit."""

    name: Named
    who: str
    digest: Digest | None = None
    tag: ObjectId | None = None
    commit: ObjectId | None = None

    def fits(self, known: Known) -> bool:
        """Whether it speaks of the release that is there."""
        said = (self.digest or known.digest, self.tag or known.tag, self.commit or known.commit)
        return said == (known.digest, known.tag, known.commit)


class Case(msgspec.Struct):
    """One version while it is being checked."""

    name: Named
    release: Release
    digest: Digest
    snapshot: Snapshot | None = None
    snapshot_bytes: bytes = b""
    whole: bool = True

    @property
    def place(self) -> str:
        """What findings call it."""
        return place_of(self.name)


Remedy = Callable[[Named, Collection[Claim]], str]
"""What to do about a version that is not there as it was; begins with a semicolon."""


class Witnesses:
    """Collects claims; ``judge`` reports each version that is not what they say.

    ``thing`` is what carries a release in the store at hand, as messages call it.
    """

    def __init__(self, report: Report, thing: str, remedy: Remedy) -> None:
        self.claims: dict[Named, list[Claim]] = {}
        self._report = report
        self._thing = thing
        self._remedy = remedy

    def add(self, claims: Iterable[Claim]) -> None:
        """Hear more witnesses."""
        for claim in claims:
            self.claims.setdefault(claim.name, []).append(claim)

    def judge(self, known: Mapping[Named, Known], foreign: Mapping[Named, str], damaged: Collection[Named]) -> None:
        """Report what was replaced and what is gone; ``damaged`` versions were reported already."""
        for name, claims in self.claims.items():
            if name in known:
                self._compare(name, known[name], claims)
            elif name in foreign:
                then = f"{self._thing} is {foreign[name]} now, but a release stood there"
                self._add("release-replaced", name, then, claims)
            elif name not in damaged:
                self._add("release-missing", name, f"{self._thing} is gone", claims)

    def _compare(self, name: Named, known: Known, claims: Collection[Claim]) -> None:
        wrong = [claim for claim in claims if not claim.fits(known)]
        if wrong:
            self._add("release-replaced", name, f"its release is {known.digest} now, another than before", wrong)

    def _add(self, kind: str, name: Named, what: str, claims: Collection[Claim]) -> None:
        message = f"{what}: {_said(claims)}{self._remedy(name, claims)}"
        self._report.add(1, kind, place_of(name), message)


def place_of(name: Named) -> str:
    """What findings call a version."""
    return f"{name[0]}@{name[1]}"


def document_finding(error: DocumentError, kind: str = "invalid-document", promise: int = 1) -> tuple[int, str]:
    """Promise and kind of a document that was refused: too large or too deep is promise 10."""
    if error.excessive:
        return 10, "oversized-document"
    return promise, "newer-format" if error.newer else kind


def _said(claims: Iterable[Claim]) -> str:
    named = list(dict.fromkeys(claim.who for claim in claims))
    return "; ".join(named[:3]) + (f"; and {len(named) - 3} more" if len(named) > 3 else "")
