"""Which of many short marks stand in a large piece of bytes: asked for together, in a third of the time.

Part of promise 9, and exact: it only decides which shapes of secrets are looked for. Looking for one mark costs a pass
over all bytes whatever it is. Most marks hold a character that is rare in text, so all that share one are found in a
single pass that stops at that character alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

_RARE = (b"_", b"-", b".", b"A")
_FEW = 3


class _Group(NamedTuple):
    """Marks that share a rare character, each with the place of that character in it."""

    places: tuple[tuple[bytes, int], ...]
    pattern: bytes


def marks_in(content: bytes, marks: tuple[bytes, ...]) -> set[bytes]:
    """Those marks that stand anywhere in the bytes. Linear."""
    groups, single = _grouped(marks)
    found = {mark for mark in single if mark in content}
    for group in groups:
        found |= _found(content, group)
    return found


def _found(content: bytes, group: _Group) -> set[bytes]:
    left, found = group.places, set[bytes]()
    for hit in re.compile(group.pattern).finditer(content):
        # one mark can be a part of another, or lie across it, so the expression alone does not say which it was
        new = {mark for mark, place in left if content.startswith(mark, hit.start() - place)}
        if new:
            found |= new
            left = tuple(each for each in left if each[0] not in new)
            if not left:
                break
    return found


@cache
def _grouped(marks: tuple[bytes, ...]) -> tuple[list[_Group], list[bytes]]:
    """Groups worth a pass of their own, and the marks that are looked for one by one."""
    by_rare: dict[bytes | None, list[bytes]] = {}
    for mark in dict.fromkeys(marks):
        by_rare.setdefault(next((rare for rare in _RARE if rare in mark), None), []).append(mark)
    single = by_rare.pop(None, [])
    groups: list[_Group] = []
    for rare, sharing in by_rare.items():
        if rare is None or len(sharing) < _FEW:
            single += sharing
        else:
            groups.append(_group(rare, sharing))
    return groups, single


def _group(rare: bytes, sharing: Sequence[bytes]) -> _Group:
    """The expression matches the rare character only, and looks at what stands around: no other mark is skipped."""
    places = tuple((mark, mark.index(rare)) for mark in sharing)
    around = b"|".join(
        b"(?<=" + re.escape(mark[: at + 1]) + b")(?=" + re.escape(mark[at + 1 :]) + b")" for mark, at in places
    )
    return _Group(places, re.escape(rare) + b"(?:" + around + b")")
