"""A reader's thread that reports what is served. It has no effect on serving, and nothing waits for it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from repoint.board import Board
from repoint.errors import InvalidInput, RepointError
from repoint.fleet import RENEW_SECONDS, board_of, report
from repoint.store import Store
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import EnvironmentName, Record

log = logging.getLogger("repoint.reader")

_LEAVE_SECONDS = 2.0
_STORE_SECONDS = 1.0
"""How soon it is tried again while there is no store yet."""


class Serving(Protocol):
    """What is served now."""

    @property
    def record(self) -> Record:
        """The record."""
        ...

    @property
    def digest(self) -> Digest:
        """Its SHA-256."""
        ...


class Reporter:
    """Reports what one process serves, now and whenever it changes, and renews it.

    ``store`` gives the store at hand, None while there is none; ``live`` what is served, None once nobody has the
    reader any more.
    """

    def __init__(self, name: str, store: Callable[[], Store | None], live: Callable[[], Serving | None]) -> None:
        self._name = name
        self._identifier = uuid.uuid4().hex  # also in a forked child, which makes one of its own
        self._store = store
        self._live = live
        self._board: Board | None = None
        self._environment: EnvironmentName | None = None
        self._swept = False
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
        if self._thread is not threading.current_thread():
            self._thread.join(_LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._ended and self._said():
            self._wake.wait(_STORE_SECONDS if self._board is None else RENEW_SECONDS)
            self._wake.clear()  # what came before is in what is said next
        if self._board is not None and self._environment is not None:
            with suppress(Exception):
                self._board.withdraw(self._environment, self._identifier)

    def _said(self) -> bool:
        """Say what is served, if it can be said; whether to go on."""
        try:
            live = self._live()
            if live is None:
                return False
            self._board = self._board or self._found()
            if self._board is not None:
                self._post(self._board, live)
                self._failing = False
        except InvalidInput as error:
            log.warning("nothing is reported: %s", error)
            return False
        except Exception as error:  # noqa: BLE001 - nothing that goes wrong here may be noticed by those who are served
            if not self._failing:
                level = logging.WARNING if isinstance(error, RepointError) else logging.ERROR
                log.log(level, "what is served cannot be reported: %s", error)
            self._failing = True
        return True

    def _found(self) -> Board | None:
        store = self._store()
        return None if store is None else board_of(store)

    def _post(self, board: Board, live: Serving) -> None:
        record = live.record
        self._environment = record.environment
        said = report(record.environment, record.registry, self._identifier, self._name, record.generation, live.digest)
        board.post(record.environment, self._identifier, said)
        if not self._swept:
            self._swept = True
            board.sweep(record.environment)
