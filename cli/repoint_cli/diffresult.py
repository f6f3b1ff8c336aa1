"""``repoint diff`` for programs: the comparison as the published result."""

from __future__ import annotations

from collections.abc import Iterator

from repoint.bump import infer
from repoint.comparefiles import TextChange
from repoint.diff import SetSide, Side
from repoint.textdiff import Hunk
from repoint_cli.differences import difference_result, reason_line
from repoint_cli.diffsides import AgentPair, Comparison
from repoint_schemas.documents import AgentName
from repoint_schemas.results import (
    AgentDiff,
    BumpResult,
    DiffResult,
    DiffSide,
    FileChange,
    HunkResult,
    LineResult,
    SpanResult,
    TextResult,
)


def diff_result(compared: Comparison, *, texts: bool) -> DiffResult:
    """The whole comparison; without ``texts`` the changed lines are left out (``--stat``)."""
    pairs = compared.pairs
    several = compared.old is not None
    return DiffResult(
        origin=_set_side(compared.old) if compared.old else _agent_side(pairs[0].old),
        target=_set_side(compared.new) if compared.new else _agent_side(pairs[0].new),
        changes=[difference_result(d, pair.agent) for pair in pairs for d in pair.found.differences],
        files=[
            FileChange(f.path, f.added, f.removed, f.old_path, pair.agent) for pair in pairs for f in pair.found.files
        ],
        bump=BumpResult(
            infer(d for pair in pairs for d in pair.found.differences), list(_reasons(pairs, several=several))
        ),
        agents=[_agent_diff(pair) for pair in pairs if pair.found.differences],
        texts=[_text(text, pair.agent) for pair in pairs for text in pair.found.texts] if texts else [],
        limits=[f"{f'{pair.agent}: ' if several else ''}{limit}" for pair in pairs for limit in pair.found.limits],
    )


def _reasons(pairs: list[AgentPair], *, several: bool) -> Iterator[str]:
    for pair in pairs:
        for d in pair.found.differences:
            yield f"{pair.agent}: {reason_line(d)}" if several else reason_line(d)


def _agent_side(side: Side | None) -> DiffSide:
    assert side is not None
    return DiffSide(side.agent, side.version, side.digest)


def _set_side(side: SetSide) -> DiffSide:
    return DiffSide(None, None, None, side.environment, side.generation)


def _agent_diff(pair: AgentPair) -> AgentDiff:
    old, new = (_agent_side(side) if side else None for side in (pair.old, pair.new))
    return AgentDiff(pair.agent, old, new, pair.found.level)


def _text(text: TextChange, agent: AgentName) -> TextResult:
    d = text.diff
    hunks = [_hunk(hunk) for hunk in d.hunks]
    counts = (d.added, d.removed, d.words_added, d.words_removed)
    return TextResult(text.component, text.name, text.new_path, text.old_path, d.nature, *counts, hunks, agent)


def _hunk(hunk: Hunk) -> HunkResult:
    return HunkResult(
        hunk.heading,
        [
            LineResult(line.mark, line.old_number, line.new_number, [SpanResult(*span) for span in line.spans])
            for line in hunk.lines
        ],
    )
