"""An S3 service for pages that tell of a bucket: the one that the tests use, for as long as a page is played."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pagestage import ROOT

sys.path.append(str(ROOT))


@contextmanager
def bucket(name: str) -> Iterator[Mapping[str, str]]:
    """An empty bucket of this name; the AWS settings that lead to it and to nothing else."""
    from tests.servers.s3 import client, serve

    with serve("moto") as server:
        client(server).create_bucket(Bucket=name)
        yield server.environment()
