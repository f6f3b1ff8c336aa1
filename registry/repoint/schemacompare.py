"""Comparing JSON Schemas by what they accept: narrower, wider or different, and for whom that breaks.

The direction decides. In a *request* (parameters, bodies, tool inputs) the agent writes and the other side checks: what
was valid must stay valid. In a *response* (bodies, tool outputs) the agent reads: what it was promised must stay true.
Draft 4 to 2020-12 and OpenAPI's dialects are read by :mod:`repoint.schemashape`; a pair that is shared by many places
is compared once for each direction, cycles included.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from repoint.jsonviews import MISSING, equal_values, is_written_alike, mapping, same_words, value_key
from repoint.schemajudge import Judge
from repoint.schemashape import Peeled, Shapes
from repoint.schemawords import kind_of_change, ref_name
from repoint.specfindings import Direction, Findings, Place, Unit

MAX_SCHEMA_DEPTH = 80
"""Levels of schemas within schemas, without references; what lies deeper is compared as a whole."""
MAX_PAIRS = 400_000
"""Pairs of schemas that one comparison looks at; two documents of 4 MB have about a tenth."""


class _Task(NamedTuple):
    old: object
    new: object
    unit: Unit
    old_null: bool
    new_null: bool
    notes: bool


class SchemaComparison:
    """One comparison of the schemas of two documents.

    ``names_shared`` reports what is found in a shared schema under its name (OpenAPI's components), otherwise under
    the first place that uses it. ``text_rule`` and ``example_rule`` judge descriptions and examples: whether a model
    reads them or only people do.
    """

    def __init__(
        self,
        old: Shapes,
        new: Shapes,
        findings: Findings,
        *,
        names_shared: bool = False,
        text_rule: str = "model-text-changed",
        example_rule: str = "model-examples-changed",
    ) -> None:
        self.old, self.new, self.findings = old, new, findings
        self.names_shared, self.text_rule, self.example_rule = names_shared, text_rule, example_rule
        self._todo: deque[_Task] = deque()
        self._units: dict[tuple[int, int, Direction, bool, bool], Unit] = {}
        self._alive: list[object] = []
        self._left = MAX_PAIRS

    def compare(self, old: object, new: object, unit: Unit, place: Place | None = None) -> None:
        """Compares two schemas at the place of the unit; what they refer to follows with :meth:`finish`."""
        if isinstance(old, dict) and isinstance(new, dict):
            known = self._units.setdefault((id(old), id(new), unit.direction, False, False), unit)
            self._alive += [old, new]
            if known is not unit:
                unit.children[id(known)] = known
                return
        self.pair(old, new, unit, place or unit.place, 0)

    def finish(self) -> None:
        """Compares everything that was referred to."""
        while self._todo:
            task = self._todo.popleft()
            if task.notes:
                self.pair(task.old, task.new, task.unit, task.unit.place, 0)
            else:
                self._peeled(task, task.unit, task.unit.place)

    # -- pairs and references ----------------------------------------------------------------------------------------

    def pair(self, old: object, new: object, unit: Unit, place: Place, depth: int) -> None:
        """Compares two schemas, ``depth`` levels below the place where their references were last followed."""
        self._left -= 1
        if self._left < 0:
            self._stop()
            return
        if is_written_alike(old, new, b'ef":'):
            return
        before, after = self.old.peel(old), self.new.peel(new)
        if before.ref is not None and after.ref is not None:
            self._notes(before.notes, after.notes, unit, place)
            self._references(before, after, unit, place)
            return
        seen_old, seen_new = (before, after)
        if before.ref is not None or after.ref is not None:
            seen_old, seen_new = self.old.seen_through(old), self.new.seen_through(new)
        self._notes(seen_old.notes, seen_new.notes, unit, place)
        if before.ref is not None or after.ref is not None:
            self._later(seen_old, seen_new, unit, place)
        elif depth >= MAX_SCHEMA_DEPTH:
            self._as_a_whole(old, new, unit, place)
        else:
            shapes = self.old.shape(before.schema), self.new.shape(after.schema)
            Judge(self, unit, place, depth).judge(*shapes, before.nullable, after.nullable)

    def _peeled(self, task: _Task, unit: Unit, place: Place) -> None:
        shapes = self.old.shape(task.old), self.new.shape(task.new)
        Judge(self, unit, place, 0).judge(*shapes, task.old_null, task.new_null)

    def _references(self, before: Peeled, after: Peeled, unit: Unit, place: Place) -> None:
        old, new = self.old.target(before.ref or ""), self.new.target(after.ref or "")
        if old is MISSING or new is MISSING:
            if old is not new or before.ref != after.ref:
                reason = "the reference leads out of the document"
                self.undecided(unit, place, before.ref, after.ref, reason)
            return
        if before.nullable != after.nullable:
            null_old = before.nullable or self._allows_null(self.old, old)
            null_new = after.nullable or self._allows_null(self.new, new)
            Judge(self, unit, place, 0).nulls(null_old, null_new)
        shared = self._shared_place(after.ref or "", place)
        self.later(old, new, unit, shared)

    def _allows_null(self, shapes: Shapes, schema: object) -> bool:
        peeled = shapes.seen_through(schema)
        shape = shapes.shape(peeled.schema)
        return peeled.nullable or shape.nullable or (not shape.vague and "null" in shape.types)

    def _shared_place(self, ref: str, place: Place) -> Place:
        if not self.names_shared:
            return place
        return Place(f"schema {ref_name(ref)}", ": ", "field", shared=True)

    def later(self, old: object, new: object, unit: Unit, place: Place) -> None:
        """Puts a pair aside that other places may share."""
        self._put(_Task(old, new, unit, False, False, True), unit, place)

    def _later(self, old: Peeled, new: Peeled, unit: Unit, place: Place) -> None:
        self._put(_Task(old.schema, new.schema, unit, old.nullable, new.nullable, False), unit, place)

    def _put(self, task: _Task, unit: Unit, place: Place) -> None:
        key = (id(task.old), id(task.new), unit.direction, task.old_null, task.new_null)
        known = self._units.get(key)
        if known is None:
            known = self._units[key] = self.findings.unit(unit.direction, place)
            self._alive += [task.old, task.new]
            self._todo.append(task._replace(unit=known))
        if known is not unit:
            unit.children[id(known)] = known

    # -- what cannot be looked into ----------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._todo.clear()
        words = f"more than {MAX_PAIRS:,} pairs of schemas: the rest was not compared and is taken as breaking"
        self.findings.limit(words)
        self.findings.add("not-compared", "changed", "the rest of the document", reason=words)

    def _as_a_whole(self, old: object, new: object, unit: Unit, place: Place) -> None:
        if not equal_values(old, new):
            self.findings.limit(f"schemas nested deeper than {MAX_SCHEMA_DEPTH} levels are compared as a whole")
            self.undecided(unit, place, None, None, f"nested deeper than {MAX_SCHEMA_DEPTH} levels")

    def undecided(self, unit: Unit, place: Place, old: object, new: object, reason: str) -> None:
        """Notes a change of which this comparison cannot tell whether it narrows."""
        self.findings.add(
            "not-comparable", "changed", place, old=old, new=new, unit=unit, subject=f"undecided {reason}",
            reason=f"cannot be compared, so taken as breaking: {reason}",
        )  # fmt: skip

    # -- what is said in passing ---------------------------------------------------------------------------------------

    def _notes(self, old: object, new: object, unit: Unit, place: Place) -> None:
        if old == new and value_key(old) == value_key(new):
            return
        before, after = mapping(old), mapping(new)
        for key in ("description", "values", "default", "deprecated", "title", "$comment", "markdownDescription"):
            if not equal_values(before.get(key), after.get(key)):
                self._note(key, before.get(key), after.get(key), unit, place)
        shown = ("example", "examples")
        if not all(equal_values(before.get(key), after.get(key)) for key in shown):
            self._say(self.example_rule, "examples", _examples(before), _examples(after), unit, place)
        for key in ("externalDocs", "xml"):
            if not equal_values(before.get(key), after.get(key)):
                self._say("documentation-changed", key, before.get(key), after.get(key), unit, place)

    def _note(self, key: str, old: object, new: object, unit: Unit, place: Place) -> None:
        if key == "deprecated":
            if (old is True) != (new is True):
                self._say("deprecation-changed", key, old is True, new is True, unit, place)
        elif key == "default":
            self._say("default-changed", key, old, new, unit, place)
        elif key in ("title", "$comment", "markdownDescription"):
            self._say("documentation-changed", key, old, new, unit, place)
        elif same_words(old or "", new or ""):
            self._say("text-layout-changed", "description", old, new, unit, place)
        else:
            self._say(self.text_rule, "description", old, new, unit, place)

    def _say(self, rule: str, what: str, old: object, new: object, unit: Unit, place: Place) -> None:
        kind = kind_of_change(old, new)
        self.findings.add(
            rule, kind, place, old=old, new=new, unit=unit, subject=what, reason=f"{what.lstrip('$')} {kind}"
        )


def _examples(notes: dict[str, object]) -> object:
    return notes.get("examples", notes.get("example"))
