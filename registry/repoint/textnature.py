"""What a change of a text amounts to: the most harmless explanation that covers all of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from repoint.textcomments import CommentSyntax, without_comments
from repoint.texttokens import joins_unspaced_lines

if TYPE_CHECKING:
    from repoint.textalign import Area

Nature = Literal["text", "white-space", "comments", "line-endings", "final-newline", "moved"]
"""What a change amounts to: the most harmless one that explains all of it.

``final-newline``: only the newline at the end of the text; ``line-endings``: only how lines end; ``white-space``: only
the amount and kind of white space between words, and where lines break ("a b" against "ab" is text); ``comments``: only
what the renderer leaves out, and white space; ``moved``: the same lines in another order, which a model does notice.
"""


def unified(text: str) -> str:
    """The text with LF for every CRLF and CR."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def harmless_nature(old: str, new: str, comments: CommentSyntax | None) -> Nature | None:
    """White space or comments, if they explain the whole change."""
    old, new = unified(old), unified(new)
    if _same_words(old, new):
        return "white-space"
    if comments is None:
        return None
    stripped = without_comments(old, comments), without_comments(new, comments)
    return "comments" if stripped != (old, new) and _same_words(*stripped) else None


def _same_words(old: str, new: str) -> bool:
    """Whether white space is all that differs: the same pieces between it, in the same order.

    Blanks inside the braces of a template's tag are none of its words, and a byte order mark is none of the text's.
    """
    old, new = _closed_up(joins_unspaced_lines(old)), _closed_up(joins_unspaced_lines(new))
    if old.split(None, 200)[:200] != new.split(None, 200)[:200]:
        return False
    return " ".join(old.split()) == " ".join(new.split())


def _closed_up(text: str) -> str:
    """The text with ``{{name}}`` for ``{{ name }}``, and without a byte order mark."""
    text = text.removeprefix("\ufeff")
    if "{{" not in text and "{%" not in text:
        return text
    text = re.sub(r"(\{\{|\{%)\s++", r"\1", text)
    return re.sub(r"(?<!\s)\s++(?=\}\}|%\})", "", text)


def moved_nature(old: list[str], new: list[str], gaps: list[Area], comments: CommentSyntax | None) -> Nature | None:
    """Whether the same lines stand in another order; white space, blank lines and comments apart."""
    if comments is not None:
        old, new = (without_comments("\n".join(lines), comments).split("\n") for lines in (old, new))
        from repoint.textalign import Area

        gaps = [Area(0, len(old), 0, len(new))]
    removed = [line for gap in gaps for line in old[gap.old : gap.old_end] if line and not line.isspace()]
    added = [line for gap in gaps for line in new[gap.new : gap.new_end] if line and not line.isspace()]
    return "moved" if len(removed) == len(added) and _counted(removed) == _counted(added) else None


def _counted(lines: Iterable[str]) -> Counter[str]:
    return Counter(" ".join(line.split()) for line in lines)
