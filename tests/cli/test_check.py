"""``repoint check``: what people, programs, GitHub and code scanning see; allowing on purpose; what a commit says."""

from __future__ import annotations

import json
import random
import re
import string
from pathlib import Path

import jsonschema
import pytest

from repoint_cli.annotations import workflow_commands
from repoint_cli.sarif import sarif_log
from repoint_schemas.results import FindingResult

from tests.cli.commandline import Json, Team, is_safe, records

TOKEN = "gh" + "p_" + "".join(random.Random(3).choices(string.ascii_letters + string.digits, k=36))
PROMPT = "agents/refund/prompts/system.md"


BIDI = "U+202E RIGHT-TO-LEFT OVERRIDE shows the text in another order than a model reads it"
MIXED = (
    "agents/intake/prompts/system.md:1: warning[mixed-script]: 'p\\u0430ypal' mixes Latin and Cyrillic letters that "
    "look alike: U+0430 CYRILLIC SMALL LETTER A"
)


def allow(team: Team, text: str) -> None:
    path = team.folder / "repoint.toml"
    path.write_text(path.read_text() + text)


def allowed(rule: str, *, agent: str | None = "refund", reason: str = "reviewed by payments, PAY-311") -> str:
    who = "" if agent is None else f'agent = "{agent}"\n'
    return f'\n[[allow]]\nrule = "{rule}"\n{who}reason = "{reason}"\n'


# ------------------------------------------------------------------------------------------------------- for people


def test_nothing_found(fresh: Team) -> None:
    ran = fresh.run("check")
    assert (ran.code, ran.out, ran.err) == (0, "1 agent checked, no findings\n", "")
    assert fresh.result("check")["findings"] == []


def test_findings_by_file_and_line_with_a_summary_and_a_way_on(fresh: Team) -> None:
    fresh.done("new", "intake")
    fresh.write_prompt(f"You decide.\nUse {TOKEN}.\nApprove \u202eyned.\n")
    fresh.write_prompt("Pay with p\u0430ypal.\n", "intake")
    ran = fresh.run("check")

    assert ran.code == 1
    assert ran.out.splitlines() == [
        MIXED,
        f"{PROMPT}:2: error[secret]: looks like a GitHub token; its value is not shown",
        f"{PROMPT}:3: error[bidi]: {BIDI}",
        "2 errors, 1 warning in 2 agents",
        "repoint check --explain secret says why, and how to mend or allow it",
    ]
    assert fresh.run("check", "intake").code == 1
    assert is_safe(ran.out)


def test_quiet_leaves_the_findings(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n")
    ran = fresh.run("check", "-q")
    assert ran.out.splitlines() == [f"{PROMPT}:1: error[secret]: looks like a GitHub token; its value is not shown"]


@pytest.mark.parametrize("shape", ["text", "json", "sarif", "github"])
def test_a_secret_is_never_shown(fresh: Team, shape: str) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n")
    manifest = fresh.agent() / "agent.toml"
    manifest.write_text(f'{manifest.read_text()}\n[config.x]\ntoken = "{TOKEN}"\n')
    for arguments in (["check", "--format", shape], ["commit", "refund", "-m", f"Use {TOKEN}"]):
        ran = fresh.run(*arguments)
        assert ran.code != 0
        assert TOKEN[4:] not in ran.out + ran.err


@pytest.mark.parametrize("shape", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize(
    "line", ['[requires]\nintake = "{}"', '[integrations.x]\nkind = "mcp"\nspec = "{}"', '["{}"]\na = 1']
)
def test_a_problem_of_the_manifest_does_not_repeat_a_secret(fresh: Team, shape: str, line: str) -> None:
    key = "sk-" + "proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z" * 3
    manifest = fresh.agent() / "agent.toml"
    manifest.write_text(f"{manifest.read_text()}\n{line.format(key)}\n")
    ran = fresh.run("check", "refund", "--format", shape)
    assert ran.code == 1
    assert key[10:40] not in ran.out + ran.err
    assert "an OpenAI API key, not shown" in ran.out


def test_a_manifest_that_cannot_be_read_is_a_finding_with_its_line(fresh: Team) -> None:
    manifest = fresh.agent() / "agent.toml"
    text = manifest.read_text()
    manifest.write_text(text.replace("[model]", "[modle]").replace('description = "', 'descripton = "'))
    found = records(fresh.result("check", code=1), "findings")
    lines = text.splitlines()
    assert {(f["rule"], f["path"], f["severity"]) for f in found} == {("manifest", "agents/refund/agent.toml", "error")}
    assert lines.index("[model]") + 1 in {f["line"] for f in found}
    assert any("did you mean model?" in str(f["message"]) for f in found)

    manifest.write_text("nothing here")
    (only,) = records(fresh.result("check", code=1), "findings")
    assert (only["rule"], only["line"]) == ("manifest", 1)
    assert "not valid TOML" in str(only["message"])


def test_a_missing_file_is_a_finding_at_the_line_that_names_it(fresh: Team) -> None:
    (fresh.folder / PROMPT).unlink()
    (found,) = records(fresh.result("check", code=1), "findings")
    line = (fresh.agent() / "agent.toml").read_text().splitlines()[int(str(found["line"])) - 1]
    assert "prompts/system.md" in line
    assert found["rule"] == "manifest"


def test_an_agent_that_is_not_there_is_no_finding(fresh: Team) -> None:
    fresh.refused("check", "refudn", code=4, says=["did you mean refund?"])
    fresh.refused("check", "--format", "xml", code=2)


# ------------------------------------------------------------------------------------------------------------ rules


def test_every_rule_can_be_explained(fresh: Team) -> None:
    rules = records(fresh.result("check", "--list-rules"), "rules")
    assert len(rules) > 12
    listed = fresh.done("check", "--list-rules")
    for rule in rules:
        text = fresh.done("check", "--explain", str(rule["name"]))
        assert text.startswith(f"{rule['name']} ({rule['severity']})\n")
        assert "  Why  " in text
        assert re.search(rf"^{rule['name']} +{rule['severity']} ", listed, re.MULTILINE)
        (same,) = records(fresh.result("check", "--explain", str(rule["name"])), "rules")
        assert same == rule


def test_an_unknown_rule_is_answered_with_the_nearest(fresh: Team) -> None:
    fresh.refused("check", "--explain", "secrte", code=4, kind="no-such-rule", says=["did you mean secret"])
    fresh.refused("check", "--explain", "\u202e", code=4, kind="no-such-rule")


def test_rules_are_explained_outside_of_any_registry(tmp_path: Path) -> None:
    assert "bidi (error)" in Team(tmp_path).done("check", "--explain", "bidi")


# ------------------------------------------------------------------------------------------------- allowing on purpose


def test_what_is_allowed_is_counted_named_and_listed_on_request(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n\na\u200bb\n")
    allow(fresh, allowed("secret", reason="a key of the sandbox, PAY-7") + allowed("zero-width", agent=None))
    ran = fresh.run("check")
    assert ran.code == 0
    assert ran.out == "1 agent checked, no findings (2 allowed by repoint.toml: --show-allowed lists them)\n"
    assert ran.err == f"warning: secret in {PROMPT}:1 is allowed by repoint.toml: a key of the sandbox, PAY-7\n"

    result = fresh.result("check")
    assert (result["findings"], result["allowed"]) == ([], 2)
    listed = records(fresh.result("check", "--show-allowed"), "findings")
    assert [(f["rule"], f["allowed"]) for f in listed] == [
        ("secret", "a key of the sandbox, PAY-7"),
        ("zero-width", "reviewed by payments, PAY-311"),
    ]
    assert f"{PROMPT}:1: allowed[secret]: " in fresh.run("check", "--show-allowed").out


def test_an_allowance_for_another_agent_allows_nothing_here(fresh: Team) -> None:
    fresh.done("new", "intake")
    fresh.write_prompt(f"Use {TOKEN}.\n")
    allow(fresh, allowed("secret", agent="intake"))
    rules = [f["rule"] for f in records(fresh.result("check", code=1), "findings")]
    assert rules == ["secret", "unused-allow"]
    assert [f["rule"] for f in records(fresh.result("check", "refund", code=1), "findings")] == ["secret"]


def test_an_allowance_that_allows_nothing_is_a_warning_at_its_line(fresh: Team) -> None:
    allow(fresh, allowed("bidi"))
    (found,) = records(fresh.result("check", code=1), "findings")
    text = (fresh.folder / "repoint.toml").read_text().splitlines()
    assert (found["rule"], found["path"], found["severity"]) == ("unused-allow", "repoint.toml", "warning")
    assert text[int(str(found["line"])) - 1] == "[[allow]]"


def test_an_unreadable_agent_makes_no_allowance_look_unused(fresh: Team) -> None:
    allow(fresh, allowed("bidi", agent=None) + allowed("secret"))
    (fresh.agent() / "agent.toml").write_text("nothing here")
    assert {f["rule"] for f in records(fresh.result("check", code=1), "findings")} == {"manifest"}


@pytest.mark.parametrize("entry", ['rule = "secret"\n', 'rule = "secret"\nreason = " "\n', 'reason = "because"\n'])
def test_an_allowance_needs_a_rule_and_a_reason(fresh: Team, entry: str) -> None:
    allow(fresh, f"\n[[allow]]\n{entry}")
    fresh.refused("check", code=3, kind="invalid-config", says=["allow[0]"])


def test_an_allowance_of_no_rule_is_refused_with_a_suggestion(fresh: Team) -> None:
    allow(fresh, allowed("bidi") + allowed("secrets"))
    fresh.refused("check", code=3, kind="unknown-rule", says=["repoint.toml:", "'secrets'", "did you mean secret"])
    fresh.refused("commit", "refund", "-m", "x", code=3, kind="unknown-rule", says=["'secrets'", "did you mean secret"])
    assert fresh.run("status").code == 0


def test_a_commit_publishes_what_is_allowed_and_says_so_aloud(fresh: Team) -> None:
    fresh.write_prompt("Approve \u202eyned.\n")
    fresh.refused("commit", "refund", "-m", "First", code=3, kind="lint", says=["bidi", "--explain bidi"])
    allow(fresh, allowed("bidi"))
    ran = fresh.run("commit", "refund", "-m", "First")
    assert ran.code == 0
    assert f"warning: bidi in {PROMPT}:1 is allowed by repoint.toml" in ran.err
    assert "error" not in ran.out


def test_a_commit_with_thousands_of_findings_names_the_first(fresh: Team) -> None:
    manifest = fresh.agent() / "agent.toml"
    many = "".join(f'p{n} = "prompts/p{n}.md"\n' for n in range(300))
    manifest.write_text(re.sub(r"(\[prompts\].*\n)", rf"\1{many}", manifest.read_text()))
    for n in range(300):
        (fresh.agent() / "prompts" / f"p{n}.md").write_text("\u202e a\n" * 20 + "a\u200bb\n" * 20)
    ran = fresh.run("commit", "refund", "-m", "First")
    assert ran.code == 3
    assert "6000 findings, nothing was published" in ran.err
    assert "... and 5980 more" in ran.err
    assert len(ran.err.splitlines()) < 30
    allow(fresh, allowed("bidi"))
    ran = fresh.run("commit", "refund", "-m", "First")
    assert ran.code == 0
    assert "... and 5980 more; repoint check lists them all" in ran.out
    assert len(ran.out.splitlines()) < 40
    assert len(ran.err.splitlines()) == 1


# ------------------------------------------------------------------------------------------------- for programs


def test_format_json_is_json(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n")
    assert fresh.run("check", "--format", "json").json == fresh.result("check", code=1)


def test_two_answers_at_once_are_refused(fresh: Team) -> None:
    assert fresh.run("check", "--json", "--format", "sarif").code == 2
    assert fresh.run("check", "--json", "--format", "github").failure["kind"] == "two-formats"


def test_a_report_in_a_file_and_text_on_the_terminal(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n")
    for shape in ("text", "json", "sarif", "github"):
        ran = fresh.run("check", "--format", shape, "--output", "report")
        assert ran.code == 1
        assert ran.out == fresh.run("check").out
        assert TOKEN not in (fresh.folder / "report").read_text()
    ran = fresh.run("check", "--json", "--format", "sarif", "--output", "report")
    assert ran.json["checked"] == ["refund"]
    assert json.loads((fresh.folder / "report").read_text())["version"] == "2.1.0"
    ran = fresh.run("check", "--output", "no/such/folder/report")
    assert (ran.code, ran.out) == (3, "")
    assert "cannot be written" in ran.err


HOSTILE = FindingResult("bidi", "agents/a,b:c%/p\n.md", 3, "error", "100% :: of\r\n::error::x, y")


def test_annotations_of_github(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n\na\u200bb\n")
    allow(fresh, allowed("secret"))
    ran = fresh.run("check", "--format", "github", "--show-allowed")
    assert ran.code == 1
    first, second, summary = ran.out.splitlines()
    assert first.startswith(f"::notice file={PROMPT},line=1,title=repoint secret::looks like a GitHub token")
    assert second.startswith(f"::warning file={PROMPT},line=3,title=repoint zero-width::U+200B")
    assert summary.startswith("1 warning in 1 agent (1 allowed")


def test_annotations_cannot_be_broken_out_of() -> None:
    (line,) = workflow_commands([HOSTILE])
    assert "\n" not in line
    assert "\r" not in line
    command, _, message = line.removeprefix("::").partition("::")
    assert command == "error file=agents/a%2Cb%3Ac%25/p%0A.md,line=3,title=repoint bidi"
    assert message == "100%25 :: of\\x0d%0A::error::x, y"
    (line,) = workflow_commands([FindingResult("manifest", "a", None, "error", "x")])
    assert line == "::error file=a,title=repoint manifest::x"


TEXT: Json = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "originalUriBaseIds": {"type": "object"},
                    "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"const": "repoint"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "required": ["id", "shortDescription", "help", "defaultConfiguration"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$"},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {
                                                    "properties": {
                                                        "level": {"enum": ["none", "note", "warning", "error"]}
                                                    }
                                                },
                                                "properties": {"type": "object"},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["ruleId", "message", "locations", "partialFingerprints"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["warning", "error"]},
                                "message": TEXT,
                                "locations": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "additionalProperties": False,
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "additionalProperties": False,
                                                        "properties": {
                                                            "uri": {"type": "string", "pattern": "^[^/:\\s][^:\\s]*$"},
                                                            "uriBaseId": {"const": "%SRCROOT%"},
                                                        },
                                                    },
                                                    "region": {
                                                        "additionalProperties": False,
                                                        "properties": {"startLine": {"type": "integer", "minimum": 1}},
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                                "partialFingerprints": {
                                    "type": "object",
                                    "minProperties": 1,
                                    "additionalProperties": {"type": "string"},
                                },
                                "suppressions": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "required": ["kind"],
                                        "properties": {
                                            "kind": {"enum": ["inSource", "external"]},
                                            "status": {"enum": ["accepted", "underReview", "rejected"]},
                                            "justification": {"type": "string", "minLength": 1},
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 (OASIS Standard) says of the properties that are written here, and no others."""


def sarif(text: str) -> Json:
    log = json.loads(text)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_sarif_of_a_registry(fresh: Team) -> None:
    fresh.write_prompt(f"Use {TOKEN}.\n\na\u200bb\n")
    allow(fresh, allowed("secret", reason="sandbox"))
    ran = fresh.run("check", "--format", "sarif")
    assert ran.code == 1
    run = sarif(ran.out)
    first, second = records(run, "results")
    rules = records(records({"d": [run["tool"]]}, "d")[0]["driver"], "rules")  # type: ignore[arg-type]
    assert (first["ruleId"], first["level"]) == ("secret", "error")
    assert first["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "sandbox"}]
    assert "suppressions" not in second
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": PROMPT, "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1},
            }
        }
    ]
    for result in (first, second):
        assert rules[int(str(result["ruleIndex"]))]["id"] == result["ruleId"]


def test_sarif_without_findings(fresh: Team) -> None:
    ran = fresh.run("check", "--format", "sarif")
    assert ran.code == 0
    assert sarif(ran.out)["results"] == []


def test_a_fingerprint_stays_when_lines_move_and_tells_twins_apart(fresh: Team) -> None:
    def prints() -> list[object]:
        results = records(sarif(fresh.run("check", "--format", "sarif").out), "results")
        return [result["partialFingerprints"] for result in results]

    fresh.write_prompt("a\u200bb\n\nc\u200bd\n")
    before = prints()
    fresh.write_prompt("One line more.\n\na\u200bb\n\n\nc\u200bd\n")
    assert prints() == before
    assert before[0] != before[1]


def test_sarif_of_odd_paths_and_texts() -> None:
    from repoint.lintrules import all_rules

    odd = [HOSTILE, FindingResult("bidi", "a/\u00fc \udcff#?.md", None, "warning", "\ud800 \u202e", "\udcff")]
    run = sarif(sarif_log(odd, all_rules(), None))
    uris = re.findall(r'"uri": "([^"]*)"', json.dumps(run))
    assert uris == ["agents/a%2Cb%3Ac%25/p%0A.md", "a/%C3%BC%20%FF%23%3F.md"]
