"""The next version, and the release document."""

from __future__ import annotations

import calendar
import time as clock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.changes import Difference
from repoint.errors import AlreadyExists, InvalidInput, RepointError, UsageError
from repoint.names import is_prerelease, is_version, version_key
from repoint.release import (
    Plan,
    Wish,
    base_of,
    build_release,
    parent_of,
    plan_version,
)
from repoint.stamps import checked_identity, checked_message, checked_ticket, time_seconds, time_text
from repoint_schemas.canonical import Digest, decode
from repoint_schemas.documents import AgentName, Bump, Identity, ParentRelease, Release, Source, Version


def versions(text: str) -> list[Version]:
    return [Version(each) for each in text.split()]


def differing(level: Bump | None) -> list[Difference]:
    if level is None:
        return []
    return [
        Difference("config", "top_p", "changed", "patch", 1, 2, "a small thing"),
        Difference("model", "name", "changed", level, "a", "b", "the reason"),
    ]


def plan(taken: str, level: Bump | None, wish: Wish | None = None, base: str | None = None) -> Plan | None:
    wish = wish or Wish()
    known = versions(taken)
    chosen = Version(base) if base else base_of(known, wish.version)
    return plan_version(known, chosen, differing(level), wish)


def test_the_first_version() -> None:
    assert plan("", None) == Plan(Version("0.1.0"), None, None, None)
    assert plan("", None, Wish(level="major")) == Plan(Version("0.1.0"), None, None, None)
    assert plan("", None, Wish(version=Version("3.0.0"))) == Plan(Version("3.0.0"), None, None, None)
    assert plan("", None, Wish(pre="rc")) == Plan(Version("0.1.0-rc.1"), None, None, None)


@pytest.mark.parametrize(
    ("taken", "inferred", "wish", "version", "level"),
    [
        ("1.2.0 1.10.0 1.9.0", "patch", Wish(), "1.10.1", "patch"),
        ("1.2.0", "minor", Wish(), "1.3.0", "minor"),
        ("1.2.0", "major", Wish(), "2.0.0", "major"),
        ("0.2.0", "major", Wish(), "0.3.0", "major"),  # the level still says major
        ("1.2.0", "patch", Wish(level="major"), "2.0.0", "major"),
        ("1.2.0", "major", Wish(level="patch", allow_underbump=True), "1.2.1", "patch"),
        ("1.2.0 2.0.0-rc.1", "minor", Wish(), "1.3.0", "minor"),  # a pre-release is no base while there is a final one
        ("0.1.0-rc.1 0.1.0-rc.2", "major", Wish(), "0.1.0", "major"),
        ("1.0.0-rc.1", "minor", Wish(), "1.0.0", "minor"),
        ("1.0.0-rc.1", None, Wish(), "1.0.0", None),  # the candidate becomes the final version as it is
        ("1.2.0 1.3.0-rc.1 1.3.0-rc.10", "minor", Wish(pre="rc"), "1.3.0-rc.11", "minor"),
        ("1.2.0 1.3.0-rc.1", "minor", Wish(pre="beta"), "1.3.0-beta.1", "minor"),
        ("1.2.0 1.3.0-rc.1", "major", Wish(pre="rc"), "2.0.0-rc.1", "major"),
        ("1.2.0", "patch", Wish(version=Version("2.0.0"), pre="rc"), "2.0.0-rc.1", "major"),
        ("1.2.0 2.0.0", "patch", Wish(version=Version("1.2.1")), "1.2.1", "patch"),  # a hotfix of an old line
        ("1.2.0 2.0.0", "minor", Wish(version=Version("1.3.0-rc.1")), "1.3.0-rc.1", "minor"),
        ("0.2.0", "major", Wish(version=Version("0.3.0")), "0.3.0", "major"),
        ("0.9.0", None, Wish(version=Version("1.0.0")), "1.0.0", "major"),  # asked for by number
        ("1.2.0", "minor", Wish(version=Version("1.2.1"), allow_underbump=True), "1.2.1", "patch"),
        ("1.2.0", "minor", Wish(version=Version("1.2.0")), "1.2.0", None),  # taken: the caller compares contents
    ],
)
def test_plan(taken: str, inferred: Bump | None, wish: Wish, version: str, level: Bump | None) -> None:
    decided = plan(taken, inferred, wish)
    assert decided is not None
    assert (decided.version, decided.level) == (version, level)


def test_nothing_differs() -> None:
    assert plan("1.2.0", None) is None
    assert plan("1.2.0", None, Wish(level="major")) is None
    assert plan("1.2.0", None, Wish(pre="rc")) is None
    assert plan("1.0.0-rc.1", None, Wish(pre="rc")) is None


def test_another_base() -> None:
    decided = plan("1.2.0 2.0.0", "patch", base="1.2.0")
    assert decided is not None
    assert (decided.version, decided.base) == ("1.2.1", "1.2.0")


def test_the_newest_of_the_series_is_told() -> None:
    decided = plan("1.2.0 1.3.0-rc.1 1.3.0-rc.2 1.3.0-rc.x 1.3.0-rc.02x", "minor", Wish(pre="rc"))
    assert decided is not None
    assert (decided.version, decided.series) == ("1.3.0-rc.3", "1.3.0-rc.2")


@pytest.mark.parametrize(
    ("wish", "what"),
    [
        (Wish(level="minor"), "a minor bump"),
        (Wish(level="patch"), "a patch bump"),
        (Wish(version=Version("1.3.0")), "1.3.0 after 1.2.0"),
        (Wish(version=Version("1.2.1-rc.1")), "1.2.1-rc.1 after 1.2.0"),
    ],
)
def test_under_bump_names_the_reasons(wish: Wish, what: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan("1.2.0", "major", wish)
    error = caught.value
    assert error.kind == "under-bump"
    assert error.message == f"{what} is less than the major bump that the changes ask for: model name: the reason"
    assert error.facts == {"inferred": "major", "reasons": ["model name: the reason"]}
    assert "--allow-underbump" in str(error.hint)


def test_under_bump_shows_five_reasons() -> None:
    many = [Difference("config", str(n), "changed", "minor", 1, 2, "why") for n in range(7)]
    with pytest.raises(InvalidInput, match=r"config 4: why; and 2 more$"):
        plan_version(versions("1.0.0"), Version("1.0.0"), many, Wish(level="patch"))


@pytest.mark.parametrize(
    ("taken", "wish", "error", "kind"),
    [
        ("1.0.0", Wish(level="minor", version=Version("2.0.0")), UsageError, "bump-and-version"),
        ("1.0.0", Wish(version=Version("2.0.0-rc.1"), pre="rc"), UsageError, "pre-of-prerelease"),
        ("1.0.0", Wish(pre="rc.1"), InvalidInput, "invalid-pre"),
        ("1.0.0", Wish(pre="1"), InvalidInput, "invalid-pre"),
        ("1.0.0", Wish(pre=""), InvalidInput, "invalid-pre"),
        ("1.0.0", Wish(pre="rc\n"), InvalidInput, "invalid-pre"),
        ("1.0.0", Wish(pre="r" * 130), InvalidInput, "invalid-version"),
        ("1.0.0 2.0.0", Wish(version=Version("2.0.0"), pre="rc"), AlreadyExists, "final-taken"),
    ],
)
def test_wishes_that_cannot_be(taken: str, wish: Wish, error: type[RepointError], kind: str) -> None:
    with pytest.raises(error) as caught:
        plan(taken, "minor", wish)
    assert caught.value.kind == kind


finals = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(lambda n: "{}.{}.{}".format(*n))
all_versions = st.builds("{}{}".format, finals, st.sampled_from(["", "", "-rc.1", "-rc.2"])).map(Version)
levels: list[Bump | None] = ["major", "minor", "patch", None]


@given(st.lists(all_versions, max_size=8, unique=True), st.sampled_from(levels), st.sampled_from([None, "rc"]))
def test_an_inferred_version_is_free_and_above_its_base(
    taken: list[Version], level: Bump | None, pre: str | None
) -> None:
    base = base_of(taken)
    decided = plan_version(taken, base, differing(level), Wish(pre=pre))
    if decided is None:
        assert level is None
        return
    assert is_version(decided.version)
    assert decided.version not in taken
    assert is_prerelease(decided.version) is (pre is not None)
    assert base is None or version_key(decided.version) > version_key(base)
    assert decided.inferred == decided.level == (None if base is None else level)


@given(st.lists(all_versions, max_size=8, unique=True), all_versions)
def test_the_parent_is_the_highest_below(taken: list[Version], version: Version) -> None:
    import semver

    below = [each for each in taken if semver.Version.parse(each) < version]
    expected = max(below, key=semver.Version.parse, default=None)
    assert parent_of(version, taken) == expected


def test_parents_and_bases() -> None:
    taken = versions("1.0.0 1.2.0 2.0.0 2.1.0-rc.1")
    assert parent_of(Version("1.2.1"), taken) == "1.2.0"
    assert parent_of(Version("2.1.0"), taken) == "2.1.0-rc.1"
    assert parent_of(Version("0.1.0"), taken) is None
    assert base_of(taken) == "2.0.0"
    assert base_of(taken, Version("2.1.0")) == "2.0.0"
    assert base_of(taken, Version("1.2.1")) == "1.2.0"
    assert base_of(taken, Version("1.2.0")) == "1.0.0"
    assert base_of(versions("0.1.0-rc.1 0.1.0-rc.2")) == "0.1.0-rc.2"
    assert base_of([]) is None


def test_build_release() -> None:
    digest = Digest("sha256:" + "a" * 64)
    draft = build_release(
        agent=AgentName("refund"),
        version=Version("1.2.0"),
        snapshot=digest,
        registry="6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a",
        author=Identity(email=" ada@acme.example", name="Ada "),
        time=1795208400,
        message="Ask for the order number first\r\n\r\nAnd wait.\n",
        parent=ParentRelease(release=digest, version=Version("1.1.0")),
        bump="minor",
        ticket=" PAY-312 ",
        source=Source(commit="9" * 40, dirty=False),
    )
    assert decode(draft.content, Release, limit=Release.LIMIT) == draft.document
    assert draft.document.author == Identity(email="ada@acme.example", name="Ada")
    assert draft.document.message == "Ask for the order number first\n\nAnd wait."
    assert (draft.document.ticket, draft.document.time) == ("PAY-312", "2026-11-20T21:00:00Z")


def test_a_release_of_what_is_no_version_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not a version"):
        build_release(
            agent=AgentName("refund"),
            version=Version("1.2"),
            snapshot=Digest("sha256:" + "a" * 64),
            registry="r",
            author=Identity(email="a", name="b"),
            time=0,
            message="m",
            parent=None,
            bump=None,
        )


@pytest.mark.parametrize(
    "text",
    ["", "  \n\t", "a\0b", "a\x1b[31m", "a\rb", "a\x7f", "a\x85", "\udcff", "x" * 65537, "é" * 32769, "a\x0c"],
)
def test_messages_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked_message(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a", "a"), (" a\tb \n", "a\tb"), ("a\r\n\r\nb", "a\n\nb"), ("x" * 65536, "x" * 65536), ("é\u2028", "é")],
)
def test_messages_that_are_kept(text: str, kept: str) -> None:
    assert checked_message(text) == kept


@pytest.mark.parametrize(("text", "kept"), [(None, None), ("", None), ("  ", None), (" A-1 ", "A-1"), ("é" * 200,) * 2])
def test_tickets_that_are_kept(text: str | None, kept: str | None) -> None:
    assert checked_ticket(text) == kept


@pytest.mark.parametrize("text", ["a\nb", "a\n", "a\tb", "\0", "a" * 201, "\udc80"])
def test_tickets_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked_ticket(text)


@pytest.mark.parametrize(
    ("name", "email"),
    [("", "a"), ("a", ""), (" ", "a"), ("a<", "b"), ("a", "b>"), ("a\nb", "c"), ("a", "b\0"), ("a" * 257, "b"),
     ("a", "b" * 257), ("a\udc80", "b"), ("a\x85b", "c")],
)  # fmt: skip
def test_identities_that_are_refused(name: str, email: str) -> None:
    with pytest.raises(InvalidInput):
        checked_identity(name, email)


def test_an_identity() -> None:
    assert checked_identity(" Ada L. ", "ada@acme.example") == Identity(email="ada@acme.example", name="Ada L.")


@given(st.integers(0, 253402300799))
def test_times_are_written_and_read_back(seconds: int) -> None:
    text = time_text(seconds)
    assert time_seconds(text) == seconds
    assert calendar.timegm(clock.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) == seconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "1970-01-01T00:00:00Z"), (253402300799, "9999-12-31T23:59:59Z")])
def test_ends_of_time(seconds: int, text: str) -> None:
    assert time_text(seconds) == text
    assert time_seconds(text) == seconds


@pytest.mark.parametrize("seconds", [-1, 253402300800])
def test_seconds_out_of_range(seconds: int) -> None:
    with pytest.raises(InvalidInput):
        time_text(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-20", "2026-11-20T21:00:00", "2026-11-20T21:00:00+00:00", "2026-02-30T00:00:00Z",
     "2026-11-20T24:00:00Z", "2026-11-20T21:00:60Z", "2026-11-20T21:00:00Z\n", "2026-11-20t21:00:00z",
     "\uff12026-11-20T21:00:00Z", "1969-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "2026-11-20T21:00:00.5Z"],
)  # fmt: skip
def test_texts_that_are_no_times(text: str) -> None:
    with pytest.raises(InvalidInput):
        time_seconds(text)
