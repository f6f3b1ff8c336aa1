"""What the tests of the lints share: random-looking values, and the rules that a text trips.

Keys are put together from pieces, so that scanners of this repository's own text find none.
"""

from __future__ import annotations

import random
import string

from repoint.filescan import scan
from repoint.findings import Finding

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def made(length: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    """A random-looking value; the same in every run."""
    return "".join(random.Random(f"{seed}{length}{alphabet}").choices(alphabet, k=length))


def found_in(content: bytes | str, path: str = "f") -> list[Finding]:
    """Everything found in a file with this content."""
    return scan(path, [content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content])


def rules(content: bytes | str) -> list[str]:
    """The rules that a file with this content trips, by line."""
    return [each.rule for each in found_in(content)]
