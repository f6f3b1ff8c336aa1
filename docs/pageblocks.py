"""Read what a page wants played: commands with their output, files to write, and the settings between them.

A page is Markdown as a Git host shows it. What is played stands in fenced blocks:

* ``console``: lines that begin with ``$ `` are commands, what follows is their output, put there by running them. A
  command may go on after a backslash. ``[exit 7]`` as the last line of an output says that failing is what it shows.
* ``sh``: commands whose output is of no interest; each must succeed.
* any language with ``file=PATH``: contents that the reader is told to write to that file.

Settings stand in comments, which a reader does not see: ``<!-- play: start=empty clock=2026-11-02T09:00:00Z -->``. With
``bucket=NAME`` beside ``start`` the AWS settings lead to an S3 service that has this bucket, and nothing in it. A block
after ``<!-- not played: WHY -->`` is left alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^(`{3,}|~{3,})(.*)$")
_SETTING = re.compile(r"^<!-- play: (.+) -->$")
_SKIPPED = re.compile(r"^<!-- not played: (.+) -->$")
_PROMPT = "$ "
SHELLS = ("console", "sh")
"""Languages of blocks that hold commands."""


class PageError(Exception):
    """A page that cannot be read or played as it stands; the text says where and why."""


@dataclass(frozen=True)
class Settings:
    """What a comment sets from here on; ``line`` counts from 1."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class File:
    """A file that the page tells its reader to write."""

    line: int
    path: str
    content: str


@dataclass(frozen=True)
class Command:
    """One command as a shell takes it, and the output that the page shows (None: the page shows none)."""

    line: int
    typed: tuple[str, ...]
    shown: tuple[str, ...] | None

    @property
    def text(self) -> str:
        """What a shell gets."""
        return "\n".join(self.typed)


@dataclass(frozen=True)
class Block:
    """A fenced block by its first and last line of content (counting from 0, the last one excluded)."""

    start: int
    end: int
    fence: str
    language: str
    path: str | None
    skipped: str | None
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page's lines, its blocks, and what is played, in order."""

    lines: list[str]
    blocks: list[Block] = field(default_factory=list)
    steps: list[Settings | File | Block] = field(default_factory=list)


def read_page(text: str) -> Page:
    """Take a page apart. Raises: PageError."""
    page = Page(text.splitlines())
    skipped: str | None = None
    at = 0
    while at < len(page.lines):
        line = page.lines[at]
        if setting := _SETTING.match(line):
            page.steps.append(Settings(at + 1, _values(setting[1], at + 1)))
        elif reason := _SKIPPED.match(line):
            skipped = reason[1]
        elif fence := _FENCE.match(line):
            block = _block(page.lines, at, fence, skipped)
            page.blocks.append(block)
            page.steps.extend(_played(page, block))
            at, skipped = block.end, None
        elif line.strip() and skipped is not None:
            raise PageError(f"line {at}: 'not played' is followed by no block")
        at += 1
    return page


def _played(page: Page, block: Block) -> Iterator[File | Block]:
    if block.skipped is not None:
        return
    if block.path is not None:
        content = "".join(f"{line}\n" for line in page.lines[block.start : block.end])
        yield File(block.start, block.path, content)
    elif block.commands:
        yield block


def _values(text: str, line: int) -> dict[str, str]:
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise PageError(f"line {line}: {error}") from error
    if any(not equals for _, equals, _ in pairs):
        raise PageError(f"line {line}: settings are written KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _block(lines: list[str], at: int, fence: re.Match[str], skipped: str | None) -> Block:
    end = next((n for n in range(at + 1, len(lines)) if lines[n].rstrip() == fence[1]), None)
    if end is None:
        raise PageError(f"line {at + 1}: this block is never closed")
    language, _, rest = fence[2].strip().partition(" ")
    path = rest.removeprefix("file=") if rest.startswith("file=") else None
    if rest and path is None:
        raise PageError(f"line {at + 1}: {rest!r} is no setting of a block")
    commands: tuple[Command, ...] = ()
    if skipped is None and language in SHELLS:
        read = _console if language == "console" else _script
        commands = tuple(read(lines[at + 1 : end], at + 2))
    return Block(at + 1, end, fence[1], language, path, skipped, commands)


def _console(lines: list[str], first: int) -> Iterator[Command]:
    starts = [n for n, line in enumerate(lines) if line.startswith(_PROMPT)]
    if not starts or starts[0] != 0:
        raise PageError(f"line {first}: a console block begins with a command, '$ ...'")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        typed, after = _typed(lines, start, end)
        shown = lines[after:end]
        while shown and not shown[-1].strip():
            shown.pop()
        yield Command(first + start, (typed[0].removeprefix(_PROMPT), *typed[1:]), tuple(shown))


def _script(lines: list[str], first: int) -> Iterator[Command]:
    at = 0
    while at < len(lines):
        typed, after = _typed(lines, at, len(lines))
        if typed[0].strip() and not typed[0].lstrip().startswith("#"):
            yield Command(first + at, tuple(typed), None)
        at = after


def _typed(lines: list[str], start: int, end: int) -> tuple[list[str], int]:
    """A command with its continued lines, and where what follows begins."""
    after = start + 1
    while after < end and lines[after - 1].endswith("\\"):
        after += 1
    return lines[start:after], after


def with_outputs(page: Page, outputs: dict[int, tuple[str, ...]]) -> str:
    """The page's text with new outputs, by the line of their commands. Raises: PageError."""
    lines, at = [], 0
    for block in page.blocks:
        lines += page.lines[at : block.start]
        at = block.start
        if block.commands and block.language == "console":
            lines += _rendered(block, outputs)
            at = block.end
    return "\n".join([*lines, *page.lines[at:]]) + "\n"


def _rendered(block: Block, outputs: dict[int, tuple[str, ...]]) -> Iterator[str]:
    for number, command in enumerate(block.commands):
        output = outputs.get(command.line, command.shown or ())
        for line in output:
            if line.startswith((_PROMPT, block.fence)):
                raise PageError(
                    f"line {command.line}: its output has a line {line!r}: use a longer fence, or less output"
                )
        yield _PROMPT + command.typed[0]
        yield from command.typed[1:]
        yield from output
        if output and number + 1 < len(block.commands):
            yield ""
