"""Collecting what a comparison finds: places in the words of the format, one entry for each root cause, a bounded list.

A schema that forty operations share is compared once for each direction; what is found there is one change, and its
place says who is concerned. A finding for both directions is one change, under the rule that weighs more.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from repoint.changes import RANK, Kind, SpecChange, SpecComparison
from repoint.jsonviews import clipped
from repoint.specrules import RULES
from repoint_schemas.documents import Bump

Direction = Literal["request", "response"]

MAX_CHANGES = 2_000
"""Changes that are listed; the others are counted."""
MAX_WHERE = 400
MAX_PASSES = 64
"""Times that the uses are handed down a chain of shared schemas; deeper ones are counted too low."""


class Place(NamedTuple):
    """Where in a document a comparison stands: ``base`` names the contract, ``path`` the field inside it."""

    base: str
    joint: str = " "
    noun: str = "field"
    path: str = ""
    shared: bool = False

    def field(self, name: str) -> Place:
        """A field of the object at this place."""
        return self._replace(path=f"{self.path}.{name}"[:MAX_WHERE] if self.path else name[:MAX_WHERE])

    def suffixed(self, suffix: str) -> Place:
        """What lies inside this place without a name of its own: ``[]`` for elements, ``.*`` for further fields."""
        return self._replace(path=f"{self.path}{suffix}"[:MAX_WHERE])

    @property
    def words(self) -> str:
        """The place as an engineer reads it."""
        if not self.path:
            return self.base or "the schema"
        return f"{self.base}{self.joint if self.base else ''}{self.noun} {self.path}"


class Unit:
    """One pair of schemas, or one operation, that is compared once; ``uses`` has a bit for every operation in it."""

    __slots__ = ("children", "direction", "place", "uses")

    def __init__(self, direction: Direction, place: Place, uses: int = 0) -> None:
        self.direction: Direction = direction
        self.place = place
        self.uses = uses
        self.children: dict[int, Unit] = {}


class _Finding:
    __slots__ = ("kind", "new", "old", "place", "reason", "rule", "units")

    def __init__(self, rule: str, kind: Kind, place: Place, old: object, new: object, reason: str) -> None:
        self.rule, self.kind, self.place = rule, kind, place
        self.old, self.new, self.reason = old, new, reason
        self.units: list[Unit] = []


class Findings:
    """What was found so far, in the order of the document. ``part`` is the shared part that is being looked at."""

    def __init__(self) -> None:
        self.users: list[str] = []
        self._bits: dict[str, int] = {}
        self.units: list[Unit] = []
        self.part: Unit | None = None
        self._found: dict[tuple[Place, str], _Finding] = {}
        self._kept: dict[Bump, int] = {"major": 0, "minor": 0, "patch": 0}
        self._dropped: dict[Bump, int] = {"major": 0, "minor": 0, "patch": 0}
        self._limits: dict[str, None] = {}

    def unit(self, direction: Direction, place: Place, *, user: str | None = None) -> Unit:
        """A new unit; with ``user``, one more operation that it belongs to."""
        made = Unit(direction, place)
        self.units.append(made)
        if user is not None:
            self.use(made, user)
        return made

    def use(self, unit: Unit, user: str) -> None:
        """Notes one more operation that a unit belongs to; the same one again says nothing new."""
        index = self._bits.setdefault(user, len(self.users))
        if index == len(self.users):
            self.users.append(user)
        unit.uses |= 1 << index

    def add(
        self,
        rule: str,
        kind: Kind,
        place: Place | str,
        *,
        old: object = None,
        new: object = None,
        reason: str,
        unit: Unit | None = None,
        subject: str = "",
    ) -> None:
        """Notes one change. ``subject`` tells apart what may change independently at one place."""
        at = Place(place) if isinstance(place, str) else place
        key = (at, subject or rule)
        known = self._found.get(key)
        if known is None:
            known = self._keep(key, _Finding(rule, kind, at, clipped(old), clipped(new), reason))
        elif RANK[RULES[rule].impact] > RANK[RULES[known.rule].impact]:
            known.rule, known.reason, known.kind = rule, reason, kind
        if known is not None and (unit or self.part) is not None:
            known.units += [each for each in (unit or self.part,) if each is not None]

    def _keep(self, key: tuple[Place, str], finding: _Finding) -> _Finding | None:
        impact = RULES[finding.rule].impact
        if self._kept[impact] >= MAX_CHANGES:
            self._dropped[impact] += 1
            return None
        self._kept[impact] += 1
        self._found[key] = finding
        return finding

    def limit(self, words: str) -> None:
        """Says, once, where the comparison stopped looking closer."""
        self._limits[words] = None

    def include(self, other: SpecComparison, prefix: str = "") -> None:
        """Takes over the changes of a part that was compared on its own."""
        for each in other.changes:
            where = f"{prefix}: {each.where}" if prefix else each.where
            subject = f"{each.rule} {each.reason}"
            self.add(each.rule, each.kind, where, old=each.old, new=each.new, reason=each.reason, subject=subject)
        for words in other.limits:
            self.limit(words)

    def result(self) -> SpecComparison:
        """All changes, the breaking ones first, otherwise in the order of the document."""
        if any(each.place.shared for each in self._found.values()):
            self._hand_down_uses()
        ordered = sorted(self._found.values(), key=lambda each: -RANK[RULES[each.rule].impact])
        for each in ordered[MAX_CHANGES:]:
            self._dropped[RULES[each.rule].impact] += 1
        for impact, count in self._dropped.items():
            if count:
                self.limit(f"{count:,} more changes of impact {impact} are not listed")
        return SpecComparison(tuple(map(self._change, ordered[:MAX_CHANGES])), tuple(self._limits))

    def _hand_down_uses(self) -> None:
        for _ in range(MAX_PASSES):
            grew = False
            for unit in self.units:
                for child in unit.children.values():
                    if unit.uses & ~child.uses:
                        child.uses |= unit.uses
                        grew = True
            if not grew:
                return

    def _change(self, each: _Finding) -> SpecChange:
        where = each.place.words + (self._users_of(each) if each.place.shared else "")
        return SpecChange(each.rule, each.kind, RULES[each.rule].impact, where, each.old, each.new, each.reason)

    def _users_of(self, finding: _Finding) -> str:
        masks: dict[str, int] = {}
        for unit in finding.units:
            masks[unit.direction] = masks.get(unit.direction, 0) | unit.uses
        found = [f"{direction} of {self._users(mask)}" for direction, mask in sorted(masks.items()) if mask]
        return f" ({', '.join(found)})" if found else ""

    def _users(self, mask: int) -> str:
        first = self.users[(mask & -mask).bit_length() - 1]
        count = mask.bit_count()
        return first if count == 1 else f"{count:,} operations, first {first}"
