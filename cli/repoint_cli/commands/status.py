"""``repoint status``: what is live where, working copies against their latest version, and what needs attention."""

from __future__ import annotations

from collections.abc import Collection

import click
import msgspec

from repoint.errors import NotFound, RepointError, StoreUnavailable
from repoint.names import parse_agent
from repoint.status import agent_statuses, environment_status, environments_last_seen, stale_status
from repoint.workspace import require_refs_here
from repoint_cli.arguments import complete_agents, complete_environments
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.session import Session, now, opened
from repoint_cli.terminal import terminal_height, terminal_width
from repoint_schemas.documents import AgentName, EnvironmentName
from repoint_schemas.results import AgentStatus, EnvironmentStatus, PendingStatus, ReplicaStatus, StatusResult


@click.command(
    epilog="""\b
Examples:
  repoint status                    what needs attention, then the rest
  repoint status refund intake      these agents only
  repoint status --env production   this environment only
  repoint status --all              no agent is folded into a count
  repoint status --fleet            which version each process serves
  repoint status --json             for programs

In the table a version with * is not the latest, one with ! is yanked; what
stands beside it is how long it has been live.

See also: repoint history (who moved what), repoint diff staging production
(what the difference is), repoint verify (is all of it whole).

Exit codes: 9 or 8 where an environment cannot be read; the others are shown.
"""
)
@click.argument("agents", nargs=-1, metavar="[AGENT]...", shell_complete=complete_agents)
@click.option(
    "--env",
    "chosen",
    multiple=True,
    metavar="ENV",
    shell_complete=complete_environments,
    help="Only this environment; repeat it for more.",
)
@click.option("--fleet", is_flag=True, help="Also what the processes serve that report it.")
@click.option("--all", "everything", is_flag=True, help="List every agent, those without anything to say too.")
@global_options
@pass_settings
def status(settings: Settings, agents: tuple[str, ...], chosen: tuple[str, ...], fleet: bool, everything: bool) -> None:
    """What is live where, and what needs attention.

    Shows every environment with its last move, then what somebody should look
    at (yanked or held versions, freezes, environments that differ, changed
    working copies, moves whose outcome is unknown) with the command that goes
    on from there, then agents by environments. Reads only.
    """
    with opened(settings) as session:
        names = [parse_agent(a) for a in agents]
        result, away = _gathered(session, names, [session.environment(e) for e in chosen])
        if fleet and away is None:
            result, away = _with_fleets(session, result, names)
        if not session.console.json:
            from repoint_cli.statusscreen import Screen, status_lines

            screen = Screen(session.console, terminal_width(), terminal_height(), now())
            session.console.say(*status_lines(screen, result, everything=everything or bool(agents)))
            session.console.say(*_fleet_lines(result))
        session.console.result(result, page=True)
        if away is not None:
            raise away
        if not result.environments:
            require_refs_here(session.workspace)
        failed = [e for e in result.environments if e.error]
        if failed:
            raise _unreadable(session, failed[0])


def _gathered(
    session: Session, names: list[AgentName], chosen: list[EnvironmentName]
) -> tuple[StatusResult, StoreUnavailable | None]:
    """Everything, or what was asked for; and why the store that decides did not answer, where it did not.

    Raises: NotFound.
    """
    workspace = session.workspace
    try:
        known = workspace.known_environments()
    except StoreUnavailable as away:
        return _last_seen(session, names, chosen, away), away
    yanks = workspace.registry.yanks() or {}
    agents = agent_statuses(workspace, yanks)
    latest = {a.agent: a.latest for a in agents}
    for name in chosen:
        if name not in known:
            workspace.registry.current(name)
    environments = [environment_status(workspace, e, latest, yanks) for e in known if e in (chosen or known)]
    tips = {e.environment: e.generation for e in environments if e.generation is not None}
    return _result(session, names, agents, environments, _replicas(session, tips)), None


def _with_fleets(
    session: Session, result: StatusResult, agents: list[AgentName]
) -> tuple[StatusResult, StoreUnavailable | None]:
    """The result with what the processes of each environment serve; and why that cannot be read, where it cannot.

    Raises: InvalidInput, where the store takes no reports.
    """
    from repoint_cli.fleetsaid import fleet_now

    readable = [e.environment for e in result.environments if e.error is None]
    try:
        return msgspec.structs.replace(result, fleets=[fleet_now(session, name, agents) for name in readable]), None
    except StoreUnavailable as error:
        return result, error


def _fleet_lines(result: StatusResult) -> list[str]:
    if not result.fleets:
        return []
    from repoint_cli.fleetsaid import fleet_lines

    return ["", *(line for fleet in result.fleets for line in fleet_lines(fleet))]


def _last_seen(
    session: Session, names: list[AgentName], chosen: list[EnvironmentName], away: StoreUnavailable
) -> StatusResult:
    """What this machine knows without the store that decides. Raises: NotFound."""
    workspace = session.workspace
    there = workspace.as_last_seen()
    agents = [] if workspace.replica is None else agent_statuses(there, there.registry.yanks() or {})
    known = environments_last_seen(workspace)
    environments = [stale_status(workspace, e, away) for e in known if e in (chosen or known)]
    return _result(session, names, agents, environments, [])


def _result(
    session: Session,
    names: list[AgentName],
    agents: list[AgentStatus],
    environments: list[EnvironmentStatus],
    replicas: list[ReplicaStatus],
) -> StatusResult:
    workspace = session.workspace
    pending = [PendingStatus(p.environment, p.id) for p in workspace.state.pending()]
    if names:
        _require_known(names, [*(a.agent for a in agents), *(each.agent for e in environments for each in e.live)])
        agents = [a for a in agents if a.agent in names]
        environments = [_only(e, names) for e in environments]
    return StatusResult(workspace.registry.id, workspace.registry.authority, agents, environments, replicas, pending)


def _replicas(session: Session, tips: dict[EnvironmentName, int]) -> list[ReplicaStatus]:
    """How far behind each replica is, as this clone knows; none is asked."""
    if not session.workspace.has_replicas:
        return []
    from repoint.replicas import lacking

    return [ReplicaStatus(name, *lacks) for name, lacks in lacking(session.workspace, tips).items()]


def _require_known(names: list[AgentName], known: Collection[AgentName]) -> None:
    for name in names:
        if name not in known:
            raise NotFound(f"there is no agent {name} here", kind="no-such-agent", hint=None, agent=name)


def _only(environment: EnvironmentStatus, names: list[AgentName]) -> EnvironmentStatus:
    return msgspec.structs.replace(
        environment,
        live=[each for each in environment.live if each.agent in names],
        holds=[each for each in environment.holds if each.agent in names],
    )


def _unreadable(session: Session, environment: EnvironmentStatus) -> RepointError:
    """The error that made an environment unreadable, raised again after the rest was shown."""
    try:
        session.workspace.registry.current(environment.environment)
    except RepointError as error:
        return error
    return StoreUnavailable(
        f"{environment.environment} could not be read a moment ago: {environment.error}",
        kind="unreadable",
        hint="run it again",
    )
