"""The labelled pairs under ``cases``: what changed between two documents, and the level that an engineer gives it.

A case has ``name``, ``path``, ``old``, ``new``, ``level`` (``none`` where both say the same), ``rules``, ``label`` and
``why``. Where it names a ``base``, its old text is that document and ``edit`` turns it into the new one (each text on
the left occurs exactly once); ``reverse`` swaps the two sides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CASES = Path(__file__).parent / "cases"
LABELS = {"breaking", "compatible", "wording", "white-space", "same"}


class Case(NamedTuple):
    name: str
    path: str
    label: str
    level: str
    rules: tuple[str, ...] | None
    old: str
    new: str


def labelled() -> list[Case]:
    """All cases, in the order of their files."""
    return [case for file in sorted(CASES.glob("*.toml")) for case in _cases(tomllib.loads(file.read_text("utf-8")))]


def _cases(content: dict[str, Any]) -> Iterator[Case]:
    for raw in content["case"]:
        document = content.get("documents", {}).get(raw.get("base"), {})
        old, new = raw.get("old", document.get("text")), raw.get("new", document.get("text"))
        for before, after in raw.get("edit", ()):
            assert new.count(before) == 1, (raw["name"], before, new.count(before))
            new = new.replace(before, after)
        if raw.get("reverse"):
            old, new = new, old
        assert raw["label"] in LABELS, raw["name"]
        assert raw["why"], raw["name"]
        rules = tuple(raw["rules"]) if "rules" in raw else None
        yield Case(raw["name"], raw.get("path") or document["path"], raw["label"], raw["level"], rules, old, new)
