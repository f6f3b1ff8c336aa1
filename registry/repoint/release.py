"""The next version of an agent, and the release document that gives a snapshot this version.

Pure: what is taken, the time and the identity come in as arguments. Promise 1 begins here, since a version is never
decided twice in different ways: the plan is a function of the taken versions and of what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from repoint.bump import infer, is_below, next_version
from repoint.changes import Difference
from repoint.errors import AlreadyExists, InvalidInput, UsageError
from repoint.names import is_prerelease, parse_version, version_key
from repoint.stamps import checked_identity, checked_message, checked_ticket, time_text
from repoint.store import Draft
from repoint_schemas.canonical import Digest, encode
from repoint_schemas.documents import AgentName, Bump, Identity, ParentRelease, Release, Source, Version

_SERIES = re.compile(r"[0-9]*[A-Za-z-][0-9A-Za-z-]*", re.ASCII)


class Wish(msgspec.Struct, frozen=True):
    """What was asked for: a level, a version, or neither (``--bump auto``); ``pre`` names a series, as ``rc``."""

    level: Bump | None = None
    version: Version | None = None
    pre: str | None = None
    allow_underbump: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The version to publish; ``level`` and ``inferred`` are None for the first version, or where nothing differs.

    ``series`` is the newest pre-release of the same series, for whoever wants to know whether it has the same content.
    """

    version: Version
    base: Version | None
    level: Bump | None
    inferred: Bump | None
    series: Version | None = None


def parent_of(version: Version, taken: Iterable[Version]) -> Version | None:
    """The highest of the taken versions below this one, pre-releases included: the parent in the agent's history."""
    key = version_key(version)
    return _highest(each for each in taken if version_key(each) < key)


def base_of(taken: Iterable[Version], version: Version | None = None) -> Version | None:
    """The version that a new one is compared with: the highest final one, or where there is none the highest at all.

    With ``version`` only versions below it count (an explicit version, as of a hotfix line).
    """
    below = [each for each in taken if version is None or version_key(each) < version_key(version)]
    return _highest(each for each in below if not is_prerelease(each)) or _highest(below)


def plan_version(
    taken: Sequence[Version], base: Version | None, differences: Sequence[Difference], wish: Wish
) -> Plan | None:
    """Decide the next version; None where nothing differs from the base and no version was asked for.

    ``base`` is ``base_of(taken, wish.version)`` or what ``--base`` names, and ``differences`` compares with it. The
    version may be taken already (an explicit one, or a hotfix of an old base): the caller then compares contents.

    Raises:
        AlreadyExists: a pre-release of a final version that is published already.
        UsageError: a level and a version at once, or a pre-release series for a version that is a pre-release.
        InvalidInput: the bump promises less than the differences do (``under-bump``), or the series has no valid name.
    """
    _check_wish(wish)
    inferred = infer(list(differences)) if base is not None else None
    if wish.version is not None:
        level = _level_of(wish.version, base, differences, wish)
        target = wish.version
    elif base is None:
        level, target = None, next_version(None, "minor")
    elif inferred is None and not (is_prerelease(base) and wish.pre is None):
        return None
    else:
        level = _chosen_level(inferred, differences, wish)
        target = next_version(base, level or "patch")
    if wish.pre is None:
        return Plan(target, base, level, inferred)
    if target in taken:
        hint = "name a higher --version for the pre-release"
        raise AlreadyExists(
            f"{target} is published already, so it has no more pre-releases", kind="final-taken", hint=hint
        )
    newest = _newest_of_series(target, wish.pre, taken)
    return Plan(_numbered(target, wish.pre, newest), base, level, inferred, newest)


def build_release(
    *,
    agent: AgentName,
    version: Version,
    snapshot: Digest,
    registry: str,
    author: Identity,
    time: int,
    message: str,
    parent: ParentRelease | None,
    bump: Bump | None,
    ticket: str | None = None,
    source: Source | None = None,
) -> Draft:
    """The release document and its canonical bytes; ``time`` is Unix seconds. Raises: InvalidInput."""
    document = Release(
        agent=agent,
        author=checked_identity(author.name, author.email),
        bump=bump,
        message=checked_message(message),
        parent=parent,
        registry=registry,
        snapshot=snapshot,
        source=source,
        ticket=checked_ticket(ticket),
        time=time_text(time),
        version=parse_version(version),
    )
    return Draft(document, encode(document))


def _highest(versions: Iterable[Version]) -> Version | None:
    return max(versions, key=version_key, default=None)


def _check_wish(wish: Wish) -> None:
    if wish.version is None:
        pass
    elif wish.level is not None:
        raise UsageError("a bump and a version were both given", kind="bump-and-version", hint="give one of them")
    elif wish.pre is not None and is_prerelease(wish.version):
        hint = "give the final version and --pre, or the whole pre-release without --pre"
        raise UsageError(f"{wish.version} is a pre-release already", kind="pre-of-prerelease", hint=hint)
    if wish.pre is not None and not _SERIES.fullmatch(wish.pre):
        raise InvalidInput(
            f"{wish.pre!a} cannot name a series of pre-releases", kind="invalid-pre", hint="use a word, as in --pre rc"
        )


def _chosen_level(inferred: Bump | None, differences: Sequence[Difference], wish: Wish) -> Bump | None:
    if wish.level is None:
        return inferred
    if is_below(wish.level, inferred) and not wish.allow_underbump:
        raise _under_bump(f"a {wish.level} bump", inferred, differences)
    return wish.level


def _level_of(version: Version, base: Version | None, differences: Sequence[Difference], wish: Wish) -> Bump | None:
    """The level of an explicit version: what its numbers say, or what the differences say if the numbers allow it."""
    if base is None:
        return None
    inferred = infer(list(differences))
    said = _said(base, version)
    if inferred is None or not is_below(said, inferred):
        return said
    if version_key(_core(version)) >= version_key(next_version(base, inferred)):
        return inferred
    if not wish.allow_underbump:
        raise _under_bump(f"{version} after {base}", inferred, differences)
    return said


def _said(base: Version, version: Version) -> Bump | None:
    before, after = version_key(base)[:3], version_key(version)[:3]
    if after < before:
        return None
    return "major" if after[0] > before[0] else "minor" if after[1] > before[1] else "patch"


def _under_bump(what: str, inferred: Bump | None, differences: Sequence[Difference]) -> InvalidInput:
    reasons = [_reason(each) for each in differences if each.impact == inferred]
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    return InvalidInput(
        f"{what} is less than the {inferred} bump that the changes ask for: {shown}",
        kind="under-bump",
        hint=f"publish it with --bump {inferred}, or with --allow-underbump if nobody relies on it",
        inferred=inferred,
        reasons=reasons,
    )


def _reason(each: Difference) -> str:
    return f"{each.component} {each.name}: {f'{each.where}: ' if each.where else ''}{each.reason}"


def _core(version: Version) -> Version:
    return Version(version.partition("-")[0])


def _newest_of_series(target: Version, pre: str, taken: Iterable[Version]) -> Version | None:
    series = re.compile(rf"{re.escape(f'{target}-{pre}')}\.(0|[1-9][0-9]*)", re.ASCII)
    return _highest(each for each in taken if series.fullmatch(each))


def _numbered(target: Version, pre: str, newest: Version | None) -> Version:
    number = int(newest.rpartition(".")[2]) + 1 if newest else 1
    return parse_version(f"{target}-{pre}.{number}")
