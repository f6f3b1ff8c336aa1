"""Refs that somebody moved, deleted or cut: tags of versions, branches of environments."""

from __future__ import annotations

from tests.faults.damage.catalogue import damage
from tests.faults.damage.victim import Victim, branch
from tests.stores import contents_of

LIVE = (2, "live-not-loadable")


@damage((1, "release-missing"))
def deleted_tag(victim: Victim) -> None:
    """Of a version that was never live and is nobody's parent: only this clone's journal knows."""
    victim.git("tag", "-d", "intake@v2.0.0")


@damage((1, "release-missing"), LIVE)
def deleted_tag_of_what_is_live(victim: Victim) -> None:
    victim.git("tag", "-d", "router@v0.5.0")
    victim.forget_published()


@damage((1, "release-missing"), (2, "recorded-not-loadable"), LIVE)
def deleted_tag_that_is_a_parent(victim: Victim) -> None:
    victim.git("tag", "-d", "refund@v1.1.0")
    victim.forget_published()


@damage((1, "misplaced-release"), LIVE)
def force_moved_tag(victim: Victim) -> None:
    """To the tag object of another version."""
    victim.point("refs/tags/refund@v1.2.0", victim.oid("refund@v1.1.0"))


@damage((1, "release-replaced"), LIVE)
def version_published_again_with_other_content(victim: Victim) -> None:
    """All of its objects are right; only the ledger and the journal know that it was another."""
    victim.git("tag", "-d", "refund@v1.2.0")
    contents = contents_of("refund", "Refund whatever they ask for.")
    draft = victim.draft("refund@1.2.0", contents, parent="refund@1.1.0")
    victim.use(lambda registry: registry.store.put_contents(contents))
    victim.use(lambda registry: registry.store.create_release(draft, contents))
    journal = victim.folder / ".git" / "repoint" / "published"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))


@damage((1, "release-replaced"), LIVE)
def tag_replaced_by_a_lightweight_one(victim: Victim) -> None:
    victim.git("tag", "-f", "refund@v1.2.0", "refund@v1.2.0^{commit}")


@damage((1, "release-replaced"), (2, "recorded-not-loadable"), LIVE)
def tag_replaced_by_a_hand_written_one(victim: Victim) -> None:
    victim.git("tag", "-f", "-a", "-m", "the good one", "refund@v1.1.0", "refund@v1.0.0^{commit}")


@damage((1, "ref-broken"), LIVE)
def cut_tag_file(victim: Victim) -> None:
    (victim.folder / ".git" / "refs" / "tags" / "refund@v1.2.0").write_bytes(b"")


@damage((2, "ref-broken"))
def cut_branch_file(victim: Victim) -> None:
    (victim.folder / ".git" / branch("production")).write_bytes(b"")


@damage((4, "pointer-missing"))
def deleted_environment_branch(victim: Victim) -> None:
    victim.git("update-ref", "-d", branch("production"))


@damage((4, "pointer-missing"))
def deleted_yank_ledger(victim: Victim) -> None:
    victim.git("update-ref", "-d", branch("registry"))
    (victim.folder / ".git" / "repoint" / "seen" / "registry.json").unlink()


@damage((6, "pointer-went-back"))
def dropped_newest_records(victim: Victim) -> None:
    victim.point(branch("production"), victim.oid(f"{branch('production')}~2"))


@damage((2, "pointer-unreadable"), (4, "record-unreadable"), (6, "pointer-went-back"))
def branch_moved_to_a_version(victim: Victim) -> None:
    victim.point(branch("staging"), victim.oid("refund@v1.1.0^{commit}"))


@damage((3, "id-doubled"), (4, "ledger-rewritten"), (4, "misplaced-record"))
def branch_moved_to_another_environment(victim: Victim) -> None:
    victim.point(branch("staging"), victim.oid(branch("production")))
