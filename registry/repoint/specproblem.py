"""What can be wrong with a structured document, the limits it is read within, and how its bytes become text.

Promise 10 lives here for documents: size, nesting and expansion are bounded before anybody walks the value.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable
from itertools import islice
from typing import NamedTuple

import msgspec

from repoint.findings import Severity
from repoint_schemas.canonical import MEBIBYTE

MAX_BYTES = 16 * MEBIBYTE
"""A larger document is kept and compared as text; nothing looks into it."""
MAX_DEPTH = 64
"""Objects and arrays inside one another."""
MOST = 20
"""Problems of one kind that are listed."""

_LONGEST_WORD = 80
_MOST_WORDS = 2000

Pointer = tuple[str | int, ...]
"""Keys and indexes from the document's root, the parts of a JSON Pointer (RFC 6901)."""

Tree = dict[str | int, "Tree"]
"""Pointers that are looked for, by their first step, their second step ..."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class ReadProblem(msgspec.Struct, frozen=True):
    """Why a document cannot be read, or not as one would think; ``rule`` is the lint rule, ``line`` counts from 1."""

    rule: str
    line: int | None
    message: str


class Complaint(NamedTuple):
    """What a readable document says that it may not say, and where."""

    rule: str
    at: Pointer
    message: str
    severity: Severity = "error"


class Unreadable(Exception):
    """Reading stops here; never leaves the modules that read documents."""

    def __init__(self, problem: ReadProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def unreadable(line: int | None, message: str) -> Unreadable:
    """The document breaks its own syntax."""
    return Unreadable(ReadProblem("spec-unparsable", line, message))


def too_deep(line: int | None) -> Unreadable:
    """The document is nested more than 64 levels deep."""
    return Unreadable(ReadProblem("spec-too-deep", line, f"is nested more than {MAX_DEPTH} levels deep"))


def too_large(size: int, most: int, why: str = "") -> ReadProblem:
    """The document has more bytes than are looked into."""
    return ReadProblem("spec-too-large", None, f"has {size} bytes; beyond {most} nothing is looked into{why}")


def text_of(content: bytes) -> str:
    """The text in UTF-8, or in UTF-16 or UTF-32 where a byte order mark or the first zero bytes say so; no mark.

    The guess without a mark is that of RFC 4627, section 3: a document begins with ASCII characters.

    Raises:
        Unreadable: naming the byte that is no text.
    """
    encoding, skip = _encoding(content)
    try:
        return content[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, skip + error.start) + 1
        what = f"byte 0x{content[skip + error.start]:02x}"
        raise unreadable(line, f"is not {encoding.upper()} ({what})") from error


def _encoding(content: bytes) -> tuple[str, int]:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return encoding, len(bom)
    zeros = tuple(byte == 0 for byte in content[:4])
    if zeros in ((True, True, True, False), (False, True, True, True)):
        return ("utf-32-be" if zeros[0] else "utf-32-le"), 0
    if zeros in ((True, False, True, False), (False, True, False, True)):
        return ("utf-16-be" if zeros[0] else "utf-16-le"), 0
    return "utf-8", 0


def line_at(text: str, position: int) -> int:
    """The line, from 1, of a character."""
    return text.count("\n", 0, position) + 1


def shown(text: str) -> str:
    """A key or a value in a message: quoted, in ASCII, and not all of it where it is long."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; bounded, since likeness costs the square of the lengths."""
    import difflib

    if len(word) > _LONGEST_WORD:
        return None
    likely = (each for each in known if len(each) <= _LONGEST_WORD)
    return next(iter(difflib.get_close_matches(word, islice(likely, _MOST_WORDS), n=1)), None)


def conflict_line(text: str) -> int | None:
    """The line of the first conflict marker that Git left in the text."""
    found = re.search(r"(?m)^(?:<{7} |>{7} )", text)
    return line_at(text, found.start()) if found else None


def tree_of(pointers: Collection[Pointer]) -> Tree:
    """The pointers as one tree."""
    tree: Tree = {}
    for pointer in pointers:
        node = tree
        for step in pointer:
            node = node.setdefault(step, {})
    return tree


_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def in_words(at: Pointer) -> str:
    """A place as people say it: ``GET /payments, parameters[0]``, ``components.schemas.Order.required``."""
    words, rest = "", at
    if len(at) > 1 and at[0] in ("paths", "webhooks"):
        words, rest = str(at[1]), at[2:]
        if rest and rest[0] in _METHODS:
            words, rest = f"{str(rest[0]).upper()} {words}", rest[1:]
    path = ""
    for step in rest:
        path += f"[{step}]" if isinstance(step, int) else ("." if path else "") + str(step)
    return ", ".join(part if len(part) <= 200 else part[:197] + "..." for part in (words, path) if part)
