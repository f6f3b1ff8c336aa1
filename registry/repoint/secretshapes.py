"""Well-known shapes of secrets, found in bytes without ever repeating them.

Part of promise 9. Each shape has literal marks that are looked for first, so a large file without them costs one fast
pass each, and a regular expression whose every repetition is bounded, so the work is linear. A placeholder
(``sk-your-key-here``, ``AKIAIOSFODNN7EXAMPLE``, a repeated character, ``${env:KEY}``) is none. Last reviewed in
2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 1024
"""No shape is longer than this many bytes: the overlap that a search in chunks needs."""

BEHIND = 2
"""Bytes before a shape that decide whether it begins there."""

_NOT_IN_WORD = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"  # after a line break written as \n, as in JSON


class Shape(NamedTuple):
    """What a secret is called, the bytes that announce it, and how it looks; group 1 is the random part."""

    name: str
    marks: tuple[bytes, ...]
    pattern: bytes  # compiled on first use: most texts have no mark of it


class Match(NamedTuple):
    """A secret found: which shape, and where it begins. Its value is not kept."""

    name: str
    start: int


SHAPES = (
    Shape(
        "an Anthropic API key",
        (b"sk-ant-",),
        _NOT_IN_WORD + rb"sk-ant-[a-z]{2,12}[0-9]{2}-([A-Za-z0-9_-]{20,200})",
    ),
    Shape(
        "an OpenAI API key",
        (b"sk-",),
        (
            _NOT_IN_WORD + rb"sk-(?:(?:proj|svcacct|admin|None|or-v1)-([A-Za-z0-9_-]{20,200})"
            rb"|([A-Za-z0-9]{20,100})(?![A-Za-z0-9_-]))"
        ),
    ),
    Shape(
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        _NOT_IN_WORD + rb"(?:gh[pousr]_([A-Za-z0-9]{36,255})|github_pat_([A-Za-z0-9_]{40,250}))",
    ),
    Shape("a Google API key", (b"AIza",), _NOT_IN_WORD + rb"AIza([A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    Shape(
        "an AWS access key ID",
        (b"AKIA", b"ASIA"),
        rb"(?:(?<![A-Za-z0-9+/_-])|(?<=\\[nrt]))A[KS]IA([A-Z2-7]{16})(?![A-Za-z0-9+/_-])",
    ),
    Shape(
        "an AWS secret access key",
        (b"ccess", b"CCESS"),
        rb"(?i:secret_?access_?key)[\"']?[ \t]{0,8}[=:][ \t]{0,8}[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    Shape(
        "a Slack token",
        (b"xoxa-", b"xoxb-", b"xoxc-", b"xoxd-", b"xoxe-", b"xoxo-", b"xoxp-", b"xoxr-", b"xoxs-", b"xapp-"),
        _NOT_IN_WORD + rb"(?:xox[a-eoprs]|xapp)-((?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{20,250})",
    ),
    Shape(
        "a Slack webhook",
        (b"hooks.slack.com/",),
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,14}/([A-Za-z0-9/]{20,100})",
    ),
    Shape(
        "a Stripe live key",
        (b"sk_live_", b"rk_live_"),
        _NOT_IN_WORD + rb"[sr]k_live_([A-Za-z0-9]{16,250})",
    ),
    Shape(
        "a Hugging Face token",
        (b"hf_",),
        _NOT_IN_WORD + rb"hf_([A-Za-z0-9]{30,60})(?![A-Za-z0-9_-])",
    ),
    Shape(
        "a private key",
        (b"PRIVATE KEY",),
        (
            rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s){1,8}"
            rb"(?:[A-Za-z-]{1,20}: [^\r\n\\]{0,80}(?:\\[rn]|\s){1,4}){0,4}([A-Za-z0-9+/]{32})"
        ),
    ),
)

# Compiled on first use, as the shapes are.
_PLACEHOLDER = (
    rb"(?is)(.)\1{4}|example|placeholder|redacted|changeme|replace|dummy|sample|xxxx|your[-_]?|[-_]fake|not[-_]?real|fake[-_]"
    rb"|12345678|abcdefgh|01234567"
)


def secrets_in(content: bytes) -> Iterator[Match]:
    """Every secret in the bytes, by shape."""
    for shape in SHAPES:
        if any(mark in content for mark in shape.marks):
            for found in re.compile(shape.pattern).finditer(content):
                if _looks_random(next(group for group in found.groups() if group is not None)):
                    yield Match(shape.name, found.start())


def _looks_random(value: bytes) -> bool:
    """A key is not written in words: it is no placeholder, and mixes letters with digits or upper with lower case."""
    if re.search(_PLACEHOLDER, value) or len(set(value)) < 7:
        return False
    digits, upper, lower = (any(low <= byte <= high for byte in value) for low, high in _RANGES)
    return digits + upper + lower >= 2


_RANGES = ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))
