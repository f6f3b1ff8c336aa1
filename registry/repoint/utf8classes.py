"""A class of characters as an expression over UTF-8 bytes, so that text can be searched before it is decoded.

Part of promise 9: decoding what is no text takes longer than everything else. The expression matches exactly the
encoding of the class's characters; surrogates, which UTF-8 does not have, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_STEPS = (0x80, 0x800, 0xD800, 0xE000, 0x10000, 0x110000)
"""Where encodings become longer, and the surrogates between them."""


@cache
def in_utf8(characters: str) -> bytes:
    """The expression for what may stand between the brackets of a class: characters and ranges such as ``a-z``."""
    return b"(?:" + b"|".join(each for first, last in _ranges(characters) for each in _split(first, last)) + b")"


def _ranges(characters: str) -> Iterator[tuple[int, int]]:
    """The ranges, none of which crosses a step."""
    for found in re.finditer("(.)(?:-(.))?", characters, re.DOTALL):
        first, last = ord(found[1]), ord(found[2] or found[1])
        for below, above in zip((0, *_STEPS), _STEPS, strict=False):
            low, high = max(first, below), min(last, above - 1)
            if low <= high and below != 0xD800:
                yield low, high


def _split(first: int, last: int) -> Iterator[bytes]:
    """Ranges of sequences that differ in such a way that each byte has a range of its own."""
    for trail in range(1, 4):
        below = (1 << 6 * trail) - 1
        if first < 0x80 or first & ~below == last & ~below:
            continue
        if first & below:
            yield from _split(first, first | below)
            yield from _split((first | below) + 1, last)
            return
        if last & below != below:
            yield from _split(first, (last & ~below) - 1)
            yield from _split(last & ~below, last)
            return
    yield b"".join(map(_between, chr(first).encode(), chr(last).encode()))


def _between(first: int, last: int) -> bytes:
    return b"\\x%02x" % first if first == last else b"[\\x%02x-\\x%02x]" % (first, last)
