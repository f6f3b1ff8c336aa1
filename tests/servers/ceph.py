"""Ceph's S3 gateway, out of a Debian chroot that ``build-ceph.sh`` builds when it is missing or incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.processes import HERE, child, free_ports, run_quietly, told_port


def build() -> tuple[str, str]:
    """The folder of the chroot and the version of Ceph in it. Raises: NoServer."""
    folder, version = run_quietly([HERE / "build-ceph.sh"]).splitlines()
    return folder, version


@contextmanager
def serve() -> Iterator[str]:
    """Build it if need be and start it, which takes three seconds; yields its endpoint. Raises: NoServer."""
    folder, _ = build()
    ports = map(str, free_ports(2))
    with child([HERE / "run-ceph.sh", folder, *ports]) as process:
        yield f"http://127.0.0.1:{told_port(process)}"
