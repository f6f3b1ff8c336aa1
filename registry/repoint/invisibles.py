"""Characters that a reviewer does not see and a model does: bidirectional overrides, tags, controls, zero width.

Part of promise 9. The rules follow Unicode's own: UAX 9 (bidirectional controls), UTS 51 (emoji sequences, in which
joiners and tags have a meaning), and the scripts that need joiners (Arabic, Persian, Indic and their neighbours).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

from repoint.findings import Severity

CONTEXT = 64
"""Characters on either side that decide whether one is meant: the overlap that a search in chunks needs."""

_FLAG = "\U0001f3f4[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,3}\U000e007f"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_ZERO = "\u00ad\u034f\u061c\u200b-\u200f\u2060\u2800\ufeff"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_CONTROLS = "\x01-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f"
_INVISIBLE = (
    "\u115f\u1160\u17b4\u17b5\u180e\u2061-\u2065\u206a-\u206f\u3164\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
SUSPECTS = {
    "bidi": _BIDI,
    "zero": _ZERO,
    "selector": _SELECTORS,
    "invisible": _INVISIBLE,
    "control": _CONTROLS,
}
"""The characters of each kind, as they stand between the brackets of a class."""

RULES = {
    "bidi": "bidi",
    "zero": "zero-width",
    "selector": "invisible",
    "invisible": "invisible",
    "control": "invisible",
}
_IN_ROWS = ("bidi", "invisible", "control")

_EMOJI = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff"
_IN_EMOJI = f"[{_EMOJI}\ufe0f]"
_RIGHT_TO_LEFT = "[\u0590-\u060f\u0620-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_JOINING = "[\u0620-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U000113ff]"
_WITHOUT_SPACES = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf]"
_HAS_VARIANTS = (
    f"[{_EMOJI}0-9#*\u1000-\u18ff\ua840-\ua877\u2000-\u200a\u2010-\u2027\u2030-\u205e\u2070-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


_LETTER = "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]"
_MEANT = {
    "selector": f"(?<!{_HAS_VARIANTS})[{_SELECTORS}]",
    "zero": f"(?!(?<={_LETTER})\u00ad{_LETTER}|(?<={_IN_EMOJI})\u200d{_IN_EMOJI}|(?<={_JOINING})[\u200c\u200d])"
    f"[{_ZERO}]",
}
"""The kinds that have a meaning in places which an expression can tell."""

_MONGOLIAN = "[\u1820-\u18aa]"
_JAMO = "[\u1100-\u115e\u1161-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]"
_BRAILLE = "[\u2801-\u28ff]"


class Suspect(NamedTuple):
    """Characters that may hide something: the rule they break, where the first of them stands, what to say of them.

    ``kind`` tells control characters from others that cannot be seen.
    """

    kind: str
    rule: str
    severity: Severity
    at: int
    said: Callable[[], str]


_SAID = {
    "bidi": "shows the text in another order than a model reads it",
    "selector": "changes nothing that can be seen here",
}
_AROUND = 40
_STRANGE = "[\x00-\x08\x0e-\x1f\x7f\ufffd\udc80-\udcff]"


def reads_as_text(text: str, at: int, *, alone: bool = False) -> bool:
    """Whether the character at ``at`` stands among text that a model would read, and not in bytes of another kind.

    Around it (a few dozen characters) there must be letters, and next to nothing that text does not hold: NULs, other
    controls, bytes that are not UTF-8; with ``alone`` nothing of that but the character itself.
    """
    before, after = text[max(0, at - _AROUND) : at], text[at + 1 : at + _AROUND]
    if alone and (re.search(_STRANGE, before) or re.search(_STRANGE, after)):
        return False  # in bytes that are no text the first look is enough
    strange = 0 if alone else len(re.findall(_STRANGE, before)) + len(re.findall(_STRANGE, after))
    return sum(map(str.isalpha, before + text[at] + after)) >= 4 * max(1, strange)


def suspects_in(text: str, start: int, end: int, enough: Callable[[str, str], bool]) -> Iterator[Suspect]:
    """Every suspect that begins at ``start`` or later and before ``end``; the text around is context. Linear.

    ``enough`` says of a rule and a kind that such suspects need not be looked at any more.
    """
    kinds = ("control",) if text.isascii() else tuple(SUSPECTS)
    kinds = tuple(kind for kind in kinds if not enough(RULES[kind], kind))
    if not kinds:
        return
    anything = _any_of(kinds) if end - start < _LONG else _any_not_meant(kinds)
    if not anything.search(text, start, end):
        return
    for found in _found(anything, _each_of(kinds), text, max(0, start - CONTEXT), min(len(text), end + CONTEXT)):
        if found.start() >= end:
            return
        kind = found.lastgroup or ""
        if kind != "flag" and found.start() >= start and not enough(RULES[kind], kind) and not _is_meant(found):
            severity: Severity = "warning" if kind == "zero" else "error"
            yield Suspect(kind, RULES[kind], severity, found.start(), partial(_said, kind, found[0]))


_LONG = 1024
"""Characters from which it is worth it to leave out what is meant while searching: a stretch may be full of that."""


def _found(anything: re.Pattern[str], each: re.Pattern[str], text: str, at: int, end: int) -> Iterator[re.Match[str]]:
    """Every match of ``each``, many times faster than by asking it of every character."""
    while candidate := anything.search(text, at, end):
        found = each.match(text, candidate.start(), end)
        if found:
            yield found
        at = found.end() if found else candidate.end()


@cache
def _any_of(kinds: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("[" + "".join(SUSPECTS[kind] for kind in kinds) + _FLAG[0] + "]")


@cache
def _any_not_meant(kinds: tuple[str, ...]) -> re.Pattern[str]:
    """Any but those that stand where everybody means them: some scripts, and emoji, are full of them."""
    others = "".join(SUSPECTS[kind] for kind in kinds if kind not in _MEANT) + _FLAG[0]
    return re.compile("|".join((f"[{others}]", *(_MEANT[kind] for kind in kinds if kind in _MEANT))))


@cache
def _each_of(kinds: tuple[str, ...]) -> re.Pattern[str]:
    apart = [f"(?P<{kind}>[{SUSPECTS[kind]}]{'+' * (kind in _IN_ROWS)})" for kind in kinds]
    return re.compile("|".join([f"(?P<flag>{_FLAG})", *apart]))


def _said(kind: str, characters: str) -> str:
    shown = f"U+{ord(characters[0]):04X} {unicodedata.name(characters[0], 'control character')}"
    if len(characters) > 1:
        shown = f"a row of {len(characters)} characters from {shown}"
    return f"{shown} {_SAID.get(kind, 'cannot be seen, but a model reads it')}"


def _is_meant(found: re.Match[str]) -> bool:
    match found.lastgroup:
        case "invisible":
            return len(found[0]) == 1 and _filler_is_meant(found.string, found.start())
        case "zero":
            return _zero_width_is_meant(found.string, found.start())
        case "selector":
            return _selector_is_meant(found.string, found.start())
        case _:
            return False


def _zero_width_is_meant(text: str, at: int) -> bool:
    character, before, after = text[at], text[max(0, at - 1) : at], text[at + 1 : at + 2]
    if character == "\ufeff":
        return at == 0
    if character == "\u2800":  # the blank of Braille
        return re.search(_BRAILLE, text[max(0, at - CONTEXT) : at + CONTEXT]) is not None
    if character == "\u00ad":
        return before.isalpha() and after.isalpha()
    if character == "\u200b":
        return bool(re.match(_WITHOUT_SPACES, before) or re.match(_WITHOUT_SPACES, after))
    if character in "\u200e\u200f\u061c":
        return re.search(_RIGHT_TO_LEFT, text[max(0, at - CONTEXT) : at + CONTEXT]) is not None
    if character == "\u200d" and re.match(_IN_EMOJI, before) and re.match(_IN_EMOJI, after):
        return True
    return character in "\u200c\u200d\u034f" and re.match(_JOINING, before) is not None


def _filler_is_meant(text: str, at: int) -> bool:
    """The Mongolian vowel separator, a filler in a syllable of old Hangul, an operator between parts of a formula."""
    character, before, after = text[at], text[max(0, at - 1) : at], text[at + 1 : at + 2]
    if character == "\u180e":
        return re.match(_MONGOLIAN, before) is not None and re.match(_MONGOLIAN, after) is not None
    if character in "\u115f\u1160":
        return bool(re.match(_JAMO, before) or re.match(_JAMO, after))
    return "\u2061" <= character <= "\u2064" and (after == "(" or before == ")" or before.isdecimal())


def _selector_is_meant(text: str, at: int) -> bool:
    """One variation selector after a character that has variants; a row of them can carry hidden bytes."""
    return at > 0 and re.match(_HAS_VARIANTS, text[at - 1]) is not None
