"""``agent.toml`` -> a validated manifest; every refusal says file, line and key.

This is where people's input is read: all that is wrong with a manifest is reported at once, in the order of the file.
The order of the checks matters: TOML first, then values that canonical JSON cannot hold (their depth bounds everything
that follows), then the model, then what needs other knowledge (the agent asked for, version ranges). Accepting is
fast; only a refusal imports what explains it.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from repoint.agentfiles import MANIFEST, read_bytes
from repoint.errors import InvalidInput
from repoint.names import parse_agent
from repoint.tomlsource import KeyPath, line_of, parse_toml
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import AgentName
from repoint_schemas.manifest import SCHEMA, Manifest

MAX_BYTES = MEBIBYTE
MAX_DEPTH = 60
"""Levels of nesting below the document: a snapshot holds the configuration within its own limit of 64."""

MAX_INTEGER = 2**53 - 1
"""The largest whole number that canonical JSON can hold (RFC 8785, RFC 7493)."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a file: ``key`` as written in TOML, ``line`` from 1."""

    path: str
    line: int | None
    key: str | None
    message: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class WorkingCopy(msgspec.Struct, frozen=True):
    """A manifest as read: ``content`` holds its exact bytes, ``shown`` is what messages call its folder."""

    folder: Path
    shown: str
    agent: AgentName
    manifest: Manifest
    config: dict[str, object]
    content: bytes

    def problem(self, key: KeyPath, message: str) -> Problem:
        """What is wrong with the value of a key, with its line."""
        return Problem(f"{self.shown}/{MANIFEST}", line_of(self.content.decode(), key), written(key), message)


def read_manifest(folder: Path, agent: str | None = None, *, shown: str | None = None) -> WorkingCopy:
    """Read ``agent.toml`` in the folder.

    ``agent`` is the name that it must carry, ``shown`` what messages call the folder (``agents/refund``).

    Raises:
        InvalidInput: everything that is wrong, one line each, with ``facts["problems"]`` (path, line, key, message).
    """
    shown = str(folder) if shown is None else shown
    content = _content(folder, f"{shown}/{MANIFEST}")
    source = _parsed(content, f"{shown}/{MANIFEST}")
    problems = _Problems(f"{shown}/{MANIFEST}", content.decode())
    for key, message in _unstorable(source):
        problems.add(key, message)
    table = source.get("config", {})
    config = _plain_table(table) if isinstance(table, dict) and not problems.found else {}
    manifest = None if problems.found else _accepted(source, config)
    if manifest is not None:
        _check(manifest.agent.name, manifest.requires, agent, problems)
        problems.refuse()
        return WorkingCopy(folder, shown, AgentName(manifest.agent.name), manifest, config, content)
    _explain(source, agent, problems)
    problems.refuse()
    raise _refused_without_reason(shown)


def refuse(problems: list[Problem], kind: str) -> InvalidInput:
    """One error that says all that is wrong, by file and line."""
    ordered = sorted(problems, key=lambda each: (each.path, each.line or 0))
    facts: list[dict[str, str | int | None]] = [
        {"path": each.path, "line": each.line, "key": each.key, "message": each.message} for each in ordered
    ]
    return InvalidInput("\n".join(map(str, ordered)), kind=kind, problems=facts)


def written(path: KeyPath) -> str:
    """A key path as TOML writes it: ``config.retry.max_attempts``, ``agent.owners[1]``, ``prompts."a b"``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            bare = step.isascii() and step.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (step if bare else ascii(step).replace("'", '"'))
    return text


def _content(folder: Path, shown: str) -> bytes:
    try:
        return read_bytes(folder, MANIFEST, limit=MAX_BYTES)
    except InvalidInput as error:
        reason = str(error.facts.get("reason", error.message))
        missing = error.kind == "file-missing"
        hint = error.hint or ("repoint new AGENT writes one to start from" if missing else None)
        refusal = refuse([Problem(shown, None, None, reason)], "manifest-missing" if missing else error.kind)
        refusal.hint = hint
        raise refusal from error


def _parsed(content: bytes, shown: str) -> dict[str, object]:
    try:
        return parse_toml(content, shown)
    except InvalidInput as error:
        line = error.facts.get("line")
        message = error.message.removeprefix(shown).partition(": ")[2]
        problem = Problem(shown, line if isinstance(line, int) else None, None, message)
        error.facts["problems"] = refuse([problem], error.kind).facts["problems"]
        raise


class _Problems:
    def __init__(self, shown: str, text: str) -> None:
        self.shown = shown
        self.text = text
        self.found: dict[KeyPath, str] = {}

    def add(self, key: KeyPath, message: str) -> None:
        if not any(key[:length] in self.found for length in range(1, len(key) + 1)):
            self.found[key] = message

    def refuse(self) -> None:
        """Raise InvalidInput where anything was found."""
        if self.found:
            listed = [Problem(self.shown, line_of(self.text, k), written(k) or None, m) for k, m in self.found.items()]
            raise refuse(listed, "invalid-manifest")


def _accepted(source: dict[str, object], config: dict[str, object]) -> Manifest | None:
    """The manifest where nothing is wrong with it, else None; ``config`` is its table with 1.0 as 1."""
    if source.get("schema") != SCHEMA:
        return None
    try:
        return msgspec.convert({**source, "config": config} if config else source, Manifest)
    except (msgspec.ValidationError, UnicodeError):
        return None


def _explain(source: dict[str, object], agent: str | None, problems: _Problems) -> None:
    if any(message.startswith("nested") for message in problems.found.values()):
        return
    from repoint.manifestproblems import explained

    found = explained(source)
    if isinstance(found, list):
        for key, message in found:
            problems.add(key, message)
    else:
        _check(found.agent.name, found.requires, agent, problems)


def _refused_without_reason(shown: str) -> InvalidInput:
    reason = "is refused, though no rule says why; please report this"
    return refuse([Problem(f"{shown}/{MANIFEST}", None, None, reason)], "invalid-manifest")


def _check(name: str, requires: Mapping[str, str], agent: str | None, problems: _Problems) -> None:
    """What needs other knowledge: the agent that it must be of, and version ranges."""
    if agent is not None and name != agent:
        problems.add(("agent", "name"), f"is {name!a}, but this is the manifest of agent {agent!a}")
    if requires:
        _check_requires(name, requires, problems)


def _check_requires(name: str, requires: Mapping[str, str], problems: _Problems) -> None:
    from repoint.requires import parse_range

    for required, text in requires.items():
        try:
            parse_agent(required)
            parse_range(text)
        except InvalidInput as error:
            problems.add(("requires", required), error.message + (f"; {error.hint}" if error.hint else ""))
        if required == name:
            problems.add(("requires", required), "an agent cannot require itself")


def _unstorable(source: dict[str, object]) -> Iterator[tuple[KeyPath, str]]:
    """The values that canonical JSON cannot hold, without recursion: the nesting is not bounded yet."""
    waiting: list[tuple[KeyPath, object]] = [((), source)]
    while waiting:
        key, value = waiting.pop()
        if len(key) > MAX_DEPTH:
            yield key[:MAX_DEPTH], f"nested more than {MAX_DEPTH} levels deep"
            return
        if isinstance(value, dict):
            waiting += [((*key, str(name)), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*key, index), inner) for index, inner in enumerate(value)]
        elif (what := _unstorable_kind(value)) is not None:
            yield key, f"{what} cannot be stored; write it as a string"


def _unstorable_kind(value: object) -> str | None:
    match value:
        case bool() | str():
            return None
        case int():
            return "a whole number beyond 2^53" if abs(value) > MAX_INTEGER else None
        case float() if not math.isfinite(value):
            return "inf or nan"
        case float():
            return "a whole number beyond 2^53" if value.is_integer() and abs(value) > MAX_INTEGER else None
        case datetime.datetime():
            return "a date with a time"
        case datetime.date():
            return "a date"
        case datetime.time():
            return "a time"
        case _:
            return f"a {type(value).__name__}"


def _plain_table(table: dict[str, object]) -> dict[str, object]:
    return {str(name): _plain(value) for name, value in table.items()}


def _plain(value: object) -> object:
    """The value as it reads back from canonical JSON, where 1.0 is 1 and -0.0 is 0. Depth is bounded by now."""
    if isinstance(value, dict):
        return _plain_table(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
