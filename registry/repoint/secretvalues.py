"""Whether a value in the place of a secret is one: random characters, or a placeholder that people write for it.

Part of promise 9. Documentation, prompts and OpenAPI examples are full of ``sk-your-key-here``,
``AKIAIOSFODNN7EXAMPLE``, ``${env:KEY}`` and ``user:password@``; a lint that fires on them is switched off.
Nothing here keeps or returns a value.
"""

from __future__ import annotations

import re

# Compiled on first use: most texts hold nothing to judge.
_PLACEHOLDER = (
    rb"(?is)(.)\1{4}|example|placeholder|redacted|changeme|change[-_.]me|replace[-_]?(?:me|this|with)|dummy|sample"
    rb"|xxxx|(?:^|[-_./])(?:your|my|fake|foo|test|demo|some|the)[-_.]|[-_]fake|not[-_]?(?:a[-_]?)?real|[-_](?:goes[-_])?here$"
    rb"|12345678|abcdefgh|01234567|98765432|abc123|abcd1234|a1b2c3d4|deadbeef|cafebabe|key[-_]here|insert[-_]"
    rb"|2yotnfzfejr1zcsicmwpaa|tgzv3jokf0xg5qx2tlkwia|czzcagrsa3f0mzpnwdfmqmf0m2jw|eby8vdm02xnocqflqu"
)
"""What people write, the tokens of the examples in RFC 6749 and 6750, which half of all OAuth texts repeat, and
the key of Azure's storage emulator, which is the same for everybody."""

_PASSWORD_WORDS = (
    rb"(?i)p[a@4][s$5]{2}(?:w[o0]rd|wd|phrase)?[-_!.0-9]{0,5}|passw0rd|pw|secret|user(?:name)?"
    rb"|root|admin|guest|test(?:ing)?|demo|token|key|api[-_]?key|credentials?|hidden|removed|masked|omitted|none|null|empty"
    rb"|foo|bar|baz|foobar|abc|xyz|qwerty|string|abc123|1234?5?6?7?8?9?0?|hunter2|(?:db|my|your|the|some)?[-_]?(?:password|passwd|pass|pwd)"
    rb"|(?:db|my|your)[-_](?:secret|token|pw)|change[-_]?(?:me|it)|x+|\*+|\.+|-+|_+|\xe2\x80\xa6|%s|%20.*"
)
_OPENSSH_HEAD, _LINE = b"b3BlbnNzaC1rZXktdjEAAAAA", 60
_VARIABLE = rb"\$|%\(|%[A-Z_]{2,}%|\{\{|<|&lt;|\\?\[|env[:.]|process\.|os\.|secrets?[./:]|vault:|op://|arn:|ssm:"
_UUID = rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LOWER, _UPPER, _DIGITS = rb"[a-z]", rb"[A-Z]", rb"[0-9]"


def is_random(value: bytes) -> bool:
    """A key is not written in words: no placeholder, and letters mixed with digits or upper with lower case."""
    if len(set(value)) < 7 or _has(value, _DIGITS) + _has(value, _UPPER) + _has(value, _LOWER) < 2:
        return False
    return not is_placeholder(value)


def is_key_body(value: bytes) -> bool:
    """The first line of a private key, in Base64. OpenSSH's begins with a head that is the same for every key."""
    return len(value) >= _LINE if value.startswith(_OPENSSH_HEAD) else is_random(value[:32])


def is_strong(value: bytes) -> bool:
    """The same without a prefix that vouches for it: long, letters and digits, and as mixed as chance would have it."""
    bare = value.rstrip(b"=")
    if not is_random(bare) or re.fullmatch(_UUID, bare) or b".." in value or not _has(bare, _DIGITS):
        return False
    if re.fullmatch(rb"(?:[A-Za-z]+|[0-9]{1,4})(?:[-_./](?:[A-Za-z]+|[0-9]{1,4}))*", bare):
        return False  # words joined by hyphens, dots, slashes: a path or a slug
    return entropy(bare) >= (3.0 if re.fullmatch(rb"[0-9a-fA-F]+", bare) else 3.5)


def is_access_key(value: bytes) -> bool:
    """An AWS access key ID, whose characters are Base32; some have no digit (AWS, "IAM identifiers")."""
    body = value[4:]
    if is_placeholder(value) or len(set(body)) < 6:
        return False
    return _has(body, _DIGITS) or value.startswith(b"AKIA")


def is_password(value: bytes) -> bool:
    """``user:password`` of a URL: neither a variable nor a word that stands for one, nor the user's name again."""
    user, _, password = value.partition(b":")
    if password.isdigit() and len(password) <= 5:
        return False  # a port, as in https://host:8080@
    if re.match(_VARIABLE, password) or re.fullmatch(_PASSWORD_WORDS, password):
        return False
    if password.lower() == user.lower() or len(password) < 4 or len(set(password)) < 3:
        return False
    return not re.search(rb"(?i)placeholder|example|redacted|change[-_]?me|your[-_]|p[a@]ssw[o0]rd|(.)\1{4}", password)


def is_signed_token(value: bytes) -> bool:
    """A JSON Web Token whose header and claims can be read (RFC 7519), and not the one of everybody's examples."""
    import base64
    import json

    header, claims, signature = value.split(b".", 2)
    try:
        kinds = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
        said = base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
        json.loads(said)
    except (ValueError, RecursionError):
        return False
    if (
        not isinstance(kinds, dict)
        or "alg" not in kinds
        or re.search(rb"1234567890|(?i:john doe|jane doe|your-|\"some\":\"payload)", said)
    ):
        return False
    return is_random(signature)


def is_bearer(value: bytes) -> bool:
    """What an Authorization header carries: a token, ``user:password`` in Base64 (RFC 7617), or anything strong."""
    if value.startswith(b"eyJ") and value.count(b".") == 2:
        return is_signed_token(value)
    if is_placeholder(value):
        return False
    import base64

    try:
        said = base64.b64decode(value, validate=True)
    except ValueError:
        return is_strong(value)
    if said.lower() == b"aladdin:open sesame":
        return False  # the example of RFC 7617
    return is_password(said) if said.isascii() and b":" in said else is_strong(value)


def is_placeholder(value: bytes) -> bool:
    """Whether people write the value where a secret would stand."""
    return re.search(_PLACEHOLDER, value) is not None


def entropy(value: bytes) -> float:
    """Bits for each byte, by how often each one occurs (Shannon)."""
    from math import log2

    size = len(value)
    return -sum(count / size * log2(count / size) for count in map(value.count, set(value)))


def _has(value: bytes, kind: bytes) -> bool:
    return re.search(kind, value) is not None
