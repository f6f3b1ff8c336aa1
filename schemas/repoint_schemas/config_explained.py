"""The same configuration as ``config``, in pydantic: imported only to explain a refusal and to publish the JSON Schema.

Every problem is found at once. The checks are those of ``config``, so the two cannot disagree about a value; a test
compares them on whole documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from repoint_schemas import config as plain

T = TypeVar("T")


def _checked(check: Callable[[T], str | None]) -> AfterValidator:
    def validate(value: T) -> T:
        if problem := check(value):
            raise PydanticCustomError("refused", "{problem}", {"problem": problem})
        return value

    return AfterValidator(validate)


def _misplaced(key: str, problem: str) -> PydanticCustomError:
    """A problem between two values, reported at the key that is to be changed."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "key": key})


RegistryId = Annotated[str, _checked(plain.check_registry_id), Field(json_schema_extra={"format": "uuid"})]
Glob = Annotated[str, _checked(plain.check_glob)]
Environment = Annotated[str, _checked(plain.check_environment)]
Agent = Annotated[str, _checked(plain.check_agent)]
Remote = Annotated[str, _checked(plain.check_remote)]
BucketUrl = Annotated[str, _checked(plain.check_bucket_url)]
Endpoint = Annotated[str, _checked(plain.check_endpoint)]
Region = Annotated[str, _checked(plain.check_region)]
Rule = Annotated[str, _checked(plain.check_rule)]
Line = Annotated[str, _checked(plain.check_line)]
Count = Annotated[int, _checked(plain.check_count), Field(json_schema_extra={"minimum": 1})]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class RegistryTable(_Table):
    """Which registry this is, where its agents and environments are, and who decides."""

    id: RegistryId = Field(description="The registry's UUID, written once by repoint init.")
    environments: Annotated[list[Environment], _checked(plain.check_environments)] = Field(
        description="The environments that versions are promoted to."
    )
    authority: plain.Authority = Field(description="The one store that decides: this repository, its remote, or S3.")
    agents: Annotated[list[Glob], _checked(plain.check_globs)] = Field(
        default=["agents/*"], description="Folders that hold an agent.toml, relative to this file."
    )
    default_environment: str = Field(default="production", description="What rollback moves unless --env is given.")

    @model_validator(mode="after")
    def _check_default(self) -> RegistryTable:
        if problem := plain.check_default(self.default_environment, self.environments):
            raise _misplaced("default_environment", problem)
        return self


class GitTable(_Table):
    """The shared Git remote: the authority, or a replica."""

    remote: Remote = Field(description="The name of the Git remote.")


class S3Table(_Table):
    """The bucket and prefix."""

    url: BucketUrl = Field(description="s3://BUCKET/PREFIX")
    endpoint_url: Endpoint | None = Field(default=None, description="The address of another S3 service.")
    region: Region | None = Field(default=None, description="The bucket's region.")
    profile: Line | None = Field(default=None, description="The profile of the AWS configuration to use.")
    path_style: bool | None = Field(default=None, description="Whether the bucket stands in the path of addresses.")


class LimitsTable(_Table):
    """What a version may hold at most."""

    file_bytes: Count = Field(default=plain.Limits().file_bytes, description="Bytes of one file.")
    files: Count = Field(default=plain.Limits().files, description="Files of one version.")
    snapshot_bytes: Count = Field(default=plain.Limits().snapshot_bytes, description="Bytes of one version.")


class AllowTable(_Table):
    """A finding of repoint check that is left out, and why."""

    rule: Rule = Field(description="The rule of repoint check.")
    reason: Line = Field(description="Why it is allowed, and who reviewed it.")
    agent: Agent | None = Field(default=None, description="The one agent it is allowed for; all where it is missing.")


class ConfigFile(_Table):
    """The configuration of a Repoint registry, repoint.toml."""

    schema_: Literal["repoint.config/1"] = Field(alias="schema", description="The format of this file.")
    registry: RegistryTable
    git: GitTable | None = None
    s3: S3Table | None = None
    limits: LimitsTable = LimitsTable()
    allow: list[AllowTable] = Field(default=[])

    @model_validator(mode="after")
    def _check_authority(self) -> ConfigFile:
        if problem := plain.check_authority(self.registry.authority, git=self.git is not None, s3=self.s3 is not None):
            raise _misplaced("registry.authority", problem)
        return self
