"""TOML as people write it: safe to read, and each value found again by line."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.errors import InvalidInput
from repoint.tomlsource import MAX_BYTES, KeyPath, line_of, parse_toml

DOCUMENT = """\
# a comment with = and [brackets]
schema = "x/1"
[agent]   # the agent
name = "refund"
owners = [
    "a@b.example",  # first
    "c]d#",

    'e',
]
[ model . "the name" ]
"quoted.key" = 1
'literal key'.sub . deep = 2
inline = { a = 1, "b c" = { d = [10,
    20] }, e.f = '''
x = 9
''' }
[prompts]
long = \"\"\"
[not.a.table]
key = \\\"\\\"\\\" still text
\"\"\"\"\"
after = 1
[[allow]]
rule = "one"
[allow.where]
line = 1
[[allow]]
rule = "two"
[[allow.inner]]
x = 1
[[allow.inner]]
x = 2
date = 1979-05-27 07:32:00
last = true
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("schema",), 2),
        (("agent",), 3),
        (("agent", "name"), 4),
        (("agent", "owners"), 5),
        (("agent", "owners", 0), 6),
        (("agent", "owners", 1), 7),
        (("agent", "owners", 2), 9),
        (("model",), 11),
        (("model", "the name"), 11),
        (("model", "the name", "quoted.key"), 12),
        (("model", "the name", "literal key"), 13),
        (("model", "the name", "literal key", "sub", "deep"), 13),
        (("model", "the name", "inline", "b c", "d", 0), 14),
        (("model", "the name", "inline", "b c", "d", 1), 15),
        (("model", "the name", "inline", "e", "f"), 15),
        (("prompts",), 18),
        (("prompts", "long"), 19),
        (("prompts", "after"), 23),
        (("allow",), 24),
        (("allow", 0), 24),
        (("allow", 0, "rule"), 25),
        (("allow", 0, "where", "line"), 27),
        (("allow", 1), 28),
        (("allow", 1, "rule"), 29),
        (("allow", 1, "inner", 0, "x"), 31),
        (("allow", 1, "inner", 1), 32),
        (("allow", 1, "inner", 1, "last"), 35),
        (("agent", "missing"), 3),
        (("allow", 1, "reason"), 28),
        (("nowhere", "at", "all"), 1),
    ],
)
def test_line_of_every_kind_of_value(path: KeyPath, line: int) -> None:
    tomllib.loads(DOCUMENT)
    assert line_of(DOCUMENT, path) == line
    assert line_of(DOCUMENT.replace("\n", "\r\n"), path) == line


def test_a_table_that_is_written_after_its_children_has_its_own_line() -> None:
    assert line_of("[a.b]\nx = 1\n[a]\ny = 2\n", ("a",)) == 3


keys = st.text(alphabet="ab.#\"'= []\\{é\n", max_size=5)
values = st.recursive(
    st.integers(-5, 5) | st.booleans() | st.text(alphabet="ab#\"'\\\n[]{},=", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def paths_in(value: object, path: KeyPath = ()) -> list[KeyPath]:
    """Every path of a document, root left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[KeyPath] = []
    for key, below in items:
        found += [(*path, key), *paths_in(below, (*path, key))]
    return found


@given(document=st.dictionaries(keys, values, max_size=4), multiline=st.booleans())
def test_every_path_of_any_written_document_is_found_where_its_value_stands(
    document: dict[str, object], multiline: bool
) -> None:
    import tomli_w

    from repoint.tomlsource import _lines

    text = tomli_w.dumps(document, multiline_strings=multiline)
    parsed = parse_toml(text.encode(), "x.toml")
    lines = _lines(text)
    # The set is exact: a key read wrongly, or text taken for a key, would add or lose a path.
    assert set(lines) == set(paths_in(parsed))
    written = text.split("\n")
    for path, line in lines.items():
        assert 1 <= line <= len(written)
        if isinstance(path[-1], str) and path[-1].isalnum() and path[-1].isascii():
            assert path[-1] in written[line - 1]


def refusal(source: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_toml(source, "agents/refund/agent.toml")
    return caught.value


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        (b"a = 1\nb = \n", 2, 5, "not valid TOML: invalid value"),
        (b"a = 1\na = 2\n", 2, 6, "cannot overwrite a value"),
        (b'a = "x', 1, 7, "unterminated string at the end of the file"),
        (b"a = 1\nb", 2, 2, "expected '=' after a key"),
        (b"\xef\xbb\xbfa = 1\n", 1, 1, "byte order mark"),
        (b"a = 1\nb\xc3\xa9 = \xff\n", 2, 6, "not UTF-8: byte 0xff at offset 12"),
        (b'a = 1\nb = "\x00"\n', 2, 6, "NUL"),
        (b'a = 1\nb = "\x07"\n', 2, 6, "illegal character"),
        (b"a = 1\nb = " + b"9" * 5000, 2, 5, "number too long"),
        (b"a = 1\rb = 2", 1, 6, "not valid TOML"),
        (b"a = 1\nb = " + b"[" * 100 + b"]" * 100, 2, 1, "nested more than 64"),
        (b"a = " + b"[" * 100_000, 1, 1, "nested more than 64"),
        (b"a = 1\n" + b"a." * 200_000 + b"a = 1", 2, 1, "more than 64 dotted parts"),
        (b"[" + b'"a" . ' * 70 + b"b]", 1, 2, "more than 64 dotted parts"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_refusals_say_where(source: bytes, line: int, column: int, words: str) -> None:
    error = refusal(source)
    assert error.message.startswith(f"agents/refund/agent.toml:{line}:{column}: ")
    assert words in error.message
    assert error.kind == "invalid-toml"
    assert (error.facts["path"], error.facts["line"]) == ("agents/refund/agent.toml", line)


def test_depth_limit() -> None:
    for opening, closing in ((b"[", b"]"), (b"{a=", b"}")):
        assert parse_toml(b"a = " + opening * 62 + b"[1]" + closing * 62, "x")
        assert "nested more than 64" in refusal(b"a = " + opening * 63 + b"[1]" + closing * 63).message


def test_size_limit() -> None:
    fits = b"#" * MAX_BYTES
    assert parse_toml(fits, "x") == {}
    assert refusal(fits + b"#").kind == "toml-too-large"


@pytest.mark.parametrize(
    "source",
    [
        'a = "' + "a.b." * 100 + '"\n',
        "# " + "a.b." * 100 + "\n",
        "a = '''\n" + "a.b." * 100 + "\n'''\n",
        'a = """\n\\"""' + "a.b." * 100 + '\n"""""\n',
        "a." * 62 + "a = 1\n",
    ],
)
def test_dots_that_are_no_deep_key_are_accepted(source: str) -> None:
    assert "a" in parse_toml(source.encode(), "x") or source.startswith("#")


@given(st.binary(max_size=60) | st.text(alphabet="a.=[]{}\"'\\\n#,1 \r", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    try:
        parsed = parse_toml(source, "x")
    except InvalidInput:
        return
    for path in paths_in(parsed):
        assert line_of(source.decode(), path) >= 1
