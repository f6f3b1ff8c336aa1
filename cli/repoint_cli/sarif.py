"""Findings as SARIF 2.1.0 (OASIS Standard, errata 01), which GitHub code scanning and most viewers read.

What code scanning needs of it: GitHub Docs, "SARIF support for code scanning". Paths are relative to the repository
(``%SRCROOT%``), every rule carries its help, an allowed finding is a suppressed result with its reason. A fingerprint
is made of rule, path, message and number, and of no line: a finding that only moved is the same one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from repoint_schemas.results import FindingResult

if TYPE_CHECKING:
    from repoint.findings import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_OPENS_DOORS = {"secret": "9.0", "possible-secret": "6.0", "bidi": "7.5", "invisible": "7.5"}
"""``security-severity`` of the rules that are about security, on the scale of CVSS, as code scanning ranks them."""


def sarif_log(findings: Sequence[FindingResult], rules: Sequence[Rule], version: str | None) -> str:
    """The whole log as JSON."""
    import msgspec

    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(findings, rules, version)]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _run(findings: Sequence[FindingResult], rules: Sequence[Rule], version: str | None) -> dict[str, object]:
    driver: dict[str, object] = {"name": "repoint", "rules": [_rule(each) for each in rules]}
    if version is not None:
        driver["version"] = version
    return {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder of repoint.toml, the repository's root."}}},
        "invocations": [{"executionSuccessful": True}],
        "results": list(_results(findings, {rule.name: index for index, rule in enumerate(rules)})),
    }


def _rule(rule: Rule) -> dict[str, object]:
    sources = "".join(f"\n- {each}" for each in rule.sources)
    text = f"{rule.why}\n\n{rule.fix}" + (f"\n\nSources:{sources}" if sources else "")
    properties: dict[str, object] = {"tags": ["security"] if rule.name in _OPENS_DOORS else ["correctness"]}
    if rule.name in _OPENS_DOORS:
        properties["security-severity"] = _OPENS_DOORS[rule.name]
    return {
        "id": rule.name,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.why},
        "fullDescription": {"text": rule.why},
        "help": {"text": text, "markdown": f"{rule.why}\n\n**Fix:** {rule.fix}" + (f"\n{sources}" if sources else "")},
        "defaultConfiguration": {"level": rule.severity},
        "properties": properties,
    }


def _results(findings: Sequence[FindingResult], indexes: dict[str, int]) -> Iterable[dict[str, object]]:
    numbers: dict[tuple[str, str, str], int] = {}
    for found in findings:
        key = (found.rule, found.path, found.message)
        numbers[key] = numbers.get(key, 0) + 1
        yield _result(found, indexes.get(found.rule, -1), numbers[key])


def _result(found: FindingResult, index: int, number: int) -> dict[str, object]:
    place = {
        "artifactLocation": {"uri": _uri(found.path), "uriBaseId": _ROOT},
        "region": {"startLine": found.line or 1},
    }
    result: dict[str, object] = {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": found.severity,
        "message": {"text": _text(found.message)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"repointFinding/v1": _fingerprint(found, number)},
    }
    if found.allowed is not None:
        justified = {"kind": "external", "status": "accepted", "justification": _text(found.allowed)}
        result["suppressions"] = [justified]
    return result


def _fingerprint(found: FindingResult, number: int) -> str:
    said = "\0".join((found.rule, found.path, found.message, str(number)))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(path))


def _text(text: str) -> str:
    """Text that UTF-8 can hold, as JSON needs it."""
    return text.encode("utf-8", "backslashreplace").decode()
