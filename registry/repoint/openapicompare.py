"""Comparing Swagger 2.0 and OpenAPI 3.x documents: endpoints, what they are sent, and what they answer.

An endpoint is its method and its path, whatever the path's parameters are called. Schemas that operations share are
compared once and reported under their own names, with the operations concerned.
"""

from __future__ import annotations

from repoint.changes import SpecComparison
from repoint.jsonviews import equal_values, same_words, text
from repoint.openapimatching import (
    has_success,
    is_success,
    matched_codes,
    matched_types,
    paired_operations,
    same_operation_ids,
)
from repoint.openapisettings import compare_security, compare_settings, compare_unused
from repoint.openapiview import Body, Document, Operation, Parameter, Response
from repoint.schemacompare import SchemaComparison
from repoint.schemawords import describe, kind_of_change
from repoint.specfindings import Direction, Findings, Place, Unit

_OTHER: dict[Direction, Direction] = {"request": "response", "response": "request"}
_OPERATION_KEYS = {
    "operationId", "summary", "description", "tags", "parameters", "requestBody", "responses", "callbacks",
    "deprecated", "security", "servers", "externalDocs", "consumes", "produces", "schemes",
}  # fmt: skip


def compare_openapi(old: dict[str, object], new: dict[str, object]) -> SpecComparison:
    """Every change between two documents, with its place: ``POST /refunds: request body field reason.code``."""
    findings = Findings()
    comparison = _Comparison(Document(old), Document(new), findings)
    comparison.run()
    return findings.result()


class _Comparison:
    def __init__(self, old: Document, new: Document, findings: Findings) -> None:
        self.old, self.new, self.findings = old, new, findings
        self._parts: dict[tuple[str, str, str, Direction], Unit] = {}
        self.schemas = SchemaComparison(
            old.shapes, new.shapes, findings, names_shared=True, example_rule="documentation-changed"
        )

    def run(self) -> None:
        compare_settings(self.old, self.new, self.findings)
        before, after = self.old.operations(), self.new.operations()
        self._operations(before, after, "request")
        self._operations(self.old.webhooks(), self.new.webhooks(), "response")
        if not before and not after:
            self._library()
        self.schemas.finish()
        compare_unused(self.old, self.new, self.findings)

    def _library(self) -> None:
        """A document of shared schemas only: whoever uses them may send or read them."""
        for name in self.old.schemas:
            place = Place(f"schema {name}", ": ", "field", shared=True)
            if name not in self.new.schemas:
                self.findings.add("response-property-removed", "removed", place, old=name, reason="the schema is gone")
                continue
            for direction in ("request", "response"):
                unit = self.findings.unit(direction, place)
                self.schemas.later(self.old.schemas[name], self.new.schemas[name], unit, place)
        for name in self.new.schemas.keys() - self.old.schemas.keys():
            self.findings.add("response-property-added", "added", f"schema {name}", new=name, reason="a new schema")

    # -- endpoints ---------------------------------------------------------------------------------------------------

    def _operations(self, old: dict[str, Operation], new: dict[str, Operation], side: Direction) -> None:
        pairs, gone, come = paired_operations(old, new)
        for before, after in pairs:
            self._operation(before, after, side)
        moved = same_operation_ids(gone, come)
        for before in gone:
            target = moved.get(before.label)
            if target is None:
                summary = text(before.raw.get("summary")) or text(before.raw.get("operationId"))
                self.findings.add("endpoint-removed", "removed", before.label, old=summary or before.label,
                                  reason="the endpoint is gone")  # fmt: skip
            else:
                self.findings.add("endpoint-moved", "moved", target.label, old=before.label, new=target.label,
                                  reason="the same operationId under another address")  # fmt: skip
                self._operation(before, target, side)
        taken = {id(each) for each in moved.values()}
        for after in come:
            if id(after) not in taken:
                summary = text(after.raw.get("summary")) or text(after.raw.get("operationId"))
                self.findings.add("endpoint-added", "added", after.label, new=summary or after.label,
                                  reason="a new endpoint")  # fmt: skip

    def _operation(self, old: Operation, new: Operation, side: Direction) -> None:
        label = new.label
        self._words(old, new)
        self._parameters(old, new, side)
        self._request_body(old.body, new.body, label, side)
        self._responses(old, new, side)
        if old.callbacks or new.callbacks:
            self._operations(self.old.callbacks(old), self.new.callbacks(new), _OTHER[side])

    def _words(self, old: Operation, new: Operation) -> None:
        label, before, after = new.label, old.raw, new.raw
        was, becomes = text(before.get("operationId")), text(after.get("operationId"))
        if was != becomes:
            rule = "operation-id-added" if was is None else "operation-id-changed"
            self.findings.add(rule, kind_of_change(was, becomes), label, old=was, new=becomes,
                              reason=f"operationId {kind_of_change(was, becomes)}")  # fmt: skip
        for key in ("summary", "description"):
            self._text(key, before.get(key), after.get(key), label)
        if (before.get("deprecated") is True) != (after.get("deprecated") is True):
            reason = "deprecated now" if after.get("deprecated") is True else "no longer deprecated"
            self.findings.add("deprecation-changed", "changed", label, old=before.get("deprecated") is True,
                              new=after.get("deprecated") is True, reason=reason)  # fmt: skip
        for key in ("tags", "externalDocs"):
            self._other("documentation-changed", key, before.get(key), after.get(key), label)
        for key in sorted((before.keys() | after.keys()) - _OPERATION_KEYS):
            self._other("extension-changed", key, before.get(key), after.get(key), label)
        self._other("server-changed", "servers", old.servers, new.servers, label)
        compare_security(old, new, self.findings)

    def _text(self, key: str, old: object, new: object, place: str | Place) -> None:
        if old != new:
            rule = "text-layout-changed" if same_words(old or "", new or "") else "model-text-changed"
            kind = kind_of_change(old, new)
            self.findings.add(rule, kind, place, old=old, new=new, reason=f"{key} {kind}", subject=key)

    def _other(self, rule: str, key: str, old: object, new: object, place: str | Place) -> None:
        if not equal_values(old, new):
            kind = kind_of_change(old, new)
            self.findings.add(rule, kind, place, old=old, new=new, reason=f"{key} {kind}", subject=key)

    def _part(
        self, what: str, old: str | None, new: str | None, place: Place, side: Direction, label: str
    ) -> Place | None:
        """The place of a part, under its own name where both sides refer to it; None where it was compared before."""
        self.findings.part = None
        if old is None or new is None:
            return place
        known = self._parts.get((what, old, new, side))
        if known is not None:
            self.findings.use(known, label)
            return None
        made = self.findings.unit(side, Place(f"{what} {new}", shared=True), user=label)
        self._parts[what, old, new, side] = self.findings.part = made
        return made.place

    def _unit(self, side: Direction, place: Place, label: str) -> Unit:
        """A schema of an operation, or of the shared part that is being compared."""
        part = self.findings.part
        if part is None:
            return self.findings.unit(side, place, user=label)
        made = self.findings.unit(side, place)
        part.children[id(made)] = made
        return made

    # -- what is sent --------------------------------------------------------------------------------------------------

    def _parameters(self, old: Operation, new: Operation, side: Direction) -> None:
        gone = {key: each for key, each in old.parameters.items() if key not in new.parameters}
        for key, after in new.parameters.items():
            before = old.parameters.get(key)
            if before is not None:
                self._parameter(before, after, new.label, side)
                continue
            former = next((each for each in gone if gone[each].name.lower() == after.name.lower()), None)
            if former is None:
                self._added_parameter(after, new.label)
            else:
                moved = gone.pop(former)
                place = _parameter_place(new.label, after)
                self.findings.add("parameter-moved", "moved", place, old=moved.place, new=after.place,
                                  reason=f"sent in {_article(after.place)} now")  # fmt: skip
        for before in gone.values():
            what = describe(self.old.shapes, before.schema)
            self.findings.add("parameter-removed", "removed", _parameter_place(new.label, before), old=what,
                              reason="the parameter is gone")  # fmt: skip

    def _added_parameter(self, parameter: Parameter, label: str) -> None:
        rule = "required-parameter-added" if parameter.required else "parameter-added"
        reason = f"a new {'required' if parameter.required else 'optional'} parameter"
        what = describe(self.new.shapes, parameter.schema)
        self.findings.add(rule, "added", _parameter_place(label, parameter), new=what, reason=reason)

    def _parameter(self, old: Parameter, new: Parameter, label: str, side: Direction) -> None:
        place = self._part("parameter", old.component, new.component, _parameter_place(label, new), side, label)
        if place is None:
            return
        if old.required != new.required:
            rule, reason = (
                ("parameter-required", "required now") if new.required else ("parameter-optional", "no longer required")
            )
            words = ("optional", "required") if new.required else ("required", "optional")
            self.findings.add(rule, "changed", place, old=words[0], new=words[1], reason=reason, subject="required")
        self._shared_of_parameters(old, new, place)
        self.schemas.compare(old.schema, new.schema, self._unit(side, place, label))
        self.findings.part = None

    def _shared_of_parameters(self, old: Parameter, new: Parameter, place: Place) -> None:
        if old.serialization != new.serialization:
            words = [" ".join(str(part) for part in each.serialization[:1]) for each in (old, new)]
            if words[0] == words[1]:
                words = [_written(each.serialization) for each in (old, new)]
            self.findings.add("parameter-serialization-changed", "changed", place, old=words[0], new=words[1],
                              reason="written another way on the wire")  # fmt: skip
        self._text("description", old.description, new.description, place)
        if old.deprecated != new.deprecated:
            reason = "deprecated now" if new.deprecated else "no longer deprecated"
            self.findings.add("deprecation-changed", "changed", place, old=old.deprecated, new=new.deprecated,
                              reason=reason)  # fmt: skip
        self._other("documentation-changed", "examples", old.examples, new.examples, place)
        for key in sorted(old.extra.keys() | new.extra.keys()):
            self._other("extension-changed", key, old.extra.get(key), new.extra.get(key), place)

    def _request_body(self, old: Body | None, new: Body | None, label: str, side: Direction) -> None:
        own = Place(f"{label}: request body")
        if old is None or new is None:
            if old is not None:
                self.findings.add("request-body-removed", "removed", own, old=_types(old), reason="no body any more")
            elif new is not None:
                rule = "required-request-body-added" if new.required else "request-body-added"
                reason = f"a new {'required' if new.required else 'optional'} body"
                self.findings.add(rule, "added", own, new=_types(new), reason=reason)
            return
        place = self._part("request body", old.component, new.component, own, side, label)
        if place is None:
            return
        if old.required != new.required:
            rule = "request-body-required" if new.required else "request-body-optional"
            words = ("optional", "required") if new.required else ("required", "optional")
            self.findings.add(rule, "changed", place, old=words[0], new=words[1], reason=f"{words[1]} now")
        self._text("description", old.description, new.description, place)
        self._media(old, new, place, label, side, "request")
        self.findings.part = None

    def _media(self, old: Body, new: Body, place: Place, label: str, side: Direction, part: str) -> None:
        before, after = matched_types(old.media, new.media)
        for name in before:
            if name in after:
                at = place if len(after) == 1 else place._replace(base=f"{place.base} ({name})")
                if len(after) > 1 and all(each is old.media[name] for each in old.media.values()):
                    at = place
                self.schemas.compare(before[name], after[name], self._unit(side, at, label))
                encodings = old.encoding.get(name), new.encoding.get(name)
                self._other("parameter-serialization-changed", f"encoding of {name}", *encodings, place)
            else:
                self.findings.add(f"{part}-media-type-removed", "removed", place, old=name, subject=name,
                                  reason=f"no {name} any more")  # fmt: skip
        for name in after:
            if name not in before:
                self.findings.add(f"{part}-media-type-added", "added", place, new=name, subject=name,
                                  reason=f"{name} in addition")  # fmt: skip

    # -- what is answered ----------------------------------------------------------------------------------------------

    def _responses(self, old: Operation, new: Operation, side: Direction) -> None:
        matched = matched_codes(old.responses, new.responses)
        succeeded = has_success(old.responses)
        for code, before in old.responses.items():
            place = Place(f"{new.label}: response {code}")
            other = matched.get(code)
            if other is not None:
                self._response(before, new.responses[other], place, new.label, side)
                continue
            good = is_success(code) or (code == "default" and not succeeded)
            rule = "success-response-removed" if good else "error-response-removed"
            self.findings.add(rule, "removed", place, old=before.body.description or code, reason="not given any more")
        for code, after in new.responses.items():
            if code not in matched.values():
                place = Place(f"{new.label}: response {code}")
                self.findings.add("response-added", "added", place, new=after.body.description or code,
                                  reason="a further answer")  # fmt: skip

    def _response(self, old: Response, new: Response, own: Place, label: str, side: Direction) -> None:
        place = self._part("response", old.component, new.component, own, _OTHER[side], label)
        if place is None:
            return
        self._text("description", old.body.description, new.body.description, place)
        self._media(old.body, new.body, place, label, _OTHER[side], "response")
        self._other("links-changed", "links", old.links or None, new.links or None, place)
        for name in [*old.headers, *(each for each in new.headers if each not in old.headers)]:
            self._header(old.headers.get(name), new.headers.get(name), place, label, side)
        self.findings.part = None

    def _header(self, old: Parameter | None, new: Parameter | None, place: Place, label: str, side: Direction) -> None:
        at = place._replace(base=f"{place.base} header {(new or old or _NOBODY).name}")
        if old is None and new is not None:
            what = describe(self.new.shapes, new.schema)
            self.findings.add("response-header-added", "added", at, new=what, reason="a further header")
        elif old is not None and new is None:
            rule = "response-header-removed" if old.required else "response-optional-header-removed"
            what = describe(self.old.shapes, old.schema)
            self.findings.add(rule, "removed", at, old=what, reason="the header is not sent any more")
        elif old is not None and new is not None:
            if old.required != new.required:
                rule = "response-property-required" if new.required else "response-property-optional"
                words = ("optional", "required") if new.required else ("required", "optional")
                self.findings.add(rule, "changed", at, old=words[0], new=words[1], reason=f"{words[1]} now")
            self._shared_of_parameters(old, new, at)
            self.schemas.compare(old.schema, new.schema, self._unit(_OTHER[side], at, label))


_NOBODY = Parameter("", "header", False, {}, (), None, False, None, {})


def _parameter_place(label: str, parameter: Parameter) -> Place:
    return Place(f"{label}: {parameter.place} parameter {parameter.name}")


def _article(place: str) -> str:
    return f"a {place}" if place in ("header", "cookie") else f"the {place}"


def _types(body: Body) -> str:
    return ", ".join(body.media) or "a body"


def _written(serialization: tuple[object, ...]) -> str:
    """``form, explode``: the style of a parameter and what is said of it, or its media types."""
    style, *said = serialization
    names = ("explode", "allowReserved", "allowEmptyValue")
    if style == "content":
        return " ".join(map(str, said))
    return ", ".join([str(style), *(name for name, holds in zip(names, said, strict=False) if holds)])
