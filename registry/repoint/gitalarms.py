"""What is said where a clone and its Git remote contradict each other, or nobody knows what the remote did.

Promises 1 and 4: nothing is repaired by force. Each alarm names both object ids, and the command for either way out.
"""

from __future__ import annotations

from repoint.errors import Conflict, Corrupt, OutcomeUnknown
from repoint.gitobjects import ObjectId
from repoint.gitrefs import TAGS


def branch_diverged(remote: str, ref: str, local: ObjectId, there: ObjectId) -> Corrupt:
    """The remote's ledger does not continue the one that this clone saw."""
    return Corrupt(
        f"the branch {ref.removeprefix('refs/heads/')} of {remote} ({there}) does not continue what this clone saw of "
        f"it ({local}): it was force-pushed, or an older copy was put back",
        kind="ledger-diverged",
        hint="nothing was overwritten; find out who pushed. " + _ways_out(remote, ref, local, there),
        promise=4,
        ref=ref,
        local=local,
        remote=there,
    )


def tag_moved(remote: str, ref: str, local: ObjectId, there: ObjectId) -> Corrupt:
    """A version's tag is another at the remote than in this clone."""
    return Corrupt(
        f"the tag {ref.removeprefix(TAGS)} is {there} at {remote}, but {local} in this clone: one of them was moved",
        kind="tag-moved",
        hint="nothing was overwritten; compare with other clones. " + _ways_out(remote, ref, local, there),
        promise=1,
        ref=ref,
        local=local,
        remote=there,
    )


def lost_tag(remote: str, ref: str) -> Corrupt:
    """A version that this clone published is not at the remote any more."""
    return Corrupt(
        f"the tag {ref.removeprefix(TAGS)} is not at {remote} any more, although this clone published it there",
        kind="release-missing-on-remote",
        hint=_recreate(remote, ref),
        promise=1,
        ref=ref,
    )


def lost_branch(remote: str, ref: str) -> Corrupt:
    """An environment that this clone saw is not at the remote any more."""
    return Corrupt(
        f"the branch {ref.removeprefix('refs/heads/')} is not at {remote} any more, although this clone saw it there",
        kind="pointer-missing",
        hint=_recreate(remote, ref),
        promise=4,
        ref=ref,
    )


def tag_in_the_way(remote: str, ref: str) -> Conflict:
    """Only this clone has a tag of that name, and it is no version."""
    name = ref.removeprefix(TAGS)
    return Conflict(
        f"this clone has a tag {name} of its own, which {remote} does not have",
        kind="tag-in-the-way",
        hint=f"nothing was published; rename or delete it: git tag -d {name}",
        ref=ref,
    )


def branch_in_the_way(remote: str, ref: str) -> Conflict:
    """A branch of the remote makes ``repoint/env/*`` impossible there."""
    branch = ref.removeprefix("refs/heads/")
    return Conflict(
        f"the branch {branch!r} of {remote} stands in the way of the branches repoint/env/*",
        kind="branch-in-the-way",
        hint=f"rename it at {remote}",
        branch=branch,
    )


def unconfirmed(remote: str, ref: str) -> OutcomeUnknown:
    """Nobody knows whether the remote took a ref that was to be created."""
    return OutcomeUnknown(
        f"it is not known whether {remote} took {ref}",
        kind="publish-unconfirmed",
        hint="run the same command again: it changes nothing where the write arrived",
        ref=ref,
    )


def _ways_out(remote: str, ref: str, local: ObjectId, there: ObjectId) -> str:
    return (
        f"If this clone is right: git push --force-with-lease={ref}:{there} {remote} {local}:{ref}; "
        f"if {remote} is: git update-ref {ref} {there} {local}"
    )


def _recreate(remote: str, ref: str) -> str:
    return f"nothing is created again by itself; find out who deleted it, then git push {remote} {ref}:{ref}"
