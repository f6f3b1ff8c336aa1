"""The last good record of an environment on this machine's disk, whole: what a reader serves when every store is away.

Promise 6: what is found here is believed as little as what a network brings. A record's file is named after its
generation and digest, every other object after its digest, so each is verified on its own, and the highest generation
among the names is the high-water mark, even where the file itself is damaged. The order matters: objects, fsynced,
before the record whose name makes them count; older records go last, and what they needed goes one record later, since
a rollback asks for it again. One writer at a time, by a lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from repoint.durable import flush, flush_path, replace_file, took_lock, translated
from repoint.errors import StoreUnavailable
from repoint.s3keys import parse_address
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import EnvironmentName, Record

LOCK_SECONDS = 5.0
"""How long a process waits for another one that writes the same cache; then this record is not kept."""

_RECORD = re.compile(r"([0-9]{12})-([0-9a-f]{64})\.json")

log = logging.getLogger("repoint.reader")


class Kept(NamedTuple):
    """A record that was served once: its generation, its digest, and when it was last known to be the newest.

    ``seen`` is Unix time by this machine's clock, for people only.
    """

    generation: int
    digest: Digest
    seen: float


class ReaderCache:
    """What is kept of one environment, below the folder of its store; several processes may share it."""

    def __init__(self, folder: str, environment: EnvironmentName) -> None:
        self.folder = os.path.join(folder, environment)
        self._records_folder = os.path.join(self.folder, "records")
        self._objects_folder = os.path.join(self.folder, "objects")
        self._registry_path = os.path.join(folder, "registry")

    def registry(self) -> str | None:
        """The registry that this store held when it was first read; None where nobody has."""
        identifier, _, check = (self._read(self._registry_path, 400) or b"").decode("utf-8", "replace").partition(" ")
        return identifier if check.strip() == digest_of(identifier.encode()) else None

    def newest(self) -> Kept | None:
        """The high-water mark: the highest record that was ever served here. Its file may be damaged."""
        found = [named for name in self._names(self._records_folder) if (named := _named(name))]
        if not found:
            return None
        generation, digest = max(found)
        seen = 0.0
        with suppress(OSError):
            seen = os.stat(self._record_path(generation, digest)).st_mtime
        return Kept(generation, digest, seen)

    def record(self, kept: Kept) -> bytes | None:
        """The bytes of a kept record, None where they are gone or damaged."""
        content = self._read(self._record_path(kept.generation, kept.digest), Record.LIMIT)
        return content if content is not None and digest_of(content) == kept.digest else None

    def get(self, name: str, limit: int) -> bytes | None:
        """An object by the SHA-256 of its content in hex; None where it is gone, damaged, or longer than ``limit``."""
        content = self._read(self._object_path(name), limit)
        return content if content is not None and digest_of(content) == f"sha256:{name}" else None

    def keep(
        self,
        registry: str,
        generation: int,
        record: bytes,
        needed: Collection[str],
        arrived: Collection[str],
        objects: Callable[[Collection[str]], Iterable[tuple[str, bytes]]],
        spared: Collection[str] = (),
    ) -> None:
        """Keep a record that is served now, durably, and let go of what it does not need.

        ``needed`` names all that the record needs, by the SHA-256 of its content in hex, ``arrived`` what of it was
        not whole here when it was read; ``objects`` gives the content of what is missing: another process that
        serves an older or a newer record may have let go of it meanwhile. ``spared`` is not let go of: what the record
        before needs, which a rollback asks for next.

        Raises:
            StoreUnavailable: the file system refused. The record before is still there, whole.
        """
        with self._locked():
            newest = self.newest()
            if newest is not None and newest.generation > generation:  # another process is further
                return
            if self.registry() is None:
                replace_file(self._registry_path, f"{registry} {digest_of(registry.encode())}\n".encode())
            self._write_missing(needed, arrived, objects)
            path = self._record_path(generation, digest_of(record))
            if self._read(path, len(record)) != record:
                replace_file(path, record)
            if newest is None or newest.generation < generation:
                self._drop_older(generation, {*needed, *spared})

    def confirm(self, kept: Kept) -> bool:
        """Note that a kept record was the newest just now, best effort; False where it is not there any more."""
        path = self._record_path(kept.generation, kept.digest)
        with suppress(OSError):
            os.utime(path)
        return os.path.exists(path)

    def _drop_older(self, generation: int, needed: Collection[str]) -> None:
        for older in self._names(self._records_folder):
            named = _named(older)
            if named is None or named[0] < generation:
                with suppress(OSError):
                    os.unlink(os.path.join(self._records_folder, older))
        for name in self._names(self._objects_folder) - set(needed):
            with suppress(OSError):
                os.unlink(self._object_path(name))

    def _write_missing(
        self,
        needed: Collection[str],
        arrived: Collection[str],
        objects: Callable[[Collection[str]], Iterable[tuple[str, bytes]]],
    ) -> None:
        there = self._names(self._objects_folder)
        missing = {name for name in needed if name not in there or name in arrived}
        if not missing:
            return
        with translated("cannot write", self._objects_folder):
            os.makedirs(self._objects_folder, mode=0o700, exist_ok=True)
            for name, content in objects(missing):
                if self.get(name, len(content)) is None:
                    self._write_object(name, content)
            flush_path(self._objects_folder)

    def _write_object(self, name: str, content: bytes) -> None:
        path = self._object_path(name)
        draft = os.path.join(self._objects_folder, f".{name}.{os.urandom(4).hex()}")
        try:
            with open(draft, "xb") as file:
                file.write(content)
                file.flush()
                flush(file.fileno())
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with translated("cannot open the lock", self.folder):
            make_own_folder(self.folder)
            descriptor = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            with suppress(OSError):  # by name, not by closing it: a child that was forked meanwhile holds it, too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        if not took_lock(descriptor, LOCK_SECONDS):
            raise StoreUnavailable(
                f"another process holds the lock of {self.folder}",
                kind="cache-locked",
                hint="nothing of what is served depends on it",
            )

    @staticmethod
    def _names(folder: str) -> set[str]:
        try:
            return set(os.listdir(folder))
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("what was served before is not known: %s", error)
        return set()

    @staticmethod
    def _read(path: str, limit: int) -> bytes | None:
        with suppress(OSError), open(path, "rb") as file:
            content = file.read(limit + 1)
            return content if len(content) <= limit else None
        return None

    def _record_path(self, generation: int, digest: str) -> str:
        return os.path.join(self._records_folder, f"{generation:012}-{digest.removeprefix('sha256:')}.json")

    def _object_path(self, name: str) -> str:
        return os.path.join(self._objects_folder, name)


def cache_folder(
    address: str, endpoint_url: str | None, cache: str | os.PathLike[str] | None, environment: Mapping[str, str]
) -> str | None:
    """The folder of one store in a cache: ``""`` for the default one, None for none.

    The default is ``repoint/readers`` below ``$XDG_CACHE_HOME`` or ``~/.cache`` (XDG base directories), and none where
    there is no home. A password in the address may change, and it is the same store.
    """
    above = None if cache is None else os.fspath(cache) or _default_cache(environment)
    if above is None:
        return None
    store = re.sub(r"^https://[^/@]*@", "https://", address.removeprefix("file://").rstrip("/"))
    if address.startswith("s3://"):
        place = parse_address(address)
        store = str(place._replace(endpoint=endpoint_url or place.endpoint))
    return os.path.join(os.path.abspath(above), digest_of(store.encode("utf-8", "surrogateescape"))[7:39])


def _default_cache(environment: Mapping[str, str]) -> str | None:
    home = environment.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(home):  # nobody has this user id, and HOME is not set; or XDG says: ignore it
        log.warning("nothing of what is served is kept on the disk: this user has no home; give the reader a cache")
        return None
    return os.path.join(home, "repoint", "readers")


def make_own_folder(folder: str) -> None:
    """Make a folder and those above it that are missing, durably, for this user alone. Raises: OSError.

    What agents are told is nobody else's business, nor is an address with a password.
    """
    made: list[str] = []
    at = os.path.abspath(folder)
    while not os.path.isdir(at):
        made.append(at)
        at = os.path.dirname(at)
    for each in reversed(made):
        with suppress(FileExistsError):
            os.mkdir(each, 0o700)
    for each in made:
        flush_path(os.path.dirname(each))


def _named(name: str) -> tuple[int, Digest] | None:
    found = _RECORD.fullmatch(name)
    return (int(found[1]), Digest(f"sha256:{found[2]}")) if found else None
