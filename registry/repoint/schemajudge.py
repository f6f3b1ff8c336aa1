"""What a difference between two schemas at one place means, for the one who sends values or the one who reads them.

The verdicts are named after what happened (``type-narrowed``, ``property-removed``); together with the side they name
the rule in :mod:`repoint.specrules` that says whether it breaks.
"""

from __future__ import annotations

from typing import Protocol

from repoint.jsonviews import equal_values, mapping, number, text, walk
from repoint.schemakeywords import NULL, Bound, Part, Shape, is_tighter
from repoint.schemashape import Shapes
from repoint.schemaunions import Pairing, branch_name, likeness, pair_branches
from repoint.schemawords import bound_words, describe, kind_of_change, ref_name, rest_words, type_words, value_words
from repoint.specfindings import Findings, Place, Unit

MAX_MEASURED = 200
"""Alternatives that are measured against a schema that was one and became many."""


_WIDER = (("int32", "int64"), ("float", "double"))
"""Formats of which the second holds all values of the first."""


_MAPS = ("patternProperties", "dependentSchemas")
_SAME_DIRECTION = ("then", "else", "contentSchema", "propertyNames", "contains")
"""Conditions that accept less where their schema does; ``then`` and ``else`` as long as ``if`` is the same."""


class Pairs(Protocol):
    """The comparison that a judge belongs to: where sub-schemas are handed back to, and what cannot be decided."""

    old: Shapes
    new: Shapes
    findings: Findings
    names_shared: bool

    def pair(self, old: object, new: object, unit: Unit, place: Place, depth: int) -> None:
        """Compares two sub-schemas."""

    def later(self, old: object, new: object, unit: Unit, place: Place) -> None:
        """Puts two sub-schemas aside that other places may share."""

    def undecided(self, unit: Unit, place: Place, old: object, new: object, reason: str) -> None:
        """Notes what cannot be compared."""


class Judge:
    """One pair of shapes at one place."""

    __slots__ = ("depth", "place", "response", "side", "unit", "whole")

    def __init__(self, whole: Pairs, unit: Unit, place: Place, depth: int) -> None:
        self.whole, self.unit, self.place, self.depth = whole, unit, place, depth
        self.side = unit.direction
        self.response = unit.direction == "response"

    def judge(self, old: Shape, new: Shape, old_null: bool, new_null: bool) -> None:
        """Notes all that differs; ``old_null`` and ``new_null`` say that null is allowed by what stands around it."""
        if old.incomplete or new.incomplete:
            self.whole.findings.limit("allOf within allOf too deep or too large: not merged, and taken as breaking")
            self.whole.undecided(self.unit, self.place, None, None, "allOf could not be merged")
        if not self._one_became_many(old, new) and self._types(old, new, old_null, new_null):
            self._enums(old, new)
            self._limits(old, new)
            self._plain(old, new)
            if old.properties or new.properties or old.required or new.required:
                self._properties(old, new)
            self._rest("additional", old.additional, new.additional)
            self._arrays(old, new)
            self._unions(old, new)
        self._opaque(old, new)
        self._extra(old, new)

    def add(
        self, verdict: str, subject: str, old: object, new: object, reason: str, place: Place | None = None
    ) -> None:
        """Notes ``<side>-<verdict>``; the kind follows from which side has a value."""
        self.whole.findings.add(
            f"{self.side}-{verdict}", kind_of_change(old, new), place or self.place,
            old=old, new=new, reason=reason, unit=self.unit, subject=subject,
        )  # fmt: skip

    # -- types -------------------------------------------------------------------------------------------------------

    def nulls(self, old: bool, new: bool) -> None:
        """Whether null is allowed, on either side."""
        if old != new:
            verdict = "nullable" if new else "not-nullable"
            reason = "may be null now" if new else "null is not allowed any more"
            self.whole.findings.add(
                f"{self.side}-{verdict}", "changed", self.place,
                old="null allowed" if old else "not null", new="null allowed" if new else "not null",
                reason=reason, unit=self.unit, subject="null",
            )  # fmt: skip

    def _types(self, old: Shape, new: Shape, old_null: bool, new_null: bool) -> bool:
        """Judges the types; false where nothing else can be compared beneath them."""
        before = old.types | (NULL if old_null or old.nullable else frozenset())
        after = new.types | (NULL if new_null or new.nullable else frozenset())
        if before == after:
            return True
        bare_old, bare_new = before - NULL, after - NULL
        if bare_old == bare_new:
            self.nulls("null" in before, "null" in after)
            return True
        if bare_new < bare_old and after <= before:
            self.add("type-narrowed", "type", type_words(before), type_words(after), "accepts fewer types")
        elif bare_old < bare_new and before <= after:
            self.add("type-widened", "type", type_words(before), type_words(after), "allows more types")
        else:
            self.add("type-changed", "type", type_words(before), type_words(after), "another type")
        return bool(bare_old & bare_new)

    def _enums(self, old: Shape, new: Shape) -> None:
        if old.enum is None and new.enum is None:
            return
        if old.enum is None or new.enum is None:
            verdict = "enum-lifted" if new.enum is None else "enum-set"
            reason = "any value now" if new.enum is None else "only these values now"
            before, after = (None if each is None else list(each.values()) for each in (old.enum, new.enum))
            self.add(verdict, "enum", before, after, reason)
            return
        gone = [each for key, each in old.enum.items() if key not in new.enum]
        come = [each for key, each in new.enum.items() if key not in old.enum]
        if gone:
            self.add("enum-value-removed", "enum removed", gone, None, f"{value_words(gone)} not allowed any more")
        if come:
            self.add("enum-value-added", "enum added", None, come, f"{value_words(come)} allowed now")

    def _limits(self, old: Shape, new: Shape) -> None:
        for before, after, lower in ((old.lower, new.lower, True), (old.upper, new.upper, False)):
            for name in before.keys() | after.keys() if before or after else ():
                if before.get(name) != after.get(name):
                    self._limit(name, before.get(name), after.get(name), lower)

    def _limit(self, name: str, old: Bound | None, new: Bound | None, lower: bool) -> None:
        tighter = new is not None and (old is None or is_tighter(old, new, lower=lower))
        verdict = "limit-tightened" if tighter else "limit-loosened"
        reason = f"{name} is {'tighter' if tighter else 'looser'}"
        self.add(verdict, name, bound_words(old), bound_words(new), reason)

    def _plain(self, old: Shape, new: Shape) -> None:
        if not old.plain and not new.plain:
            return
        for key in sorted(old.plain.keys() | new.plain.keys()):
            before, after = old.plain.get(key), new.plain.get(key)
            if equal_values(before, after):
                continue
            family = "format" if key.startswith(("format", "content")) else "pattern"
            verdict = "set" if before is None else "lifted" if after is None else "changed"
            if _holds_all_of(key, before, after):
                verdict = "lifted"
            elif _holds_all_of(key, after, before):
                verdict = "set"
            self.add(f"{family}-{verdict}", key, before, after, f"{key} {verdict}")

    # -- objects -----------------------------------------------------------------------------------------------------

    def _properties(self, old: Shape, new: Shape) -> None:
        before, after = self._fields(old, self.whole.old), self._fields(new, self.whole.new)
        for name, part in before.items():
            if name in after and not (name in old.properties and name not in new.properties):
                self._field(name, part, after[name], name in old.required, name in new.required)
            else:
                self._removed(name, part, closed=name in new.properties)
        for name, part in after.items():
            if name not in before:
                self._added(name, part, name in new.required, opened=name in old.properties)

    def _fields(self, shape: Shape, shapes: Shapes) -> dict[str, Part]:
        """The fields that exist in this direction: what is read-only is never sent, what is write-only never read."""
        hidden = "writeOnly" if self.response else "readOnly"
        fields = {
            name: part
            for name, part in shape.properties.items()
            if not (isinstance(part.schema, dict) and shapes.peel(part.schema).notes.get(hidden) is True)
        }
        for name, origin in shape.required.items():
            if name not in shape.properties:
                fields[name] = Part(True, origin)
        return fields

    def _at(self, name: str, origin: str) -> Place:
        if origin and self.whole.names_shared:
            return Place(f"schema {ref_name(origin)}", ": ", "field", shared=True).field(name)
        return self.place.field(name)

    def _removed(self, name: str, part: Part, *, closed: bool) -> None:
        reason = f"the {self.place.noun} is gone"
        if closed:
            reason = f"the {self.place.noun} is {'write' if self.response else 'read'}-only now"
        what = describe(self.whole.old, part.schema)
        self.add("property-removed", "presence", what, None, reason, self._at(name, part.origin))

    def _added(self, name: str, part: Part, required: bool, *, opened: bool) -> None:
        what = describe(self.whole.new, part.schema)
        verdict, reason = "property-added", f"a new {'' if self.response else 'optional '}{self.place.noun}"
        if required and not self.response:
            spared = "default" in self.whole.new.seen_through(part.schema).notes
            verdict = "defaulted-property-added" if spared else "required-property-added"
            reason = f"a new required {self.place.noun}{', with a default' if spared else ''}"
        if opened:
            reason += f" (no longer {'write' if self.response else 'read'}-only)"
        self.add(verdict, "presence", None, what, reason, self._at(name, part.origin))

    def _field(self, name: str, old: Part, new: Part, was_required: bool, is_required: bool) -> None:
        place = self._at(name, new.origin if old.origin else "")
        if was_required != is_required:
            verdict = "property-required" if is_required else "property-optional"
            reason = "may be missing now" if self.response else "no longer required"
            reason = "required now" if is_required else reason
            was, becomes = ("optional", "required") if is_required else ("required", "optional")
            self.add(verdict, "required", was, becomes, reason, place)
        if place.base != self.place.base:
            self.whole.later(old.schema, new.schema, self.unit, place)
        else:
            self.whole.pair(old.schema, new.schema, self.unit, place, self.depth + 1)

    def _rest(self, what: str, old: object, new: object) -> None:
        """Further fields, or elements: any, none or those of a schema."""
        if old is new or (isinstance(old, bool) and old == new):
            return
        place = self.place.suffixed(".*" if what == "additional" else "[]")
        if isinstance(old, dict) and isinstance(new, dict):
            self.whole.pair(old, new, self.unit, place, self.depth + 1)
            return
        narrower = old is True or new is False
        was, becomes = rest_words(old), rest_words(new)
        noun = "further fields" if what == "additional" else "elements"
        verdict = "additional-restricted" if narrower else "additional-opened"
        if what == "items":
            verdict = "type-narrowed" if narrower else "type-widened"
        self.add(verdict, what, was, becomes, f"{noun}: {was} -> {becomes}", place if what == "items" else self.place)

    # -- arrays and alternatives ---------------------------------------------------------------------------------------

    def _arrays(self, old: Shape, new: Shape) -> None:
        self._rest("items", old.items, new.items)
        for index, (before, after) in enumerate(zip(old.prefix, new.prefix, strict=False)):
            self.whole.pair(before, after, self.unit, self.place.suffixed(f"[{index}]"), self.depth + 1)
        if len(old.prefix) != len(new.prefix):
            self.whole.undecided(self.unit, self.place, len(old.prefix), len(new.prefix), "another number of positions")

    def _one_became_many(self, old: Shape, new: Shape) -> bool:
        """A schema that became one alternative of several, or the other way round. True where that was judged."""
        if bool(old.unions) == bool(new.unions):
            return False
        single, many = (new, old) if old.unions else (old, new)
        if not many.vague or many.properties or len(many.unions) != 1 or _restricts_more(many):
            return False
        if single.vague and not single.properties:
            verdict, reason = ("type-widened", "accepts anything") if old.unions else ("type-narrowed", "alternatives")
            self.add(verdict, "type", _alternatives(old), _alternatives(new), f"{reason} now")
            return True
        shapes = self.whole.old if old.unions else self.whole.new
        branches = list(many.unions[0].branches)
        inner = [shapes.shape(shapes.seen_through(each).schema) for each in branches[:MAX_MEASURED]]
        scores = [likeness(single, each) for each in inner]
        best = scores.index(max(scores))
        if scores[best] > 0:
            pair = (inner[best], single) if old.unions else (single, inner[best])
            Judge(self.whole, self.unit, self.place, self.depth + 1).judge(*pair, True, True)
            del branches[best]
        else:
            name = type_words(single.types)
            if new.unions:
                self.add("alternative-removed", f"alternative {name}", name, None, "the one form is gone")
            else:
                self.add("alternative-added", f"alternative {name}", None, name, "another form")
        self.nulls(_holds_null(old), _holds_null(new))
        self._unpaired(Pairing([], branches if old.unions else [], [] if old.unions else branches, False))
        return True

    def _unions(self, old: Shape, new: Shape) -> None:
        if len(old.unions) != len(new.unions):
            before, after = (sum(len(each.branches) for each in shape.unions) for shape in (old, new))
            self.whole.undecided(self.unit, self.place, before, after, "another set of alternatives")
            return
        for one, other in zip(old.unions, new.unions, strict=True):
            if one.keyword != other.keyword:
                verdict = "union-loosened" if other.keyword == "anyOf" else "union-tightened"
                self.add(verdict, "union keyword", one.keyword, other.keyword, f"{one.keyword} -> {other.keyword}")
            self._discriminator(one.discriminator, other.discriminator)
            pairing = pair_branches(self.whole.old, self.whole.new, one.branches, other.branches)
            if pairing.limited:
                self.whole.findings.limit("alternatives beyond the first 200 without a name are not paired by likeness")
            for left, right in pairing.pairs:
                place = self.place.suffixed(f"({branch_name(self.whole.new, right)})")
                self.whole.pair(left, right, self.unit, place, self.depth + 1)
            self._unpaired(pairing)

    def _unpaired(self, pairing: Pairing) -> None:
        for shapes, branches, verdict in (
            (self.whole.old, pairing.gone, "alternative-removed"),
            (self.whole.new, pairing.come, "alternative-added"),
        ):
            for branch in branches:
                name = branch_name(shapes, branch)
                gone = verdict == "alternative-removed"
                reason = "an alternative is gone" if gone else "a further alternative"
                self.add(verdict, f"alternative {name}", name if gone else None, None if gone else name, reason)

    def _discriminator(self, old: object, new: object) -> None:
        before, after = mapping(old), mapping(new)
        if before.get("propertyName") != after.get("propertyName"):
            self.add("discriminator-changed", "discriminator", before.get("propertyName"), after.get("propertyName"),
                     "another field tells the alternatives apart")  # fmt: skip
        old_values, new_values = mapping(before.get("mapping")), mapping(after.get("mapping"))
        for value in [each for each in old_values if each not in new_values] if new_values else []:
            self.add("discriminator-changed", f"mapping {value}", value, None, "a discriminator value is gone")

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _opaque(self, old: Shape, new: Shape) -> None:
        if not old.opaque and not new.opaque:
            return
        for key in sorted(old.opaque.keys() | new.opaque.keys()):
            before, after = old.opaque.get(key), new.opaque.get(key)
            if key not in old.opaque:
                self.add("condition-set", key, None, after, f"{key} restricts the values now")
            elif key not in new.opaque:
                self.add("condition-lifted", key, before, None, f"{key} does not restrict the values any more")
            elif equal_values(before, after):
                self._referred(key, before, after)
            elif key in _MAPS and isinstance(before, dict) and isinstance(after, dict):
                self._conditions(key, before, after)
            elif key in _SAME_DIRECTION and (
                key == "contentSchema" or equal_values(old.opaque.get("if"), new.opaque.get("if"))
            ):
                self.whole.pair(before, after, self.unit, self.place.suffixed(f"({key})"), self.depth + 1)
            else:
                self.whole.undecided(self.unit, self.place, before, after, f"{key} differs")

    def _conditions(self, key: str, old: dict[str, object], new: dict[str, object]) -> None:
        """Conditions by name: fields that fit a pattern, what a field brings along."""
        for name in [*old, *(each for each in new if each not in old)]:
            if name not in new:
                self.add("condition-lifted", f"{key} {name}", name, None, f"{key}: {name} is not restricted any more")
            elif name not in old:
                self.add("condition-set", f"{key} {name}", None, name, f"{key}: {name} is restricted now")
            else:
                place = self.place.suffixed(f"({key} {name[:60]})")
                self.whole.pair(old[name], new[name], self.unit, place, self.depth + 1)

    def _referred(self, key: str, old: object, new: object) -> None:
        """What equal conditions refer to may differ all the same."""
        for one, other in zip(walk(old), walk(new), strict=False):
            ref = text(mapping(one).get("$ref"))
            if ref is not None:
                self.whole.pair(one, other, self.unit, self.place.suffixed(f"({key})"), self.depth + 1)

    def _extra(self, old: Shape, new: Shape) -> None:
        if not old.extra and not new.extra:
            return
        for key in sorted(old.extra.keys() | new.extra.keys()):
            before, after = old.extra.get(key), new.extra.get(key)
            if not equal_values(before, after):
                self.whole.findings.add(
                    "extension-changed", kind_of_change(before, after), self.place, old=before, new=after,
                    unit=self.unit, subject=key, reason=f"{key}: its meaning is not known here",
                )  # fmt: skip


def _restricts_more(shape: Shape) -> bool:
    """Whether a schema restricts values beside its alternatives; conditions are compared on their own."""
    own = shape.lower or shape.upper or shape.plain or shape.required or shape.prefix or shape.enum is not None
    return bool(own) or shape.additional is not True or shape.items is not True


def _holds_null(shape: Shape) -> bool:
    return shape.nullable or (not shape.vague and "null" in shape.types)


def _alternatives(shape: Shape) -> str:
    return f"{len(shape.unions[0].branches)} alternatives" if shape.unions else type_words(shape.types)


def _holds_all_of(key: str, old: object, new: object) -> bool:
    """Whether all values that the old keyword allows are allowed by the new one: ``int32`` by ``int64``, 6 by 3."""
    if key == "format":
        return any(old == narrow and new == wide for narrow, wide in _WIDER)
    before, after = number(old), number(new)
    if key != "multipleOf" or not isinstance(before, int) or not isinstance(after, int):
        return False
    return after != 0 and before % after == 0
