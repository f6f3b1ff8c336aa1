"""Well-known shapes of secrets, found in bytes without ever repeating them.

Part of promise 9. Each shape has literal marks that are looked for first (in large content all at once, by
``secretmarks``), and a regular expression whose every repetition is bounded, so the work is linear. What the value must
look like is decided in ``secretvalues``. These are the keys that agents really hold; rarer ones come from the
detect-secrets library (``secretscan``). Sources: each vendor's page on its keys, GitHub's "Supported secret scanning
patterns", the rules of gitleaks 8. Last reviewed in 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from repoint.secretvalues import (
    is_access_key,
    is_bearer,
    is_key_body,
    is_password,
    is_random,
    is_signed_token,
    is_strong,
)

LONGEST = 4096
"""No shape is longer than this many bytes: the overlap that a search in chunks needs."""

BEHIND = 256
"""Bytes before a shape that decide whether it begins there."""

Places = Callable[[bytes], Iterable[int] | None]
"""Where a mark stands, in order; None where nobody knows yet: then it is looked for."""

_SPARSE = 64
"""Bytes for each mark, at least: where they are denser, the expression finds them faster than it is asked of each."""

# Where a key can begin: not inside a word, but also after an escape as in JSON (\n, \u003d) or a URL (%3D).
_BEGIN = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_END = rb"(?![A-Za-z0-9_-])"
_PAUSE = rb"(?:\\[rn]|\s){1,8}"


class Shape(NamedTuple):
    """What a secret is called, the bytes that announce it, and how it looks; the group that matched is the secret part.

    The pattern is tried where a mark stands: what comes before the mark is looked back at.
    """

    name: str
    marks: tuple[bytes, ...]
    pattern: bytes  # compiled on first use: most texts have no mark of it
    judge: Callable[[bytes], bool] = is_random


class Match(NamedTuple):
    """A secret found: which shape, and where it stands. Its value is not kept."""

    name: str
    start: int
    end: int


def token_shape(name: str, mark: bytes, value: bytes, judge: Callable[[bytes], bool] = is_random) -> Shape:
    """A value behind a prefix of its own, standing alone."""
    return Shape(name, (mark,), _BEGIN + re.escape(mark) + b"(" + value + b")" + _END, judge)


SHAPES = (
    # -- models and their hosts
    Shape("an Anthropic API key", (b"sk-ant-",), _BEGIN + rb"sk-ant-[a-z]{2,12}[0-9]{2}-([A-Za-z0-9_-]{20,200})"),
    Shape(
        "an OpenAI API key",
        (b"sk-",),
        _BEGIN + rb"sk-(?:(?:proj|svcacct|service|admin|None|or-v1)-([A-Za-z0-9_-]{20,200})"
        rb"|([A-Za-z0-9]{20,100})(?![A-Za-z0-9_-]))",
    ),
    token_shape("a Langfuse secret key", b"sk-lf-", rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    token_shape("an xAI API key", b"xai-", rb"[A-Za-z0-9]{60,100}"),
    token_shape("a Groq API key", b"gsk_", rb"[A-Za-z0-9]{40,60}"),
    token_shape("a Perplexity API key", b"pplx-", rb"[A-Za-z0-9]{40,60}"),
    token_shape("a Replicate API token", b"r8_", rb"[A-Za-z0-9]{37,40}"),
    token_shape("an NVIDIA API key", b"nvapi-", rb"[A-Za-z0-9_-]{60,70}"),
    token_shape("a Hugging Face token", b"hf_", rb"[A-Za-z0-9]{30,60}"),
    token_shape("a Hugging Face token", b"api_org_", rb"[A-Za-z0-9]{30,60}"),
    token_shape("a LangSmith API key", b"lsv2_", rb"(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    token_shape("a Pinecone API key", b"pcsk_", rb"[A-Za-z0-9_]{50,80}"),
    token_shape("a Tavily API key", b"tvly-", rb"(?:dev-|prod-)?[A-Za-z0-9-]{28,60}"),
    # -- clouds
    Shape("a Google API key", (b"AIza",), _BEGIN + rb"AIza([A-Za-z0-9_-]{35})" + _END),
    token_shape("a Google OAuth client secret", b"GOCSPX-", rb"[A-Za-z0-9_-]{28}"),
    token_shape("a Google OAuth access token", b"ya29.", rb"[A-Za-z0-9_-]{40,600}"),
    Shape(
        "an AWS access key ID",
        (b"AKIA", b"ASIA", b"ABIA", b"ACCA"),
        rb"(?:(?<![A-Za-z0-9+/_-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
        rb"(A(?:KI|SI|BI|CC)A[A-Z2-7]{16})(?![A-Za-z0-9+/_-])",
        is_access_key,
    ),
    Shape(
        "an AWS secret access key",
        (b"ccess", b"CCESS"),
        rb"(?:(?<=(?i:secret_a))|(?<=(?i:secreta)))(?i:ccess_?key)\\?[\"']?[ \t]{0,8}[=:][ \t]{0,8}\\?[\"']?"
        rb"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    Shape(
        "an AWS secret access key",
        (b"aws", b"AWS"),
        rb"(?i:aws)(?:(?!aws|AWS)[A-Za-z_.-]){0,24}(?i:key|secret|token)[A-Za-z_]{0,8}"
        rb"\\?[\"']?[ \t]{0,8}[=:][ \t]{0,8}\\?[\"']([A-Za-z0-9/+]{40})\\?[\"']",
        is_strong,
    ),
    token_shape("an Amazon Bedrock API key", b"ABSK", rb"[A-Za-z0-9+/]{100,300}={0,2}"),
    Shape("an Azure AI services key", (b"JQQJ99",), rb"(?<=[A-Za-z0-9]{52})JQQJ99([A-Za-z0-9]{20,32})(?![A-Za-z0-9])"),
    Shape(
        "an Azure client secret",
        (b"Q~",),
        rb"(?<=[A-Za-z0-9_~.]{3}[0-9])Q~([A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~.-])",
    ),
    Shape(
        "an Azure SAS signature", (b"sig=",), rb"(?:(?<=[?&;])|(?<=\\u0026))sig=([A-Za-z0-9%+/]{43,120}?(?:%3[Dd]|=))"
    ),
    token_shape("a DigitalOcean token", b"dop_v1_", rb"[a-f0-9]{64}"),
    # -- what agents talk to
    Shape(
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        _BEGIN + rb"(?:gh[pousr]_([A-Za-z0-9]{36,255})|github_pat_([A-Za-z0-9_]{40,250}))",
    ),
    Shape(
        "a Slack token",
        (b"xoxa-", b"xoxb-", b"xoxc-", b"xoxd-", b"xoxe-", b"xoxe.", b"xoxo-", b"xoxp-", b"xoxr-", b"xoxs-", b"xapp-"),
        _BEGIN + rb"(?:xox[a-eoprs](?:\.xox[bp])?|xapp)-((?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{20,250})",
    ),
    Shape(
        "a Slack webhook",
        (b"hooks.slack.com",),
        rb"hooks\.slack\.com(?:\\?/)(?:services|workflows|triggers)\\?/[A-Z0-9]{8,14}\\?/([A-Za-z0-9/\\]{20,100})",
    ),
    Shape("a Stripe live key", (b"sk_live_", b"rk_live_"), _BEGIN + rb"[sr]k_live_([A-Za-z0-9]{16,250})"),
    token_shape("a Stripe webhook secret", b"whsec_", rb"[A-Za-z0-9+/]{32,100}={0,2}"),
    token_shape("a Shopify token", b"shp", rb"(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    token_shape("an npm token", b"npm_", rb"[A-Za-z0-9]{36}"),
    Shape("an npm token", (b":_authToken=",), rb":_authToken=([A-Fa-f0-9]{8}(?:-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12})"),
    token_shape("a Vault token", b"hvs.", rb"[A-Za-z0-9_-]{24,200}"),
    token_shape("a Linear API key", b"lin_api_", rb"[A-Za-z0-9]{32,48}"),
    token_shape("a Notion token", b"ntn_", rb"[A-Za-z0-9]{40,60}"),
    # -- whatever it opens
    Shape(
        "a private key",
        (b"-----BEGIN ",),
        rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----" + _PAUSE + rb"(?:[A-Za-z-]{1,20}: "
        rb"[^\r\n\\]{0,80}(?:\\[rn]|\s){1,4}){0,4}([A-Za-z0-9+/]{32,70})",
        is_key_body,
    ),
    Shape(
        "a private key",
        (b"Private-Lines: ",),
        rb"Private-Lines: [0-9]{1,4}" + _PAUSE + rb"([A-Za-z0-9+/]{32,70})",
        is_key_body,
    ),
    Shape(
        "a JSON Web Token",
        (b"eyJ",),
        _BEGIN + rb"(eyJ[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,3000}\.[A-Za-z0-9_-]{16,600})",
        is_signed_token,
    ),
    Shape(
        "a URL with a password",
        (b"://", b":\\/\\/"),
        rb":(?:\\?/){2}([^\s:/?#\[\]@\"'<>{}()\\,;|`*]{0,100}:[^\s/?#\[\]@\"'<>{}()\\`|*]{3,200})@(?=[A-Za-z0-9\[_.-])(?!sha(?:256|512):)",
        is_password,
    ),
    Shape(
        "an Authorization header with a token",
        (b"uthorization", b"UTHORIZATION"),
        rb"(?i:uthorization)\\?[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\?[\"']?(?i:bearer|basic|token|bot|api-?key)[ \t]{1,4}"
        rb"([A-Za-z0-9._~+/-]{20,600}={0,2})(?![A-Za-z0-9._~+/-])",
        is_bearer,
    ),
)


def unknown(_mark: bytes) -> None:
    """The places in a content that nobody has searched yet."""


def secrets_in(content: bytes, shapes: tuple[Shape, ...] = SHAPES, places: Places = unknown) -> Iterator[Match]:
    """Every secret in the bytes, by shape. Linear."""
    for shape in shapes:
        for mark in shape.marks:
            for found in _tried(shape.pattern, mark, content, places(mark)):
                if shape.judge(next(group for group in found.groups() if group is not None)):
                    yield Match(shape.name, found.start(), found.end())


def _tried(pattern: bytes, mark: bytes, content: bytes, places: Iterable[int] | None) -> Iterator[re.Match[bytes]]:
    if places is None:
        if mark not in content:
            return
        if content.count(mark) > len(content) // _SPARSE + 1:
            yield from re.compile(b"(?=" + re.escape(mark) + b")" + pattern).finditer(content)
            return
        places = _standing(mark, content)
    after = 0
    for at in places:
        if at >= after and (found := re.compile(pattern).match(content, at)):
            yield found
            after = found.end()


def _standing(mark: bytes, content: bytes) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)
