"""``repoint status``: working copies against their latest version, and what is live where, on one screen."""

from __future__ import annotations

import click

from repoint.errors import RepointError, StoreUnavailable
from repoint.status import agent_statuses, environment_status
from repoint.workspace import require_refs_here
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.output import ago, first_line, safe, table
from repoint_cli.session import Session, now, opened
from repoint_schemas.results import AgentStatus, EnvironmentStatus, LiveStatus, PendingStatus, StatusResult


@click.command()
@global_options
@pass_settings
def status(settings: Settings) -> None:
    """Working copies against latest, and what is live where: versions, since when, holds, freezes, pending moves."""
    with opened(settings) as session:
        workspace = session.workspace
        agents = agent_statuses(workspace)
        latest = {a.agent: a.latest for a in agents}
        environments = [environment_status(workspace, e, latest) for e in workspace.known_environments()]
        pending = [PendingStatus(p.environment, p.id) for p in workspace.state.pending()]
        result = StatusResult(workspace.registry.id, workspace.registry.authority, agents, environments, [], pending)
        _say_agents(session, agents)
        for environment in environments:
            _say_environment(session, environment)
        for move in pending:
            session.console.say(f"pending: {move.id} in {move.environment}: repoint resolve {move.id}")
        session.console.result(result, page=True)
        require_refs_here(workspace)
        failed = [e for e in environments if e.error]
        if failed:
            raise _unreadable(session, failed[0])


def _say_agents(session: Session, agents: list[AgentStatus]) -> None:
    console = session.console
    if not agents:
        console.say("no agents yet: repoint new AGENT scaffolds one")
        return
    colours = {
        "unchanged": "green",
        "modified": "yellow",
        "unpublished": "yellow",
        "no-latest": "red",
        "missing": "white",
    }
    rows = [[a.agent, a.latest or "-", console.paint(_WORKING[a.working], colours[a.working])] for a in agents]
    console.say(*table(rows, header=["AGENT", "LATEST", "WORKING COPY"]), "")


_WORKING = {
    "unchanged": "as latest",
    "modified": "differs from latest",
    "unpublished": "never published",
    "no-latest": "no version that is final and not yanked",
    "missing": "not checked out",
}


def _say_environment(session: Session, environment: EnvironmentStatus) -> None:
    console = session.console
    if environment.error:
        name, mark = console.strong(environment.environment), console.paint("unreadable", "red")
        console.say(f"{name}  {mark}: {safe(environment.error)}", "")
        return
    frozen = ""
    if environment.frozen:
        why = f": {first_line(environment.frozen.message)}" if environment.frozen.message else ""
        frozen = console.paint(f"  FROZEN by {safe(environment.frozen.actor.name)}{why}", "cyan", bold=True)
    console.say(f"{console.strong(environment.environment)}  generation {environment.generation}{frozen}")
    console.say(*(f"  {line}" for line in table([_live_row(session, live) for live in environment.live])))
    for held in environment.holds:
        why = f": {first_line(held.hold.message, 40)}" if held.hold.message else ""
        console.say(
            f"  {console.paint('held', 'red')} {held.agent} {held.version} since generation {held.hold.generation}{why}"
        )
    console.say("")


def _live_row(session: Session, live: LiveStatus) -> list[str]:
    console = session.console
    marks = []
    if not live.latest:
        marks.append("not latest")
    if live.yanked is not None:
        marks.append(console.paint(f"YANKED: {first_line(live.yanked, 30)}", "red"))
    since = "" if live.time is None else f"for {_since(live.time)}"
    return [live.agent, console.strong(live.version), since, f"generation {live.since}", ", ".join(marks)]


def _since(time_text: str) -> str:
    from repoint.stamps import time_seconds

    return ago(now() - time_seconds(time_text))


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
