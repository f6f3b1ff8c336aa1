"""What cannot be seen in one file, searched in its bytes: only what stands around a candidate is decoded.

Part of promise 9. ``invisibles`` and ``confusables`` judge characters; here a file passes by in pieces, each with as
much of the one before as a judgement needs. In large files the candidates are found by expressions over UTF-8
(``multisearch``), so that plain text and bytes that are no text cost one fast pass; what there is enough of is no
longer looked for. A piece with a great many candidates is decoded whole.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from repoint.findings import Severity
from repoint.invisibles import CONTEXT, RULES, SUSPECTS, Suspect, reads_as_text, suspects_in

if TYPE_CHECKING:
    from repoint.multisearch import MultiSearch

PIECE = 65_536
MARGIN = 4 * CONTEXT + 4
"""Bytes on either side of a candidate that hold all that decides about it."""

_NEAR = CONTEXT + 16
"""The same where nearly every character is a byte; decoding bytes that are no text is what costs most."""

_LARGE = 1_048_576
"""Bytes of a file from which candidates are found in one pass: preparing that takes as long as judging so many."""

_LARGE_ASCII = 131_072
"""The same for plain ASCII, where only control characters are looked for."""

_SPARSE = 64
"""Bytes for each candidate, at least: denser ones are judged faster in the text of the whole piece."""

_CANDIDATE = 12
"""The longest candidate in bytes: two characters with three digits between them."""

_PLAIN = bytes(range(9, 14)) + bytes(range(32, 127)) + b"\0"
"""The ASCII characters that nobody calls invisible; a NUL has a rule of its own."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_KINDS = {**RULES, "mixed": "mixed-script"}


class Notes(Protocol):
    """Who collects what is found."""

    def enough_of(self, rule: str, kind: str) -> bool:
        """Whether such suspects need not be looked at any more."""

    def note(self, rule: str, line: int, severity: Severity, message: str) -> None:
        """Keep a finding."""

    def note_chance(self, kind: str, rule: str, severity: Severity, said: Callable[[], tuple[int, str]]) -> None:
        """Keep what was found among bytes that are no text; ``said`` gives the line and the message."""


class UnseenSearch:
    """Finds suspect characters in text, and bytes that are none."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._start: bytes | None = b""
        self._checker: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")("strict")
        self._decoder: codecs.IncrementalDecoder | None = None  # of UTF-16
        self._kept = b""
        self._judged = 0  # bytes of what is kept that were searched already
        self._line = 1
        self._fed = 0
        self._nul = False

    @property
    def utf16(self) -> bool:
        """Whether the file begins with the mark of UTF-16."""
        return self._decoder is not None

    def feed(self, chunk: bytes, line: int, *, final: bool = False) -> None:
        """Search the next bytes; ``line`` is the one on which they begin."""
        if self._start is not None:
            chunk, line = self._start + chunk, 1
            if len(chunk) < len(_UTF16[0]) and not final:
                self._start = chunk
                return
            self._begin(chunk)
        if self._decoder is not None:
            chunk, line = self._decoder.decode(chunk, final).encode(), self._line
            self._line += chunk.count(b"\n")
        else:
            self._check(chunk, line, final=final)
        self._search(chunk, line, final=final)

    def _begin(self, start: bytes) -> None:
        self._start = None
        if start.startswith(_UTF16):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
            self._not_utf8(1, "is UTF-16")

    def _check(self, chunk: bytes, line: int, *, final: bool) -> None:
        if self._checker is None or (chunk.isascii() and not self._checker.getstate()[0]):
            return
        try:
            self._checker.decode(chunk, final)
        except UnicodeDecodeError as error:
            self._checker = None
            line += error.object.count(b"\n", 0, error.start)
            self._not_utf8(line, f"byte 0x{error.object[error.start]:02x}")

    def _not_utf8(self, line: int, what: str) -> None:
        self._notes.note("not-utf-8", line, "warning", f"is not UTF-8 ({what}); it is kept byte for byte")

    def _search(self, chunk: bytes, line: int, *, final: bool) -> None:
        self._fed += len(chunk)
        lines = _Lines(partial(chunk.count, b"\n"), lambda: line)
        for at in range(0, max(1, len(chunk)), PIECE):
            piece = chunk[at : at + PIECE]
            self._nul = self._nul or (b"\0" in piece and self._decoder is None)
            window, begin = self._kept + piece, self._judged
            last = final and at + PIECE >= len(chunk)
            end = len(window) if last else max(begin, _boundary(window, len(window) - MARGIN))
            if stretches := list(self._stretches(window, begin, end)):
                first = partial(_line_of_window, lines, at, self._kept)
                self._judge(window, stretches, _Lines(partial(window.count, b"\n"), first))
            keep = max(0, end - MARGIN)
            self._kept, self._judged = window[keep:], end - keep

    def _stretches(self, window: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Where there may be something between these two places; two stretches are further apart than their margins."""
        ascii_only = window.isascii()
        kinds = ("control",) if ascii_only else tuple(_KINDS)
        kinds = tuple(kind for kind in kinds if not self._notes.enough_of(_KINDS[kind], kind))
        if begin == end or not kinds:
            return
        if self._fed < (_LARGE_ASCII if ascii_only else _LARGE) or not _usable():
            if not ascii_only or window.translate(None, _PLAIN):
                yield begin, end
            return
        found = _prepared(kinds, self._nul).ends(window, len(window) // _SPARSE)
        if found is None:
            yield begin, end
            return
        first = behind = begin
        for _, place in found:
            if place > behind + 2 * MARGIN or first == behind:
                if first < behind:
                    yield first, behind
                first = max(begin, _boundary(window, place - _CANDIDATE))
            behind = max(first, min(end, _boundary(window, place)))
        if first < behind:
            yield first, behind

    def _judge(self, window: bytes, stretches: list[tuple[int, int]], lines: _Lines) -> None:
        for first, behind in stretches:
            start, before = _before(window, first)
            within = _decoded(window[first:behind])
            text = before + within + _behind(window, behind)
            begin, end = len(before), len(before) + len(within)
            for suspects in (suspects_in(text, begin, end, self._notes.enough_of), self._mixed_words(text, begin, end)):
                text_lines = _Lines(partial(text.count, "\n"), partial(lines.at, start))
                for suspect in suspects:
                    self._note(suspect, text, text_lines)

    def _mixed_words(self, text: str, start: int, end: int) -> Iterator[Suspect]:
        if text.isascii() or self._notes.enough_of("mixed-script", "mixed"):
            return
        from repoint.confusables import mixed_words

        for mixed in mixed_words(text, start, end):
            yield mixed
            if self._notes.enough_of("mixed-script", "mixed"):
                return

    def _note(self, found: Suspect, text: str, lines: _Lines) -> None:
        if reads_as_text(text, found.at, alone=found.kind == "control"):
            self._notes.note(found.rule, lines.at(found.at), found.severity, found.said())
        else:
            self._notes.note_chance(found.kind, found.rule, found.severity, lambda: (lines.at(found.at), found.said()))


class _Lines:
    """On which line a place lies, counted only where it is asked for; places are asked for in order."""

    def __init__(self, count: Callable[[int, int], int], first: Callable[[], int]) -> None:
        self._count = count
        self._first = first
        self._line: int | None = None
        self._counted = 0

    def at(self, place: int) -> int:
        """The line of the place."""
        line = self._first() if self._line is None else self._line
        self._line = line + self._count(self._counted, place)
        self._counted = place
        return self._line


def _line_of_window(lines: _Lines, at: int, kept: bytes) -> int:
    return lines.at(at) - kept.count(b"\n")


def _boundary(window: bytes, at: int) -> int:
    """The first place from there on that cuts no character; after three bytes none does, whatever they are."""
    if at <= 0:
        return 0
    for each in range(at, min(at + 3, len(window))):
        if window[each] & 0xC0 != 0x80:
            return each
    return min(at + 3, len(window))


def _before(window: bytes, place: int) -> tuple[int, str]:
    """Where the text before a place begins that decides about it, and that text; in most cases near is far enough."""
    start = _boundary(window, place - _NEAR)
    near = _decoded(window[start:place])
    if len(near) >= CONTEXT or start == 0:
        return start, near
    start = _boundary(window, place - MARGIN)
    return start, _decoded(window[start:place])


def _behind(window: bytes, place: int) -> str:
    """The text behind a place that decides about it; what is cut off at its end is further away than that."""
    near = _decoded(window[place : place + _NEAR])
    return near if len(near) >= CONTEXT + 3 else _decoded(window[place : place + MARGIN])


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _usable() -> bool:
    from repoint.multisearch import usable

    return usable()


@cache
def _prepared(kinds: tuple[str, ...], among_bytes: bool) -> MultiSearch:
    from repoint.confusables import change_in_utf8
    from repoint.multisearch import MultiSearch, Sought
    from repoint.utf8classes import in_utf8

    expressions = [in_utf8(SUSPECTS[kind]) for kind in kinds if kind in SUSPECTS]
    if "mixed" in kinds:
        expressions.append(change_in_utf8(among_bytes=among_bytes))
    return MultiSearch([Sought(each) for each in expressions])
