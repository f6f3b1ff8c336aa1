"""Names from outside: agents, environments, versions and references, checked before anything else sees them.

Promise 10 begins here: a name that has passed one of these functions cannot leave its place in a path, a ref or a
command line. Versions are SemVer 2.0.0 without build metadata (semver.org); ordering follows its section 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from repoint.errors import InvalidInput
from repoint_schemas.documents import AgentName, EnvironmentName, Version

YANK_LEDGER = EnvironmentName("registry")
"""The reserved ledger whose holds are the yanked versions."""

RESERVED_ENVIRONMENTS = ("latest", "working", "registry")
MAX_VERSION_LENGTH = 128

_AGENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?", re.ASCII)

_TAGS = rf"refs/tags/(?<![^ \n]refs/tags/)(%s)@v({_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z.-]+)?)$"
# A name begins its line, or follows an object id and a blank, which no name can hold. It begins with what is searched
# for, since that is found three times as fast as the beginning of a line.

VersionKey = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


class Ref(msgspec.Struct, frozen=True):
    """A parsed ``REF``: one of a version, an environment (``~back`` moves earlier), ``latest`` or the working copy."""

    agent: AgentName
    version: Version | None = None
    environment: EnvironmentName | None = None
    back: int = 0
    latest: bool = False

    @property
    def working(self) -> bool:
        """True for a bare ``AGENT``: the working copy."""
        return self.version is None and self.environment is None and not self.latest


def parse_agent(text: str) -> AgentName:
    """Check an agent's name. Raises: InvalidInput."""
    if not _AGENT.fullmatch(text):
        raise InvalidInput(
            f"{_quoted(text)} is not an agent name",
            kind="invalid-agent-name",
            hint="use 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit, as in refund-eu",
        )
    return AgentName(text)


def parse_environment(text: str) -> EnvironmentName:
    """Check an environment's name. Raises: InvalidInput."""
    if not is_environment(text):
        raise InvalidInput(
            f"{_quoted(text)} is not an environment name",
            kind="invalid-environment-name",
            hint="use 1 to 63 of a-z, 0-9 and '-', beginning with a letter, as in production",
        )
    if text in RESERVED_ENVIRONMENTS:
        raise InvalidInput(
            f"{_quoted(text)} is reserved and cannot name an environment",
            kind="reserved-environment-name",
            hint=f"the reserved names are {', '.join(RESERVED_ENVIRONMENTS)}",
        )
    return EnvironmentName(text)


def is_environment(text: str) -> bool:
    """Whether the text can name an environment or a reserved ledger."""
    return _ENVIRONMENT.fullmatch(text) is not None


def parse_version(text: str) -> Version:
    """Check a version: strict SemVer 2.0.0, at most 128 characters, no build metadata. Raises: InvalidInput."""
    if is_version(text):
        return Version(text)
    hint = "write MAJOR.MINOR.PATCH, optionally with a pre-release, as in 1.2.0 or 2.0.0-rc.1"
    if is_version(f"{text}.0"):
        hint = f"write all three numbers, as in {text}.0"
    if "+" in text:
        hint = "build metadata (+...) is refused: it does not take part in the order of versions"
    elif is_version(text.removeprefix("v")):
        hint = f"write it without the v: {text.removeprefix('v')}"
    elif text.endswith(".lock"):
        hint = "Git cannot store a tag whose name ends in .lock"
    raise InvalidInput(f"{_quoted(text)} is not a version", kind="invalid-version", hint=hint)


def is_version(text: str) -> bool:
    """Whether the text is a version that can be published."""
    return len(text) <= MAX_VERSION_LENGTH and not text.endswith(".lock") and _VERSION.fullmatch(text) is not None


def versions_in(listing: str, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
    """Agents (or one of them) and their versions in a list of tags, one ``refs/tags/AGENT@vVERSION`` a line.

    An object id may stand before the name, as in Git's packed-refs; every other line is passed over.
    One expression finds them all, since a registry may have 100,000.
    """
    taken: dict[AgentName, list[Version]] = {}
    pattern = _TAGS % (agent or _AGENT.pattern)
    for name, version in re.findall(pattern, listing, re.ASCII | re.MULTILINE):
        if (len(version) <= MAX_VERSION_LENGTH and "-" not in version) or is_version(version):
            taken.setdefault(name, []).append(version)
    return taken


def version_key(version: str) -> VersionKey:
    """The sort key of a valid version (SemVer section 11); a final version sorts above its pre-releases."""
    if "-" not in version:
        major, minor, patch = version.split(".")
        return (int(major), int(minor), int(patch), 1, ())
    core, _, pre = version.partition("-")
    major, minor, patch = core.split(".")
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in pre.split("."))
    return (int(major), int(minor), int(patch), 0, parts)


def highest_first(versions: Iterable[Version], limit: int | None = None) -> list[Version]:
    """Valid versions from the highest down (SemVer section 11), at most ``limit`` of them.

    Final versions are read as numbers all at once: of 10,000, a key for each would take longer than Git takes to list
    them.
    """
    finals: list[Version] = []
    others: list[Version] = []
    for version in versions:
        (others if "-" in version else finals).append(version)
    numbers = f"[[{'],['.join(finals).replace('.', ',')}]]" if finals else "[]"
    ordered = sorted(msgspec.json.decode(numbers, type=list[tuple[int, int, int]]), reverse=True)[:limit]
    highest = [Version(f"{major}.{minor}.{patch}") for major, minor, patch in ordered]
    return sorted([*highest, *others], key=version_key, reverse=True)[:limit] if others else highest


def is_prerelease(version: str) -> bool:
    """Whether the version has a pre-release part, as 2.0.0-rc.1 has."""
    return "-" in version


def parse_ref(text: str) -> Ref:
    """Read a REF: ``AGENT``, ``AGENT@1.2.0``, ``AGENT@production``, ``AGENT@production~2`` or ``AGENT@latest``.

    Raises:
        InvalidInput: naming the part that is wrong.
    """
    name, at, rest = text.partition("@")
    agent = parse_agent(name)
    if not at:
        return Ref(agent)
    if rest == "latest":
        return Ref(agent, latest=True)
    if rest[:1].isdigit() or is_version(rest.removeprefix("v")):
        return Ref(agent, version=parse_version(rest))
    environment, tilde, steps = rest.partition("~")
    if tilde and not is_number_of_moves(steps):
        raise InvalidInput(
            f"{_quoted(text)}: after ~ comes a number of moves",
            kind="invalid-ref",
            hint=f"as in {agent}@{environment or 'production'}~1",
        )
    return Ref(agent, environment=parse_environment(environment), back=int(steps or 0))


def is_number_of_moves(text: str) -> bool:
    """Whether the text can stand after ``~``: how many moves earlier."""
    return re.fullmatch("[0-9]{1,7}", text, re.ASCII) is not None


def _quoted(text: str) -> str:
    """The name for a message: in ASCII, and not all of it where it is far too long."""
    return ascii(text if len(text) <= MAX_VERSION_LENGTH else text[:60] + "..." + text[-20:])
