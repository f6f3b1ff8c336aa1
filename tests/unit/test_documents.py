"""The documents that machines write: golden bytes and digests for ever, and strict reading."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from repoint_schemas.canonical import Digest, Document, DocumentError, decode, digest_of, encode
from repoint_schemas.documents import (
    Action,
    AgentName,
    Change,
    Entry,
    EnvironmentName,
    FileEntry,
    Freeze,
    Hold,
    Identity,
    Integration,
    Mark,
    Model,
    ParentRelease,
    PendingMove,
    Pin,
    Record,
    Release,
    Snapshot,
    Source,
    Version,
)

REGISTRY = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
A, B, C = ("sha256:" + letter * 64 for letter in "abc")

SNAPSHOT = (
    b'{"agent":"refund","config":{"max_tokens":1024,"retry":{"max_attempts":3},"temperature":0.2,"timeout_seconds":30},'
    b'"integrations":{"payments":{"endpoint":"https://payments.acme.example/v1","kind":"openapi",'
    b'"secrets":["PAYMENTS_API_KEY"],"spec":{"path":"integrations/payments.json","sha256":"' + b"1" * 64 + b'",'
    b'"size":48210}}},"manifest":{"path":"agent.toml","sha256":"' + b"2" * 64 + b'","size":812},'
    b'"model":{"name":"claude-sonnet-4-5-20250929","provider":"anthropic"},'
    b'"prompts":{"system":{"path":"prompts/system.md","sha256":"' + b"3" * 64 + b'","size":1834}},'
    b'"requires":{"intake":">=2.0.0,<3.0.0"},"schema":"repoint.snapshot/1"}'
)
RELEASE = (
    b'{"agent":"refund","author":{"email":"ada@acme.example","name":"Ada"},"bump":"minor",'
    b'"message":"Ask for the order number first","parent":{"release":"sha256:' + b"a" * 64 + b'","version":"1.1.0"},'
    b'"registry":"6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a","schema":"repoint.release/1",'
    b'"snapshot":"sha256:' + b"b" * 64 + b'","source":{"commit":"' + b"9" * 40 + b'","dirty":false},'
    b'"ticket":"PAY-312","time":"2026-11-20T21:00:00Z","version":"1.2.0"}'
)
RECORD = (
    b'{"action":"rollback","actor":{"email":"kim@acme.example","name":"Kim"},'
    b'"agents":{"refund":{"back":31,"release":"sha256:' + b"a" * 64 + b'","since":42,'
    b'"snapshot":"sha256:' + b"b" * 64 + b'","version":"1.1.0"},'
    b'"router":{"back":null,"release":"sha256:' + b"b" * 64 + b'","since":12,'
    b'"snapshot":"sha256:' + b"c" * 64 + b'","version":"0.4.0"}},'
    b'"changes":[{"agent":"refund","from":"1.2.0","to":"1.1.0"}],"environment":"production","frozen":null,'
    b'"generation":42,"holds":{"refund":{"1.2.0":{"generation":42,"message":"refunds approved without a receipt"}}},'
    b'"id":"0b9c2a34-5d1e-4f60-8a7b-9c0d1e2f3a4b","message":"refunds approved without a receipt",'
    b'"previous":"sha256:' + b"c" * 64 + b'","registry":"6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a",'
    b'"schema":"repoint.record/1","ticket":"INC-77","time":"2026-11-20T02:51:13Z"}'
)
FIRST_RECORD = (
    b'{"action":"init","actor":{"email":"kim@acme.example","name":"Kim"},"agents":{},"authority":"local","changes":[],'
    b'"environment":"production","frozen":null,"generation":0,"holds":{},"id":"0b9c2a34-5d1e-4f60-8a7b-9c0d1e2f3a4b",'
    b'"message":"","previous":null,"registry":"6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a","schema":"repoint.record/1",'
    b'"ticket":null,"time":"2026-11-20T02:51:13Z"}'
)
PIN = (
    b'{"authority":"local","default_environment":"production","registry":"6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a",'
    b'"schema":"repoint.pin/1"}'
)
MARK = b'{"digest":"sha256:' + b"a" * 64 + b'","environment":"production","generation":42,"schema":"repoint.mark/1"}'
PENDING = (
    b'{"environment":"production","expected":"\\"etag\\"","id":"0b9c2a34-5d1e-4f60-8a7b-9c0d1e2f3a4b",'
    b'"record":"{}","schema":"repoint.pending/1","store":"s3://acme-agents/repoint"}'
)
GOLDEN: dict[str, tuple[type[Document], bytes, str]] = {
    "snapshot": (Snapshot, SNAPSHOT, "sha256:80bf0afc1a59a156700c738f04c6ab10e72491522f106d7d30bdb5c530d13d59"),
    "release": (Release, RELEASE, "sha256:2fb75727ac5359961ece438849a380d6930fc18c486ad05d43061c92a6f70295"),
    "record": (Record, RECORD, "sha256:4358f5438dd69c0fb0c3a19d8db5f95300d9b660318232d4f51844c65f4a7be0"),
    "first record": (Record, FIRST_RECORD, "sha256:4106479794bb17be8563f0ae0ae53b9ea51b6f2bf064a974634ffc1b2978a07a"),
    "pin": (Pin, PIN, "sha256:7ea2ff820cc2a730649f9e94e8850744d9d8503937e6e335edd7349af7c901ac"),
    "mark": (Mark, MARK, "sha256:b2a7cc241829b69db3ec114bb2e415d4b550ccb9576972fcc5ad4f80ffd9250b"),
    "pending move": (PendingMove, PENDING, "sha256:fc86a4fe808a0a5ed29b32a87d63e780a63f4f5c7b0e3b7e329ae6f81b53b0f7"),
}
"""These bytes and digests are what every later version of Repoint has to read. Never change one; add another."""


def read(kind: type[Document], content: bytes) -> Document:
    return decode(content, kind, limit=1024 * 1024)


@pytest.mark.parametrize(("kind", "content", "digest"), GOLDEN.values(), ids=GOLDEN)
def test_golden_bytes_and_digests(kind: type[Document], content: bytes, digest: str) -> None:
    assert digest_of(content) == digest
    assert encode(read(kind, content)) == content
    assert rfc8785.dumps(json.loads(content)) == content


def snapshot() -> Snapshot:
    return Snapshot(
        agent=AgentName("refund"),
        config={"temperature": 0.2, "max_tokens": 1024, "timeout_seconds": 30, "retry": {"max_attempts": 3}},
        integrations={
            "payments": Integration(
                endpoint="https://payments.acme.example/v1",
                kind="openapi",
                secrets=["PAYMENTS_API_KEY"],
                spec=FileEntry(path="integrations/payments.json", sha256="1" * 64, size=48210),
            )
        },
        manifest=FileEntry(path="agent.toml", sha256="2" * 64, size=812),
        model=Model(name="claude-sonnet-4-5-20250929", provider="anthropic"),
        prompts={"system": FileEntry(path="prompts/system.md", sha256="3" * 64, size=1834)},
        requires={AgentName("intake"): ">=2.0.0,<3.0.0"},
    )


def test_documents_built_by_hand_have_the_golden_bytes() -> None:
    assert encode(snapshot()) == SNAPSHOT
    first = decode(FIRST_RECORD, Record, limit=Record.LIMIT)
    assert (first.authority, first.previous, first.generation) == ("local", None, 0)
    record = decode(RECORD, Record, limit=Record.LIMIT)
    assert record.changes == [Change(agent=AgentName("refund"), origin=Version("1.2.0"), target=Version("1.1.0"))]
    assert record.authority is msgspec.UNSET


def test_files_of_a_snapshot_are_listed_once_by_path() -> None:
    built = snapshot()
    shared = msgspec.structs.replace(built, prompts={**built.prompts, "again": built.prompts["system"]})
    assert [each.path for each in shared.files()] == ["agent.toml", "integrations/payments.json", "prompts/system.md"]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "unknown field": lambda good: good.replace(b'"schema"', b'"s":1,"schema"'),
    "newer schema": lambda good: re.sub(rb'("repoint\.[a-z]+)/1"', rb'\1/2"', good),
    "other schema": lambda good: re.sub(rb'"repoint\.[a-z]+/1"', b'"repoint.other/1"', good),
    "no schema": lambda good: re.sub(rb',?"schema":"repoint\.[a-z]+/1"', b"", good),
    "blank": lambda good: good.replace(b":", b": ", 1),
    "twice": lambda good: good.replace(b'"schema"', b'"schema":"x","schema"'),
    "line feed": lambda good: good + b"\n",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(("kind", "content"), [each[:2] for each in GOLDEN.values()], ids=GOLDEN)
def test_changed_documents_are_refused(kind: type[Document], content: bytes, change: Callable[[bytes], bytes]) -> None:
    assert change(content) != content
    with pytest.raises(DocumentError) as caught:
        read(kind, change(content))
    assert caught.value.newer is (b"/2" in change(content))


@pytest.mark.parametrize(("kind", "content"), [each[:2] for each in GOLDEN.values()], ids=GOLDEN)
def test_every_field_is_required(kind: type[Document], content: bytes) -> None:
    values = json.loads(content)
    for name in values:
        with pytest.raises(DocumentError):
            read(kind, rfc8785.dumps({key: value for key, value in values.items() if key != name}))


BAD_VALUES: list[tuple[type[Document], bytes, str, list[object]]] = [
    (Release, RELEASE, "agent", ["", "Refund", "a/b", "..", "a\n", "r\u0435fund", "a" * 64, None]),
    (Release, RELEASE, "version", ["1.2", "01.2.0", "1.2.0\n", "1.2.0-01", "1.2.0-a..b", "1.2.0+b", "v1.2.0",
                                   "\uff11.2.0", "1.0.0-" + "a" * 123, None]),
    (Release, RELEASE, "bump", ["huge", "", 1]),
    (Release, RELEASE, "snapshot", ["sha256:", A.upper(), A + "\n", A[7:], "sha1:" + "a" * 40]),
    (Release, RELEASE, "time", ["", "2026-11-20", "2026-11-20T21:00:00Z\n", "2026-13-20T21:00:00Z",
                                "2026-11-20T25:00:00Z", "2026-11-20T21:00:00+00:00", 0]),
    (Release, RELEASE, "parent", [{}, {"version": "1.1.0"}, {"version": "1.1.0", "release": A, "more": 1}]),
    (Release, RELEASE, "source", [{"commit": "a"}, {"commit": "a", "dirty": 0}, []]),
    (Release, RELEASE, "author", [{"name": "Ada"}, None, {"name": "Ada", "email": "a", "zone": 1}]),
    (Record, RECORD, "environment", ["", "1a", "Production", "a\n", "a/b"]),
    (Record, RECORD, "generation", [-1, 2**53, 1.5, "1", True, 0]),
    (Record, RECORD, "action", ["move", "", None]),
    (Record, RECORD, "previous", [None, "", A + "\n"]),
    (Record, RECORD, "authority", ["local"]),
    (Record, RECORD, "agents", [{"../x": {}}, {"a": {"back": None}}, []]),
    (Record, RECORD, "holds", [{"a": {"1": {"generation": 1, "message": ""}}}, {"A": {}}, {"a": {"1.0.0": {}}}]),
    (Record, RECORD, "changes", [[{"agent": "a", "from": None}], [{"agent": "a", "origin": None, "target": None}]]),
    (Record, RECORD, "frozen", [{}, {"actor": {"email": "", "name": ""}, "generation": -1, "message": ""}]),
    (Record, FIRST_RECORD, "authority", [None, 1]),
    (Record, FIRST_RECORD, "previous", [A]),
    (Record, FIRST_RECORD, "action", ["promote"]),
    (Record, FIRST_RECORD, "generation", [1]),
    (Snapshot, SNAPSHOT, "config", [[], None, 1]),
    (Snapshot, SNAPSHOT, "manifest", [None, {"path": "a", "sha256": "A" * 64, "size": 1},
                                      {"path": "a", "sha256": "a" * 64 + "\n", "size": 1}]),
    (Snapshot, SNAPSHOT, "requires", [{"A": "*"}, {"a": 1}]),
    (Pin, PIN, "default_environment", ["", "../x"]),
    (Mark, MARK, "digest", ["", "a" * 64]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "content", "field", "value"),
    [(kind, content, field, value) for kind, content, field, values in BAD_VALUES for value in values],
    ids=lambda value: ascii(value)[:40] if not isinstance(value, type | bytes) else "",
)
def test_values_that_do_not_belong_are_refused(kind: type[Document], content: bytes, field: str, value: object) -> None:
    changed = _with_number(content, field) if value == 2**53 else _replaced(content, field, value)
    with pytest.raises(DocumentError):
        read(kind, changed)


def _replaced(content: bytes, field: str, value: object) -> bytes:
    values = json.loads(content)
    values[field] = value
    return rfc8785.dumps(values)


def _with_number(content: bytes, field: str) -> bytes:
    return re.sub(rf'"{field}":\d+'.encode(), f'"{field}":{2**53}'.encode(), content, count=1)


texts = st.text(max_size=12)
agents = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True).map(AgentName)
version_texts = st.from_regex(r"(0|[1-9][0-9]?)\.[0-9]\.[0-9](-rc\.[0-9])?", fullmatch=True).map(Version)
digests = st.sampled_from([Digest(A), Digest(B), Digest(C)])
counts = st.integers(0, 2**53 - 1)
times = st.sampled_from(["1970-01-01T00:00:00Z", "2026-11-20T21:00:00Z", "9999-12-31T23:59:59Z"])
identities = st.builds(Identity, email=texts, name=texts)
releases = st.builds(
    Release,
    agent=agents,
    author=identities,
    bump=st.sampled_from(["major", "minor", "patch", None]),
    message=texts,
    parent=st.none() | st.builds(ParentRelease, release=digests, version=version_texts),
    registry=texts,
    snapshot=digests,
    source=st.none() | st.builds(Source, commit=texts, dirty=st.booleans()),
    ticket=st.none() | texts,
    time=times,
    version=version_texts,
)
entries = st.builds(
    Entry, back=st.none() | counts, release=digests, since=counts, snapshot=digests, version=version_texts
)
holds = st.builds(Hold, generation=counts, message=texts)


@st.composite
def records(draw: st.DrawFn) -> Record:
    generation = draw(st.just(0) | counts)
    actions: list[Action] = ["init", "promote", "rollback", "seal"]
    action = draw(st.sampled_from(actions))
    changes = st.builds(Change, agent=agents, origin=st.none() | version_texts, target=st.none() | version_texts)
    return Record(
        action=action,
        actor=draw(identities),
        agents=draw(st.dictionaries(agents, entries, max_size=5)),
        changes=draw(st.lists(changes, max_size=3)),
        environment=EnvironmentName("production"),
        frozen=draw(st.none() | st.builds(Freeze, actor=identities, generation=counts, message=texts)),
        generation=generation,
        holds=draw(st.dictionaries(agents, st.dictionaries(version_texts, holds, max_size=3), max_size=3)),
        id=draw(texts),
        message=draw(texts),
        previous=draw(digests) if generation else None,
        registry=draw(texts),
        ticket=draw(st.none() | texts),
        time=draw(times),
        authority=draw(texts) if action in ("init", "seal") else msgspec.UNSET,
    )


@given(releases | records())
def test_the_light_encoder_writes_rfc_8785_and_reads_it_back(document: Document) -> None:
    content = encode(document)
    assert content == rfc8785.dumps(msgspec.to_builtins(document))
    assert read(type(document), content) == document


@pytest.mark.parametrize("character", [*map(chr, range(0x20)), *'"\\/<>&\x7f\x80\u2028\u2029\ufeff\uffff\U0001f600'])
def test_each_special_character_is_written_as_rfc_8785_says(character: str) -> None:
    document = decode(RELEASE, Release, limit=Release.LIMIT)
    changed = msgspec.structs.replace(document, message=f"a{character}b")
    assert encode(changed) == rfc8785.dumps({**json.loads(RELEASE), "message": f"a{character}b"})
