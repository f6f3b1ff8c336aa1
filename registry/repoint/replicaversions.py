"""Versions on their way from the authority into a replica.

Promises 1 and 2 across stores: a version's contents go first, then the versions that it was built on, then its release,
by the same create-once as any publish. Where the replica is a bucket the contents of many versions go side by side;
releases go one after another in any case, lowest first, so that none is ever there without what it rests on. What stays
of an interrupted run is contents that nothing names, and whole versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from repoint.errors import Corrupt, RepointError
from repoint.registry import Published, Registry
from repoint.store import Content, Contents, Draft, Foreign
from repoint.versionreads import HELD_BYTES, TOGETHER, FileOf, Named, SideBySide, Stored, VersionReads
from repoint_schemas.canonical import MEBIBYTE, Digest, digest_of, encode
from repoint_schemas.documents import AgentName, FileEntry, Release, Version

REQUESTS = 24
"""Requests side by side, at most, while contents are stored."""

FILES_AT_ONCE = 8
"""Files of one version that a bucket takes side by side, at most (``s3upload``)."""


class _Before(NamedTuple):
    """The version that another was built on, as the replica has it."""

    release: Release
    files: Mapping[str, FileEntry]


class VersionCopier:
    """Copies versions from one registry into another.

    ``listed`` are the versions that the target had when it began, where somebody asked: all others are taken for
    missing, and are looked for only where they turn out to be there. ``at_hand`` is what was just published, read here
    instead of from the source again; ``stored``: the target has all of its files.
    """

    def __init__(
        self,
        source: Registry,
        target: Registry,
        listed: Mapping[AgentName, Sequence[Version]] | None = None,
        at_hand: Contents | None = None,
        *,
        stored: bool = False,
    ) -> None:
        self._known: dict[Named, Digest] = {}  # releases that the target has for certain
        self._target = target
        self._reads = VersionReads(source)
        self._listed = None if listed is None else {(agent, v) for agent, found in listed.items() for v in found}
        self._threaded = isinstance(target.store, SideBySide)
        self._round_trips = self._threaded or isinstance(source.store, SideBySide)
        self._brought: set[Named] = set()  # whose files were read ahead last
        self._stored: set[Digest] = set()  # snapshots that the target has with all their files
        self._at_hand = {} if at_hand is None else {digest_of(at_hand.content): at_hand}
        if stored:
            self._stored.update(self._at_hand)

    def ahead(self, names: Sequence[Named]) -> Iterator[Sequence[Named]]:
        """The same names in portions; of each, all is done beforehand that can be done side by side.

        Raises:
            StoreUnavailable, OutcomeUnknown: one of the stores cannot be used.
        """
        for at in range(0, len(names), TOGETHER):
            batch = names[at : at + TOGETHER]
            if not self._round_trips:
                yield batch
                continue
            self._reads.documents_ahead(batch)
            for wanted in _portions({name: self._wanted(name) for name in batch}):
                self._bring(wanted)
                yield list(wanted)

    def copy(self, agent: AgentName, version: Version) -> bool:
        """Add one version, and those before it that are missing; False where the target has it.

        Raises:
            NotFound: the source has no release of ours under this name.
            Corrupt: the target has another release under it (``replica-diverged``), or the source is damaged.
        """
        return self.copy_release(self._reads.release(agent, version))

    def copy_release(self, published: Published) -> bool:
        """``copy`` of a release that was read already."""
        chain = {_name(published): published}
        while (before := _parent(published.document)) and before not in chain and not self._has(before):
            published = chain[before] = self._reads.release(*before)
        added = False
        for each in reversed(chain.values()):
            if not self._has_exactly(each):
                self._store(each)
                added = True
        return added

    # -- what is there -------------------------------------------------------------------------------------------------

    def has(self, agent: AgentName, version: Version, release: Digest) -> bool:
        """Whether the target has exactly this release. Raises: StoreUnavailable, Corrupt (its tag cannot be read)."""
        if self._known.get((agent, version)) == release:
            return True
        stored = self._target.store.read_release(agent, version)
        return isinstance(stored, bytes) and digest_of(stored) == release

    def _has(self, name: Named) -> bool:
        if name in self._known:
            return True
        return self._target.store.read_release(*name) is not None if self._listed is None else name in self._listed

    def _has_exactly(self, published: Published) -> bool:
        """Whether the target has this release. Raises: Corrupt, where it has another one under the name."""
        name = _name(published)
        if self._listed is not None and name not in self._listed and name not in self._known:
            return False
        return self._require_same(published)

    def _require_same(self, published: Published) -> bool:
        """Look the release up; False where there is none. Raises: Corrupt, where there is another one."""
        agent, version = _name(published)
        stored = self._target.store.read_release(agent, version)
        if stored is None:
            return False
        if isinstance(stored, Foreign) or digest_of(stored) != published.digest:
            raise diverged(self._target, f"{agent} {version}")
        self._known[agent, version] = published.digest
        return True

    def _before(self, release: Release) -> _Before | None:
        """What a file need not be fetched for; a replica with round trips would have to be asked for it as well."""
        parent = _parent(release)
        if parent is not None and not self._threaded and self._has(parent):
            with suppress(RepointError):
                before = self._target.release(*parent)
                return _Before(before.document, {e.path: e for e in self._target.snapshot(before).files()})
        return None

    # -- side by side --------------------------------------------------------------------------------------------------

    def _wanted(self, name: Named) -> list[FileOf]:
        """The small files of a version that the target's version before does not have; none where it is damaged."""
        try:
            published = self._reads.release(*name)
            files = self._reads.snapshot(published).files()
        except RepointError:  # it is read again, and told, when its turn comes
            return []
        before = self._before(published.document)
        kept = {} if before is None else before.files
        return [(*name, e) for e in files if e.size <= MEBIBYTE and kept.get(e.path) != e]

    def _bring(self, wanted: Mapping[Named, Sequence[FileOf]]) -> None:
        """Hold the files of these versions in memory; in a bucket, store them along with their snapshots."""
        self._reads.files_ahead(each for files in wanted.values() for each in files)
        self._brought = set(wanted)
        whole = [contents for name in wanted if (contents := self._held(name))] if self._threaded else []
        if not whole:
            return
        most = max(len(each.files) for each in whole)
        with ThreadPoolExecutor(max(1, REQUESTS // min(most, FILES_AT_ONCE))) as pool:
            running = [pool.submit(self._target.store.put_contents, each) for each in whole]
        for each, done in zip(whole, running, strict=True):
            with suppress(Corrupt):  # it is stored again, and that is told, when its turn comes
                done.result()
                self._stored.add(digest_of(each.content))

    def _held(self, name: Named) -> Contents | None:
        """The contents of a version all of whose files are in memory."""
        with suppress(RepointError):
            snapshot = self._reads.snapshot(self._reads.release(*name))
            files = {e.path: content for e in snapshot.files() if (content := self._reads.held(e))}
            if len(files) == len(snapshot.files()):
                return Contents(snapshot, encode(snapshot), files)
        return None

    # -- one version ---------------------------------------------------------------------------------------------------

    def _store(self, published: Published) -> None:
        release, name = published.document, _name(published)
        contents = self._at_hand.get(release.snapshot) or self._contents(published)
        if release.snapshot not in self._stored:
            self._target.store.put_contents(contents)
        draft = Draft(release, encode(release))
        if not self._target.store.create_release(draft, contents) and not self._require_same(published):
            raise diverged(self._target, f"{release.agent} {release.version}")
        self._known[name] = published.digest

    def _contents(self, published: Published) -> Contents:
        release, name = published.document, _name(published)
        snapshot = self._reads.snapshot(published)
        if self._round_trips and name not in self._brought and release.snapshot not in self._stored:
            self._bring({name: self._wanted(name)})
        before = self._before(release)
        files = {entry.path: self._content(release, entry, before) for entry in snapshot.files()}
        return Contents(snapshot, encode(snapshot), files, fetched=self._round_trips)

    def _content(self, release: Release, entry: FileEntry, before: _Before | None) -> Content:
        if held := self._reads.held(entry):
            return held
        if before is not None and before.files.get(entry.path) == entry:
            return Stored(self._target, before.release, entry)
        return Stored(self._reads.registry, release, entry)


def diverged(target: Registry, what: str) -> Corrupt:
    """The error to raise where a replica holds something else under a name than the authority."""
    return Corrupt(
        f"{target.store.name} holds another {what} than the authority",
        kind="replica-diverged",
        hint="nothing is overwritten; repoint verify explains",
        promise=4,
    )


def _portions(wanted: Mapping[Named, Sequence[FileOf]]) -> Iterator[dict[Named, Sequence[FileOf]]]:
    """As many versions at a time as have their files in memory together; at least one."""
    portion: dict[Named, Sequence[FileOf]] = {}
    for name, files in wanted.items():
        if portion and _bytes([*portion.values(), files]) > HELD_BYTES:
            yield portion
            portion = {}
        portion[name] = files
    if portion:
        yield portion


def _bytes(wanted: Iterable[Sequence[FileOf]]) -> int:
    return sum({entry.sha256: entry.size for files in wanted for _, _, entry in files}.values())


def _name(published: Published) -> Named:
    return published.document.agent, published.document.version


def _parent(release: Release) -> Named | None:
    return None if release.parent is None else (release.agent, release.parent.version)
