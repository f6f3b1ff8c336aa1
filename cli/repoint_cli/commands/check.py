"""``repoint check``: lint working copies before they become versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from repoint.errors import InvalidInput, NotFound, UsageError
from repoint.names import parse_agent
from repoint_cli.arguments import complete_agents
from repoint_cli.findings import finding_line, finding_result, warn_of_allowed
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.session import Session, opened
from repoint_schemas.documents import AgentName
from repoint_schemas.results import CheckResult, FindingResult

if TYPE_CHECKING:
    from repoint.allowances import Allowances
    from repoint_cli.output import Console

_FORMATS = ("text", "json", "sarif", "github")


class Checked(NamedTuple):
    """What was checked: every finding, the allowed ones too, the agents, and how many of them have one that counts."""

    found: list[FindingResult]
    agents: list[AgentName]
    concerned: int

    @property
    def counted(self) -> list[FindingResult]:
        """The findings that nothing allows."""
        return [each for each in self.found if each.allowed is None]


def _complete_rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from repoint.lintrules import all_rules

    return [rule.name for rule in all_rules() if rule.name.startswith(incomplete)]


@click.command(
    epilog="""\b
Examples:
  repoint check                         every agent; exit 1 on any finding
  repoint check refund --show-allowed   with what repoint.toml allows
  repoint check --explain secret        why a rule is there, how to mend it
  repoint check --format github         annotations in a GitHub Actions job
  repoint check --format sarif --output repoint.sarif   for code scanning
"""
)
@click.argument("agents", nargs=-1, metavar="[AGENT]...", shell_complete=complete_agents)
@click.option("--explain", metavar="RULE", shell_complete=_complete_rules, help="Explain one rule and do nothing else.")
@click.option("--list-rules", is_flag=True, help="List every rule and do nothing else.")
@click.option("--show-allowed", is_flag=True, help="List the findings that repoint.toml allows, with the reason.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="What to print: text, JSON, SARIF 2.1.0, or annotations of GitHub Actions.",
)
@click.option("--output", metavar="FILE", help="Write what --format says into FILE, and text on the terminal.")
@global_options
@pass_settings
def check(
    settings: Settings,
    agents: tuple[str, ...],
    explain: str | None,
    list_rules: bool,
    show_allowed: bool,
    shape: str,
    output: str | None,
) -> int:
    """Check working copies before they become versions: model pins, secrets, hidden characters, specifications.

    Exit 1 on any finding that repoint.toml does not allow. Nothing is changed.
    """
    console = settings.console
    _settle_format(console, shape, output)
    if list_rules or explain is not None:
        return _show_rules(console, explain)
    with opened(settings) as session:
        checked = _checked(session, [parse_agent(a) for a in agents] or _all(session), everything=not agents)
    shown = checked.found if show_allowed else checked.counted
    if output is not None:
        _write(os.path.join(settings.directory, output), _report(console, shape, checked, shown))
    if output is None and shape in ("sarif", "github"):
        console.say(*_report(console, shape, checked, shown).splitlines())
    else:
        _say(console, checked, shown)
    warn_of_allowed(console, checked.found)
    console.result(_result(checked, shown))
    return 1 if checked.counted else 0


def _settle_format(console: Console, shape: str, output: str | None) -> None:
    """``--format json`` is ``--json``; what is written into a file leaves the terminal as it is."""
    if output is not None:
        return
    if console.json and shape in ("sarif", "github"):
        raise UsageError(
            f"--json and --format {shape} are two answers", kind="two-formats", hint="give one, or --output FILE"
        )
    if shape == "json":
        console.json, console.colour = True, False


def _show_rules(console: Console, name: str | None) -> int:
    from repoint.lintrules import all_rules, rule_named
    from repoint_cli.ruletext import explained, listed, rule_result

    rules = all_rules() if name is None else [rule_named(name)]
    console.say(*(listed(console, rules) if name is None else explained(console, rules[0])))
    console.result(CheckResult([], [], rules=[rule_result(rule) for rule in rules]), page=True)
    return 0


def _all(session: Session) -> list[AgentName]:
    from repoint.config import agent_folders

    if session.workspace.config is None:
        raise NotFound(
            "there is no repoint.toml here that says where agents are",
            kind="no-config",
            hint="run it in a checkout of the repository; in one that is no registry yet: repoint init",
        )
    return sorted(agent_folders(session.workspace.root, session.workspace.config))


def _checked(session: Session, names: list[AgentName], *, everything: bool) -> Checked:
    """Every finding, by agent and in the order of its files; allowances that allow nothing come last."""
    allowances = _allowances(session)
    allowances.refuse_unknown()
    found = {name: _in_agent(session, name, allowances) for name in names}
    whole = [name for name in names if not any(each.rule == "manifest" for each in found[name])]
    unused = allowances.unused(whole, everything=everything and len(whole) == len(names))
    concerned = sum(any(each.allowed is None for each in of_agent) for of_agent in found.values())
    listed = [each for of_agent in found.values() for each in of_agent]
    return Checked(listed + [finding_result(each, "") for each in unused], names, concerned)


def _allowances(session: Session) -> Allowances:
    from repoint.allowances import Allowances
    from repoint.config import CONFIG

    config = session.workspace.config
    if config is None or not config.allow:
        return Allowances(())
    return Allowances(config.allow, (session.workspace.root / CONFIG).read_text("utf-8"))


def _in_agent(session: Session, agent: AgentName, allowances: Allowances) -> list[FindingResult]:
    from repoint.filescan import Scans
    from repoint.lint import lint_copy, versions_to_choose
    from repoint.snapshot import build_snapshot
    from repoint_cli.workingcopy import working_copy

    workspace = session.workspace
    try:
        copy = working_copy(session, agent)
        scanned = Scans()
        contents = build_snapshot(copy, workspace.limits(), scanned)
        found = lint_copy(contents, copy, versions_to_choose(workspace.registry), scanned)
    except InvalidInput as error:
        return _unreadable(session, agent, error)
    ordered = sorted(allowances.applied(agent, found), key=lambda each: (each.path, each.line or 0, each.rule))
    return [finding_result(each, copy.shown) for each in ordered]


def _unreadable(session: Session, agent: AgentName, error: InvalidInput) -> list[FindingResult]:
    """What keeps an agent from being read: one finding for each problem of its manifest, where it is."""
    from repoint.config import MANIFEST, agent_folder
    from repoint.secretmask import masked

    config = session.workspace.config
    assert config is not None
    root = session.workspace.root
    shown = f"{agent_folder(root, config, agent).relative_to(root).as_posix()}/{MANIFEST}"
    problems = error.facts.get("problems")
    if not isinstance(problems, list) or not problems:
        message = error.message.removeprefix(f"{shown}: ")
        message = masked(message + (f"; {error.hint}" if error.hint else ""))
        return [FindingResult("manifest", shown, None, "error", message)]
    found = []
    for each in problems:
        key, line = each["key"], each["line"]
        message = f"{key}: {each['message']}" if key else str(each["message"])
        place = line if isinstance(line, int) else None
        found.append(FindingResult("manifest", str(each["path"]), place, "error", masked(message)))
    return found


def _result(checked: Checked, shown: list[FindingResult]) -> CheckResult:
    return CheckResult(shown, checked.agents, len(checked.found) - len(checked.counted))


def _report(console: Console, shape: str, checked: Checked, shown: list[FindingResult]) -> str:
    """What ``--format`` asks for, as a text that ends with a line feed. SARIF always says what is allowed."""
    if shape == "sarif":
        from repoint.lintrules import all_rules
        from repoint_cli.sarif import sarif_log

        return sarif_log(checked.found, all_rules(), _version()) + "\n"
    if shape == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(_result(checked, shown)), indent=2).decode() + "\n"
    if shape == "github":
        from repoint_cli.annotations import workflow_commands

        lines = workflow_commands(shown)
    else:
        lines = [click.unstyle(finding_line(console, each)) for each in shown]
    return "".join(f"{line}\n" for line in (*lines, _summary(checked)))


def _say(console: Console, checked: Checked, shown: list[FindingResult]) -> None:
    console.say(*(finding_line(console, each) for each in shown))
    console.done(_summary(checked))
    if checked.counted:
        rule = min(checked.counted, key=lambda each: each.severity).rule
        console.done(console.dim(f"repoint check --explain {rule} says why, and how to mend or allow it"))


def _summary(checked: Checked) -> str:
    """How many of what, in how many agents; and what is allowed."""
    counted = checked.counted
    allowed = len(checked.found) - len(counted)
    also = f" ({allowed} allowed by repoint.toml: --show-allowed lists them)" if allowed else ""
    if not counted:
        return f"{_number(len(checked.agents), 'agent')} checked, no findings{also}"
    errors = sum(each.severity == "error" for each in counted)
    kinds = [_number(n, word) for n, word in ((errors, "error"), (len(counted) - errors, "warning")) if n]
    place = f" in {_number(checked.concerned, 'agent')}" if checked.concerned else ""
    return f"{', '.join(kinds)}{place}{also}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("repoint")
    except PackageNotFoundError:
        return None


def _write(path: str, text: str) -> None:
    """Write the report. Raises: InvalidInput."""
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise InvalidInput(
            f"{path}: cannot be written: {error.strerror or error}",
            kind="unwritable-output",
            hint="name a file in a folder that exists and can be written to",
        ) from error
