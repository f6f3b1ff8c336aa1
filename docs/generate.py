"""Write the generated parts of the documentation: commands, errors, rules, schemas, and the JSON Schemas themselves.

``make docs`` runs it; with ``--check`` it writes nothing and exits 1 where something that lies there is out of date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import rules_page
from error_kinds import collect

from repoint import errors
from repoint_cli.commands import COMMANDS, SECTIONS
from repoint_cli.main import EPILOG, cli
from repoint_schemas import generate, results

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
SCHEMA_FOLDER = "../../schemas/repoint_schemas/json"
GENERATED = "<!-- Written by docs/generate.py (make docs); do not edit. -->\n"

_NO_RESULT = ("completion", "run")
"""Commands whose standard output is not Repoint's to write objects to."""

_FIXED_CODES = {
    0: "Done, or nothing to do.",
    1: "A difference or a finding was asked for, and there is one.",
    70: "A bug in Repoint; the message says how to report it.",
    130: "Interrupted by Ctrl-C.",
}


def pages() -> dict[Path, str]:
    """Every generated file and its text."""
    found = {
        REFERENCE / "commands.md": commands_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "rules.md": _page([GENERATED, *rules_page.lines()]),
        REFERENCE / "schemas.md": schemas_page(),
    }
    return found | {generate.FOLDER / name: text for name, text in generate.files().items()}


# -- commands --------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command: usage, what it does, arguments and options, examples, exit codes, result."""
    context = click.Context(cli, info_name="repoint")
    lines = [GENERATED, "# Commands", "", *_prose(cli.help or ""), ""]
    lines += [
        "Exit codes and kinds of errors: [errors.md](errors.md). Results with `--json`: [schemas.md](schemas.md)."
    ]
    lines += ["", *_examples(EPILOG)]
    lines += ["## Options of every command", "", "Before or after the command's name.", ""]
    lines += [*_table(["option", "what it does"], _options(cli, context)), ""]
    for section in SECTIONS:
        lines += [f"## {section}", ""]
        for name in (n for n, spec in COMMANDS.items() if spec.section == section):
            lines += _command(name, context)
    return _page(lines)


def _command(name: str, parent: click.Context) -> list[str]:
    command = cli.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    own = _options(command, context, without=[p.opts for p in cli.params])
    usage = " ".join([f"repoint {name}", *command.collect_usage_pieces(context)])
    lines = [f"### repoint {name}", "", f"    {usage}", "", *_prose(command.help or ""), ""]
    if own:
        lines += [*_table(["option", "what it does"], own), ""]
    lines += _examples(command.epilog or "")
    return [*lines, *_codes_and_result(name, command), ""]


def _options(command: click.Command, context: click.Context, without: Sequence[list[str]] = ()) -> list[list[str]]:
    """What the help says of each option; ``without`` leaves out those that only set something for every command."""
    own = [p for p in command.params if p.expose_value or p.opts not in without]
    records = [p.get_help_record(context) for p in own]
    return [[f"`{flags}`", text] for flags, text in (r for r in records if r) if text]


def _codes_and_result(name: str, command: click.Command) -> list[str]:
    """What the exit code 1 means here, and the schema of what ``--json`` prints."""
    callback = inspect.unwrap(command.callback) if command.callback else None
    finds = callback is not None and inspect.signature(callback).return_annotation in (int, "int")
    codes = "0, 1 (something was found)" if finds else "0"
    lines = [f"Exit codes: {codes}, and those of [errors](errors.md)."]
    links = [f"[result-{schema}]({SCHEMA_FOLDER}/result-{schema}.schema.json)" for schema in _schemas_of(name)]
    if links:
        lines += [f"Result: {', or '.join(links)}."]
    return [" ".join(lines)]


def _schemas_of(name: str) -> list[str]:
    """The results that a command prints: one for each form that it has."""
    if name in _NO_RESULT:
        return []
    return [schema for schema in results.COMMANDS if schema == name or schema.startswith(f"{name}-")] or ["move"]


def _examples(epilog: str) -> list[str]:
    """The epilog's examples as a block of code, and what follows them as text."""
    text = inspect.cleandoc(epilog.replace("\b", ""))
    match = re.search(r"Examples:\n((?:[ ].*\n?)+)", text)
    if match is None:
        return []
    block = inspect.cleandoc(match[1]).splitlines()
    rest = text[match.end() :].strip()
    return ["Examples:", "", *(f"    {line}" for line in block), "", *([rest, ""] if rest else [])]


# -- errors ----------------------------------------------------------------------------------------------------------


def errors_page() -> str:
    """Exit codes, and every kind of error with its class and exit code."""
    classes = {
        c.__name__: c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.RepointError)
    }
    rows = {code: ["", text] for code, text in _FIXED_CODES.items()}
    for name, found in classes.items():
        if found is not errors.RepointError:
            rows[found.exit_code] = [
                f"`{name}`",
                inspect.cleandoc(found.__doc__ or "").partition("\n\n")[0].replace("``", "`"),
            ]
    kinds = collect([ROOT / "registry" / "repoint", ROOT / "cli" / "repoint_cli"], set(classes))
    lines = [GENERATED, "# Exit codes and errors", ""]
    lines += ['With `--json` an error is one object on standard error, `{"error": {"kind", "message", "hint", ']
    lines[-1] += '"exit_code", "facts"}}`. Programs go by the exit code, then by `kind`: kinds are only ever added.'
    lines += [
        "",
        "## Exit codes",
        "",
        *_table(["code", "class", "meaning"], [[str(c), *rows[c]] for c in sorted(rows)]),
    ]
    lines += ["", "## Kinds", "", "An ellipsis stands for what the message names."]
    cells = [[f"`{k.name}`", f"`{k.error_class}`", str(classes[k.error_class].exit_code), k.message] for k in kinds]
    return _page([*lines, "", *_table(["kind", "class", "code", "message"], cells)])


# -- schemas ---------------------------------------------------------------------------------------------------------


def schemas_page() -> str:
    """The published JSON Schemas: documents, then results."""
    rows = [[f"[{name}]({SCHEMA_FOLDER}/{name}.schema.json)", _described(s)] for name, s in generate.schemas().items()]
    lines = [
        GENERATED,
        "# JSON Schemas",
        "",
        "Draft 2020-12, generated from the models. Documents first, then what every",
    ]
    lines[-1] += (
        " command prints with `--json` (`result-move` serves promote, rollback and the flags). Fields of results"
    )
    lines[-1] += " are only ever added; documents carry a schema number."
    return _page([*lines, "", *_table(["schema", "what it describes"], rows)])


def _described(schema: dict[str, object]) -> str:
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    top = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return str(top.get("description", "")).partition("\n\n")[0].replace("\n", " ")


# -- text ------------------------------------------------------------------------------------------------------------


def _prose(text: str) -> list[str]:
    return inspect.cleandoc(text).replace("\b\n", "").splitlines()


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    escaped = [[cell.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *escaped]]


def _page(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write everything, or with ``--check`` name what is out of date."""
    wanted = pages()
    written = (p for p in REFERENCE.glob("*.md") if p.read_text("utf-8").startswith(GENERATED))
    there = [*written, *generate.FOLDER.glob("*.schema.json")]
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    extra = [p for p in there if p not in wanted]
    if arguments == ["--check"]:
        for path in sorted([*stale, *extra]):
            print(f"{path.relative_to(ROOT)} is out of date: make docs")
        return 1 if stale or extra else 0
    REFERENCE.mkdir(exist_ok=True)
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in extra:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
