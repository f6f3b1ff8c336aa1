"""Play how a team shares a registry: a bucket decides, Git follows, production reads, and a rollback needs only S3.

``make demo-s3`` runs it against a real S3 server of its own, on this machine only: Ceph's gateway, built when it is
missing; else LocalStack; else moto. ``--server KIND`` chooses one. Every command is printed before its own, unchanged
output, and a process that reads what is live says what it serves meanwhile. The demo stops with the exit code of the
first command that does not do what is expected, and everything that it started or wrote is gone at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from stage import ADA, KIM, WIDTH, Stage, throwaway
from steps import ROOT, Step, read_story
from story import clean_environment, edit
from watching import Watcher, watcher

sys.path.insert(0, str(ROOT))

from tests.servers import s3
from tests.servers.processes import NoServer
from tests.servers.proxy import DropRequest, FaultProxy, nothing

KINDS = ("ceph", "localstack", "moto")
OURS = ("refs/tags", "refs/heads/repoint/env")
PUBLISHED, CHANGED = "2026-10-13T09:00:00Z", "2026-10-13T14:00:00Z"
ALERT, BACK, NEXT_DAY = "2026-10-14T02:40:00Z", "2026-10-14T03:30:00Z", "2026-10-15T10:00:00Z"
BAD, GOOD = "intake@1.1.0", "intake@1.0.0"


class Team(Stage):
    """Two engineers' clones, their Git host, the bucket that decides, and a process that reads it in production.

    ``folder`` is the clone that is used. S3 is reached through a proxy, so that it can go away and come back.
    """

    def __init__(self, place: Path, server: s3.S3Server, network: FaultProxy, stack: ExitStack) -> None:
        self.place, self.network, self._stack = place, network, stack  # no registry of its own to begin with
        self.url = f"s3://{s3.new_bucket(server)}/agents"
        self.folder = self.ada = place / "ada"
        self.kim, self.new, self.pipeline = place / "kim", place / "new", place / "pipeline"
        self.hub, self.away = place / "hub.git", place / "hub-is-away.git"
        self.environment = clean_environment(place) | server.environment()
        self.environment |= {"COLUMNS": str(WIDTH), "HOME": str(place), "AWS_ENDPOINT_URL_S3": network.endpoint}
        self.colour = sys.stdout.isatty() and self.environment.get("TERM") != "dumb" and "NO_COLOR" not in os.environ

    def start_reader(self) -> None:
        """Start the process that reads what is live, or end it and start another one on the same machine."""
        self._stack.close()
        self._reader: Watcher = self._stack.enter_context(watcher(self.url, self.place / "cache", self.environment))

    def hear(self, wanted: str) -> None:
        """Show what the reader says, up to the line that holds this; the demo stops if it does not come."""
        print(flush=True)
        for line in self._reader.hear(wanted):
            print(self.paint("36", f"  process {self._reader.number}: {line}"), flush=True)

    def at(self, folder: Path, date: str, by: str) -> None:
        """Go on in this clone, at this time, as this person."""
        self.folder = folder
        self.set_clock(date, by=by)

    def git(self, folder: Path, *arguments: str) -> str:
        """Run Git where it is of no interest; its output."""
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    def owned_by(self, folder: Path, person: str) -> None:
        """Say in a clone whose it is, and where the Git host is from there."""
        name, _, email = person.rstrip(">").partition(" <")
        for key, value in (("user.name", name), ("user.email", email), ("remote.origin.url", "../hub.git")):
            self.git(folder, "config", key, value)

    def refs(self, folder: Path) -> list[str]:
        """The registry's tags and branches in a repository, with their object ids."""
        return self.git(folder, "for-each-ref", "--format=%(objectname) %(refname)", *OURS).splitlines()

    def show_refs(self, folder: Path) -> None:
        """Show the registry's tags and branches of a repository."""
        print("\n" + self.paint("32", f"$ git -C {folder.name} for-each-ref {' '.join(OURS)}"))
        print("\n".join(self.refs(folder)) or self.paint("2", "(nothing)"), flush=True)

    def same_refs(self, one: Path, other: Path) -> None:
        """Compare two repositories' tags and branches of the registry; the demo stops where they differ."""
        here, there = self.refs(one), self.refs(other)
        if here != there:
            raise SystemExit(f"It stops here: {one.name} and {other.name} differ:\n{here}\n{there}")
        self.say(f"{one.name} and {other.name} have the same {len(here)} object ids.")

    def publish(self, step: Step) -> None:
        """Edit, commit, publish and promote, as the step of the story says."""
        edit(self.folder, step)
        self.git(self.folder, "add", "--all")
        self.git(self.folder, "commit", "--quiet", "-m", f"{step.agent}: {step.message}")
        self.git(self.folder, "push", "--quiet", "origin", "main")
        self.repoint(*step.publish().argv[1:])
        self.repoint("promote", step.name, "--env", "production", "-m", step.message)


def play(team: Team, steps: dict[str, Step]) -> None:
    """The whole demo."""
    two_engineers(team, steps)
    rollback_without_git(team)
    s3_is_away(team)
    git_is_back(team)
    rebuilt(team)
    without_a_clone(team)


def two_engineers(team: Team, steps: dict[str, Step]) -> None:
    """A bucket that decides, a Git host that follows; a publish and a promote each."""
    team.title("1. Two engineers share a registry")
    team.say("Ada's repository has a Git host (a bare repository, here). The bucket is tried first, and then decides.")
    for folder, options in ((team.hub, ("--bare",)), (team.ada, ())):
        init = ["git", "init", "--quiet", "--initial-branch=main", *options, str(folder)]
        subprocess.run(init, env=team.environment, check=True)
    team.owned_by(team.ada, ADA)
    team.at(team.ada, PUBLISHED, ADA)
    team.repoint("init", "--store", team.url, "--remote", "origin")
    team.publish(steps[GOOD])
    team.say("In production a process reads what is live. It knows the bucket's address, and has no Git.")
    team.start_reader()
    team.hear("generation 1")
    team.say("Kim clones the repository. repoint.toml names the bucket; there is nothing else to set up.")
    team.git(team.place, "clone", "--quiet", str(team.hub), str(team.kim))
    team.owned_by(team.kim, KIM)
    team.at(team.kim, CHANGED, KIM)
    team.publish(steps[BAD])
    team.hear("generation 2")
    team.say("Every version and every move is in the bucket, and in Git as a tag and a branch:")
    team.show_refs(team.hub)


def rollback_without_git(team: Team) -> None:
    """Nothing but the bucket is needed."""
    team.title("2. 02:40. An alert, and the Git host is away")
    team.hub.rename(team.away)
    team.at(team.ada, ALERT, ADA)
    team.say("Ada's clone has seen nothing of Kim's version. The rollback reads and writes the bucket alone.")
    team.repoint("rollback", BAD, "-m", "Drops the invoice number", "--ticket", "INC-77")
    team.hear("generation 3")
    team.repoint("status")


def s3_is_away(team: Team) -> None:
    """What was served last goes on being served, also by a process that starts meanwhile."""
    team.title("3. S3 is away as well")
    team.say("Every connection to it breaks. The process goes on with what it has in memory, and knows how old it is.")
    team.network.plan = lambda _: DropRequest()
    team.hear("still serving generation 3")
    team.say("It is restarted. The new one has the last good record from the disk: whole, verified, and no older one.")
    team.start_reader()
    team.hear("from this machine's disk")
    if not team.network.happened:
        raise SystemExit("It stops here: S3 was not away.")
    team.say("S3 is back.")
    team.network.plan = nothing
    team.hear("the store answers again")


def git_is_back(team: Team) -> None:
    """Git converges, and both stores are whole."""
    team.title("4. The Git host is back")
    team.away.rename(team.hub)
    team.at(team.ada, BACK, ADA)
    team.repoint("sync")
    team.repoint("verify", "--deep")
    team.same_refs(team.ada, team.hub)


def rebuilt(team: Team) -> None:
    """Git is a function of the bucket."""
    team.title("5. Git, rebuilt from the bucket")
    team.say(
        "The Git host has lost every tag and branch of the registry. In a new, empty repository with repoint.toml:"
    )
    before = team.refs(team.hub)
    for line in before:
        team.git(team.hub, "update-ref", "-d", line.split(" ")[1])
    team.new.mkdir()
    team.git(team.new, "init", "--quiet", "--initial-branch=main")
    team.owned_by(team.new, KIM)
    shutil.copy(team.ada / "repoint.toml", team.new)
    team.at(team.new, BACK, KIM)
    team.show_refs(team.new)
    team.repoint("sync")
    team.show_refs(team.new)
    team.same_refs(team.new, team.hub)
    if team.refs(team.hub) != before:
        raise SystemExit("It stops here: the rebuilt Git host is not what it was.")
    team.repoint("verify", "--deep")


def without_a_clone(team: Team) -> None:
    """A pipeline has neither a clone nor Git."""
    team.title("6. A rollback without a clone")
    team.say("Kim tries the version again, and a pipeline that knows the bucket's address only gets off it.")
    team.at(team.kim, NEXT_DAY, KIM)
    team.repoint("unhold", BAD, "--env", "production")
    team.repoint("promote", BAD, "--env", "production")
    team.hear("generation 5")
    team.pipeline.mkdir()
    team.folder, team.by = team.pipeline, "Pipeline <ci@larkfield.example>"
    team.repoint("--registry", team.url, "rollback", BAD)
    team.hear("generation 6")
    team.repoint("--registry", team.url, "history", "--limit", "2")


def start(chosen: str | None, stack: ExitStack) -> s3.S3Server:
    """The server that was chosen, or the first that can be had here; it ends with the stack. Raises: SystemExit."""
    for kind in [chosen] if chosen else KINDS:
        try:
            return stack.enter_context(s3.serve(kind))
        except NoServer as error:
            print(f"{s3.DESCRIPTIONS[kind]} cannot be had here: {error}", file=sys.stderr)
    raise SystemExit("No S3 server can be had here.")


def main() -> None:
    """Play the demo in a new folder, and clean up."""
    parser = argparse.ArgumentParser(description="Play how a team shares a registry in a bucket.")
    parser.add_argument("--server", choices=KINDS, help="the S3 server (default: the first that can be had)")
    chosen = parser.parse_args().server
    with ExitStack() as stack:
        if chosen in (None, "ceph"):
            print("Looking for Ceph, which is built once if need be, for a minute or a few ...", flush=True)
        server = start(chosen, stack)
        name = s3.DESCRIPTIONS[server.kind].partition(" (")[0]
        print(f"S3 server: {name}, at {server.endpoint}", flush=True)
        place = stack.enter_context(throwaway("demo-s3"))
        place.mkdir()
        host, _, port = server.endpoint.removeprefix("http://").partition(":")
        network, readers = stack.enter_context(FaultProxy((host, int(port)))), stack.enter_context(ExitStack())
        play(Team(place, server, network, readers), {step.name: step for step in read_story()})
        print(f"\nS3 server: {name}. It is ended now, and everything is removed.")


if __name__ == "__main__":
    main()
