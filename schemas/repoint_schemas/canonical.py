"""Canonical JSON (RFC 8785): one document, one sequence of bytes, one digest.

Promises 1 and 4 live here: a digest over canonical bytes is the only identity that a document has, so every reader
first hashes the bytes it received, then refuses all bytes that are not exactly what this module would write.
The order matters: size, then depth, then types, then the byte-for-byte comparison (which also refuses duplicate keys).
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from threading import Lock
from typing import NewType, TypeVar

import msgspec

Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hex digits, over the canonical bytes of a document."""

MEBIBYTE = 1024 * 1024
MAX_DEPTH = 64
"""Levels of nesting that a document may have."""

_SCHEMA = re.compile(r"repoint\.([a-z-]+)/([1-9][0-9]{0,8})")
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')

_BUILDING = Lock()
"""msgspec 0.22 crashes the process where two threads work the same type's fields out for the first time."""

os.register_at_fork(before=_BUILDING.acquire, after_in_parent=_BUILDING.release, after_in_child=_BUILDING.release)

D = TypeVar("D", bound="Document")


class DocumentError(ValueError):
    """A document that cannot be accepted.

    ``newer`` is true when only a newer Repoint could read it, ``excessive`` when it is too large or nested too deeply.
    """

    def __init__(self, reason: str, *, newer: bool = False, excessive: bool = False) -> None:
        super().__init__(reason)
        self.newer = newer
        self.excessive = excessive


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of a document: frozen, unknown and missing fields refused."""


class Document(Part, frozen=True, tag_field="schema", tag=""):
    """A whole document; its ``schema`` field names the format and its number."""


def digest_of(content: bytes) -> Digest:
    """SHA-256 of the bytes, in the written form ``sha256:<hex>``."""
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=1)
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(order="sorted")


def encode(document: Document) -> bytes:
    """The canonical bytes of a document (RFC 8785).

    Documents without free-form values hold only ASCII keys, strings and integers below 2^53; for these msgspec's sorted
    output is RFC 8785 (a test compares the two). A snapshot's configuration is free-form: it goes through ``rfc8785``.

    Raises:
        DocumentError: a value that canonical JSON cannot hold: an integer beyond 2^53, inf, nan, half a surrogate pair.
    """
    try:
        return _free_form(document) if getattr(document, "FREE_FORM", False) else _encoder().encode(document)
    except ValueError as error:
        raise DocumentError(f"canonical JSON (RFC 8785) cannot hold it: {error}") from error


def _free_form(document: Document) -> bytes:
    import rfc8785

    written = rfc8785.dumps(msgspec.to_builtins(document))
    if _LONG_NUMBER.search(written):  # 1e16 is written as an integer, and read back as one that is too large
        rfc8785.dumps(msgspec.json.decode(written))
    return written


def decode(content: bytes, kind: type[D], *, limit: int) -> D:
    """Read one document from exactly its canonical bytes.

    Raises:
        DocumentError: too large, nested too deeply, of another or a newer schema, unknown or missing fields, wrong
            types, or bytes that are not canonical (blanks, key order, duplicate keys, other spellings of a number).
    """
    if len(content) > limit:
        raise DocumentError(f"{len(content)} bytes, more than the {limit} allowed", excessive=True)
    if getattr(kind, "FREE_FORM", False) and _depth(content) > MAX_DEPTH:  # the other kinds have a fixed depth
        raise DocumentError(f"nested more than {MAX_DEPTH} levels deep", excessive=True)
    try:
        document: D = _decoder(kind).decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(content, kind, error) from error
    if encode(document) != content:
        if schema_of(content) is None:
            raise DocumentError("the schema field is missing")
        raise DocumentError("not canonical JSON (RFC 8785): key order, duplicate keys, blanks or number spelling")
    return document


@lru_cache(maxsize=32)
def _decoder(kind: type[D]) -> msgspec.json.Decoder[D]:
    with _BUILDING:
        return msgspec.json.Decoder(kind)


def _explained(content: bytes, kind: type[Document], error: Exception) -> DocumentError:
    expected = str(kind.__struct_config__.tag)
    found = schema_of(content)
    if found is None or found == expected:
        return DocumentError(f"not a valid {expected} document: {error}")
    name, number = _name_and_number(found)
    known, newest = _name_and_number(expected)
    if name == known and number > newest:
        reason = f"written in format {found}, newer than {expected}, the newest this version reads"
        return DocumentError(reason, newer=True)
    return DocumentError(f"a document of schema {found!r} where {expected} belongs")


def schema_of(content: bytes) -> str | None:
    """The ``schema`` field of a JSON object, or None where there is none; nothing else is checked."""
    try:
        loose = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    schema = loose.get("schema") if isinstance(loose, dict) else None
    return schema if isinstance(schema, str) else None


def _name_and_number(schema: str) -> tuple[str, int]:
    match = _SCHEMA.fullmatch(schema)
    return (match[1], int(match[2])) if match else (schema, 0)


def _depth(content: bytes) -> int:
    level = deepest = 0
    for byte in _STRINGS.sub(b"", content):
        if byte in b"{[":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"}]":
            level -= 1
    return deepest
