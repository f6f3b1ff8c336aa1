"""Plain scalars of YAML 1.2's core schema (YAML 1.2.2, section 10.3.2), as far as JSON can hold them."""

from __future__ import annotations

import re

_CORE = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAYBE_CORE = frozenset("~nNtTfF+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]++|(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?")
_BASED = re.compile(r"0o[0-7]++|0x[0-9a-fA-F]++")
_LONGEST_NUMBER = 400


def key_text(value: object) -> str:
    """A scalar as the key of an object."""
    if isinstance(value, str):
        return value
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def core_scalar(text: str) -> object:
    """A plain scalar by YAML 1.2's core schema, as far as JSON can hold it."""
    if text and text[0] not in _MAYBE_CORE:
        return text
    if text in _CORE:
        return _CORE[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return int(text, 0) if _BASED.fullmatch(text) else text
