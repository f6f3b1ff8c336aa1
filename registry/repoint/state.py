"""What this clone remembers: the pin, the newest record seen of each environment, moves whose outcome is not known.

Promise 6's high-water mark and step 3 of the move protocol live here. The marks are a cache that may be lost (then
nothing is detected that is not detectable otherwise); pin and pending moves are fsynced before anything relies on them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress

from repoint.durable import replace_file, translated
from repoint.errors import Corrupt, NotFound, StoreUnavailable
from repoint_schemas.canonical import D, Digest, DocumentError, decode, encode
from repoint_schemas.documents import EnvironmentName, Mark, PendingMove, Pin

_MISSED = EnvironmentName("+")  # no environment can have this name


class LocalState:
    """The folder ``repoint`` in the common Git directory (or any folder, for stores without Git)."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)

    def pin(self) -> Pin | None:
        """What this clone was pinned to, None before the first use. Raises: Corrupt."""
        return _read(os.path.join(self.folder, "pin.json"), Pin)

    def write_pin(self, pin: Pin) -> None:
        """Pin this clone, durably."""
        replace_file(os.path.join(self.folder, "pin.json"), encode(pin))

    def mark(self, environment: EnvironmentName) -> Mark | None:
        """The newest record seen; an unreadable mark counts as none."""
        try:
            return _read(self._mark_path(environment), Mark)
        except (Corrupt, StoreUnavailable):
            return None

    def marks(self) -> dict[EnvironmentName, Mark]:
        """Every environment that this clone has seen; unreadable marks are left out."""
        names = [EnvironmentName(name.removesuffix(".json")) for name in self._documents("seen")]
        return {name: mark for name in names if (mark := self.mark(name))}

    def raise_mark(self, environment: EnvironmentName, generation: int, digest: Digest) -> None:
        """Remember a newer record, best effort: a clone that cannot be written to is still read.

        A mark never goes down, and another record of the same generation does not replace the one seen first.
        """
        seen = self.mark(environment)
        if seen is not None and seen.generation >= generation:
            return
        content = encode(Mark(digest=digest, environment=environment, generation=generation))
        try:
            replace_file(self._mark_path(environment), content, durable=False)
        except StoreUnavailable:
            return

    def is_fit(self, store: str) -> bool:
        """Whether this store was tried and found fit to decide, on this machine."""
        return os.path.exists(self._fit_path(store))

    def note_fit(self, store: str) -> None:
        """Remember that a store is fit, best effort: otherwise it is tried again."""
        with suppress(StoreUnavailable):
            replace_file(self._fit_path(store), store.encode(), durable=False)

    def looked_for_seals(self) -> int:
        """The generation of the ledger of yanks up to which no seal hands the registry over; -1 where nobody looked."""
        with suppress(OSError, ValueError), open(os.path.join(self.folder, "seals"), encoding="ascii") as file:
            return int(file.read())
        return -1

    def note_looked_for_seals(self, generation: int) -> None:
        """Remember how far somebody looked, best effort."""
        with suppress(StoreUnavailable):
            replace_file(os.path.join(self.folder, "seals"), str(generation).encode(), durable=False)

    def replicated(self, replica: str) -> tuple[dict[EnvironmentName, int], int]:
        """The generation of each environment that a replica is known to have, empty where nothing is known.

        And how many versions and yanks of this clone did not reach it since it was brought up last.
        """
        known: dict[EnvironmentName, int] = {}
        with suppress(OSError, ValueError, UnicodeError):
            with open(self._replica_path(replica), encoding="ascii") as file:
                pairs = [line.split(" ") for line in file.read().splitlines()]
            known = {EnvironmentName(name): int(number) for name, number in pairs}
        missed = known.pop(_MISSED, 0)
        return known, missed

    def note_replicated(self, replica: str, generations: Mapping[EnvironmentName, int], missed: int = 0) -> None:
        """Remember what a replica has now, and what it lacks beside that, best effort."""
        known = {**generations, **({_MISSED: missed} if missed else {})}
        text = "".join(f"{name} {number}\n" for name, number in sorted(known.items()))
        with suppress(StoreUnavailable):
            replace_file(self._replica_path(replica), text.encode("ascii"), durable=False)

    def save_pending(self, pending: PendingMove) -> None:
        """Keep a move that is about to be sent, durably (step 3 of the protocol)."""
        replace_file(self.pending_path(pending.id), encode(pending))

    def drop_pending(self, identifier: str) -> None:
        """Forget a move whose outcome is known."""
        with translated("cannot remove", self.pending_path(identifier)), suppress(FileNotFoundError):
            os.unlink(self.pending_path(identifier))

    def pending(self, *, only_readable: bool = False) -> list[PendingMove]:
        """Every move whose outcome is not known, by id.

        Raises:
            Corrupt, StoreUnavailable: one of them cannot be read; with ``only_readable`` it is left out instead.
        """
        found: list[PendingMove] = []
        for name in self._documents("pending"):
            try:
                move = _read(self.pending_path(name.removesuffix(".json")), PendingMove)
            except (Corrupt, StoreUnavailable):
                if not only_readable:
                    raise
                continue
            found += [move] if move else []
        return found

    def _documents(self, below: str) -> list[str]:
        """The names of the documents in a folder, sorted; none where it is missing or cannot be listed."""
        try:
            return sorted(name for name in os.listdir(os.path.join(self.folder, below)) if name.endswith(".json"))
        except OSError:
            return []

    def _mark_path(self, environment: EnvironmentName) -> str:
        return os.path.join(self.folder, "seen", f"{environment}.json")

    def _fit_path(self, store: str) -> str:
        return os.path.join(self.folder, "fit", hashlib.sha256(store.encode()).hexdigest()[:32])

    def _replica_path(self, replica: str) -> str:
        return os.path.join(self.folder, "replicas", hashlib.sha256(replica.encode()).hexdigest()[:32])

    def pending_path(self, identifier: str) -> str:
        """The file that keeps a move whose outcome is not known; ``resolve`` takes it on another machine too."""
        return os.path.join(self.folder, "pending", f"{identifier}.json")


def read_pending(path: str) -> PendingMove:
    """A saved move in any file, as it was brought from another machine. Raises: NotFound, Corrupt, StoreUnavailable."""
    found = _read(path, PendingMove)
    if found is None:
        raise NotFound(f"there is no file {path}", kind="no-such-file", hint="check the path")
    return found


def _read(path: str, kind: type[D]) -> D | None:
    with translated("cannot read", path):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        return decode(content, kind, limit=4 * 1024 * 1024)
    except DocumentError as error:
        raise Corrupt(
            f"{path}: {error}", kind="corrupt-local-state", hint="move that file away and run it again"
        ) from error
