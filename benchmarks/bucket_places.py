"""Registries that a bucket decides: filled once for a measurement, clone and bucket put back after every command."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from bucket_server import BUCKET, fill
from places import Place, bucket_of, built, fresh_copy, restorer, set_up, values_of

from tests.servers.s3 import S3Server, client

_LATER_VERSIONS = "releases/refund/99999"
"""What ``commit`` makes is behind this, and no version of a registry."""


def bucket_place(
    cache: Path, work: Path, size: int, repoint: str, server: S3Server, environment: Mapping[str, str]
) -> Place:
    """A registry in the server's bucket, below a prefix of its own, and a clone that is synced with it."""
    prefix = f"r{size}"
    url = f"s3://{BUCKET}/{prefix}"
    kept, folder = built(cache, size, "packed", url), work / f"{size}-bucket"
    fill(server, prefix, msgspec.msgpack.decode(bucket_of(kept).read_bytes(), type=dict[str, bytes]))
    fresh_copy(kept, folder)
    values = {**values_of(folder, size, environment), "bucket": url}
    set_up(folder, values, repoint, environment)
    named = {**environment, "REPOINT_ACTOR": "Ada <ada@acme.example>"}
    for line in (("sync",), ("--registry", url, "rollback", "refund", "--dry-run")):
        subprocess.run([repoint, *line], cwd=folder, env=named, check=True, stdout=subprocess.DEVNULL)
    state = Path(environment["XDG_STATE_HOME"])
    restore_clone, restore_bucket = restorer(folder), _bucket_restorer(server, prefix, folder)
    shutil.copytree(state, folder.with_suffix(".state"))

    def restore() -> None:
        restore_clone()
        restore_bucket()
        shutil.rmtree(state)
        shutil.copytree(folder.with_suffix(".state"), state)

    return Place(size, "packed", folder, values, restore)


def seed_pointer(server: S3Server) -> str:
    """An object like a pointer, for those who know nothing of Repoint; its key."""
    client(server).put_object(Bucket=BUCKET, Key="bare/pointer.json", Body=b'{"agents":{}}'.ljust(1200))
    return "bare/pointer.json"


def remove_below(server: S3Server, prefix: str) -> None:
    """Remove every object below a prefix."""
    for key in _keys(server, prefix, prefix):
        client(server).delete_object(Bucket=BUCKET, Key=key)


def _bucket_restorer(server: S3Server, prefix: str, folder: Path) -> Callable[[], None]:
    """What puts back production's pointer, and removes the records and the version that were added."""
    s3, pointer, ledger = client(server), f"{prefix}/environments/production.json", f"{prefix}/ledger/production/"
    kept = s3.get_object(Bucket=BUCKET, Key=pointer)["Body"].read()
    newest = f"{ledger}{msgspec.json.decode(kept)['generation']:012}.json"
    prompt = hashlib.sha256((folder / "agents/refund/prompts/system.md").read_bytes()).hexdigest()

    def restore() -> None:
        s3.put_object(Bucket=BUCKET, Key=pointer, Body=kept)
        added = _keys(server, ledger, newest)
        for key in _keys(server, f"{prefix}/{_LATER_VERSIONS}", f"{prefix}/{_LATER_VERSIONS}"):
            release = msgspec.json.decode(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            snapshot = release["snapshot"].removeprefix("sha256:")
            added += [key, f"{prefix}/snapshots/sha256/{snapshot}.json", f"{prefix}/blobs/sha256/{prompt}"]
        for key in added:
            s3.delete_object(Bucket=BUCKET, Key=key)

    return restore


def _keys(server: S3Server, prefix: str, after: str) -> list[str]:
    found = client(server).list_objects_v2(Bucket=BUCKET, Prefix=prefix, StartAfter=after)
    return [each["Key"] for each in found.get("Contents", [])]
