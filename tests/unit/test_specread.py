"""Structured documents are read as data, bounded whatever they hold, and every problem has its line."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from repoint.specproblem import Pointer
from repoint.specread import MAX_BYTES, Parsed, form_of, lines_of, parse

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)

OPENAPI_YAML = """\
openapi: 3.0.4
info: {title: Orders, version: "1.0"}
paths:
  /orders/{id}:
    get:
      responses:
        200:
          description: One order
        "404": {description: None such}
"""


def line_of(content: bytes, path: str, pointer: Pointer) -> int | None:
    return lines_of(content, path, [pointer])[pointer]


def problems(content: str | bytes, path: str) -> list[tuple[str, int | None, str]]:
    raw = content if isinstance(content, bytes) else content.encode()
    return [(each.rule, each.line, each.message) for each in parse(raw, path).problems]


def only_problem(content: str | bytes, path: str) -> tuple[str, int | None, str]:
    found = problems(content, path)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("path", "content", "form"),
    [
        ("integrations/payments.json", "", "json"),
        ("a/b.YAML", "", "yaml"),
        ("a/b.yml", "", "yaml"),
        ("config.toml", "", "toml"),
        ("examples.jsonl", "", "jsonl"),
        ("examples.ndjson", "", "jsonl"),
        ("chat.prompty", "system:\nhello", "front-matter"),
        ("chat.prompt", "hello", "front-matter"),
        ("system.md", "# Refund\n", "text"),
        ("system.md", "---\nname: refund\n---\nYou decide.\n", "front-matter"),
        ("system.md", "---\n# only a comment\n---\nYou decide.\n", "front-matter"),
        ("system.md", "---\nYou decide refund requests.\n---\n", "text"),
        ("system.md", "---\nname: refund\nnothing closes this\n", "text"),
        ("system.txt", '{"looks": "like JSON"}', "text"),
        ("spec", ' {"openapi": "3.1.0"}', "json"),
        ("spec", "openapi: 3.1.0\n", "yaml"),
        ("spec", "# ours\n\nswagger: '2.0'\n", "yaml"),
        ("spec", "An agent that decides.\n", "text"),
    ],
)
def test_form_by_name_then_by_content(path: str, content: str, form: str) -> None:
    assert form_of(path, content.encode()) == form


@given(JSON_VALUES)
def test_json_reads_as_it_was_written(value: object) -> None:
    text = json.dumps(value, indent=1).encode()
    assert parse(text, "a.json") == Parsed("json", value)


@given(JSON_VALUES)
def test_yaml_reads_what_a_yaml_writer_wrote(value: object) -> None:
    assert parse(json.dumps(value, ensure_ascii=True).encode(), "a.json").value == value
    text = yaml.safe_dump({"v": value}, allow_unicode=False).encode()
    assert parse(text, "a.yaml").problems == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("path", "text"), [("a.json", '{"größe": "ü"}'), ("a.yaml", "größe: ü\n"), ("a.toml", '"größe" = "ü"\n')]
)
def test_encodings(path: str, text: str, encoding: str) -> None:
    parsed = parse(text.encode(encoding), path)
    assert (parsed.value, parsed.problems) == ({"größe": "ü"}, ())


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("", None, "is empty"),
        ('{\n  "a": 1, // why\n}', 2, "JSON has no comments"),
        ('{\n  "a": 1 /* why */\n}', 2, "JSON has no comments"),
        ('{\n  "a": [1,\n 2,\n ]\n}', 4, "a comma before the closing bracket"),
        ('{\n  "a": 1,\n}', 3, "a comma before the closing bracket"),
        ("{'a': 1}", 1, "double quotes"),
        ('{"a": 1}\n{"a": 2}\n', 2, "named .jsonl"),
        ('{"a":\n NaN}', 2, "NaN is no JSON"),
        ('{"a": "NaN",\n "b": -Infinity}', 2, "-Infinity is no JSON"),
        ('{"a":\n\n "\\ud83d"}', 3, "half of a surrogate pair"),
        ('{"a": "\\ud83d\\ude00",\n "b": "\\udc00"}', 2, "half of a surrogate pair"),
        ('{"a":\n ' + "9" * 5000 + "}", 2, "too large"),
        ('{"a":\n 1e999}', 2, "too large"),
        ('{"a": "tab\there"}', 1, "U+0009"),
        ('{"a": "\0"}', 1, "U+0000"),
        ('{"a": {"b": 1}', 1, "ends too early"),
        ('{"a": "b', 1, "a quote is opened"),
        ("{\n<<<<<<< HEAD\n}", 2, "conflict"),
        (b'{"a": "\xff"}', 1, "not UTF-8 (byte 0xff)"),
    ],
)
def test_what_is_no_json_is_explained(content: str | bytes, line: int | None, says: str) -> None:
    rule, at, message = only_problem(content, "a.json")
    assert (rule, at) == ("spec-unparsable", line)
    assert says in message
    assert parse(content if isinstance(content, bytes) else content.encode(), "a.json").value is None


def test_big_integers_stay_exact() -> None:
    assert parse(b"[123456789012345678901234567890]", "a.json").value == [123456789012345678901234567890]


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("a.json", '{"a": 1,\n "b": 2,\n "a": 3}', 3),
        ("a.json", '{"x": [{"a" : 1,\n "b": 2,\n "\\u0061": 3}]}', 3),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", 3),
        ("a.yaml", "x:\n  - {a: 1,\n     a: 2}\n", 3),
        ("a.yaml", 'responses:\n  200: {}\n  "200": {}\n', 3),
        ("a.prompty", "---\nname: a\nsample: {}\nname: b\n---\nHi\n", 4),
        ("a.jsonl", '{"a": 1}\n\n{"a": 1, "a": 2}\n', 3),
    ],
)
def test_duplicate_keys_by_line(path: str, content: str, line: int) -> None:
    rule, at, message = only_problem(content, path)
    assert (rule, at) == ("duplicate-key", line)
    assert "stood on" in message
    assert parse(content.encode(), path).value is not None


@pytest.mark.parametrize(
    "content",
    ['{"text": "he said \\"a\\": b", "a": 1}', '{"a": {"a": {"a": 1}}}', '[{"a": 1}, {"a": 2}]', '{"a\\"": 1, "a": 2}'],
)
def test_no_duplicate_keys(content: str) -> None:
    assert parse(content.encode(), "a.json") == Parsed("json", json.loads(content))


@pytest.mark.parametrize("opening", ["[", "[[{", '{"a":', "- ", "- - ", "{a: ", "? [", '[{"a": [[', "a:\n b: ["])
@pytest.mark.parametrize("path", ["a.json", "a.yaml", "a.jsonl", "a.toml"])
def test_no_depth_brings_it_down(opening: str, path: str) -> None:
    parsed = parse((opening * 100_000).encode(), path)
    assert parsed.problems
    assert parsed.value is None or (isinstance(parsed.value, list) and set(parsed.value) == {None})


@pytest.mark.parametrize("path", ["a.json", "a.yaml"])
def test_depth_limit_is_exact(path: str) -> None:
    assert parse(b"[" * 64 + b"]" * 64, path).problems == ()
    assert only_problem("[\n" * 65 + "]" * 65, path)[:2] == ("spec-too-deep", 65)


def test_aliases_cannot_deepen_or_blow_up_a_document() -> None:
    deep = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40 + "\n"
    assert only_problem(deep, "a.yaml")[0] == "spec-too-deep"
    laughs = "l0: &l0 [ha, ha]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    rule, line, _ = only_problem(laughs, "a.yaml")
    assert (rule, line) == ("yaml-alias-bomb", 6)
    quadratic = f"a: &a [{'x, ' * 2000}]\nb: [{'*a, ' * 2000}]\n"
    assert only_problem(quadratic, "a.yaml")[0] == "yaml-alias-bomb"
    assert only_problem("a: &a [1, *a]\n", "a.yaml")[0] == "yaml-alias-bomb"
    long_text = f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 2000}]\n"
    assert only_problem(long_text, "a.yaml")[0] == "yaml-alias-bomb"


def test_honest_anchors_are_no_bomb() -> None:
    text = "e: &e {description: Bad request, content: {}}\n" + "".join(f"p{n}: {{400: *e}}\n" for n in range(5000))
    parsed = parse(text.encode(), "a.yaml")
    assert parsed.problems == ()
    assert isinstance(parsed.value, dict)
    assert parsed.value["p4999"] == {"400": {"description": "Bad request", "content": {}}}


def test_merge_keys() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  z: 5\n  <<: [*a, *b]\nd: {'<<': 1}\n"
    value = parse(text.encode(), "a.yaml").value
    assert isinstance(value, dict)
    assert value["c"] == {"z": 5, "x": 1, "y": 2}
    assert value["d"] == {"<<": 1}
    assert "<< must name" in only_problem("a: {<<: 3}\n", "a.yaml")[2]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("Off", "Off"), ("y", "y"), ("true", True), ("FALSE", False),
        ("~", None), ("null", None), ("", None), ("12", 12), ("-3", -3), ("+4", 4), ("0o17", 15), ("0x1F", 31),
        ("012", "012"), ("1_000", "1_000"), ("12:30:45", "12:30:45"), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0),
        ("1.", 1.0), ("2026-11-21", "2026-11-21"), ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"), (".inf", ".inf"),
        ("-.inf", "-.inf"), (".nan", ".nan"), ("1e999", "1e999"), ("3.1.0", "3.1.0"), ("'12'", "12"), ('"no"', "no"),
        ("!!str 12", "12"), ("! 12", "12"), ("!!int '12'", 12), ("v1", "v1"), ("-", [None]), ("+", "+"), ("0", 0),
        ("9" * 500, "9" * 500),
    ],
)  # fmt: skip
def test_core_schema_of_yaml_1_2(scalar: str, value: object) -> None:
    parsed = parse(f"v: {scalar}\n".encode() if scalar != "-" else b"v:\n- \n", "a.yaml")
    assert parsed == Parsed("yaml", {"v": value})
    assert type(parsed.value["v"]) is type(value)  # type: ignore[index]


def test_keys_are_texts_as_written() -> None:
    value = parse(b"200: a\ntrue: b\n~: c\n1.50: d\n2026-01-01: e\non: f\n", "a.yaml").value
    assert value == {"200": "a", "true": "b", "~": "c", "1.50": "d", "2026-01-01": "e", "on": "f"}


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("a:\n\t- 1\n", 2, "a tab in the indentation"),
        ("a: 1\n b: 2\n", 2, "a colon where no value can begin"),
        ("text: a: b\n", 1, "a colon where no value can begin"),
        ("a: [1, 2\nb: 3\n", 2, "not closed"),
        ('a: 1\nb: "open\n', 2, "a quote is opened here"),
        ("a: *nothing\n", 1, "names no anchor"),
        ("a: 1\n? [x, y]\n: 2\n", 2, "as a key"),
        ("a: @home\n", 1, "cannot begin with this character"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "python/object"),
        ("a: !Ref Bucket\n", 1, "!Ref"),
        ("a: 1\n\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n", 3, "conflict"),
        ("a: 1\nb: \0\n", 2, "U+0000"),
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
    ],
)
def test_what_is_no_yaml_is_explained(content: str, line: int | None, says: str) -> None:
    rule, at, message = only_problem(content, "a.yaml")
    assert (rule, at) == ("spec-unparsable", line)
    assert says in message


def test_streams_of_documents() -> None:
    assert parse(b"---\na: 1\n---\na: 2\n...\n", "a.yaml").value == [{"a": 1}, {"a": 2}]
    assert parse(b"---\na: 1\n---\n", "a.yaml").value == {"a": 1}
    assert line_of(b"---\na: 1\n---\nb: 1\na: 2\n", "a.yaml", (1, "a")) == 5
    assert parse(b"a: &x 1\n---\nb: *x\n", "a.yaml").problems[0].line == 3


def test_front_matter_and_body() -> None:
    parsed = parse(b"---\r\nname: basic\r\nsample:\r\n  q: 1\r\n---\r\nsystem:\r\nHi {{q}}\r\n", "a.prompty")
    assert (parsed.value, parsed.body, parsed.body_line) == (
        {"name": "basic", "sample": {"q": 1}}, "system:\r\nHi {{q}}\r\n", 6,
    )  # fmt: skip
    assert parse(b"Hi {{q}}\n", "a.prompt") == Parsed("front-matter", None, (), "Hi {{q}}\n", 1)
    assert parse(b"---\n---\nHi\n", "a.prompt") == Parsed("front-matter", {}, (), "Hi\n", 3)
    assert parse(b"---\nname: x\n---", "a.prompt").value == {"name": "x"}


def test_front_matter_that_cannot_be_read_leaves_its_body() -> None:
    parsed = parse(b"---\nname: a: b\n---\nHi\n", "a.prompty")
    assert (parsed.value, parsed.body, parsed.body_line, parsed.problems[0].line) == (None, "Hi\n", 4, 2)
    assert only_problem("---\nname: a\nHi\n", "a.prompty")[1:] == (
        1, "the front matter that --- opens here has no --- line that closes it",
    )  # fmt: skip
    assert only_problem("---\n- a\n---\nHi\n", "a.prompt")[1] == 2


def test_json_lines_keep_their_place() -> None:
    parsed = parse(b'{"a": 1}\n\n[2]\n{broken}\n"last"', "a.jsonl")
    assert parsed.value == [{"a": 1}, [2], None, "last"]
    assert [(each.rule, each.line) for each in parsed.problems] == [("spec-unparsable", 4)]
    assert line_of(b'{"a": 1}\n\n[2]\n', "a.jsonl", (1, 0)) == 3


def test_toml() -> None:
    assert parse(b"a = 2026-11-21\nb = inf\nc = [{d = 1.5}]\n", "a.toml").value == {
        "a": "2026-11-21", "b": "inf", "c": [{"d": 1.5}],
    }  # fmt: skip
    assert only_problem("a = 1\na = 2\n", "a.toml")[1] == 2
    assert line_of(b"a = 1\n[b]\nc = 2\n", "a.toml", ("b", "c")) == 3
    assert only_problem(b"#" * (1024 * 1024 + 1), "a.toml")[0] == "spec-too-large"


def test_too_large_is_not_looked_into() -> None:
    content = b'"' + b"a" * MAX_BYTES + b'"'
    assert parse(content, "a.json").problems[0].rule == "spec-too-large"
    assert parse(content[:-3] + b'"', "a.json").problems == ()


@pytest.mark.parametrize("path", ["a.json", "a.yaml"])
def test_lines_of_places(path: str) -> None:
    text = OPENAPI_YAML if path == "a.yaml" else json.dumps(parse(OPENAPI_YAML.encode(), "a.yaml").value, indent=2)
    status = ("paths", "/orders/{id}", "get", "responses", "404")
    missing = (*status, "content", "application/json")
    found = lines_of(text.encode(), path, [status, missing, (), ("info", "title")])
    lines = text.split("\n")
    assert '"404"' in lines[(found[status] or 0) - 1]
    assert found[missing] == found[status]
    assert found[()] == 1
    assert "title" in lines[(found["info", "title"] or 0) - 1]


def test_lines_in_lists_and_by_text_index() -> None:
    text = b'{"tools": [\n {"name": "a"},\n {"name": "b"}]}'
    assert [line_of(text, "a.json", ("tools", 1, "name")), line_of(text, "a.json", ("tools", "1", "name"))] == [3, 3]
    assert line_of(b"tools:\n- name: a\n- name: b\n", "a.yaml", ("tools", 1, "name")) == 3


def test_lines_of_what_cannot_be_read() -> None:
    assert line_of(b"{", "a.json", ("a",)) is None
    assert line_of(b"\xff", "a.yaml", ("a",)) is None
    assert line_of(b"some text", "a.md", ("a",)) is None


@given(st.binary(max_size=60), st.sampled_from(["a.json", "a.yaml", "a.toml", "a.jsonl", "a.prompty", "a.md", "a"]))
def test_nothing_raises(content: bytes, path: str) -> None:
    parsed = parse(content, path)
    line_of(content, path, ("a", 0))
    assert parsed.value is not None or parsed.problems or parsed.form in ("text", "front-matter", "json", "yaml")


@given(st.text(alphabet="{}[]:,&*-?!|>'\"\\ \n\tab01#%@`~<", max_size=40))
def test_nothing_raises_on_what_looks_like_yaml(text: str) -> None:
    parse(text.encode(), "a.yaml")
    parse(("---\n" + text + "\n---\n").encode(), "a.prompty")


def test_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = parse(OPENAPI_YAML.encode(), "a.yaml")
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert parse(OPENAPI_YAML.encode(), "a.yaml") == fast
    assert only_problem("a: 1\na: 2\n", "a.yaml")[:2] == ("duplicate-key", 2)
    assert only_problem("a:\n\t- 1\n", "a.yaml")[:2] == ("spec-unparsable", 2)
    assert only_problem("- " * 200_000, "a.yaml")[0] == "spec-too-deep"
    assert "without libyaml" in only_problem("#" * 600_000, "a.yaml")[2]
