"""Cutting a text into the units that a reader compares: words, numbers, placeholders, signs.

What is one thing to a reader is one token: ``{{order_id}}``, ``0.25``, ``don't``, a letter with its accents, an emoji
sequence. Scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are cut by
character, with the signs that belong to it (a coarse form of UAX 29, "Grapheme Cluster Boundaries").
"""

from __future__ import annotations

import re
from array import array
from functools import cache
from itertools import accumulate
from typing import NamedTuple

_UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711\u0730-\u074a"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u09e2\u09e3\u0a01-\u0a03"
    "\u0a3c-\u0a51\u0a70\u0a71\u0a75\u0a81-\u0a83\u0abc-\u0acd\u0ae2\u0ae3\u0b01-\u0b03\u0b3c-\u0b57\u0b62\u0b63\u0b82"
    "\u0bbe-\u0bcd\u0bd7\u0c00-\u0c04\u0c3e-\u0c56\u0c62\u0c63\u0c81-\u0c83\u0cbc-\u0cd6\u0ce2\u0ce3\u0d00-\u0d03"
    "\u0d3b-\u0d4d\u0d57\u0d62\u0d63\u0d81-\u0d83\u0dca-\u0df3\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc"
    "\u0ec8-\u0ece\u0f18-\u0f39\u0f71-\u0f87\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200c\u200d\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
    "\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)
"""Characters that belong to the one before them."""
_JOINED = f"[{_MARKS}]*+(?:(?<=\u200d)[^\\w\\s][{_MARKS}]*+)*+"
_PLACEHOLDER = (
    r"\{{2,3}[^{}\n]{1,80}+\}{2,3}|\{%[^{}%\n]{1,80}+%\}|\$\{[^{}\n]{1,80}+\}|\{[A-Za-z_][\w.]{0,60}+\}"
    r"|</?[A-Za-z][\w-]{0,60}+>"
)
_NUMBER = r"[0-9]++(?:[.,:][0-9]++)*+(?![A-Za-z_])"
_SIMPLE = rf"\s++|{_PLACEHOLDER}|{_NUMBER}|\w++(?:['\u2019]\w++)*+|([^\w\s])\1*+"
_LETTER = f"(?:[^\\W{_UNSPACED}][{_MARKS}]*+)++"
_ANY = (
    rf"\s++|{_PLACEHOLDER}|{_NUMBER}[{_MARKS}]*+|{_LETTER}(?:['\u2019]{_LETTER})*+"
    f"|[\U0001f1e6-\U0001f1ff]{{2}}|[{_UNSPACED}]{_JOINED}|([^\\w\\s{_MARKS}])(?!\\1){_JOINED}|([^\\w\\s{_MARKS}])\\2++|[\\s\\S]"
)


class Tokens(NamedTuple):
    """The tokens of a text that are not white space, and where each begins and ends."""

    words: list[str]
    starts: array[int]
    ends: array[int]


_NOT_SIMPLE = "[^\0-\u02ff\u0370-\u0482\u048a-\u0588\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u22ff\uac00-\ud7a3]"


def is_simple(text: str) -> bool:
    """Whether no character belongs to the one before it, and words are separated by spaces or signs.

    For such texts (Latin, Greek, Cyrillic, Hangul, usual signs) a pattern suffices that is compiled and run faster.
    """
    return text.isascii() or re.search(_NOT_SIMPLE, text) is None


@cache
def _pattern(simple: bool) -> re.Pattern[str]:
    return re.compile(_SIMPLE if simple else _ANY)


def tokens_of(text: str, *, simple: bool) -> Tokens:
    """All tokens; both of two texts that are compared must be cut in the same way: ``simple`` only if both are."""
    parts = [found.group() for found in _pattern(simple).finditer(text)]
    ends = list(accumulate(map(len, parts)))
    kept = [index for index, part in enumerate(parts) if not part.isspace()]
    words = [parts[index] for index in kept]
    after = array("i", [ends[index] for index in kept])
    starts = array("i", [end - len(word) for end, word in zip(after, words, strict=True)])
    return Tokens(words, starts, after)


def is_word(token: str) -> bool:
    """Whether a token counts as a word: it has a letter or digit (``{{order_id}}`` counts, ``--`` does not)."""
    return token.isalnum() or any(map(str.isalnum, token))


def count_words(text: str) -> int:
    """The number of words in a text."""
    return sum(map(is_word, tokens_of(text, simple=is_simple(text)).words))


def extends_previous(character: str) -> bool:
    """Whether a text must not be cut before this character."""
    return not character.isascii() and _mark().match(character) is not None


def with_marks(pattern: str) -> str:
    """A pattern together with the characters that belong to the last one it matches."""
    return f"{pattern}[{_MARKS}]*+"


@cache
def _mark() -> re.Pattern[str]:
    return re.compile(f"[{_MARKS}]")


def joins_unspaced_lines(text: str) -> str:
    """The text with single line breaks between characters of an unspaced script taken out: there they are layout."""
    if text.isascii() or "\n" not in text:
        return text
    return re.sub(
        rf"(?<=[{_UNSPACED}\u3000-\u303f\uff00-\uffef])[ \t]*+\n[ \t]*+(?=[{_UNSPACED}\u3000-\u303f\uff00-\uffef])",
        "",
        text,
    )
