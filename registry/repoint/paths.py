"""Which texts may be paths inside a snapshot: the rules alone, no file is looked at.

Promise 10 for paths, shared by what reads working files, by ``verify`` and by whatever writes a stored snapshot's
files: a path that passes stays below its folder on every system and can be neither Git's nor Repoint's own file under
another spelling (upper case, Unicode normal forms, code points that HFS+ ignores, NTFS short names, streams, trailing
dots).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_COMPONENT = 255
MAX_PATH = 4096

# Git's list of code points that HFS+ ignores when it compares names (next_hfs_char in utf8.c).
_HFS_IGNORED = "[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]"
_NTFS_SHORT = r"(?s)(?:git|gi[0-9a-f]{4}|repoin|re[0-9a-f]{4})~[0-9]+(?:\..*)?"
_DEVICE = r"(?s)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(?:\..*)?"
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"


def check_path(text: str) -> str | None:
    """Why the text cannot be a path inside a snapshot, or None where it can. Pure: no file is looked at."""
    try:
        length = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not UTF-8"
    if not text:
        return "is empty"
    if length > MAX_PATH:
        return f"is {length} bytes long, more than {MAX_PATH}"
    if text.startswith("/"):
        return "is absolute; write it relative to the agent's folder"
    if "\\" in text:
        return "contains a backslash; separate folders by /"
    if not (text.isascii() and text.isprintable()) and re.search(_CONTROL, text):
        return "contains a control character or a line break"
    return next((reason for part in text.split("/") if (reason := _check_component(part))), None)


def check_paths(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Each path that cannot be in one snapshot beside those before it, with the reason.

    The same path twice is one file.
    """
    distinct = list(dict.fromkeys(paths))
    found = [(path, reason) for path in distinct if (reason := check_path(path))]
    holders: dict[str, str] = {}
    for path in distinct:
        first = holders.setdefault(folded(path), path)
        if first != path:
            found.append((path, f"is the same file as {first!a} where upper and lower case are one"))
    for path in distinct:
        parts = folded(path).split("/")
        for length in range(1, len(parts)):
            if (holder := holders.get("/".join(parts[:length]))) is not None:
                found.append((path, f"needs a folder where {holder!a} is a file"))
                break
    return found


def folded(path: str) -> str:
    """The path as a file system sees it that ignores case and Unicode normal forms (Unicode 3.13, D145; HFS+)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", re.sub(_HFS_IGNORED, "", path)).casefold())


def _check_component(part: str) -> str | None:
    if part == "":
        return "has an empty component (// or a / at the end)"
    if part in (".", ".."):
        return f"has a component {part!r}; write it relative to the agent's folder, without {part}"
    if len(part.encode("utf-8")) > MAX_COMPONENT:
        return f"has a component of more than {MAX_COMPONENT} bytes"
    if ":" in part:
        return "contains a colon, which names a drive or a stream on Windows"
    if part[-1] in ". ":
        return "has a component that ends in a dot or a blank, which Windows drops"
    return _check_reserved(folded(part))


def _check_reserved(part: str) -> str | None:
    if part.startswith(".git"):
        return "has a component that begins with .git, which belongs to Git"
    if part == ".repoint":
        return "has a component .repoint, which belongs to Repoint"
    if "~" in part and re.fullmatch(_NTFS_SHORT, part):
        return "has a component that can be a short name of .git or .repoint on Windows"
    if re.fullmatch(_DEVICE, part):
        return "has a component that names a device on Windows"
    return None
