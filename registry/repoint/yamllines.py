"""On which lines the parts of a YAML document stand; looked up only for what is found wrong or different."""

from __future__ import annotations

from collections.abc import Collection

from repoint.specproblem import Pointer, Tree, tree_of
from repoint.specyaml import Event, feed


def locate_yaml(text: str, pointers: Collection[Pointer], first_line: int = 1) -> dict[Pointer, int]:
    """The lines of those places, and of what they stand in, that exist.

    In a stream of several documents the first step of a pointer is the document's index, as in what is read of it.
    """
    locator = _Locator(tree_of([*pointers, *((0, *each) for each in pointers)]), first_line)
    feed(text, first_line, locator.take)
    if locator.documents > 1:
        return locator.found
    return {each[1:]: line for each, line in locator.found.items() if each[0] == 0}


class _Locator:
    """Notes the lines of what a tree of pointers names."""

    def __init__(self, tree: Tree, first_line: int) -> None:
        import yaml

        self.found: dict[Pointer, int] = {}
        self.documents = 0
        self._first_line = first_line
        self._frames: list[_Place] = [_Place(tree, (), mapping=False)]
        self._ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        self._starts = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
        self._leaves = (yaml.ScalarEvent, yaml.AliasEvent)

    def take(self, event: Event) -> None:
        """Take the next event."""
        kind: type = type(event)
        if kind in self._ends:
            self._frames.pop()
        elif kind in self._leaves:
            self._node(event, collection=False, mapping=False)
        elif kind in self._starts:
            self._node(event, collection=True, mapping=kind is self._starts[0])

    def _node(self, event: Event, *, collection: bool, mapping: bool) -> None:
        place = self._frames[-1]
        if place.mapping and place.step is None and not collection:
            place.step = getattr(event, "value", "")
            place.line = event.start_mark.line + self._first_line
            return
        if not place.mapping:
            self._advance(place, event, empty=not collection and getattr(event, "value", None) == "")
        below = None if place.tree is None or place.step is None else place.tree.get(place.step)
        path = (*place.path, place.step) if below is not None and place.step is not None else ()
        if below is not None:
            self.found[path] = place.line
        place.step = None
        if collection:
            self._frames.append(_Place(below, path, mapping=mapping))

    def _advance(self, place: _Place, event: Event, *, empty: bool) -> None:
        """To the next element of an array, or the next document."""
        place.index += 1
        place.step = place.index if place.tree is None or place.index in place.tree else str(place.index)
        place.line = event.start_mark.line + self._first_line
        if len(self._frames) == 1 and not empty:
            self.documents = place.index + 1


class _Place:
    """A collection that the locator is in; ``tree`` is None where nothing below is looked for."""

    __slots__ = ("index", "line", "mapping", "path", "step", "tree")

    def __init__(self, tree: Tree | None, path: Pointer, *, mapping: bool) -> None:
        self.tree = tree
        self.path = path
        self.mapping = mapping
        self.index = -1
        self.line = 0
        self.step: str | int | None = None
