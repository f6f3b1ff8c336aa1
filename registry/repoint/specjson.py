"""JSON and JSON Lines, read strictly (RFC 8259) and fast, with every problem's line.

``msgspec`` reads a clean document in one pass; the slower ways below are taken only once something is wrong or looked
for. Duplicate keys, which no fast parser reports, show by counting: a document has at least as many ``":`` as its
objects have keys, and just as many unless a key stands twice or a string contains the two characters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NoReturn

import msgspec

from repoint.specproblem import (
    MAX_DEPTH,
    MOST,
    Pointer,
    ReadProblem,
    Tree,
    Unreadable,
    conflict_line,
    line_at,
    shown,
    text_of,
    too_deep,
    tree_of,
    unreadable,
)

_BLANK = " \t\r\n"
_KEYS = rb'"[ \t\r\n]*+:'
_PIECE = r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")(?P<colon>[ \t\r\n]*+:)?|(?P<open>[{\[])|(?P<close>[}\]])'
_CONSTANT = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?P<constant>-?Infinity|NaN)'
_SURROGATES = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}(?P<second>\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
_HUGE = r"[0-9]{4000,}|[0-9][eE]\+?[0-9]{3,}"


def read_json(content: bytes) -> tuple[object, tuple[ReadProblem, ...]]:
    """The value; of a key that stands twice the last one, as nearly every parser has it. Raises: Unreadable."""
    content = _utf8(content)
    try:
        value: object = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(content, str(error)) from error
    return value, _checked(value, content)


def read_json_lines(content: bytes) -> tuple[list[object], tuple[ReadProblem, ...]]:
    """The value of every line that is not blank, None for one that cannot be read (jsonlines.org).

    Raises:
        Unreadable: the bytes are no text.
    """
    content = _utf8(content)
    try:
        values: list[object] = msgspec.json.Decoder().decode_lines(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _line_by_line(content)
    depth, keys = _measured(values)
    if depth > MAX_DEPTH + 1 or keys != len(re.findall(_KEYS, content)):
        return _line_by_line(content)
    return values, ()


def json_lines(content: bytes) -> list[int]:
    """The line number of each value of a JSON Lines document."""
    return [number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]


def locate_json(text: str, pointers: Collection[Pointer]) -> dict[Pointer, int]:
    """The lines of those places, and of what they stand in, that exist. ``text`` must be JSON."""
    return _Locator(text).locate(tree_of(pointers))


def _utf8(content: bytes) -> bytes:
    if content[:4].isascii() and b"\0" not in content[:4]:
        return content
    return text_of(content).encode("utf-8")


def _line_by_line(content: bytes) -> tuple[list[object], tuple[ReadProblem, ...]]:
    values: list[object] = []
    problems: list[ReadProblem] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value, found = read_json(line)
        except Unreadable as error:
            value, found = None, (error.problem,)
        values.append(value)
        if len(problems) < MOST:
            problems += [ReadProblem(each.rule, number, each.message) for each in found]
    return values, tuple(problems)


def _checked(value: object, content: bytes) -> tuple[ReadProblem, ...]:
    depth, keys = _measured(value)
    if depth > MAX_DEPTH:
        raise too_deep(_deep_line(content.decode("utf-8")))
    if keys == len(re.findall(_KEYS, content)):
        return ()
    return tuple(_duplicates(content.decode("utf-8")))


def _measured(value: object) -> tuple[int, int]:
    """Levels of nesting, and keys in all objects together."""
    level = keys = 0
    row: list[object] = [value]
    while row:
        level += 1
        below: list[object] = []
        for each in row:
            if type(each) is dict:
                keys += len(each)
                below += [inner for inner in each.values() if type(inner) is dict or type(inner) is list]
            elif type(each) is list:
                below += [inner for inner in each if type(inner) is dict or type(inner) is list]
        row = below
    return level, keys


def _duplicates(text: str) -> Iterator[ReadProblem]:
    if not _has_duplicates(text):
        return
    seen: list[dict[str, int]] = []
    line, counted, found = 1, 0, 0
    for token in re.finditer(_PIECE, text):
        if token["open"]:
            seen.append({})
        elif token["close"]:
            seen.pop()
        elif token["colon"]:
            line += text.count("\n", counted, token.start())
            counted = token.start()
            key = _decoded(token["string"])
            if (first := seen[-1].get(key)) is None:
                seen[-1][key] = line
            elif (found := found + 1) <= MOST:
                yield duplicate(key, line, first)


def duplicate(key: str, line: int, first: int) -> ReadProblem:
    """A key that stands twice in one object."""
    where = "on the same line" if line == first else f"on line {first}"
    return ReadProblem(
        "duplicate-key", line, f"the key {shown(key)} stood {where} already; parsers keep one of the two"
    )


def _has_duplicates(text: str) -> bool:
    import json

    found = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len(pairs) != len({key for key, _ in pairs})

    json.loads(text, object_pairs_hook=look)
    return found


def _decoded(string: str) -> str:
    return str(msgspec.json.decode(string)) if "\\" in string else string[1:-1]


def _deep_line(text: str) -> int | None:
    depth = 0
    for token in re.finditer(_PIECE, text):
        depth += 1 if token["open"] else -1 if token["close"] else 0
        if depth > MAX_DEPTH:
            return line_at(text, token.start())
    return None


def _explained(content: bytes, reason: str) -> Unreadable:
    """What is wrong, in the words of somebody who has to mend it."""
    import json

    try:
        text = text_of(content)
    except Unreadable as error:
        return error
    if not text.strip(_BLANK):
        return unreadable(None, "is empty")
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return unreadable(error.lineno, _worded(error.msg, text, error.pos))
    except RecursionError:
        return too_deep(_deep_line(text))
    except ValueError:
        return _odd_number(text)
    if lone := next((each for each in re.finditer(_SURROGATES, text) if not each["second"]), None):
        return unreadable(line_at(text, lone.start()), f"{lone[0]} is half of a surrogate pair and no character")
    return _odd_number(text) if "range" in reason else unreadable(None, f"is not JSON: {reason}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _odd_number(text: str) -> Unreadable:
    for found in re.finditer(_CONSTANT, text):
        if found["constant"]:
            return unreadable(line_at(text, found.start()), f"{found['constant']} is no JSON; write null or a string")
    huge = re.search(_HUGE, text)
    return unreadable(line_at(text, huge.start()) if huge else None, "a number too large to be read")


def _worded(reason: str, text: str, position: int) -> str:
    if reason.startswith("Invalid control character"):
        return f"a raw control character U+{ord(text[position]):04X} in a string; write an escape"
    while position < len(text) and text[position] in _BLANK:
        position += 1
    here, before = text[position : position + 2], text[:position].rstrip(_BLANK)[-1:]
    if conflict_line(text) is not None:
        return "holds a conflict that Git left (<<<<<<<)"
    if here in ("//", "/*") or here[:1] == "#":
        return "JSON has no comments"
    if (here[:1] in ("]", "}") and before == ",") or (here[:1] == "," and text[position + 1 :].lstrip()[:1] in "]}"):
        return "a comma before the closing bracket: JSON allows none"
    if here[:1] == "'":
        return "JSON strings stand in double quotes"
    if position >= len(text):
        return "ends too early: a bracket or a quote is still open"
    if reason.startswith("Unterminated string"):
        return "a quote is opened here and never closed"
    if reason == "Extra data":
        return "goes on after the end of the value; a file of several values, one a line, is named .jsonl"
    return f"is not JSON: {reason[:1].lower() + reason[1:]}, not {shown(text[position : position + 12])}"


class _Locator:
    """Follows pointers through a text; what lies beside them is skipped by the C parser."""

    def __init__(self, text: str) -> None:
        import json

        self._text = text
        self._blanks = re.compile(r"[ \t\r\n]*+")
        self._skip = json.JSONDecoder().raw_decode
        self._line = 1
        self._counted = 0
        self._found: dict[Pointer, int] = {}

    def locate(self, tree: Tree) -> dict[Pointer, int]:
        self._value(self._blank(0), tree, ())
        return self._found

    def _blank(self, at: int) -> int:
        blank = self._blanks.match(self._text, at)
        return blank.end() if blank else at

    def _value(self, at: int, tree: Tree, path: Pointer) -> int:
        """The position behind the value at ``at``."""
        if tree and self._text[at] == "{":
            return self._object(at, tree, path)
        if tree and self._text[at] == "[":
            return self._array(at, tree, path)
        return self._skip(self._text, at)[1]

    def _object(self, at: int, tree: Tree, path: Pointer) -> int:
        at = self._blank(at + 1)
        while self._text[at] != "}":
            key, end = self._skip(self._text, at)
            place = self._blank(self._blank(end) + 1)
            at = self._below(key, at, place, tree, path)
        return at + 1

    def _array(self, at: int, tree: Tree, path: Pointer) -> int:
        at, index = self._blank(at + 1), 0
        while self._text[at] != "]":
            at = self._below(index if index in tree else str(index), at, at, tree, path)
            index += 1
        return at + 1

    def _below(self, step: str | int, at: int, value: int, tree: Tree, path: Pointer) -> int:
        """The next key or element after this one."""
        if (below := tree.get(step)) is not None:
            self._line += self._text.count("\n", self._counted, at)
            self._counted = at
            self._found[(*path, step)] = self._line
            end = self._value(value, below, (*path, step))
        else:
            end = self._skip(self._text, value)[1]
        end = self._blank(end)
        return self._blank(end + 1) if self._text[end] == "," else end
