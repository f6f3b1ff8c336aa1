"""A Git remote: asked for its refs, fetched from, and given one ref at a time by compare-and-swap.

Promise 3 for a shared remote rests on ``push --force-with-lease=REF:OLD``: Git compares before it sends, and the remote
compares again under its own lock. How a push ended is told by the status letter that the remote reported for the ref
or, where there is none, by the remote's refs, asked again; a message counts only as proof that there never was a
connection. Promise 10: an address comes from the repository's configuration by the name of the remote, never from
``repoint.toml``.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from repoint.errors import InvalidInput, StoreUnavailable
from repoint.gitaddress import address_in, is_by_ssh, masked, said_by
from repoint.gitalarms import branch_diverged, tag_moved
from repoint.gitobjects import ObjectId, is_object_id
from repoint.gitprocess import GitProcess, Outcome
from repoint.gitrefs import TAGS
from repoint_schemas.config import check_remote

if TYPE_CHECKING:
    from repoint.gitrepo import GitRepository

ANSWER_SECONDS = 30.0
"""How long a remote has to tell its refs, or to take a record."""

TRANSFER_SECONDS = 600.0
"""How long a remote has to send or to take the files of versions; one that falls silent is given up much earlier."""

SSH_COMMAND = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=10 -oServerAliveCountMax=3"
"""How Git reaches a remote by SSH, unless the environment or the configuration says otherwise."""

PUSHES = 8
"""How often a push is sent again that the remote refused, without moving the ref: another push held its lock."""

AT_ONCE = 1000
"""How many refs one push carries at most: their names stand on its command line."""

BRANCHES = "refs/heads/"

_PAUSE = 0.05
_CUT = "shallow roots are not allowed to be updated"  # Git passes over such refs, and succeeds
_NOT_CONNECTED = (
    "fatal: Could not read from remote repository.",  # Git says it when not even the first answer arrived
    "fatal: unable to access ",
    "fatal: Authentication failed for ",
    "fatal: could not read Username for ",
    "fatal: could not read Password for ",
)


class RemoteSwap(enum.Enum):
    """How a compare-and-swap of a remote's ref ended."""

    DONE = "done"
    THERE = "there"  # it had the new value already, before this push
    LOST = "lost"  # it is not what was expected
    UNKNOWN = "unknown"  # the connection broke; the push may have been applied, or may be applied later


class Letter(enum.Enum):
    """What the remote reported for one ref of a push."""

    TAKEN = "taken"
    SAME = "same"
    REFUSED = "refused"
    NONE = "none"


class Report(NamedTuple):
    """A ref's letter, and Git's summary of it."""

    letter: Letter
    summary: str = ""


_KINDS = {"--heads": BRANCHES, "--tags": TAGS}
_LETTERS = {" ": Letter.TAKEN, "*": Letter.TAKEN, "+": Letter.TAKEN, "=": Letter.SAME, "!": Letter.REFUSED}


class GitRemote:
    """One remote of a repository. It is not asked for anything, nor is its address checked, before the first use."""

    def __init__(
        self,
        repository: GitRepository,
        name: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        transfer_seconds: float = TRANSFER_SECONDS,
    ) -> None:
        if problem := check_remote(name):
            raise InvalidInput(f"{name!a} {problem}", kind="invalid-remote", hint="git remote lists them")
        self.name = name
        self._answer_seconds = answer_seconds
        self._transfer_seconds = transfer_seconds
        # where an address that is a relative path begins, as for Git in the checkout
        folder = repository.work_tree or repository.common_dir
        self._git = GitProcess(repository.process.environment, folder, repository.common_dir)

    @cached_property
    def address(self) -> str:
        """Where the remote is, as Git understands its configuration (``url.*.insteadOf`` too).

        Raises:
            NotFound: there is no such remote, or no address of it.
            InvalidInput: an address that could run a program, several, or different ones to fetch and to push.
        """
        listed = self._git.output(["remote", "-v"], "cannot list the remotes")
        return address_in(listed.decode("utf-8", "surrogateescape"), self.name)

    def refs(self, *patterns: str) -> dict[str, ObjectId]:
        """The remote's refs as they are now: each pattern is a full name, or its beginning and a ``*``.

        Raises:
            StoreUnavailable: the remote cannot be asked (``remote-unreachable``).
        """
        kinds = [kind for kind, folder in _KINDS.items() if any(p.startswith(folder) for p in patterns)]
        asked = ["ls-remote", "--refs", *kinds, "--", self.name, *patterns]
        outcome = self._run(asked, self._answer_seconds)
        if outcome.code != 0:
            raise self.unreachable(outcome)
        lines = (line.split("\t", 1) for line in outcome.output.decode("utf-8", "surrogateescape").splitlines())
        found = {pair[1]: ObjectId(pair[0]) for pair in lines if len(pair) == 2 and is_object_id(pair[0])}
        return {ref: oid for ref, oid in found.items() if any(_matches(ref, pattern) for pattern in patterns)}

    def fetch(self, refs: Sequence[str]) -> None:
        """Fetch the objects of these refs, whole and durable; no ref of this repository is written.

        Raises:
            StoreUnavailable: the remote cannot be reached, lacks one of them, or is a shallow clone itself.
        """
        arguments = [
            *(option for key in ("prune", "mirror") for option in ("-c", f"remote.{self.name}.{key}=false")),
            *("fetch", "--stdin", "--refmap=", "--no-tags", "--no-filter", "--no-write-fetch-head"),
            *("--no-prune", "--no-recurse-submodules", "--no-auto-maintenance", "--", self.name),
        ]
        outcome = self._run(arguments, self._transfer_seconds, "".join(f"{ref}\n" for ref in refs).encode())
        if outcome.code != 0:
            raise self.unreachable(outcome)
        if _CUT in outcome.error:
            raise StoreUnavailable(
                f"the Git remote {self.name} is a shallow clone, so the ledgers are not whole there",
                kind="remote-shallow",
                hint=f"run git fetch --unshallow in the repository at {masked(self.address)}",
                remote=self.name,
            )

    def swap_ref(self, ref: str, new: ObjectId, old: ObjectId | None) -> RemoteSwap:
        """Push one object to a ref of the remote, only while that is ``old``; None: only where there is none.

        Raises:
            StoreUnavailable: nothing was changed: the remote refused (``remote-refused``: a hook, a protection), or
                there never was a connection to it.
        """
        seconds = self._answer_seconds if ref.startswith(BRANCHES) else self._transfer_seconds
        for attempt in range(PUSHES):
            outcome = self._push([f"--force-with-lease={ref}:{old or ''}"], [f"{new}:{ref}"], seconds)
            report = reported(outcome.output).get(ref, Report(Letter.NONE))
            if report.letter in (Letter.TAKEN, Letter.SAME):
                return RemoteSwap.DONE if report.letter is Letter.TAKEN else RemoteSwap.THERE
            if report.letter is Letter.NONE:
                return self._after_break(outcome, ref, new, old)
            now = self.refs(ref).get(ref)
            if now != old:
                return RemoteSwap.THERE if now == new else RemoteSwap.LOST
            if "declined" in report.summary or attempt == PUSHES - 1:
                raise self._refused(ref, report, outcome)
            time.sleep(_PAUSE * (attempt + 1))
        raise AssertionError("the last push returns or raises")

    def push_new(self, refs: Mapping[str, ObjectId]) -> None:
        """Push refs that the remote lacks, or whose older state it has; nothing is forced. For a remote that follows.

        A branch that is further at the remote stays as it is there.

        Raises:
            Corrupt: the remote has another tag (``tag-moved``) or another ledger (``ledger-diverged``).
            StoreUnavailable: it refused, or it cannot be told whether it took all of them; doing it again is safe.
        """
        names = sorted(refs)
        for at in range(0, len(names), AT_ONCE):
            wanted = {ref: refs[ref] for ref in names[at : at + AT_ONCE]}
            outcome = self._push([], [f"{oid}:{ref}" for ref, oid in wanted.items()], self._transfer_seconds)
            reports = reported(outcome.output)
            for ref, oid in wanted.items():
                report = reports.get(ref, Report(Letter.NONE))
                if report.letter is Letter.NONE:
                    raise self.unreachable(outcome)
                if report.letter is Letter.REFUSED:
                    self._require_further(ref, oid, self._refused(ref, report, outcome))

    def _require_further(self, ref: str, oid: ObjectId, refused: StoreUnavailable) -> None:
        """Require that a ref that was not taken is further at the remote. Raises: as ``push_new``."""
        there = self.refs(ref).get(ref)
        if there is None:
            raise refused
        if there != oid and ref.startswith(TAGS):
            raise tag_moved(self.name, ref, oid, there)
        self.fetch([ref])
        if self._reaches(there, oid):
            return
        raise refused if self._reaches(oid, there) else branch_diverged(self.name, ref, oid, there)

    def _reaches(self, tip: ObjectId, commit: ObjectId) -> bool:
        return self._git.run(["merge-base", "--is-ancestor", commit, tip]).code == 0

    def unreachable(self, outcome: Outcome) -> StoreUnavailable:
        """The error to raise where the remote did not answer, with Git's words."""
        said = said_by(outcome.error) or f"git ended with code {outcome.code}"
        if outcome.timed_out:
            said = f"no answer within the time that it has{f' ({said})' if outcome.error else ''}"
        return StoreUnavailable(
            f"the Git remote {self.name} cannot be reached: {said}",
            kind="remote-unreachable",
            hint=f"nothing is decided without it; try git ls-remote {self.name}, then run the same command again",
            remote=self.name,
        )

    def _push(self, leases: Sequence[str], refspecs: Sequence[str], seconds: float) -> Outcome:
        arguments = [
            *("-c", f"remote.{self.name}.mirror=false"),
            *("push", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"),
            *(*leases, "--", self.name, *refspecs),
        ]
        return self._run(arguments, seconds)

    def _after_break(self, outcome: Outcome, ref: str, new: ObjectId, old: ObjectId | None) -> RemoteSwap:
        """What a push without a reported status did, as far as the remote's refs tell it."""
        now = old
        with suppress(StoreUnavailable):
            now = self.refs(ref).get(ref)
        if now != old:
            return RemoteSwap.DONE if now == new else RemoteSwap.LOST
        if not outcome.timed_out and any(line.startswith(_NOT_CONNECTED) for line in outcome.error.splitlines()):
            raise self.unreachable(outcome)
        return RemoteSwap.UNKNOWN

    def _refused(self, ref: str, report: Report, outcome: Outcome) -> StoreUnavailable:
        said = "; ".join(text for text in (report.summary, said_by(outcome.error)) if text)
        return StoreUnavailable(
            f"the Git remote {self.name} refused {ref}: {said}",
            kind="remote-refused",
            hint="nothing was changed; a hook or a protection of the remote must let whoever moves and publishes push "
            "refs/heads/repoint/* and refs/tags/*@v*",
            remote=self.name,
            ref=ref,
        )

    def _run(self, arguments: Sequence[str], seconds: float, given: bytes = b"") -> Outcome:
        return self._reaching.run_limited([*self._silence, *arguments], seconds, given=given)

    @cached_property
    def _silence(self) -> list[str]:
        """When Git itself gives up a transfer over HTTPS: after as long without a byte as an answer may take."""
        return ["-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={max(1, round(self._answer_seconds))}"]

    @cached_property
    def _reaching(self) -> GitProcess:
        """Git with the way to reach this remote, once its address is known to be harmless."""
        if is_by_ssh(self.address) and not self._has_own_ssh():
            self._git.environment["GIT_SSH_COMMAND"] = SSH_COMMAND
        return self._git

    def _has_own_ssh(self) -> bool:
        inherited = self._git.environment.keys() & {"GIT_SSH_COMMAND", "GIT_SSH"}
        return bool(inherited) or self._git.run(["config", "--get", "core.sshCommand"]).code == 0


def reported(output: bytes) -> dict[str, Report]:
    """What ``push --porcelain`` reported for each ref; a line that is not understood reports nothing."""
    found: dict[str, Report] = {}
    for line in output.decode("utf-8", "replace").split("\n"):
        flag, _, rest = line.partition("\t")
        names, tab, summary = rest.partition("\t")
        # "[remote failure]": it took the push, and did not say what it did
        if tab and not summary.startswith("[remote failure]"):
            found[names.partition(":")[2]] = Report(_LETTERS.get(flag, Letter.NONE), summary)
    return found


def _matches(ref: str, pattern: str) -> bool:
    beginning, star, _ = pattern.partition("*")
    return ref.startswith(beginning) if star else ref == pattern
