"""Writing to people and to programs: text that cannot play tricks on a terminal, JSON that is one object, errors with
a hint.

Everything that comes from outside (messages, names, file contents) passes through ``safe``: control, escape and
bidirectional characters are shown, never sent. Colours follow NO_COLOR (no-color.org), ``--no-color`` and whether
this is a terminal.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from repoint.errors import RepointError
    from repoint_schemas.results import ErrorResult, Result

_UNSAFE = (  # compiled on first use: most texts are plain
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def safe(text: str, *, newline: str = "\\n") -> str:
    """Text from outside as it may be shown: control, escape, invisible and bidirectional characters are escaped."""
    if text.isascii() and text.isprintable():
        return text
    shown = re.sub(_UNSAFE, lambda m: f"\\u{{{ord(m[0]):x}}}" if ord(m[0]) > 255 else f"\\x{ord(m[0]):02x}", text)
    return shown.replace("\t", "    ").replace("\n", newline)


class Console:
    """How this run talks: set once from the global options."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.colour = False
        self.pager = True
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def say(self, *lines: str) -> None:
        """Add lines to the result in text form (none with ``--json``)."""
        if not self.json:
            self.lines.extend(lines)

    def done(self, *lines: str) -> None:
        """Like ``say``, for confirmations that ``--quiet`` leaves out."""
        if not self.quiet:
            self.say(*lines)

    def warn(self, text: str) -> None:
        """A warning for people on standard error; with ``--json`` it is part of the result instead."""
        self.warnings.append(text)
        if not self.json:
            click.echo(f"{self.paint('warning:', 'yellow')} {text}", err=True)

    def paint(self, text: str, colour: str, *, bold: bool = False) -> str:
        """Coloured text where colours are wanted."""
        return click.style(text, fg=colour, bold=bold) if self.colour else text

    def strong(self, text: str) -> str:
        """Bold text where colours are wanted."""
        return click.style(text, bold=True) if self.colour else text

    def dim(self, text: str) -> str:
        """Faint text where colours are wanted."""
        return click.style(text, dim=True) if self.colour else text

    def result(self, result: Result, *, page: bool = False) -> None:
        """Print the result: one JSON object, or the lines said so far, through a pager when asked for and too long."""
        if self.json:
            import msgspec

            _write(_json_text(msgspec.structs.replace(result, warnings=self.warnings), indent=2) + "\n")
            return
        text = "".join(f"{line}\n" for line in self.lines)
        if page and self.pager and _taller_than_terminal(text):
            os.environ.setdefault("LESS", "FRX")
            click.echo_via_pager(text, color=self.colour)
        else:
            _write(text, colour=self.colour)

    def error(self, error: RepointError) -> None:
        """One error on standard error: an object with ``--json``, else what, where, and what to do."""
        if self.json:
            from repoint_schemas.results import ErrorResult, Failure

            failure = Failure(error.kind, error.message, error.hint, error.exit_code, dict(error.facts))
            click.echo(_json_text(ErrorResult(failure), indent=-1), err=True)
            return
        click.echo(f"{self.paint('error:', 'red', bold=True)} {safe(error.message, newline=chr(10))}", err=True)
        if error.hint:
            click.echo(f"{self.paint('hint:', 'cyan')} {safe(error.hint, newline=chr(10) + '      ')}", err=True)


def _json_text(result: Result | ErrorResult, *, indent: int) -> str:
    import msgspec

    try:
        return msgspec.json.format(msgspec.json.encode(result), indent=indent).decode()
    except UnicodeEncodeError:  # a path of this machine that is not UTF-8
        import json

        return json.dumps(msgspec.to_builtins(result), indent=indent if indent > 0 else None)


def _write(text: str, *, colour: bool = False) -> None:
    """Write to standard output now. A reader that went away (``| head``) is no error: the exit code is the command's.

    Raises:
        StoreUnavailable: it cannot be written (a full disk); the command itself is done.
    """
    try:
        click.echo(text, nl=False, color=colour)
    except BrokenPipeError:
        _discard_the_rest()
    except OSError as error:
        from repoint.errors import StoreUnavailable

        _discard_the_rest()
        raise StoreUnavailable(
            f"standard output cannot be written: {error.strerror}",
            kind="output-failed",
            hint="what the command does was done before this; repoint status and repoint history show it",
        ) from error


def _discard_the_rest() -> None:
    """What is still held back must not fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_colour() -> bool:
    """Whether standard output is a terminal that wants colours (no-color.org; TERM=dumb)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return _on_terminal()


def _on_terminal() -> bool:
    """False also where standard output is closed: then Python has none."""
    stdout: TextIO | None = sys.stdout
    return stdout is not None and stdout.isatty()


def _taller_than_terminal(text: str) -> bool:
    if not _on_terminal():
        return False
    import shutil

    return text.count("\n") >= shutil.get_terminal_size().lines


def table(rows: Iterable[Sequence[str]], header: Sequence[str] | None = None, *, width: int | None = None) -> list[str]:
    """Left-aligned columns two blanks apart; colours inside cells do not count as width, trailing blanks are cut.

    With ``width`` the last column, which must be plain text, is cut so that a line fits, but not below 16.
    """
    cells = ([list(header)] if header else []) + [list(row) for row in rows]
    if not cells:
        return []
    widths = [max(_width(row[i]) for row in cells) for i in range(len(cells[0]))]
    if width is not None:
        room = max(16, width - sum(w + 2 for w in widths[:-1]))
        widths[-1] = min(widths[-1], room)
        cells = [[*row[:-1], cut(row[-1], room)] for row in cells]
    return [
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _width(text: str) -> int:
    return len(click.unstyle(text))


def first_line(text: str, limit: int = 60) -> str:
    """The first line of a message from outside, made safe and cut for a table."""
    return cut(safe(text.partition("\n")[0]), limit)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def terminal_width() -> int | None:
    """Columns of the terminal, None where standard output is none: text in a pipe is never cut."""
    if not _on_terminal():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def json_text(value: object) -> str:
    """A configuration value as JSON writes it, strings without quotes."""
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def ago(seconds: int) -> str:
    """A span of time in words: the two largest units, as ``2 d 3 h``."""
    if seconds < 0:
        return "in the future (clocks disagree)"
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    named = [f"{n} {unit}" for n, unit in parts if n]
    return " ".join(named[:2]) or "0 s"
