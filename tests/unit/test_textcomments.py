"""What a renderer leaves out of a template, and what it does not."""

from __future__ import annotations

import pytest

from repoint.textcomments import CommentSyntax, comment_syntax_of, without_comments


@pytest.mark.parametrize(
    ("path", "syntax"),
    [
        ("prompts/system.j2", "jinja"),
        ("a.b/system.md.JINJA2", "jinja"),
        ("x.prompty", "jinja"),
        ("x.prompt", "handlebars"),
        ("x.hbs", "handlebars"),
        ("x.mustache", "mustache"),
        ("x.md", None),
        ("x.txt", None),
        ("folder.j2/README", None),
        ("jinja", None),
    ],
)
def test_syntax_of_a_path(path: str, syntax: CommentSyntax | None) -> None:
    assert comment_syntax_of(path) == syntax


@pytest.mark.parametrize(
    ("syntax", "text", "rendered"),
    [
        ("jinja", "a {# x #} b", "a  b"),
        ("jinja", "a{# x #}b", "ab"),
        ("jinja", "a {#- x -#} b", "ab"),
        ("jinja", "a\n{# two\nlines #}\nb", "a\n\nb"),
        ("jinja", "{# {{ name }} {# #}c", "c"),
        ("jinja", '{{ "{# no #}" }}', '{{ "{# no #}" }}'),
        ("jinja", "{{ '}} {# no #}' }}{# yes #}", "{{ '}} {# no #}' }}"),
        ("jinja", "{% raw %}{# no #}{% endraw %}{# yes #}", "{% raw %}{# no #}{% endraw %}"),
        ("jinja", "{# open", "{# open"),
        ("jinja", "{##}", ""),
        ("jinja", "<!-- a model reads this -->", "<!-- a model reads this -->"),
        ("handlebars", "a {{! x }} b", "a  b"),
        ("handlebars", "a {{!-- {{x}} --}} b", "a  b"),
        ("handlebars", "a {{~! x ~}} b", "ab"),
        ("handlebars", "a {{~!-- x --~}} b", "ab"),
        ("handlebars", r"\{{! shown }} {{! not }}", r"\{{! shown }} "),
        ("handlebars", "{{{{raw}}}}{{! shown }}{{{{/raw}}}}{{! not }}", "{{{{raw}}}}{{! shown }}{{{{/raw}}}}"),
        ("handlebars", "{{!-- open }}", "{{!-- open }}"),
        ("mustache", "a {{! x }} b", "a  b"),
        ("mustache", "{{!-- {{x}} --}}", " --}}"),
        ("mustache", "{{=<% %>=}} {{! shown }}", "{{=<% %>=}} {{! shown }}"),
    ],
)
def test_without_comments(syntax: CommentSyntax, text: str, rendered: str) -> None:
    assert without_comments(text, syntax) == rendered


@pytest.mark.parametrize("syntax", ["jinja", "handlebars", "mustache"])
@pytest.mark.parametrize("part", ["{#", "{{!", "{{!--", "{{ '", "\\'", "{{ \\' ", "{{{{", "{% raw", "{{~! ", "--", " "])
def test_hostile_templates_take_linear_time(syntax: CommentSyntax, part: str) -> None:
    text = "{{ " + part * 100_000
    assert len(without_comments(text, syntax)) <= len(text)
