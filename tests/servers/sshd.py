"""A local sshd for tests: on a loopback port, with keys of its own, ended by its process id.

It is Debian's ``openssh-server``; where it is not installed, or this user cannot start it, ``missing`` says why. The
account that runs the tests logs in with a key that lives in the server's folder, and is known there only.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
SEPARATION = Path("/run/sshd")
"""Where sshd locks itself in before anybody has logged in; Debian's service makes it."""

MASTER = "master"
START_SECONDS = 20.0
STARTS = 5

CONFIGURATION = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
AcceptEnv GIT_PROTOCOL
AuthenticationMethods publickey
PermitRootLogin prohibit-password
MaxStartups 200:30:400
MaxSessions 200
StrictModes no
UseDNS no
UsePAM no
PrintMotd no
LogLevel ERROR
"""


@dataclass(frozen=True)
class Sshd:
    """A running server.

    ``command`` is the value of ``GIT_SSH_COMMAND`` that reaches it, ``shared_command`` one that does so over a single
    connection, which saves most of the time.
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def shared_command(self) -> str:
        return f"{self.command} -S {shlex.quote(str(self.folder / MASTER))}"

    @property
    def command(self) -> str:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
        }
        written = [f"-o{name}={value}" for name, value in options.items()]
        return shlex.join(["ssh", "-F", "/dev/null", "-i", str(self.folder / "user_key"), *written])

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


def missing() -> str:
    """Why no server can be started here; empty where one can."""
    if SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        return "openssh-server is not installed"
    if not SEPARATION.is_dir():
        with suppress(OSError):
            SEPARATION.mkdir(mode=0o755)
    if os.geteuid() == 0 and not SEPARATION.is_dir():
        return f"{SEPARATION} cannot be made"
    return ""


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    """A server whose files are in ``folder``, which must be there; it is ended when the block ends."""
    for name in ("host_key", "user_key"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True, stdin=subprocess.DEVNULL)
    server = _started(folder)
    with _ending(server.process), _ending(_master(server)):
        yield server


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=START_SECONDS)


def _master(server: Sshd) -> subprocess.Popen[bytes]:
    """The connection that ``shared_command`` uses; it says on standard output that it stands."""
    host = f"{getpass.getuser()}@127.0.0.1"
    told = ["-oPermitLocalCommand=yes", "-oLocalCommand=echo", "-oControlMaster=yes", "-N"]
    command = [*shlex.split(server.shared_command), *told, "-p", str(server.port), host]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
    return process


def _started(folder: Path) -> Sshd:
    """Start it on a free port, on another where somebody else was faster."""
    log = folder / "sshd.log"
    for _ in range(STARTS):
        port = _free_port()
        configuration = folder / "sshd_config"
        configuration.write_text(CONFIGURATION.format(port=port, folder=folder))
        command = [str(SSHD), "-f", str(configuration), *_without_penalties(configuration)]
        with log.open("wb") as file:
            process = subprocess.Popen([*command, "-D", "-e"], stderr=file)
        if _answers(process, port):
            return Sshd(port, folder, process)
        process.kill()
        process.wait()
    raise AssertionError(f"sshd does not start: {log.read_text(errors='replace')}")


def _without_penalties(configuration: Path) -> list[str]:
    """From OpenSSH 9.8 on whoever connects and does not log in, as ``_answers`` does, is kept out for a while."""
    option = ["-o", "PerSourcePenalties=no"]
    tried = subprocess.run([str(SSHD), "-t", "-f", str(configuration), *option], capture_output=True)
    return [] if tried.returncode else option


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(8).startswith(b"SSH-")
        time.sleep(0.02)
    return False
