"""``list``, ``log`` and ``show``: what was published, by whom and why, and where it is live."""

from __future__ import annotations

import click

from repoint.errors import NotFound, RepointError
from repoint.moves import Holds
from repoint.names import highest_first, parse_agent, parse_ref
from repoint.registry import Listed, Published, Registry
from repoint.store import Foreign
from repoint_cli.arguments import complete_agents, complete_refs
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import json_text, safe
from repoint_cli.session import Session, now, opened
from repoint_cli.tables import first_line, table
from repoint_cli.terminal import terminal_width
from repoint_cli.times import ago, since
from repoint_schemas.documents import AgentName, Version
from repoint_schemas.results import (
    ListResult,
    LiveIn,
    LogResult,
    ReleaseResult,
    ShowResult,
    SnapshotResult,
    VersionResult,
)

Live = dict[tuple[AgentName, Version], list[LiveIn]]


def live_map(session: Session) -> Live:
    """Where every version is live; an environment that cannot be read is left out, with a warning."""
    found: Live = {}
    for environment in session.workspace.environments():
        try:
            record = session.workspace.registry.current(environment).record
        except RepointError as error:
            session.console.warn(f"{environment} cannot be read, so what is live there is not shown: {error.message}")
            continue
        for agent, entry in record.agents.items():
            found.setdefault((agent, entry.version), []).append(LiveIn(environment, entry.since))
    return found


@click.command(
    name="list",
    epilog="""\b
Examples:
  repoint list                  every agent, highest version first
  repoint list refund -n 20     the highest 20 versions of refund
  repoint list -n 1             the highest version of every agent
  repoint list refund --json    with author, ticket and digests

See also: repoint log AGENT (messages in full), repoint show REF (one release),
repoint status (what is live).
""",
)
@click.argument("agent", required=False, metavar="[AGENT]", shell_complete=complete_agents)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="At most N versions of each agent.")
@global_options
@pass_settings
def list_versions(settings: Settings, agent: str | None, limit: int | None) -> None:
    """Versions of one agent or of all, highest first, with where each is live.

    Yanked versions and tags that are no releases of this registry are listed and
    marked. A message is cut to the terminal's width; in a pipe it never is.
    """
    with opened(settings) as session:
        registry = session.workspace.registry
        taken = registry.store.versions(None if agent is None else parse_agent(agent))
        if agent is not None and not taken:
            raise _no_agent(agent)
        wanted = [(a, v) for a in sorted(taken) for v in highest_first(taken[a], limit)]
        live, yanks = live_map(session), registry.yanks()
        found = session.workspace.releases(wanted)
        rows = [_row(a, v, p, live, yanks) for (a, v), p in zip(wanted, found, strict=True)]
        _say_list(session, rows)
        session.console.result(ListResult(rows), page=True)


def _no_agent(agent: str) -> NotFound:
    return NotFound(
        f"no version of {agent} was published",
        kind="no-such-agent",
        hint="nothing was published yet; in a clone: git fetch --tags",
        agent=agent,
    )


def _row(agent: AgentName, version: Version, found: Listed, live: Live, yanks: Holds | None) -> VersionResult:
    where = live.get((agent, version), [])
    yanked = (yanks or {}).get(agent, {}).get(version)
    if isinstance(found, Foreign):
        return VersionResult(agent, version, found.reason, where, None)
    if isinstance(found, RepointError):
        return VersionResult(agent, version, None, where, yanked.message if yanked else None, damaged=found.message)
    release = found.document
    return VersionResult(
        agent,
        version,
        None,
        where,
        yanked.message if yanked else None,
        message=release.message,
        author=release.author,
        time=release.time,
        bump=release.bump,
        snapshot=release.snapshot,
    )


def _say_list(session: Session, rows: list[VersionResult]) -> None:
    console = session.console
    if not rows:
        console.say("no versions yet: repoint commit AGENT -m TEXT publishes the first")
        return
    cells = []
    for row in rows:
        marks = [console.paint(f"{at.environment}", "green") for at in row.live]
        if row.yanked is not None:
            marks.append(console.paint("yanked", "red"))
        if row.foreign:
            marks.append("foreign tag")
        if row.damaged:
            marks.append(console.paint("DAMAGED", "red", bold=True))
        what = first_line(row.foreign or row.damaged or row.message or "", 1000)
        cells.append([row.agent, row.version, ",".join(marks) or "-", (row.time or "-")[:10], what])
    header = [console.strong(name) for name in ("AGENT", "VERSION", "LIVE IN", "DATE", "MESSAGE")]
    console.say(*table(cells, header=header, width=terminal_width()))


def release_result(found: Published, live: Live, yanks: Holds | None) -> ReleaseResult:
    """One release for programs."""
    release = found.document
    yanked = (yanks or {}).get(release.agent, {}).get(release.version)
    return ReleaseResult(
        agent=release.agent,
        version=release.version,
        release=found.digest,
        snapshot=release.snapshot,
        parent=release.parent,
        bump=release.bump,
        author=release.author,
        time=release.time,
        message=release.message,
        ticket=release.ticket,
        source=release.source,
        live=live.get((release.agent, release.version), []),
        yanked=yanked.message if yanked else None,
        tag=f"{release.agent}@v{release.version}",
    )


@click.command(
    epilog="""\b
Examples:
  repoint log refund             every release of refund
  repoint log refund -n 3        the highest three
  repoint log refund --no-pager
  repoint log refund --json      for programs

See also: repoint history (what was live when), repoint diff (what changed),
git log -p refund@v1.5.0 (the same with Git, file by file).
"""
)
@click.argument("agent", metavar="AGENT", shell_complete=complete_agents)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="At most N releases.")
@global_options
@pass_settings
def log(settings: Settings, agent: str, limit: int | None) -> None:
    """The releases of one agent from the highest version down: who, when, why.

    With the message in full, the version it came after, the kind of change, the
    ticket and the source commit; yanked and live versions are marked. What was
    published is one thing, what was live when another: see repoint history.
    """
    with opened(settings) as session:
        name, registry = parse_agent(agent), session.workspace.registry
        taken = registry.store.versions(name).get(name, [])
        if not taken:
            raise _no_agent(agent)
        live, yanks = live_map(session), registry.yanks()
        found = session.workspace.releases([(name, v) for v in highest_first(taken, limit)])
        releases: list[ReleaseResult] = []
        for each in found:
            if isinstance(each, RepointError):
                session.console.warn(each.message)
            elif isinstance(each, Published):
                releases.append(release_result(each, live, yanks))
        for release in releases:
            session.console.say(*_release_lines(session, release), "")
        if limit is not None and len(taken) > limit:
            session.console.say(f"older releases: repoint log {name} -n {limit * 5}")
        session.console.result(LogResult(name, releases), page=True)


def _release_lines(session: Session, release: ReleaseResult) -> list[str]:
    console = session.console
    marks = [console.paint(f"live in {at.environment}", "green") for at in release.live]
    if release.yanked is not None:
        marks.append(console.paint(f"yanked: {first_line(release.yanked)}", "red"))
    head = console.strong(f"{release.agent} {release.version}")
    if marks:
        head += f"  ({', '.join(marks)})"
    lines = [
        head,
        f"Author: {safe(release.author.name)} <{safe(release.author.email)}>",
        f"Date:   {release.time}{_how_long_ago(release.time)}",
        f"Parent: {release.parent.version if release.parent else '-'}   Bump: {release.bump or '-'}"
        + (f"   Ticket: {safe(release.ticket)}" if release.ticket else ""),
    ]
    if release.source:
        lines.append(f"Source: {release.source.commit}{' (with uncommitted changes)' if release.source.dirty else ''}")
    return [*lines, "", *(f"    {safe(line)}" for line in release.message.split("\n"))]


def _how_long_ago(time: str) -> str:
    """How long ago, on a terminal only: what is in a pipe does not change from second to second."""
    return "" if terminal_width() is None else f" ({ago(since(time, now()))} ago)"


@click.command(
    epilog="""\b
Examples:
  repoint show refund@1.4.2
  repoint show refund@production      what is live there
  repoint show refund@production~1    what was live there before
  repoint show refund@latest          the highest final version not yanked
  repoint show refund@1.4.2 --json    with the manifest, for programs

See also: repoint export REF DIR (its files), repoint diff A B, git show
refund@v1.4.2:agent.toml (one file, with Git).
"""
)
@click.argument("ref", metavar="REF", shell_complete=complete_refs)
@global_options
@pass_settings
def show(settings: Settings, ref: str) -> None:
    """One release in full: who, when, why, and what is in it.

    Model, prompts, integrations, configuration and what it requires, read from
    the release and verified against its digests. The working copy is no release:
    repoint diff AGENT compares it.
    """
    with opened(settings) as session:
        wanted = parse_ref(ref)
        if wanted.working:
            from repoint.errors import UsageError

            raise UsageError(
                f"{ref!a} names no version; show takes AGENT@VERSION, AGENT@ENVIRONMENT or AGENT@latest",
                kind="version-required",
                hint=f"repoint list {wanted.agent} shows its versions",
            )
        registry = session.workspace.registry
        found = registry.resolve(wanted)
        release = release_result(found, live_map(session), registry.yanks())
        result = ShowResult(release, *_contents(registry, found))
        session.console.say(*_release_lines(session, release), "", *_snapshot_lines(result))
        session.console.result(result, page=True)


def _contents(registry: Registry, found: Published) -> tuple[SnapshotResult, str]:
    snapshot = registry.snapshot(found)
    manifest = registry.file_bytes(found.document, snapshot.manifest).decode("utf-8", "replace")
    parts = SnapshotResult(
        snapshot.model, snapshot.prompts, snapshot.integrations, snapshot.config, snapshot.requires, snapshot.manifest
    )
    return parts, manifest


def _snapshot_lines(result: ShowResult) -> list[str]:
    release, parts = result.release, result.snapshot
    lines = [f"Release:  {release.release}", f"Snapshot: {release.snapshot}", f"Tag:      {release.tag}", ""]
    lines.append(f"model         {safe(parts.model.provider)} {safe(parts.model.name)}")
    lines += [f"prompt        {safe(n)}  {safe(f.path)}  {f.size} bytes" for n, f in sorted(parts.prompts.items())]
    for name, integration in sorted(parts.integrations.items()):
        spec = f"  {safe(integration.spec.path)}" if integration.spec else ""
        lines.append(f"integration   {safe(name)}  {integration.kind}  {safe(integration.endpoint or '-')}{spec}")
    lines += [f"config        {safe(key)} = {safe(json_text(value))}" for key, value in sorted(parts.config.items())]
    lines += [f"requires      {agent} {safe(wanted)}" for agent, wanted in sorted(parts.requires.items())]
    return lines
