"""Kill a real command, with its real Git children, at any one of its changes to the file system.

``count_points`` runs a command to its end and lists every system call by which it, or any process that it started, was
about to change something below a folder. ``run_and_kill`` runs it again and kills at one of them. It is ptrace in plain
Python: no compiler, no strace. Why a result can be relied on:

* The command begins under the tracer, and no descendant can leave it: daemons are waited for, and killed with the rest.
* Points happen one at a time. A process that is about to change a file waits until the change before has happened, in
  whichever process. So a kill *before* point N leaves the effects of exactly the N points before it, *after* one more.
* A seccomp filter stops only the calls that can be points; the rest of the program runs at its own speed.

A thread of its own traces: ptrace knows threads, not processes, and so it sees no children but those of the command.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from tests.faults import ptrace
from tests.faults.launch import launch
from tests.faults.syscalls import Call, Unsupported, filter_for, table_for, touched

__all__ = [
    "Command",
    "Finished",
    "Killed",
    "Point",
    "Scope",
    "Unsupported",
    "When",
    "check_supported",
    "count_points",
    "run_and_kill",
    "run_to_end",
]

Scope = Literal["all", "process", "child"]
"""Who dies: everything at once, as in a power cut; the command alone; or only the process that reached the point."""
When = Literal["before", "after"]

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Command:
    """A program to run, with nothing but this environment; ``timeout`` is in seconds, after it everything is killed."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout: float = 60.0


@dataclass(frozen=True)
class Point:
    """One system call about to change ``path`` (relative to the root; where to, of a rename or a link).

    ``process`` is 0 for the command itself, then 1, 2 … as its descendants come to their first point.
    """

    index: int
    process: int
    program: str
    call: str
    path: str

    def __str__(self) -> str:
        return f"#{self.index} {self.call} {self.path} (by {self.program}, process {self.process})"


@dataclass(frozen=True)
class Finished:
    """The command came to its end, with these points. ``returncode`` is as in ``subprocess``."""

    points: tuple[Point, ...]
    returncode: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Killed:
    """A process was killed at ``point``. ``returncode`` is that of the command itself, -9 if it was among the dead."""

    point: Point
    returncode: int
    stdout: bytes
    stderr: bytes


def check_supported() -> None:
    """Trace a program that does nothing, to see whether faults can be injected here. Raises: Unsupported."""
    run_to_end(Command(["true"], Path("/"), {"PATH": os.defpath}), Path("/proc"))


def count_points(command: Command, root: Path) -> list[Point]:
    """Run a command to its end and give its points in order. Raises: Unsupported, TimeoutError."""
    return list(run_to_end(command, root).points)


def run_to_end(command: Command, root: Path) -> Finished:
    """Run a command to its end, killing nothing. Raises: Unsupported, TimeoutError."""
    ended = _run(command, root, None)
    assert isinstance(ended, Finished)
    return ended


def run_and_kill(
    command: Command, root: Path, at: int, scope: Scope = "all", when: When = "before"
) -> Killed | Finished:
    """Run a command and send SIGKILL when it comes to point number ``at``, counted from 0; wait until all have ended.

    With scope ``process`` or ``child`` the others run on to their own end, traced but untouched; a process that has
    reached the point itself waits until the victim is dead. If there are not that many points, or the command itself
    has ended before (scope ``process``), nothing is killed: Finished. Raises: Unsupported, TimeoutError.
    """
    return _run(command, root, _Plan(at, scope, when))


@dataclass(frozen=True)
class _Plan:
    at: int
    scope: Scope
    when: When


@dataclass(frozen=True)
class _Asking:
    """A task stopped before a system call that is a point."""

    task: int
    call: str
    path: str


class _Trace:
    """The life of one command. Everything but ``end`` belongs to the tracing thread.

    ``turn`` is whoever must come to an end before anything else may change a file: the task that carries out its point,
    or the process that is being killed.
    """

    def __init__(self, leader: int, root: Path, table: dict[int, Call], plan: _Plan | None) -> None:
        self.leader, self.root, self.table, self.plan = leader, os.path.realpath(root), table, plan
        self.points: list[Point] = []
        self.killed: Point | None = None
        self.returncode = 0
        self.ending = False
        self.processes: dict[int, int] = {}  # task -> the process that it belongs to
        self.ended: set[int] = set()
        self.ordinals = {leader: 0}
        self.turn: int | None = None
        self.asking: deque[_Asking] = deque()
        self.held: int | None = None

    def follow(self, gate: BinaryIO) -> None:
        """Trace the command from its first instruction until no process of it is left; ``gate`` lets it begin."""
        with gate:
            ptrace.seize(self.leader)
            self.processes[self.leader] = self.leader
            gate.write(b"\n")
        try:
            self._until_all_have_ended()
        except BaseException:
            self.end()
            self._until_all_have_ended()
            raise

    def end(self) -> None:
        """Kill all there is and all that still comes; safe from any thread, at any time."""
        self.ending = True
        for process in set(self.processes.values()):
            ptrace.kill(process)

    def _until_all_have_ended(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                task, status = os.waitpid(-1, ptrace.TASKS_OF_THIS_THREAD)
                if os.WIFSTOPPED(status):
                    self._stopped(task, os.WSTOPSIG(status), status >> 16)
                else:
                    self._gone(task, os.waitstatus_to_exitcode(status))

    def _stopped(self, task: int, stop: int, event: int) -> None:
        if task not in self.processes:
            self.processes[task] = _process_of(task)
        if self.ending:
            ptrace.kill(self.processes[task])
        elif event == ptrace.SECCOMP_EVENT:
            self._before_call(task)
        elif stop == ptrace.SYSCALL_EXIT:
            self._after_call(task)
        elif event == ptrace.EXEC_EVENT:
            self._new_program(task)
        elif event == ptrace.STOP_EVENT and stop in ptrace.GROUP_STOPS:
            ptrace.stay_stopped(task)
        else:
            ptrace.resume(task, 0 if event else stop)

    def _before_call(self, task: int) -> None:
        stopped_at = ptrace.system_call(task)
        if stopped_at is None:
            return
        call, arguments = self.table[stopped_at[0]], stopped_at[1]
        path = touched(call, arguments, task, self.root)
        if path is None:
            ptrace.resume(task)
        else:
            self.asking.append(_Asking(task, call.name, path))
            self._next_turn()

    def _next_turn(self) -> None:
        while self.turn is None and self.asking and not self.ending:
            asking = self.asking.popleft()
            process = self.processes[asking.task]
            ordinal = self.ordinals.setdefault(process, len(self.ordinals))
            self.points.append(Point(len(self.points), ordinal, _program(asking.task), asking.call, asking.path))
            if not self._strikes("before", asking.task):
                self.turn = asking.task
                ptrace.resume_to_end_of_call(asking.task)

    def _after_call(self, task: int) -> None:
        self.turn = None
        if not self._strikes("after", task):
            ptrace.resume(task)
        self._next_turn()

    def _strikes(self, when: When, task: int) -> bool:
        """Kill if the newest point is the one, with ``task`` stopped at it."""
        point, plan = self.points[-1], self.plan
        if plan is None or (plan.at, plan.when) != (point.index, when):
            return False
        victim = self.leader if plan.scope == "process" else self.processes[task]
        if victim not in self.processes:
            return False
        self.killed = point
        if plan.scope == "all":
            self.end()
        else:
            self.turn = victim
            self.held = None if self.processes[task] == victim else task
            ptrace.kill(victim)
        return True

    def _gone(self, task: int, returncode: int) -> None:
        self.processes.pop(task, None)
        self.ended.add(task)
        if task == self.leader:
            self.returncode = returncode
        self._forget(task)

    def _forget(self, task: int) -> None:
        """A task is no more: it asks for nothing, and if all waited for it, they go on."""
        self.asking = deque(asking for asking in self.asking if asking.task != task)
        if task != self.turn or self.ending:
            return
        self.turn = None
        if self.held is not None:
            ptrace.resume(self.held)
            self.held = None
        self._next_turn()

    def _new_program(self, task: int) -> None:
        """Any thread may start a program; it takes over the number of its process, and the others are gone."""
        former = ptrace.former_number(task)
        if former != task:
            self.processes.pop(former, None)
            self._forget(task)
        ptrace.resume(task)


def _run(command: Command, root: Path, plan: _Plan | None) -> Killed | Finished:
    system = os.uname()
    table = table_for(system.sysname, system.machine)
    seccomp = filter_for(system.machine, table)
    with _one_at_a_time, ptrace.adopting_orphans(), tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child, gate = launch(command.argv, command.cwd, command.env, seccomp, out, err)
        trace = _Trace(child.pid, root, table, plan)
        try:
            _within(command.timeout, trace, gate)
        except TimeoutError as error:
            where = trace.points[-1] if trace.points else "no point yet"
            raise TimeoutError(f"{command.argv} not done in {command.timeout} s; {where}; {_all_of(err)!r}") from error
        finally:
            child.wait()
            _bury(trace.ended)
        return _ending(trace, _all_of(out), _all_of(err))


def _within(timeout: float, trace: _Trace, gate: BinaryIO) -> None:
    """Trace in a thread of its own; however this ends, nothing of the command is left when it does."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracer") as thread:
        traced = thread.submit(trace.follow, gate)
        try:
            traced.result(timeout)
        finally:
            trace.end()


def _bury(tasks: set[int]) -> None:
    """Take leave of those whose parent died before it did: the tracer saw their end, but they became our zombies."""
    for task in tasks:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(task, os.WNOHANG)


def _ending(trace: _Trace, stdout: bytes, stderr: bytes) -> Killed | Finished:
    too_late = trace.plan is not None and trace.plan.scope == "process" and trace.returncode != -signal.SIGKILL
    if trace.killed is not None and not too_late:
        return Killed(trace.killed, trace.returncode, stdout, stderr)
    return Finished(tuple(trace.points), trace.returncode, stdout, stderr)


def _process_of(task: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{task}/status", encoding="utf-8", errors="replace") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("Tgid:")), task)
    return task


def _program(task: int) -> str:
    with contextlib.suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{task}/exe").removesuffix(" (deleted)"))
    return "?"


def _all_of(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read()
