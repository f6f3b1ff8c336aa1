"""The clone's side of a shared Git remote: objects are fetched, and the local refs follow, forward only.

Promises 1 and 4 across clones: a branch of the remote that does not continue what this clone saw, and a tag that is
another than the one here, are alarms. The order matters: objects are fetched and durable before a local ref names them,
and a local ref is only ever moved from what it was before the remote was asked, so that it never goes back. Writing
local refs is best effort, since nothing is decided from them; reading goes by the ids that the remote names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from repoint.errors import Conflict, StoreUnavailable
from repoint.gitalarms import branch_diverged, tag_moved
from repoint.gitcatfile import corrupt_object
from repoint.gitobjects import ObjectId
from repoint.gitrefs import TAGS, RefChange, RefOutcome
from repoint.gitremote import GitRemote
from repoint.gitrepo import GitRepository

FEW = 32
"""Up to so many refs are looked up by their names, more by listing all of their kind."""


class Replica:
    """Brings what a remote has into the clone."""

    def __init__(self, repository: GitRepository, remote: GitRemote) -> None:
        self._repository = repository
        self._remote = remote

    def bring_branch(self, ref: str, local: ObjectId | None, there: ObjectId) -> None:
        """Fetch a branch whose tip is ``there``; ``local`` is what it was here before the remote was asked.

        Raises:
            Corrupt: it does not continue the local one (``ledger-diverged``), or is no commit.
            StoreUnavailable: it cannot be fetched.
        """
        self._fetch({ref: there})
        found = self._repository.cat.info(there)
        if found is None or found.kind != "commit":
            raise corrupt_object(there, f"{ref} of {self._remote.name} names it, and it is no commit")
        if local is not None and not self._continues(there, local):
            raise branch_diverged(self._remote.name, ref, local, there)
        self.follow([RefChange(ref, there, local)])

    def bring_tags(self, there: Mapping[str, ObjectId]) -> None:
        """Fetch those of these tags of the remote that are not here.

        Raises:
            Corrupt: one of them is another here (``tag-moved``).
            StoreUnavailable: they cannot be fetched.
        """
        missing = self._missing(there)
        if not missing:
            return
        self._fetch(missing)
        if not self.follow([RefChange(ref, oid) for ref, oid in missing.items()]):
            for ref, oid in self._missing(missing).items():  # another process of this clone brought the others
                self.follow([RefChange(ref, oid)])
        self._repository.refs.pack_if_many()

    def follow(self, changes: list[RefChange]) -> bool:
        """Write local refs, best effort; False where it was not done."""
        with suppress(StoreUnavailable, Conflict):
            return self._repository.refs.update(changes) is RefOutcome.DONE
        return False

    def _missing(self, there: Mapping[str, ObjectId]) -> dict[str, ObjectId]:
        """Those tags that are not here. Raises: Corrupt, where one is here and is another."""
        here = self._repository.refs.find(*(there if len(there) <= FEW else [TAGS]))
        for ref, oid in there.items():
            if here.get(ref, oid) != oid:
                raise tag_moved(self._remote.name, ref, here[ref], oid)
        return {ref: oid for ref, oid in there.items() if ref not in here}

    def _fetch(self, there: Mapping[str, ObjectId]) -> None:
        self._remote.fetch(list(there))
        self._require_here(there.values())

    def _require_here(self, oids: Collection[ObjectId]) -> None:
        if None in list(self._repository.cat.many_info(oids)):
            raise StoreUnavailable(
                f"refs of {self._remote.name} changed while they were fetched",
                kind="remote-changed",
                hint="nothing was decided; run it again",
                remote=self._remote.name,
            )

    def _continues(self, there: ObjectId, local: ObjectId) -> bool:
        """Whether the first parents of ``there`` lead to ``local``; only what is newer is walked."""
        newer = self._repository.process.output(
            ["rev-list", "--first-parent", "--parents", there, f"^{local}", "--"], "cannot walk the ledger"
        )
        oldest = newer.decode("ascii", "replace").strip().rpartition("\n")[2].split(" ")
        return oldest[1:2] == [local]
