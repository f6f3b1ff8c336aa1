"""Where everything lies in a bucket, beneath the configured prefix (docs/reference/s3-layout.md).

Promise 10 on the side of keys: agents, versions and environments have been checked by their alphabets before they get
here, so no name leads out of its folder; what a listing brings back is taken apart by the same alphabets, and anything
else is nobody's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from repoint.names import is_environment
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, EnvironmentName, Version

BLOBS = "blobs/sha256/"
SNAPSHOTS = "snapshots/sha256/"
RELEASES = "releases/"
ENVIRONMENTS = "environments/"
LEDGER = "ledger/"
PROBES = "probes/"
READERS = "readers/"

_RELEASE = re.compile(r"releases/([a-z0-9][a-z0-9-]{0,62})/([0-9A-Za-z.-]{5,128})\.json")
_ENVIRONMENT = re.compile(r"environments/([a-z][a-z0-9-]{0,62})\.json")
_LEDGER = re.compile(r"ledger/([a-z][a-z0-9-]{0,62})/([0-9]{12})\.json")


class Address(NamedTuple):
    """``s3://BUCKET/PREFIX``, and the endpoint where it is not AWS's own or the settings' one."""

    bucket: str
    prefix: str
    endpoint: str | None = None

    @property
    def url(self) -> str:
        """Bucket and prefix, without the endpoint."""
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def __str__(self) -> str:
        """As a pin and a record name it."""
        return self.url + (f"?endpoint={self.endpoint}" if self.endpoint else "")


def parse_address(text: str) -> Address:
    """Read what ``str(Address)`` writes; ``text`` has been checked already, or comes from a record."""
    url, _, endpoint = text.partition("?endpoint=")
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return Address(bucket, prefix.strip("/"), endpoint or None)


def blob_key(sha256: str) -> str:
    """One file's content, by its SHA-256 in hex."""
    return f"{BLOBS}{sha256}"


def snapshot_key(digest: Digest) -> str:
    """One snapshot, by its digest."""
    return f"{SNAPSHOTS}{digest.removeprefix('sha256:')}.json"


def release_key(agent: AgentName, version: Version) -> str:
    """One version's release document."""
    return f"{RELEASES}{agent}/{version}.json"


def environment_key(environment: EnvironmentName) -> str:
    """An environment's pointer: its newest record."""
    return f"{ENVIRONMENTS}{environment}.json"


def ledger_key(environment: EnvironmentName, generation: int) -> str:
    """One generation in an environment's ledger."""
    return f"{LEDGER}{environment}/{generation:012}.json"


def readers_prefix(environment: EnvironmentName) -> str:
    """What the readers of an environment report, below this."""
    return f"{READERS}{environment}/"


def reader_key(environment: EnvironmentName, identifier: str) -> str:
    """What one reader reports."""
    return f"{readers_prefix(environment)}{identifier}.json"


def released_in(key: str) -> tuple[AgentName, Version] | None:
    """The version whose release document has this key."""
    found = _RELEASE.fullmatch(key)
    return (AgentName(found[1]), Version(found[2])) if found else None


def environment_in(key: str) -> EnvironmentName | None:
    """The environment whose pointer has this key."""
    found = _ENVIRONMENT.fullmatch(key)
    return EnvironmentName(found[1]) if found and is_environment(found[1]) else None


def generation_in(key: str) -> int | None:
    """The generation whose record has this key."""
    found = _LEDGER.fullmatch(key)
    return int(found[2]) if found else None
