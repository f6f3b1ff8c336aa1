"""What the agent's folder and the registry show: files that nobody names, variables that nobody fills, dead ranges."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repoint.agentfiles import Limits
from repoint.agentlint import lint_agent, lint_requires
from repoint.findings import Finding
from repoint.manifest import read_manifest
from repoint.snapshot import build_snapshot
from repoint_schemas.documents import AgentName, Version

HEAD = """\
schema = "repoint.manifest/1"
[agent]
name = "refund"
[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"
"""
PROMPTY = """\
---
name: Refund
model:
  api: chat
inputs:
  customer:
    type: object
  question: {type: string}
sample:
  today: 2026-11-21
---
system:
You help {{ customer.first_name }} on {{ today }}.
{% for line in order.lines %}{{ line.title }}{% endfor %}
user:
{{ qestion }}
"""
DOTPROMPT = """\
---
model: googleai/gemini-2.5-pro
input:
  schema:
    persona: string, who speaks
    items(array): string
    unused?: integer
---
{{role "system"}}
You are {{persona}}.
{{#each items}}- {{this}} {{@index}} {{title}}
{{/each}}
{{history}}
{{role "user"}}
{{text}}
"""


def lint(folder: Path, manifest: str, files: dict[str, str], aside: tuple[str, ...] = ()) -> list[Finding]:
    """Findings in an agent whose prompts are all of ``files``, with further files ``aside``."""
    named = "".join(f'p{number} = "{path}"\n' for number, path in enumerate(files))
    (folder / "agent.toml").write_text(f"{HEAD}[prompts]\n{named}{manifest}")
    for path, content in {**files, **dict.fromkeys(aside, "x")}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    copy = read_manifest(folder, "refund")
    return lint_agent(copy, build_snapshot(copy, Limits()))


def short(found: list[Finding]) -> list[tuple[str, str, int | None]]:
    assert all(each.severity == "warning" for each in found)
    return [(each.rule, each.path, each.line) for each in found]


def test_files_that_no_entry_names(tmp_path: Path) -> None:
    aside = (
        "prompts/old.md", "prompts/parts/tone.md", "integrations/payments.json", "integrations/context.json",
        "evals/cases.jsonl", "notes.md",
    )  # fmt: skip
    found = lint(tmp_path, "", {"prompts/system.md": "You decide."}, aside)
    assert short(found) == [
        ("unused-file", path, None)
        for path in (
            "integrations/context.json",
            "integrations/payments.json",
            "prompts/old.md",
            "prompts/parts/tone.md",
        )
    ]


@pytest.mark.parametrize(
    "path",
    [
        "prompts/.DS_Store", "prompts/.draft/a.md", "prompts/system.md~", "prompts/#system.md#", "prompts/.a.md.swp",
        "prompts/system.md.orig", "prompts/README.md", "prompts/README", "integrations/LICENSE.txt",
        "prompts/Thumbs.db", "prompts/__pycache__/a.pyc", "other/file.md", "prompts/sub/agent.toml",
    ],
)  # fmt: skip
def test_files_that_nobody_means(tmp_path: Path, path: str) -> None:
    assert lint(tmp_path, "", {"prompts/system.md": "You decide."}, (path,)) == []


def test_links_fifos_and_other_agents_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "inner").mkdir(parents=True)
    (tmp_path / "prompts" / "inner" / "agent.toml").write_text("x")
    (tmp_path / "prompts" / "inner" / "system.md").write_text("x")
    os.symlink(tmp_path, tmp_path / "prompts" / "loop")
    os.symlink("/etc/passwd", tmp_path / "prompts" / "passwd.md")
    os.mkfifo(tmp_path / "prompts" / "pipe")
    assert lint(tmp_path, "", {"system.md": "You decide."}) == []


def test_unused_files_are_bounded(tmp_path: Path) -> None:
    found = lint(tmp_path, "", {"a.md": "x"}, tuple(f"prompts/{number:03}.md" for number in range(50)))
    assert [each.path for each in found] == [f"prompts/{number:03}.md" for number in range(20)]


def test_prompty(tmp_path: Path) -> None:
    found = lint(tmp_path, "", {"prompts/refund.prompty": PROMPTY})
    assert short(found) == [
        ("unknown-variable", "prompts/refund.prompty", 14),
        ("unknown-variable", "prompts/refund.prompty", 16),
        ("unused-variable", "prompts/refund.prompty", 8),
    ]
    assert "'order'" in found[0].message
    assert "'qestion'" in found[1].message
    assert "did you mean 'question'?" in found[1].message
    assert "'question'" in found[2].message


def test_dotprompt(tmp_path: Path) -> None:
    found = lint(tmp_path, "", {"prompts/chat.prompt": DOTPROMPT})
    assert short(found) == [
        ("unknown-variable", "prompts/chat.prompt", 15),
        ("unused-variable", "prompts/chat.prompt", 7),
    ]


@pytest.mark.parametrize(
    ("manifest", "files"),
    [
        ("", {"prompts/system.md": "Write {{first_name}} where the name belongs."}),
        ("", {"prompts/a.prompty": "---\nname: a\n---\nHi {{ anything }}\n"}),
        ("", {"prompts/a.prompty": "---\nname: a\nsample: ${file:sample.json}\n---\nHi {{ anything }}\n"}),
        ("", {"prompts/a.prompt": "---\ninput:\n  schema: Refund\n---\nHi {{anything}}\n"}),
        ("", {"prompts/a.prompt": "Hi {{anything}}\n"}),
        ("", {"prompts/a.prompty": "---\ninputs: {q: a}\n---\n{% include 'b' %}"}),
        ("", {"prompts/a.prompty": "---\ninputs: {q: a}\nsample: ${file:s.json}\n---\n{{ q }}{{ z }}"}),
        ("", {"prompts/a.prompt": "---\ninput: {schema: Refund, default: {q: 1}}\n---\n{{q}}{{z}}"}),
        ("", {"prompts/a.j2": "{% for a in b %}{{ c }}{% endfor %}"}),
        (
            "",
            {"prompts/x.jsonl": '{"input": {"ticket": "T-1"}}\n', "prompts/s.md": "Put {{first_name}} into the reply."},
        ),
        ("", {"prompts/x.jsonl": '{"input": "text"}\n', "prompts/s.md": "Hi {{ who }}"}),
        ("[config.variables]\nshop = 'x'\n", {"prompts/s.md": "Hi {{ shop }} {json} and {{ not a variable }}"}),
        ("[config]\nprompt_variables = ['shop']\n", {"prompts/s.md": "Hi {{ shop.name }}"}),
        (
            "[config.variables]\nshop = 'x'\n",
            {"prompts/a.prompt": "---\ninput:\n  schema:\n    q: string\n---\n{{q}} {{shop}}"},
        ),
        (
            "[config.variables]\nq = 'x'\n",
            {"prompts/s.yaml": "template_format: semantic-kernel\ntemplate: 'Hi {{$who}}'\n"},
        ),
        ("[config.variables]\nq = 'x'\n", {"prompts/a.prompty": "---\nname: a: b\n---\n{{ z }}"}),
        ("", {"prompts/a.prompty": "---\ninputs:\n- {name: history, kind: thread}\n---\n{% include 'b' %}"}),
        (
            "",
            {"prompts/a.prompty": "---\ninputs: {q: a}\n---\n{{ q }}{{ z is defined }}{{ z }}{{ y | default(1) }}"},
        ),
    ],
)
def test_silence_where_nothing_is_known_or_all_is_well(tmp_path: Path, manifest: str, files: dict[str, str]) -> None:
    assert lint(tmp_path, manifest, files) == []


def test_configuration_and_examples_declare_variables(tmp_path: Path) -> None:
    found = lint(
        tmp_path, "[config.variables]\nshop = 'Larkfield'\n", {"prompts/s.md": "At {{ shop }}\nfor {{ costumer }}"}
    )
    assert short(found) == [("unknown-variable", "prompts/s.md", 2)]
    examples = '{"name": "one", "input": {"ticket": "T-1", "today": "2026-11-21"}, "output": {}}\n'
    files = {"prompts/examples.jsonl": examples, "prompts/s.md": "Ticket {{ ticket }} of {{ tody }}"}
    (found_one,) = lint(tmp_path, "", files)
    assert (found_one.rule, found_one.line) == ("unknown-variable", 1)
    assert "did you mean 'today'?" in found_one.message


def test_structured_prompts(tmp_path: Path) -> None:
    text = "_type: prompt\ntemplate_format: f-string\ninput_variables: [name, old]\ntemplate: 'Hi {name}, {nmae}'\n"
    found = lint(tmp_path, "", {"prompts/hello.yaml": text})
    assert short(found) == [
        ("unknown-variable", "prompts/hello.yaml", None),
        ("unused-variable", "prompts/hello.yaml", 3),
    ]


def requires(folder: Path, wanted: str, published: list[str]) -> list[Finding]:
    (folder / "agent.toml").write_text(f'{HEAD}[requires]\nintake = "{wanted}"\n')
    copy = read_manifest(folder, "refund")
    document = build_snapshot(copy, Limits()).document
    by_agent = {AgentName("intake"): [Version(each) for each in published]}
    return lint_requires(document, lambda agent: by_agent.get(agent, []), copy.content)


@pytest.mark.parametrize(
    ("wanted", "published", "says"),
    [
        (">=2.0.0,<3.0.0", [], "no version of intake is published"),
        (">=2.0.0,<3.0.0", ["1.0.0", "1.10.0", "1.9.0"], "the highest is 1.10.0"),
        ("*", ["1.0.0-rc.1", "1.0.0-rc.2"], "only pre-releases of intake are published; the highest is 1.0.0-rc.2"),
        (">=1.0.0", ["0.9.0", "1.0.0-rc.1"], "no published version satisfies it; the highest is 1.0.0-rc.1"),
    ],
)
def test_ranges_that_nothing_satisfies(tmp_path: Path, wanted: str, published: list[str], says: str) -> None:
    (found,) = requires(tmp_path, wanted, published)
    assert (found.rule, found.path, found.line, found.severity) == ("unmet-requires", "agent.toml", 8, "warning")
    assert says in found.message


@pytest.mark.parametrize(
    ("wanted", "published"),
    [(">=2.0.0,<3.0.0", ["1.0.0", "2.4.1"]), ("*", ["0.1.0"]), (">=1.0.0-rc.1", ["1.0.0-rc.2"])],
)
def test_ranges_that_something_satisfies(tmp_path: Path, wanted: str, published: list[str]) -> None:
    assert requires(tmp_path, wanted, published) == []
