"""The version bump that differences ask for, and the version that it leads to."""

from __future__ import annotations

from collections.abc import Iterable

from repoint.changes import RANK, Difference, highest
from repoint_schemas.documents import Bump, Version


def infer(differences: Iterable[Difference]) -> Bump | None:
    """The bump that the differences ask for: the highest of their impacts, None where there are none."""
    return highest([each.impact for each in differences])


def is_below(level: Bump | None, other: Bump | None) -> bool:
    """Whether a bump promises less than another; no bump at all is the least."""
    return RANK[level] < RANK[other]


def next_version(base: Version | None, level: Bump) -> Version:
    """The final version that a bump of this level leads to; 0.1.0 where there is no base.

    Below 1.0.0 a major change bumps the minor. A pre-release leads to its own final version where that is bump enough.
    """
    if base is None:
        return Version("0.1.0")
    import semver

    version = semver.Version.parse(base)
    part = "minor" if level == "major" and version.major == 0 else level
    return Version(str(version.next_version(part)))
