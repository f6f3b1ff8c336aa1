"""Play every page of the documentation and put the real outputs into it; with ``--check`` only say what differs.

``make docs`` runs it; the tests check each page the same way. A command that begins to fail, or does not exist any
more, is never written into a page: that takes a person, who adds ``[exit N]`` where a failure is what the page shows.
"""

from __future__ import annotations

import difflib
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import build_site
from pageblocks import Block, Command, File, Page, PageError, Settings, read_page, with_outputs
from pagebucket import bucket
from pagestage import ROOT, Stage
from pagestarts import Starts

_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\bsha256:[0-9a-f]{8,64}"), "sha256:DIGEST"),
    (re.compile(r"(?<![\w.-])(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}\b(?![.-]\w)"), "ID"),
)
_EXIT = re.compile(r"^\[exit (\d+)\]$")


def pages() -> list[Path]:
    """Every page that has something to play."""
    return [p for p in build_site.pages() if read_page(p.read_text("utf-8")).steps]


def play(text: str, starts: Starts, folder: Path) -> str:
    """The page as it reads with the outputs of now; recorded ones stay where only ids differ. Raises: PageError."""
    page = read_page(text)
    outputs: dict[int, tuple[str, ...]] = {}
    stage: Stage | None = None
    with ExitStack() as services:
        for number, step in enumerate(page.steps):
            if isinstance(step, Settings) and "start" in step.values:
                stage = _begun(step, starts, folder / f"stage-{number}", services)
            if stage is None:
                raise PageError("something is played before the page says with what it begins: <!-- play: start=… -->")
            _step(page, stage, step, outputs)
    return with_outputs(page, outputs)


def _begun(settings: Settings, starts: Starts, home: Path, services: ExitStack) -> Stage:
    stage = Stage(home)
    starts.begin(stage, settings.values["start"], settings.values.get("until"))
    if name := settings.values.get("bucket"):
        stage.more = services.enter_context(bucket(name))
    return stage


def _step(page: Page, stage: Stage, step: Settings | File | Block, outputs: dict[int, tuple[str, ...]]) -> None:
    match step:
        case Settings():
            _set(stage, step)
        case File():
            _require_named(page, step)
            stage.write(step.path, step.content)
        case Block():
            for command in step.commands:
                outputs[command.line] = _output(stage, command)


def _set(stage: Stage, settings: Settings) -> None:
    unknown = settings.values.keys() - {"start", "until", "bucket", "clock", "as", "run"}
    if unknown:
        raise PageError(f"line {settings.line}: there is no setting {', '.join(sorted(unknown))}")
    if clock := settings.values.get("clock"):
        stage.set_clock(clock)
    if "as" in settings.values:
        stage.actor = settings.values["as"] or None
    if run := settings.values.get("run"):
        stage.succeed(run)


def _require_named(page: Page, file: File) -> None:
    """A reader must see the name of the file that a block is for, just above it."""
    before = "\n".join(page.lines[max(0, file.line - 6) : file.line - 1])
    if f"`{file.path}`" not in before:
        raise PageError(f"line {file.line}: the text above this block does not name `{file.path}`")


def _output(stage: Stage, command: Command) -> tuple[str, ...]:
    code, printed = stage.run(command.text)
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    expected = next((int(m[1]) for line in reversed(command.shown or ()) if (m := _EXIT.match(line))), 0)
    if code != expected:
        raise PageError(
            f"line {command.line}: $ {command.text}\nended with {code}, the page says {expected}:\n{printed}"
        )
    found = (*lines, f"[exit {code}]") if code else tuple(lines)
    return command.shown if command.shown and normal(command.shown) == normal(found) else found


def normal(lines: tuple[str, ...]) -> list[str]:
    """An output without what may differ between two runs."""
    return [_normal_line(line) for line in lines]


def _normal_line(line: str) -> str:
    for pattern, word in _CHANGING:
        line = pattern.sub(word, line)
    return line.rstrip()


def difference(path: Path, starts: Starts, folder: Path) -> str:
    """How a page differs from what it says now, as a patch; empty where it does not. Raises: PageError."""
    text = path.read_text("utf-8")
    now = play(text, starts, folder)
    name = str(path.relative_to(ROOT))
    return "".join(difflib.unified_diff(text.splitlines(True), now.splitlines(True), name, f"{name}, played now"))


def main(arguments: list[str]) -> int:
    """Write every page, or those named; with ``--check`` print what differs and exit 1."""
    check = "--check" in arguments
    named = [Path(a).resolve() for a in arguments if not a.startswith("-")]
    failed = False
    with tempfile.TemporaryDirectory(prefix="repoint-docs-") as scratch:
        starts = Starts(Path(scratch, "starts"))
        for number, path in enumerate(named or pages()):
            try:
                failed |= _one(path, starts, Path(scratch, str(number)), check=check)
            except PageError as error:
                print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
                failed = True
    return 1 if failed else 0


def _one(path: Path, starts: Starts, folder: Path, *, check: bool) -> bool:
    if check:
        differs = difference(path, starts, folder)
        print(differs, end="")
        return bool(differs)
    path.write_text(play(path.read_text("utf-8"), starts, folder), "utf-8")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
