"""Every command in the documentation runs, and prints what the page says; what is not run is listed here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from tests.conftest import ROOT

from build_site import pages as all_pages  # isort: skip
from generate import GENERATED  # isort: skip
from pageblocks import read_page  # isort: skip
from pagestarts import Starts  # isort: skip
from run_pages import difference, pages  # isort: skip

PLAYED = pages()
WRITTEN = [p for p in all_pages() if GENERATED not in p.read_text("utf-8")]
DRILL = re.compile(r"<!-- drill:begin -->.*<!-- drill:end -->", re.DOTALL)
NOT_PLAYED = {
    "README.md": 2,  # make demo and make test; pip install
    "docs/howto-read-it.md": 2,  # a service, and a command that goes on
    "docs/howto-shared-registry.md": 1,  # a part of repoint.toml
    "docs/howto-team-rollout.md": 1,  # a part of repoint.toml
}
"""How many blocks of each page are not played; each says why, in the page."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PLAYED, ids=name)
def test_every_command_of_a_page_prints_what_the_page_says(path: Path, starts: Starts, tmp_path: Path) -> None:
    patch = difference(path, starts, tmp_path)
    assert not patch, f"run make docs, and read what it changes:\n{patch}"


def test_the_pages_that_teach_are_played() -> None:
    found = {name(path) for path in PLAYED}
    told = ["incident", "tutorial", "versioning", "howto-hotfix", "howto-review-a-change", "howto-team-rollout"]
    told += ["howto-shared-registry", "howto-git-host-protection", "howto-read-it"]
    assert {"README.md", *(f"docs/{page}.md" for page in told)} <= found


def test_few_blocks_are_not_played_and_each_says_why() -> None:
    found: dict[str, int] = {}
    for path in WRITTEN:
        skipped = [b for b in read_page(path.read_text("utf-8")).blocks if b.skipped is not None]
        assert all(len((b.skipped or "").split()) > 3 for b in skipped), path
        if skipped:
            found[name(path)] = len(skipped)
    assert found == NOT_PLAYED


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_no_command_of_a_page_escapes_being_played(path: Path) -> None:
    """A command stands in a block that is played, in one that says why not, or within a line, where it is parsed."""
    text = DRILL.sub("", path.read_text("utf-8"))
    page = read_page(text)
    inside = {n for block in page.blocks for n in range(block.start, block.end)}
    for number, line in enumerate(page.lines):
        if number not in inside:
            assert not re.match(r" {4,}(\$ )?repoint ", line), f"line {number + 1}: an indented block is not played"
    for block in page.blocks:
        if block.skipped is None and block.path is None and not block.commands:
            body = "\n".join(page.lines[block.start : block.end])
            assert not re.search(r"^(\$ )?repoint ", body, re.MULTILINE), f"line {block.start}: not played"


# -- commands within lines -------------------------------------------------------------------------------------------


def commands_within_lines() -> Iterator[tuple[str, str]]:
    """Page and text of every ```repoint ...``` within a line, and of every one in a file that a page writes."""
    for path in WRITTEN:
        text = path.read_text("utf-8")
        page = read_page(text)
        inside = {n for block in page.blocks for n in range(block.start, block.end)}
        prose = "\n".join(line for n, line in enumerate(page.lines) if n not in inside)
        for found in re.findall(r"`(repoint [^`]+)`", prose):
            yield name(path), found
        for block in page.blocks:
            if block.path and block.path.endswith((".yml", ".sh")):
                for line in page.lines[block.start : block.end]:
                    for found in re.findall(r"(?:^ *|: )(repoint .+)", line):
                        yield name(path), re.split(r" (?:\|\||>)", found)[0]


@pytest.mark.parametrize(("page", "text"), sorted(set(commands_within_lines())))
def test_a_command_within_a_line_is_one_that_the_command_line_takes(page: str, text: str) -> None:
    from repoint_cli.main import cli

    words = [w for w in shlex.split(text)[1:] if w != "…"]
    context = click.Context(cli, info_name="repoint")
    options, words, _ = cli.make_parser(context).parse_args(words)
    if not words:
        assert options or "…" in text, text
        return
    command = cli.get_command(context, words[0])
    assert command is not None, f"{page}: {text}: there is no such command"
    inner = click.Context(command, info_name=words[0], parent=context)
    command.make_parser(inner).parse_args(words[1:])  # an unknown option, or one without its value, is an error


@pytest.mark.parametrize("path", PLAYED, ids=name)
def test_every_workflow_is_yaml(path: Path) -> None:
    page = read_page(path.read_text("utf-8"))
    for block in page.blocks:
        if block.language == "yaml":
            assert isinstance(yaml.safe_load("\n".join(page.lines[block.start : block.end])), dict)


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_what_a_page_tells_to_make_or_to_start_is_there(path: Path) -> None:
    """Targets of make, and scripts of this checkout, in blocks and within lines."""
    text = path.read_text("utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = re.findall(r"(?:^ {0,8}|`)make ([a-z][a-z0-9 -]*?)(?=`|\s+#|$|\s+[A-Z])", text, re.MULTILINE)
    assert {word for each in told for word in each.split()} <= targets
    for script in re.findall(r"python3? ((?:docs|examples|benchmarks)/[\w/.-]+)", text):
        assert (ROOT / script).exists(), script
