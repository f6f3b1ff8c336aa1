"""``repoint diff`` as text: grouped by component, what matters most to behaviour first, changed words marked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from repoint.changes import Difference
from repoint.compare import group_of
from repoint.comparefiles import FileCount, TextChange
from repoint.diff import Side
from repoint.textdiff import Hunk, compare_texts
from repoint_cli.difflines import COLOURS, SIGNS, counts_text, is_prose, line_text, reason_text, values_text, what_text
from repoint_cli.diffsides import AgentPair, Comparison
from repoint_cli.output import Console
from repoint_cli.safetext import safe
from repoint_cli.tables import display_width
from repoint_cli.terminal import terminal_width

NEW_LINES = 40
"""Lines of a new file that are shown."""


def say_text(console: Console, compared: Comparison, *, stat: bool) -> None:
    """Say the whole comparison."""
    if compared.old is None:
        _say_agent(console, compared.pairs[0], f"{compared.old_name} -> {compared.new_name}", stat=stat)
        return
    title = f"{compared.old_name} -> {compared.new_name}"
    if not compared.pairs:
        console.say(f"no difference: {title}, {_agents(compared.same)}")
        return
    differ = f"{_agents(len(compared.pairs))} of {len(compared.pairs) + compared.same}"
    console.say(f"{console.strong(title)}: {differ} differ{'s' if len(compared.pairs) == 1 else ''}")
    for pair in compared.pairs:
        console.say("")
        old, new = (side.version or "working copy" if side else "not live" for side in (pair.old, pair.new))
        _say_agent(console, pair, f"{pair.agent} {old} -> {new}", stat=stat)


def _agents(count: int) -> str:
    return f"{count} agent{'' if count == 1 else 's'}"


def _say_agent(console: Console, pair: AgentPair, title: str, *, stat: bool) -> None:
    level = pair.found.level
    if level is None:
        console.say(f"no difference: {title} (the same content)")
        return
    console.say(f"{console.strong(title)}: a {console.paint(level, COLOURS[level], bold=True)} change")
    for side in (pair.old, pair.new):
        console.say(*(f"  {line}" for line in release_lines(side)))
    texts = {(text.component, text.name): text for text in pair.found.texts}
    counts = {file.path: file for file in pair.found.files}
    for group, differences in groupby(pair.found.differences, key=group_of):
        _say_group(console, group, list(differences), texts.get(group), counts, stat=stat)
    if stat:
        _say_files(console, pair.found.files)
    console.say(*(f"not looked at more closely: {safe(limit)}" for limit in pair.found.limits))


def release_lines(side: Side | None) -> Iterator[str]:
    """Who published this side, when, why, and for which ticket."""
    if side is None or side.release is None:
        return
    release = side.release
    ticket = f" ({safe(release.ticket)})" if release.ticket else ""
    first = safe(release.message.partition("\n")[0])
    yield f"{release.version}  {release.time}  {safe(release.author.name)}: {first}{ticket}"


def _say_group(
    console: Console,
    group: tuple[str, str],
    differences: list[Difference],
    text: TextChange | None,
    counts: dict[str, FileCount],
    *,
    stat: bool,
) -> None:
    paths = sorted({d.path for d in differences if d.path and d.component != "file"})
    shown = [f"{safe(path)} {counts_text(counts[path]) if path in counts else ''}".strip() for path in paths]
    former = (
        f"  (was {safe(text.old_path)})"
        if text and text.old_path and text.new_path not in (text.old_path, None)
        else ""
    )
    component, name = group
    heading = " ".join(part for part in (component, safe(name)) if part)
    console.say("", f"{console.strong(heading)}{'  ' if shown else ''}{', '.join(shown)}{former}")
    for d in differences:
        console.say(*_difference_lines(console, d, stat=stat))
    if text is not None and not stat:
        _say_text(console, text)


def _difference_lines(console: Console, d: Difference, *, stat: bool) -> Iterator[str]:
    impact = console.paint(f"{d.impact:<5}", COLOURS[d.impact])
    parts = [what_text(d), values_text(d)]
    said = "  ".join(part for part in parts if part)
    reason = reason_text(d)
    line = f"  {impact} {SIGNS[d.kind]} {said}"
    width = terminal_width()
    if not said:
        yield f"{line}{reason}"
    elif not reason:
        yield line
    elif width is None or display_width(line) + len(reason) + 4 <= width:
        yield f"{line}  ({reason})"
    else:
        yield from (line, f"          {reason}")
    if is_prose(d) and not stat:
        diff = compare_texts(str(d.old), str(d.new), context=0)
        for hunk in diff.hunks:
            yield from (f"          {each.mark} {line_text(console, each)}" for each in hunk.lines)


def _say_text(console: Console, text: TextChange) -> None:
    if text.new_path is None:
        return  # the whole text of what is gone is in the older version: repoint export
    whole = text.old_path is None
    left = NEW_LINES if whole else None
    for hunk in text.diff.hunks:
        lines = hunk.lines if left is None else hunk.lines[:left]
        _say_hunk(console, Hunk(hunk.heading, lines), heading=not whole)
        if len(lines) < len(hunk.lines):
            console.say(f"    … {len(hunk.lines) - len(lines)} more lines")
            return


def _say_hunk(console: Console, hunk: Hunk, *, heading: bool) -> None:
    if heading:
        console.say(console.paint(f"    @@ {safe(hunk.heading)}".rstrip(), "cyan"))
    for line in hunk.lines:
        number = line.new_number if line.mark != "-" else line.old_number
        mark = console.paint(line.mark, "red" if line.mark == "-" else "green") if line.mark != " " else " "
        console.say(f"  {number or '':>5} {mark} {line_text(console, line)}".rstrip())


def _say_files(console: Console, files: list[FileCount]) -> None:
    if not files:
        return
    console.say("", console.strong("files"))
    for file in files:
        former = f"{safe(file.old_path)} -> " if file.old_path else ""
        console.say(f"  {counts_text(file) or 'changed':>12}  {former}{safe(file.path)}")
