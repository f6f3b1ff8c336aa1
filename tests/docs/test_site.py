"""Every page renders, its links and anchors lead somewhere and its tables are whole; and what is broken is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT

from build_site import anchors, links, pages, problems, render  # isort: skip

GOOD = "# One\n\n## A `b` (c)\n\nSee [there](#a-b-c).\n\n| a | b |\n|---|---|\n| 1 | `x \\| y` |\n"


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_wrong_with_a_page(path: Path) -> None:
    assert problems(path) == []
    assert render(path).count("<h1") == 1


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / t.partition("#")[0]).resolve() for _, t in links(page) if "://" not in t]
    apart = {ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "changelog.d" / "README.md"}
    assert set(pages()) - reached <= apart


def page_of(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, "utf-8")
    return path


def test_a_good_page_has_no_problem(tmp_path: Path) -> None:
    path = page_of(tmp_path, GOOD)
    assert problems(path) == []
    assert anchors(path) == ["one", "a-b-c"]
    assert '<h2 id="a-b-c">' in render(path)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("[x](nowhere.md)", "leads nowhere"),
        ("[x](#nowhere)", "no such heading"),
        ("[x](page.md#nowhere)", "no such heading"),
        ("![x](nowhere.png)", "leads nowhere"),
        ("[x][nowhere]", "markup that is none"),
        ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", "3 cells in a table of 2"),
        ("| a | b |\n|---|---|\n| 1 |", "1 cells in a table of 2"),
        ("| a | b |\n| 1 | 2 |", "markup that is none"),
        ("#### Deep", "level 4 follows"),
        ("# Two", "one heading of level 1"),
        ("<div>x</div>", "HTML"),
        ("a <br> b", "HTML"),
        ("```text\nopen", "never closed"),
    ],
)
def test_what_is_broken_is_found(tmp_path: Path, more: str, problem: str) -> None:
    found = problems(page_of(tmp_path, f"{GOOD}\n{more}\n"))
    assert any(problem in each for each in found), found


def test_links_between_pages_lead_to_their_html(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Other\n", "utf-8")
    html = render(page_of(tmp_path, "# One\n\n[o](other.md#other) [e](https://a.example/x.md)\n"))
    assert 'href="other.html#other"' in html
    assert 'href="https://a.example/x.md"' in html
