"""``repoint commit``: publish the working copy of an agent as an immutable version."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from repoint.errors import UsageError
from repoint.names import parse_agent, parse_ref, parse_version
from repoint_cli.arguments import complete_agents, complete_refs, dry_run_option, message_option, ticket_option
from repoint_cli.differences import reason_line
from repoint_cli.findings import finding_result, say_findings
from repoint_cli.following import let_replicas_follow
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import safe
from repoint_cli.progress import progress
from repoint_cli.session import Session, now, opened
from repoint_cli.workingcopy import working_copy
from repoint_schemas.documents import AgentName, Bump, Version
from repoint_schemas.results import BumpResult, CommitResult

SHOWN_REASONS = 20

if TYPE_CHECKING:
    from repoint.manifest import WorkingCopy
    from repoint.publish import Proposal
    from repoint.registry import Published
    from repoint.release import Wish
    from repoint.replicas import ContentsAhead


@click.command(
    epilog="""\b
Examples:
  repoint commit refund -m "Ask for the order number first" --ticket PAY-312
  repoint commit refund -m "Refund limits" --bump major
  repoint commit refund -m "Try the shorter prompt" --pre rc
  repoint commit refund -m "Hotfix" --base refund@1.2.0
  repoint commit refund -m "Refund limits" --dry-run   the version, and why

The bump is inferred from what changed: major breaks what others rely on, minor
changes behaviour, patch is not meant to. A smaller one needs --allow-underbump.

See also: repoint diff AGENT (what changed), repoint check AGENT (what would be
refused), repoint promote (make it live).

Exit codes: 3 a finding or an under-bump, nothing is published; 5 the version is
taken by other content.
"""
)
@click.argument("agent", metavar="AGENT", shell_complete=complete_agents)
@message_option(required=True)
@click.option(
    "--bump",
    type=click.Choice(["auto", "major", "minor", "patch"]),
    default="auto",
    show_default=True,
    help="How much the version goes up; auto infers it from what changed and says why.",
)
@click.option("--allow-underbump", is_flag=True, help="Allow a bump below the inferred one.")
@click.option("--version", "version", metavar="X", help="Publish as exactly this version.")
@click.option("--pre", metavar="NAME", help="Publish as the next pre-release of that name, as in --pre rc.")
@click.option(
    "--base", metavar="REF", shell_complete=complete_refs, help="Compare with this version instead (a hotfix line)."
)
@click.option(
    "--from", "source", metavar="DIR", type=click.Path(path_type=Path), help="Read the agent's files from DIR."
)
@ticket_option
@dry_run_option
@global_options
@pass_settings
def commit(
    settings: Settings,
    agent: str,
    message: str,
    bump: str,
    allow_underbump: bool,
    version: str | None,
    pre: str | None,
    base: str | None,
    source: Path | None,
    ticket: str | None,
    dry_run: bool,
) -> None:
    """Publish the working copy of AGENT as an immutable version; branch, index and files stay untouched."""
    name = parse_agent(agent)
    wish = _wish(bump, version, pre, allow_underbump=allow_underbump)
    with opened(settings) as session, ExitStack() as held:
        from repoint.workspace import require_refs_here

        require_refs_here(session.workspace)
        copy = working_copy(session, name, source)
        session.workspace.connect_ahead()
        proposal = _propose(session, copy, wish, base)
        say_findings(session.console, proposal.findings, copy.shown)
        ahead = None
        if proposal.plan is None or dry_run:
            published, created = _there(session, proposal), False
        else:
            ahead = _ahead(session, proposal, held)
            published, created = _publish(session, copy, proposal, message, ticket, ahead)
        result = _result(proposal, copy, published, created=created, dry_run=dry_run)
        _say(session, result, published)
        if created and published:
            result = msgspec.structs.replace(result, behind=_follow(session, published, proposal, ahead))
        session.console.result(result)


def _wish(bump: str, version: str | None, pre: str | None, *, allow_underbump: bool) -> Wish:
    from repoint.release import Wish

    levels: dict[str, Bump | None] = {"auto": None, "major": "major", "minor": "minor", "patch": "patch"}
    return Wish(levels[bump], None if version is None else parse_version(version), pre, allow_underbump)


def _propose(session: Session, copy: WorkingCopy, wish: Wish, base: str | None) -> Proposal:
    from repoint.filescan import Scans
    from repoint.publish import propose
    from repoint.snapshot import build_snapshot

    workspace = session.workspace
    scanned = Scans()
    contents = build_snapshot(copy, workspace.limits(), scanned)
    return propose(
        workspace.registry,
        contents,
        wish,
        base=None if base is None else _base(session, copy.agent, base),
        allowed=workspace.allowed_rules(copy.agent),
        copy=copy,
        scanned=scanned,
    )


def _base(session: Session, agent: AgentName, text: str) -> Version:
    """``--base`` takes REF, or a bare version of the same agent. Raises: UsageError, NotFound."""
    if text[:1].isdigit() and "@" not in text:
        return parse_version(text)
    ref = parse_ref(text)
    if ref.agent != agent or ref.working:
        raise UsageError(
            f"--base {text!a} is no version of {agent}", kind="wrong-base", hint=f"as in --base {agent}@1.2.0"
        )
    return session.workspace.registry.resolve(ref).document.version


def _there(session: Session, proposal: Proposal) -> Published | None:
    """The proposed version where it is published already. Raises: AlreadyExists, as the publish itself would."""
    from repoint.publish import already_published

    return already_published(session.workspace.registry, proposal)


def _publish(
    session: Session,
    copy: WorkingCopy,
    proposal: Proposal,
    message: str,
    ticket: str | None,
    ahead: ContentsAhead | None,
) -> tuple[Published, bool]:
    from repoint.publish import Reason, publish
    from repoint.stamps import check_words

    workspace = session.workspace
    workspace.require_complete_clone(copy.agent)
    workspace.require_fit()
    check_words(message, ticket)
    source = workspace.repository.source_of(copy.folder) if workspace.repository else None
    reason = Reason(session.identity(), now(), message, ticket, source)
    total, stored = sum(entry.size for entry in proposal.contents.document.files()), 0
    with progress(session.console, "publishing") as shown:

        def tell(size: int) -> None:
            nonlocal stored
            stored += size
            shown.at(stored >> 20, total >> 20, "uploading, MiB")

        workspace.tell_of_uploads(tell)
        if ahead is not None:
            ahead.begin()
        return publish(workspace.registry, proposal, reason)


def _ahead(session: Session, proposal: Proposal, held: ExitStack) -> ContentsAhead | None:
    """What takes the contents into the repository where it is a replica; it ends before the session does."""
    if not session.workspace.has_replicas:
        return None
    from repoint.replicas import ContentsAhead

    return held.enter_context(ContentsAhead(session.workspace, proposal.contents))


def _follow(session: Session, published: Published, proposal: Proposal, ahead: ContentsAhead | None) -> list[str]:
    if ahead is None:
        return []
    from repoint.replicas import Made

    return let_replicas_follow(session, made=Made(published, proposal.contents, ahead.stored()))


def _result(
    proposal: Proposal, copy: WorkingCopy, published: Published | None, *, created: bool, dry_run: bool
) -> CommitResult:
    plan, base = proposal.plan, proposal.base
    previous = base.document.version if base else None
    version = plan.version if plan else previous
    assert version is not None
    reasons = [reason_line(d) for d in proposal.differences]
    return CommitResult(
        agent=copy.agent,
        version=version,
        snapshot=proposal.snapshot,
        release=published.digest if published else base.digest if base and plan is None else None,
        previous=previous,
        bump=BumpResult(plan.level if plan else None, reasons),
        created=created,
        dry_run=dry_run,
        would_create=created or (dry_run and plan is not None and published is None),
        tag=f"{copy.agent}@v{version}",
        findings=[finding_result(f, copy.shown) for f in proposal.findings],
    )


def _say(session: Session, result: CommitResult, published: Published | None) -> None:
    console = session.console
    head = f"{result.agent} {result.version}"
    if published is None and not result.would_create:
        console.done(f"nothing to do: the working copy is {head}")
        return
    if published is not None and not result.created:
        console.done(
            f"nothing changed: {head} was published by {safe(published.document.author.name)} with the same content"
        )
        return
    verb = console.paint("would publish", "yellow") if result.dry_run else console.paint("published", "green")
    after = f" (after {result.previous})" if result.previous else " (first version)"
    console.done(
        f"{verb} {console.strong(head)}{after}{f', a {result.bump.level} change' if result.bump.level else ''}"
    )
    console.done(*(f"  {safe(reason)}" for reason in result.bump.reasons[:SHOWN_REASONS]))
    if len(result.bump.reasons) > SHOWN_REASONS:
        console.done(
            f"  and {len(result.bump.reasons) - SHOWN_REASONS} more; repoint diff {result.agent} lists them all"
        )
    console.done(f"  digest {result.snapshot}", f"  tag    {result.tag}")
    if not result.dry_run:
        console.done(f"  make it live: repoint promote {result.agent}@{result.version} --env ENV")
