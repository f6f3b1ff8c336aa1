"""The rarer secrets, judged by the detect-secrets library (Yelp, 1.5), which is imported only where one may stand.

Part of promise 9. Importing the library costs as much as a whole command, so each of its plugins has *gates* here:
expressions that let through everything that the plugin could match (a test makes examples of every plugin's own
expressions and shows it). Behind a gate the plugin sees a bounded stretch of the file, in this process; nothing is
verified over the network, no secret's value is kept.

Left out, each for a reason: entropy and IP addresses (prompts are full of digests, ids and examples); keywords
(``weak_secrets_in`` asks more of the value); AWS, GitHub, OpenAI, JWT, npm, private keys and basic auth
(``secretshapes`` knows newer forms, and several of those expressions take time in the square of a hostile line); IBM's
four (their blanks cost its cube).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from repoint.secretshapes import BEHIND, Match
from repoint.secretvalues import entropy, is_random

_STRETCH = 2048
"""Bytes after a gate's hit whose other hits are judged with it."""
_LONGEST = 1200
"""The longest that a plugin's expression matches (a GitLab agent token has up to 1,024 characters and a prefix)."""


_SHORTEST = 20
"""No secret behind a gate is shorter."""


class Gate(NamedTuple):
    """A plugin of the library, what it finds, and what must stand in the bytes for it to find anything.

    ``pattern`` begins with a literal, so searching for it is fast; ``fold``: it is searched for in lower case.
    """

    module: str
    plugin: str
    name: str
    pattern: bytes
    fold: bool = False


GATES = (
    Gate("artifactory", "ArtifactoryDetector", "an Artifactory credential", rb"AKC[a-zA-Z0-9]{10}"),
    Gate("artifactory", "ArtifactoryDetector", "an Artifactory credential", rb"AP[0-9ABCDEF][a-zA-Z0-9]{8}"),
    Gate(
        "azure_storage_key",
        "AzureStorageKeyDetector",
        "an Azure storage account key",
        rb"AccountKey=[a-zA-Z0-9+/=]{88}",
    ),
    Gate("discord", "DiscordBotTokenDetector", "a Discord bot token", rb"\.[a-zA-Z0-9_-]{6}\.[a-zA-Z0-9_-]{27}"),
    Gate("gitlab_token", "GitLabTokenDetector", "a GitLab token", rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-"),
    Gate("gitlab_token", "GitLabTokenDetector", "a GitLab token", rb"GR1348941"),
    Gate("mailchimp", "MailchimpDetector", "a Mailchimp key", rb"-us(?<=[0-9a-z]{32}-us)[0-9]"),
    Gate("pypi_token", "PypiTokenDetector", "a PyPI token", rb"pypi-AgE"),
    Gate("sendgrid", "SendGridDetector", "a SendGrid API key", rb"SG\.[a-zA-Z0-9_-]{22}\."),
    Gate("slack", "SlackDetector", "a Slack token", rb"xox[abposr]-[0-9]", fold=True),
    Gate("slack", "SlackDetector", "a Slack webhook", rb"https://hooks\.slack\.com/services/t", fold=True),
    Gate("square_oauth", "SquareOAuthDetector", "a Square OAuth secret", rb"sq0csp-"),
    Gate("stripe", "StripeDetector", "a Stripe live key", rb"k_live_[0-9a-zA-Z]{24}"),
    Gate("telegram_token", "TelegramBotTokenDetector", "a Telegram bot token", rb":(?<=[0-9]{8}:)[0-9A-Za-z_-]{35}"),
    Gate("twilio", "TwilioKeyDetector", "a Twilio API key", rb"SK[a-z0-9]{32}"),
)


def rare_secrets_in(content: bytes) -> Iterator[Match]:
    """Every secret that a plugin of the library finds and that looks like one. Linear."""
    folded: bytes | None = None
    for gate in GATES:
        if gate.fold and folded is None:
            folded = content.lower()
        yield from _behind(gate, content, folded if gate.fold and folded is not None else content)


def _behind(gate: Gate, content: bytes, searched: bytes) -> Iterator[Match]:
    judged = 0
    for hit in re.compile(gate.pattern).finditer(searched):
        if hit.start() >= judged:
            judged = hit.start() + _STRETCH
            yield from _judged(gate, content, max(0, hit.start() - BEHIND), judged + _LONGEST)


def _judged(gate: Gate, content: bytes, start: int, end: int) -> Iterator[Match]:
    stretch = content[start:end]
    for value in dict.fromkeys(_analyser(gate.module, gate.plugin)(stretch.decode("latin-1"))):
        found = value.encode("latin-1").strip(b" \t\r\n\"'=:")
        at = stretch.find(found) if found else -1
        while at >= 0:
            whole = _whole(stretch, at, found)
            if _stands_alone(stretch, at, len(whole)) and _looks_secret(whole):
                yield Match(gate.name, start + at, start + at + len(whole))
            at = stretch.find(found, at + max(1, len(whole)))


def _whole(stretch: bytes, at: int, found: bytes) -> bytes:
    """The secret itself: where a plugin's expression has a group for the prefix, the prefix is all that it reports."""
    if len(found) >= _SHORTEST:
        return found
    run = re.compile(rb"[A-Za-z0-9_-]*").match(stretch, at)
    return run[0] if run else found


@cache
def _analyser(module: str, plugin: str) -> Callable[[str], Iterator[str]]:
    """The plugin's search in a text; importing it takes longer than anything else here."""
    from importlib import import_module

    from detect_secrets.plugins.base import BasePlugin

    found = getattr(import_module(f"detect_secrets.plugins.{module}"), plugin)()
    assert isinstance(found, BasePlugin)
    return found.analyze_string


def _stands_alone(stretch: bytes, at: int, size: int) -> bool:
    """Not a part of something longer, such as Base64 or a digest: the library's expressions do not ask."""
    before, after = stretch[max(0, at - 1) : at], stretch[at + size : at + size + 1]
    if at < 0 or re.match(rb"[A-Za-z0-9_+/-]", after):
        return False
    escaped = at > 1 and before in (b"n", b"r", b"t") and stretch[at - 2] == 0x5C  # \\n in JSON
    return escaped or not (before.isalnum() or before in (b"_", b"+"))


def _looks_secret(value: bytes) -> bool:
    """An account SID of Twilio is a name; what is short or has hardly a digit is a word."""
    if len(value) < _SHORTEST or re.fullmatch(rb"AC[a-z0-9]{32}", value):
        return False
    return is_random(value) and re.search(rb"[0-9][^0-9]*[0-9]", value) is not None


# -- values under a name that promises a secret ------------------------------------------------------------------------

_TAILS = (b"key", b"token", b"secret", b"password", b"passwd", b"passphrase", b"pwd")
_VALUE = (
    rb"(?:_?(?:key|token|value))?\\?[\"'`]?\]?[ \t]{0,8}(?::=|=>|[:=])[ \t]{0,8}\\?[\"'`]?"
    rb"([^\s\"'`\\,;&<>(){}\[\]]{16,200})"
)
_QUALIFIED = (
    rb"(?i)(?:api|access|auth|client|secret|private|signing|encryption|master|webhook|session|refresh|bearer)[_ -]?$"
)
"""What makes a ``key`` or a ``token`` one that opens something."""


def weak_secrets_in(content: bytes) -> Iterator[Match]:
    """Random-looking values under names like ``client_secret``, in no known shape: likely secrets, not certain ones."""
    folded = content.lower()
    for tail in _TAILS:
        for found in re.compile(tail + _VALUE).finditer(folded) if tail in folded else ():
            named = content[max(0, found.start() - 24) : found.start()]
            if tail in (b"key", b"token") and not re.search(_QUALIFIED, named):
                continue
            if _looks_made_by_chance(content[found.start(1) : found.end(1)]):
                yield Match("a secret", found.start(), found.end(1))


_NO_VALUE = (
    rb"\$|%|\{|env[:.]|process\.|os\.|[a-z][a-z0-9+.-]{0,20}://|[./~]|arn:|urn:|data:|sha(?:1|256|512)[:-]"
    rb"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
    rb"|(?:[A-Za-z]+|[0-9]+)(?:[-_./:](?:[A-Za-z]+|[0-9]+))*$"
    rb"|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$"
)
"""Variables, addresses, digests, UUIDs, words and numbers joined by something, names of code."""


def _looks_made_by_chance(value: bytes) -> bool:
    """Letters and digits so mixed that nobody wrote them by hand."""
    value = value.rstrip(b".:!?=")
    if re.match(_NO_VALUE, value) or not is_random(value) or not re.search(rb"[0-9]", value):
        return False
    return len(value) >= 16 and entropy(value) >= (3.2 if re.fullmatch(rb"[0-9a-f]{32,}", value) else 3.6)
