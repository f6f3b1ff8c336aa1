"""The words in which a comparison speaks: one difference between two versions, and one change inside a document."""

from __future__ import annotations

from typing import Literal

import msgspec

from repoint_schemas.documents import Bump

Component = Literal["agent", "model", "integration", "requires", "config", "prompt", "file"]
Kind = Literal["added", "removed", "changed", "renamed", "moved"]

RANK: dict[Bump | None, int] = {None: 0, "patch": 1, "minor": 2, "major": 3}
"""How much a bump promises, None being no change at all."""


class SpecChange(msgspec.Struct, frozen=True):
    """One change inside a structured document.

    ``where`` names the place in the words of the format (``GET /orders/{id}: query parameter expand``), ``old`` and
    ``new`` are plain values or None, ``reason`` says in a few words why the impact is what it is, ``rule`` names the
    rule that judged it.
    """

    rule: str
    kind: Kind
    impact: Bump
    where: str
    old: object
    new: object
    reason: str


class SpecComparison(msgspec.Struct, frozen=True):
    """All changes, what matters most first, and in words where the comparison stopped looking closer, if it did.

    No changes means that the documents say the same (layout, comments or key order differ at most).
    """

    changes: tuple[SpecChange, ...]
    limits: tuple[str, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs between two versions; ``old`` and ``new`` are plain values or None.

    A file is ``sha256:<hex>``. ``rule`` names the rule that judged the impact, ``path`` the file that it lies in (on
    the new side, where there is one), ``where`` the place inside that file.
    """

    component: Component
    name: str
    kind: Kind
    impact: Bump
    old: object
    new: object
    reason: str
    rule: str = ""
    path: str | None = None
    where: str = ""


def highest(impacts: list[Bump]) -> Bump | None:
    """The impact that decides; None where there are none."""
    return max(impacts, key=RANK.__getitem__, default=None)


class ChangeRule(msgspec.Struct, frozen=True):
    """How one kind of change is judged: its impact, why, and the sources of the facts that it goes by."""

    name: str
    impact: Bump
    why: str
    sources: tuple[str, ...] = ()
