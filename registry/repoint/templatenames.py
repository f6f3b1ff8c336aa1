"""What a template reads, collected while one of the scanners goes through it."""

from __future__ import annotations

import re

import msgspec

LONGEST_TAG = 20_000
"""Characters; a longer tag is passed over: nobody wrote it."""


class Use(msgspec.Struct, frozen=True):
    """A variable that is read; ``line`` counts from 1 within the template."""

    name: str
    line: int


class Template(msgspec.Struct, frozen=True):
    """What a template reads.

    ``needed``: each variable once, where it is first read without being bound or guarded. ``read``: every name that
    stands in it. ``open``: it pulls in what is not here (an include, a partial), or does what is not understood.
    """

    needed: tuple[Use, ...]
    read: frozenset[str]
    open: bool = False


class Names:
    """Collects what a template reads while it is scanned."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._counted = 0
        self._first: dict[str, int] = {}
        self.bound: set[str] = set()
        self.read: set[str] = set()
        self.guarded: set[str] = set()
        self.open = False

    def use(self, name: str, at: int) -> None:
        """Note that a name is read in the tag that begins at ``at``; tags come in order."""
        self.read.add(name)
        if name not in self._first:
            self._line += self._text.count("\n", self._counted, at)
            self._counted = at
            self._first[name] = self._line

    def template(self) -> Template:
        """What was collected."""
        free = (each for each in self._first.items() if each[0] not in self.bound and each[0] not in self.guarded)
        return Template(tuple(Use(*each) for each in free), frozenset(self.read), self.open)


_STRING = r'"(?:[^"\\\n]|\\.)*+"|' + r"'(?:[^'\\\n]|\\.)*+'"


def end_of_tag(text: str, start: int, closing: str) -> int:
    """Where the tag whose inside begins at ``start`` is closed, outside of strings; -1 where it is not."""
    for found in re.compile(f"{_STRING}|{re.escape(closing)}").finditer(text, start):
        if found[0] == closing:
            return found.start()
    return -1
