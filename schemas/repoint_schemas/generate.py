"""The published JSON Schemas (draft 2020-12), made from the models: one for each document and each ``--json`` result.

``make docs`` writes them into ``repoint_schemas/json``; a test fails when what lies there is not what this module
makes. Nothing else imports it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from repoint_schemas import documents, results
from repoint_schemas.config_explained import ConfigFile
from repoint_schemas.manifest_explained import Manifest

FOLDER = Path(__file__).with_name("json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, object]

_KEYWORDS = {"ge": "minimum"}
"""pydantic writes its own word for a limit that stands behind a validator."""

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "snapshot": documents.Snapshot,
    "release": documents.Release,
    "record": documents.Record,
    "pin": documents.Pin,
    "mark": documents.Mark,
    "pending": documents.PendingMove,
    "reader": documents.ReaderReport,
}
"""The documents that machines write, by the name of their schema."""


def schemas() -> dict[str, Schema]:
    """Every schema by its name; its file is ``NAME.schema.json``."""
    written: dict[str, type[BaseModel]] = {"manifest": Manifest, "config": ConfigFile}
    found = {name: _published(model.model_json_schema(schema_generator=_OfToml)) for name, model in written.items()}
    found |= {name: _of_struct(kind) for name, kind in DOCUMENTS.items()}
    return found | {f"result-{name}": _of_struct(kind) for name, kind in results.COMMANDS.items()}


def files() -> dict[str, str]:
    """The text of every schema file by its name."""
    return {f"{name}.schema.json": json.dumps(s, indent=2, ensure_ascii=False) + "\n" for name, s in schemas().items()}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every schema into the folder and remove those that no model makes any more; the files written."""
    wanted = files()
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.schema.json"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in wanted]


class _OfToml(GenerateJsonSchema):
    """What people write is TOML, which has no null; and a table whose keys have a pattern takes no others."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if key != "default" or not isinstance(value, dict | None)}

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made


def _of_struct(kind: type[msgspec.Struct]) -> Schema:
    return _published(msgspec.json.schema(kind, schema_hook=_anything))


def _anything(kind: type) -> Schema:
    """``object`` is any JSON value. Raises: NotImplementedError, for msgspec to say what it cannot describe."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError


def _published(schema: Mapping[str, object]) -> Schema:
    tidy = _tidied(schema)
    assert isinstance(tidy, dict)
    return {"$schema": DIALECT, **tidy}


def _tidied(value: object) -> object:
    """Docstrings as they read: without their indentation and the marks of reStructuredText."""
    if isinstance(value, list):
        return [_tidied(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        _KEYWORDS.get(key, key): _prose(inner) if key == "description" and isinstance(inner, str) else _tidied(inner)
        for key, inner in value.items()
    }


def _prose(docstring: str) -> str:
    return inspect.cleandoc(docstring).replace("``", "")
