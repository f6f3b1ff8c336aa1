"""Lists of a remote's refs, and how long each is believed.

Promise 3 needs no list: what decides is asked for by name. A list that is kept saves round trips: that of one command,
or of what a move reads first.
"""

from __future__ import annotations

from collections.abc import Sequence

from repoint.gitobjects import ObjectId
from repoint.gitrefs import TAGS
from repoint.gitremote import GitRemote

FEW = 32
"""Up to so many tags are asked for by their names, more by reading the list of all."""


class Listing:
    """A remote's refs. With ``one_command`` what was listed is kept until ``drop``, else only what ``keep`` got."""

    def __init__(self, remote: GitRemote, *, one_command: bool) -> None:
        self._remote = remote
        self._one_command = one_command
        self._beginnings: tuple[str, ...] = ()
        self._refs: dict[str, ObjectId] = {}

    def drop(self) -> None:
        """Ask again from now on."""
        self._beginnings, self._refs = (), {}

    def end_round(self) -> None:
        """Forget what was read ahead of a move: its first round is over."""
        if not self._one_command:
            self.drop()

    def keep(self, beginnings: tuple[str, ...], refs: dict[str, ObjectId]) -> None:
        """Keep all refs of the remote that begin so."""
        self.end_round()
        self._beginnings += beginnings
        self._refs = {**self._refs, **refs}

    def under(self, beginning: str) -> dict[str, ObjectId]:
        """Every ref that begins so. Raises: StoreUnavailable."""
        if self._covers(beginning):
            return {ref: oid for ref, oid in self._refs.items() if ref.startswith(beginning)}
        there = self._remote.refs(f"{beginning}*")
        if self._one_command:
            self.keep((beginning,), there)
        return there

    def tags(self, agent: str | None) -> dict[str, ObjectId]:
        """Every tag that may be a version of this agent, or of any. Raises: StoreUnavailable."""
        return self.under(TAGS if agent is None or self._one_command else f"{TAGS}{agent}@v")

    def of(self, tags: Sequence[str]) -> dict[str, ObjectId]:
        """Those of these tags that are there. Raises: StoreUnavailable."""
        if all(map(self._covers, tags)):
            there = self._refs
        elif self._one_command or len(tags) > FEW:
            there = self.under(TAGS)
        else:
            there = self._remote.refs(*tags)
        return {ref: there[ref] for ref in tags if ref in there}

    def _covers(self, ref: str) -> bool:
        return ref.startswith(self._beginnings)
