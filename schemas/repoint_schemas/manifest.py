"""The manifest ``agent.toml`` (``repoint.manifest/1``) as every command reads it: strict, fast, all or nothing.

Start-up is the cost of every command, so these structs only accept or refuse. Where they refuse, ``manifest_explained``
says what is wrong, all of it at once; a test shows that both accept the same. The checks themselves are shared: each
returns what is wrong with one value, or None.

Only what holds for a manifest by itself is checked here. What needs a file, a version range or a policy (paths,
``requires``, floating model names) is checked where that is known. Known configuration keys are typed, all others are
kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from repoint_schemas.canonical import Part

IntegrationKind = Literal["openapi", "mcp", "function", "http"]

SCHEMA = "repoint.manifest/1"

# Compiled on first use (``re`` keeps them): most manifests have no need of some of them.
AGENT = r"[a-z0-9][a-z0-9-]{0,62}"
COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"
"""The name of a prompt or an integration."""
_VARIABLE = r"[A-Z_][A-Z0-9_]{0,127}"
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_SCHEMES = ("http", "https", "ws", "wss", "stdio", "grpc", "grpcs")


def check_line(text: str) -> str | None:
    """A text that says something, in one line."""
    if not text.strip():
        return "must not be empty"
    if text != text.strip() or re.search(_CONTROL, text):
        return "must be one line without surrounding blanks or control characters"
    return None


def check_url(text: str) -> str | None:
    """The address of an integration. What is wrong never repeats it: it may carry a password."""
    from urllib.parse import urlsplit

    refusal = "must be a URL as in https://payments.acme.example/v1"
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in _SCHEMES or not (parts.netloc or parts.path) or parts.port == 0
    except ValueError:
        return refusal
    if wrong or check_line(text):
        return refusal
    return "must not carry a user or a password; name it in secrets instead" if "@" in parts.netloc else None


def check_secret_name(text: str) -> str | None:
    """The name of an environment variable. What is wrong never repeats it: it may be a secret."""
    if re.fullmatch(_VARIABLE, text):
        return None
    return "must be the name of an environment variable as in PAYMENTS_API_KEY, never the secret itself"


def check_distinct(names: Sequence[str]) -> str | None:
    """The secrets of an integration together."""
    return None if len(set(names)) == len(names) else "must not name anything twice"


def _refuse(check: Callable[[str], str | None], texts: Iterable[str]) -> None:
    for text in texts:
        if problem := check(text):
            raise ValueError(problem)


def _require_names(pattern: str, names: Iterable[str]) -> None:
    for name in names:
        if not re.fullmatch(pattern, name):
            raise ValueError(f"must match {pattern}")


class AgentSection(Part, frozen=True):
    """``[agent]``: who this is, and who answers for it."""

    name: str
    description: str = ""
    owners: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_names(AGENT, [self.name])
        _refuse(check_line, self.owners)


class ModelSection(Part, frozen=True):
    """``[model]``: the provider and the pinned name of the model."""

    provider: str
    name: str

    def __post_init__(self) -> None:
        _refuse(check_line, (self.provider, self.name))


class IntegrationSection(Part, frozen=True):
    """``[integrations.NAME]``: one tool, server or API; ``secrets`` holds names only, never values."""

    kind: IntegrationKind
    endpoint: str | None = None
    spec: Annotated[str, Meta(min_length=1)] | None = None
    secrets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse(check_url, [] if self.endpoint is None else [self.endpoint])
        _refuse(check_secret_name, self.secrets)
        if problem := check_distinct(self.secrets):
            raise ValueError(problem)


class RetrySection(Struct, frozen=True):
    """``[config.retry]``: times in seconds."""

    max_attempts: Annotated[int, Meta(ge=1)] | None = None
    initial_seconds: Annotated[float, Meta(ge=0)] | None = None
    max_seconds: Annotated[float, Meta(ge=0)] | None = None
    multiplier: Annotated[float, Meta(ge=1)] | None = None
    jitter: bool | Annotated[float, Meta(ge=0, le=1)] | None = None


class ConfigSection(Struct, frozen=True):
    """``[config]``: known keys are typed, others are kept as they are, but not here."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    timeout_seconds: Annotated[float, Meta(gt=0)] | None = None
    retry: RetrySection | None = None


class Manifest(Part, frozen=True, tag_field="schema", tag=SCHEMA):
    """A whole ``agent.toml``."""

    agent: AgentSection
    model: ModelSection
    prompts: dict[str, Annotated[str, Meta(min_length=1)]] = field(default_factory=dict)
    integrations: dict[str, IntegrationSection] = field(default_factory=dict)
    config: ConfigSection = ConfigSection()
    requires: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_names(COMPONENT, (*self.prompts, *self.integrations))
