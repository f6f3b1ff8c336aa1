"""Version ranges, as in ``intake = ">=2.0.0,<3.0.0"``: read, satisfied, and compared exactly.

A range is the intersection of its comparators in SemVer order (semver.org, section 11). A pre-release satisfies a range
only if one of its comparators names a pre-release of the same MAJOR.MINOR.PATCH: the rule of npm (node-semver,
"Prerelease Tags") and of Cargo ("Specifying Dependencies"), so that nobody is moved onto a release candidate unasked.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from repoint.errors import InvalidInput
from repoint.names import VersionKey, is_prerelease, is_version, version_key
from repoint_schemas.documents import Version

MAX_LENGTH = 1024
"""Characters of a range; versions of 128 characters leave room for all that is useful."""

_COMPARATOR = re.compile(r"(>=|<=|==|>|<|=|)[ \t]*(.*)", re.DOTALL)
_HOLDS: dict[str, Callable[[VersionKey, VersionKey], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


class Comparator(msgspec.Struct, frozen=True):
    """One bound: ``operator`` is one of >= <= > < =, ``key`` the sort key of ``version``."""

    operator: str
    version: Version
    key: VersionKey


class Range(msgspec.Struct, frozen=True):
    """Versions that satisfy every comparator; no comparator at all (``*``) is every final version."""

    comparators: tuple[Comparator, ...]

    def __str__(self) -> str:
        return ",".join(f"{each.operator}{each.version}" for each in self.comparators) or "*"


@lru_cache(maxsize=4096)
def parse_range(text: str) -> Range:
    """Read comparators (``>=`` ``>`` ``<=`` ``<`` ``=`` ``==``, or a version alone) joined by commas, or ``*``.

    Blanks may surround each part.

    Raises:
        InvalidInput: naming the comparator that is wrong, or saying that no version at all would satisfy the range.
    """
    if len(text) > MAX_LENGTH:
        raise _refusal(text[:40] + "...", f"is longer than {MAX_LENGTH} characters")
    if text.strip(" \t") == "*":
        return Range(())
    parsed = Range(tuple(_comparator(part.strip(" \t"), text) for part in text.split(",")))
    if not any(satisfies(version, parsed) for version in _critical_versions(parsed)):
        raise _refusal(text, "is satisfied by no version at all", "check the order of its bounds")
    return parsed


def satisfies(version: str, wanted: Range) -> bool:
    """Whether a valid version lies within the range; a pre-release only if the range names one of the same triple."""
    key = version_key(version)
    if not all(_HOLDS[each.operator](key, each.key) for each in wanted.comparators):
        return False
    return not is_prerelease(version) or key[:3] in _prerelease_triples(wanted)


def narrows(old: Range, new: Range) -> bool:
    """Whether ``new`` excludes any version that ``old`` allowed.

    Exact, not sampled: whether a version satisfies a range changes only at the ranges' own bounds, so it is enough to
    look at each bound and at the first final version and the first admissible pre-releases above each.
    """
    return any(satisfies(each, old) and not satisfies(each, new) for each in _critical_versions(old, new))


def _comparator(part: str, text: str) -> Comparator:
    match = _COMPARATOR.fullmatch(part)
    sign, version = (match[1], match[2]) if match else ("", part)
    if not part:
        raise _refusal(text, "has an empty part" if text.strip() else "is empty", "write * for any version")
    if not is_version(version):
        raise _refusal(text, f"is not valid: {part!a}", _advice(sign, version))
    return Comparator("=" if sign in ("", "==") else sign, Version(version), version_key(version))


def _advice(sign: str, version: str) -> str:
    if version[:1] in ("^", "~", "!") or "||" in version or "*" in version or " - " in version:
        return "only >= > <= < and = are known, joined by commas: write ^1.2.0 as >=1.2.0,<2.0.0"
    if re.fullmatch(r"v?[0-9]+(\.[0-9]+)?", version, re.ASCII):
        numbers = version.removeprefix("v")
        return f"write all three numbers: {sign}{numbers}{'.0' * (2 - numbers.count('.'))}"
    if is_version(version.removeprefix("v")):
        return f"write it without the v: {sign}{version.removeprefix('v')}"
    if re.search(r"\s", version):
        return "join comparators with commas, as in >=2.0.0,<3.0.0"
    return "write comparators as in >=2.0.0,<3.0.0"


def _refusal(text: str, what: str, hint: str | None = None) -> InvalidInput:
    return InvalidInput(f"the version range {text!a} {what}", kind="invalid-range", hint=hint)


def _prerelease_triples(wanted: Range) -> set[tuple[int, int, int]]:
    return {each.key[:3] for each in wanted.comparators if is_prerelease(each.version)}


def _critical_versions(*ranges: Range) -> Iterator[str]:
    """One version of every stretch of the SemVer order over which all ranges answer alike."""
    triples = {triple for each in ranges for triple in _prerelease_triples(each)}
    yield "0.0.0"
    for major, minor, patch in triples:
        yield f"{major}.{minor}.{patch}-0"  # the lowest pre-release of the triple
    for bound in (comparator.version for each in ranges for comparator in each.comparators):
        yield bound
        core, dash, _ = bound.partition("-")
        major, minor, patch = map(int, core.split("."))
        if dash:
            yield core  # the first final version above a pre-release
            yield f"{bound}.0"  # the first pre-release above a pre-release
        else:
            yield f"{major}.{minor}.{patch + 1}"  # the first final version above a final one
