"""Texts about what was refused, without the secrets that stand in it.

Part of promise 9: an error quotes a key, a range, a path, the name of a model; somebody may have pasted a secret there,
and what is printed ends up in the log of a build. Only what was found is left out, so that the message still helps.
"""

from __future__ import annotations

import re

_LONG_WORD = r"\S{16}"
"""Every secret holds one, but for those in URLs and headers, whose marks are looked for as well."""


def masked(text: str) -> str:
    """The text with ``(an OpenAI API key, not shown)`` in the place of every secret. Linear."""
    if not re.search(_LONG_WORD, text) and "://" not in text:
        return text
    from repoint.secretscan import rare_secrets_in
    from repoint.secretshapes import secrets_in
    from repoint.secretvendors import vendor_secrets_in

    content = text.encode("utf-8", "surrogatepass")
    found = [*secrets_in(content), *vendor_secrets_in(content), *rare_secrets_in(content)]
    if not found:
        return text
    parts, at = [], 0
    for each in sorted(found, key=lambda match: match.start):
        if each.start >= at:
            parts += [content[at : each.start], f"({each.name}, not shown)".encode()]
        at = max(at, each.end if each.name != "a private key" else len(content))  # the lines of a key are not matched
    return b"".join((*parts, content[at:])).decode("utf-8", "surrogatepass")
