"""Why a ``repoint.toml`` is refused: every problem with its line, key and nearest known key. Imported only then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from repoint.errors import InvalidInput
from repoint.keyproblems import unknown_key, worded
from repoint.tomlsource import KeyPath, line_of
from repoint_schemas.config import SCHEMA
from repoint_schemas.config_explained import AllowTable, ConfigFile, GitTable, LimitsTable, RegistryTable, S3Table

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TABLES: dict[str, type[BaseModel]] = {
    "registry": RegistryTable,
    "git": GitTable,
    "s3": S3Table,
    "limits": LimitsTable,
    "allow": AllowTable,
}


def explain(values: dict[str, object], text: str, shown: str) -> InvalidInput:
    """The error that says all that is wrong with the values of a configuration, in the order of the file."""
    found = dict(_problems(values))
    lines = {key: line_of(text, key) for key in found}
    ordered = sorted(found, key=lambda key: (lines[key], key != ()))
    facts: list[dict[str, str | int | None]] = [
        {"path": shown, "line": lines[key], "key": _written(key), "message": found[key]} for key in ordered
    ]
    messages = [f"{shown}:{lines[key]}: {_written(key)}: {found[key]}" for key in ordered]
    return InvalidInput("\n".join(messages), kind="invalid-config", hint=_hint(values), problems=facts)


def _problems(values: dict[str, object]) -> list[tuple[KeyPath, str]]:
    if _newer(values):
        return [(("schema",), f"{values['schema']!a} is newer than {SCHEMA}, the newest that this version reads")]
    try:
        ConfigFile.model_validate(values)
    except ValidationError as error:
        return [_explained(details) for details in error.errors(include_url=False, include_input=False)]
    return [((), "is refused, though no rule says why; please report this")]


def _newer(values: dict[str, object]) -> bool:
    match = re.fullmatch(r"repoint\.config/([1-9][0-9]{0,8})", str(values.get("schema")), re.ASCII)
    return match is not None and int(match[1]) > int(SCHEMA.rpartition("/")[2])


def _hint(values: dict[str, object]) -> str | None:
    return "upgrade Repoint" if _newer(values) else None


def _explained(details: ErrorDetails) -> tuple[KeyPath, str]:
    key, kind, reason = details["loc"], details["type"], details["msg"]
    if kind == "refused":
        return (*key, *str(details["ctx"].get("key", "")).split(".")) if "key" in details["ctx"] else key, reason
    if kind == "missing":
        return key, "is missing"
    if kind == "extra_forbidden":
        return key, unknown_key(str(key[-1]), ConfigFile if len(key) == 1 else _TABLES[str(key[0])])
    return key, worded(kind, reason)


def _written(key: KeyPath) -> str:
    """A key path as people write it: ``registry.environments[1]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_bare_or_quoted(step)}" for step in key)
    return text.removeprefix(".")


def _bare_or_quoted(step: str) -> str:
    return step if re.fullmatch(r"[A-Za-z0-9_-]+", step) else ascii(step).replace("'", '"')
