"""The generated reference is what the code is: commands, kinds of errors, JSON Schemas; and its examples run."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
import jsonschema
import pytest

from repoint_cli.commands import COMMANDS
from repoint_cli.main import EPILOG, cli
from repoint_schemas import documents, generate, results
from repoint_schemas.canonical import Document

from tests.cli.commandline import Team

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: make docs"


def test_every_command_and_option_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        section = text.partition(f"### repoint {name}\n")[2].partition("\n### ")[0]
        assert section, name
        shown = [p for p in command.params if isinstance(p, click.Option) and p.expose_value and not p.hidden]
        for option in shown:
            assert all(flag in section for flag in option.opts), f"{name} {option.opts}"


def test_the_summary_of_every_command_says_what_its_help_says() -> None:
    """The table of commands is written by hand, so that the help imports nothing: each row names a real command."""
    context = click.Context(cli)
    for name, spec in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert spec.summary.endswith(".")
        assert len(spec.summary) < 70


# -- schemas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", generate.schemas())
def test_every_schema_is_one(name: str) -> None:
    schema = json.loads((generate.FOLDER / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == generate.DIALECT
    assert schema == generate.schemas()[name]


def test_every_document_and_result_has_a_schema() -> None:
    kinds = {k for k in vars(documents).values() if inspect.isclass(k) and issubclass(k, Document)} - {Document}
    assert kinds == set(generate.DOCUMENTS.values())
    assert {f"result-{name}" for name in results.COMMANDS} <= set(generate.schemas())


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((generate.FOLDER / f"{name}.schema.json").read_text("utf-8")))


def test_stored_documents_fit_their_schemas(played: Team) -> None:
    played.done("rollback", "refund@1.5.0", "-m", "bad")
    played.done("freeze", "production", "-m", "week")
    record = json.loads(played.git("show", "repoint/env/production:record.json"))
    first = json.loads(played.git("show", "repoint/env/production~6:record.json"))
    snapshot = json.loads(played.git("show", "refund@v1.5.0:.repoint/snapshot.json"))
    release = json.loads(played.git("for-each-ref", "--format=%(contents:body)", "refs/tags/refund@v1.5.0"))
    pin = json.loads((played.folder / ".git/repoint/pin.json").read_text())

    assert first["generation"] == 0
    for name, document in (("record", record), ("record", first), ("snapshot", snapshot), ("release", release)):
        validator(name).validate(document)
        with pytest.raises(jsonschema.ValidationError):
            validator(name).validate({**document, "extra": 1})
        with pytest.raises(jsonschema.ValidationError):
            validator(name).validate({k: v for k, v in document.items() if k != "schema"})
    validator("pin").validate(pin)
    with pytest.raises(jsonschema.ValidationError):
        validator("record").validate({**record, "generation": -1})


def test_what_people_write_fits_its_schema(played: Team) -> None:
    import tomllib

    manifest = tomllib.loads((played.agent() / "agent.toml").read_text())
    config = tomllib.loads((played.folder / "repoint.toml").read_text())
    example = ROOT / "examples" / "support-team"

    validator("manifest").validate(manifest)
    validator("config").validate(config)
    for path in example.rglob("agent.toml"):
        validator("manifest").validate(tomllib.loads(path.read_text("utf-8")))
    mistakes: list[dict[str, object]] = [
        {"modell": {}},
        {"prompts": {"a b": "x"}},
        {"config": {"max_tokens": 0}},
        {"agent": {"name": "R"}},
    ]
    for wrong in mistakes:
        with pytest.raises(jsonschema.ValidationError):
            validator("manifest").validate({**manifest, **wrong})


# -- errors ----------------------------------------------------------------------------------------------------------


def test_kinds_in_the_reference(played: Team) -> None:
    text = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    listed = {(m[1], m[2]) for m in re.finditer(r"^\| `([a-z0-9-]+)` \| `\w+` \| (\d+) \|", text, re.MULTILINE)}
    assert len(listed) > 80
    for arguments in (
        ["show"],
        ["show", "refund@9.9.9"],
        ["show", "Refund@1.0.0"],
        ["show", "refund"],
        ["promote", "refund@1.4.2"],
        ["rollback"],
        ["rollback", "intake"],
        ["rollback", "refund", "--to", "1.2.0"],
        ["commit", "refund", "-m", ""],
        ["commit", "refund", "-m", "x", "--from", "prompts"],
        ["commit", "nobody", "-m", "x"],
        ["export", "refund@1.5.0", "agents"],
        ["new", "refund"],
    ):
        failure = played.run(*arguments, "--json").failure
        assert (failure["kind"], str(failure["exit_code"])) in listed, failure


def test_a_kind_that_cannot_be_followed_stops_the_generator(tmp_path: Path) -> None:
    """Otherwise the reference could leave one out."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from error_kinds import Unknown, collect\n"
        "try:\n"
        "    print([k.name for k in collect([Path(sys.argv[2])], {'Boom'})])\n"
        "except Unknown as error:\n"
        "    print('unknown', error)\n"
    )

    def kinds(source: str) -> str:
        (tmp_path / "module.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-c", code, str(ROOT / "docs"), str(tmp_path)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert kinds("def f():\n    raise Boom('x', kind='one')\n") == "['one']"
    assert kinds("def f(kind):\n    raise Boom('x', kind=kind)\ndef g():\n    f('two')\n    f(kind='one')\n") == (
        "['one', 'two']"
    )
    assert (
        kinds("T = ((1, 'a'), (2, 'b'))\ndef f():\n    for _, k in T:\n        raise Boom('x', kind=k)\n")
        == "['a', 'b']"
    )
    assert kinds("def f():\n    raise Boom('x', kind=elsewhere)\n").startswith("unknown")
    assert kinds("def f():\n    raise Boom('x')\n").startswith("unknown")


# -- examples --------------------------------------------------------------------------------------------------------


def examples() -> list[str]:
    """Every example of the help, without what stands beside it."""
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in COMMANDS]
    epilogs = [EPILOG, *(c.epilog or "" for c in commands if c is not None)]
    found = []
    for epilog in epilogs:
        for line in epilog.splitlines():
            if match := re.match(r"  (?:eval \"\$\()?(repoint .*)", line):
                found.append(re.split(r"   +|\)\"| \| |  the |  what |  one |  back | and ", match[1])[0].strip())
    return found


def test_every_command_that_changes_something_shows_an_example() -> None:
    shown = " ".join(examples())
    for name in ("init", "new", "commit", "list", "show", "diff", "export", "promote", "rollback", "history"):
        assert f"repoint {name}" in shown


ELSEWHERE = {
    "repoint init --store": 9,
    "repoint init --remote": 6,
    "repoint migrate --to s3": 9,
    "repoint migrate --to git": 4,
    "repoint migrate --to local": 6,
    "repoint resolve": 4,
}
"""Examples that need a bucket, a remote or an unsettled move, and how they end where there is none (test_shared)."""


@pytest.mark.parametrize("example", examples())
def test_every_example_runs(played: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, example: str) -> None:
    """In a registry where the names that they use are real: none is refused for the way it is written."""
    played.write_prompt("Changed\n")
    monkeypatch.chdir(tmp_path)
    later = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    example = example.replace("/tmp/refund", str(tmp_path / "refund")).replace("2026-11-20", later)
    example = example.replace("/srv/agents", str(tmp_path / "agents"))
    arguments = shlex.split(example)
    (tmp_path / "move.json").write_text("{}")
    expected = next((code for beginning, code in ELSEWHERE.items() if example.startswith(beginning)), 0)
    if example.endswith("move.json"):
        expected = 8
    if arguments[1] == "new":
        arguments[2] = "another"
    if "--wait" in arguments:
        expected = 11  # nobody reports
    if arguments[1] == "run" or "--follow" in arguments:
        until_it_goes_on(played, tmp_path, arguments)
    else:
        ran = played.run(*arguments[1:])
        assert ran.code == expected, f"{example}: {ran}"


def until_it_goes_on(played: Team, folder: Path, arguments: list[str]) -> None:
    """An example that does not come back: it becomes another program, or follows. It prints a line, and is ended."""
    (folder / "worker.py").write_text("print('works', flush=True)\ninput()\n")
    (folder / "agent").write_text("#!/bin/sh\necho works\nread line\n")
    (folder / "agent").chmod(0o755)
    command = [sys.executable, "-m", "repoint_cli", "--registry", str(played.folder), *arguments[1:]]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), arguments
        process.terminate()
