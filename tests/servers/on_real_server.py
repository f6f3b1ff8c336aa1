"""Run the tests marked ``s3`` against a real server: ``python -m tests.servers.on_real_server [PYTEST ARGUMENTS]``.

Ceph; LocalStack where Ceph cannot be built, and then it says why. The server is started once, and ended always.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.servers import s3
from tests.servers.processes import NoServer

REAL = ("ceph", "localstack")


@contextmanager
def real_server() -> Iterator[s3.S3Server]:
    """The first real server that can be had. Raises: NoServer, naming what is in the way of each."""
    reasons = []
    with ExitStack() as stack:
        for kind in REAL:
            try:
                server = stack.enter_context(s3.serve(kind))
                break
            except NoServer as error:
                print(f"Cannot have {kind}: {error}", file=sys.stderr)
                reasons.append(str(error))
        else:
            raise NoServer("; ".join(reasons))
        yield server


def main(arguments: Sequence[str]) -> int:
    try:
        with real_server() as server:
            named = {"REPOINT_TEST_S3": f"{server.kind}={server.endpoint}"}
            command = [sys.executable, "-m", "pytest", *arguments]
            return subprocess.run(command, env=os.environ | named, check=False).returncode
    except NoServer:
        print("No real S3 server can be had on this machine: nothing was tested against one.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
