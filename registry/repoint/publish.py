"""Publishing a version: compare with the base, decide the version, store contents, then the release, create-once.

Promises 1 and 9 live here. The order is the protocol's: contents and snapshot, durable, and only then the release; a
publish that stops earlier leaves unreferenced content, and repeating it with the same content succeeds. Content that
trips a lint of severity error is not published.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import msgspec

from repoint.bump import next_version
from repoint.changes import Difference
from repoint.diff import difference, released_side, working_side
from repoint.errors import AlreadyExists, StoreUnavailable
from repoint.findings import Finding, refuse_findings
from repoint.lint import lint_contents, versions_to_choose
from repoint.names import is_prerelease
from repoint.registry import Published, Registry
from repoint.release import Plan, Wish, base_of, build_release, parent_of, plan_version
from repoint.store import Contents, Foreign
from repoint_schemas.canonical import Digest, digest_of
from repoint_schemas.documents import AgentName, Identity, ParentRelease, Source, Version

if TYPE_CHECKING:
    from repoint.filescan import Scans
    from repoint.manifest import WorkingCopy


class Proposal(msgspec.Struct, frozen=True):
    """What publishing a working copy would do.

    ``plan`` is None where it equals the base and no version was asked for; ``taken`` are the agent's versions so far.
    """

    contents: Contents
    snapshot: Digest
    base: Published | None
    differences: list[Difference]
    findings: list[Finding]
    plan: Plan | None
    taken: list[Version]


class Reason(msgspec.Struct, frozen=True):
    """Who publishes, when (Unix seconds), and why."""

    author: Identity
    time: int
    message: str
    ticket: str | None
    source: Source | None


def propose(
    registry: Registry,
    contents: Contents,
    wish: Wish,
    *,
    base: Version | None = None,
    allowed: Collection[str] = (),
    copy: WorkingCopy | None = None,
    scanned: Scans | None = None,
) -> Proposal:
    """Compare a working copy with its base and decide the version; nothing is written.

    ``base`` names the version to compare with instead of the highest final one (a hotfix line). ``allowed`` holds the
    rules of ``check`` that are allowed, best with their reasons; ``copy`` is the folder, for what only it shows;
    ``scanned`` has the findings of files that were searched when the contents were read.

    Raises:
        InvalidInput: a lint of severity error that is not allowed, or an under-bump.
        NotFound: ``base`` was never published.
        AlreadyExists, UsageError: as ``plan_version``.
    """
    agent = contents.document.agent
    findings = lint_contents(contents, allowed, copy=copy, versions=versions_to_choose(registry), scanned=scanned)
    refuse_findings(findings)
    taken = registry.store.versions(agent).get(agent, [])
    old = _base(registry, agent, taken, wish, base)
    new = working_side(contents)
    found = difference(released_side(registry, old), new).differences if old else []
    plan = plan_version(taken, old.document.version if old else None, found, wish)
    if plan is not None and wish.version is None:
        plan = _past_foreign(registry, agent, plan)
    again = _same_as_series(registry, agent, plan, new.digest)
    if again is not None:
        return Proposal(contents, new.digest, again, [], findings, None, taken)
    return Proposal(contents, new.digest, old, found, findings, plan, taken)


def publish(registry: Registry, proposal: Proposal, reason: Reason) -> tuple[Published, bool]:
    """Publish what was proposed; (release, True) when this call created it, (release, False) when it was there already.

    Raises:
        AlreadyExists: the version is taken by other content; both digests are named.
        InvalidInput: a file changed since it was first read.
        StoreUnavailable, Corrupt: nothing was published.
    """
    assert proposal.plan is not None
    agent, plan = proposal.contents.document.agent, proposal.plan
    there = _published(registry, agent, plan.version, proposal.snapshot)
    if there is not None:
        return there, False
    registry.yanks(moving=True)  # nothing is published where another store decides by now
    draft = build_release(
        agent=agent,
        version=plan.version,
        snapshot=proposal.snapshot,
        registry=registry.id,
        author=reason.author,
        time=reason.time,
        message=reason.message,
        parent=_parent(registry, agent, plan.version, proposal.taken),
        bump=plan.level,
        ticket=reason.ticket,
        source=reason.source,
    )
    registry.store.put_contents(proposal.contents)
    if registry.store.create_release(draft, proposal.contents):
        return Published(draft.document, digest_of(draft.content)), True
    there = _published(registry, agent, plan.version, proposal.snapshot)
    if there is None:
        raise StoreUnavailable(
            f"{agent} {plan.version} was refused and is not there",
            kind="store-contradicts-itself",
            hint="nothing was published; run it again, and repoint doctor where that does not help",
        )
    return there, False


def _base(
    registry: Registry, agent: AgentName, taken: list[Version], wish: Wish, named: Version | None
) -> Published | None:
    if named is not None:
        return registry.release(agent, named)
    return _highest_readable(registry, agent, taken, lambda left: base_of(left, wish.version))


def _past_foreign(registry: Registry, agent: AgentName, plan: Plan) -> Plan:
    """The plan with the next version that no foreign tag has taken."""
    while _is_foreign(registry, agent, plan.version):
        plan = msgspec.structs.replace(plan, version=_one_up(plan))
    return plan


def _one_up(plan: Plan) -> Version:
    """The next version of the same kind: the next number of a series, or the next bump."""
    if not is_prerelease(plan.version):
        return next_version(plan.version, plan.level or "minor")
    series, _, number = plan.version.rpartition(".")
    return Version(f"{series}.{int(number) + 1}")


def already_published(registry: Registry, proposal: Proposal) -> Published | None:
    """The version proposed where it is there already, with this very content.

    Raises:
        AlreadyExists: it is taken by other content; both digests are named.
    """
    if proposal.plan is None:
        return None
    return _published(registry, proposal.contents.document.agent, proposal.plan.version, proposal.snapshot)


def _is_foreign(registry: Registry, agent: AgentName, version: Version) -> bool:
    stored = registry.store.read_release(agent, version)
    return stored is not None and isinstance(registry.verified_release(agent, version, stored), Foreign)


def _same_as_series(registry: Registry, agent: AgentName, plan: Plan | None, snapshot: Digest) -> Published | None:
    """The newest pre-release of the series asked for, where it has this very content already."""
    if plan is None or plan.series is None:
        return None
    newest = _readable(registry, agent, plan.series)
    return newest if newest and newest.document.snapshot == snapshot else None


def _highest_readable(
    registry: Registry, agent: AgentName, taken: list[Version], choose: Callable[[list[Version]], Version | None]
) -> Published | None:
    """The release of the version chosen among those taken; where a foreign tag has its name, of the next choice."""
    left = list(taken)
    while (version := choose(left)) is not None:
        found = _readable(registry, agent, version)
        if found is not None:
            return found
        left.remove(version)
    return None


def _readable(registry: Registry, agent: AgentName, version: Version) -> Published | None:
    """The release of a taken version, None where a foreign tag has its name."""
    stored = registry.store.read_release(agent, version)
    found = None if stored is None else registry.verified_release(agent, version, stored)
    return None if isinstance(found, Foreign) else found


def _parent(registry: Registry, agent: AgentName, version: Version, taken: list[Version]) -> ParentRelease | None:
    """The highest release below the new version; foreign tags are no parents."""
    found = _highest_readable(registry, agent, taken, lambda left: parent_of(version, left))
    return None if found is None else ParentRelease(found.digest, found.document.version)


def _published(registry: Registry, agent: AgentName, version: Version, snapshot: Digest) -> Published | None:
    """What stands under the version already: the same content, or nothing. Raises: AlreadyExists."""
    stored = registry.store.read_release(agent, version)
    if stored is None:
        return None
    found = registry.verified_release(agent, version, stored)
    if isinstance(found, Published) and found.document.snapshot == snapshot:
        return found
    if isinstance(found, Foreign):
        what, by = f"{found.reason} (not a release of this registry)", ""
    else:
        what, by = f"snapshot {found.document.snapshot}", f" by {found.document.author.name} at {found.document.time}"
    raise AlreadyExists(
        f"{agent} {version} is taken{by}: there {what}, here snapshot {snapshot}",
        kind="version-taken",
        hint="versions never change. If somebody was just faster, run it again; otherwise choose another --version "
        f"(beside later versions with --allow-underbump), or build on it: --base {agent}@{version}",
        agent=agent,
        version=version,
        stored=None if isinstance(found, Foreign) else found.document.snapshot,
        offered=snapshot,
    )
