"""Text from outside (messages, names, file contents) as it may be shown: nothing in it can play tricks on a terminal.

Control, escape, invisible and bidirectional characters are shown, never sent.
"""

from __future__ import annotations

import re

_UNSAFE = (  # compiled on first use: most texts are plain
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def safe(text: str, *, newline: str = "\\n") -> str:
    """Text from outside as it may be shown: control, escape, invisible and bidirectional characters are escaped."""
    if text.isascii() and text.isprintable():
        return text
    shown = re.sub(_UNSAFE, lambda m: f"\\u{{{ord(m[0]):x}}}" if ord(m[0]) > 255 else f"\\x{ord(m[0]):02x}", text)
    return shown.replace("\t", "    ").replace("\n", newline)
