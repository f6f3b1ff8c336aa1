"""Damaged Git objects: lost, cut, or with other bytes than their id says."""

from __future__ import annotations

from tests.faults.damage.catalogue import damage
from tests.faults.damage.victim import Victim

PROMPT = "refund@v1.2.0:prompts/system.md"
OLD_PROMPT = "refund@v1.0.0:prompts/system.md"
NEW_RECORD = "repoint/env/production:record.json"
OLD_RECORD = "repoint/env/production~4:record.json"
LIVE = (2, "live-not-loadable")


@damage(deep=((1, "object-corrupt"), LIVE))
def flipped_byte_in_a_loose_blob(victim: Victim) -> None:
    victim.flip(PROMPT)


@damage((1, "object-corrupt"), LIVE)
def loose_blob_of_no_bytes(victim: Victim) -> None:
    """As a power failure leaves it."""
    path = victim.loose(PROMPT)
    path.chmod(0o644)
    path.write_bytes(b"")


@damage(deep=((1, "object-corrupt"), LIVE))
def flipped_byte_in_a_packed_blob(victim: Victim) -> None:
    victim.git("-c", "pack.depth=0", "-c", "pack.window=0", "repack", "-a", "-d", "-q")
    (pack,) = (victim.folder / ".git" / "objects" / "pack").glob("*.pack")
    listed = victim.git("verify-pack", "-v", str(pack)).splitlines()
    (line,) = (line for line in listed if line.startswith(victim.oid(PROMPT)))
    _, _, _, packed, offset = line.split()
    content = bytearray(pack.read_bytes())
    content[int(offset) + int(packed) - 2] ^= 0xFF  # in the checksum that ends the compressed bytes
    pack.chmod(0o644)
    pack.write_bytes(bytes(content))


@damage((1, "file-missing"), LIVE)
def deleted_blob(victim: Victim) -> None:
    victim.delete(PROMPT)


@damage((1, "file-missing"), (8, "rollback-target-not-loadable"))
def deleted_blob_beneath_what_is_live(victim: Victim) -> None:
    victim.delete(OLD_PROMPT)


@damage((1, "object-missing"), LIVE)
def deleted_tree(victim: Victim) -> None:
    victim.delete("refund@v1.2.0^{tree}")


@damage((1, "object-missing"), LIVE)
def deleted_snapshot_folder(victim: Victim) -> None:
    victim.delete("refund@v1.2.0:.repoint")


@damage((1, "object-missing"), LIVE)
def deleted_snapshot(victim: Victim) -> None:
    victim.delete("refund@v1.2.0:.repoint/snapshot.json")


@damage((1, "object-corrupt"), LIVE)
def flipped_byte_in_a_snapshot(victim: Victim) -> None:
    victim.flip("refund@v1.2.0:.repoint/snapshot.json")


@damage((1, "object-missing"), LIVE)
def deleted_commit(victim: Victim) -> None:
    victim.delete("refund@v1.2.0^{commit}")


@damage((1, "object-missing"), LIVE)
def deleted_tag_object(victim: Victim) -> None:
    victim.delete("refund@v1.2.0")


@damage((1, "object-corrupt"), LIVE)
def flipped_byte_in_a_tag_object(victim: Victim) -> None:
    victim.flip("refund@v1.2.0")


@damage((2, "pointer-unreadable"))
def deleted_newest_record(victim: Victim) -> None:
    victim.delete(NEW_RECORD)


@damage((2, "pointer-unreadable"))
def deleted_newest_record_commit(victim: Victim) -> None:
    victim.delete("repoint/env/production")


@damage((4, "record-unreadable"), (8, "rollback-target-not-loadable"))
def deleted_record_that_a_rollback_reads(victim: Victim) -> None:
    victim.delete(OLD_RECORD)


@damage((4, "record-unreadable"))
def flipped_byte_in_an_old_record(victim: Victim) -> None:
    victim.flip("repoint/env/production~5:record.json")


@damage((4, "ledger-gap"), (8, "rollback-target-not-loadable"))
def deleted_record_commit(victim: Victim) -> None:
    victim.delete("repoint/env/production~3")


@damage((4, "object-missing"))
def deleted_readable_file_of_a_record(victim: Victim) -> None:
    victim.delete("repoint/env/production:agents/refund.toml")


@damage((4, "object-missing"))
def deleted_readable_folder_of_a_record(victim: Victim) -> None:
    victim.delete("repoint/env/staging:agents")
