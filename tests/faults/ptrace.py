"""The few requests of ptrace(2) and prctl(2) that the fault injector needs, typed, through ctypes.

All of them concern the thread that calls: it alone is the tracer of what it seized, and the filter is put on it alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from collections.abc import Iterator

from tests.faults.syscalls import Unsupported

EXEC_EVENT, SECCOMP_EVENT, STOP_EVENT = 4, 7, 128
SYSCALL_EXIT = signal.SIGTRAP | 0x80
GROUP_STOPS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
TASKS_OF_THIS_THREAD = 0x40000000 | 0x20000000  # __WALL | __WNOTHREAD, for waitpid

_CONT, _SYSCALL, _GETEVENTMSG, _SEIZE, _LISTEN, _GET_SYSCALL_INFO = 7, 24, 0x4201, 0x4206, 0x4208, 0x420E
# TRACESYSGOOD, FORK, VFORK, CLONE, EXEC, SECCOMP, EXITKILL
_OPTIONS = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
_SET_SECCOMP, _SET_SUBREAPER, _GET_SUBREAPER, _SET_NO_NEW_PRIVILEGES = 22, 36, 37, 38

_libc = ctypes.CDLL(None, use_errno=True)


def seize(task: int) -> None:
    """Become the tracer of a running task and all that it will start. Raises: Unsupported."""
    try:
        _request(_SEIZE, task, ctypes.c_void_p(_OPTIONS))
    except OSError as error:
        raise Unsupported(f"this machine does not allow ptrace: {error.strerror}") from error


def resume(task: int, signal_number: int = 0) -> None:
    """Let a stopped task run, delivering a signal if there is one. Nothing happens if it is being killed."""
    _let(_CONT, task, signal_number)


def resume_to_end_of_call(task: int) -> None:
    """Let a task that stands before a system call carry it out, and no more."""
    _let(_SYSCALL, task)


def stay_stopped(task: int) -> None:
    """Let a task be stopped by its group's stop signal, until SIGCONT."""
    _let(_LISTEN, task)


def _let(request: int, task: int, signal_number: int = 0) -> None:
    with contextlib.suppress(ProcessLookupError):  # killed meanwhile: its end will be reported
        _request(request, task, ctypes.c_void_p(signal_number))


def system_call(task: int) -> tuple[int, tuple[int, ...]] | None:
    """Number and arguments of the call that a task stands before, None if it is being killed. Raises: Unsupported."""
    info = ctypes.create_string_buffer(96)
    try:
        _request(_GET_SYSCALL_INFO, task, info, len(info))
    except ProcessLookupError:
        return None
    except OSError as error:
        raise Unsupported(f"ptrace cannot describe system calls, Linux 5.3 can: {error.strerror}") from error
    number, *arguments = struct.unpack_from("<7Q", info, 24)
    return number, tuple(arguments)


def former_number(task: int) -> int:
    """At the stop of a new program: the number that the task had before, its process's number taken over."""
    message = ctypes.create_string_buffer(8)
    with contextlib.suppress(ProcessLookupError):
        _request(_GETEVENTMSG, task, message)
        return int.from_bytes(message.raw, "little")
    return task


def kill(process: int) -> None:
    """Send SIGKILL, unless it is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def filter_this_thread(program: bytes) -> None:
    """Put a seccomp filter on this thread and all that it starts; it stays for good. Raises: Unsupported."""
    steps = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(steps)))
    if _control(_SET_NO_NEW_PRIVILEGES, 1) != 0 or _control(_SET_SECCOMP, 2, ctypes.addressof(header)) != 0:
        raise Unsupported(f"this machine does not allow seccomp filters: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Descendants whose parent died become children of this process, so that it, and no distant init, reaps them."""
    before = ctypes.c_int(0)
    _control(_GET_SUBREAPER, ctypes.addressof(before))
    _control(_SET_SUBREAPER, 1)
    try:
        yield
    finally:
        _control(_SET_SUBREAPER, before.value)


def _control(option: int, first: int, second: int = 0) -> int:
    words = (ctypes.c_ulong(word) for word in (first, second, 0, 0))
    return int(_libc.prctl(ctypes.c_int(option), *words))


def _request(request: int, task: int, data: ctypes.c_void_p | ctypes.Array[ctypes.c_char], address: int = 0) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(task), ctypes.c_void_p(address), data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
