"""Does an S3 endpoint keep its word: the conditions on which every promise of Repoint rests, tried on objects of ours.

Promise 3 stands and falls with it. Asked one after another, a store must refuse to create what exists and to replace
what changed or is gone, and must read what it just wrote. But a store can answer all of that right and still let two
writers win at once, so ``race`` sends writers together and counts: of those who create one key one may succeed, and no
increment of a counter may be lost.

Everything lies under ``probes/``, which is the only place where Repoint ever deletes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier
from typing import NamedTuple

from repoint.errors import RepointError, StoreUnavailable
from repoint.s3client import Got, S3Client, Written
from repoint.s3keys import PROBES
from repoint.s3upload import checksum

WRITERS = 16
CREATED_KEYS = 24
"""Keys that all writers try to create at once, one after another."""

INCREMENTS = 24
"""How often each writer tries to increment the counter that all share."""

LIMIT = 4096
_HINT = "Repoint needs conditional writes that are atomic; docs/howto-shared-registry.md says which stores have them"


class Verdict(NamedTuple):
    """One thing that was tried, and what is wrong with it, if anything is."""

    name: str
    problem: str | None


def probe(client: S3Client) -> list[Verdict]:
    """Try the conditions one after another. Raises: StoreUnavailable, where the store cannot be asked."""
    with _folder(client) as folder:
        key = f"{folder}sequence"
        return [*_creates(client, key), *_swaps(client, key), *_missing(client, f"{folder}missing")]


def require_fit(client: S3Client) -> None:
    """``probe``, for the first use. Raises: StoreUnavailable (``s3-unfit``), naming what the store does not do."""
    problems = [verdict.problem for verdict in probe(client) if verdict.problem]
    if problems:
        raise unfit(client, problems)


def unfit(client: S3Client, problems: list[str]) -> StoreUnavailable:
    """The error for a store that does not keep its word."""
    return StoreUnavailable(
        f"{client.settings.address} cannot be used: {'; '.join(problems)}", kind="s3-unfit", hint=_HINT
    )


def race(client: S3Client) -> list[Verdict]:
    """Send conditional writes together. Raises: StoreUnavailable, where the store cannot be asked."""
    client.connect()
    with _folder(client) as folder, ThreadPoolExecutor(WRITERS) as pool:
        created = [_winners(client, pool, f"{folder}create-{number}") for number in range(CREATED_KEYS)]
        lost = _lost(client, pool, f"{folder}counter")
    wrong = [winners for winners in created if winners != 1]
    several = f"{len(wrong)} of {CREATED_KEYS} keys that {WRITERS} writers created at once had {_range(wrong)} winners"
    gone = f"{lost} swaps of one object by {WRITERS} writers at once were lost though each was confirmed"
    return [
        Verdict("one of many who create wins", several if wrong else None),
        Verdict("no confirmed swap is lost", gone if lost else None),
    ]


# -- one after another -----------------------------------------------------------------------------------------------


def _creates(client: S3Client, key: str) -> Iterator[Verdict]:
    first = _answered(client, lambda: client.create(key, b"1", _sum(b"1")))
    yield Verdict("create", None if first is Written.DONE else f"a new object was answered with {first.value}")
    read = client.get(key, LIMIT)
    yield Verdict("read after create", None if read and read.content == b"1" else "what was created is not read")
    again = _answered(client, lambda: client.create(key, b"2", _sum(b"2")))
    yield Verdict(
        "create refused where it exists",
        None if again is Written.REFUSED else f"creating what exists was answered with {again.value}, not refused",
    )


def _swaps(client: S3Client, key: str) -> Iterator[Verdict]:
    before = client.get(key, LIMIT)
    etag = before.etag if before else '"0"'
    swapped = _answered(client, lambda: client.replace(key, b"3", _sum(b"3"), etag))
    yield Verdict(
        "swap", None if swapped is Written.DONE else f"a swap of what was just read was answered with {swapped.value}"
    )
    read = client.get(key, LIMIT)
    yield Verdict("read after swap", None if read and read.content == b"3" else "what was swapped in is not read")
    stale = _answered(client, lambda: client.replace(key, b"4", _sum(b"4"), etag))
    kept = client.get(key, LIMIT)
    refused = stale is Written.REFUSED and kept is not None and kept.content == b"3"
    yield Verdict(
        "swap refused where it changed",
        None if refused else f"a swap of what had changed was answered with {stale.value}, not refused",
    )


def _missing(client: S3Client, key: str) -> Iterator[Verdict]:
    swapped = _answered(client, lambda: client.replace(key, b"5", _sum(b"5"), '"0123456789abcdef0123456789abcdef"'))
    refused = swapped in (Written.REFUSED, Written.MISSING) and client.get(key, LIMIT) is None
    yield Verdict(
        "swap refused where it is gone",
        None if refused else f"a swap of what does not exist was answered with {swapped.value}, not refused",
    )


# -- together --------------------------------------------------------------------------------------------------------


def _winners(client: S3Client, pool: ThreadPoolExecutor, key: str) -> int:
    """How many of many writers were told that they created one key, each with content of its own."""
    together = Barrier(WRITERS)

    def create(number: int) -> bool:
        content = str(number).encode()
        together.wait(timeout=60)
        return _once(lambda: client.create(key, content, _sum(content))) is Written.DONE

    return sum(pool.map(create, range(WRITERS)))


def _lost(client: S3Client, pool: ThreadPoolExecutor, key: str) -> int:
    """How many increments of a counter are missing though their writers were told that they succeeded."""
    _once(lambda: client.create(key, b"0 ", _sum(b"0 ")))
    together = Barrier(WRITERS)

    def increment(number: int) -> int:
        together.wait(timeout=60)
        done = 0
        for attempt in range(INCREMENTS):
            if now := client.get(key, LIMIT):
                content = f"{int(now.content.split()[0]) + 1} {number}-{attempt}".encode()
                done += _once(lambda n=now, c=content: client.replace(key, c, _sum(c), n.etag)) is Written.DONE  # type: ignore[misc]
        return done

    confirmed = sum(pool.map(increment, range(WRITERS)))
    read: Got | None = client.get(key, LIMIT)
    return confirmed - (int(read.content.split()[0]) if read else 0)


def _answered(client: S3Client, attempt: Callable[[], Written]) -> Written:
    """One try, and what the store says of it. Raises: StoreUnavailable, where it says nothing: that is no verdict."""
    ended = _tried(attempt)
    if ended is Written.UNKNOWN:
        raise StoreUnavailable(
            f"{client.settings.address} did not answer the probe of its conditional writes, or answered with an error",
            kind="s3-unreachable",
            hint="it may be busy or full: run it again; repoint doctor tries every step",
        )
    return ended or Written.UNKNOWN


def _once(attempt: Callable[[], Written]) -> Written:
    """One try of many at once."""
    return _tried(attempt) or Written.UNKNOWN


def _tried(attempt: Callable[[], Written]) -> Written | None:
    """One try; None for an answer like 501, the store's own word that it does not do this."""
    try:
        return attempt()
    except StoreUnavailable as error:
        if error.kind == "s3-unfit":
            return None
        raise


@contextmanager
def _folder(client: S3Client) -> Iterator[str]:
    """A folder of this probe alone, emptied at the end as far as the credentials allow."""
    folder = f"{PROBES}{uuid.uuid4()}/"
    try:
        yield folder
    finally:
        with suppress(RepointError):
            for key in list(client.keys(folder)):
                client.delete(key)


def _sum(content: bytes) -> str:
    return checksum(hashlib.sha256(content).hexdigest())


def _range(counts: list[int]) -> str:
    if not counts:
        return "0"
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
