"""Which line endings a file has, counted while it is read: a file with several kinds differs from what is seen.

Editors and Git change endings of their own accord; a prompt with both kinds is most often a merge that went wrong, and
what a model gets then depends on the tool that read it last.
"""

from __future__ import annotations

import re

_NAMED = 3
"""Lines of each kind that a message names."""


class LineEndings:
    """Counts the endings of one file, chunk by chunk, and remembers the first lines of each kind."""

    def __init__(self) -> None:
        self._lines: dict[bytes, list[int]] = {b"\r\n": [], b"\n": [], b"\r": []}
        self._counts = dict.fromkeys(self._lines, 0)
        self._held = b""
        self._line = 1

    def feed(self, chunk: bytes, line_feeds: int, *, final: bool = False) -> None:
        """Count the endings of the next bytes, with so many line feeds; a CR at the end waits for what follows."""
        chunk, self._held = self._held + chunk, b""
        if chunk.endswith(b"\r") and not final:
            chunk, self._held = chunk[:-1], b"\r"
        returns = chunk.count(b"\r") if b"\r" in chunk else 0  # the question is twenty times faster than the count
        pairs = chunk.count(b"\r\n") if returns else 0
        found = {b"\r\n": pairs, b"\n": line_feeds - pairs, b"\r": returns - pairs}
        self._remember(chunk, {kind for kind, count in found.items() if count and len(self._lines[kind]) < _NAMED})
        for kind, count in found.items():
            self._counts[kind] += count
        self._line += line_feeds

    def _remember(self, chunk: bytes, wanted: set[bytes]) -> None:
        line, counted = self._line, 0
        for ending in re.compile(rb"\r\n|\n|\r").finditer(chunk) if wanted else ():
            if ending[0] in wanted:
                line += chunk.count(b"\n", counted, ending.start())
                counted = ending.start()
                self._lines[ending[0]].append(line)
                if len(self._lines[ending[0]]) == _NAMED:
                    wanted = wanted - {ending[0]}
                    if not wanted:
                        return

    def mixed(self) -> tuple[int, str] | None:
        """The first line that ends otherwise than most, and what to say; None where all end alike."""
        kinds = sorted((kind for kind, count in self._counts.items() if count), key=lambda kind: -self._counts[kind])
        if len(kinds) < 2:
            return None
        rest = ", ".join(self._told(kind) for kind in kinds[1:])
        return min(
            self._lines[kind][0] for kind in kinds[1:]
        ), f"{rest}; the other {self._counts[kinds[0]]} with {_name(kinds[0])}"

    def _told(self, kind: bytes) -> str:
        count, lines = self._counts[kind], self._lines[kind]
        named = ", ".join(map(str, lines)) + (f" and {count - len(lines)} more" if count > len(lines) else "")
        return f"line{'s' if count > 1 else ''} {named} end{'s' if count == 1 else ''} with {_name(kind)}"


def _name(ending: bytes) -> str:
    return {b"\r\n": "CR LF", b"\n": "LF", b"\r": "CR alone"}[ending]
