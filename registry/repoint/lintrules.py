"""Every rule of ``repoint check``: what it is called, why it is there, how a finding is mended, whose facts it goes by.

``all_rules`` is the one list: ``check --list-rules`` and ``--explain``, SARIF and the reference page are made of it,
and ``[[allow]]`` may name nothing else. Imported only where a rule is shown or named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from repoint.errors import InvalidInput, NotFound
from repoint.findings import Rule

_UNICODE = "Unicode Standard Annex 9, Unicode Bidirectional Algorithm"
_REVOKE = (
    "Revoke the value where it was issued, since it is in a file that others can read; keep it in a secret store, and "
    'name only its environment variable: secrets = ["NAME"] in the manifest, ${env:NAME} in a text.'
)

RULES = (
    Rule(
        "manifest",
        "error",
        "An agent.toml that cannot be read, or that names files which are not there, makes no version.",
        "Every problem is listed with its line; docs/formats.md shows a complete manifest.",
        ("TOML 1.0.0", "repoint.manifest/1"),
    ),
    Rule(
        "floating-model",
        "error",
        "A model name that its provider may move to another model makes one version behave in two ways.",
        "Write the dated or numbered name that the message shows. Where the provider has none, allow it with a reason.",
        ("the pages of the providers, listed by provider in the reference of the rules",),
    ),
    Rule(
        "secret",
        "error",
        "A version is kept for ever and copied to every reader: a key in it is known to all of them.",
        _REVOKE,
        (
            "the vendors' pages on their keys",
            "GitHub Docs, Supported secret scanning patterns",
            "detect-secrets 1.5 (Yelp)",
        ),
    ),
    Rule(
        "possible-secret",
        "warning",
        "A random-looking value under a name like client_secret is most likely one, though no vendor's shape says so.",
        _REVOKE + " An example value is better written as <client-secret>.",
        ("CWE-798, Use of Hard-coded Credentials",),
    ),
    Rule(
        "bidi",
        "error",
        "Bidirectional overrides and isolates show a reviewer another text than the model reads.",
        "Delete the character. Arabic and Hebrew need none: their letters carry their own direction.",
        (_UNICODE, "CVE-2021-42574 (Trojan Source)"),
    ),
    Rule(
        "invisible",
        "error",
        "Tag characters, rows of variation selectors, fillers and controls can carry instructions that nobody sees.",
        "Delete the characters; retype the line if an editor does not show them.",
        ("Unicode Technical Standard 51, Unicode Emoji", "Unicode Standard, section 23.9, Tag Characters"),
    ),
    Rule(
        "zero-width",
        "warning",
        "Zero-width characters where no script or emoji needs them hide changes and split words for a model.",
        "Delete them. Where Persian, an Indic script, Thai or an emoji sequence needs one, nothing is reported.",
        ("Unicode Standard, section 23.2, Layout Controls", "Unicode Technical Standard 51, Unicode Emoji"),
    ),
    Rule(
        "mixed-script",
        "warning",
        "A word of Latin and look-alike letters is read as one word by people and as another by a model.",
        "Retype the word in one script. Words that join scripts openly (\u00b5s, \u0394t) are not reported.",
        ("Unicode Technical Standard 39, Unicode Security Mechanisms",),
    ),
    Rule(
        "not-utf-8",
        "warning",
        "Agents read text as UTF-8: other bytes are kept, but may be read wrongly.",
        "Save the file as UTF-8.",
        ("RFC 3629",),
    ),
    Rule(
        "nul-byte",
        "warning",
        "A NUL ends the text for some programs; the file may not be text at all.",
        "Delete the character, or name a text file instead.",
    ),
    Rule(
        "mixed-line-endings",
        "warning",
        "Several kinds of line endings in one file are most often a merge gone wrong; every tool reads them otherwise.",
        "Save the file with one kind, and say which in .gitattributes (text eol=lf).",
        ("Git documentation, gitattributes: eol",),
    ),
    Rule(
        "config-typo",
        "warning",
        "Unknown keys of [config] are kept as they are: one that is nearly a known key was probably meant to be it.",
        "Correct the key. If it is meant, allow it with a reason.",
        ("docs/formats.md, [config]",),
    ),
    Rule(
        "unused-allow",
        "warning",
        "An [[allow]] that allows nothing hides the next finding of its rule, which nobody has looked at.",
        "Delete the entry from repoint.toml.",
    ),
)


def all_rules() -> list[Rule]:
    """Every rule, errors first, each group in the order in which it is best read."""
    from repoint.speclint import SPEC_RULES

    return sorted((*RULES, *SPEC_RULES), key=lambda rule: rule.severity)


def rule_named(name: str) -> Rule:
    """The rule of that name.

    Raises:
        NotFound: there is none; the hint names the nearest.
    """
    rules = all_rules()
    found = next((rule for rule in rules if rule.name == name), None)
    if found is None:
        raise NotFound(f"there is no rule {name!a}", kind="no-such-rule", hint=_nearest(name, rules))
    return found


def refuse_unknown_rules(names: Collection[str], places: Iterable[str] = ()) -> None:
    """Refuse names that no rule has; ``places`` says where each stands.

    Raises:
        InvalidInput: naming all of them, each with the rule that was probably meant.
    """
    rules = all_rules()
    known = {rule.name for rule in rules}
    where = dict(zip(names, places, strict=False))
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if not unknown:
        return
    lines = [f"{where.get(name, 'repoint.toml')}: [[allow]] names {name!a}, which is no rule" for name in unknown]
    raise InvalidInput("\n".join(lines), kind="unknown-rule", hint=_nearest(unknown[0], rules), rules=unknown)


def _nearest(name: str, rules: list[Rule]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [rule.name for rule in rules], n=2)
    return f"did you mean {' or '.join(near)}?" if near else "repoint check --list-rules lists them"
