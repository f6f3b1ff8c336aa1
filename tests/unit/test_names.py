"""Names from outside: every bad one is refused, and versions are ordered as SemVer orders them."""

from __future__ import annotations

import itertools

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from repoint.errors import InvalidInput
from repoint.names import (
    MAX_VERSION_LENGTH,
    RESERVED_ENVIRONMENTS,
    Ref,
    is_prerelease,
    is_version,
    parse_agent,
    parse_environment,
    parse_ref,
    parse_version,
    version_key,
)
from repoint_schemas.documents import AgentName, EnvironmentName, Version

BAD_ANYWHERE = {
    "empty": "",
    "blank": " ",
    "blank before": " refund",
    "blank after": "refund ",
    "blank within": "re fund",
    "line feed after": "refund\n",
    "line feed before": "\nrefund",
    "carriage return": "refund\r",
    "tab": "re\tfund",
    "NUL": "refund\0",
    "escape": "refund\x1b[2J",
    "delete": "refund\x7f",
    "slash": "re/fund",
    "backslash": "re\\fund",
    "parent": "..",
    "parent path": "../refund",
    "dot": ".",
    "dot within": "re.fund",
    "dot before": ".refund",
    "lock": "refund.lock",
    "dash before": "-refund",
    "option": "--upload-pack=x",
    "underscore": "re_fund",
    "capital": "Refund",
    "too long": "a" * 64,
    "far too long": "a" * 1_000_000,
    "at": "refund@",
    "tilde": "refund~1",
    "caret": "refund^",
    "colon": "re:fund",
    "star": "refund*",
    "question mark": "refund?",
    "bracket": "refund[",
    "reflog": "refund@{1}",
    "percent": "re%2ffund",
    "dollar": "$HOME",
    "quote": 'refund"',
    "Cyrillic a and e": "r\u0435fund",
    "Cyrillic only": "\u0430\u0435",
    "Greek": "\u03bfrder",
    "full-width digit": "refund\uff11",
    "full-width letter": "\uff52efund",
    "Arabic digit": "refund\u0661",
    "ligature": "re\ufb01nd",
    "combining": "refund\u0301",
    "zero width": "re\u200bfund",
    "right-to-left override": "re\u202efund",
    "soft hyphen": "re\u00adfund",
    "half a surrogate pair": "refund\udc80",
    "emoji": "refund\U0001f600",
    "dotless i": "dec\u0131de",
    "Kelvin sign": "\u212aelvin",
}


@pytest.mark.parametrize("text", BAD_ANYWHERE.values(), ids=BAD_ANYWHERE)
def test_bad_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_agent(text)
    assert caught.value.kind == "invalid-agent-name"
    assert caught.value.message.isprintable()
    with pytest.raises(InvalidInput) as caught:
        parse_environment(text)
    assert caught.value.kind == "invalid-environment-name"
    assert caught.value.message.isprintable()
    with pytest.raises(InvalidInput):
        parse_ref(f"{text}@1.0.0")
    with pytest.raises(InvalidInput):
        parse_version(text)


@pytest.mark.parametrize("text", ["a", "0", "a-", "a--b", "refund-eu", "007", "a" * 63, "latest", "registry", "com1"])
def test_agents_that_are_accepted(text: str) -> None:
    assert parse_agent(text) == text


@pytest.mark.parametrize("text", ["a", "production", "eu-1", "a" * 63, "a-"])
def test_environments_that_are_accepted(text: str) -> None:
    assert parse_environment(text) == text


@pytest.mark.parametrize("text", RESERVED_ENVIRONMENTS)
def test_reserved_environments(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_environment(text)
    assert caught.value.kind == "reserved-environment-name"
    assert "latest, working, registry" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["1", "0a", "-a", "1.2.0"])
def test_environments_begin_with_a_letter(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_environment(text)


@given(st.text(max_size=70))
def test_whatever_is_accepted_is_harmless_in_paths_refs_and_command_lines(text: str) -> None:
    try:
        name = parse_agent(text)
    except InvalidInput:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 1 <= len(name) <= 63
    assert not name.startswith("-")


GOOD_VERSIONS = [
    "0.0.0",
    "1.2.3",
    "10.20.30",
    "1.0.0-rc.1",
    "1.0.0-0",
    "1.0.0-a-b.7",
    "1.0.0--",
    "1.0.0-0a",
    "1.0.0-00a",
]


@pytest.mark.parametrize("text", [*GOOD_VERSIONS, "1.0.0-" + "a" * (MAX_VERSION_LENGTH - 6)])
def test_versions_that_are_accepted(text: str) -> None:
    assert parse_version(text) == text
    semver.Version.parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1", "MAJOR.MINOR.PATCH"),
        ("1.2", "all three numbers, as in 1.2.0"),
        ("1.2.3.4", "MAJOR.MINOR.PATCH"),
        ("01.2.3", "MAJOR.MINOR.PATCH"),
        ("1.02.3", "MAJOR.MINOR.PATCH"),
        ("1.2.3-01", "MAJOR.MINOR.PATCH"),
        ("1.2.3-", "MAJOR.MINOR.PATCH"),
        ("1.2.3-a..b", "MAJOR.MINOR.PATCH"),
        ("1.2.3-a.", "MAJOR.MINOR.PATCH"),
        ("1.2.3-a_b", "MAJOR.MINOR.PATCH"),
        ("1.2.3-é", "MAJOR.MINOR.PATCH"),
        ("1.2.\uff13", "MAJOR.MINOR.PATCH"),
        ("1.2.\u0663", "MAJOR.MINOR.PATCH"),
        ("1.2.3\n", "MAJOR.MINOR.PATCH"),
        (" 1.2.3", "MAJOR.MINOR.PATCH"),
        ("-1.2.3", "MAJOR.MINOR.PATCH"),
        ("1.2.3/..", "MAJOR.MINOR.PATCH"),
        ("1.0.0-" + "a" * (MAX_VERSION_LENGTH - 5), "MAJOR.MINOR.PATCH"),
        ("1" * 100_000 + ".0.0", "MAJOR.MINOR.PATCH"),
        ("1.2.3+build", "build metadata"),
        ("1.2.3-rc.1+build", "build metadata"),
        ("v1.2.3", "without the v: 1.2.3"),
        ("vv1.2.3", "MAJOR.MINOR.PATCH"),
        ("1.2.3-rc.lock", ".lock"),
        ("1.2.3.lock", ".lock"),
    ],
)
def test_versions_that_are_refused(text: str, hint: str) -> None:
    assert not is_version(text)
    with pytest.raises(InvalidInput) as caught:
        parse_version(text)
    assert caught.value.kind == "invalid-version"
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("text", ["a" * 1_000_000, "1.0.0-" + "0" * 1_000_000])
def test_a_refusal_does_not_repeat_a_huge_name(text: str) -> None:
    for parse in (parse_agent, parse_environment, parse_version):
        with pytest.raises(InvalidInput) as caught:
            parse(text)
        assert len(caught.value.message) < 300


identifiers = (
    st.integers(0, 120).map(str)
    | st.sampled_from(["9", "10", "11", "100"])
    | st.sampled_from(["a", "A", "b", "-", "a-", "rc", "0a", "1-", "Z"])
)
numbers = st.integers(0, 2) | st.integers(0, 10**30)
versions = st.builds(
    lambda triple, pre: ".".join(map(str, triple)) + ("-" + ".".join(pre) if pre else ""),
    st.tuples(numbers, numbers, numbers),
    st.lists(identifiers, max_size=4),
)


@given(st.lists(versions, min_size=2, max_size=12))
def test_order_is_that_of_the_semver_package(listed: list[str]) -> None:
    assert sorted(listed, key=version_key) == sorted(listed, key=semver.Version.parse)
    for one, other in itertools.pairwise(listed):
        compared = semver.Version.parse(one).compare(other)
        assert (version_key(one) > version_key(other)) - (version_key(one) < version_key(other)) == compared


@given(st.text(alphabet="0123456789.-+aAvlock\uff10\n", max_size=20))
def test_every_version_is_one_for_the_semver_package_too(text: str) -> None:
    assert is_version(text) is (
        semver.Version.is_valid(text) and text.isascii() and not set("+\n") & set(text) and not text.endswith(".lock")
    )


def test_the_example_of_the_specification() -> None:
    pre = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    written = [*(f"1.0.0-{each}" for each in pre), "1.0.0"]
    backwards = written[::-1]
    assert sorted(backwards, key=version_key) == written
    assert [is_prerelease(each) for each in written] == [True] * 7 + [False]


REFS = {
    "refund": Ref(AgentName("refund")),
    "refund@1.2.0": Ref(AgentName("refund"), version=Version("1.2.0")),
    "refund@1.2.0-rc.1": Ref(AgentName("refund"), version=Version("1.2.0-rc.1")),
    "refund@latest": Ref(AgentName("refund"), latest=True),
    "refund@production": Ref(AgentName("refund"), environment=EnvironmentName("production")),
    "refund@production~0": Ref(AgentName("refund"), environment=EnvironmentName("production")),
    "refund@production~2": Ref(AgentName("refund"), environment=EnvironmentName("production"), back=2),
    "refund@v1": Ref(AgentName("refund"), environment=EnvironmentName("v1")),
}


@pytest.mark.parametrize(("text", "expected"), REFS.items(), ids=REFS)
def test_refs(text: str, expected: Ref) -> None:
    assert parse_ref(text) == expected
    assert parse_ref(text).working is (text == "refund")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "invalid-agent-name"),
        ("@1.0.0", "invalid-agent-name"),
        ("refund@", "invalid-environment-name"),
        ("refund@@1.0.0", "invalid-environment-name"),
        ("refund@1.0.0@1.0.0", "invalid-version"),
        ("refund@v1.0.0", "invalid-version"),
        ("refund@1.0", "invalid-version"),
        ("refund@working", "reserved-environment-name"),
        ("refund@registry", "reserved-environment-name"),
        ("refund@latest~1", "reserved-environment-name"),
        ("refund@production~", "invalid-ref"),
        ("refund@production~-1", "invalid-ref"),
        ("refund@production~\uff11", "invalid-ref"),
        ("refund@production~1~1", "invalid-ref"),
        ("refund@production~1\n", "invalid-ref"),
        ("refund@production~99999999", "invalid-ref"),
        ("refund@1.0.0~1", "invalid-version"),
        ("refund@../x", "invalid-environment-name"),
        ("refund@-x", "invalid-environment-name"),
    ],
)
def test_refs_that_are_refused(text: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_ref(text)
    assert caught.value.kind == kind
