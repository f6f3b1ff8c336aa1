"""``repoint diff`` as Markdown that can be pasted into an incident channel, a pull request or a post-mortem.

Nothing from outside can leave its place: values stand in code spans and texts in fences that are longer than any run
of backticks inside (CommonMark 0.31, sections 4.5 and 6.1), so no mention, link or heading comes to life.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from repoint.changes import Difference
from repoint.compare import group_of
from repoint.comparefiles import TextChange
from repoint.diff import Side
from repoint.textdiff import compare_texts
from repoint_cli.difflines import is_prose, marked_spans, reason_text, values_text, what_text
from repoint_cli.diffsides import AgentPair, Comparison
from repoint_cli.output import Console
from repoint_cli.safetext import safe

MOST_LINES = 60
"""Lines of one text that are pasted: a channel is read on a telephone, too."""


def say_markdown(console: Console, compared: Comparison, *, stat: bool) -> None:
    """Say the whole comparison."""
    title = f"{code(compared.old_name)} → {code(compared.new_name)}"
    if not compared.differs:
        console.say(f"**No difference**: {title}")
        return
    if compared.old is None:
        pair = compared.pairs[0]
        console.say(f"**{title}**: a **{pair.found.level}** change", "")
        _say_pair(console, pair, stat=stat)
        return
    console.say(f"**{title}**: {len(compared.pairs)} of {len(compared.pairs) + compared.same} agents differ")
    for pair in compared.pairs:
        old, new = (side.version or "working copy" if side else "not live" for side in (pair.old, pair.new))
        console.say("", f"**{code(pair.agent)} {code(old)} → {code(new)}**: a **{pair.found.level}** change", "")
        _say_pair(console, pair, stat=stat)


def code(text: str) -> str:
    """A code span that holds this text and nothing else."""
    shown = safe(text)
    ticks = "`" * (_longest_run([shown]) + 1)
    blank = " " if len(ticks) > 1 or shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{blank}{shown}{blank}{ticks}" if shown else "` `"


def _longest_run(texts: Iterable[str]) -> int:
    return max((len(run) for text in texts for run in re.findall("`+", text)), default=0)


def _say_pair(console: Console, pair: AgentPair, *, stat: bool) -> None:
    told = [line for side in (pair.old, pair.new) for line in _release(side)]
    console.say(*told, *([""] if told else []))
    texts = {(text.component, text.name): text for text in pair.found.texts}
    for group, differences in groupby(pair.found.differences, key=group_of):
        listed = list(differences)
        console.say(*(_item(group[1], d) for d in listed))
        if not stat:
            for d in listed:
                console.say(*_prose(d))
            if group in texts:
                console.say(*_fenced(texts[group]))
    console.say(*(f"- not looked at more closely: {code(limit)}" for limit in pair.found.limits))


def _release(side: Side | None) -> Iterator[str]:
    if side is not None and side.release is not None:
        r = side.release
        ticket = f" {code(r.ticket)}" if r.ticket else ""
        message = code(r.message.partition("\n")[0])
        yield f"> {code(r.version)} by {code(r.author.name)}, {r.time}: {message}{ticket}  "


def _item(name: str, d: Difference) -> str:
    what = " ".join(part for part in (d.component, name) if part)
    place = what_text(d)
    values = values_text(d)
    parts = [f"- **{d.impact}** {code(what)}", code(place) if place else "", code(values) if values else ""]
    reason = reason_text(d)
    return f"{' '.join(part for part in parts if part)}{f': {code(reason)}' if reason else ''}"


def _prose(d: Difference) -> Iterator[str]:
    if is_prose(d):
        lines = [line for hunk in compare_texts(str(d.old), str(d.new), context=0).hunks for line in hunk.lines]
        yield from _fence([f"{line.mark} {''.join(marked_spans(line))}" for line in lines])


def _fenced(text: TextChange) -> Iterator[str]:
    if text.new_path is None:
        return
    lines: list[str] = []
    for hunk in text.diff.hunks:
        lines.append(f"@@ {safe(hunk.heading)}".rstrip())
        lines.extend(f"{line.mark} {''.join(marked_spans(line))}".rstrip() for line in hunk.lines)
    yield from _fence(lines)


def _fence(lines: list[str]) -> Iterator[str]:
    shown = lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        shown.append(f"@@ {len(lines) - MOST_LINES} more lines")
    fence = "`" * max(3, _longest_run(shown) + 1)
    yield from ("", f"{fence}diff", *shown, fence, "")
