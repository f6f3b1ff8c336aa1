"""Who is told of moves: in the order in which they were served, one after another, whoever found them.

A reader is polled by its own thread and by callers. Whoever finds nobody telling tells all that is waiting; the others
leave theirs. So no lock is held while a callback runs, and it may do with the reader what it likes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from repoint.follower import Change, log

Callback = Callable[[Change], object]


class Listeners:
    """The callbacks of one reader. Safe for threads."""

    def __init__(self) -> None:
        self._callbacks: list[Callback] = []
        self._waiting: deque[Change] = deque()
        self.renew()

    def renew(self) -> None:
        """Go on in a forked child: whoever was telling is not here."""
        self._lock = threading.Lock()
        self._telling = False

    def add(self, callback: Callback) -> Callable[[], None]:
        """Tell this one, too. Returns what ends that."""
        with self._lock:
            self._callbacks.append(callback)

        def remove() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return remove

    def put(self, change: Change) -> None:
        """Something is to be told; call this in the order in which it is."""
        self._waiting.append(change)

    def tell(self) -> None:
        """Tell all that is waiting, unless another thread is at it. What a callback raises is logged."""
        while (change := self._next()) is not None:
            try:
                self._tell(change)
            finally:
                self._telling = False

    def _next(self) -> Change | None:
        with self._lock:
            if self._telling or not self._waiting:
                return None
            self._telling = True
            return self._waiting.popleft()

    def _tell(self, change: Change) -> None:
        with self._lock:
            callbacks = list(self._callbacks)
        for callback in callbacks:
            try:
                callback(change)
            except Exception:  # noqa: BLE001 - whatever it is, it is the callback's
                log.exception("%s: a callback failed", change.environment)
