"""Git objects are functions of the documents: golden ids, Git's own opinion, and what is refused."""

from __future__ import annotations

import subprocess

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from repoint.gitobjects import (
    FILE_MODE,
    TREE_MODE,
    ObjectId,
    TreeEntry,
    commit_header,
    entry_toml,
    nested_trees,
    next_record_tree,
    object_id,
    record_commit,
    record_subject,
    record_tree,
    release_commit,
    release_in_tag,
    release_tag,
    signature,
    tree_bytes,
    tree_entries,
    unix_seconds,
)
from repoint_schemas.canonical import encode
from repoint_schemas.documents import AgentName, Change, Entry, Identity, Record, Version

from tests.unit.git_fixtures import ADA, Sandbox, contents, draft, first_record, next_record

SOME = ObjectId("1" * 40)


def written(sandbox: Sandbox, kind: str, content: bytes) -> str:
    """The id that Git gives to an object after its own check of the format."""
    done = subprocess.run(
        ["git", "hash-object", "-t", kind, "-w", "--stdin"],
        cwd=sandbox.folder / "repo",
        env=sandbox.environment,
        input=content,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_a_tree_sorts_folders_as_if_they_ended_in_a_slash(sandbox: Sandbox) -> None:
    blob = ObjectId(written(sandbox, "blob", b"x"))
    files = dict.fromkeys(["a.b", "a/b", "a-b", "a0", "z/y/x", "z/y.x", "z.md"], blob)
    trees = nested_trees(files)
    for oid, content in trees.objects:
        assert written(sandbox, "tree", content) == oid
    assert trees.objects[-1][0] == trees.root
    listed = sandbox.git("ls-tree", "-r", "--name-only", trees.root).split()
    assert sorted(listed) == sorted(files)
    assert sandbox.git("fsck", "--strict", trees.root) == ""


@given(
    st.dictionaries(
        st.lists(st.text("ab.-0é", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join),
        st.binary(min_size=20, max_size=20).map(bytes.hex),
        min_size=1,
    )
)
def test_nested_trees_hold_exactly_the_files(files: dict[str, str]) -> None:
    try:
        trees = nested_trees({path: ObjectId(oid) for path, oid in files.items()})
    except ValueError:
        assert any(path.startswith(f"{other}/") for path in files for other in files)
        return
    by_id = dict(trees.objects)

    def walk(oid: str, prefix: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for mode, name, child in tree_entries(by_id[ObjectId(oid)]):
            path = prefix + name.decode()
            found |= walk(child, f"{path}/") if mode == TREE_MODE else {path: child}
        return found

    assert walk(trees.root, "") == files


@pytest.mark.parametrize("path", ["", "a/", "/a", "a//b"])
def test_an_empty_component_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be placed"):
        nested_trees({path: SOME, "x": SOME})


def test_a_cut_tree_is_refused() -> None:
    whole = tree_bytes([TreeEntry(FILE_MODE, b"a", SOME)])
    with pytest.raises(ValueError, match="ends within an entry"):
        tree_entries(whole[:-1])


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T23:59:59Z", 951868799),
        ("2026-11-20T21:00:00Z", 1795208400),
        ("2100-03-01T00:00:00Z", 4107542400),
    ],
)
def test_unix_seconds(time: str, seconds: int) -> None:
    assert unix_seconds(time) == seconds


@pytest.mark.parametrize(
    "time",
    ["1969-12-31T23:59:59Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01"],
)
def test_an_impossible_time_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        unix_seconds(time)


@pytest.mark.parametrize("bad", ["<", ">", "\n", "\0"])
def test_an_identity_that_would_break_the_header_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        signature(Identity(name=f"A{bad}", email="a@b"), "2026-11-20T21:00:00Z")
    with pytest.raises(ValueError, match="cannot stand"):
        signature(Identity(name="A", email=f"a{bad}b"), "2026-11-20T21:00:00Z")


def test_golden_release() -> None:
    release = draft(contents())
    commit = release_commit(release.document, SOME, ObjectId("2" * 40))
    assert commit.decode() == (
        "tree 1111111111111111111111111111111111111111\n"
        "parent 2222222222222222222222222222222222222222\n"
        "author Ada <ada@acme.example> 1795208400 +0000\n"
        "committer Ada <ada@acme.example> 1795208400 +0000\n"
        "\n"
        "Ask for the order number first\n"
        "\n"
        "Repoint-Agent: refund\n"
        "Repoint-Version: 1.0.0\n"
        f"Repoint-Snapshot: {release.document.snapshot}\n"
        "Ticket: PAY-312\n"
    )
    tag = release_tag(release.document, release.content, object_id("commit", commit))
    assert tag.decode() == (
        f"object {object_id('commit', commit)}\n"
        "type commit\n"
        "tag refund@v1.0.0\n"
        "tagger Ada <ada@acme.example> 1795208400 +0000\n"
        "\n"
        "refund 1.0.0: Ask for the order number first\n"
        "\n" + release.content.decode()
    )
    assert object_id("tag", tag) == "fad99426243991ccecafd44ff1bbfc1f98f1968e"


def test_golden_record() -> None:
    release = draft(contents())
    record = next_record(first_record(), release)
    content = encode(record)
    tree = record_tree(record, content)
    commit = record_commit(record, content, tree.root, [SOME, ObjectId("2" * 40), SOME])
    assert commit_header(commit)["parent"] == ["1" * 40, "2" * 40]
    assert tree.root == "b0d35a1bb54d6b392dc389cdc53293c351b0146d"
    assert object_id("commit", commit) == "a61d17888e7eb531f06ca067a612f86899f35648"
    assert commit.decode().partition("\n\n")[2] == (
        "production 1: promote refund none -> 1.0.0\n\ngo\n\nRepoint-Environment: production\n"
        f"Repoint-Generation: 1\nRepoint-Record: sha256:{content_digest(content)}\nTicket: INC-77\n"
    )


def content_digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("message", ["one", "one\n\n", "one\n\ntwo\n", "\n\nlate", "", "{}", "a\r\nb", "é\u2028"])
def test_git_accepts_what_is_written_and_the_release_comes_out_again(sandbox: Sandbox, message: str) -> None:
    release = draft(contents(), message=message)
    tree = ObjectId(written(sandbox, "tree", b""))
    commit = release_commit(release.document, tree, None)
    assert written(sandbox, "commit", commit) == object_id("commit", commit)
    tag = release_tag(release.document, release.content, object_id("commit", commit))
    assert written(sandbox, "tag", tag) == object_id("tag", tag)
    assert release_in_tag(tag) == release.content


def test_a_tag_without_a_release_has_none_in_it() -> None:
    assert release_in_tag(b"object x\ntype commit\ntag a\ntagger b\n\nrelease notes\n\nmore\n") is None
    assert release_in_tag(b"") is None


def test_a_message_with_a_nul_is_refused() -> None:
    release = draft(contents(), message="a\0b")
    with pytest.raises(ValueError, match="NUL"):
        release_commit(release.document, SOME, None)
    with pytest.raises(ValueError, match="NUL"):
        release_tag(release.document, release.content, SOME)


@pytest.mark.parametrize("back", [None, 7])
def test_the_readable_view_is_what_tomli_w_writes(back: int | None) -> None:
    entry = Entry(
        back=back,
        release=first_record().previous or "sha256:" + "a" * 64,  # type: ignore[arg-type]
        since=42,
        snapshot="sha256:" + "b" * 64,  # type: ignore[arg-type]
        version=Version("1.0.0-rc.1"),
    )
    fields = {
        "agent": "refund",
        "version": entry.version,
        "release": entry.release,
        "snapshot": entry.snapshot,
        "since": 42,
        **({} if back is None else {"back": back}),
    }
    assert entry_toml(AgentName("refund"), entry) == tomli_w.dumps(fields).encode()


def test_a_changed_record_gives_the_same_tree_as_a_whole_computation() -> None:
    one, two, three = (
        draft(contents(agent), version) for agent, version in [("a", "1.0.0"), ("b", "1.0.0"), ("c", "2.0.0")]
    )
    before = next_record(first_record(), one, two)
    newer = draft(contents("b"), "1.1.0")
    after = next_record(before, newer, three)
    gone = msgspec.structs.replace(after, agents={k: v for k, v in after.agents.items() if k != "a"})
    agents = tree_entries(record_tree(before, encode(before)).trees[0])
    for record, changed in ((after, ["b", "c"]), (gone, ["c", "a", "b"])):
        content = encode(record)
        assert next_record_tree(record, content, agents, changed).root == record_tree(record, content).root


def test_a_record_without_agents_has_no_agents_folder() -> None:
    record = first_record()
    tree = record_tree(record, encode(record))
    assert [entry.name for entry in tree_entries(tree.trees[-1])] == [b"record.json"]
    assert len(tree.trees) == 1


def changed(number: int, record: Record) -> Record:
    changes = [Change(agent=AgentName(f"a{n}"), origin=None, target=Version("1.0.0")) for n in range(number)]
    return msgspec.structs.replace(record, changes=changes)


@pytest.mark.parametrize(
    ("number", "subject"),
    [
        (0, "production 0: init"),
        (1, "production 0: init a0 none -> 1.0.0"),
        (2, "production 0: init a0 none -> 1.0.0, a1 none -> 1.0.0"),
    ],
)
def test_the_first_line_names_the_changes(number: int, subject: str) -> None:
    assert record_subject(changed(number, first_record())) == subject


def test_the_first_line_names_at_most_five_changes() -> None:
    assert record_subject(changed(7, first_record())).endswith(", a4 none -> 1.0.0 and 2 more")


def test_an_empty_message_leaves_no_empty_paragraph() -> None:
    record = first_record()
    text = record_commit(record, encode(record), SOME, []).decode()
    assert text.partition("\n\n")[2].startswith("production 0: init\n\nRepoint-Environment: production\n")
    assert ADA.name in text
