"""A session in a real terminal, recorded: a shell on a pseudo-terminal, what is typed, and all that it prints.

Nobody waits while it is made. The times of the recording are those that the commands really took, plus what a person
takes to type a line and to read what came before it. Sources: asciinema documentation, asciicast v2. The end of a
command is told by the shell itself (semantic prompts, ``OSC 133;A``), in a sequence that terminals do not show.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.text import Text

KEY = 0.045
"""Seconds between two keys."""
READ_LINE = 0.12
"""Seconds that a reader takes for one line of output, up to ``READ_MOST`` for all of it."""
READ_MOST = 6.0
PATIENCE = 120.0
"""Seconds until a command that does not end is an error."""

_MARK = "\033]133;A\007"
_PROMPT = f"{_MARK}\033[1;32m$\033[0m "
_START = 'exec bash --noprofile --norc --noediting -i <"$0" >"$0" 2>&1'
_PS1 = r"\[\e]133;A\a\]\[\e[1;32m\]$\[\e[0m\] "


class RecordingError(Exception):
    """The shell did not do what a terminal session needs."""


class Event(NamedTuple):
    """What the terminal showed, and when, in seconds since the recording began."""

    at: float
    text: str


class Size(NamedTuple):
    """Columns and lines of a terminal."""

    columns: int
    lines: int


@dataclass
class Recording:
    """All events of a session; ``began`` is Unix time as the session takes it to be."""

    title: str
    size: Size
    began: int
    events: list[Event] = field(default_factory=list)
    at: float = 0.0

    def show(self, text: str, after: float) -> None:
        """Add what was shown, so many seconds after the event before."""
        self.at += after
        if text:
            self.events.append(Event(round(self.at, 3), text))

    def shown(self) -> str:
        """Everything that the terminal got, escape sequences too."""
        return "".join(event.text for event in self.events)

    def cast(self) -> str:
        """As a file of asciinema, asciicast v2: a header, then one event a line."""
        header = {
            "version": 2,
            "width": self.size.columns,
            "height": self.size.lines,
            "timestamp": self.began,
            "duration": round(self.at, 3),
            "title": self.title,
            "env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"},
        }
        lines = [json.dumps(header), *(json.dumps([e.at, "o", e.text], ensure_ascii=False) for e in self.events)]
        return "\n".join(lines) + "\n"


class Terminal:
    """Bash on a pseudo-terminal; a context manager, after which nothing of it runs any more."""

    def __init__(self, folder: Path, environment: Mapping[str, str], recording: Recording) -> None:
        self._recording = recording
        own = {"PS1": _PS1, "TERM": "xterm-256color", "HISTFILE": "", "BASH_SILENCE_DEPRECATION_WARNING": "1"}
        self._screen, self._shells = pty.openpty()
        size = struct.pack("HHHH", recording.size.lines, recording.size.columns, 0, 0)
        fcntl.ioctl(self._shells, termios.TIOCSWINSZ, size)
        # A new session's first process that opens a terminal gets it as its own: only then are Ctrl-C and jobs real.
        self._shell = subprocess.Popen(
            ["sh", "-c", _START, os.ttyname(self._shells)],
            cwd=folder,
            env={**environment, **own},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Terminal:
        try:
            text, _ = self._until(_PROMPT)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(self._shells)
        self._recording.show(text[text.index(_MARK) :].replace(_MARK, ""), 0.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up: the shell ends, and what it started."""
        os.close(self._screen)
        try:
            self._shell.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._shell.kill()
            self._shell.wait()

    def type(self, line: str) -> str:
        """Type one line, wait until the shell asks for the next, and record both; what was printed in between."""
        shown = self._recording.events[-1].text if self._recording.events else ""
        self._recording.show("", 0.8 + min(READ_MOST, READ_LINE * shown.count("\n")))
        os.write(self._screen, line.encode())
        echo, _ = self._until(line)
        for key in echo:
            self._recording.show(key, KEY)
        os.write(self._screen, b"\n")
        text, took = self._until(_PROMPT)
        self._recording.show(text.replace(_MARK, ""), took)
        return text.removesuffix(_PROMPT)

    def _until(self, end: str) -> tuple[str, float]:
        """Read until the shell has written ``end`` last; what it wrote, and how many seconds that took."""
        began, read = time.monotonic(), b""
        while not read.endswith(end.encode()):
            ready, _, _ = select.select([self._screen], [], [], began + PATIENCE - time.monotonic())
            if not ready:
                raise RecordingError(f"the terminal waits for {end!r} after {read[-400:]!r}")
            read += self._read()
        return read.decode(), time.monotonic() - began

    def _read(self) -> bytes:
        try:
            found = os.read(self._screen, 65536)
        except OSError as error:  # Linux says EIO where others say nothing
            raise RecordingError("the shell went away") from error
        if not found:
            raise RecordingError("the shell went away")
        return found


def plain_text(recording: Recording) -> str:
    """What the terminal showed as lines of text, as wide as they were printed."""
    lines = [str(line).rstrip() for line in _lines(recording)]
    return "\n".join(lines).rstrip("$ \n") + "\n"


def svg(recording: Recording) -> str:
    """What the terminal showed as one tall picture, which loads nothing from elsewhere."""
    import io
    import re

    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    width = recording.size.columns
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    lines = list(_lines(recording))
    while lines and str(lines[-1]).rstrip() in ("", "$"):
        lines.pop()
    for line in lines:
        for part in line.divide(range(width, len(line), width)):
            console.print(part, no_wrap=True, overflow="ignore", crop=False)
    local = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=recording.title, theme=MONOKAI, code_format=local, unique_id="recording")


def _lines(recording: Recording) -> Iterator[Text]:
    from rich.ansi import AnsiDecoder

    yield from AnsiDecoder().decode(recording.shown().replace("\r\n", "\n"))
