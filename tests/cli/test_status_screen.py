"""The screen of ``status``: what needs attention first, one screen for few agents and for many, all of it in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from repoint_cli.attention import points
from repoint_cli.output import Console
from repoint_cli.statusscreen import Screen, status_lines
from repoint_cli.tables import display_width
from repoint_schemas.documents import AgentName, EnvironmentName, Freeze, Hold, Identity, Version
from repoint_schemas.results import (
    AgentStatus,
    EnvironmentStatus,
    HoldStatus,
    LiveStatus,
    PendingStatus,
    StatusResult,
)

from tests.cli.commandline import Team, copy_team, records
from tests.cli.terminals import on_a_terminal

STAGING, PRODUCTION = EnvironmentName("staging"), EnvironmentName("production")
ADA = Identity(email="ada@acme.example", name="Ada")
NOW = 1_790_000_000
TIME = "2026-09-21T13:00:00Z"


def team_of(count: int, behind: int = 0, modified: int = 0) -> StatusResult:
    """``count`` agents; production is behind staging for the first ones, the last ones have changed working copies."""
    names = [AgentName(f"agent-{number:03}") for number in range(count)]
    latest = Version("1.2.0")
    agents = [
        AgentStatus(name, f"agents/{name}", latest, "modified" if number >= count - modified else "unchanged")
        for number, name in enumerate(names)
    ]
    old = {name: Version("1.1.0") for name in names[:behind]}
    places = [
        environment(STAGING, dict.fromkeys(names, latest)),
        environment(PRODUCTION, {**dict.fromkeys(names, latest), **old}),
    ]
    return StatusResult("id", "local", agents, places, [], [])


def environment(name: EnvironmentName, live: dict[AgentName, Version]) -> EnvironmentStatus:
    rows = [LiveStatus(agent, version, 1, TIME, version == "1.2.0", None) for agent, version in live.items()]
    return EnvironmentStatus(name, 9, TIME, rows, [], None, None, actor=ADA, action="promote")


def shown(
    result: StatusResult, width: int | None = 80, height: int | None = 24, *, everything: bool = False
) -> list[str]:
    return status_lines(Screen(Console(), width, height, NOW), result, everything=everything)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    ("count", "behind", "modified"), [(3, 1, 1), (300, 9, 2), (300, 0, 0), (300, 200, 100), (25, 0, 25)]
)
def test_it_fits_the_screen(count: int, behind: int, modified: int, width: int) -> None:
    lines = shown(team_of(count, behind, modified), width)

    assert len(lines) < 24, "\n".join(lines)
    assert [line for line in lines if display_width(line) > width and "repoint " not in line] == []


def test_agents_with_nothing_to_say_are_counted() -> None:
    lines = shown(team_of(300, 3, 1))
    rows = [line.split()[0] for line in lines if re.match(r"agent-\d+ ", line)]

    assert rows == ["agent-000", "agent-001", "agent-002", "agent-299"]
    assert lines[-1] == "and 296 agents as latest everywhere: repoint status --all lists them"


def test_more_that_need_attention_than_fit_are_counted_too() -> None:
    lines = shown(team_of(300, 200))
    rows = [line for line in lines if re.match(r"agent-\d+ ", line)]
    assert lines[-1] == (
        f"and {200 - len(rows)} more that need attention, and 100 agents as latest everywhere: "
        "repoint status --all lists them"
    )


@pytest.mark.parametrize("folds", [{"width": None, "height": None}, {"everything": True}])
def test_all_of_them_in_a_pipe_and_when_asked(folds: dict[str, bool | None]) -> None:
    lines = shown(team_of(300, 9, 2), **folds)  # type: ignore[arg-type]
    assert len([line for line in lines if re.match(r"agent-\d+ ", line)]) == 300
    assert len([line for line in lines if line.startswith("  differs")]) == 9


def test_in_a_pipe_nothing_depends_on_the_clock() -> None:
    result = team_of(5, 1, 1)
    later = status_lines(Screen(Console(), None, None, NOW + 10**6), result)
    assert shown(result, None, None) == later
    assert any(TIME in line for line in later)


def test_a_sign_and_not_only_a_colour_where_it_is_not_the_latest() -> None:
    lines = shown(team_of(3, 1))
    assert any(re.match(r"agent-000 .* 1\.1\.0\* ", line) for line in lines)
    assert "* not the latest" in lines
    assert not any("*" in line for line in shown(team_of(3)))


def test_what_needs_attention_most_urgent_first() -> None:
    result = team_of(3, 1, 1)
    bad = msgspec.structs.replace(result.environments[1].live[1], yanked="leaks")
    production = msgspec.structs.replace(
        result.environments[1],
        live=[result.environments[1].live[0], bad, result.environments[1].live[2]],
        holds=[HoldStatus(AgentName("agent-000"), Version("1.2.0"), Hold(3, "no receipt"))],
        frozen=Freeze(ADA, 9, "week"),
    )
    unreadable = AgentStatus(AgentName("agent-001"), "agents/agent-001", Version("1.2.0"), "unreadable", "p.md: denied")
    result = msgspec.structs.replace(
        result,
        agents=[result.agents[0], unreadable, result.agents[2]],
        environments=[result.environments[0], production],
        pending=[PendingStatus(PRODUCTION, "some-id")],
    )
    live = {e.environment: {each.agent: each.version for each in e.live} for e in result.environments}

    found = [(point.kind, point.todo) for point in points(result, live)]

    assert found == [
        ("pending", "repoint resolve some-id"),
        ("yanked", "repoint rollback agent-001@1.2.0 --env production"),
        ("frozen", ""),
        ("held", ""),
        ("unreadable", "repoint check agent-001"),
        ("differs", "repoint diff agent-000@production agent-000@staging"),
        ("modified", "repoint diff agent-002@1.2.0"),
    ]
    text = "\n".join(shown(result))
    for part in ("leaks", "FROZEN", "no receipt", "p.md: denied", "1.2.0!", "! yanked"):
        assert part in text


def test_versions_that_are_live_nowhere_and_in_one_place_only() -> None:
    result = team_of(2)
    fresh = AgentStatus(AgentName("agent-000"), None, Version("2.0.0"), "missing")
    staging_only = environment(PRODUCTION, {AgentName("agent-000"): Version("1.2.0")})
    result = msgspec.structs.replace(
        result, agents=[fresh, result.agents[1]], environments=[result.environments[0], staging_only]
    )
    live = {e.environment: {each.agent: each.version for each in e.live} for e in result.environments}

    assert [(p.kind, p.about) for p in points(result, live)] == [
        ("differs", "agent-001 1.2.0 is live in staging, not in production"),
        ("not-live", "agent-000 2.0.0"),
    ]


# -- the command -----------------------------------------------------------------------------------------------------


def test_some_agents_and_some_environments(played: Team) -> None:
    out = played.done("status", "refund", "--env", "production")

    assert "intake" not in out
    assert "staging" not in out
    assert re.search(r"^AGENT +WORKING COPY +LATEST +production\nrefund ", out, re.MULTILINE)
    result = played.result("status", "refund", "--env", "production")
    assert [e["environment"] for e in records(result, "environments")] == ["production"]
    assert [a["agent"] for a in records(result, "agents")] == ["refund"]


def test_a_hold_and_a_rollback_are_told(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    out = played.done("status")

    assert "held         refund 1.5.0 in production: no receipt" in out
    assert (
        "differs      refund: production 1.4.2 is behind staging 1.5.0: repoint diff refund@production refund@staging"
        in out
    )
    assert re.search(r"^production  generation 5  rollback by Ada  \d{4}-", out, re.MULTILINE)


def test_every_command_that_it_names_runs(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "no receipt")
    played.done("yank", "refund@1.4.2", "-m", "leaks")
    played.write_prompt("Changed")
    out = played.done("status")
    commands = re.findall(r"repoint ((?:diff|promote|rollback) .*)$", out, re.MULTILINE)

    assert len(commands) >= 3, out
    for command in commands:
        assert played.run(*command.split(), *(["--dry-run"] if "diff" not in command else [])).code == 0, command


def test_a_version_that_cannot_be_read_is_not_called_different(played: Team) -> None:
    blob = played.git("rev-parse", "refund@v1.5.0:.repoint/snapshot.json").strip()
    path = played.folder / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.unlink()
    (agent,) = [a for a in records(played.result("status"), "agents") if a["agent"] == "refund"]

    assert agent["working"] == "unreadable"
    assert "damaged" in str(agent["problem"])
    assert "unreadable   refund: " in played.done("status")


def test_a_working_copy_that_may_not_be_read(played: Team) -> None:
    played.result("status")  # imports everything, which another user may not be able to
    with tempfile.TemporaryDirectory() as folder:
        team = copy_team(played.folder, Path(folder) / "team")
        (team.agent() / "prompts" / "system.md").chmod(0)
        with not_as_root(Path(folder)):
            (agent,) = records(team.result("status", "refund"), "agents")

    assert (agent["working"], agent["problem"]) == ("unreadable", "prompts/system.md: Permission denied")


@contextmanager
def not_as_root(folder: Path) -> Iterator[None]:
    """Root may read everything; within the block we are nobody, and the folder is nobody's."""
    if os.geteuid() != 0:
        yield
        return
    subprocess.run(["chown", "-R", "65534:65534", str(folder)], check=True)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_on_a_terminal_with_ages(played: Team) -> None:
    out = on_a_terminal(played, "--no-color", "status").out
    assert re.search(r"^refund +\S+ \S+ +1\.5\.0 +1\.5\.0 \d+[smh] +1\.5\.0 \d+[smh]$", out, re.MULTILINE)
