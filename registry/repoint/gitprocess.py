"""Running Git: one clean environment for every child, and operating-system errors told apart.

Promise 10 lives here on the Git side: nothing inherited (``GIT_DIR``, ``GIT_INDEX_FILE``, replace objects, hooks,
pagers, lazy fetches) can redirect or extend what a child does, arguments are always lists, and a child that writes is
never killed half-way: it inherits the lock's descriptor and is waited for, also when Ctrl-C arrives. Only a child that
talks to another machine has a time limit, since nobody knows how long that takes to answer; it cannot ask a terminal.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import IO, NamedTuple

from repoint.durable import unavailable
from repoint.errors import StoreUnavailable

MINIMUM_GIT = (2, 36)
"""The oldest Git that works: it brought ``cat-file --batch-command`` and ``core.fsync``."""

KEPT_VARIABLES = (
    "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
)
"""The inherited ``GIT_*`` variables that children see; ``GIT_SSL_*`` is kept too."""

FIXED_VARIABLES = {
    "GIT_ASKPASS": "",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "SSH_ASKPASS_REQUIRE": "never",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
"""An empty ``GIT_ASKPASS`` keeps Git from the programs that it would ask for a password instead."""

FIXED_CONFIGURATION = {
    "advice.graftFileDeprecated": "false",
    "core.hooksPath": "/dev/null",
    "core.fsync": "all",
    "core.fsyncMethod": "fsync",
    "core.logAllRefUpdates": "false",
    "core.fsmonitor": "false",
    "core.useReplaceRefs": "false",
    "core.packedRefsTimeout": "0",
    "core.pager": "cat",
    "core.quotePath": "true",
    "core.warnAmbiguousRefs": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "color.ui": "false",
    "protocol.allow": "never",
    "protocol.file.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
}

OPTIONS = [option for key, value in FIXED_CONFIGURATION.items() for option in ("-c", f"{key}={value}")]
"""What stands before the name of every Git command."""

GRACE_SECONDS = 3.0
"""How long a child that took too long has to put things in order after SIGTERM, before it is killed."""

_VERSION = r"git version ([0-9]+)\.([0-9]+)"


class Outcome(NamedTuple):
    """How a Git process ended: exit code (negative: killed by that signal), standard output and standard error.

    ``timed_out``: it was ended because it took longer than it may.
    """

    code: int
    output: bytes
    error: str
    timed_out: bool = False


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of every Git child, from the caller's."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("GIT_") or name in KEPT_VARIABLES or name.startswith("GIT_SSL_")
    }
    return {**kept, **FIXED_VARIABLES}


class GitProcess:
    """Runs Git in one place with one environment. ``git_dir`` is None only while the repository is being looked for."""

    def __init__(self, environment: Mapping[str, str], folder: str, git_dir: str | None = None) -> None:
        self.environment = child_environment(environment)
        self.folder = folder
        self.git_dir = git_dir
        if git_dir is not None:
            self.environment["GIT_DIR"] = git_dir

    def run(self, arguments: Sequence[str], *, given: bytes = b"") -> Outcome:
        """Run a Git command that only reads. Raises: StoreUnavailable, where Git cannot be started."""
        child = self.start(arguments)
        try:
            output, error = child.communicate(given)
        except BaseException:
            child.kill()
            child.communicate()
            raise
        return Outcome(child.returncode, output, _text(error))

    def run_writing(self, arguments: Sequence[str], lock: int, *, given: bytes = b"") -> Outcome:
        """Run a Git command that writes: in a session of its own, holding the lock's descriptor, always waited for."""
        child = self.start(arguments, descriptors=(lock,), own_session=True)
        try:
            _send(child, given)
            output, error = child.communicate()
        except BaseException:
            _send(child, b"")
            child.wait()
            for stream in (child.stdout, child.stderr):
                pipe(stream).close()
            raise
        return Outcome(child.returncode, output, _text(error))

    def run_limited(self, arguments: Sequence[str], seconds: float, *, given: bytes = b"") -> Outcome:
        """Run a Git command that talks to a remote: in a session of its own, ended with all its children when it takes
        longer than ``seconds``, or when an exception (Ctrl-C) arrives. What the remote does then is not known.

        Raises:
            StoreUnavailable: Git cannot be started.
        """
        child = self.start(arguments, own_session=True)
        try:
            output, error = child.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            output, error = _end_group(child)
            return Outcome(child.returncode, output, _text(error), timed_out=True)
        except BaseException:
            _end_group(child)
            raise
        return Outcome(child.returncode, output, _text(error))

    def output(self, arguments: Sequence[str], doing: str) -> bytes:
        """Standard output of a reading command that must succeed. Raises: StoreUnavailable, with what Git said."""
        outcome = self.run(arguments)
        if outcome.code != 0:
            raise self.failure(outcome, doing)
        return outcome.output

    def lines(self, arguments: Sequence[str]) -> Generator[bytes, None, None]:
        """Standard output line by line, without the newline; closing the iterator early ends the process.

        Raises:
            StoreUnavailable: the command failed.
        """
        child = self.start(arguments)
        said: list[bytes] = []
        listener = Thread(target=lambda: said.append(pipe(child.stderr).read()), daemon=True)
        try:
            listener.start()  # Git waits for ever once that pipe is full
            pipe(child.stdin).close()
            for line in pipe(child.stdout):
                yield line.rstrip(b"\n")
            listener.join()
            if child.wait() != 0:
                error = _text(b"".join(said))
                raise self.failure(Outcome(child.returncode, b"", error), f"git {arguments[0]} failed")
        finally:
            child.kill()
            child.wait()
            if listener.ident is not None:
                listener.join()
            pipe(child.stdout).close()
            pipe(child.stderr).close()

    def start(
        self, arguments: Sequence[str], *, descriptors: Sequence[int] = (), own_session: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a Git process with three pipes. Raises: StoreUnavailable, where there is no Git or it cannot start."""
        try:
            return subprocess.Popen(
                ["git", *OPTIONS, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env=self.environment,
                pass_fds=descriptors,
                start_new_session=own_session,
            )
        except FileNotFoundError as error:
            if not os.path.isdir(self.folder):
                raise unavailable(error, "cannot enter", self.folder) from error
            raise git_missing() from error
        except OSError as error:
            raise unavailable(error, "cannot start", "git") from error

    def version(self) -> tuple[int, int]:
        """Git's version, major and minor. Raises: StoreUnavailable, where it says none."""
        outcome = self.run(["version"])
        match = re.match(_VERSION, outcome.output.decode("utf-8", "replace"))
        if match is None:
            raise self.failure(outcome, "git did not say its version")
        return int(match[1]), int(match[2])

    def require_version(self) -> None:
        """Raises: StoreUnavailable, where Git is older than MINIMUM_GIT."""
        found = self.version()
        if found < MINIMUM_GIT:
            raise StoreUnavailable(
                f"Git {found[0]}.{found[1]} is too old: {MINIMUM_GIT[0]}.{MINIMUM_GIT[1]} or newer is needed",
                kind="git-too-old",
                hint="install a newer Git",
            )

    def failure(self, outcome: Outcome, doing: str) -> StoreUnavailable:
        """What to raise for a failed command: Git's own words, with a hint where the cause is plain."""
        said = outcome.error or f"exit code {outcome.code}"
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            if os.strerror(number) in said:
                known = unavailable(OSError(number, said), doing, self.git_dir or self.folder)
                return StoreUnavailable(f"{doing}: {said}", kind=known.kind, hint=known.hint)
        return StoreUnavailable(f"{doing}: {said}", kind="git-failed", hint="run repoint doctor")


def git_missing() -> StoreUnavailable:
    """The error to raise where Git is not installed."""
    return StoreUnavailable("git is not on the PATH", kind="git-missing", hint="install Git 2.36 or newer")


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """The pipe of a child that was started with one."""
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


def _end_group(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """End a child and its children; what they wrote. First SIGTERM, on which Git removes its lock files: those of a
    remote on this machine too, which would block every later push.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=GRACE_SECONDS)
    for stream in (child.stdout, child.stderr):  # something that left the group still holds them
        pipe(stream).close()
    child.wait()
    return b"", b""


def _send(child: subprocess.Popen[bytes], given: bytes) -> None:
    """Write a child's standard input, at most what any pipe holds or the child reads, and close it."""
    if child.stdin is not None:
        with suppress(OSError):  # a child that ends early says why on standard error
            child.stdin.write(given)
        with suppress(OSError):
            child.stdin.close()
        child.stdin = None


def _text(error: bytes) -> str:
    return error.decode("utf-8", "replace").strip()
