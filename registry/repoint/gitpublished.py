"""A journal of what this clone published: which tag got which object, durable and only ever appended to.

Promise 1: a tag that was deleted or moved with ordinary Git commands leaves no trace in Git itself, but it is still
in here; ``verify`` compares. The line is written after the tag, so a missing line is no damage.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from repoint.durable import flush, flush_path, translated
from repoint.gitlock import make_private_folder, open_like
from repoint.gitobjects import ObjectId, is_object_id


class PublishedJournal:
    """``<common>/repoint/published``: one line ``<ref> <tag's object id>`` for each release."""

    def __init__(self, folder: str, mode_like: str) -> None:
        self.path = os.path.join(folder, "published")
        self._folder = folder
        self._mode_like = mode_like

    def read(self) -> dict[str, ObjectId]:
        """Every ref with the id that it was published with; a torn line is passed over. Raises: StoreUnavailable."""
        if not os.path.exists(self.path):
            return {}
        with translated("cannot read", self.path), open(self.path, "rb") as file:
            lines = file.read().decode("ascii", "replace").split("\n")
        pairs = (line.split(" ") for line in lines)
        return {pair[0]: ObjectId(pair[1]) for pair in pairs if len(pair) == 2 and is_object_id(pair[1])}

    def note(self, published: Mapping[str, ObjectId]) -> None:
        """Append lines, durable on return. Raises: StoreUnavailable."""
        make_private_folder(self._folder, self._mode_like)
        with translated("cannot write", self.path):
            is_new = not os.path.exists(self.path)
            descriptor = open_like(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, self._mode_like)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                text = "".join(f"{ref} {oid}\n" for ref, oid in published.items())
                os.write(descriptor, b"\n" * torn + text.encode("ascii"))
                flush(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                flush_path(self._folder)
