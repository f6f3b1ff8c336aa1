"""S3 servers for tests, on loopback only, each a process that ends with the one that started it.

``serve`` starts one; ``running`` describes one that somebody else has started. What the kinds are good for:

    moto                                     an S3 that keeps its word: starts in a second
    moto-bare, ignoring, unimplemented       servers that Repoint must refuse
    ceph                                     a real one: Ceph's gateway, in a chroot that is built when missing
    localstack                               stands in where Ceph cannot be built
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tests.servers import ceph, localstack
from tests.servers.processes import HERE, child, told_port
from tests.servers.quicksdk import remember

MOTO_KINDS = ("moto", "moto-bare", "ignoring", "unimplemented")
KEYS = {"ceph": ("test", "testtest")}
DESCRIPTIONS = {
    "moto": "moto behind one lock (make test-ceph runs them against a real server)",
    "moto-bare": "moto without a lock",
    "ignoring": "moto, conditions ignored",
    "unimplemented": "moto, conditions refused",
    "ceph": "Ceph RGW, out of Debian's packages",
    "localstack": "LocalStack, which stands in for Ceph",
}


@dataclass(frozen=True)
class S3Server:
    """A server and how to speak to it."""

    kind: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def environment(self) -> dict[str, str]:
        """The ordinary AWS settings that lead to this server, and to nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


@cache
def client(server: S3Server) -> Any:
    """A botocore client for the tests' own looks and damage; safe to share between threads."""
    import botocore.session
    from botocore.config import Config

    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
    )


def new_bucket(server: S3Server, *, versioned: bool = False) -> str:
    """Create a bucket of a name that nothing had before."""
    name = f"repoint-{uuid.uuid4().hex[:16]}"
    client(server).create_bucket(Bucket=name)
    if versioned:
        client(server).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def running(kind: str, endpoint: str) -> S3Server:
    """A server that runs already."""
    remember()
    access_key, secret_key = KEYS.get(kind, ("test", "test"))
    return S3Server(kind, endpoint, access_key, secret_key)


def serve(kind: str) -> AbstractContextManager[S3Server]:
    """Start a server, and end it when the block is left. Raises: NoServer, where it cannot be had on this machine."""
    return _serve(kind, _STARTERS[kind])


@contextmanager
def _serve(kind: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[S3Server]:
    with start() as endpoint:
        yield running(kind, endpoint)


@contextmanager
def _serve_moto(kind: str) -> Iterator[str]:
    with child([sys.executable, "-P", HERE / "moto_server.py", kind]) as process:
        yield f"http://127.0.0.1:{told_port(process)}"


_STARTERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    **{kind: partial(_serve_moto, kind) for kind in MOTO_KINDS},
    "ceph": ceph.serve,
    "localstack": localstack.serve,
}
