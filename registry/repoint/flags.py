"""A provider for OpenFeature: what is live, as flags, for applications that ask for their settings that way.

Flags of an agent: ``AGENT`` is its version (as a text) or everything (as an object); ``AGENT.model``,
``AGENT.provider``, ``AGENT.prompts.NAME``, ``AGENT.config.KEY`` and below are what they say. The variant is always the
version, so telemetry of flag evaluations says which version answered. An extra: ``pip install 'repoint[openfeature]'``.

Source: OpenFeature specification, sections 2 (providers) and 5 (events).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from repoint.active import FEATURE_FLAG_PROVIDER, Active
from repoint.errors import InvalidInput, NotFound
from repoint.follower import Change
from repoint.reader import Reader

V = TypeVar("V")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class OpenFeatureProvider(AbstractProvider):
    """Flags of one environment, from a reader; the reader is the caller's to close."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._remove: Callable[[], None] | None = None

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name=FEATURE_FLAG_PROVIDER)

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin to tell of changes."""
        del evaluation_context
        if self._remove is None:
            self._remove = self._reader.on_change(self._changed)

    def shutdown(self) -> None:
        """Stop telling of changes."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A flag that is true or false."""
        del default_value, evaluation_context
        return self._resolved(flag_key, bool)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A text; of an agent its version."""
        del default_value, evaluation_context
        if "." not in flag_key:
            active = self._active(flag_key)
            return self._details(str(active.version), active)
        return self._resolved(flag_key, str)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        del default_value, evaluation_context
        return self._resolved(flag_key, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A number."""
        del default_value, evaluation_context
        found = self._resolved(flag_key, float, int)
        found.value = float(found.value)
        return found

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        """A table or a list; of an agent everything."""
        del default_value, evaluation_context
        if "." not in flag_key:
            active = self._active(flag_key)
            return self._details(cast("Structure", active.to_dict()), active)
        return cast("FlagResolutionDetails[Structure]", self._resolved(flag_key, dict, list))

    def _resolved(self, flag_key: str, *kinds: type[V]) -> FlagResolutionDetails[V]:
        agent, _, rest = flag_key.partition(".")
        active = self._active(agent)
        value = _value(active, rest.split("."), flag_key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeMismatchError(f"{flag_key} is a {type(value).__name__}")
        return self._details(value, active)

    def _active(self, agent: str) -> Active:
        try:
            return self._reader.active(agent)
        except NotFound as error:
            raise FlagNotFoundError(error.message) from error

    def _details(self, value: V, active: Active) -> FlagResolutionDetails[V]:
        stale = self._reader.staleness
        return FlagResolutionDetails(
            value=value,
            reason=Reason.STATIC if stale.reason is None else Reason.STALE,
            variant=active.version,
            flag_metadata={
                "environment": str(active.environment),
                "generation": active.generation,
                "digest": str(active.digest),
            },
        )

    def _changed(self, change: Change) -> None:
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=list(change.agents)))


def _value(active: Active, path: Sequence[str], flag_key: str) -> object:
    """What a path below an agent names. Raises: FlagNotFoundError, TypeMismatchError."""
    match list(path):
        case ["model"]:
            return active.model.name
        case ["provider"]:
            return active.model.provider
        case ["prompts", name] if name in active.prompts:
            try:
                return active.prompts[name].text
            except InvalidInput as error:
                raise TypeMismatchError(error.message) from error
        case ["config", *keys]:
            found: object = active.config.to_dict()
            for key in keys:
                if not isinstance(found, dict) or key not in found:
                    raise FlagNotFoundError(f"{active!r} has no {flag_key}")
                found = found[key]
            return found
        case _:
            pass
    raise FlagNotFoundError(f"{active!r} has no {flag_key}")
