"""What changed in the model, the configuration and the required agents of two versions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from repoint.changes import Difference
from repoint.componentrules import judged
from repoint.errors import InvalidInput
from repoint.jsonviews import equal_values, number
from repoint.requires import narrows, parse_range
from repoint_schemas.documents import AgentName, Model

_STAGES = {"latest", "preview", "exp", "experimental", "beta", "alpha", "rc", "stable"}
_OUTPUT_KEYS = {
    "response_format", "response_schema", "response_mime_type", "output", "output_format", "output_schema",
    "output_type",
}  # fmt: skip
_TOOL_KEYS = {"tools", "allowed_tools", "enabled_tools"}
_TIMING = (
    r"timeouts?(_.+)?|.+_timeout(_(seconds|secs|s|ms|millis))?|retry|retries|(max_)?retry_.+|max_retries|backoff(_.+)?"
)
_LIMIT = (
    r"max_((output|completion|new|input|prompt|context)_)?tokens|max_(iterations|steps|turns|rounds|loops|depth)"
    r"|max_(tool_|function_|api_|parallel_|concurrent_)*(calls|requests|uses)|max_concurrency|rate_limit(_.+)?"
    r"|(requests|tokens)_per_(second|minute|hour|day)|[rt]pm"
)
_SAMPLING_KEYS = {"temperature", "top_p", "seed", "stop"}
_REGIONS = re.compile(r"(?:us-gov|us|eu|apac|global|jp|au|ca|sa|me|af)\.(?=[a-z0-9]+\.)")


def model_family(name: str) -> tuple[str, ...]:
    """What stays of a model's name once its version is left out: words without a digit, sizes, no stage or region.

    ``claude-sonnet-4-5-20250929`` and ``claude-3-5-sonnet`` are both claude sonnet, ``llama-3.1-70b`` is llama 70b,
    ``us.anthropic.claude-opus-4-1-20250805-v1:0`` anthropic claude opus. Letters before a number tell lines apart
    (``o3`` and ``deepseek-r1`` are o and deepseek r), and so does the generation of a GPT, ``gpt-4o-mini`` is gpt 4o
    mini: GPT-4, GPT-4o and GPT-5 take other parameters (OpenAI docs, Models).
    """
    words = [word for word in re.split(r"[^0-9a-z]+", _REGIONS.sub("", name.strip().lower())) if word]
    kept = [_family_word(before, word) for before, word in zip(["", *words], words, strict=False)]
    return tuple(word for word in kept if word)


def _family_word(before: str, word: str) -> str:
    """What a word says of the family; nothing where it says a version, a date or a stage."""
    if before == "gpt" and (generation := re.match(r"35|[0-9]{1,2}[a-z]*", word)):
        return "3" if generation[0] == "35" else generation[0]
    word = re.sub(r"(?<=[a-z]{3})[0-9]+$", "", word)
    if re.fullmatch(r"(?!v)[a-z][0-9]{1,2}", word):
        return word[0]
    says = not re.search("[0-9]", word) or re.fullmatch(r"[0-9]+x?[0-9]*b", word) is not None
    return word if says and word not in _STAGES else ""


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
        if not equal_values(was, becomes):
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
    if path[-1] in _TOOL_KEYS and isinstance(old, list | None) and isinstance(new, list | None):
        kept = all(each in (new or []) for each in old or [])
        return "config-tool-added" if kept else "config-tool-removed"
    if re.fullmatch(_TIMING, path[0]):
        return "config-timing"
    own = len(path) == 1 or path[0] == "limits"
    was, becomes = number(old), number(new)
    if own and was is not None and becomes is not None and re.fullmatch(_LIMIT, path[-1]):
        return "config-limit-raised" if becomes > was else "config-limit-lowered"
    return "config-sampling" if path[0] in _SAMPLING_KEYS else "config-changed"
