"""Values, lines and words of a comparison, as people read them on a terminal, in a pipe, or pasted."""

from __future__ import annotations

from collections.abc import Iterator

from repoint.changes import Difference
from repoint.comparefiles import FileCount
from repoint.textdiff import DiffLine, Span
from repoint_cli.output import Console, json_text
from repoint_cli.safetext import safe

COLOURS = {"major": "red", "minor": "yellow", "patch": "green"}
SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": ">", "moved": ">"}
LONG = 60
"""Characters of a value beyond which it is cut, or shown by its words."""

LONG_STRETCH = 240
NEAR = 100
"""An unchanged stretch of more than ``LONG_STRETCH`` characters is cut to ``NEAR`` of them next to a change."""


def value_text(value: object) -> str:
    """A value in at most ``LONG`` characters."""
    text = "none" if value is None else safe(json_text(value))
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def is_prose(d: Difference) -> bool:
    """Whether both values are texts that are better compared by words than shown side by side."""
    if not (isinstance(d.old, str) and isinstance(d.new, str)) or d.old.startswith("sha256:"):
        return False
    return max(len(d.old), len(d.new)) > LONG


def reason_text(d: Difference) -> str:
    """Why the impact is what it is; nothing where that only repeats the sign."""
    return "" if d.reason in SIGNS or d.reason == "differs" else safe(d.reason)


def values_text(d: Difference) -> str:
    """``0.2 -> 0.7``; nothing for files, whose digests say nothing to people."""
    if is_prose(d) or any(isinstance(value, str) and value.startswith("sha256:") for value in (d.old, d.new)):
        return ""
    if d.old is None:
        return "" if d.new is None else value_text(d.new)
    return value_text(d.old) if d.new is None else f"{value_text(d.old)} -> {value_text(d.new)}"


def what_text(d: Difference) -> str:
    """Where it lies: the place inside the file, or the name within the component."""
    if d.where:
        return safe(d.where)
    if d.component == "integration" and "." in d.name:
        return safe(d.name.partition(".")[2])
    if d.component in ("prompt", "integration", "file"):
        return {"changed": "", "added": "new", "removed": "gone"}.get(d.kind, d.kind)
    return safe(d.name)


def counts_text(file: FileCount) -> str:
    """``+3 -1``, as Git counts lines."""
    return "" if file.added is None else f"+{file.added} -{file.removed}"


def line_text(console: Console, line: DiffLine) -> str:
    """One line with its changed words marked: by colour on a terminal, by ``[-...-]`` and ``{+...+}`` elsewhere."""
    if line.mark == " " or not console.colour:
        return "".join(marked_spans(line))
    colour = "red" if line.mark == "-" else "green"
    if all(span.changed for span in line.spans):
        return console.paint("".join(marked_spans(line)), colour)
    return "".join(_painted(console, span, colour) for span in _shortened(line))


def marked_spans(line: DiffLine) -> Iterator[str]:
    """The line's spans with the changed ones between marks, as ``git diff --word-diff`` writes them."""
    start, end = ("[-", "-]") if line.mark == "-" else ("{+", "+}")
    whole = line.mark == " " or all(span.changed for span in line.spans)
    for span in _shortened(line):
        text = safe(span.text)
        yield f"{start}{text}{end}" if span.changed and not whole else text


def _shortened(line: DiffLine) -> Iterator[Span]:
    """The spans, unchanged stretches cut to what is next to a change (a JSON line may have thousands of characters)."""
    last = len(line.spans) - 1
    for i, span in enumerate(line.spans):
        if span.changed or len(span.text) <= LONG_STRETCH:
            yield span
            continue
        before = span.text[: NEAR if i else NEAR // 2]
        yield Span(f"{before} … {span.text[-NEAR:]}" if i < last else f"{before} …", False)


def _painted(console: Console, span: Span, colour: str) -> str:
    text = safe(span.text)
    return console.reverse(text, colour) if span.changed else console.paint(text, colour)
