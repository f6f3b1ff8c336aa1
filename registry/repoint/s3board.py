"""Reports of readers in a bucket: one small object each, written without a condition, read only when it changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from repoint.board import Posted
from repoint.s3client import S3Client
from repoint.s3keys import reader_key, readers_prefix
from repoint_schemas.documents import EnvironmentName, ReaderReport

SIDE_BY_SIDE = 16


class BucketBoard:
    """See ``Board``."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, tuple[str, bytes]] = {}  # the ETag and content of each report that was read, by key

    def post(self, environment: EnvironmentName, identifier: str, content: bytes) -> None:
        """See ``Board``."""
        self._client.put(reader_key(environment, identifier), content)

    def withdraw(self, environment: EnvironmentName, identifier: str) -> None:
        """See ``Board``."""
        self._client.delete(reader_key(environment, identifier))

    def posted(self, environment: EnvironmentName) -> list[Posted]:
        """See ``Board``; one listing for each thousand, and one request for each report that is new."""
        listed = list(self._client.listed(readers_prefix(environment)))
        new = [each.key for each in listed if self._known.get(each.key, ("",))[0] != each.etag]
        if new:
            self._client.connect()
            with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(new))) as pool:
                list(pool.map(self._read, new))
        with self._lock:
            return [Posted(self._known[each.key][1], each.age) for each in listed if each.key in self._known]

    def _read(self, key: str) -> None:
        got = self._client.get(key, ReaderReport.LIMIT)
        with self._lock:
            if got is None:
                self._known.pop(key, None)
            else:
                self._known[key] = (got.etag, got.content)
