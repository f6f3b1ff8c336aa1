"""The lints that a version must pass before it is published, and that ``verify`` repeats on what is stored.

Promise 9 lives here. What is judged by its bytes alone (secrets, hidden characters, encodings) is judged again whenever
a stored version is verified: a key in it does not get better with time. What is judged by today's knowledge or by other
files (model names, specifications, templates, unused files, ranges) is judged once, before the publish: a version that
was good then stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from repoint.config import MANIFEST
from repoint.filescan import Scans, scan
from repoint.findings import Finding
from repoint.store import Contents
from repoint_schemas.documents import AgentName, FileEntry, Snapshot, Version

if TYPE_CHECKING:
    from repoint.manifest import WorkingCopy
    from repoint.registry import Registry

Versions = Callable[[AgentName], Collection[Version]]
"""Every version of an agent that may be chosen: published and not yanked; none where it is not known."""


def lint_copy(
    contents: Contents,
    copy: WorkingCopy | None = None,
    versions: Versions | None = None,
    scanned: Scans | None = None,
) -> list[Finding]:
    """Every finding in a version about to be published, whatever is allowed.

    ``copy`` is the folder it was read from, for what only the folder shows; ``versions`` is asked for what it requires;
    ``scanned`` has the findings of files that were searched when the contents were read.

    Raises:
        InvalidInput: a file changed since it was first read.
    """
    from repoint.speclint import lint_specs

    document = contents.document
    found = [*_model_findings(contents), *_config_findings(contents)]
    found += lint_stored(document, contents.content, contents.chunks_of, scanned)
    found += lint_specs(document, contents.bytes_of)
    if copy is not None:
        from repoint.agentlint import lint_agent

        found += lint_agent(copy, contents)
    if versions is not None and document.requires:
        from repoint.agentlint import lint_requires

        found += lint_requires(document, versions, contents.bytes_of(document.manifest))
    return found


def lint_contents(
    contents: Contents,
    allowed: Collection[str] = (),
    *,
    copy: WorkingCopy | None = None,
    versions: Versions | None = None,
    scanned: Scans | None = None,
) -> list[Finding]:
    """As ``lint_copy``; findings of rules allowed for the agent carry the reason (see ``with_reasons``).

    Raises:
        InvalidInput: a file changed since it was first read, or a rule is allowed that does not exist.
    """
    found = lint_copy(contents, copy, versions, scanned)
    if not allowed:
        return found
    from repoint.allowances import with_reasons
    from repoint.lintrules import refuse_unknown_rules

    refuse_unknown_rules(allowed)
    return with_reasons(found, allowed)


def versions_to_choose(registry: Registry) -> Versions:
    """The versions of a registry that may be chosen. Where the yank ledger cannot be read, yanked ones count too."""

    def versions(agent: AgentName) -> list[Version]:
        yanked = (registry.yanks() or {}).get(agent, {})
        return [each for each in registry.store.versions(agent).get(agent, []) if each not in yanked]

    return versions


def lint_stored(
    document: Snapshot,
    content: bytes,
    read: Callable[[FileEntry], Iterable[bytes] | None],
    scanned: Scans | None = None,
) -> list[Finding]:
    """Every finding in a version's files and its document; ``read`` gives a file's bytes, None where they are missing.

    Model names and specifications are not judged: what was good when the version was published stays what it was.
    """
    found: list[Finding] = []
    for entry in document.files():
        if scanned is not None and (there := scanned.of(entry.path)) is not None:
            found += there
            continue
        chunks = read(entry)
        found += [] if chunks is None else scan(entry.path, chunks)
    seen = {each.rule for each in found if each.path == MANIFEST}
    # Values written with TOML's escapes show only in the document, on whose one line a line number says nothing.
    return found + [replace(each, line=None) for each in scan(MANIFEST, [content]) if each.rule not in seen]


def lint_text(name: str, text: str) -> list[Finding]:
    """Every finding in a short text such as a message or a ticket; ``name`` is what the findings call it."""
    return scan(name, [text.encode("utf-8", "surrogatepass")])


def _model_findings(contents: Contents) -> list[Finding]:
    from repoint.modelnames import floating_reason

    model = contents.document.model
    reason = floating_reason(model.provider, model.name)
    if reason is None:
        return []
    message = f"{model.name!a} of provider {model.provider!a} {reason}"
    return [Finding("floating-model", MANIFEST, _line(contents, ("model", "name")), "error", message)]


def _config_findings(contents: Contents) -> list[Finding]:
    config = contents.document.config
    if not config:
        return []
    from repoint.configtypos import config_typos

    return [
        Finding(
            "config-typo",
            MANIFEST,
            _line(contents, key),
            "warning",
            f"{'.'.join(map(str, key[1:]))!a} is read by nobody; did you mean {meant}?",
        )
        for key, meant in config_typos(config)
    ]


def _line(contents: Contents, key: tuple[str | int, ...]) -> int | None:
    from repoint.tomlsource import line_of

    return line_of(contents.bytes_of(contents.document.manifest).decode("utf-8"), key)
