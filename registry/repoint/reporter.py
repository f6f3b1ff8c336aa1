"""A reader's thread that reports what is served. It has no effect on serving, and nothing waits for it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable

from repoint.board import Board
from repoint.errors import InvalidInput, RepointError
from repoint.fleet import RENEW_SECONDS, board_of, report
from repoint.live import Live
from repoint.store import Store

log = logging.getLogger("repoint.reader")

_LEAVE_SECONDS = 2.0


class Reporter:
    """Reports what one process serves, now and whenever it changes, and renews it.

    ``store`` gives the store at hand, None while there is none; ``live`` what is served.
    """

    def __init__(self, name: str, store: Callable[[], Store | None], live: Callable[[], Live]) -> None:
        self._name = name
        self._identifier = uuid.uuid4().hex  # also in a forked child, which makes one of its own
        self._store = store
        self._live = live
        self._board: Board | None = None
        self._wake = threading.Event()
        self._ended = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="repoint-report", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Something else is served."""
        self._wake.set()

    def close(self) -> None:
        """Withdraw the report, and end; a store that does not answer is left alone."""
        self._ended = True
        self._wake.set()
        self._thread.join(_LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._ended:
            self._wake.clear()
            self._say(self._post)
            self._wake.wait(RENEW_SECONDS)
        self._say(self._withdraw)

    def _say(self, what: Callable[[Board, Live], None]) -> None:
        try:
            board = self._known_board()
            if board is not None:
                what(board, self._live())
            self._failing = False
        except InvalidInput as error:
            log.warning("nothing is reported: %s", error)
            self._ended = True
        except (RepointError, OSError) as error:
            if not self._failing:
                log.warning("what is served cannot be reported: %s", error)
            self._failing = True

    def _known_board(self) -> Board | None:
        store = self._store()
        if self._board is None and store is not None:
            self._board = board_of(store)
        return self._board

    def _post(self, board: Board, live: Live) -> None:
        record = live.record
        said = report(record.environment, record.registry, self._identifier, self._name, live.generation, live.digest)
        board.post(record.environment, self._identifier, said)

    def _withdraw(self, board: Board, live: Live) -> None:
        board.withdraw(live.record.environment, self._identifier)
