"""Words that mix Latin with letters of another script that look the same: a reviewer reads another word than a model.

Part of promise 9, after Unicode's UTS 39 (mixed-script detection, confusables). Only words are judged that can be read
wholly in one script (paypal with a Cyrillic r and a), so that words which openly join scripts stay what they are: units
with a micro sign, a Greek delta before a variable, a gene with its Greek letter, an English acronym in a Russian word.
Scripts that are written together (Han, kana, Latin) have no letters that look alike and are not looked at. Look-alikes
are those of UTS 39's table ``confusables.txt`` that no reader tells apart in common fonts. Last reviewed in 2026-11
(Unicode 17).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from typing import NamedTuple

from repoint.invisibles import Suspect
from repoint.utf8classes import in_utf8

CONTEXT = 48
"""Characters on either side of a change of script that belong to its word at most."""


class _Script(NamedTuple):
    """Its letters as a range, those that look like Latin ones, and the Latin ones that look like its own."""

    name: str
    letters: str
    like_latin: str
    latin_like: str = ""


_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_SCRIPTS = (
    _Script(
        "Cyrillic",
        "\u0400-\u0481\u048a-\u052f\u1c80-\u1c8a\u2de0-\u2dff\ua640-\ua69f",
        "\u0410\u0412\u0415\u0405\u0406\u0407\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u04ae\u04ba\u0501\u051a\u051b\u051c"
        "\u051d\u0430\u0435\u0455\u0456\u0457\u0458\u043a\u043e\u0440\u0441\u0443\u0445\u04bb\u0475\u0474\u050c\u050d\u04c0\u04cf\u0401\u0451",
        "ABCEHKMOPTXYaceopxyi",
    ),
    _Script(
        "Greek",
        "\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f-\u03ff\u1f00-\u1fff",
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03f9\u03f2\u03bf\u03f3",
        "",
    ),
    _Script(
        "Armenian", "\u0531-\u0556\u0561-\u0587", "\u054d\u054f\u0555\u0570\u0578\u057d\u0581\u0585\u0566\u0575", ""
    ),
    _Script(
        "Cherokee",
        "\u13a0-\u13f5\uab70-\uabbf",
        "\u13a0\u13a1\u13a2\u13aa\u13ab\u13ac\u13b3\u13b7\u13bb\u13c0\u13c3\u13d2"
        "\u13d4\u13da\u13de\u13df\u13e2\u13e6\u13f4\u13d9\u13ed\u13a5\u13e9\u13bd",
        "",
    ),
)
_GREEK_INSIDE = "\u03b1\u03b9\u03bd\u03c1\u03c5"
"""Look-alikes that science also uses as signs: alpha, iota, nu, rho, upsilon. Only between small Latin letters they are
letters of the word."""

# Compiled on first use: most texts are ASCII.
_OTHERS = "".join(script.letters for script in _SCRIPTS)
_OTHER = f"[{_OTHERS}]"
_CHANGE = f"(?<=[{_LATIN}])[0-9]{{0,3}}(?P<after>[{_OTHERS}])|(?<=[{_OTHERS}])[0-9]{{0,3}}(?P<before>[{_LATIN}])"
_WORD = f"[{_LATIN}{_OTHERS}0-9]{{0,{CONTEXT}}}"
_INFLECTED = f"[A-Z]{{2,}}[0-9]*[{_SCRIPTS[0].letters}]+"


def change_in_utf8(*, among_bytes: bool) -> bytes:
    """An expression over UTF-8 for every change of script that ``mixed_words`` may judge, and some others.

    ``among_bytes``: only where five ASCII characters stand before it (up to three letters of the other script may lie
    between) or an ASCII letter and five more characters behind. By chance every 250th of random bytes is a change of
    script, and next to none of them has that; a word in a text that lies among bytes has.
    """
    if among_bytes:  # a superset of the letters, which is looked for three times as fast
        text, latin = rb"[\t\n\r -~]{5}", rb"[A-Za-z0-9]"
        others = rb"(?:[\xcd-\xd6]|[\xe1\xe2\xea][\x80-\xbf])[\x80-\xbf]"
        return b"%b(?:%b){0,3}(?:%b%b|%b%b)|%b%b%b" % (text, others, latin, others, others, latin, others, latin, text)
    latin, others = in_utf8(_LATIN), in_utf8(_OTHERS)
    return latin + b"[0-9]{0,3}" + others + b"|" + others + b"[0-9]{0,3}" + latin


def mixed_words(text: str, start: int, end: int) -> Iterator[Suspect]:
    """Every word of look-alikes whose change of script lies at ``start`` or later and before ``end``. Linear."""
    if text.isascii() or not _of(_OTHER).search(text, max(0, start - 1), end + 1):
        return
    judged = start
    for change in _of(_CHANGE).finditer(text, max(0, start - 1), min(len(text), end + 4)):
        if judged <= change.start() < end:
            before = _of(_WORD).match(text[max(0, change.start() - CONTEXT) : change.start()][::-1])
            after = _of(_WORD).match(text, change.start())
            assert before is not None
            assert after is not None
            judged = after.end()
            if (message := _judged(before[0][::-1] + after[0])) is not None:
                yield Suspect("mixed", "mixed-script", "warning", change.start(), partial(str, message))


@cache
def _of(expression: str) -> re.Pattern[str]:
    """Compiled on first use; these are too long to be looked up in the cache of ``re`` for every word."""
    return re.compile(expression)


@lru_cache(4096)
def _judged(word: str) -> str | None:
    latin = _of(f"[{_LATIN}]").findall(word)
    for script in _SCRIPTS:
        others = _of(f"[{script.letters}]").findall(word)
        if not others or len(latin) + len(others) < 3:
            continue
        if _reads_as_latin(word, script, others):
            return _said(word, script.name, others)
        if set(latin) <= set(script.latin_like) and not re.search(f"^[A-Z]{{2,}}|[A-Z]{{2,}}$|^[{_LATIN}][0-9]", word):
            return _said(word, script.name, latin)
    return None


def _reads_as_latin(word: str, script: _Script, others: list[str]) -> bool:
    if script.name == "Cyrillic" and re.fullmatch(_INFLECTED, word) and word[-1].islower():
        return False  # an acronym with its Russian ending
    if script.name != "Greek":
        return set(others) <= set(script.like_latin)
    inside = set(re.findall(f"(?<=[a-z])[{_GREEK_INSIDE}]+(?=[a-z])", word)) and set(_GREEK_INSIDE)
    return set(others) <= set(script.like_latin) | inside


def _said(word: str, script: str, letters: list[str]) -> str:
    first = letters[0]
    shown = word if len(word) <= CONTEXT else word[:CONTEXT] + "..."
    return f"{shown!a} mixes Latin and {script} letters that look alike: U+{ord(first):04X} {unicodedata.name(first)}"
