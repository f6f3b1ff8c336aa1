"""Structured documents (specs, structured prompts, examples) -> plain values, safely and fast; never an exception.

This is where documents from outside are read for comparing and linting. What is read is what JSON can hold: objects
with text keys, arrays, texts, numbers, true, false, null. Everything is linear in the size, nothing is fetched or run,
and reading is bounded in bytes, nesting and expansion, so that whoever walks a value afterwards needs no limits of
their own. Values may share parts (YAML aliases): do not change them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

import msgspec

from repoint.specproblem import (
    MAX_BYTES,
    Pointer,
    ReadProblem,
    Unreadable,
    text_of,
    too_deep,
    too_large,
    unreadable,
)

__all__ = ["MAX_BYTES", "Form", "Parsed", "ReadProblem", "form_of", "lines_of", "parse"]

Form = Literal["json", "yaml", "toml", "jsonl", "front-matter", "text"]

_BY_ENDING: dict[str, Form] = {
    "json": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "toml": "toml",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "prompty": "front-matter",
    "prompt": "front-matter",
}
_PROSE = (
    "md",
    "mdx",
    "markdown",
    "txt",
    "text",
    "j2",
    "jinja",
    "jinja2",
    "hbs",
    "handlebars",
    "mustache",
    "tmpl",
    "rst",
)
_HEAD = 4096
_FRONT = r"---[ \t]*\r?\n"
_FRONT_END = r"(?m)^---[ \t]*\r?$\n?"
_COMMENTS = r"(?:[ \t]*(?:#[^\n]*+)?\n)*+"
_FIRST_KEY = rf"{_COMMENTS}[\"']?[A-Za-z_$][\w$.-]*+[\"']?[ \t]*+:(?:[ \t\r\n]|$)"
_YAML_START = rf"(?:%YAML|---[ \t]*+(?:\n|$)|{_COMMENTS}(?:openapi|swagger|tools|\$schema|type|name)[ \t]*+:[ \t\r\n])"


class Parsed(msgspec.Struct, frozen=True):
    """A document as read.

    Front matter: ``value`` is the front matter (None where there is none), ``body`` the text after it, whose first line
    is ``body_line``. Text: all of it is ``body``. JSON Lines: ``value`` is the list of the lines' values, None standing
    for a line that cannot be read. A YAML stream of several documents is their list. ``value`` is None and there are
    ``problems`` where the document cannot be read; problems beside a value are what could be read over.
    """

    form: Form
    value: object
    problems: tuple[ReadProblem, ...] = ()
    body: str = ""
    body_line: int = 1


def form_of(path: str, content: bytes) -> Form:
    """What kind of document it is: by the name's ending, else by how it begins."""
    ending = path.rpartition("/")[2].rpartition(".")[2].lower()
    if (known := _BY_ENDING.get(ending)) is not None:
        return known
    try:
        head = text_of(content[:_HEAD] if len(content) <= _HEAD else content[: content.rfind(b"\n", 0, _HEAD) + 1])
    except Unreadable:
        return "text"
    if re.match(_FRONT, head) and _has_front_matter(content):
        return "front-matter"
    return "text" if ending in _PROSE else _form_by_start(head)


def parse(content: bytes, path: str, *, form: Form | None = None) -> Parsed:
    """Read a document; ``form`` overrides what its name says."""
    form = form or form_of(path, content)
    if form != "text" and len(content) > MAX_BYTES:
        return Parsed(form, None, (too_large(len(content), MAX_BYTES),))
    try:
        return _READERS[form](content)
    except Unreadable as error:
        return _unread(form, content, error.problem)


def lines_of(
    content: bytes, path: str, pointers: Collection[Pointer], *, form: Form | None = None
) -> dict[Pointer, int | None]:
    """The lines of several places, from 1, found in one pass.

    Of a place that is missing it is the line of the nearest thing around it; None where even that is not known.
    """
    try:
        found = _located(content, form or form_of(path, content), pointers)
    except (Unreadable, ValueError, IndexError, RecursionError):
        found = {}
    return {pointer: _nearest(found, pointer) for pointer in pointers}


def _nearest(found: dict[Pointer, int], pointer: Pointer) -> int | None:
    for length in range(len(pointer), 0, -1):
        if (line := found.get(pointer[:length])) is not None:
            return line
    return found.get(())


def _has_front_matter(content: bytes) -> bool:
    """A ``---`` line, something that begins with a key (or nothing), and a ``---`` line; not just two rules."""
    text = text_of(content)
    start = re.match(_FRONT, text)
    if start is None or (end := re.compile(_FRONT_END).search(text, start.end())) is None:
        return False
    inner = text[start.end() : end.start()]
    return re.match(_FIRST_KEY, inner) is not None or re.fullmatch(_COMMENTS, inner) is not None


def _form_by_start(head: str) -> Form:
    if head.lstrip()[:1] in ("{", "["):
        return "json"
    return "yaml" if re.match(_YAML_START, head) else "text"


def _unread(form: Form, content: bytes, problem: ReadProblem) -> Parsed:
    """An unreadable document; the text after front matter that cannot be read is still there."""
    if form == "front-matter":
        try:
            _, body, line = _split(content)
        except Unreadable:
            return Parsed(form, None, (problem,), content.decode("utf-8", "replace"))
        return Parsed(form, None, (problem,), body, line)
    return Parsed(form, None, (problem,))


def _json(content: bytes) -> Parsed:
    from repoint.specjson import read_json

    return Parsed("json", *read_json(content))


def _jsonl(content: bytes) -> Parsed:
    from repoint.specjson import read_json_lines

    return Parsed("jsonl", *read_json_lines(content))


def _yaml(content: bytes) -> Parsed:
    from repoint.specyaml import read_yaml

    documents, problems = read_yaml(text_of(content))
    if not documents:
        raise unreadable(None, "is empty")
    return Parsed("yaml", documents[0] if len(documents) == 1 else documents, problems)


def _toml(content: bytes) -> Parsed:
    from repoint.errors import InvalidInput
    from repoint.tomlsource import parse_toml

    try:
        return Parsed("toml", _plain(parse_toml(text_of(content).encode(), "")))
    except InvalidInput as error:
        line = error.facts.get("line")
        message = re.sub(r"^:(?:\d+:\d+:)? ", "", error.message)
        if error.kind == "toml-too-large":
            raise Unreadable(ReadProblem("spec-too-large", None, message)) from error
        if "levels deep" in message or "dotted parts" in message:
            raise too_deep(line if isinstance(line, int) else None) from error
        raise unreadable(line if isinstance(line, int) else None, message) from error


def _plain(value: object) -> object:
    """A TOML value as JSON can hold it: dates, times, inf and nan as text. Its depth is bounded."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _front_matter(content: bytes) -> Parsed:
    front, body, line = _split(content)
    if front is None:
        return Parsed("front-matter", None, (), body, line)
    from repoint.specyaml import read_yaml

    documents, problems = read_yaml(front, first_line=2)
    value = documents[0] if documents else {}
    if not isinstance(value, dict):
        raise unreadable(2, "the front matter is no list of keys and values")
    return Parsed("front-matter", value, problems, body, line)


def _split(content: bytes) -> tuple[str | None, str, int]:
    """Front matter, the text after it, and the line on which that begins. Raises: Unreadable."""
    text = text_of(content)
    start = re.match(_FRONT, text)
    if start is None:
        return None, text, 1
    end = re.compile(_FRONT_END).search(text, start.end())
    if end is None:
        raise unreadable(1, "the front matter that --- opens here has no --- line that closes it")
    return text[start.end() : end.start()], text[end.end() :], text.count("\n", 0, end.end()) + 1


def _text(content: bytes) -> Parsed:
    return Parsed("text", None, (), text_of(content))


_READERS = {
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "jsonl": _jsonl,
    "front-matter": _front_matter,
    "text": _text,
}


def _located(content: bytes, form: Form, pointers: Collection[Pointer]) -> dict[Pointer, int]:
    text = text_of(content)
    if form == "json":
        from repoint.specjson import locate_json

        return {(): 1} | locate_json(text, pointers)
    if form == "jsonl":
        return _located_lines(text, pointers)
    if form == "yaml":
        return _located_yaml(text, pointers, 1)
    if form == "front-matter":
        front, _, _ = _split(content)
        return {} if front is None else _located_yaml(front, pointers, 2)
    if form == "toml":
        from repoint.tomlsource import line_of as toml_line

        return {pointer: toml_line(text, pointer) for pointer in pointers}
    return {}


def _located_lines(text: str, pointers: Collection[Pointer]) -> dict[Pointer, int]:
    from repoint.specjson import json_lines

    lines = json_lines(text.encode())
    known = {each[:1] for each in pointers if each and isinstance(each[0], int) and 0 <= each[0] < len(lines)}
    return {each: lines[int(each[0])] for each in known}


def _located_yaml(text: str, pointers: Collection[Pointer], first_line: int) -> dict[Pointer, int]:
    from repoint.yamllines import locate_yaml

    return {(): first_line} | locate_yaml(text, pointers, first_line)
