"""The manifest ``agent.toml`` (``repoint.manifest/1``) as people write it: strict types, unknown keys refused.

Only what holds for a manifest by itself is checked here. What needs a file, a version range or a policy (paths,
``requires``, floating model names) is checked where that is known. Known configuration keys are typed, all others are
kept as they are.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

IntegrationKind = Literal["openapi", "mcp", "function", "http"]

_SECRET_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEMES = ("http", "https", "ws", "wss", "stdio", "grpc", "grpcs")


def _whole(value: object) -> object:
    """TOML's ``3.0`` is the number 3: canonical JSON writes both the same way."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if text != text.strip() or _CONTROL.search(text):
        raise ValueError("must be one line without surrounding blanks or control characters")
    return text


def _url(text: str) -> str:
    """Refuse what is no URL, without repeating it: it may carry a password."""
    try:
        parts = urlsplit(_one_line(text))
        if parts.scheme not in _SCHEMES or not (parts.netloc or parts.path) or parts.port == 0:
            raise ValueError(text)
    except ValueError:
        raise ValueError("must be a URL as in https://payments.acme.example/v1") from None
    if "@" in parts.netloc:
        raise ValueError("must not carry a user or a password; name it in secrets instead")
    return text


def _secret_name(text: str) -> str:
    """Refuse anything but the name of an environment variable, without repeating what may be a secret."""
    if not _SECRET_NAME.fullmatch(text):
        raise ValueError("must be the name of an environment variable as in PAYMENTS_API_KEY, never the secret itself")
    return text


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("must not name anything twice")
    return names


ComponentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")]
"""The name of a prompt or an integration."""

Line = Annotated[str, AfterValidator(_one_line)]
Url = Annotated[str, AfterValidator(_url)]
Path = Annotated[str, Field(min_length=1)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
WholeNumber = Annotated[int, BeforeValidator(_whole)]
Lines = Annotated[tuple[Line, ...], Field(strict=False)]
Secrets = Annotated[tuple[SecretName, ...], Field(strict=False), AfterValidator(_distinct)]
StopTexts = Annotated[tuple[str, ...], Field(strict=False)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class _OpenSection(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="allow", strict=True, defer_build=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class AgentSection(_Section):
    """``[agent]``: who this is, and who answers for it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    description: str = ""
    owners: Lines = ()


class ModelSection(_Section):
    """``[model]``: the provider and the pinned name of the model."""

    provider: Line
    name: Line


class IntegrationSection(_Section):
    """``[integrations.NAME]``: one tool, server or API; ``secrets`` holds names only, never values."""

    kind: IntegrationKind
    endpoint: Url | None = None
    spec: Path | None = None
    secrets: Secrets = ()


class RetrySection(_OpenSection):
    """``[config.retry]``: times in seconds."""

    max_attempts: Annotated[WholeNumber, Field(ge=1)] | None = None
    initial_seconds: Annotated[float, Field(ge=0)] | None = None
    max_seconds: Annotated[float, Field(ge=0)] | None = None
    multiplier: Annotated[float, Field(ge=1)] | None = None
    jitter: bool | Annotated[float, Field(ge=0, le=1)] | None = None


class ConfigSection(_OpenSection):
    """``[config]``: known keys are typed, others are kept as they are."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[WholeNumber, Field(ge=1)] | None = None
    stop: str | StopTexts | None = None
    seed: WholeNumber | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] | None = None
    retry: RetrySection | None = None


class Manifest(_Section):
    """A whole ``agent.toml``."""

    schema_: Annotated[Literal["repoint.manifest/1"], Field(alias="schema")]
    agent: AgentSection
    model: ModelSection
    prompts: dict[ComponentName, Path] = {}
    integrations: dict[ComponentName, IntegrationSection] = {}
    config: ConfigSection = Field(default_factory=ConfigSection)
    requires: dict[str, str] = {}
