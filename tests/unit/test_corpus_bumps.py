"""Every labelled pair through the whole comparison of two versions, as a spec or a prompt, to the bump it asks for."""

from __future__ import annotations

import hashlib

import pytest

from repoint.compare import compare
from repoint.comparefiles import Files
from repoint_schemas.documents import AgentName, FileEntry, Integration, Model, Snapshot

from tests.corpus.labelled import Case, labelled

CASES = labelled()
PROMPTS = (".md", ".txt", ".j2", ".jinja", ".prompty", ".prompt", ".hbs", ".mustache", ".jsonl")


def snapshot(path: str, content: str) -> Snapshot:
    raw = content.encode()
    entry = FileEntry(path=path, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))
    is_prompt = path.endswith(PROMPTS)
    return Snapshot(
        agent=AgentName("refund"),
        config={},
        integrations={} if is_prompt else {"api": Integration(endpoint=None, kind="http", secrets=[], spec=entry)},
        manifest=FileEntry(path="agent.toml", sha256="0" * 64, size=0),
        model=Model(provider="anthropic", name="claude-sonnet-4-5-20250929"),
        prompts={"system": entry} if is_prompt else {},
        requires={},
    )


def test_the_corpus_covers_every_label_and_both_ways_in() -> None:
    assert len(CASES) >= 60
    assert {case.label for case in CASES} == {"breaking", "compatible", "wording", "white-space", "same"}
    assert {case.path.endswith(PROMPTS) for case in CASES} == {True, False}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_bump_is_the_labelled_one(case: Case) -> None:
    files = Files(lambda _: case.old.encode(), lambda _: case.new.encode())
    found = compare(snapshot(case.path, case.old), snapshot(case.path, case.new), files)
    layout = "patch" if case.old != case.new else None  # equal by meaning, yet other bytes: a version of its own
    assert found.level == (layout if case.level == "none" else case.level), found.differences
