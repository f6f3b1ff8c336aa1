"""Progress of long work: one line on a terminal's standard error, after half a second, gone at the end.

None in a pipe, with ``--quiet`` or ``--json``, or where ``TERM`` is ``dumb``. A thread draws, so that the line moves
while the command waits for Git. The cursor is never hidden, so nothing is left to restore, however the command ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TypeVar

from repoint_cli.output import Console
from repoint_cli.tables import cut
from repoint_cli.terminal import is_terminal, size_of

T = TypeVar("T")

DELAY_SECONDS = 0.5
"""Work that ends sooner shows nothing."""

_INTERVAL_SECONDS = 0.1
_BAR = 20
_WIPE = "\r\x1b[K"


class Progress:
    """How far one piece of work is. ``at`` may be called as often as wanted: it only notes what will be drawn."""

    def __init__(self, what: str) -> None:
        self.what, self.done, self.total = what, 0, 0
        self._started = time.monotonic()
        self._ended = Event()
        self._lock = Lock()
        self._drawn = False
        self._thread: Thread | None = None

    def at(self, done: int, total: int = 0, what: str | None = None) -> None:
        """Note how far it is; a total of 0 is one that is not known."""
        self.done, self.total, self.what = done, total, what or self.what

    def start(self) -> None:
        """Begin to draw, after the delay."""
        self._thread = Thread(target=self._draw_until_ended, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop drawing and clear the line."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.wipe()

    def wipe(self) -> None:
        """Clear the line, so that something else can be written; the next step draws it again."""
        with self._lock:
            if self._drawn:
                _write(_WIPE)
                self._drawn = False

    def line(self, columns: int) -> str:
        """What is drawn now, not wider than the terminal."""
        seconds = int(time.monotonic() - self._started)
        if not self.total:
            count = f" {self.done:,}" if self.done else ""
            return cut(f"{self.what}{count} ... {seconds} s", columns - 1)
        share = min(1.0, self.done / self.total)
        full = int(share * _BAR)
        counted = f"{self.what} {self.done:,}/{self.total:,}"
        return cut(f"{counted} [{'#' * full}{'.' * (_BAR - full)}] {share:4.0%} {seconds} s", columns - 1)

    def _draw_until_ended(self) -> None:
        wait = DELAY_SECONDS
        while not self._ended.wait(wait):
            wait = _INTERVAL_SECONDS
            text = self.line(size_of(sys.stderr)[0])
            with self._lock:
                if not self._ended.is_set():
                    _write(f"{_WIPE}{text}")
                    self._drawn = True


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal went away: the work goes on
        return


@contextmanager
def progress(console: Console, what: str) -> Iterator[Progress]:
    """While the block runs, show how far it is, as its body says with ``at``."""
    shown = Progress(what)
    if not wanted(console):
        yield shown
        return
    console.live = shown
    shown.start()
    try:
        yield shown
    finally:
        console.live = None
        shown.end()


def counted(console: Console, what: str, items: Iterable[T], total: int = 0) -> Iterator[T]:
    """The same items, their number shown while they come."""
    with progress(console, what) as shown:
        for number, item in enumerate(items, 1):
            shown.at(number, total)
            yield item


def wanted(console: Console) -> bool:
    """Whether somebody sits in front of it."""
    return not (console.json or console.quiet) and is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
