"""The variables of a Jinja or Nunjucks template (Jinja, Template Designer Documentation; prompty's default)."""

from __future__ import annotations

import re
from collections.abc import Callable

from repoint.templatenames import LONGEST_TAG, Names, Template, end_of_tag

_TOKENS = (
    r'(?P<string>"(?:[^"\\]|\\.)*+"|' + r"'(?:[^'\\]|\\.)*+')"
    r"|(?P<name>[^\W\d]\w*+)|(?P<number>\d[\w.]*+)|(?P<sign>==|!=|<=|>=|\*\*|//|[^\s\w])"
)
_GIVEN = frozenset((
    "and", "or", "not", "in", "is", "if", "else", "recursive", "ignore", "missing", "with", "without", "context", "as",
    "import", "scoped", "required", "true", "false", "none", "True", "False", "None", "null", "undefined",
    "loop", "self", "super", "caller", "varargs", "kwargs", "range", "dict", "lipsum", "cycler", "joiner", "namespace",
    "_", "gettext", "ngettext", "raise_exception", "strftime_now",
))  # fmt: skip
"""Words of the language and names that Jinja, Nunjucks or the chat templates of Hugging Face define."""
_GUARDS = r"\|\s*(?:default|d)\b|\bis\s+(?:not\s+)?(?:un)?defined\b"
_SILENT = ("block", "raw", "verbatim", "break", "continue", "pluralize", "debug", "generation")

Token = tuple[str, str]
"""Kind (name, sign, string or number) and text."""


def jinja_template(text: str) -> Template:
    """The variables that the template reads and does not bind."""
    names = Names(text)
    at = 0
    opening = re.compile(r"\{[{%#]")
    while (found := opening.search(text, at)) is not None:
        start, kind = found.end(), found[0]
        end = text.find("#}", start) if kind == "{#" else end_of_tag(text, start, "}}" if kind == "{{" else "%}")
        if end < 0:
            names.open = True
            break
        at = end + 2
        inside = text[start:end].strip("-+ \t\r\n")
        if len(inside) > LONGEST_TAG:
            names.open = True
        elif kind == "{{":
            _expression(_tokens(inside), inside, names, found.start())
        elif kind == "{%":
            at = _statement(inside, names, text, found.start(), at)
    return names.template()


def _tokens(source: str) -> list[Token]:
    return [(each.lastgroup or "", each[0]) for each in re.finditer(_TOKENS, source)]


def _statement(source: str, names: Names, text: str, at: int, after: int) -> int:
    """Note what a ``{% ... %}`` tag reads and binds; where scanning goes on."""
    tokens = _tokens(source)
    if not tokens:
        return after
    word = tokens[0][1]
    if word in ("raw", "verbatim"):
        end = re.compile(rf"\{{%[-+]?\s*+end{word}\s*+[-+]?%\}}").search(text, after)
        return end.end() if end else len(text)
    if word.startswith("end") or word in _SILENT:
        return after
    bind = _BINDERS.get(word)
    if bind is not None:
        rest = bind(tokens[1:], names)
    elif word in ("if", "elif", "elseif", "else", "do", "print", "autoescape", "switch", "case", "default"):
        rest = tokens[1:]
    else:
        names.open = True
        return after
    _expression(rest, source, names, at)
    return after


def _expression(tokens: list[Token], source: str, names: Names, at: int) -> None:
    read = []
    for index, (kind, text) in enumerate(tokens):
        if kind != "name" or text in _GIVEN:
            continue
        before = tokens[index - 1][1] if index else ""
        earlier = tokens[index - 2][1] if index > 1 else ""
        following = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        if before in (".", "|") or before == "is" or (before == "not" and earlier == "is"):
            continue
        if following == "=" and before in ("(", ","):
            continue
        read.append(text)
    for name in read:
        names.use(name, at)
    if re.search(_GUARDS, source):
        names.guarded.update(read)


def _names_in(tokens: list[Token]) -> set[str]:
    return {
        text
        for index, (kind, text) in enumerate(tokens)
        if kind == "name" and (not index or tokens[index - 1][1] != ".")
    }


def _split(tokens: list[Token], word: str) -> tuple[list[Token], list[Token]]:
    for index, (_, text) in enumerate(tokens):
        if text == word:
            return tokens[:index], tokens[index + 1 :]
    return tokens, []


def _for(tokens: list[Token], names: Names) -> list[Token]:
    targets, rest = _split(tokens, "in")
    names.bound |= _names_in(targets)
    return rest


def _set(tokens: list[Token], names: Names) -> list[Token]:
    targets, rest = _split(tokens, "=")
    targets, filters = _split(targets, "|")
    names.bound |= _names_in(targets)
    return rest or ([("sign", "|"), *filters] if filters else [])


def _arguments(tokens: list[Token], names: Names) -> list[Token]:
    """``(a, b=expression)``: the names are bound, the expressions read; also ``a=expression, b=expression``."""
    rest: list[Token] = []
    depth, naming = 0, True
    for kind, text in tokens:
        depth += (text in "([{") - (text in ")]}") if kind == "sign" else 0
        if depth <= 1 and text in (",", "("):
            naming = True
        elif depth <= 1 and text == "=":
            naming = False
        elif naming and kind == "name":
            names.bound.add(text)
        elif not naming:
            rest.append((kind, text))
    return rest


def _macro(tokens: list[Token], names: Names) -> list[Token]:
    names.bound |= _names_in(tokens[:1])
    return _arguments(tokens[1:], names)


def _call(tokens: list[Token], names: Names) -> list[Token]:
    if not tokens or tokens[0][1] != "(":
        return tokens
    arguments, rest = _split(tokens, ")")
    _arguments(arguments, names)
    return rest


def _import(tokens: list[Token], names: Names) -> list[Token]:
    names.open = True
    source, alias = _split(tokens, "as")
    names.bound |= _names_in(alias)
    return source


def _from(tokens: list[Token], names: Names) -> list[Token]:
    names.open = True
    source, imported = _split(tokens, "import")
    names.bound |= _names_in(imported)
    return source


def _include(tokens: list[Token], names: Names) -> list[Token]:
    names.open = True
    return tokens


def _filter(tokens: list[Token], _: Names) -> list[Token]:
    return [("sign", "|"), *tokens]


_BINDERS: dict[str, Callable[[list[Token], Names], list[Token]]] = {
    "for": _for,
    "asyncEach": _for,
    "asyncAll": _for,
    "set": _set,
    "macro": _macro,
    "call": _call,
    "with": _arguments,
    "trans": _arguments,
    "import": _import,
    "from": _from,
    "include": _include,
    "extends": _include,
    "filter": _filter,
}
