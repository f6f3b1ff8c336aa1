"""What the shell completes. Errors complete to nothing: a key press must never print one, nor wait for a network:
where another store decides, the repository answers, as of the last sync.

zsh and fish show a description beside each answer; bash shows none, so for bash nothing is read for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import click

from repoint.errors import RepointError
from repoint.names import highest_first, is_environment, parse_agent
from repoint_cli.options import Settings
from repoint_cli.session import Session, opened
from repoint_schemas.documents import AgentName, EnvironmentName, Record, Version

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHOWN_MOVES = 30
"""How far back ``AGENT@ENV~`` is offered."""

Answers = Iterable[tuple[str, str]]
"""What may be inserted, and what is said of it (empty for bash)."""


Live = Mapping[EnvironmentName, Record | None]


class Answer(NamedTuple):
    """What click's ``CompletionItem`` is to a shell: there may be ten thousand of them, so it is a light one."""

    value: str
    help: str | None
    type: str = "plain"


class Wanted(NamedTuple):
    """What may stand after ``AGENT@``."""

    versions: bool = True
    places: bool = True


def agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents with versions, and those with a working copy."""
    del param
    return _answer(ctx, incomplete, _agents)


def environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments of the registry."""
    del param
    return _answer(ctx, incomplete, _environments)


def ledgers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments, and the ledger of yanks: what ``history`` takes."""
    del param
    return _answer(ctx, incomplete, _ledgers)


def refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` the highest versions first, then environments and latest."""
    del param
    return _ref(ctx, incomplete, Wanted())


def versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agents, and after ``@`` the highest versions first: what a move takes."""
    del param
    return _ref(ctx, incomplete, Wanted(places=False))


def bare_versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Versions without the agent that the command line names before (``rollback refund --to``)."""
    del param
    given = ctx.params.get("agents") or [word for word in ctx.args if not word.startswith("-")]
    named = [str(word) for word in given] if isinstance(given, tuple | list) else []
    if len(named) != 1:
        return []
    agent = named[0].partition("@")[0]
    return _answer(
        ctx,
        incomplete,
        lambda session: _versions(session, parse_agent(agent), "", _records(session) if _described() else {}),
    )


def _ref(ctx: click.Context, incomplete: str, wanted: Wanted) -> list[CompletionItem]:
    name, at, rest = incomplete.partition("@")
    if not at:
        return _answer(ctx, incomplete, _agents)
    return _answer(ctx, rest, partial(_after_at, name=name, rest=rest, wanted=wanted), before=f"{name}@")


def _answer(
    ctx: click.Context, incomplete: str, find: Callable[[Session], Answers], before: str = ""
) -> list[CompletionItem]:
    try:
        with opened(ctx.ensure_object(Settings), offline=True) as session:
            found = [Answer(before + text, said) for text, said in find(session) if text.startswith(incomplete)]
    except (RepointError, OSError):
        return []
    return cast("list[CompletionItem]", found)


def _after_at(session: Session, name: str, rest: str, wanted: Wanted) -> Answers:
    agent = parse_agent(name)
    environment, tilde, _ = rest.partition("~")
    if tilde:
        offered = wanted.places and is_environment(environment)
        return _moves(session, agent, EnvironmentName(environment)) if offered else []
    live = _records(session) if wanted.places or _described() else {}
    found = [] if rest[:1].isalpha() else _versions(session, agent, rest, live)
    return [*found, *_places(agent, live)] if wanted.places else found


def _versions(session: Session, agent: AgentName, rest: str, live: Live) -> list[tuple[str, str]]:
    taken = session.workspace.store.versions(agent).get(agent, [])
    ordered = highest_first([v for v in taken if v.startswith(rest)] if rest else taken)
    if not _described():
        return [(version, "") for version in ordered]
    said = _said_of_versions(session, agent, live)
    return [(version, said.get(version, "")) for version in ordered]


def _said_of_versions(session: Session, agent: AgentName, live: Live) -> dict[Version, str]:
    """Where versions of an agent are live or held, and which are yanked."""
    words: dict[Version, list[str]] = {}
    for environment, record in live.items():
        if record is None:
            continue
        if entry := record.agents.get(agent):
            words.setdefault(entry.version, []).append(f"live in {environment}")
        for version in record.holds.get(agent, {}):
            words.setdefault(version, []).append(f"held in {environment}")
    for version in (session.workspace.registry.yanks() or {}).get(agent, {}):
        words.setdefault(version, []).append("yanked")
    return {version: ", ".join(found) for version, found in words.items()}


def _places(agent: AgentName, live: Live) -> Answers:
    for environment, record in live.items():
        yield environment, f"live there: {record.agents[agent].version}" if record and agent in record.agents else ""
    yield "latest", "the highest final version that is not yanked" if _described() else ""


def _moves(session: Session, agent: AgentName, environment: EnvironmentName) -> Answers:
    """``production~1`` and so on: earlier live versions of this agent, counted as REF counts them."""
    from repoint.ledger import stays

    registry = session.workspace.registry
    record_at = registry.record_at(environment)
    count, last = -1, ""
    for stay in stays(registry.current(environment).record, agent, record_at):
        if stay.entry.version == last:
            continue
        count, last = count + 1, stay.entry.version
        if count:
            yield f"{environment}~{count}", f"{last}, until generation {stay.until}"
        if count == SHOWN_MOVES:
            return


def _environments(session: Session) -> Answers:
    for environment, record in _records(session).items():
        yield environment, f"generation {record.generation}{', frozen' if record.frozen else ''}" if record else ""


def _ledgers(session: Session) -> Answers:
    yield from _environments(session)
    yield "registry", "yanks"


def _records(session: Session) -> Live:
    """Every environment, with its newest record where something is said of it and it can be read."""
    found: dict[EnvironmentName, Record | None] = {}
    for environment in session.workspace.environments():
        found[environment] = None
        if _described():
            with suppress(RepointError):
                found[environment] = session.workspace.registry.current(environment).record
    return found


def _described() -> bool:
    return not os.environ.get("_REPOINT_COMPLETE", "").startswith("bash")


def _agents(session: Session) -> Answers:
    counts = {agent: len(found) for agent, found in session.workspace.store.versions().items()}
    for name in sorted({*counts, *_folders(session)}):
        count = counts.get(name, 0)
        yield name, f"{count} version{'' if count == 1 else 's'}" if count else "never published"


def _folders(session: Session) -> Iterable[AgentName]:
    if not session.workspace.config:
        return ()
    from repoint.config import agent_folders

    return agent_folders(session.workspace.root, session.workspace.config)
