"""Two texts compared: both sides can be read back, the right words are marked, the nature is right, all is bounded."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.textdiff import DiffLine, Nature, TextDiff, compare_texts

PROMPT = """# Refund agent

You decide refund requests for Acme. Be polite and brief. Always check the
order date before you answer, and never promise a refund that the policy does
not allow. If in doubt, ask the customer for the order number.

## Tools
- lookup_order: finds an order by {{order_id}}
- refund: pays back at most 100 EUR
- escalate: hands over to a human

## Style
Answer in the customer's language.
"""


def lines_of(text: str) -> list[str]:
    lines = re.split("\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def text_of(line: DiffLine) -> str:
    return "".join(span.text for span in line.spans)


def marked(diff: TextDiff) -> list[str]:
    """The changed lines, what is marked in them in brackets."""
    return [
        line.mark + "".join(f"[{span.text}]" if span.changed else span.text for span in line.spans)
        for hunk in diff.hunks
        for line in hunk.lines
        if line.mark != " "
    ]


def check_against(diff: TextDiff, old: str, new: str, context: int = 3) -> None:
    """The hunks, and what lies between them, are exactly the two texts; numbers and counts agree."""
    before, after = lines_of(old), lines_of(new)
    at_old = at_new = 0
    removed = added = 0
    for hunk in diff.hunks:
        first = hunk.lines[0]
        skip = first.old_number - 1 - at_old if first.old_number else (first.new_number or 0) - 1 - at_new
        assert skip >= 0
        assert before[at_old : at_old + skip] == after[at_new : at_new + skip]
        at_old, at_new = at_old + skip, at_new + skip
        for line in hunk.lines:
            assert all(span.text for span in line.spans)
            assert all(one.changed != then.changed for one, then in pairwise(line.spans))
            if line.mark in " -":
                assert (line.old_number, text_of(line)) == (at_old + 1, before[at_old])
                at_old += 1
            if line.mark in " +":
                assert (line.new_number, text_of(line)) == (at_new + 1, after[at_new])
                at_new += 1
            assert (line.old_number is None) == (line.mark == "+")
            assert (line.new_number is None) == (line.mark == "-")
            removed, added = removed + (line.mark == "-"), added + (line.mark == "+")
        marks = "".join(line.mark for line in hunk.lines)
        assert marks.strip()
        assert max(len(marks) - len(marks.lstrip()), len(marks) - len(marks.rstrip())) <= context
        assert " " * (2 * context + 1) not in marks.strip()
    assert before[at_old:] == after[at_new:]
    if diff.hunks:
        assert (diff.removed, diff.added) == (removed, added)


texts = st.lists(
    st.sampled_from(
        ["", "a", "b", "  a", "The cat sat.", "The dog sat.", "# H", "a b c", "b c d", "\u2028x", "ü \udcff"]
    ),
    max_size=25,
).flatmap(
    lambda lines: st.builds(
        lambda ends, last: "".join(map(str.__add__, lines, ends)) + last,
        st.lists(st.sampled_from(["\n"] * 6 + ["\r\n", "\r"]), min_size=len(lines), max_size=len(lines)),
        st.sampled_from(["", "", "end", "a"]),
    )
)


@given(texts, texts, st.integers(0, 4))
def test_both_sides_can_be_read_back(old: str, new: str, context: int) -> None:
    diff = compare_texts(old, new, context=context)
    check_against(diff, old, new, context)
    assert diff.added <= len(lines_of(new)) + 1
    assert diff.removed <= len(lines_of(old)) + 1
    assert diff.limits == ()
    assert (diff.added, diff.removed) == (0, 0) or old != new
    assert old == new or (diff.added, diff.removed) != (0, 0)


@given(texts, texts)
def test_comparing_backwards_has_the_same_nature(old: str, new: str) -> None:
    assert compare_texts(old, new).nature == compare_texts(new, old).nature


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_compared(old: str, new: str) -> None:
    check_against(compare_texts(old, new), old, new)


words = st.lists(st.sampled_from(["refund", "order", "the", "a", "never", "{{id}}", ",", "0.5"]), max_size=30)


@given(words, words)
def test_unmarked_words_are_the_same_on_both_sides(old: list[str], new: list[str]) -> None:
    diff = compare_texts(" ".join(old), " ".join(new))
    sides = [
        [
            span.text
            for hunk in diff.hunks
            for line in hunk.lines
            if line.mark == mark
            for span in line.spans
            if not span.changed
        ]
        for mark in "-+"
    ]
    if any(span.changed for hunk in diff.hunks for line in hunk.lines for span in line.spans):
        assert "".join(sides[0]).split() == "".join(sides[1]).split()


# --------------------------------------------------------------------------------------------------------- marks


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("Pay at most 100 EUR.", "Pay at most 250 EUR.", ["-Pay at most [100] EUR.", "+Pay at most [250] EUR."]),
        ("top_p 0.25", "top_p 0.3", ["-top_p [0.25]", "+top_p [0.3]"]),
        ("Use {{order_id}} now", "Use {{ticket_id}} now", ["-Use [{{order_id}}] now", "+Use [{{ticket_id}}] now"]),
        ("It\u2019s “fine” — no", "It\u2019s “good” — no", ["-It\u2019s “[fine]” — no", "+It\u2019s “[good]” — no"]),
        ("Be polite.", "Be very polite.", ["-Be polite.", "+Be [very] polite."]),
        ("You must not refund.", "You must refund.", ["-You must [not] refund.", "+You must refund."]),
        ("One. Two.", "One. One and a half. Two.", ["-One. Two.", "+One. [One and a half.] Two."]),
        ("请礼貌地回答。", "请简短地回答。", ["-请[礼貌]地回答。", "+请[简短]地回答。"]),
        ("Say ok 👍🏽 please", "Say ok 👍🏿 please", ["-Say ok [👍🏽] please", "+Say ok [👍🏿] please"]),
        ("Le cafe\u0301 est bon", "Le cafe\u0302 est bon", ["-Le [cafe\u0301] est bon", "+Le [cafe\u0302] est bon"]),
        ("two  blanks here", "two blanks here", ["-two[  ]blanks here", "+two[ ]blanks here"]),
        ("- a\n    - b", "- a\n  - b", ["-[    ]- b", "+[  ]- b"]),
        ("trailing one  ", "trailing one", ["-trailing one[  ]", "+trailing one"]),
    ],
)  # fmt: skip
def test_the_changed_words_are_marked(old: str, new: str, lines: list[str]) -> None:
    assert marked(compare_texts(old, new)) == lines


def test_a_lonely_common_word_between_changes_is_not_left_standing() -> None:
    diff = compare_texts(
        "Answer politely in English and offer the standard refund procedure to everybody, then close it.",
        "Answer politely in English and explain why the escalation happened last week, then close it.",
    )
    assert marked(diff)[0] == (
        "-Answer politely in English and [offer the standard refund procedure to everybody], then close it."
    )


def test_a_word_between_two_changed_ones_is_swallowed_and_one_at_the_edge_of_a_line_is_not() -> None:
    diff = compare_texts("Please check the basket now, if asked.", "Please close the ticket now, if asked.")
    assert marked(diff)[0] == "-Please [check the basket] now, if asked."
    diff = compare_texts("- pays at most 100 EUR\n- end", "- pays at most 250 EUR\n- tells the customer\n- end")
    assert marked(diff) == ["-- pays at most [100] EUR", "+- pays at most [250] EUR", "+- tells the customer"]


def test_lines_with_little_in_common_have_no_marks() -> None:
    old, new = "The quick brown fox jumps over the lazy dog.", "A slow green turtle crawls under the energetic cat."
    diff = compare_texts(old, new)
    assert marked(diff) == [f"-{old}", f"+{new}"]
    assert (diff.words_removed, diff.words_added) == (9, 9)


def test_a_short_line_that_grew_keeps_its_marks() -> None:
    diff = compare_texts("Be kind.", "Be kind, and if the customer is angry, be kinder still and hand over.")
    assert marked(diff)[1].startswith("+Be kind[, and if")


def test_added_lines_have_no_marks() -> None:
    diff = compare_texts("a\nc\n", "a\nb b\nc\n")
    assert marked(diff) == ["+b b"]
    assert (diff.words_added, diff.words_removed) == (2, 0)


def test_words_are_followed_across_line_ends() -> None:
    new = PROMPT.replace(
        "Be polite and brief. Always check the\norder", "Be very polite and brief. Always\ncheck the order"
    )
    diff = compare_texts(PROMPT, new)
    assert (diff.nature, diff.words_added, diff.words_removed) == ("text", 1, 0)
    assert [line for line in marked(diff) if "[" in line] == [
        "+You decide refund requests for Acme. Be [very] polite and brief. Always"
    ]


def test_every_edit_in_a_long_block_is_marked() -> None:
    chance = random.Random(3)
    vocabulary = [f"word{number}" for number in range(400)]
    paragraphs = [" ".join(chance.choices(vocabulary, k=60)) for _ in range(150)]
    old = "\n".join(paragraphs)
    new = "\n".join(re.sub(r"^((?:\S+ ){30})\S+", r"\1changed", line) for line in paragraphs)
    diff = compare_texts(old, new)
    assert (diff.words_added, diff.words_removed) == (150, 150)
    shown = [line for line in marked(diff) if line.startswith("+")]
    assert shown
    assert all(re.findall(r"\[(.*?)\]", line) == ["changed"] for line in shown)


# --------------------------------------------------------------------------------------------------------- nature


@pytest.mark.parametrize(
    ("old", "new", "nature", "also"),
    [
        ("a\nb\n", "a\nb", "final-newline", ()),
        ("a\nb", "a\nb\r\n", "final-newline", ()),
        ("a\nb\n", "a\r\nb\r\n", "line-endings", ()),
        ("a\nb\n", "a\rb", "line-endings", ("final-newline",)),
        ("a b\n", "a  b\n", "white-space", ()),
        ("a b\n", "a\tb", "white-space", ("final-newline",)),
        ("a\n\nb\n", "a\n\n\nb\n", "white-space", ()),
        ("a b c d\ne\n", "a b\nc d e\n", "white-space", ()),
        ("a b\nc\n", "a  b\r\nc\r\n", "white-space", ("line-endings",)),
        ("你好\n世界", "你好世界", "white-space", ()),
        ("a b", "ab", "text", ()),
        ("a\u2028b", "a b", "white-space", ()),
        ("a\u2028b", "a\u2028c", "text", ()),
        ("a\nb\nc\n", "c\na\nb\n", "moved", ()),
        ("a\nb\nb\n", "b\na\na\n", "text", ()),
        ("", "a\n", "text", ()),
        ("", "\n", "white-space", ()),
        ("a\r\nb\r\n", "a\nc\n", "text", ("line-endings",)),
        ("x \udcff", "x \udcfe", "text", ()),
    ],
)
def test_nature(old: str, new: str, nature: Nature, also: tuple[Nature, ...]) -> None:
    diff = compare_texts(old, new)
    assert (diff.nature, diff.also) == (nature, also)
    check_against(diff, old, new)


@pytest.mark.parametrize(
    ("old", "new", "nature"),
    [
        ("a {# x #} b", "a b", "comments"),
        ("a\n{# x #}\nb", "a\nb", "comments"),
        ("a {# x #} b", "a {# y #} c", "text"),
        ("a{# x #}b", "a b", "text"),
        ("a{# x #}b", "ab", "comments"),
        ("a {# x #} b", "a {#  x #} b", "white-space"),
        ("a\n{# x #}\nb\n", "b\na\n", "moved"),
        ("{{ '{# x #}' }}", "{{ '' }}", "text"),
    ],
)
def test_comments_are_told_apart(old: str, new: str, nature: Nature) -> None:
    assert compare_texts(old, new, comments="jinja").nature == nature


def test_comments_are_text_where_a_model_reads_them() -> None:
    assert compare_texts("a {# x #} b", "a b").nature == "text"
    assert compare_texts("a <!-- x --> b", "a b", comments="jinja").nature == "text"


def test_line_endings_are_counted_and_not_shown() -> None:
    diff = compare_texts(PROMPT, PROMPT.replace("\n", "\r\n"))
    assert diff == TextDiff(13, 13, 0, 0, "line-endings", (), ())
    assert compare_texts(PROMPT, PROMPT) == TextDiff(0, 0, 0, 0, "final-newline", (), ())


# ----------------------------------------------------------------------------------------------- hunks and headings


@pytest.mark.parametrize(
    ("edit", "heading"),
    [
        (("Acme", "Acme Ltd"), "# Refund agent"),
        (("100 EUR", "200 EUR"), "## Tools"),
        (("- escalate: hands over to a human\n", ""), "## Tools"),
        (("language", "tongue"), "## Style"),
        (("# Refund agent", "# Refunds"), ""),
    ],
)
def test_the_heading_is_the_section_that_changed(edit: tuple[str, str], heading: str) -> None:
    (hunk,) = compare_texts(PROMPT, PROMPT.replace(*edit)).hunks
    assert hunk.heading == heading


@pytest.mark.parametrize(
    ("above", "heading"),
    [
        ("system:\nYou are", "system:"),
        ("user[name]:\nHi", "user[name]:"),
        ('{{role "user"}}', '{{role "user"}}'),
        ("<rules>\nBe kind", "<rules>"),
        ("---\nname: x\nmodel: y", "model: y"),
        ("---\nname: x\n---\ntext", ""),
        ("# A\n```\n# no heading\n```", "# A"),
        ("#hashtag\nNote: this is a sentence.", ""),
        ("# " + "long " * 40, ("# " + "long " * 40)[:79] + "\u2026"),
    ],
)
def test_what_is_a_heading(above: str, heading: str) -> None:
    (hunk,) = compare_texts(f"{above}\nold", f"{above}\nnew").hunks
    assert hunk.heading == heading


def test_hunks_join_where_their_context_meets() -> None:
    old = [str(number) for number in range(40)]
    for distance, count in ((7, 1), (8, 2)):
        new = list(old)
        new[10] = new[10 + distance] = "x"
        diff = compare_texts("\n".join(old), "\n".join(new))
        assert len(diff.hunks) == count


def test_an_added_section_is_shown_as_one() -> None:
    new = PROMPT.replace("## Style\n", "## Limits\nNever pay back more than once.\n\n## Style\n")
    assert marked(compare_texts(PROMPT, new)) == ["+## Limits", "+Never pay back more than once.", "+"]


def edited(chance: random.Random, lines: list[str]) -> list[str]:
    lines = list(lines)
    for _ in range(chance.randrange(1, 9)):
        at = chance.randrange(len(lines) + 1)
        action = chance.randrange(4)
        if action == 0:
            lines.insert(at, chance.choice(["}", "", f"new {chance.randrange(99)}"]))
        elif action == 1:
            del lines[at : at + chance.randrange(1, 4)]
        elif action == 2:
            lines[at:at] = lines[at // 2 : at // 2 + 3]
        else:
            lines[at : at + 1] = [f"changed {chance.randrange(99)}"]
    return lines


def git_size(folder: Path, *options: str) -> int:
    command = ["git", "diff", "--no-index", "--numstat", *options, "old", "new"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    added, removed, _ = done.stdout.split("\t")
    return int(added) + int(removed)


def test_as_small_as_gits(tmp_path: Path) -> None:
    chance = random.Random(11)
    ours = patience = minimal = 0
    for _ in range(25):
        old = [chance.choice(["}", "", "{", f"line {chance.randrange(60)}"]) for _ in range(60)]
        new = edited(chance, old)
        (tmp_path / "old").write_text("\n".join(old) + "\n")
        (tmp_path / "new").write_text("\n".join([*new, "last"]) + "\n")
        diff = compare_texts("\n".join(old), "\n".join([*new, "last"]))
        ours += diff.added + diff.removed
        patience += git_size(tmp_path, "--patience")
        minimal += git_size(tmp_path, "--minimal")
    assert ours <= patience * 1.05
    assert ours <= minimal * 1.1


def test_a_unique_line_that_moved_does_not_cost_all_repeated_ones() -> None:
    repeated = ["- yes", "- no"] * 6
    diff = compare_texts("\n".join(["only", *repeated]), "\n".join([*repeated, "only"]))
    assert (diff.added, diff.removed, diff.nature) == (1, 1, "moved")


# --------------------------------------------------------------------------------------------------------- bounds


def test_a_long_line_is_cut_to_what_changed() -> None:
    old = "word " * 100_000
    new = old[:250_000] + "other " + old[250_000:]
    diff = compare_texts(old, new)
    (hunk,) = diff.hunks
    spans = hunk.lines[1].spans
    assert sum(len(span.text) for span in spans) < 4_000
    assert "other" in [span.text.strip() for span in spans if span.changed]
    assert any(re.fullmatch("\u2026 [0-9,]+ characters \u2026", span.text) for span in spans)
    hidden = sum(
        int(found.replace(",", ""))
        for found in re.findall("\u2026 ([0-9,]+) characters \u2026", text_of(hunk.lines[1]))
    )
    shown = sum(len(span.text) for span in spans if not span.text.startswith("\u2026"))
    assert hidden + shown == len(new)


def test_a_cut_leaves_joined_characters_whole() -> None:
    family = "👨\u200d👩\u200d👧"
    diff = compare_texts(family * 3_000 + " a " + family * 3_000, family * 3_000 + " b " + family * 3_000)
    for line in diff.hunks[0].lines:
        for span in line.spans:
            if not span.text.startswith("\u2026"):
                assert span.text.replace(family, "").strip() in ("", "a", "b")


def test_many_changes_in_one_line_are_cut_and_counted() -> None:
    words = [f"w{number % 977}" for number in range(60_000)]
    new = [f"x{number}" if number % 50 == 0 else word for number, word in enumerate(words)]
    diff = compare_texts(" ".join(words), " ".join(new))
    assert (diff.words_added, diff.words_removed) == (1_200, 1_200)
    assert [limit.partition(":")[0] for limit in diff.limits] == ["removed line 1", "added line 1"]
    assert all(re.search(r"[0-9,]+ more changes not shown$", limit) for limit in diff.limits)
    assert all(len(text_of(line)) < 25_000 for line in diff.hunks[0].lines)


def test_very_many_lines_are_counted_and_not_all_shown() -> None:
    old = "\n".join(f"line {number} of the old text, which is long" for number in range(9_000))
    new = old.replace("old", "new")
    diff = compare_texts(old, new)
    assert (diff.added, diff.removed, diff.words_added) == (9_000, 9_000, 9_000)
    shown = sum(line.mark != " " for hunk in diff.hunks for line in hunk.lines)
    assert {line.mark for hunk in diff.hunks for line in hunk.lines} == {"-", "+"}
    assert diff.limits == (f"{18_000 - shown:,} more changed lines not shown",)
    assert sum(len(text_of(line)) for hunk in diff.hunks for line in hunk.lines) <= 200_000
    assert "+line 0 of the [new] text, which is long" in marked(diff)


def test_what_is_too_different_is_said() -> None:
    chance = random.Random(5)
    old, new = (" ".join(f"{chance.randrange(10**9):x}" for _ in range(150_000)) for _ in range(2))
    diff = compare_texts(f"same\n{old}\n", f"same\n{new}\n")
    assert "line 2: too different to mark words" in diff.limits
    assert (diff.added, diff.removed, diff.words_added) == (1, 1, 150_000)


def test_lines_that_were_not_looked_at_have_no_marks() -> None:
    chance = random.Random(6)
    old, new = (
        ["".join(f"{chance.randrange(10**9):x} " for _ in range(900)) for _ in range(rows)] for rows in (70, 71)
    )
    diff = compare_texts("\n".join(old), "\n".join(new))
    assert diff.limits[0] == "lines 1-71: too different to mark words"
    assert not any(span.changed for hunk in diff.hunks for line in hunk.lines for span in line.spans)


HOSTILE: dict[str, Callable[[int], tuple[str, str]]] = {
    "one word": lambda n: ("a " * 5 * n, "a " * 4 * n),
    "empty lines": lambda n: ("\n" * 4 * n, "\n" * 3 * n),
    "two lines": lambda n: ("a\nb\n" * n, "b\na\na\n" * (7 * n // 10)),
    "punctuation": lambda n: (".-" * 3 * n, ".-" * 2 * n + "!" + ".-" * (7 * n // 10)),
    "openings": lambda n: ("{{a " * (3 * n // 2), "{{b " * (3 * n // 2)),
    "no blanks": lambda n: ("你好" * 2 * n, "好你" * (3 * n // 2)),
    "one letter": lambda n: ("x" * 20 * n, "x" * 10 * n + "y" + "x" * 10 * n),
    "quotes": lambda n: ("'" * 5 * n, '"' * 5 * n),
    "joiners": lambda n: ("\u200d" * 3 * n, "\u200d" * 2 * n + "a"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_are_compared(kind: str, long_run: bool) -> None:
    old, new = HOSTILE[kind](100_000 if long_run else 30_000)
    diff = compare_texts(old, new)
    assert diff.added or diff.removed
    assert sum(len(text_of(line)) for hunk in diff.hunks for line in hunk.lines) <= 210_000


def test_the_result_does_not_depend_on_the_run(tmp_path: Path) -> None:
    code = (
        "import random; from repoint.textdiff import compare_texts; r = random.Random(2);"
        "a, b = (' '.join(r.choice('abcdefgh') * r.randrange(1, 4) for _ in range(30000)) for _ in range(2));"
        "import hashlib; print(hashlib.sha256(repr(compare_texts(a, b)).encode()).hexdigest())"
    )
    runs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        runs.add(run.stdout)
    assert len(runs) == 1
    assert len(runs.pop()) == 65
