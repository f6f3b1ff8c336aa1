"""Lints that need the agent's folder or the registry: files that nobody names, template variables, ``requires``."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from repoint.agentfiles import MANIFEST
from repoint.findings import Finding
from repoint.specproblem import MAX_BYTES, MOST, Pointer, closest, shown
from repoint.store import Contents
from repoint_schemas.documents import AgentName, Snapshot, Version

if TYPE_CHECKING:
    from repoint.manifest import WorkingCopy
    from repoint.specread import Parsed
    from repoint.templateinputs import Declared

FOLDERS = ("prompts", "integrations")
"""The folders in which every file is taken to be meant for the agent."""
_MOST_ENTRIES = 20_000
_BACKUPS = (".bak", ".orig", ".rej", ".swp", ".swo", ".tmp", ".pyc", "~")
_ASIDE = ("readme", "license", "licence", "changelog")
_SYSTEM = ("thumbs.db", "desktop.ini", "__pycache__", "node_modules")


def lint_agent(copy: WorkingCopy, contents: Contents) -> list[Finding]:
    """Every finding that the working copy's folder shows beyond the version itself.

    Raises:
        InvalidInput: a file changed since it was first read.
    """
    return [*_unused_files(copy, contents), *_template_findings(contents)]


def lint_requires(
    document: Snapshot, versions: Callable[[AgentName], Collection[Version]], manifest: bytes | None = None
) -> list[Finding]:
    """A finding for every requirement that no published version satisfies.

    ``versions`` gives an agent's versions that may be chosen (not yanked); ``manifest`` gives the findings their lines.
    """
    if not document.requires:
        return []
    found = []
    for agent, text in sorted(document.requires.items()):
        if reason := _unmet(agent, text, versions(agent)):
            found.append(Finding("unmet-requires", MANIFEST, _manifest_line(manifest, agent), "warning", reason))
    return found


def _unmet(agent: AgentName, text: str, published: Collection[Version]) -> str | None:
    from repoint.names import highest_first, is_prerelease
    from repoint.requires import parse_range, satisfies

    wanted = parse_range(text)
    if any(satisfies(version, wanted) for version in published):
        return None
    if not published:
        return f"requires {agent} {text}, but no version of {agent} is published (yanked ones do not count)"
    highest = highest_first(published, 1)[0]
    if all(is_prerelease(version) for version in published):
        return f"requires {agent} {text}, but only pre-releases of {agent} are published; the highest is {highest}"
    return f"requires {agent} {text}, but no published version satisfies it; the highest is {highest}"


def _manifest_line(manifest: bytes | None, agent: AgentName) -> int | None:
    if manifest is None:
        return None
    from repoint.tomlsource import line_of

    return line_of(manifest.decode("utf-8"), ("requires", agent))


def _unused_files(copy: WorkingCopy, contents: Contents) -> list[Finding]:
    message = "no entry of agent.toml names it, so it is not part of any version"
    unused = sorted(path for path in islice(_files(str(copy.folder)), _MOST_ENTRIES) if path not in contents.files)
    return [Finding("unused-file", path, None, "warning", message) for path in unused[:MOST]]


def _files(root: str) -> Iterator[str]:
    """The files that people keep in the folders; symbolic links, hidden files and other agents are passed over."""
    waiting = list(reversed(FOLDERS))
    seen = 0
    while waiting and seen < _MOST_ENTRIES:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as listing:
                entries = list(islice(listing, _MOST_ENTRIES))
        except OSError:
            continue
        seen += len(entries)
        if any(entry.name == MANIFEST for entry in entries):
            continue
        for entry in entries:
            if _is_aside(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{folder}/{entry.name}")
            elif entry.is_file(follow_symlinks=False):
                yield f"{folder}/{entry.name}"


def _is_aside(name: str) -> bool:
    lower = name.lower()
    return (
        lower.startswith((".", "#", "~"))
        or lower.endswith(_BACKUPS)
        or lower.partition(".")[0] in _ASIDE
        or lower in _SYSTEM
        or not name.isprintable()
    )


def _template_findings(contents: Contents) -> list[Finding]:
    texts = {entry.path: entry for entry in contents.document.prompts.values() if entry.size <= MAX_BYTES}
    read = {path: contents.bytes_of(entry) for path, entry in texts.items()}
    if not any(_may_be_template(path, content) for path, content in read.items()):
        return []
    known = _known_outside(contents.document, read)
    found: list[Finding] = []
    for path, content in sorted(read.items()):
        if _may_be_template(path, content):
            found += _lint_template(path, content, known)
    return found


def _may_be_template(path: str, content: bytes) -> bool:
    if path.endswith((".jsonl", ".ndjson")):
        return False
    return (
        b"{{" in content or b"{%" in content or b"template_format" in content or path.endswith((".prompty", ".prompt"))
    )


class _Known:
    """What is known of variables outside of the templates; ``certain`` is what the configuration declares."""

    def __init__(self, certain: set[str], examples: set[str], fields: set[str]) -> None:
        self.certain = certain
        self.examples = examples
        self.all = certain | examples | fields


def _known_outside(document: Snapshot, read: dict[str, bytes]) -> _Known:
    from repoint.specread import parse
    from repoint.templateinputs import config_variables, example_variables

    inputs: set[str] = set()
    fields: set[str] = set()
    for path, content in read.items():
        if path.endswith((".jsonl", ".ndjson", ".json")):
            given, others = example_variables(parse(content, path).value)
            inputs |= given
            fields |= others
    return _Known(config_variables(document.config), inputs, fields)


def _lint_template(path: str, content: bytes, known: _Known) -> list[Finding]:
    from repoint.specread import parse
    from repoint.templateinputs import declared_inputs, language_of
    from repoint.templates import analyse

    parsed = parse(content, path)
    body, line = _template_of(parsed)
    language = language_of(path, parsed.value)
    if parsed.problems or body is None or language is None:
        return []
    inputs, samples, open_ended = declared_inputs(parsed.value)
    template = analyse(body, language)
    names = inputs.keys() | samples.keys() | known.all
    needed = {each.name for each in template.needed}
    by_examples = bool(known.examples & needed)
    found = []
    if not open_ended and (inputs or samples or known.certain or by_examples):
        missing = [each for each in template.needed if each.name not in names][:MOST]
        found = [_unknown(path, each.name, line + each.line - 1 if line else None, names) for each in missing]
    if not template.open:
        unused = {name: at for name, at in inputs.items() if name not in template.read and name != "(*)"}
        found += _unused(path, content, unused)
    return found


def _template_of(parsed: Parsed) -> tuple[str | None, int | None]:
    """The template's text and the line on which it begins: the body, or the ``template`` of a structured prompt."""
    if parsed.form in ("front-matter", "text"):
        return parsed.body, parsed.body_line
    value = parsed.value
    if isinstance(value, dict) and isinstance(template := value.get("template"), str) and "template_format" in value:
        return template, None
    return None, None


def _unknown(path: str, name: str, line: int | None, known: Collection[str]) -> Finding:
    meant = closest(name, sorted(known))
    hint = f"; did you mean {shown(meant)}?" if meant else ""
    message = f"nothing fills the variable {shown(name)}: front matter, [config.variables] and examples do not know it"
    return Finding("unknown-variable", path, line, "warning", message + hint)


def _unused(path: str, content: bytes, unused: Declared) -> list[Finding]:
    if not unused:
        return []
    from repoint.specread import lines_of

    listed: list[tuple[str, Pointer]] = list(unused.items())[:MOST]
    lines = lines_of(content, path, [at for _, at in listed])
    return [
        Finding("unused-variable", path, lines[at], "warning", f"the template never uses the input {shown(name)}")
        for name, at in listed
    ]
