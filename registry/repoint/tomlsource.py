"""TOML that people wrote: read safely, and every value's line found again for messages.

Promise 10 lives here for text that comes from outside: size, key depth and nesting are bounded before the parser runs
(``tomllib`` needs memory in the square of a dotted key's length), and every refusal says file, line and column.
Lines are looked up only once something is refused, so reading stays as fast as ``tomllib`` is.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache

from repoint.errors import InvalidInput

KeyPath = tuple[str | int, ...]
"""Keys and, inside arrays, indexes from the document's root, as in ``("allow", 0, "rule")``."""

MAX_BYTES = 1024 * 1024
MAX_LEVELS = 64
"""Levels of nesting, and parts of one dotted key."""

_BASIC = r'"(?:\\.|[^"\\\n])*+"'
_LITERAL = r"'[^'\n]*+'"
_PART = rf"(?:[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL})"
_LONG = r'"""(?:\\.|[^\\])*?"{3,5}(?!")|' + r"'''.*?'{3,5}(?!')"
# Compiled on first use (``re`` keeps them): a command that refuses nothing needs none of them.
_DOTTED = rf"(?s){_LONG}|#[^\n]*|(?P<deep>(?:{_PART}[ \t]*+\.[ \t]*+){{{MAX_LEVELS}}})|{_PART}"
_BLANK = r"(?:[ \t\r\n]++|#[^\n]*+)*+"
_KEY_PART = rf"[ \t]*+({_PART})[ \t]*+(\.?)"
_STRING = rf"(?s){_LONG}|{_BASIC}|{_LITERAL}"
_SCALAR = r"[^,\]}\n#]++"
_POSITION = r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)"
_HUGE_NUMBER = r"[0-9_]{4000,}"


def parse_toml(source: bytes, shown_path: str) -> dict[str, object]:
    """The values of a TOML document.

    Raises:
        InvalidInput: over 1 MiB, not UTF-8, a byte order mark, a NUL, nested too deeply, or not TOML 1.0; the message
            begins with ``shown_path``, line and column, and the facts hold ``path`` and ``line``.
    """
    text = _text_of(source, shown_path)
    if text.count(".") >= MAX_LEVELS and (deep := next((m for m in re.finditer(_DOTTED, text) if m["deep"]), None)):
        raise _refusal(f"a key of more than {MAX_LEVELS} dotted parts", shown_path, _place(text, deep.start()))
    try:
        values: dict[str, object] = tomllib.loads(text)
        if _levels(values) > MAX_LEVELS:
            raise _too_deep(shown_path, min(n for path, n in _lines(text).items() if len(path) >= MAX_LEVELS))
    except RecursionError as error:
        raise _too_deep(shown_path, 1) from error
    except ValueError as error:
        raise _syntax_refusal(error, text, shown_path) from error
    return values


def line_of(source: str, path: KeyPath) -> int:
    """The line, from 1, where the value at ``path`` is written; that of the nearest table above where it is missing.

    ``source`` must be a document that ``parse_toml`` accepted. An empty path is line 1.
    """
    lines = _lines(source)
    while path and path not in lines:
        path = path[:-1]
    return lines[path] if path else 1


def _text_of(source: bytes, shown_path: str) -> str:
    if len(source) > MAX_BYTES:
        raise InvalidInput(
            f"{shown_path}: {len(source)} bytes, more than the {MAX_BYTES} that a TOML file may have",
            kind="toml-too-large",
            hint="keep long texts in files of their own",
            path=shown_path,
        )
    if source.startswith(b"\xef\xbb\xbf"):
        raise _refusal("a byte order mark", shown_path, (1, 1), "save the file as UTF-8 without a byte order mark")
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start]
        place = (before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode("utf-8")) + 1)
        what = f"not UTF-8: byte 0x{source[error.start]:02x} at offset {error.start}"
        raise _refusal(what, shown_path, place, "save the file as UTF-8") from error
    if "\0" in text:
        raise _refusal("a NUL character", shown_path, _place(text, text.index("\0")), "remove the character")
    return text


def _place(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _refusal(what: str, shown_path: str, place: tuple[int, int], hint: str | None = None) -> InvalidInput:
    line, column = place
    where = f"{shown_path}:{line}:{column}"
    return InvalidInput(f"{where}: {what}", kind="invalid-toml", hint=hint, path=shown_path, line=line, column=column)


def _too_deep(shown_path: str, line: int) -> InvalidInput:
    return _refusal(f"nested more than {MAX_LEVELS} levels deep", shown_path, (line, 1))


def _syntax_refusal(error: ValueError, text: str, shown_path: str) -> InvalidInput:
    match = re.fullmatch(_POSITION, str(error))
    if match and match[2]:
        return _refusal(_reworded(match[1]), shown_path, (int(match[2]), int(match[3])))
    if match:
        return _refusal(f"{_reworded(match[1])} at the end of the file", shown_path, _place(text, len(text)))
    huge = re.search(_HUGE_NUMBER, text)
    place = _place(text, huge.start() if huge else 0)
    return _refusal("a number too long to be read" if huge else str(error), shown_path, place, "write it as a string")


def _reworded(reason: str) -> str:
    return "not valid TOML: " + reason[:1].lower() + reason[1:200]


def _levels(values: dict[str, object]) -> int:
    level = 0
    row: list[dict[str, object] | list[object]] = [values]
    while row:
        level += 1
        inside = (each for value in row for each in (value.values() if isinstance(value, dict) else value))
        row = [each for each in inside if isinstance(each, dict | list)]
    return level


@lru_cache(maxsize=4)
def _lines(source: str) -> dict[KeyPath, int]:
    return _Locator(source).locate()


class _Locator:
    """Walks a valid document once and notes where each key and element is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}  # arrays of tables: the index of their newest table

    def locate(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_blank():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._assignment(table)
        return self._lines

    def _skip_blank(self) -> bool:
        blank = re.compile(_BLANK).match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._at < len(self._text)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _header(self) -> KeyPath:
        line = self._line_here()
        repeated = self._text.startswith("[[", self._at)
        self._at += 1 + repeated
        path = self._note(self._key(), (), line)
        self._at += 1 + repeated
        if repeated:
            self._arrays[path] = self._arrays.get(path, -1) + 1
            self._lines.setdefault(path, line)
            path = (*path, self._arrays[path])
        self._lines[path] = line
        return path

    def _key(self) -> list[str]:
        parts = []
        while part := re.compile(_KEY_PART).match(self._text, self._at):
            self._at = part.end()
            parts.append(_unquoted(part[1]))
            if not part[2]:
                break
        return parts

    def _note(self, key: list[str], table: KeyPath, line: int) -> KeyPath:
        """Note each part of a dotted key; parts before the last step into the newest table of an array of tables."""
        path = table
        for part in key[:-1]:
            path = (*path, part)
            self._lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return (*path, key[-1])

    def _assignment(self, table: KeyPath) -> None:
        line = self._line_here()
        path = self._note(self._key(), table, line)
        self._at += 1  # the equals sign
        self._lines[path] = line
        self._skip_blank()
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif found := re.compile(_STRING if opening in "\"'" else _SCALAR).match(self._text, self._at):
            self._at = found.end()

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while self._skip_blank() and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._lines[(*path, index)] = self._line_here()
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._skip_blank() and self._text[self._at] != "}":
            if self._text[self._at] == ",":
                self._at += 1
            else:
                self._assignment(path)
        self._at += 1


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    return str(next(iter(tomllib.loads(f"{part} = 0"))))
