"""Which files of two versions are one file under two names."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from repoint.filepairs import FileFacts, Rename, pair_renames, similarity

POLICY = """# Refunds
Refund what the customer asks for if the order is younger than 30 days.
Never promise a refund before the order was looked up.
Ask for the order number if you do not have it.
Hand over to a human when the customer asks for one.
"""
REVIEW = """# Review
Read the change from top to bottom and list the problems in order of severity.
Do not praise. Say nothing about style that a formatter would correct.
"""


def facts(content: str | bytes) -> FileFacts:
    data = content.encode() if isinstance(content, str) else content
    return FileFacts(sha256(data).hexdigest(), len(data), lambda: data)


def unread(content: str) -> FileFacts:
    def read() -> bytes:
        raise AssertionError("read for nothing")

    return facts(content)._replace(read=read)


def test_similarity_of_equal_edited_and_unrelated_texts() -> None:
    edited = POLICY.replace("30 days", "14 days")
    assert similarity(POLICY, POLICY) == 1.0
    assert 0.85 < similarity(POLICY, edited) < 1.0
    assert similarity(POLICY, REVIEW) < 0.3
    assert similarity(POLICY, edited) == similarity(edited, POLICY)
    assert similarity(POLICY.encode(), edited.encode()) == similarity(POLICY, edited)


def test_similarity_counts_what_was_added() -> None:
    assert similarity(POLICY, POLICY + REVIEW) == pytest.approx(len(POLICY) / len(POLICY + REVIEW), abs=0.1)
    assert similarity(POLICY, POLICY * 4) <= 0.25


def test_similarity_of_empty_and_binary_contents() -> None:
    assert similarity("", "") == 1.0
    assert similarity("", "a") == 0.0
    noise = random.Random(1).randbytes(5_000)
    assert similarity(noise, noise[:2_500] + b"x" + noise[2_500:]) > 0.9
    assert similarity(noise, random.Random(2).randbytes(5_000)) < 0.2
    assert similarity("caf\udce9 noir", "caf\udce9 noir et lait") > 0.4


def test_similarity_of_long_contents_is_judged_at_both_ends() -> None:
    lines = [
        f"case {number}: answer {number * 7919 % 1000} to question {number * 104729 % 997}" for number in range(9_999)
    ]
    old, new = "\n".join(lines), "\n".join(lines[:100] + lines[101:])
    assert similarity(old, new) > 0.9
    assert similarity(old, old.replace("answer", "reply").replace("question", "request")) < 0.5
    assert similarity(".-" * 200_000, ".-" * 190_000) > 0.9


def test_same_content_is_paired_without_reading_it() -> None:
    found = pair_renames({"a.md": unread(POLICY)}, {"prompts/b.md": unread(POLICY), "huge.md": unread(POLICY * 9)})
    assert found.pairs == (Rename("a.md", "prompts/b.md", 1.0),)
    assert found.limits == ()


def test_among_equal_contents_the_name_decides_then_the_path() -> None:
    removed = {path: facts("{}") for path in ("x/tool.json", "x/a.json", "x/b.json")}
    added = {path: facts("{}") for path in ("y/c.json", "y/tool.json")}
    pairs = pair_renames(removed, added).pairs
    assert [(pair.old, pair.new) for pair in pairs] == [("x/a.json", "y/c.json"), ("x/tool.json", "y/tool.json")]
    backwards = pair_renames(dict(reversed(removed.items())), dict(reversed(added.items()))).pairs
    assert backwards == pairs


def test_the_most_similar_files_are_paired() -> None:
    removed = {"policy.md": facts(POLICY), "review.md": facts(REVIEW)}
    added = {
        "prompts/one.md": facts(REVIEW.replace("praise", "compliment")),
        "prompts/two.md": facts(POLICY.replace("30 days", "14 days")),
        "prompts/three.md": facts(POLICY.replace("30 days", "14 days").replace("Ask", "Always ask")),
    }
    pairs = {pair.old: pair.new for pair in pair_renames(removed, added).pairs}
    assert pairs == {"policy.md": "prompts/two.md", "review.md": "prompts/one.md"}


def test_among_equally_similar_files_the_name_decides() -> None:
    edited = POLICY.replace("30 days", "14 days")
    found = pair_renames({"a/x.md": facts(POLICY), "b/y.md": facts(POLICY)}, {"c/y.md": facts(edited)})
    assert [(pair.old, pair.new) for pair in found.pairs] == [("b/y.md", "c/y.md")]


def test_unlike_files_and_empty_ones_against_others_are_not_paired() -> None:
    assert pair_renames({"a.md": facts(POLICY)}, {"b.md": facts(REVIEW)}).pairs == ()
    assert pair_renames({"a.md": facts("")}, {"b.md": facts("x")}).pairs == ()


def test_too_many_files_are_compared_by_name_only_and_that_is_said() -> None:
    removed = {f"old/{number}.md": facts(f"{POLICY}\ncase {number}") for number in range(120)}
    added = {f"new/{number}.md": facts(f"{POLICY}\nnew case {number}") for number in range(120)}
    added["new/other.md"] = facts(POLICY)
    found = pair_renames(removed, added)
    assert {(pair.old, pair.new) for pair in found.pairs} == {(f"old/{n}.md", f"new/{n}.md") for n in range(120)}
    assert found.limits == ("120 removed and 121 added files: only those of the same name were compared for renames",)
