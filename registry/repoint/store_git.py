"""The store in a local Git repository: versions are annotated tags, environments are branches ``repoint/env/*``.

Promises 1, 3 and 4 for Git: contents are durable objects before a ref names them, and the only write that decides is
one ``update-ref`` under the lock. The objects are functions of the documents, so the same documents give the same ids
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Self

import msgspec

from repoint.errors import Corrupt, StoreUnavailable
from repoint.gitcatfile import Found, Info, corrupt_object
from repoint.gitledger import LedgerIndex
from repoint.gitloose import LARGE
from repoint.gitobjects import (
    RECORD_PATH,
    SNAPSHOT_PATH,
    ObjectId,
    RecordTree,
    TreeEntry,
    commit_header,
    is_object_id,
    nested_trees,
    next_record_tree,
    record_commit,
    record_tree,
    release_commit,
    release_in_tag,
    release_tag,
    tree_entries,
)
from repoint.gitrefs import ENVIRONMENTS, TAGS, RefChange, RefOutcome
from repoint.gitrepo import GitRepository
from repoint.names import is_environment, versions_in
from repoint.store import Ahead, Contents, Draft, Foreign, Pointer, Swap
from repoint_schemas.canonical import MEBIBYTE, Digest, digest_of
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, FileEntry, Record, Release, Snapshot, Version

TAG_LIMIT = Release.LIMIT + MEBIBYTE
AGENTS_TREE_LIMIT = 16 * MEBIBYTE


Named = tuple[AgentName, Version]


class _Place(msgspec.Struct):
    """Where a record says that it belongs."""

    environment: str
    generation: int


class _Agents(msgspec.Struct):
    """What a record that its reader has verified says is live."""

    agents: dict[AgentName, Entry]


class GitStore:
    """A registry in one local repository. Closing it ends the process that reads objects; it can be used again."""

    name = "local"
    late_writes = False

    def __init__(self, repository: GitRepository) -> None:
        self.repository = repository
        self._roots: dict[Digest, ObjectId] = {}  # snapshot's digest: tree that put_contents stored
        self._indexes: dict[EnvironmentName, LedgerIndex] = {}
        self._listing = ""  # of all tags, and the versions that were found in it, of one agent or (None) of all
        self._taken: dict[AgentName | None, dict[AgentName, list[Version]]] = {}

    def close(self) -> None:
        """End the processes of this store."""
        self.repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def versions(self, agent: AgentName | None = None) -> dict[AgentName, list[Version]]:
        """See ``Store``; names only, and no Git process. The same listing is not read through twice."""
        listing = self.repository.refs.tag_listing()
        if self._listing != listing:
            self._listing, self._taken = listing, {}
        if agent not in self._taken:
            self._taken[agent] = versions_in(listing, agent)
        return {name: list(versions) for name, versions in self._taken[agent].items()}

    def read_release(self, agent: AgentName, version: Version) -> bytes | Foreign | None:
        """See ``Store``."""
        return next(self.read_releases([(agent, version)]))[2]

    def read_releases(self, wanted: Iterable[Named]) -> Iterator[tuple[AgentName, Version, bytes | Foreign | None]]:
        """See ``Store``. Raises: Corrupt, where a tag names an object that is missing or damaged."""
        named = list(wanted)
        tags = self.repository.cat.many(self._exactly(*(tag_of(*name) for name in named)), TAG_LIMIT)
        for (agent, version), found in zip(named, tags, strict=True):
            if found is None and self._appeared(tag_of(agent, version)):
                yield agent, version, self.read_release(agent, version)
            else:
                yield agent, version, _release_or_foreign(found)

    def read_snapshot(self, agent: AgentName, version: Version, digest: Digest) -> bytes | None:  # noqa: ARG002
        """See ``Store``; the digest is not needed to find it here."""
        [tag] = self._exactly(tag_of(agent, version))
        found = self.repository.cat.contents(f"{tag}:{SNAPSHOT_PATH}", Snapshot.LIMIT)
        if found is None:
            self._require_absent(tag_of(agent, version), SNAPSHOT_PATH)
        return found.content if found and found.kind == "blob" else None

    def read_file(self, agent: AgentName, version: Version, entry: FileEntry) -> Iterator[bytes] | None:
        """See ``Store``."""
        [tag] = self._exactly(tag_of(agent, version))
        found = self.repository.cat.stream(f"{tag}:{entry.path}", entry.size + 1)
        if found is None:
            self._require_absent(tag_of(agent, version), entry.path)
        return found[1] if found and found[0].kind == "blob" else None

    def missing_files(self, agent: AgentName, version: Version, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """See ``Store``."""
        [tag] = self._exactly(tag_of(agent, version))
        found = self.repository.cat.many_info(f"{tag}:{entry.path}" for entry in entries)
        pairs = zip(entries, found, strict=True)
        return [entry for entry, info in pairs if info is None or info[1:] != ("blob", entry.size)]

    def put_contents(self, contents: Contents) -> None:
        """See ``Store``. Raises: InvalidInput, where a file is not what its snapshot says (``file-changed``)."""
        objects = self.repository.objects
        blobs: dict[str, ObjectId] = {}
        with objects.batch():
            for entry in contents.document.files():
                blobs[entry.path] = self._put_file(contents, entry)
            blobs[SNAPSHOT_PATH] = objects.write("blob", contents.content)
            trees = nested_trees(blobs)
            for _, tree in trees.objects:
                objects.write("tree", tree)
        self._roots[digest_of(contents.content)] = trees.root

    def create_release(self, draft: Draft, contents: Contents) -> bool:
        """See ``Store``.

        Raises:
            Corrupt: the parent release is not there, or is not the one that the document names.
            StoreUnavailable: ``publish-unconfirmed`` where the disk did not confirm the write; doing it again is safe.
        """
        return self._publish(tag_of(draft.document.agent, draft.document.version), self._tag_object(draft, contents))

    def environments(self) -> list[EnvironmentName]:
        """See ``Store``."""
        names = (ref[len(ENVIRONMENTS) :] for ref in self.repository.refs.names(ENVIRONMENTS))
        return sorted(EnvironmentName(name) for name in names if is_environment(name))

    def read_pointer(self, environment: EnvironmentName) -> Pointer | None:
        """See ``Store``; the stamp is the id of the record's commit."""
        tip = self._tip(environment)
        if tip is None:
            return None
        content = self._record_at(tip)
        if content is None:
            raise corrupt_object(tip, f"a commit without {RECORD_PATH} in the branch repoint/env/{environment}")
        return Pointer(content, tip)

    def create_pointer(self, record: Record, content: bytes) -> bool:
        """See ``Store``. Raises: Conflict, where a branch ``repoint`` or ``repoint/env`` stands in the way."""
        outcome = self._move(record, content, record_tree(record, content), None)
        if outcome is RefOutcome.UNKNOWN:
            raise _unconfirmed(f"the environment {record.environment}")
        return outcome is RefOutcome.DONE

    def swap_pointer(self, expected: Pointer, record: Record, content: bytes) -> Swap:
        """See ``Store``. Raises: Corrupt, where a version that becomes live is not here as the record names it."""
        if not is_object_id(expected.stamp):
            return Swap.LOST
        old = ObjectId(expected.stamp)
        return Swap(self._move(record, content, self._next_tree(expected, record, content), old).value)

    def read_ahead(self, ahead: Ahead) -> None:
        """See ``Store``; there are no round trips to save."""

    def prepare_swap(self, expected: Pointer, record: Record, ahead: Ahead) -> None:
        """See ``Store``; the swap itself keeps the record before."""

    def read_record(self, environment: EnvironmentName, generation: int) -> bytes | None:
        """See ``Store``; takes the same time at any generation, once the local index is up to date."""
        index = self._index(environment)
        if index is None or not 0 <= generation < len(index):
            return None
        with suppress(Corrupt):  # the index may name a wrong commit
            content = self._indexed(index, environment, generation)
            if content is not None:
                return content
        index.rebuild()
        return self._indexed(index, environment, generation)

    def read_ledger(self, environment: EnvironmentName, newest: int, oldest: int) -> Iterator[bytes]:
        """See ``Store``."""
        index = self._index(environment)
        wanted = [] if index is None else range(min(newest, len(index) - 1), max(oldest, 0) - 1, -1)
        commits = [commit for generation in wanted if index and (commit := index.commit(generation))]
        found = self.repository.cat.many((f"{commit}:{RECORD_PATH}" for commit in commits), Record.LIMIT)
        for generation, record in zip(wanted, found, strict=True):
            content = record.content if isinstance(record, Found) else None
            if content is None or not _belongs(content, environment, generation):
                content = self.read_record(environment, generation)
            if content is None and self.repository.shallow:
                raise shallow_ledger(environment)
            if content is None:
                raise corrupt_object(f"{ENVIRONMENTS}{environment}", f"it holds no record {generation}")
            yield content

    def ledger_times(self, environment: EnvironmentName) -> list[int]:
        """See ``Store``."""
        index = self._index(environment)
        return index.times() if index else []

    def tip_is_of(self, record: Record, content: bytes) -> bool:
        """Whether an environment's newest commit is the one that this record gives, whoever writes it."""
        tip = self._tip(record.environment)
        commit = None if tip is None else self.repository.cat.contents(tip, Record.LIMIT)
        if commit is None:
            return False
        header = commit_header(commit.content)
        tree, parents = header.get("tree", [""])[0], header.get("parent", [])
        given = record_commit(record, content, ObjectId(tree), [ObjectId(parent) for parent in parents])
        return given == commit.content

    def published(self) -> dict[str, ObjectId]:
        """The tags that this clone remembers having published, with their object ids; ``verify`` compares them."""
        return self.repository.published.read()

    def tags(self) -> dict[str, ObjectId]:
        """Every tag that could be a release, with its object id."""
        return self.repository.refs.find(f"{TAGS}*@v*")

    def _put_file(self, contents: Contents, entry: FileEntry) -> ObjectId:
        objects = self.repository.objects
        once = contents.fetched or entry.size > LARGE
        write = objects.write_once if once else objects.write_chunks
        return write("blob", entry.size, lambda: contents.chunks_of(entry))

    def _tag_object(self, draft: Draft, contents: Contents) -> ObjectId:
        """Store the commit and the tag object of a release, durably. Raises: Corrupt, as ``create_release``."""
        release, objects = draft.document, self.repository.objects
        if release.snapshot != digest_of(contents.content):
            raise ValueError("the release names another snapshot than the one to be stored")
        if release.snapshot not in self._roots:
            self.put_contents(contents)
        parents = [(release.agent, release.parent.version, release.parent.release)] if release.parent else []
        parent = next(iter(self._commits_of(parents)), None)
        with objects.batch():
            commit = objects.write("commit", release_commit(release, self._roots[release.snapshot], parent))
            return objects.write("tag", release_tag(release, draft.content, commit))

    def _publish(self, ref: str, tag: ObjectId) -> bool:
        with self.repository.lock.held():
            outcome = self.repository.refs.update([RefChange(ref, tag)])
            if outcome is RefOutcome.UNKNOWN:
                raise _unconfirmed(ref.removeprefix(TAGS))
            if outcome is RefOutcome.LOST:
                return False
            with suppress(StoreUnavailable):  # it is published; a line that is missing in the journal is no damage
                self.repository.published.note({ref: tag})
            self.repository.refs.pack_if_many()
        return True

    def _move(self, record: Record, content: bytes, tree: RecordTree, old: ObjectId | None) -> RefOutcome:
        commit = self._record_commit(record, content, tree, old)
        return self.repository.refs.update([RefChange(f"{ENVIRONMENTS}{record.environment}", commit, old)])

    def _record_commit(self, record: Record, content: bytes, tree: RecordTree, old: ObjectId | None) -> ObjectId:
        """Store a record's commit on top of the one before, and all that it holds, durably. Raises: Corrupt."""
        objects = self.repository.objects
        newly = [
            (change.agent, change.target, record.agents[change.agent].release)
            for change in sorted(record.changes, key=lambda change: change.agent)
            if change.target is not None
        ]
        parents = [*([old] if old else []), *self._commits_of(newly)]
        with objects.batch():
            for blob in tree.blobs:
                objects.write("blob", blob)
            for folder in tree.trees:
                objects.write("tree", folder)
            return objects.write("commit", record_commit(record, content, tree.root, parents))

    def _next_tree(self, expected: Pointer, record: Record, content: bytes) -> RecordTree:
        """The new record's tree, from the previous one where that can be read, else from the record alone."""
        try:
            before = msgspec.json.decode(expected.content, type=_Agents).agents
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return record_tree(record, content)
        entries = self._views(expected.stamp)
        if len(entries) != len(before):
            return record_tree(record, content)
        changed = [
            agent for agent in before.keys() | record.agents.keys() if before.get(agent) != record.agents.get(agent)
        ]
        return next_record_tree(record, content, entries, changed)

    def _views(self, commit: str) -> list[TreeEntry]:
        """The readable views beneath a record's commit; none where they are damaged: that must not hinder a move."""
        try:
            found = self.repository.cat.contents(f"{commit}:agents", AGENTS_TREE_LIMIT)
            return tree_entries(found.content) if found and found.kind == "tree" else []
        except (Corrupt, ValueError):
            return []

    def _commits_of(self, releases: Sequence[tuple[AgentName, Version, Digest]]) -> list[ObjectId]:
        """The commits of published releases. Raises: Corrupt, where one is not here or has another digest."""
        refs = self._exactly(*(tag_of(agent, version) for agent, version, _ in releases))
        tags = self.repository.cat.many(refs, TAG_LIMIT)
        return [_commit_in(found, *release) for release, found in zip(releases, tags, strict=True)]

    def _tip(self, environment: EnvironmentName) -> ObjectId | None:
        ref = f"{ENVIRONMENTS}{environment}"
        found = self._info(ref)
        if found is None:
            return self._tip(environment) if self._appeared(ref) else None
        if found.kind != "commit":
            raise corrupt_object(ref, f"a {found.kind} where a commit belongs")
        return found.oid

    def _index(self, environment: EnvironmentName) -> LedgerIndex | None:
        tip = self._tip(environment)
        if tip is None:
            return None
        index = self._indexes.setdefault(environment, self.repository.ledger_index(environment))
        index.bring_up_to(tip)
        return index

    def _indexed(self, index: LedgerIndex, environment: EnvironmentName, generation: int) -> bytes | None:
        """The record that the index leads to, None where that is another one."""
        commit = index.commit(generation)
        content = None if commit is None else self._record_at(commit)
        return content if content is not None and _belongs(content, environment, generation) else None

    def _record_at(self, commit: ObjectId) -> bytes | None:
        found = self.repository.cat.contents(f"{commit}:{RECORD_PATH}", Record.LIMIT)
        if found is None:
            self.repository.cat.child_at(commit, RECORD_PATH)
        return found.content if found and found.kind == "blob" else None

    def _exactly(self, *refs: str) -> list[str]:
        return self.repository.refs.exactly(refs)

    def _info(self, ref: str) -> Info | None:
        return self.repository.cat.info(self._exactly(ref)[0])

    def _appeared(self, ref: str) -> bool:
        """Whether a ref that was not found is there after all, because another process created it meanwhile.

        Raises:
            Corrupt: it names an object that is missing, or nothing.
        """
        if self.repository.refs.is_absent(ref):
            return False
        oid, broken = self.repository.refs.find(ref).get(ref), self.repository.refs.is_broken(ref)
        if (oid is None and not broken) or self._info(ref) is not None:
            return oid is not None or broken
        if oid is not None:
            raise corrupt_object(oid, f"{ref} names it, and it is missing")
        raise Corrupt(
            f"the ref {ref} holds no object id",
            kind="broken-ref",
            hint="run repoint verify; it names the object that the ref had",
            ref=ref,
        )

    def _require_absent(self, tag: str, path: str) -> None:
        """Raises: Corrupt, unless the tag does not exist, is not ours, or has nothing at the path."""
        found = self.repository.cat.contents(self._exactly(tag)[0], TAG_LIMIT)
        if found is None:
            self._appeared(tag)
        elif found.kind == "tag" and (header := commit_header(found.content)).get("type") == ["commit"]:
            self.repository.cat.child_at(_object_in(tag, header), path)


def tag_of(agent: AgentName, version: Version) -> str:
    """The full name of a version's tag."""
    return f"{TAGS}{agent}@v{version}"


def shallow_ledger(environment: EnvironmentName) -> StoreUnavailable:
    """The error to raise where a shallow clone lacks the older records."""
    return StoreUnavailable(
        f"this clone is shallow, so the ledger of {environment} is not whole here",
        kind="shallow-ledger",
        hint="git fetch --unshallow --tags",
    )


def _release_or_foreign(found: Found | Info | None) -> bytes | Foreign | None:
    if found is None:
        return None
    if found.kind != "tag":
        return Foreign(f"a lightweight tag of a {found.kind}")
    if isinstance(found, Info):
        return Foreign(f"an annotated tag of {found.size} bytes")
    if not _is_of_commit(found.content):
        return Foreign("an annotated tag of something that is no commit")
    return release_in_tag(found.content) or Foreign("an annotated tag without a release document")


def _is_of_commit(tag: bytes) -> bool:
    """Whether the header of a tag says once that it is of a commit; read as bytes, since ``list`` reads all tags."""
    header = b"\n%b\n" % tag.partition(b"\n\n")[0]
    return header.count(b"\ntype ") == 1 and b"\ntype commit\n" in header


def _commit_in(found: Found | Info | None, agent: AgentName, version: Version, digest: Digest) -> ObjectId:
    document = _release_or_foreign(found)
    if not isinstance(found, Found) or not isinstance(document, bytes) or digest_of(document) != digest:
        reason = "is not in Git" if found is None else "is another in Git than the one named"
        raise Corrupt(
            f"the release {agent}@{version} {reason}: {digest} was expected",
            kind="release-mismatch",
            hint="run repoint verify",
            agent=agent,
            version=version,
        )
    return _object_in(tag_of(agent, version), commit_header(found.content))


def _object_in(tag: str, header: dict[str, list[str]]) -> ObjectId:
    named = header.get("object", [""])[0]
    if not is_object_id(named):
        raise corrupt_object(tag, "a tag that names no object")
    return ObjectId(named)


def _belongs(content: bytes, environment: EnvironmentName, generation: int) -> bool:
    try:
        place = msgspec.json.decode(content, type=_Place)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return (place.environment, place.generation) == (environment, generation)


def _unconfirmed(what: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{what} may or may not have been written: Git or the disk did not confirm it",
        kind="publish-unconfirmed",
        hint="run the same command again: it changes nothing where the write arrived",
    )
