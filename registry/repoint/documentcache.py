"""Small documents that this machine has read from a store, kept so that the next move can guess what it will need.

Promise 2 does not rest on it: a document found here says which objects to ask for side by side, and nothing is made
live on its word. A snapshot is addressed by its digest, so one that still has it is believed where presence in the
store is not the question (what another agent requires).
"""

from __future__ import annotations

import os
import random
from contextlib import suppress

from repoint_schemas.canonical import MEBIBYTE

KEPT = 4096
"""Documents in the folder, about; beyond that it is emptied."""

LARGEST = MEBIBYTE // 4
"""Bytes of the largest document that is kept."""


class DocumentCache:
    """A folder of documents by key; best effort in every way."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """The document that was kept, if it still is."""
        with suppress(OSError), open(self._path(key), "rb") as file:
            return file.read(LARGEST)
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep a document, unless it is there already or large. Atomic, not durable."""
        path = self._path(key)
        if len(content) >= LARGEST or os.path.exists(path):
            return
        with suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            self._make_room()
            draft = f"{path}.{os.urandom(4).hex()}"
            with open(draft, "xb") as file:
                file.write(content)
            os.replace(draft, path)

    def _make_room(self) -> None:
        """Empty the folder when it is full; only a few writes look."""
        if random.randrange(KEPT // 16):  # noqa: S311 - no secret depends on it
            return
        names = os.listdir(self._folder)
        if len(names) > KEPT:
            for name in names:
                with suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key.replace("/", "_"))
