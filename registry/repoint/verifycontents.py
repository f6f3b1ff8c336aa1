"""``verify --deep``: the bytes of every file against the SHA-256 that was released, and the lints once more.

Promises 1, 9 and 10. Each content is streamed once, however many versions hold it, and is hashed while it is linted, so
memory stays small. What the lints find is reported once for each agent, at the lowest version that holds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from msgspec.structs import replace

from repoint.agentfiles import MANIFEST, Limits
from repoint.errors import Corrupt
from repoint.findings import Finding
from repoint.lint import lint_stored, lint_text
from repoint.verifyclaims import Case
from repoint.verifyreport import Report, Unreadable
from repoint_schemas.documents import AgentName, FileEntry, Snapshot, Version

AllowedRules = Callable[[AgentName], Collection[str]]


class StoredFiles(Protocol):
    """The files of one version in the store at hand."""

    @property
    def bad(self) -> Collection[str]:
        """Paths that cannot be loaded; reported already, and not read."""
        ...

    def key(self, entry: FileEntry) -> str:
        """What stands for a file's content: the same key is read once."""
        ...

    def chunks(self, entry: FileEntry) -> Iterator[bytes] | Unreadable:
        """A file's bytes, at most one more than its size. Raises: Corrupt, also after the last chunk."""
        ...

    def damage(self, entry: FileEntry) -> str:
        """What to say where ``chunks`` does not end well."""
        ...


class ContentsCheck:
    """Reads the files of one version after another; ``close`` reports what the lints found."""

    def __init__(self, report: Report, limits: Limits, allowed: AllowedRules) -> None:
        self._report = report
        self._limits = limits
        self._allowed = allowed
        self._hashes: dict[str, str] = {}  # an empty one: the content is damaged
        self._linted: dict[str, list[Finding]] = {}
        self._found: dict[tuple[AgentName, str, str], list[Version]] = {}

    def check(self, case: Case, files: StoredFiles) -> None:
        """Hash and lint the files of one version that are there with the right size."""
        assert case.snapshot is not None
        found = self._lint(case.snapshot, case.snapshot_bytes, files)
        for entry in case.snapshot.files():
            if entry.path not in files.bad:
                self._compare(case, files, entry)
        self._check_limits(case, case.snapshot.files())
        release = case.release
        found += lint_text("its message", release.message) + lint_text("its ticket", release.ticket or "")
        allowed = self._allowed(release.agent)
        for each in found:
            if each.severity == "error" and each.rule not in allowed:
                where = each.path + (f":{each.line}" if each.line else "")
                key = (release.agent, each.rule, f"{where}: {each.message}")
                self._found.setdefault(key, []).append(release.version)

    def close(self) -> None:
        """Report what the lints found (promise 9)."""
        for (agent, rule, message), versions in self._found.items():
            others = list(dict.fromkeys(versions))[1:]
            also = f"; so do {', '.join(others[:3])}" + (f" and {len(others) - 3} more" if others[3:] else "")
            self._report.add(9, rule, f"{agent}@{versions[0]}", message + (also if others else ""))

    def _lint(self, snapshot: Snapshot, content: bytes, files: StoredFiles) -> list[Finding]:
        """What the lints say of a version; blobs that were linted before are not read again."""
        read: dict[str, str] = {}
        known: list[Finding] = []

        def chunks(entry: FileEntry) -> Iterator[bytes] | None:
            if entry.path in files.bad:
                return None
            key = files.key(entry)
            if key in self._linted and entry.path != MANIFEST:
                known.extend(replace(each, path=entry.path) for each in self._linted[key])
                return None
            read[entry.path] = key
            return self._hashing(files, key, entry)

        found = lint_stored(snapshot, content, chunks)
        for path, key in read.items():
            self._linted[key] = [each for each in found if each.path == path]
        return found + known

    def _hashing(self, files: StoredFiles, key: str, entry: FileEntry) -> Iterator[bytes]:
        """A content's chunks, its hash remembered at the end."""
        self._hashes[key] = ""
        hashed = hashlib.sha256()
        try:
            chunks = files.chunks(entry)
            if isinstance(chunks, Unreadable):
                return
            for chunk in chunks:
                hashed.update(chunk)
                yield chunk
        except Corrupt:
            return
        self._report.checked["bytes"] += entry.size
        self._hashes[key] = hashed.hexdigest()

    def _compare(self, case: Case, files: StoredFiles, entry: FileEntry) -> None:
        found = self._hashes[files.key(entry)]
        if found == entry.sha256:
            return
        case.whole = False
        if found:
            message = f"{entry.path} has the SHA-256 {found}, but {entry.sha256} was released"
            self._report.add(1, "file-changed", case.place, message)
        else:
            self._report.add(1, "object-corrupt", case.place, f"{entry.path}: {files.damage(entry)}")

    def _check_limits(self, case: Case, files: list[FileEntry]) -> None:
        limits, total = self._limits, sum(entry.size for entry in files)
        largest = max(files, key=lambda entry: entry.size)
        over = [
            f"{found} {what}, more than the {limit} allowed"
            for what, found, limit in (
                (f"bytes in {largest.path}", largest.size, limits.file_bytes),
                ("files", len(files), limits.files),
                ("bytes in all", total, limits.snapshot_bytes),
            )
            if found > limit
        ]
        if over:
            message = f"it has {'; '.join(over)}; if that is meant, raise [limits] in repoint.toml"
            self._report.add(10, "over-limit", case.place, message)
