"""The demo plays to its end; the recorded incident still runs, and shows what its committed recording shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT

from incident import NOTES, RECORDINGS, SESSION, SIZE  # isort: skip
from recording import Recording, RecordingError, Size, Terminal, plain_text  # isort: skip

CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"(?<![\w.-])(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}\b(?![.-]\w)"), "ID"),
)


def play(script: str, tmp_path: Path, *arguments: str) -> str:
    """Run a script of examples/ to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / script, *arguments],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


def test_the_demo_plays_to_its_end(tmp_path: Path) -> None:
    shown = play("demo.py", tmp_path)
    assert "$ repoint rollback refund@1.1.0" in shown
    assert "\033[" not in shown
    assert len(shown.splitlines()) < 200
    assert max(len(line) for line in shown.splitlines() if line.startswith(("$ ", "    -"))) <= 80
    assert list(tmp_path.iterdir()) == [], "the throwaway repository is removed"


def normal(text: str) -> list[str]:
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text.splitlines()


def events(cast: str) -> list[tuple[float, str, str]]:
    return [tuple(json.loads(line)) for line in cast.splitlines()[1:]]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The incident, recorded now."""
    folder = tmp_path_factory.mktemp("recording")
    play("incident.py", folder, "--into", str(folder / "made"))
    assert [path.name for path in folder.iterdir()] == ["made"], "the throwaway repository is removed"
    return folder / "made"


@pytest.mark.parametrize("name", ["incident.txt", NOTES])
def test_the_recording_shows_what_happens_now(again: Path, name: str) -> None:
    assert normal((RECORDINGS / name).read_text("utf-8")) == normal((again / name).read_text("utf-8"))


@pytest.mark.parametrize("committed", [True, False])
def test_the_cast_is_one_and_shows_the_same_as_its_text(again: Path, *, committed: bool) -> None:
    folder = RECORDINGS if committed else again
    cast = (folder / "incident.cast").read_text("utf-8")
    header, shown = json.loads(cast.partition("\n")[0]), events(cast)
    assert (header["version"], header["width"], header["height"]) == (2, *SIZE)
    assert [at for at, _, _ in shown] == sorted(at for at, _, _ in shown)
    assert {kind for _, kind, _ in shown} == {"o"}
    assert shown[-1][0] <= header["duration"] < 120
    replayed = Recording("", SIZE, 0)
    for at, _, text in shown:
        replayed.show(text, at - replayed.at)
    assert plain_text(replayed) == (folder / "incident.txt").read_text("utf-8")
    assert "\033]133" not in replayed.shown()


def test_every_command_of_the_session_is_in_the_recording_and_none_failed(again: Path) -> None:
    shown = (again / "incident.txt").read_text("utf-8")
    for line in SESSION:
        assert f"$ {line}\n" in shown
    assert "error" not in shown
    assert "\033[" in "".join(text for _, _, text in events((again / "incident.cast").read_text("utf-8")))


def test_the_picture_is_whole_and_loads_nothing(again: Path) -> None:
    picture = (again / "incident.svg").read_text("utf-8")
    ElementTree.fromstring(picture)
    assert "url(http" not in picture
    assert "@font-face" not in picture
    assert "INC-77" in picture


def test_a_terminal_records_what_is_typed_and_shown(tmp_path: Path) -> None:
    recorded = Recording("", Size(40, 10), 0)
    with Terminal(tmp_path, {"PATH": os.environ["PATH"]}, recorded) as terminal:
        assert terminal.type("printf 'a\\033[1mb\\033[0m\\n'; stty size") == "\r\na\033[1mb\033[0m\r\n10 40\r\n"
    assert plain_text(recorded) == "$ printf 'a\\033[1mb\\033[0m\\n'; stty size\nab\n10 40\n"


def test_a_shell_that_goes_away_is_an_error(tmp_path: Path) -> None:
    recorded = Recording("", Size(40, 10), 0)
    with (
        Terminal(tmp_path, {"PATH": os.environ["PATH"]}, recorded) as terminal,
        pytest.raises(RecordingError, match="went away"),
    ):
        terminal.type("exit")
