"""The SDK's data files, read as fast as can be: what they hold decides how long a rollback takes to begin.

botocore describes S3 and everything else of AWS in some megabytes of JSON, which it reads through hooks made for order
that dictionaries have had for years, and it looks into four hundred folders for the name ``s3``. Read as here, and the
endpoints of other services left where they are, its client is made in two thirds of the time. Nothing else is changed:
the files are the SDK's own, found where it looks for them (``AWS_DATA_PATH`` and ``~/.aws/models`` too).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

SERVICES = ("s3", "sts", "portal.sso", "oidc", "signin")
"""Endpoints that may be asked for: S3, and where credentials come from (assumed roles, single sign-on, log-in)."""

_ENDPOINTS = "endpoints"
_PARTITIONS, _OF_PARTITION = "partitions", "services"

Partition = dict[str, object]


class ModelFiles:
    """Takes the place of ``botocore.loaders.JSONFileLoader``; paths are without their endings."""

    def exists(self, file_path: str) -> bool:
        """Whether there is such a file, compressed or not."""
        return os.path.isfile(f"{file_path}.json") or os.path.isfile(f"{file_path}.json.gz")

    def load_file(self, file_path: str) -> object:
        """What the file holds, None where there is none."""
        content = _content(file_path)
        if content is None:
            return None
        return _endpoints(content) if os.path.basename(file_path) == _ENDPOINTS else msgspec.json.decode(content)


def service_names(search_paths: Iterable[str]) -> list[str]:
    """The services that the folders of data describe; whether a file is there is seen when it is read."""
    return sorted({name for path in search_paths if os.path.isdir(path) for name in os.listdir(path)})


def _content(file_path: str) -> bytes | None:
    if os.path.isfile(f"{file_path}.json"):
        with open(f"{file_path}.json", "rb") as plain:
            return plain.read()
    if not os.path.isfile(f"{file_path}.json.gz"):
        return None
    from gzip import decompress

    with open(f"{file_path}.json.gz", "rb") as packed:
        return decompress(packed.read())


def _endpoints(content: bytes) -> object:
    """A megabyte of endpoints, of which only those in ``SERVICES`` are made into objects."""
    whole = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    partitions = msgspec.json.decode(whole.pop(_PARTITIONS, b"[]"), type=list[dict[str, msgspec.Raw]])
    rest: dict[str, object] = {name: msgspec.json.decode(value) for name, value in whole.items()}
    return rest | {_PARTITIONS: [_partition(each) for each in partitions]}


def _partition(raw: dict[str, msgspec.Raw]) -> Partition:
    services = msgspec.json.decode(raw.pop(_OF_PARTITION, b"{}"), type=dict[str, msgspec.Raw])
    partition: Partition = {name: msgspec.json.decode(value) for name, value in raw.items()}
    kept = {name: msgspec.json.decode(services[name]) for name in SERVICES if name in services}
    return partition | {_OF_PARTITION: kept}
