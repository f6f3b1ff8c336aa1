"""Version ranges: read, satisfied, and compared exactly."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repoint.errors import InvalidInput
from repoint.requires import Range, narrows, parse_range, satisfies


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        (">=2.0.0,<3.0.0", "2.0.0 2.9.9 2.0.1", "1.9.9 3.0.0 2.5.0-rc.1 3.0.0-rc.1 2.0.0-rc.1"),
        (" >= 2.0.0 ,\t<3.0.0 ", "2.0.0 2.9.9", "3.0.0"),
        ("1.2.3", "1.2.3", "1.2.4 1.2.3-rc.1"),
        ("=1.2.3", "1.2.3", "1.2.2"),
        ("==1.2.3", "1.2.3", "1.2.2"),
        (">1.2.3,<=1.3.0", "1.2.4 1.3.0", "1.2.3 1.3.1 1.3.0-rc.1"),
        ("*", "0.0.0 99.0.0", "1.0.0-rc.1"),
        (" * ", "0.0.0", "1.0.0-rc.1"),
        # A pre-release only where the range names one of the same triple.
        (">=2.0.0-rc.1,<3.0.0", "2.0.0-rc.1 2.0.0-rc.2 2.0.0 2.1.0", "2.0.0-beta 2.1.0-rc.1 3.0.0-rc.1"),
        (">1.0.0,<2.0.0-rc.2", "1.5.0 2.0.0-rc.1 2.0.0-alpha", "2.0.0 2.0.0-rc.2 1.5.0-rc.1"),
        ("1.0.0-rc.1", "1.0.0-rc.1", "1.0.0 1.0.0-rc.2"),
        (">=1.0.0-rc.9", "1.0.0-rc.10 1.0.0-rc.9.1", "1.0.0-rc.8 1.0.0-rc"),
    ],
)
def test_satisfies(text: str, allowed: str, refused: str) -> None:
    wanted = parse_range(text)
    assert [each for each in allowed.split() if not satisfies(each, wanted)] == []
    assert [each for each in refused.split() if satisfies(each, wanted)] == []


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("", "is empty", "write *"),
        ("  ", "is empty", "write *"),
        (">=1.0.0,", "has an empty part", "write *"),
        (",", "has an empty part", "write *"),
        ("^1.2.0", "'^1.2.0'", ">=1.2.0,<2.0.0"),
        ("~1.2.0", "'~1.2.0'", "only >= > <= < and ="),
        ("!=1.2.0", "'!=1.2.0'", "only >= > <= < and ="),
        ("1.*", "'1.*'", "only >= > <= < and ="),
        (">=1.0.0 || 2.0.0", "'>=1.0.0 || 2.0.0'", "only >= > <= < and ="),
        (">=1", "'>=1'", "write all three numbers: >=1.0.0"),
        (">= 1.2", "'>= 1.2'", "write all three numbers: >=1.2.0"),
        (">=v1.2.0", "'>=v1.2.0'", "without the v: >=1.2.0"),
        (">=1.0.0 <2.0.0", "'>=1.0.0 <2.0.0'", "join comparators with commas"),
        (">=1.0.0\n", "'>=1.0.0\\n'", "join comparators"),
        ("=>1.0.0", "'=>1.0.0'", "write comparators"),
        (">=01.0.0", "'>=01.0.0'", "write comparators"),
        (">=1.0.0+build", "'>=1.0.0+build'", "write comparators"),
        (">=1.0.\uff10", "\\uff10", "write comparators"),
        (">", "'>'", "write comparators"),
        (">=1.0.0," * 200, "longer than 1024", None),
        (">=2.0.0,<1.0.0", "satisfied by no version", "order of its bounds"),
        (">1.0.0,<1.0.1", "satisfied by no version", "order of its bounds"),
        ("1.0.0,1.0.1", "satisfied by no version", "order of its bounds"),
        ("<0.0.0", "satisfied by no version", "order of its bounds"),
        (">1.0.0-rc.1,<1.0.0-rc.1.0", "satisfied by no version", "order of its bounds"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str, hint: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_range(text)
    assert words in caught.value.message
    assert caught.value.kind == "invalid-range"
    assert caught.value.hint is None if hint is None else hint in str(caught.value.hint)


@pytest.mark.parametrize("text", ["<0.0.1", "<0.0.0-1", ">1.0.0,<1.0.1-1", ">1.0.0-rc.1,<1.0.0-rc.1.1"])
def test_ranges_of_few_versions_are_accepted(text: str) -> None:
    assert str(parse_range(text)) == text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (">=1.0.0", ">=1.0.0,<2.0.0", True),
        (">=1.0.0,<2.0.0", ">=1.0.0", False),
        (">=1.0.0,<2.0.0", "*", False),
        ("*", ">=0.0.0", False),
        ("*", ">=0.0.1", True),
        (">1.0.0,<=1.0.1", "1.0.1", False),
        (">=1.0.0,<1.0.1", "==1.0.0", False),
        (">=1.0.0,<1.0.2", "==1.0.0", True),
        (">=1.0.0-rc.1", ">=1.0.0", True),
        (">=1.0.0", ">=1.0.0-rc.1", False),
        (">=1.0.0-rc.1", ">1.0.0-rc.1", True),
        (">=1.0.0-rc.1,<2.0.0", ">=1.0.0-rc.0,<2.0.0-rc.1", False),
        (">1.0.0,<2.0.0-rc.5", ">1.0.0,<2.0.0", True),
        (">=3.0.0", "<3.0.0", True),
        ("*", "<1.0.0-rc.1", True),
        ("*", ">=0.0.0-rc.1", False),
        (">=1.0.0", ">=1.0.0-rc.1,<=1.0.0", True),
    ],
)
def test_narrows(old: str, new: str, expected: bool) -> None:
    assert narrows(parse_range(old), parse_range(new)) is expected


TRIPLES = [f"{a}.{b}.{c}" for a, b, c in itertools.product((0, 1), (0, 1), (0, 1, 2))]
PRE_RELEASES = ["", "-0", "-0.0", "-1", "-a", "-a.0", "-a.0.0", "-b", "-b.0"]
EVERY_VERSION = [triple + pre for triple in TRIPLES for pre in PRE_RELEASES]
"""Closed under "the next version above" for all bounds below, so that sampling these is no sampling at all."""

bounds = st.builds(
    "{}{}{}".format,
    st.sampled_from([">=", ">", "<", "<=", "=", ""]),
    st.sampled_from([f"{a}.{b}.{c}" for a, b, c in itertools.product((0, 1), (0, 1), (0, 1))]),
    st.sampled_from(["", "", "-0", "-a", "-a.0", "-b"]),
)
texts = st.lists(bounds, min_size=1, max_size=3).map(",".join) | st.just("*")


def versions_in(text: str) -> set[str] | None:
    """Every version that satisfies the range, by trying each; None where the range is refused as empty."""
    try:
        wanted = parse_range(text)
    except InvalidInput:
        return None
    return {version for version in EVERY_VERSION if satisfies(version, wanted)}


@settings(max_examples=300)
@given(old=texts, new=texts)
@example(old=">=0.0.0-0", new=">0.0.0-0")
@example(old=">0.0.0-a,<0.0.0", new=">=0.0.0-a.0,<0.0.0")
def test_narrows_is_what_trying_every_version_says(old: str, new: str) -> None:
    before, after = versions_in(old), versions_in(new)
    if before is not None and after is not None:
        assert narrows(parse_range(old), parse_range(new)) is bool(before - after)


@given(texts)
def test_a_range_is_refused_as_empty_when_no_version_satisfies_it(text: str) -> None:
    from repoint.requires import _comparator

    parts = () if text == "*" else tuple(_comparator(part, text) for part in text.split(","))
    tried = any(satisfies(version, Range(parts)) for version in EVERY_VERSION)
    assert (versions_in(text) is not None) is tried


@given(texts)
def test_a_range_reads_back_as_it_is_shown(text: str) -> None:
    if versions_in(text) is not None:
        assert parse_range(str(parse_range(text))) == parse_range(text)
