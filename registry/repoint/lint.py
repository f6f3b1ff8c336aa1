"""The lints that a version must pass before it is published, and that ``verify`` repeats on what is stored.

Promise 9 lives here. Files are read once, in chunks, with an overlap as long as the longest thing looked for, so the
work is linear and the memory small whatever a file's size or the length of its lines. Files are never changed, and a
secret's value never leaves this module: a finding says what was found and where.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterable

from msgspec.structs import replace

from repoint.config import MANIFEST
from repoint.findings import Finding, Rule, Severity
from repoint.invisibles import CONTEXT, suspects_in
from repoint.secretshapes import BEHIND, LONGEST, secrets_in
from repoint.store import Contents
from repoint_schemas.documents import FileEntry, Snapshot

__all__ = ["MOST", "RULES", "Finding", "lint_bytes", "lint_contents", "lint_stored", "lint_text"]

RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "floating-model", "error", "A model name that its provider may move makes one version behave in two ways."
        ),
        Rule("secret", "error", "A version is kept for ever and copied to every reader: a key in it must be revoked."),
        Rule("bidi", "error", "Bidirectional controls show a reviewer another text than the model reads."),
        Rule("invisible", "error", "Invisible characters can carry instructions that no reviewer sees."),
        Rule("zero-width", "warning", "Zero-width characters where no script or emoji needs them hide changes."),
        Rule("not-utf-8", "warning", "Agents read text as UTF-8: other bytes are kept, but may be read wrongly."),
        Rule("nul-byte", "warning", "A NUL ends the text for some programs; the file may not be text at all."),
    )
}
MOST = 20
"""Findings of one rule in one file that are listed, each for another line."""

_MOST_WORK = 1000  # of one rule in one file, on whatever lines

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lint_contents(contents: Contents, allowed: Collection[str] = ()) -> list[Finding]:
    """Every finding in a version about to be published, but for the rules allowed for its agent.

    Raises:
        InvalidInput: a file changed since it was first read.
    """
    from repoint.modelnames import floating_reason

    found = lint_stored(contents.document, contents.content, lambda entry: contents.files[entry.path].chunks())
    model = contents.document.model
    if reason := floating_reason(model.provider, model.name):
        message = f"{model.name!a} of provider {model.provider!a} {reason}"
        found.insert(0, Finding("floating-model", MANIFEST, _model_line(contents), "error", message))
    return [each for each in found if each.rule not in allowed]


def lint_stored(
    document: Snapshot, content: bytes, read: Callable[[FileEntry], Iterable[bytes] | None]
) -> list[Finding]:
    """Every finding in a version's files and its document; ``read`` gives a file's bytes, None where they are missing.

    Model names are not judged: a name that was pinned when the version was published stays what it was.
    """
    found: list[Finding] = []
    for entry in document.files():
        chunks = read(entry)
        found += [] if chunks is None else lint_bytes(entry.path, chunks)
    seen = {each.rule for each in found if each.path == MANIFEST}
    # Values written with TOML's escapes show only in the document, on whose one line a line number says nothing.
    return found + [replace(each, line=None) for each in lint_bytes(MANIFEST, [content]) if each.rule not in seen]


def lint_text(name: str, text: str) -> list[Finding]:
    """Every finding in a short text such as a message or a ticket; ``name`` is what the findings call it."""
    return lint_bytes(name, [text.encode("utf-8", "surrogatepass")])


def lint_bytes(path: str, chunks: Iterable[bytes]) -> list[Finding]:
    """Every finding in one file, by line."""
    scan = _Scan(path)
    for chunk in chunks:
        scan.feed(chunk)
    return scan.finish()


def _model_line(contents: Contents) -> int | None:
    from repoint.tomlsource import line_of

    return line_of(b"".join(contents.files[MANIFEST].chunks()).decode("utf-8"), ("model", "name"))


class _Scan:
    """One file, chunk by chunk: its bytes are searched for secrets, its text for what cannot be seen."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[tuple[str, int], Finding] = {}
        self._counts: dict[str, int] = {}
        self._secrets = _SecretSearch(self)
        self._text = _TextSearch(self)
        self._binary = False

    def feed(self, chunk: bytes) -> None:
        self._text.feed(chunk)
        if b"\0" in chunk and not self._text.utf16:
            if not self._binary:
                line = self._secrets.line_of_next(chunk[: chunk.index(b"\0")])
                self.note("nul-byte", line, "warning", "contains a NUL byte; it is kept as it is")
            self._binary = True
        self._secrets.feed(chunk)

    def finish(self) -> list[Finding]:
        self._secrets.feed(b"", final=True)
        self._text.feed(b"", final=True)
        found = sorted(self._found.values(), key=lambda each: (each.line or 0, each.rule))
        return _as_binary(found) if self._binary else found

    def enough(self, rule: str) -> bool:
        """Whether so much was found of the rule that the file need not be searched for more."""
        return self._counts.get(rule, 0) >= _MOST_WORK

    def note(self, rule: str, line: int, severity: Severity, message: str) -> None:
        """List a finding, one for each rule and line."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        if (rule, line) not in self._found:
            self._found[rule, line] = Finding(rule, self._path, line, severity, message)
            if sum(each == rule for each, _ in self._found) >= MOST:
                self._counts[rule] = _MOST_WORK


def _as_binary(found: list[Finding]) -> list[Finding]:
    """In a file that is no text an invisible character is most likely chance: the first of each rule, as a warning."""
    by_chance: dict[str, Finding] = {}
    for each in found:
        if each.rule in ("bidi", "invisible", "zero-width"):
            by_chance.setdefault(each.rule, replace(each, severity="warning"))
    return [by_chance.get(each.rule, each) for each in found if by_chance.get(each.rule, each).line == each.line]


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
        if self._scan.enough("secret"):
            return
        line, counted = self._line, 0
        for found in sorted(secrets_in(window), key=lambda each: each.start):
            if self._judged <= found.start < end and not self._scan.enough("secret"):
                line += window.count(b"\n", counted, found.start)
                counted = found.start
                self._scan.note("secret", line, "error", f"looks like {found.name}; its value is not shown")


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
        if self._all_utf8 and not window.isascii() and (bad := _NOT_UTF8.search(window)):
            line = self._line + window.count("\n", 0, bad.start())
            self._not_utf8(line, f"byte 0x{ord(bad[0]) - 0xDC00:02x}")
        line, counted = self._line, 0
        for suspect in suspects_in(window, self._judged, end, self._scan.enough):
            line += window.count("\n", counted, suspect.at)
            counted = suspect.at
            self._scan.note(suspect.rule, line, suspect.severity, suspect.message)
        keep = max(0, end - CONTEXT)
        self._line += window.count("\n", 0, keep)
        self._kept, self._judged = window[keep:], end - keep

    def _not_utf8(self, line: int, what: str) -> None:
        self._all_utf8 = False
        self._scan.note("not-utf-8", line, "warning", f"is not UTF-8 ({what}); it is kept byte for byte")
