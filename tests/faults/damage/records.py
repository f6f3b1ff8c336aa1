"""Ledgers that somebody wrote by hand: most of them with commits, trees and digests as good as the real ones."""

from __future__ import annotations

from msgspec.structs import replace

from repoint_schemas.canonical import Digest, digest_of, encode
from repoint_schemas.documents import AgentName, Change, Entry, Hold, Record, Version

from tests.faults.damage.catalogue import damage
from tests.faults.damage.victim import Victim, branch, replaced
from tests.stores import KIM

REFUND, ROUTER = AgentName("refund"), AgentName("router")


def following(victim: Victim, environment: str = "production", **fields: object) -> Record:
    """A record that follows the newest one: an empty freeze, but for what is given."""
    last = victim.records(environment)[-1]
    record = replaced(
        last,
        action="promote",
        actor=KIM,
        changes=[],
        generation=last.generation + 1,
        id="f0f0f0f0-0000-4000-8000-000000000001",
        message="by hand",
        previous=digest_of(encode(last)),
    )
    return replaced(record, **fields)


def moved(record: Record, **versions: tuple[Entry, str]) -> Record:
    """The record with these agents moved; each with an entry to copy and the version it comes from."""
    entries = {AgentName(a): replace(e, since=record.generation) for a, (e, _) in versions.items()}
    changes = [Change(AgentName(a), Version(origin), e.version) for a, (e, origin) in sorted(versions.items())]
    return replaced(record, agents={**record.agents, **entries}, changes=changes)


@damage((4, "ledger-rewritten"))
def rewritten_record(victim: Victim) -> None:
    """Another reason in generation 2, and every later record made anew: only this clone's memory tells."""
    victim.rebuild("production", lambda r: replaced(r, message="nothing to see") if r.generation == 2 else r)


@damage((4, "chain-broken"))
def record_replaced_within_the_chain(victim: Victim) -> None:
    records = victim.records("staging")
    first = f"{branch('staging')}~2"
    live = victim.oid("refund@v1.0.0^{commit}")
    changed = victim.forge(replaced(records[1], message="nothing to see"), live, below=first)
    victim.forge(records[2], "refund@v1.1.0", below=changed)


@damage((4, "commit-not-rebuilt"))
def amended_commit(victim: Victim) -> None:
    tip = victim.read(branch("staging"))
    victim.point(branch("staging"), victim.write("commit", tip.replace(b"Kim <kim@", b"Ada <ada@")))


@damage((4, "tree-not-rebuilt"))
def readable_file_that_says_something_else(victim: Victim) -> None:
    record = victim.records("staging")[-1]
    other = victim.write("blob", victim.read(f"{branch('staging')}:agents/refund.toml").replace(b"1.1.0", b"1.0.0"))
    agents = victim.mktree({"refund.toml": ("100644", other)})
    named = victim.oid(f"{branch('staging')}:record.json")
    tree = victim.mktree({"agents": ("40000", agents), "record.json": ("100644", named)})
    victim.forge(record, "refund@v1.1.0", below=f"{branch('staging')}~1", tree=tree)


@damage((1, "release-missing"), (2, "live-not-loadable"), (4, "commit-not-rebuilt"))
def forged_generation_of_a_version_that_never_was(victim: Victim) -> None:
    record = following(victim)
    live = record.agents[REFUND]
    bogus = Entry(live.since, Digest("sha256:" + "0" * 64), record.generation, live.snapshot, Version("9.9.9"))
    victim.forge(moved(record, refund=(bogus, "1.2.0")))


@damage((1, "release-replaced"), (2, "live-not-loadable"))
def forged_generation_with_another_digest(victim: Victim) -> None:
    record = following(victim)
    live = record.agents[REFUND]
    bogus = Entry(live.since, Digest("sha256:" + "0" * 64), record.generation, live.snapshot, Version("1.1.0"))
    victim.forge(moved(record, refund=(bogus, "1.2.0")), "refund@v1.1.0")


@damage((2, "live-not-loadable"))
def forged_generation_with_another_snapshot(victim: Victim) -> None:
    record, old = following(victim), victim.records("staging")[-1].agents[REFUND]
    live = record.agents[REFUND]
    bogus = replace(old, back=live.since, snapshot=live.snapshot)
    victim.forge(moved(record, refund=(bogus, "1.2.0")), "refund@v1.1.0")


@damage((4, "forged-record"))
def forged_rollback_without_a_hold(victim: Victim) -> None:
    record, old = following(victim, action="rollback"), victim.records("production")[3].agents[REFUND]
    victim.forge(moved(record, refund=(old, "1.2.0")), "refund@v1.0.0")


@damage((4, "forged-record"))
def forged_promote_with_a_wrong_stack(victim: Victim) -> None:
    record, old = following(victim), victim.records("production")[2].agents[REFUND]
    victim.forge(moved(record, refund=(replace(old, back=1), "1.2.0")), "refund@v1.1.0")


@damage((4, "forged-record"))
def forged_thaw(victim: Victim) -> None:
    """A record that says freeze, and lifts a hold and drops an agent besides."""
    record = following(victim, action="unfreeze")
    victim.forge(
        replaced(record, agents={REFUND: record.agents[REFUND]}, changes=[Change(ROUTER, Version("0.5.0"), None)])
    )


@damage((3, "changes-wrong"))
def move_reported_wrongly(victim: Victim) -> None:
    record, old = following(victim), victim.records("production")[2].agents[REFUND]
    record = moved(record, refund=(replace(old, back=4), "1.2.0"))
    victim.forge(replaced(record, changes=[Change(REFUND, Version("1.0.0"), Version("1.1.0"))]), "refund@v1.1.0")


@damage((4, "generation-skipped"))
def skipped_generation(victim: Victim) -> None:
    hold = {REFUND: {Version("1.0.0"): Hold(9, "by hand")}}
    victim.forge(following(victim, action="yank", generation=9, holds=hold))


@damage((3, "generation-doubled"), (3, "id-doubled"), (4, "chain-broken"), (6, "pointer-went-back"))
def replayed_pointer(victim: Victim) -> None:
    """An old record as the newest commit: production as it was in generation 2."""
    victim.forge(victim.records("production")[2], "refund@v1.1.0")


@damage((3, "id-doubled"))
def move_done_twice(victim: Victim) -> None:
    first = victim.records("production")[5]
    again = following(victim, action="freeze", id=first.id)
    assert first.frozen is not None
    frozen = replace(first.frozen, actor=KIM, generation=again.generation, message="by hand")
    victim.forge(replaced(again, frozen=frozen))


@damage((5, "half-move"))
def half_of_a_multi_agent_move(victim: Victim) -> None:
    record, old = following(victim), victim.records("production")[2].agents
    whole = moved(
        record, refund=(replace(old[REFUND], back=4), "1.2.0"), router=(replace(old[ROUTER], back=4), "0.5.0")
    )
    half = {**whole.agents, ROUTER: record.agents[ROUTER]}
    victim.forge(replaced(whole, agents=half), "refund@v1.1.0", "router@v0.4.0")


@damage((4, "misplaced-record"))
def record_of_another_registry(victim: Victim) -> None:
    last = victim.records("production")[-1]
    other = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
    record = following(victim, action="freeze", registry=other)
    victim.forge(replaced(record, frozen=_freeze(record)))
    assert last.registry != other


@damage((4, "ledger-rewritten"), (8, "authority-replaced"))
def replaced_authority(victim: Victim) -> None:
    change = {"authority": "s3://elsewhere/registry"}
    victim.rebuild("staging", lambda r: replaced(r, **change) if r.generation == 0 else r)


@damage((2, "pointer-unreadable"))
def record_that_is_not_canonical(victim: Victim) -> None:
    record = following(victim, action="freeze")
    record = replaced(record, frozen=_freeze(record))
    victim.forge(record, content=encode(record).replace(b'","', b'", "', 1))


@damage((10, "oversized-document"))
def record_over_the_limit(victim: Victim) -> None:
    record = following(victim, action="freeze", message="x" * (Record.LIMIT + 1))
    victim.forge(replaced(record, frozen=_freeze(record)))


@damage((2, "pointer-unreadable"))
def record_nested_too_deeply(victim: Victim) -> None:
    record = following(victim, action="freeze")
    record = replaced(record, frozen=_freeze(record))
    deep = b"[" * 50_000 + b"]" * 50_000
    victim.forge(record, content=encode(record).replace(b'"changes":[]', b'"changes":' + deep))


@damage((4, "generation-skipped"), (8, "rollback-target-not-loadable"))
def ledger_without_its_beginning(victim: Victim) -> None:
    """The last record alone, as the first commit of a branch."""
    victim.forge(victim.records("production")[-1], below="")


@damage()
def clocks_that_went_backwards(victim: Victim) -> None:
    """No damage at all (promise 7)."""
    record = following(victim, action="freeze", time="1999-12-31T23:59:59Z")
    victim.forge(replaced(record, frozen=_freeze(record)))


def _freeze(record: Record) -> object:
    from repoint_schemas.documents import Freeze

    return Freeze(record.actor, record.generation, record.message)
