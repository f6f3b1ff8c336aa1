"""Git objects as pure bytes: blobs, trees, and the commits and tags that releases and records become.

Promise: everything in Git is a function of the documents, so two machines rebuild the same object ids. Therefore
nothing here asks Git, a clock or a configuration, and identities are written as they stand or refused, never cleaned
up. Formats: gitformat-pack, git-mktree and git-hash-object manuals; a tree sorts its entries as if directories ended
in '/'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, NewType

from repoint_schemas.documents import AgentName, Change, Entry, Identity, Record, Release

ObjectId = NewType("ObjectId", str)
"""The SHA-1 of a Git object, 40 lower-case hex digits."""

FILE_MODE = b"100644"
TREE_MODE = b"40000"
SNAPSHOT_PATH = ".repoint/snapshot.json"
RECORD_PATH = "record.json"
NAMED_CHANGES = 5
"""How many agents the first line of a record's commit names."""

_OBJECT_ID = re.compile(r"[0-9a-f]{40}")
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", re.ASCII)
_UNSAFE = re.compile(r"[<>\n\x00]")
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class TreeEntry(NamedTuple):
    """One line of a tree: mode, name (bytes, as stored), object id."""

    mode: bytes
    name: bytes
    oid: ObjectId


class Trees(NamedTuple):
    """Nested trees, children before parents, and the id of the root, which comes last."""

    objects: list[tuple[ObjectId, bytes]]
    root: ObjectId


def is_object_id(text: str) -> bool:
    """Whether the text is a whole SHA-1 object id."""
    return _OBJECT_ID.fullmatch(text) is not None


def object_header(kind: str, size: int) -> bytes:
    """What Git hashes in front of an object's content."""
    return b"%s %d\x00" % (kind.encode(), size)


def object_id(kind: str, content: bytes) -> ObjectId:
    """The id of an object held in memory."""
    return ObjectId(hashlib.sha1(object_header(kind, len(content)) + content, usedforsecurity=False).hexdigest())


def tree_bytes(entries: Iterable[TreeEntry]) -> bytes:
    """A tree's content, entries in Git's order."""
    ordered = sorted(entries, key=lambda entry: entry.name + (b"/" if entry.mode == TREE_MODE else b""))
    return b"".join(b"%s %s\x00%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in ordered)


def tree_entries(content: bytes) -> list[TreeEntry]:
    """The entries of a tree's content. Raises: ValueError, where it is not a tree."""
    entries = []
    at = 0
    while at < len(content):
        mode_end = content.index(b" ", at)
        name_end = content.index(b"\x00", mode_end)
        raw = content[name_end + 1 : name_end + 21]
        if len(raw) != 20:
            raise ValueError("a tree that ends within an entry")
        entries.append(TreeEntry(content[at:mode_end], content[mode_end + 1 : name_end], ObjectId(raw.hex())))
        at = name_end + 21
    return entries


def nested_trees(files: Mapping[str, ObjectId]) -> Trees:
    """The trees that hold these files (path with '/' to blob id), children before parents, the root last.

    Raises:
        ValueError: a path with an empty component, or one that is both a file and a folder.
    """
    folders: dict[str, dict[bytes, TreeEntry]] = {"": {}}
    for path, oid in files.items():
        if "" in path.split("/"):
            raise ValueError(f"{path!a} cannot be placed in a tree")
        _place(folders, path, TreeEntry(FILE_MODE, path.rpartition("/")[2].encode(), oid))
    objects = []
    for folder in sorted(folders, key=lambda path: (-path.count("/") if path else 1, path)):
        content = tree_bytes(folders[folder].values())
        objects.append((object_id("tree", content), content))
        if folder:
            _place(folders, folder, TreeEntry(TREE_MODE, folder.rpartition("/")[2].encode(), objects[-1][0]))
    return Trees(objects, objects[-1][0])


def _place(folders: dict[str, dict[bytes, TreeEntry]], path: str, entry: TreeEntry) -> None:
    folder = path.rpartition("/")[0]
    parent = folder
    while parent not in folders:
        folders[parent] = {}
        parent = parent.rpartition("/")[0]
    if entry.name in folders[folder]:
        raise ValueError(f"{path!a} cannot be placed in a tree")
    folders[folder][entry.name] = entry


def unix_seconds(time: str) -> int:
    """A document's time as Unix seconds (leap seconds do not exist there). Raises: ValueError."""
    match = _TIME.fullmatch(time)
    if match is None:
        raise ValueError(f"{time!a} is not a time in UTC to the second")
    year, month, day, hour, minute, second = map(int, match.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    in_range = year >= 1970 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60
    if not in_range or not 1 <= day <= _MONTH_DAYS[month - 1] + (leap and month == 2):
        raise ValueError(f"{time!a} is not a time since 1970")
    before = year - 1
    days = 365 * (year - 1970) + (before // 4 - before // 100 + before // 400 - 477)
    days += sum(_MONTH_DAYS[: month - 1]) + (leap and month > 2) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def signature(identity: Identity, time: str) -> str:
    """``Name <email> seconds +0000`` as it stands in commit and tag headers.

    Raises:
        ValueError: a name or address that would break the header, or an impossible time.
    """
    if _UNSAFE.search(identity.name + identity.email):
        raise ValueError(f"{identity.name!a} <{identity.email!a}> cannot stand in a Git object")
    return f"{identity.name} <{identity.email}> {unix_seconds(time)} +0000"


def commit_bytes(tree: ObjectId, parents: Iterable[ObjectId], signed: str, message: str) -> bytes:
    """A commit whose author is its committer. Raises: ValueError, for a NUL in the message."""
    if "\x00" in message:
        raise ValueError("a message with a NUL cannot stand in a Git object")
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {signed}", f"committer {signed}"]
    return "\n".join([*lines, "", message]).encode()


def commit_header(content: bytes) -> dict[str, list[str]]:
    """The header lines of a commit or tag by key; continuation lines are left out."""
    header: dict[str, list[str]] = {}
    for line in content.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(" ")
        header.setdefault(key, []).append(value)
    return header


def release_commit(release: Release, tree: ObjectId, parent: ObjectId | None) -> bytes:
    """The commit of a release: its tree, the parent release's commit, message and trailers. Raises: ValueError."""
    trailers = [
        f"Repoint-Agent: {release.agent}",
        f"Repoint-Version: {release.version}",
        f"Repoint-Snapshot: {release.snapshot}",
        *_ticket(release.ticket),
    ]
    message = "\n".join([release.message.rstrip("\n"), "", *trailers, ""])
    return commit_bytes(tree, [parent] if parent else [], signature(release.author, release.time), message)


def release_tag(release: Release, content: bytes, commit: ObjectId) -> bytes:
    """The annotated tag that publishes a release; ``content`` is the release's canonical bytes. Raises: ValueError."""
    first = release.message.partition("\n")[0]
    if "\x00" in first:
        raise ValueError("a message with a NUL cannot stand in a Git object")
    tagger = signature(release.author, release.time)
    header = f"object {commit}\ntype commit\ntag {release.agent}@v{release.version}\ntagger {tagger}\n\n"
    return f"{header}{release.agent} {release.version}: {first}\n\n".encode() + content


def release_in_tag(content: bytes) -> bytes | None:
    """The release document in a tag's message, None where there is none. It is not verified."""
    _, _, message = content.partition(b"\n\n")
    _, _, document = message.partition(b"\n\n")
    return document if document.startswith(b"{") and document.endswith(b"}") else None


def entry_toml(agent: AgentName, entry: Entry) -> bytes:
    """The readable view of what is live for one agent; every value is of an alphabet that TOML need not escape."""
    lines = [
        f'agent = "{agent}"',
        f'version = "{entry.version}"',
        f'release = "{entry.release}"',
        f'snapshot = "{entry.snapshot}"',
        f"since = {entry.since}",
        *([] if entry.back is None else [f"back = {entry.back}"]),
        "",
    ]
    return "\n".join(lines).encode()


def entry_file(agent: str) -> bytes:
    """The name of an agent's readable view within the folder ``agents`` of a record's tree."""
    return f"{agent}.toml".encode()


class RecordTree(NamedTuple):
    """What a record's commit adds to the repository: blobs and trees to write, and the root's id."""

    blobs: list[bytes]
    trees: list[bytes]
    root: ObjectId


def record_tree(record: Record, content: bytes) -> RecordTree:
    """The whole tree of a record: ``record.json`` and one readable file per live agent."""
    return next_record_tree(record, content, [], record.agents)


def next_record_tree(
    record: Record, content: bytes, agents_before: Sequence[TreeEntry], changed: Iterable[str]
) -> RecordTree:
    """The tree of a record; the views of agents that are not ``changed`` come from the previous tree's ``agents``."""
    views = {entry.name: entry for entry in agents_before}
    blobs = [content]
    for agent in changed:
        views.pop(entry_file(agent), None)
        if entry := record.agents.get(AgentName(agent)):
            blobs.append(entry_toml(AgentName(agent), entry))
            views[entry_file(agent)] = TreeEntry(FILE_MODE, entry_file(agent), object_id("blob", blobs[-1]))
    root = [TreeEntry(FILE_MODE, RECORD_PATH.encode(), object_id("blob", content))]
    trees = [tree_bytes(views.values())] if views else []
    root += [TreeEntry(TREE_MODE, b"agents", object_id("tree", tree)) for tree in trees]
    trees.append(tree_bytes(root))
    return RecordTree(blobs, trees, object_id("tree", trees[-1]))


def record_commit(record: Record, content: bytes, tree: ObjectId, parents: Iterable[ObjectId]) -> bytes:
    """The commit of a record; parents are the previous record's, then those of the versions newly live.

    Parents named twice are written once. Raises: ValueError.
    """
    digest = hashlib.sha256(content).hexdigest()
    message = record.message.rstrip("\n")
    trailers = [
        f"Repoint-Environment: {record.environment}",
        f"Repoint-Generation: {record.generation}",
        f"Repoint-Record: sha256:{digest}",
        *_ticket(record.ticket),
    ]
    text = "\n".join([record_subject(record), "", *([message, ""] if message else []), *trailers, ""])
    return commit_bytes(tree, dict.fromkeys(parents), signature(record.actor, record.time), text)


def record_subject(record: Record) -> str:
    """One line: ``production 42: rollback refund 1.2.0 -> 1.1.0``."""
    shown = [_change(change) for change in record.changes[:NAMED_CHANGES]]
    more = len(record.changes) - len(shown)
    listed = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{record.environment} {record.generation}: {record.action} {listed}".rstrip()


def _change(change: Change) -> str:
    return f"{change.agent} {change.origin or 'none'} -> {change.target or 'none'}"


def _ticket(ticket: str | None) -> list[str]:
    return [f"Ticket: {ticket}"] if ticket else []
