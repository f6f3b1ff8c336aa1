"""Refs: the one write that publishes a version or moves an environment, and what can stand in its way.

Promise 3 for local Git: ``update-ref --stdin`` with ``create`` and ``update NEW OLD`` is the compare-and-swap. Its
outcome is told by reading the refs again under the lock, never by Git's messages. A Git process killed in mid-update
leaves ``<ref>.lock``; under our lock such a file that stays unchanged for a second is nobody's, and is removed.
"""

from __future__ import annotations

import enum
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from repoint.durable import flush_path, translated
from repoint.errors import Conflict, StoreUnavailable
from repoint.gitlock import RepositoryLock
from repoint.gitobjects import ObjectId, is_object_id
from repoint.gitprocess import GitProcess, Outcome

TAGS = "refs/tags/"
ENVIRONMENTS = "refs/heads/repoint/env/"
NOTHING = "0" * 40
STAND_INS = tuple(f"refs/{kind}refs/" for kind in ("", "tags/", "heads/", "remotes/"))
"""Where Git looks next for a full name, such as ``refs/tags/refs/tags/x``, when there is no such ref."""

LOOSE_REFS_KEPT = 256
"""More loose refs of ours than these are packed: listing packed refs is several times faster."""

UNCHANGED_SECONDS = 1.0
CHANGING_SECONDS = 10.0
ATTEMPTS = 5

# Compiled on first use: a command that only reads writes no ref.
_OURS = r"refs/(?:tags/[a-z0-9][a-z0-9-]{0,62}@v[0-9A-Za-z.-]{1,128}|heads/repoint/env/[a-z][a-z0-9-]{0,62})"


class RefChange(NamedTuple):
    """One ref to be written: from ``old`` to ``new``; an ``old`` of None creates it where it does not exist."""

    ref: str
    new: ObjectId
    old: ObjectId | None = None


class RefOutcome(enum.Enum):
    """How an update of refs ended."""

    DONE = "done"
    LOST = "lost"  # at least one ref is not what was expected; no ref was changed by this update
    UNKNOWN = "unknown"  # Git could not be asked what became of it, or the disk did not confirm it


class Refs:
    """Reads and writes the refs of one repository; they live in the common directory, for worktrees too."""

    def __init__(self, git: GitProcess, lock: RepositoryLock, common: str, *, loose: bool) -> None:
        self._git = git
        self._lock = lock
        self._common = common
        self._loose = loose  # False for reftable: no file per ref
        self._packed: tuple[object, str] = (None, "")  # the packed-refs file that was read, and its text
        self._packed_stand_ins: tuple[object, bool] = (None, False)  # as of this packed-refs file

    def find(self, *patterns: str) -> dict[str, ObjectId]:
        """The object id of every ref that one of the patterns names (``git for-each-ref``). No object is opened."""
        listed = self._git.output(
            ["for-each-ref", "--format=%(objectname) %(refname)", *patterns], "cannot list the refs"
        )
        found = (line.split(" ", 1) for line in listed.decode("utf-8", "surrogateescape").splitlines())
        return {ref: ObjectId(oid) for oid, ref in found}

    def is_broken(self, ref: str) -> bool:
        """Whether there is a file for this ref that Git cannot read as one: empty or cut, after a power failure."""
        return self._loose and ref not in self.find(ref) and os.path.isfile(os.path.join(self._common, ref))

    def is_absent(self, ref: str) -> bool:
        """Whether there is no such ref for certain, told without a Git process: it reads every loose ref beside it.

        The file is looked for first: a ref that is packed meanwhile is in one of the two.
        """
        if not self._loose or os.path.lexists(os.path.join(self._common, ref)):
            return False
        return f" {ref}\n" not in self._packed_refs()[1]

    def exactly(self, refs: Sequence[str]) -> list[str]:
        """What to look up in Git for each of these refs: itself, or NOTHING where another would stand in for it.

        Without a Git process, except where there are refs that could do so, or no file that would tell.
        """
        if not self._has_stand_ins():
            return list(refs)
        there = self.find(*refs) if len(refs) == 1 else self.find(TAGS, ENVIRONMENTS)
        return [ref if ref in there else NOTHING for ref in refs]

    def names(self, pattern: str) -> list[str]:
        """The full names of the refs that match a pattern, sorted. No object is opened."""
        return self.listing(pattern).split("\n")[:-1]

    def tag_listing(self) -> str:
        """Every tag once, a name a line, in no order: bare, or as a line of packed-refs; other lines may be among them.

        A tag that Git cannot read is named too. Git opens every loose ref to list it, which takes several times as long
        as reading the folder. The loose ones are read first: a ref that is packed meanwhile is in one of the two.
        """
        if not self._loose:
            return self.listing(TAGS)
        loose = [f"{TAGS}{name}" for name in _entries(os.path.join(self._common, TAGS))]
        _, packed = self._packed_refs()
        if loose and packed:
            both = set(re.findall(rf" ({TAGS}.*)$", packed, re.MULTILINE))
            loose = [name for name in loose if name not in both]
        return "\n".join([*loose, packed])

    def listing(self, pattern: str) -> str:
        """``names`` as one text, a name a line."""
        listed = self._git.output(["for-each-ref", "--format=%(refname)", pattern], "cannot list the refs")
        return listed.decode("utf-8", "surrogateescape")

    def update(self, changes: Sequence[RefChange]) -> RefOutcome:
        """Write all of these refs, or none; durable when it returns DONE. Only refs of ours are accepted.

        All objects that they name must be durable before. Several refs are one transaction as far as Git has one: all
        are locked and compared first, then renamed into place one after another.

        Raises:
            Conflict: a ref of another shape stands in the way (``kind`` ref-in-the-way, branch-in-the-way).
            StoreUnavailable: nothing was changed: disk, permissions, or a lock file that somebody keeps changing.
        """
        given = b"".join(_command(change) for change in changes)
        with self._lock.held() as descriptor:
            self._require_room(changes)
            for attempt in range(ATTEMPTS):
                outcome = self._git.run_writing(["update-ref", "--no-deref", "--stdin", "-z"], descriptor, given=given)
                if outcome.code == 0:
                    return self._flushed(changes)
                decided = self._decided(changes, outcome)
                if decided is not None:
                    return decided
                if attempt == ATTEMPTS - 1 or not self._remove_stale_locks(changes):
                    raise self._failure(outcome, changes)
        raise AssertionError("the last attempt returns or raises")

    def pack_if_many(self, more_than: int = LOOSE_REFS_KEPT) -> bool:
        """Pack the refs where many of ours are loose; best effort. True where it was done."""
        if not self._loose or self._count_loose() <= more_than:
            return False
        with suppress(StoreUnavailable), self._lock.held() as descriptor, translated("cannot pack", self._common):
            marker = os.path.join(self._common, "repoint", "packing")
            self._remove_stale_packing(marker)
            with open(marker, "w", encoding="ascii"):
                pass
            outcome = self._git.run_writing(["pack-refs", "--all", "--prune"], descriptor)
            os.unlink(marker)
            return outcome.code == 0
        return False

    def branch_in_the_way(self) -> Conflict | None:
        """The error to raise where a branch makes ``refs/heads/repoint/env/*`` impossible, else None."""
        for ref in self.find("refs/heads/repoint"):
            if ref in ("refs/heads/repoint", "refs/heads/repoint/env"):
                branch = ref.removeprefix("refs/heads/")
                return Conflict(
                    f"the branch {branch!r} stands in the way of the branches repoint/env/*",
                    kind="branch-in-the-way",
                    hint=f"git branch -m {branch} NEW-NAME",
                    branch=branch,
                )
        return None

    def _has_stand_ins(self) -> bool:
        if not self._loose:
            return bool(self.find(*STAND_INS))
        if any(os.path.lexists(os.path.join(self._common, folder.rstrip("/"))) for folder in STAND_INS):
            return True
        now, packed = self._packed_refs()
        if self._packed_stand_ins[0] != now:
            # one look through all of it tells nearly always that there is none
            found = "/refs/" in packed and any(f" {folder}" in packed for folder in STAND_INS)
            self._packed_stand_ins = (now, found)
        return self._packed_stand_ins[1]

    def _packed_refs(self) -> tuple[object, str]:
        """What identifies the packed-refs file, and its text: Git never changes that file, it puts another in place."""
        path = os.path.join(self._common, "packed-refs")
        with translated("cannot read", path):
            now = _identity(path)
        if self._packed[0] != now:
            self._packed = (now, _text_of(path))
        return self._packed

    def _require_room(self, changes: Sequence[RefChange]) -> None:
        creates_branch = any(change.old is None and change.ref.startswith(ENVIRONMENTS) for change in changes)
        if creates_branch and (conflict := self.branch_in_the_way()):
            raise conflict

    def _flushed(self, changes: Sequence[RefChange]) -> RefOutcome:
        if not self._loose:
            return RefOutcome.DONE
        folders = {os.path.dirname(change.ref) for change in changes}
        for ref_folder in list(folders):
            while (ref_folder := os.path.dirname(ref_folder)) not in ("", "refs"):
                folders.add(ref_folder)
        try:
            for folder in sorted(folders, reverse=True):
                with suppress(FileNotFoundError):  # packed and pruned meanwhile
                    flush_path(os.path.join(self._common, folder))
        except OSError:
            return RefOutcome.UNKNOWN
        return RefOutcome.DONE

    def _decided(self, changes: Sequence[RefChange], outcome: Outcome) -> RefOutcome | None:
        """What became of a failed update, by the refs as they are; None where they are as before.

        A ``create`` that Git refused and finds its own value was somebody else's, unless Git was killed on the way.
        """
        try:
            now = self.find(*(change.ref for change in changes))
        except StoreUnavailable:
            return RefOutcome.UNKNOWN
        refused_create = outcome.code > 0 and any(change.old is None for change in changes)
        if not refused_create and all(now.get(change.ref) == change.new for change in changes):
            return self._flushed(changes)
        if any(now.get(change.ref) != change.old for change in changes):
            return RefOutcome.LOST
        return None

    def _failure(self, outcome: Outcome, changes: Sequence[RefChange]) -> Conflict | StoreUnavailable:
        for ref in self.find(*(change.ref for change in changes)):
            if all(ref != change.ref for change in changes):
                return Conflict(
                    f"the ref {ref!a} stands in the way of ours",
                    kind="ref-in-the-way",
                    hint=f"rename or delete {ref!a}",
                    ref=ref,
                )
        return self._git.failure(outcome, "git update-ref changed nothing")

    def _remove_stale_locks(self, changes: Sequence[RefChange]) -> bool:
        """Wait for the lock files of these refs, remove those that are nobody's; True where there were any."""
        if not self._loose:
            return False
        locks = [os.path.join(self._common, f"{change.ref}.lock") for change in changes]
        return any(list(map(remove_if_unchanged, filter(os.path.lexists, locks))))

    def _remove_stale_packing(self, marker: str) -> None:
        if os.path.exists(marker):
            lock = os.path.join(self._common, "packed-refs.lock")
            if os.path.lexists(lock):
                remove_if_unchanged(lock)

    def _count_loose(self) -> int:
        count = 0
        for folder, ours in ((TAGS, "@v"), (ENVIRONMENTS, "")):
            with suppress(OSError), os.scandir(os.path.join(self._common, folder)) as entries:
                count += sum(ours in entry.name for entry in entries)
        return count


def _entries(folder: str) -> list[str]:
    with translated("cannot list", folder), suppress(FileNotFoundError), os.scandir(folder) as found:
        return [each.name for each in found if not each.name.endswith(".lock") and each.is_file()]
    return []


def _text_of(path: str) -> str:
    with translated("cannot read", path), suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")
    return ""


def remove_if_unchanged(path: str) -> bool:
    """Remove a lock file that stays the same for a second; call it only while holding our lock.

    Returns True when the file is gone, whoever removed it.

    Raises:
        StoreUnavailable: it kept changing for ten seconds, or cannot be removed.
    """
    until = time.monotonic() + CHANGING_SECONDS
    with translated("cannot remove the stale lock", path):
        seen, since = _identity(path), time.monotonic()
        while seen is not None:
            time.sleep(0.05)
            now = _identity(path)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since >= UNCHANGED_SECONDS:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                return True
            if time.monotonic() >= until:
                raise StoreUnavailable(
                    f"another program keeps writing {path}",
                    kind="locked",
                    hint="wait for the other Git command in this repository to end",
                    path=path,
                )
    return True


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _command(change: RefChange) -> bytes:
    if not re.fullmatch(_OURS, change.ref) or not is_object_id(change.new):
        raise ValueError(f"{change.ref!a} is not a ref that Repoint writes")
    if change.old is None:
        return f"create {change.ref}\0{change.new}\0".encode()
    if not is_object_id(change.old):
        raise ValueError(f"{change.old!a} is not an object id")
    return f"update {change.ref}\0{change.new}\0{change.old}\0".encode()
