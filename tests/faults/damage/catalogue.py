"""The list of all damages: what each does to a registry, and exactly what ``verify`` must then find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.damage.victim import Expected, Victim

Do = Callable[[Victim], None]


@dataclass(frozen=True)
class Damage:
    """One damage: ``plain`` is the set of (promise, kind) that ``verify`` finds, ``deep`` that of ``verify --deep``."""

    name: str
    do: Do
    plain: Expected
    deep: Expected


ALL: list[Damage] = []


def damage(*found: tuple[int, str], deep: tuple[tuple[int, str], ...] = ()) -> Callable[[Do], Do]:
    """Add a function to the list, with what is found always, and what only ``--deep`` finds besides."""

    def add(do: Do) -> Do:
        ALL.append(Damage(do.__name__, do, frozenset(found), frozenset(found) | frozenset(deep)))
        return do

    return add
