"""What plays the pages notices what it is there for: drift, failures, commands that are gone, files without a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pageblocks import PageError, read_page  # isort: skip
from pagestarts import Starts  # isort: skip
from run_pages import play  # isort: skip

START = "<!-- play: start=nothing clock=2026-11-02T09:00:00Z -->\n"


class Player:
    def __init__(self, starts: Starts, folder: Path) -> None:
        self.starts, self.folder, self.count = starts, folder, 0

    def __call__(self, text: str) -> str:
        self.count += 1
        return play(START + text, self.starts, self.folder / str(self.count)).removeprefix(START)


@pytest.fixture
def player(starts: Starts, tmp_path: Path) -> Player:
    return Player(starts, tmp_path)


def test_outputs_are_put_in_and_then_stay(player: Player) -> None:
    page = "# Page\n\n```console\n$ echo one\n$ echo two; echo; echo three\n$ true\n```\n\nEnd.\n"
    now = player(page)
    outputs = "$ echo one\none\n\n$ echo two; echo; echo three\ntwo\n\nthree\n\n$ true\n"
    assert now == f"# Page\n\n```console\n{outputs}```\n\nEnd.\n"
    assert player(now) == now


def test_another_output_replaces_the_recorded_one(player: Player) -> None:
    assert player("```console\n$ echo new\nold\n```\n") == "```console\n$ echo new\nnew\n```\n"


def test_only_ids_may_differ(player: Player) -> None:
    recorded = (
        "```console\n$ echo commit 1234567 of sha256:0123456789abcdef\ncommit 89abcde of sha256:ffffffffffffffff\n```\n"
    )
    assert player(recorded) == recorded
    changed = "```console\n$ echo generation 12 at 2026-11-02\ngeneration 13 at 2026-11-02\n```\n"
    assert player(changed) != changed


@pytest.mark.parametrize("command", ["repoint no-such-command", "repoint list --no-such-option", "exit 3"])
def test_a_failure_is_never_recorded_by_itself(player: Player, command: str) -> None:
    with pytest.raises(PageError, match="the page says 0"):
        player(f"```console\n$ {command}\n```\n")


def test_an_announced_failure_must_happen_with_that_code(player: Player) -> None:
    assert (
        player("```console\n$ echo no; exit 3\n[exit 3]\n```\n") == "```console\n$ echo no; exit 3\nno\n[exit 3]\n```\n"
    )
    for line in ("exit 4", "true"):
        with pytest.raises(PageError, match="the page says 3"):
            player(f"```console\n$ {line}\n[exit 3]\n```\n")


def test_scripts_must_succeed_line_by_line(player: Player) -> None:
    assert player("```sh\n# a comment\ntrue  # fine\n```\n")
    with pytest.raises(PageError, match="line 4: "):
        player("```sh\ntrue\nfalse\n```\n")


def test_the_folder_is_kept_and_a_command_may_go_on(player: Player) -> None:
    page = "```console\n$ mkdir inner && cd inner\n$ basename \\\n    $(pwd)\n```\n"
    assert player(page) == "```console\n$ mkdir inner && cd inner\n$ basename \\\n    $(pwd)\ninner\n```\n"


def test_a_file_is_written_where_the_reader_is_told_its_name(player: Player) -> None:
    block = "```text file=a/b.txt\nhello\n```\n\n```console\n$ cat a/b.txt\nhello\n```\n"
    assert player(f"Write `a/b.txt`:\n\n{block}") == f"Write `a/b.txt`:\n\n{block}"
    with pytest.raises(PageError, match="does not name"):
        player(block)


def test_the_clock_is_the_page_s_and_never_goes_back(player: Player) -> None:
    page = player("```console\n$ git init -q && repoint init -q && repoint history staging\n```\n")
    assert "2026-11-02T09:00:07Z  init" in page
    later = "<!-- play: clock=2026-12-01T00:00:00Z -->\n```sh\ntrue\n```\n"
    assert player(later)
    with pytest.raises(PageError, match="go back"):
        player(later + "<!-- play: clock=2026-11-01T00:00:00Z -->\n")


def test_who_acts_is_the_page_s(player: Player) -> None:
    page = player('<!-- play: as="Kim <kim@a.example>" -->\n```console\n$ echo $REPOINT_ACTOR\n```\n')
    assert "\nKim <kim@a.example>\n" in page


def test_a_page_may_begin_with_an_empty_bucket(player: Player) -> None:
    begin = "<!-- play: start=empty bucket=acme clock=2026-11-02T09:00:00Z -->\n"
    page = player(begin + "```console\n$ repoint init --quiet --store s3://acme/x && repoint status\n```\n")
    assert "\nstaging     generation 0  never moved\n" in page


def test_an_output_that_would_end_its_block_needs_a_longer_fence(player: Player) -> None:
    with pytest.raises(PageError, match="longer fence"):
        player("```console\n$ printf '```diff\\n'\n```\n")
    assert player("````console\n$ printf '```diff\\n'\n````\n").endswith("\n```diff\n````\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```console\nno prompt\n```\n", "begins with a command"),
        ("```console\n$ true\n", "never closed"),
        ("```text nonsense\n```\n", "no setting of a block"),
        ("<!-- not played: the reason -->\nText.\n", "followed by no block"),
        ("<!-- play: nonsense -->\n", "KEY=VALUE"),
        ("<!-- play: nonsense=1 -->\n", "no setting nonsense"),
        ("<!-- play: start=elsewhere -->\n", "no start"),
        ("<!-- play: start=story until=refund@9.9.9 -->\n", "no page begins after refund@9.9.9"),
        ("<!-- play: run=false -->\n", "ended with 1"),
    ],
)
def test_a_page_that_cannot_be_played_says_why(player: Player, text: str, problem: str) -> None:
    with pytest.raises(PageError, match=problem):
        player(text)


def test_a_page_without_a_start_is_not_played(starts: Starts, tmp_path: Path) -> None:
    with pytest.raises(PageError, match="with what it begins"):
        play("```sh\ntrue\n```\n", starts, tmp_path)


def test_a_block_that_is_not_played_is_left_alone(player: Player) -> None:
    page = "<!-- not played: it needs a host -->\n```console\n$ false\nanything\n```\n"
    assert player(page) == page
    assert [b.skipped for b in read_page(page).blocks] == ["it needs a host"]


def test_nobody_s_settings_reach_a_page(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPOINT_ACTOR", "Eve <eve@a.example>")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    page = player("```console\n$ env | grep -E '^(REPOINT_ACTOR|GIT_DIR)='\n[exit 1]\n```\n")
    assert page.count("\n") == 4
