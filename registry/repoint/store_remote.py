"""The store in a shared Git remote: it decides, and the local repository is a replica of it.

Promises 1, 3 and 4 where several clones move one registry. Nothing is decided from a local ref: an environment's tip
and the existence of a version are what the remote says now, and objects are looked up by the ids that it names. What is
written goes to the remote first, by compare-and-swap, and only then do the local refs follow, forward only. A local ref
that the remote contradicts (a ledger that was force-pushed, a tag that was moved) is an alarm, never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from repoint.errors import Conflict, Corrupt, InvalidInput, NotFound, StoreUnavailable
from repoint.gitalarms import branch_in_the_way, lost_branch, lost_tag, tag_in_the_way, unconfirmed
from repoint.gitcatfile import corrupt_object
from repoint.gitlisting import Listing
from repoint.gitobjects import ObjectId, is_object_id, record_tree
from repoint.gitrefs import ENVIRONMENTS, NOTHING, TAGS, RefChange
from repoint.gitremote import GitRemote, RemoteSwap
from repoint.gitreplica import Replica
from repoint.gitrepo import GitRepository
from repoint.names import YANK_LEDGER, is_environment, versions_in
from repoint.store import Ahead, Contents, Draft, Pointer, Swap
from repoint.store_git import GitStore, tag_of
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version

CREATIONS = 3
"""How often the same creation is pushed while nobody can say what became of it; then the same command does it again."""


class _Seen(msgspec.Struct, frozen=True):
    """An environment's tip in the clone, and right after that at the remote."""

    local: ObjectId | None
    remote: ObjectId


class GitRemoteStore(GitStore):
    """A registry in a shared Git remote, read through one clone of it.

    With ``one_command`` the lists of versions and environments are asked for once and kept until ``refresh``, as one
    command needs them; without, every call asks again. Pointers are always asked for. A version that was seen at the
    remote is not asked for again before ``refresh``: it never changes.
    """

    late_writes = True

    def __init__(self, repository: GitRepository, remote: GitRemote, *, one_command: bool = False) -> None:
        super().__init__(repository)
        self.name = f"git:{remote.name}"
        self.remote = remote
        self._lists = Listing(remote, one_command=one_command)
        self._confirmed: dict[str, ObjectId] = {}  # tags as the remote has them; here, too
        self._tips: dict[EnvironmentName, ObjectId] = {}  # as last seen at the remote; here, too
        self._ahead: dict[EnvironmentName, _Seen] = {}
        self._unsettled: set[ObjectId] = set()  # commits that were pushed, and nobody knows with what effect
        self._clone = Replica(repository, remote)

    @property
    def replica(self) -> GitStore:
        """The clone alone: the registry as it was when the remote was last reached, for showing it marked stale."""
        return GitStore(self.repository)

    def refresh(self) -> None:
        """Forget all that was asked of the remote."""
        self._lists.drop()
        self._confirmed.clear()
        self._tips.clear()
        self._ahead.clear()

    def bring_up(self) -> None:
        """Bring the clone up to date: every environment's branch, every version's tag.

        Raises:
            Corrupt: the clone and the remote contradict each other.
            StoreUnavailable: the remote cannot be reached.
        """
        self.refresh()
        for environment in self.environments():
            self._follow(environment)
        self._exactly(*(tag_of(agent, version) for agent, found in self.versions().items() for version in found))

    # -- versions ----------------------------------------------------------------------------------------------------

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        """See ``Store``. A version that this clone published and the remote has lost counts as taken."""
        return versions_in("\n".join({**self.published(), **self._lists.tags(agent)}), agent)

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        """See ``Store``.

        Raises:
            Corrupt: the parent release is not what the document names, or the remote lost this version.
            Conflict: a tag that only this clone has stands in the way.
            StoreUnavailable: the remote refused (``remote-refused``) or was not reached; nothing was published.
            OutcomeUnknown: nobody can say whether it was published; doing it again is safe.
        """
        ref = tag_of(draft.document.agent, draft.document.version)
        tag = self._tag_object(draft, contents)
        self._require_free(ref, tag)
        created = self._create(ref, tag)
        if created:
            self._confirmed[ref] = tag
            with suppress(StoreUnavailable, Conflict):  # it is published; the next reading brings the tag
                self._publish(ref, tag)
        else:
            self._exactly(ref)
        return created

    # -- environments ------------------------------------------------------------------------------------------------

    def environments(self) -> list[EnvironmentName]:
        """See ``Store``."""
        names = (ref[len(ENVIRONMENTS) :] for ref in self._lists.under(ENVIRONMENTS))
        return sorted(EnvironmentName(name) for name in names if is_environment(name))

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        """See ``Store``; the remote is asked each time, and the clone's branch follows.

        Raises:
            Corrupt: the branch does not continue what this clone saw (``ledger-diverged``).
        """
        self._tips.pop(environment, None)
        return super().read_pointer(environment)

    def create_pointer(self, record: Record, content: bytes) -> bool:
        """See ``Store``.

        Raises:
            Corrupt: this clone saw the environment, and the remote has lost it.
            Conflict: a branch ``repoint`` or ``repoint/env`` of the remote stands in the way.
            StoreUnavailable: nothing was created.
            OutcomeUnknown: nobody can say whether it was created; doing it again is safe.
        """
        ref = f"{ENVIRONMENTS}{record.environment}"
        if self._local_tip(record.environment) is not None and self._follow(record.environment) is None:
            raise lost_branch(self.remote.name, ref)
        commit = self._record_commit(record, content, record_tree(record, content), None)
        try:
            created = self._create(ref, commit)
        except StoreUnavailable as error:
            if error.kind == "remote-refused":
                for blocking in self.remote.refs("refs/heads/repoint", "refs/heads/repoint/env"):
                    raise branch_in_the_way(self.remote.name, blocking) from error
            raise
        if created:
            self._clone.follow([RefChange(ref, commit)])
        return created

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        """See ``Store``.

        Raises:
            Corrupt: a version that becomes live is not at the remote as the record names it.
            StoreUnavailable: the remote refused (``remote-refused``), or was not reached; this call changed nothing.
        """
        if not is_object_id(expected.stamp) or expected.stamp == NOTHING:
            return Swap.LOST
        environment, old = record.environment, ObjectId(expected.stamp)
        if self.repository.cat.info(old) is None and self._follow(environment) != old:
            return Swap.LOST
        commit = self._record_commit(record, content, self._next_tree(expected, record, content), old)
        if commit in self._unsettled:  # sent before: where the remote is away, nothing is won by sending it again
            self.remote.refs(f"{ENVIRONMENTS}{environment}")
        return self._sent(environment, RefChange(f"{ENVIRONMENTS}{environment}", commit, old))

    def read_ahead(self, ahead: Ahead) -> None:
        """See ``Store``: the environment's tip, the yank ledger's and the agents' versions are asked for together."""
        self._ahead.clear()
        agents = dict.fromkeys([*ahead.agents, *(agent for agent, _ in ahead.targets)])
        beginnings = (ENVIRONMENTS, *(f"{TAGS}{agent}@v" for agent in agents))
        with suppress(StoreUnavailable, Corrupt, NotFound, InvalidInput):
            local = {name: self._local_tip(name) for name in (ahead.environment, YANK_LEDGER)}
            there = self.remote.refs(*(f"{beginning}*" for beginning in beginnings))
            tips = {name: there.get(f"{ENVIRONMENTS}{name}") for name in local}
            self._ahead = {name: _Seen(local[name], tip) for name, tip in tips.items() if tip is not None}
            self._lists.keep(beginnings, there)

    # -- ledgers -----------------------------------------------------------------------------------------------------

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """See ``Store``. Where the remote has lost the environment it is the clone's record, so that this shows."""
        known = environment in self._tips
        found = super().read_record(environment, generation)
        if found is None and known and generation >= 0:
            del self._tips[environment]
            found = super().read_record(environment, generation)
        if found is None and environment not in self._tips:
            return self.replica.read_record(environment, generation)
        return found

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """See ``Store``."""
        index = self._index(environment)
        if index is not None and newest >= len(index):
            self._tips.pop(environment, None)
        yield from super().read_ledger(environment, newest, oldest)

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        """See ``Store``."""
        self._tips.pop(environment, None)
        return super().ledger_times(environment)

    # -- what the remote says ----------------------------------------------------------------------------------------

    def _tip(self, environment: EnvironmentName) -> ObjectId | None:
        return self._tips.get(environment) or self._follow(environment)

    def _local_tip(self, environment: EnvironmentName) -> ObjectId | None:
        return super()._tip(environment)

    def _follow(self, environment: EnvironmentName) -> ObjectId | None:
        """Ask for an environment's tip, and bring it here. Raises: Corrupt, StoreUnavailable."""
        local, there = self._seen(environment)
        if there is not None:
            if there != local:
                self._clone.bring_branch(f"{ENVIRONMENTS}{environment}", local, there)
            self._tips[environment] = there
        return there

    def _seen(self, environment: EnvironmentName) -> tuple[ObjectId | None, ObjectId | None]:
        """The tip in the clone and then at the remote. In this order: the clone only ever follows the remote.

        What was read ahead counts once, unless another process of this clone has followed further meanwhile.
        """
        kept = self._ahead.pop(environment, None)
        local = self._local_tip(environment)
        if kept is not None and local in (kept.local, kept.remote):
            return local, kept.remote
        self._lists.end_round()
        ref = f"{ENVIRONMENTS}{environment}"
        return local, self.remote.refs(ref).get(ref)

    def _exactly(self, *refs: str) -> list[str]:
        """Of tags the ids that the remote has, with their objects here; NOTHING where it has no such tag."""
        if not all(ref.startswith(TAGS) for ref in refs):
            return super()._exactly(*refs)
        unknown = [ref for ref in dict.fromkeys(refs) if ref not in self._confirmed]
        if unknown:
            there = self._lists.of(unknown)
            self._require_never_published([ref for ref in unknown if ref not in there])
            self._clone.bring_tags(there)
            self._confirmed.update(there)
        return [self._confirmed.get(ref, NOTHING) for ref in refs]

    def _appeared(self, ref: str) -> bool:
        if not ref.startswith(TAGS):
            return super()._appeared(ref)
        if ref in self._confirmed:
            raise corrupt_object(self._confirmed[ref], f"{ref} of {self.remote.name} names it, and it is missing")
        return False

    # -- what is written ---------------------------------------------------------------------------------------------

    def _sent(self, environment: EnvironmentName, change: RefChange) -> Swap:
        pushed = self.remote.swap_ref(*change)
        self._lists.drop()
        if pushed is RemoteSwap.UNKNOWN:
            self._unsettled.add(change.new)
            return Swap.UNKNOWN
        if pushed is RemoteSwap.LOST:
            return Swap.LOST
        self._tips[environment] = change.new
        self._clone.follow([change])
        return Swap.DONE

    def _create(self, ref: str, new: ObjectId) -> bool:
        """Push a ref that must not exist; False where it does. Sent again, the same id there is ours."""
        for attempt in range(CREATIONS):
            try:
                pushed = self.remote.swap_ref(ref, new, None)
            except StoreUnavailable as error:
                if attempt == 0:
                    raise
                raise unconfirmed(self.remote.name, ref) from error
            self._lists.drop()
            if pushed is not RemoteSwap.UNKNOWN:
                return pushed is RemoteSwap.DONE or (attempt > 0 and pushed is RemoteSwap.THERE)
        raise unconfirmed(self.remote.name, ref)

    def _require_free(self, ref: str, tag: ObjectId) -> None:
        """Raises: Corrupt, where the remote has lost this version; Conflict, where the clone has a tag of its own."""
        local = self.repository.refs.find(ref).get(ref)
        if local is None and ref not in self.published():
            return
        if self._exactly(ref) == [NOTHING] and local not in (None, tag):
            raise tag_in_the_way(self.remote.name, ref)

    def _require_never_published(self, absent: Sequence[str]) -> None:
        journal = self.published() if absent else {}
        for ref in absent:
            if ref in journal:
                raise lost_tag(self.remote.name, ref)
