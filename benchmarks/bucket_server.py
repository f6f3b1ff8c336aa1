"""The S3 server of a measurement, the tests' own: Ceph where it has been built, else moto behind one lock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from threading import local
from urllib.parse import urlsplit

sys.path.append(str(Path(__file__).resolve().parent.parent))

from tests.servers.processes import CACHE, NoServer
from tests.servers.s3 import DESCRIPTIONS, S3Server, client, serve

BUCKET = "repoint-bench"
KINDS = ("ceph", "moto")
_WRITERS = 8


@contextmanager
def measured_server(kind: str | None) -> Iterator[S3Server]:
    """A server with an empty bucket. None takes Ceph if it has been built here: building it takes minutes, and root."""
    chosen = kind or ("ceph" if os.geteuid() == 0 and any(CACHE.glob("ceph-*/usr/bin/radosgw")) else "moto")
    try:
        opened = serve(chosen)
        server = opened.__enter__()
    except NoServer as error:
        if kind is not None or chosen == "moto":
            raise SystemExit(f"{chosen} cannot be had: {error}") from error
        opened = serve("moto")
        server = opened.__enter__()
    try:
        client(server).create_bucket(Bucket=BUCKET)
        yield server
    finally:
        opened.__exit__(None, None, None)


def described(server: S3Server) -> str:
    """The server's name for a table."""
    return DESCRIPTIONS[server.kind].partition(" (")[0]


def fill(server: S3Server, prefix: str, objects: Mapping[str, bytes]) -> None:
    """Write all objects of a registry, several at once and without the SDK, which would take minutes for the largest.

    Requests are signed as S3 first did (signature version 2), which needs no digest of what is sent; moto, which checks
    no signature, must only see what kind it is.
    """
    connections = local()

    def put(item: tuple[str, bytes]) -> None:
        key, content = item
        if not hasattr(connections, "own"):
            connections.own = http.client.HTTPConnection(urlsplit(server.endpoint).netloc)
        path, date = f"/{BUCKET}/{prefix}/{key}", formatdate(usegmt=True)
        signature = _signature(server, f"PUT\n\n\n{date}\n{path}")
        connections.own.request("PUT", path, content, {"Date": date, "Authorization": signature})
        reply = connections.own.getresponse()
        reply.read()
        if reply.status != 200:
            raise SystemExit(f"{server.kind} answered {reply.status} to a write of {key}")

    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(put, objects.items()):
            pass


def _signature(server: S3Server, said: str) -> str:
    if server.kind == "moto":
        scope = f"{server.access_key}/20261120/{server.region}/s3/aws4_request"
        return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
    signed = hmac.digest(server.secret_key.encode(), said.encode(), hashlib.sha1)
    return f"AWS {server.access_key}:{base64.b64encode(signed).decode()}"
