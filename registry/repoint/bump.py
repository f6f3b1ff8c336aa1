"""What changed between two snapshots, coarsely, and the version bump that follows from it.

The table is that of the documentation, "What a version number says about an agent": major breaks what others rely on,
minor changes behaviour, patch is not meant to. Where this comparison cannot tell, it says the higher of the two: an
engineer may lower a bump knowingly, but is never surprised by one. Snapshots that differ yield at least one difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeVar

import msgspec

from repoint.errors import InvalidInput
from repoint.requires import narrows, parse_range
from repoint.speccompare import compare_specs
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import AgentName, Bump, FileEntry, Integration, Model, Snapshot, Version

Component = Literal["model", "integration", "requires", "config", "prompt", "file"]
Kind = Literal["added", "removed", "changed"]
ReadFile = Callable[[FileEntry], bytes]

MAX_TEXT = 4 * MEBIBYTE
"""Bytes of a prompt up to which white space is told apart from text."""

_RANK: dict[Bump | None, int] = {None: 0, "patch": 1, "minor": 2, "major": 3}
_ORDER: tuple[Component, ...] = ("model", "integration", "requires", "config", "prompt", "file")
_STAGES = {"latest", "preview", "exp", "experimental", "beta", "alpha", "rc", "stable"}
_OUTPUT_KEYS = {"response_format", "output_schema", "output"}
_PATCH_KEYS = {"timeout_seconds", "retry"}
_SAMPLING_KEYS = {"temperature", "top_p", "seed", "stop"}

N = TypeVar("N", bound=str)
V = TypeVar("V")


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs; ``old`` and ``new`` are plain values (a file is ``sha256:<hex>``) or None."""

    component: Component
    name: str
    kind: Kind
    impact: Bump
    old: object
    new: object
    reason: str


def compare(old: Snapshot, new: Snapshot, read_old: ReadFile, read_new: ReadFile) -> list[Difference]:
    """Every difference, what matters most to behaviour first. Equal snapshots have none.

    Files are read only where their contents decide the impact (specs, and prompts for white space).
    """
    found = [
        *_compare_model(old.model, new.model),
        *_compare_integrations(old.integrations, new.integrations, read_old, read_new),
        *_compare_requires(old.requires, new.requires),
        *_compare_config(old.config, new.config),
        *_compare_prompts(old.prompts, new.prompts, read_old, read_new),
        *_compare_paths(old, new),
    ]
    if not found and old.manifest != new.manifest:
        reason = "only description, owners, comments or layout of the manifest differ"
        found = [_difference("file", new.manifest.path, "patch", reason, _sha(old.manifest), _sha(new.manifest))]
    return sorted(found, key=lambda each: (_ORDER.index(each.component), each.name))


def infer(differences: list[Difference]) -> Bump | None:
    """The bump that the differences ask for: the highest of their impacts, None where there are none."""
    return max((each.impact for each in differences), key=_RANK.__getitem__, default=None)


def is_below(level: Bump | None, other: Bump | None) -> bool:
    """Whether a bump promises less than another; no bump at all is the least."""
    return _RANK[level] < _RANK[other]


def next_version(base: Version | None, level: Bump) -> Version:
    """The final version that a bump of this level leads to; 0.1.0 where there is no base.

    Below 1.0.0 a major change bumps the minor. A pre-release leads to its own final version where that is bump enough.
    """
    if base is None:
        return Version("0.1.0")
    import semver

    version = semver.Version.parse(base)
    part = "minor" if level == "major" and version.major == 0 else level
    return Version(str(version.next_version(part)))


def model_family(name: str) -> tuple[str, ...]:
    """What stays of a model's name once its version is left out: the words that hold no digit and name no stage.

    ``claude-sonnet-4-5-20250929`` and ``claude-3-5-sonnet`` are both claude sonnet, ``gpt-4o-mini`` is gpt mini.
    """
    words = re.split(r"[^0-9a-z]+", name.lower())
    return tuple(word for word in words if word and not re.search("[0-9]", word) and word not in _STAGES)


def same_value(old: object, new: object) -> bool:
    """Equality of JSON values: 1 is 1.0, but not true."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same_value(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same_value, old, new))
    return isinstance(old, bool) == isinstance(new, bool) and old == new


def _sha(entry: FileEntry | None) -> str | None:
    return f"sha256:{entry.sha256}" if entry else None


def _pairs(old: Mapping[N, V], new: Mapping[N, V]) -> Iterator[tuple[N, V | None, V | None]]:
    for name in sorted(old.keys() | new.keys()):
        yield name, old.get(name), new.get(name)


def _difference(component: Component, name: str, impact: Bump, reason: str, old: object, new: object) -> Difference:
    kind: Kind = "added" if old is None else "removed" if new is None else "changed"
    return Difference(component, name, kind, impact, old, new, reason)


# -- model -----------------------------------------------------------------------------------------------------------


def _compare_model(old: Model, new: Model) -> Iterator[Difference]:
    if old.provider != new.provider:
        yield _difference("model", "provider", "major", "another provider", old.provider, new.provider)
    if old.name == new.name:
        return
    before, after = (" ".join(model_family(each.name)) for each in (old, new))
    if before == after:
        reason = "another version of the same model family"
        yield _difference("model", "name", "minor", reason, old.name, new.name)
    else:
        reason = f"another model family ({before or 'unnamed'} -> {after or 'unnamed'})"
        yield _difference("model", "name", "major", reason, old.name, new.name)


# -- integrations ----------------------------------------------------------------------------------------------------


def _compare_integrations(
    old: dict[str, Integration], new: dict[str, Integration], read_old: ReadFile, read_new: ReadFile
) -> Iterator[Difference]:
    for name, before, after in _pairs(old, new):
        if before is not None and after is not None:
            yield from _compare_integration(name, before, after)
            yield from _compare_spec(f"{name}.spec", before.spec, after.spec, read_old, read_new)
        elif before is not None:
            yield _difference("integration", name, "major", "the integration is gone", before.kind, None)
        elif after is not None:
            yield _difference("integration", name, "minor", "a new integration", None, after.kind)


def _compare_integration(name: str, old: Integration, new: Integration) -> Iterator[Difference]:
    if old.kind != new.kind:
        yield _difference("integration", f"{name}.kind", "major", "another kind of integration", old.kind, new.kind)
    if old.endpoint != new.endpoint:
        yield _difference("integration", f"{name}.endpoint", "minor", "another endpoint", old.endpoint, new.endpoint)
    key, before, after = f"{name}.secrets", set(old.secrets), set(new.secrets)
    for secret in sorted(after - before):
        yield _difference("integration", key, "minor", "a secret that every environment must provide now", None, secret)
    for secret in sorted(before - after):
        yield _difference("integration", key, "minor", "a secret that is not handed over any more", secret, None)
    if before == after and old.secrets != new.secrets:
        yield _difference("integration", key, "patch", "the same secrets, listed another way", old.secrets, new.secrets)


def _compare_spec(
    key: str, old: FileEntry | None, new: FileEntry | None, read_old: ReadFile, read_new: ReadFile
) -> Iterator[Difference]:
    if old is None and new is not None:
        yield _difference("integration", key, "minor", "a description of the contract was added", None, _sha(new))
    elif old is not None and new is None:
        yield _difference("integration", key, "major", "the description of the contract is gone", _sha(old), None)
    elif old is not None and new is not None and old.sha256 != new.sha256:
        impact, reason = _spec_verdict(old, new, read_old, read_new)
        yield _difference("integration", key, impact, reason, _sha(old), _sha(new))


def _spec_verdict(old: FileEntry, new: FileEntry, read_old: ReadFile, read_new: ReadFile) -> tuple[Bump, str]:
    if max(old.size, new.size) > MAX_TEXT:
        return "minor", f"changed; larger than {MAX_TEXT} bytes, so its contract was not compared"
    return compare_specs(read_old(old), read_new(new))


# -- requires and config ---------------------------------------------------------------------------------------------


def _compare_requires(old: Mapping[AgentName, str], new: Mapping[AgentName, str]) -> Iterator[Difference]:
    for name, before, after in _pairs(old, new):
        if before is None:
            yield _difference("requires", name, "major", "another agent is required now", None, after)
        elif after is None:
            yield _difference("requires", name, "minor", "the agent is not required any more", before, None)
        elif before != after:
            impact, reason = _range_verdict(before, after)
            yield _difference("requires", name, impact, reason, before, after)


def _range_verdict(old: str, new: str) -> tuple[Bump, str]:
    try:
        before, after = parse_range(old), parse_range(new)
    except InvalidInput:
        return "major", "the ranges cannot be compared"
    if narrows(before, after):
        return "major", "the range excludes versions that it allowed"
    if narrows(after, before):
        return "minor", "the range allows more versions"
    return "patch", "the same range, written another way"


def _compare_config(old: dict[str, object], new: dict[str, object]) -> Iterator[Difference]:
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    for path in sorted(before.keys() | after.keys()):
        was, becomes = before.get(path), after.get(path)
        if not same_value(was, becomes):
            impact, reason = _config_verdict(path, was, becomes)
            yield _difference("config", ".".join(path), impact, reason, was, becomes)


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that is not a table with keys, by its path. There are no nulls: TOML has none."""
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _config_verdict(path: tuple[str, ...], old: object, new: object) -> tuple[Bump, str]:
    if path[0] in _OUTPUT_KEYS:
        return "major", "the output contract differs"
    if path[0] in _PATCH_KEYS:
        return "patch", "timeouts and retries are not meant to change behaviour"
    if path == ("max_tokens",) and isinstance(old, int | float) and isinstance(new, int | float):
        return ("patch", "the limit was raised") if new > old else ("minor", "the limit was lowered")
    if path[0] in _SAMPLING_KEYS:
        return "minor", "sampling differs"
    return "minor", "behaviour may change"


# -- prompts and files -----------------------------------------------------------------------------------------------


def _compare_prompts(
    old: dict[str, FileEntry], new: dict[str, FileEntry], read_old: ReadFile, read_new: ReadFile
) -> Iterator[Difference]:
    gone = {name: entry for name, entry in sorted(old.items()) if name not in new}
    for name, before, after in _pairs(old, new):
        if before is not None and after is not None and before.sha256 != after.sha256:
            impact, reason = _prompt_verdict(before, after, read_old, read_new)
            yield _difference("prompt", name, impact, reason, _sha(before), _sha(after))
        elif before is None and after is not None:
            former = next((each for each in gone if gone[each].sha256 == after.sha256), None)
            if former is None:
                yield _difference("prompt", name, "minor", "a new prompt", None, _sha(after))
            else:
                del gone[former]
                yield _difference("prompt", name, "minor", f"renamed from {former}, same text", former, name)
    for name, entry in gone.items():
        yield _difference("prompt", name, "minor", "the prompt is gone", _sha(entry), None)


def _prompt_verdict(old: FileEntry, new: FileEntry, read_old: ReadFile, read_new: ReadFile) -> tuple[Bump, str]:
    if max(old.size, new.size) <= MAX_TEXT and _words(read_old(old)) == _words(read_new(new)):
        return "patch", "only white space differs"
    return "minor", "the text differs"


def _words(content: bytes) -> list[str] | list[bytes]:
    try:
        return content.decode("utf-8").split()
    except UnicodeDecodeError:
        return content.split()


def _compare_paths(old: Snapshot, new: Snapshot) -> Iterator[Difference]:
    """Files of the same name and content that lie elsewhere now."""
    for name, before, after in [*_pairs(old.prompts, new.prompts), *_pairs(_specs(old), _specs(new))]:
        if before and after and before.path != after.path and before.sha256 == after.sha256:
            reason = f"the file of {name} was moved, same content"
            yield _difference("file", after.path, "patch", reason, before.path, after.path)


def _specs(snapshot: Snapshot) -> dict[str, FileEntry]:
    return {name: each.spec for name, each in snapshot.integrations.items() if each.spec is not None}
