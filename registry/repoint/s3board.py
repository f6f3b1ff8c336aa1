"""Reports of readers in a bucket: one small object each, written without a condition, read only when it changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from repoint.board import FORGET_SECONDS, Posted
from repoint.s3client import Got, S3Client
from repoint.s3keys import reader_key, readers_prefix
from repoint_schemas.documents import EnvironmentName, ReaderReport

SIDE_BY_SIDE = 16

SWEPT = 100
"""Reports that one process removes at most: many begin at once."""


class BucketBoard:
    """See ``Board``."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._known: dict[str, tuple[str, bytes]] = {}  # the ETag and content of each report that was read, by key

    def post(self, environment: EnvironmentName, identifier: str, content: bytes) -> None:
        """See ``Board``."""
        self._client.put(reader_key(environment, identifier), content)

    def withdraw(self, environment: EnvironmentName, identifier: str) -> None:
        """See ``Board``."""
        self._client.delete(reader_key(environment, identifier))

    def posted(self, environment: EnvironmentName) -> list[Posted]:
        """See ``Board``; one listing for each thousand, and one request for each report that is new."""
        listed = {each.key: each for each in self._client.listed(readers_prefix(environment))}
        known = {key: found for key, found in self._known.items() if key in listed and listed[key].etag == found[0]}
        new = [key for key in listed if key not in known]
        self._known = known
        if new:
            self._client.connect()
            with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(new))) as pool:
                for key, got in zip(new, pool.map(self._read, new), strict=True):
                    if got is not None:
                        known[key] = (got.etag, got.content)
        return [Posted(content, listed[key].age) for key, (_, content) in known.items()]

    def _read(self, key: str) -> Got | None:
        return self._client.get(key, ReaderReport.LIMIT)

    def sweep(self, environment: EnvironmentName) -> None:
        """See ``Board``."""
        old = (each for each in self._client.listed(readers_prefix(environment)) if each.age > FORGET_SECONDS)
        for each in islice(old, SWEPT):
            self._client.delete(each.key)
