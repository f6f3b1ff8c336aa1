"""The variables of a Handlebars or mustache template (Handlebars, Language Guide; dotprompt; mustache(5)).

Only names of the template's own data count: inside ``{{#each}}``, ``{{#with}}`` and blocks of unknown helpers a bare
name is a field of something else, and only ``../name`` or ``@root.name`` leads back out.
"""

from __future__ import annotations

import re

from repoint.templatenames import LONGEST_TAG, Names, Template, end_of_tag

_TOKENS = r'"[^"]*+"|' + r"'[^']*+'" + r"|[()|=]|(?:\[[^\]]*+\]|[^\s()|=\"'\[])++"
_LITERAL = r"(?:true|false|null|undefined|-?\d[\d.]*+|[\"'].*)"
_NO_CONTEXT = ("if", "unless", "ifEquals", "unlessEquals")
"""Blocks within which names mean what they mean outside."""
_HELPERS = ("history", "else", "this", ".")
"""What stands alone in braces and is no variable; ``history`` is dotprompt's."""


def handlebars_template(text: str, *, mustache: bool) -> Template:
    """The variables that the template reads from its data."""
    scanner = _Scanner(text, mustache=mustache)
    scanner.scan()
    return scanner.names.template()


class _Scanner:
    def __init__(self, text: str, *, mustache: bool) -> None:
        self.names = Names(text)
        self._text = text
        self._mustache = mustache
        self._blocks: list[bool] = []  # whether each open block changes what names mean
        self._depth = 0  # of the blocks that do
        self._tag = 0

    def scan(self) -> None:
        """Go through the template once."""
        at, opening = 0, re.compile(r"\{\{+")
        while (found := opening.search(self._text, at)) is not None:
            self._tag = found.start()
            at = self._next(found)
            if at < 0:
                self.names.open = True
                return

    def _next(self, found: re.Match[str]) -> int:
        """Note one tag; where scanning goes on, or -1 where the tag is not closed."""
        text, start = self._text, found.end()
        braces = len(found[0])
        if text.startswith("!--", start) or text.startswith("~!--", start):
            end = text.find("--", start + 4)
            end = text.find("}}", end) if end >= 0 else -1
            return end + 2 if end >= 0 else -1
        if text.startswith(("!", "~!"), start):
            end = text.find("}}", start)
            return end + 2 if end >= 0 else -1
        closing = "}" * min(braces, 3) if not self._mustache or braces < 4 else "}}"
        end = end_of_tag(text, start, closing)
        if end < 0:
            return -1
        if braces >= 4 and not self._mustache:  # a raw block
            end = text.find("{{{{/", end)
            return end + 5 if end >= 0 else -1
        if end - start > LONGEST_TAG:
            self.names.open = True
        elif self._mustache:
            self._mustache_tag(text[start:end])
        elif not self._is_escaped():
            self._handlebars_tag(text[start:end].strip("~ \t\r\n"))
        return end + len(closing)

    def _is_escaped(self) -> bool:
        """Whether the tag stands after one backslash; after two it is a tag again."""
        before = self._text[max(0, self._tag - 2) : self._tag]
        return before.endswith("\\") and before != "\\\\"

    def _open(self, other_context: bool) -> None:
        self._blocks.append(other_context)
        self._depth += other_context

    def _close(self) -> None:
        if self._blocks:
            self._depth -= self._blocks.pop()

    def _variable(self, path: str) -> None:
        """Note the path's first name where it is one of the template's own data."""
        if re.fullmatch(_LITERAL, path):
            return
        depth = self._depth
        if path.startswith("@root"):
            path, depth = path[len("@root") :].lstrip("./"), 0
        elif path.startswith("@"):
            return
        way = re.match(r"(?:\.\.?/|this[./])*+", path)
        if way is not None:
            depth -= way[0].count("../")
            path = path[way.end() :]
        name = re.match(r"\[([^\]]*)\]|[^./\[\]]+", path)
        if name is None or path in ("this", ".", "..") or not re.fullmatch(r"[^\W\d][\w-]*", name[1] or name[0]):
            return
        if depth <= 0:
            self.names.use(name[1] or name[0], self._tag)
        else:
            self.names.read.add(name[1] or name[0])

    def _handlebars_tag(self, inside: str) -> None:
        mark = inside[:1] if inside[:1] in ("#", "/", "^", ">", "&", "*") else ""
        tokens = re.findall(_TOKENS, inside[len(mark) :].lstrip("*~> "))
        if mark == "/":
            self._close()
        elif mark == ">" or inside.startswith(("#>", "#*", "*")):
            self.names.open = True
            self._arguments(tokens[1:])
            if mark == "#":
                self._open(True)
        elif mark in ("#", "^"):
            if tokens:
                self._arguments(tokens[1:])
                if len(tokens) == 1:  # a section as in mustache, or a helper: nobody needs to declare it, but may
                    self.names.read.add(re.split(r"[./]", tokens[0])[0])
                self._open(tokens[0] not in _NO_CONTEXT)
        elif tokens[:1] == ["else"]:
            self._arguments(tokens[2:])
        elif len(tokens) > 1 or tokens[:1] == ["("]:
            self._arguments(tokens if tokens[0] == "(" else tokens[1:])
        elif tokens and tokens[0] not in _HELPERS:
            self._variable(tokens[0])

    def _arguments(self, tokens: list[str]) -> None:
        """Arguments of a helper: paths, ``key=path``, ``(helper path)``, and ``as |names|`` that are bound."""
        if "|" in tokens:
            start = tokens.index("|")
            self.names.bound.update(each for each in tokens[start:] if each != "|")
            tokens = tokens[: start - 1]
        for index, each in enumerate(tokens):
            helper = index > 0 and tokens[index - 1] == "("
            key = tokens[index + 1 : index + 2] == ["="]
            if each not in ("(", ")", "=") and not helper and not key:
                self._variable(each)

    def _mustache_tag(self, inside: str) -> None:
        mark, name = inside[:1], inside[1:].strip()
        if mark == "/":
            self._close()
        elif mark in ("#", "^"):
            self._variable(name)
            self._open(mark == "#")
        elif mark in (">", "=", "<", "$"):
            self.names.open = True
        else:
            self._variable(name if mark == "&" else inside.strip())
