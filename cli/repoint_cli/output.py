"""Writing to people and to programs: text with colours where they are wanted, JSON that is one object, errors with a
hint.

Everything that comes from outside (messages, names, file contents) passes through ``safe`` before it gets here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from repoint_cli.safetext import safe
from repoint_cli.terminal import is_terminal

if TYPE_CHECKING:
    from repoint.errors import RepointError
    from repoint_cli.progress import Progress
    from repoint_schemas.results import ErrorResult, Result

__all__ = ["Console", "json_text", "safe"]

_CODES = {
    "red": 31,
    "green": 32,
    "yellow": 35,  # yellow and white cannot be read on a light terminal
    "magenta": 35,
    "cyan": 36,
    "white": 39,
}
"""Colours by name (ECMA-48, select graphic rendition). None carries a meaning alone: a word stands there too."""


class Console:
    """How this run talks: set once from the global options."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.colour = False
        self.error_colour = False
        self.pager = True
        self.live: Progress | None = None
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
            self.note(f"{self._label('warning:', 'magenta')} {text}")

    def note(self, text: str) -> None:
        """A line on standard error, above the progress where some is shown."""
        if self.live is not None:
            self.live.wipe()
        click.echo(text, err=True, color=self.error_colour)

    def no_colours(self) -> None:
        """Colours are wanted nowhere."""
        self.colour = self.error_colour = False

    def paint(self, text: str, colour: str, *, bold: bool = False) -> str:
        """Coloured text where colours are wanted."""
        return f"\x1b[{_CODES[colour]}{';1' if bold else ''}m{text}\x1b[0m" if self.colour else text

    def strong(self, text: str) -> str:
        """Bold text where colours are wanted."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        """Faint text where colours are wanted: for what may be overlooked, never for what is essential."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def reverse(self, text: str, colour: str) -> str:
        """Text on a coloured ground, for the words of a line that changed: readable on light and dark terminals."""
        return f"\x1b[7;{_CODES[colour]}m{text}\x1b[0m" if self.colour else text

    def _label(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]};1m{text}\x1b[0m" if self.error_colour else text

    def result(self, result: Result, *, page: bool = False) -> None:
        """Print the result: one JSON object, or the lines said so far, through a pager when asked for and too long."""
        if self.json:
            import msgspec

            _write(_json_text(msgspec.structs.replace(result, warnings=self.warnings), indent=2) + "\n")
        else:
            self.show(page=page)

    def show(self, *, page: bool = False) -> None:
        """Print the lines said so far, through a pager when asked for and too long."""
        text = "".join(f"{line}\n" for line in self.lines)
        if page and self.pager and is_terminal(sys.stdout):
            from repoint_cli.pager import needs_pager, show_paged

            if needs_pager(text):
                show_paged(text, colour=self.colour)
                return
        _write(text, colour=self.colour)

    def error(self, error: RepointError) -> None:
        """One error on standard error: an object with ``--json``, else what, where, and what to do.

        A key that somebody pasted into a manifest or a command line is not repeated.
        """
        from repoint.secretmask import masked

        message, hint = masked(error.message), masked(error.hint) if error.hint else error.hint
        if self.json:
            from repoint_schemas.results import ErrorResult, Failure

            facts = {name: _masked_values(value, masked) for name, value in error.facts.items()}
            failure = Failure(error.kind, message, hint, error.exit_code, facts)
            click.echo(_json_text(ErrorResult(failure), indent=-1), err=True)
            return
        self.note(f"{self._label('error:', 'red')} {safe(message, newline=chr(10))}")
        if hint:
            self.note(f"{self._label('hint:', 'white')} {safe(hint, newline=chr(10) + '      ')}")


def _masked_values(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked_values(inner, mask) for key, inner in value.items()}
    return [_masked_values(inner, mask) for inner in value] if isinstance(value, list | tuple) else value


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


def json_text(value: object) -> str:
    """A configuration value as JSON writes it, strings without quotes."""
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
