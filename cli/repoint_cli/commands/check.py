"""``repoint check``: lint working copies before they become versions."""

from __future__ import annotations

import click

from repoint.errors import InvalidInput, NotFound
from repoint.names import parse_agent
from repoint_cli.arguments import complete_agents
from repoint_cli.commands.commit import working_copy
from repoint_cli.findings import finding_result, say_findings
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.session import Session, opened
from repoint_schemas.documents import AgentName
from repoint_schemas.results import CheckResult, FindingResult


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT]...", shell_complete=complete_agents)
@global_options
@pass_settings
def check(settings: Settings, agents: tuple[str, ...]) -> int:
    """Check working copies: manifest, files, pinned model, secrets, invisible characters. Exit 1 on findings."""
    with opened(settings) as session:
        names = [parse_agent(a) for a in agents] or _all(session)
        findings: list[FindingResult] = []
        for name in names:
            findings += _check(session, name)
        if not findings:
            session.console.done(f"{len(names)} agent{'' if len(names) == 1 else 's'} checked, no findings")
        session.console.result(CheckResult(findings, names))
        return 1 if findings else 0


def _all(session: Session) -> list[AgentName]:
    from repoint.config import agent_folders

    if session.workspace.config is None:
        raise NotFound(
            "there is no repoint.toml here that says where agents are", kind="no-config", hint="run repoint init"
        )
    return sorted(agent_folders(session.workspace.root, session.workspace.config))


def _check(session: Session, agent: AgentName) -> list[FindingResult]:
    from repoint.lint import lint_contents
    from repoint.snapshot import build_snapshot

    try:
        copy = working_copy(session, agent)
        contents = build_snapshot(copy, session.workspace.limits())
    except InvalidInput as error:
        session.console.done(error.message)
        return [FindingResult("manifest", f"{agent}", None, "error", error.message)]
    found = lint_contents(contents, session.workspace.allowed_rules(agent))
    say_findings(session.console, found, copy.shown)
    return [finding_result(f, copy.shown) for f in found]
