"""YAML read as data and nothing else: every document of a stream built from the parser's events, in one pass.

The scalars are those of YAML 1.2's core schema (YAML 1.2.2, section 10.3): OpenAPI recommends YAML 1.2 (OpenAPI 3.1.1,
section Format), and the ``yaml`` package that dotprompt uses follows it, so ``no`` and ``on`` are texts. The value is
what JSON can hold: dates stay text, and so do ``.inf``, ``.nan`` and numbers with leading zeros, on which YAML 1.1
and 1.2 disagree; keys are texts as they are written (``200`` and ``"200"`` are one key). Merge keys (``<<``, YAML 1.1)
are followed, because PyYAML, with which prompty reads, and js-yaml follow them.

Aliases share what they name, so that reading is linear. What they stand for is counted, since everybody who walks the
value afterwards walks it as often as it is named: a document may not grow without measure (CWE-776).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, cast

from repoint.specjson import duplicate
from repoint.specproblem import (
    MAX_DEPTH,
    MOST,
    ReadProblem,
    Unreadable,
    conflict_line,
    line_at,
    shown,
    too_deep,
    too_large,
    unreadable,
)
from repoint.yamlscalars import core_scalar, key_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml import MarkedYAMLError

FREE_EXPANSION = 100_000
"""Nodes that aliases may add to any document; beyond that, one for every four characters it has."""
_SLOW_BYTES = 512 * 1024
"""Without libyaml, PyYAML reads some 100 KB a second."""

_TAG = "tag:yaml.org,2002:"
_COLLECTIONS = (_TAG + "map", _TAG + "seq")
_SCALARS = tuple(_TAG + name for name in ("str", "int", "float", "bool", "null"))
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_COLON = "a colon where no value can begin: put the text in quotes, or mend the indentation"
_WORDS = {
    "found character that cannot start any token": "a text cannot begin with this character here; put it in quotes",
    "mapping values are not allowed in this context": _COLON,
    "mapping values are not allowed here": _COLON,
    "could not find expected ':'": "a key without its colon, or a text whose next line is not indented",
    "did not find expected key": "no key where one must stand: mend the indentation or the quotes",
    "did not find expected '-' indicator": "no '-' where the list goes on: mend the indentation",
    "did not find expected ',' or ']'": "a list in brackets is not closed, or lacks a comma",
    "did not find expected ',' or '}'": "an object in braces is not closed, or lacks a comma",
    "found unexpected end of stream": "ends too early: a quote is still open",
    "did not find expected node content": "no value where one must stand",
    "found undefined tag handle": "a tag whose prefix no %TAG line explains",
}  # fmt: skip


class _Mark(Protocol):
    line: int


class Event(Protocol):
    """What the events of PyYAML's parser carry, each of them its share."""

    start_mark: _Mark
    anchor: str | None
    tag: str | None
    implicit: tuple[bool, bool]
    value: str


def read_yaml(text: str, first_line: int = 1) -> tuple[list[object], tuple[ReadProblem, ...]]:
    """The documents of a stream (empty ones at its end are none); ``first_line`` is the number of the text's first.

    Raises:
        Unreadable: it is no YAML, nested too deeply, or its aliases expand without measure.
    """
    builder = _Builder(len(text), first_line)
    feed(text, first_line, builder.take)
    documents = builder.documents
    while documents and documents[-1] is None:
        documents.pop()
    return documents, tuple(builder.problems)


def feed(text: str, first_line: int, take: Callable[[Event], None]) -> None:
    """Hand over the parser's events, one after another. Raises: Unreadable."""
    import yaml

    fast = hasattr(yaml, "CSafeLoader")
    if not fast and len(text) > _SLOW_BYTES:
        raise Unreadable(too_large(len(text), _SLOW_BYTES, ", because PyYAML was installed without libyaml"))
    try:
        loader = yaml.CSafeLoader(text) if fast else yaml.SafeLoader(text)
        try:
            following = loader.get_event
            while (event := following()) is not None:
                take(cast(Event, event))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _explained(error, text, first_line) from error
    except yaml.YAMLError as error:
        odd = re.search(_UNPRINTABLE, text)
        what = f"YAML does not allow the character U+{ord(odd[0]):04X}" if odd else f"is not YAML: {error}"
        raise unreadable(line_at(text, odd.start()) - 1 + first_line if odd else None, what) from error


def _explained(error: MarkedYAMLError, text: str, first_line: int) -> Unreadable:
    mark = error.problem_mark
    reason = str(error.problem)
    line = 0 if mark is None else mark.line
    if (conflict := conflict_line(text)) is not None:
        return unreadable(conflict - 1 + first_line, "holds a conflict that Git left (<<<<<<<)")
    source = text.split("\n", line + 1)[line] if line <= text.count("\n") else ""
    column = 0 if mark is None else mark.column
    if "\t" in source[: column + 1] and "token" in reason:
        return unreadable(line + first_line, "a tab in the indentation: YAML allows only blanks there")
    if reason.startswith("found unexpected end of stream") and error.context_mark is not None:
        line = error.context_mark.line
        return unreadable(line + first_line, "a quote is opened here and never closed")
    return unreadable(line + first_line, _WORDS.get(reason, f"is not YAML: {reason}"))


class _Frame:
    """A collection being filled; ``key`` is the key whose value comes next."""

    __slots__ = ("anchor", "height", "key", "line", "lines", "merged", "value", "weight")

    def __init__(self, value: dict[str, object] | list[object], anchor: str | None, line: int) -> None:
        self.value = value
        self.anchor = anchor
        self.line = line
        self.key: str | None = None
        self.lines: dict[str, int] | None = None
        self.merged: list[object] = []
        self.weight = 1
        self.height = 1


class _Anchored:
    """What an anchor names: a value, how many nodes it stands for, how deep it is nested; or one still open."""

    __slots__ = ("height", "open", "value", "weight")

    def __init__(self, value: object, weight: int, height: int, *, still_open: bool = False) -> None:
        self.value = value
        self.weight = weight
        self.height = height
        self.open = still_open


_MERGE = "<<"
_MERGING = "\0merge"
"""Stands for the key ``<<``; no text of a YAML document can contain a NUL."""


class _Builder:
    """Builds values from events."""

    def __init__(self, size: int, first_line: int) -> None:
        self.documents: list[object] = []
        self.problems: list[ReadProblem] = []
        self._first_line = first_line
        self._expansion = FREE_EXPANSION + size // 4
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._takers = self._known_events()

    def _known_events(self) -> dict[type, Callable[[Event], None]]:
        import yaml

        return {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: Event) -> None:
        """Take the next event."""
        if (taker := self._takers.get(type(event))) is not None:
            taker(event)

    def _line(self, event: Event) -> int:
        return event.start_mark.line + self._first_line

    def _document(self, _: Event) -> None:
        self._anchors = {}
        self._frames = []

    def _mapping(self, event: Event) -> None:
        self._open({}, event)

    def _sequence(self, event: Event) -> None:
        self._open([], event)

    def _open(self, value: dict[str, object] | list[object], event: Event) -> None:
        frames = self._frames
        if len(frames) >= MAX_DEPTH:
            raise too_deep(self._line(event))
        if frames and frames[-1].key is None and type(frames[-1].value) is dict:
            raise unreadable(self._line(event), "a list or an object as a key, which JSON cannot hold")
        self._check_tag(event, _COLLECTIONS)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(None, 0, 0, still_open=True)
        frames.append(_Frame(value, event.anchor, self._line(event)))

    def _check_tag(self, event: Event, known: tuple[str, ...]) -> None:
        tag = event.tag
        if tag is not None and tag != "!" and tag not in known and len(self.problems) < MOST:
            name = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
            message = f"the tag {shown(name)} makes a value that JSON cannot hold; it was read without the tag"
            self.problems.append(ReadProblem("spec-unparsable", self._line(event), message))

    def _end(self, _: Event) -> None:
        frame = self._frames.pop()
        if frame.merged:
            self._merge(frame)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(frame.value, frame.weight, frame.height)
        self._put(frame.value, frame.weight, frame.height, frame.line)

    def _merge(self, frame: _Frame) -> None:
        """Add what ``<<`` names; the mapping's own keys win, then the first that is named (yaml.org/type/merge)."""
        value = frame.value
        assert isinstance(value, dict)
        for source in frame.merged:
            for each in source if isinstance(source, list) else [source]:
                if not isinstance(each, dict):
                    raise unreadable(frame.line, "<< must name an object or a list of objects")
                for key, inner in each.items():
                    value.setdefault(key, inner)

    def _scalar(self, event: Event) -> None:
        frames, text = self._frames, event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(self._resolved(event), 1 + len(text) // 64, 0)
        if frames and frames[-1].key is None and type(frames[-1].value) is dict:
            self._key(frames[-1], _MERGING if text == _MERGE and event.implicit[0] else text, event)
        else:
            self._put(self._resolved(event), 1 + len(text) // 64, 0, 0)

    def _key(self, frame: _Frame, key: str, event: Event) -> None:
        frame.key = key
        if key in frame.value:
            if len(self.problems) < MOST:
                first = (frame.lines or {}).get(key, frame.line)
                self.problems.append(duplicate(key, self._line(event), first))
        elif key != _MERGING:
            if frame.lines is None:
                frame.lines = {}
            frame.lines[key] = event.start_mark.line + self._first_line

    def _alias(self, event: Event) -> None:
        named = self._anchors.get(event.anchor or "")
        if named is None:
            raise unreadable(self._line(event), f"the alias *{event.anchor} names no anchor before it")
        if named.open:
            raise self._bomb(event, f"the alias *{event.anchor} stands inside of what it names, without end")
        self._expansion -= named.weight
        if self._expansion < 0:
            raise self._bomb(event, "aliases of aliases expand this document far beyond its size")
        if len(self._frames) + named.height > MAX_DEPTH:
            raise too_deep(self._line(event))
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is None and type(frame.value) is dict:
            if isinstance(named.value, dict | list):
                raise unreadable(self._line(event), "a list or an object as a key, which JSON cannot hold")
            self._key(frame, key_text(named.value), event)
        else:
            self._put(named.value, named.weight, named.height, 0)

    def _bomb(self, event: Event, message: str) -> Unreadable:
        return Unreadable(ReadProblem("yaml-alias-bomb", self._line(event), message))

    def _put(self, value: object, weight: int, height: int, _: int) -> None:
        if not self._frames:
            self.documents.append(value)
            return
        frame = self._frames[-1]
        frame.weight += weight
        if height >= frame.height:
            frame.height = height + 1
        container = frame.value
        if type(container) is list:
            container.append(value)
        elif frame.key == _MERGING:
            frame.merged.append(value)
            frame.key = None
        elif frame.key is not None and type(container) is dict:
            container[frame.key] = value
            frame.key = None

    def _resolved(self, event: Event) -> object:
        text, tag = event.value, event.tag
        if tag is None:
            return core_scalar(text) if event.implicit[0] else text
        if tag == "!" or tag == _TAG + "str":
            return text
        self._check_tag(event, _SCALARS)
        return core_scalar(text) if tag in _SCALARS else text
