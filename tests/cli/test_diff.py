"""``repoint diff`` as an engineer reads it in an incident: by component, by words, of one agent and of all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.commandline import Json, Team, records

MANIFEST = """schema = "repoint.manifest/1"

[agent]
name = "refund"
description = "Decides refund requests"
owners = ["payments@acme.example"]

[model]
provider = "anthropic"
name = "claude-sonnet-4-5-20250929"

[prompts]
system = "prompts/system.md"

[integrations.payments]
kind = "mcp"
spec = "integrations/payments.json"
secrets = ["PAYMENTS_API_KEY"]

[config]
temperature = 0.2
timeout_seconds = 30
"""
PROMPT = """# Refunds

You decide refund requests for Acme.
Ask for the order number before anything else.
Never promise a date.

## Tone

Be brief and friendly.
"""
TOOL: Json = {
    "name": "create_refund",
    "description": "Refunds an order.",
    "inputSchema": {
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "reason": {"type": "string", "enum": ["damaged", "late"]}},
        "required": ["order_id"],
    },
}


@pytest.fixture
def team(fresh: Team) -> Team:
    """refund 1.0.0 is live in production and staging."""
    write(fresh, MANIFEST, PROMPT, [TOOL])
    fresh.result("commit", "refund", "-m", "First", "--version", "1.0.0")
    for environment in ("staging", "production"):
        fresh.done("promote", "refund@1.0.0", "--env", environment, "-m", "start")
    return fresh


def write(team: Team, manifest: str, prompt: str, tools: list[Json]) -> None:
    folder = team.agent("refund")
    (folder / "integrations").mkdir(exist_ok=True)
    (folder / "agent.toml").write_text(manifest)
    (folder / "prompts" / "system.md").write_text(prompt)
    (folder / "integrations" / "payments.json").write_text(json.dumps({"tools": tools}, indent=1))


def changed_everywhere(team: Team) -> None:
    """Another model, a tool narrowed, another temperature, one word of the prompt."""
    narrowed = json.loads(json.dumps(TOOL))
    narrowed["inputSchema"]["required"] = ["order_id", "reason"]
    manifest = MANIFEST.replace("claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101").replace("= 0.2", "= 0.7")
    write(team, manifest, PROMPT.replace("order number", "receipt"), [narrowed])


def test_by_component_what_matters_most_first(team: Team) -> None:
    changed_everywhere(team)
    result = team.result("diff", "refund@1.0.0")
    changes = [(c["component"], c["impact"]) for c in records(result, "changes")]
    assert changes == [("model", "major"), ("integration", "major"), ("config", "minor"), ("prompt", "minor")]
    assert all(c["rule"] and c["reason"] for c in records(result, "changes"))
    integration = records(result, "changes")[1]
    assert "create_refund" in str(integration["where"])
    assert "reason" in str(integration["where"])
    assert integration["path"] == "integrations/payments.json"
    assert result["bump"]["level"] == "major"  # type: ignore[index]
    out = team.done("diff", "refund@1.0.0")
    order = [out.index(words) for words in ("claude-opus", "create_refund", "temperature", "prompts/system.md")]
    assert order == sorted(order)
    assert "0.2 -> 0.7" in out
    assert "[-order number-]" in out
    assert "{+receipt+}" in out


def test_changed_words_stand_in_their_lines_with_numbers_and_context(team: Team) -> None:
    write(team, MANIFEST, PROMPT.replace("brief", "short"), [TOOL])
    out = team.done("diff", "refund")
    assert re.search(r"^ +9 - Be \[-brief-\] and friendly\.$", out, re.MULTILINE), out
    assert re.search(r"^ +9 \+ Be \{\+short\+\} and friendly\.$", out, re.MULTILINE), out
    assert "## Tone" in out
    [text] = records(team.result("diff", "refund"), "texts")
    assert (text["added"], text["removed"], text["words_added"], text["words_removed"]) == (1, 1, 1, 1)
    stat = team.done("diff", "refund", "--stat")
    assert "+1 -1  prompts/system.md" in stat
    assert "brief" not in stat


@pytest.mark.parametrize(
    ("prompt", "rule", "says"),
    [
        (PROMPT.replace("\n", "\r\n"), "prompt-line-endings", "only line endings differ"),
        (PROMPT.replace("Be brief", "Be   brief"), "prompt-white-space", "only white space differs"),
        (PROMPT.rstrip("\n"), "prompt-white-space", "newline at the end"),
        (PROMPT.replace("Never promise", "Always promise"), "prompt-text", "the text differs"),
    ],
)
def test_what_kind_of_change_a_text_is(team: Team, prompt: str, rule: str, says: str) -> None:
    (team.agent("refund") / "prompts" / "system.md").write_bytes(prompt.encode())
    [change] = records(team.result("diff", "refund"), "changes")
    assert change["rule"] == rule
    assert change["impact"] == ("minor" if rule == "prompt-text" else "patch")
    assert says in team.done("diff", "refund")


def test_a_spec_laid_out_in_another_way_is_a_patch(team: Team) -> None:
    path = team.agent("refund") / "integrations" / "payments.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))
    [change] = records(team.result("diff", "refund"), "changes")
    assert (change["rule"], change["impact"]) == ("spec-layout", "patch")


def test_only_the_description_of_the_manifest(team: Team) -> None:
    write(team, MANIFEST.replace("Decides refund", "Judges refund"), PROMPT, [TOOL])
    out = team.done("diff", "refund")
    assert "a patch change" in out
    assert '[-"Decides-]' in out or "[-Decides-]" in out


def test_a_renamed_prompt_is_recognised(team: Team) -> None:
    folder = team.agent("refund")
    (folder / "agent.toml").write_text(MANIFEST.replace('system = "prompts/system.md"', 'policy = "prompts/policy.md"'))
    (folder / "prompts" / "system.md").rename(folder / "prompts" / "policy.md")
    (folder / "prompts" / "policy.md").write_text(PROMPT.replace("brief", "short"))
    changes = records(team.result("diff", "refund"), "changes")
    assert [(c["rule"], c["kind"], c["old"]) for c in changes][:1] == [("prompt-renamed", "renamed", "system")]
    assert [c["rule"] for c in changes] == ["prompt-renamed", "prompt-text"]
    out = team.done("diff", "refund")
    assert "was prompts/system.md" in out
    assert "{+short+}" in out


def test_whole_environments_and_earlier_moves(team: Team) -> None:
    changed_everywhere(team)
    team.result("commit", "refund", "-m", "Bolder", "--version", "2.0.0")
    team.done("new", "intake")
    team.publish("Intake", "intake", "--version", "0.1.0")
    team.done("promote", "refund@2.0.0", "intake@0.1.0", "--env", "staging", "-m", "Try it")
    team.done("freeze", "staging", "-m", "tests run")
    result = team.result("diff", "production", "staging")
    agents = [(a["agent"], a["level"]) for a in records(result, "agents")]
    assert agents == [("intake", "minor"), ("refund", "major")]
    assert result["from"]["environment"] == "production"  # type: ignore[index]
    assert {c["agent"] for c in records(result, "changes")} == {"intake", "refund"}
    out = team.done("diff", "production", "staging")
    assert "2 agents of 2 differ" in out
    assert "refund 1.0.0 -> 2.0.0: a major change" in out
    assert "intake not live -> 0.1.0: a minor change" in out
    # a freeze is no move of versions: one move earlier staging was as production is
    assert team.done("diff", "staging~1", "production").startswith("no difference: staging~1")
    assert team.result("diff", "staging~1", "staging")["agents"] == result["agents"]
    team.refused("diff", "staging~9", "staging", code=4, kind="not-so-many-moves")
    assert team.run("diff", "staging", "production", "--exit-code").code == 1
    assert team.run("diff", "staging~1", "production", "--exit-code").code == 0


def test_an_environment_against_the_working_copies(team: Team) -> None:
    assert team.done("diff", "production").startswith("no difference: production (generation 1) -> working copies")
    write(team, MANIFEST, PROMPT.replace("brief", "short"), [TOOL])
    out = team.done("diff", "production")
    assert "refund 1.0.0 -> working copy: a minor change" in out


def test_an_agent_that_has_the_name_of_an_environment(team: Team) -> None:
    team.done("new", "staging")
    team.refused("diff", "staging", "production", code=2, kind="ambiguous-side", says=["@staging"])
    assert team.done("diff", "@staging", "@production").startswith("no difference")
    team.refused("diff", "production", "refund", code=2, kind="agent-and-set", says=["refund@production"])


def test_markdown_can_be_pasted_and_cannot_break_out(team: Team) -> None:
    hostile = "</details> ``` @channel <!here> [x](http://evil.example) ```` \u202ereversed"
    write(team, MANIFEST, PROMPT.replace("Be brief", f"Be {hostile}"), [TOOL])
    folder: Path = team.folder
    (folder / "repoint.toml").write_text(
        (folder / "repoint.toml").read_text() + '\n[[allow]]\nrule = "bidi"\nagent = "refund"\nreason = "a test"\n'
    )
    team.result("commit", "refund", "-m", "`code` **bold** @here", "--version", "1.1.0")
    out = team.done("diff", "refund@1.0.0", "refund@1.1.0", "--format", "markdown")
    assert "\u202e" not in out
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(out)
    kinds = {token.type for token in tokens}
    assert "html_block" not in kinds
    plain = [
        child.content
        for token in tokens
        for child in token.children or []
        if child.type in ("text", "html_inline", "link_open")
    ]
    assert not any("@" in text or "evil" in text or "<" in text for text in plain), plain
    assert [token.content.count("@channel") for token in tokens if token.type == "fence"] == [1]


def test_a_version_with_itself(team: Team) -> None:
    assert team.done("diff", "refund@1.0.0", "refund@production").startswith("no difference")
    assert team.run("diff", "refund@1.0.0", "refund@1.0.0", "--exit-code").code == 0


def test_large_and_binary_files_are_said_to_differ_and_not_looked_into(team: Team) -> None:
    path = team.agent("refund") / "prompts" / "system.md"
    path.write_bytes(b"a" * (9 << 20))
    result = team.result("diff", "refund")
    [change] = records(result, "changes")
    assert change["rule"] == "prompt-opaque"
    assert result["limits"]
    path.write_bytes(b"\0\1\2")
    [change] = records(team.result("diff", "refund"), "changes")
    assert "no text" in str(change["reason"])


def test_a_bare_repository_has_no_working_copies(team: Team, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    team.git("clone", "--quiet", "--bare", "--mirror", str(team.folder), str(bare))
    ran = Team(bare).run("diff", "production")
    assert ran.code == 4
    assert "no checkout" in ran.err
    assert Team(bare).run("diff", "staging", "production").code == 0


def test_an_environment_that_was_not_fetched_is_said_to_be_so(team: Team, tmp_path: Path) -> None:
    team.git("add", ".")
    team.git("commit", "--quiet", "-m", "start")
    clone = tmp_path / "clone"
    team.git("clone", "--quiet", str(team.folder), str(clone))
    ran = Team(clone).run("diff", "staging", "production")
    assert ran.code == 4
    assert "git fetch" in ran.err
