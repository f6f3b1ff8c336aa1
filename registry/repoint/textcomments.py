"""What a template's renderer leaves out before a model sees the text: comments, so that a change of them is known.

Only formats whose comments never reach a model have a syntax here. Markdown and plain text have none: an HTML comment
is sent with the rest, and a model reads it. YAML and TOML comments stand in front matter, which is compared by
structure.

The text is stripped as its renderer would (Jinja, "Template Designer Documentation": Comments, Whitespace Control,
Escaping; Handlebars, "Template comments" and "Whitespace control"; mustache(5), Comments and Set Delimiter), so
``a{# x #}b`` is the word ``ab`` and ``a {# x #} b`` stays two words. A comment that is not closed is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

CommentSyntax = Literal["jinja", "handlebars", "mustache"]

_BY_SUFFIX: dict[str, CommentSyntax] = {
    "j2": "jinja", "jinja": "jinja", "jinja2": "jinja", "prompty": "jinja",
    "prompt": "handlebars", "hbs": "handlebars", "handlebars": "handlebars",
    "mustache": "mustache",
}  # fmt: skip

_OPENERS: dict[CommentSyntax, str] = {
    "jinja": r"\{#|\{\{|\{%",
    "handlebars": r"\\+\{\{|\{\{\{\{|\{\{~?!",
    "mustache": r"\{\{[!=]",
}
_RAW = r"\{%[-+]?\s*raw\s*[-+]?%\}"
_END_RAW = r"\{%[-+]?\s*endraw\s*[-+]?%\}"


def comment_syntax_of(path: str) -> CommentSyntax | None:
    """How comments are written in a file, by the last part of its name; None where everything in it reaches a model."""
    name = path.rpartition("/")[2].lower()
    return _BY_SUFFIX.get(name.rpartition(".")[2]) if "." in name else None


def without_comments(text: str, syntax: CommentSyntax) -> str:
    """The text as the renderer would pass it on, comments and the white space that they swallow left out. Linear."""
    kept: list[str] = []
    at = 0
    for start, end, trims_before, trims_after in _comments(text, syntax):
        part = text[at:start]
        kept.append(part.rstrip() if trims_before else part)
        at = end
        while trims_after and at < len(text) and text[at].isspace():
            at += 1
    return text if not at else "".join(kept) + text[at:]


Comment = tuple[int, int, bool, bool]
"""Where it begins and ends, and whether white space before and after it goes too."""


def _comments(text: str, syntax: CommentSyntax) -> Iterator[Comment]:
    opener = re.compile(_OPENERS[syntax])
    at = 0
    while found := opener.search(text, at):
        begin, mark = found.start(), found.group()
        if syntax == "jinja" and mark != "{#":
            at = _after_tag(text, begin, mark)
        elif syntax == "handlebars" and not mark.endswith("!"):
            at = _after_literal(text, found)
        elif mark == "{{=":
            return
        else:
            comment = _comment(text, begin, syntax)
            if comment is None:
                return
            yield comment
            at = comment[1]


def _comment(text: str, begin: int, syntax: CommentSyntax) -> Comment | None:
    """The comment that begins there; None if it is not closed."""
    before = syntax == "handlebars" and text.startswith("~", begin + 2)
    body = begin + 2 + before
    close = "#}" if syntax == "jinja" else "}}"
    dashed = syntax == "handlebars" and text.startswith("!--", body)
    end = text.find("--", body + 3) if dashed else text.find(close, body)
    while dashed and end >= 0 and not text.startswith(("}}", "~}}"), end + 2):
        end = text.find("--", end + 1)
    if end < 0:
        return None
    if dashed:
        after = text.startswith("~", end + 2)
        return begin, end + 4 + after, before, after
    if syntax == "jinja":
        return begin, end + 2, text.startswith("-", body), end > body and text[end - 1] == "-"
    return begin, end + 2, before, syntax == "handlebars" and text[end - 1] == "~"


def _after_tag(text: str, begin: int, mark: str) -> int:
    """Past a Jinja expression or statement, whose strings may hold ``{#``; past all of a raw block."""
    if mark == "{%" and (raw := re.compile(_RAW).match(text, begin)):
        end_raw = re.compile(_END_RAW).search(text, raw.end())
        return end_raw.end() if end_raw else len(text)
    inside = re.compile(r"\}\}|%\}|\\.|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'", re.DOTALL)
    close = "}}" if mark == "{{" else "%}"
    at = begin + 2
    while found := inside.search(text, at):
        at = found.end()
        if found.group() == close:
            return at
    return len(text)


def _after_literal(text: str, found: re.Match[str]) -> int:
    r"""Past ``\{{`` (an escaped mustache; two backslashes are a backslash and a mustache) and past a raw block."""
    mark = found.group()
    if mark.startswith("{"):
        closing = text.find("{{{{/", found.end())
        end = text.find("}}}}", closing) if closing >= 0 else -1
        return end + 4 if end >= 0 else len(text)
    return found.end() - 2 if len(mark) > 3 else found.end()
