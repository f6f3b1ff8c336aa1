"""Check every page as a reader's Git host will show it, and render all of them to HTML in ``build/docs``.

Something is wrong where a link or an anchor leads nowhere, a row of a table has another number of cells than its head,
a table is not recognised as one, a heading skips a level, or markup is shown as text. ``--check`` renders nothing.
"""

from __future__ import annotations

import html
import itertools
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pageblocks import PageError, read_page

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "docs"
_COMMENT = re.compile(r"^(<!--.*?-->\s*)+$", re.DOTALL)
_CELL_END = re.compile(r"(?<!\\)\|")
_LEFT_OVER = re.compile(r"\]\(|\]\[[^\]]*\]|^\s*\|.*\||</?[a-z]+>")
_STYLE = (
    "body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
    "pre{overflow-x:auto;padding:.8rem;background:#f4f4f4;color:#111}code{font-size:.92em}"
    "table{border-collapse:collapse}td,th{border:1px solid #aaa;padding:.3rem .6rem;vertical-align:top;text-align:left}"
)


def pages() -> list[Path]:
    """Every page of the project, generated ones too; what a command printed (``docs/recordings``) is none."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("benchmarks/*.md")]
    found = [p for p in found if p.parent.name != "recordings" or p.name == "README.md"]
    return sorted([*found, *ROOT.glob("changelog.d/README.md")])


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


@cache
def _tokens(path: Path) -> list[Token]:
    return _parser().parse(path.read_text("utf-8"))


def anchors(path: Path) -> list[str]:
    """The anchor that a Git host gives each heading of a page, in order."""
    seen: dict[str, int] = {}
    found = []
    for _, text in headings(path):
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
    return found


def headings(path: Path) -> list[tuple[int, str]]:
    """Level and plain text of each heading."""
    tokens = _tokens(path)
    opened = [(n, t) for n, t in enumerate(tokens) if t.type == "heading_open"]
    return [(int(t.tag[1]), "".join(c.content for c in tokens[n + 1].children or ())) for n, t in opened]


def problems(path: Path) -> list[str]:
    """What is wrong with a page, each with its line where there is one."""
    try:
        read_page(path.read_text("utf-8"))
    except PageError as error:
        return [str(error)]
    return [*_headings_wrong(path), *_tables_wrong(path), *_text_wrong(path), *_links_wrong(path)]


def _headings_wrong(path: Path) -> Iterator[str]:
    levels = [level for level, _ in headings(path)]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "a page has one heading of level 1, its first"
    for before, after in itertools.pairwise(levels):
        if after > before + 1:
            yield f"a heading of level {after} follows one of level {before}"


def _tables_wrong(path: Path) -> Iterator[str]:
    lines = path.read_text("utf-8").splitlines()
    for token in _tokens(path):
        if token.type == "table_open" and token.map:
            cells = [len(_CELL_END.findall(lines[n])) for n in range(*token.map) if lines[n].strip()]
            for number, count in enumerate(cells):
                if count != cells[0]:
                    yield f"line {token.map[0] + number + 1}: {count - 1} cells in a table of {cells[0] - 1}"


def _text_wrong(path: Path) -> Iterator[str]:
    for token in _tokens(path):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "html_block" and not _COMMENT.match(token.content.strip()):
            yield f"line {line}: HTML: {token.content.strip()[:60]}"
        for child in token.children or ():
            if child.type == "html_inline" and not child.content.startswith("<!--"):
                yield f"line {line}: HTML: {child.content}"
            if child.type == "text" and _LEFT_OVER.search(child.content):
                yield f"line {line}: markup that is none: {child.content[:60]}"


def _links_wrong(path: Path) -> Iterator[str]:
    for token, target in links(path):
        line = token.map[0] + 1 if token.map else 0
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            yield f"line {line}: {target} leads nowhere"
        elif anchor and (there.suffix != ".md" or anchor not in anchors(there)):
            yield f"line {line}: {target}: there is no such heading"


def links(path: Path) -> Iterator[tuple[Token, str]]:
    """The target of every link and picture, with the block that it stands in."""
    for token in _tokens(path):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield token, str(target)


def render(path: Path) -> str:
    """A page as a whole HTML document; links to other pages lead to their HTML."""
    tokens = _parser().parse(path.read_text("utf-8"))
    known = iter(anchors(path))
    for token in tokens:
        if token.type == "heading_open":
            token.attrSet("id", next(known))
        for child in token.children or ():
            target = str(child.attrGet("href") or "")
            if target and ":" not in target:
                child.attrSet("href", re.sub(r"\.md(?=$|#)", ".html", target))
    title = html.escape(headings(path)[0][1])
    body = _parser().renderer.render(tokens, _parser().options, {})
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f"<!doctype html>\n<html lang=en><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n"


def main(arguments: list[str]) -> int:
    """Check every page, and render them unless ``--check``; exit 1 where something is wrong."""
    wrong = [f"{page.relative_to(ROOT)}: {problem}" for page in pages() for problem in problems(page)]
    print("".join(f"{each}\n" for each in wrong), end="", file=sys.stderr)
    if wrong or "--check" in arguments:
        return 1 if wrong else 0
    for page in pages():
        target = OUTPUT / page.relative_to(ROOT).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(page), "utf-8")
    print(f"{len(pages())} pages in {OUTPUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
