"""Where the marks of secrets stand in a large piece of bytes: all of them found in one pass.

Part of promise 9, and exact: it only says where a shape, a gate or a name is tried. Marks that every text holds, such
as ``oken``, are looked for with what must stand beside them, and URLs by the ``@`` behind a password, so that ordinary
text has hardly a hit. Bytes that hold a great many all the same are asked only which are there, and those are looked
for as in small content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from string import ascii_letters, digits
from typing import NamedTuple

from repoint.multisearch import MultiSearch, Sought
from repoint.secretscan import GATES, TAILS, names_of
from repoint.secretshapes import SHAPES, Places
from repoint.secretvendors import VENDOR_SHAPES

_SPARSE = 64
"""Bytes for each hit, at least: where they are denser, noting every one takes longer than looking for what is there."""

_AT = b"@"
_HOST = (ascii_letters + digits + "[_.-").encode()
_ADDRESSES = (b"://", b":\\/\\/")
_REACH = 304
"""Bytes between the slashes of a URL and the ``@`` behind its password, at most."""


class _Clue(NamedTuple):
    """What is looked for on behalf of a mark; the place to try lies ``back`` bytes before its end."""

    mark: bytes
    sought: Sought
    back: int


def places_in(content: bytes) -> Places:
    """Where each mark, gate (by its pattern) and tail of a name is to be tried. Linear."""
    clues, search = _prepared()
    hits = search.ends(content, len(content) // _SPARSE)
    if hits is None:
        present = {clues[number].mark for number in search.present(content)}
        if _AT not in present:
            present.difference_update(_ADDRESSES)
        return lambda mark: None if mark in present else ()
    places: dict[bytes, list[int]] = {}
    for number, end in hits:
        places.setdefault(clues[number].mark, []).append(end - clues[number].back)
    for mark in _ADDRESSES:
        if mark in places:
            places[mark] = list(_addresses(mark, content, places.get(_AT, ())))
    return lambda mark: places.get(mark, ())


def _addresses(mark: bytes, content: bytes, ats: Iterable[int]) -> Iterator[int]:
    """Where the URLs of each ``@`` begin: no user and no password holds a slash, so the last slash ends the mark."""
    for at in ats:
        end = content.rfind(b"/", max(0, at - _REACH), at) + 1
        if end and content.endswith(mark, 0, end):
            yield end - len(mark)


@cache
def _prepared() -> tuple[list[_Clue], MultiSearch]:
    clues = [*_of_shapes(), *_of_gates(), *_of_names()]
    return clues, MultiSearch([clue.sought for clue in clues])


def _of_shapes() -> Iterator[_Clue]:
    for mark in dict.fromkeys(mark for shape in SHAPES + VENDOR_SHAPES for mark in shape.marks):
        if mark in _ADDRESSES:
            yield _Clue(mark, Sought(re.escape(mark), once=True), len(mark))
        else:
            yield from _clues(mark, mark)
    for host in _HOST:
        yield _Clue(_AT, Sought(re.escape(b"@%c" % host)), 2)


def _of_gates() -> Iterator[_Clue]:
    for gate in GATES:
        for mark in gate.marks:
            yield from _clues(gate.pattern, mark, fold=gate.fold)


def _of_names() -> Iterator[_Clue]:
    for tail in TAILS:
        for name in names_of(tail):
            yield _Clue(tail, Sought(re.escape(name), fold=True), len(tail))


def _clues(name: bytes, mark: bytes, *, fold: bool = False) -> Iterator[_Clue]:
    for expression, back in _RARER.get(mark, ((re.escape(mark), len(mark)),)):
        yield _Clue(name, Sought(expression, fold), back)


_RARER: dict[bytes, tuple[tuple[bytes, int], ...]] = {
    b"oken": ((b"(?i:session_t)oken", 4), (b"(?i:sessiont)oken", 4)),
    b"OKEN": ((b"(?i:session_t)OKEN", 4), (b"(?i:sessiont)OKEN", 4)),
    b"ccess": ((b"(?i:secret_a)ccess", 5), (b"(?i:secreta)ccess", 5)),
    b"CCESS": ((b"(?i:secret_a)CCESS", 5), (b"(?i:secreta)CCESS", 5)),
    b".": ((rb"\.[a-zA-Z0-9_-]{6}\.", 8),),
    b":": tuple((b"%d%d:" % each, 1) for each in product(range(10), repeat=2)),
}
"""What stands around marks that every text holds, and how many bytes lie from the mark to its end.

All but one are literals: expressions of other kinds take many times as long to prepare.
"""
