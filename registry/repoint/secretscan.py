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
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from repoint.secretshapes import BEHIND, Match, Places, unknown
from repoint.secretvalues import entropy, is_random

_STRETCH = 2048
"""Bytes after a gate's hit whose other hits are judged with it."""
_LONGEST = 1200
"""The longest that a plugin's expression matches (a GitLab agent token has up to 1,024 characters and a prefix)."""


_SHORTEST = 20
"""No secret behind a gate is shorter."""

_GITLAB = (b"pat", b"dt", b"ft", b"soat", b"rt", b"cbt", b"imt", b"ptt", b"agent", b"oas")


class Gate(NamedTuple):
    """A plugin of the library, what it finds, and what must stand in the bytes for it to find anything.

    ``pattern`` begins with one of the literals in ``marks``, so searching for it is fast; ``fold``: it is searched for
    in lower case.
    """

    module: str
    plugin: str
    name: str
    marks: tuple[bytes, ...]
    pattern: bytes
    fold: bool = False


_ALONE = rb"(?<![^\s=:\"\x1c-\x1f\x85\xa0]%b)"
"""Artifactory's expressions ask for a blank, a quote or a sign before the value; Base64 is full of what follows it."""

GATES = (
    Gate(
        "artifactory",
        "ArtifactoryDetector",
        "an Artifactory credential",
        (b"AKC",),
        rb"AKC" + _ALONE % b"AKC" + rb"[a-zA-Z0-9]{10}",
    ),
    Gate(
        "artifactory",
        "ArtifactoryDetector",
        "an Artifactory credential",
        tuple(b"AP%c" % each for each in b"0123456789ABCDEF"),
        rb"AP[0-9A-F]" + _ALONE % b"AP." + rb"[a-zA-Z0-9]{8}",
    ),
    Gate(
        "azure_storage_key",
        "AzureStorageKeyDetector",
        "an Azure storage account key",
        (b"AccountKey=",),
        rb"AccountKey=[a-zA-Z0-9+/=]{88}",
    ),
    Gate(
        "discord",
        "DiscordBotTokenDetector",
        "a Discord bot token",
        (b".",),
        rb"\.[a-zA-Z0-9_-]{6}\.[a-zA-Z0-9_-]{27}",
    ),
    Gate(
        "gitlab_token",
        "GitLabTokenDetector",
        "a GitLab token",
        tuple(b"gl%b-" % each for each in _GITLAB),
        rb"gl(?:" + b"|".join(_GITLAB) + rb")-",
    ),
    Gate("gitlab_token", "GitLabTokenDetector", "a GitLab token", (b"GR1348941",), rb"GR1348941"),
    Gate("mailchimp", "MailchimpDetector", "a Mailchimp key", (b"-us",), rb"-us(?<=[0-9a-z]{32}-us)[0-9]"),
    Gate("pypi_token", "PypiTokenDetector", "a PyPI token", (b"pypi-AgE",), rb"pypi-AgE"),
    Gate("sendgrid", "SendGridDetector", "a SendGrid API key", (b"SG.",), rb"SG\.[a-zA-Z0-9_-]{22}\."),
    Gate("slack", "SlackDetector", "a Slack token", (b"xox",), rb"xox[abposr]-[0-9]", fold=True),
    Gate(
        "slack",
        "SlackDetector",
        "a Slack webhook",
        (b"https://hooks.slack.com/services/t",),
        rb"https://hooks\.slack\.com/services/t",
        fold=True,
    ),
    Gate("square_oauth", "SquareOAuthDetector", "a Square OAuth secret", (b"sq0csp-",), rb"sq0csp-"),
    Gate("stripe", "StripeDetector", "a Stripe live key", (b"k_live_",), rb"k_live_[0-9a-zA-Z]{24}"),
    Gate(
        "telegram_token",
        "TelegramBotTokenDetector",
        "a Telegram bot token",
        (b":",),
        rb":(?<=[0-9]{8}:)[0-9A-Za-z_-]{35}",
    ),
    Gate("twilio", "TwilioKeyDetector", "a Twilio API key", (b"SK",), rb"SK[a-z0-9]{32}"),
)


def rare_secrets_in(content: bytes, places: Places = unknown) -> Iterator[Match]:
    """Every secret that a plugin of the library finds and that looks like one. Linear.

    ``places`` is asked for the places of a gate by its pattern.
    """
    for gate in GATES:
        judged = 0
        for hit in _hits(gate, content, places(gate.pattern)):
            if hit >= judged:
                judged = hit + _STRETCH
                yield from _judged(gate, content, max(0, hit - BEHIND), judged + _LONGEST)


def _hits(gate: Gate, content: bytes, places: Iterable[int] | None) -> Iterator[int]:
    if places is None:
        searched = content.lower() if gate.fold else content
        yield from (found.start() for found in re.compile(gate.pattern).finditer(searched))
    else:
        pattern = re.compile(gate.pattern, re.IGNORECASE if gate.fold else 0)
        yield from (at for at in places if pattern.match(content, at))


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

TAILS = (b"key", b"token", b"secret", b"password", b"passwd", b"passphrase", b"pwd")
_VALUE = (
    rb"(?:_?(?:key|token|value))?\\?[\"'`]?\]?[ \t]{0,8}(?::=|=>|[:=])[ \t]{0,8}\\?[\"'`]?"
    rb"([^\s\"'`\\,;&<>(){}\[\]]{16,200})"
)
_OPENS = (
    *(b"api", b"access", b"auth", b"client", b"secret", b"private", b"signing"),
    *(b"encryption", b"master", b"webhook", b"session", b"refresh", b"bearer"),
)
_JOINTS = (b"_", b" ", b"\n", b"-")
_QUALIFIED = (b"key", b"token")


def names_of(tail: bytes) -> list[bytes]:
    """The names that end in the tail and promise a secret: of the keys and tokens only those that open something."""
    if tail not in _QUALIFIED:
        return [tail]
    return [opens + joint + tail for opens in _OPENS for joint in (b"", *_JOINTS)]


def weak_secrets_in(content: bytes, places: Places = unknown) -> Iterator[Match]:
    """Random-looking values under names like ``client_secret``, in no known shape: likely secrets, not certain ones.

    ``places`` is asked for the places of a tail at the end of such a name. Linear.
    """
    folded = content.lower() if any(places(tail) is None for tail in TAILS) else b""
    for tail in TAILS:
        for found in _valued(tail, content, folded, places(tail)):
            if _looks_made_by_chance(content[found.start(1) : found.end(1)]):
                yield Match("a secret", found.start(), found.end(1))


def _valued(tail: bytes, content: bytes, folded: bytes, places: Iterable[int] | None) -> Iterator[re.Match[bytes]]:
    if places is None:
        yield from re.compile(_named_value(tail)).finditer(folded)
        return
    after = 0
    for at in places:
        if at >= after and (found := re.compile(_named_value(tail), re.IGNORECASE).match(content, at)):
            yield found
            after = found.end()


@cache
def _named_value(tail: bytes) -> bytes:
    joints = b"[" + b"".join(_JOINTS) + b"]"
    named = b"|".join(b"(?<=%b%b)|(?<=%b%b%b)" % (opens, tail, opens, joints, tail) for opens in _OPENS)
    return tail + (b"(?:" + named + b")" if tail in _QUALIFIED else b"") + _VALUE


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
    if len(value) < 16 or not re.search(rb"[0-9]", value) or re.match(_NO_VALUE, value) or not is_random(value):
        return False
    return entropy(value) >= (3.2 if re.fullmatch(rb"[0-9a-f]{32,}", value) else 3.6)
