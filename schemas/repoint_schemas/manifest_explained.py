"""The same manifest as ``manifest``, in pydantic: imported only to explain a refusal and to publish the JSON Schema.

Every problem is found at once. The checks are those of ``manifest``, so the two cannot disagree about a value; a test
compares them on whole documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from repoint_schemas import manifest as plain

T = TypeVar("T")


def _checked(check: Callable[[T], str | None]) -> AfterValidator:
    def validate(value: T) -> T:
        if problem := check(value):
            raise ValueError(problem)
        return value

    return AfterValidator(validate)


def _whole(value: object) -> object:
    """TOML's ``3.0`` is the number 3: canonical JSON writes both the same way."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


ComponentName = Annotated[str, Field(pattern=f"^{plain.COMPONENT}$")]
"""The name of a prompt or an integration."""

Line = Annotated[str, _checked(plain.check_line)]
Url = Annotated[str, _checked(plain.check_url)]
Path = Annotated[str, Field(min_length=1)]
SecretName = Annotated[str, _checked(plain.check_secret_name)]
WholeNumber = Annotated[int, BeforeValidator(_whole)]
Lines = Annotated[tuple[Line, ...], Field(strict=False)]
Secrets = Annotated[tuple[SecretName, ...], Field(strict=False), _checked(plain.check_distinct)]
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

    name: Annotated[str, Field(pattern=f"^{plain.AGENT}$")]
    description: str = ""
    owners: Lines = ()


class ModelSection(_Section):
    """``[model]``: the provider and the pinned name of the model."""

    provider: Line
    name: Line


class IntegrationSection(_Section):
    """``[integrations.NAME]``: one tool, server or API; ``secrets`` holds names only, never values."""

    kind: plain.IntegrationKind
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
