"""The support team's story: it leads where it says, every change is the bump of its label, and all of it runs."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.conftest import ROOT

from steps import TEAM, Command, Step, StoryError, read_story, until  # isort: skip
from story import Teller, edit  # isort: skip

STEPS = read_story()
PUBLISHED = [step for step in STEPS if step.version]
AGENTS = sorted({step.agent for step in STEPS})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_newest_state_is_where_the_changes_lead(tmp_path: Path) -> None:
    for step in STEPS:
        if not step.base:
            edit(tmp_path, step)
    assert contents(tmp_path / "agents") == contents(TEAM / "agents")


def test_every_file_of_the_story_is_used_once_and_under_its_own_number() -> None:
    used = [name for step in STEPS if (name := step.files or step.change)]
    there = [f"{path.parent.name}/{path.name}" for folder in ("first", "changes") for path in (TEAM / folder).iterdir()]
    assert sorted(used) == sorted(there)
    for number, step in enumerate(STEPS, 1):
        if step.change:
            what = step.version or "refused"
            assert step.change == f"changes/{number:02}-{step.agent}-{what}.diff"


def test_the_story_has_what_it_is_there_for() -> None:
    versions = Counter(step.agent for step in PUBLISHED)
    assert len(versions) >= 6
    assert min(versions.values()) >= 5
    assert {step.bump for step in PUBLISHED} == {None, "patch", "minor", "major"}
    assert [step.pre for step in PUBLISHED].count("rc") == 2
    assert any(step.base for step in PUBLISHED)
    assert any(step.rollback for step in PUBLISHED)
    assert any(len(move.versions) > 1 for step in PUBLISHED for move in step.promotes)


@pytest.fixture
def teller(tmp_path: Path) -> Teller:
    return Teller(tmp_path / "team")


def asked(teller: Teller, command: Command) -> dict[str, object]:
    code, out, err = teller.outcome(replace(command, argv=(*command.argv, "--json")))
    return cast("dict[str, object]", json.loads(out or err)) | {"exit": code}


def published(teller: Teller, step: Step) -> dict[str, object]:
    """What ``commit`` says; where the version was chosen, what it would have said without."""
    chosen = asked(teller, step.inferred()) if step.given else None
    answer = asked(teller, step.publish())
    teller.clean()
    return chosen or answer


def disagreement(step: Step, answer: dict[str, object]) -> str | None:
    """What ``commit`` says other than the story; None where they agree."""
    if step.refused:
        told = str(answer.get("error"))
        return None if answer["exit"] == 3 and f"{step.refused}:" in told else f"it is not refused: {answer}"
    if answer["exit"]:
        return str(answer["error"])
    bump = cast("dict[str, object]", answer["bump"])
    if bump["level"] != step.bump:
        return f"labelled {step.bump}, inferred {bump['level']}: {bump['reasons']}"
    if not step.given and answer["version"] != step.version:
        return f"published {answer['version']}"
    return f"findings: {answer['findings']}" if answer["findings"] else None


def test_every_step_is_what_its_label_says_and_the_whole_story_can_be_told(teller: Teller) -> None:
    for step in STEPS:
        teller.prepare(step)
        answer = published(teller, step)
        assert disagreement(step, answer) is None, step.name
        for move in step.moves():
            teller.run(move.command())
    assert_told(teller)


def assert_told(teller: Teller) -> None:
    """What stands in the registry is what the story tells."""
    last = max(move.at for step in STEPS for move in step.moves())

    def ask(*words: str) -> dict[str, object]:
        return asked(teller, Command(("repoint", *words), last, STEPS[-1].by))

    for agent in AGENTS:
        versions = cast("list[dict[str, object]]", ask("list", agent)["versions"])
        told = {f"{agent}@{each['version']}": (each["time"], each["message"]) for each in versions}
        steps = [step for step in PUBLISHED if step.agent == agent]
        assert told == {step.name: (f"{step.at:%Y-%m-%dT%H:%M:%SZ}", step.message) for step in steps}
    places = cast("list[dict[str, object]]", ask("status")["environments"])
    for place in places:
        live = {each["agent"]: each["version"] for each in cast("list[dict[str, object]]", place["live"])}
        assert live == live_in(str(place["environment"]))
    assert ask("verify", "--deep")["findings"] == []
    assert ask("check")["findings"] == []
    assert subprocess.run(["git", "status", "--porcelain"], cwd=teller.folder, capture_output=True).stdout == b""


def live_in(environment: str) -> dict[str, str]:
    """What the story's moves leave live in an environment."""
    live: dict[str, str] = {}
    for move in (move for step in STEPS for move in step.moves() if move.environment == environment):
        for name in move.versions:
            agent, _, version = name.partition("@")
            live[agent] = move.back_to or version
    return live


def test_until_leaves_the_bad_version_live_and_an_unknown_one_is_refused() -> None:
    steps = until(STEPS, "refund@1.1.0")
    assert steps[-1].name == "refund@1.1.0"
    assert steps[-1].rollback is None
    assert steps[-1].promotes[-1].environment == "production"
    with pytest.raises(StoryError, match=r"no refund@9\.0\.0"):
        until(STEPS, "refund@9.0.0")


def test_a_change_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    first, second = (next(s for s in STEPS if s.name == name) for name in ("refund@1.0.0", "refund@1.2.0"))
    edit(tmp_path, first)
    with pytest.raises(StoryError, match="15-refund"):
        edit(tmp_path, second)


def test_steps_that_go_back_in_time_are_refused(tmp_path: Path) -> None:
    text = (TEAM / "story.toml").read_text("utf-8")
    (tmp_path / "story.toml").write_text(text.replace("2026-09-03T13:40:00Z", "2026-08-03T13:40:00Z"), "utf-8")
    with pytest.raises(StoryError, match="comes after"):
        read_story(tmp_path)


def test_the_story_told_twice_is_the_same_to_the_last_object_id(tmp_path: Path) -> None:
    refs = []
    for name in ("one", "two"):
        teller = Teller(tmp_path / name)
        teller.tell(STEPS[:2])
        refs.append(subprocess.run(["git", "show-ref"], cwd=teller.folder, capture_output=True, check=True).stdout)
    assert refs[0] == refs[1]
    assert b"refs/tags/router@v1.0.0" in refs[0]


def test_the_readme_names_every_step() -> None:
    page = (ROOT / "examples" / "README.md").read_text("utf-8")
    for step in PUBLISHED:
        assert f"`{step.version}`" in page.partition(f"### {step.agent}\n")[2].partition("###")[0], step.name
