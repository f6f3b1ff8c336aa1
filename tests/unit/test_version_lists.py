"""Many versions at once: the fast ways give what the plain ones give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.errors import InvalidInput
from repoint.names import highest_first, is_version, parse_agent, version_key, versions_in
from repoint_schemas.documents import AgentName, Version

numbers = st.integers(0, 3) | st.integers(0, 10**40)
finals = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
series = st.sampled_from(["", "-rc.1", "-rc.10", "-rc.2", "-0", "-alpha", "-alpha.1", "-x.7.z.92", "-1-2"])
versions = st.builds("{}{}".format, finals, series).map(Version)


@given(st.lists(versions), st.none() | st.integers(1, 5))
def test_highest_first_is_semver_order(given_versions: list[Version], limit: int | None) -> None:
    expected = sorted(given_versions, key=version_key, reverse=True)[:limit]
    assert [version_key(v) for v in highest_first(given_versions, limit)] == [version_key(v) for v in expected]
    assert sorted(highest_first(given_versions)) == sorted(given_versions)


@given(st.lists(st.tuples(st.sampled_from(["refund", "router-eu", "4u", "a" * 63]), versions)))
def test_versions_in_finds_every_version(tags: list[tuple[str, Version]]) -> None:
    listing = "".join(f"refs/tags/{agent}@v{version}\n" for agent, version in tags)
    found = versions_in(listing)
    assert sorted((a, v) for a, vs in found.items() for v in vs) == sorted(tags)


@given(
    st.lists(st.text(st.sampled_from("az09-._@v/+ ~^\u00e9\u0663\udc80"), max_size=12)),
    st.lists(st.sampled_from(["v", "@v", "@v1.2.3", "1.2.3", "refund@v01.2.3", "refund@v1.2.3-01", "a@v1.0.0+b"])),
)
def test_versions_in_agrees_with_the_names_checked_one_by_one(noise: list[str], likely: list[str]) -> None:
    names = [*noise, *likely, *(f"refund@v{text}" for text in noise), *(f"{text}@v1.2.3" for text in noise)]
    expected: dict[AgentName, list[Version]] = {}
    for name in names:
        agent, _, version = name.partition("@v")
        if is_version(version) and is_agent(agent):
            expected.setdefault(AgentName(agent), []).append(Version(version))
    assert versions_in("".join(f"refs/tags/{name}\n" for name in names)) == expected


def is_agent(text: str) -> bool:
    try:
        parse_agent(text)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize(
    "other", ["refs/heads/refs/tags/refund@v9.0.0", "refs/tags/refs/tags/refund@v9.0.0", "refs/tags/x/refund@v9.0.0"]
)
@pytest.mark.parametrize("before", ["", "\n", f"{'a' * 40} ", f"# pack-refs\n{'a' * 40} refs/tags/a\n^{'b' * 40}\n"])
def test_a_name_that_ends_in_another_is_no_version(before: str, other: str) -> None:
    assert versions_in(f"{before}{other}\n") == {}
    assert versions_in(f"{before}refs/tags/refund@v1.0.0\n{'c' * 40} {other}\n") == {"refund": ["1.0.0"]}


@pytest.mark.parametrize("tag", ["refund@v1.0.0-a.lock", f"refund@v1.0.0-{'a' * 130}", f"refund@v{'1' * 125}.0.0"])
def test_what_cannot_be_published_is_no_version(tag: str) -> None:
    assert versions_in(f"refs/tags/{tag}\nrefs/tags/refund@v1.0.0\n") == {"refund": ["1.0.0"]}
