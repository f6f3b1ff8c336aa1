"""Every labelled pair of structured documents gets the level that an engineer gave it, by the rules that say why."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from repoint.changes import RANK, SpecComparison, highest
from repoint.speccompare import compare_front_matter, compare_specs

from tests.corpus.labelled import Case, labelled

CASES = [case for case in labelled() if case.rules is not None]


def compared(path: str, old: str, new: str) -> SpecComparison:
    suffix = Path(path).suffix
    if suffix in (".prompty", ".prompt"):
        heads = [yaml.safe_load(text.lstrip().split("---\n")[1]) for text in (old, new)]
        return compare_front_matter(heads[0], heads[1], suffix[1:])
    load = {".json": json.loads, ".toml": tomllib.loads}.get(suffix, yaml.safe_load)
    return compare_specs(load(old), load(new))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_labelled_pair(case: Case) -> None:
    found = compared(case.path, case.old, case.new)
    level = highest([each.impact for each in found.changes]) or "none"
    rules = {each.rule for each in found.changes}
    told = [f"{each.impact} {each.rule} {each.where}: {each.reason}" for each in found.changes]
    assert case.rules is not None
    assert (level, sorted(rules)) == (case.level, sorted(case.rules)), told
    assert found.limits == ()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_pair_the_other_way_round_names_the_same_places(case: Case) -> None:
    """What is added one way is removed the other way, and what is the same is the same both ways."""
    there, back = compared(case.path, case.old, case.new), compared(case.path, case.new, case.old)
    assert bool(there.changes) == bool(back.changes)
    added = [each for each in there.changes if each.kind == "added" and each.where != "$schema"]
    assert len(added) <= sum(each.kind in ("removed", "changed") for each in back.changes)


def test_the_breaking_changes_come_first() -> None:
    for case in CASES:
        ranks = [RANK[each.impact] for each in compared(case.path, case.old, case.new).changes]
        assert ranks == sorted(ranks, reverse=True), case.name


def test_the_corpus_is_large_enough_and_has_every_label() -> None:
    cases = labelled()
    assert len(cases) >= 80
    assert {case.label for case in cases} == {"breaking", "compatible", "wording", "white-space", "same"}
    assert len({case.name for case in cases}) == len(cases)
