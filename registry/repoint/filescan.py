"""One file, chunk by chunk: its bytes are searched for secrets, its text for what cannot be seen.

Part of promise 9. The file is read once, with an overlap as long as the longest thing looked for, so the work is linear
and the memory small whatever a file's size or the length of its lines. The file is never changed, and a secret's value
never leaves the search: a finding says what was found and where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from repoint.findings import Finding, Severity
from repoint.lineendings import LineEndings
from repoint.secretshapes import BEHIND, LONGEST, Match, Places, secrets_in, unknown
from repoint.unseen import UnseenSearch

MOST = 20
"""Findings of one rule in one file that are listed, each for another line."""

_MOST_WORK = 1000  # of one rule in one file, on whatever lines
_MOST_CHANCE = 1000
"""Among bytes that are no text: 64 MiB of chance hold some hundred sequences that read as something hidden, no more."""

_MOST_COMMON = 5_000
"""The same for what chance makes of one or two bytes (controls, soft hyphens): then no more are looked at."""

_COMMON = ("control", "zero", "mixed")

_LARGE = 131_072
"""Bytes of a file from which all marks of secrets are looked for together: preparing that takes as long as so many."""

_LONG_WORD, _LATER_LONG_WORD = rb"\S{16}", rb"[ \t\n\r\f\v]\S{16}"
"""Every secret that is not in ``secretshapes`` holds one: without it the module for those is not even imported.

One that is not at the beginning follows a blank, and looking for it there alone takes half as long."""


def scan(path: str, chunks: Iterable[bytes]) -> list[Finding]:
    """Every finding in one file, by line; ``path`` is what the findings call it."""
    found = _Scan(path)
    for chunk in chunks:
        found.feed(chunk)
    return found.finish()


class Scans:
    """The findings of files that are searched while they are read anyway; a ``Watch`` of ``agentfiles``."""

    def __init__(self) -> None:
        self._running: dict[str, _Scan] = {}

    def __call__(self, path: str) -> Callable[[bytes], None]:
        """Begin with a file; what is returned takes its chunks."""
        self._running[path] = _Scan(path)
        return self._running[path].feed

    def of(self, path: str) -> list[Finding] | None:
        """Every finding in a file that was read to its end, once; None where it was not read here."""
        running = self._running.pop(path, None)
        return None if running is None else running.finish()


class _Scan:
    """Collects what the searches find: one finding for each rule and line, as many as are worth listing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[tuple[str, int], Finding] = {}
        self._chance: dict[tuple[str, int], Finding] = {}  # found among bytes that are no text
        self._counts: dict[str, int] = {}
        self._chances: dict[str, int] = {}
        self._secrets = _SecretSearch(self)
        self._unseen = UnseenSearch(self)
        self._endings = LineEndings()
        self._binary = False
        self._line = 1

    def feed(self, chunk: bytes) -> None:
        self._unseen.feed(chunk, self._line)
        if not self._binary and b"\0" in chunk and not self._unseen.utf16:
            self._binary = True
            line = self._line + chunk.count(b"\n", 0, chunk.index(b"\0"))
            self.note("nul-byte", line, "warning", "contains a NUL byte; it is kept as it is")
        self._secrets.feed(chunk, self._line)
        line_feeds = chunk.count(b"\n")
        if not self._binary:
            self._endings.feed(chunk, line_feeds)
        self._line += line_feeds

    def finish(self) -> list[Finding]:
        self._secrets.feed(b"", self._line, final=True)
        self._unseen.feed(b"", self._line, final=True)
        self._endings.feed(b"", 0, final=True)
        if not self._binary and not self._unseen.utf16 and (mixed := self._endings.mixed()):
            self.note("mixed-line-endings", mixed[0], "warning", mixed[1])
        self._settle_chances()
        for each in [key for key in self._found if key[0] == "possible-secret" and ("secret", key[1]) in self._found]:
            del self._found[each]
        return sorted(self._found.values(), key=lambda each: (each.line or 0, each.rule))

    def enough(self, rule: str) -> bool:
        """Whether so much was found of the rule that the file need not be searched for more."""
        return self._counts.get(rule, 0) >= _MOST_WORK

    def enough_of(self, rule: str, kind: str) -> bool:
        """The same for one kind of suspect; in a binary file every tenth byte is a control character."""
        return self.enough(rule) or (kind in _COMMON and self._chances.get(kind, 0) >= _MOST_COMMON)

    def note(self, rule: str, line: int, severity: Severity, message: str) -> None:
        """List a finding, one for each rule and line."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        if (rule, line) not in self._found:
            listed = sum(each == rule for each, _ in self._found) + 1
            more = "; more lines are not listed" if listed == MOST else ""
            self._found[rule, line] = Finding(rule, self._path, line, severity, message + more)
            if listed == MOST:
                self._counts[rule] = _MOST_WORK

    def note_chance(self, kind: str, rule: str, severity: Severity, said: Callable[[], tuple[int, str]]) -> None:
        """Keep what was found among bytes that are no text: chance in a binary file, unless it is too much of it."""
        number = self._chances[kind] = self._chances.get(kind, 0) + 1
        listed, too_much = number <= 4 * MOST, kind not in _COMMON and number > _MOST_CHANCE
        if listed or too_much:
            line, message = said()
            if listed:
                self._chance.setdefault((rule, line), Finding(rule, self._path, line, severity, message))
            if too_much:
                self.note(rule, line, severity, message)

    def _settle_chances(self) -> None:
        """In a binary file an invisible character among no text is most likely chance: one warning for each rule."""
        by_rule: dict[str, list[Finding]] = {}
        for each in self._chance.values():
            by_rule.setdefault(each.rule, []).append(each)
        for rule, found in by_rule.items():
            known = any(name == rule for name, _ in self._found)
            for each in found if not self._binary else found[: 0 if known else 1]:
                if not self.enough(rule):
                    self.note(rule, each.line or 1, "warning" if self._binary else each.severity, each.message)


class _SecretSearch:
    """Finds secrets in bytes; NULs are left out, so that UTF-16 is searched as well."""

    def __init__(self, scan: _Scan) -> None:
        self._scan = scan
        self._kept = b""
        self._judged = 0  # bytes of what is kept that were searched already, there for the look behind
        self._fed = 0

    def feed(self, chunk: bytes, line: int, *, final: bool = False) -> None:
        """Search the next bytes; ``line`` is the one on which they begin."""
        self._fed += len(chunk)
        window = self._kept + chunk.replace(b"\0", b"")
        line -= self._kept.count(b"\n")
        end = len(window) if final else max(self._judged, len(window) - LONGEST)
        if end > self._judged:
            self._search(window, line, end)
        keep = max(0, end - BEHIND)
        self._kept, self._judged = window[keep:], end - keep

    def _search(self, window: bytes, line: int, end: int) -> None:
        places = self._places(window)
        if not self._scan.enough("secret"):
            self._note(window, line, end, "secret", secrets_in(window, places=places))
        if places is unknown and not (re.match(_LONG_WORD, window) or re.search(_LATER_LONG_WORD, window)):
            return
        from repoint.secretscan import rare_secrets_in, weak_secrets_in
        from repoint.secretvendors import vendor_secrets_in

        if not self._scan.enough("secret"):
            self._note(window, line, end, "secret", vendor_secrets_in(window, places))
            self._note(window, line, end, "secret", rare_secrets_in(window, places))
        if not self._scan.enough("possible-secret"):
            self._note(window, line, end, "possible-secret", weak_secrets_in(window, places))

    def _places(self, window: bytes) -> Places:
        if self._fed < _LARGE:
            return unknown
        from repoint.multisearch import usable
        from repoint.secretmarks import places_in

        return places_in(window) if usable() else unknown

    def _note(self, window: bytes, line: int, end: int, rule: str, matches: Iterable[Match]) -> None:
        counted = 0
        for found in sorted(matches, key=lambda each: each.start):
            if self._judged <= found.start < end and not self._scan.enough(rule):
                line += window.count(b"\n", counted, found.start)
                counted = found.start
                severity: Severity = "error" if rule == "secret" else "warning"
                self._scan.note(rule, line, severity, f"looks like {found.name}; its value is not shown")
