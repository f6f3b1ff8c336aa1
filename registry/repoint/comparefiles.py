"""What changed in the files of two versions: prompts as text and by structure, specs by structure. Bounded work.

A file is looked into up to ``Files.largest`` bytes; beyond that it is said to differ, and nothing of it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from repoint.changes import Component, Difference, SpecChange, SpecComparison
from repoint.componentrules import judged, judged_words
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.documents import FileEntry

if TYPE_CHECKING:
    from repoint.specread import Parsed
    from repoint.textdiff import Nature, TextDiff

ReadFile = Callable[[FileEntry], bytes]

LARGEST = 8 * MEBIBYTE
"""Bytes up to which a file is looked into."""

COUNTED = MEBIBYTE // 4
"""Bytes up to which the lines of a file that was compared by its structure are counted as well."""

_BY_NATURE: dict[Nature, tuple[str, str | None]] = {
    "text": ("prompt-text", "the text differs"),
    "moved": ("prompt-order", "the same lines in another order"),
    "white-space": ("prompt-white-space", None),
    "line-endings": ("prompt-line-endings", None),
    "final-newline": ("prompt-white-space", "only the newline at the end differs"),
    "comments": ("prompt-comments", None),
}


_ALSO: dict[Nature, str] = {"line-endings": "line endings", "final-newline": "the newline at the end"}


class TextChange(msgspec.Struct, frozen=True):
    """How the text of one file changed; a path is None where the file is new or gone."""

    component: Component
    name: str
    old_path: str | None
    new_path: str | None
    diff: TextDiff


class FileCount(msgspec.Struct, frozen=True):
    """One changed file; lines are None where they were not counted (no text, too large)."""

    path: str
    old_path: str | None
    added: int | None
    removed: int | None


class Files(NamedTuple):
    """How the files of both sides are read, and how closely they are looked at.

    Without ``closely`` texts are judged as well, but not compared line by line: for who cannot wait.
    """

    read_old: ReadFile
    read_new: ReadFile
    largest: int = LARGEST
    closely: bool = True

    def small(self, *entries: FileEntry) -> bool:
        """Whether all of these files are looked into."""
        return max(entry.size for entry in entries) <= self.largest


class Compared(NamedTuple):
    """What a comparison of files found."""

    differences: list[Difference]
    texts: list[TextChange]
    files: list[FileCount]
    limits: list[str]

    def add(self, other: Compared) -> None:
        """Take over what another comparison found."""
        self.differences.extend(other.differences)
        self.texts.extend(other.texts)
        self.files.extend(other.files)
        self.limits.extend(other.limits)


class Pair(NamedTuple):
    """A changed file on both sides, under the name that its component has in the manifest."""

    component: Component
    name: str
    old: FileEntry
    new: FileEntry
    closely: bool = True

    def judged(self, rule: str, reason: str | None = None) -> Difference:
        """This file as one difference."""
        return judged(self.component, self.name, rule, sha(self.old), sha(self.new), reason=reason, path=self.new.path)


def nothing() -> Compared:
    """An empty result to add to."""
    return Compared([], [], [], [])


def sha(entry: FileEntry | None) -> str | None:
    """A file as a plain value."""
    return f"sha256:{entry.sha256}" if entry else None


def compare_prompt(pair: Pair, files: Files) -> Compared:
    """A prompt whose bytes differ: by structure where it has one, its text by words. Raises: Corrupt."""
    if not files.small(pair.old, pair.new):
        return _not_looked_into(pair, "prompt-opaque", files)
    old, new = files.read_old(pair.old), files.read_new(pair.new)
    if b"\0" in old or b"\0" in new:
        return Compared([pair.judged("prompt-opaque", "it is no text")], [], [_count(pair, None)], [])
    if _is_prose(pair.old, old) and _is_prose(pair.new, new):
        return _compare_text(pair, _text(old), _text(new))
    from repoint.specread import parse

    before, after = parse(old, pair.old.path), parse(new, pair.new.path)
    if _lacks_head(pair, before, after):
        texts = _compare_text(pair, _text(old), _text(new))
        reason = "the front matter cannot be read on both sides, so it was not compared and is taken as breaking"
        return texts._replace(differences=[pair.judged("prompt-head-unread", reason), *texts.differences])
    if before.form != after.form or before.problems or after.problems:
        return _compare_text(pair, _text(old), _text(new))
    if before.form == "front-matter":
        return _compare_front_matter(pair, before, after, _text(old), _text(new))
    if before.form in ("json", "yaml", "toml"):
        from repoint.speccompare import compare_values

        found = compare_values(before.value, after.value)
        return _by_structure(pair, found, "prompt-layout", _text(old), _text(new))
    if before.form == "jsonl":
        return _compare_examples(pair, before, after, _text(old), _text(new))
    return _compare_text(pair, _text(old), _text(new))


def _lacks_head(pair: Pair, before: Parsed, after: Parsed) -> bool:
    """Whether one side of a prompty or dotprompt file has front matter that can be read, and the other has not."""
    read = [each.form == "front-matter" and not each.problems for each in (before, after)]
    return pair.new.path.endswith((".prompty", ".prompt")) and read[0] != read[1]


def _is_prose(entry: FileEntry, content: bytes) -> bool:
    """Whether the file has no structure for certain; saves loading what reads structured files."""
    return entry.path.endswith((".md", ".txt", ".j2")) and b"---" not in content[:8]


def compare_plainly(pair: Pair, files: Files) -> Compared:
    """A file as text alone, whatever its structure says. Raises: Corrupt."""
    return _compare_text(pair, _text(files.read_old(pair.old)), _text(files.read_new(pair.new)))


def compare_spec(pair: Pair, files: Files) -> Compared:
    """A spec whose bytes differ: by structure, or as text where it has none that can be read. Raises: Corrupt."""
    from repoint.speccompare import compare_specs
    from repoint.specread import parse
    from repoint.textnature import harmless_nature

    if not files.small(pair.old, pair.new):
        return _not_looked_into(pair, "spec-opaque", files)
    old, new = files.read_old(pair.old), files.read_new(pair.new)
    before, after = parse(old, pair.old.path), parse(new, pair.new.path)
    if before.value is None or after.value is None:
        problems = (*before.problems, *after.problems)
        why = f"it cannot be read ({problems[0].message})" if problems else "it is no structured document"
        found = _compare_text(pair, _text(old), _text(new))
        nature = harmless_nature(_text(old), _text(new), None) if not problems else None
        words = ("spec-layout", None) if nature else ("spec-opaque", f"{why}, so its contract was not compared")
        return found._replace(differences=[pair.judged(*words)])
    return _by_structure(pair, compare_specs(before.value, after.value), "spec-layout", _text(old), _text(new))


def moved_file(name: str, old: FileEntry, new: FileEntry) -> Compared:
    """A file of the same content that lies elsewhere now."""
    reason = f"the file of {name} was moved, same content"
    found = judged("file", new.path, "file-moved", old.path, new.path, reason=reason, kind="moved", path=new.path)
    return Compared([found], [], [FileCount(new.path, old.path, 0, 0)], [])


def compare_new_text(component: Component, name: str, entry: FileEntry, files: Files, *, added: bool) -> Compared:
    """The text of a file that is new or gone, as lines that are all added or removed. Raises: Corrupt."""
    read = files.read_new if added else files.read_old
    if not files.closely or entry.size > COUNTED or b"\0" in (content := read(entry)):
        return Compared([], [], [FileCount(entry.path, None, None, None)], [])
    from repoint.textdiff import compare_texts

    text = _text(content)
    diff = compare_texts("", text) if added else compare_texts(text, "")
    change = TextChange(component, name, None if added else entry.path, entry.path if added else None, diff)
    return Compared([], [change], [FileCount(entry.path, None, diff.added, diff.removed)], [])


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _not_looked_into(pair: Pair, rule: str, files: Files) -> Compared:
    size = f"larger than {files.largest // 1024:,} KiB, so it was not looked into"
    return Compared([pair.judged(rule, f"changed; {size}")], [], [_count(pair, None)], [f"{pair.new.path}: {size}"])


def _count(pair: Pair, diff: TextDiff | None) -> FileCount:
    former = pair.old.path if pair.old.path != pair.new.path else None
    return FileCount(pair.new.path, former, diff.added if diff else None, diff.removed if diff else None)


def _compare_text(
    pair: Pair, old: str, new: str, *, lines_above: tuple[int, int] = (0, 0), mustache: bool = False
) -> Compared:
    from repoint.textcomments import comment_syntax_of
    from repoint.textnature import harmless_nature

    comments = "mustache" if mustache else comment_syntax_of(pair.new.path)
    if not pair.closely:
        rule, reason = _BY_NATURE[harmless_nature(old, new, comments) or "text"]
        return Compared([pair.judged(rule, reason)], [], [_count(pair, None)], [])
    from repoint.textdiff import compare_texts

    diff = _moved_down(compare_texts(old, new, comments=comments), *lines_above)
    rule, reason = _BY_NATURE[diff.nature]
    if diff.also:
        reason = f"{reason or judged_words(rule)}, and {' and '.join(_ALSO[each] for each in diff.also)}"
    limits = [f"{pair.new.path}: {limit}" for limit in diff.limits]
    return Compared([pair.judged(rule, reason)], [_as_text(pair, diff)], [_count(pair, diff)], limits)


def _moved_down(diff: TextDiff, old: int, new: int) -> TextDiff:
    """The same, with line numbers that count the lines above the text, too."""
    if not (old or new):
        return diff
    hunks = tuple(
        hunk._replace(
            lines=tuple(
                line._replace(
                    old_number=line.old_number and line.old_number + old,
                    new_number=line.new_number and line.new_number + new,
                )
                for line in hunk.lines
            )
        )
        for hunk in diff.hunks
    )
    return msgspec.structs.replace(diff, hunks=hunks)


def _by_structure(pair: Pair, found: SpecComparison, same: str, old: str, new: str) -> Compared:
    lines = None
    if pair.closely and max(pair.old.size, pair.new.size) <= COUNTED:
        from repoint.textdiff import compare_texts

        lines = compare_texts(old, new)
    counts = [_count(pair, lines)]
    limits = [f"{pair.new.path}: {limit}" for limit in found.limits]
    if not found.changes and not found.limits:
        shown = [_as_text(pair, lines)] if lines and same == "prompt-layout" else []
        return Compared([pair.judged(same)], shown, counts, limits)
    return Compared(list(_as_differences(pair, found.changes)), [], counts, limits)


def _as_text(pair: Pair, diff: TextDiff) -> TextChange:
    return TextChange(pair.component, pair.name, pair.old.path, pair.new.path, diff)


def _as_differences(pair: Pair, changes: Iterable[SpecChange]) -> Iterator[Difference]:
    for c in changes:
        yield Difference(
            pair.component, pair.name, c.kind, c.impact, c.old, c.new, c.reason, c.rule, pair.new.path, c.where
        )


def _compare_front_matter(pair: Pair, before: Parsed, after: Parsed, old: str, new: str) -> Compared:
    """Front matter by its structure, the text after it by words; the line counts are those of the whole file."""
    from repoint.jsonviews import equal_values
    from repoint.speccompare import compare_front_matter

    found = compare_front_matter(before.value, after.value, "prompt" if _is_dotprompt(pair) else "prompty")
    whole = _by_structure(pair, found, "prompt-layout", old, new)
    layout = _other_keys(before.value, after.value) if not _is_dotprompt(pair) else None
    if not found.changes and not found.limits and not equal_values(before.value, after.value):
        reason = f"the front matter means the same, {layout or 'in another notation'}"
        whole = whole._replace(differences=[pair.judged("prompt-layout", reason)])
    elif found.changes and layout:
        reason = f"what else differs in the front matter means the same, {layout}"
        whole.differences.append(pair.judged("prompt-layout", reason))
    if before.body == after.body:
        return whole
    above = (before.body_line - 1, after.body_line - 1)
    text = _compare_text(pair, before.body, after.body, lines_above=above, mustache=_uses_mustache(after.value))
    changes = whole.differences if found.changes else []
    return Compared([*changes, *text.differences], text.texts, whole.files, [*whole.limits, *text.limits])


def _other_keys(old: object, new: object) -> str | None:
    from repoint.promptheads import other_keys

    keys = other_keys(old, new)
    return f"by other keys: {', '.join(keys)}" if keys else None


def _uses_mustache(front_matter: object) -> bool:
    """Whether a prompty file names mustache as its template format (Prompty specification, ``template``)."""
    template = front_matter.get("template") if isinstance(front_matter, dict) else None
    return template == "mustache" or (isinstance(template, dict) and "mustache" in template.values())


def _is_dotprompt(pair: Pair) -> bool:
    return pair.new.path.endswith(".prompt")


def _compare_examples(pair: Pair, before: Parsed, after: Parsed, old: str, new: str) -> Compared:
    """Examples, one a line: the same values in the same order are only laid out in another way."""
    from repoint.speccompare import compare_values

    found = _compare_text(pair, old, new)
    compared = compare_values(before.value, after.value)
    same = not compared.limits and all(each.rule == "text-layout-changed" for each in compared.changes)
    rule = "prompt-white-space" if same and compared.changes else "prompt-layout" if same else "prompt-examples"
    reason = None if same else _examples(found.texts[0].diff, before, after) if found.texts else "the examples differ"
    return found._replace(differences=[pair.judged(rule, reason)])


def _examples(diff: TextDiff, before: Parsed, after: Parsed) -> str:
    old, new = (len(each.value) if isinstance(each.value, list) else 0 for each in (before, after))
    if old != new:
        return f"the examples differ: there were {old}, there are {new}"
    return f"{diff.added} of {new} examples {'differs' if diff.added == 1 else 'differ'}"
