"""A manifest and every file that it names -> the snapshot: one canonical document, one digest.

Promise 1 begins here: the same files give the same bytes on every machine and for ever, so every field is written out
(an absent endpoint is null), nothing is taken from the clock, the file system's order or its modes, and file contents
are taken byte for byte. Reading is done before anything is stored: a file that changes meanwhile is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from repoint.agentfiles import MANIFEST, AgentFile, HeldContent, Limits, Watch, matches, read_file
from repoint.errors import InvalidInput
from repoint.paths import check_paths
from repoint.store import Contents
from repoint_schemas.canonical import digest_of, encode
from repoint_schemas.documents import AgentName, FileEntry, Integration, Model, Snapshot

if TYPE_CHECKING:
    from repoint.manifest import Problem, WorkingCopy
    from repoint.tomlsource import KeyPath

HELD_BYTES = 32 * 1024 * 1024
"""Small files are held in memory up to this many bytes in all; the others are read again when they are stored."""


def build_snapshot(copy: WorkingCopy, limits: Limits, watch: Watch | None = None) -> Contents:
    """Read every file that the manifest names and build the snapshot; ``agent.toml`` is among its files.

    ``watch`` sees the files that are read, each once; ``agent.toml`` was read before.

    Raises:
        InvalidInput: all refused files at once, by line of the manifest (``facts["problems"]``), or a limit exceeded.
    """
    named = list(_named(copy))
    _refuse_paths(copy, named, limits)
    files = _read_files(copy, named, limits, watch)
    document = _document(copy, {path: file.entry for path, file in files.items()})
    content = encode(document)
    if len(content) > Snapshot.LIMIT:
        raise InvalidInput(
            f"{copy.shown}: its snapshot document has {len(content)} bytes, more than the {Snapshot.LIMIT} allowed",
            kind="snapshot-too-large",
            hint="move long texts from [config] into files that [prompts] names",
        )
    return Contents(document, content, {path: file.content for path, file in sorted(files.items())})


def snapshot_problems(document: Snapshot) -> list[str]:
    """What is wrong with the paths of a stored snapshot; empty where every path can be written below a folder."""
    entries = [document.manifest, *document.prompts.values()]
    entries += [each.spec for each in document.integrations.values() if each.spec is not None]
    problems = [f"{path!a} {reason}" for path, reason in check_paths(entry.path for entry in entries)]
    if document.manifest.path != MANIFEST:
        problems.append(f"the manifest is {document.manifest.path!a}, not {MANIFEST!a}")
    first: dict[str, FileEntry] = {}
    for entry in entries:
        if first.setdefault(entry.path, entry) != entry:
            problems.append(f"{entry.path!a} stands there twice with different contents")
    return problems


def differs_from(folder: Path, document: Snapshot) -> bool:
    """Whether the folder's files are not exactly those of the snapshot. Nothing is parsed; a refused file differs."""
    return not all(matches(folder, entry) for entry in document.files())


def _named(copy: WorkingCopy) -> Iterator[tuple[KeyPath, str]]:
    for name, path in copy.manifest.prompts.items():
        yield ("prompts", name), path
    for name, integration in copy.manifest.integrations.items():
        if integration.spec is not None:
            yield ("integrations", name, "spec"), integration.spec


def _refuse_paths(copy: WorkingCopy, named: list[tuple[KeyPath, str]], limits: Limits) -> None:
    """Before any file is opened."""
    paths = dict.fromkeys([MANIFEST, *(path for _, path in named)])
    if len(paths) > limits.files:
        raise InvalidInput(
            f"{copy.shown}/{MANIFEST}: names {len(paths)} files, itself included, more than the {limits.files} allowed",
            kind="too-many-files",
            hint="raise files under [limits] in repoint.toml",
        )
    keys = {path: key for key, path in reversed(named)}
    found = [copy.problem(keys.get(path, ()), f"{path!a} {reason}") for path, reason in check_paths(paths)]
    _refuse(found, "refused-path")


def _refuse(problems: list[Problem], kind: str) -> None:
    if problems:
        from repoint.manifest import refuse

        raise refuse(problems, kind)


def _read_files(
    copy: WorkingCopy, named: list[tuple[KeyPath, str]], limits: Limits, watch: Watch | None
) -> dict[str, AgentFile]:
    own = FileEntry(path=MANIFEST, sha256=digest_of(copy.content).removeprefix("sha256:"), size=len(copy.content))
    files = {MANIFEST: AgentFile(own, HeldContent(copy.content))}
    problems: list[Problem] = []
    kinds: list[str] = []
    held = total = own.size
    for key, path in named:
        if path in files:
            continue
        try:
            file = read_file(copy.folder, path, limit=limits.file_bytes, hold=held < HELD_BYTES, watch=watch)
        except InvalidInput as error:
            problems.append(copy.problem(key, error.message + (f"; {error.hint}" if error.hint else "")))
            kinds.append(error.kind)
            continue
        files[path] = file
        total += file.entry.size
        held += file.entry.size if isinstance(file.content, HeldContent) else 0
        _refuse_total(copy, total, limits)
    _refuse(problems, kinds[0] if len(set(kinds)) == 1 else "refused-files")
    return files


def _refuse_total(copy: WorkingCopy, total: int, limits: Limits) -> None:
    if total > limits.snapshot_bytes:
        raise InvalidInput(
            f"{copy.shown}: its files have {total} bytes or more in all, more than the {limits.snapshot_bytes} allowed",
            kind="snapshot-too-large",
            hint="raise snapshot_bytes under [limits] in repoint.toml",
        )


def _document(copy: WorkingCopy, entries: dict[str, FileEntry]) -> Snapshot:
    manifest = copy.manifest
    return Snapshot(
        agent=copy.agent,
        config=copy.config,
        integrations={
            name: Integration(
                endpoint=each.endpoint,
                kind=each.kind,
                secrets=list(each.secrets),
                spec=None if each.spec is None else entries[each.spec],
            )
            for name, each in manifest.integrations.items()
        },
        manifest=entries[MANIFEST],
        model=Model(name=manifest.model.name, provider=manifest.model.provider),
        prompts={name: entries[path] for name, path in manifest.prompts.items()},
        requires={AgentName(name): text for name, text in manifest.requires.items()},
    )
