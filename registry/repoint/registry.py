"""A registry as one authority holds it, read back to front: pointer, release, snapshot, files, each verified.

Promises 2 and 6 for commands live here. Every document is hashed as received, decoded strictly, and must then say
that it belongs where it was found (registry, environment, generation, agent, version); nothing unverified leaves this
module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache

import msgspec

from repoint.errors import Conflict, Corrupt, NotFound, RepointError, StoreUnavailable
from repoint.ledger import RecordAt, generation_at, generations_at, live_before
from repoint.moves import Holds, Requires, Target
from repoint.moves_text import sealed
from repoint.names import YANK_LEDGER, Ref, highest_first, is_prerelease
from repoint.state import LocalState
from repoint.store import Foreign, Pointer, Store
from repoint.verified import DAMAGE, read_document, verified_record
from repoint_schemas.canonical import Digest, digest_of, schema_of
from repoint_schemas.documents import (
    AgentName,
    Entry,
    EnvironmentName,
    FileEntry,
    Mark,
    Record,
    Release,
    Snapshot,
    Version,
)


class Current(msgspec.Struct, frozen=True):
    """An environment's newest record, verified, with what a swap needs."""

    record: Record
    pointer: Pointer


class Published(msgspec.Struct, frozen=True):
    """A verified release: the document and the digest of its bytes."""

    document: Release
    digest: Digest


Listed = Published | Foreign | RepointError
"""One version in a list: its release, what foreign thing has its name, or why it cannot be read."""


class Registry:
    """Verified reads of one registry through its authority."""

    def __init__(self, store: Store, identifier: str, authority: str, state: LocalState | None = None) -> None:
        self.store = store
        self.id = identifier
        self.authority = authority
        self.state = state
        self._yanks: Holds | None = None

    # -- environments ------------------------------------------------------------------------------------------------

    def current(self, environment: EnvironmentName) -> Current:
        """The newest record of an environment, not below this clone's high-water mark.

        Raises:
            NotFound: the environment was never created.
            Corrupt: the pointer is gone, went back, or is not what it says it is.
        """
        # The mark first: another process of this clone may move the pointer and raise the mark between the two reads.
        mark = self.state.mark(environment) if self.state else None
        pointer = self.store.read_pointer(environment)
        if pointer is None and self.store.read_record(environment, 0) is not None:
            pointer = self.store.read_pointer(environment)  # created between these two reads, or gone
        if pointer is None:
            raise self._no_pointer(environment, mark)
        record = self.verified_record(environment, None, pointer.content)
        self._check_mark(mark, record, digest_of(pointer.content))
        return Current(record, pointer)

    def record_at(self, environment: EnvironmentName) -> RecordAt:
        """A reader of single generations of an environment, each read once. Its calls raise Corrupt."""

        @cache
        def read(generation: int) -> Record:
            content = self.store.read_record(environment, generation)
            if content is None:
                raise Corrupt(
                    f"generation {generation} of {environment} is missing from the ledger",
                    kind="ledger-gap",
                    hint="in a shallow clone: git fetch --unshallow; otherwise repoint verify says what is damaged",
                    promise=4,
                    environment=environment,
                )
            return self.verified_record(environment, generation, content)

        return read

    def records(self, environment: EnvironmentName, newest: int, oldest: int = 0) -> Iterator[Record]:
        """Verified records from ``newest`` down to ``oldest``, each bound to the one above it by its digest.

        Raises:
            Corrupt: one of them is damaged; those above it came before.
        """
        expected: Digest | None = None
        contents = self._ledger_contents(environment, newest, oldest)
        for generation, content in zip(range(newest, oldest - 1, -1), contents, strict=True):
            record = self.verified_record(environment, generation, content)
            if expected is not None and digest_of(content) != expected:
                raise _rewritten(environment, generation)
            expected = record.previous
            yield record

    def _ledger_contents(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """The ledger as it is stored: read ahead, and one by one where that meets damage further down."""
        left = newest
        try:
            for content in self.store.read_ledger(environment, newest, oldest):
                left -= 1
                yield content
        except Corrupt:
            for generation in range(left, oldest - 1, -1):
                alone = self.store.read_record(environment, generation)
                if alone is None:
                    raise
                yield alone

    def generation_at(self, environment: EnvironmentName, moment: int, shown: str) -> int:
        """The one generation that was the newest at a moment (Unix seconds); ``shown`` is how the user wrote it.

        Raises:
            NotFound: no such environment, or the moment lies before generation 0.
            InvalidInput: recorded times are not monotone around it; all candidates are named.
            Corrupt: the list of times contradicts the records.
        """
        return generation_at(self._times_around(environment, moment, shown), moment, shown)

    def candidates_at(self, environment: EnvironmentName, moment: int, shown: str) -> list[Record]:
        """Every record that may have been the newest at a moment (Unix seconds), lowest generation first.

        One, unless clocks went backwards; none where the moment lies before generation 0.

        Raises:
            NotFound: no such environment.
            Corrupt: the list of times contradicts the records.
        """
        read = self.record_at(environment)
        return [read(g) for g in generations_at(self._times_around(environment, moment, shown), moment)]

    def _times_around(self, environment: EnvironmentName, moment: int, shown: str) -> list[int]:
        """The time of every generation. The store's list of them is only believed once the verified records say the
        same of every candidate for the moment, and of the record after it.
        """
        from repoint.stamps import time_seconds

        tip = self.current(environment).record
        times = self.store.ledger_times(environment)[: tip.generation + 1]  # others may have moved since
        read = self.record_at(environment)

        def came(generation: int) -> bool:
            return generation <= tip.generation and time_seconds(read(generation).time) <= moment

        found = generations_at(times, moment)
        wrong = came(0) if not found else any(not came(g) or came(g + 1) for g in found)
        if wrong or len(times) <= tip.generation:
            raise Corrupt(
                f"the index of {environment} and its records disagree on what was live at {shown}",
                kind="ledger-index-wrong",
                hint="remove the folder .git/repoint/ledger, which is built again by itself, and run it again",
                promise=4,
                environment=environment,
            )
        return times

    def verified_record(self, environment: EnvironmentName, generation: int | None, content: bytes) -> Record:
        """``verified_record`` for this registry. Raises: Corrupt, StoreUnavailable (a newer format)."""
        return verified_record(content, self.id, environment, generation)

    def yanks(self, *, moving: bool = False) -> Holds | None:
        """Every yanked version, or None where the yank ledger cannot be read.

        Raises:
            Conflict: with ``moving``, where the registry was handed over to another store, which decides since then.
        """
        try:
            newest = self.current(YANK_LEDGER).record
            if moving:
                self.require_authority(newest)
        except Conflict:
            raise
        except RepointError:
            return None
        self._yanks = newest.holds
        return self._yanks

    def require_authority(self, newest: Record) -> None:
        """Require that no seal hands the registry over to another store; ``newest`` is the last record of the yanks.

        A store that follows its successor has records after the seal, so what came since the last look is read, down
        to the first record that names an authority.

        Raises: Conflict, Corrupt, StoreUnavailable.
        """
        looked = self.state.looked_for_seals() if self.state else newest.generation
        if looked < newest.generation:
            for record in self.records(YANK_LEDGER, newest.generation, looked + 1):
                if record.authority is not msgspec.UNSET:
                    self._require_named(record)
                    break
            if self.state:
                self.state.note_looked_for_seals(newest.generation)
        self._require_named(newest)

    def _require_named(self, record: Record) -> None:
        if record.authority not in (msgspec.UNSET, self.authority):
            raise sealed(record)

    def known_yanks(self) -> Holds:
        """The yanked versions as they were when they were last read; read now where they were not."""
        return self._yanks if self._yanks is not None else self.yanks() or {}

    def _no_pointer(self, environment: EnvironmentName, seen: Mark | None) -> RepointError:
        if seen is not None or self.store.read_record(environment, 0) is not None:
            known = f", which this clone saw at generation {seen.generation}," if seen else ""
            return Corrupt(
                f"the pointer of {environment}{known} is gone",
                kind="pointer-missing",
                hint="nothing is recreated by itself; restore it from a clone or a backup, then repoint verify",
                promise=4,
            )
        known_names = ", ".join(e for e in self.store.environments() if e != YANK_LEDGER)
        hint = f"environments here: {known_names}" if known_names else "run repoint init"
        return NotFound(
            f"there is no environment {environment}", kind="no-such-environment", hint=hint, environment=environment
        )

    def _check_mark(self, mark: Mark | None, record: Record, digest: Digest) -> None:
        if mark is not None and mark.generation >= record.generation:
            if (mark.generation, mark.digest) != (record.generation, digest):
                raise _went_back(record, mark.generation)
            return
        if mark is not None:
            seen = self.store.read_record(record.environment, mark.generation)
            if seen is None or digest_of(seen) != mark.digest:
                raise _rewritten(record.environment, mark.generation)
        if self.state:
            self.state.raise_mark(record.environment, record.generation, digest)

    # -- versions ----------------------------------------------------------------------------------------------------

    def release(self, agent: AgentName, version: Version) -> Published:
        """The verified release of a version.

        Raises:
            NotFound: never published here; also where a foreign tag has its name.
            Corrupt: the stored document is not one of this version.
        """
        stored = self.store.read_release(agent, version)
        found = None if stored is None else self.verified_release(agent, version, stored)
        if found is None or isinstance(found, Foreign):
            raise self._no_release(agent, version, found)
        return found

    def verified_release(self, agent: AgentName, version: Version, stored: bytes | Foreign) -> Published | Foreign:
        """Decode a stored release and require that it belongs here; one of another registry is foreign.

        Raises: Corrupt.
        """
        if isinstance(stored, Foreign):
            return stored
        place = f"the release of {agent} {version}"
        try:
            document = read_document(stored, Release, Release.LIMIT, place)
        except Corrupt:
            if (schema_of(stored) or "").startswith("repoint.release/"):
                raise
            return Foreign("an annotated tag with something else in it than a release")
        if document.registry != self.id:
            return Foreign(f"a release of registry {document.registry}")
        if (document.agent, document.version) != (agent, version):
            raise Corrupt(
                f"{place} holds {document.agent} {document.version}", kind="misplaced-release", hint=DAMAGE, promise=1
            )
        return Published(document, digest_of(stored))

    def releases(self, wanted: Iterable[tuple[AgentName, Version]]) -> Iterator[Listed]:
        """Verified releases of many versions, in the order asked for; what cannot be read is its error, not raised."""
        left = list(wanted)
        try:
            for agent, version, stored in self.store.read_releases(list(left)):
                yield self._listed(agent, version, stored)
                del left[0]
        except Corrupt:  # one damaged version must not hide the others: the rest one by one
            for agent, version in left:
                try:
                    yield self._listed(agent, version, self.store.read_release(agent, version))
                except Corrupt as error:
                    yield error

    def _listed(self, agent: AgentName, version: Version, stored: bytes | Foreign | None) -> Listed:
        if stored is None:
            return self._no_release(agent, version, None)
        try:
            return self.verified_release(agent, version, stored)
        except RepointError as error:
            return error

    def snapshot(self, published: Published) -> Snapshot:
        """The verified snapshot of a release. Raises: Corrupt."""
        release = published.document
        place = f"the snapshot of {release.agent} {release.version}"
        content = self.store.read_snapshot(release.agent, release.version, release.snapshot)
        if content is None:
            raise Corrupt(f"{place} is missing", kind="snapshot-missing", hint=DAMAGE, promise=1)
        if digest_of(content) != release.snapshot:
            raise Corrupt(
                f"{place} is not the one released ({release.snapshot})",
                kind="corrupt-snapshot",
                hint=DAMAGE,
                promise=1,
            )
        snapshot = read_document(content, Snapshot, Snapshot.LIMIT, place)
        if snapshot.agent != release.agent:
            raise Corrupt(f"{place} is one of {snapshot.agent}", kind="misplaced-snapshot", hint=DAMAGE, promise=1)
        return snapshot

    def file_chunks(self, release: Release, entry: FileEntry) -> Iterator[bytes]:
        """One file of a release; the last chunk is followed by Corrupt unless size and SHA-256 are right.

        Raises:
            Corrupt: the file is missing or is not the one released. Use nothing of it before the iterator ended.
        """
        place = f"{release.agent} {release.version} {entry.path}"
        chunks = self.store.read_file(release.agent, release.version, entry)
        if chunks is None:
            raise Corrupt(f"{place} is missing", kind="file-missing", hint=DAMAGE, promise=1)
        size, sha = 0, hashlib.sha256()
        for chunk in chunks:
            size += len(chunk)
            sha.update(chunk)
            yield chunk
        if (size, sha.hexdigest()) != (entry.size, entry.sha256):
            raise Corrupt(f"{place} is not the file released", kind="corrupt-file", hint=DAMAGE, promise=1)

    def file_bytes(self, release: Release, entry: FileEntry) -> bytes:
        """One verified file of a release in memory. Raises: Corrupt."""
        return b"".join(self.file_chunks(release, entry))

    def resolve(self, ref: Ref) -> Published:
        """The release that a REF names; not for the working copy.

        Raises:
            NotFound: no such version, environment or move.
            Corrupt: the pointer names a release that is not there.
        """
        if ref.version is not None:
            return self.release(ref.agent, ref.version)
        if ref.environment is not None:
            record = self.current(ref.environment).record
            entry = live_before(record, ref.agent, ref.back, self.record_at(ref.environment))
            return self.released_entry(ref.agent, entry)
        return self.latest(ref.agent)

    def latest(self, agent: AgentName) -> Published:
        """The highest version that is neither yanked nor a pre-release. Raises: NotFound, StoreUnavailable."""
        yanks = self.yanks()
        if yanks is None:
            raise StoreUnavailable(
                "the ledger of yanked versions cannot be read, so it is not known which version is the latest",
                kind="yanks-unreadable",
                hint=f"repoint doctor says why; name a version meanwhile: repoint list {agent}",
            )
        finals = [v for v in self.store.versions(agent).get(agent, []) if not is_prerelease(v)]
        for version in highest_first(v for v in finals if v not in yanks.get(agent, {})):
            stored = self.store.read_release(agent, version)
            found = None if stored is None else self.verified_release(agent, version, stored)
            if isinstance(found, Published):
                return found
        raise NotFound(
            f"{agent} has no final version that is not yanked",
            kind="no-latest",
            hint=f"repoint list {agent}",
            agent=agent,
        )

    def released_entry(self, agent: AgentName, entry: Entry) -> Published:
        """The release that a live entry names, by digest. Raises: Corrupt."""
        try:
            found = self.release(agent, entry.version)
        except NotFound as error:
            raise Corrupt(
                f"{agent} {entry.version} stands in the ledger, but its release is not in this repository",
                kind="release-missing",
                hint="in a clone, fetch the tags first (git fetch --tags); otherwise repoint verify",
                promise=2,
            ) from error
        if (found.digest, found.document.snapshot) != (entry.release, entry.snapshot):
            raise Corrupt(
                f"{agent} {entry.version} is not the release that the ledger names ({entry.release})",
                kind="release-replaced",
                hint="repoint verify says what else is damaged",
                promise=1,
            )
        return found

    def check_loadable(self, agent: AgentName, entry: Entry) -> Snapshot:
        """Require that a reader could load this entry whole: release and snapshot by digest, files by presence and
        size.

        Raises:
            Corrupt: naming what is missing (promise 2).
        """
        published = self.released_entry(agent, entry)
        snapshot = self.snapshot(published)
        missing = self.store.missing_files(agent, entry.version, snapshot.files())
        if missing:
            names = ", ".join(m.path for m in missing)
            raise Corrupt(
                f"{agent} {entry.version} cannot be loaded: {names} missing or of another size",
                kind="file-missing",
                hint=f"choose another version; repoint log {agent} lists them",
                promise=2,
            )
        return snapshot

    def requires_of(self, entries: Mapping[AgentName, Entry]) -> Mapping[AgentName, Requires]:
        """What live entries require; entries that cannot be read are left out."""
        found: dict[AgentName, Requires] = {}
        for agent, entry in entries.items():
            with suppress(Corrupt):  # damage to one agent must not stop a rollback of another
                content = self.store.read_snapshot(agent, entry.version, entry.snapshot)
                if content is not None and digest_of(content) == entry.snapshot:
                    found[agent] = read_document(content, Snapshot, Snapshot.LIMIT, f"the snapshot of {agent}").requires
        return found

    def target(self, agent: AgentName, version: Version) -> Target:
        """A published version as a promote needs it. Raises: NotFound, Corrupt."""
        found = self.release(agent, version)
        return Target(version, found.digest, found.document.snapshot)

    def _no_release(self, agent: AgentName, version: Version, found: Foreign | None) -> NotFound:
        taken = self.store.versions(agent).get(agent, [])
        near = ", ".join(highest_first(taken, 5))
        hint = (
            f"newest versions: {near}" if near else f"no version of {agent} was published; in a clone: git fetch --tags"
        )
        foreign = f"; the tag of that name is {found.reason}" if found else ""
        return NotFound(
            f"{agent} has no version {version}{foreign}",
            kind="no-such-version",
            hint=hint,
            agent=agent,
            version=version,
        )


def _went_back(record: Record, seen: int) -> Corrupt:
    return Corrupt(
        f"{record.environment} stands at generation {record.generation}, "
        f"but this clone saw generation {seen} with other content",
        kind="pointer-went-back",
        hint="somebody moved the environment's branch by hand; repoint verify explains, git reflog may show who",
        promise=6,
        environment=record.environment,
    )


def _rewritten(environment: EnvironmentName, generation: int) -> Corrupt:
    return Corrupt(
        f"generation {generation} of {environment} is not the record that was there before",
        kind="ledger-rewritten",
        hint="repoint verify explains what changed",
        promise=4,
        environment=environment,
    )
