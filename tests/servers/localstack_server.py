"""LocalStack, S3 alone, until standard input ends: ``python localstack_server.py PORT FOLDER``."""

from __future__ import annotations

import os
import runpy
import sys
import threading


def end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    os.environ |= {
        "HOME": folder,
        "FILESYSTEM_ROOT": folder,
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "SERVICES": "s3",
        "STRICT_SERVICE_LOADING": "1",
        "DISABLE_EVENTS": "1",  # it tells nobody that it was used
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "LS_LOG": "error",
    }
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.argv[1:] = []
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    runpy.run_module("localstack.runtime.main", run_name="__main__")
