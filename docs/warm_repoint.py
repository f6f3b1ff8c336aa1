"""``clocked_repoint.py`` without its start-up: a process that has it loaded forks one for each command.

A story is a hundred commands, and nearly all of their time would go into loading the same program again. So whoever
plays one asks ``command`` for how ``repoint`` is started: by this file as a small program that hands its arguments,
environment, folder and standard files over, and ends as the command ended. If it is killed, so is the command. The
process that forks ends with the one that began to play.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

NAME = "s"
"""Of the socket, in a folder of its own; it is reached from there, since the path of a socket has to be short."""

_started: list[str] = []  # the folder, once it is there


def command() -> list[str]:
    """The words in front of the arguments; the process that forks is started where it was not yet."""
    if not _started:
        _started.append(_start())
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), *_started]


def _start() -> str:
    """Start the process that forks; the folder of its socket. Both are gone when this process ends."""
    import atexit
    import shutil
    import subprocess
    import tempfile
    from pathlib import Path

    root = Path(__file__).resolve().parent.parent
    folder = tempfile.mkdtemp(prefix="repoint-warm-")
    sources = os.pathsep.join(str(root / part) for part in ("registry", "cli", "schemas"))
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), "--serve", folder],
        env={**os.environ, "PYTHONPATH": sources, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    if not process.stdout.readline():
        raise RuntimeError("what is to fork the commands does not start")
    return folder


# -- the small program -------------------------------------------------------------------------------------------------


def ask(folder: str, arguments: list[str]) -> int:
    """Have a command run, with this process's files, folder and environment; its exit code."""
    import _socket  # what ``socket`` is made of: to load that would take as long as all the rest

    place = os.getcwdb()
    parts = [place, str(len(arguments)).encode(), *map(os.fsencode, arguments)]
    parts += [name + b"=" + value for name, value in os.environb.items()]
    request = b"\0".join(parts)
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    os.chdir(folder)
    connection.connect(NAME)
    connection.sendmsg([len(request).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    connection.sendall(request)
    answer = connection.recv(1)
    return answer[0] if answer else 1


# -- the process that forks --------------------------------------------------------------------------------------------


def serve(folder: str) -> None:
    """Fork a process for each connection until standard input ends."""
    import select
    import socket

    _load()
    os.chdir(folder)
    ended = _woken_by_children()
    running: dict[int, socket.socket | None] = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(NAME)
        listener.listen(16)
        os.write(1, b"ready\n")
        while True:
            waiting: list[int | socket.socket] = [0, listener, ended, *filter(None, running.values())]
            woken = select.select(waiting, [], [])[0]
            if 0 in woken:
                return
            if ended in woken:
                os.read(ended, 1 << 10)
            _tell(running, [each for each in woken if isinstance(each, socket.socket) and each is not listener])
            if listener in woken:
                connection = listener.accept()[0]
                running[_begin(connection)] = connection


def _woken_by_children() -> int:
    """A file that can be read whenever a child has ended; nothing else interrupts this process."""
    import signal

    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, and for who began to play
    signal.set_wakeup_fd(wake)
    return ended


def _begin(connection: "socket.socket") -> int:
    """Fork a process that is the command; its number."""
    import signal
    import socket

    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    request = bytearray()
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(1 << 20)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _become(bytes(request).split(b"\0"), files)
    for file in files:
        os.close(file)
    return child


def _tell(running: "dict[int, socket.socket | None]", gone: "list[socket.socket]") -> None:
    """Tell of each command that has ended how it did; ask those to end for which nobody waits any more."""
    import signal
    from contextlib import suppress

    for child, connection in list(running.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if connection is not None:
                with suppress(OSError):
                    connection.sendall(bytes([code if code >= 0 else 128 - code]))
                connection.close()
            del running[child]
        elif connection is not None and connection in gone:
            os.kill(child, signal.SIGTERM)
            connection.close()
            running[child] = None


def _load() -> None:
    """Import whatever a command may need."""
    import gc
    import importlib
    import pkgutil
    from contextlib import suppress

    import repoint
    import repoint_cli

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    ours = [
        each.name for of in (repoint, repoint_cli) for each in pkgutil.walk_packages(of.__path__, f"{of.__name__}.")
    ]
    for name in ("clocked_repoint", "botocore.session", "detect_secrets", "git", *ours):
        with suppress(ImportError):  # an extra that is not installed
            if not name.endswith("__main__"):
                importlib.import_module(name)
    gc.freeze()


def _become(request: list[bytes], files: list[int]) -> None:
    """Be the command: does not return."""
    import traceback

    code = 1
    try:
        _take_over(request, files)
        from clocked_repoint import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the edge of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _take_over(request: list[bytes], files: list[int]) -> None:
    """Have the files, the folder, the environment and the arguments of the small program."""
    import time

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    place, count, *words = request
    settings = (each.partition(b"=") for each in words[int(count) :])
    os.chdir(place)
    os.environb.clear()
    os.environb.update({name: value for name, _, value in settings})
    time.tzset()
    sys.argv = [sys.argv[0], *map(os.fsdecode, words[: int(count)])]
    # New ones: those that are there remember of their files whether one can seek in them.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", 1 if os.isatty(1) else -1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
