"""Canonical JSON: one document, one sequence of bytes; everything else is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from repoint_schemas.canonical import MAX_DEPTH, DocumentError, decode, digest_of, encode, schema_of
from repoint_schemas.documents import AgentName, FileEntry, Model, Release, Snapshot


def plain(config: object = None, **changes: object) -> dict[str, object]:
    """The smallest snapshot, as plain values."""
    file = {"path": "agent.toml", "sha256": "0" * 64, "size": 1}
    values: dict[str, object] = {
        "agent": "a", "config": config or {}, "integrations": {}, "manifest": file, "prompts": {}, "requires": {},
        "model": {"name": "m", "provider": "p"}, "schema": "repoint.snapshot/1",
    }  # fmt: skip
    return {**values, **changes}


def snapshot(config: dict[str, object]) -> Snapshot:
    return Snapshot(
        agent=AgentName("a"),
        config=config,
        integrations={},
        manifest=FileEntry(path="agent.toml", sha256="0" * 64, size=1),
        model=Model(name="m", provider="p"),
        prompts={},
        requires={},
    )


def read(content: bytes, limit: int = Snapshot.LIMIT) -> Snapshot:
    return decode(content, Snapshot, limit=limit)


def refusal(content: bytes, limit: int = Snapshot.LIMIT) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(content, limit)
    return caught.value


GOOD = rfc8785.dumps(plain())  # type: ignore[arg-type]


def test_the_digest_is_sha256_of_the_bytes() -> None:
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(GOOD) == "sha256:" + hashlib.sha256(GOOD).hexdigest()


def test_what_is_written_is_read_back() -> None:
    assert read(GOOD) == snapshot({})
    assert encode(snapshot({})) == GOOD


scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: not x.is_integer() or not 2**53 <= abs(x) < 1e21
)
json_values = st.recursive(
    scalars | finite,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)
configs = st.dictionaries(st.text(max_size=4), json_values, max_size=4)


@given(configs)
def test_free_form_configuration_is_written_as_rfc_8785_says_and_read_back(config: dict[str, object]) -> None:
    content = encode(snapshot(config))
    assert content == rfc8785.dumps(plain(config))  # type: ignore[arg-type]
    assert encode(read(content)) == content


def test_keys_are_ordered_by_utf_16() -> None:
    # RFC 8785, section 3.2.3: as UTF-16, U+1F600 (D83D DE00) comes before U+FB33, as code points after it.
    content = encode(snapshot({"\ufb33": 1, "\U0001f600": 2, "\r": 3, "1": 4, "\u20ac": 5}))
    assert '"config":{"\\r":3,"1":4,"\u20ac":5,"\U0001f600":2,"\ufb33":1}'.encode() in content
    assert read(content).config["\U0001f600"] == 2


@pytest.mark.parametrize(
    ("number", "written"),
    [(1.0, "1"), (-0.0, "0"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.1, "0.1"), (2**53 - 1, "9007199254740991"),
     (1e15, "1000000000000000")],
)  # fmt: skip
def test_numbers(number: float, written: str) -> None:
    content = encode(snapshot({"x": number}))
    assert f'"config":{{"x":{written}}}'.encode() in content


@pytest.mark.parametrize("spelling", ["1.0", "-0", "1E2", "1e2", "0.10", "1000000000000000.0", "1e15"])
def test_other_spellings_of_numbers_are_refused(spelling: str) -> None:
    assert "not canonical" in str(refusal(GOOD.replace(b'"config":{}', f'"config":{{"x":{spelling}}}'.encode())))


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 2**70, 1e16, -(2.0**53), float("inf"), float("-inf"), float("nan"), "\ud800", {1: 2}]
)
def test_values_that_canonical_json_cannot_hold_are_not_written(value: object) -> None:
    with pytest.raises(DocumentError, match="cannot hold"):
        encode(snapshot({"x": value}))


def test_text_that_is_no_unicode_is_not_written() -> None:
    with pytest.raises(DocumentError, match="cannot hold"):
        encode(Snapshot(**{**_fields(snapshot({})), "model": Model(name="\udcff", provider="p")}))  # type: ignore[arg-type]


def _fields(document: Snapshot) -> dict[str, object]:
    return {name: getattr(document, name) for name in document.__struct_fields__}


@pytest.mark.parametrize(
    "number", [b"9007199254740992", b"9007199254740993", b"1e400", b"NaN", b"Infinity", b"-", b"01"]
)
def test_numbers_beyond_canonical_json_are_refused(number: bytes) -> None:
    refusal(GOOD.replace(b'"config":{}', b'"config":{"x":' + number + b"}"))


NOT_CANONICAL: dict[str, Callable[[bytes], bytes]] = {
    "line feed at the end": lambda good: good + b"\n",
    "blank at the beginning": lambda good: b" " + good,
    "blank within": lambda good: good.replace(b":", b": ", 1),
    "key order": lambda good: json.dumps(dict(reversed(json.loads(good).items())), separators=(",", ":")).encode(),
    "duplicate key": lambda good: good.replace(b'"agent":"a"', b'"agent":"a","agent":"a"'),
    "duplicate key within": lambda good: good.replace(b'"config":{}', b'"config":{"a":1,"a":1}'),
    "duplicate key of another value": lambda good: good.replace(b'"agent":"a"', b'"agent":"b","agent":"a"'),
    "escaped letter": lambda good: good.replace(b'"m"', b'"\\u006d"'),
    "escaped slash": lambda good: good.replace(b'"m"', b'"\\/"'),
    "escape in capitals": lambda good: good.replace(b'"m"', b'"\\u001F"'),
    "long form of an escape": lambda good: good.replace(b'"m"', b'"\\u000a"'),
}


@pytest.mark.parametrize("change", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_bytes_that_are_not_canonical_are_refused(change: Callable[[bytes], bytes]) -> None:
    assert "not canonical JSON" in str(refusal(change(GOOD)))


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "text": b'"x"',
    "cut short": GOOD[:-1],
    "two documents": GOOD + GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "not UTF-8": GOOD.replace(b'"m"', b'"\xff"'),
    "encoded surrogate": GOOD.replace(b'"m"', b'"\xed\xa0\x80"'),
    "escaped surrogate": GOOD.replace(b'"m"', b'"\\ud800"'),
    "NUL": GOOD.replace(b'"m"', b'"\0"'),
    "raw line feed": GOOD.replace(b'"m"', b'"\n"'),
    "null field": GOOD.replace(b'"m"', b"null"),
    "number for a text": GOOD.replace(b'"m"', b"1"),
    "text for a number": GOOD.replace(b'"size":1', b'"size":"1"'),
    "truth for a number": GOOD.replace(b'"size":1', b'"size":true'),
    "fraction": GOOD.replace(b'"size":1', b'"size":1.5'),
    "negative size": GOOD.replace(b'"size":1', b'"size":-1'),
    "bad digest": GOOD.replace(b"0" * 64, b"0" * 63 + b"A"),
    "bad agent": GOOD.replace(b'"agent":"a"', b'"agent":"../a"'),
    "line feed after the agent": GOOD.replace(b'"agent":"a"', b'"agent":"a\\n"'),
    "unknown field": GOOD.replace(b'"schema"', b'"s":1,"schema"'),
    "unknown field within": GOOD.replace(b'"provider"', b'"o":1,"provider"'),
    "missing field": GOOD.replace(b'"requires":{},', b""),
    "schema of another type": GOOD.replace(b'"repoint.snapshot/1"', b"1"),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_documents_that_are_broken_are_refused(content: bytes) -> None:
    error = refusal(content)
    assert not error.newer
    assert "repoint.snapshot/1" in str(error)


def test_the_schema_field_must_be_there() -> None:
    assert "schema field is missing" in str(refusal(GOOD.replace(b',"schema":"repoint.snapshot/1"', b"")))


@pytest.mark.parametrize(
    ("schema", "newer"),
    [
        ("repoint.snapshot/2", True),
        ("repoint.snapshot/10", True),
        ("repoint.snapshot/0", False),
        ("repoint.snapshot/01", False),
        ("repoint.snapshot/2\n", False),
        ("repoint.snapshot/9999999999", False),
        ("repoint.snapshot", False),
        ("repoint.release/2", False),
        ("other.snapshot/2", False),
        ("", False),
    ],
)
def test_newer_formats_are_told_apart_from_other_ones(schema: str, newer: bool) -> None:
    for changes in ({"schema": schema}, {"schema": schema, "more": [1]}):
        error = refusal(rfc8785.dumps(plain(**changes)))  # type: ignore[arg-type]
        assert error.newer is newer
        assert ascii(schema)[1:-1] in str(error)


def test_size_limit() -> None:
    assert read(GOOD, limit=len(GOOD)) == snapshot({})
    assert "more than the" in str(refusal(GOOD, limit=len(GOOD) - 1))


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    value = (opening * (levels - 2) + closing * (levels - 2)).encode()
    return GOOD.replace(b'"config":{}', b'"config":{"x":' + value + b"}")


def test_depth_limit() -> None:
    assert read(nested(MAX_DEPTH)).agent == "a"
    assert f"more than {MAX_DEPTH} levels" in str(refusal(nested(MAX_DEPTH + 1)))


BOMBS: dict[str, bytes] = {
    "arrays": b"[" * 4_000_000,
    "objects": b'{"a":' * 800_000,
    "closed arrays": nested(100_000),
    "behind a text": b'["' + b'\\"[' * 100_000 + b'",' + b"[" * 100_000,
    "backslashes": b'"' + b"\\" * 4_000_000,
    "texts that never end": b'"\\\n' * 1_300_000 + b"[" * 65,
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_depth_bombs_are_refused_quickly(content: bytes) -> None:
    refusal(content)


@pytest.mark.parametrize("text", ["[" * 100, '"' + "{" * 100, "\\" + "[" * 100, '\\"' + "]" * 70 + "[" * 70])
def test_brackets_in_texts_are_no_depth(text: str) -> None:
    content = encode(snapshot({"x": text}))
    assert read(content).config == {"x": text}


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_cleanly(content: bytes) -> None:
    refusal(content)
    assert schema_of(content) is None or isinstance(schema_of(content), str)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[position] ^= flip
    try:
        read(bytes(changed))
    except DocumentError:
        return
    assert digest_of(bytes(changed)) != digest_of(GOOD)


def test_one_kind_of_document_is_never_read_as_another() -> None:
    with pytest.raises(DocumentError, match=r"a document of schema 'repoint\.snapshot/1' where repoint\.release/1"):
        decode(GOOD, Release, limit=Release.LIMIT)
    assert schema_of(GOOD) == "repoint.snapshot/1"
