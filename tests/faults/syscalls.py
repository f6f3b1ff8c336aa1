"""What the fault injector calls a point: a system call that changes a file or a directory below one folder.

One table says, for x86_64 and aarch64, which system calls those are and which arguments name what they change. From it
come the seccomp filter that stops a process at just these calls (everything else runs at full speed), and the decision,
at such a stop, whether the call concerns the folder. A pipe, a socket or a terminal is never a point. Not seen, because
no command under test uses them: shared memory maps, io_uring and file clones by ioctl.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_CHANGES_ON_OPEN = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_AT_FDCWD = -100
_LONGEST_PATH = 4096

Target = tuple[int | None, int | None]
"""Which arguments name a file: a descriptor, a path (relative to the working folder), or a path relative to one."""


class Unsupported(Exception):
    """This machine cannot inject faults; the message says what is missing. Tests skip on it."""


@dataclass(frozen=True)
class Call:
    """A system call that may change files: its numbers, what it changes (the result first), its open flags."""

    name: str
    x86_64: int | None
    aarch64: int | None
    targets: tuple[Target, ...]
    follows: bool = True
    flags: int | None = None


_FD: tuple[Target, ...] = ((0, None),)
_PATH: tuple[Target, ...] = ((None, 0),)
_AT: tuple[Target, ...] = ((0, 1),)

CALLS = (
    Call("open", 2, None, _PATH, flags=1),
    Call("creat", 85, None, _PATH),
    Call("openat", 257, 56, _AT, flags=2),
    Call("openat2", 437, 437, _AT),
    Call("write", 1, 64, _FD),
    Call("pwrite64", 18, 68, _FD),
    Call("writev", 20, 66, _FD),
    Call("pwritev", 296, 70, _FD),
    Call("pwritev2", 328, 287, _FD),
    Call("sendfile", 40, 71, _FD),
    Call("splice", 275, 76, ((2, None),)),
    Call("copy_file_range", 326, 285, ((2, None),)),
    Call("truncate", 76, 45, _PATH),
    Call("ftruncate", 77, 46, _FD),
    Call("fallocate", 285, 47, _FD),
    Call("fsync", 74, 82, _FD),
    Call("fdatasync", 75, 83, _FD),
    Call("sync_file_range", 277, 84, _FD),
    Call("syncfs", 306, 267, _FD),
    Call("rename", 82, None, ((None, 1), (None, 0)), follows=False),
    Call("renameat", 264, 38, ((2, 3), (0, 1)), follows=False),
    Call("renameat2", 316, 276, ((2, 3), (0, 1)), follows=False),
    Call("link", 86, None, ((None, 1), (None, 0)), follows=False),
    Call("linkat", 265, 37, ((2, 3), (0, 1)), follows=False),
    Call("symlink", 88, None, ((None, 1),), follows=False),
    Call("symlinkat", 266, 36, ((1, 2),), follows=False),
    Call("unlink", 87, None, _PATH, follows=False),
    Call("unlinkat", 263, 35, _AT, follows=False),
    Call("mkdir", 83, None, _PATH, follows=False),
    Call("mkdirat", 258, 34, _AT, follows=False),
    Call("rmdir", 84, None, _PATH, follows=False),
    Call("mknod", 133, None, _PATH, follows=False),
    Call("mknodat", 259, 33, _AT, follows=False),
    Call("chmod", 90, None, _PATH),
    Call("fchmod", 91, 52, _FD),
    Call("fchmodat", 268, 53, _AT),
    Call("fchmodat2", 452, 452, _AT),
    Call("chown", 92, None, _PATH),
    Call("fchown", 93, 55, _FD),
    Call("lchown", 94, None, _PATH, follows=False),
    Call("fchownat", 260, 54, _AT),
    Call("utime", 132, None, _PATH),
    Call("utimes", 235, None, _PATH),
    Call("futimesat", 261, None, _AT),
    Call("utimensat", 280, 88, _AT),
    Call("setxattr", 188, 5, _PATH),
    Call("lsetxattr", 189, 6, _PATH, follows=False),
    Call("fsetxattr", 190, 7, _FD),
    Call("removexattr", 197, 14, _PATH),
    Call("lremovexattr", 198, 15, _PATH, follows=False),
    Call("fremovexattr", 199, 16, _FD),
)

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def table_for(system: str, machine: str) -> dict[int, Call]:
    """The calls by their numbers. Raises: Unsupported."""
    if system != "Linux" or machine not in _AUDIT_ARCH:
        raise Unsupported(f"fault injection needs Linux on x86_64 or aarch64, not {system} on {machine}")
    numbered = ((call.x86_64 if machine == "x86_64" else call.aarch64, call) for call in CALLS)
    return {number: call for number, call in numbered if number is not None}


def filter_for(machine: str, table: dict[int, Call]) -> bytes:
    """The seccomp filter: stop at the calls of the table, kill programs of another architecture, let the rest pass."""
    trace, allow, kill = _bpf(0x06, 0x7FF00000), _bpf(0x06, 0x7FFF0000), _bpf(0x06, 0x80000000)
    steps = [_bpf(0x20, 4), _bpf(0x15, _AUDIT_ARCH[machine], equal=1), kill, _bpf(0x20, 0)]
    for number, call in table.items():
        if call.flags is None:
            steps += [_bpf(0x15, number, other=1), trace]
        else:
            flags = _bpf(0x20, 16 + 8 * call.flags)
            steps += [_bpf(0x15, number, other=4), flags, _bpf(0x45, _CHANGES_ON_OPEN, other=1), trace, allow]
    return b"".join([*steps, allow])


def _bpf(code: int, value: int, *, equal: int = 0, other: int = 0) -> bytes:
    """One instruction: 0x20 loads a word of the call, 0x15 compares, 0x45 tests bits, 0x06 returns."""
    return struct.pack("<HBBI", code, equal, other, value)


def touched(call: Call, arguments: Sequence[int], task: int, root: str) -> str | None:
    """The path below ``root`` that this call of a stopped task would change, relative to it; None: no point."""
    if call.name == "openat2" and not _changes_on_open(task, arguments[2]):
        return None
    for descriptor, path in call.targets:
        found = _locate(call, task, arguments, descriptor, path)
        if found is not None and (found == root or found.startswith(root + "/")):
            return os.path.relpath(found, root)
    return None


def _locate(call: Call, task: int, arguments: Sequence[int], descriptor: int | None, path: int | None) -> str | None:
    """The absolute path that a target names, or None for what is no file, no directory, or not there at all."""
    try:
        base = f"/proc/{task}/cwd" if descriptor is None else _descriptor(task, arguments[descriptor])
        text = "" if path is None or arguments[path] == 0 else _text(task, arguments[path])
        if text:
            return _named(os.path.join(os.readlink(base), text), task, call.follows)
        return os.readlink(base).removesuffix(" (deleted)") if _is_stored(base) else None
    except (OSError, OverflowError):
        return None


def _descriptor(task: int, argument: int) -> str:
    number = (argument & 0xFFFFFFFF) - ((argument & 0x80000000) << 1)
    return f"/proc/{task}/cwd" if number == _AT_FDCWD else f"/proc/{task}/fd/{number}"


def _named(path: str, task: int, follows: bool) -> str | None:
    path = path.rstrip("/") or "/"
    if path.startswith("/proc/self/"):
        path = f"/proc/{task}/" + path.removeprefix("/proc/self/")
    if follows:
        return os.path.realpath(path) if not os.path.exists(path) or _is_stored(path) else None
    folder, name = os.path.split(path)
    return os.path.realpath(path) if name in ("", ".", "..") else os.path.join(os.path.realpath(folder), name)


def _is_stored(path: str) -> bool:
    mode = os.stat(path).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _text(task: int, address: int) -> str:
    return os.fsdecode(_memory(task, address, _LONGEST_PATH).partition(b"\0")[0])


def _changes_on_open(task: int, how: int) -> bool:
    try:
        return bool(struct.unpack("<Q", _memory(task, how, 8))[0] & _CHANGES_ON_OPEN)
    except (OSError, OverflowError, struct.error):
        return False


def _memory(task: int, address: int, size: int) -> bytes:
    """What is mapped of these bytes of a stopped task."""
    with open(f"/proc/{task}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), size, address)
