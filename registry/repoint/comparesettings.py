"""What changed in the model, the configuration and the required agents of two versions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from repoint.changes import Difference, same_value
from repoint.componentrules import judged
from repoint.errors import InvalidInput
from repoint.requires import narrows, parse_range
from repoint_schemas.documents import AgentName, Model

_STAGES = {"latest", "preview", "exp", "experimental", "beta", "alpha", "rc", "stable"}
_OUTPUT_KEYS = {"response_format", "output_schema", "output"}
_TIMING_KEYS = {"timeout_seconds", "retry"}
_SAMPLING_KEYS = {"temperature", "top_p", "seed", "stop"}
_REGIONS = re.compile(r"(?:us-gov|us|eu|apac|global|jp|au|ca|sa|me|af)\.(?=[a-z0-9]+\.)")


def model_family(name: str) -> tuple[str, ...]:
    """What stays of a model's name once its version is left out: words without a digit, sizes, no stage or region.

    ``claude-sonnet-4-5-20250929`` and ``claude-3-5-sonnet`` are both claude sonnet, ``gpt-4o-mini`` is gpt mini,
    ``llama-3.1-70b`` is llama 70b, ``us.anthropic.claude-opus-4-1-20250805-v1:0`` anthropic claude opus.
    """
    words = [word for word in re.split(r"[^0-9a-z]+", _REGIONS.sub("", name.strip().lower())) if word]
    first = words[0] if words else ""
    reasoning = ("o",) if re.fullmatch(r"o[0-9]", first) else ()
    kept = (re.sub(r"(?<=[a-z]{3})[0-9]+$", "", word) for word in words)
    return reasoning + tuple(word for word in kept if _says_family(word))


def _says_family(word: str) -> bool:
    return word not in _STAGES and (not re.search("[0-9]", word) or re.fullmatch(r"[0-9]+x?[0-9]*b", word) is not None)


def compare_models(old: Model, new: Model) -> Iterator[Difference]:
    """Provider and name of the model."""
    if old.provider != new.provider:
        yield judged("model", "provider", "model-provider", old.provider, new.provider)
    if old.name == new.name:
        return
    before, after = model_family(old.name), model_family(new.name)
    if before == after:
        yield judged("model", "name", "model-version", old.name, new.name)
        return
    reason = f"another model family ({' '.join(before) or 'unnamed'} -> {' '.join(after) or 'unnamed'})"
    yield judged("model", "name", "model-family", old.name, new.name, reason=reason)


def compare_requires(old: Mapping[AgentName, str], new: Mapping[AgentName, str]) -> Iterator[Difference]:
    """The version ranges of other agents."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield _required(name, before, after)


def _required(name: AgentName, old: str | None, new: str | None) -> Difference:
    if old is None:
        return judged("requires", name, "requires-added", None, new)
    if new is None:
        return judged("requires", name, "requires-removed", old, None)
    try:
        before, after = parse_range(old), parse_range(new)
    except InvalidInput:
        return judged("requires", name, "requires-narrowed", old, new, reason="the ranges cannot be compared")
    rule = "requires-narrowed" if narrows(before, after) else "requires-layout"
    if rule == "requires-layout" and narrows(after, before):
        rule = "requires-widened"
    return judged("requires", name, rule, old, new)


def compare_config(old: dict[str, object], new: dict[str, object]) -> Iterator[Difference]:
    """Every value of the configuration that differs, by its dotted path."""
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    for path in sorted(before.keys() | after.keys()):
        was, becomes = before.get(path), after.get(path)
        if not same_value(was, becomes):
            yield judged("config", ".".join(path), _config_rule(path, was, becomes), was, becomes)


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that is not a table with keys, by its path. There are no nulls: TOML has none."""
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _config_rule(path: tuple[str, ...], old: object, new: object) -> str:
    if path[0] in _OUTPUT_KEYS:
        return "config-output"
    if path[0] in _TIMING_KEYS:
        return "config-timing"
    if path == ("max_tokens",) and isinstance(old, int | float) and isinstance(new, int | float):
        return "config-limit-raised" if new > old else "config-limit-lowered"
    return "config-sampling" if path[0] in _SAMPLING_KEYS else "config-changed"
