"""What changed between two versions of an agent, by component, what matters most to behaviour first.

The one comparison behind ``diff``, ``--bump auto`` and what a rollback says that it changes. Files are read only where
they differ, and only up to a size; snapshots that differ yield at least one difference, and where a comparison cannot
tell, it says the higher impact: an engineer may lower a bump knowingly, but is never surprised by one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from repoint.bump import infer
from repoint.changes import RANK, Component, Difference
from repoint.comparefiles import (
    Compared,
    FileCount,
    Files,
    Pair,
    ReadFile,
    TextChange,
    compare_new_text,
    compare_plainly,
    compare_prompt,
    moved_file,
    nothing,
    sha,
)
from repoint.compareintegrations import compare_integrations
from repoint.comparesettings import compare_config, compare_models, compare_requires
from repoint.componentrules import judged
from repoint_schemas.documents import Bump, FileEntry, Snapshot

_READ_FIRST = ("system", "developer", "instructions")
"""Prompts of these names come before the others: they are what a model is told first."""
_ORDER: tuple[Component, ...] = ("agent", "model", "integration", "requires", "config", "prompt", "file")


class VersionDiff(msgspec.Struct, frozen=True):
    """Everything that differs; ``limits`` says in words where the comparison stopped looking closer."""

    differences: list[Difference]
    texts: list[TextChange]
    files: list[FileCount]
    limits: list[str]

    @property
    def level(self) -> Bump | None:
        """The bump that the differences ask for."""
        return infer(self.differences)


NO_DIFFERENCE = VersionDiff([], [], [], [])


def compare(old: Snapshot, new: Snapshot, files: Files) -> VersionDiff:
    """Every difference between two snapshots. Equal snapshots have none. Raises: Corrupt, as reading files does."""
    found = nothing()
    found.differences.extend(compare_models(old.model, new.model))
    found.add(compare_integrations(old.integrations, new.integrations, files))
    found.differences.extend(compare_requires(old.requires, new.requires))
    found.differences.extend(compare_config(old.config, new.config))
    found.add(_compare_prompts(old.prompts, new.prompts, files))
    _compare_manifest(old, new, files, found)
    return VersionDiff(
        _ordered(found.differences),
        sorted(found.texts, key=lambda text: (_ORDER.index(text.component), text.name)),
        sorted(found.files, key=lambda file: file.path),
        found.limits,
    )


def group_of(difference: Difference) -> tuple[Component, str]:
    """What belongs together when it is shown: the differences of one integration, one prompt, or one component."""
    component, name = difference.component, difference.name
    if component == "integration":
        return component, name.partition(".")[0]
    return component, name if component in ("prompt", "file") else ""


def _ordered(differences: list[Difference]) -> list[Difference]:
    """By component, then group by group, those with the highest impact first."""
    impact: dict[tuple[Component, str], int] = {}
    for each in differences:
        group = group_of(each)
        impact[group] = max(impact.get(group, 0), RANK[each.impact])

    def place(each: Difference) -> tuple[object, ...]:
        component, name = group = group_of(each)
        first = name not in _READ_FIRST
        return _ORDER.index(component), -impact[group], first, name, -RANK[each.impact], each.name, each.where

    return sorted(differences, key=place)


def _compare_manifest(old: Snapshot, new: Snapshot, files: Files, found: Compared) -> None:
    if old.manifest.sha256 == new.manifest.sha256:
        return
    pair = Pair("file", new.manifest.path, old.manifest, new.manifest)
    if not files.closely or found.differences or not files.small(old.manifest, new.manifest):
        found.files.append(FileCount(new.manifest.path, None, None, None))
    else:
        compared = compare_plainly(pair, files)
        found.add(compared._replace(differences=[]))
    if not found.differences:
        found.differences.append(pair.judged("manifest-text"))


def _compare_prompts(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], files: Files) -> Compared:
    found = nothing()
    renames = _renames(old, new, files)
    former = set(renames.values())
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(renames.get(name, name)), new.get(name)
        if after is None:
            if before is not None and name not in former:
                found.differences.append(_gone(name, before))
                found.add(compare_new_text("prompt", name, before, files, added=False))
        elif before is None:
            found.differences.append(judged("prompt", name, "prompt-added", None, sha(after), path=after.path))
            found.add(compare_new_text("prompt", name, after, files, added=True))
        else:
            found.add(_compare_known(name, renames.get(name), before, after, files))
    return found


def _gone(name: str, entry: FileEntry) -> Difference:
    return judged("prompt", name, "prompt-removed", sha(entry), None, path=entry.path)


def _compare_known(name: str, former: str | None, old: FileEntry, new: FileEntry, files: Files) -> Compared:
    """A prompt that both sides have, maybe under another name, in another place, with another text."""
    found = nothing()
    if former is not None:
        same = "same text" if old.sha256 == new.sha256 else "with changes"
        renamed = judged(
            "prompt",
            name,
            "prompt-renamed",
            former,
            name,
            reason=f"renamed from {former}, {same}",
            kind="renamed",
            path=new.path,
        )
        found.differences.append(renamed)
    if old.sha256 != new.sha256:
        found.add(compare_prompt(Pair("prompt", name, old, new, files.closely), files))
    elif old.path != new.path and former is None:
        found.add(moved_file(name, old, new))
    return found


def _renames(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], files: Files) -> dict[str, str]:
    """New names of prompts, and the names that they had before."""
    gone = {name: entry for name, entry in old.items() if name not in new}
    come = {name: entry for name, entry in new.items() if name not in old}
    if not gone or not come:
        return {}
    from repoint.filepairs import FileFacts, pair_renames

    def facts(entry: FileEntry, read: ReadFile) -> FileFacts:
        return FileFacts(entry.sha256, entry.size, lambda: read(entry))

    pairs = pair_renames(
        {name: facts(entry, files.read_old) for name, entry in gone.items() if entry.size <= files.largest},
        {name: facts(entry, files.read_new) for name, entry in come.items() if entry.size <= files.largest},
    )
    return {pair.new: pair.old for pair in pairs.pairs}
