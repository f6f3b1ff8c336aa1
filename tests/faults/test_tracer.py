"""The fault injector itself: it sees every change, in order, and kills exactly where and whom it was told to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.syscalls import table_for
from tests.faults.tracer import (
    Command,
    Finished,
    Killed,
    Point,
    Scope,
    Unsupported,
    When,
    check_supported,
    count_points,
    run_and_kill,
    run_to_end,
)

PATH = os.environ.get("PATH", os.defpath)
PYTHON = (sys.executable, "-I", "-S", "-c")
CHECKOUT = Path(__file__).resolve().parents[2]

TEN_FOLDERS = """
    import os
    for number in range(10):
        os.mkdir(f"folder-{number}")
"""

THREE_PROCESSES = """
    import os
    for name in "abc":
        if not os.fork():
            for number in range(5):
                os.mkdir(f"{name}{number}")
            os._exit(0)
    for name in "abc":
        os.wait()
"""

TWO_THREADS = """
    import os, threading
    def work(name):
        for number in range(5):
            os.mkdir(f"{name}{number}")
    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

PARENT_AND_CHILD = """
    import os
    child = os.fork()
    if not child:
        os.mkdir("child-1")
        os.mkdir("child-2")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.mkdir(f"parent-saw-{code}")
"""

# The daemon begins when the last holder of the pipe's end, the command itself, is gone.
DAEMON = """
    import os
    reading, writing = os.pipe()
    if not os.fork():
        os.close(writing)
        os.setsid()
        if os.fork():
            os._exit(0)
        os.read(reading, 1)
        os.mkdir("daemon-1")
        os.mkdir("daemon-2")
"""


@pytest.fixture(scope="module", autouse=True)
def supported() -> None:
    try:
        check_supported()
    except Unsupported as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(supported: None) -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def children() -> set[str]:
    """The children of this process, zombies and adopted orphans included."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.add(process.name)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def python(script: str, cwd: Path, *arguments: str) -> Command:
    return Command([*PYTHON, textwrap.dedent(script), *arguments], cwd, {"PATH": PATH})


def shell(script: str, cwd: Path, timeout: float = 60) -> Command:
    return Command(["sh", "-c", script], cwd, {"PATH": PATH}, timeout)


def kill(script: str, root: Path, at: int, scope: Scope = "all", when: When = "before") -> Killed:
    ended = run_and_kill(python(script, root), root, at, scope, when)
    assert isinstance(ended, Killed), ended
    return ended


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def seen(points: list[Point]) -> list[tuple[str, str]]:
    """What happened to which path; ``renameat2`` and its like, which depend on the machine, by their plain names."""
    return [(point.call.removesuffix("2").removesuffix("at"), point.path) for point in points]


# --- what is counted ------------------------------------------------------------------------------------------


def test_every_kind_of_change_is_a_point(root: Path) -> None:
    script = """
        import contextlib, os
        file = os.open("file", os.O_RDWR | os.O_CREAT)
        os.write(file, b"1"), os.pwrite(file, b"2", 1), os.writev(file, [b"3"]), os.pwritev(file, [b"4"], 2)
        other = os.open("other", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.sendfile(other, file, 0, 2)
        os.copy_file_range(file, other, 1, 0)
        reading, writing = os.pipe()
        os.write(writing, b"5")
        os.splice(reading, other, 1)
        os.ftruncate(file, 2), os.truncate("file", 1), os.posix_fallocate(file, 0, 4)
        os.fsync(file), os.fdatasync(file)
        os.rename("other", "renamed"), os.link("file", "linked"), os.symlink("nowhere", "symbolic")
        os.unlink("linked"), os.mkdir("folder"), os.rmdir("folder"), os.mkfifo("fifo")
        os.chmod("file", 0o600), os.fchmod(file, 0o644)
        os.chown("file", -1, -1), os.fchown(file, -1, -1), os.lchown("symbolic", -1, -1)
        os.utime("file"), os.utime(file)
        with contextlib.suppress(OSError):  # a point even if the file system has no attributes
            os.setxattr("file", "user.colour", b"red")
        with contextlib.suppress(OSError):
            os.removexattr(file, "user.colour")
    """
    points = count_points(python(script, root), root)
    assert [path for _, path in seen(points)] == (
        ["file"] * 5
        + ["other"] * 4
        + ["file"] * 5
        + ["renamed", "linked", "symbolic", "linked", "folder", "folder", "fifo"]
        + ["file"] * 4
        + ["symbolic"]
        + ["file"] * 4
    )
    calls = [call for call, _ in seen(points)]
    assert calls[:5] == ["open", "write", "pwrite64", "writev", calls[4]]
    assert calls[4].startswith("pwritev")
    assert calls[5:9] == ["open", "sendfile", "copy_file_range", "splice"]
    assert calls[9:14] == ["ftruncate", "truncate", "fallocate", "fsync", "fdatasync"]
    assert calls[14] == "rename"
    assert [point.index for point in points] == list(range(len(points)))
    assert {(point.process, point.program) for point in points} == {(0, Path(sys.executable).resolve().name)}


def test_reading_and_pipes_and_places_outside_are_no_points(root: Path, tmp_path: Path) -> None:
    (root / "file").write_text("text")
    os.mkfifo(root / "fifo")
    script = """
        import os, sys
        open("file").read()
        os.listdir("."), os.stat("file"), os.access("file", os.W_OK)
        os.close(os.open("fifo", os.O_RDWR))
        print("to a file that is elsewhere", flush=True)
        reading, writing = os.pipe()
        os.write(writing, b"to a pipe")
        os.mkdir("../outside")
        os.rename("../outside", "../root-beside")
        os.rmdir("../root-beside")
    """
    ended = run_to_end(python(script, root), root)
    assert ended == Finished((), 0, b"to a file that is elsewhere\n", b"")


def test_paths_are_understood_however_they_are_given(root: Path, tmp_path: Path) -> None:
    (root / "deep").mkdir()
    (tmp_path / "way-in").symlink_to(root)
    (tmp_path / "file-way-in").symlink_to(root / "file")
    (tmp_path / "gone").symlink_to(root / "gone")
    script = """
        import os, sys
        root, beside = sys.argv[1:]
        os.mkdir("a")
        os.mkdir(root + "/deep/../b//")
        os.mkdir(beside + "/way-in/c")
        os.mkdir("d", dir_fd=os.open(root + "/deep", os.O_RDONLY))
        os.chdir("deep")
        os.mkdir("../e")
        open(beside + "/file-way-in", "w").close()
        os.unlink(beside + "/gone")
        os.rename("../a", beside + "/f")
        os.rename(beside + "/f", "a")
        file = os.open("g", os.O_WRONLY | os.O_CREAT)
        os.unlink("g")
        os.write(file, b"nobody's")
    """
    points = count_points(python(script, root, str(root), str(tmp_path)), root)
    expected = ["a", "b", "c", "deep/d", "e", "file", "a", "deep/a", "deep/g", "deep/g", "deep/g"]
    assert [point.path for point in points] == expected


def test_the_same_command_has_the_same_points(root: Path) -> None:
    runs = []
    for _ in range(3):
        runs.append(count_points(python(PARENT_AND_CHILD, root), root))
        shutil.rmtree(root)
        root.mkdir()
    assert [str(point.path) for point in runs[0]] == ["child-1", "child-2", "parent-saw-0"]
    assert [point.process for point in runs[0]] == [1, 1, 0]
    assert runs[0] == runs[1] == runs[2]


def test_the_command_gets_its_environment_and_nothing_else(root: Path) -> None:
    script = "import os, sys; print(dict(os.environ), os.getcwd(), repr(sys.stdin.read())); sys.exit('no')"
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "GREETING": "a b='$x'\n\"é"}
    ended = run_to_end(Command([*PYTHON, script], root, environment), root)
    assert ended.stdout.decode() == f"{environment} {root} ''\n"
    assert (ended.stderr, ended.returncode) == (b"no\n", 1)


def test_a_missing_program_and_a_missing_folder(root: Path) -> None:
    assert run_to_end(Command(["no-such-program"], root, {"PATH": PATH}), root).returncode == 127
    with pytest.raises(NotADirectoryError):
        run_to_end(shell("true", root / "missing"), root)


# --- who is killed, and where ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(0, 10, 3))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_leaves_exactly_what_came_before(root: Path, at: int, when: When) -> None:
    ended = kill(TEN_FOLDERS, root, at, when=when)
    assert names(root) == [f"folder-{number}" for number in range(at + (when == "after"))]
    assert (ended.point.index, ended.point.path, ended.returncode) == (at, f"folder-{at}", -9)


@pytest.mark.parametrize("script", [THREE_PROCESSES, TWO_THREADS])
@pytest.mark.parametrize("at", [0, 4, 7])
def test_changes_at_the_same_time_are_put_in_a_row(root: Path, script: str, at: int) -> None:
    ended = kill(script, root, at)
    assert len(names(root)) == at
    assert ended.point.path not in names(root)
    assert ended.returncode == -9


def test_scope_all_kills_everything_at_once(root: Path) -> None:
    assert kill(PARENT_AND_CHILD, root, 1).returncode == -9
    assert names(root) == ["child-1"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_scope_process_kills_the_command_and_its_child_goes_on(root: Path, when: When) -> None:
    ended = kill(PARENT_AND_CHILD, root, 0, "process", when)
    assert (ended.returncode, ended.point.process) == (-9, 1)
    assert names(root) == ["child-1", "child-2"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_scope_child_kills_whoever_reached_the_point_and_its_parent_sees_it(root: Path, when: When) -> None:
    ended = kill(PARENT_AND_CHILD, root, 0, "child", when)
    assert (ended.returncode, ended.point.process) == (0, 1)
    assert names(root) == (["child-1"] if when == "after" else []) + ["parent-saw--9"]


def test_scope_child_may_hit_the_command_itself(root: Path) -> None:
    assert kill(PARENT_AND_CHILD, root, 2, "child").returncode == -9
    assert names(root) == ["child-1", "child-2"]


def test_a_point_beyond_the_last_kills_nothing(root: Path) -> None:
    ended = run_and_kill(python(TEN_FOLDERS, root), root, 10)
    assert isinstance(ended, Finished)
    assert (len(ended.points), ended.returncode, len(names(root))) == (10, 0, 10)


def test_a_daemon_is_waited_for(root: Path) -> None:
    points = count_points(python(DAEMON, root), root)
    assert [(point.path, point.process) for point in points] == [("daemon-1", 1), ("daemon-2", 1)]


def test_a_daemon_is_killed_with_the_rest(root: Path) -> None:
    assert kill(DAEMON, root, 1).returncode == 0
    assert names(root) == ["daemon-1"]


def test_a_command_that_has_ended_cannot_be_killed(root: Path) -> None:
    assert isinstance(run_and_kill(python(DAEMON, root), root, 1, "process"), Finished)
    assert names(root) == ["daemon-1", "daemon-2"]


def test_a_command_that_hangs_is_killed_with_its_children(root: Path) -> None:
    with pytest.raises(TimeoutError, match="made"):
        run_to_end(shell("mkdir made; sleep 600 & sleep 600", root, timeout=0.5), root)


# --- what processes do ----------------------------------------------------------------------------------------


def test_a_thread_that_starts_a_program_is_followed(root: Path) -> None:
    script = """
        import os, threading
        os.mkdir("a")
        threading.Thread(target=os.execvp, args=("mkdir", ["mkdir", "b"])).start()
        threading.Event().wait()
    """
    points = count_points(python(script, root), root)
    assert [(point.path, point.process) for point in points] == [("a", 0), ("b", 0)]


def test_signals_arrive_and_a_stopped_process_can_be_continued(root: Path) -> None:
    assert run_to_end(shell("trap 'mkdir trapped' USR1; kill -USR1 $$; kill -TERM $$", root), root).returncode == -15
    script = """
        (sleep 0.1; mkdir morning; until test -d awake; do kill -CONT $$; sleep 0.01; done) &
        kill -STOP $$
        test -d morning && mkdir slept-well
        mkdir awake
        wait
    """
    assert run_to_end(shell(script, root), root).returncode == 0
    assert names(root) == ["awake", "morning", "slept-well", "trapped"]


# --- Git ------------------------------------------------------------------------------------------------------


def commit_in(repository: Path) -> Command:
    environment = {"PATH": PATH, "HOME": str(repository), "GIT_CONFIG_NOSYSTEM": "1"}
    return Command(["git", "commit", "--allow-empty", "--quiet", "-m", "first"], repository, environment)


def test_a_git_commit_can_be_killed_at_its_rename(repository: Path, tmp_path: Path) -> None:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(repository, tmp_path / name))

    def has_commit(folder: Path) -> bool:
        found = subprocess.run(
            ["git", "rev-parse", "-q", "--verify", "HEAD"], cwd=folder, capture_output=True, check=False
        )
        return found.returncode == 0

    counted = [count_points(commit_in(copied(name)), tmp_path / name) for name in ("one", "two")]
    assert len(counted[0]) == len(counted[1])
    (rename,) = (point for point in counted[0] if point.call.startswith("rename") and "refs/heads" in point.path)
    for when, expected in (("before", False), ("after", True)):
        folder = copied(f"killed-{when}")
        ended = run_and_kill(commit_in(folder), folder, rename.index, when="before" if when == "before" else "after")
        assert isinstance(ended, Killed)
        assert (ended.point.program, ended.point.path) == ("git", ".git/refs/heads/main")
        assert has_commit(folder) is expected


# --- where it cannot work -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64"), ("FreeBSD", "x86_64")])
def test_another_machine_is_unsupported(system: str, machine: str) -> None:
    with pytest.raises(Unsupported, match=machine):
        table_for(system, machine)


def test_being_refused_by_the_system_is_unsupported(root: Path) -> None:
    """What is traced already cannot be traced again."""
    script = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from tests.faults.tracer import Unsupported, check_supported
        try:
            check_supported()
        except Unsupported as error:
            print(error)
    """
    ended = run_to_end(python(script, root, str(CHECKOUT)), root)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"this machine does not allow ptrace: ")
