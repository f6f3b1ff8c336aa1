"""Which variables a prompt's template takes from outside, for the languages that prompts are written in.

No template is rendered and no engine is loaded: a template is scanned once, linearly, for the names that it reads. In
doubt a name is not reported, since a lint that cries wolf is switched off: a name bound anywhere in the template counts
as bound everywhere, fields of a loop's element are nobody's business, and what is tested with ``is defined`` or has a
``default`` may be missing.
"""

from __future__ import annotations

import re
from typing import Literal

from repoint.templatenames import Names, Template

Language = Literal["jinja", "handlebars", "mustache", "f-string", "jinja or mustache", "simple"]
"""``simple``: nobody says which; ``{{ name }}`` alone is common to all but f-strings."""

_SECTIONS = r"\{\{~?[#/>^]"


def analyse(text: str, language: Language) -> Template:
    """The variables of a template."""
    if language == "f-string":
        return _f_string(text)
    if language == "jinja or mustache":
        language = "mustache" if "{%" not in text and re.search(_SECTIONS, text) else "jinja"
    if language == "simple":
        if "{%" not in text and not re.search(_SECTIONS, text):
            return _simple(text)
        language = "jinja" if "{%" in text else "handlebars"
    if language == "jinja":
        from repoint.jinjavariables import jinja_template

        return jinja_template(text)
    from repoint.handlebarsvariables import handlebars_template

    return handlebars_template(text, mustache=language == "mustache")


def _simple(text: str) -> Template:
    names = Names(text)
    for found in re.finditer(r"\{\{[ \t]*+([A-Za-z_]\w*+)[\w.]*+[ \t]*+\}\}", text):
        names.use(found[1], found.start())
    return names.template()


def _f_string(text: str) -> Template:
    """Python's format strings: ``{name}``, ``{name.part}``, ``{name!r:>{width}}``; ``{{`` and ``}}`` are braces."""
    names = Names(text)
    for found in re.finditer(r"\{\{|\}\}|\{([^{}:]*+(?::[^{}]*+(?=[{}])|(?=\})))", text):
        if found[1] is None:
            continue
        name = re.match(r"[A-Za-z_]\w*+(?=[.\[!:]|$)", found[1])
        if name is not None:
            names.use(name[0], found.start())
    return names.template()
