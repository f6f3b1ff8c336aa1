"""The variables of prompts: every name that must be filled from outside, and none besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.templateinputs import config_variables, declared_inputs, example_variables, language_of
from repoint.templates import Language, analyse


def needed(text: str, language: Language = "jinja") -> list[str]:
    return [use.name for use in analyse(text, language).needed]


SHOP = """\
system:
You help {{ customer.first_name | title }} of {{shop}}.
{# not {{ this }} #}
{% set greeting = "Dear " ~ customer.first_name %}
{% for item in order["lines"] if item.price > limit recursive %}
  {{ loop.index }}. {{ item.title }} at {{ item.price | round(digits) }} {{ greeting }}
{%- else -%}
  nothing for {{ customer.id }}
{%- endfor %}
{% macro row(label, value=fallback) -%} {{ label }}: {{ value }} {%- endmacro %}
{{ row(label="Total", value=total) }}
{% if tone is defined and tone == "formal" %}{{ tone }}{% elif not urgent %}{{ note | default("none") }}{% endif %}
{% raw %}{{ shown_as_it_is }} {% if x %}{% endraw %}
{% with short = summary[:80], n = 3 %}{{ short }}{{ n }}{% endwith %}
{% filter upper %}{{ closing }}{% endfilter %}
{{ "{{ in_text }}" }} {{ 'a.b' in tags }} {{ {"k": kv}["k"] }} {{ range(count) | list | join(", ") }}
{% call(user) listing() %}{{ user.name }}{% endcall %}
{% set block_text %}Hello {{ inner }}{% endset %}{{ block_text }}
{% block body scoped %}{{ body_text }}{% endblock body %}
{{ a if b else c }} {{ x.y.z(w=v, *rest, **more) }} {{ not_true and true or None }}
"""


def test_jinja_reads_what_nothing_binds() -> None:
    assert needed(SHOP) == [
        "customer", "shop", "order", "limit", "digits", "fallback", "total", "urgent", "summary", "closing", "tags",
        "kv", "count", "listing", "inner", "body_text", "a", "b", "c", "x", "v", "rest", "more", "not_true",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}}{{ b }}{{-c-}}{{+ d +}}", ["a", "b", "c", "d"]),
        ("{% for k, v in data.items() %}{{k}}={{v}}{% endfor %}", ["data"]),
        ("{% for (a, (b, c)) in rows %}{{a}}{{b}}{{c}}{% endfor %}", ["rows"]),
        ("{% set ns = namespace(found=start) %}{% set ns.found = end %}{{ ns.found }}", ["start", "end"]),
        ("{% set a, b = pair %}{{a}}{{b}}", ["pair"]),
        ("{{ x is divisibleby 3 }}{{ y is not mapping }}{{ z is sameas(other) }}", ["x", "y", "z", "other"]),
        ("{{ missing is not defined }}{{ missing }}{{ d | d('x') }}", []),
        ("{{ '}}' }}{{ name }}", ["name"]),
        ('{{ "it\'s" ~ name }}', ["name"]),
        ("{{ größe }}", ["größe"]),
        ("{{ messages[0]['content'] }}{{ raise_exception('no') }}", ["messages"]),
        ("{% trans count=items|length %}{{ count }} of {{ who }}{% endtrans %}", ["items", "who"]),
        ("{{ open", []),
        ("{% for x in %}", []),
        ("no template at all: {name} {{}} {% %} {##}", []),
    ],
)
def test_jinja(text: str, names: list[str]) -> None:
    assert needed(text) == names


@pytest.mark.parametrize(
    "text", ["{% include 'a.j2' %}", "{% from 'm.j2' import f as g %}{{ g() }}", "{% import 'm.j2' as m %}{{ m.f() }}"]
)
def test_jinja_that_pulls_in_more_is_open(text: str) -> None:
    template = analyse(text, "jinja")
    assert (template.open, template.needed) == (True, ())


DOTPROMPT = """\
{{role "system"}}
{{! a comment {{not}} }}{{!-- {{nor}} this --}}
You are {{persona.name}} in {{[shop name]}}.
{{#each items as |item idx|}}{{@index}} {{item.title}} {{idx}} {{this}} {{price}} {{../currency}}
{{@root.locale}}{{/each}}
{{#if premium}}{{discount}}{{else if trial}}{{days}}{{else}}{{price}}{{/if}}
{{#unless quiet}}{{media url=photo contentType="image/png"}}{{/unless}}
{{#with customer}}{{name}} {{#each orders}}{{id}} {{../../region}} {{../id}}{{/each}}{{/with}}
{{history}} {{json payload indent=2}} {{section "code"}} {{> footer text=foot}}
{{#ifEquals mode "fast"}}{{speed}}{{/ifEquals}} {{{unescaped}}} \\{{literal}} {{~trimmed~}} {{lookup table key}}
{{formatDate (addDays start 3) style=short}} {{@auth.uid}} {{true}} {{12}} {{"text"}} {{./here}} {{this.there}}
"""


def test_handlebars_reads_the_data_of_the_template() -> None:
    assert needed(DOTPROMPT, "handlebars") == [
        "persona", "items", "currency", "locale", "premium", "discount", "trial", "days", "price", "quiet", "photo",
        "customer", "region", "payload", "foot", "mode", "speed", "unescaped", "trimmed", "table", "key", "start",
        "short", "here", "there",
    ]  # fmt: skip
    assert analyse(DOTPROMPT, "handlebars").open


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}}{{#b}}{{c}}{{/b}}{{^d}}{{e}}{{/d}}{{&f}}{{{g}}}{{! h }}{{.}}", ["a", "b", "d", "e", "f", "g"]),
        ("{{ person.name }}{{#list}}{{.}}{{/list}}", ["person", "list"]),
        ("{{=<% %>=}}<% a %>", []),
    ],
)
def test_mustache(text: str, names: list[str]) -> None:
    assert needed(text, "mustache") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hello {name}, {user.id!r:>8} {rows[0]} {{literal}} {{{inner}}}", ["name", "user", "rows", "inner"]),
        ('{"json": 1} {0} {} { spaced }', []),
    ],
)
def test_f_string(text: str, names: list[str]) -> None:
    assert needed(text, "f-string") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hi {{ name }} of {{shop.city}} {{ not a name }} {{$sk}} {json}", ["name", "shop"]),
        ("{% for x in xs %}{{ x }}{% endfor %}", ["xs"]),
        ("{{#each xs}}{{this}}{{y}}{{/each}}", ["xs"]),
    ],
)
def test_undeclared_language_is_taken_from_its_marks(text: str, names: list[str]) -> None:
    assert needed(text, "simple") == names


def test_prompty_is_jinja_unless_it_has_sections() -> None:
    assert needed("{{ x is defined }}{{ y }}", "jinja or mustache") == ["y"]
    assert needed("{{#rows}}{{title}}{{/rows}}{{ y }}", "jinja or mustache") == ["rows", "y"]


def test_lines_are_those_of_the_first_use() -> None:
    text = "one\n{{ a }}\n{# x\n #}{% if b\n and c %}{{ a }}{% endif %}\n{{ d }}"
    assert [(use.name, use.line) for use in analyse(text, "jinja").needed] == [("a", 2), ("b", 4), ("c", 4), ("d", 6)]
    assert [(use.name, use.line) for use in analyse("\n{{x}}\n\n{{#if y}}{{/if}}", "handlebars").needed] == [
        ("x", 2),
        ("y", 4),
    ]


@given(
    st.text(alphabet="{}%#/^>!&=~\\.@|()[]'\"abx \n-"),
    st.sampled_from(["jinja", "handlebars", "mustache", "f-string", "simple"]),
)
def test_nothing_raises(text: str, language: Language) -> None:
    analyse(text, language)


@pytest.mark.parametrize(
    "piece", ["{{", "{{ x", "{{ '", "{%", "{#", "{{!--", "{{#each x}}", "{{../", "\\", "{{{{x}}}}", "{", "( ", "{{x}}"]
)
@pytest.mark.parametrize("language", ["jinja", "handlebars", "mustache", "f-string", "simple"])
def test_long_templates_take_no_time_in_the_square_of_their_length(piece: str, language: Language) -> None:
    """100,000 pieces: a quadratic scan would need an hour, not a second."""
    analyse(piece * 100_000, language)


@pytest.mark.parametrize(
    ("path", "front", "language"),
    [
        ("a.prompty", {}, "jinja or mustache"),
        ("a.prompty", {"template": "jinja2"}, "jinja"),
        ("a.prompty", {"template": {"format": {"kind": "mustache"}, "parser": {"kind": "prompty"}}}, "mustache"),
        ("a.prompty", {"template": {"type": "nunjucks"}}, "jinja"),
        ("a.prompt", None, "handlebars"),
        ("prompts/system.md.j2", None, "jinja"),
        ("a.hbs", None, "handlebars"),
        ("a.mustache", None, "mustache"),
        ("a.yaml", {"template_format": "f-string", "template": "Hi {x}"}, "f-string"),
        ("a.yaml", {"template_format": "semantic-kernel"}, None),
        ("a.md", None, "simple"),
        ("a.py", None, None),
    ],
)
def test_language_of(path: str, front: object, language: Language | None) -> None:
    assert language_of(path, front) == language


@pytest.mark.parametrize(
    ("front", "inputs", "known", "open_ended"),
    [
        ({"sample": {"q": 1}}, [], ["q"], False),
        ({"inputs": {"q": {"type": "string"}}, "sample": {"r": 1}}, ["q"], ["r"], False),
        ({"inputs": [{"name": "q", "kind": "string"}, {"name": "h", "kind": "thread"}, "s"]}, ["q", "s"], ["h"], False),
        ({"inputSchema": {"properties": [{"name": "q"}, {"name": "h", "kind": "thread"}]}}, ["q"], ["h"], False),
        ({"sample": "${file:sample.json}"}, [], [], True),
        (
            {"input": {"schema": {"q": "string", "tags?(array, why)": "string"}, "default": {"r": 1}}},
            ["q", "tags"],
            ["r"],
            False,
        ),
        ({"input": {"schema": {"type": "object", "properties": {"q": {"type": "string"}}}}}, ["q"], [], False),
        ({"input": {"schema": "RefundInput"}}, [], [], True),
        ({"input": {"schema": {"q": "string", "(*)": "any"}}}, ["q", "(*)"], [], True),
        ({"input_variables": ["a", "b"]}, ["a", "b"], [], False),
        ({"arguments": [{"name": "a", "required": True}]}, ["a"], [], False),
        ({"name": "x", "model": {}}, [], [], False),
        (None, [], [], False),
        (["a"], [], [], False),
    ],
)
def test_declared_inputs(front: object, inputs: list[str], known: list[str], open_ended: bool) -> None:
    found = declared_inputs(front)
    assert (list(found[0]), list(found[1]), found[2]) == (inputs, known, open_ended)


def test_variables_of_configuration_and_examples() -> None:
    assert config_variables({"variables": {"shop": "x"}, "prompt_variables": ["a"], "temperature": 1}) == {"shop", "a"}
    assert config_variables({"variables": 3}) == set()
    records = [{"input": {"q": 1}, "output": "x"}, {"vars": {"r": 2}}, "text", None]
    assert example_variables(records) == ({"q", "r"}, {"input", "output", "vars"})
    assert example_variables([{"input": "text"}]) == (set(), {"input"})
