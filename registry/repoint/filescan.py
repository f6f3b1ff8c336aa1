"""One file, chunk by chunk: its bytes are searched for secrets, its text for what cannot be seen.

Part of promise 9. The file is read once, with an overlap as long as the longest thing looked for, so the work is linear
and the memory small whatever a file's size or the length of its lines. The file is never changed, and a secret's value
never leaves the search: a finding says what was found and where.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from repoint.findings import Finding, Severity
from repoint.invisibles import CONTEXT, reads_as_text, suspects_in
from repoint.lineendings import LineEndings
from repoint.secretshapes import BEHIND, LONGEST, Match, secrets_in

MOST = 20
"""Findings of one rule in one file that are listed, each for another line."""

_MOST_WORK = 1000  # of one rule in one file, on whatever lines
_MOST_CHANCE = 1000
"""Among bytes that are no text: 64 MiB of chance hold some hundred sequences that read as something hidden, no more."""

_MOST_COMMON = 20_000
"""The same for what chance makes of one or two bytes (controls, soft hyphens): then no more are looked at."""

_COMMON = ("control", "zero", "mixed")

_NOT_UTF8 = "[\udc80-\udcff]"  # these two are compiled on first use: every move lints its message
_LONG_WORD, _LATER_LONG_WORD = rb"\S{16}", rb"[ \t\n\r\f\v]\S{16}"
"""Every secret that is not in ``secretshapes`` holds one: without it the module for those is not even imported.

One that is not at the beginning follows a blank, and looking for it there alone takes half as long."""

_PLAIN = bytes(range(9, 14)) + bytes(range(32, 127)) + b"\0"
"""The ASCII characters that nobody calls invisible; a NUL has a rule of its own."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def scan(path: str, chunks: Iterable[bytes]) -> list[Finding]:
    """Every finding in one file, by line; ``path`` is what the findings call it."""
    found = _Scan(path)
    for chunk in chunks:
        found.feed(chunk)
    return found.finish()


class _Scan:
    """Collects what the searches find: one finding for each rule and line, as many as are worth listing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[tuple[str, int], Finding] = {}
        self._chance: dict[tuple[str, int], Finding] = {}  # found among bytes that are no text
        self._counts: dict[str, int] = {}
        self._chances: dict[str, int] = {}
        self._secrets = _SecretSearch(self)
        self._text = _TextSearch(self)
        self._endings = LineEndings()
        self._binary = False

    def feed(self, chunk: bytes) -> None:
        self._text.feed(chunk)
        if b"\0" in chunk and not self._text.utf16:
            if not self._binary:
                line = self._secrets.line_of_next(chunk[: chunk.index(b"\0")])
                self.note("nul-byte", line, "warning", "contains a NUL byte; it is kept as it is")
            self._binary = True
        self._secrets.feed(chunk)
        self._endings.feed(chunk)

    def finish(self) -> list[Finding]:
        self._secrets.feed(b"", final=True)
        self._text.feed(b"", final=True)
        self._endings.feed(b"", final=True)
        if not self._binary and not self._text.utf16 and (mixed := self._endings.mixed()):
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

    def note_chance(self, kind: str, rule: str, line: int, severity: Severity, message: str) -> None:
        """Keep what was found among bytes that are no text: chance in a binary file, unless it is too much of it."""
        number = self._chances[kind] = self._chances.get(kind, 0) + 1
        if number <= 4 * MOST:
            self._chance.setdefault((rule, line), Finding(rule, self._path, line, severity, message))
        if kind not in _COMMON and number > _MOST_CHANCE:
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
        self._line = 1

    def line_of_next(self, before: bytes) -> int:
        """The line that follows everything fed so far and ``before``."""
        return self._line + self._kept.count(b"\n") + before.count(b"\n")

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        window = self._kept + chunk.replace(b"\0", b"")
        end = len(window) if final else len(window) - LONGEST
        if end <= self._judged and not final:
            self._kept = window
            return
        self._search(window, end)
        keep = max(0, end - BEHIND)
        self._line += window.count(b"\n", 0, keep)
        self._kept, self._judged = window[keep:], end - keep

    def _search(self, window: bytes, end: int) -> None:
        if not self._scan.enough("secret"):
            self._note(window, end, "secret", secrets_in(window))
        if not (re.match(_LONG_WORD, window) or re.search(_LATER_LONG_WORD, window)):
            return
        from repoint.secretscan import rare_secrets_in, weak_secrets_in
        from repoint.secretvendors import vendor_secrets_in

        if not self._scan.enough("secret"):
            self._note(window, end, "secret", vendor_secrets_in(window))
            self._note(window, end, "secret", rare_secrets_in(window))
        if not self._scan.enough("possible-secret"):
            self._note(window, end, "possible-secret", weak_secrets_in(window))

    def _note(self, window: bytes, end: int, rule: str, matches: Iterable[Match]) -> None:
        line, counted = self._line, 0
        for found in sorted(matches, key=lambda each: each.start):
            if self._judged <= found.start < end and not self._scan.enough(rule):
                line += window.count(b"\n", counted, found.start)
                counted = found.start
                severity: Severity = "error" if rule == "secret" else "warning"
                self._scan.note(rule, line, severity, f"looks like {found.name}; its value is not shown")


class _TextSearch:
    """Finds suspect characters in text, and bytes that are none."""

    def __init__(self, scan: _Scan) -> None:
        self._scan = scan
        self._start = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._kept = ""
        self._judged = 0
        self._line = 1
        self._all_utf8 = True
        self.utf16 = False

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        if self._decoder is None:
            self._start += chunk
            if len(self._start) < len(_UTF16[0]) and not final:
                return
            chunk, self._decoder = self._start, self._chosen_decoder()
        self._search(self._kept + self._decoder.decode(chunk, final), final=final)

    def _chosen_decoder(self) -> codecs.IncrementalDecoder:
        self.utf16 = self._start.startswith(_UTF16)
        if self.utf16:
            self._not_utf8(1, "is UTF-16")
            return codecs.getincrementaldecoder("utf-16")("replace")
        return codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def _search(self, window: str, *, final: bool) -> None:
        end = len(window) if final else max(self._judged, len(window) - CONTEXT)
        if self._all_utf8 and not window.isascii() and (bad := re.search(_NOT_UTF8, window)):
            line = self._line + window.count("\n", 0, bad.start())
            self._not_utf8(line, f"byte 0x{ord(bad[0]) - 0xDC00:02x}")
        self._note_invisible(window, end)
        self._note_mixed(window, end)
        keep = max(0, end - CONTEXT)
        self._line += window.count("\n", 0, keep)
        self._kept, self._judged = window[keep:], end - keep

    def _note_invisible(self, window: str, end: int) -> None:
        if window.isascii() and not window.encode("ascii").translate(None, _PLAIN):
            return  # twenty times faster than a search
        line, counted = self._line, 0
        for suspect in suspects_in(window, self._judged, end, self._scan.enough_of):
            line += window.count("\n", counted, suspect.at)
            counted = suspect.at
            if reads_as_text(window, suspect.at, alone=suspect.kind == "control"):
                self._scan.note(suspect.rule, line, suspect.severity, suspect.message)
            else:
                self._scan.note_chance(suspect.kind, suspect.rule, line, suspect.severity, suspect.message)

    def _note_mixed(self, window: str, end: int) -> None:
        if window.isascii():
            return
        from repoint.confusables import mixed_words

        line, counted = self._line, 0
        for mixed in mixed_words(window, self._judged, end):
            if self._scan.enough_of("mixed-script", "mixed"):
                return
            line += window.count("\n", counted, mixed.at)
            counted = mixed.at
            if reads_as_text(window, mixed.at):
                self._scan.note("mixed-script", line, "warning", mixed.message)
            else:
                self._scan.note_chance("mixed", "mixed-script", line, "warning", mixed.message)

    def _not_utf8(self, line: int, what: str) -> None:
        self._all_utf8 = False
        self._scan.note("not-utf-8", line, "warning", f"is not UTF-8 ({what}); it is kept byte for byte")
