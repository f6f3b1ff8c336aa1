"""Lints of whole files and versions: encodings, line endings, bounded work, and what a version is judged by."""

from __future__ import annotations

import os
import random
import string
from pathlib import Path

import pytest

from repoint.agentfiles import Limits
from repoint.allowances import Allowances
from repoint.configtypos import KNOWN, KNOWN_RETRY, config_typos
from repoint.errors import InvalidInput, NotFound
from repoint.filescan import MOST, Scans, scan
from repoint.findings import MOST_SHOWN, Finding, refuse_findings
from repoint.lint import lint_contents, lint_copy, lint_stored, lint_text
from repoint.lintrules import all_rules, refuse_unknown_rules, rule_named
from repoint.manifest import WorkingCopy, read_manifest
from repoint.snapshot import build_snapshot
from repoint.store import Contents
from repoint_schemas.canonical import MEBIBYTE
from repoint_schemas.config import Allowance
from repoint_schemas.documents import AgentName

from tests.unit.scanning import found_in, made, rules

GITHUB_TOKEN = "gh" + "p_" + made(36)
GOOGLE_KEY = "AI" + "za" + made(35)

# ---------------------------------------------------------------------------------------- files that are no text


def test_other_encodings_are_warned_of() -> None:
    (found,) = found_in("one\ntwo Gr\u00fc\u00dfe\n".encode("windows-1252"))
    assert (found.rule, found.severity, found.line) == ("not-utf-8", "warning", 2)
    assert "0xfc" in found.message
    (found,) = found_in("Gr\u00fc\u00dfe\r\nzwei\n".encode("utf-16"))
    assert (found.rule, found.severity, found.message.split(";")[0]) == (
        "not-utf-8",
        "warning",
        "is not UTF-8 (is UTF-16)",
    )


def test_one_bad_byte_does_not_hide_anything() -> None:
    assert rules("approve \u202eyned".encode() + b"\xff") == ["bidi", "not-utf-8"]
    assert rules("approve \u202eyned".encode("utf-16")) == ["bidi", "not-utf-8"]
    assert rules(b"\xe2\x80") == ["not-utf-8"]


def test_nul_bytes_are_warned_of_once() -> None:
    (found,) = scan("f", [b"one\n", b"two\n\0\0", b"\0three"])
    assert (found.rule, found.severity, found.line) == ("nul-byte", "warning", 3)


TEXT = "You are the refund assistant. Ask for the order number, then approve or refuse.\n"


@pytest.mark.parametrize("garbage", [b"\0", b"\0\0", b"\0\xff", b"\0" * 500, b"\0" + bytes(range(128, 256))])
@pytest.mark.parametrize("hidden", ["\u202e", "\U000e0061\U000e0062", "\u2066"])
def test_a_nul_elsewhere_excuses_nothing_in_text(garbage: bytes, hidden: str) -> None:
    clean = (TEXT * 20).encode()
    dirty = TEXT.replace("approve", f"{hidden}approve").encode()
    for content in (garbage + clean + dirty, clean + dirty + clean + garbage, clean + garbage + dirty):
        assert "error" in {each.severity for each in found_in(content)}
        assert "error" in {each.severity for each in scan("f", [content[:900], content[900:]])}


def test_a_nul_right_beside_it_excuses_nothing() -> None:
    found = {each.rule: each.severity for each in found_in("please approve the \0\u202edeniu ti esaelp of the refund")}
    assert found == {"nul-byte": "warning", "bidi": "error"}


def test_in_a_binary_file_what_looks_hidden_is_a_warning() -> None:
    found = scan("f", [b"\0\1\2\3\n\4\5", "\u202e \u200b".encode()])
    assert {each.severity for each in found} == {"warning"}
    assert [each.rule for each in found] == ["invisible", "nul-byte", "bidi", "zero-width"]


def test_a_megabyte_of_chance_is_no_error() -> None:
    content = random.Random(5).randbytes(1024 * 1024)
    found = found_in(content)
    assert {each.severity for each in found} == {"warning"}
    assert len(found) <= 8


def test_overrides_are_no_chance_where_there_are_thousands() -> None:
    assert ("bidi", "error") in {(each.rule, each.severity) for each in found_in(b"\0" + "\1\u202e".encode() * 3000)}


# -------------------------------------------------------------------------------------------------- line endings

ENDINGS = [
    ("a\nb\r\nc\n", 2, "line 2 ends with CR LF; the other 2 with LF"),
    ("a\r\nb\nc\r\nd\n e\r\n", 2, "lines 2, 4 end with LF; the other 3 with CR LF"),
    ("a\n" * 5 + "b\r\n" * 5 + "c\n", 6, "lines 6, 7, 8 and 2 more end with CR LF; the other 6 with LF"),
    ("a\nb\rc\n", 2, "line 2 ends with CR alone; the other 2 with LF"),
]
ALIKE = ["", "one line", "a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\r\n\r\nb", "\r\n" * 500, "\n\n\n", "a\u2028b\u0085c\n"]


@pytest.mark.parametrize(("text", "line", "message"), ENDINGS)
def test_mixed_line_endings_are_named(text: str, line: int, message: str) -> None:
    (found,) = found_in(text)
    assert (found.rule, found.severity, found.line, found.message) == ("mixed-line-endings", "warning", line, message)
    for size in range(1, 6):
        content = text.encode()
        assert scan("f", [content[at : at + size] for at in range(0, len(content), size)]) == [found]


@pytest.mark.parametrize("text", ALIKE)
def test_line_endings_that_are_alike(text: str) -> None:
    assert rules(text) == []
    content = text.encode()
    for size in range(1, 6):
        assert scan("f", [content[at : at + size] for at in range(0, len(content), size)]) == []


# ---------------------------------------------------------------------------------------------- bounded work

NEEDLES = {
    "secret": GITHUB_TOKEN,
    "bidi": "\u202e",
    "invisible": "\U0001f3f4\U000e0061\U000e0062",
    "zero-width": "z\u200bz",
    "mixed-script": "p\u0430ypal",
}


@pytest.mark.parametrize("rule", NEEDLES)
@pytest.mark.parametrize("shift", range(0, 1200, 37))
def test_nothing_hides_at_the_edge_of_a_chunk(rule: str, shift: int) -> None:
    text = ("line\n" * 700)[: 3000 - shift] + " " + NEEDLES[rule] + " " + "tail \u00e9\n" * 400
    content = text.encode()
    whole = scan("f", [content])
    assert [each.rule for each in whole] == [rule]
    for size in (1000, 1024, 3001):
        assert scan("f", [content[at : at + size] for at in range(0, len(content), size)]) == whole
    if shift == 0:
        assert scan("f", [bytes([byte]) for byte in content]) == whole


def test_at_most_a_few_findings_of_one_rule_are_listed() -> None:
    assert rules("\u202e\n" * 1000) == ["bidi"] * MOST
    assert rules("\u202e" * 1000 + "a\u202e" * 1000) == ["bidi"]
    found = found_in((GITHUB_TOKEN + "\n") * 1000)
    assert [each.rule for each in found] == ["secret"] * MOST
    assert [each.line for each in found if "more lines are not listed" in each.message] == [MOST]
    assert "bidi" in rules("a\u200ba\n" * 1000 + "\u202e")


def pieces(piece: bytes, size: int, number: int) -> list[bytes]:
    """So many chunks of this size that consist of the piece."""
    return [(piece * (size // len(piece) + 1))[:size]] * number


HARD = [
    b"a",
    b"sk-",
    b"A1 ",
    b"xapp-a-",
    b"-----BEGIN RSA PRIVATE KEY-----\n",
    b"secret_access_key ",
    b"aws_key aws_key: ",
    b"sk-a1B2c3 ",
    b"eyJabcdefghij.",
    b"eyJabcdefghijeyJ.",
    b"://a:b",
    b"://",
    b"a:",
    b"Authorization: Bearer ",
    b"api_key: ",
    b"password = key = ",
    b"glagent-",
    b"https://hooks.slack.com/services/T",
    b"xoxb-1-",
    b"SG.aaaaaaaaaaaaaaaaaaaaaa.",
    b".abcdef.abcdef",
    b"1234567890:",
    b"-us1",
    b"AKC1234567890",
    b"\r",
    b"\r\n\n",
    "a\u202e".encode(),
    "a\u200b".encode(),
    "a\u0430".encode(),
    "a1\u0430".encode(),
    "\U0001f3f4\U000e0061".encode(),
    b"\xff",
    b"\0",
    b"\0\1",
    b"\x1b",
]


@pytest.mark.parametrize("piece", HARD)
def test_a_hostile_megabyte_ends(piece: bytes, long_run: bool) -> None:
    """What takes time in the square of a line would not end within the time of a test run."""
    found = scan("f", pieces(piece, MEBIBYTE, 4) if long_run else pieces(piece, MEBIBYTE // 2, 2))
    assert len(found) <= 8 * MOST


def test_a_line_of_900_kilobytes() -> None:
    line = "x" * 899_000 + GITHUB_TOKEN.join("  ") + "\u202e\n"
    assert [(each.rule, each.line) for each in found_in(line)] == [("bidi", 1), ("secret", 1)]


# --------------------------------------------------------------------------------------------- whole versions


def copy_of(
    folder: Path, *, model: str = "claude-sonnet-4-5-20250929", config: str = "", prompt: str = "Hi\n"
) -> WorkingCopy:
    (folder / "agent.toml").write_text(
        'schema = "repoint.manifest/1"\n[agent]\nname = "refund"\n[model]\nprovider = "anthropic"\n'
        f'name = "{model}"\n[prompts]\nsystem = "system.md"\n[config]\n{config}\n',
        encoding="utf-8",
    )
    (folder / "system.md").write_text(prompt, encoding="utf-8")
    return read_manifest(folder, "refund")


def contents_of(
    folder: Path, *, model: str = "claude-sonnet-4-5-20250929", config: str = "", prompt: str = "Hi\n"
) -> Contents:
    return build_snapshot(copy_of(folder, model=model, config=config, prompt=prompt), Limits())


def test_a_clean_version(tmp_path: Path) -> None:
    assert lint_contents(contents_of(tmp_path)) == []


def test_a_floating_model_is_found_and_may_be_allowed(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, model="claude-sonnet-4-5")
    (found,) = lint_contents(contents)
    assert (found.rule, found.path, found.line, found.severity) == ("floating-model", "agent.toml", 6, "error")
    assert "'claude-sonnet-4-5' of provider 'anthropic' is an alias" in found.message
    (allowed,) = lint_contents(contents, allowed={"floating-model": "PAY-311"})
    assert (allowed.rule, allowed.allowed) == ("floating-model", "PAY-311")
    refuse_findings([allowed])
    (other,) = lint_contents(contents, allowed={"secret"})
    assert other.allowed is None
    with pytest.raises(InvalidInput, match="nothing was published"):
        refuse_findings([other])


def test_a_rule_that_does_not_exist_cannot_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'floating-modell', which is no rule") as error:
        lint_contents(contents_of(tmp_path), allowed=["floating-modell"])
    assert error.value.hint == "did you mean floating-model?"


def test_findings_name_the_file(tmp_path: Path) -> None:
    found = lint_contents(contents_of(tmp_path, prompt="a\nb\u202e", config=f'k = "{GOOGLE_KEY}"'))
    assert [(each.rule, each.path, each.line) for each in found] == [
        ("secret", "agent.toml", 10),
        ("bidi", "system.md", 2),
    ]


def test_values_written_as_escapes_are_seen_too(tmp_path: Path) -> None:
    found = lint_contents(contents_of(tmp_path, config='k = "approve \\u202e yned"'))
    assert [(each.rule, each.path, each.line) for each in found] == [("bidi", "agent.toml", None)]


def test_what_is_stored_is_judged_by_its_bytes_alone(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, model="claude-sonnet-4-5", prompt="\u202e", config="temprature = 1")
    document, content = contents.document, contents.content
    assert {each.rule for each in lint_contents(contents)} == {"floating-model", "config-typo", "bidi"}
    found = lint_stored(document, content, lambda entry: contents.files[entry.path].chunks())
    assert found == [Finding("bidi", "system.md", 1, "error", found[0].message)]
    assert lint_stored(document, content, lambda _: None) == []


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, prompt="a" * (2 * 1024 * 1024))
    contents = build_snapshot(copy, Limits())
    (tmp_path / "system.md").write_text("b" * (2 * 1024 * 1024))
    with pytest.raises(InvalidInput, match="changed while it was being read"):
        lint_copy(contents, copy)


@pytest.mark.parametrize("size", [10, 3 * 1024 * 1024])
def test_what_was_searched_while_it_was_read_has_the_same_findings(tmp_path: Path, size: int) -> None:
    prompt = "Ask first.\n" * (size // 10) + f"key: {GITHUB_TOKEN}\napprove \u202eyned\r\n"
    copy = copy_of(tmp_path, prompt=prompt, config="temprature = 1")
    scanned = Scans()
    contents = build_snapshot(copy, Limits(), scanned)
    assert lint_copy(contents, copy, scanned=scanned) == lint_copy(contents, copy)
    assert {"secret", "bidi", "config-typo", "mixed-line-endings"} <= {each.rule for each in lint_copy(contents, copy)}
    assert scanned.of("agent.toml") is None, "it was read before"


def test_what_is_judged_are_the_bytes_that_are_named(tmp_path: Path) -> None:
    """A secret that is there while the file is read and gone when it would be read again is found all the same."""
    copy, scanned = copy_of(tmp_path, prompt=f"{GITHUB_TOKEN}\n" + "a" * (2 * 1024 * 1024)), Scans()
    contents = build_snapshot(copy, Limits(), scanned)
    (tmp_path / "system.md").write_text("harmless")
    assert [each.rule for each in lint_stored(contents.document, contents.content, contents.chunks_of, scanned)] == [
        "secret"
    ]


# ------------------------------------------------------------------------------------------------ configuration

TYPOS = {
    "temprature": "temperature",
    "temperatur": "temperature",
    "Temperature": "temperature",
    "tempreature": "temperature",
    "max_token": "max_tokens",
    "maxTokens": "max_tokens",
    "max-tokens": "max_tokens",
    "mx_tokens": "max_tokens",
    "topP": "top_p",
    "top-p": "top_p",
    "Seed": "seed",
    "timeout_second": "timeout_seconds",
    "timeoutSeconds": "timeout_seconds",
    "rety": "retry",
    "rerty": "retry",
    "Stop": "stop",
}
MEANT = [
    *("top_k", "min_p", "n", "steps", "step", "model", "timeout", "timeout_ms", "max_output_tokens", "stop_sequences"),
    *(
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "max_turns",
        "max_steps",
        "min_tokens",
        "retro",
    ),
    *(
        "language",
        "threshold",
        "refund_limit",
        "entry",
        "reasoning_effort",
        "max_tools",
        "temperatures_by_city",
        "speed",
    ),
]


def test_keys_that_are_nearly_a_known_one() -> None:
    assert dict(config_typos(dict.fromkeys(TYPOS, 1))) == {("config", key): meant for key, meant in TYPOS.items()}
    assert list(config_typos(dict.fromkeys([*MEANT, *KNOWN], 1))) == []


def test_keys_of_the_retry_table() -> None:
    retry = {"max_attempt": 3, "max_second": 3, "multiplyer": 2, "jiter": 1, "initialSeconds": 1}
    found = dict(config_typos({"retry": retry}))
    assert {key[-1]: meant for key, meant in found.items()} == {
        "max_attempt": "retry.max_attempts",
        "max_second": "retry.max_seconds",
        "multiplyer": "retry.multiplier",
        "jiter": "retry.jitter",
        "initialSeconds": "retry.initial_seconds",
    }
    assert list(config_typos({"retry": dict.fromkeys([*KNOWN_RETRY, "on_status", "min_seconds", "strategy"], 1)})) == []
    assert list(config_typos({"retry": 3, "a" * 1000: 1, "": 1})) == []


def test_a_typo_is_a_warning_with_its_line(tmp_path: Path) -> None:
    config = "temprature = 0.2\n[config.retry]\nmax_attempt = 3"
    found = lint_contents(contents_of(tmp_path, config=config))
    assert [(each.rule, each.severity, each.line) for each in found] == [
        ("config-typo", "warning", 10),
        ("config-typo", "warning", 12),
    ]
    assert found[0].message == "'temprature' is read by nobody; did you mean temperature?"
    assert found[1].message == "'retry.max_attempt' is read by nobody; did you mean retry.max_attempts?"


# --------------------------------------------------------------------------------------------------------- rules


def test_every_rule_says_why_and_what_to_do() -> None:
    rules_there = all_rules()
    assert len({rule.name for rule in rules_there}) == len(rules_there)
    for rule in rules_there:
        assert set(rule.name) <= set(string.ascii_lowercase + string.digits + "-"), rule.name
        assert rule.why.endswith((".", "?")), rule.name
        assert rule.fix.endswith("."), rule.name


def test_every_finding_has_a_rule_of_its_severity(tmp_path: Path) -> None:
    everything = (
        f"{GITHUB_TOKEN}\n\u202e\n\U000e0061\na\u200bb\np\u0430ypal\r\nclient_secret: {made(30)}\n".encode() + b"\xff"
    )
    found = [
        *found_in(everything),
        *found_in(b"\0"),
        *lint_contents(contents_of(tmp_path, model="x", config="topP = 1")),
    ]
    assert {each.rule for each in found} >= {
        *("secret", "possible-secret", "bidi", "invisible", "zero-width", "mixed-script", "mixed-line-endings"),
        *("not-utf-8", "nul-byte", "floating-model", "config-typo"),
    }
    severities = {rule.name: rule.severity for rule in all_rules()}
    for each in found:
        assert each.severity == severities[each.rule] or severities[each.rule] == "error"


def test_a_rule_is_found_by_its_name() -> None:
    assert rule_named("secret").name == "secret"
    with pytest.raises(NotFound, match="no rule 'secrets'") as error:
        rule_named("secrets")
    assert "did you mean secret" in str(error.value.hint)
    with pytest.raises(NotFound) as error:
        rule_named("\u202e")
    assert str(error.value.hint) == "repoint check --list-rules lists them"
    refuse_unknown_rules([rule.name for rule in all_rules()])


def test_thousands_of_findings_are_counted() -> None:
    findings = [Finding("bidi", f"p{n}.md", 1, "error", "x") for n in range(3000)]
    with pytest.raises(InvalidInput, match="3000 findings, nothing was published") as error:
        refuse_findings(findings)
    assert error.value.message.count("\n") == MOST_SHOWN + 1
    assert "and 2980 more" in error.value.message
    assert error.value.facts["findings"] == 3000


# ---------------------------------------------------------------------------------------------------- allowances

REFUND, INTAKE = AgentName("refund"), AgentName("intake")


def test_allowances_give_their_reason_and_know_which_were_needed() -> None:
    source = 'schema = "x"\n' + "".join(f'[[allow]]\nrule = "r{n}"\nreason = "y"\n' for n in range(3))
    entries = (
        Allowance("bidi", "reviewed", REFUND),
        Allowance("secret", "a test key"),
        Allowance("bidi", "old", INTAKE),
    )
    allowances = Allowances(entries, source)
    found = [Finding(rule, "p.md", 1, "error", "x") for rule in ("bidi", "secret", "invisible")]

    assert [each.allowed for each in allowances.applied(REFUND, found)] == ["reviewed", "a test key", None]
    assert [each.allowed for each in allowances.applied(AgentName("other"), found)] == [None, "a test key", None]
    assert allowances.unused([REFUND], everything=False) == []
    (unused,) = allowances.unused([REFUND, INTAKE], everything=False)
    assert (unused.rule, unused.path, unused.line, unused.severity) == ("unused-allow", "repoint.toml", 8, "warning")
    assert "bidi" in unused.message
    assert "intake" in unused.message


def test_an_allowance_for_every_agent_is_unused_only_when_all_were_checked() -> None:
    allowances = Allowances((Allowance("secret", "a test key"),), '[[allow]]\nrule = "secret"\nreason = "y"\n')
    assert allowances.unused([REFUND], everything=False) == []
    assert [each.rule for each in allowances.unused([REFUND], everything=True)] == ["unused-allow"]


def test_a_message_is_linted(tmp_path: Path) -> None:
    assert [each.rule for each in lint_text("message", f"Use {GITHUB_TOKEN}")] == ["secret"]
    assert lint_text("message", "Ask for the order number first (PAY-312), see https://acme.example/PAY-312") == []
    assert os.listdir(tmp_path) == []
