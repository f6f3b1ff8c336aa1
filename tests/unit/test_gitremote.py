"""A Git remote: which addresses are used, how a push's report is read, what is masked, and when a child is ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from repoint.errors import Corrupt, InvalidInput, NotFound, StoreUnavailable
from repoint.gitaddress import checked_address, said_by
from repoint.gitobjects import ObjectId
from repoint.gitprocess import GitProcess
from repoint.gitremote import SSH_COMMAND, GitRemote, Letter, RemoteSwap, Report, reported

from tests.servers.git_remotes import write_program
from tests.unit.git_fixtures import Sandbox

BRANCH = "refs/heads/repoint/env/production"
ONE = ObjectId("1" * 40)
SIGNED = ("-c", "user.name=Ada", "-c", "user.email=ada@acme.example")


def remote(sandbox: Sandbox, address: str = "", **more: float) -> GitRemote:
    """The remote ``origin`` of the sandbox's repository; a bare repository beside it where no address is given."""
    if not address:
        sandbox.git("init", "-q", "--bare", "bare.git", cwd=sandbox.folder)
    sandbox.git("remote", "add", "origin", address or str(sandbox.folder / "bare.git"))
    return GitRemote(sandbox.open(), "origin", **more)


# Addresses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://github.example/acme/agents.git",
        "ssh://git@host.example:2222/acme/agents.git",
        "file:///srv/registry.git",
        "git@github.example:acme/agents.git",
        "host.example:agents.git",
        "[::1]:agents.git",
        "/srv/registry.git",
        "../registry.git",
        "C:/registry.git",
    ],
)
def test_addresses_that_are_used(address: str) -> None:
    assert checked_address("origin", address) == address


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c 'touch /tmp/owned'",
        "fd::17",
        "::x",
        "http://host.example/agents.git",
        "git://host.example/agents.git",
        "git+ssh://host.example/agents.git",
        "ftp://host.example/agents.git",
        "-oProxyCommand=touch",
        "",
        "ssh://",
        "/srv/\x1b[31mregistry.git",
        "/srv/registry.git\nmore",
        "/srv/\u202egit.yrtsiger",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_address("origin", address)
    assert refused.value.kind == "remote-address"


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "ext::sh", "https://host", "x.lock", "/srv/x", "a\n"])
def test_a_remote_is_called_by_a_name(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        GitRemote(sandbox.open(), name)
    assert refused.value.kind == "invalid-remote"


def test_a_remote_that_is_not_configured(sandbox: Sandbox) -> None:
    with pytest.raises(NotFound) as missing:
        GitRemote(sandbox.open(), "origin").refs(BRANCH)
    assert missing.value.kind == "no-such-remote"


def test_an_address_is_as_git_rewrites_it(sandbox: Sandbox) -> None:
    sandbox.git("config", "url.ssh://git@host.example/.insteadOf", "acme:")
    assert remote(sandbox, "acme:agents.git").address == "ssh://git@host.example/agents.git"


def test_an_address_that_is_rewritten_to_a_program_is_refused(sandbox: Sandbox) -> None:
    sandbox.git("config", "url.ext::.insteadOf", "acme:")
    with pytest.raises(InvalidInput):
        remote(sandbox, f"acme:touch {sandbox.folder}/owned").refs(BRANCH)
    assert not (sandbox.folder / "owned").exists()


@pytest.mark.parametrize("key", ["remote.origin.pushurl", "remote.origin.url"])
def test_what_decides_is_one_place(sandbox: Sandbox, key: str) -> None:
    found = remote(sandbox)
    sandbox.git("config", "--add", key, "/srv/other.git")
    with pytest.raises(InvalidInput) as refused:
        found.refs(BRANCH)
    assert refused.value.kind == "remote-address"


def test_a_relative_address_begins_in_the_checkout(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "--bare", "bare.git", cwd=sandbox.folder)
    assert remote(sandbox, "../bare.git").refs(BRANCH) == {}


def test_ssh_asks_nobody_unless_its_command_is_given(sandbox: Sandbox) -> None:
    said = sandbox.folder / "said"
    program = write_program(sandbox.folder / "ssh", f'echo "$@" > {said}\nexit 255')
    sandbox.environment["PATH"] = f"{program.parent}:{sandbox.environment['PATH']}"
    found = remote(sandbox, "host.example:agents.git")
    with pytest.raises(StoreUnavailable):
        found.refs(BRANCH)
    assert all(option in said.read_text().split() for option in SSH_COMMAND.split()[1:])
    for given in ({"GIT_SSH_COMMAND": f"{program} -v"}, {"GIT_SSH": str(program)}):
        sandbox.environment.update(given)
        with pytest.raises(StoreUnavailable):
            GitRemote(sandbox.open(), "origin").refs(BRANCH)
        assert "BatchMode" not in said.read_text()
        for name in given:
            del sandbox.environment[name]
    sandbox.git("config", "core.sshCommand", f"{program} -4")
    with pytest.raises(StoreUnavailable):
        GitRemote(sandbox.open(), "origin").refs(BRANCH)
    assert said.read_text().split()[0] == "-4"


# Refs -----------------------------------------------------------------------------------------------------------------


def test_only_the_refs_asked_for_are_told(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    sandbox.commit_something()
    head = sandbox.git("rev-parse", "HEAD").strip()
    names = [BRANCH, f"refs/heads/x/{BRANCH}", "refs/heads/main", "refs/tags/a@v1.0.0", "refs/tags/refs/tags/a@v1.0.0"]
    sandbox.git("push", "-q", "origin", *(f"{head}:{name}" for name in names))
    assert found.refs(BRANCH) == {BRANCH: head}
    assert found.refs("refs/heads/repoint/env/*") == {BRANCH: head}
    assert set(found.refs("refs/tags/a@v*")) == {"refs/tags/a@v1.0.0"}
    assert set(found.refs(BRANCH, "refs/tags/a@v1.0.0")) == {BRANCH, "refs/tags/a@v1.0.0"}


def test_fetching_writes_no_ref(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    sandbox.git("init", "-q", "other", cwd=sandbox.folder)
    sandbox.git(*SIGNED, "commit", "-q", "--allow-empty", "-m", "x", cwd=sandbox.folder / "other")
    head = sandbox.git("rev-parse", "HEAD", cwd=sandbox.folder / "other").strip()
    sandbox.git("push", "-q", "../bare.git", f"HEAD:{BRANCH}", cwd=sandbox.folder / "other")
    found.fetch([BRANCH])
    assert sandbox.git("cat-file", "-t", head) == "commit\n"
    assert sandbox.git("for-each-ref") == ""
    assert not (sandbox.folder / "repo" / ".git" / "FETCH_HEAD").exists()
    with pytest.raises(StoreUnavailable):
        found.fetch(["refs/heads/none"])


def test_a_ref_is_swapped_only_from_what_was_expected(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    for _ in range(3):
        sandbox.commit_something()
    third, second, first = (ObjectId(oid) for oid in sandbox.git("rev-list", "HEAD").split())
    assert found.swap_ref(BRANCH, second, first) is RemoteSwap.LOST
    assert found.refs(BRANCH) == {}
    assert found.swap_ref(BRANCH, first, None) is RemoteSwap.DONE
    assert found.swap_ref(BRANCH, first, None) is RemoteSwap.THERE
    assert found.swap_ref(BRANCH, second, None) is RemoteSwap.LOST
    assert found.swap_ref(BRANCH, third, second) is RemoteSwap.LOST
    assert found.swap_ref(BRANCH, second, first) is RemoteSwap.DONE
    assert found.swap_ref(BRANCH, second, first) is RemoteSwap.THERE
    assert found.refs(BRANCH) == {BRANCH: second}


def test_settings_of_the_user_push_nothing_more(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    sandbox.commit_something()
    head = ObjectId(sandbox.git("rev-parse", "HEAD").strip())
    sandbox.git("-c", "user.name=A", "-c", "user.email=a@b", "tag", "-a", "-m", "x", "other")
    for key, value in {
        "push.followTags": "true",
        "push.gpgSign": "if-asked",
        "push.useForceIfIncludes": "true",
        "remote.origin.mirror": "true",
        "remote.origin.push": "refs/heads/*:refs/heads/*",
        "fetch.prune": "true",
    }.items():
        sandbox.git("config", key, value)
    assert found.swap_ref(BRANCH, head, None) is RemoteSwap.DONE
    assert list(found.refs("refs/*")) == [BRANCH]


def test_a_remote_that_follows_gets_what_it_lacks_and_nothing_is_forced(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    for _ in range(3):
        sandbox.commit_something()
    third, second, first = (ObjectId(oid) for oid in sandbox.git("rev-list", "HEAD").split())
    tag = "refs/tags/refund@v1.0.0"
    found.push_new({BRANCH: first, tag: first})
    found.push_new({BRANCH: third, tag: first})
    found.push_new({BRANCH: second})
    assert found.refs("refs/*") == {BRANCH: third, tag: first}
    with pytest.raises(Corrupt) as moved:
        found.push_new({tag: second})
    assert moved.value.kind == "tag-moved"
    other = ObjectId(sandbox.git(*SIGNED, "commit-tree", "-m", "forged", "-p", first, "HEAD^{tree}").strip())
    with pytest.raises(Corrupt) as diverged:
        found.push_new({BRANCH: other, "refs/tags/refund@v1.1.0": first})
    assert diverged.value.kind == "ledger-diverged"
    assert found.refs("refs/*") == {BRANCH: third, tag: first, "refs/tags/refund@v1.1.0": first}


def test_a_remote_that_follows_may_refuse_or_be_away(sandbox: Sandbox) -> None:
    found = remote(sandbox)
    sandbox.commit_something()
    head = ObjectId(sandbox.git("rev-parse", "HEAD").strip())
    hook = write_program(sandbox.folder / "bare.git" / "hooks" / "pre-receive", "echo 'Not now.'\nexit 1")
    with pytest.raises(StoreUnavailable) as refused:
        found.push_new({BRANCH: head})
    assert refused.value.kind == "remote-refused"
    assert "Not now." in str(refused.value)
    hook.unlink()
    (sandbox.folder / "bare.git").rename(sandbox.folder / "away.git")
    with pytest.raises(StoreUnavailable) as away:
        found.push_new({BRANCH: head})
    assert away.value.kind == "remote-unreachable"


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "letter"),
    [
        (f" \t{ONE}:{BRANCH}\t1..2", "taken"),
        (f"*\t{ONE}:{BRANCH}\t[new branch]", "taken"),
        (f"=\t{ONE}:{BRANCH}\t[up to date]", "same"),
        (f"!\t{ONE}:{BRANCH}\t[rejected] (stale info)", "refused"),
        (f"!\t{ONE}:{BRANCH}\t[remote rejected] (pre-receive hook declined)", "refused"),
        (f"!\t{ONE}:{BRANCH}\t[remote failure] (remote failed to report status)", "none"),
        (f"*\t{ONE}:refs/heads/other\t[new branch]", "none"),
        (f"?\t{ONE}:{BRANCH}\tsomething new", "none"),
        ("", "none"),
    ],
)
def test_a_push_is_judged_by_the_letter_of_its_ref(line: str, letter: str) -> None:
    output = f"To /srv/registry.git\n{line}\nDone\n".encode()
    assert reported(output).get(BRANCH, Report(Letter.NONE)).letter.value == letter


def test_words_of_a_remote_are_told_without_passwords_and_hints() -> None:
    error = "remote: No.\nremote: \nhint: try\nfatal: unable to access 'https://ada:secret@host.example/x/': 403\n"
    assert said_by(error) == "No.; fatal: unable to access 'https://***@host.example/x/': 403"
    assert len(said_by("x" * 10_000)) < 1000


def test_a_password_in_an_address_is_not_told(sandbox: Sandbox) -> None:
    with pytest.raises(StoreUnavailable) as away:
        remote(sandbox, "https://ada:secret@127.0.0.1:1/agents.git").refs(BRANCH)
    assert "secret" not in str(away.value)
    with pytest.raises(InvalidInput) as refused:
        checked_address("origin", "http://ada:secret@host.example/agents.git")
    assert "secret" not in str(refused.value)


# The time limit -------------------------------------------------------------------------------------------------------


def waiting_alias(folder: Path, does: str) -> list[str]:
    """Arguments for a Git that runs a program, which holds the FIFO ``alive`` open as long as it lives."""
    program = write_program(folder / "program", f"exec 9> {folder}/alive\necho begun\n{does}")
    os.mkfifo(folder / "alive")
    return ["-c", f"alias.x=!{program}", "x"]


def test_a_child_that_takes_too_long_is_ended_with_its_children(sandbox: Sandbox) -> None:
    arguments = waiting_alias(sandbox.folder, "sleep 600")
    reader = os.open(sandbox.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
    ended = GitProcess(sandbox.environment, str(sandbox.folder / "repo")).run_limited(arguments, 1.0)
    assert ended.timed_out
    assert ended.output == b"begun\n"
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_child_that_does_not_listen_is_killed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repoint.gitprocess.GRACE_SECONDS", 0.2)
    arguments = waiting_alias(sandbox.folder, "trap '' TERM\nwhile :; do sleep 600; done")
    reader = os.open(sandbox.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
    ended = GitProcess(sandbox.environment, str(sandbox.folder / "repo")).run_limited(arguments, 1.0)
    assert ended.timed_out
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_child_that_left_its_group_is_not_waited_for(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repoint.gitprocess.GRACE_SECONDS", 0.2)
    go = sandbox.folder / "go"
    os.mkfifo(go)
    arguments = waiting_alias(sandbox.folder, f"exec setsid --fork sh -c 'read line < {go}'")
    reader = os.open(sandbox.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
    began = time.monotonic()
    ended = GitProcess(sandbox.environment, str(sandbox.folder / "repo")).run_limited(arguments, 1.0)
    assert ended.timed_out
    assert time.monotonic() - began < 60
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    go.write_text("go\n")
    os.close(reader)


def test_ctrl_c_ends_a_child_with_its_children(sandbox: Sandbox) -> None:
    arguments = waiting_alias(sandbox.folder, "sleep 600")

    def interrupt() -> None:
        with open(sandbox.folder / "alive", "rb"):  # opens when the child holds the other end
            os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        GitProcess(sandbox.environment, str(sandbox.folder / "repo")).run_limited(arguments, 60.0)
    interrupting.join()
    with pytest.raises(OSError, match="No such device"):
        os.open(sandbox.folder / "alive", os.O_WRONLY | os.O_NONBLOCK)
