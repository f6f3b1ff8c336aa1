"""Lints of the specs and the structured prompts of a version: readable, what they claim to be, and whole.

Each file is read once and judged by what the manifest says that it is. Nothing is fetched and nothing outside of the
version is read (promise 10). Lines are looked up only for what is found, all of a file's in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from repoint.findings import Finding, Severity
from repoint.speclintrules import SPEC_RULES
from repoint.specproblem import MOST, Complaint, Pointer, in_words
from repoint.specread import MAX_BYTES, Form, Parsed, ReadProblem, form_of, lines_of, parse
from repoint_schemas.documents import FileEntry, IntegrationKind, Snapshot

__all__ = ["SPEC_RULES", "lint_specs"]

_MOST_LOOKED_AT = 400
"""Complaints of one file that are looked at to choose those that are listed."""
_STRUCTURED = ("json", "yaml", "yml", "toml", "jsonl", "ndjson", "prompty", "prompt")


def lint_specs(document: Snapshot, read: Callable[[FileEntry], bytes]) -> list[Finding]:
    """Every finding in the specs and structured prompts of a version; paths are relative to the agent's folder.

    ``read`` gives a file's bytes; it is asked only for files of at most 16 MiB, and whatever it raises passes through.
    """
    version = _Version(document, read)
    found: list[Finding] = []
    for entry in document.files():
        if entry.path != document.manifest.path:
            found += _lint_file(entry, version)
    return found


class _Version:
    """The files of the version, read at most once each while they are referred to."""

    def __init__(self, document: Snapshot, read: Callable[[FileEntry], bytes]) -> None:
        self._read = read
        self._entries = {entry.path: entry for entry in document.files()}
        self._values: dict[str, object] = {}
        self.kinds: dict[str, list[IntegrationKind]] = {}
        for each in document.integrations.values():
            if each.spec is not None:
                self.kinds.setdefault(each.spec.path, []).append(each.kind)

    def content(self, entry: FileEntry) -> bytes:
        return self._read(entry)

    def value(self, path: str) -> object | None:
        """What another file of the version holds, for references into it; None where the version has no such file."""
        if path not in self._values:
            entry = self._entries.get(path)
            if entry is None:
                return None
            small = entry.size <= MAX_BYTES
            value = parse(self._read(entry), path).value if small else None
            self._values[path] = {"$ref": ""} if value is None else value  # unreadable: anything may be in it
        return self._values[path]


def _lint_file(entry: FileEntry, version: _Version) -> list[Finding]:
    kinds = version.kinds.get(entry.path, [])
    structured = kinds or entry.path.rpartition(".")[2].lower() in _STRUCTURED
    if entry.size > MAX_BYTES:
        return [_too_large(entry)] if structured else []
    content = version.content(entry)
    form = form_of(entry.path, content)
    if form in ("text", "jsonl", "front-matter") and set(kinds) - {"http"}:
        return [_no_spec(entry.path)]
    if form == "text":
        return []
    parsed = parse(content, entry.path, form=form)
    found = [_problem_finding(entry.path, each, form, is_spec=bool(kinds)) for each in parsed.problems]
    if (parsed.value is not None or not parsed.problems) and form not in ("jsonl", "front-matter"):
        found += _complaint_findings(entry.path, content, parsed, kinds, version)
    return found


def _too_large(entry: FileEntry) -> Finding:
    message = f"has {entry.size} bytes; beyond {MAX_BYTES} nothing is looked into"
    return Finding("spec-too-large", entry.path, None, "warning", message)


def _no_spec(path: str) -> Finding:
    return Finding("spec-unparsable", path, None, "error", "is neither JSON nor YAML nor TOML, which a spec must be")


def _problem_finding(path: str, problem: ReadProblem, form: Form, *, is_spec: bool) -> Finding:
    """Front matter of a text that is no .prompty or .prompt file is only supposed to be front matter."""
    certain = is_spec or form != "front-matter" or path.lower().endswith((".prompty", ".prompt"))
    severity: Severity = "error" if certain and problem.rule != "spec-too-large" else "warning"
    return Finding(problem.rule, path, problem.line, severity, problem.message)


def _complaint_findings(
    path: str, content: bytes, parsed: Parsed, kinds: list[IntegrationKind], version: _Version
) -> list[Finding]:
    complaints = list(islice(_complaints(path, parsed.value, kinds, version), _MOST_LOOKED_AT))
    if not complaints:
        return []
    lines = lines_of(content, path, [each.at for each in complaints], form=parsed.form)
    found = [_finding(path, each, lines) for each in complaints]
    return list(_first_of_each_rule(sorted(dict.fromkeys(found), key=lambda each: each.line or 0)))


def _finding(path: str, complaint: Complaint, lines: dict[Pointer, int | None]) -> Finding:
    place = in_words(complaint.at)
    message = f"{place}: {complaint.message}" if place else complaint.message
    return Finding(complaint.rule, path, lines[complaint.at], complaint.severity, message)


def _first_of_each_rule(found: Iterable[Finding]) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for each in found:
        counts[each.rule] = counts.get(each.rule, 0) + 1
        if counts[each.rule] <= MOST:
            yield each


def _complaints(path: str, value: object, kinds: list[IntegrationKind], version: _Version) -> Iterator[Complaint]:
    """What each kind that the manifest gives the file demands of it; a prompt is judged by what it says that it is."""
    says = value if isinstance(value, dict) else {}
    is_openapi = bool({"openapi", "swagger"} & says.keys())
    named = says.get("$schema")
    is_schema = isinstance(named, str) and "json-schema.org" in named
    if not (kinds or is_openapi or is_schema):
        return
    from repoint.reflint import reference_complaints

    own_roots = frozenset({"parameters", "schema"} if "function" in kinds and not is_openapi else ())
    yield from islice(reference_complaints(value, path, version.value, roots=own_roots), _MOST_LOOKED_AT // 2)
    if is_openapi or "openapi" in kinds:
        from repoint.openapilint import openapi_complaints

        yield from openapi_complaints(value)
    elif "mcp" in kinds:
        from repoint.toollint import mcp_complaints

        yield from mcp_complaints(value)
    elif "function" in kinds:
        from repoint.toollint import function_complaints

        yield from function_complaints(value)
    elif is_schema:
        from repoint.schemalint import ANY, dialect_of, schema_complaints

        yield from schema_complaints(value, (), dialect_of(value, ANY))
