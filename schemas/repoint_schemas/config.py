"""The configuration ``repoint.toml`` (``repoint.config/1``) as every command reads it: strict, fast, all or nothing.

Start-up is the cost of every command, so these structs only accept or refuse. Where they refuse, ``config_explained``
says what is wrong, all of it at once; a test shows that both accept the same. The checks themselves are shared: each
returns what is wrong with one value, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from repoint_schemas.canonical import MEBIBYTE, Part

Authority = Literal["local", "git", "s3"]

SCHEMA = "repoint.config/1"
MAX_COUNT = 2**53 - 1
MAX_TEXT = 1000
"""Characters of any text in the configuration."""

Check = Callable[[str], str | None]

# Compiled on first use (``re`` keeps them): most configurations have no need of most of them.
_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
_ENVIRONMENT = r"[a-z][a-z0-9-]{0,62}"
_RESERVED = ("latest", "working", "registry")
_REGISTRY_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_REMOTE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_BUCKET_URL = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=-]+)*"
_ENDPOINT = r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9_.~/-]*)?"
_REGION = r"[a-z0-9][a-z0-9-]{0,62}"
_RULE = r"[a-z][a-z0-9-]{0,62}"
_CONTROL = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


def check_registry_id(text: str) -> str | None:
    """A UUID as ``uuid.uuid4()`` is written."""
    return None if re.fullmatch(_REGISTRY_ID, text) else "must be a UUID in lower case, as repoint init writes it"


def check_glob(text: str) -> str | None:
    """A pattern of folders below the root, one level a ``/``."""
    parts = text.split("/")
    if re.search(_CONTROL, text) or "\\" in text or len(text) > MAX_TEXT:
        return "must be a relative pattern with / between folders, as in agents/*"
    if text.startswith("/") or re.match("[A-Za-z]:", text):
        return "must be relative to the folder of repoint.toml"
    if ".." in parts or "**" in text or {"", "."} & set(parts):
        return "must not hold an empty folder, . or .. or **: write one * for each level"
    if {part.casefold() for part in parts} & {".git", ".repoint"}:
        return "must not lead into .git or .repoint"
    return None


def check_environment(text: str) -> str | None:
    """The name of an environment."""
    if text in _RESERVED:
        return f"is reserved, as are {', '.join(_RESERVED)}"
    if not re.fullmatch(_ENVIRONMENT, text):
        return "must be 1 to 63 of a-z, 0-9 and '-', beginning with a letter"
    return None


def check_agent(text: str) -> str | None:
    """The name of an agent."""
    if re.fullmatch(_NAME, text):
        return None
    return "must be 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit"


def check_remote(text: str) -> str | None:
    """The name of a remote; never an address, which could name a program to run."""
    if re.fullmatch(_REMOTE, text) and ".." not in text and not text.endswith((".", ".lock")):
        return None
    return "must be the name of a Git remote, as in origin, not an address"


def check_bucket_url(text: str) -> str | None:
    """Bucket and prefix."""
    dots = {".", ".."} & set(text.split("/"))
    if re.fullmatch(_BUCKET_URL, text) and not dots and ".." not in text and len(text) <= MAX_TEXT:
        return None
    return "must be s3://BUCKET/PREFIX without a / at the end"


def check_endpoint(text: str) -> str | None:
    """The address of an S3 service, without credentials."""
    if re.fullmatch(_ENDPOINT, text) and len(text) <= MAX_TEXT:
        return None
    return "must be an address as in https://s3.example.com, without user, password or query"


def check_region(text: str) -> str | None:
    """A region's name."""
    return None if re.fullmatch(_REGION, text) else "must be a region, as in eu-central-1"


def check_rule(text: str) -> str | None:
    """The name of a rule of ``repoint check``."""
    return None if re.fullmatch(_RULE, text) else "must be the name of a rule, as in floating-model"


def check_line(text: str) -> str | None:
    """A text that says something, in one line."""
    if not text.strip():
        return "must not be empty"
    if re.search(_CONTROL, text) or len(text) > MAX_TEXT:
        return f"must be one line of at most {MAX_TEXT} characters without control characters"
    return None


def check_count(number: int) -> str | None:
    """A limit."""
    return None if 1 <= number <= MAX_COUNT else "must be 1 or more, and at most 2^53 - 1"


def check_environments(names: Sequence[str]) -> str | None:
    """The environments together."""
    if not names:
        return "must name at least one environment"
    return None if len(set(names)) == len(names) else "must not name anything twice"


def check_globs(patterns: Sequence[str]) -> str | None:
    """The patterns of agents' folders together."""
    return None if patterns else "must name at least one folder, as in agents/*"


def check_default(default: str, environments: Sequence[str]) -> str | None:
    """The default environment among the environments."""
    if default in environments:
        return None
    return f"{default!a} is not one of the environments ({', '.join(environments)})"


def check_authority(authority: str, *, git: bool, s3: bool) -> str | None:
    """The authority and the tables that must be there for it."""
    if authority == "git" and not git:
        return 'is "git", so a table [git] with the remote is needed'
    if authority == "s3" and not s3:
        return 'is "s3", so a table [s3] with the url is needed'
    return None


def _refuse(problems: Iterable[str | None]) -> None:
    for problem in problems:
        if problem is not None:
            raise ValueError(problem)


class RegistrySection(Part, frozen=True):
    """Which registry this is, where its agents and environments are, and who decides."""

    id: str
    environments: tuple[str, ...]
    authority: Authority
    agents: tuple[str, ...] = ("agents/*",)
    default_environment: str = "production"

    def __post_init__(self) -> None:
        _refuse([check_registry_id(self.id), check_environments(self.environments), check_globs(self.agents)])
        _refuse(map(check_environment, self.environments))
        _refuse(map(check_glob, self.agents))
        _refuse([check_default(self.default_environment, self.environments)])


class GitSection(Part, frozen=True):
    """The shared Git remote: the authority, or a replica."""

    remote: str

    def __post_init__(self) -> None:
        _refuse([check_remote(self.remote)])


class S3Section(Part, frozen=True):
    """The bucket and prefix; ``path_style`` None leaves the kind of address to the store."""

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    path_style: bool | None = None

    def __post_init__(self) -> None:
        _refuse([check_bucket_url(self.url)])
        optional = ((check_endpoint, self.endpoint_url), (check_region, self.region), (check_line, self.profile))
        _refuse(check(text) for check, text in optional if text is not None)


class Limits(Part, frozen=True):
    """Bytes of a file, files of a snapshot, and bytes of a snapshot."""

    file_bytes: int = 64 * MEBIBYTE
    files: int = 2000
    snapshot_bytes: int = 512 * MEBIBYTE

    def __post_init__(self) -> None:
        _refuse(map(check_count, (self.file_bytes, self.files, self.snapshot_bytes)))


class Allowance(Part, frozen=True):
    """A finding that ``repoint check`` leaves out, for one agent or (None) for all, and why."""

    rule: str
    reason: str
    agent: str | None = None

    def __post_init__(self) -> None:
        _refuse([check_rule(self.rule), check_line(self.reason)])
        _refuse([None if self.agent is None else check_agent(self.agent)])


class Config(Part, frozen=True, tag_field="schema", tag=SCHEMA):
    """The whole of ``repoint.toml``."""

    registry: RegistrySection
    git: GitSection | None = None
    s3: S3Section | None = None
    limits: Limits = Limits()
    allow: tuple[Allowance, ...] = ()

    def __post_init__(self) -> None:
        _refuse([check_authority(self.registry.authority, git=self.git is not None, s3=self.s3 is not None)])
